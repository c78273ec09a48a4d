"""Hidden tests of lab 04, continued. The references are PyTorch's own loss, schedules, clipping and AdamW in float64, closed forms, and
counts; none comes from the solution.

The models are tables of pairs of tokens, made of PyTorch's own parts; the two "languages" of the last test share a part of their tokens
and are drawn anew from `rng`. Tolerances were measured under ten secrets, with 1 and 2 threads; where the default of `expect.close` (1e-5
absolute plus 1e-5 relative) is not used, the comment beside it says what was measured.
"""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.grading import expect
from autograder.grading.student import Handle, Student
from labkit.i18n import Bilingual

Rng = np.random.Generator
TWO_TENSORS = Bilingual("next_batch should give inputs and targets", "next_batch 应当给出输入和目标")
INPUTS = Bilingual("the inputs of a batch", "一批的输入")
TARGETS = Bilingual("the targets of a batch", "一批的目标")
A_DICT = Bilingual("state_dict() should be a dict", "state_dict() 应当是 dict")
ONE_LATER = Bilingual("the targets, which are the inputs one token later", "目标（应为输入后移一个 token）")


def normal(rng: Rng, *shape: int) -> Tensor:
    """Standard normal values, float32."""
    return torch.from_numpy(rng.standard_normal(shape)).float()


def tokens(rng: Rng, vocabulary: int, *shape: int) -> Tensor:
    return torch.from_numpy(rng.integers(0, vocabulary, shape))


def pairs_model(student: Student, state: dict[str, Tensor], dropout: float = 0.0) -> tuple[Handle, nn.Sequential]:
    """A table of pairs of tokens in the sandbox, in train mode, and the same here in float64, in eval mode.

    Dropout of 1.0 leaves nothing in train mode: the logits are the bias, and no chance is in them.
    """
    vocabulary, width = state["0.weight"].shape
    here = nn.Sequential(nn.Embedding(vocabulary, width), nn.Dropout(dropout), nn.Linear(width, vocabulary))
    here.load_state_dict(state)
    model = student.new(
        "torch.nn:Sequential",
        student.new("torch.nn:Embedding", vocabulary, width),
        student.new("torch.nn:Dropout", dropout),
        student.new("torch.nn:Linear", width, vocabulary),
    )
    model.load_state_dict(state)
    return model, here.double().eval()


def random_state(rng: Rng, vocabulary: int, width: int = 5, scale: float = 1.0) -> dict[str, Tensor]:
    shapes = {"0.weight": (vocabulary, width), "2.weight": (vocabulary, width), "2.bias": (vocabulary,)}
    return {name: scale * normal(rng, *shape) for name, shape in shapes.items()}


def batch_of(batches: Handle, size: int, length: int) -> Tensor:
    """The rows of the next batch, (size, length), put together from its inputs and targets."""
    pair = batches.next_batch()
    expect.that(isinstance(pair, (tuple, list)) and len(pair) == 2, TWO_TENSORS)
    inputs = expect.tensor(pair[0], (size, length - 1), torch.int64, INPUTS)
    targets = expect.tensor(pair[1], (size, length - 1), torch.int64, TARGETS)
    expect.equal(targets[:, :-1], inputs[:, 1:], what=ONE_LATER)
    return torch.cat([inputs, targets[:, -1:]], dim=1)


