"""Public checks of attention."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from labkit.check import case, fail


def close(actual: Tensor, expected: Tensor, atol: float = 1e-5) -> bool:
    """Whether two tensors have the same shape and, within atol, the same values."""
    return actual.shape == expected.shape and torch.allclose(actual, expected, atol=atol)


def rounded(values: Tensor) -> list[float]:
    """What a message shows of a tensor."""
    return [round(value, 3) for value in values.flatten().tolist()]


# ---- 1 sdpa ---------------------------------------------------------------------------------------------


@case("sdpa", en="two keys, worked out by hand", zh="两个键，手算结果")
def two_keys_by_hand(student: Any) -> None:
    q = torch.tensor([[[[2.0, 0.0, 0.0, 0.0]]]])
    k = torch.tensor([[[[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]]])
    share = math.e / (math.e + 1)  # scores 2 / sqrt(4) = 1 and 0
    weights = student.attention_weights(q, k)
    if not close(weights, torch.tensor([[[[share, 1 - share]]]])):
        fail(
            f"The scores 2 / sqrt(4) = 1 and 0 should give weights 0.731 and 0.269; yours are {rounded(weights)}.",
            f"分数是 2 / sqrt(4) = 1 和 0，权重应为 0.731 和 0.269；你的是 {rounded(weights)}。",
        )
    output = student.scaled_dot_product_attention(q, k, torch.tensor([[[[10.0], [20.0]]]]))
    if not close(output, torch.tensor([[[[10 * share + 20 * (1 - share)]]]])):
        fail(
            f"The output should be the values' mean by these weights, 12.69; yours is {rounded(output)}.",
            f"输出应是值按这些权重的平均，即 12.69；你的是 {rounded(output)}。",
        )


@case("sdpa", en="a hidden key gets nothing, the others sum to 1", zh="被屏蔽的键权重为 0，其余之和为 1")
def hidden_keys_get_nothing(student: Any) -> None:
    q, k = torch.randn(2, 3, 4, 6), torch.randn(2, 3, 5, 6)
    mask = torch.tensor([True, True, False, True, False])
    weights = student.attention_weights(q, k, mask)
    if weights[..., ~mask].any():
        fail("Where the mask is False the weight must be exactly 0.", "掩码为 False 的地方，权重必须恰好为 0。")
    if not close(weights.sum(-1), torch.ones(2, 3, 4)):
        fail("The weights of each query's visible keys should sum to 1.", "每个查询可见的键，权重之和必须为 1。")


@case("sdpa", en="a query that may see nothing gets zeros", zh="什么都不能看的查询得到零")
def nothing_visible(student: Any) -> None:
    q = torch.randn(1, 1, 2, 4)
    mask = torch.tensor([[False, False], [True, True]])
    weights = student.attention_weights(q, q, mask)
    if weights.isnan().any() or weights[0, 0, 0].any():
        fail(
            "The first query may see nothing: its weights should be zeros.",
            "第一个查询什么都不能看：它的权重应全为零。",
        )


@case("sdpa", en="a score of 500 is no problem", zh="分数大到 500 也不出错")
def large_scores(student: Any) -> None:
    q, k = torch.tensor([[[[1000.0, 0.0, 0.0, 0.0]]]]), torch.eye(4)[None, None, :2]  # scores 500 and 0
    weights = student.attention_weights(q, k)
    if not close(weights, torch.tensor([[[[1.0, 0.0]]]])):
        fail(
            f"Scores of 500 and 0 should give weights 1 and 0; yours are {rounded(weights)}. exp(500) overflows.",
            f"分数是 500 和 0，权重应为 1 和 0；你的是 {rounded(weights)}。exp(500) 会溢出。",
        )


@case("sdpa", en="the two masks", zh="两种掩码")
def two_masks(student: Any) -> None:
    causal = student.causal_mask(2, 4)
    if causal.dtype != torch.bool or causal.tolist() != [[True, True, True, False], [True, True, True, True]]:
        fail(
            "2 queries, 4 keys: the queries are tokens 2 and 3, so they should see the first three and all four keys.",
            "2 个查询、4 个键：查询是第 2、3 号 token，应当分别能看到前三个和全部四个键。",
        )
    padding = student.padding_mask(torch.tensor([[1, 1, 0], [1, 0, 0]]))
    if padding.dtype != torch.bool or padding.tolist() != [[[[True, True, False]]], [[[True, False, False]]]]:
        fail(
            "padding_mask should give bool of shape (B, 1, 1, S), True on tokens.",
            "padding_mask 应返回形状 (B, 1, 1, S) 的布尔张量，真实 token 处为 True。",
        )


# ---- 2 multi-head ---------------------------------------------------------------------------------------


def twin(layer: Any, d_model: int, n_heads: int) -> nn.MultiheadAttention:
    """PyTorch's layer with the same weights."""
    inputs = [layer.q_proj, layer.k_proj, layer.v_proj]
    twin = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
    state = {"out_proj.weight": layer.o_proj.weight, "out_proj.bias": layer.o_proj.bias}
    state["in_proj_weight"] = torch.cat([projection.weight for projection in inputs])
    state["in_proj_bias"] = torch.cat([projection.bias for projection in inputs])
    twin.load_state_dict(state)
    return twin


