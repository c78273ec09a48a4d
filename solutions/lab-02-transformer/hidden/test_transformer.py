"""Hidden tests of lab 02, transformer. The references are PyTorch's own norms and Transformer layers in float64.

Tolerances were measured over 10 secrets, with 1 and 2 threads on this side; where the default of `expect.close` (1e-5
absolute plus 1e-5 relative) is not used, the comment beside it says what was measured.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.grading import expect
from autograder.grading.student import Handle, Student
from labkit.i18n import Bilingual

Rng = np.random.Generator
State = dict[str, Tensor]

# The reference is within 1e-6 (a layer) and 2e-6 (the logits of the whole). The tolerances are wider, because an epsilon in the
# wrong place makes about 1e-5 here: that is the business of the tests of the norms.
LAYER, WHOLE = 1e-4, 1e-3

IN_FLOAT16 = Bilingual("the output of RMSNorm in float16", "RMSNorm 在 float16 下的输出")


def normal(rng: Rng, *shape: int) -> Tensor:
    """Standard normal values, float32."""
    return torch.from_numpy(rng.standard_normal(shape)).float()


def gradient_for(name: str) -> Bilingual:
    """The gradient for something that has a name in the code."""
    return Bilingual(f"the gradient for {name}", f"{name} 的梯度")


# --- 4. norms -------------------------------------------------------------------------------------------------------


def norms(student: Student, rng: Rng, d_model: int, eps: float) -> tuple[Handle, Handle, State]:
    """A LayerNorm and an RMSNorm with known parameters."""
    state = {"weight": normal(rng, d_model), "bias": normal(rng, d_model)}
    layer_norm, rms_norm = student.LayerNorm(d_model, eps), student.RMSNorm(d_model, eps)
    layer_norm.load_state_dict(state)
    rms_norm.load_state_dict({"weight": state["weight"]})
    return layer_norm, rms_norm, state


@pytest.mark.problem(
    "norms",
    points=2,
    rests_on=[
        "(x - mean) / sqrt(variance + eps) * weight + bias, over the last axis of size d_model.",
        "The state dict has weight and bias, and nothing else.",
        "(..., d_model) -> (..., d_model), any number of axes. The variance is divided by d_model.",
    ],
    hint={
        "en": "LayerNorm differs from the formula. Mean and variance are those of each token, over the last axis; the variance is divided by d_model; then weight and bias.",
        "zh": "LayerNorm 与公式不符。均值和方差是每个 token 在最后一维上的；方差除以 d_model；然后乘 weight、加 bias。",
    },
)
def test_layer_norm_agrees_with_pytorch(student, rng):
    layer_norm, _, state = norms(student, rng, 11, 1e-5)
    for shape in ((3, 7, 11), (5, 11)):
        x = 3 * normal(rng, *shape) + 2
        expected = F.layer_norm(x.double(), (11,), state["weight"].double(), state["bias"].double(), 1e-5)
        expect.close(layer_norm(x), expected, what="LayerNorm(x)")


@pytest.mark.problem(
    "norms",
    points=2,
    rests_on=[
        "x / sqrt(mean(x^2) + eps) * weight, over the last axis of size d_model.",
        "The state dict has weight, and nothing else.",
        "(..., d_model) -> (..., d_model): computed in float32",
    ],
    hint={
        "en": "RMSNorm differs from x / sqrt(mean(x^2) + eps) * weight. It subtracts no mean and adds no bias.",
        "zh": "RMSNorm 与 x / sqrt(mean(x^2) + eps) * weight 不符。它不减均值，也不加偏置。",
    },
)
def test_rms_norm_agrees_with_pytorch(student, rng):
    _, rms_norm, state = norms(student, rng, 11, 1e-6)
    for shape in ((3, 7, 11), (5, 11)):
        x = 3 * normal(rng, *shape) + 2
        expected = F.rms_norm(x.double(), (11,), state["weight"].double(), 1e-6)
        expect.close(rms_norm(x), expected, what="RMSNorm(x)")


@pytest.mark.problem(
    "norms",
    points=2,
    rests_on=[
        "(x - mean) / sqrt(variance + eps) * weight + bias, over the last axis of size d_model.",
        "x / sqrt(mean(x^2) + eps) * weight, over the last axis of size d_model.",
        "The $\\epsilon$ stands **inside** the root",
    ],
    hint={
        "en": "For vectors that are very small, or all zeros, the place of eps decides: it is added to the variance (or mean square) before the root is taken.",
        "zh": "当向量很小或全为零时，eps 的位置就至关重要：它是在开根号之前加到方差（或均方）上的。",
    },
)
def test_epsilon_stands_inside_the_root(student, rng):
    for eps in (1e-5, 0.1):
        layer_norm, rms_norm, state = norms(student, rng, 11, eps)
        weight, bias = state["weight"].double(), state["bias"].double()
        x = 1e-3 * normal(rng, 5, 11)
        x[0] = 0.0
        expected = F.layer_norm(x.double(), (11,), weight, bias, eps)
        expect.close(
            layer_norm(x), expected, what=Bilingual("the LayerNorm of small vectors", "很小的向量的 LayerNorm")
        )
        expect.close(
            rms_norm(x),
            F.rms_norm(x.double(), (11,), weight, eps),
            what=Bilingual("the RMSNorm of small vectors", "很小的向量的 RMSNorm"),
        )


@pytest.mark.problem(
    "norms",
    points=1,
    rests_on=[
        "computed in float32, the weight included, then cast to the dtype of x.",
        "weight: Parameter (d_model,), ones at first.    eps: float. The state dict has weight, and nothing else.",
    ],
    tolerance=1e-2,
    hint={
        "en": "RMSNorm of a float16 vector with entries of some hundred: the squares do not fit into float16. The result should be float16 again: the cast is the last step, after the weight.",
        "zh": "对各分量为几百的 float16 向量做 RMSNorm：平方在 float16 里放不下。结果应当仍是 float16：转换 dtype 是乘过 weight 之后的最后一步。",
    },
)
def test_rms_norm_in_half_precision(student, rng):
    rms_norm = student.RMSNorm(11)
    x = (400 * normal(rng, 3, 7, 11)).half()
    result = expect.tensor(rms_norm(x), (3, 7, 11), torch.float16, IN_FLOAT16)
    # Values up to 3.3 in 11 bits: the reference is within 1e-3.
    expected = F.rms_norm(x.double(), (11,), eps=1e-6)
    expect.close(result, expected, what=IN_FLOAT16, atol=1e-2)


@pytest.mark.problem(
    "norms",
    points=1,
    rests_on=[
        "bias: Parameter (d_model,), zeros at first.",
        "Gradients flow through mean and variance as well.",
        "weight: Parameter (d_model,), ones at first.    eps: float.",
        "Gradients flow through the mean square as well.",
    ],
    hint={
        "en": "The gradients through a norm are wrong. The mean and the variance depend on x as well: is either of them detached?",
        "zh": "归一化的梯度不对。均值和方差也依赖于 x：它们是不是被 detach 了？",
    },
)
def test_gradients_through_the_norms(student, rng):
    layer_norm, rms_norm, state = norms(student, rng, 11, 1e-12)  # where eps stands is another test's business
    x, cotangent = normal(rng, 3, 7, 11), normal(rng, 3, 7, 11)
    doubles = {name: value.double().requires_grad_() for name, value in state.items()}
    for layer, names in ((layer_norm, ("weight", "bias")), (rms_norm, ("weight",))):
        _, [grad] = student.vjp(layer, [x], cotangent)
        leaf = x.double().requires_grad_()
        if "bias" in names:
            expected = F.layer_norm(leaf, (11,), doubles["weight"], doubles["bias"], 1e-12)
        else:
            expected = F.rms_norm(leaf, (11,), doubles["weight"], 1e-12)
        wanted = torch.autograd.grad(expected, [leaf, *(doubles[name] for name in names)], cotangent.double())
        expect.close(grad, wanted[0], what=gradient_for("x"))
        found = layer.grads()
        for name, gradient in zip(names, wanted[1:], strict=True):
            expect.close(found.get(name), gradient, what=gradient_for(name))


# --- 5. positions-ffn -----------------------------------------------------------------------------------------------


def sinusoids_here(n_positions: int, d_model: int) -> Tensor:
    rows = [
        [(math.cos if i % 2 else math.sin)(p / 10_000 ** ((i - i % 2) / d_model)) for i in range(d_model)]
        for p in range(n_positions)
    ]
    return torch.tensor(rows, dtype=torch.float64)


def linear(rng: Rng, name: str, d_in: int, d_out: int) -> State:
    return {f"{name}.weight": normal(rng, d_out, d_in) / d_in**0.5, f"{name}.bias": normal(rng, d_out)}


def feed_forward_state(rng: Rng, d_model: int, d_ff: int) -> State:
    """Parameters of a FeedForward, under the student's names."""
    return {**linear(rng, "up_proj", d_model, d_ff), **linear(rng, "down_proj", d_ff, d_model)}


