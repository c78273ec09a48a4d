"""A rank skips the parameters for which it has no gradient, while the others wait for it."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Where a gradient is None your rank skips the parameter and goes on to the next. What do the other ranks do meanwhile?",
    "zh": "梯度为 None 时，你的 rank 就跳过这个参数，直接处理下一个。这时其他 rank 在干什么？",
}
FAILS = ["test_missing_gradients_count_as_zero_and_replicas_stay_alike"]


def average_gradients(model, group, n_examples):
    total = group.all_reduce(torch.tensor(float(n_examples))).item()
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad = group.all_reduce(parameter.grad * n_examples) / total