@pytest.mark.problem(
    "continued",
    points=1,
    rests_on=[
        "How many bits the model needs for a byte of text, as a float.",
        r"$$\text{bits per byte} = \frac{\sum_t -\log_2 p(x_t \mid x_{<t})}{\sum_t \text{bytes}(x_t)}$$",
        "The bits of all predicted tokens of all rows, divided by the bytes of these same tokens.",
        "as targets they count neither as bits nor as bytes. They stay in the inputs",
        "It is evaluated in eval mode and without gradients; afterwards it is in the mode (train or eval) in which "
        "it came.",
        "The first token of a row is only seen, all others are predicted.",
    ],
    tolerance=1e-4,
    hint={
        "en": "bits_per_byte is wrong. Bits, not nats; the sum over all predicted tokens of the text, by the sum of THEIR bytes, over all rows at once; a token that "
        "stands for no byte counts neither as bits nor as bytes; in eval mode, and afterwards in the mode in which the model came.",
        "zh": "bits_per_byte 不对。单位是比特而不是 nat；所有行合在一起，用被预测 token 的比特总和，除以同样这些 token 的字节总数；不代表任何字节的 token，比特和字节都不计；"
        "在 eval 模式下计算，之后恢复原来的模式。",
    },
)
def test_bits_per_byte_of_rows(student, rng):
    state = random_state(rng, 13)
    model, here = pairs_model(student, state, dropout=1.0)
    sizes = torch.from_numpy(rng.permutation([0, 0, 1, 1, 1, 2, 3, 3, 4, 5, 7, 8, 11]))
    for n_rows in (5, 37):  # more rows than a batch, and no multiple of one
        rows = tokens(rng, 13, n_rows, 8)
        rows[2] = int(sizes.argmin())  # a row of nothing but markers
        targets = rows[:, 1:].flatten()
        with torch.no_grad():
            nats = F.cross_entropy(here(rows[:, :-1]).flatten(0, 1), targets, reduction="none")
        text = sizes[targets] > 0
        # Sums of up to 260 float32 losses: the reference is within 1e-6.
        expected = float(nats[text].sum()) / math.log(2) / int(sizes[targets].sum())
        result = student.bits_per_byte(model, rows, sizes)
        expect.close(result, expected, what="bits_per_byte", atol=1e-4)
        expect.that(
            isinstance(result, float), Bilingual("bits_per_byte should be a float", "bits_per_byte 应当是 float")
        )
    ids = tokens(rng, 13, 2, 3)
    bias = state["2.bias"].expand(2, 3, 13)
    what = Bilingual(
        "the model after bits_per_byte, which was in train mode",
        "调用前处于 train 模式的模型，在 bits_per_byte 之后的输出",
    )
    expect.close(model(ids), bias, what=what)
    model.eval()
    student.bits_per_byte(model, ids, sizes)
    what = Bilingual(
        "the model after bits_per_byte, which was in eval mode",
        "调用前处于 eval 模式的模型，在 bits_per_byte 之后的输出",
    )
    expect.close(model(ids), here(ids).detach(), what=what)


@pytest.mark.problem(
    "continued",
    points=1,
    rests_on=[
        "(gain, forgetting), two floats.",
        "by how much the domain's bits per byte fell; negative if they rose.",
        "the largest increase among the other texts (not the domain, even if it rose most); negative if all of them "
        "fell.",
        "The first `warmup` updates rise on a straight line from last_lr",
        "update 0 is already one `warmup`-th of the way up, update warmup - 1 has max_lr. With warmup = 0 there is "
        "no rise.",
        "Update `warmup` has max_lr as well (if it is below `total`). From there the rate falls on half a cosine to "
        "min_lr.",
        "Update `total` and all later ones have min_lr.",
        "warmup: int, total: int) -> float:",
    ],
    hint={
        "en": "See above which of the two is wrong. The gain and the forgetting: both are differences in bits per byte; both are positive in the usual case (the domain "
        "falls, another text rises), and both may be negative; forgetting is the largest increase among the other texts. rewarmed_lr: write down what steps 0, "
        "warmup - 1, warmup, total - 1 and total get; update 0 is already above last_lr.",
        "zh": "先看上面说的是哪一个不对。收益（gain）与遗忘（forgetting）：都是每字节比特数之差；通常情况下（领域文本下降，别的文本上升）两者都为正，也都可能为负；遗忘取其他文本中增加最多的那一种。"
        "rewarmed_lr：亲手写下第 0、warmup - 1、warmup、total - 1、total 步各应得到多少；第 0 次更新的学习率已经高于 last_lr。",
    },
)
def test_gain_forgetting_and_the_rate(student, rng):
    names = ["en", "zh", "code", "poems"]
    for case in range(4):
        before, change = rng.uniform(1, 3, 4), rng.uniform(0.1, 0.9, 4)
        if case < 3:  # the domain, the others: better or worse
            change *= np.array([(1, 1, -1), (-1, 1, 1), (-1, -1, -1)][case])[[0, 1, 2, 2]]
        else:  # the domain has suffered most of all
            change[case] = 1.2
        after = before + change
        domain = names[case]
        others = np.delete(change, case)
        result = student.gain_and_forgetting(
            dict(zip(names, before.tolist(), strict=True)), dict(zip(names, after.tolist(), strict=True)), domain
        )
        what = Bilingual("gain_and_forgetting should give two numbers", "gain_and_forgetting 应当给出两个数")
        expect.that(isinstance(result, (tuple, list)) and len(result) == 2, what)
        expect.close(result[0], float(-change[case]), what=Bilingual("the gain", "收益（gain）"))
        expect.close(result[1], float(others.max()), what=Bilingual("the forgetting", "遗忘（forgetting）"))

    for warmup, total in ((5, 23), (0, 7), (1, 11), (7, 7)):
        last_lr, min_lr, max_lr = (float(rng.uniform(*bounds)) for bounds in ((0.01, 0.3), (0.4, 0.6), (1, 2)))
        rates = [student.rewarmed_lr(step, last_lr, max_lr, min_lr, warmup, total) for step in range(total + 3)]
        what = Bilingual("rewarmed_lr should return a number", "rewarmed_lr 应当返回一个数")
        expect.that(all(isinstance(rate, (int, float)) for rate in rates), what)
        # The line and the arc, by NumPy.
        up = np.linspace(last_lr, max_lr, warmup + 1)[1:]
        angles = np.linspace(0, np.pi, total - warmup + 1)[:-1]
        down = (max_lr + min_lr) / 2 + (max_lr - min_lr) / 2 * np.cos(angles)
        expected = torch.from_numpy(np.concatenate([up, down, np.full(3, min_lr)]))
        what = Bilingual(
            f"rewarmed_lr with warmup={warmup} and total={total}", f"warmup={warmup}、total={total} 时的 rewarmed_lr"
        )
        expect.close(torch.tensor(rates, dtype=torch.float64), expected, what=what)


