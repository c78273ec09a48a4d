"""The checkpoint is written straight to its path, over the one before."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your save_checkpoint overwrites the old file while the new one is not there yet: if the process dies in between, there is none.",
    "zh": "新文件还没写好，你的 save_checkpoint 就把旧的覆盖了：进程在中间死掉，两个都没有。",
}
FAILS = ["test_a_resumed_run_is_the_same_to_the_bit"]


def save_checkpoint(path, model, optimizer, batches, step):
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "batches": batches.state_dict(),
        "step": step,
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state_all(),
    }
    torch.save(state, path)
