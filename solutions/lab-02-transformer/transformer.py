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
# Now you build the whole machine of *Attention Is All You Need* (Vaswani et al. 2017): an encoder that reads and a decoder that writes, made of **your** attention. At the end
# it translates numbers into English and Chinese words, and you look at where its attention goes while it writes.
#
# **You will be able to**
# - write LayerNorm and RMSNorm, and say where the epsilon stands;
# - assemble encoder and decoder layers, with the norm after each part (2017) or before it (usual since 2019), and show what the place of the norm changes;
# - put together an encoder-decoder Transformer with sinusoidal positions and tied embeddings (one matrix embeds the tokens and also makes the logits, the scores before the softmax), and train it.
#
# **Time** about three hours. Running everything takes about three minutes on two CPU cores.
#
# **You need** your `attention` notebook, with problems 1 and 2 done, in the same folder. **Save it first** (Ctrl+S): this notebook reads the file. (On a CUDA card, `profile = "gpu"` below trains a wider model.)

# %% [markdown] tags=["zh"]
# # 实验 02，第 2 节：Transformer
#
# 现在来搭《Attention Is All You Need》（Vaswani 等 2017）里的整台机器：负责读的编码器（encoder）、负责写的解码器（decoder），都用**你自己的**注意力搭成。
# 最后它会把数字翻译成英文和中文，你还能看到它写每个词时，注意力落在哪里。
#
# **学完之后，你能够**
# - 写出 LayerNorm（层归一化，layer norm）和 RMSNorm，并说清 epsilon 在哪里；
# - 搭出编码器层和解码器层：归一化放在每个子层之后（2017）或之前（2019 年以后的常见做法），并演示位置不同带来什么差别；
# - 用正弦位置编码和共享的嵌入（embedding；同一个矩阵既做 token 的嵌入，又算出 logits，即 softmax 之前的分数）组装一个编码器-解码器 Transformer，并训练它。
#
# **时间** 约三小时。全部单元格在两个 CPU 核上跑一遍约需三分钟。
#
# **预备** 同一文件夹里你的 `attention` 笔记本，第 1、2 题已完成。**请先保存它**（Ctrl+S）：这个笔记本读取的是文件。（有 CUDA 显卡时，把下面改成 `profile = "gpu"`，训练一个更宽的模型。）

# %% tags=["export"]
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import labkit

attention = labkit.notebook("attention")

# %%
profile = "cpu"

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
# 40506 is "forty thousand five hundred six", and 四万零五百零六. Try to write down the rules: the teens, the order of the units, the 零 that stands for any run of zeros inside a number
# but not at its end. Here nobody writes down any rule: a Transformer learns them from examples. It reads the language and the digits, and writes the words.
# Numbers above 1,000 that end in 7 are held out: it never sees one in training.

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# 40506 写作 “forty thousand five hundred six”，也写作“四万零五百零六”。试着把规则写下来：十几的特殊说法、单位的次序、
# 数字中间连续若干个零只读一个“零”、末尾的零又不读。在这里，谁也不写规则，由一个 Transformer 从例子里学：它读入语言标记和各位数字，写出读法。
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
    """Token ids to read and to write. Example: 15, "zh" -> <zh> 1 5, and <bos> 十 五 <eos>.
    ---
    读入和写出的 token id。例：15, "zh" -> <zh> 1 5，以及 <bos> 十 五 <eos>。
    """
    read = [ID[f"<{lang}>"], *(ID[digit] for digit in str(number))]
    return read, [BOS, *(ID[word] for word in WORDS[lang](number)), EOS]


def padded(rows: list[list[int]]) -> Tensor:
    """(B, T) int64, padded on the right.
    ---
    (B, T) int64，在右侧填充。
    """
    tensors = [torch.tensor(row) for row in rows]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=PAD).to(DEVICE)


def held_out(number: int) -> bool:
    """Whether the number is kept away from training.
    ---
    这个数是否留出，不参加训练。
    """
    return number > 1000 and number % 10 == 7


def draw_batch(rng: random.Random, size: int) -> tuple[Tensor, Tensor]:
    """Random numbers of 1 to 5 digits in a random language: what to read and what to write.
    ---
    随机的 1 到 5 位数，语言也随机：读入什么，写出什么。
    """
    examples = []
    while len(examples) < size:
        number = rng.randrange(10 ** rng.randint(1, 5))
        if not held_out(number):
            examples.append(example(number, rng.choice(["en", "zh"])))
    return padded([read for read, _ in examples]), padded([write for _, write in examples])


for lang in ("en", "zh"):
    read, write = ([VOCABULARY[token] for token in tokens] for tokens in example(40_506, lang))
    print(*read, "->", *write)

# %% [markdown] tags=["en"]
# Now the training. The Transformer, PyTorch's own for the moment, has 0.24 million parameters and sees 400 batches of 128 random examples in both languages. Its loss is the **cross-entropy**: the mean of $-\ln p$ over all tokens to be written,
# where $p$ is the probability that the model gives to the right token.
#
# The optimizer is Adam. The schedule `OneCycleLR` raises the learning rate from a small value to 2e-3 and then lowers it again: warm-up, then decay.

# %% [markdown] tags=["zh"]
# 现在来训练。这个 Transformer 暂时用 PyTorch 自带的，有 24 万个参数，要看 400 批（batch）随机例子，每批 128 个，两种语言都有。
# 损失（loss）是**交叉熵**（cross-entropy）：对每个要写出的 token 取 $-\ln p$，再求平均，其中 $p$ 是模型给正确 token 的概率。
#
# 优化器（optimizer）用 Adam。学习率（learning rate）由 `OneCycleLR` 调度：先从很小的值升到 2e-3，再降下来，也就是先**预热**（warm-up），后衰减。


# %%
def train(model: nn.Module) -> list[float]:
    """Trains on SETTINGS["steps"] batches, always the same ones; returns the loss of each.
    ---
    在 SETTINGS["steps"] 个批上训练，每次都是同样的批；返回每一批的损失。
    """
    rng, steps = random.Random(0), SETTINGS["steps"]
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
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


class LibraryTransformer(nn.Module):
    """The same machine out of PyTorch's own parts.
    ---
    用 PyTorch 自带的部件搭成的同一台机器。
    """

    def __init__(
        self, vocab_size: int, d_model: int, n_heads: int, n_layers: int, d_ff: int
    ) -> None:  # fmt: skip
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        nn.init.normal_(self.embedding.weight, std=d_model**-0.5)
        sizes = (d_model, n_heads, n_layers, n_layers, d_ff)
        self.layers = nn.Transformer(*sizes, dropout=0.0, batch_first=True)
        angles = torch.arange(64)[:, None] / 10_000 ** (torch.arange(0, d_model, 2) / d_model)
        table = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
        self.register_buffer("positions", table, persistent=False)

    def forward(self, read: Tensor, write: Tensor, read_mask: Tensor) -> Tensor:
        """(B, S), (B, T) and the mask of read -> (B, T, vocab_size).
        ---
        (B, S)、(B, T) 以及 read 的掩码 -> (B, T, vocab_size)。
        """
        scale = self.embedding.embedding_dim**0.5
        x = self.embedding(read) * scale + self.positions[: read.shape[1]]
        y = self.embedding(write) * scale + self.positions[: write.shape[1]]
        future = torch.ones(y.shape[1], y.shape[1], dtype=torch.bool, device=y.device).triu(1)
        padding = read_mask == 0
        masks = {"src_key_padding_mask": padding, "memory_key_padding_mask": padding}
        y = self.layers(x, y, tgt_mask=future, **masks)
        return y @ self.embedding.weight.T


