"""Only the matrices whose shape does not fit are transposed: attention's square c_proj stays as it is."""

NOTEBOOK = "architectures"
HINT = {
    "en": "You transpose where the shape would not fit otherwise. A square matrix fits either way, and a Conv1D keeps it as (d_in, d_out), too.",
    "zh": "你只在形状对不上时才转置。方阵怎么放都对得上，可 Conv1D 里的方阵同样是按 (d_in, d_out) 存的。",
}
FAILS = ["test_gpt2_agrees_with_hugging_face"]


class GPT2(GPT2):
    def from_hf(self, state_dict):
        ours = super().from_hf(state_dict)
        for name in ours:
            if name.endswith("attention.o_proj.weight"):
                ours[name] = ours[name].T
        return ours
