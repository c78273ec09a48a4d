"""The bits of tokens without bytes count."""

NOTEBOOK = "continued"
HINT = {
    "en": "You count the bits of tokens that stand for no byte: many short documents would make a text look harder.",
    "zh": "你把不代表任何字节的 token 的比特也算进去了：短文档一多，文本就显得更难。",
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
            nats += losses.sum().item()
            n_bytes += sizes[targets].sum().item()
    model.train(was_training)
    return nats / math.log(2) / n_bytes
