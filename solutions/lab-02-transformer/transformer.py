# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["en"]
# # Lab 02, notebook 2: the Transformer
#
# Now the machine of *Attention Is All You Need*, whole: an encoder that reads, a decoder that writes, made of **your** attention. At the end
# it translates numbers into English and Chinese words, and you see which digit it looks at for each word.
#
# **You will be able to**
# - write LayerNorm and RMSNorm, and say where the epsilon stands;
# - assemble encoder and decoder layers, with the norm after each part (2017) or before it (since 2019), and show why it was moved;
# - put together an encoder-decoder Transformer with tied embeddings and sinusoidal positions, and train it.
#
# **Time** about three hours. Running everything takes about two minutes on two CPU cores.
#
# **You need** your `attention` notebook, with problems 1 and 2 done, in the same folder. **Save it first** (Ctrl+S): this notebook reads the file.

# %% [markdown] tags=["zh"]
# # 实验 02，第 2 个 notebook：Transformer
#
# 现在来搭《Attention Is All You Need》里的整台机器：负责读的编码器，负责写的解码器，都用**你自己的**注意力。
# 最后它会把数字翻译成英文和中文，你还能看到它写每个词时在看哪一位数字。
#
# **学完之后，你能够**
# - 写出 LayerNorm 和 RMSNorm，并说清 epsilon 在哪里；
# - 搭出编码器层和解码器层：归一化放在每个子层之后（2017）或之前（2019 年以后），并演示为什么要挪位置；
# - 用共享的 embedding 和正弦位置编码组装一个编码器-解码器 Transformer，并训练它。
#
# **时间** 约三小时。全部单元格在两个 CPU 核上跑一遍约需两分钟。
#
# **预备** 同一文件夹里你的 `attention` notebook，第 1、2 题已完成。**请先保存它**（Ctrl+S）：这个 notebook 读取的是文件。

# %% tags=["export"]
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import labkit

attention = labkit.notebook("attention")  # your MultiHeadAttention, causal_mask and padding_mask

# %%
profile = "cpu"  # or "gpu": a wider model on one CUDA card

# %%
import random
import time

import matplotlib.pyplot as plt

from labkit import plots
from labkit.numerals import chinese, english

SETTINGS = {
    "cpu": {"d_model": 64, "n_heads": 4, "n_layers": 2, "steps": 400, "batch": 128},
    "gpu": {"d_model": 512, "n_heads": 8, "n_layers": 6, "steps": 3000, "batch": 256},
}[profile]
DEVICE = {"cpu": "cpu", "gpu": "cuda"}[profile]
BLUE, ORANGE, GREY, GREEN = "#1f77b4", "#ff7f0e", "#d9d9d9", "#2ca02c"

torch.manual_seed(0)
plots.style()

# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# 40506 is "forty thousand five hundred six", and 四万零五百零六. Try to write down the rules: teens, the order of units, the 零 that stands for any run of zeros,
# but not at the end... Here nobody writes down anything. A Transformer with 0.24 million parameters, PyTorch's own for the moment, sees 51,200 random examples in
# both languages. Numbers above 1,000 that end in 7 are held out: it never sees one.

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# 40506 写作 “forty thousand five hundred six”，也写作“四万零五百零六”。试着把规则写下来：十几的特殊说法、单位的次序、
# 一个“零”代表连续若干个零、末尾的零又不读……在这里，谁也不写规则。一个 24 万参数的 Transformer（暂时用 PyTorch 自带的）看 51,200 个随机例子，两种语言都有。
# 大于 1000 且末位是 7 的数全部留出，训练中一个也见不到。

# %%
SPECIAL = ["<pad>", "<bos>", "<eos>", "<en>", "<zh>"]
PAD, BOS, EOS = range(3)
NAMED = [*range(20), *range(20, 100, 10), 100, 1000, 10_000]
VOCABULARY = [*SPECIAL, *"0123456789"]
for numerals in (english, chinese):
    VOCABULARY += sorted({word for number in NAMED for word in numerals(number)} - set(VOCABULARY))
ID = {word: index for index, word in enumerate(VOCABULARY)}
WORDS = {"en": english, "zh": chinese}


def example(number: int, lang: str) -> tuple[list[int], list[int]]:
    """Token ids to read and to write. Example: 15, "zh" -> <zh> 1 5, and <bos> 十 五 <eos>."""
    return [ID[f"<{lang}>"], *(ID[digit] for digit in str(number))], [BOS, *(ID[w] for w in WORDS[lang](number)), EOS]


