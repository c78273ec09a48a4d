"""Frozen parameters are averaged as well and end up with a gradient of zeros."""

NOTEBOOK = "parallel"
HINT = {
    "en": "A parameter that was frozen has a gradient after your function. It should be left alone.",
    "zh": "被冻结的参数，经过你的函数之后有了梯度。它不该被碰。",
}
FAILS = ["test_missing_gradients_count_as_zero_and_replicas_stay_alike"]


def average_gradients(model, group, n_examples):
    total = group.all_reduce(torch.tensor(float(n_examples))).item()
    for parameter in model.parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        parameter.grad = group.all_reduce(gradient * n_examples) / total
