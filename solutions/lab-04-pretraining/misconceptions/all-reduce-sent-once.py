"""An all-reduce is counted as the size of the data once: the second half of the ring is missing."""

NOTEBOOK = "parallel"
HINT = {
    "en": "You count an all-reduce as one pass round the ring. Its first half adds up; how does every rank get the result?",
    "zh": "你把一次 all-reduce 只算作绕环一圈。前半程完成求和；那么大家怎样拿到结果？",
}
FAILS = ["test_communication_and_time"]


def data_parallel_bytes(n_params, n_data, stage=0):
    return (2 if stage == 3 else 1) * 2 * n_params * (n_data - 1) / n_data