def padded(rows: list[list[int]]) -> Tensor:
    """(B, T) int64, padded on the right."""
    return nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=PAD).to(
        DEVICE
    )


def held_out(number: int) -> bool:
    return number > 1000 and number % 10 == 7


def draw_batch(rng: random.Random, size: int) -> tuple[Tensor, Tensor]:
    """Random numbers of 1 to 5 digits in a random language: what to read and what to write."""
    examples = []
    while len(examples) < size:
        number = rng.randrange(10 ** rng.randint(1, 5))
        if not held_out(number):
            examples.append(example(number, rng.choice(["en", "zh"])))
    return padded([read for read, _ in examples]), padded([write for _, write in examples])


def train(model: nn.Module) -> list[float]:
    """Trains on SETTINGS["steps"] batches, always the same ones; returns the loss of each."""
    rng, steps = random.Random(0), SETTINGS["steps"]
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)  # warm-up, then decay
    losses = []
    for _ in range(steps):
        read, write = draw_batch(rng, SETTINGS["batch"])
        logits = model(read, write[:, :-1], (read != PAD).long())
        loss = F.cross_entropy(logits.flatten(0, 1), write[:, 1:].flatten(), ignore_index=PAD)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def translate(model: nn.Module, numbers: list[int], lang: str) -> list[str]:
    """What the model writes for each number: the likeliest token, again and again, up to <eos>."""
    read = padded([example(number, lang)[0] for number in numbers])
    write = torch.full((len(numbers), 1), BOS, device=DEVICE)
    for _ in range(12):
        logits = model(read, write, (read != PAD).long())
        write = torch.cat([write, logits[:, -1:].argmax(-1)], dim=1)
    texts = []
    for row in write[:, 1:].tolist():
        words = [VOCABULARY[token] for token in row[: row.index(EOS) if EOS in row else None]]
        texts.append((" " if lang == "en" else "").join(words))
    return texts


def share_right(model: nn.Module, lang: str) -> float:
    numbers = [number for number in range(1001, 100_000, 331) if held_out(number)]
    wanted = [(" " if lang == "en" else "").join(WORDS[lang](number)) for number in numbers]
    return sum(a == b for a, b in zip(translate(model, numbers, lang), wanted, strict=True)) / len(numbers)


