"""Hidden tests of lab 04, pretrain_bert. What is random is judged by counts over many tokens; a bound is six standard
deviations of the binomial distribution, so that a right solution fails once in a hundred million runs. The reference of the
loss is cross-entropy over the chosen tokens, picked out by hand, in float64.

Tolerances were measured over 10 secrets, with 1 and 2 threads on this side: the reference's loss and gradients are within
1e-6 of float64, a tenth of the default of `expect.close`.
"""

import numpy as np
import pytest
import torch
from torch import Tensor

from autograder.grading import expect
from autograder.grading.student import Handle, Student
from labkit.i18n import Bilingual

Rng = np.random.Generator

MASK, VOCAB = 4, 211
SPECIAL = [0, 2, 3, MASK]  # padding, beginning, end, mask; 1 (unknown) is an ordinary token here

INPUTS, LABELS = Bilingual("the inputs", "输入"), Bilingual("the labels", "标签")


def generator(student: Student, seed: int) -> Handle:
    """A torch.Generator in the sandbox."""
    handle = student.new("torch:Generator")
    handle.manual_seed(seed)
    return handle


def ordinary(rng: Rng, *shape: int) -> Tensor:
    """Tokens that are not special."""
    return torch.from_numpy(rng.choice([i for i in range(VOCAB) if i not in SPECIAL], shape))


def masked(
    student: Student, rng: Rng, ids: Tensor, p: float | None = None, vocab: int = VOCAB, special: list[int] = SPECIAL
) -> tuple[Tensor, Tensor]:
    """The student's (inputs, labels), of the right shape and type."""
    extra = {} if p is None else {"p": p}
    result = student.mlm_mask(ids, special, MASK, vocab, generator(student, int(rng.integers(2**31))), **extra)
    expect.that(
        isinstance(result, (tuple, list)) and len(result) == 2,
        Bilingual("mlm_mask should return inputs and labels", "mlm_mask 应当返回输入和标签"),
    )
    inputs = expect.tensor(result[0], ids.shape, torch.int64, INPUTS)
    labels = expect.tensor(result[1], ids.shape, torch.int64, LABELS)
    return inputs, labels


def near(count: int, n: int, p: float, message: Bilingual) -> None:
    """`count` of `n` must be what a coin of probability p gives, within six standard deviations."""
    expect.that(abs(count - n * p) <= 6 * (n * p * (1 - p)) ** 0.5 + 1, message)


@pytest.mark.problem(
    "mlm",
    points=1,
    rests_on=[
        "Each token that is not special is chosen with probability p, independently of all others.",
        "Of the chosen ones, 80 % become mask_id, 10 % a random token, 10 % stay as they are.",
        "it may happen to be the old one",
        "inputs (B, T) int64, damaged, and labels (B, T) int64: the original token where one is chosen, else IGNORE.",
        "p: float = 0.15,",
    ],
    hint={
        "en": "Over many tokens the shares are wrong: p of the ordinary tokens are chosen (have a label); of these, 80 % are replaced by the mask, 10 % by a random token, and 10 % stay as they are, "
        "with their label. Count them on a large batch of your own.",
        "zh": "在大量 token 上统计，比例不对：普通 token 中有 p 被选中（有标签）；其中 80% 换成 [MASK]，10% 换成随机 token，10% 保持原样，但仍有标签。请自己造一大批数一数。",
    },
)
def test_the_rates_are_those_of_bert(student, rng):
    for p in (None, 0.4):
        ids = ordinary(rng, 301, 97)
        inputs, labels = masked(student, rng, ids, p)
        chosen = labels != -100
        n = int(chosen.sum())
        what = Bilingual("the share of the tokens that have a label is wrong", "有标签的 token 所占的比例不对")
        near(n, ids.numel(), p or 0.15, what)
        what = Bilingual(
            "the share of the chosen tokens that become the mask is wrong", "选中的 token 里，变成 [MASK] 的比例不对"
        )
        near(int((inputs[chosen] == MASK).sum()), n, 0.8, what)
        kept = int((inputs[chosen] == ids[chosen]).sum())
        what = Bilingual(
            "the share of the chosen tokens that stay as they are is wrong", "选中的 token 里，保持原样的比例不对"
        )
        # A random token is the old one once in as many times as there are ordinary tokens.
        near(kept, n, 0.1 + 0.1 / (VOCAB - len(SPECIAL)), what)


