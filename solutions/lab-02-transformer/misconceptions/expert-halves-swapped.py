"""gate_up_proj is taken to hold up_proj first."""

NOTEBOOK = "architectures"
HINT = {
    "en": "For each expert, gate_up_proj holds two halves. You take the second one for the gate; it is the first.",
    "zh": "gate_up_proj 里每个专家有前后两半，你把后一半当成了 gate；gate 是前一半。",
}
FAILS = ["test_mixtral_agrees_with_hugging_face"]


class MistralMoE(MistralMoE):
    def from_hf(self, state_dict):
        ours = super().from_hf(state_dict)
        for gate in [name for name in ours if name.endswith("gate_proj.weight")]:
            up = gate.replace("gate_proj", "up_proj")
            ours[gate], ours[up] = ours[up], ours[gate]
        return ours
