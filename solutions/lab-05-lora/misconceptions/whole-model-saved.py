"""save_adapter writes the whole state dict of the model."""

HINT = {
    "en": "Your adapter file holds the base model as well. For a 7B model that is 14 GB instead of a few MB.",
    "zh": "你的适配器文件把基座模型也存了进去。换成 7B 模型，就是 14 GB，而本来只要几 MB。",
}
FAILS = [
    "test_the_file_holds_the_update_and_nothing_else",
    "test_a_fresh_model_with_the_adapter_answers_alike",
]


_save_files = save_adapter


def save_adapter(model, folder):
    _save_files(model, folder)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    save_file(state, Path(folder) / "adapter.safetensors")