def feed_forward_here(state: State, x: Tensor, activation: Callable[[Tensor], Tensor]) -> Tensor:
    """The feed-forward network in float64."""
    wide = {name: value.double() for name, value in state.items()}
    middle = activation(F.linear(x.double(), wide["up_proj.weight"], wide["up_proj.bias"]))
    return F.linear(middle, wide["down_proj.weight"], wide["down_proj.bias"])


@pytest.mark.problem(
    "positions-ffn",
    points=1,
    rests_on=[
        "(n_positions, d_model) float32 on the CPU: sines in the even columns, cosines in the odd ones; d_model is even.",
        "The columns 2i and 2i + 1 share the frequency 10000^(-2i / d_model). Row p is position p; the first position is 0.",
    ],
    hint={
        "en": "sinusoidal_positions(19, 12): even columns are sines, odd ones cosines, and a pair of columns shares a frequency. Is the exponent 2i/d?",
        "zh": "sinusoidal_positions(19, 12)：偶数列是 sin，奇数列是 cos，每一对列共用一个频率。指数是 2i/d 吗？",
    },
)
def test_sinusoidal_positions(student, rng):
    for n_positions, d_model in ((19, 12), (5, 30), (1, 2)):
        table = student.sinusoidal_positions(n_positions, d_model)
        expect.close(table, sinusoids_here(n_positions, d_model), what="sinusoidal_positions")


