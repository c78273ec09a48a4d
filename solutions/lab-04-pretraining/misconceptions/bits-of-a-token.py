"""The bits are divided by the number of tokens."""

NOTEBOOK = "continued"
HINT = {
    "en": "You divide by the number of tokens. A Chinese token has a byte or two here, an English one about four: losses per token cannot be compared.",
    "zh": "你除以的是 token 数。这里一个中文 token 只有一两个字节，英文 token 约有四个：每 token 的损失没法互相比较。",
}
FAILS = ["test_bits_per_byte_of_rows"]


def bits_per_byte(model, rows, sizes):
    was_training = model.training
    model.eval()
    nats, n_bytes = 0.0, 0
    with torch.no_grad():
        for part in rows.split(8):
            targets = part[:, 1:].flatten()
            losses = F.cross_entropy(model(part[:, :-1]).flatten(0, 1), targets, reduction="none")
            nats += losses[sizes[targets] > 0].sum().item()
            n_bytes += (sizes[targets] > 0).sum().item()
    model.train(was_training)
    return nats / math.log(2) / n_bytes
