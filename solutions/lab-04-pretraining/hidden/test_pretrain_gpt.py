"""Hidden tests of lab 04, pretrain_gpt. The references are transformers' GPT-2, PyTorch's own loss, optimiser and clipping in
float64, closed forms, and counts of pairs of bytes; none comes from the solution.

The loop is tried on small models of PyTorch's own parts, so that a mistake in GPT costs no points there. Tolerances were
measured over 10 secrets, with 1 and 2 threads on this side; where the default of `expect.close` (1e-5 absolute plus 1e-5
relative) is not used, the comment beside it says what was measured.
"""

import math
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

STATE_DICT = Bilingual("state_dict() should be a dict", "state_dict() 应当是一个字典")


def normal(rng: Rng, *shape: int) -> Tensor:
    """Standard normal values, float32."""
    return torch.from_numpy(rng.standard_normal(shape)).float()


def tokens(rng: Rng, vocabulary: int, *shape: int) -> Tensor:
    return torch.from_numpy(rng.integers(0, vocabulary, shape))


def afterwards(function: str, mode: str) -> Bilingual:
    """What a model should be as before, in words."""
    return Bilingual(
        f"the model after {function}, which was in {mode} mode", f"{function} 之后的模型（原来在 {mode} 模式）"
    )


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


def random_gpt(
    student: Student, rng: Rng, sizes: dict[str, int] = SIZES, biases: float = 0.3
) -> tuple[Handle, GPT2LMHeadModel]:
    """The student's GPT and transformers' GPT-2 with the same weights; the sizes of SIZES tell any two apart."""
    library = library_model(sizes)
    state = {
        name: (biases if name.endswith("bias") else 0.3) * normal(rng, *value.shape)
        for name, value in transposed(library.transformer.state_dict()).items()
    }
    library.transformer.load_state_dict(transposed(state))
    gpt = student.GPT(student.GPTConfig(**sizes))
    gpt.load_state_dict(state)
    return gpt, library


