"""The place in the data is not saved."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "After resuming, your run reads the data from the beginning again.",
    "zh": "恢复之后，你的训练又从头读数据了。",
}
FAILS = ["test_a_resumed_run_is_the_same_to_the_bit"]


def save_checkpoint(path, model, optimizer, batches, step):
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "random": torch.get_rng_state(),
    }
    torch.save(state, f"{path}.part")
    os.replace(f"{path}.part", path)


def load_checkpoint(path, model, optimizer, batches):
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    return state["step"]
