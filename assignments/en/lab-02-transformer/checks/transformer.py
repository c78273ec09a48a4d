"""Public checks of transformer."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.check import case, fail


def close(actual: Tensor, expected: Tensor, atol: float = 1e-5) -> bool:
    """Whether two tensors have the same shape and, within atol, the same values."""
    return actual.shape == expected.shape and torch.allclose(actual, expected, atol=atol)


# ---- 4 norms --------------------------------------------------------------------------------------------


@case("norms", en="LayerNorm of one vector by hand", zh="手算一个向量的 LayerNorm")
def layer_norm_by_hand(student: Any) -> None:
    result = student.LayerNorm(4)(torch.tensor([1.0, 3.0, 5.0, 7.0]))  # mean 4, variance (9 + 1 + 1 + 9) / 4 = 5
    if not close(result, torch.tensor([-3.0, -1.0, 1.0, 3.0]) / (5 + 1e-5) ** 0.5):
        fail(
            f"(1, 3, 5, 7) has mean 4 and variance 20 / 4 = 5: the first entry is -1.342; yours is {result[0]:.3f}.",
            f"(1, 3, 5, 7) 的均值是 4，方差是 20 / 4 = 5，第一个分量应为 -1.342；你的是 {result[0]:.3f}。",
        )


@case("norms", en="RMSNorm of one vector by hand", zh="手算一个向量的 RMSNorm")
def rms_norm_by_hand(student: Any) -> None:
    result = student.RMSNorm(4)(torch.tensor([1.0, 1.0, 1.0, 5.0]))  # mean square 28 / 4 = 7
    if not close(result, torch.tensor([1.0, 1.0, 1.0, 5.0]) / 7**0.5):
        fail(
            f"(1, 1, 1, 5) has a mean square of 7: the first entry is 1 / sqrt(7) = 0.378; yours is {result[0]:.3f}.",
            f"(1, 1, 1, 5) 的均方是 7，第一个分量应为 1 / sqrt(7) = 0.378；你的是 {result[0]:.3f}。",
        )


@case("norms", en="a large eps shows where it stands", zh="很大的 eps 能看出它的位置")
def epsilon_inside(student: Any) -> None:
    x = torch.tensor([0.5, -0.5])  # mean 0, variance and mean square 0.25
    for norm in (student.LayerNorm, student.RMSNorm):
        result = norm(2, eps=0.75)(x)
        if not close(result, x):  # 0.25 + 0.75 = 1
            name = norm.__name__
            fail(
                f"(0.5, -0.5) has variance and mean square 0.25. With eps 0.75 {name} should divide by "
                f"sqrt(0.25 + 0.75) = 1; yours divides by {0.5 / result[0]:.3f}.",
                f"(0.5, -0.5) 的方差和均方都是 0.25。eps 为 0.75 时，{name} 应除以 sqrt(0.25 + 0.75) = 1；"
                f"你的除以了 {0.5 / result[0]:.3f}。",
            )


@case("norms", en="RMSNorm in float16", zh="float16 的 RMSNorm")
def rms_norm_in_float16(student: Any) -> None:
    result = student.RMSNorm(2)(torch.tensor([300.0, 300.0]).half())
    if result.dtype != torch.float16:
        fail(
            f"A float16 vector should come out as float16, not {result.dtype}: cast after the (float32) weight.",
            f"float16 的向量出来应当还是 float16，而不是 {result.dtype}：要在乘过 float32 的 weight 之后再转换。",
        )
    if not close(result.float(), torch.ones(2), atol=1e-2):
        fail(
            f"(300, 300) in float16 should become (1, 1); yours is {result.tolist()}. 300² does not fit into float16.",
            f"float16 的 (300, 300) 应变成 (1, 1)；你的是 {result.tolist()}。300² 超出了 float16 的范围。",
        )


# ---- 5 positions-ffn ------------------------------------------------------------------------------------


@case("positions-ffn", en="the first positions", zh="最前面的几个位置")
def first_positions(student: Any) -> None:
    table = student.sinusoidal_positions(3, 4)
    if table.shape != (3, 4) or not close(table[0], torch.tensor([0.0, 1.0, 0.0, 1.0])):
        fail(
            "Position 0 should be (sin 0, cos 0, sin 0, cos 0) = (0, 1, 0, 1).",
            "位置 0 应为 (sin 0, cos 0, sin 0, cos 0) = (0, 1, 0, 1)。",
        )
    expected = torch.tensor([2.0, 2.0, 0.02, 0.02])
    if not close(table[2], torch.where(torch.tensor([True, False, True, False]), expected.sin(), expected.cos())):
        fail(
            "Position 2 should be (sin 2, cos 2, sin 0.02, cos 0.02).",
            "位置 2 应为 (sin 2, cos 2, sin 0.02, cos 0.02)。",
        )


@case("positions-ffn", en="the feed-forward network of one vector by hand", zh="手算一个向量的前馈网络")
def feed_forward_by_hand(student: Any) -> None:
    layer = student.FeedForward(2, 2)
    up, down = torch.tensor([[1.0, 1.0], [1.0, -1.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    biases = {"up_proj.bias": torch.zeros(2), "down_proj.bias": torch.tensor([0.5, 0.5])}
    layer.load_state_dict({"up_proj.weight": up, "down_proj.weight": down, **biases})
    result = layer(torch.tensor([1.0, 3.0]))
    if not close(result, torch.tensor([4.5, 0.5])):  # up: (4, -2); ReLU: (4, 0); down: (4, 0) + (0.5, 0.5)
        fail(
            "For (1, 3) up_proj gives (4, -2), ReLU makes that (4, 0), and down_proj adds its bias of 0.5: "
            f"(4.5, 0.5). Yours is {result.tolist()}.",
            "输入 (1, 3) 时，up_proj 得到 (4, -2)，ReLU 之后是 (4, 0)，down_proj 再加上偏置 0.5："
            f"应为 (4.5, 0.5)；你的是 {result.tolist()}。",
        )


@case("positions-ffn", en="the activation may be a module", zh="激活函数可以是模块")
def activation_module(student: Any) -> None:
    x = torch.randn(2, 5, 12)
    layer = student.FeedForward(12, 20, nn.GELU())
    if not close(layer(x), layer.down_proj(F.gelu(layer.up_proj(x)))):
        fail(
            "FeedForward(12, 20, nn.GELU()) should be down_proj(gelu(up_proj(x))).",
            "FeedForward(12, 20, nn.GELU()) 应为 down_proj(gelu(up_proj(x)))。",
        )


# ---- 6 layers -------------------------------------------------------------------------------------------


@case("layers", en="both places of the norm", zh="归一化的两种位置")
def both_places(student: Any) -> None:
    x = torch.randn(2, 5, 12)
    for pre_norm in (False, True):
        layer = student.EncoderLayer(12, 3, 20, activation=F.gelu, pre_norm=pre_norm)
        if pre_norm:
            middle = x + layer.attention(layer.attention_norm(x))
            expected = middle + layer.feed_forward(layer.feed_forward_norm(middle))
        else:
            middle = layer.attention_norm(x + layer.attention(x))
            expected = layer.feed_forward_norm(middle + layer.feed_forward(middle))
        if not close(layer(x), expected):
            formula = "x + part(norm(x))" if pre_norm else "norm(x + part(x))"
            fail(
                f"With pre_norm={pre_norm} each part should be {formula}.",
                f"pre_norm={pre_norm} 时，每个子层应为 {formula}。",
            )


@case("layers", en="the encoder layer and its mask", zh="编码器层和它的掩码")
def mask_of_the_encoder_layer(student: Any) -> None:
    x, visible = torch.randn(2, 5, 12), torch.tensor([True, True, True, False, False])
    for pre_norm in (False, True):
        layer = student.EncoderLayer(12, 3, 20, pre_norm=pre_norm)
        if not close(layer(x, visible)[:, :3], layer(x[:, :3]), atol=1e-4):
            fail(
                f"With the last two tokens masked, the first three should come out as without them (pre_norm={pre_norm}).",
                f"屏蔽最后两个 token 后，前三个的输出应与去掉它们时相同（pre_norm={pre_norm}）。",
            )


@case("layers", en="the decoder reads the memory", zh="解码器会读 memory")
def decoder_reads_memory(student: Any) -> None:
    layer = student.DecoderLayer(12, 3, 20)
    x, memory = torch.randn(2, 5, 12), torch.randn(2, 7, 12)
    if layer(x, memory).shape != (2, 5, 12):
        fail(
            "DecoderLayer should give (B, T, d_model), as long as x.",
            "DecoderLayer 的输出应为 (B, T, d_model)，与 x 一样长。",
        )
    if close(layer(x, memory), layer(x, memory + 1.0)):
        fail(
            "Another memory should give another output.",
            "memory 变了，输出也应当变。",
        )
    visible = torch.tensor([True, True, True, True, False, False, False])
    if not close(layer(x, memory, None, visible), layer(x, memory[:, :4]), atol=1e-4):
        fail(
            "With the last three tokens of the memory masked, the output should be that without them: "
            "memory_mask belongs to the cross-attention.",
            "屏蔽 memory 的最后三个 token 后，输出应与去掉它们时相同：memory_mask 属于交叉注意力。",
        )
    causal = torch.ones(5, 5).tril().bool()
    if not close(layer(x, memory, causal)[:, :2], layer(x[:, :2], memory, causal[:2, :2]), atol=1e-4):
        fail(
            "With a causal mask, tokens 0 and 1 should not feel what comes after: mask belongs to the self-attention.",
            "在因果掩码下，第 0、1 号 token 不应受后面的影响：mask 属于自注意力。",
        )


# ---- 7 encoder-decoder ----------------------------------------------------------------------------------


@case("encoder-decoder", en="logits for each token of the target", zh="目标序列每个 token 的 logits")
def logits_of_the_target(student: Any) -> None:
    model = student.Transformer(19, 12, 3, 2, 20)
    source, target = torch.randint(0, 19, (2, 6)), torch.randint(0, 19, (2, 5))
    logits = model(source, target)
    if logits.shape != (2, 5, 19):
        fail(
            f"The logits should have shape (B, T, V) = (2, 5, 19), not {tuple(logits.shape)}.",
            f"logits 的形状应为 (B, T, V) = (2, 5, 19)，而不是 {tuple(logits.shape)}。",
        )
    changed = target.clone()
    changed[:, 3] = (changed[:, 3] + 1) % 19
    if not close(model(source, changed)[:, :3], logits[:, :3]):
        fail(
            "A change of token 3 of the target should not show in the logits before it.",
            "改动目标序列第 3 号 token，不应影响前面的 logits。",
        )
    mask = torch.tensor([[1, 1, 1, 1, 0, 0]]).expand(2, 6)
    if not close(model(source, target, mask), model(source[:, :4], target), atol=1e-4):
        fail(
            "With the last two tokens of the source masked, the logits should be those without them.",
            "屏蔽源序列最后两个 token 后，logits 应与去掉它们时相同。",
        )


@case("encoder-decoder", en="what the embedding is multiplied by", zh="embedding 乘了多少")
def embedding_times_root(student: Any) -> None:
    model = student.Transformer(19, 12, 3, 0, 20)  # without layers: logits of the embedded target itself
    ids, matrix = torch.arange(5)[None], model.embedding.weight
    expected = (matrix[ids] * 12**0.5 + student.sinusoidal_positions(5, 12)) @ matrix.T
    if not close(model(ids, ids), expected, atol=1e-4):
        fail(
            "Without layers the logits should be (embedding · sqrt(d_model) + position) times the embedding's matrix.",
            "没有层的时候，logits 应为 (embedding · sqrt(d_model) + 位置) 乘以 embedding 的矩阵。",
        )


@case("encoder-decoder", en="the names in the state dict", zh="state dict 里的名字")
def names_of_the_state(student: Any) -> None:
    found = {*student.Transformer(19, 12, 3, 1, 20).state_dict()}
    wanted = {"embedding.weight"}
    wanted |= {f"encoder.0.{name}" for name, _ in student.EncoderLayer(12, 3, 20).named_parameters()}
    wanted |= {f"decoder.0.{name}" for name, _ in student.DecoderLayer(12, 3, 20).named_parameters()}
    if extra := sorted(found - wanted):
        fail(
            f"The state dict should not have {extra[0]!r}. (A table of positions: a buffer with persistent=False.)",
            f"state dict 里不应有 {extra[0]!r}。（位置表可以注册为 persistent=False 的 buffer。）",
        )
    if missing := sorted(wanted - found):
        fail(f"The state dict should have {missing[0]!r}.", f"state dict 里应有 {missing[0]!r}。")


@case("encoder-decoder", en="the size of a fresh embedding", zh="刚建好的嵌入有多大")
def fresh_embedding(student: Any) -> None:
    std = float(student.Transformer(500, 16, 2, 0, 20).embedding.weight.detach().std())
    if not 0.2 < std < 0.3:  # 1 / sqrt(16) = 0.25; nn.Embedding alone has 1
        fail(
            f"With d_model = 16 a fresh embedding should have a std of 16^-0.5 = 0.25; yours has {std:.2f}.",
            f"d_model = 16 时，刚建好的嵌入标准差应为 16^-0.5 = 0.25；你的是 {std:.2f}。",
        )