@pytest.mark.problem(
    "positions-ffn",
    points=1,
    rests_on=[
        "down_proj(activation(up_proj(x))), on each token alone.",
        "up_proj: nn.Linear(d_model, d_ff).    down_proj: nn.Linear(d_ff, d_model). Both have a bias.",
        "self, d_model: int, d_ff: int, activation: Callable[[Tensor], Tensor] = F.relu",
        "(..., d_model) -> (..., d_model).",
    ],
    hint={
        "en": "FeedForward differs from down_proj(relu(up_proj(x))). Is the nonlinearity between the two projections, and is it ReLU when no activation is given?",
        "zh": "FeedForward 与 down_proj(relu(up_proj(x))) 不符。非线性在两个投影之间吗？没有给出 activation 时，用的是 ReLU 吗？",
    },
)
def test_feed_forward(student, rng):
    state = feed_forward_state(rng, 11, 17)
    layer = student.FeedForward(11, 17)
    layer.load_state_dict(state)
    for shape in ((3, 7, 11), (5, 11)):
        x = normal(rng, *shape)
        expect.close(layer(x), feed_forward_here(state, x, F.relu), what="FeedForward(x)")


@pytest.mark.problem(
    "positions-ffn",
    points=1,
    rests_on=[
        "down_proj(activation(up_proj(x))), on each token alone.",
        "`activation` is a function, or a module without parameters such as nn.GELU().",
    ],
    hint={
        "en": "FeedForward differs from down_proj(activation(up_proj(x))) when it is given an activation: here nn.GELU() and nn.Tanh().",
        "zh": "给定 activation 时（这里是 nn.GELU() 和 nn.Tanh()），FeedForward 与 down_proj(activation(up_proj(x))) 不符。",
    },
)
def test_feed_forward_has_the_activation_that_it_is_given(student, rng):
    state = feed_forward_state(rng, 11, 17)
    for name, activation in (("GELU", F.gelu), ("Tanh", torch.tanh)):
        layer = student.FeedForward(11, 17, student.new(f"torch.nn:{name}"))
        layer.load_state_dict(state)
        x = normal(rng, 3, 7, 11)
        what = Bilingual(f"FeedForward(x) with nn.{name}()", f"用 nn.{name}() 时的 FeedForward(x)")
        expect.close(layer(x), feed_forward_here(state, x, activation), what=what)


