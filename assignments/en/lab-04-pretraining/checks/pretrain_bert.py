"""Public checks of pretrain_bert."""

import math
from typing import Any

import torch
from torch import Tensor

from labkit.check import case, fail

SPECIAL, MASK, VOCAB = [0, 1, 2], 2, 50


def masked(student: Any, ids: Tensor, p: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The student's inputs and labels, with the shape and type of ids."""
    inputs, labels = student.mlm_mask(ids, SPECIAL, MASK, VOCAB, torch.Generator().manual_seed(seed), p)
    for name, value in (("inputs", inputs), ("labels", labels)):
        if value.shape != ids.shape or value.dtype != torch.int64:
            fail(
                f"The {name} are int64 of shape {tuple(ids.shape)}; yours are {value.dtype} of {tuple(value.shape)}.",
                f"{name} 应为 int64、形状 {tuple(ids.shape)}；你的是 {value.dtype}、{tuple(value.shape)}。",
            )
    return inputs, labels


# ---- mlm ------------------------------------------------------------------------------------------------


@case("mlm", en="80 / 10 / 10 of half the tokens", zh="一半的 token 中的 80 / 10 / 10")
def shares(student: Any) -> None:
    ids = torch.arange(3, 50).repeat(200, 10)
    inputs, labels = masked(student, ids, 0.5)
    chosen = labels != -100
    share = chosen.float().mean().item()
    if not 0.48 < share < 0.52:
        fail(
            f"With p = 0.5 half the tokens have a label; yours: {share:.1%}.",
            f"p = 0.5 时应有一半 token 有标签；你的是 {share:.1%}。",
        )
    became = [
        (inputs[chosen] == MASK),
        (inputs[chosen] != MASK) & (inputs[chosen] != ids[chosen]),
        (inputs == ids)[chosen],
    ]
    found = [kind.float().mean().item() for kind in became]
    if any(abs(a - b) > 0.01 for a, b in zip(found, (0.8, 0.098, 0.102), strict=True)):
        shown = ", ".join(f"{x:.1%}" for x in found)
        fail(
            f"Of the chosen tokens about 80 % become the mask, 10 % another token, 10 % stay; yours: {shown}.",
            f"选中的 token 中，约 80% 变成 [MASK]，10% 变成别的 token，10% 不变；你的是 {shown}。",
        )


@case("mlm", en="labels and what is not chosen", zh="标签，以及未选中的部分")
def labels_are_originals(student: Any) -> None:
    ids = torch.arange(3, 50).repeat(4, 1)
    before = ids.clone()
    inputs, labels = masked(student, ids, 0.4)
    chosen = labels != -100
    if not torch.equal(ids, before):
        fail("mlm_mask must not change the ids that it is given.", "mlm_mask 不能修改传入的 ids。")
    if not torch.equal(labels[chosen], ids[chosen]):
        fail("The label of a chosen token is the token that was there.", "选中的 token，标签就是那里原来的 token。")
    if not torch.equal(inputs[~chosen], ids[~chosen]):
        fail("A token without a label stays as it is.", "没有标签的 token 保持原样。")


@case("mlm", en="special tokens are left alone", zh="不碰特殊 token")
def specials(student: Any) -> None:
    ids = torch.tensor([[1, 7, 8, 2, 9, 0, 0, 0]]).repeat(400, 1)
    inputs, labels = masked(student, ids, 0.9)
    special = ids <= 2
    if (labels[special] != -100).any() or not torch.equal(inputs[special], ids[special]):
        fail(
            "A special token (here 0, 1 or 2) was chosen or replaced.", "有特殊 token（这里是 0、1、2）被选中或替换了。"
        )
    drawn = inputs[~special & (inputs != MASK)]
    if (drawn <= 2).any():
        fail("A special token was drawn as a random token.", "随机抽取时抽到了特殊 token。")


@case("mlm", en="the generator decides", zh="由 generator 决定")
def generator_decides(student: Any) -> None:
    ids = torch.arange(3, 50).repeat(4, 1)
    if not torch.equal(masked(student, ids, 0.5, 5)[1], masked(student, ids, 0.5, 5)[1]):
        fail(
            "The same seed gives the same mask: draw with the generator given.",
            "种子相同，掩码就应相同：请用传入的 generator 抽取。",
        )
    shared = torch.Generator().manual_seed(5)
    one, two = (student.mlm_mask(ids, SPECIAL, MASK, VOCAB, shared, 0.5)[1] for _ in range(2))
    if torch.equal(one, two):
        fail(
            "A second call with the same generator gives another mask.",
            "用同一个 generator 再调用一次，应得到另一个掩码。",
        )


@case("mlm", en="the loss of one chosen token by hand", zh="手算一个选中 token 的损失")
def loss_by_hand(student: Any) -> None:
    logits = torch.tensor([[[9.0, 0.0, 0.0], [0.0, 0.0, math.log(2)], [0.0, 5.0, 0.0]]])
    loss = student.mlm_loss(logits, torch.tensor([[-100, 2, -100]]))
    if abs(float(loss) - math.log(2)) > 1e-5:
        fail(
            f"Only the middle token counts, with probability 2/4: log 2 = 0.693; yours is {float(loss):.3f}.",
            f"只有中间的 token 计入，概率为 2/4：log 2 = 0.693；你的是 {float(loss):.3f}。",
        )
    if float(student.mlm_loss(logits, torch.full((1, 3), -100))) != 0:
        fail("Without any label the loss is 0.", "一个标签都没有时，损失为 0。")


@case("mlm", en="epochs of MaskedBatches", zh="MaskedBatches 的 epoch")
def epochs(student: Any) -> None:
    rows = torch.arange(3, 51).view(8, 6) % 47 + 3
    batches = student.MaskedBatches(rows, SPECIAL, MASK, VOCAB, 4, seed=1)
    seen = []
    for _ in range(2):
        inputs, labels = batches.next_batch()
        seen += torch.where(labels == -100, inputs, labels).tolist()
    if sorted(seen) != sorted(rows.tolist()):
        fail("Two batches of 4 should bring each of the 8 rows once.", "两批（每批 4 行）应当把 8 行各取一次。")
    state = batches.state_dict()
    following = batches.next_batch()
    other = student.MaskedBatches(rows, SPECIAL, MASK, VOCAB, 4, seed=1)
    other.load_state_dict(state)
    if not all(torch.equal(a, b) for a, b in zip(following, other.next_batch(), strict=True)):
        fail(
            "After load_state_dict the next batch is not the one that would have come.",
            "load_state_dict 之后，下一批不一样了。",
        )


@case("mlm", en="the second epoch is another one", zh="第二个 epoch 与第一个不同")
def second_epoch(student: Any) -> None:
    rows = torch.randperm(47 * 600)[: 24 * 30].view(24, 30) % 47 + 3
    batches = student.MaskedBatches(rows, SPECIAL, MASK, VOCAB, 24, seed=1, p=0.5)
    orders, masks = [], []
    for _ in range(2):
        inputs, labels = batches.next_batch()
        original = torch.where(labels == -100, inputs, labels)
        found = (rows[:, None] == original).all(-1)
        if not found.any(1).all():
            fail(
                "Inputs and labels together should give each of the 24 rows back as it was.",
                "输入和标签合起来，应当能还原 24 行中的每一行。",
            )
        order = found.int().argmax(1)  # where each row stands in the batch
        orders.append(order)
        masks.append((labels != -100)[order])
    if torch.equal(*orders):
        fail("Each epoch brings the rows in another order.", "每个 epoch 里，各行的顺序都应当不同。")
    if torch.equal(*masks):
        fail(
            "Each time a row is read, its mask is drawn anew; in yours, every row has the same gaps in both epochs.",
            "每次读到一行都要重抽掩码；你的两个 epoch 里，每一行的空位都一样。",
        )
