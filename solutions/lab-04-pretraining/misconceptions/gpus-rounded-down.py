"""The number of GPUs is rounded down: the last bit of the model does not fit."""

NOTEBOOK = "parallel"
HINT = {
    "en": "You round the number of GPUs down. Where does the rest of the states go?",
    "zh": "你把 GPU 数向下取整了。剩下的那点状态放哪儿？",
}
FAILS = ["test_memory_of_the_model_states"]


def gpus_needed(n_params, gpu_gib, stage):
    room = gpu_gib * 2**30
    whole = {0: 16, 1: 4, 2: 2, 3: 0}[stage] * n_params
    cut = 16 * n_params - whole
    if whole + cut <= room:
        return 1
    if stage == 0 or whole >= room:
        return None
    return max(1, int(cut / (room - whole)))