def sources(rng: Rng, n_domain: int, n_replay: int, length: int = 5) -> tuple[Tensor, Tensor]:
    """Rows that are all different; the first token tells the source (below 500: the domain)."""
    domain, replay = tokens(rng, 1000, n_domain, length), tokens(rng, 1000, n_replay, length)
    domain[:, 0], replay[:, 0] = torch.arange(n_domain), 500 + torch.arange(n_replay)
    return domain, replay


FOREIGN_ROW = Bilingual("a batch has a row that is in neither source", "某一批里有一行不属于任何一个来源")


def epochs(numbers: list[int], size: int) -> list[list[int]]:
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]


@pytest.mark.problem(
    "continued",
    points=1,
    rests_on=[
        "Batches of a new domain with rows of the old training text among them.",
        "inputs and targets, (batch_size, T) each: targets[:, t] is the token after inputs[:, t].",
        "(N, T + 1) and (M, T + 1) int64, rows of tokens. `replay` may be empty when ratio is 0.",
        "After every batch the replay rows so far are `ratio` of all rows so far, rounded.",
        "At exactly a half either way is right.",
        "Each source, counted by itself, gives all its rows once (an epoch) before it gives one again; each epoch "
        "has an order of its own",
        "the share of replay, 0 <= ratio < 1.",
        "ValueError: another ratio, or a source without rows that is needed.",
    ],
    hint={
        "en": "After every batch, the replay rows so far should be `ratio` of all rows so far, rounded: neither by chance nor batch by batch. Each source, for itself, gives "
        "all its rows before it gives one again, whole and in a new order each time. A ratio that makes no sense, or a source that is needed and empty, is a ValueError.",
        "zh": "每一批之后，到目前为止的回放行数应等于总行数乘以 `ratio` 再取整：不能靠随机，也不能每一批各自取整。每个来源各自把所有行完整地给过一遍，才能给第二遍，而且每遍的次序都是新的。"
        "ratio 没有意义，或者需要的来源是空的，都要抛出 ValueError。",
    },
)
def test_every_prefix_has_its_share_of_replay(student, rng):
    for size, ratio, n_domain, n_replay in (
        (3, 0.25, 11, 7),
        (5, 0.08, 23, 3),
        (4, 0.6, 9, 13),
        (3, 0.0, 7, 0),
        (1, 0.3, 6, 4),
    ):
        domain, replay = sources(rng, n_domain, n_replay)
        batches = student.ReplayBatches(domain, replay, size, ratio, seed=int(rng.integers(1000)))
        given: tuple[list[int], list[int]] = ([], [])
        for done in range(1, 31):
            rows = batch_of(batches, size, 5)
            for row in rows:
                number = int(row[0])
                which = int(number >= 500)
                known = (domain, replay)[which]
                index = number - 500 * which
                expect.that(index < len(known) and torch.equal(row, known[index]), FOREIGN_ROW)
                given[which].append(index)
            n = len(given[1])
            what = Bilingual(
                f"after {done} batches of {size} with ratio={ratio}, {n} rows were replay",
                f"ratio={ratio}、每批 {size} 行，{done} 批之后有 {n} 行是回放",
            )
            expect.that(abs(n - ratio * size * done) <= 0.5 + 1e-9, what)
        for which, rows_there in ((0, n_domain), (1, n_replay)):
            parts = epochs(given[which], max(rows_there, 1))
            source = (Bilingual("the domain", "领域文本"), Bilingual("the replay", "回放"))[which]
            too_soon = Bilingual(
                f"a row of {source.en} came again before all its others had come",
                f"{source.zh}的行还没有全部出现，就有一行第二次出现",
            )
            for part in parts:
                expect.that(len(set(part)) == len(part), too_soon)
            full = [part for part in parts if len(part) == rows_there]
            if rows_there > 5 and len(full) > 1:  # two orders of six are the same once in 720 times
                what = Bilingual(
                    f"the order of {source.en} is the same in each epoch", f"{source.zh}在每个 epoch 里的次序都相同"
                )
                expect.that(len({tuple(part) for part in full}) > 1, what)
    domain, replay = sources(rng, 5, 4)
    for ratio in (-0.1, 1.0, 1.5):
        expect.refused(lambda ratio=ratio: student.ReplayBatches(domain, replay, 2, ratio), f"ratio={ratio}")
    no_replay = Bilingual("replay without rows", "replay 一行也没有时")
    no_domain = Bilingual("a domain without rows", "domain 一行也没有时")
    expect.refused(lambda: student.ReplayBatches(domain, replay[:0], 2, 0.5), no_replay)
    expect.refused(lambda: student.ReplayBatches(domain[:0], replay, 2, 0.5), no_domain)


