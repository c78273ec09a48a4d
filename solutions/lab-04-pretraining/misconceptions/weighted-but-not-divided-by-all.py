"""Weighted by the number of examples, then divided by the number of ranks instead of that of all examples."""

NOTEBOOK = "parallel"
HINT = {
    "en": "You weigh each gradient by its examples, which is right. By what do you have to divide then?",
    "zh": "你按样本数给梯度加权，这没错。那么之后该除以什么？",
}
FAILS = [
    "test_averaged_gradients_are_those_of_the_whole_batch",
    "test_missing_gradients_count_as_zero_and_replicas_stay_alike",
]


def average_gradients(model, group, n_examples):
    for parameter in model.parameters():
        if parameter.requires_grad:
            gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            parameter.grad = group.all_reduce(gradient * n_examples) / group.size
