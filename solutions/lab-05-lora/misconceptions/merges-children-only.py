"""merge_lora and unmerge_lora look at the model's children only, not at what is deeper."""

HINT = {
    "en": "merge_lora reaches only the top of the model. In a Transformer the linear layers sit "
    "several levels down, and a LoRALinear may also be the model itself.",
    "zh": "你的 merge_lora 只处理了最外面一层。Transformer 里的线性层藏在好几级之下，而模型本身也可能就是一个 LoRALinear。",
}
FAILS = ["test_merge_lora_reaches_every_layer"]


def merge_lora(model):
    for module in model.children():
        if isinstance(module, LoRALinear):
            module.merge()


def unmerge_lora(model):
    for module in model.children():
        if isinstance(module, LoRALinear):
            module.unmerge()