SIZES = (
    len(VOCABULARY),
    SETTINGS["d_model"],
    SETTINGS["n_heads"],
    SETTINGS["n_layers"],
    4 * SETTINGS["d_model"],
)
library = LibraryTransformer(*SIZES).to(DEVICE)
start = time.perf_counter()
library_losses = train(library)
n_parameters, seconds = sum(p.numel() for p in library.parameters()), time.perf_counter() - start
print(
    say(
        f"{n_parameters:,} parameters, {seconds:.0f} s of training",
        f"{n_parameters:,} 个参数，训练用时 {seconds:.0f} 秒",
    )
)

# %% [markdown] tags=["en"]
# What has it learnt? Let it write numbers that it has never seen: six of them are printed (✓ right, ✗ wrong), and then two scores.

# %% [markdown] tags=["zh"]
# 它学会了什么？让它写从没见过的数：先打印六个（✓ 对，✗ 错），再给出两个得分。


# %%
@torch.no_grad()
def translate(model: nn.Module, numbers: list[int], lang: str) -> list[str]:
    """What the model writes for each number: the likeliest token, again and again, up to <eos>.
    ---
    模型为每个数写出什么：一次次取概率最大的 token，直到 <eos>。
    """
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


def in_words(number: int, lang: str) -> str:
    """The right answer.
    ---
    正确答案。
    """
    return (" " if lang == "en" else "").join(WORDS[lang](number))


def share_right(model: nn.Module, numbers: list[int], lang: str) -> float:
    """Of these numbers, how many the model translates without any mistake.
    ---
    这些数里，模型翻译得完全正确的占多少。
    """
    wanted = [in_words(number, lang) for number in numbers]
    written = translate(model, numbers, lang)
    return sum(a == b for a, b in zip(written, wanted, strict=True)) / len(numbers)


HELD_OUT = [number for number in range(100_000) if held_out(number)]
RANDOM = random.Random(1).sample(HELD_OUT, 300)
TWO_ZEROS = [number for number in HELD_OUT if str(number).count("0") >= 2]


def report(model: nn.Module) -> None:
    """Prints six of the held-out numbers, and how many are right: of 300 random ones, and of all
    with two zeros.
    ---
    打印六个留出的数，以及正确的比例：随机的 300 个里占多少，含两个零的所有数里占多少。
    """
    for number in RANDOM[:3] + TWO_ZEROS[:9:4]:
        for lang in ("en", "zh"):
            [text] = translate(model, [number], lang)
            print(f"{number:>7,}  {'✓' if text == in_words(number, lang) else '✗'} {text}")
    print()
    for name, numbers in [
        (say(f"{len(RANDOM)} random held-out numbers", f"{len(RANDOM)} 个随机的留出数"), RANDOM),
        (
            say(
                f"all {len(TWO_ZEROS)} of {len(HELD_OUT):,} with two zeros or more",
                f"{len(HELD_OUT):,} 个里至少含两个零的 {len(TWO_ZEROS)} 个",
            ),
            TWO_ZEROS,
        ),
    ]:
        english_share, chinese_share = (share_right(model, numbers, lang) for lang in ("en", "zh"))
        print(
            say(
                f"{name}: right in English {english_share:.0%}, in Chinese {chinese_share:.0%}",
                f"{name}：英文写对 {english_share:.0%}，中文写对 {chinese_share:.0%}",
            )
        )


report(library)

# %% [markdown] tags=["en"]
# The model writes nearly all of the random held-out numbers without a mistake, in both languages, although it was only trained to predict the next token. But one score does not say everything. Of the numbers with two zeros or more it gets far fewer right, in our run a little more than half. They are rare among random numbers,
# so they weigh little in the first score, and there are few of them to learn from. A mean over random examples can hide that one rule has been learnt badly, here the rule for zeros.
#
# Above, `nn.Transformer` is one line. By the end of this notebook you will have written what stands behind it.
#
# ## 2. Keeping the numbers in range
#
# How large do the numbers in a deep network get? It adds the outputs of many parts (attention, feed-forward networks), one after another, to one vector per token. This vector, which runs through all layers, is the **residual stream**. Nothing stops it from growing, so it is **normalised**: before each part or after it (section 3).
#
# $$\mathrm{LayerNorm}(x) = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}\odot w + b,\qquad
# \mathrm{RMSNorm}(x) = \frac{x}{\sqrt{\frac1d\sum_i x_i^2 + \epsilon}}\odot w$$
#
# $\mu$ and $\sigma^2$ are the mean and the variance over the **last** axis, of one token (Ba et al. 2016): here tokens exchange nothing. RMSNorm (Zhang and Sennrich 2019) leaves
# out the mean and the bias. It is cheaper, and in its authors' experiments about as good; Llama, Mistral and Qwen use it.
#
# **The pitfalls of this section.** The variance is divided by $d$ (not by $d-1$, as `Tensor.var` does unless told otherwise). The $\epsilon$ stands **inside** the root: that changes little for ordinary vectors and
# much for small ones. And in float16 $x_i^2$ overflows from 256 on, so RMSNorm computes in float32. The cast back to the dtype of $x$ is the **last** step, after the weight, because float16 times a float32 weight is float32.
# (This order is our convention, and Gemma's. Hugging Face's Llama casts first and then multiplies by the weight.)
#
# ### Problem 4 (8 points): `LayerNorm` and `RMSNorm`