@pytest.mark.problem(
    "mlm",
    points=1,
    rests_on=[
        "labels (B, T) int64: the original token where one is chosen, else IGNORE.",
        "Where nothing is chosen the inputs are the ids.",
        "IGNORE = -100",
    ],
    hint={
        "en": "A chosen token has its ORIGINAL id as label, also where it stays as it is; all others have -100 and are not changed. Do you read the labels before or after tokens are replaced?",
        "zh": "被选中的 token，标签是它原来的 id，保持原样的也一样；其余的标签是 -100，且输入不变。你的标签是在替换之前还是之后取的？",
    },
)
def test_labels_are_the_original_tokens(student, rng):
    ids = ordinary(rng, 23, 37)
    inputs, labels = masked(student, rng, ids, 0.3)
    chosen = labels != -100
    expect.that(bool(chosen.any()), Bilingual("no token has a label", "没有一个 token 有标签"))
    expect.equal(labels[chosen], ids[chosen], Bilingual("the labels of the chosen tokens", "选中的 token 的标签"))
    expect.equal(inputs[~chosen], ids[~chosen], Bilingual("the inputs without a label", "没有标签的位置上的输入"))


@pytest.mark.problem(
    "mlm",
    points=1,
    rests_on=[
        "special: ids that are never chosen, never replaced and never drawn. They may be any ids",
        "the original token where one is chosen, else IGNORE. Where nothing is chosen the inputs are the ids.",
        "Each token that is not special is chosen with probability p",
    ],
    hint={
        "en": "Special tokens (padding above all) are never chosen, never replaced, and nobody draws one as a random token. Here most of the batch is padding.",
        "zh": "特殊 token（尤其是填充）从不被选中、从不被替换，随机抽取时也不会抽到它们。这里一批的大部分都是填充。",
    },
)
def test_special_tokens_are_left_alone(student, rng):
    ids = ordinary(rng, 83, 53)
    ids[torch.arange(53) >= torch.from_numpy(rng.integers(5, 50, (83, 1)))] = 0
    ids[:, 0], ids[:, 4] = 2, 3
    inputs, labels = masked(student, rng, ids, 0.5)
    special = torch.isin(ids, torch.tensor(SPECIAL))
    none = torch.full((int(special.sum()),), -100)
    expect.equal(labels[special], none, Bilingual("the labels of special tokens", "特殊 token 的标签"))
    expect.equal(inputs[special], ids[special], Bilingual("the special tokens among the inputs", "输入里的特殊 token"))
    share = float((labels != -100).sum() / (~special).sum())
    what = Bilingual("the share of the ordinary tokens that are chosen is wrong", "普通 token 被选中的比例不对")
    expect.that(0.35 < share < 0.65, what)  # exactly: see above


@pytest.mark.problem(
    "mlm",
    points=1,
    rests_on=[
        "Each random token is drawn on its own, uniformly over all tokens of the vocabulary that are not special",
        "They may be any ids; mask_id is among them.",
        "vocab_size: the ids are 0 to vocab_size - 1.",
        "Of the chosen ones, 80 % become mask_id, 10 % a random token, 10 % stay as they are.",
    ],
    hint={
        "en": "The random tokens are not uniform over the ordinary ones: some are never drawn, some are special, or one random token serves for the whole batch. All tokens except the special ones should be drawn, each with the same probability.",
        "zh": "随机 token 在普通 token 上不是均匀的：有的从不出现，有的是特殊 token，或者整批共用一个随机 token。除特殊 token 之外，整个词表都应等可能地出现。",
    },
)
def test_random_tokens_are_uniform_over_the_ordinary_ones(student, rng):
    vocab, special = 19, [0, 3, MASK, 11]
    words = [i for i in range(vocab) if i not in special]
    # Every token is the same one, so that a random token shows wherever it is another.
    word = words[int(rng.integers(len(words)))]
    inputs, labels = masked(student, rng, torch.full((173, 199), word), 0.5, vocab, special)
    drawn = inputs[(labels != -100) & (inputs != MASK) & (inputs != word)]
    others = [i for i in words if i != word]
    expect.that(
        bool(torch.isin(drawn, torch.tensor(others)).all()),
        Bilingual("a random token is special, or no token at all", "有的随机 token 是特殊 token，或者不在词表里"),
    )
    observed = drawn.bincount(minlength=vocab)[others].double()
    what = Bilingual("the share of random tokens is wrong", "随机 token 所占的比例不对")
    near(len(drawn), 173 * 199, 0.05 * len(others) / len(words), what)
    chi_square = ((observed - observed.mean()) ** 2 / observed.mean()).sum()
    what = Bilingual("random tokens are not uniform over the ordinary ones", "随机 token 在普通 token 上不是均匀分布的")
    expect.that(chi_square < 60, what)  # 13 degrees: p = 4e-8


