"""load_adapter injects with alpha = r instead of the alpha that was saved."""

HINT = {
    "en": "The reloaded model has the right A and B and yet other answers: the strength of the update "
    "was not restored.",
    "zh": "重新加载后 A、B 都对，输出却不同：更新的强度没有恢复成保存时的样子。",
}
FAILS = ["test_a_fresh_model_with_the_adapter_answers_alike"]


def load_adapter(model, folder):
    config = json.loads((Path(folder) / "adapter_config.json").read_text())
    tensors = load_file(Path(folder) / "adapter.safetensors")
    names = inject_lora(model, config["targets"], r=config["r"], alpha=config["r"])
    expected = {f"{name}.{part}" for name in names for part in ("lora_A", "lora_B")}
    state = model.state_dict()
    if set(tensors) != expected or any(tensors[name].shape != state[name].shape for name in expected):
        raise ValueError("the adapter does not fit")
    model.load_state_dict(tensors, strict=False)
