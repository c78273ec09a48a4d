"""gate_up_proj is taken to hold gate and up in alternating rows."""

NOTEBOOK = "architectures"
HINT = {
    "en": "You take every other row of gate_up_proj. There are models that store it so; Mixtral stacks the two halves.",
    "zh": "你隔一行取一行地拆 gate_up_proj。有的模型这样存，而 Mixtral 是前后两半叠放。",
}
FAILS = ["test_mixtral_agrees_with_hugging_face"]


class MistralMoE(MistralMoE):
    def from_hf(self, state_dict):
        ours = super().from_hf(state_dict)
        for gate in [name for name in ours if name.endswith("gate_proj.weight")]:
            up = gate.replace("gate_proj", "up_proj")
            both = torch.cat([ours[gate], ours[up]])
            ours[gate], ours[up] = both[0::2], both[1::2]
        return ours
