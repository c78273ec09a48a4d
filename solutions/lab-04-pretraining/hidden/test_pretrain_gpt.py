"""Hidden tests of lab 04, pretrain_gpt. The references are transformers' GPT-2, PyTorch's own loss, optimiser and clipping in
float64, closed forms, and counts of pairs of bytes; none comes from the solution.

The loop is tried on small models of PyTorch's own parts, so that a mistake in GPT costs no points there. Tolerances were
measured over 10 secrets, with 1 and 2 threads on this side; where the default of `expect.close` (1e-5 absolute plus 1e-5
relative) is not used, the comment beside it says what was measured.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from autograder.grading import expect
from autograder.grading.leaderboard import Leaderboard
from autograder.grading.student import Handle, Student, StudentError
from labkit.i18n import Bilingual

Rng = np.random.Generator
State = dict[str, Tensor]

IGNORE = -100


def normal(rng: Rng, *shape: int) -> Tensor:
    """Standard normal values, float32."""
    return torch.from_numpy(rng.standard_normal(shape)).float()


def tokens(rng: Rng, vocabulary: int, *shape: int) -> Tensor:
    return torch.from_numpy(rng.integers(0, vocabulary, shape))


def refuses(call: Callable[[], Any], what: str) -> None:
    """The call must raise ValueError."""
    try:
        call()
    except StudentError as error:
        expect.that(error.type == "ValueError", f"{what} should raise ValueError, but raises {error.type}")
    else:
        expect.that(False, f"{what} should raise ValueError, but raises nothing")


# --- 1. gpt-model ---------------------------------------------------------------------------------------------------

SIZES = {"vocab_size": 37, "n_positions": 13, "n_layers": 3, "n_heads": 5, "d_model": 30}


def library_model(sizes: dict[str, int]) -> GPT2LMHeadModel:
    """transformers' GPT-2 in float64, with zeros for weights, without dropout."""
    config = GPT2Config(
        vocab_size=sizes["vocab_size"], n_positions=sizes["n_positions"], n_layer=sizes["n_layers"],
        n_head=sizes["n_heads"], n_embd=sizes["d_model"], resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        bos_token_id=None, eos_token_id=None, use_cache=False,
    )  # fmt: skip
    return GPT2LMHeadModel(config).double().eval()


def transposed(state: State) -> State:
    """nn.Linear's weights as those of transformers' Conv1D, and back."""
    return {name: value.T if ".c_" in name and value.dim() == 2 else value for name, value in state.items()}


def random_gpt(student: Student, rng: Rng) -> tuple[Handle, GPT2LMHeadModel]:
    """The student's GPT and transformers' GPT-2 with the same weights, of a size that tells any two apart."""
    library = library_model(SIZES)
    state = {
        name: 0.3 * normal(rng, *value.shape) for name, value in transposed(library.transformer.state_dict()).items()
    }
    library.transformer.load_state_dict(transposed(state))
    gpt = student.GPT(student.GPTConfig(**SIZES))
    gpt.load_state_dict(state)
    return gpt, library


@pytest.mark.problem(
    "gpt-model",
    points=3,
    tolerance=1e-3,
    hint={
        "en": "With the same weights, your logits are not those of transformers' GPT-2. Which columns of c_attn belong to which head? What may a "
        "token see? What happens between the last block and the logits?",
        "zh": "权重相同，你的 logits 却与 transformers 的 GPT-2 不同。c_attn 的哪些列属于哪个头？一个 token 能看到什么？最后一个 Block 和 logits 之间还有什么？",
    },
)
def test_logits_and_gradients_are_those_of_gpt2(student, rng):
    gpt, library = random_gpt(student, rng)
    for length in (7, 13, 1):
        ids = tokens(rng, 37, 3, length)
        with torch.no_grad():
            expected = library(ids).logits
        # Logits up to 30: the reference is within 3e-5.
        expect.close(gpt(ids), expected, what=f"the logits of {length} tokens", atol=1e-3)
    refuses(lambda: gpt(tokens(rng, 37, 3, 14)), "14 tokens where there are 13 positions")
    ids, cotangent = tokens(rng, 37, 3, 7), normal(rng, 3, 7, 37)
    student.vjp(gpt, [ids], cotangent, wrt=[])
    library(ids).logits.backward(cotangent.double())
    wanted = transposed({name: parameter.grad for name, parameter in library.transformer.named_parameters()})
    found = gpt.grads()
    for name, gradient in wanted.items():
        expect.close(found.get(name), gradient, what=f"the gradient for {name}", atol=1e-2, rtol=1e-3)


