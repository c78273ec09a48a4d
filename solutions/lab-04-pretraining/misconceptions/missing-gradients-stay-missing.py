"""A rank without a gradient takes part in the sum with zeros, but does not take the result."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Your rank adds zeros where it has no gradient, and then keeps None. What does its optimizer do with this parameter, and what do the others' do?",
    "zh": "没有梯度的 rank 用零参加了求和，结果却没有收下，仍是 None。它的优化器会怎样处理这个参数？别的 rank 呢？",
}
FAILS = ["test_missing_gradients_count_as_zero_and_replicas_stay_alike"]


def average_gradients(model, group, n_examples):
    total = group.all_reduce(torch.tensor(float(n_examples))).item()
    for parameter in model.parameters():
        if parameter.requires_grad:
            gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            mean = group.all_reduce(gradient * n_examples) / total
            if parameter.grad is not None:
                parameter.grad = mean
