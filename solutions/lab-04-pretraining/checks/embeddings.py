"""Public checks of embeddings."""

import math
from typing import Any

import torch
from torch import Tensor

from labkit.check import case, fail


def close(actual: Tensor, expected: Tensor, atol: float = 1e-5) -> bool:
    """Whether two tensors have the same shape and, within atol, the same values."""
    return actual.shape == expected.shape and torch.allclose(actual.float(), expected.float(), atol=atol)


# ---- skip-gram ------------------------------------------------------------------------------------------


@case("skip-gram", en="the pairs of two short documents", zh="两个短文档的词对")
def pairs_of_two_documents(student: Any) -> None:
    pairs = student.skip_gram_pairs([torch.tensor([7, 8, 9, 6]), torch.tensor([5]), torch.tensor([4, 3])], 2)
    expected = [(3, 4), (4, 3), (6, 8), (6, 9), (7, 8), (7, 9), (8, 6), (8, 7), (8, 9), (9, 6), (9, 7), (9, 8)]
    found = sorted(map(tuple, pairs.tolist()))
    if found != expected:
        fail(
            f"For the documents [7, 8, 9, 6], [5] and [4, 3] with window 2 the pairs are, sorted, {expected}; "
            f"yours are {found}.",
            f"文档 [7, 8, 9, 6]、[5] 和 [4, 3]，窗口为 2，排序后的词对应为 {expected}；你的是 {found}。",
        )
    if pairs.dtype != torch.int64:
        fail(f"The pairs are int64, not {pairs.dtype}.", f"词对应为 int64，而不是 {pairs.dtype}。")


@case("skip-gram", en="frequent words are thinned out", zh="高频词被稀释")
def frequent_words_thinned(student: Any) -> None:
    keep = student.keep_probability(torch.tensor([64, 32, 4]), threshold=0.16)  # shares 0.64, 0.32, 0.04
    if not close(keep, torch.tensor([0.5, 0.5**0.5, 1.0])):
        fail(
            "With threshold 0.16, a word that is 0.64 of the text is kept with sqrt(0.16 / 0.64) = 0.5, a "
            f"rare one with 1; yours are {keep.tolist()}.",
            "阈值为 0.16 时，占全文 0.64 的词以 sqrt(0.16 / 0.64) = 0.5 的概率保留，罕见词为 1；你的是 "
            f"{keep.tolist()}。",
        )


@case("skip-gram", en="the noise is between the text and uniform", zh="噪声介于原文比例与均匀之间")
def noise_between(student: Any) -> None:
    noise = student.negative_distribution(torch.tensor([81, 16, 0]))  # 27, 8 and 0
    if not close(noise, torch.tensor([27 / 35, 8 / 35, 0.0])):
        fail(
            "Counts 81, 16, 0 to the power 0.75 are 27, 8, 0; divided by their sum: 0.771, 0.229, 0. Yours: "
            f"{noise.tolist()}.",
            f"计数 81、16、0 的 0.75 次方是 27、8、0，除以总和得 0.771、0.229、0。你的是 {noise.tolist()}。",
        )


@case("skip-gram", en="the loss of one pair by hand", zh="手算一对词的损失")
def loss_by_hand(student: Any) -> None:
    centre, positive = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 5.0]])
    loss = student.sgns_loss(centre, positive, torch.tensor([[[-1.0, 3.0], [0.0, 7.0]]]))  # scores 2, -1 and 0
    expected = math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1)) + math.log(2)
    if loss.shape != () or not close(loss, torch.tensor(expected)):
        fail(
            "The true score is 2, the false ones are -1 and 0: 0.127 + 0.313 + 0.693 = 1.133; yours is "
            f"{loss.tolist()}.",
            f"真实的分数是 2，编造的是 -1 和 0：0.127 + 0.313 + 0.693 = 1.133；你的是 {loss.tolist()}。",
        )
    doubled = student.sgns_loss(
        centre.repeat(2, 1), positive.repeat(2, 1), torch.tensor([[[-1.0, 3.0], [0.0, 7.0]]] * 2)
    )
    if not close(doubled, loss):
        fail("The same pair twice has the same mean loss.", "同一对词出现两次，平均损失不变。")