@case("multi-head", en="agrees with nn.MultiheadAttention", zh="与 nn.MultiheadAttention 输出一致")
def agrees_with_pytorch(student: Any) -> None:
    layer = student.MultiHeadAttention(12, 3)
    x, context = torch.randn(2, 5, 12), torch.randn(2, 4, 12)
    reference = twin(layer, 12, 3)
    if not close(layer(x), reference(x, x, x)[0]):
        fail(
            "Self-attention differs from PyTorch's with the same weights. Are the heads cut along the last axis?",
            "权重相同，自注意力的结果却与 PyTorch 不同。头是沿最后一维切开的吗？",
        )
    if not close(layer(x, context), reference(x, context, context)[0]):
        fail("With a context the result differs from PyTorch's.", "传入 context 时，结果与 PyTorch 不同。")


@case("multi-head", en="the mask is used", zh="掩码起作用")
def mask_is_used(student: Any) -> None:
    layer = student.MultiHeadAttention(12, 3)
    x = torch.randn(1, 5, 12)
    changed = x.clone()
    changed[:, 3] += 1.0
    mask = torch.ones(5, 5).tril().bool()
    if not close(layer(x, mask=mask)[:, :3], layer(changed, mask=mask)[:, :3]):
        fail(
            "With a causal mask, a change of token 3 must not show in tokens 0 to 2.",
            "在因果掩码下，改动第 3 号 token 不应影响第 0 到 2 号。",
        )


@case(
    "multi-head", en="the names in the state dict, with and without biases", zh="state dict 里的名字，带偏置与不带偏置"
)
def names_of_the_state(student: Any) -> None:
    for bias in (True, False):
        found = {*student.MultiHeadAttention(12, 3, bias=bias).state_dict()}
        wanted = {f"{name}_proj.{kind}" for name in "qkvo" for kind in ("weight", *(["bias"] if bias else []))}
        for name in sorted(found ^ wanted):
            verb, word = ("should not have", "不应有") if name in found else ("should have", "应有")
            fail(f"With bias={bias} the state dict {verb} {name!r}.", f"bias={bias} 时，state dict 里{word} {name!r}。")


@case("multi-head", en="a width that the heads do not divide", zh="宽度不能被头数整除")
def widths_that_do_not_fit(student: Any) -> None:
    try:
        student.MultiHeadAttention(10, 4)
    except ValueError:
        return
    fail("4 heads do not divide a width of 10: that is a ValueError.", "宽度 10 不能分成 4 个头：应抛出 ValueError。")


# ---- 3 rope-gqa -----------------------------------------------------------------------------------------


@case("rope-gqa", en="one step turns two pairs by one radian", zh="走一步，两对分量各转一弧度")
def one_radian(student: Any) -> None:
    x = torch.tensor([[[[1.0, 5.0, 0.0, 7.0]]]])
    turned = student.apply_rope(x, torch.tensor([1]), 1.0)  # with base 1 both pairs turn by one radian
    expected = torch.tensor(
        [math.cos(1), 5 * math.cos(1) - 7 * math.sin(1), math.sin(1), 5 * math.sin(1) + 7 * math.cos(1)]
    )
    if not close(turned.flatten(), expected):
        wanted, found = rounded(expected), rounded(turned)
        fail(
            f"With base 1, one step should turn the pairs (1, 0) and (5, 7) by one radian: {wanted}; yours is {found}.",
            f"base 为 1 时走一步，(1, 0) 和 (5, 7) 这两对应当各转一弧度：{wanted}；你的是 {found}。",
        )


@case("rope-gqa", en="position 0 changes nothing, and lengths stay", zh="位置 0 不改变任何东西，长度保持不变")
def turning_keeps_lengths(student: Any) -> None:
    x = torch.randn(2, 3, 4, 6)
    turned = student.apply_rope(x, torch.tensor([0, 3, 8, 11]))
    if not close(turned[:, :, 0], x[:, :, 0]):
        fail("A token at position 0 should stay as it is.", "位置 0 的 token 不应有任何变化。")
    if not close(turned.norm(dim=-1), x.norm(dim=-1)):
        fail("A rotation should not change the length of a vector.", "旋转不应改变向量的长度。")


@case("rope-gqa", en="each row of a batch has its own positions", zh="一批里的每一行有自己的位置")
def positions_by_row(student: Any) -> None:
    x = torch.randn(2, 3, 4, 6)
    rows = torch.stack([torch.arange(4), torch.arange(4) + 9])
    both = student.apply_rope(x, rows)
    if not close(both[1:], student.apply_rope(x[1:], rows[1])):
        fail(
            "With positions (B, T), row 1 should be turned by its own positions.",
            "positions 为 (B, T) 时，第 1 行应按它自己的位置旋转。",
        )