@pytest.mark.problem(
    "gpt-model",
    points=3,
    tolerance=1e-3,
    rests_on=[
        "GPT-2 without dropout. The parameters have the names of transformers' GPT2Model, and there are no others",
        "the head is F.linear(x, wte.weight), not a module. The state_dict() holds nothing else.",
        "wte: nn.Embedding(vocab_size, d_model), of tokens; it also makes the logits.",
        "wpe: nn.Embedding(n_positions, d_model), of positions.",
        "ln_f: nn.LayerNorm(d_model), after the last of them.",
        "c_attn: nn.Linear(d_model, 3 * d_model): queries, then keys, then values.",
        "Head h owns the h-th group of D columns in each of the three; D = d_model / n_heads.",
        "c_proj: nn.Linear(d_model, d_model), applied to the heads' outputs, head after head.",
        "by F.scaled_dot_product_attention. A token sees itself and the past.",
        "(B, T) int64 -> logits (B, T, vocab_size). Raises ValueError when T is larger than n_positions.",
    ],
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
        expect.close(
            gpt(ids), expected, Bilingual(f"the logits of {length} tokens", f"{length} 个 token 的 logits"), atol=1e-3
        )
    what = Bilingual("14 tokens where there are 13 positions", "只有 13 个位置，却输入 14 个 token 时")
    expect.refused(lambda: gpt(tokens(rng, 37, 3, 14)), what)
    ids, cotangent = tokens(rng, 37, 3, 7), normal(rng, 3, 7, 37)
    student.vjp(gpt, [ids], cotangent, wrt=[])
    library(ids).logits.backward(cotangent.double())
    wanted = transposed({name: parameter.grad for name, parameter in library.transformer.named_parameters()})
    found = gpt.grads()
    for name, gradient in wanted.items():
        what = Bilingual(f"the gradient for {name}", f"{name} 的梯度")
        expect.close(found.get(name), gradient, what, atol=1e-2, rtol=1e-3)


@pytest.mark.problem(
    "gpt-model",
    points=2,
    tolerance=1e-3,
    rests_on=[
        "Every matrix begins normal with mean 0 and standard deviation 0.02, the two embeddings included.",
        "Those that write into the residual stream (every `c_proj`) have 0.02 / sqrt(2 n_layers) instead.",
        "Biases begin at 0, norms at weight 1 and bias 0.",
        "The parameters have the names of transformers' GPT2Model, and there are no others",
        "The state_dict() holds nothing else.",
    ],
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
        what = Bilingual(f"the standard deviation of {name}.weight", f"{name}.weight 的标准差")
        expect.close(gpt.get(f"{name}.weight.std")(), std, what, atol=1e-3)
    state = gpt.state_dict()
    expect.that(isinstance(state, dict), STATE_DICT)
    for name, value in state.items():
        if value.dim() == 1:
            what = Bilingual(f"{name} at the start", f"{name} 的初始值")
            expect.close(value, torch.full(value.shape, float(name.endswith("weight"))), what)


@pytest.mark.problem(
    "gpt-model",
    points=2,
    rests_on=[
        "Continues each row by n_new tokens, drawn one after the other from softmax(logits / temperature).",
        "The rows are drawn independently.",
        "It works in eval mode; afterwards it is in the mode it was in before.",
        "context: the model sees at most the last `context` tokens.",
        "temperature: 0 takes the likeliest token.",
        "They come from a generator of their own; PyTorch's global one, which training uses, does not move.",
        "The same seed gives the same text.",
        "(B, T + n_new) int64: the given ids, then the new ones.",
        "GPT-2 without dropout. The parameters have the names of transformers' GPT2Model",
    ],
    hint={
        "en": "What generate writes is wrong. At temperature 0 it is the likeliest token each time, after the last `context` tokens only; else a draw from "
        "softmax(logits / temperature), from a generator of its own. Dropout is for training: in which mode is the model meanwhile, and in which afterwards?",
        "zh": "generate 写出来的不对。温度为 0 时，每次取最可能的 token，而且只看最后 `context` 个；否则从 softmax(logits / temperature) 中抽样，随机数取自它自己的发生器。"
        "dropout 是训练时用的：生成时模型处在什么模式，之后又是什么模式？",
    },
)
def test_generated_tokens_follow_the_model(student, rng):
    # With one layer, the last logits are the same with and without a causal mask: only other tests see one missing.
    # With biases, one token may be the likeliest whatever the model is shown.
    gpt, library = random_gpt(student, rng, SIZES | {"n_layers": 1}, biases=0.0)
    ids = tokens(rng, 37, 16, 9)
    for context in (13, 5):
        expected, clear = ids, torch.ones(16, dtype=torch.bool)
        for _ in range(6):
            with torch.no_grad():
                logits = library(expected[:, -context:]).logits[:, -1]
            first, second = logits.topk(2).values.unbind(1)
            clear &= first - second > 1e-4  # else float32, which is within 2e-6, may take the other
            expected = torch.cat([expected, logits.argmax(-1, keepdim=True)], dim=1)
        what = Bilingual(
            f"generate at temperature 0 with a context of {context}", f"温度为 0、context 为 {context} 时的 generate"
        )
        result = expect.tensor(student.generate(gpt, ids, 6, context, temperature=0), (16, 15), torch.int64, what)
        expect.equal(result[clear], expected[clear], what)

    model, here = pairs_model(student, rng, 7, dropout=1.0)
    ids = torch.full((3000, 1), 2)
    student.new("torch:manual_seed", 5)
    draws = student.generate(model, ids, 1, 4, temperature=0.6, seed=3)
    expect.tensor(draws, (3000, 2), torch.int64, "generate")
    with torch.no_grad():
        wanted = 3000 * (here(ids[:1]) / 0.6).softmax(-1)[0, 0]
    counts = torch.bincount(draws[:, 1].clamp(0, 6), minlength=7)
    what = Bilingual(
        "the draws do not follow softmax(logits / temperature)", "抽出的 token 不服从 softmax(logits / temperature)"
    )
    # Chi-square with 6 degrees of freedom: above 50 once in 10^8.
    expect.that(float(((counts - wanted) ** 2 / wanted).sum()) < 50, what)
    what = Bilingual("PyTorch's global random generator after generate", "generate 之后 PyTorch 全局发生器的随机数")
    unmoved = torch.rand(5, generator=torch.Generator().manual_seed(5))
    expect.close(student.new("torch:rand", 5), unmoved, what)
    again = student.generate(model, ids, 1, 4, temperature=0.6, seed=3)
    expect.equal(again, draws, Bilingual("generate with the same seed", "种子相同时的 generate"))
    expect.close(model(ids[:1]), dropped(here)(ids[:1]).detach(), afterwards("generate", "train"))


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
    rests_on=[
        "A row of $T + 1$ tokens holds $T$ exercises: read the first $t$, predict the next.",
        "inputs (B, T) and targets (B, T): targets[:, t] is the token after inputs[:, t].",
        "The mean of -log softmax(logits)[target] over the targets that count. Nothing is shifted here.",
        "logits: (B, T, V), of any size, also in the thousands: log-sum-exp must not overflow.",
        "targets: (B, T) int64; those that equal ignore_index do not count.",
        "A scalar tensor, in nats per target that counts; 0, with gradients of 0, where no target counts.",
    ],
    hint={
        "en": "Inputs and targets, or the loss, are wrong: one shift, and only in inputs_and_targets; the mean over the targets that count and over no "
        "others; logits may be in the thousands; and a batch in which nothing counts has loss 0.",
        "zh": "输入与目标，或者损失不对：只错开一位，而且只在 inputs_and_targets 里；只对有效的目标取平均；logits 可能上千；没有任何有效目标时损失为 0。",
    },
)
def test_the_loss_of_shifted_targets(student, rng):
    rows = tokens(rng, 11, 3, 8)
    pair = student.inputs_and_targets(rows)
    what = Bilingual("inputs_and_targets should give two tensors", "inputs_and_targets 应当返回两个张量")
    expect.that(isinstance(pair, (tuple, list)) and len(pair) == 2, what)
    expect.equal(pair[0], rows[:, :-1], Bilingual("the inputs", "输入"))
    expect.equal(pair[1], rows[:, 1:], Bilingual("the targets", "目标"))
    for scale in (1.0, 1000.0):
        logits, targets = scale * normal(rng, 3, 7, 11), tokens(rng, 11, 3, 7)
        for ignored in (IGNORE, 4):
            targets[torch.from_numpy(rng.random((3, 7)) < 0.4)] = ignored
            targets[0, 0] = 3
            leaf = logits.double().requires_grad_()
            expected = F.cross_entropy(leaf.flatten(0, 1), targets.flatten(), ignore_index=ignored)
            expected.backward()
            loss, [gradient] = student.vjp("cross_entropy", [logits, targets], None, ignore_index=ignored)
            en = f"with ignore_index={ignored} and logits of about {scale:g}"
            zh = f"ignore_index={ignored}、logits 约为 {scale:g} 时的"
            expect.close(loss, expected.detach(), Bilingual(f"the loss {en}", f"{zh}损失"), atol=1e-4, rtol=1e-4)
            expect.close(gradient, leaf.grad, Bilingual(f"the gradient {en}", f"{zh}梯度"))
            targets = targets.clamp(min=0)
    loss, [gradient] = student.vjp("cross_entropy", [normal(rng, 2, 3, 11), torch.full((2, 3), IGNORE)], None)
    expect.close(loss, torch.tensor(0.0), Bilingual("the loss where nothing counts", "没有有效目标时的损失"))
    what = Bilingual("the gradient where nothing counts", "没有有效目标时的梯度")
    expect.close(gradient, torch.zeros(2, 3, 11), what)


@pytest.mark.problem(
    "gpt-loop",
    points=1,
    rests_on=[
        "-sum(log2 p) / n_bytes, over all predicted tokens, as a float.",
        "The first token of a row is only read; all others are predicted.",
        "N may be large, and need not be a multiple of anything",
        "n_bytes: how many bytes the predicted tokens stand for.",
        "It works in eval mode; afterwards it is in the mode it was in before.",
    ],
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
        expect.close(result, float(nats) / math.log(2) / n_bytes, "bits_per_byte", atol=1e-4)
    ids = tokens(rng, 13, 2, 3)
    expect.close(model(ids), dropped(here)(ids).detach(), afterwards("bits_per_byte", "train"))
    model.eval()
    student.bits_per_byte(model, ids, 5)
    expect.close(model(ids), here(ids).detach(), afterwards("bits_per_byte", "eval"))


@pytest.mark.problem(
    "gpt-loop",
    points=1,
    rests_on=[
        "The learning rate of update number `step`, counted from 0: a straight line up, then half a cosine down.",
        "step < warmup: max_lr * (step + 1) / warmup.",
        "warmup <= step < total: half a cosine. It has max_lr at step warmup, and would reach min_lr at step total",
        "step >= total: min_lr, also when warmup = total (then there is no cosine).",
        "warmup = 0 means no warm-up: step 0 has max_lr. Returns a Python number.",
    ],
    hint={
        "en": "The learning rate is not that of the docstring. Write down by hand what steps 0, warmup - 1, warmup, the middle of the decay, total - 1 and total get.",
        "zh": "学习率与 docstring 不符。把第 0、warmup - 1、warmup、衰减中点、total - 1、total 步各应得到多少，亲手写下来。",
    },
)
def test_the_learning_rate_of_every_step(student, rng):
    for warmup, total in ((5, 23), (0, 7), (1, 11), (7, 7)):
        max_lr, min_lr = float(rng.uniform(1, 2)), float(rng.uniform(0.1, 0.5))
        rates = [student.lr_schedule(step, max_lr, warmup, total, min_lr) for step in range(total + 3)]
        what = Bilingual("lr_schedule should return a number", "lr_schedule 应当返回一个数")
        expect.that(all(isinstance(rate, (int, float)) for rate in rates), what)
        # The two lines and the arc, by NumPy.
        up = max_lr * np.linspace(0, 1, warmup + 1)[1:]
        angles = np.linspace(0, np.pi, total - warmup + 1)[:-1]
        down = (max_lr + min_lr) / 2 + (max_lr - min_lr) / 2 * np.cos(angles)
        expected = torch.from_numpy(np.concatenate([up, down, np.full(3, min_lr)]))
        what = Bilingual(
            f"lr_schedule with warmup={warmup} and total={total}", f"warmup={warmup}、total={total} 时的 lr_schedule"
        )
        expect.close(torch.tensor(rates, dtype=torch.float64), expected, what)


@pytest.mark.problem(
    "gpt-loop",
    points=1,
    rests_on=[
        '[{"params": [...], "weight_decay": weight_decay}, {"params": [...], "weight_decay": 0.0}], in this order',
        'each "params" is a list.',
        "The first has the trainable parameters with two or more dimensions (embeddings too), the second the others",
        "What counts is the number of dimensions, not the name.",
        "A parameter that the model uses in several places is listed once; a frozen one is not listed.",
    ],
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
        Bilingual("parameter_groups should give a list of two dicts", "parameter_groups 应当返回含两个字典的列表"),
    )
    trained = [value for name, value in state.items() if not name.startswith("3")]
    for group, decay, wanted in (
        (groups[0], 0.3, [value for value in trained if value.dim() >= 2]),
        (groups[1], 0.0, [value for value in trained if value.dim() == 1]),
    ):
        expect.close(group.get("weight_decay"), decay, Bilingual("weight_decay of a group", "一个组的 weight_decay"))
        found = group.get("params")
        what = Bilingual("params should be a list of parameters", "params 应当是参数的列表")
        expect.that(isinstance(found, list), what)
        shapes = sorted(tuple(value.shape) for value in found)
        what = Bilingual("the shapes in a group", "一个组里各参数的形状")
        expect.equal(shapes, sorted(tuple(value.shape) for value in wanted), what)
        what = Bilingual("the sum of the parameters of a group", "一个组里所有参数之和")
        expect.close(_sum(found), _sum(wanted), what, atol=1e-4)


def _sum(tensors: list[Tensor]) -> float:
    return float(sum(value.double().sum() for value in tensors))


@pytest.mark.problem(
    "gpt-loop",
    points=2,
    tolerance=1e-4,
    rests_on=[
        "One update, in train mode, from the mean loss over ALL targets that count in all micro-batches.",
        "Gradients of earlier updates are cleared first",
        "The update is the one that a single batch of all of them would give",
        "B and T may differ from one to the next. Targets that are IGNORE do not count.",
        "lr: the learning rate of THIS update, in every group of the optimizer.",
        "max_norm: for clip_gradients; math.inf clips nothing.",
        "Two floats: the loss before the update, in nats per target that counts (0 where none counts), and",
        "the norm of the gradients before clipping.",
    ],
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
        expect.close(loss, expected.item(), Bilingual("the loss of train_step", "train_step 返回的损失"), atol=1e-4)
        expect.close(grad_norm, float(norm), Bilingual("the norm of the gradients", "梯度的范数"), atol=1e-4)
        state = model.state_dict()
        for name, value in here.state_dict().items():
            what = Bilingual(f"{name} after an update with lr={lr}", f"以 lr={lr} 更新之后的 {name}")
            expect.close(state.get(name), value, what, atol=1e-4)

    model, here = pairs_model(student, rng, 11, dropout=1.0)
    model.eval()
    pairs = ragged(rng, 11, [(2, 7), (5, 3)])
    loss, _ = student.train_step(model, optimizer_of(student, "SGD", model, lr=0.1), pairs, 0.1, math.inf)
    with torch.no_grad():
        expected = full_loss(dropped(here), pairs)
    what = Bilingual(
        "the loss of train_step for a model that came in eval mode", "传入的模型在 eval 模式时，train_step 返回的损失"
    )
    expect.close(loss, float(expected), what, atol=1e-4)

    model, here = pairs_model(student, rng, 11)
    optimizer = optimizer_of(student, "SGD", model, lr=0.1)
    inputs, targets = tokens(rng, 11, 2, 7), torch.full((2, 7), IGNORE)
    loss, _ = student.train_step(model, optimizer, [(inputs, targets)], 0.1, math.inf)
    what = Bilingual("the loss of train_step where no target counts", "没有有效目标时，train_step 返回的损失")
    expect.close(loss, 0.0, what, atol=1e-4)
    targets[1, 3] = 5
    with torch.no_grad():
        expected = full_loss(here, [(inputs, targets)])
    loss, _ = student.train_step(model, optimizer, [(inputs, targets)], 0.1, math.inf)
    what = Bilingual("the loss of train_step where one target counts", "只有一个有效目标时，train_step 返回的损失")
    expect.close(loss, float(expected), what, atol=1e-4)


@pytest.mark.problem(
    "gpt-loop",
    points=1,
    tolerance=1e-4,
    rests_on=[
        "Shrinks all gradients by one factor, so that their norm (as one long vector) is at most max_norm.",
        "Gradients whose norm is not above max_norm stay as they are; math.inf clips nothing.",
        "The norm before clipping, as a float and not as a tensor.",
        "max_norm: for clip_gradients; math.inf clips nothing.",
        "those of this update stay in `.grad`, clipped.",
    ],
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
        expect.close(result, norm, Bilingual("what clip_gradients returns", "clip_gradients 的返回值"), rtol=1e-4)
        what = Bilingual(
            "clip_gradients should return a number, not a tensor", "clip_gradients 应当返回一个数，而不是张量"
        )
        expect.that(isinstance(result, (int, float)), what)
        found = model.grads()
        for name, gradient in gradients.items():
            expected = gradient * min(1.0, ratio)
            what = Bilingual(f"the gradient for {name} after clipping", f"裁剪之后 {name} 的梯度")
            expect.close(found.get(name), expected, what, atol=1e-4, rtol=1e-4)
    pairs = ragged(rng, 11, [(2, 7), (2, 7)])[:1]  # not the last, of which hardly a target counts
    before = model.state_dict()
    student.train_step(model, optimizer_of(student, "SGD", model, lr=1.0), pairs, 1.0, 0.01)
    after = model.state_dict()
    moved = float(sum((after[name] - before[name]).double().pow(2).sum() for name in gradients)) ** 0.5
    what = Bilingual("the length of a clipped update with lr=1", "lr=1 时，裁剪之后一次更新的长度")
    # The step is rounded in weights of about 1: 1e-7 each.
    expect.close(moved, 0.01, what, atol=1e-4)


def a_loss_each(updates: int) -> Bilingual:
    """What train should return, in words."""
    return Bilingual(
        f"train should return the loss of each of the {updates} updates", f"train 应当返回 {updates} 次更新各自的损失"
    )


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
    rests_on=[
        "Runs the updates number start to stop - 1 of a run of config.steps, and returns their losses as a list.",
        "Each update is a train_step on config.accumulation batches from batches.next_batch(), with config.max_norm.",
        "Its rate is lr_schedule's for this step of the whole run",
        "config.steps is the end of the cosine also when the run stops earlier.",
        "called after each update with (step, loss, grad_norm, lr), step counted from 0",
        "the norm of the gradients before clipping.",
        "Writes all that is needed to resume bit for bit: the state_dict() of the model, of the optimizer and of the",
        "A save that fails half way leaves the file before it as it was.",
        "Brings model, optimizer, batches and random generators to the state that save_checkpoint found them in.",
        "The number of updates done: where `train` should start.",
        "pickle.UnpicklingError: the file holds something other than tensors, numbers, strings and containers",
    ],
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
    expect.that(isinstance(losses, list) and len(losses) == 9, a_loss_each(9))
    expected = run_here(here, student.Batches(text, 3, 7, 5))
    # Nine updates in float32: the reference is within 2e-6.
    what = Bilingual("the losses of a run of 9 updates", "9 次更新的损失")
    expect.close(torch.tensor(losses), expected[:, 0], what, atol=1e-4)
    *rows, _ = after_step()  # of the calls before this one
    what = Bilingual("the number of values that after_step is given", "传给 after_step 的值的个数")
    expect.equal([len(row) for row in rows], 9 * [4], what)
    logged = torch.cat([torch.arange(9.0).unsqueeze(1), expected], dim=1)
    found = torch.tensor(rows, dtype=torch.float64)
    what = Bilingual("what after_step is given in a run of 9 updates", "9 次更新中传给 after_step 的值")
    expect.close(found, logged, what, atol=1e-4)

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
    what = Bilingual("the losses of a run that stops after 6 of 9 updates", "共 9 次更新、做完 6 次就停下时的损失")
    expect.equal(head, losses[:6], what)
    student.save_checkpoint(place, *first, 6)
    second = parts_of_a_run(2)
    done = student.load_checkpoint(place, *second)
    expect.equal(done, 6, Bilingual("what load_checkpoint returns", "load_checkpoint 的返回值"))
    tail = student.train(*second, config, start=done)
    expect.equal(tail, losses[6:], Bilingual("the losses after resuming", "恢复之后的损失"))
    resumed, straight = second[0].state_dict(), whole[0].state_dict()
    for name, value in straight.items():
        what = Bilingual(f"{name} at the end of a resumed run", f"恢复之后跑到终点时的 {name}")
        expect.equal(resumed[name], value, what)
    what = Bilingual(
        "after a save that failed half way, the checkpoint before it can no longer be loaded",
        "保存到一半失败之后，原来的检查点无法再加载",
    )
    expect.that(kept, what)
    harmful = {"model": student.new("functools:partial", student.new("operator:methodcaller", "clear"))}
    student.new("torch:save", harmful, place)
    what = Bilingual("loading a file with a function in it", "加载含有函数的文件时")
    expect.refused(lambda: student.load_checkpoint(place, *second), what, "UnpicklingError")


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
    expect.that(isinstance(state, dict), STATE_DICT)
    for name, value in expected.items():
        what = Bilingual(f"{name} of the trained model", f"训练之后的 {name}")
        expect.tensor(state.get(name), value.shape, what=what)
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
    rests_on=[
        "the model that the hidden test of problem 7 trains",
        "A model that is worse than the table of pairs has not shown that it uses more than one token of context.",
        "a table of pairs is the bar to pass.",
        "Judge a model by text that it has not read.",
        "Runs the updates number start to stop - 1 of a run of config.steps, and returns their losses as a list.",
        "The parameters have the names of transformers' GPT2Model, and there are no others",
    ],
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
    expect.that(isinstance(losses, list) and len(losses) == 200, a_loss_each(200))
    mine, pairs = bits_by_model(gpt.state_dict(), sizes, held_out), bits_by_pairs(training, held_out)
    what = Bilingual("the trained model has weights that are not finite", "训练之后的模型里，有的权重是无穷大或 NaN")
    expect.that(math.isfinite(mine), what)
    what = Bilingual(
        f"{mine:.2f} bits per byte on text that it has not seen: a table of pairs of letters needs fewer",
        f"在没见过的文本上，每字节 {mine:.2f} 比特：一张二元（bigram）频率表需要的还更少",
    )
    expect.that(mine < pairs, what)


# --- the leaderboard ------------------------------------------------------------------------------------------------


LARGEST = {"vocab_size": 128, "n_positions": 256, "n_layers": 32, "n_heads": 8, "d_model": 256}  # the grader runs it


def sizes_of(gpt: Any) -> dict[str, int]:
    """The sizes that a GPT claims to have; whether its weights are of these sizes is seen later."""
    what = Bilingual("leaderboard_train should return a GPT", "leaderboard_train 应当返回一个 GPT")
    expect.that(isinstance(gpt, Handle), what)
    sizes = {name: gpt.get(f"config.{name}") for name in LARGEST}
    for name, size in sizes.items():
        what = Bilingual(
            f"config.{name} should be an int, 1 to {LARGEST[name]}", f"config.{name} 应当是 1 到 {LARGEST[name]} 的 int"
        )
        expect.that(type(size) is int and 1 <= size <= LARGEST[name], what)
    expect.equal(sizes["vocab_size"], 128, "config.vocab_size")
    what = Bilingual("d_model should be a multiple of n_heads", "d_model 应当是 n_heads 的倍数")
    expect.that(sizes["d_model"] % sizes["n_heads"] == 0, what)
    return sizes


def bits_of_an_entry(student: Student, rng: Rng) -> float:
    """Bits per byte of held-out text by the weights that come back; the sandbox never sees that text."""
    language = Language(rng)
    training, held_out = language.text(120_000), language.text(20_000)
    gpt = student.leaderboard_train(torch.tensor(list(training)))
    sizes = sizes_of(gpt)
    with torch.device("meta"):
        n_parameters = library_model(sizes).num_parameters()
    what = Bilingual(
        f"{n_parameters:,} parameters, but 100,000 are allowed", f"参数有 {n_parameters:,} 个，至多允许 100,000 个"
    )
    expect.that(n_parameters <= 100_000, what)
    return bits_by_model(gpt.state_dict(), sizes, held_out)


# The notebook promises a minute; a grader may be half as fast as the student's machine.
LEADERBOARD = Leaderboard(
    "pretrain_gpt",
    Bilingual("bits per byte", "每字节比特数"),
    lowest_first=True,
    seconds=120,
    measure=bits_of_an_entry,
)
