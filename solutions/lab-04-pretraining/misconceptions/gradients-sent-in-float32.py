"""Gradients travel with 4 bytes."""

NOTEBOOK = "parallel"
HINT = {
    "en": "You count 4 bytes for each gradient on its way. In which precision are they here?",
    "zh": "你给传输中的每个梯度算了 4 字节。这里的梯度是什么精度？",
}
FAILS = ["test_communication_and_time"]


def data_parallel_bytes(n_params, n_data, stage=0):
    return (3 if stage == 3 else 2) * 4 * n_params * (n_data - 1) / n_data