class LibraryTransformer(nn.Module):
    """The same machine out of PyTorch's own parts."""

    def __init__(self, vocab_size: int, d_model: int, n_heads: int, n_layers: int, d_ff: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        nn.init.normal_(self.embedding.weight, std=d_model**-0.5)
        self.layers = nn.Transformer(d_model, n_heads, n_layers, n_layers, d_ff, dropout=0.0, batch_first=True)
        angles = torch.arange(64)[:, None] / 10_000 ** (torch.arange(0, d_model, 2) / d_model)
        table = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
        self.register_buffer("positions", table, persistent=False)  # not in the state dict

    def forward(self, read: Tensor, write: Tensor, read_mask: Tensor) -> Tensor:
        """(B, S), (B, T) and the mask of read -> (B, T, vocab_size)."""
        x, y = (
            self.embedding(ids) * self.embedding.embedding_dim**0.5 + self.positions[: ids.shape[1]]
            for ids in (read, write)
        )
        future = torch.ones(y.shape[1], y.shape[1], dtype=torch.bool, device=y.device).triu(1)
        padding = read_mask == 0
        y = self.layers(x, y, tgt_mask=future, src_key_padding_mask=padding, memory_key_padding_mask=padding)
        return y @ self.embedding.weight.T


SIZES = (len(VOCABULARY), SETTINGS["d_model"], SETTINGS["n_heads"], SETTINGS["n_layers"], 4 * SETTINGS["d_model"])
library = LibraryTransformer(*SIZES).to(DEVICE)
start = time.perf_counter()
library_losses = train(library)
print(f"{sum(p.numel() for p in library.parameters()):,} parameters, {time.perf_counter() - start:.0f} s of training\n")
for number in (40_507, 17, 90_017, 10_007):
    print(f"{number:>7,}  {translate(library, [number], 'en')[0]}   {translate(library, [number], 'zh')[0]}")
print(f"\nheld-out numbers right: English {share_right(library, 'en'):.0%}, Chinese {share_right(library, 'zh'):.0%}")

# %% [markdown] tags=["en"]
# Both languages, and most of the held-out numbers, and all it was told is "predict the next token". `nn.Transformer` is one line up there. By the end of this notebook the line is yours.
#
# ## 2. Keeping the numbers in range
#
# A deep network adds the output of part after part to one stream of vectors, the **residual stream**. Nothing stops their size from growing, so they are **normalised**, before each part or after it (section 3).
#
# $$\mathrm{LayerNorm}(x) = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}\odot w + b,\qquad
# \mathrm{RMSNorm}(x) = \frac{x}{\sqrt{\frac1d\sum_i x_i^2 + \epsilon}}\odot w$$
#
# $\mu$ and $\sigma^2$ are the mean and the variance over the **last** axis of one token (Ba et al. 2016): no token hears of another here. RMSNorm (Zhang and Sennrich 2019) leaves
# out the mean and the bias: cheaper, and as good; Llama and all its kin use it.
#
# **The pitfalls of this section.** The variance is divided by $d$ (not $d-1$, which `Tensor.var` does unless told otherwise). The $\epsilon$ stands **inside** the root: that changes little for ordinary vectors and
# everything for small ones. And in float16 $x_i^2$ overflows from 256 on, so RMSNorm computes in float32, and the cast back to the dtype of $x$ is its **last** step, after the weight: float16 times a float32 weight is float32.
#
# ### Problem 4 (8 points): `LayerNorm` and `RMSNorm`

# %% [markdown] tags=["zh"]
# 两种语言都会，没见过的数也大多写对了，而我们只让它“预测下一个 token”。上面的 `nn.Transformer` 只是一行；到这个 notebook 结束时，这一行就是你写的了。
#
# ## 2. 让数值保持在合适的范围
#
# 深层网络里，一个又一个子层（注意力、前馈网络）把输出加到每个 token 的同一个向量上，这条贯穿各层的向量叫**残差流**（residual stream）。
# 没有什么能阻止它越来越大，所以要**归一化**：放在每个子层之前，或者之后（第 3 节）。
#
# $$\mathrm{LayerNorm}(x) = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}\odot w + b,\qquad
# \mathrm{RMSNorm}(x) = \frac{x}{\sqrt{\frac1d\sum_i x_i^2 + \epsilon}}\odot w$$
#
# $\mu$ 和 $\sigma^2$ 是单个 token 在**最后**一维上的均值和方差（Ba 等 2016）：在这里各 token 互不相干。
# RMSNorm（Zhang 与 Sennrich 2019）省去了均值和偏置：更便宜，效果一样好；Llama 及其同类都用它。
#
# **本节的坑。** 方差除以 $d$（而不是 $d-1$，`Tensor.var` 默认除以后者）。$\epsilon$ 在根号**里面**：对普通向量影响很小，对很小的向量影响极大。
# 另外在 float16 里，$x_i$ 到 256 时 $x_i^2$ 就溢出了，所以 RMSNorm 用 float32 计算，乘过 $w$ **之后**再转回输入的 dtype：float16 乘以 float32 的 $w$，得到的是 float32。
#
# ### 第 4 题（8 分）：`LayerNorm` 和 `RMSNorm`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "norms-solution", "cell_type": "code"}
class LayerNorm(nn.Module):
    """(x - mean) / sqrt(variance + eps) * weight + bias, over the last axis of size d_model.

    Attributes:
        weight: Parameter (d_model,), ones at first.    bias: Parameter (d_model,), zeros at first.    eps: float.

    Source: Ba et al. 2016, Layer Normalization, section 3.
    """

    def __init__(self, d_model: int, eps: float = 1e-5) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.weight = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model))
        self.eps = eps
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """(..., d_model) -> (..., d_model). The variance is divided by d_model."""
        ### BEGIN SOLUTION
        centred = x - x.mean(-1, keepdim=True)
        variance = centred.pow(2).mean(-1, keepdim=True)
        return centred / torch.sqrt(variance + self.eps) * self.weight + self.bias
        ### END SOLUTION


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight, over the last axis of size d_model.

    Attributes:
        weight: Parameter (d_model,), ones at first.    eps: float.

    Source: Zhang and Sennrich 2019, Root Mean Square Layer Normalization, section 4.
    """

    def __init__(self, d_model: int, eps: float = 1e-6) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.weight = nn.Parameter(torch.ones(d_model))
        self.eps = eps
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """(..., d_model) -> (..., d_model): computed in float32, the weight included, then cast to the dtype of x."""
        ### BEGIN SOLUTION
        wide = x.float()
        normalised = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return (self.weight * normalised).to(x.dtype)
        ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 8, "schema_version": 3, "grade_id": "norms", "cell_type": "code"}
labkit.check("norms")

# %% [markdown] tags=["en"]
# **The library's versions** are `nn.LayerNorm` and `nn.RMSNorm`. And this is what the place of $\epsilon$ does when a vector is small:

# %% [markdown] tags=["zh"]
# **库里的版本**是 `nn.LayerNorm` 和 `nn.RMSNorm`。再看看向量很小的时候，$\epsilon$ 的位置有多大影响：

# %%
x = torch.randn(5, 48) * 3 + 1
print(f"LayerNorm: largest difference {(LayerNorm(48)(x) - nn.LayerNorm(48)(x)).abs().max():.1e}")
print(f"RMSNorm:   largest difference {(RMSNorm(48)(x) - nn.RMSNorm(48, eps=1e-6)(x)).abs().max():.1e}")

sizes = torch.logspace(-7, 2, 100)
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(sizes, sizes / torch.sqrt(sizes**2 + 1e-6), color=BLUE, label=r"$x\,/\,\sqrt{\mathrm{mean}(x^2) + \epsilon}$")
axes.plot(sizes, sizes / (sizes + 1e-6), color=ORANGE, label=r"$x\,/\,(\sqrt{\mathrm{mean}(x^2)} + \epsilon)$")
axes.set(
    xscale="log",
    xlabel="size of the vector (root mean square)",
    ylabel="size after RMSNorm",
    title="where the epsilon stands",
)
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# ## 3. The parts
#
# **Positions.** The paper adds to the embedding of the token at position $p$ a vector of waves, from fast to slow (section 3.5):
#
# $$PE_{p,\,2i} = \sin\!\big(p / 10000^{2i/d}\big),\qquad PE_{p,\,2i+1} = \cos\!\big(p / 10000^{2i/d}\big).$$
#
# The same frequencies as RoPE, which came from here: but added once at the bottom, instead of turned into every comparison.
#
# **Layers.** Each part is wrapped in a *residual connection*: it only adds to the stream. There are two places for the norm:
#
# ```
#  post-norm (2017, BERT)                        pre-norm (GPT-2, Llama and most models since)
#  x ─┬─ attention ─ + ─ norm ─┬─ FFN ─ + ─ norm ─   x ─┬─ norm ─ attention ─ + ─┬─ norm ─ FFN ─ + ─
#     └──────────────┘         └────────┘               └────────────────────┘    └──────────────┘
#  x = norm(x + part(x))                         x = x + part(norm(x))
# ```
#
# In a pre-norm layer the stream goes through **untouched**, and so does the gradient. The **FFN** (feed-forward network) works on each token alone: up to $d_{ff} \approx 4 d$, a nonlinearity, down again. The **encoder layer** is attention + FFN,
# and two thirds of its parameters are in the FFN. The **decoder layer** has cross-attention to the encoder's output (the *memory*) between them (the FFN is half of it), and its self-attention is causal.
#
# ### Problem 5 (14 points): `sinusoidal_positions`, `FeedForward`, `EncoderLayer`, `DecoderLayer`, `Transformer`
#
# Use your `attention.MultiHeadAttention` and your `LayerNorm`. `EncoderLayer` can do both places of the norm: the next notebook makes BERT of one and GPT-2 of the other.
# A mask goes in by its name, `mask=`: the second argument of `MultiHeadAttention` is the context. Tensors that you create in a forward (positions, the causal mask) belong on the device of the ids.

# %% [markdown] tags=["zh"]
# ## 3. 部件
#
# **位置。** 论文给处在位置 $p$ 的 token 的 embedding 加上一组由快到慢的波（3.5 节）：
#
# $$PE_{p,\,2i} = \sin\!\big(p / 10000^{2i/d}\big),\qquad PE_{p,\,2i+1} = \cos\!\big(p / 10000^{2i/d}\big).$$
#
# 频率与 RoPE 相同（RoPE 正是由此而来），只不过这里是在最底层加一次，而不是在每次比较时旋转。
#
# **层。** 每个子层都包在**残差连接**里：它只往残差流里加东西。归一化有两个位置可放：
#
# ```
#  post-norm（2017、BERT）                        pre-norm（GPT-2、Llama 以及之后的绝大多数模型）
#  x ─┬─ attention ─ + ─ norm ─┬─ FFN ─ + ─ norm ─   x ─┬─ norm ─ attention ─ + ─┬─ norm ─ FFN ─ + ─
#     └──────────────┘         └────────┘               └────────────────────┘    └──────────────┘
#  x = norm(x + part(x))                         x = x + part(norm(x))
# ```
#
# 在 pre-norm 的层里，残差流**原封不动**地穿过，梯度也一样。**FFN**（前馈网络）对每个 token 单独计算：升到 $d_{ff} \approx 4 d$，过一个非线性，再降回来。
# **编码器层** = 注意力 + FFN，三分之二的参数在 FFN 里。**解码器层**在两者之间多一个交叉注意力，去看编码器的输出（即 **memory**），于是 FFN 只占一半；它的自注意力是因果的。
#
# ### 第 5 题（14 分）：`sinusoidal_positions`、`FeedForward`、`EncoderLayer`、`DecoderLayer`、`Transformer`
#
# 请使用你的 `attention.MultiHeadAttention` 和你的 `LayerNorm`。`EncoderLayer` 两种归一化位置都要支持：下一个 notebook 用一种搭 BERT，用另一种搭 GPT-2。
# 传掩码要写明 `mask=`，因为 `MultiHeadAttention` 的第二个参数是 context。在 forward 里新建的张量（位置、因果掩码）要放在 ids 所在的设备上。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "layers-solution", "cell_type": "code"}
def sinusoidal_positions(n_positions: int, d_model: int) -> Tensor:
    """(n_positions, d_model) float32 on the CPU: sines in the even columns, cosines in the odd ones; d_model is even.

    Source: Vaswani et al. 2017, section 3.5.
    """
    ### BEGIN SOLUTION
    frequencies = 10_000.0 ** (-torch.arange(0, d_model, 2) / d_model)
    angles = torch.arange(n_positions)[:, None] * frequencies  # (T, d/2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
    ### END SOLUTION


class FeedForward(nn.Module):
    """down_proj(activation(up_proj(x))), on each token alone.

    Attributes:
        up_proj: nn.Linear(d_model, d_ff).    down_proj: nn.Linear(d_ff, d_model).

    Source: Vaswani et al. 2017, section 3.3.
    """

    def __init__(self, d_model: int, d_ff: int, activation: Callable[[Tensor], Tensor] = F.relu) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.up_proj = nn.Linear(d_model, d_ff)
        self.down_proj = nn.Linear(d_ff, d_model)
        self.activation = activation
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """(..., d_model) -> (..., d_model)."""
        ### BEGIN SOLUTION
        return self.down_proj(self.activation(self.up_proj(x)))
        ### END SOLUTION


class EncoderLayer(nn.Module):
    """Self-attention, then a feed-forward network, each with a residual connection and a LayerNorm.

    Attributes:
        attention: attention.MultiHeadAttention.    attention_norm: LayerNorm(d_model, eps).
        feed_forward: FeedForward.    feed_forward_norm: LayerNorm(d_model, eps).    pre_norm: bool.

    Source: Vaswani et al. 2017, section 3.1; pre-norm: Xiong et al. 2020, figure 1.
    """

    def __init__(
        self, d_model: int, n_heads: int, d_ff: int, activation: Callable[[Tensor], Tensor] = F.relu,
        pre_norm: bool = False, eps: float = 1e-5,
    ) -> None:  # fmt: skip
        """`pre_norm`: x + part(norm(x)) instead of norm(x + part(x))."""
        super().__init__()
        ### BEGIN SOLUTION
        self.attention = attention.MultiHeadAttention(d_model, n_heads)
        self.attention_norm = LayerNorm(d_model, eps)
        self.feed_forward = FeedForward(d_model, d_ff, activation)
        self.feed_forward_norm = LayerNorm(d_model, eps)
        self.pre_norm = pre_norm
        ### END SOLUTION

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model); the mask is that of MultiHeadAttention."""
        ### BEGIN SOLUTION
        if self.pre_norm:
            x = x + self.attention(self.attention_norm(x), mask=mask)
            return x + self.feed_forward(self.feed_forward_norm(x))
        x = self.attention_norm(x + self.attention(x, mask=mask))
        return self.feed_forward_norm(x + self.feed_forward(x))
        ### END SOLUTION


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention to the memory, feed-forward; post-norm, as in the paper.

    Attributes:
        self_attention, cross_attention: attention.MultiHeadAttention.    feed_forward: FeedForward with ReLU.
        self_attention_norm, cross_attention_norm, feed_forward_norm: LayerNorm(d_model).

    Source: Vaswani et al. 2017, section 3.1.
    """

    def __init__(self, d_model: int, n_heads: int, d_ff: int) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.self_attention = attention.MultiHeadAttention(d_model, n_heads)
        self.self_attention_norm = LayerNorm(d_model)
        self.cross_attention = attention.MultiHeadAttention(d_model, n_heads)
        self.cross_attention_norm = LayerNorm(d_model)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.feed_forward_norm = LayerNorm(d_model)
        ### END SOLUTION

    def forward(
        self, x: Tensor, memory: Tensor, mask: Tensor | None = None, memory_mask: Tensor | None = None
    ) -> Tensor:
        """One layer of the decoder.

        Args:
            x: (B, T, d_model).
            memory: (B, S, d_model), the output of the encoder.
            mask: of the self-attention, broadcastable to (B, H, T, T).
            memory_mask: of the cross-attention, broadcastable to (B, H, T, S).

        Returns:
            (B, T, d_model).
        """
        ### BEGIN SOLUTION
        x = self.self_attention_norm(x + self.self_attention(x, mask=mask))
        x = self.cross_attention_norm(x + self.cross_attention(x, memory, memory_mask))
        return self.feed_forward_norm(x + self.feed_forward(x))
        ### END SOLUTION


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "transformer-solution", "cell_type": "code"}
class Transformer(nn.Module):
    """The encoder-decoder of the paper, with one vocabulary for both sides and no dropout.

    The embedding of a token is its row of `embedding` times sqrt(d_model), plus the sinusoid of its position. The same matrix, transposed,
    turns the decoder's output into logits (section 3.4).

    Attributes:
        embedding: nn.Embedding(vocab_size, d_model), normal with std d_model^-0.5 at first; the only parameters outside the layers.
            No persistent buffer: the state dict has the parameters and nothing else.
        encoder: nn.ModuleList of EncoderLayer.    decoder: nn.ModuleList of DecoderLayer; n_layers of each.

    Source: Vaswani et al. 2017, section 3 and figure 1.
    """

    def __init__(self, vocab_size: int, d_model: int, n_heads: int, n_layers: int, d_ff: int) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.embedding = nn.Embedding(vocab_size, d_model)
        nn.init.normal_(self.embedding.weight, std=d_model**-0.5)
        self.encoder = nn.ModuleList(EncoderLayer(d_model, n_heads, d_ff) for _ in range(n_layers))
        self.decoder = nn.ModuleList(DecoderLayer(d_model, n_heads, d_ff) for _ in range(n_layers))
        ### END SOLUTION

    def forward(self, source: Tensor, target: Tensor, source_mask: Tensor | None = None) -> Tensor:
        """Logits for the token after each token of the target.

        Args:
            source: (B, S) int64.
            target: (B, T) int64, padded on the right if at all.
            source_mask: (B, S) int64, 1 on tokens and 0 on padding; None: no padding.

        Returns:
            (B, T, vocab_size). Logits at t depend on target[:, : t + 1] and on the source without its padding.
        """
        ### BEGIN SOLUTION
        visible = None if source_mask is None else attention.padding_mask(source_mask)
        memory = self._embed(source)
        for layer in self.encoder:
            memory = layer(memory, visible)
        x = self._embed(target)
        causal = attention.causal_mask(target.shape[1], target.shape[1]).to(target.device)
        for layer in self.decoder:
            x = layer(x, memory, causal, visible)
        return x @ self.embedding.weight.T

    def _embed(self, ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, d_model)."""
        d_model = self.embedding.embedding_dim
        positions = sinusoidal_positions(ids.shape[1], d_model).to(ids.device)
        return self.embedding(ids) * math.sqrt(d_model) + positions
        ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 14, "schema_version": 3, "grade_id": "encoder-decoder", "cell_type": "code"}
