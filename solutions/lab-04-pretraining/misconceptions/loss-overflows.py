"""log(sum(exp)) is taken as it stands."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "exp(1000) is infinite in float32. What may be subtracted from all logits of a position without changing the softmax?",
    "zh": "在 float32 里 exp(1000) 是无穷大。从一个位置的所有 logits 中减去什么，softmax 不变？",
}
FAILS = ["test_the_loss_of_shifted_targets"]


def cross_entropy(logits, targets, ignore_index=IGNORE):
    counts = targets != ignore_index
    chosen = logits.gather(-1, targets.masked_fill(~counts, 0).unsqueeze(-1)).squeeze(-1)
    losses = logits.exp().sum(-1).log() - chosen
    return losses.masked_fill(~counts, 0.0).sum() / counts.sum().clamp(min=1)
