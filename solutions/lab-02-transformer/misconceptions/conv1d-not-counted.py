"""Only nn.Linear counts, so that GPT-2 computes nothing but its head."""

NOTEBOOK = "explore"
HINT = {
    "en": "You count nn.Linear only. All of GPT-2's layers are Conv1D.",
    "zh": "你只数了 nn.Linear。GPT-2 的各层用的都是 Conv1D。",
}
FAILS = ["test_flops_of_layers_and_models"]


def layer_flops(module, output):
    return 2 * module.weight.numel() * (output.numel() // output.shape[-1]) if isinstance(module, nn.Linear) else 0
