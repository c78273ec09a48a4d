"""inject_lora returns an empty list when no layer matches."""

HINT = {
    "en": "When no layer has a target's name you return an empty list and say nothing: a misspelt "
    "target would cost a day of training.",
    "zh": "没有任何层匹配时，你一声不响地返回了空列表：target 写错一个字母，就可能白训练一天。",
}
FAILS = ["test_nothing_to_replace_and_nothing_twice"]


def inject_lora(model, targets, r, alpha, dropout=0.0):
    model.requires_grad_(False)
    replaced = []
    for name, module in list(model.named_modules()):
        parent_name, _, last = name.rpartition(".")
        parent = model.get_submodule(parent_name)
        if last in targets and isinstance(module, nn.Linear) and not isinstance(parent, LoRALinear):
            setattr(parent, last, LoRALinear(module, r, alpha, dropout).train(module.training))
            replaced.append(name)
    return replaced
