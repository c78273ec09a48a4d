"""What is returned is the number of the last update, not how many there were."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "With 4 updates done, numbers 0 to 3, the next is number 4. You do one of them again.",
    "zh": "做完 4 次更新（编号 0 到 3），下一次是第 4 号。你把其中一次又做了一遍。",
}
FAILS = ["test_a_resumed_run_is_the_same_to_the_bit"]


def save_checkpoint(path, model, optimizer, batches, step):
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "batches": batches.state_dict(),
        "step": step,
        "random": torch.get_rng_state(),
    }
    torch.save(state, f"{path}.part")
    os.replace(f"{path}.part", path)


def load_checkpoint(path, model, optimizer, batches):
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    batches.load_state_dict(state["batches"])
    torch.set_rng_state(state["random"])
    return state["step"] - 1