@pytest.mark.problem(
    "gpt-model",
    points=2,
    tolerance=1e-3,
    hint={
        "en": "The weights of a new GPT do not have the standard deviations that the docstring asks for. Look at each kind of them: embeddings, "
        "matrices, those that write into the residual stream, biases.",
        "zh": "新建的 GPT，权重的标准差与 docstring 的要求不符。逐类检查：嵌入、各个矩阵、写入残差流的矩阵、偏置。",
    },
)
def test_a_new_model_begins_as_gpt2_does(student, rng):
    layers = 3
    gpt = student.GPT(student.GPTConfig(vocab_size=211, n_positions=97, n_layers=layers, n_heads=5, d_model=90))
    into_the_stream = 0.02 / math.sqrt(2 * layers)
    # 8,100 draws or more: the standard deviation of a matrix is within 2 % of what was asked for.
    for name, std in {
        "h.0.attn.c_proj": into_the_stream, "h.2.mlp.c_proj": into_the_stream, "h.1.attn.c_attn": 0.02,
        "h.2.mlp.c_fc": 0.02, "wte": 0.02, "wpe": 0.02,
    }.items():  # fmt: skip
        expect.close(gpt.get(f"{name}.weight.std")(), std, what=f"the standard deviation of {name}.weight", atol=1e-3)
    state = gpt.state_dict()
    expect.that(isinstance(state, dict), "state_dict() should be a dict")
    for name, value in state.items():
        if value.dim() == 1:
            expect.close(value, torch.full(value.shape, float(name.endswith("weight"))), what=f"{name} at the start")


@pytest.mark.problem(
    "gpt-model",
    points=2,
    hint={
        "en": "What generate writes is wrong. At temperature 0 it is the likeliest token each time, after the last `context` tokens only; else a draw from "
        "softmax(logits / temperature), from a generator of its own. Dropout is for training: in which mode is the model meanwhile, and in which afterwards?",
        "zh": "generate 写出来的不对。温度为 0 时，每次取最可能的 token，而且只看最后 `context` 个；否则从 softmax(logits / temperature) 中抽样，随机数取自它自己的发生器。"
        "dropout 是训练时用的：生成时模型处在什么模式，之后又是什么模式？",
    },
)
def test_generated_tokens_follow_the_model(student, rng):
    gpt, library = random_gpt(student, rng)
    ids = tokens(rng, 37, 3, 4)
    for context in (13, 5):
        expected = ids
        with torch.no_grad():
            for _ in range(15):
                likeliest = library(expected[:, -context:]).logits[:, -1].argmax(-1, keepdim=True)
                expected = torch.cat([expected, likeliest], dim=1)
        result = student.generate(gpt, ids, 15, context, temperature=0)
        expect.equal(result, expected, what=f"generate at temperature 0 with a context of {context}")

    model, here = pairs_model(student, rng, 7, dropout=1.0)
    ids = torch.full((3000, 1), 2)
    student.new("torch:manual_seed", 5)
    draws = student.generate(model, ids, 1, 4, temperature=0.6, seed=3)
    expect.tensor(draws, (3000, 2), torch.int64, "generate")
    with torch.no_grad():
        wanted = 3000 * (here(ids[:1]) / 0.6).softmax(-1)[0, 0]
    counts = torch.bincount(draws[:, 1].clamp(0, 6), minlength=7)
    # Chi-square with 6 degrees of freedom: above 50 once in 10^8.
    expect.that(
        float(((counts - wanted) ** 2 / wanted).sum()) < 50, "the draws do not follow softmax(logits / temperature)"
    )
    expect.close(student.new("torch:rand", 5), torch.rand(5, generator=torch.Generator().manual_seed(5)),
                 what="PyTorch's global random generator after generate")  # fmt: skip
    expect.equal(student.generate(model, ids, 1, 4, temperature=0.6, seed=3), draws, what="generate with the same seed")
    expect.close(
        model(ids[:1]), dropped(here)(ids[:1]).detach(), what="the model after generate, which was in train mode"
    )


# --- 2. gpt-loop ----------------------------------------------------------------------------------------------------


