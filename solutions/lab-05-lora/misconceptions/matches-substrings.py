"""A layer is a target when its dotted name contains one of the targets."""

HINT = {
    "en": "You take every layer whose name contains a target. Longer names contain it as well, and so "
    "do the names of whole blocks around a layer.",
    "zh": "只要名字里包含 target，你就把它当成目标。更长的名字也会包含它，外层模块的名字也会。",
}
FAILS = [
    "test_a_target_is_a_whole_name_of_a_linear_layer",
    "test_nothing_to_replace_and_nothing_twice",
]


def inject_lora(model, targets, r, alpha, dropout=0.0):
    model.requires_grad_(False)
    replaced = []
    for name, module in list(model.named_modules()):
        parent = model.get_submodule(name.rpartition(".")[0])
        wanted = any(target in name for target in targets)
        if wanted and isinstance(module, nn.Linear) and not isinstance(parent, LoRALinear):
            setattr(parent, name.rpartition(".")[2], LoRALinear(module, r, alpha, dropout).train(module.training))
            replaced.append(name)
    if not replaced:
        raise ValueError("nothing matches")
    return replaced