# %% [markdown] tags=["zh"]
# 随机抽出的留出数，模型用两种语言都几乎全部写对，而训练时只让它预测下一个 token。不过，一个分数说明不了全部：在至少含两个零的数里，它写对的少得多，我们运行时只有一半多一点。
# 这样的数在随机数里很少，所以在第一个分数里不占分量，可供学习的例子也少。随机例子上的平均分会掩盖这样的事实：有一条规则（这里是“零”的规则）没有学好。
#
# 上面的 `nn.Transformer` 只有一行；到这个笔记本结束时，这一行背后的东西就都是你写的了。
#
# ## 2. 让数值保持在合适的范围
#
# 深层网络里的数会变得多大？一个又一个子层（注意力、前馈网络）把输出加到每个 token 的同一个向量上，这条贯穿各层的向量叫**残差流**（residual stream）。
# 没有什么能阻止它越来越大，所以要**归一化**：放在每个子层之前，或者之后（第 3 小节）。
#
# $$\mathrm{LayerNorm}(x) = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}\odot w + b,\qquad
# \mathrm{RMSNorm}(x) = \frac{x}{\sqrt{\frac1d\sum_i x_i^2 + \epsilon}}\odot w$$
#
# $\mu$ 和 $\sigma^2$ 是单个 token 在**最后**一维上的均值和方差（Ba 等 2016）：在这里各 token 互不相干。
# RMSNorm（Zhang 与 Sennrich 2019）省去了均值和偏置：更便宜，在作者的实验里效果差不多；Llama、Mistral、Qwen 都用它。
#
# **本小节的坑。** 方差除以 $d$（而不是 $d-1$，`Tensor.var` 默认除以后者）。$\epsilon$ 在根号**里面**：对普通向量影响很小，对很小的向量影响很大。
# 另外在 float16 里，$x_i$ 到 256 时 $x_i^2$ 就溢出了，所以 RMSNorm 用 float32 计算。转回 $x$ 的 dtype 是**最后一步**，在乘过 $w$ 之后，因为 float16 乘以 float32 的 $w$，得到的是 float32。
# （这个次序是我们的约定，也是 Gemma 的做法；Hugging Face 的 Llama 先转换，再乘 $w$。）
#
# ### 第 4 题（8 分）：`LayerNorm` 和 `RMSNorm`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "norms-solution", "cell_type": "code"}
class LayerNorm(nn.Module):
    """(x - mean) / sqrt(variance + eps) * weight + bias, over the last axis of size d_model.

    Attributes:
        weight: Parameter (d_model,), ones at first.
        bias: Parameter (d_model,), zeros at first.
        eps: float.
        The state dict has weight and bias, and nothing else.

    Source: Ba et al. 2016, Layer Normalization, section 3.
    ---
    (x - 均值) / sqrt(方差 + eps) * weight + bias，在大小为 d_model 的最后一维上计算。

    属性：
        weight: Parameter (d_model,)，初始全为一。
        bias: Parameter (d_model,)，初始全为零。
        eps: float。
        state dict 里只有 weight 和 bias。

    出处：Ba 等 2016，Layer Normalization，第 3 节。
    """

    def __init__(self, d_model: int, eps: float = 1e-5) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.weight = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model))
        self.eps = eps
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """(..., d_model) -> (..., d_model), any number of axes. The variance is divided by d_model.
        Gradients flow through mean and variance as well.
        ---
        (..., d_model) -> (..., d_model)，前面可以有任意多维。方差除以 d_model。
        梯度也要经过均值和方差。
        """
        ### BEGIN SOLUTION
        centred = x - x.mean(-1, keepdim=True)
        variance = centred.pow(2).mean(-1, keepdim=True)
        return centred / torch.sqrt(variance + self.eps) * self.weight + self.bias
        ### END SOLUTION


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight, over the last axis of size d_model.

    Attributes:
        weight: Parameter (d_model,), ones at first.    eps: float.
        The state dict has weight, and nothing else.

    Source: Zhang and Sennrich 2019, Root Mean Square Layer Normalization, section 4.
    ---
    x / sqrt(mean(x^2) + eps) * weight，在大小为 d_model 的最后一维上计算。

    属性：
        weight: Parameter (d_model,)，初始全为一。    eps: float。
        state dict 里只有 weight。

    出处：Zhang 与 Sennrich 2019，Root Mean Square Layer Normalization，第 4 节。
    """

    def __init__(self, d_model: int, eps: float = 1e-6) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.weight = nn.Parameter(torch.ones(d_model))
        self.eps = eps
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """(..., d_model) -> (..., d_model): computed in float32, the weight included, then cast to
        the dtype of x.
        Gradients flow through the mean square as well.
        ---
        (..., d_model) -> (..., d_model)：用 float32 计算（包括乘 weight），最后转成 x 的 dtype。
        梯度也要经过均方。
        """
        ### BEGIN SOLUTION
        wide = x.float()
        normalised = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return (self.weight * normalised).to(x.dtype)
        ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 8, "schema_version": 3, "grade_id": "norms", "cell_type": "code"}
labkit.check("norms")

# %% [markdown] tags=["en"]
# **The library's versions** are `nn.LayerNorm` and `nn.RMSNorm`. The picture shows what the place of $\epsilon = 10^{-6}$ does when a vector is small:

# %% [markdown] tags=["zh"]
# **库里的版本**是 `nn.LayerNorm` 和 `nn.RMSNorm`。下图画出向量很小的时候，$\epsilon = 10^{-6}$ 的位置有多大影响：

# %%
x = torch.randn(5, 48) * 3 + 1
for name, difference in [
    ("LayerNorm", LayerNorm(48)(x) - nn.LayerNorm(48)(x)),
    ("RMSNorm", RMSNorm(48)(x) - nn.RMSNorm(48, eps=1e-6)(x)),
]:
    print(
        say(
            f"{name}: largest difference {difference.abs().max():.1e}",
            f"{name}：最大差异 {difference.abs().max():.1e}",
        )
    )

sizes = torch.logspace(-7, 2, 100)
inside, outside = sizes / torch.sqrt(sizes**2 + 1e-6), sizes / (sizes + 1e-6)
figure, axes = plt.subplots(figsize=(6.5, 3.2))
axes.plot(sizes, inside, color=BLUE, label=r"$x\,/\,\sqrt{\mathrm{mean}(x^2) + \epsilon}$")
axes.plot(sizes, outside, color=ORANGE, label=r"$x\,/\,(\sqrt{\mathrm{mean}(x^2)} + \epsilon)$")
axes.set(
    xscale="log",
    xlabel=say("size of the vector (root mean square)", "向量的大小（均方根）"),
    ylabel=say("size after RMSNorm", "RMSNorm 之后的大小"),
    title=say("where the epsilon stands", "epsilon 的位置"),
)
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# With $\epsilon$ inside the root (blue), vectors smaller than about $\sqrt\epsilon = 10^{-3}$ stay small. With $\epsilon$ outside (orange), even a vector of size $10^{-5}$ is blown up to almost 1, and its noise with it.
#
# ## 3. The parts
#
# **Positions.** How does the model know where a token stands? Attention alone does not see the order (notebook 1). The paper adds a vector of waves, from fast to slow, to the embedding of the token at position $p$ (section 3.5):
#
# $$PE_{p,\,2i} = \sin\!\big(p / 10000^{2i/d}\big),\qquad PE_{p,\,2i+1} = \cos\!\big(p / 10000^{2i/d}\big).$$
#
# RoPE has the same frequencies. But these waves are added once, at the input, while RoPE turns queries and keys in every layer.
#
# The **FFN** (feed-forward network) works on each token alone: up to a width $d_{ff}$ ($4 d$ in the paper, in BERT and in GPT-2), then a nonlinearity, then down again.
#
# ### Problem 5 (3 points): `sinusoidal_positions` and `FeedForward`
#
# These two parts need no attention. Run the check after each: it says what is still missing.

# %% [markdown] tags=["zh"]
# $\epsilon$ 在根号里面时（蓝色），小于约 $\sqrt\epsilon = 10^{-3}$ 的向量仍然很小；在外面时（橙色），大小只有 $10^{-5}$ 的向量也会被放大到接近 1，噪声也一同被放大。
#
# ## 3. 部件
#
# **位置。** 模型怎样知道一个 token 排在哪里？单靠注意力看不出先后（第 1 节）。论文给处在位置 $p$ 的 token 的嵌入加上一组由快到慢的波（3.5 节）：
#
# $$PE_{p,\,2i} = \sin\!\big(p / 10000^{2i/d}\big),\qquad PE_{p,\,2i+1} = \cos\!\big(p / 10000^{2i/d}\big).$$
#
# 频率与 RoPE 相同，只不过这里是在输入处加一次，而 RoPE 在每一层都旋转查询和键。
#
# **FFN**（前馈网络）对每个 token 单独计算：先升到宽度 $d_{ff}$（论文、BERT 和 GPT-2 里是 $4 d$），过一个非线性，再降回来。
#
# ### 第 5 题（3 分）：`sinusoidal_positions` 和 `FeedForward`
#
# 这两个部件用不到注意力。每写完一个就运行一次检查：它会注明还缺什么。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "positions-solution", "cell_type": "code"}
def sinusoidal_positions(n_positions: int, d_model: int) -> Tensor:
    """(n_positions, d_model) float32 on the CPU: sines in the even columns, cosines in the odd
    ones; d_model is even.

    The columns 2i and 2i + 1 share the frequency 10000^(-2i / d_model). Row p is position p; the
    first position is 0.

    Source: Vaswani et al. 2017, section 3.5.
    ---
    (n_positions, d_model) float32，在 CPU 上：偶数列是 sin，奇数列是 cos；d_model 是偶数。

    第 2i 列和第 2i + 1 列共用频率 10000^(-2i / d_model)。第 p 行是位置 p；位置从 0 开始。

    出处：Vaswani 等 2017，3.5 节。
    """
    ### BEGIN SOLUTION
    frequencies = 10_000.0 ** (-torch.arange(0, d_model, 2) / d_model)
    angles = torch.arange(n_positions)[:, None] * frequencies  # (T, d/2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
    ### END SOLUTION


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "feed-forward-solution", "cell_type": "code"}
class FeedForward(nn.Module):
    """down_proj(activation(up_proj(x))), on each token alone.

    Attributes:
        up_proj: nn.Linear(d_model, d_ff).    down_proj: nn.Linear(d_ff, d_model). Both have a bias.

    `activation` is a function, or a module without parameters such as nn.GELU().

    Source: Vaswani et al. 2017, section 3.3.
    ---
    down_proj(activation(up_proj(x)))，对每个 token 单独计算。

    属性：
        up_proj: nn.Linear(d_model, d_ff)。    down_proj: nn.Linear(d_ff, d_model)。两者都带偏置。

    `activation` 是函数，或者没有参数的模块，例如 nn.GELU()。

    出处：Vaswani 等 2017，3.3 节。
    """

    def __init__(
        self, d_model: int, d_ff: int, activation: Callable[[Tensor], Tensor] = F.relu
    ) -> None:  # fmt: skip
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


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 3, "schema_version": 3, "grade_id": "positions-ffn", "cell_type": "code"}
labkit.check("positions-ffn")

# %% [markdown] tags=["en"]
# **Look at the positions.** Left: each column of the picture is one position, from fast waves (top) to slow ones (bottom); no two positions are alike. Right: the dot product of two positions depends on their distance alone, and is largest when both are the same.

# %% [markdown] tags=["zh"]
# **看看位置编码。** 左图：图中每一列是一个位置，从上到下由快波到慢波；任意两个位置都不相同。右图：两个位置的点积只取决于它们的距离，位置相同时最大。

# %%
table = sinusoidal_positions(96, 64)
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), width_ratios=[1.2, 1])
image = left.imshow(table.T, cmap="RdBu_r", aspect="auto")
left.set(
    xlabel=say("position", "位置"),
    ylabel=say("entry of the vector", "向量的分量"),
    title=say("sinusoidal positions", "正弦位置编码"),
)
figure.colorbar(image, ax=left, label=say("value", "取值"))
image = right.imshow(table @ table.T, cmap="Blues")
right.set(
    xlabel=say("position", "位置"),
    ylabel=say("position", "位置"),
    title=say("dot products of two positions", "两个位置的点积"),
)
figure.colorbar(image, ax=right, label=say("dot product", "点积"))
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# **Layers.** How do attention and FFN join the stream? Each of these parts has a *residual connection* around it: its output is added to its input. There are two places for the norm:
#
# ```
#  post-norm (2017, BERT)                            pre-norm (GPT-2, Llama)
#  x ─┬─ attention ─ + ─ norm ─┬─ FFN ─ + ─ norm ─   x ─┬─ norm ─ attention ─ + ─┬─ norm ─ FFN ─ + ─
#     └──────────────┘         └────────┘               └────────────────────┘    └──────────────┘
#  x = norm(x + part(x))                             x = x + part(norm(x))
# ```
#
# In a pre-norm layer, $x$ itself passes **unchanged** to the sum, and on the way back the gradient of the sum passes unchanged to $x$. In a post-norm layer, both go through a norm. Section 4 shows what that changes.
#
# The **encoder layer** is attention + FFN; with $d_{ff} = 4d$, two thirds of its parameters are in the FFN. The **decoder layer** has a third part between the two: cross-attention to the encoder's output,
# which is called the *memory* (now the FFN is half of the layer). The self-attention of the decoder is causal.
#
# ### Problem 6 (6 points): `EncoderLayer` and `DecoderLayer`
#
# Use your `attention.MultiHeadAttention`, your `LayerNorm` and your `FeedForward`. `EncoderLayer` supports both places of the norm: in the next notebook, one makes BERT and the other GPT-2.
# Pass the mask by keyword, `mask=`: the second argument of `MultiHeadAttention` is the context. Run the check after each layer.

# %% [markdown] tags=["zh"]
# **层。** 注意力和 FFN 怎样接到残差流上？每个子层外面都有一条**残差连接**：子层的输出加到它的输入上。归一化有两个位置可放：
#
# ```
#  post-norm（2017、BERT）                              pre-norm（GPT-2、Llama）
#  x ─┬─ 注意力 ─ + ─ 归一化 ─┬─ FFN ─ + ─ 归一化 ─     x ─┬─ 归一化 ─ 注意力 ─ + ─┬─ 归一化 ─ FFN ─ + ─
#     └───────────┘           └────────┘                   └────────────────────┘  └─────────────────┘
#  x = norm(x + part(x))                                x = x + part(norm(x))
# ```
#
# 在 pre-norm 的层里，$x$ 本身**原封不动**地走到加号处；反向传播时，加号处的梯度也原封不动地回到 $x$。在 post-norm 的层里，两者都要穿过归一化。第 4 小节会看到这带来什么差别。
#
# **编码器层** = 注意力 + FFN；$d_{ff} = 4d$ 时，三分之二的参数在 FFN 里。
# **解码器层**在两者之间还有第三个子层：交叉注意力，去看编码器的输出（叫作 **memory**），于是 FFN 只占一半。解码器的自注意力是因果的。
#
# ### 第 6 题（6 分）：`EncoderLayer` 和 `DecoderLayer`
#
# 请使用你的 `attention.MultiHeadAttention`、`LayerNorm` 和 `FeedForward`。`EncoderLayer` 两种归一化位置都要支持：下一个笔记本用一种搭 BERT，用另一种搭 GPT-2。
# 掩码要用关键字 `mask=` 传入，因为 `MultiHeadAttention` 的第二个参数是 context。每写完一种层就运行一次检查。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "encoder-layer-solution", "cell_type": "code"}
class EncoderLayer(nn.Module):
    """Self-attention, then a feed-forward network, each with a residual connection and a LayerNorm.

    Attributes:
        attention: attention.MultiHeadAttention.    attention_norm: LayerNorm(d_model, eps).
        feed_forward: FeedForward(d_model, d_ff, activation).
        feed_forward_norm: LayerNorm(d_model, eps).
        pre_norm: bool.

    Source: Vaswani et al. 2017, section 3.1; pre-norm: Xiong et al. 2020, figure 1.
    ---
    自注意力，然后是前馈网络，各带一个残差连接和一个 LayerNorm。

    属性：
        attention: attention.MultiHeadAttention。    attention_norm: LayerNorm(d_model, eps)。
        feed_forward: FeedForward(d_model, d_ff, activation)。
        feed_forward_norm: LayerNorm(d_model, eps)。
        pre_norm: bool。

    出处：Vaswani 等 2017，3.1 节；pre-norm：Xiong 等 2020，图 1。
    """

    def __init__(
        self, d_model: int, n_heads: int, d_ff: int,
        activation: Callable[[Tensor], Tensor] = F.relu, pre_norm: bool = False, eps: float = 1e-5,
    ) -> None:  # fmt: skip
        """`pre_norm`: x + part(norm(x)) instead of norm(x + part(x)), for both parts: attention
        first, then feed-forward.
        ---
        `pre_norm`：两个子层（先注意力，再前馈）都用 x + part(norm(x))，
        而不是 norm(x + part(x))。
        """
        super().__init__()
        ### BEGIN SOLUTION
        self.attention = attention.MultiHeadAttention(d_model, n_heads)
        self.attention_norm = LayerNorm(d_model, eps)
        self.feed_forward = FeedForward(d_model, d_ff, activation)
        self.feed_forward_norm = LayerNorm(d_model, eps)
        self.pre_norm = pre_norm
        ### END SOLUTION

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model); the mask is that of MultiHeadAttention, True where a
        query may see a key.
        ---
        (B, T, d_model) -> (B, T, d_model)；掩码与 MultiHeadAttention 的相同，
        True 表示查询可以看这个键。
        """
        ### BEGIN SOLUTION
        if self.pre_norm:
            x = x + self.attention(self.attention_norm(x), mask=mask)
            return x + self.feed_forward(self.feed_forward_norm(x))
        x = self.attention_norm(x + self.attention(x, mask=mask))
        return self.feed_forward_norm(x + self.feed_forward(x))
        ### END SOLUTION


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "decoder-layer-solution", "cell_type": "code"}
class DecoderLayer(nn.Module):
    """Self-attention, cross-attention to the memory, feed-forward; post-norm, as in the paper.

    Attributes:
        self_attention, cross_attention: attention.MultiHeadAttention.
        feed_forward: FeedForward with ReLU.
        self_attention_norm, cross_attention_norm, feed_forward_norm: LayerNorm(d_model).

    Source: Vaswani et al. 2017, section 3.1.
    ---
    依次是自注意力、对 memory 的交叉注意力、前馈网络；与论文一样是 post-norm。

    属性：
        self_attention, cross_attention: attention.MultiHeadAttention。
        feed_forward: 用 ReLU 的 FeedForward。
        self_attention_norm, cross_attention_norm, feed_forward_norm: LayerNorm(d_model)。

    出处：Vaswani 等 2017，3.1 节。
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
        self, x: Tensor, memory: Tensor,
        mask: Tensor | None = None, memory_mask: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """One layer of the decoder. In both masks, True stands where a query may see a key.

        Args:
            x: (B, T, d_model).
            memory: (B, S, d_model), the output of the encoder.
            mask: of the self-attention, broadcastable to (B, H, T, T). None: everything is visible.
            memory_mask: of the cross-attention, broadcastable to (B, H, T, S).
                None: everything is visible.

        Returns:
            (B, T, d_model).
        ---
        解码器的一层。两个掩码里，True 都表示查询可以看这个键。

        参数：
            x: (B, T, d_model)。
            memory: (B, S, d_model)，编码器的输出。
            mask: 自注意力的掩码，可广播到 (B, H, T, T)。None：全部可见。
            memory_mask: 交叉注意力的掩码，可广播到 (B, H, T, S)。None：全部可见。

        返回：
            (B, T, d_model)。
        """
        ### BEGIN SOLUTION
        x = self.self_attention_norm(x + self.self_attention(x, mask=mask))
        x = self.cross_attention_norm(x + self.cross_attention(x, memory, memory_mask))
        return self.feed_forward_norm(x + self.feed_forward(x))
        ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 6, "schema_version": 3, "grade_id": "layers", "cell_type": "code"}
labkit.check("layers")

# %% [markdown] tags=["en"]
# **The whole.** How do token ids become vectors for the first layer, and how does the last layer's output become logits? One matrix $E$, the embedding, does both (section 3.4 of the paper):
#
# ```
#  source ─ embed ─ encoder layers ─ memory ─┐
#                                            │ each decoder layer reads it
#  target ─ embed ──────────────────── decoder layers ─ x Eᵀ = logits
# ```
#
# At the input, a token becomes its row of $E$ times $\sqrt d$, plus the sinusoid of its position. At the output, $x E^\top$ gives one logit for each token of the vocabulary.
# `Transformer` also makes the two masks, that of the padding and the causal one. There are three kinds of attention: the encoder's, the decoder's own, and the cross-attention. Which mask does each of them need?
#
# ### Problem 7 (5 points): `Transformer`
#
# Tensors that you create in a forward (positions, the causal mask) belong on the device of the ids.

# %% [markdown] tags=["zh"]
# **整体。** token id 怎样变成第一层的输入，最后一层的输出又怎样变成 logits？两头用的是同一个矩阵，也就是嵌入 $E$（论文 3.4 节）：
#
# ```
#  源序列   ─ 嵌入 ─ 编码器层 ─ memory ─┐
#                                       │ 每个解码器层都读它
#  目标序列 ─ 嵌入 ──────────────── 解码器层 ─ x Eᵀ = logits
# ```
#
# 在输入端，一个 token 的向量是它在 $E$ 里的那一行乘以 $\sqrt d$，再加上它所在位置的正弦向量。在输出端，$x E^\top$ 给词表里的每个 token 算出一个 logit。
# 填充掩码和因果掩码也在这里生成。注意力有三处：编码器的自注意力、解码器的自注意力、交叉注意力。它们各需要哪一种掩码？
#
# ### 第 7 题（5 分）：`Transformer`
#
# 在 forward 里新建的张量（位置、因果掩码）要放在 ids 所在的设备上。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "transformer-solution", "cell_type": "code"}
class Transformer(nn.Module):
    """The encoder-decoder of the paper, with one vocabulary for both sides and no dropout.

    The embedding of a token is its row of `embedding` times sqrt(d_model), plus the sinusoid of its
    position. The same matrix, transposed, turns the decoder's output into logits (section 3.4).

    Attributes:
        embedding: nn.Embedding(vocab_size, d_model), normal with std d_model^-0.5 at first; the
            only parameters outside the layers.
            No persistent buffer: the state dict has the parameters and nothing else.
        encoder: nn.ModuleList of EncoderLayer (post-norm, ReLU).
        decoder: nn.ModuleList of DecoderLayer; n_layers of each.
            n_layers may be 0: then the logits come from the embedded target itself.

    Source: Vaswani et al. 2017, section 3 and figure 1.
    ---
    论文中的编码器-解码器，两边共用一个词表，没有 dropout。

    一个 token 的嵌入，是它在 `embedding` 里的那一行乘以 sqrt(d_model)，再加上它所在位置的正弦向量。
    同一个矩阵转置之后，把解码器的输出变成 logits（3.4 节）。

    属性：
        embedding: nn.Embedding(vocab_size, d_model)，初始为正态分布，标准差 d_model^-0.5；
            除各层以外，只有这里有参数。
            没有持久化的 buffer：state dict 里只有参数。
        encoder: EncoderLayer（post-norm、ReLU）的 nn.ModuleList。
        decoder: DecoderLayer 的 nn.ModuleList；各 n_layers 个。
            n_layers 可以是 0：这时 logits 直接由目标序列的嵌入得到。

    出处：Vaswani 等 2017，第 3 节和图 1。
    """

    def __init__(
        self, vocab_size: int, d_model: int, n_heads: int, n_layers: int, d_ff: int
    ) -> None:  # fmt: skip
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
            (B, T, vocab_size). Logits at t depend on target[:, : t + 1] and on the source
                without its padding.
            Every parameter gets a gradient.
        ---
        目标序列每个 token 之后那个 token 的 logits。

        参数：
            source: (B, S) int64。
            target: (B, T) int64；如有填充，都在右侧。
            source_mask: (B, S) int64，真实 token 处为 1，填充处为 0；None：没有填充。

        返回：
            (B, T, vocab_size)。位置 t 的 logits 取决于 target[:, : t + 1] 和去掉填充的源序列。
            每个参数都得到梯度。
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


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 5, "schema_version": 3, "grade_id": "encoder-decoder", "cell_type": "code"}
labkit.check("encoder-decoder")

# %% [markdown] tags=["en"]
# ## 4. What the place of the norm changes
#
# **First picture.** Stack your layers, untrained, and send a gradient back from the top. How much arrives at the FFN of the top layer, and how much at the bottom, when the stack grows?
#
# **Second picture.** Train small stacks on a toy task, to write 8 tokens in reverse order: with 6 layers, as in the paper, and with 18. The learning rate is at its full value from the first step, except in the curve named *warm-up*: there it grows to that value over the first 100 steps.

# %% [markdown] tags=["zh"]
# ## 4. 归一化的位置带来什么差别
#
# **第一张图。** 把你写的层叠起来，不训练，从顶上往回传一个梯度。层数越来越多时，最顶层的 FFN 能收到多少，最底层又能收到多少？
#
# **第二张图。** 在一个小任务（把 8 个 token 倒过来写）上训练堆叠起来的小型编码器层：6 层（与论文相同）和 18 层。学习率从第一步起就是最大值，只有标了**预热**的那条曲线例外：它在前 100 步里逐渐升到这个值。


# %%
def gradients_of_the_ends(depth: int, pre_norm: bool) -> tuple[float, float]:
    """The norms of the gradients for the first and the last FFN of an untrained stack; a pre-norm
    stack ends with a norm.
    ---
    未训练的多层堆叠里，最底层和最顶层 FFN 的梯度的范数；pre-norm 的堆叠以归一化结尾。
    """
    torch.manual_seed(0)
    layers = nn.ModuleList(EncoderLayer(64, 4, 256, pre_norm=pre_norm) for _ in range(depth))
    x = torch.randn(4, 16, 64)
    for layer in layers:
        x = layer(x)
    if pre_norm:
        x = LayerNorm(64)(x)
    (x * torch.randn_like(x)).mean().backward()
    first, last = (float(layers[end].feed_forward.down_proj.weight.grad.norm()) for end in (0, -1))
    return first, last


depths = [2, 4, 8, 16, 32, 64]
figure, axes = plt.subplots(figsize=(7, 3.4))
for name, pre_norm, colour in [("post-norm", False, ORANGE), ("pre-norm", True, BLUE)]:
    firsts, lasts = zip(*(gradients_of_the_ends(depth, pre_norm) for depth in depths), strict=True)
    for place, values, style in [
        (say("top layer", "最顶层"), lasts, "o-"),
        (say("bottom layer", "最底层"), firsts, "o--"),
    ]:
        axes.plot(depths, values, style, color=colour, label=say(f"{name}, {place}", f"{name}，{place}"))
        pairs = zip(depths, values, strict=True)
        shown = "  ".join(f"{depth}: {value:.4f}" for depth, value in pairs)
        print(say(f"{name}, {place}, by number of layers:  {shown}", f"{name}，{place}，按层数：{shown}"))
axes.set(
    xscale="log",
    ylim=(0, None),
    xlabel=say("layers in the stack", "层数"),
    ylabel=say("norm of the gradient", "梯度的范数"),
    title=say("gradient for the FFN at both ends of an untrained stack", "未训练的多层堆叠：两端的 FFN 收到的梯度"),
)
axes.set_xticks(depths, depths)
axes.minorticks_off()
axes.legend(frameon=False, fontsize=8)
plt.show()


class Reverser(nn.Module):
    """A stack of encoder layers that learns to write 8 tokens (of 16 kinds) in reverse order.
    ---
    堆叠的编码器层，学习把 8 个 token（共 16 种）倒过来写。
    """

    def __init__(self, depth: int, pre_norm: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(16, 32)
        layers = (EncoderLayer(32, 2, 64, pre_norm=pre_norm) for _ in range(depth))
        self.layers = nn.ModuleList(layers)
        self.last = LayerNorm(32) if pre_norm else nn.Identity()
        self.head = nn.Linear(32, 16)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, 8) -> (B, 8, 16)."""
        x = self.embedding(ids) + sinusoidal_positions(8, 32)
        for layer in self.layers:
            x = layer(x)
        return self.head(self.last(x))