labkit.check("encoder-decoder")

# %% [markdown] tags=["en"]
# **Look at the positions.** Each row is one position; a row differs from every other. Right: the product of two rows depends on their distance alone.

# %% [markdown] tags=["zh"]
# **看看位置编码。** 每一行是一个位置，各行互不相同。右图：两行的点积只取决于它们的距离。

# %%
table = sinusoidal_positions(96, 64)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), width_ratios=[1.2, 1])
left.imshow(table.T, cmap="RdBu_r", aspect="auto")
left.set(xlabel="position", ylabel="column", title="sinusoidal positions")
image = right.imshow(table @ table.T, cmap="Blues")
right.set(xlabel="position", title="products of two positions")
figure.colorbar(image, ax=right)
plt.show()

# %% [markdown] tags=["en"]
# ## 4. Why the norm was moved
#
# Stack your layers, untrained, and send a gradient back from the top. How much arrives at the FFN of the *top* layer, when the stack grows?

# %% [markdown] tags=["zh"]
# ## 4. 归一化为什么要挪到前面
#
# 把你写的层叠起来，不训练，从顶上往回传一个梯度。层数越来越多时，**最顶层**的 FFN 能收到多少？


# %%
def gradient_at_the_top(depth: int, pre_norm: bool) -> float:
    """The norm of the gradient for the last FFN of an untrained stack; a pre-norm stack ends with a norm."""
    torch.manual_seed(0)
    layers = nn.ModuleList(EncoderLayer(64, 4, 256, pre_norm=pre_norm) for _ in range(depth))
    x = torch.randn(4, 16, 64)
    for layer in layers:
        x = layer(x)
    if pre_norm:
        x = LayerNorm(64)(x)
    (x * torch.randn_like(x)).mean().backward()
    return float(layers[-1].feed_forward.down_proj.weight.grad.norm())


