"""A rank without a gradient does not count in the mean, neither its zeros nor its examples."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Where a rank has no gradient you leave its examples out of the count. Their loss does not depend on this parameter: is that no gradient, or one of zero?",
    "zh": "某个 rank 没有梯度时，你连它的样本数也不算了。那些样本的损失与这个参数无关：这叫“没有梯度”，还是“梯度为零”？",
}
FAILS = ["test_missing_gradients_count_as_zero_and_replicas_stay_alike"]


def average_gradients(model, group, n_examples):
    for parameter in model.parameters():
        if parameter.requires_grad:
            count = 0.0 if parameter.grad is None else float(n_examples)
            gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            total = group.all_reduce(torch.tensor(count)).item()
            parameter.grad = group.all_reduce(gradient * count) / total