def learn_to_reverse(depth: int, pre_norm: bool, warm_up: int = 1) -> list[float]:
    """The losses of 150 steps of Adam; the learning rate grows to 2e-3 in the first `warm_up`
    steps.
    ---
    Adam 训练 150 步的损失；学习率在前 `warm_up` 步里升到 2e-3。
    """
    torch.manual_seed(0)
    model, losses = Reverser(depth, pre_norm), []
    optimizer = torch.optim.Adam(model.parameters())
    generator = torch.Generator().manual_seed(1)
    for step in range(150):
        optimizer.param_groups[0]["lr"] = 2e-3 * min(1.0, (step + 1) / warm_up)
        ids = torch.randint(16, (32, 8), generator=generator)
        loss = F.cross_entropy(model(ids).flatten(0, 1), ids.flip(1).flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


figure, panels = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True)
warmed = say("post-norm, warm-up of 100 steps", "post-norm，预热 100 步")
for panel, depth in zip(panels, (6, 18), strict=True):
    for name, pre_norm, warm_up, colour in [
        ("post-norm", False, 1, ORANGE),
        (warmed, False, 100, GREEN),
        ("pre-norm", True, 1, BLUE),
    ]:
        if depth == 6 and warm_up > 1:
            continue
        curve = learn_to_reverse(depth, pre_norm, warm_up)
        last = sum(curve[-10:]) / 10
        panel.plot(curve, color=colour, lw=1, label=name)
        print(
            say(
                f"{depth:>2} layers, {name}: mean loss of the last ten steps {last:.2f}",
                f"{depth:>2} 层，{name}：最后十步的平均损失 {last:.2f}",
            )
        )
    panel.axhline(math.log(16), color=GREY, label=say("a blind guess: ln 16", "瞎猜：ln 16"))
    panel.set(xlabel=say("step", "步数"), title=say(f"{depth} layers", f"{depth} 层"))
    panel.legend(frameon=False, fontsize=8, loc="lower left")