depths = [2, 4, 8, 16, 32, 64]
figure, axes = plt.subplots(figsize=(7, 3.2))
for name, pre_norm, colour in [("post-norm", False, ORANGE), ("pre-norm", True, BLUE)]:
    arriving = [gradient_at_the_top(depth, pre_norm) for depth in depths]
    axes.plot(depths, arriving, "o-", color=colour, label=name)
    print(f"{name:10} " + "  ".join(f"{depth} layers {norm:.3f}" for depth, norm in zip(depths, arriving, strict=True)))
axes.set(
    xscale="log",
    ylim=(0, None),
    xlabel="layers in the stack",
    ylabel="norm of the gradient",
    title="gradient at the top layer",
)
axes.set_xticks(depths, depths)
axes.minorticks_off()
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# In a pre-norm stack the stream grows with each layer, and the last norm divides by its size: the deeper the stack, the smaller the gradient at the top. In a post-norm stack the top layer gets nearly the same gradient, however deep the stack is. **The larger gradient is the worse one here.** At
# the start of training, what the layers below hand up is of no use yet, and a large step at the top learns from that. So the paper needed a careful *warm-up* of the learning rate, and nearly everybody has moved the norm since (Xiong et al. 2020, section 3.3. Their theorem 1 bounds the two
# curves for deep stacks: post-norm does not depend on the depth, pre-norm approaches $1/\sqrt{\text{depth}}$).
#
# ## 5. Your Transformer at work
#
# The training of section 1 again, on the same batches, with your parts.

