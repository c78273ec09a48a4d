"""load_adapter takes what fits (strict=False) and says nothing about the rest."""

HINT = {
    "en": "You load what fits and say nothing about the rest: a model with half an adapter looks "
    "healthy and answers nonsense.",
    "zh": "你只加载了对得上的部分,其余的一声不响:只装了半个适配器的模型看着正常,答的却是胡话。",
}
FAILS = [
]


def load_adapter(model, folder):
    config = json.loads((Path(folder) / "adapter_config.json").read_text())
    tensors = load_file(Path(folder) / "adapter.safetensors")
    inject_lora(model, config["targets"], config["r"], config["alpha"])
    state = model.state_dict()
    fitting = {name: t for name, t in tensors.items() if name in state and state[name].shape == t.shape}
    model.load_state_dict(fitting, strict=False)
