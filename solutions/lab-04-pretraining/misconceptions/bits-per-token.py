"""The bits are divided by the number of tokens."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "You divide by the number of tokens: a tokenizer with longer tokens would look worse on the same text.",
    "zh": "你除以的是 token 数：分词器的 token 越长，看上去就越差，可文本是同一段。",
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
    return nats / math.log(2) / ids[:, 1:].numel()