# --- 6. layers ------------------------------------------------------------------------------------------------------


def part(name: str, state: State) -> State:
    return {f"{name}.{key}": value for key, value in state.items()}


def attention_state(rng: Rng, name: str, d_model: int) -> State:
    return {k: v for p in "qkvo" for k, v in linear(rng, f"{name}.{p}_proj", d_model, d_model).items()}


def norm_state(rng: Rng, name: str, d_model: int) -> State:
    return {f"{name}.weight": 1 + 0.3 * normal(rng, d_model), f"{name}.bias": normal(rng, d_model)}


def encoder_state(rng: Rng, d_model: int, d_ff: int) -> State:
    """Parameters of an EncoderLayer, under the student's names."""
    return {
        **attention_state(rng, "attention", d_model), **norm_state(rng, "attention_norm", d_model),
        **linear(rng, "feed_forward.up_proj", d_model, d_ff), **linear(rng, "feed_forward.down_proj", d_ff, d_model),
        **norm_state(rng, "feed_forward_norm", d_model),
    }  # fmt: skip


def decoder_state(rng: Rng, d_model: int, d_ff: int) -> State:
    """Parameters of a DecoderLayer, under the student's names."""
    return {
        **attention_state(rng, "self_attention", d_model), **norm_state(rng, "self_attention_norm", d_model),
        **attention_state(rng, "cross_attention", d_model), **norm_state(rng, "cross_attention_norm", d_model),
        **linear(rng, "feed_forward.up_proj", d_model, d_ff), **linear(rng, "feed_forward.down_proj", d_ff, d_model),
        **norm_state(rng, "feed_forward_norm", d_model),
    }  # fmt: skip


PYTORCH = {  # the student's names -> those of nn.TransformerEncoderLayer and nn.TransformerDecoderLayer
    "attention": "self_attn", "self_attention": "self_attn", "cross_attention": "multihead_attn",
    "attention_norm": "norm1", "self_attention_norm": "norm1", "cross_attention_norm": "norm2",
    "feed_forward.up_proj": "linear1", "feed_forward.down_proj": "linear2",
}  # fmt: skip


def pytorch_state(state: State, last_norm: str) -> State:
    """The same parameters under PyTorch's names, in float64."""
    renamed: State = {}
    for name, value in state.items():
        module, _, kind = name.rpartition(".")
        head, _, projection = module.rpartition(".")
        if projection == "q_proj":
            stacked = [state[f"{head}.{p}_proj.{kind}"] for p in "qkv"]
            renamed[f"{PYTORCH[head]}.in_proj_{kind}"] = torch.cat(stacked)
        elif projection == "o_proj":
            renamed[f"{PYTORCH[head]}.out_proj.{kind}"] = value
        elif projection not in ("k_proj", "v_proj"):
            renamed[f"{last_norm if module == 'feed_forward_norm' else PYTORCH[module]}.{kind}"] = value
    return {name: value.double() for name, value in renamed.items()}