@pytest.mark.problem(
    "mlm",
    points=1,
    rests_on=[
        "Each token that is not special is chosen with probability p, independently of all others.",
        "All that is random comes from it, and it is not seeded here: two calls with one generator give two masks.",
    ],
    hint={
        "en": "Each token is drawn on its own, with the generator that is given: two calls with one generator give two masks, the same seed gives the same mask, and neither rows nor columns of a batch share one.",
        "zh": "每个 token 独立抽取，使用传入的 generator：同一个 generator 连续两次调用得到两个不同的掩码，相同的种子得到相同的掩码，一批的各行、各列也不共用一个掩码。",
    },
)
def test_every_token_is_drawn_on_its_own(student, rng):
    ids = ordinary(rng, 223, 227)
    seed = int(rng.integers(2**31))
    shared = generator(student, seed)
    (_, first), (_, second) = (student.mlm_mask(ids, SPECIAL, MASK, VOCAB, shared) for _ in range(2))
    chosen = expect.tensor(first, ids.shape, torch.int64, LABELS) != -100
    later = expect.tensor(second, ids.shape, torch.int64, LABELS) != -100
    for axis, en, zh in ((0, "columns", "列"), (1, "rows", "行")):
        spread = chosen.sum(axis).double().var() / (ids.shape[axis] * 0.15 * 0.85)
        # A variance over more than 220 sums has a standard deviation of 0.095; shared masks make it 0 or 220.
        what = Bilingual(
            f"the tokens chosen in the {en} of a batch depend on each other",
            f"一批里，各{zh}选中的 token 不是相互独立的",
        )
        expect.that(0.4 < spread < 1.6, what)
    what = Bilingual(
        "two calls with one generator choose the same tokens too often",
        "用同一个 generator 调用两次，重复选中的 token 过多",
    )
    near(int((chosen & later).sum()), ids.numel(), 0.15**2, what)
    _, again = student.mlm_mask(ids, SPECIAL, MASK, VOCAB, generator(student, seed))
    what = Bilingual("the same seed should give the same mask", "种子相同，掩码应当相同")
    expect.that(torch.equal(again, first), what)


