"""The gradients are summed and never divided: every step is as many times too large as there are ranks."""

NOTEBOOK = "parallel"
HINT = {
    "en": "You sum the ranks' gradients, and stop there. With twice as many ranks, would the step be twice as long?",
    "zh": "你把各 rank 的梯度加起来就完了。如果 rank 数翻一倍，步子也要迈大一倍吗？",
}
FAILS = [
    "test_averaged_gradients_are_those_of_the_whole_batch",
    "test_missing_gradients_count_as_zero_and_replicas_stay_alike",
]


def average_gradients(model, group, n_examples):
    for parameter in model.parameters():
        if parameter.requires_grad:
            gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            parameter.grad = group.all_reduce(gradient)
