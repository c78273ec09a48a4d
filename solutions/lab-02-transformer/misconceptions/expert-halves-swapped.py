"""gate_up_proj is taken to hold up_proj first."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Of each expert's two halves you take the second for the gate.",
    "zh": "对每个专家的两半，你把后一半当成了 gate。",
}
FAILS = ["test_mixtral_agrees_with_hugging_face"]


class MistralMoE(MistralMoE):
    def from_hf(self, state_dict):
        ours = super().from_hf(state_dict)
        for gate in [name for name in ours if name.endswith("gate_proj.weight")]:
            up = gate.replace("gate_proj", "up_proj")
            ours[gate], ours[up] = ours[up], ours[gate]
        return ours
