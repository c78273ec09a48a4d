"""Each rank sends all its gradients to every other rank: the volume grows with their number."""

NOTEBOOK = "parallel"
HINT = {
    "en": "In your count each GPU sends everything to every other one. What does a ring save?",
    "zh": "按你的算法，每张 GPU 都要把全部内容发给其他每一张。环形能省下什么？",
}
FAILS = ["test_communication_and_time"]


def data_parallel_bytes(n_params, n_data, stage=0):
    return (3 if stage == 3 else 2) * 2 * n_params * (n_data - 1)