@case("skip-gram", en="scores of 300 stay finite", zh="分数到 300 仍然有限")
def large_scores(student: Any) -> None:
    centre = torch.tensor([[300.0]], requires_grad=True)
    loss = student.sgns_loss(centre, torch.tensor([[-1.0]]), torch.tensor([[[1.0]]]))
    loss.backward()
    if not close(loss.detach(), torch.tensor(600.0), atol=1e-2) or not centre.grad.isfinite().all():
        fail(
            "A true neighbour with score -300 and a negative with 300 cost 300 nats each; your loss is "
            f"{loss.item()}, its gradient {centre.grad.tolist()}.",
            f"真邻词的分数为 -300、负样本为 300 时，各自的损失是 300；你的损失是 {loss.item()}，梯度是 "
            f"{centre.grad.tolist()}。",
        )


@case("skip-gram", en="the model looks words up in two tables", zh="模型在两张表里查词")
def two_tables(student: Any) -> None:
    model = student.SkipGram(5, 3)
    names = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if names != {"centre.weight": (5, 3), "context.weight": (5, 3)}:
        fail(
            f"The model has two embeddings, centre and context, each (5, 3); yours has {names}.",
            f"模型有两个 embedding：centre 和 context，形状都是 (5, 3)；你的是 {names}。",
        )
    loss = model(torch.tensor([0, 1]), torch.tensor([2, 3]), torch.tensor([[4, 0, 1], [2, 2, 4]]))
    if not close(loss.detach(), torch.tensor(4 * math.log(2))):
        fail(
            "At first the context vectors are zero, so with 3 negatives the loss is 4 log 2 = 2.773.",
            "一开始上下文向量全为零，所以 3 个负样本时损失是 4 log 2 = 2.773。",
        )


@case("skip-gram", en="neighbours by cosine", zh="按余弦找近邻")
def neighbours_by_cosine(student: Any) -> None:
    vectors = torch.tensor([[2.0, 0.0], [9.0, 9.0], [1.0, 0.1], [-5.0, 0.0]])
    rows, cosines = student.nearest(vectors, 0, 2)
    if rows.tolist() != [2, 1] or not close(cosines, torch.tensor([0.99504, 0.70711]), atol=1e-4):
        fail(
            "Row 2 has nearly the direction of row 0; row 1 is longer, but at 45 degrees: [2, 1] with 0.995 "
            f"and 0.707. Yours: {rows.tolist()}, {cosines.tolist()}.",
            "第 2 行与第 0 行方向几乎相同；第 1 行更长，但夹角 45 度：应为 [2, 1]，余弦 0.995 和 0.707。"
            f"你的是 {rows.tolist()}，{cosines.tolist()}。",
        )


@case("skip-gram", en="training on a toy text", zh="在玩具文本上训练")
def training_on_a_toy(student: Any) -> None:
    # 0 and 1 stand before 2 or 3; 4 and 5 before 6 or 7.
    pairs = torch.tensor([(w, c) for w, c in [(0, 2), (0, 3), (1, 2), (1, 3), (4, 6), (4, 7), (5, 6), (5, 7)]] * 60)
    model, losses = student.train_skip_gram(pairs, torch.full((8,), 1 / 8), 6, epochs=10, batch_size=50, lr=0.05)
    if len(losses) != 100:
        fail(
            f"480 pairs in batches of 50 are 10 steps per epoch, so 100 losses; yours are {len(losses)}.",
            f"480 对、每批 50 对，每个 epoch 是 10 步，应有 100 个损失；你的有 {len(losses)} 个。",
        )
    rows, _ = student.nearest(model.centre.weight.detach(), 4, 1)
    if rows.tolist() != [5]:
        fail(
            "Words 4 and 5 have the same neighbours, and should end up nearest to each other.",
            "第 4、5 号词的邻词完全相同，训练后应当互为最近邻。",
        )