def encoder_here(state: State, n_heads: int, pre_norm: bool = False, activation=F.relu) -> nn.Module:
    d_ff, d_model = state["feed_forward.up_proj.weight"].shape
    layer = nn.TransformerEncoderLayer(
        d_model, n_heads, d_ff, 0.0, activation, batch_first=True, norm_first=pre_norm, dtype=torch.float64
    )
    layer.load_state_dict(pytorch_state(state, "norm2"))
    return layer.train()  # its fast path of eval mode is another implementation


def decoder_here(state: State, n_heads: int) -> nn.Module:
    d_ff, d_model = state["feed_forward.up_proj.weight"].shape
    layer = nn.TransformerDecoderLayer(d_model, n_heads, d_ff, 0.0, batch_first=True, dtype=torch.float64)
    layer.load_state_dict(pytorch_state(state, "norm3"))
    return layer


@pytest.mark.problem(
    "layers",
    points=2,
    rests_on=[
        "Self-attention, then a feed-forward network, each with a residual connection and a LayerNorm.",
        "attention: attention.MultiHeadAttention.    attention_norm: LayerNorm(d_model, eps). feed_forward: FeedForward(d_model, d_ff, activation). feed_forward_norm: LayerNorm(d_model, eps).",
        "activation: Callable[[Tensor], Tensor] = F.relu, pre_norm: bool = False, eps: float = 1e-5,",
        "x + part(norm(x)) instead of norm(x + part(x)), for both parts: attention first, then feed-forward.",
        "the mask is that of MultiHeadAttention, True where a query may see a key.",
    ],
    hint={
        "en": "A post-norm encoder layer (the default) differs from PyTorch's: norm(x + part(x)), first for attention, then for the feed-forward network. (An error about Bool? The second argument of MultiHeadAttention is the context; a mask goes in as mask=.) If `multi-head`, `norms` or `positions-ffn` has lost points, mend that first.",
        "zh": "post-norm 编码器层（默认）与 PyTorch 不同：应是 norm(x + part(x))，先对注意力，再对前馈网络。（报错里提到 Bool？MultiHeadAttention 的第二个参数是 context，掩码要用 mask= 传入。）如果 `multi-head`、`norms` 或 `positions-ffn` 丢了分，请先改好它们。",
    },
)
def test_post_norm_encoder_layer(student, rng):
    state = encoder_state(rng, 30, 44)
    layer, here = student.EncoderLayer(30, 5, 44), encoder_here(state, 5)
    layer.load_state_dict(state)
    x, tokens = normal(rng, 3, 7, 30), torch.arange(7) < torch.tensor([[7], [4], [6]])
    with torch.no_grad():
        plain, padded = here(x.double()), here(x.double(), src_key_padding_mask=~tokens)
    expect.close(layer(x), plain, what="EncoderLayer(x)", atol=LAYER)
    expect.close(
        layer(x, tokens[:, None, None]),
        padded,
        what=Bilingual("the output of EncoderLayer with a padding mask", "EncoderLayer 带填充掩码时的输出"),
        atol=LAYER,
    )


@pytest.mark.problem(
    "layers",
    points=2,
    rests_on=[
        "attention: attention.MultiHeadAttention.    attention_norm: LayerNorm(d_model, eps). feed_forward: FeedForward(d_model, d_ff, activation). feed_forward_norm: LayerNorm(d_model, eps).",
        "`activation` is a function, or a module without parameters such as nn.GELU().",
        "`pre_norm`: x + part(norm(x)) instead of norm(x + part(x)), for both parts: attention first, then feed-forward.",
        "the mask is that of MultiHeadAttention, True where a query may see a key.",
    ],
    hint={
        "en": "With pre_norm=True each part gets a normalised copy and is added to x itself: x + part(norm(x)). Here the activation is GELU and eps is 1e-3. (An error about Bool? The second argument of MultiHeadAttention is the context; a mask goes in as mask=.)",
        "zh": "pre_norm=True 时，每个子层拿到的是归一化后的一份，结果加到 x 本身上：x + part(norm(x))。这里激活函数是 GELU，eps 为 1e-3。（报错里提到 Bool？MultiHeadAttention 的第二个参数是 context，掩码要用 mask= 传入。）",
    },
)
def test_pre_norm_encoder_layer(student, rng):
    state = encoder_state(rng, 30, 44)
    layer = student.EncoderLayer(30, 5, 44, activation=student.new("torch.nn:GELU"), pre_norm=True, eps=1e-3)
    layer.load_state_dict(state)
    here = encoder_here(state, 5, pre_norm=True, activation=F.gelu)
    here.norm1.eps = here.norm2.eps = 1e-3
    x, causal = 0.1 * normal(rng, 3, 7, 30), torch.ones(7, 7).tril().bool()
    with torch.no_grad():
        expected = here(x.double(), src_mask=~causal)
    expect.close(
        layer(x, causal),
        expected,
        what=Bilingual("the output of EncoderLayer with pre_norm", "EncoderLayer 在 pre_norm 时的输出"),
    )