panels[0].set_ylabel(say("loss (nats)", "损失（nat）"))
plt.show()

# %% [markdown] tags=["en"]
# **First picture.** At the *top* layer, a post-norm stack gets about the same gradient however deep it is. In a pre-norm stack the gradient there falls: the stream grows with each layer, and the last norm divides by its size. (Xiong et al. 2020, theorem 1, give bounds for the top layer. The bound for post-norm does not depend on the depth; the bound for pre-norm
# falls like $1/\sqrt{\text{depth}}$.) At the *bottom*, the gradient does not vanish in these untrained stacks. In a pre-norm stack the bottom gets even more than the top. This is what "unchanged" means: the gradient starts smaller, but it loses nothing on its way down.
#
# **Second picture.** With 6 layers, as in the paper, both kinds learn, without any warm-up, and hardly differ. With 18 layers, pre-norm learns as before, and post-norm does not get far in the same 150 steps. Here a warm-up does not save it. (The paper itself trained its 6 layers with 4,000 steps of warm-up: section 5.3. Its model is far larger than ours.)
#
# **Why?** Xiong et al. (section 3.3) blame the large gradients near the output: they make large steps while the weights are still random. But Adam divides by the size of the gradient, so a larger gradient does not mean a larger step, and Liu et al. 2020 (section 3) find that training stays unstable when the gradients are balanced.
# Their own explanation (section 4): a post-norm layer depends more on its residual branch, the part beside the stream, so small changes of the weights add up to a large change of the output. The question is not closed, but the practice is clear: deep models usually do not have the norm after the sum.
#
# ## 5. Your Transformer at work
#
# The training of section 1 again, on the same batches, with your parts. (PyTorch's encoder and decoder each end with one more LayerNorm, so they have $4d$ more parameters.)

