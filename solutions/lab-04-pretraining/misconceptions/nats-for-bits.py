"""The result is in nats."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your result is in nats. How many bits is one nat?",
    "zh": "你的结果单位是 nat。一个 nat 是多少比特？",
}
FAILS = ["test_bits_per_byte_of_a_text"]


def bits_per_byte(model, ids, n_bytes):
    was_training = model.training
    model.eval()
    nats = 0.0
    with torch.no_grad():
        for rows in ids.split(16):
            inputs, targets = inputs_and_targets(rows)
            nats += cross_entropy(model(inputs), targets).item() * targets.numel()
    model.train(was_training)
    return nats / n_bytes