# %% [markdown] tags=["zh"]
# 在 pre-norm 的一摞层里，残差流逐层变大，最后的归一化再除以它的大小：层数越多，顶层收到的梯度越小。而在 post-norm 里，无论多深，顶层收到的梯度都差不多。
# **在这里，梯度大反而是坏事。** 训练刚开始时，下面各层传上来的东西还毫无用处，顶层却已经照着它迈出一大步。所以论文需要小心翼翼地对学习率做 **warm-up**，
# 后来大家大多索性把归一化挪到了前面（Xiong 等 2020，3.3 节；其中的定理 1 给出层数很多时这两条曲线的上界：post-norm 与层数无关，pre-norm 趋近 $1/\sqrt{\text{层数}}$）。
#
# ## 5. 让你的 Transformer 干活
#
# 把第 1 节的训练重做一遍，数据批次相同，部件换成你的。

# %%
torch.manual_seed(0)
model = Transformer(*SIZES).to(DEVICE)
assert sum(p.numel() for p in model.parameters()) + 4 * SETTINGS["d_model"] == sum(
    p.numel() for p in library.parameters()
)
start = time.perf_counter()
losses = train(model)
print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {time.perf_counter() - start:.0f} s of training")
print(f"held-out numbers right: English {share_right(model, 'en'):.0%}, Chinese {share_right(model, 'zh'):.0%}")