@pytest.mark.problem(
    "mlm",
    points=1,
    rests_on=[
        "The mean cross-entropy over the tokens that have a label.",
        "Nothing is shifted: logits[:, t] are about token t itself.",
        "labels: (B, T) int64, IGNORE where a token does not count.",
        "A scalar tensor, in nats per chosen token; 0, with gradients of 0, where none is chosen.",
    ],
    hint={
        "en": "mlm_loss is the mean cross-entropy over the tokens that have a label, and over no others: those with -100 count neither in the sum nor in the number, and get no gradient. Without any label it is 0.",
        "zh": "mlm_loss 是有标签的 token 上交叉熵的平均，其余一概不算：标签为 -100 的既不计入总和，也不计入个数，梯度为零。一个标签都没有时，损失为 0。",
    },
)
def test_only_chosen_tokens_count_in_the_loss(student, rng):
    logits = torch.from_numpy(3 * rng.standard_normal((5, 7, 23))).float()
    labels = torch.from_numpy(rng.integers(0, 23, (5, 7)))
    labels[torch.from_numpy(rng.random((5, 7)) < 0.6)] = -100
    labels[0], labels[1, :2] = -100, torch.tensor([3, 0])
    none = torch.full((5, 7), -100)
    one = none.clone()
    one[3, 2] = 11
    for wanted in (labels, one, none):
        loss, [grad] = student.vjp("mlm_loss", [logits, wanted], None)
        leaf = logits.double().requires_grad_()
        log_probs = leaf.log_softmax(-1)
        terms = [-log_probs[b, t, wanted[b, t]] for b, t in np.ndindex(5, 7) if wanted[b, t] != -100]
        expected = torch.stack(terms).mean() if terms else 0.0 * leaf.sum()
        expected.backward()
        what = "mlm_loss" if terms else Bilingual("mlm_loss without a label", "没有标签时的 mlm_loss")
        expect.close(loss, expected.detach(), what)
        expect.close(grad, leaf.grad, Bilingual("the gradient of mlm_loss", "mlm_loss 的梯度"))


def next_rows(batches: Handle, rows: Tensor, size: int) -> tuple[list[int], Tensor]:
    """The numbers of the rows in the next batch (each row is another), and where it has labels."""
    result = batches.next_batch()
    expect.that(
        isinstance(result, (tuple, list)) and len(result) == 2,
        Bilingual("next_batch should return two tensors", "next_batch 应当返回两个张量"),
    )
    shape = (size, rows.shape[1])
    inputs = expect.tensor(result[0], shape, torch.int64, INPUTS)
    labels = expect.tensor(result[1], shape, torch.int64, LABELS)
    original = torch.where(labels == -100, inputs, labels)
    found = (original[:, None] == rows).all(-1)  # (size, N)
    what = Bilingual(
        "inputs and labels together should give a row back as it was", "输入和标签合起来，应当能还原出原来的一行"
    )
    expect.that(bool((found.sum(1) == 1).all()), what)
    return found.int().argmax(1).tolist(), labels != -100


@pytest.mark.problem(
    "mlm",
    points=1,
    rests_on=[
        "every row at most once per epoch, in a new order each epoch, and each time with a new mask.",
        "Rows that do not fill a batch at the end of an epoch are left out of that epoch",
        "in other epochs others are left out.",
        "`rows` is (N, T) int64 with N >= batch_size; it stays as it is. The others are mlm_mask's.",
        "The next batch_size rows: inputs and labels, each (batch_size, T) int64, by mlm_mask.",
        "Each token that is not special is chosen with probability p, independently of all others.",
    ],
    hint={
        "en": "An epoch of MaskedBatches visits every row at most once (a remainder that fills no batch is left out), in another order each time, and each time with another mask. Where the labels are -100 the row is as it was given, also in later epochs.",
        "zh": "MaskedBatches 的一个 epoch 里，每一行至多出现一次（凑不满一批的余数略去），每次顺序不同、掩码也不同。标签为 -100 的位置，与给定的那一行完全一致，后面的 epoch 也是如此。",
    },
)
def test_each_epoch_masks_every_row_anew(student, rng):
    rows = ordinary(rng, 26, 31)
    batches = student.MaskedBatches(rows, SPECIAL, MASK, VOCAB, 6, int(rng.integers(1000)))
    orders, masks, gaps = [], torch.zeros(9, 26, 31, dtype=torch.bool), set()
    for epoch in range(9):
        order = []
        for _ in range(4):
            numbers, chosen = next_rows(batches, rows, 6)
            order += numbers
            masks[epoch, numbers] = chosen
            gaps.add(tuple(chosen.flatten().tolist()))
        expect.that(
            len(set(order)) == 24, Bilingual("a row comes twice in one epoch", "同一个 epoch 里有一行出现了两次")
        )
        orders.append(order)
    expect.that(len(gaps) == 36, Bilingual("two batches have their gaps at the same places", "有两批的空位完全相同"))
    what = Bilingual("the rows that nine epochs visit", "九个 epoch 里取到的行")
    expect.equal(sorted(set().union(*orders)), list(range(26)), what)
    what = Bilingual("the order of the rows should differ between epochs", "各个 epoch 里，行的顺序应当不同")
    expect.that(len({tuple(order) for order in orders}) == 9, what)
    for a, b in ((0, 1), (3, 5), (7, 8)):
        both = masks[a].any(1) & masks[b].any(1)
        n = int(both.sum()) * 31
        what = Bilingual("two epochs choose the same tokens too often", "两个 epoch 重复选中的 token 过多")
        near(int((masks[a] & masks[b])[both].sum()), n, 0.15**2, what)
    frequent = student.MaskedBatches(rows, SPECIAL, MASK, VOCAB, 26, 3, p=0.6)
    chosen = torch.stack([next_rows(frequent, rows, 26)[1] for _ in range(3)])
    what = Bilingual(
        "the share of the tokens that MaskedBatches chooses is wrong", "MaskedBatches 选中的 token 所占的比例不对"
    )
    near(int(chosen.sum()), chosen.numel(), 0.6, what)


