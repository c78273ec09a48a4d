"""The ranks' gradients are averaged without regard to how many examples each has."""

NOTEBOOK = "parallel"
HINT = {
    "en": "You give every rank the same weight. A rank with two examples then counts as much as one with seven.",
    "zh": "你让每个 rank 的分量相同。这样一来，只有两个样本的 rank 和有七个样本的 rank 一样重。",
}
FAILS = [
    "test_averaged_gradients_are_those_of_the_whole_batch",
    "test_missing_gradients_count_as_zero_and_replicas_stay_alike",
]


def average_gradients(model, group, n_examples):
    for parameter in model.parameters():
        if parameter.requires_grad:
            gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            parameter.grad = group.all_reduce(gradient) / group.size