figure, axes = plt.subplots(figsize=(7, 3.2))
axes.plot(library_losses, color=ORANGE, lw=1, label="nn.Transformer")
axes.plot(losses, color=BLUE, lw=1, label="yours")
axes.set(yscale="log", xlabel="step", ylabel="loss per token", title="the same training twice")
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# Two models that start from different random numbers, so the curves are not the same, but they tell the same story. (PyTorch's has one more LayerNorm at the end of each stack.)
#
# **What does it look at?** The cross-attention of the last decoder layer says which digit each word was read from. We catch what goes into it and ask *your* `attention_weights`.

# %% [markdown] tags=["zh"]
# 两个模型的随机起点不同，曲线不会重合，但走势如出一辙。（PyTorch 的版本在两摞层的末尾各多一个 LayerNorm。）
#
# **它在看什么？** 最后一个解码器层的交叉注意力，会告诉我们每个词是从哪一位数字读出来的。我们截住它的输入，交给**你的** `attention_weights`。


# %%
def cross_attention_map(number: int, lang: str) -> tuple[Tensor, list[str], list[str]]:
    """Weights (T, S) of the last decoder layer's cross-attention, mean over heads; the words and the digits."""
    read, write = example(number, lang)
    layer = model.decoder[-1].cross_attention
    caught = []

    def catch(module: nn.Module, args: tuple, kwargs: dict) -> None:
        given = dict(zip(("x", "context"), args, strict=False)) | kwargs  # by place or by name
        caught.extend([given["x"], given["context"]])

    hook = layer.register_forward_pre_hook(catch, with_kwargs=True)
    with torch.no_grad():
        model(padded([read]), padded([write[:-1]]))
        hook.remove()
        x, memory = caught
        q, k = (
            part.unflatten(-1, (layer.n_heads, -1)).transpose(1, 2) for part in (layer.q_proj(x), layer.k_proj(memory))
        )
        weights = attention.attention_weights(q, k)[0].mean(0).cpu()
    # The row of a token is the step that writes the token after it.
    return weights, [VOCABULARY[token] for token in write[1:]], [VOCABULARY[token] for token in read]


