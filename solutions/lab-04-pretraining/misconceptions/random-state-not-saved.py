"""The random state is not saved, so that dropout goes on with other draws."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "After resuming, dropout draws other numbers than it would have.",
    "zh": "恢复之后，dropout 抽到的随机数与不中断时不同。",
}
FAILS = ["test_a_resumed_run_is_the_same_to_the_bit"]


def save_checkpoint(path, model, optimizer, batches, step):
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "batches": batches.state_dict(),
        "step": step,
    }
    torch.save(state, f"{path}.part")
    os.replace(f"{path}.part", path)


def load_checkpoint(path, model, optimizer, batches):
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    batches.load_state_dict(state["batches"])
    return state["step"]
