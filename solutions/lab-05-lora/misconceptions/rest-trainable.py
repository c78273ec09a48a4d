"""Only the wrapped layers are frozen; embeddings, norms and other layers go on being trained."""

HINT = {
    "en": "You froze the layers that you wrapped and nothing else: embeddings, norms and the other "
    "layers are still trainable.",
    "zh": "你只冻结了被包装的层：嵌入层、归一化层和其他层仍然可以训练。",
}
FAILS = ["test_everything_but_the_update_is_frozen"]


def inject_lora(model, targets, r, alpha, dropout=0.0):
    replaced = []
    for name, module in list(model.named_modules()):
        parent_name, _, last = name.rpartition(".")
        parent = model.get_submodule(parent_name)
        if last in targets and isinstance(module, nn.Linear) and not isinstance(parent, LoRALinear):
            setattr(parent, last, LoRALinear(module, r, alpha, dropout).train(module.training))
            replaced.append(name)
    if not replaced:
        raise ValueError("nothing matches")
    return replaced