figure, panels = plt.subplots(1, 2, figsize=(9, 4))
for panel, lang in zip(panels, ("en", "zh"), strict=True):
    weights, words, digits = cross_attention_map(40_517, lang)
    panel.imshow(weights, cmap="Blues", vmin=0, aspect="auto")
    panel.set_xticks(range(len(digits)), digits)
    panel.set_yticks(range(len(words)), words)
    panel.set(xlabel="looks at", ylabel="writes")
figure.suptitle("cross-attention: which digit each word is read from (40,517 was held out)")
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# ## Summary
#
# - LayerNorm and RMSNorm bring each token's vector to one size; epsilon inside the root, the variance over $d$.
# - A layer is attention + FFN on a residual stream. Post-norm is the paper's, and needs a warm-up; pre-norm leaves the stream untouched, and most models have it.
# - The decoder sees its own past (causal mask) and all of the source (cross-attention, without the padding).
# - One matrix embeds and un-embeds. Everything else is the same layer again and again.
#
# ## Three questions to think about
#
# 1. Why is the embedding multiplied by $\sqrt d$? What is the size of a row of the embedding, and what of the sinusoid that is added? What would happen to the *logits* if the factor stood in the matrix instead?
# 2. A pre-norm stack ends with one more norm before the logits. Why does it need one, when the post-norm stack does not?
# 3. The decoder's target is not masked for padding. Why does it not matter, when the padding is on the right? What if it were on the left?
#
# ## Further reading
#
# - Vaswani et al. 2017, *Attention Is All You Need*: section 3, and table 3 for what matters.
# - Ba et al. 2016, *Layer Normalization*: section 3.
# - Zhang and Sennrich 2019, *Root Mean Square Layer Normalization*: section 4.
# - Xiong et al. 2020, *On Layer Normalization in the Transformer Architecture*: section 3.
# - Press and Wolf 2016, *Using the Output Embedding to Improve Language Models*: section 3.

# %% [markdown] tags=["zh"]
# ## 小结
#
# - LayerNorm 和 RMSNorm 把每个 token 的向量拉到同样的大小；epsilon 在根号里，方差除以 $d$。
# - 一层 = 残差流上的注意力 + FFN。post-norm 是论文的做法，需要 warm-up；pre-norm 让残差流原样穿过，多数模型用它。
# - 解码器能看到自己的过去（因果掩码）和整个源序列（交叉注意力，不含填充）。
# - 同一个矩阵既做 embedding 又做输出。其余的就是同一种层反复堆叠。
#
# ## 三个思考题
#
# 1. embedding 为什么要乘 $\sqrt d$？embedding 的一行有多大，加上去的正弦向量又有多大？如果把这个因子放进矩阵本身，**logits** 会怎样？
# 2. pre-norm 的一摞层在 logits 之前要再加一个归一化，post-norm 却不需要。为什么？
# 3. 解码器的目标序列没有屏蔽填充。填充在右侧时为什么没关系？如果在左侧呢？
#
# ## 延伸阅读
#
# - Vaswani 等 2017，《Attention Is All You Need》：第 3 节，以及说明各部分重要性的表 3。
# - Ba 等 2016，《Layer Normalization》：第 3 节。
# - Zhang 与 Sennrich 2019，《Root Mean Square Layer Normalization》：第 4 节。
# - Xiong 等 2020，《On Layer Normalization in the Transformer Architecture》：第 3 节。
# - Press 与 Wolf 2016，《Using the Output Embedding to Improve Language Models》：第 3 节。