# %% [markdown] tags=["zh"]
# **第一张图。** 在**最顶层**，无论多深，post-norm 收到的梯度都差不多；pre-norm 收到的梯度则越来越小：残差流逐层变大，最后的归一化再除以它的大小。
# （Xiong 等 2020 的定理 1 给出了最顶层的上界：post-norm 的上界与层数无关，pre-norm 的上界按 $1/\sqrt{\text{层数}}$ 下降。）在**最底层**，这些未训练的层里梯度并没有消失；pre-norm 的底层收到的甚至比顶层还多：
# 这就是“原封不动”的含义，梯度的起点变小了，但在往下走的路上没有损失。
#
# **第二张图。** 6 层时（与论文相同），两种都能学会，不需要预热，差别也很小。18 层时，pre-norm 照样学会，post-norm 在同样的 150 步里没有多少进展；在这里预热也救不了它。
# （论文自己训练 6 层时用了 4,000 步预热，见 5.3 节；它的模型比我们的大得多。）
#
# **为什么？** Xiong 等（3.3 节）归因于输出附近的大梯度：权重还是随机的，步子却迈得很大。但 Adam 会除以梯度的大小，梯度大并不等于步子大；Liu 等 2020（第 3 节）也发现，把各层的梯度调平衡之后，训练仍然不稳定。
# 他们自己的解释（第 4 节）是：post-norm 的层更依赖残差分支，也就是残差流旁边的那个子层，于是权重的微小改动会累积成输出的大幅变化。这个问题还没有定论，但实践是明确的：很深的模型通常不把归一化放在相加之后。
#
# ## 5. 让你的 Transformer 干活
#
# 把第 1 小节的训练重做一遍，批完全相同，部件换成你的。（PyTorch 的编码器和解码器末尾各多一个 LayerNorm，因此多 $4d$ 个参数。）

