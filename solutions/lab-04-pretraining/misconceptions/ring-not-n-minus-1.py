"""2 (N - 1) / N is taken for 2."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Your messages are those of infinitely many GPUs. Does a GPU send its own part to itself?",
    "zh": "你算的是 GPU 无穷多时的消息量。GPU 会把自己的那一段发给自己吗？",
}
FAILS = ["test_communication_and_time"]


def data_parallel_bytes(n_params, n_data, stage=0):
    return (3 if stage == 3 else 2) * 2 * n_params