@pytest.mark.problem(
    "continued",
    points=1,
    rests_on=[
        "an order of its own, which depends on the seed only, not on PyTorch's global generator.",
        "The same arguments give the same batches, another seed gives others.",
        "a flat dict of plain values (int, float, str or bool), no tensors.",
        "the next batches are exactly those that would have come there, over the end of an epoch, too.",
    ],
    hint={
        "en": "A new ReplayBatches that loads the state of another should give exactly the batches that come next there: same rows, same order, in both sources, "
        "over the end of an epoch, too. The same seed always gives the same batches, another seed gives others.",
        "zh": "新建的 ReplayBatches 载入另一个的状态之后，接下来给出的各批应当与那一个完全相同：两个来源都是同样的行、同样的次序，跨过 epoch 的边界也一样。"
        "同一个种子总是给出同样的各批，换一个种子就不同。",
    },
)
def test_a_resumed_mixture_goes_on(student, rng):
    domain, replay = sources(rng, 17, 11)
    seed = int(rng.integers(1000))

    def new(seed: int) -> Handle:
        return student.ReplayBatches(domain, replay, 3, 0.4, seed=seed)

    first = new(seed)
    straight = [batch_of(first, 3, 5) for _ in range(40)]
    other = new(seed + 1)
    what = Bilingual("another seed gives the same batches", "换一个种子，给出的各批还是一样")
    expect.that(any(not torch.equal(batch_of(other, 3, 5), rows) for rows in straight[:8]), what)
    for stop in (0, 1, 4, 9, 23):
        student.new("torch:manual_seed", stop)  # whoever draws from the global generator sees others
        again = new(seed)
        for done in range(stop):
            what = Bilingual(f"batch {done} of the same seed", f"种子相同时的第 {done} 批（从 0 数起）")
            expect.equal(batch_of(again, 3, 5), straight[done], what=what)
        state = again.state_dict()
        expect.that(isinstance(state, dict), A_DICT)
        what = Bilingual("a state should consist of plain values", "状态应当只由普通的值组成")
        expect.that(all(type(value) in (int, float, str, bool) for value in state.values()), what)
        resumed = new(seed)
        resumed.load_state_dict(state)
        for done in range(stop, min(stop + 20, 40)):
            what = Bilingual(
                f"batch {done}, resumed after {stop}", f"{stop} 批之后恢复，接下来的第 {done} 批（从 0 数起）"
            )
            expect.equal(batch_of(resumed, 3, 5), straight[done], what=what)


SEVEN_LOSSES = Bilingual(
    "continue_pretraining should return the loss of each of the 7 updates, as floats",
    "continue_pretraining 应当返回 7 次更新各自的损失，类型为 float",
)
CONFIG = {"steps": 7, "max_lr": 0.2, "min_lr": 0.05, "last_lr": 0.01, "warmup": 3, "max_norm": 0.4}


