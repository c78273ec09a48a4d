"""A GiB is counted as 10^9 bytes."""

NOTEBOOK = "parallel"
HINT = {
    "en": "You take a GiB for 10^9 bytes. A card of 80 GiB has 7 % more.",
    "zh": "你把 GiB 当成了 10^9 字节。80 GiB 的卡要多出 7%。",
}
FAILS = ["test_memory_of_the_model_states"]

gpus_of_gib = gpus_needed


def gpus_needed(n_params, gpu_gib, stage):
    return gpus_of_gib(n_params, gpu_gib * 1e9 / 2**30, stage)
