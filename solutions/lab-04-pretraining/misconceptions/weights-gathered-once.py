"""ZeRO 3 gathers the weights for the forward pass, and has them still in the backward pass."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Your stage 3 sends no more than DDP. It throws the weights away after the forward pass: what does the backward pass need?",
    "zh": "你的阶段 3 发送的不比 DDP 多。它在前向之后就把权重丢掉了，反向时怎么办？",
}
FAILS = ["test_communication_and_time"]


def data_parallel_bytes(n_params, n_data, stage=0):
    return 2 * 2 * n_params * (n_data - 1) / n_data