@pytest.mark.problem(
    "layers",
    points=2,
    rests_on=[
        "Self-attention, cross-attention to the memory, feed-forward; post-norm, as in the paper.",
        "self_attention, cross_attention: attention.MultiHeadAttention. feed_forward: FeedForward with ReLU. self_attention_norm, cross_attention_norm, feed_forward_norm: LayerNorm(d_model).",
        "x = norm(x + part(x))",
        "In both masks, True stands where a query may see a key.",
        "mask: of the self-attention, broadcastable to (B, H, T, T). None: everything is visible.",
        "memory_mask: of the cross-attention, broadcastable to (B, H, T, S). None: everything is visible.",
    ],
    hint={
        "en": "A decoder layer with 7 tokens and a memory of 11 differs from PyTorch's. Self-attention, then cross-attention with the memory, then feed-forward: does each mask go to its own attention, as mask=?",
        "zh": "7 个 token、memory 长度 11 的解码器层与 PyTorch 不同。先自注意力，再对 memory 做交叉注意力，最后前馈：两个掩码各归其位了吗，是用 mask= 传入的吗？",
    },
)
def test_decoder_layer(student, rng):
    state = decoder_state(rng, 30, 44)
    layer, here = student.DecoderLayer(30, 5, 44), decoder_here(state, 5)
    layer.load_state_dict(state)
    x, memory = normal(rng, 3, 7, 30), normal(rng, 3, 11, 30)
    causal, tokens = torch.ones(7, 7).tril().bool(), torch.arange(11) < torch.tensor([[11], [4], [6]])
    with torch.no_grad():
        plain = here(x.double(), memory.double())
        masked = here(x.double(), memory.double(), tgt_mask=~causal, memory_key_padding_mask=~tokens)
    expect.close(layer(x, memory), plain, what="DecoderLayer(x, memory)", atol=LAYER)
    expect.close(
        layer(x, memory, causal, tokens[:, None, None]),
        masked,
        what=Bilingual("the output of DecoderLayer with both masks", "DecoderLayer 带两个掩码时的输出"),
        atol=LAYER,
    )


# --- 7. encoder-decoder ---------------------------------------------------------------------------------------------


class Whole:
    """A student's Transformer with known parameters, and what it should compute, in float64."""

    def __init__(self, student: Student, rng: Rng, vocab: int = 37, d_model: int = 30, d_ff: int = 44) -> None:
        encoder = [encoder_state(rng, d_model, d_ff) for _ in range(2)]
        decoder = [decoder_state(rng, d_model, d_ff) for _ in range(2)]
        self.state: State = {"embedding.weight": normal(rng, vocab, d_model) / d_model**0.5}
        for index in range(2):
            self.state |= part(f"encoder.{index}", encoder[index]) | part(f"decoder.{index}", decoder[index])
        self.model: Handle = student.Transformer(vocab, d_model, 5, 2, d_ff)
        self.model.load_state_dict(self.state)
        self.embedding = self.state["embedding.weight"].double().requires_grad_()
        self.encoder = [encoder_here(state, 5) for state in encoder]
        self.decoder = [decoder_here(state, 5) for state in decoder]

    def here(self, source: Tensor, target: Tensor, source_mask: Tensor) -> Tensor:
        d_model = self.embedding.shape[1]
        memory, x = (
            F.embedding(ids, self.embedding) * d_model**0.5 + sinusoids_here(ids.shape[1], d_model)
            for ids in (source, target)
        )
        padding, future = source_mask == 0, torch.ones(target.shape[1], target.shape[1]).triu(1).bool()
        for layer in self.encoder:
            memory = layer(memory, src_key_padding_mask=padding)
        for layer in self.decoder:
            x = layer(x, memory, tgt_mask=future, memory_key_padding_mask=padding)
        return x @ self.embedding.T