# %%
torch.manual_seed(0)
model = Transformer(*SIZES).to(DEVICE)
start = time.perf_counter()
losses = train(model)
n_parameters, seconds = sum(p.numel() for p in model.parameters()), time.perf_counter() - start
print(
    say(
        f"{n_parameters:,} parameters, {seconds:.0f} s of training\n",
        f"{n_parameters:,} 个参数，训练用时 {seconds:.0f} 秒\n",
    )
)
report(model)

figure, axes = plt.subplots(figsize=(7, 3.2))
axes.plot(library_losses, color=ORANGE, lw=1, label="nn.Transformer")
axes.plot(losses, color=BLUE, lw=1, label=say("yours", "你的"))
axes.set(
    yscale="log",
    xlabel=say("step", "步数"),
    ylabel=say("loss per token (nats)", "每个 token 的损失（nat）"),
    title=say("the same training twice", "同样的训练做两遍"),
)
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# The two models start from different random numbers, so curves and scores are not the same, and the results of your machine can differ from ours. What the two models share: the numbers with two zeros or more are the hard ones (compare with section 1).
#
# **Where does it look?** We catch what goes into the cross-attention of the last decoder layer, and ask *your* `attention_weights` where it puts its weight while each word is written.

# %% [markdown] tags=["zh"]
# 两个模型的随机起点不同，曲线和得分都不会一样，换一台机器，结果也可能与我们的不同。两个模型相同的是：至少含两个零的数最难（可与第 1 小节比较）。
#
# **它在看哪里？** 我们截住最后一个解码器层的交叉注意力的输入，交给**你的** `attention_weights`，看看写每个词时权重落在哪里。


# %%
def cross_attention_map(number: int, lang: str) -> tuple[Tensor, list[str], list[str]]:
    """Weights (T, S) of the last decoder layer's cross-attention, mean over heads; the words and
    the digits.

    Row t belongs to the step that writes words[t].
    ---
    最后一个解码器层的交叉注意力权重 (T, S)，对各头取平均；以及词和数字。

    第 t 行属于写出 words[t] 的那一步。
    """
    read, write = example(number, lang)
    layer = model.decoder[-1].cross_attention
    caught = []

    def catch(module: nn.Module, args: tuple, kwargs: dict) -> None:
        given = dict(zip(("x", "context"), args, strict=False)) | kwargs
        caught.extend([given["x"], given["context"]])

    hook = layer.register_forward_pre_hook(catch, with_kwargs=True)
    with torch.no_grad():
        model(padded([read]), padded([write[:-1]]))
        hook.remove()
        x, memory = caught
        projected = (layer.q_proj(x), layer.k_proj(memory))
        q, k = (part.unflatten(-1, (layer.n_heads, -1)).transpose(1, 2) for part in projected)
        weights = attention.attention_weights(q, k)[0].mean(0).cpu()
    words, digits = ([VOCABULARY[token] for token in tokens] for tokens in (write[1:], read))
    return weights, words, digits