def losses_here(model: nn.Sequential, rows: Tensor) -> Tensor:
    """The losses of seven updates as CONFIG wants them; what requires no gradient stays."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.0, betas=(0.9, 0.95), weight_decay=0.0)
    losses = []
    for step in range(7):
        falling = 0.05 + 0.15 * (1 + math.cos(math.pi * (step - 3) / 4)) / 2
        optimizer.param_groups[0]["lr"] = 0.01 + 0.19 * (step + 1) / 3 if step < 3 else falling
        optimizer.zero_grad()
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 0.4)
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64)


@pytest.mark.problem(
    "continued",
    points=1,
    rests_on=[
        "Each of the config.steps updates takes one batch, and no update reads more. The loss is the mean over all "
        "targets of the batch, in nats.",
        "Update number `step` has the rate of rewarmed_lr, with config's values and total = config.steps.",
        "AdamW with betas (0.9, 0.95), no weight decay and PyTorch's other defaults.",
        "Gradients are clipped by their global norm at config.max_norm.",
        "Parameters that require no gradient stay as they are.",
        "In every update the model is in train mode, whatever mode it came in or after_step left.",
        "The loss of each update, before it, as floats. After each update after_step(step, loss) is called, if "
        "given, with its number, counted from 0, and that loss.",
        ") -> list[float]:",
    ],
    tolerance=1e-4,
    hint={
        "en": "The updates of continue_pretraining are not those of the docstring. Is what is frozen still as it was? Is the model in train mode? Does each update have its own "
        "rate? Are the old gradients gone, and the new ones clipped? Which betas, which weight decay?",
        "zh": "continue_pretraining 的更新与文档字符串（docstring）不符。冻结的参数还是原样吗？模型在训练模式吗？每次更新都用自己的学习率吗？旧梯度清掉了吗，新梯度裁剪了吗？betas 和 weight decay 是多少？",
    },
)
def test_the_updates_are_those_asked_for(student, rng):
    rows = tokens(rng, 11, 1, 9).expand(4, 9).contiguous()  # all rows the same: so is each batch, in any order
    config = student.ContinueConfig(**CONFIG)
    for frozen in ("2", "0"):
        state = random_state(rng, 11)
        model, here = pairs_model(student, state)
        model.get(frozen).requires_grad_(False)
        here[int(frozen)].requires_grad_(False)
        model.eval()
        log = student.new("collections:UserDict")
        batches = student.ReplayBatches(rows, rows[:0], 4, 0.0)
        losses = student.continue_pretraining(model, batches, config, after_step=log.get("setdefault"))
        floats = isinstance(losses, list) and len(losses) == 7 and all(isinstance(loss, float) for loss in losses)
        expect.that(floats, SEVEN_LOSSES)
        expected = losses_here(here, rows)
        # Seven updates of AdamW in float32: the losses are within 3e-7, the weights within 2e-6.
        expect.close(
            torch.tensor(losses), expected, what=Bilingual("the losses of 7 updates", "7 次更新的损失"), atol=1e-4
        )
        found = model.state_dict()
        for name, value in here.state_dict().items():
            if name.startswith(frozen):
                what = Bilingual(f"{name}, which is frozen", f"{name}（已冻结）")
                expect.equal(found.get(name), state[name], what=what)
            else:
                what = Bilingual(f"{name} after 7 updates", f"7 次更新之后的 {name}")
                expect.close(found.get(name), value, what=what, atol=1e-4)
        what = Bilingual("what after_step was called with", "after_step 收到的参数")
        expect.equal(student.new("builtins:list", log.items()), list(enumerate(losses)), what=what)
    model, _ = pairs_model(student, random_state(rng, 11), dropout=1.0)
    bias = model.state_dict()["2.bias"]
    model.eval()
    losses = student.continue_pretraining(model, student.ReplayBatches(rows, rows[:0], 4, 0.0), config)
    expected = F.cross_entropy(bias.expand(8, 11), rows[0, 1:]).item()
    what = Bilingual(
        "the first loss of a model that came in eval mode and has dropout",
        "调用前处于 eval 模式、带 dropout 的模型的第一个损失",
    )
    expect.close(losses[0], expected, what=what, atol=1e-4)


# --- two languages ---------------------------------------------------------------------------------------------------

VOCABULARY = 30


def language(rng: Rng, alphabet: range) -> Tensor:
    """(V, V): the chances of the next token. After each token of the alphabet, three others of it are likely."""
    chances = torch.zeros(VOCABULARY, VOCABULARY, dtype=torch.float64)
    for token in alphabet:
        likely = rng.choice(list(alphabet), 3, replace=False)
        chances[token, list(alphabet)] = 0.1 / len(alphabet)
        chances[token, likely] += torch.tensor([0.5, 0.3, 0.1], dtype=torch.float64)
    return chances


def written(rng: Rng, chances: Tensor, n_rows: int, length: int) -> Tensor:
    """Rows of a language, (n_rows, length)."""
    alphabet = torch.nonzero(chances.sum(1))[:, 0].numpy()
    bounds = chances.cumsum(1).numpy()
    rows = np.empty((n_rows, length), dtype=np.int64)
    rows[:, 0] = rng.choice(alphabet, n_rows)
    for step in range(1, length):
        draws = rng.random((n_rows, 1))
        rows[:, step] = np.minimum((bounds[rows[:, step - 1]] < draws).sum(1), alphabet[-1])
    return torch.from_numpy(rows)


def bits(model: nn.Sequential, rows: Tensor) -> float:
    """Bits per token."""
    with torch.no_grad():
        return F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten()).item() / math.log(2)


def pretrained(rng: Rng, rows: Tensor) -> nn.Sequential:
    """A table of pairs, of rank 12, that knows the language of `rows`."""
    model = nn.Sequential(nn.Embedding(VOCABULARY, 12), nn.Dropout(0.0), nn.Linear(12, VOCABULARY))
    model.load_state_dict(random_state(rng, VOCABULARY, 12, scale=0.3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(150):
        optimizer.zero_grad()
        F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten()).backward()
        optimizer.step()
    return model


@pytest.mark.problem(
    "continued",
    points=1,
    rests_on=[
        "Each of the config.steps updates takes one batch, and no update reads more. The loss is the mean over all "
        "targets of the batch, in nats.",
        "Update number `step` has the rate of rewarmed_lr, with config's values and total = config.steps.",
        "After every batch the replay rows so far are `ratio` of all rows so far, rounded.",
        "targets[:, t] is the token after inputs[:, t].",
    ],
    tolerance=0.02,
    hint={
        "en": "A model that knew one small language was continued by your code on a second one, with a third of replay. Judged by its weights on text that it has not seen, it has "
        "either not learnt the second or lost the first. Does the replay reach the updates? Is every batch trained on, once?",
        "zh": "一个已经会一种小语言的模型，用你的代码在第二种语言上继续预训练，其中三分之一是回放。用它的权重在没见过的文本上评判：它要么没学会第二种，要么丢了第一种。"
        "回放真的进入了更新吗？每一批都训练了，而且只训练一次吗？",
    },
)
def test_it_gains_and_forgets_little(student, rng):
    first, second = language(rng, range(20)), language(rng, range(10, 30))
    old, new = written(rng, first, 400, 17), written(rng, second, 400, 17)
    old_held_out, new_held_out = written(rng, first, 200, 17), written(rng, second, 200, 17)
    here = pretrained(rng, old)
    model, _ = pairs_model(student, {name: value.clone() for name, value in here.state_dict().items()})
    before = bits(here, old_held_out), bits(here, new_held_out)
    config = student.ContinueConfig(steps=150, max_lr=0.03, min_lr=0.003, last_lr=0.0, warmup=15, max_norm=1.0)
    student.continue_pretraining(model, student.ReplayBatches(new, old, 9, 1 / 3, seed=3), config)
    state = model.state_dict()
    expect.that(isinstance(state, dict), A_DICT)
    for name, value in here.state_dict().items():
        what = Bilingual(f"{name} of the continued model", f"继续预训练之后模型的 {name}")
        expect.tensor(state.get(name), value.shape, what=what)
    here.load_state_dict({name: state[name].float() for name in here.state_dict()})
    gain, forgetting = before[1] - bits(here, new_held_out), bits(here, old_held_out) - before[0]
    infinite = Bilingual(
        "the continued model has weights that are not finite", "继续预训练之后，模型的权重里出现了无穷大或 NaN"
    )
    too_little = Bilingual(
        f"the second language gains {gain:.2f} bits per token: too little",
        f"第二种语言每个 token 的收益是 {gain:.2f} 比特：太少",
    )
    too_much = Bilingual(
        f"the first language loses {forgetting:.2f} bits per token: too much",
        f"第一种语言每个 token 的遗忘是 {forgetting:.2f} 比特：太多",
    )
    expect.that(math.isfinite(gain + forgetting), infinite)
    expect.that(gain > 4.0, too_little)
    expect.that(forgetting < 1.8, too_much)
