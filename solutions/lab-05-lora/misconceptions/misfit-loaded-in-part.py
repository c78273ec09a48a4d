"""load_adapter uses strict=False: names that do not fit are passed over, and nothing checks them."""

HINT = {
    "en": "You pass over the names that do not fit: a model with half an adapter looks healthy and "
    "answers nonsense. Check names and shapes yourself and refuse.",
    "zh": "对不上的名字被你悄悄略过了：只装了半个适配器的模型看着正常，答的却是胡话。要自己核对名字和形状，不符就拒绝。",
}
FAILS = ["test_an_adapter_that_does_not_fit_is_refused"]


def load_adapter(model, folder):
    config = json.loads((Path(folder) / "adapter_config.json").read_text())
    tensors = load_file(Path(folder) / "adapter.safetensors")
    inject_lora(model, config["targets"], config["r"], config["alpha"])
    model.load_state_dict(tensors, strict=False)