def pairs_model(student: Student, rng: Rng, vocabulary: int, dropout: float = 0.0) -> tuple[Handle, nn.Sequential]:
    """A model of pairs of tokens in the sandbox, in train mode, and the same here in float64, in eval mode.

    Dropout of 1.0 leaves nothing in train mode: the logits are the bias, and no chance is in them.
    """
    here = nn.Sequential(nn.Embedding(vocabulary, 5), nn.Dropout(dropout), nn.Linear(5, vocabulary))
    state = {name: normal(rng, *value.shape) for name, value in here.state_dict().items()}
    here.load_state_dict(state)
    model = student.new(
        "torch.nn:Sequential",
        student.new("torch.nn:Embedding", vocabulary, 5),
        student.new("torch.nn:Dropout", dropout),
        student.new("torch.nn:Linear", 5, vocabulary),
    )
    model.load_state_dict(state)
    return model, here.double().eval()


def dropped(model: nn.Sequential) -> nn.Sequential:
    """What the model is in train mode when its dropout is 1.0."""
    return nn.Sequential(model[0], nn.Dropout(1.0), model[2])


def optimizer_of(student: Student, kind: str, *models: Handle, **options: Any) -> Handle:
    """An optimiser in the sandbox, with a group per model: its parameters must not leave the sandbox on their way."""
    parameters = student.new("operator:methodcaller", "parameters")
    groups = [{"params": generator} for generator in student.new("builtins:map", parameters, [*models])]
    return student.new(f"torch.optim:{kind}", groups, **options)


def ragged(rng: Rng, vocabulary: int, shapes: list[tuple[int, int]]) -> list[tuple[Tensor, Tensor]]:
    """Micro-batches of several shapes; of their targets, every third or so does not count, and of the last most."""
    pairs = []
    for index, shape in enumerate(shapes):
        targets = tokens(rng, vocabulary, *shape)
        targets[torch.from_numpy(rng.random(shape) < (0.8 if index == len(shapes) - 1 else 0.3))] = IGNORE
        targets[0, 0] = 1
        pairs.append((tokens(rng, vocabulary, *shape), targets))
    return pairs


def full_loss(model: nn.Module, pairs: list[tuple[Tensor, Tensor]]) -> Tensor:
    """The mean over all targets that count, of all pairs at once."""
    logits = torch.cat([model(inputs).flatten(0, 1) for inputs, _ in pairs])
    return F.cross_entropy(logits, torch.cat([targets.flatten() for _, targets in pairs]), ignore_index=IGNORE)


@pytest.mark.problem(
    "gpt-loop",
    points=2,
    tolerance=1e-4,
    hint={
        "en": "Inputs and targets, or the loss, are wrong: one shift, and only in inputs_and_targets; the mean over the targets that count and over no "
        "others; logits may be in the thousands; and a batch in which nothing counts has loss 0.",
        "zh": "输入与目标，或者损失不对：只错开一位，而且只在 inputs_and_targets 里；只对有效的目标取平均；logits 可能上千；没有任何有效目标时损失为 0。",
    },
)
def test_the_loss_of_shifted_targets(student, rng):
    rows = tokens(rng, 11, 3, 8)
    pair = student.inputs_and_targets(rows)
    expect.that(isinstance(pair, (tuple, list)) and len(pair) == 2, "inputs_and_targets should give two tensors")
    expect.equal(pair[0], rows[:, :-1], what="the inputs")
    expect.equal(pair[1], rows[:, 1:], what="the targets")
    for scale in (1.0, 1000.0):
        logits, targets = scale * normal(rng, 3, 7, 11), tokens(rng, 11, 3, 7)
        for ignored in (IGNORE, 4):
            targets[torch.from_numpy(rng.random((3, 7)) < 0.4)] = ignored
            targets[0, 0] = 3
            leaf = logits.double().requires_grad_()
            expected = F.cross_entropy(leaf.flatten(0, 1), targets.flatten(), ignore_index=ignored)
            expected.backward()
            loss, [gradient] = student.vjp("cross_entropy", [logits, targets], None, ignore_index=ignored)
            what = f"with ignore_index={ignored} and logits of about {scale:g}"
            expect.close(loss, expected.detach(), what=f"the loss {what}", atol=1e-4, rtol=1e-4)
            expect.close(gradient, leaf.grad, what=f"the gradient {what}")
            targets = targets.clamp(min=0)
    loss, [gradient] = student.vjp("cross_entropy", [normal(rng, 2, 3, 11), torch.full((2, 3), IGNORE)], None)
    expect.close(loss, torch.tensor(0.0), what="the loss where nothing counts")
    expect.close(gradient, torch.zeros(2, 3, 11), what="the gradient where nothing counts")