figure, panels = plt.subplots(1, 2, figsize=(10, 4))
for panel, lang in zip(panels, ("en", "zh"), strict=True):
    weights, words, digits = cross_attention_map(40_517, lang)
    image = panel.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    panel.set_xticks(range(len(digits)), digits)
    panel.set_yticks(range(len(words)), words)
    panel.set(
        xlabel=say("token that is looked at", "被看的 token"), ylabel=say("token that is written", "写出的 token")
    )
    figure.colorbar(image, ax=panel, label=say("attention weight", "注意力权重"))
figure.suptitle(
    say(
        "cross-attention of the last layer, mean over heads (40,517 was held out)",
        "最后一层的交叉注意力，对各头取平均（40,517 是留出的数）",
    )
)
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# Read each row from the left: which digit has the largest weight when this word is written? Some rows fit what you would expect, and others do not: several heads are averaged here, the weights belong to the last layer only, and by then the encoder has already mixed the digits. Weights show where a layer looks. They do not prove what the word was read from
# (Jain and Wallace 2019, *Attention is not Explanation*; Wiegreffe and Pinter 2019, *Attention is not not Explanation*).
#
# ## Summary
#
# - LayerNorm and RMSNorm bring each token's vector to one size: epsilon inside the root, the variance over $d$.
# - A layer is attention + FFN on a residual stream. Post-norm is the paper's, and hard to train in deep stacks; pre-norm lets the stream pass unchanged.
# - The decoder sees its own past (causal mask) and all of the source (cross-attention, without the padding).
# - One matrix embeds the tokens and makes the logits. Everything else is two kinds of layers, stacked.
# - A mean over random examples can hide a rule that has been learnt badly: look at the rare cases on their own.
#
# ## Today (2026)
#
# As in notebook 1, the names in brackets are folders under `transformers/models` of the library installed here.
#
# - **Decoder only.** Most language models since GPT-2 keep the decoder and drop encoder and cross-attention. Encoder-decoders are still made: Whisper for speech, T5Gemma for text (`whisper`, `t5gemma`).
# - **RMSNorm, and more of it.** Llama, Mistral and Qwen have RMSNorm before each part (`llama`, `qwen3_5`). OLMo 2 normalises the output of each part before it is added, $x + \mathrm{norm}(\mathrm{part}(x))$, and not its input (`olmo2`). Gemma 2, 3 and 4 do both (`gemma2`, `gemma3`, `gemma4`). QK-norm, a norm of queries and keys inside attention, has spread in the same years (notebook 1).
# - **The stream itself.** DeepSeek-V4 carries several copies of the residual stream and learns how to mix them (hyper-connections; `deepseek_v4`).
# - **Positions** mostly go into attention as RoPE, and no longer into the input (`llama`, `qwen3_5`, `gemma4`).
# - **Tied embeddings** are usual in small models, where the matrix is a large part of all parameters; large models mostly have a matrix of their own for the head.
#
# ## Three questions to think about
#
# 1. Why is the embedding multiplied by $\sqrt d$? What is the size of a row of the embedding, and what is that of the sinusoid that is added? What would happen to the *logits* if the factor stood in the matrix instead?
# 2. A pre-norm stack ends with one more norm before the logits. Why does it need one, when the post-norm stack does not?
# 3. The decoder's target is not masked for padding. Why does it not matter, when the padding is on the right? What if it were on the left?
#
# ## Further reading
#
# - Vaswani et al. 2017, *Attention Is All You Need*: section 3, and table 3 (which parts matter).
# - Ba et al. 2016, *Layer Normalization*: section 3.
# - Zhang and Sennrich 2019, *Root Mean Square Layer Normalization*: section 4.
# - Xiong et al. 2020, *On Layer Normalization in the Transformer Architecture*: section 3.
# - Liu et al. 2020, *Understanding the Difficulty of Training Transformers*: sections 3 and 4.
# - Press and Wolf 2016, *Using the Output Embedding to Improve Language Models*: section 3.

# %% [markdown] tags=["zh"]
# 一行一行地看：写这个词时，哪一位数字的权重最大？有些行与你的预期相符，有些则不然：这里对几个头取了平均，权重只来自最后一层，而且编码器早已把各位数字混合过了。
# 权重表明这一层在看哪里，并不能证明这个词就是从那里读出来的（Jain 与 Wallace 2019，《Attention is not Explanation》；Wiegreffe 与 Pinter 2019，《Attention is not not Explanation》）。
#
# ## 小结
#
# - LayerNorm 和 RMSNorm 把每个 token 的向量拉到同样的大小：epsilon 在根号里，方差除以 $d$。
# - 一层 = 残差流上的注意力 + FFN。post-norm 是论文的做法，层数多时很难训练；pre-norm 让残差流原样穿过。
# - 解码器能看到自己的过去（因果掩码）和整个源序列（交叉注意力，不含填充）。
# - 同一个矩阵既做嵌入，又算出 logits。其余的就是两种层反复堆叠。
# - 随机例子上的平均分会掩盖没有学好的规则：少见的情形要单独看。
#
# ## 今天（2026 年）
#
# 与第 1 节一样，括号里是这里安装的库 `transformers/models` 之下的文件夹名。
#
# - **只有解码器。** GPT-2 以来的大多数语言模型只保留解码器，去掉编码器和交叉注意力。编码器-解码器仍有人做：语音用的 Whisper，文本用的 T5Gemma（`whisper`、`t5gemma`）。
# - **RMSNorm，而且用得更多。** Llama、Mistral、Qwen 在每个子层之前做 RMSNorm（`llama`、`qwen3_5`）。OLMo 2 不对子层的输入、而对输出做归一化，再加到残差流上：$x + \mathrm{norm}(\mathrm{part}(x))$（`olmo2`）。Gemma 2、3、4 两处都做（`gemma2`、`gemma3`、`gemma4`）。注意力内部的 QK-norm（对查询和键做归一化）也是这几年普及的（见第 1 节）。
# - **残差流本身。** DeepSeek-V4 同时带着几份残差流，并学习怎样混合它们（hyper-connections；`deepseek_v4`）。
# - **位置**大多以 RoPE 的形式进入注意力，不再加到输入上（`llama`、`qwen3_5`、`gemma4`）。
# - **共享嵌入**（tied embeddings）在小模型里很常见，因为这个矩阵占了参数的很大一部分；大模型的输出头大多另有自己的矩阵。
#
# ## 三个思考题
#
# 1. 嵌入为什么要乘 $\sqrt d$？嵌入的一行有多大，加上去的正弦向量又有多大？如果把这个因子放进矩阵本身，**logits** 会怎样？
# 2. pre-norm 的堆叠在 logits 之前要再加一个归一化，post-norm 却不需要。为什么？
# 3. 解码器的目标序列没有屏蔽填充。填充在右侧时为什么没关系？如果在左侧呢？
#
# ## 延伸阅读
#
# - Vaswani 等 2017，《Attention Is All You Need》：第 3 节，以及说明各部分重要性的表 3。
# - Ba 等 2016，《Layer Normalization》：第 3 节。
# - Zhang 与 Sennrich 2019，《Root Mean Square Layer Normalization》：第 4 节。
# - Xiong 等 2020，《On Layer Normalization in the Transformer Architecture》：第 3 节。
# - Liu 等 2020，《Understanding the Difficulty of Training Transformers》：第 3、4 节。
# - Press 与 Wolf 2016，《Using the Output Embedding to Improve Language Models》：第 3 节。
