"""The file is unpickled with whatever it contains."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your load_checkpoint builds any object that the file names: a file from a stranger could run code on your machine.",
    "zh": "文件里写着什么对象，你的 load_checkpoint 就构造什么对象：来路不明的文件可以在你的机器上执行代码。",
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
    state = torch.load(path, weights_only=False)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    batches.load_state_dict(state["batches"])
    torch.set_rng_state(state["random"])
    return state["step"]
