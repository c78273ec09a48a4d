"""The new layers are in train mode although the model is in eval mode."""

HINT = {
    "en": "A new module begins in train mode. You put it into a model that is in eval mode, and its dropout is on.",
    "zh": "新建的模块默认处于训练模式。你把它放进了处于评估模式的模型里，它的 dropout 是开着的。",
}
FAILS = ["test_the_model_agrees_with_peft"]


def inject_lora(model, targets, r, alpha, dropout=0.0):
    model.requires_grad_(False)
    replaced = []
    for name, module in list(model.named_modules()):
        parent_name, _, last = name.rpartition(".")
        parent = model.get_submodule(parent_name)
        if last in targets and isinstance(module, nn.Linear) and not isinstance(parent, LoRALinear):
            setattr(parent, last, LoRALinear(module, r, alpha, dropout))
            replaced.append(name)
    if not replaced:
        raise ValueError("nothing matches")
    return replaced
