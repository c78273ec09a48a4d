"""Only the weights are saved, and AdamW begins without its averages."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "After resuming, AdamW has forgotten its averages of the gradients.",
    "zh": "恢复之后，AdamW 把梯度的滑动平均全忘了。",
}
FAILS = ["test_a_resumed_run_is_the_same_to_the_bit"]


def save_checkpoint(path, model, optimizer, batches, step):
    state = {
        "model": model.state_dict(),
        "batches": batches.state_dict(),
        "step": step,
        "random": torch.get_rng_state(),
    }
    torch.save(state, f"{path}.part")
    os.replace(f"{path}.part", path)


def load_checkpoint(path, model, optimizer, batches):
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    batches.load_state_dict(state["batches"])
    torch.set_rng_state(state["random"])
    return state["step"]