@pytest.mark.problem(
    "gpt-loop",
    points=1,
    hint={
        "en": "bits_per_byte is wrong: bits, not nats; all predicted tokens together, for each byte of the text and not for each token; in eval mode, and "
        "afterwards in the mode before.",
        "zh": "bits_per_byte 不对：单位是比特而不是 nat；是所有被预测 token 的总和除以文本的字节数，而不是除以 token 数；在 eval 模式下计算，之后恢复原来的模式。",
    },
)
def test_bits_per_byte_of_a_text(student, rng):
    model, here = pairs_model(student, rng, 13, dropout=1.0)
    for rows, n_bytes in ((5, 111), (37, 500)):  # more rows than a batch, and no multiple of one
        ids = tokens(rng, 13, rows, 8)
        with torch.no_grad():
            nats = F.cross_entropy(here(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten(), reduction="sum")
        # Sums of 300 float32 losses: the reference is within 1e-6.
        result = student.bits_per_byte(model, ids, n_bytes)
        expect.close(result, float(nats) / math.log(2) / n_bytes, what="bits_per_byte", atol=1e-4)
    ids = tokens(rng, 13, 2, 3)
    expect.close(model(ids), dropped(here)(ids).detach(), what="the model after bits_per_byte, which was in train mode")
    model.eval()
    student.bits_per_byte(model, ids, 5)
    expect.close(model(ids), here(ids).detach(), what="the model after bits_per_byte, which was in eval mode")


@pytest.mark.problem(
    "gpt-loop",
    points=1,
    hint={
        "en": "The learning rate is not that of the docstring. Write down by hand what steps 0, warmup - 1, warmup, the middle of the decay, total - 1 and total get.",
        "zh": "学习率与 docstring 不符。把第 0、warmup - 1、warmup、衰减中点、total - 1、total 步各应得到多少，亲手写下来。",
    },
)
def test_the_learning_rate_of_every_step(student, rng):
    for warmup, total in ((5, 23), (0, 7), (1, 11), (7, 7)):
        max_lr, min_lr = float(rng.uniform(1, 2)), float(rng.uniform(0.1, 0.5))
        rates = [student.lr_schedule(step, max_lr, warmup, total, min_lr) for step in range(total + 3)]
        expect.that(all(isinstance(rate, (int, float)) for rate in rates), "lr_schedule should return a number")
        # The two lines and the arc, by NumPy.
        up = max_lr * np.linspace(0, 1, warmup + 1)[1:]
        angles = np.linspace(0, np.pi, total - warmup + 1)[:-1]
        down = (max_lr + min_lr) / 2 + (max_lr - min_lr) / 2 * np.cos(angles)
        expected = torch.from_numpy(np.concatenate([up, down, np.full(3, min_lr)]))
        what = f"lr_schedule with warmup={warmup} and total={total}"
        expect.close(torch.tensor(rates, dtype=torch.float64), expected, what=what)


@pytest.mark.problem(
    "gpt-loop",
    points=1,
    hint={
        "en": "The groups for AdamW hold the wrong parameters. Count the dimensions of each, not the letters of its name; what is used twice is there once; "
        "what is frozen is not there.",
        "zh": "给 AdamW 的参数组不对。要看每个参数有几维，而不是它叫什么名字；用了两次的只出现一次；冻结的不出现。",
    },
)
def test_matrices_decay_and_vectors_do_not(student, rng):
    shared = student.new("torch.nn:Linear", 6, 6)
    frozen = student.new("torch.nn:Linear", 6, 6)
    frozen.requires_grad_(False)
    parts = [student.new("torch.nn:Embedding", 7, 6), student.new("torch.nn:LayerNorm", 6), shared, frozen, shared,
             student.new("torch.nn:Conv1d", 6, 5, 3)]  # fmt: skip
    model = student.new("torch.nn:Sequential", *parts)
    state = {name: normal(rng, *value.shape) for name, value in model.state_dict().items() if not name.startswith("4")}
    model.load_state_dict(state | {f"4.{kind}": state[f"2.{kind}"] for kind in ("weight", "bias")})
    groups = student.parameter_groups(model, 0.3)
    expect.that(
        isinstance(groups, list) and len(groups) == 2 and all(isinstance(group, dict) for group in groups),
        "parameter_groups should give a list of two dicts",
    )
    trained = [value for name, value in state.items() if not name.startswith("3")]
    for group, decay, wanted in (
        (groups[0], 0.3, [value for value in trained if value.dim() >= 2]),
        (groups[1], 0.0, [value for value in trained if value.dim() == 1]),
    ):
        expect.close(group.get("weight_decay"), decay, what="weight_decay of a group")
        found = group.get("params")
        expect.that(isinstance(found, list), "params should be a list of parameters")
        shapes = sorted(tuple(value.shape) for value in found)
        expect.equal(shapes, sorted(tuple(value.shape) for value in wanted), what="the shapes in a group")
        expect.close(_sum(found), _sum(wanted), what="the sum of the parameters of a group", atol=1e-4)


def _sum(tensors: list[Tensor]) -> float:
    return float(sum(value.double().sum() for value in tensors))


@pytest.mark.problem(
    "gpt-loop",
    points=2,
    tolerance=1e-4,
    hint={
        "en": "Several ragged micro-batches do not make the update of one batch of them all. Is every target that counts worth the same? Are the gradients of "
        "the previous update cleared? Does every group have the rate of THIS update? Is the model in train mode? Is the loss that before the update?",
        "zh": "几个大小不一的微批，没有得到与合成一大批相同的更新。每个有效目标的分量一样吗？上一次更新的梯度清掉了吗？每个参数组用的都是这一次的学习率吗？模型在训练模式吗？返回的是更新之前的损失吗？",
    },
)
def test_accumulation_is_the_full_batch(student, rng):
    model, here = pairs_model(student, rng, 11)
    embedding, _, linear = (model.get(str(index)) for index in range(3))
    optimizer = optimizer_of(student, "SGD", embedding, linear, lr=0.7)
    reference = torch.optim.SGD(here.parameters(), lr=0.0)
    for lr in (0.3, 0.1, 0.4):
        pairs = ragged(rng, 11, [(2, 7), (5, 3), (1, 9)])
        reference.param_groups[0]["lr"] = lr
        reference.zero_grad()
        expected = full_loss(here, pairs)
        expected.backward()
        norm = torch.nn.utils.get_total_norm([parameter.grad for parameter in here.parameters()])
        reference.step()
        loss, grad_norm = student.train_step(model, optimizer, pairs, lr, math.inf)
        expect.close(loss, expected.item(), what="the loss of train_step", atol=1e-4)
        expect.close(grad_norm, float(norm), what="the norm of the gradients", atol=1e-4)
        state = model.state_dict()
        for name, value in here.state_dict().items():
            expect.close(state.get(name), value, what=f"{name} after an update with lr={lr}", atol=1e-4)

    model, here = pairs_model(student, rng, 11, dropout=1.0)
    model.eval()
    pairs = ragged(rng, 11, [(2, 7), (5, 3)])
    loss, _ = student.train_step(model, optimizer_of(student, "SGD", model, lr=0.1), pairs, 0.1, math.inf)
    with torch.no_grad():
        expected = full_loss(dropped(here), pairs)
    expect.close(loss, float(expected), what="the loss of train_step for a model that came in eval mode", atol=1e-4)

    model, here = pairs_model(student, rng, 11)
    optimizer = optimizer_of(student, "SGD", model, lr=0.1)
    inputs, targets = tokens(rng, 11, 2, 7), torch.full((2, 7), IGNORE)
    loss, _ = student.train_step(model, optimizer, [(inputs, targets)], 0.1, math.inf)
    expect.close(loss, 0.0, what="the loss of train_step where no target counts", atol=1e-4)
    targets[1, 3] = 5
    with torch.no_grad():
        expected = full_loss(here, [(inputs, targets)])
    loss, _ = student.train_step(model, optimizer, [(inputs, targets)], 0.1, math.inf)
    expect.close(loss, float(expected), what="the loss of train_step where one target counts", atol=1e-4)


@pytest.mark.problem(
    "gpt-loop",
    points=1,
    tolerance=1e-4,
    hint={
        "en": "Clipping is wrong. One norm, of all gradients together; only gradients that are too large change, and all by one factor; what comes back is the norm before.",
        "zh": "裁剪不对。只有一个范数，是所有梯度合在一起的；只有过大时才改，而且全部乘同一个因子；返回的是裁剪前的范数。",
    },
)
def test_clipping_only_ever_shrinks(student, rng):
    model, here = pairs_model(student, rng, 11)
    cotangent, ids = normal(rng, 3, 7, 11), tokens(rng, 11, 3, 7)
    here(ids).backward(cotangent.double())
    gradients = {name: parameter.grad for name, parameter in here.named_parameters()}
    norm = float(sum(gradient.pow(2).sum() for gradient in gradients.values())) ** 0.5
    for ratio in (3.0, 0.4, math.inf):
        model.zero_grad()
        student.vjp(model, [ids], cotangent, wrt=[])
        result = student.clip_gradients(model, ratio * norm)
        expect.close(result, norm, what="what clip_gradients returns", rtol=1e-4)
        expect.that(isinstance(result, (int, float)), "clip_gradients should return a number, not a tensor")
        found = model.grads()
        for name, gradient in gradients.items():
            expected = gradient * min(1.0, ratio)
            expect.close(
                found.get(name), expected, what=f"the gradient for {name} after clipping", atol=1e-4, rtol=1e-4
            )
    pairs = ragged(rng, 11, [(2, 7), (2, 7)])[:1]  # not the last, of which hardly a target counts
    before = model.state_dict()
    student.train_step(model, optimizer_of(student, "SGD", model, lr=1.0), pairs, 1.0, 0.01)
    after = model.state_dict()
    moved = float(sum((after[name] - before[name]).double().pow(2).sum() for name in gradients)) ** 0.5
    # The step is rounded in weights of about 1: 1e-7 each.
    expect.close(moved, 0.01, what="the length of a clipped update with lr=1", atol=1e-4)


def run_here(model: nn.Module, batches: Handle) -> Tensor:
    """Loss, norm of the gradients and rate of nine updates with plain SGD, two batches each: (9, 3).

    The rate rises over three of them to 0.5, and falls to 0.05.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    rows = []
    for step in range(9):
        lr = 0.5 * (step + 1) / 3 if step < 3 else 0.05 + 0.45 * (1 + math.cos(math.pi * (step - 3) / 6)) / 2
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        loss = full_loss(model, [batches.next_batch() for _ in range(2)])
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        rows.append([loss.item(), norm.item(), lr])
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.problem(
    "gpt-loop",
    points=2,
    hint={
        "en": "A run that stops, is saved, and goes on in new objects should end with the same weights, bit for bit, as a run that never stopped. What else moves on during a "
        "run: the optimiser's averages, the place in the data, the random generator of dropout, the step that sets the rate? And "
        "if the process dies while a checkpoint is written, is the one before still whole?",
        "zh": "中途停下、存盘、再用新建的对象接着跑，最后的权重应与从未中断的那次逐比特相同。训练过程中还有什么在变：优化器的滑动平均、数据读到哪里、dropout 的随机数、决定学习率的步数？还有，写检查点写到一半进程死掉，上一个检查点还完好吗？",
    },
)
def test_a_resumed_run_is_the_same_to_the_bit(student, rng):
    text, place = tokens(rng, 11, 500), f"/tmp/{rng.integers(10**9)}.pt"
    config = student.TrainConfig(steps=9, max_lr=0.5, min_lr=0.05, warmup=3, accumulation=2, max_norm=0.5)
    model, here = pairs_model(student, rng, 11)
    after_step = student.new("builtins:eval", "lambda *values, rows=[]: rows.append(values) or rows")
    parts = (model, optimizer_of(student, "SGD", model, lr=9.0), student.Batches(text, 3, 7, 5), config)
    losses = student.train(*parts, after_step=after_step)
    expect.that(isinstance(losses, list) and len(losses) == 9, "train should return the loss of each of the 9 updates")
    expected = run_here(here, student.Batches(text, 3, 7, 5))
    # Nine updates in float32: the reference is within 2e-6.
    expect.close(torch.tensor(losses), expected[:, 0], what="the losses of a run of 9 updates", atol=1e-4)
    *rows, _ = after_step()  # of the calls before this one
    expect.equal([len(row) for row in rows], 9 * [4], what="the number of values that after_step is given")
    logged = torch.cat([torch.arange(9.0).unsqueeze(1), expected], dim=1)
    found = torch.tensor(rows, dtype=torch.float64)
    expect.close(found, logged, what="what after_step is given in a run of 9 updates", atol=1e-4)

    # A save that dies half way, here because a generator cannot be pickled, must leave the file before it as it was.
    unwritable = student.new("builtins:eval", "lambda: {'weight': (0 for _ in ())}")
    student.save_checkpoint(place, *parts[:3], 9)
    with suppress(StudentError):
        student.save_checkpoint(place, student.new("types:SimpleNamespace", state_dict=unwritable), *parts[1:3], 9)
    try:
        kept = student.load_checkpoint(place, *parts[:3]) is not None
    except StudentError:
        kept = False  # told at the end: that a run is resumed right comes first

    def parts_of_a_run(seed: int) -> tuple[Handle, Handle, Handle]:
        """A model, its optimiser and its data, as at the start of a run."""
        model, _ = pairs_model(student, np.random.default_rng(seed), 11, dropout=0.4)
        student.new("torch:manual_seed", seed)
        return model, optimizer_of(student, "AdamW", model, weight_decay=0.1), student.Batches(text, 3, 7, 5)

    whole = parts_of_a_run(1)
    losses = student.train(*whole, config)
    first = parts_of_a_run(1)
    head = student.train(*first, config, stop=6)
    expect.equal(head, losses[:6], what="the losses of a run that stops after 6 of 9 updates")
    student.save_checkpoint(place, *first, 6)
    second = parts_of_a_run(2)
    done = student.load_checkpoint(place, *second)
    expect.equal(done, 6, what="what load_checkpoint returns")
    expect.equal(student.train(*second, config, start=done), losses[6:], what="the losses after resuming")
    resumed, straight = second[0].state_dict(), whole[0].state_dict()
    for name, value in straight.items():
        expect.equal(resumed[name], value, what=f"{name} at the end of a resumed run")
    expect.that(kept, "after a save that failed half way, the checkpoint before it can no longer be loaded")
    harmful = {"model": student.new("functools:partial", student.new("operator:methodcaller", "clear"))}
    student.new("torch:save", harmful, place)
    try:
        student.load_checkpoint(place, *second)
    except StudentError as error:
        expect.that(
            error.type == "UnpicklingError",
            f"a file with a function in it should be refused while it is read, but raises {error.type}",
        )
    else:
        expect.that(False, "a file with a function in it should be refused while it is read")


# --- a trained model ------------------------------------------------------------------------------------------------

ONSETS, VOWELS = "bdfgklmnprstvz", "aeiou"


class Language:
    """A small language whose words and endings are drawn anew: sentences whose verb agrees with a noun some words before.

    A model of pairs of letters knows which letter follows which; to do better one has to know the words.
    """

    def __init__(self, rng: Rng) -> None:
        words = {
            "".join(rng.choice(list(letters)) for letters in (ONSETS, VOWELS) * 3)[: rng.integers(4, 7)]
            for _ in range(40)
        }
        words = rng.permutation(sorted(words))
        self.nouns, self.verbs, self.colours = words[:8], words[8:13], words[13:17]
        self.rng = rng

    def sentence(self) -> str:
        draw = self.rng.choice
        kind = self.rng.integers(2)
        subject = draw(self.nouns[kind::2]) + ("", "ka")[kind]
        return f"{draw(self.colours)} {subject} {draw(self.verbs)}{('o', 'iu')[kind]} {draw(self.colours)} {draw(self.nouns)}. "

    def text(self, n_bytes: int) -> bytes:
        text = ""
        while len(text) < n_bytes:
            text += self.sentence()
        return text.encode("ascii")[:n_bytes]


def bits_by_pairs(training: bytes, text: bytes) -> float:
    """Bits per byte of `text`, by the counts of pairs of bytes in `training`; every pair counts 0.1 more."""
    counts = np.full((128, 128), 0.1)
    np.add.at(counts, (list(training[:-1]), list(training[1:])), 1)
    chances = counts / counts.sum(1, keepdims=True)
    return float(-np.log2(chances[list(text[:-1]), list(text[1:])]).mean())


def bits_by_model(state: Any, sizes: dict[str, int], text: bytes) -> float:
    """Bits per byte of `text` by transformers' GPT-2 with the weights that were handed out."""
    library = library_model(sizes)
    expected = transposed(library.transformer.state_dict())
    expect.that(isinstance(state, dict), "state_dict() should be a dict")
    for name, value in expected.items():
        expect.tensor(state.get(name), value.shape, what=f"{name} of the trained model")
    library.transformer.load_state_dict(transposed({name: state[name].double() for name in expected}))
    length = sizes["n_positions"]
    rows = torch.tensor(list(text))[: (len(text) - 1) // length * length + 1].unfold(0, length + 1, length)
    nats = 0.0
    with torch.no_grad():
        for some in rows.split(16):  # attention of 16 rows: 270 MB at the most, where the sizes are the LARGEST
            nats += float(
                F.cross_entropy(library(some[:, :-1]).logits.flatten(0, 1), some[:, 1:].flatten(), reduction="sum")
            )
    return nats / (len(rows) * length) / math.log(2)


@pytest.mark.problem(
    "gpt-loop",
    points=1,
    hint={
        "en": "A GPT trained by your code on a small language does not beat a table of pairs of letters on text that it has not seen. Is its loss implausibly "
        "low (does it see the answer)? Does it fall at all? Which part of the loop could hold it up?",
        "zh": "用你的代码在一种小语言上训练的 GPT，在没见过的文本上还不如一张二元（bigram）频率表。损失低得离谱吗（它是不是看到了答案）？损失下降了吗？是循环的哪一部分拖了后腿？",
    },
)
def test_a_trained_gpt_beats_pairs_of_letters(student, rng):
    language = Language(rng)
    training, held_out = language.text(60_000), language.text(8_000)
    sizes = {"vocab_size": 128, "n_positions": 32, "n_layers": 1, "n_heads": 4, "d_model": 64}
    gpt = student.GPT(student.GPTConfig(**sizes))
    # With a norm of 1 clipping makes up for gradients that are never cleared: under some secrets that run is as good.
    config = student.TrainConfig(steps=200, max_lr=4e-3, min_lr=4e-4, warmup=60, max_norm=5.0)
    batches = student.Batches(torch.tensor(list(training)), 8, 32, 1)
    losses = student.train(gpt, optimizer_of(student, "AdamW", gpt, betas=(0.9, 0.95)), batches, config)
    expect.that(
        isinstance(losses, list) and len(losses) == 200, "train should return the loss of each of the 200 updates"
    )
    mine, pairs = bits_by_model(gpt.state_dict(), sizes, held_out), bits_by_pairs(training, held_out)
    expect.that(math.isfinite(mine), "the trained model has weights that are not finite")
    expect.that(
        mine < pairs, f"{mine:.2f} bits per byte on text that it has not seen: a table of pairs of letters needs fewer"
    )


# --- the leaderboard ------------------------------------------------------------------------------------------------


LARGEST = {"vocab_size": 128, "n_positions": 256, "n_layers": 32, "n_heads": 8, "d_model": 256}  # the grader runs it


def sizes_of(gpt: Any) -> dict[str, int]:
    """The sizes that a GPT claims to have; whether its weights are of these sizes is seen later."""
    expect.that(isinstance(gpt, Handle), "leaderboard_train should return a GPT")
    sizes = {name: gpt.get(f"config.{name}") for name in LARGEST}
    for name, size in sizes.items():
        expect.that(
            type(size) is int and 1 <= size <= LARGEST[name], f"config.{name} should be an int, 1 to {LARGEST[name]}"
        )
    expect.equal(sizes["vocab_size"], 128, what="config.vocab_size")
    expect.that(sizes["d_model"] % sizes["n_heads"] == 0, "d_model should be a multiple of n_heads")
    return sizes


def bits_of_an_entry(student: Student, rng: Rng) -> float:
    """Bits per byte of held-out text by the weights that come back; the sandbox never sees that text."""
    language = Language(rng)
    training, held_out = language.text(120_000), language.text(20_000)
    gpt = student.leaderboard_train(torch.tensor(list(training)))
    sizes = sizes_of(gpt)
    with torch.device("meta"):
        n_parameters = library_model(sizes).num_parameters()
    expect.that(n_parameters <= 100_000, f"{n_parameters:,} parameters, but 100,000 are allowed")
    return bits_by_model(gpt.state_dict(), sizes, held_out)


# The notebook promises a minute; a grader may be half as fast as the student's machine.
LEADERBOARD = Leaderboard(
    "pretrain_gpt",
    Bilingual("bits per byte", "每字节比特数"),
    lowest_first=True,
    seconds=120,
    measure=bits_of_an_entry,
)
