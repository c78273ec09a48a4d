"""The checkpoint is written straight to its path, over the one before."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your save_checkpoint overwrites the old file while the new one is not there yet: if the process dies in between, there is none.",
    "zh": "新文件还没写好，你的 save_checkpoint 就把旧的覆盖了：进程在中间死掉，两个都没有。",
}
FAILS = ["test_a_resumed_run_is_the_same_to_the_bit"]
EDIT = (
    "save_checkpoint",
    'unfinished = f"{path}.part"\n    torch.save(state, unfinished)\n    os.replace(unfinished, path)',
    "torch.save(state, path)",
)
