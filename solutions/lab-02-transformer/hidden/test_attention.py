"""Hidden tests of lab 02, attention. The references are PyTorch's own attention in float64, a loop over heads, and rotations
of complex numbers; none comes from the solution.

Tolerances were measured over 10 secrets, with 1 and 2 threads on this side: the reference's float32 results differ from
float64 by at most 1.4e-6, less than a tenth of the default of `expect.close` (1e-5 absolute plus 1e-5 relative). Where another
tolerance is used, the comment beside it says what was measured.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.grading import expect
from autograder.grading.student import Handle, Student
from labkit.i18n import Bilingual

Rng = np.random.Generator

OUTPUT = Bilingual("the output", "输出")
PARAMETER_SHAPES = Bilingual("the shapes of the parameters", "各参数的形状")
STATE_DICT = Bilingual("state_dict() should return a dict", "state_dict() 应当返回字典")
IN_BFLOAT16 = Bilingual("the output of apply_rope in bfloat16", "bfloat16 下 apply_rope 的输出")


def normal(rng: Rng, *shape: int) -> Tensor:
    """Standard normal values, float32."""
    return torch.from_numpy(rng.standard_normal(shape)).float()


def coins(rng: Rng, *shape: int) -> Tensor:
    """A bool mask of which three in five are True, and the first of each row."""
    mask = torch.from_numpy(rng.random(shape) < 0.6)
    mask[..., 0] = True
    return mask


def gradient_for(name: str) -> Bilingual:
    return Bilingual(f"the gradient for {name}", f"{name} 的梯度")


# --- 1. sdpa --------------------------------------------------------------------------------------------------------


def weights_here(q: Tensor, k: Tensor, mask: Tensor | None = None) -> Tensor:
    """Each row by itself, over the visible keys only, in float64."""
    q, k = q.double(), k.double()
    shape = (*q.shape[:3], k.shape[2])
    visible = torch.ones(shape, dtype=torch.bool) if mask is None else mask.expand(shape)
    weights = torch.zeros(shape, dtype=torch.float64)
    for b, h, t in np.ndindex(shape[:3]):
        seen = visible[b, h, t]
        if seen.any():
            weights[b, h, t, seen] = (k[b, h, seen] @ q[b, h, t] / q.shape[-1] ** 0.5).softmax(0)
    return weights


@pytest.mark.problem(
    "sdpa",
    points=3,
    rests_on=[
        "softmax(q k^T / sqrt(D)) over the visible keys.",
        "None: everywhere.",
        "$S$ need not be $T$",
    ],
    hint={
        "en": "The weights are not softmax(q k^T / sqrt(D)) for q (3, 5, 7, 11) and k (3, 5, 9, 11). Does each query's row sum to 1? "
        "By what do you divide, and is it the size of one head?",
        "zh": "q 为 (3, 5, 7, 11)、k 为 (3, 5, 9, 11) 时，权重不等于 softmax(q k^T / sqrt(D))。每个查询的那一行之和是 1 吗？你除以的是什么，是单个头的大小吗？",
    },
)
def test_weights_are_the_softmax_of_scaled_scores(student, rng):
    for queries, keys in ((7, 9), (9, 7), (7, 7)):
        q, k = normal(rng, 3, 5, queries, 11), normal(rng, 3, 5, keys, 11)
        expect.close(student.attention_weights(q, k), weights_here(q, k), what="attention_weights(q, k)")


@pytest.mark.problem(
    "sdpa",
    points=3,
    rests_on=[
        "The values, averaged with attention_weights(q, k, mask).",
        "softmax(q k^T / sqrt(D)) over the visible keys.",
        "D_v need not be D.",
        "Scores of 1,000 and more are no problem.",
    ],
    hint={
        "en": "The output is the weights times the values. Here the values are wider than queries and keys, and scores may be as large as 1,000.",
        "zh": "输出是权重乘以值。这里值比查询、键更宽，分数可能大到 1000。",
    },
)
def test_output_agrees_with_pytorch_in_float64(student, rng):
    for scale in (1.0, 30.0):
        q, k, v = scale * normal(rng, 3, 5, 7, 11), scale * normal(rng, 3, 5, 9, 11), normal(rng, 3, 5, 9, 13)
        expected = F.scaled_dot_product_attention(q.double(), k.double(), v.double())
        result = student.scaled_dot_product_attention(q, k, v)
        # At scale 30 scores of 3,000 are rounded to 2e-4; the reference is within 1e-4.
        expect.close(result, expected, what=OUTPUT, atol=1e-5 if scale == 1.0 else 1e-3)


@pytest.mark.problem(
    "sdpa",
    points=2,
    rests_on=[
        "softmax(q k^T / sqrt(D)) over the visible keys.",
        "mask: bool, broadcastable to (B, H, T, S); True where the query may see the key. None: everywhere.",
        "each row sums to 1, with exactly 0 where the mask is False",
    ],
    hint={
        "en": "With a mask the weights are wrong. True means that the query may see the key; a hidden key gets exactly 0, and the visible ones "
        "still sum to 1. So where must the mask act, before the softmax or after it?",
        "zh": "带掩码时权重不对。True 表示查询可以看这个键；被屏蔽的键权重恰好为 0，可见的权重之和仍为 1。那么掩码应该作用在 softmax 之前还是之后？",
    },
)
def test_hidden_keys_get_nothing_and_the_others_share_it(student, rng):
    q, k = normal(rng, 3, 5, 7, 11), normal(rng, 3, 5, 9, 11)
    for mask in (coins(rng, 7, 9), coins(rng, 3, 1, 1, 9), coins(rng, 3, 5, 7, 9)):
        weights = student.attention_weights(q, k, mask)
        shape = tuple(mask.shape)
        what = Bilingual(
            f"attention_weights with a mask of shape {shape}", f"掩码形状为 {shape} 时的 attention_weights"
        )
        expect.close(weights, weights_here(q, k, mask), what)
        hidden = Bilingual("a hidden key should get a weight of exactly 0", "被屏蔽的键，权重应当恰好为 0")
        expect.that(not weights[~mask.expand(3, 5, 7, 9)].any(), hidden)


@pytest.mark.problem(
    "sdpa",
    points=2,
    rests_on=[
        "a row that may see nothing is all zeros.",
        "differentiable in q, k and v; zeros for a query that may see nothing.",
        "Gradients must not be NaN either.",
    ],
    hint={
        "en": "A query that may see no key at all: its weights and its output should be zeros, not NaN and not a mean over what it may not see. "
        "Nor may its gradient be NaN.",
        "zh": "某个查询一个键都不能看：它的权重和输出应为零，不是 NaN，也不是对那些不该看的位置取平均；梯度同样不能是 NaN。",
    },
)
def test_a_query_that_may_see_nothing_gets_zeros(student, rng):
    q, k, v = (normal(rng, 2, 3, 5, 7) for _ in range(3))
    mask = coins(rng, 2, 1, 5, 5)
    mask[1, :, :3] = False
    weights = student.attention_weights(q, k, mask)
    what = Bilingual("the weights of a query that may see nothing", "什么也不能看的查询的权重")
    expect.close(weights, weights_here(q, k, mask), what)
    cotangent = normal(rng, 2, 3, 5, 7)
    _, [grad] = student.vjp("scaled_dot_product_attention", [q, k, v, mask], cotangent)
    leaf = q.double().requires_grad_()
    visible = mask.any(-1, keepdim=True)
    output = F.scaled_dot_product_attention(leaf, k.double(), v.double(), mask | ~visible) * visible
    output.backward(cotangent.double())
    what = Bilingual("the gradient for q where a query may see nothing", "有查询什么也不能看时 q 的梯度")
    expect.close(grad, leaf.grad, what)


@pytest.mark.problem(
    "sdpa",
    points=2,
    rests_on=[
        "Which keys the last n_queries of n_keys tokens may see: themselves and those before.",
        "(n_queries, n_keys) bool on the CPU, True where the query may see the key",
    ],
    hint={
        "en": "The n_queries tokens are the LAST of the n_keys: the last query sees all keys, and each one before it sees one key less. Draw the case of "
        "2 queries and 5 keys.",
        "zh": "n_queries 个 token 是 n_keys 个中的最后几个：最后一个查询能看到所有键，往前每个少看一个。画一画 2 个查询、5 个键的情形。",
    },
)
def test_the_causal_mask_lines_up_at_the_bottom_right(student, rng):
    for n_queries, n_keys in ((5, 5), (2, 7), (1, 4), (1, 1)):
        query, key = np.ogrid[n_keys - n_queries : n_keys, :n_keys]
        expect.equal(student.causal_mask(n_queries, n_keys), torch.from_numpy(key <= query), what="causal_mask")


@pytest.mark.problem(
    "sdpa",
    points=1,
    rests_on=[
        "attention_mask: (B, S) int64, 1 on tokens and 0 on padding",
        "(B, 1, 1, S) bool: True on tokens.",
    ],
    hint={
        "en": "padding_mask gives (B, 1, 1, S): it hides padding as a KEY, from every query. Which axis of the weights are the keys?",
        "zh": "padding_mask 的形状是 (B, 1, 1, S)：它把填充当作键屏蔽掉，对所有查询生效。权重的哪一维是键？",
    },
)
def test_padding_is_hidden_as_a_key(student, rng):
    tokens = torch.from_numpy(rng.integers(0, 2, (3, 7)))
    mask = student.padding_mask(tokens)
    expect.equal(mask, (tokens == 1).view(3, 1, 1, 7), what="padding_mask")


@pytest.mark.problem(
    "sdpa",
    points=2,
    rests_on=[
        "The values, averaged with attention_weights(q, k, mask).",
        "softmax(q k^T / sqrt(D)) over the visible keys.",
        "mask: bool, broadcastable to (B, H, T, S); True where the query may see the key. None: everywhere.",
        "(B, H, T, D_v), differentiable in q, k and v",
    ],
    hint={
        "en": "Not only the output counts: the gradients for q, k and v must be right as well. Do you leave the graph (detach, .data, no_grad, numpy) or change a tensor in place?",
        "zh": "不仅输出要对，q、k、v 的梯度也要对。你是否脱离了计算图（detach、.data、no_grad、numpy），或者原地修改了张量？",
    },
)
def test_gradients_reach_queries_keys_and_values(student, rng):
    q, k, v = normal(rng, 3, 5, 7, 11), normal(rng, 3, 5, 9, 11), normal(rng, 3, 5, 9, 13)
    mask, cotangent = coins(rng, 7, 9), normal(rng, 3, 5, 7, 13)
    output, grads = student.vjp("scaled_dot_product_attention", [q, k, v, mask], cotangent, wrt=[0, 1, 2])
    leaves = [x.double().requires_grad_() for x in (q, k, v)]
    expected = F.scaled_dot_product_attention(*leaves, mask)
    expected.backward(cotangent.double())
    expect.close(output, expected.detach(), what=OUTPUT)
    for name, grad, leaf in zip("qkv", grads, leaves, strict=True):
        expect.close(grad, leaf.grad, what=gradient_for(name))


# --- 2. multi-head --------------------------------------------------------------------------------------------------


class MultiHead:
    """A student's MultiHeadAttention with known weights, and what it should compute, in float64."""

    def __init__(self, student: Student, rng: Rng, d_model: int, n_heads: int, bias: bool = True) -> None:
        self.n_heads = n_heads
        self.weights = {
            f"{name}_proj.{kind}": normal(rng, *shape) / d_model**0.5
            for name in "qkvo"
            for kind, shape in (("weight", (d_model, d_model)), ("bias", (d_model,)))
            if bias or kind == "weight"
        }
        self.layer: Handle = student.MultiHeadAttention(d_model, n_heads, **({} if bias else {"bias": False}))
        self.layer.load_state_dict(self.weights)
        self.doubles = {name: value.double().requires_grad_() for name, value in self.weights.items()}

    def project(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self.doubles[f"{name}_proj.weight"], self.doubles.get(f"{name}_proj.bias"))

    def here(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """One head at a time: columns h * D to (h + 1) * D of the projections."""
        x = x.double()
        context = x if context is None else context.double()
        q, k, v = self.project("q", x), self.project("k", context), self.project("v", context)
        visible = torch.ones(1, 1, x.shape[1], context.shape[1]).bool() if mask is None else mask
        visible = visible.expand(x.shape[0], self.n_heads, x.shape[1], context.shape[1])
        heads = []
        for h, (qh, kh, vh) in enumerate(zip(*(part.chunk(self.n_heads, -1) for part in (q, k, v)), strict=True)):
            heads.append(F.scaled_dot_product_attention(qh, kh, vh, visible[:, h]))
        return self.project("o", torch.cat(heads, -1))


@pytest.mark.problem(
    "multi-head",
    points=3,
    rests_on=[
        "H heads that attend independently, and a matrix that mixes what they found.",
        "q_proj, k_proj, v_proj, o_proj: nn.Linear(d_model, d_model). Nothing else is in the state dict.",
        "With D = d_model / n_heads, head h has columns h * D to (h + 1) * D - 1 of the outputs of q_proj, k_proj "
        "and v_proj; its result stands in the same columns of the input of o_proj.",
        "`bias`: whether all four projections have one, or none.",
        "None: x itself.",
    ],
    hint={
        "en": "Self-attention with 5 heads of 6 differs from attending head by head. Head h owns the h-th 6 columns of q_proj's output: "
        "view as (B, T, H, D) first, then move the heads forward, and undo it in the reverse order.",
        "zh": "5 个大小为 6 的头做自注意力，结果与逐头计算不同。第 h 个头拥有 q_proj 输出的第 h 组 6 列：先 view 成 (B, T, H, D)，再把头移到前面；还原时顺序相反。",
    },
)
def test_self_attention_is_that_of_each_head(student, rng):
    for bias in (True, False):
        heads = MultiHead(student, rng, 30, 5, bias)
        x = normal(rng, 3, 7, 30)
        with torch.no_grad():
            expect.close(heads.layer(x), heads.here(x), what="MultiHeadAttention(x)")


@pytest.mark.problem(
    "multi-head",
    points=3,
    rests_on=[
        "The queries come from x, keys and values from the context.",
        "context: (B, S, d_model), S may differ from T",
        "With D = d_model / n_heads, head h has columns h * D to (h + 1) * D - 1 of the outputs of q_proj, k_proj "
        "and v_proj; its result stands in the same columns of the input of o_proj.",
    ],
    hint={
        "en": "With a context of another length, queries come from x; what do keys and values come from?",
        "zh": "context 的长度与 x 不同时，查询来自 x；键和值来自哪里？",
    },
)
def test_cross_attention_reads_the_context(student, rng):
    heads = MultiHead(student, rng, 30, 5)
    for length in (11, 7, 4):
        x, context = normal(rng, 3, 7, 30), normal(rng, 3, length, 30)
        with torch.no_grad():
            expected = heads.here(x, context)
        what = Bilingual(
            f"the output of MultiHeadAttention with {length} tokens of context",
            f"context 有 {length} 个 token 时 MultiHeadAttention 的输出",
        )
        expect.close(heads.layer(x, context), expected, what)


@pytest.mark.problem(
    "multi-head",
    points=2,
    rests_on=[
        "mask: bool, broadcastable to (B, n_heads, T, S); True where the query may see the key. None: everywhere.",
        "With D = d_model / n_heads, head h has columns h * D to (h + 1) * D - 1 of the outputs of q_proj, k_proj "
        "and v_proj; its result stands in the same columns of the input of o_proj.",
    ],
    hint={
        "en": "A mask of shape (T, S), (B, 1, 1, S) or (B, H, T, S) has to reach every head: nothing hidden may show in the output.",
        "zh": "形状为 (T, S)、(B, 1, 1, S) 或 (B, H, T, S) 的掩码要作用到每个头：被屏蔽的内容不能影响输出。",
    },
)
def test_the_mask_reaches_every_head(student, rng):
    heads = MultiHead(student, rng, 30, 5)
    x = normal(rng, 3, 7, 30)
    for mask in (torch.ones(7, 7).tril().bool(), coins(rng, 3, 1, 1, 7), coins(rng, 3, 5, 7, 7)):
        with torch.no_grad():
            expected = heads.here(x, mask=mask)
        shape = tuple(mask.shape)
        what = Bilingual(
            f"the output of MultiHeadAttention with a mask of shape {shape}",
            f"掩码形状为 {shape} 时 MultiHeadAttention 的输出",
        )
        expect.close(heads.layer(x, mask=mask), expected, what)


@pytest.mark.problem(
    "multi-head",
    points=2,
    rests_on=[
        "mask: bool, broadcastable to (B, n_heads, T, S); True where the query may see the key. None: everywhere.",
        "with exactly 0 where the mask is False",
        "The queries come from x, keys and values from the context.",
        "Returns: (B, T, d_model)",
    ],
    hint={
        "en": "Change a token, and nothing that comes before it may change: under a causal mask the past cannot see the future.",
        "zh": "改动一个 token，它之前的输出都不应改变：在因果掩码下，过去看不到未来。",
    },
)
def test_the_past_does_not_feel_a_change_of_the_future(student, rng):
    heads = MultiHead(student, rng, 30, 5)
    x, mask = normal(rng, 3, 7, 30), torch.ones(7, 7).tril().bool()
    before = expect.tensor(heads.layer(x, mask=mask), shape=(3, 7, 30))
    for position in (1, 4, 6):
        changed = x.clone()
        changed[:, position] = normal(rng, 3, 30)
        after = expect.tensor(heads.layer(changed, mask=mask), shape=(3, 7, 30))
        what = Bilingual("the output before the changed token", "被改动的 token 之前的输出")
        expect.close(after[:, :position], before[:, :position], what)
        same = (after[:, position:] - before[:, position:]).abs().amax(-1) < 1e-4
        expect.that(
            not same.any(),
            Bilingual("a token that sees the changed one should change", "看得到被改动的 token 的位置，输出应当改变"),
        )


@pytest.mark.problem(
    "multi-head",
    points=2,
    rests_on=[
        "The queries come from x, keys and values from the context.",
        "mask: bool, broadcastable to (B, n_heads, T, S); True where the query may see the key. None: everywhere.",
        "With D = d_model / n_heads, head h has columns h * D to (h + 1) * D - 1 of the outputs of q_proj, k_proj "
        "and v_proj; its result stands in the same columns of the input of o_proj.",
        "(B, T, d_model), differentiable in x, the context and all parameters.",
    ],
    hint={
        "en": "The gradients for the input, or for one of the projections, differ from autograd's.",
        "zh": "输入或某个投影矩阵的梯度与 autograd 的结果不同。",
    },
)
def test_gradients_reach_both_inputs_and_all_projections(student, rng):
    heads = MultiHead(student, rng, 30, 5)
    x, context, cotangent = normal(rng, 3, 7, 30), normal(rng, 3, 11, 30), normal(rng, 3, 7, 30)
    mask = coins(rng, 7, 11)
    output, grads = student.vjp(heads.layer, [x, context, mask], cotangent, wrt=[0, 1])
    leaves = [x.double().requires_grad_(), context.double().requires_grad_()]
    expected = heads.here(*leaves, mask)
    expected.backward(cotangent.double())
    expect.close(output, expected.detach(), what=OUTPUT)
    for name, grad, leaf in zip(("x", "context"), grads, leaves, strict=True):
        expect.close(grad, leaf.grad, what=gradient_for(name))
    found = heads.layer.grads()
    for name, double in heads.doubles.items():
        # k_proj.bias gets 0: it adds the same to all scores of a query. The reference is within 4e-6.
        expect.close(found.get(name), double.grad, what=gradient_for(name), atol=5e-5)


@pytest.mark.problem(
    "multi-head",
    points=1,
    rests_on=[
        "q_proj, k_proj, v_proj, o_proj: nn.Linear(d_model, d_model). Nothing else is in the state dict.",
        "`bias`: whether all four projections have one, or none.",
        "Raises ValueError when n_heads does not divide d_model.",
    ],
    hint={
        "en": "The projections are q_proj, k_proj, v_proj and o_proj, each (d_model, d_model), with biases only if asked for. A width that the heads do not divide is a ValueError.",
        "zh": "投影层是 q_proj、k_proj、v_proj、o_proj，形状都是 (d_model, d_model)，需要时才带 bias。宽度不能被头数整除时抛出 ValueError。",
    },
)
def test_projections_and_widths_that_do_not_fit(student, rng):
    for bias in (True, False):
        state = student.MultiHeadAttention(15, 3, bias=bias).state_dict()
        expect.that(isinstance(state, dict), STATE_DICT)
        shapes = {name: tuple(value.shape) for name, value in state.items()}
        expected = {f"{name}_proj.weight": (15, 15) for name in "qkvo"}
        expected |= {f"{name}_proj.bias": (15,) for name in "qkvo"} if bias else {}
        expect.equal(shapes, expected, what=PARAMETER_SHAPES)
    what = Bilingual("a width of 15 with 4 heads", "宽度为 15、头数为 4 时")
    expect.refused(lambda: student.MultiHeadAttention(15, 4), what)


# --- 3. rope-gqa ----------------------------------------------------------------------------------------------------


def rope_here(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    """The pairs as complex numbers, multiplied by exp(i * angle), in float64."""
    half = x.shape[-1] // 2
    pairs = torch.complex(x[..., :half].double(), x[..., half:].double())
    angles = positions.double()[..., None] * base ** (-2 * torch.arange(half, dtype=torch.float64) / x.shape[-1])
    if positions.dim() == 2:
        angles = angles.unsqueeze(1)
    turned = pairs * torch.exp(1j * angles)
    return torch.cat([turned.real, turned.imag], dim=-1)


@pytest.mark.problem(
    "rope-gqa",
    points=2,
    rests_on=[
        "Turns the pair (x[i], x[i + D/2]) of each token by the angle position * base^(-2i/D).",
        "(x[i], x[i + D/2]) becomes (x[i] cos - x[i + D/2] sin, x[i] sin + x[i + D/2] cos), for i = 0, ..., D/2 - 1.",
    ],
    hint={
        "en": "For positions 0, 1, 2, ... the turned vectors are wrong. Which entries make a pair, x[i] with x[i+1] or with x[i+D/2]? Which way do you turn, "
        "and is the angle of pair i position * base^(-2i/D)?",
        "zh": "位置为 0、1、2……时，旋转后的向量不对。哪两个分量是一对：x[i] 与 x[i+1]，还是与 x[i+D/2]？旋转方向对吗？第 i 对的角度是位置 * base^(-2i/D) 吗？",
    },
)
def test_pairs_of_halves_are_turned(student, rng):
    x = normal(rng, 3, 5, 7, 12)
    for base in (10_000.0, 500.0):
        result = student.apply_rope(x, torch.arange(7), base)
        expect.close(result, rope_here(x, torch.arange(7), base), what="apply_rope")


@pytest.mark.problem(
    "rope-gqa",
    points=2,
    rests_on=[
        "positions: (T,) int64, or (B, T) where the rows of a batch differ.",
        "Turns the pair (x[i], x[i + D/2]) of each token by the angle position * base^(-2i/D).",
        "base: float = 10_000.0",
    ],
    hint={
        "en": "Positions need not begin at 0, and may differ from row to row of the batch: use those that are given, (T,) or (B, T).",
        "zh": "位置不一定从 0 开始，批里每一行也可能不同：请使用传入的位置，形状为 (T,) 或 (B, T)。",
    },
)
def test_positions_are_those_given(student, rng):
    x = normal(rng, 3, 3, 7, 10)
    for positions in (torch.arange(7) + 20, torch.from_numpy(rng.permutation(40)[:21]).view(3, 7)):
        result = student.apply_rope(x, positions)
        shape = tuple(positions.shape)
        what = Bilingual(
            f"the output of apply_rope with positions of shape {shape}", f"位置形状为 {shape} 时 apply_rope 的输出"
        )
        expect.close(result, rope_here(x, positions), what)


@pytest.mark.problem(
    "rope-gqa",
    points=1,
    rests_on=[
        "Turns the pair (x[i], x[i + D/2]) of each token by the angle position * base^(-2i/D).",
        "(B, H, T, D) in the dtype of x; the angles are computed in float32.",
    ],
    tolerance=1e-2,
    hint={
        "en": "x is bfloat16 and its positions are in the thousands. The result should be bfloat16, but the angles have to be computed in float32.",
        "zh": "x 是 bfloat16，位置在几千左右。结果应为 bfloat16，但角度要用 float32 计算。",
    },
)
def test_far_positions_in_bfloat16(student, rng):
    x, positions = normal(rng, 2, 3, 7, 12).bfloat16(), 3001 + 2 * torch.arange(7)
    result = expect.tensor(student.apply_rope(x, positions), (2, 3, 7, 12), torch.bfloat16, IN_BFLOAT16)
    # Values up to 4 rounded three times to 8 bits: the reference is within 0.02; angles in bfloat16 are radians off.
    expect.close(result, rope_here(x, positions), what=IN_BFLOAT16, atol=0.2, rtol=0)


@pytest.mark.problem(
    "rope-gqa",
    points=2,
    rests_on="(B, G, S, D) -> (B, G * n, S, D): each head n times in a row",
    hint={
        "en": "Query heads 0 ... n - 1 share key head 0, the next n share key head 1: each head comes n times in a row.",
        "zh": "第 0 到 n - 1 个查询头共用第 0 个键头，接下来的 n 个共用第 1 个：每个头连续出现 n 次。",
    },
)
def test_neighbouring_heads_share_keys(student, rng):
    x = normal(rng, 2, 3, 5, 7)
    for n in (4, 1):
        expected = torch.stack([x[:, h // n] for h in range(3 * n)], dim=1)
        expect.equal(student.repeat_kv(x, n), expected, what="repeat_kv")


class Grouped:
    """A student's GroupedQueryAttention with known weights, and what it should compute, in float64."""

    def __init__(self, student: Student, rng: Rng, d_head: int, n_heads: int, n_kv_heads: int, base: float) -> None:
        self.n_heads, self.group, self.base, self.d_head = n_heads, n_heads // n_kv_heads, base, d_head
        wide, narrow = d_head * n_heads, d_head * n_kv_heads
        rows = {"q": wide, "k": narrow, "v": narrow, "o": wide}
        self.weights = {f"{name}_proj.weight": normal(rng, n, wide) / wide**0.5 for name, n in rows.items()}
        self.layer: Handle = student.GroupedQueryAttention(wide, n_heads, n_kv_heads, base)
        self.layer.load_state_dict(self.weights)
        self.doubles = {name: value.double().requires_grad_() for name, value in self.weights.items()}

    def here(self, x: Tensor, mask: Tensor | None = None, positions: Tensor | None = None) -> Tensor:
        """Head by head, with the key head h // group."""
        positions = torch.arange(x.shape[1]) if positions is None else positions
        q, k, v = (F.linear(x.double(), self.doubles[f"{name}_proj.weight"]) for name in "qkv")
        visible = torch.ones(x.shape[0], self.n_heads, x.shape[1], x.shape[1]).bool()
        visible = visible if mask is None else mask.expand_as(visible)
        heads = []
        for h in range(self.n_heads):
            own = slice(h * self.d_head, (h + 1) * self.d_head)
            shared = slice(h // self.group * self.d_head, (h // self.group + 1) * self.d_head)
            turned = [rope_here(part[:, None], positions, self.base)[:, 0] for part in (q[..., own], k[..., shared])]
            heads.append(F.scaled_dot_product_attention(*turned, v[..., shared], visible[:, h]))
        return F.linear(torch.cat(heads, -1), self.doubles["o_proj.weight"])


@pytest.mark.problem(
    "rope-gqa",
    points=3,
    rests_on=[
        "Queries and keys are turned by positions (after the split into heads); values are not.",
        "None: 0, 1, ..., T - 1.",
        "Their four weights are all that the state dict has.",
        "query head h has columns h * D to (h + 1) * D - 1 of the output of q_proj, and its result stands in the "
        "same columns of the input of o_proj.",
        "Key and value head g has columns g * D to (g + 1) * D - 1 of the outputs of k_proj and v_proj.",
        "Query head h uses the key and value head h // (n_heads / n_kv_heads).",
    ],
    hint={
        "en": "9 query heads that share 3 key heads, no mask: the output differs from attending head by head. Queries and keys are turned, values are not; "
        "are they turned after they are split into heads?",
        "zh": "9 个查询头共用 3 个键头、没有掩码：结果与逐头计算不同。查询和键要旋转，值不转；旋转是在拆成多个头之后做的吗？",
    },
)
def test_grouped_heads_agree_with_a_loop_over_heads(student, rng):
    for n_heads, n_kv_heads in ((9, 3), (3, 1), (5, 5)):
        grouped = Grouped(student, rng, 6, n_heads, n_kv_heads, 10_000.0)
        x = normal(rng, 3, 7, 6 * n_heads)
        with torch.no_grad():
            expected = grouped.here(x)
        what = Bilingual(
            f"the output with {n_heads} query heads and {n_kv_heads} key heads",
            f"{n_heads} 个查询头、{n_kv_heads} 个键头时的输出",
        )
        expect.close(grouped.layer(x), expected, what)


@pytest.mark.problem(
    "rope-gqa",
    points=2,
    rests_on=[
        "mask: bool, broadcastable to (B, n_heads, T, T); True where the query may see the key. None: everywhere.",
        "rope_base: float, the base of apply_rope.",
        "positions: (T,) or (B, T) int64; None: 0, 1, ..., T - 1.",
        "Queries and keys are turned by positions (after the split into heads); values are not.",
    ],
    hint={
        "en": "GroupedQueryAttention with a causal mask, another base, or other positions than 0, 1, 2, ...: do all three arrive where they belong?",
        "zh": "给 GroupedQueryAttention 传入因果掩码、另一个 base，或不是 0、1、2……的位置：这三样都传到该去的地方了吗？",
    },
)
def test_mask_base_and_positions_are_used(student, rng):
    grouped = Grouped(student, rng, 6, 9, 3, 700.0)
    x, causal = normal(rng, 3, 7, 54), torch.ones(7, 7).tril().bool()
    gaps = torch.arange(7) ** 2  # distances differ, so that other positions show
    rows = torch.stack([gaps, gaps.flip(0), 3 * gaps])
    for mask, positions in ((causal, None), (causal & coins(rng, 3, 1, 1, 7), gaps), (None, rows)):
        with torch.no_grad():
            expected = grouped.here(x, mask, positions)
        result = grouped.layer(x, mask=mask, positions=positions)
        what = Bilingual(
            "the output of GroupedQueryAttention with mask or positions",
            "给了掩码或位置时 GroupedQueryAttention 的输出",
        )
        expect.close(result, expected, what)


@pytest.mark.problem(
    "rope-gqa",
    points=1,
    rests_on=[
        "the score of a query at position $m$ and a key at position $n$ depends on the positions only through $m - n$.",
        "Queries and keys are turned by positions (after the split into heads); values are not.",
        "Returns: (B, T, d_model)",
    ],
    hint={
        "en": "Moving the whole text along by 50 positions should change nothing: only distances count. Are queries and keys both turned?",
        "zh": "把整段文字整体后移 50 个位置，结果应当不变：只有距离起作用。查询和键都旋转了吗？",
    },
)
def test_only_distances_count(student, rng):
    grouped = Grouped(student, rng, 6, 9, 3, 10_000.0)
    x = normal(rng, 3, 7, 54)
    here = expect.tensor(grouped.layer(x, positions=torch.arange(7)), shape=(3, 7, 54))
    there = grouped.layer(x, positions=torch.arange(7) + 50)
    what = Bilingual("the output of a text that begins at position 50", "从位置 50 开始的文本的输出")
    expect.close(there, here, what)


@pytest.mark.problem(
    "rope-gqa",
    points=3,
    rests_on=[
        "(B, T, d_model), differentiable in x and in all parameters.",
        "Queries and keys are turned by positions (after the split into heads); values are not.",
        "mask: bool, broadcastable to (B, n_heads, T, T); True where the query may see the key. None: everywhere.",
        "Query head h uses the key and value head h // (n_heads / n_kv_heads).",
    ],
    hint={
        "en": "The gradients for the input or a projection differ from autograd's. A key head gets a share from every query head that uses it.",
        "zh": "输入或某个投影的梯度与 autograd 不同。一个键头会从每个使用它的查询头那里得到一份梯度。",
    },
)
def test_gradients_of_grouped_attention(student, rng):
    grouped = Grouped(student, rng, 6, 9, 3, 10_000.0)
    x, cotangent = normal(rng, 3, 7, 54), normal(rng, 3, 7, 54)
    mask = torch.ones(7, 7).tril().bool()
    output, [grad] = student.vjp(grouped.layer, [x], cotangent, mask=mask)
    leaf = x.double().requires_grad_()
    expected = grouped.here(leaf, mask)
    expected.backward(cotangent.double())
    expect.close(output, expected.detach(), what=OUTPUT)
    expect.close(grad, leaf.grad, what=gradient_for("x"))
    found = grouped.layer.grads()
    for name, double in grouped.doubles.items():
        # Sums over 21 tokens: the reference is within 1e-5.
        expect.close(found.get(name), double.grad, what=gradient_for(name), atol=1e-4)


@pytest.mark.problem(
    "rope-gqa",
    points=1,
    rests_on=[
        "q_proj, o_proj: nn.Linear(d_model, d_model).",
        "k_proj, v_proj: nn.Linear(d_model, n_kv_heads * D). Their four weights are all that the state dict has.",
        "No projection has a bias.",
        "Raises ValueError when n_heads does not divide d_model, or n_kv_heads does not divide n_heads.",
    ],
    hint={
        "en": "The shapes of the four projections (none has a bias), or a ValueError for heads that do not divide the width or each other.",
        "zh": "四个投影的形状（都没有 bias），或者头数与宽度、头数与头数不能整除时的 ValueError。",
    },
)
def test_shapes_of_grouped_projections(student, rng):
    state = student.GroupedQueryAttention(24, 6, 2).state_dict()
    expect.that(isinstance(state, dict), STATE_DICT)
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    rows = {"q": 24, "k": 8, "v": 8, "o": 24}
    expect.equal(shapes, {f"{name}_proj.weight": (n, 24) for name, n in rows.items()}, what=PARAMETER_SHAPES)
    what = Bilingual("a width of 24 with 5 heads", "宽度为 24、头数为 5 时")
    expect.refused(lambda: student.GroupedQueryAttention(24, 5, 5), what)
    what = Bilingual("6 query heads with 4 key heads", "6 个查询头、4 个键头时")
    expect.refused(lambda: student.GroupedQueryAttention(24, 6, 4), what)
