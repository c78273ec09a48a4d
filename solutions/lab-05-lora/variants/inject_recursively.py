"""inject_lora by recursion over the children; the adapter through state dicts, alpha remembered on the model's layers."""


def _wrap(module, path, targets, options):
    names = []
    for name, child in list(module.named_children()):
        here = f"{path}.{name}" if path else name
        if isinstance(child, nn.Linear) and name in targets:
            layer = LoRALinear(child, **options)
            layer.training = child.training
            layer.dropout.train(child.training)
            module._modules[name] = layer
            names.append(here)
        elif not isinstance(child, LoRALinear):
            names.extend(_wrap(child, here, targets, options))
    return names


def inject_lora(model, targets, r, alpha, dropout=0.0):
    for parameter in model.parameters():
        parameter.requires_grad = False
    names = _wrap(model, "", set(targets), {"r": r, "alpha": alpha, "dropout": dropout})
    if len(names) == 0:
        raise ValueError("no layer of this model has such a name")
    return names


def save_adapter(model, folder):
    state = {name: value for name, value in model.state_dict().items() if name.endswith((".lora_A", ".lora_B"))}
    if not state:
        raise ValueError("nothing to save")
    layers = {name.rsplit(".", 1)[0] for name in state}
    some = model.get_submodule(min(layers))
    r = len(some.lora_A)
    config = {"targets": sorted({name.split(".")[-1] for name in layers}), "alpha": some.scaling * r, "r": r}
    folder = Path(folder)
    folder.mkdir(exist_ok=True, parents=True)
    save_file({name: value.clone() for name, value in state.items()}, str(folder / "adapter.safetensors"))
    with open(folder / "adapter_config.json", "w") as file:
        json.dump(config, file)


def load_adapter(model, folder):
    with open(Path(folder) / "adapter_config.json") as file:
        config = json.load(file)
    state = load_file(str(Path(folder) / "adapter.safetensors"))
    inject_lora(model, **config)
    try:
        missing, unexpected = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ValueError("the shapes of the adapter do not fit") from error
    if unexpected or any(".lora_" in name for name in missing):
        raise ValueError("the names of the adapter do not fit")