@case("rope-gqa", en="neighbours share a key head", zh="相邻的头共用一个键头")
def neighbours_share(student: Any) -> None:
    heads = torch.arange(2.0).view(1, 2, 1, 1)
    shared = student.repeat_kv(heads, 3).flatten().tolist()
    if shared != [0, 0, 0, 1, 1, 1]:
        fail(
            f"Two key heads for six query heads should be used as 0, 0, 0, 1, 1, 1; yours as {shared}.",
            f"两个键头供六个查询头使用，应为 0、0、0、1、1、1；你的是 {shared}。",
        )


@case("rope-gqa", en="only distances count", zh="只有距离起作用")
def distances_count(student: Any) -> None:
    layer = student.GroupedQueryAttention(12, 6, 2)
    x = torch.randn(2, 5, 12)
    if layer.k_proj.weight.shape != (4, 12):
        fail(
            f"2 key heads of size 2 need a k_proj of (4, 12), not {tuple(layer.k_proj.weight.shape)}.",
            f"2 个大小为 2 的键头，k_proj 应为 (4, 12)，而不是 {tuple(layer.k_proj.weight.shape)}。",
        )
    if not close(layer(x), layer(x, positions=torch.arange(5) + 70), atol=1e-4):
        fail("A text that begins at position 70 should get the same output.", "从位置 70 开始的文本，输出应当相同。")
    if close(layer(x).flip(1), layer(x.flip(1))):
        fail(
            "With its tokens in reverse order, the text should give other outputs: order counts.",
            "把 token 的次序倒过来，输出不应相同：顺序是有意义的。",
        )


@case("rope-gqa", en="rope_base turns queries and keys", zh="rope_base 对查询和键都起作用")
def base_is_used(student: Any) -> None:
    layer, other = student.GroupedQueryAttention(24, 3, 1, 10.0), student.GroupedQueryAttention(24, 3, 1)
    other.load_state_dict(layer.state_dict())
    x = torch.randn(2, 5, 24)
    if close(layer(x), other(x)):
        fail(
            "With the same weights and another rope_base, the output should differ.",
            "权重相同、rope_base 不同，输出应当不同。",
        )
    if not close(layer(x), layer(x, positions=torch.arange(5) + 70), atol=1e-4):
        fail(
            "With rope_base 10, a text that begins at position 70 should get the same output: "
            "queries and keys should be turned by the same angles.",
            "rope_base 为 10 时，从位置 70 开始的文本输出应当相同：查询和键要按同样的角度旋转。",
        )


@case("rope-gqa", en="far positions in bfloat16", zh="bfloat16 下很远的位置")
def far_in_bfloat16(student: Any) -> None:
    x = torch.randn(1, 2, 3, 4)
    positions = torch.tensor([257, 1001, 4099])  # none of them is a number of bfloat16
    turned = student.apply_rope(x.bfloat16(), positions)
    if turned.dtype != torch.bfloat16:
        fail(
            f"The result should have the dtype of x, bfloat16, not {turned.dtype}.",
            f"结果的 dtype 应与 x 相同，即 bfloat16，而不是 {turned.dtype}。",
        )
    if not close(turned.float(), student.apply_rope(x, positions), atol=0.1):
        fail(
            "At positions 257, 1001 and 4099 the result in bfloat16 differs much from that in float32: "
            "compute the angles in float32.",
            "在位置 257、1001、4099，bfloat16 的结果与 float32 的相差很大：角度要用 float32 计算。",
        )


@case("rope-gqa", en="the mask is used", zh="掩码起作用")
def grouped_mask_is_used(student: Any) -> None:
    layer = student.GroupedQueryAttention(12, 6, 2)
    x = torch.randn(1, 5, 12)
    changed = x.clone()
    changed[:, 3] += 1.0
    mask = torch.ones(5, 5).tril().bool()
    if not close(layer(x, mask=mask)[:, :3], layer(changed, mask=mask)[:, :3]):
        fail(
            "With a causal mask, a change of token 3 must not show in tokens 0 to 2.",
            "在因果掩码下，改动第 3 号 token 不应影响第 0 到 2 号。",
        )


@case("rope-gqa", en="four weights, and heads that do not divide", zh="四个权重，以及不能整除的头数")
def grouped_shapes(student: Any) -> None:
    found = {*student.GroupedQueryAttention(12, 6, 3).state_dict()}
    wanted = {f"{name}_proj.weight" for name in "qkvo"}
    if found != wanted:
        fail(
            f"The state dict should have {sorted(wanted)} and nothing else; yours has {sorted(found)}.",
            f"state dict 里应当只有 {sorted(wanted)}；你的有 {sorted(found)}。",
        )
    for n_heads, n_kv_heads in ((5, 1), (6, 4)):
        try:
            student.GroupedQueryAttention(12, n_heads, n_kv_heads)
        except ValueError:
            continue
        fail(
            f"A width of 12 with {n_heads} heads and {n_kv_heads} key heads is a ValueError.",
            f"宽度 12、{n_heads} 个头、{n_kv_heads} 个键头，应抛出 ValueError。",
        )