def sentences(rng: Rng) -> tuple[Tensor, Tensor, Tensor]:
    """Source (3, 9), target (3, 7), and the mask of the source."""
    source, target = (torch.from_numpy(rng.integers(1, 37, (3, length))) for length in (9, 7))
    return source, target, (torch.arange(9) < torch.tensor([[9], [5], [7]])).long()


@pytest.mark.problem(
    "encoder-decoder",
    points=2,
    rests_on=[
        "The embedding of a token is its row of `embedding` times sqrt(d_model), plus the sinusoid of its position.",
        "The same matrix, transposed, turns the decoder's output into logits (section 3.4).",
        "embedding: nn.Embedding(vocab_size, d_model), normal with std d_model^-0.5 at first; the only parameters outside the layers.",
        "the state dict has the parameters and nothing else.",
        "encoder: nn.ModuleList of EncoderLayer (post-norm, ReLU). decoder: nn.ModuleList of DecoderLayer; n_layers of each.",
        "memory: (B, S, d_model), the output of the encoder.",
        "source_mask: (B, S) int64, 1 on tokens and 0 on padding; None: no padding.",
        "Logits at t depend on target[:, : t + 1] and on the source without its padding.",
    ],
    hint={
        "en": "The layers may be right, and the whole is not: embedding times sqrt(d_model) plus positions on BOTH sides, the causal mask in the decoder, and logits from the embedding's own matrix. And how large is a fresh embedding? (An error about keys in the state_dict? It should hold the parameters and no persistent buffer.)",
        "zh": "各层也许都对，但整体不对：两边都是嵌入乘 sqrt(d_model) 再加位置；解码器用因果掩码；logits 由嵌入自己的矩阵得到。另外，刚建好的嵌入有多大？（报错里提到 state_dict 的键？其中只应有参数，不应有持久化的 buffer。）",
    },
)
def test_logits_of_the_whole(student, rng):
    whole = Whole(student, rng)
    source, target, mask = sentences(rng)
    with torch.no_grad():
        everything, masked = whole.here(source, target, torch.ones_like(source)), whole.here(source, target, mask)
    expect.close(whole.model(source, target), everything, what=Bilingual("the logits", "logits"), atol=WHOLE)
    expect.close(
        whole.model(source, target, mask),
        masked,
        what=Bilingual("the logits with source_mask", "带 source_mask 时的 logits"),
        atol=WHOLE,
    )
    # Of 101 * 30 normal values the std is within 1.3 % of the true one (one sigma); what is forgotten is off by a factor of 5.
    std = student.Transformer(101, 30, 5, 1, 44).state_dict()["embedding.weight"].std()
    expect.that(
        0.9 < std * 30**0.5 < 1.1,
        Bilingual(
            "the embedding of a fresh Transformer should have the std of its docstring",
            "刚建好的 Transformer，嵌入的标准差应当与文档字符串所说的一致",
        ),
    )