@pytest.mark.problem(
    "mlm",
    points=1,
    rests_on=[
        "Where in the data it stands: a dict of plain numbers or tensors",
        "Continues from where the state was taken, with the same batches and masks as without a break.",
        "The same arguments give the same batches.",
        "Two seeds, also neighbours like 3 and 4, share neither an order nor a mask",
        "not even one batch or one epoch later.",
        "The next batch_size rows: inputs and labels, each (batch_size, T) int64, by mlm_mask.",
    ],
    hint={
        "en": "A run that stops within an epoch and goes on from state_dict must get the batches and masks that it would have got. And what comes must follow from the seed: the same one gives the same, and no other one, not even its neighbour, shares an order or a mask with it.",
        "zh": "训练在一个 epoch 中途停下，再从 state_dict 接着跑，得到的批和掩码必须与不中断时完全相同。而且一切由种子决定：种子相同则结果相同；不同的种子，哪怕只差 1，也不共用任何顺序和掩码。",
    },
)
def test_masked_batches_go_on_where_they_stopped(student, rng):
    rows = ordinary(rng, 23, 29)
    seed = int(rng.integers(1000))
    first = student.MaskedBatches(rows, SPECIAL, MASK, VOCAB, 5, seed)
    begun = [first.next_batch() for _ in range(6)]  # four in an epoch
    state = first.state_dict()
    expect.that(isinstance(state, dict), Bilingual("state_dict should return a dict", "state_dict 应当返回一个字典"))
    after = [first.next_batch() for _ in range(5)]
    second = student.MaskedBatches(rows, SPECIAL, MASK, VOCAB, 5, seed)
    again = [second.next_batch() for _ in range(2)]
    other = student.MaskedBatches(rows, SPECIAL, MASK, VOCAB, 5, seed + 1)
    numbers, chosen = next_rows(other, rows, 5)
    for _ in range(7):  # in one batch of 145 tokens there may be no random one, whose label shows where it stood
        next_rows(other, rows, 5)
    second.load_state_dict(state)
    resumed = [second.next_batch() for _ in range(5)]
    for ours, theirs, what in (
        (begun[:2], again, Bilingual("the same seed gives other batches", "种子相同，得到的批却不同")),
        (
            after,
            resumed,
            Bilingual(
                "after load_state_dict the batches are others than without the break",
                "load_state_dict 之后得到的批，与不中断时不同",
            ),
        ),
    ):
        same = all(torch.equal(a, b) for x, y in zip(ours, theirs, strict=True) for a, b in zip(x, y, strict=True))
        expect.that(same, what)
    for inputs, labels in begun:  # the seed after it must not be the same sequence one batch or one epoch further on
        what = Bilingual("another seed gives the same masks", "换了种子，掩码却相同")
        expect.that(not torch.equal(labels != -100, chosen), what)
        original = torch.where(labels == -100, inputs, labels)
        what = Bilingual("another seed gives the same rows", "换了种子，取到的行却相同")
        expect.that(not torch.equal(original, rows[numbers]), what)