@pytest.mark.problem(
    "encoder-decoder",
    points=1,
    rests_on="(B, T, vocab_size). Logits at t depend on target[:, : t + 1]",
    hint={
        "en": "Logits at t may depend on the target up to t only: change a later token, and the earlier logits must stay.",
        "zh": "位置 t 的 logits 只能依赖目标序列到 t 为止的部分：改动后面的 token，前面的 logits 必须不变。",
    },
)
def test_the_target_does_not_see_its_future(student, rng):
    whole = Whole(student, rng)
    source, target, mask = sentences(rng)
    before = expect.tensor(whole.model(source, target, mask), shape=(3, 7, 37))
    changed = target.clone()
    changed[:, 4] = (changed[:, 4] + 11) % 37
    after = expect.tensor(whole.model(source, changed, mask), shape=(3, 7, 37))
    expect.close(
        after[:, :4],
        before[:, :4],
        what=Bilingual("the logits before the changed token", "改动的 token 之前的 logits"),
        atol=1e-4,
    )
    expect.that(
        not torch.allclose(after[:, 4], before[:, 4], atol=1e-3),
        Bilingual("the changed token's own logits should change", "改动的 token 自己的 logits 应当改变"),
    )


@pytest.mark.problem(
    "encoder-decoder",
    points=1,
    rests_on=[
        "source_mask: (B, S) int64, 1 on tokens and 0 on padding; None: no padding.",
        "Logits at t depend on target[:, : t + 1] and on the source without its padding.",
    ],
    hint={
        "en": "What stands in the padding of the source must not matter, neither to the encoder nor to the decoder that reads its output.",
        "zh": "源序列的填充位置上是什么内容都不应有影响：对编码器如此，对读取编码器输出的解码器也如此。",
    },
)
def test_padding_of_the_source_does_not_matter(student, rng):
    whole = Whole(student, rng)
    source, target, mask = sentences(rng)
    other = torch.where(mask == 1, source, (source + 13) % 37)
    logits = expect.tensor(whole.model(source, target, mask), shape=(3, 7, 37))
    with_other = expect.tensor(whole.model(other, target, mask), shape=(3, 7, 37))
    expect.close(
        with_other, logits, what=Bilingual("the logits with other padding", "填充换成别的内容时的 logits"), atol=1e-4
    )
    shorter = expect.tensor(whole.model(source[1:2, :5], target[1:2]), shape=(1, 7, 37))
    expect.close(shorter, logits[1:2], what=Bilingual("the logits without padding", "去掉填充时的 logits"), atol=1e-4)


@pytest.mark.problem(
    "encoder-decoder",
    points=1,
    rests_on=[
        "The embedding of a token is its row of `embedding` times sqrt(d_model), plus the sinusoid of its position. The same matrix, transposed, turns the decoder's output into logits (section 3.4).",
        "the only parameters outside the layers.",
        "Every parameter gets a gradient.",
    ],
    hint={
        "en": "Some parameter gets a wrong gradient, or none. The embedding is used three times: on both sides and for the logits.",
        "zh": "有参数的梯度不对，或者根本没有。嵌入一共用了三次：两边各一次，logits 一次。",
    },
)
def test_gradients_reach_every_parameter(student, rng):
    whole = Whole(student, rng)
    source, target, mask = sentences(rng)
    cotangent = normal(rng, 3, 7, 37) / 30
    student.vjp(whole.model, [source, target, mask], cotangent, wrt=[])
    found = whole.model.grads()
    expect.equal({*found}, {*whole.state}, what=Bilingual("the set of parameters", "参数的集合"))
    whole.here(source, target, mask).backward(cotangent.double())
    wanted = {"embedding.weight": whole.embedding.grad}
    for side, layers in (("encoder", whole.encoder), ("decoder", whole.decoder)):
        for index, layer in enumerate(layers):
            wanted[f"{side}.{index}.feed_forward.up_proj.weight"] = layer.linear1.weight.grad
            last_norm = layer.norm3 if side == "decoder" else layer.norm2
            wanted[f"{side}.{index}.feed_forward_norm.weight"] = last_norm.weight.grad
    for name, gradient in wanted.items():
        expect.close(found[name], gradient, what=gradient_for(name), atol=1e-4)
