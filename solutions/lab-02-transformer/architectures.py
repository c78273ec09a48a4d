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
# # Lab 02, notebook 3: architectures
#
# BERT, GPT-2, Llama 3 and Mixtral come from four papers. All four stack one kind of block; only a handful of switches differ. In this notebook you build all
# four from the parts that you have written. At the end the 135 million numbers of a real language model run through **your** code, and it writes a sentence.
#
# **You will be able to**
# - say what separates the four families, and read it off a configuration;
# - write the gated feed-forward network SwiGLU, and a mixture of experts that computes only what the router has chosen;
# - assemble BERT, GPT-2, Llama and Mixtral, load trained weights into them, and get the library's logits up to rounding.
#
# **Time** about three hours. Running everything takes about a minute on two CPU cores.
#
# **You need** your `attention` and `transformer` notebooks in the same folder, with problems 1 to 6 done (the class `Transformer` of problem 7 is not used). **Save them
# first** (Ctrl+S): this notebook reads the files. It takes `GroupedQueryAttention`, `causal_mask` and `padding_mask` from the first, and `LayerNorm`, `RMSNorm` and `EncoderLayer` from the second.
# You also need 4 GB of free memory. (On a CUDA card with 24 GB, `profile = "gpu"` below takes SmolLM2-1.7B instead of SmolLM2-135M; the numbers in the text are those of the small model.)

# %% [markdown] tags=["zh"]
# # 实验 02，第 3 节：模型架构
#
# BERT、GPT-2、Llama 3、Mixtral 出自四篇论文，堆叠的却是同一种模块，差别只在几个开关。
# 在这一节里，你会用自己写好的部件把四个模型都搭出来。最后，一个真实语言模型的 1.35 亿个参数会在**你的**代码里跑起来，写出一句话。
#
# **学完之后，你能够**
# - 说清四个家族的区别，并能从配置文件里读出来；
# - 写出带门控的前馈网络 SwiGLU，以及只计算路由器选中部分的混合专家层（mixture of experts，MoE）；
# - 组装 BERT、GPT-2、Llama 和 Mixtral，载入训练好的权重，得到与库里相同的 logits（舍入误差除外）。
#
# **时间** 约三小时。全部单元格在两个 CPU 核上跑一遍约需一分钟。
#
# **预备** 同一文件夹里你的 `attention` 和 `transformer` 两个笔记本，第 1 到 6 题已完成（第 7 题的 `Transformer` 类用不到）。**请先保存它们**（Ctrl+S）：
# 本节读取的是文件。从前者用到 `GroupedQueryAttention`、`causal_mask` 和 `padding_mask`，从后者用到 `LayerNorm`、`RMSNorm` 和 `EncoderLayer`。
# 另需 4 GB 空闲内存。（有 24 GB 显存的 CUDA 显卡时，把下面改成 `profile = "gpu"`，就用 SmolLM2-1.7B 代替 SmolLM2-135M；文中的数字都来自小模型。）

# %% tags=["export"]
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import labkit

attention = labkit.notebook("attention")
transformer = labkit.notebook("transformer")

# %%
profile = "cpu"

# %%
import copy
import random
import time
from collections.abc import Callable
from functools import cache

import matplotlib.pyplot as plt
import transformers
from matplotlib.patches import FancyBboxPatch, Rectangle
from transformers import AutoModelForCausalLM, AutoTokenizer, PretrainedConfig

from labkit import plots
from labkit.models import load_tokenizer, smollm2_folder
from labkit.numerals import chinese, english

MODEL = {"cpu": smollm2_folder(), "gpu": "HuggingFaceTB/SmolLM2-1.7B"}[profile]
DEVICE = {"cpu": "cpu", "gpu": "cuda"}[profile]
BLUE, ORANGE, GREY, GREEN = "#1f77b4", "#ff7f0e", "#d9d9d9", "#2ca02c"

torch.manual_seed(0)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
plots.style()

tokenizer = load_tokenizer() if profile == "cpu" else AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).to(DEVICE).eval()


def encode(text: str) -> Tensor:
    """(1, T) token ids, with the token that begins every text.
    ---
    (1, T) 个 token id，以每段文本都有的开头 token 打头。
    """
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return torch.tensor([[tokenizer.bos_token_id, *ids]], device=DEVICE)


# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# Here are eight small changes to SmolLM2, a Llama. Each takes one or two lines. Some are differences between the families of this notebook, others are common mistakes. All
# keep every shape, and none raises an error. Before you run them, **bet**: which ones does the model survive?
#
# | | change |
# |---|---|
# | 1 | every RMSNorm becomes a LayerNorm without bias (it also subtracts the mean) |
# | 2 | RoPE with base 10,000, as in Llama 2, instead of 100,000 |
# | 3 | the activation is GELU, as in BERT, instead of SiLU: the two curves differ by less than 0.2 everywhere |
# | 4 | RoPE turns neighbours (0, 1), (2, 3), … instead of halves |
# | 5 | the activation is ReLU, as in the Transformer of 2017 |
# | 6 | key heads 0, 1, 2, 0, 1, 2, … instead of 0, 0, 0, 1, 1, 1, … |
# | 7 | the two norms of each layer change places |
# | 8 | two matrices of the feed-forward network, of the same shape, change places |
#
# The loss is the cross-entropy (notebook 2), averaged over the tokens of a short text and measured in **nats**, that is, with the natural logarithm. Guessing blindly among 49,152 tokens costs $\ln 49152 = 10.8$ nats.

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# 下面是对 SmolLM2（一个 Llama）的八处小改动，每处只有一两行。有些是本节几个家族之间的差别，有些是常见的错误。
# 所有形状都不变，也没有一处会报错。运行之前先**押个注**：哪几处改动，模型扛得住？
#
# | | 改动 |
# |---|---|
# | 1 | 所有 RMSNorm 换成不带偏置的 LayerNorm（多减一个均值） |
# | 2 | RoPE 的 base 从 100,000 改成 10,000（Llama 2 的取值） |
# | 3 | 激活函数从 SiLU 换成 GELU（BERT 的选择）：两条曲线处处相差不到 0.2 |
# | 4 | RoPE 旋转相邻的 (0, 1)、(2, 3)……，而不是前后两半 |
# | 5 | 激活函数换成 ReLU（2017 年 Transformer 的选择） |
# | 6 | 键头按 0、1、2、0、1、2……分配，而不是 0、0、0、1、1、1…… |
# | 7 | 每一层的两个归一化对调 |
# | 8 | 前馈网络里形状相同的两个矩阵对调 |
#
# 损失是一小段文本里每个 token 的平均交叉熵（见第 2 节），单位是**奈特**（nat，取自然对数）。在 49,152 个 token 里瞎猜，损失是 $\ln 49152 = 10.8$ nat。

# %% [markdown] tags=["en"]
# First the eight changes as code. Nothing runs yet:

# %% [markdown] tags=["zh"]
# 先把八处改动写成代码，这一格还不运行模型：


# %%
class SubtractsTheMean(nn.Module):
    """Subtracts the mean before an RMSNorm: together a LayerNorm without bias.
    ---
    先减均值，再做 RMSNorm：合起来就是不带偏置的 LayerNorm。
    """

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x - x.mean(-1, keepdim=True))


def layer_norm(changed: nn.Module) -> None:
    for layer in changed.model.layers:
        layer.input_layernorm = SubtractsTheMean(layer.input_layernorm)
        layer.post_attention_layernorm = SubtractsTheMean(layer.post_attention_layernorm)
    changed.model.norm = SubtractsTheMean(changed.model.norm)


def rope_base(changed: nn.Module) -> None:
    rotary = changed.model.rotary_emb
    half = len(rotary.inv_freq)
    rotary.inv_freq = 10_000.0 ** (-torch.arange(half, device=DEVICE) / half)


def activation(changed: nn.Module, function: nn.Module) -> None:
    for layer in changed.model.layers:
        layer.mlp.act_fn = function


def neighbours(changed: nn.Module) -> None:
    """Reorders the rows of q_proj and k_proj, so that turning halves turns neighbours.
    ---
    重排 q_proj 和 k_proj 的各行，于是旋转前后两半就等于旋转相邻的两维。
    """
    size = changed.config.head_dim
    order = torch.cat([torch.arange(0, size, 2), torch.arange(1, size, 2)])
    for layer in changed.model.layers:
        for projection in (layer.self_attn.q_proj, layer.self_attn.k_proj):
            heads = projection.weight.data.unflatten(0, (-1, size))
            projection.weight.data = heads[:, order].flatten(0, 1)


def key_heads_in_turn(changed: nn.Module) -> None:
    """Reorders the query heads, so that query head i uses key head i % n_kv_heads.
    ---
    重排查询头，于是第 i 个查询头用的是第 i % n_kv_heads 个键头。
    """
    config = changed.config
    groups = torch.arange(config.num_attention_heads).view(-1, config.num_key_value_heads)
    order = groups.T.flatten()
    for layer in changed.model.layers:
        q, o = layer.self_attn.q_proj.weight, layer.self_attn.o_proj.weight
        q.data = q.data.unflatten(0, (-1, config.head_dim))[order].flatten(0, 1)
        o.data = o.data.unflatten(1, (-1, config.head_dim))[:, order].flatten(1, 2)


def norms_swapped(changed: nn.Module) -> None:
    for layer in changed.model.layers:
        first, second = layer.input_layernorm, layer.post_attention_layernorm
        layer.input_layernorm, layer.post_attention_layernorm = second, first


def matrices_swapped(changed: nn.Module) -> None:
    for layer in changed.model.layers:
        layer.mlp.gate_proj, layer.mlp.up_proj = layer.mlp.up_proj, layer.mlp.gate_proj


CHANGES: dict[str, Callable[[nn.Module], None]] = {
    say("as published", "原模型"): lambda changed: None,
    "1 LayerNorm": layer_norm,
    "2 RoPE base 10,000": rope_base,
    "3 GELU": partial(activation, function=nn.GELU()),
    say("4 RoPE of neighbours", "4 RoPE 转相邻两维"): neighbours,
    "5 ReLU": partial(activation, function=nn.ReLU()),
    say("6 key heads in turn", "6 键头轮流分配"): key_heads_in_turn,
    say("7 norms swapped", "7 归一化对调"): norms_swapped,
    say("8 matrices swapped", "8 矩阵对调"): matrices_swapped,
}

# %% [markdown] tags=["en"]
# Now each change is made in a fresh copy of the model. The cell prints the loss, and how the model continues *The sun rises in the east and*:

# %% [markdown] tags=["zh"]
# 下面每次都在模型的一份新拷贝上做一处改动，打印损失，以及模型怎样接着写 “The sun rises in the east and”：

# %%
text = encode(
    "The Eiffel Tower is a wrought-iron lattice tower in Paris, France. "
    "It is named after the engineer Gustave Eiffel, "
    "whose company designed and built the tower from 1887 to 1889. "
    "It is the most visited monument with an entrance fee."
)
z = torch.linspace(-10, 10, 2001)
difference = float((F.gelu(z) - F.silu(z)).abs().max())
print(
    say(
        f"GELU and SiLU differ by {difference:.2f} at most\n",
        f"GELU 与 SiLU 最多相差 {difference:.2f}\n",
    )
)
losses = {}
for name, change in CHANGES.items():
    changed = copy.deepcopy(model)
    change(changed)
    with torch.no_grad():
        losses[name] = float(changed(text, labels=text).loss)
        start = encode("The sun rises in the east and")
        written = changed.generate(
            start, max_new_tokens=10, do_sample=False, pad_token_id=tokenizer.pad_token_id
        )  # fmt: skip
    goes_on = tokenizer.decode(written[0, start.shape[1] :])
    print(
        say(
            f"loss {losses[name]:5.2f}   {name:22} … and{goes_on!r}",
            f"损失 {losses[name]:5.2f}   {name}：… and{goes_on!r}",
        )
    )
del changed

figure, axes = plt.subplots(figsize=(8, 3))
axes.barh(list(losses), losses.values(), color=[GREY, *[BLUE] * (len(losses) - 1)])
blind = torch.tensor(float(model.config.vocab_size)).log()
axes.axvline(blind, color=ORANGE, label=say("guessing blindly", "瞎猜"))
axes.invert_yaxis()
axes.set(
    xlabel=say("loss per token (nats)", "每个 token 的损失（nat）"),
    title=say("one change at a time", "每次只改一处"),
)
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# LayerNorm and the other base of RoPE cost 0.1 nat at most. GELU and neighbouring pairs cost a little over one nat per token, and the model still writes English. The last four destroy it. Changes 7 and 8 make it
# worse than blind guessing: such a model is **sure** of nonsense. None of this can be seen from the shapes. A curve that differs by less than 0.2 (GELU) does more harm than
# subtracting the mean of every vector in 61 places. And the two matrices of change 8 have the same shape, and their outputs are multiplied entry by entry in the end.
#
# So "the architecture" is not the shapes. It is a list of small decisions, and a set of weights belongs to exactly one such list. Change 4 shows it best: turning neighbours is not wrong in
# itself. Meta's own Llama checkpoints do it, and Hugging Face reorders the rows of `q_proj` and `k_proj` when it converts them, because its code turns halves. The rest of
# this notebook goes through that list.
#
# ## 2. One block, a handful of switches
#
# | | BERT (2018) | GPT-2 (2019) | Llama 3 (2024) | Mixtral (2024) |
# |---|---|---|---|---|
# | reads | both ways | to the left only | to the left only | to the left only |
# | trained to | fill in masked tokens | predict the next token | predict the next token | predict the next token |
# | positions | learned, added to the embedding | learned, added to the embedding | RoPE, in every layer | RoPE, in every layer |
# | norm | LayerNorm, **after** each part | LayerNorm, before each part | RMSNorm, before each part | RMSNorm, before each part |
# | at the very end | a small head: dense, GELU, LayerNorm | one more norm | one more norm | one more norm |
# | attention | multi-head | multi-head | grouped: fewer key-value heads | grouped |
# | feed-forward | $d \to 4d \to d$, GELU | $d \to 4d \to d$, GELU (tanh form) | SwiGLU | 8 SwiGLUs, a router picks 2 |
# | biases | everywhere | everywhere | nowhere | nowhere |
# | head | the embedding's matrix, and a bias | the embedding's matrix | its own matrix (small models: the embedding's) | its own matrix |
#
# A head that uses the embedding's matrix is called **tied**: one tensor serves at both ends of the model.
#
# Read a column from top to bottom and you have a configuration file. Read a **row** from left to right and you have six years of history. The norms moved to the front (notebook 2 discusses why). Positions moved from the input into
# attention. Keys and values became fewer, to make the cache smaller. Biases were dropped; PaLM reports more stable training without them (Chowdhery et al. 2022, section 2). And the feed-forward network, where most
# parameters are, got a gate, and then a router that chooses among several networks.

# %% [markdown] tags=["zh"]
# 换成 LayerNorm、改 RoPE 的 base，损失最多增加 0.1 nat。换成 GELU、旋转相邻两维，每个 token 各多出 1 nat 多一点，模型写的还是英语。后四处则毁掉了模型。其中第 7、8 处比瞎猜还差：
# 模型对一派胡言**深信不疑**。这些从形状上都看不出来。一条处处只差不到 0.2 的曲线（GELU），比在 61 个地方把每个向量的均值减掉伤得更重；而第 8 处对调的两个矩阵一样大，
# 它们的输出最后还要逐元素相乘。
#
# 所以，“架构”不等于形状。它是一连串小小的决定，而一组权重只属于其中的一种组合。第 4 处改动最能说明这一点：旋转相邻两维本身并没有错。Meta 自己发布的 Llama 检查点就是这样算的；
# Hugging Face 的代码旋转前后两半，所以转换检查点时把 `q_proj` 和 `k_proj` 的各行重新排了序。本节余下的部分，就是逐项来看这一连串决定。
#
# ## 2. 一种模块，几个开关
#
# | | BERT（2018） | GPT-2（2019） | Llama 3（2024） | Mixtral（2024） |
# |---|---|---|---|---|
# | 看哪边 | 左右都看 | 只看左边 | 只看左边 | 只看左边 |
# | 训练目标 | 填出被遮住的 token | 预测下一个 token | 预测下一个 token | 预测下一个 token |
# | 位置 | 可学习，加在嵌入上 | 可学习，加在嵌入上 | RoPE，每层都用 | RoPE，每层都用 |
# | 归一化 | LayerNorm，在每个子层**之后** | LayerNorm，在每个子层之前 | RMSNorm，在每个子层之前 | RMSNorm，在每个子层之前 |
# | 最末端 | 一个小输出头：全连接、GELU、LayerNorm | 再归一化一次 | 再归一化一次 | 再归一化一次 |
# | 注意力 | 多头 | 多头 | 分组：键/值头更少 | 分组 |
# | 前馈网络 | $d \to 4d \to d$，GELU | $d \to 4d \to d$，GELU（tanh 形式） | SwiGLU | 8 个 SwiGLU，路由器选 2 个 |
# | 偏置 | 处处都有 | 处处都有 | 都没有 | 都没有 |
# | 输出头 | 用嵌入矩阵，另加偏置 | 用嵌入矩阵 | 自己的矩阵（小模型用嵌入矩阵） | 自己的矩阵 |
#
# 输出头使用嵌入矩阵，叫做**共享权重**（tied）：同一个张量用在模型的首尾两端。
#
# 竖着读一列，就是一份配置文件。横着读**一行**，就是六年的历史：归一化挪到了前面（原因见第 2 节笔记本）；位置信息从输入端移进了注意力；键和值变少了，为的是缩小缓存；
# 偏置去掉了，PaLM 报告说去掉后训练更稳定（Chowdhery 等 2022，第 2 节）；而参数最集中的前馈网络，先是加了一道门，后来又多了一个在几个网络之间挑选的路由器。


# %%
FAMILIES = {
    "BERT": (
        "2018", "LayerNorm", False, "FFN\nGELU",
        say("token + position\n+ segment", "token + 位置\n+ 句段"), False,
        say("dense, GELU,\nLayerNorm, tied head", "全连接、GELU、\nLayerNorm、共享输出头"),
    ),
    "GPT-2": (
        "2019", "LayerNorm", True, say("FFN\nGELU (tanh)", "FFN\nGELU（tanh）"),
        say("token + position", "token + 位置"), True, say("tied head", "共享输出头"),
    ),
    "Llama 3": ("2024", "RMSNorm", True, "SwiGLU", "token", True, say("head", "输出头")),
    "Mixtral": (
        "2024", "RMSNorm", True, say("router\n8 × SwiGLU, top 2", "路由器\n8 个 SwiGLU 选 2 个"),
        "token", True, say("head", "输出头"),
    ),
}  # fmt: skip


def box(axes: plt.Axes, y: float, text: str, colour: str, height: float = 0.8) -> float:
    """A box whose lower edge is at y; returns the height of its upper edge.
    ---
    画一个下沿在 y 处的方框，返回上沿的高度。
    """
    style = "round,pad=0.02,rounding_size=0.1"
    shape = FancyBboxPatch((-1.0, y), 2.0, height, boxstyle=style, fc=colour, ec="none")
    axes.add_patch(shape)
    axes.text(0, y + height / 2, text, ha="center", va="center", fontsize=8.5)
    return y + height


def mask_picture(axes: plt.Axes, y: float, causal: bool) -> None:
    """Which keys (columns) each of five queries (rows) may see, beside the attention.
    ---
    在注意力旁边画出五个查询（行）各能看到哪些键（列）。
    """
    for row in range(5):
        for column in range(5):
            seen = column <= row or not causal
            corner = (1.12 + column * 0.11, y + 0.74 - row * 0.18)
            axes.add_patch(Rectangle(corner, 0.1, 0.155, fc=BLUE if seen else GREY))


def residual(axes: plt.Axes, low: float, high: float) -> None:
    """The line of the residual stream round a part, to the + where they are added.
    ---
    绕过一个子层的残差流，直到与子层输出相加的 + 处。
    """
    axes.plot([0, -1.3, -1.3, -0.12], [low, low, high, high], color="black", lw=1)
    circle = {"boxstyle": "circle,pad=0.05", "fc": "white"}
    axes.text(0, high, "+", ha="center", va="center", fontsize=11, bbox=circle)


def draw_family(axes: plt.Axes, name: str) -> None:
    """One layer, and what stands below and above the stack of layers.
    ---
    画一层，以及全部各层之下和之上的部分。
    """
    year, norm, pre_norm, feed_forward, embedding, causal, head = FAMILIES[name]
    pale = {"attention": "#9ecae1", "feed": "#fdc086", "norm": GREY, "other": "#c7e9c0"}
    attention_text = say("attention", "注意力")
    if norm == "RMSNorm":
        attention_text = say("grouped attention\nRoPE on q and k", "分组注意力\nq、k 上用 RoPE")
    axes.plot([0, 0], [0, 12.2], color="black", lw=1, zorder=0)
    y = box(axes, 0.0, embedding, pale["other"], 0.9)
    y = box(axes, y + 0.25, norm, pale["norm"], 0.5) if name == "BERT" else y + 0.75
    bottom = y = y + 0.35
    for part, colour in ((attention_text, pale["attention"]), (feed_forward, pale["feed"])):
        low = y + 0.2
        y = box(axes, low + 0.25, norm, pale["norm"], 0.5) if pre_norm else low
        if colour == pale["attention"]:
            mask_picture(axes, y + 0.25, causal)
        y = box(axes, y + 0.25, part, colour, 0.9) + 0.4
        residual(axes, low, y)
        y = y + 0.25 if pre_norm else box(axes, y + 0.35, norm, pale["norm"], 0.5)
    height = y + 0.2 - bottom
    axes.add_patch(Rectangle((-1.5, bottom), 3.25, height, fill=False, ls=":", ec="black"))
    y += 0.5
    y = box(axes, y, norm, pale["norm"], 0.5) if pre_norm else y + 0.5
    box(axes, y + 0.25, head, pale["other"], 0.9)
    axes.set(xlim=(-1.6, 1.85), ylim=(-0.1, 10.6), title=say(f"{name} ({year})", f"{name}（{year}）"))
    axes.axis("off")


figure, panels = plt.subplots(1, 4, figsize=(13, 6.2))
for panel, name in zip(panels, FAMILIES, strict=True):
    draw_family(panel, name)
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# Four drawings, one block. The dotted box is a layer, repeated $N$ times. The line through the middle is the residual stream. The small square beside the attention shows which keys (columns) a query (row) may see: blue
# means visible, grey means hidden. Compare the norms (grey boxes): in BERT they stand after each sum, in the other three before each part. Of these parts only two are new: the gated feed-forward network and the router.
#
# ## 3. Two new parts
#
# How can a hidden unit let more through for one token than for another? And how can a layer store more without computing more? The two new parts answer these questions.
#
# **A gate.** In the feed-forward network of 2017 each of the $d_\text{ff}$ hidden units computes one number, and ReLU cuts off the negative ones. SwiGLU computes two numbers for each unit, and multiplies them:
#
# $$\mathrm{SwiGLU}(x) = W_\text{down}\,\big(\mathrm{silu}(W_\text{gate}\,x) \odot W_\text{up}\,x\big),\qquad \mathrm{silu}(z) = z\,\sigma(z) .$$
#
# A way to read it: `up` says what could be written, `gate` says how much of it applies here. There are three matrices instead of two. Shazeer therefore makes $d_\text{ff}$ smaller, $\tfrac83 d$ instead of $4d$, so that the number of parameters
# stays the same (SmolLM2-135M has $\tfrac83 d$, Llama 3 8B has $3.5\,d$). He gives no reason why it works better: "We offer no explanation as to why these architectures seem to work; we attribute their success,
# as all else, to divine benevolence." (Shazeer 2020, section 4.)
#
# ### Problem 8 (10 points): `SwiGLU`, and `MoELayer` below
#
# **The pitfall.** `gate_proj` and `up_proj` have the same shape. Change 8 of section 1 confuses them. Which of the two goes through `silu`?
#
# The check cell stands below `MoELayer`. Run it whenever you like; it tells you what is not written yet.

# %% [markdown] tags=["zh"]
# 四幅图，同一种模块。虚线框是一层，重复 $N$ 次；贯穿中间的那条线是残差流；注意力旁边的小方格表示一个查询（行）能看到哪些键（列）：蓝色可见，灰色被遮住。
# 比较一下归一化（灰框）的位置：BERT 里在每次相加之后，另外三个里在每个子层之前。这些部件你已经有了，只缺两样：带门控的前馈网络和路由器。
#
# ## 3. 两个新部件
#
# 一个隐藏单元，怎样才能对这个 token 放行得多、对那个 token 放行得少？一层怎样才能存得更多，却不必算得更多？两个新部件回答的就是这两个问题。
#
# **一道门。** 2017 年的前馈网络里，$d_\text{ff}$ 个隐藏单元各算一个数，ReLU 把负数一律砍掉。SwiGLU 给每个单元算两个数，再相乘：
#
# $$\mathrm{SwiGLU}(x) = W_\text{down}\,\big(\mathrm{silu}(W_\text{gate}\,x) \odot W_\text{up}\,x\big),\qquad \mathrm{silu}(z) = z\,\sigma(z) .$$
#
# 可以这样理解：`up` 说可以写些什么，`gate` 说此处该写多少。矩阵从两个变成三个，所以 Shazeer 把 $d_\text{ff}$ 从 $4d$ 调小到 $\tfrac83 d$，参数总量不变
# （SmolLM2-135M 取 $\tfrac83 d$，Llama 3 8B 取 $3.5\,d$）。它为什么更好，论文没有给出理由，原文的说法是：
# “我们无法解释这些架构为何有效；和其他一切一样，我们把它归功于神的恩典。”（Shazeer 2020，第 4 节）
#
# ### 第 8 题（10 分）：`SwiGLU`，以及下面的 `MoELayer`
#
# **本题的坑。** `gate_proj` 和 `up_proj` 形状相同，弄混了就是第 1 小节的第 8 处改动：该让哪一个经过 `silu`？
#
# 检查单元格在 `MoELayer` 之后，随时都可以运行；还没写的部分它会注明。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "swiglu-solution", "cell_type": "code"}
class SwiGLU(nn.Module):
    """down_proj(silu(gate_proj(x)) * up_proj(x)), on each token alone; no projection has a bias.

    Attributes:
        gate_proj, up_proj: nn.Linear(d_model, d_ff).
        down_proj: nn.Linear(d_ff, d_model).

    Source: Shazeer 2020, GLU Variants Improve Transformer, equation 6.
    ---
    down_proj(silu(gate_proj(x)) * up_proj(x))，每个 token 单独计算；三个投影都没有偏置。

    属性：
        gate_proj、up_proj：nn.Linear(d_model, d_ff)。
        down_proj：nn.Linear(d_ff, d_model)。

    出处：Shazeer 2020，GLU Variants Improve Transformer，公式 6。
    """

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.gate_proj = nn.Linear(d_model, d_ff, bias=False)
        self.up_proj = nn.Linear(d_model, d_ff, bias=False)
        self.down_proj = nn.Linear(d_ff, d_model, bias=False)
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """(..., d_model) -> (..., d_model), differentiable in x and in all parameters.
        ---
        (..., d_model) -> (..., d_model)，对 x 和所有参数都可求导。
        """
        ### BEGIN SOLUTION
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        ### END SOLUTION


# %% [markdown] tags=["en"]
# **A choice.** A feed-forward network eight times as large can store more, and costs eight times as much for **every** token. A mixture of experts has eight networks, and computes two of them for each token. A router, one small matrix, gives each
# expert a score. Let $\mathcal T$ be the $k$ experts with the highest scores $s_i = (W_r\,x)_i$; then
#
# $$\mathrm{MoE}(x) = \sum_{i \in \mathcal T} w_i\, E_i(x),\qquad w_i = \frac{e^{s_i}}{\sum_{j \in \mathcal T} e^{s_j}} .$$
#
# The softmax runs over the **chosen** scores only, so the weights of a token sum to 1. Hugging Face's Mixtral takes the softmax over all eight experts, keeps the two largest numbers and divides them by their sum. That gives the same weights: the common
# denominator cancels. Leave out the division and you have another model: its weights sum to less than 1, and they shrink when the router is undecided.
#
# ```
# tokens    x0 ── router ─> experts 1, 4      expert 1 computes x0, x2      out0 = w · E1(x0) + w · E4(x0)
#           x1 ── router ─> experts 4, 0      expert 4 computes x0, x1      out1 = w · E4(x1) + w · E0(x1)
#           x2 ── router ─> experts 1, 6      expert 0 ... 6 ...            out2 = w · E1(x2) + w · E6(x2)
#                                             experts 2, 3, 5, 7 do nothing
# ```
#
# **How to compute it.** Do not go token by token: that is a Python loop over a million tokens. Do not run every expert on every token either: that would save nothing. Loop over the **experts**. Each expert gathers the tokens that chose it, computes them as one batch, and
# adds its weighted answers back at their places. It does not matter where in a sentence a token stands, so begin by making $(B, T, d)$ into a list of tokens $(N, d)$.
#
# Two functions help. Take the three tokens above: `chosen` is `[[1, 4], [4, 0], [1, 6]]`. For expert 4, `(chosen == 4).nonzero(as_tuple=True)` returns the coordinates of all places where `chosen` is 4, as two tensors: the rows `[0, 1]` and
# the columns `[1, 0]`. So tokens 0 and 1 chose expert 4: token 0 as its second expert, token 1 as its first. Their weights are therefore `weights[0, 1]` and `weights[1, 0]`. If `y` of shape $(2, d)$ holds the two weighted answers, then `output.index_add(0, rows, y)`
# returns `output` with `y[0]` added to row 0 and `y[1]` added to row 1.

# %% [markdown] tags=["zh"]
# **一次选择。** 前馈网络扩大到八倍，能存下的东西更多，但**每个** token 的开销也是原来的八倍。混合专家层有八个网络，每个 token 只算其中两个。路由器只是一个小矩阵，它给每个专家打分。
# 设 $\mathcal T$ 是得分 $s_i = (W_r\,x)_i$ 最高的 $k$ 个专家，则
#
# $$\mathrm{MoE}(x) = \sum_{i \in \mathcal T} w_i\, E_i(x),\qquad w_i = \frac{e^{s_i}}{\sum_{j \in \mathcal T} e^{s_j}} .$$
#
# softmax 只在**选中的**分数上做，所以一个 token 的权重之和为 1。Hugging Face 的 Mixtral 先对全部八个专家做 softmax，取最大的两个，再除以它们的和。得到的权重是一样的：公共的分母约掉了。
# 如果不做那次除法，就成了另一种模型：权重之和小于 1，路由器拿不定主意时还会变小。
#
# ```
# token     x0 ── 路由器 ─> 专家 1、4         专家 1 计算 x0、x2            out0 = w · E1(x0) + w · E4(x0)
#           x1 ── 路由器 ─> 专家 4、0         专家 4 计算 x0、x1            out1 = w · E4(x1) + w · E0(x1)
#           x2 ── 路由器 ─> 专家 1、6         专家 0 …… 专家 6 ……           out2 = w · E1(x2) + w · E6(x2)
#                                             专家 2、3、5、7 什么也不算
# ```
#
# **怎么算。** 不要逐个 token 算：那是百万个 token 的 Python 循环。也不要让每个专家把所有 token 都算一遍：那就什么也没省下。要对**专家**循环：每个专家收集选了它的 token，作为一批一次算完，
# 再把加权后的结果加回各自的位置。结果与 token 在句子里的位置无关，所以先把 $(B, T, d)$ 摊平成一列 token $(N, d)$。
#
# 有两个函数用得上。以上面三个 token 为例，`chosen` 是 `[[1, 4], [4, 0], [1, 6]]`。对专家 4，`(chosen == 4).nonzero(as_tuple=True)` 给出 `chosen` 中所有等于 4 的位置，
# 分成两个张量：行号 `[0, 1]` 和列号 `[1, 0]`。也就是说，token 0 和 token 1 选了专家 4，在前者那里它排第二，在后者那里排第一；所以两者的权重分别是 `weights[0, 1]` 和 `weights[1, 0]`。
# 如果形状为 $(2, d)$ 的 `y` 是加权后的两个结果，那么 `output.index_add(0, 行号, y)` 返回的就是 `output` 的第 0 行加上 `y[0]`、第 1 行加上 `y[1]` 之后的张量。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "moe-solution", "cell_type": "code"}
class MoELayer(nn.Module):
    """A router chooses top_k of n_experts networks for each token;
    the output is their weighted sum.

    Attributes:
        router: nn.Linear(d_model, n_experts) without bias: a token's score for each expert.
        experts: nn.ModuleList of SwiGLU(d_model, d_ff).
        top_k: int, from 1 to n_experts.

    Source: Jiang et al. 2024, Mixtral of Experts, section 2.1.
    ---
    路由器为每个 token 从 n_experts 个网络中选出 top_k 个，输出是它们结果的加权和。

    属性：
        router：nn.Linear(d_model, n_experts)，无偏置：一个 token 对每个专家的得分。
        experts：nn.ModuleList，由 SwiGLU(d_model, d_ff) 组成。
        top_k：int，从 1 到 n_experts。

    出处：Jiang 等 2024，Mixtral of Experts，2.1 节。
    """

    def __init__(self, d_model: int, d_ff: int, n_experts: int, top_k: int) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.router = nn.Linear(d_model, n_experts, bias=False)
        self.experts = nn.ModuleList(SwiGLU(d_model, d_ff) for _ in range(n_experts))
        self.top_k = top_k
        ### END SOLUTION

    def route(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Which experts each token goes to, and with which weight.

        Args:
            x: (..., d_model).

        Returns:
            The weights (..., top_k): the softmax of the chosen experts' scores, so they are
            positive and sum to 1 for each token. Then the indices of these experts (..., top_k),
            int64, all different. Where scores are equal, any of them may be chosen, but never
            more than top_k.
        ---
        每个 token 去哪些专家那里，权重各是多少。

        参数：
            x：(..., d_model)。

        返回：
            权重 (..., top_k)：选中专家的得分的 softmax，因此都为正，每个 token 的权重之和为 1。
            然后是这些专家的编号 (..., top_k)，int64，互不相同。得分相等时选哪个都可以，
            但不会超过 top_k 个。
        """
        ### BEGIN SOLUTION
        scores, chosen = self.router(x).topk(self.top_k, dim=-1)
        return scores.softmax(-1), chosen
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """(..., d_model) -> (..., d_model), differentiable in x and in all parameters.

        An expert computes the tokens that have chosen it: all of them, and no others. So the
        weights of an expert that no token has chosen play no part, even if they are NaN.
        ---
        (..., d_model) -> (..., d_model)，对 x 和所有参数都可求导。

        每个专家只计算选了它的 token，一个不漏，也不多算别的。
        所以没有 token 选中的专家，其权重不起任何作用，哪怕是 NaN。
        """
        ### BEGIN SOLUTION
        tokens = x.flatten(0, -2)  # (N, d_model)
        weights, chosen = self.route(tokens)
        output = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            token, place = (chosen == number).nonzero(as_tuple=True)
            output = output.index_add(0, token, weights[token, place, None] * expert(tokens[token]))
        return output.view_as(x)
        ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 10, "schema_version": 3, "grade_id": "moe", "cell_type": "code"}
labkit.check("moe")

# %% [markdown] tags=["en"]
# **The same in the library.** First your `SwiGLU` gets the weights of SmolLM2's first layer. Then your `MoELayer` stands beside the block of Hugging Face's Mixtral, which keeps all experts in two large tensors:

# %% [markdown] tags=["zh"]
# **和库里的对一对。** 给你的 `SwiGLU` 装上 SmolLM2 第一层的权重；再让你的 `MoELayer` 与 Hugging Face 的 Mixtral 模块对比，后者把所有专家放在两个大张量里：

# %%
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

gated = SwiGLU(model.config.hidden_size, model.config.intermediate_size).to(DEVICE)
gated.load_state_dict(model.model.layers[0].mlp.state_dict())
x = torch.randn(2, 7, model.config.hidden_size, device=DEVICE)
with torch.no_grad():
    difference = (gated(x) - model.model.layers[0].mlp(x)).abs().max()
print(say(f"SwiGLU:   largest difference {difference:.1e}", f"SwiGLU：最大相差 {difference:.1e}"))

theirs = MixtralSparseMoeBlock(
    MixtralConfig(hidden_size=48, intermediate_size=80, num_local_experts=8, num_experts_per_tok=2)
)
mine = MoELayer(48, 80, n_experts=8, top_k=2)
with torch.no_grad():
    theirs.gate.weight.copy_(mine.router.weight)
    for number, expert in enumerate(mine.experts):
        gate_and_up = torch.cat([expert.gate_proj.weight, expert.up_proj.weight])
        theirs.experts.gate_up_proj[number] = gate_and_up
        theirs.experts.down_proj[number] = expert.down_proj.weight
    x = torch.randn(3, 7, 48)
    difference = (mine(x) - theirs(x)).abs().max()
print(say(f"MoELayer: largest difference {difference:.1e}", f"MoELayer：最大相差 {difference:.1e}"))

# %% [markdown] tags=["en"]
# ## 4. Four families
#
# Are your parts really those of BERT, GPT-2, Llama and Mixtral? Assemble them and find out. Each model is an embedding, a stack of layers that you have, and a head; each class is short. The work is in the second method, `from_hf`: other people's code has other names for the same numbers, and sometimes another layout. It is worth doing once by hand, because it proves more than any unit
# test: **if a model that was trained elsewhere gives the same logits in your code, your code is the architecture.**
#
# The parts that all four share are given: a `Config`, a helper that renames, and `load_hf_state_dict`, which is strict. A parameter left over on either side is an error.
#
# ### Problem 9 (14 points): `Bert`, `GPT2`, `LlamaLayer`, `Llama`, `MistralMoE`
#
# The second cell below makes a tiny model of each family with random weights and prints the names on that side. Some parameters come twice in a state dict. Where your model has them once (BERT's `cls.predictions.decoder.*`, GPT-2's `lm_head.weight`), drop the second. A `Llama`
# with a tied head has both names itself, so its `from_hf` must return `head.weight` as well. What you create inside a forward (masks, positions) belongs on the device of `ids`.

# %% [markdown] tags=["zh"]
# ## 4. 四个家族
#
# 你写的部件真的就是 BERT、GPT-2、Llama 和 Mixtral 的部件吗？组装起来就知道了。每个模型都是一个嵌入、若干个你已经写好的层、一个输出头，每个类都很短。真正要费心的是第二个方法 `from_hf`：同样的参数，在别人的代码里叫别的名字，有时排列也不同。
# 值得亲手做一次，因为它比任何单元测试都更有说服力：**一个在别处训练好的模型，在你的代码里给出同样的 logits，就说明你的代码就是那个架构。**
#
# 四个模型通用的部分已经给出：一个 `Config`、一个改名的小函数，以及严格的 `load_hf_state_dict`：任何一边多出一个参数都会报错。
#
# ### 第 9 题（14 分）：`Bert`、`GPT2`、`LlamaLayer`、`Llama`、`MistralMoE`
#
# 下面第二个单元格为每个家族建一个权重随机的小模型，并打印出对方用的名字。state dict 里有些参数会出现两次：你的模型里只有一份的（BERT 的 `cls.predictions.decoder.*`、GPT-2 的 `lm_head.weight`），就丢掉多出的那个；
# 而共享输出头的 `Llama` 自己就有两个名字，所以它的 `from_hf` 也必须返回 `head.weight`。在 forward 里新建的张量（掩码、位置）要放在 `ids` 所在的设备上。


# %% tags=["export"]
@dataclass(frozen=True, kw_only=True)
class Config:
    """The sizes of a model. A field after eps is for the families named with it only.

    eps: of every norm.
    max_len (BERT, GPT-2): how many positions have an embedding.
    n_types (BERT): how many kinds of segments there are (first sentence, second sentence).
    n_kv_heads, rope_base (Llama, Mixtral): those of GroupedQueryAttention.
    window (Llama, Mixtral): a token sees itself and window - 1 tokens before it; None: all before.
    tied (Llama, Mixtral): the head is the token embedding's own matrix. In BERT and GPT-2 it
        always is.
    n_experts, top_k (Mixtral): those of MoELayer. 0 experts: one SwiGLU in each layer.
    ---
    一个模型的各种尺寸。eps 之后的字段只用于括号里写明的家族。

    eps：所有归一化共用。
    max_len（BERT、GPT-2）：有嵌入的位置数。
    n_types（BERT）：句段的种类数（第一句、第二句）。
    n_kv_heads、rope_base（Llama、Mixtral）：即 GroupedQueryAttention 的参数。
    window（Llama、Mixtral）：一个 token 看到自己和前面 window - 1 个 token；None 表示前面的全部。
    tied（Llama、Mixtral）：输出头就是 token 嵌入的矩阵。BERT 和 GPT-2 总是如此。
    n_experts、top_k（Mixtral）：即 MoELayer 的参数。专家数为 0 时，每层是一个 SwiGLU。
    """

    vocab_size: int
    d_model: int
    n_heads: int
    n_layers: int
    d_ff: int
    eps: float
    max_len: int = 0
    n_types: int = 0
    n_kv_heads: int = 0
    rope_base: float = 10_000.0
    window: int | None = None
    tied: bool = False
    n_experts: int = 0
    top_k: int = 0


def renamed(name: str, table: dict[str, str]) -> str:
    """A parameter's name with every key of the table replaced by its value, in the table's order.

    Example: renamed("model.layers.0.mlp.up_proj.weight", {"model.": "", "mlp": "feed_forward"})
    -> "layers.0.feed_forward.up_proj.weight"
    ---
    把参数名中出现的表里的键，按表的次序逐个替换成对应的值。

    例：renamed("model.layers.0.mlp.up_proj.weight", {"model.": "", "mlp": "feed_forward"})
    -> "layers.0.feed_forward.up_proj.weight"
    """
    for theirs, ours in table.items():
        name = name.replace(theirs, ours)
    return name


def load_hf_state_dict(model: nn.Module, state_dict: dict[str, Tensor]) -> None:
    """Gives a model of yours the parameters of Hugging Face's model of the same family.

    Raises RuntimeError when `model.from_hf` leaves out a parameter, has one that the model does
    not have, or gives one a wrong shape.
    ---
    把 Hugging Face 同一家族模型的参数装进你的模型。

    如果 `model.from_hf` 漏了参数、多出模型里没有的参数、或某个参数形状不对，则抛出 RuntimeError。
    """
    model.load_state_dict(model.from_hf(state_dict))


# %%
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
)


def config_of(theirs: PretrainedConfig) -> Config:
    """Our Config of a Hugging Face configuration, whose names differ from family to family.
    ---
    由 Hugging Face 的配置得到我们的 Config；各家族的字段名不尽相同。
    """
    rope = getattr(theirs, "rope_parameters", None) or {}
    norms = ("layer_norm_eps", "layer_norm_epsilon", "rms_norm_eps")
    gpt2 = theirs.model_type == "gpt2"
    d_ff = (theirs.n_inner or 4 * theirs.n_embd) if gpt2 else theirs.intermediate_size
    return Config(
        vocab_size=theirs.vocab_size,
        d_model=theirs.hidden_size,
        n_heads=theirs.num_attention_heads,
        n_layers=theirs.num_hidden_layers,
        d_ff=d_ff,
        eps=next(getattr(theirs, name) for name in norms if hasattr(theirs, name)),
        max_len=theirs.max_position_embeddings,
        n_types=getattr(theirs, "type_vocab_size", 0),
        n_kv_heads=getattr(theirs, "num_key_value_heads", 0),
        rope_base=rope.get("rope_theta", 10_000.0),
        window=getattr(theirs, "sliding_window", None),
        tied=theirs.tie_word_embeddings,
        n_experts=getattr(theirs, "num_local_experts", 0),
        top_k=getattr(theirs, "num_experts_per_tok", 0),
    )


SMALL = {"vocab_size": 97, "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 6}
SMALL |= {"intermediate_size": 80, "bos_token_id": None, "eos_token_id": None}
GROUPED = SMALL | {"num_key_value_heads": 2, "initializer_range": 0.2}
MIXED = GROUPED | {"sliding_window": 8, "num_local_experts": 5}
LIBRARY = {
    "BERT": BertForMaskedLM(BertConfig(**SMALL)).eval(),
    "GPT-2": GPT2LMHeadModel(GPT2Config(**SMALL)).eval(),
    "Llama": LlamaForCausalLM(LlamaConfig(**GROUPED)).eval(),
    "Mixtral": MixtralForCausalLM(MixtralConfig(**MIXED)).eval(),
}
for name, library in LIBRARY.items():
    print(say(f"{name} (of its 3 layers, the first)", f"{name}（共 3 层，只列第一层）"))
    for parameter, value in library.state_dict().items():
        if ".1." not in parameter and ".2." not in parameter:
            print(f"    {parameter:62}{' × '.join(map(str, value.shape))}")

# %% [markdown] tags=["en"]
# When your class is written, `print(*Bert(config_of(LIBRARY["BERT"].config)).state_dict(), sep="\n")` prints the names on your side.

# %% [markdown] tags=["zh"]
# 你的类写好之后，运行 `print(*Bert(config_of(LIBRARY["BERT"].config)).state_dict(), sep="\n")` 就能列出你这边的名字。

# %% [markdown] tags=["en"]
# **BERT.** Three embeddings are added (token, position, segment) and normed. Then come post-norm encoder layers: your `EncoderLayer` as it is, with GELU. The head that guesses a masked token has a small network of its own before the matrix of the embedding.
#
# **The pitfalls.** BERT's GELU is the exact one, GPT-2's is the tanh form. BERT's `eps` is 1e-12, not your default: pass `config.eps` on to **every** norm. Without `type_ids` all tokens are of segment 0, and segment 0 has an embedding that is added like any other. In `from_hf`, `output.dense` is also the end
# of `attention.output.dense`, so the order of the replacements matters.

# %% [markdown] tags=["zh"]
# **BERT。** 三个嵌入（token、位置、句段）相加后归一化；然后是 post-norm 的编码器层，直接用你的 `EncoderLayer`，激活函数为 GELU。预测被遮住的 token 的输出头，在乘嵌入矩阵之前自己还有一个小网络。
#
# **本题的坑。** BERT 的 GELU 是精确形式，GPT-2 的是 tanh 近似。BERT 的 `eps` 是 1e-12，不是你的默认值：要把 `config.eps` 传给**每一个**归一化。不给 `type_ids` 时，所有 token 都属于句段 0，而句段 0 的嵌入照样要加。
# 写 `from_hf` 时注意，`output.dense` 也是 `attention.output.dense` 的结尾：替换的先后顺序很重要。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "bert-solution", "cell_type": "code"}
class Bert(nn.Module):
    """BERT with the head that guesses masked tokens. Every norm gets config.eps.

    Attributes:
        token_embedding, position_embedding, type_embedding: nn.Embedding of vocab_size, max_len
            and n_types rows.
        embedding_norm: transformer.LayerNorm.
        layers: nn.ModuleList of transformer.EncoderLayer, post-norm, with the exact GELU (F.gelu).
        head_proj: nn.Linear(d_model, d_model).
        head_norm: transformer.LayerNorm.
        head_bias: nn.Parameter (vocab_size,).

    Source: Devlin et al. 2018, BERT, section 3 and appendix A.2.
    ---
    BERT，带有预测被遮住 token 的输出头。每个归一化都用 config.eps。

    属性：
        token_embedding、position_embedding、type_embedding：nn.Embedding，行数分别为
            vocab_size、max_len、n_types。
        embedding_norm：transformer.LayerNorm。
        layers：nn.ModuleList，由 transformer.EncoderLayer 组成，post-norm，精确的 GELU（F.gelu）。
        head_proj：nn.Linear(d_model, d_model)。
        head_norm：transformer.LayerNorm。
        head_bias：nn.Parameter (vocab_size,)。

    出处：Devlin 等 2018，BERT，第 3 节和附录 A.2。
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        d_model, eps = config.d_model, config.eps
        self.token_embedding = nn.Embedding(config.vocab_size, d_model)
        self.position_embedding = nn.Embedding(config.max_len, d_model)
        self.type_embedding = nn.Embedding(config.n_types, d_model)
        self.embedding_norm = transformer.LayerNorm(d_model, eps)
        self.layers = nn.ModuleList(
            transformer.EncoderLayer(d_model, config.n_heads, config.d_ff, F.gelu, eps=eps)
            for _ in range(config.n_layers)
        )
        self.head_proj = nn.Linear(d_model, d_model)
        self.head_norm = transformer.LayerNorm(d_model, eps)
        self.head_bias = nn.Parameter(torch.zeros(config.vocab_size))
        ### END SOLUTION

    def forward(
        self, ids: Tensor, attention_mask: Tensor | None = None, type_ids: Tensor | None = None
    ) -> Tensor:  # fmt: skip
        """Logits for the token at each position.

        Args:
            ids: (B, T) int64, T at most max_len.
            attention_mask: (B, T) int64, 1 on tokens and 0 on padding, which no token may
                attend to; None: no padding. Logits at padding may be anything.
            type_ids: (B, T) int64, the segment of each token; None: all of segment 0.

        Returns:
            (B, T, vocab_size): head_norm(gelu(head_proj(x))) times the token embedding's matrix,
            plus head_bias. Differentiable in all parameters.
        ---
        每个位置上各个 token 的 logits。

        参数：
            ids：(B, T) int64，T 不超过 max_len。
            attention_mask：(B, T) int64，token 处为 1，填充处为 0，任何 token 都不能看填充；
                None 表示没有填充。填充处的 logits 不作要求。
            type_ids：(B, T) int64，每个 token 所属的句段；None 表示都属于句段 0。

        返回：
            (B, T, vocab_size)：head_norm(gelu(head_proj(x))) 乘以 token 嵌入的矩阵，再加 head_bias。
            对所有参数都可求导。
        """
        ### BEGIN SOLUTION
        type_ids = torch.zeros_like(ids) if type_ids is None else type_ids
        positions = self.position_embedding.weight[: ids.shape[1]]
        x = self.embedding_norm(self.token_embedding(ids) + positions + self.type_embedding(type_ids))
        mask = None if attention_mask is None else attention.padding_mask(attention_mask)
        for layer in self.layers:
            x = layer(x, mask)
        x = self.head_norm(F.gelu(self.head_proj(x)))
        return x @ self.token_embedding.weight.T + self.head_bias
        ### END SOLUTION

    def from_hf(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """The parameters of a BertForMaskedLM under the names of this class.

        cls.predictions.decoder.* is left out: it is the token embedding and the bias once more.
        ---
        把 BertForMaskedLM 的参数改成本类的名字。

        去掉 cls.predictions.decoder.*：那是 token 嵌入和偏置的另一个名字。
        """
        ### BEGIN SOLUTION
        names = {
            "bert.embeddings.word_embeddings": "token_embedding",
            "bert.embeddings.position_embeddings": "position_embedding",
            "bert.embeddings.token_type_embeddings": "type_embedding",
            "bert.embeddings.LayerNorm": "embedding_norm",
            "bert.encoder.layer.": "layers.",
            "attention.self.query": "attention.q_proj",
            "attention.self.key": "attention.k_proj",
            "attention.self.value": "attention.v_proj",
            "attention.output.dense": "attention.o_proj",
            "attention.output.LayerNorm": "attention_norm",
            "intermediate.dense": "feed_forward.up_proj",
            "output.dense": "feed_forward.down_proj",  # after attention.output.dense
            "output.LayerNorm": "feed_forward_norm",
            "cls.predictions.transform.dense": "head_proj",
            "cls.predictions.transform.LayerNorm": "head_norm",
            "cls.predictions.bias": "head_bias",
        }
        decoder = "cls.predictions.decoder."
        return {renamed(name, names): value for name, value in state_dict.items() if not name.startswith(decoder)}
        ### END SOLUTION


# %% [markdown] tags=["en"]
# **GPT-2.** The norm moves to the front and the mask becomes causal. Segments and the head's small network go. After the last layer stands one more norm.
#
# **The pitfalls.** GPT-2's code stores its matrices as $(d_\text{in}, d_\text{out})$, the transpose of `nn.Linear`'s. Some are square, so nothing complains when they are not transposed. And `c_attn` is one matrix for queries, keys and values: first all queries, then all keys, then all values. Its
# bias has the same three parts in one vector: split it as well; there is nothing to transpose.

# %% [markdown] tags=["zh"]
# **GPT-2。** 归一化挪到前面，掩码变成因果的，句段和输出头里的小网络去掉，最后一层之后再加一个归一化。
#
# **本题的坑。** GPT-2 的代码把矩阵存成 $(d_\text{in}, d_\text{out})$，是 `nn.Linear` 的转置；其中有的是方阵，忘了转置也不会报错。另外，`c_attn` 是查询、键、值（query、key、value）合成的一个矩阵：先是全部查询，再是全部键，最后是全部值。
# 它的偏置也把这三部分放在一个向量里：同样要拆开，但不必转置。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "gpt2-solution", "cell_type": "code"}
class GPT2(nn.Module):
    """GPT-2: pre-norm, causal, learned positions. Every norm gets config.eps.

    Attributes:
        token_embedding, position_embedding: nn.Embedding of vocab_size and max_len rows.
        layers: nn.ModuleList of transformer.EncoderLayer, pre-norm, with the tanh form of GELU.
        norm: transformer.LayerNorm, after the last layer.

    Source: Radford et al. 2019, Language Models are Unsupervised Multitask Learners, section 2.3.
    ---
    GPT-2：pre-norm、因果、可学习的位置。每个归一化都用 config.eps。

    属性：
        token_embedding、position_embedding：nn.Embedding，行数分别为 vocab_size、max_len。
        layers：nn.ModuleList，由 transformer.EncoderLayer 组成，pre-norm，tanh 形式的 GELU。
        norm：transformer.LayerNorm，在最后一层之后。

    出处：Radford 等 2019，Language Models are Unsupervised Multitask Learners，2.3 节。
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position_embedding = nn.Embedding(config.max_len, config.d_model)
        gelu = partial(F.gelu, approximate="tanh")
        self.layers = nn.ModuleList(
            transformer.EncoderLayer(config.d_model, config.n_heads, config.d_ff, gelu, True, config.eps)
            for _ in range(config.n_layers)
        )
        self.norm = transformer.LayerNorm(config.d_model, config.eps)
        ### END SOLUTION

    def forward(self, ids: Tensor) -> Tensor:
        """Logits for the token after each: (B, T) int64, T at most max_len -> (B, T, vocab_size).

        The head is the token embedding's matrix. A token sees itself and those before it only.
        The logits are differentiable in all parameters.
        ---
        每个 token 之后那个 token 的 logits：(B, T) int64，T 不超过 max_len -> (B, T, vocab_size)。

        输出头就是 token 嵌入的矩阵。每个 token 只看到自己和前面的 token。
        logits 对所有参数都可求导。
        """
        ### BEGIN SOLUTION
        length = ids.shape[1]
        x = self.token_embedding(ids) + self.position_embedding.weight[:length]
        causal = attention.causal_mask(length, length).to(ids.device)
        for layer in self.layers:
            x = layer(x, causal)
        return self.norm(x) @ self.token_embedding.weight.T
        ### END SOLUTION

    def from_hf(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """The parameters of a GPT2LMHeadModel under the names of this class.

        The matrices inside attn and mlp, also the square ones, are stored as (d_in, d_out) and
        must be transposed; embeddings, norms and biases stay as they are. c_attn becomes q_proj,
        k_proj and v_proj, in this order: its matrix is transposed and split, its bias is split
        only. lm_head.weight is left out: it is the token embedding once more.
        ---
        把 GPT2LMHeadModel 的参数改成本类的名字。

        attn 和 mlp 里的矩阵都按 (d_in, d_out) 存放，方阵也不例外，都要转置；嵌入、归一化和偏置
        保持原样。c_attn 依次拆成 q_proj、k_proj、v_proj：矩阵先转置再拆，偏置只拆不转置。
        去掉 lm_head.weight：那是 token 嵌入的另一个名字。
        """
        ### BEGIN SOLUTION
        names = {
            "transformer.wte": "token_embedding",
            "transformer.wpe": "position_embedding",
            "transformer.ln_f": "norm",
            "transformer.h.": "layers.",
            "ln_1": "attention_norm",
            "ln_2": "feed_forward_norm",
            "attn.c_proj": "attention.o_proj",
            "mlp.c_fc": "feed_forward.up_proj",
            "mlp.c_proj": "feed_forward.down_proj",
        }
        ours = {}
        for name, value in state_dict.items():
            if name == "lm_head.weight":
                continue
            if (".attn." in name or ".mlp." in name) and value.dim() == 2:
                value = value.T  # a Conv1D keeps (d_in, d_out)
            if "c_attn" in name:
                for part, rows in zip("qkv", value.chunk(3), strict=True):
                    ours[renamed(name, names).replace("attn.c_attn", f"attention.{part}_proj")] = rows
            else:
                ours[renamed(name, names)] = value
        return ours
        ### END SOLUTION


# %% [markdown] tags=["en"]
# **Llama.** LayerNorm becomes RMSNorm, the feed-forward network becomes SwiGLU, and attention becomes your `GroupedQueryAttention` with RoPE. With RoPE the table of positions is gone: a Llama can read a text longer than any that it was trained on (whether it **understands** it is another question).
#
# With a `window`, each token sees only itself and the `window - 1` tokens before it (Mistral 7B: 4,096). Far tokens are still reached, over several layers: each layer carries information forward by up to `window - 1` tokens.
#
# **The pitfalls.** Two tied matrices are **one** Parameter, not two that are equal at the beginning. `model.named_parameters()` lists it under the name that was assigned first, so create `token_embedding` before `head`. `rope_base` is 10,000 in Llama 2, 100,000 in SmolLM2-135M and
# 500,000 in Llama 3: it comes from the config.

# %% [markdown] tags=["zh"]
# **Llama。** LayerNorm 换成 RMSNorm，前馈网络换成 SwiGLU，注意力换成你的 `GroupedQueryAttention`（带 RoPE）。有了 RoPE，位置表就没有了：Llama 可以读比训练时更长的文本（读不读得**懂**是另一回事）。
#
# 设了 `window` 之后，每个 token 只能看到自己和它前面的 `window - 1` 个 token（Mistral 7B 是 4,096）。更远的 token 仍然够得着，只是要经过几层：每一层最多把信息往后传 `window - 1` 个 token。
#
# **本题的坑。** 共享的矩阵是**同一个** Parameter，而不是两个初值相同的 Parameter。`model.named_parameters()` 只用最先赋值的那个名字列出它，所以要先建 `token_embedding`，再建 `head`。`rope_base` 在 Llama 2 里是 10,000，在 SmolLM2-135M 里是 100,000，在 Llama 3 里是 500,000：要从配置里取。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "llama-solution", "cell_type": "code"}
class LlamaLayer(nn.Module):
    """x + attention(attention_norm(x)), then x + feed_forward(feed_forward_norm(x)).

    Attributes:
        attention: attention.GroupedQueryAttention with config.rope_base.
        attention_norm, feed_forward_norm: transformer.RMSNorm with config.eps.
        feed_forward: SwiGLU, or MoELayer where config.n_experts is not 0.
    ---
    先 x + attention(attention_norm(x))，再 x + feed_forward(feed_forward_norm(x))。

    属性：
        attention：attention.GroupedQueryAttention，使用 config.rope_base。
        attention_norm、feed_forward_norm：transformer.RMSNorm，使用 config.eps。
        feed_forward：SwiGLU；config.n_experts 不为 0 时是 MoELayer。
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        d_model = config.d_model
        self.attention = attention.GroupedQueryAttention(d_model, config.n_heads, config.n_kv_heads, config.rope_base)
        self.attention_norm = transformer.RMSNorm(d_model, config.eps)
        if config.n_experts:
            self.feed_forward = MoELayer(d_model, config.d_ff, config.n_experts, config.top_k)
        else:
            self.feed_forward = SwiGLU(d_model, config.d_ff)
        self.feed_forward_norm = transformer.RMSNorm(d_model, config.eps)
        ### END SOLUTION

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model); the mask goes to GroupedQueryAttention.
        ---
        (B, T, d_model) -> (B, T, d_model)；mask 交给 GroupedQueryAttention。
        """
        ### BEGIN SOLUTION
        x = x + self.attention(self.attention_norm(x), mask)
        return x + self.feed_forward(self.feed_forward_norm(x))
        ### END SOLUTION


class Llama(nn.Module):
    """Llama 3, and with it SmolLM2, Mistral and many more.

    Attributes:
        config: Config.
        token_embedding: nn.Embedding.
        layers: nn.ModuleList of LlamaLayer.
        norm: transformer.RMSNorm with config.eps, after the last layer.
        head: nn.Linear(d_model, vocab_size) without bias. Where config.tied, its weight IS the
            token embedding's Parameter; named_parameters() then lists it as
            token_embedding.weight, so token_embedding is created before head.

    Source: Grattafiori et al. 2024, The Llama 3 Herd of Models, section 3.2;
    the window: Jiang et al. 2023, Mistral 7B, section 2.
    ---
    Llama 3，以及 SmolLM2、Mistral 等许多模型。

    属性：
        config：Config。
        token_embedding：nn.Embedding。
        layers：nn.ModuleList，由 LlamaLayer 组成。
        norm：transformer.RMSNorm，使用 config.eps，在最后一层之后。
        head：nn.Linear(d_model, vocab_size)，无偏置。config.tied 时，它的 weight 就是 token 嵌入的
            那个 Parameter；此时 named_parameters() 要以 token_embedding.weight 的名字列出它，
            所以先建 token_embedding，再建 head。

    出处：Grattafiori 等 2024，The Llama 3 Herd of Models，3.2 节；
    窗口：Jiang 等 2023，Mistral 7B，第 2 节。
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.layers = nn.ModuleList(LlamaLayer(config) for _ in range(config.n_layers))
        self.norm = transformer.RMSNorm(config.d_model, config.eps)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        if config.tied:
            self.head.weight = self.token_embedding.weight
        ### END SOLUTION

    def forward(self, ids: Tensor) -> Tensor:
        """Logits for the token after each: (B, T) int64 -> (B, T, vocab_size).

        A token sees itself and those before it; with a window, only config.window - 1 of them.
        The logits are differentiable in all parameters.
        ---
        每个 token 之后那个 token 的 logits：(B, T) int64 -> (B, T, vocab_size)。

        每个 token 看到自己和前面的 token；设了窗口时，前面只看 config.window - 1 个。
        logits 对所有参数都可求导。
        """
        ### BEGIN SOLUTION
        mask = attention.causal_mask(ids.shape[1], ids.shape[1]).to(ids.device)
        if self.config.window is not None:
            mask = mask.triu(1 - self.config.window)
        x = self.token_embedding(ids)
        for layer in self.layers:
            x = layer(x, mask)
        return self.head(self.norm(x))
        ### END SOLUTION

    def from_hf(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """The parameters of a LlamaForCausalLM under the names of this class.

        Where config.tied, lm_head.weight may be missing, as in SmolLM2's file, or be there, as in
        a model in memory. The result has head.weight either way.
        ---
        把 LlamaForCausalLM 的参数改成本类的名字。

        config.tied 时，lm_head.weight 可能没有（如 SmolLM2 的文件），也可能有（如内存中的模型）。
        无论哪种情况，结果里都要有 head.weight。
        """
        ### BEGIN SOLUTION
        names = {
            "model.embed_tokens": "token_embedding",
            "model.layers.": "layers.",
            "model.norm": "norm",
            "lm_head": "head",
            "self_attn": "attention",
            "mlp": "feed_forward",
            "input_layernorm": "attention_norm",
            "post_attention_layernorm": "feed_forward_norm",
        }
        ours = {renamed(name, names): value for name, value in state_dict.items()}
        if self.config.tied:
            ours["head.weight"] = ours["token_embedding.weight"]
        return ours
        ### END SOLUTION


# %% [markdown] tags=["en"]
# **Mixtral** is a Llama with a `MoELayer` in the place of the SwiGLU; `LlamaLayer` has already seen to that. Only the names are left. The library keeps all experts of a layer in two tensors, and holds `gate` and `up` in one of them, gate first. (It calls the **router** `gate` as well. These are two different gates.)

# %% [markdown] tags=["zh"]
# **Mixtral** 就是把 SwiGLU 换成 `MoELayer` 的 Llama，这一点 `LlamaLayer` 已经处理好了，剩下的只有名字：库把一层的所有专家放在两个张量里，`gate` 和 `up` 又合在一个里，gate 在前。（它把**路由器**也叫 `gate`。两个 gate 不是一回事。）


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "mixtral-solution", "cell_type": "code"}
class MistralMoE(Llama):
    """Mixtral: a Llama whose layers have a MoELayer in the place of the SwiGLU.

    Source: Jiang et al. 2024, Mixtral of Experts, section 2.
    ---
    Mixtral：各层以 MoELayer 代替 SwiGLU 的 Llama。

    出处：Jiang 等 2024，Mixtral of Experts，第 2 节。
    """

    def from_hf(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """The parameters of a MixtralForCausalLM under the names of this class.

        In memory, transformers 5 keeps a layer's experts in two tensors. experts.gate_up_proj
        (n_experts, 2 d_ff, d_model) holds for each expert first the d_ff rows of gate_proj, then
        those of up_proj; experts.down_proj is (n_experts, d_model, d_ff). The library's mlp.gate
        is our router.
        ---
        把 MixtralForCausalLM（transformers 5 在内存中的样子）的参数改成我们的名字。

        每层的 experts.gate_up_proj 形状为 (n_experts, 2 d_ff, d_model)：每个专家先是 gate_proj 的
        d_ff 行，再是 up_proj 的 d_ff 行；experts.down_proj 为 (n_experts, d_model, d_ff)。
        库里的 mlp.gate 就是我们的路由器 router。
        """
        ### BEGIN SOLUTION
        ours = {}
        for name, value in super().from_hf(state_dict).items():
            if name.endswith("experts.gate_up_proj"):  # (n_experts, 2 d_ff, d_model)
                for number, both in enumerate(value):
                    expert = name.replace("gate_up_proj", str(number))
                    ours[f"{expert}.gate_proj.weight"], ours[f"{expert}.up_proj.weight"] = both.chunk(2)
            elif name.endswith("experts.down_proj"):  # (n_experts, d_model, d_ff)
                for number, down in enumerate(value):
                    ours[f"{name.replace('down_proj', str(number))}.down_proj.weight"] = down
            else:
                ours[name.replace("feed_forward.gate.", "feed_forward.router.")] = value
        return ours
        ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 14, "schema_version": 3, "grade_id": "families", "cell_type": "code"}
labkit.check("families")

# %% [markdown] tags=["en"]
# **The same in the library.** Your four models get the weights of the tiny models whose names you have read:

# %% [markdown] tags=["zh"]
# **和库里的对一对。** 还是那几个打印过名字的小模型，把同样的权重装进你的模型：

# %%
ids = torch.randint(0, 97, (2, 19))
for ours, (name, library) in zip((Bert, GPT2, Llama, MistralMoE), LIBRARY.items(), strict=True):
    mine = ours(config_of(library.config))
    load_hf_state_dict(mine, library.state_dict())
    with torch.no_grad():
        logits, expected = mine(ids), library(ids).logits
    difference, largest = (logits - expected).abs().max(), expected.abs().max()
    print(
        say(
            f"{name:8} largest difference {difference:.1e} of logits up to {largest:.1f}",
            f"{name:8} 最大相差 {difference:.1e}（logits 最大为 {largest:.1f}）",
        )
    )

# %% [markdown] tags=["en"]
# ## 5. A real model
#
# Does it work for a model of full size? SmolLM2-135M is a Llama. Its 134,515,008 parameters were trained on two trillion tokens (Ben Allal et al. 2025, *SmolLM2*). Here they are loaded into classes that you wrote:

# %% [markdown] tags=["zh"]
# ## 5. 用真模型检验
#
# 换成真正大小的模型还行吗？SmolLM2-135M 就是一个 Llama。它的 134,515,008 个参数，是在两万亿个 token 上训练出来的（Ben Allal 等 2025，《SmolLM2》）。现在，把它们装进你写的类里：

# %%
config = config_of(model.config)
print(config)
llama = Llama(config).to(DEVICE)
load_hf_state_dict(llama, model.state_dict())
n_parameters, n_tensors = sum(p.numel() for p in llama.parameters()), len([*llama.parameters()])
print(
    say(
        f"{n_parameters:,} parameters in {n_tensors} tensors",
        f"{n_tensors} 个张量，共 {n_parameters:,} 个参数",
    )
)
with torch.no_grad():
    logits, expected = llama(text), model(text).logits
difference, largest = (logits - expected).abs().max(), expected.abs().max()
print(
    say(
        f"largest difference {difference:.1e} of logits up to {largest:.1f}",
        f"最大相差 {difference:.1e}（logits 最大为 {largest:.1f}）",
    )
)


@torch.no_grad()
def write(model: nn.Module, ids: Tensor, n: int) -> Tensor:
    """ids (1, T) and n more tokens, always the likeliest.
    ---
    在 ids (1, T) 之后再写 n 个 token，每次都取概率最大的。
    """
    for _ in range(n):
        ids = torch.cat([ids, model(ids)[:, -1:].argmax(-1)], dim=1)
    return ids


prompt = encode("Once upon a time, a little robot")
for name, run in [
    (say("yours", "你的"), lambda: write(llama, prompt, 24)),
    ("generate", lambda: model.generate(prompt, max_new_tokens=24, do_sample=False)),
]:
    start = time.perf_counter()
    written = run()
    seconds, story = time.perf_counter() - start, tokenizer.decode(written[0, 1:])
    print(say(f"\n{name} ({seconds:.1f} s): {story}", f"\n{name}（{seconds:.1f} 秒）：{story}"))

# %% [markdown] tags=["en"]
# The logits agree up to rounding, and the sentence is the same, word for word. You have now written every operation between the token ids and the logits of a real model. (`generate` is faster, because it does not compute the whole text again for every token: it keeps the keys and values. That is lab 10.)
#
# ## 6. What the experts do
#
# A router learns by gradient only through the weights of the experts that it has **chosen**. So there is a danger: an expert that is chosen often gets better and is then chosen more often, and one that nobody chooses learns nothing (Shazeer et al. 2017, section 4). Below, a small Mixtral learns to write numbers in words, in English and
# Chinese. It is trained twice: once as it is, and once with an extra loss, the **balance loss**, that is smallest when all experts get the same share (Fedus et al. 2021, section 2.2).

# %% [markdown] tags=["zh"]
# logits 只有舍入误差上的差别，句子一字不差。从 token id 到真实模型的 logits，中间的每一步运算现在都是你写的。（`generate` 更快，因为它不会每写一个 token 就把全文重算一遍，而是把键和值存下来。那是实验 10 的内容。）
#
# ## 6. 专家们在做什么
#
# 路由器只能通过它**选中**的专家的权重得到梯度。这里有个隐患：常被选中的专家越来越好，于是更常被选中；没人选的专家什么也学不到（Shazeer 等 2017，第 4 节）。下面是一个小 Mixtral，学着把数字写成英文和中文。训练两次：一次什么都不加，
# 一次加上一项额外的损失，即**均衡损失**（balance loss），它在所有专家分到同样份额时最小（Fedus 等 2021，2.2 节）。

# %%
VOCABULARY = ["<pad>", "<end>", *"0123456789", "="]
NAMED = [*range(20), *range(20, 100, 10), 100, 1000, 10_000]
for numerals in (english, chinese):
    VOCABULARY += sorted({word for number in NAMED for word in numerals(number)} - set(VOCABULARY))
ID = {word: index for index, word in enumerate(VOCABULARY)}
MOE = Config(
    vocab_size=len(VOCABULARY), d_model=48, n_heads=4, n_kv_heads=2, n_layers=2, d_ff=48, eps=1e-5,
    n_experts=8, top_k=2, tied=True,
)  # fmt: skip


def sentence(number: int) -> list[str]:
    """Example: 15 -> 1 5 = fifteen = 十 五 <end>
    ---
    例：15 -> 1 5 = fifteen = 十 五 <end>
    """
    return [*str(number), "=", *english(number), "=", *chinese(number), "<end>"]


def batch_of(rng: random.Random, size: int) -> Tensor:
    numbers = [rng.randrange(10 ** rng.randint(1, 5)) for _ in range(size)]
    rows = [torch.tensor([ID[word] for word in sentence(number)]) for number in numbers]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True)


class Watch:
    """Keeps the inputs of a model's MoE layers, so that their routing can be looked at.
    ---
    记下模型里各个 MoE 层的输入，以便查看路由情况。
    """

    def __init__(self, model: nn.Module) -> None:
        self.layers = [layer.feed_forward for layer in model.layers]
        self.seen: list[Tensor] = []
        for layer in self.layers:
            layer.register_forward_pre_hook(lambda module, args: self.seen.append(args[0]))

    def probabilities_and_choices(self) -> list[tuple[Tensor, Tensor]]:
        """For each layer: softmax over all experts (B, T, n_experts), chosen ones (B, T, top_k).
        ---
        每一层：对所有专家的 softmax (B, T, n_experts)，以及选中的专家 (B, T, top_k)。
        """
        pairs = [*zip(self.layers, self.seen, strict=True)]
        self.seen = []
        return [(layer.router(x).softmax(-1), layer.route(x)[1]) for layer, x in pairs]


def shares(choices: Tensor, n_experts: int) -> Tensor:
    """(n_experts,): the share of all choices (..., top_k) that falls on each expert.
    ---
    (n_experts,)：全部选择 (..., top_k) 中，每个专家所占的份额。
    """
    return torch.bincount(choices.flatten(), minlength=n_experts) / choices.numel()


def train(
    model: nn.Module, watch: Watch, balance: float, steps: int = 200
) -> tuple[list[Tensor], list[float]]:  # fmt: skip
    """Trains on numbers in words. Returns for each step the first layer's shares, and the loss.

    `balance` times n_experts * sum(share * mean probability) is added to the loss: Fedus et al.
    2021, equation 4. Padding counts neither in the losses nor in the shares.
    ---
    用“数字的读法”训练。返回每一步第一层各专家的份额，以及交叉熵。

    损失里加上 `balance` 乘以 n_experts * sum(份额 * 平均概率)：Fedus 等 2021，公式 4。
    填充既不计入损失，也不计入份额。
    """
    rng, history, losses = random.Random(0), [], []
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(steps):
        batch = batch_of(rng, 48)
        logits = model(batch[:, :-1])
        wanted, padding = batch[:, 1:], ID["<pad>"]
        loss = F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=padding)
        losses.append(float(loss.detach()))
        real, pairs = wanted != padding, watch.probabilities_and_choices()
        routed = [(probabilities[real], choices[real]) for probabilities, choices in pairs]
        for probabilities, choices in routed:
            part = shares(choices, MOE.n_experts) * probabilities.mean(0)
            loss = loss + balance * MOE.n_experts * part.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(shares(routed[0][1], MOE.n_experts))
    return history, losses


@cache
def trained(balance: float) -> tuple[nn.Module, Watch, list[Tensor], list[float]]:
    """A small mixture after training, what watches it, and what `train` returned.

    The head is tied, so the embedding begins small, as in notebook 2.
    ---
    训练好的小模型、查看它的 Watch，以及 `train` 的返回值。

    输出头与嵌入共享权重，所以像第 2 节那样，嵌入的初值取得较小。
    """
    torch.manual_seed(0)
    mixture = MistralMoE(MOE)
    nn.init.normal_(mixture.token_embedding.weight, std=MOE.d_model**-0.5)
    watch = Watch(mixture)
    return mixture, watch, *train(mixture, watch, balance)


BALANCES = (0.0, 0.1)
histories = [trained(balance)[2] for balance in BALANCES]
figure, panels = plt.subplots(1, 2, figsize=(10, 3), sharey=True)
for panel, balance, history in zip(panels, BALANCES, histories, strict=True):
    panel.stackplot(
        range(len(history)),
        torch.stack(history).T,
        colors=plt.get_cmap("tab10").colors,
        labels=range(MOE.n_experts),
    )
    panel.set(
        xlabel=say("step", "步数"),
        title=say(f"balance loss × {balance:g}", f"均衡损失 × {balance:g}"),
        xlim=(0, len(history) - 1),
        ylim=(0, 1),
    )
panels[0].set(ylabel=say("share of the choices", "占全部选择的份额"))
handles, names = panels[1].get_legend_handles_labels()
panels[1].legend(
    handles[::-1], names[::-1], title=say("expert", "专家"), frameon=False,
    loc="center left", bbox_to_anchor=(1, 0.5),
)  # fmt: skip
figure.suptitle(say("how the first layer's 8 experts share the tokens", "第一层的 8 个专家怎样分担 token"))
plt.tight_layout()
plt.show()
for balance, history in zip(BALANCES, histories, strict=True):
    share, loss = torch.stack(history[-20:]).mean(0), sum(trained(balance)[3][-20:]) / 20
    print(
        say(
            f"last 20 steps, balance loss × {balance:g}: "
            f"shares of {share.min():.0%} to {share.max():.0%}, cross-entropy {loss:.3f}",
            f"最后 20 步，均衡损失 × {balance:g}：份额 {share.min():.0%} 至 {share.max():.0%}，交叉熵 {loss:.3f}",
        )
    )

# %% [markdown] tags=["en"]
# Each coloured band is one expert; its height is the expert's share. Without the balance loss one expert (4, purple) gets nearly a quarter of the choices, and another (6, pink) 1 to 2 %: these are parameters that take memory and are hardly used. With it, each of the eight gets about an eighth. (Padding counts neither here nor in the losses.) The
# cross-entropy is nearly the same, with or without: in this small run the uneven shares did no harm that we can see, and no expert was left without tokens. In large models balance matters for speed as well: the experts lie on different devices, and the others wait for the busiest one.
#
# **And what do they specialise in?** Nothing in the training says which token belongs to which language:

# %% [markdown] tags=["zh"]
# 每条色带是一个专家，高度是它的份额。不加均衡损失时，一个专家（4 号，紫色）独占近四分之一的选择，另一个（6 号，粉色）只有 1% 到 2%，它的参数几乎白占内存。加上之后，八个专家各得八分之一左右。（填充既不计入这里的份额，也不计入损失。）
# 加与不加，交叉熵几乎一样：在这个小实验里，份额不均没有造成看得见的损害，也没有哪个专家完全闲着。在大模型里，均衡还关系到速度：专家分布在不同的设备上，最忙的那个会让其余的都等着。
#
# **那么，它们各自擅长什么？** 训练中没有任何地方标明哪个 token 属于哪种语言：

# %%
kinds = [
    say("digits", "数字"), "=", say("English", "英文"), say("Chinese", "中文")
]  # fmt: skip
KIND = {word: kinds[2] for number in NAMED for word in english(number)}
KIND |= {word: kinds[3] for number in NAMED for word in chinese(number)}
KIND |= dict.fromkeys("0123456789", kinds[0]) | {"=": "="}
batch = batch_of(random.Random(1), 300)[:, :-1]
mixtures = [trained(balance)[:2] for balance in BALANCES]
figure, panels = plt.subplots(1, 2, figsize=(10, 2.6), sharey=True)
for panel, balance, (mixture, watch) in zip(panels, BALANCES, mixtures, strict=True):
    with torch.no_grad():
        mixture(batch)
        _, choices = watch.probabilities_and_choices()[-1]
    kind_of = [[KIND.get(VOCABULARY[token]) for token in row] for row in batch.tolist()]
    places = [torch.tensor([[k == kind for k in row] for row in kind_of]) for kind in kinds]
    table = torch.stack([shares(choices[place], MOE.n_experts) for place in places])
    panel.imshow(table, cmap="Blues", vmin=0, vmax=0.5, aspect="auto")
    for row, column in torch.cartesian_prod(*map(torch.arange, table.shape)).tolist():
        share = float(table[row, column])
        colour = "white" if share > 0.3 else "black"
        panel.text(column, row, f"{share:.0%}", ha="center", va="center", fontsize=8, color=colour)
    panel.set_yticks(range(len(kinds)), kinds)
    panel.set(
        xticks=range(MOE.n_experts),
        xlabel=say("expert", "专家"),
        title=say(f"balance loss × {balance:g}", f"均衡损失 × {balance:g}"),
    )
panels[0].set(ylabel=say("kind of token", "token 的种类"))
figure.suptitle(
    say(
        "where the last layer sends each kind of token (each row sums to 100 %)",
        "最后一层把各类 token 送给谁（每行合计 100%）",
    )
)
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# A row shows where one kind of token goes. Each token has two choices, so 50 % means that every token of this kind goes there. In the last layer all digits go to expert 1, both times; English words prefer expert 5, and Chinese ones hardly ever choose it. There is a division of labour, but not a clean one, with or without the balance loss.
#
# How is it in large models? In Mixtral, Jiang et al. (2024, section 5) saw some division of labour by syntax (the tokens of an indentation in code go to the same expert), and no obvious pattern by subject. OLMoE, with 64 smaller experts per layer and trained from scratch, has experts that specialise by domain, for example in code from GitHub or in papers from arXiv (Muennighoff et al.
# 2024, section 5). So the answer depends on the model.
#
# ## Today (2026)
#
# These switches have moved since the four families. Notebooks 1 and 2 name what changed in attention, in the norms and in the residual stream; here is the rest. The names in brackets are folders under `transformers/models` of the library installed here (release 5.23).
#
# - **Mixtures of experts** are common among large open models (`deepseek_v4`, `qwen3_5_moe`, `gpt_oss`, `minimax_m2`, `mistral4`). Their configurations have 128 or 256 experts by default and choose 4 to 8 of them. These experts are **fine-grained**: many small ones instead of few large ones. DeepSeekMoE (Dai et al. 2024) combined them with **shared** experts, which every token uses; DeepSeek-V4 and Qwen3.5 have a shared expert, gpt-oss has none.
# - **Balance without a loss.** DeepSeek-V3 (2024, section 2.1.2) balances mainly by a bias: one number per expert is added to its score, for the choice only. It is raised when the expert gets too few tokens, and lowered when it gets too many. DeepSeek-V4 and MiniMax-M2 add such a bias as well (`e_score_correction_bias` in `deepseek_v4` and `minimax_m2`).
# - **Windows and linear attention.** Layers of different kinds stand in one model: Gemma 3 and gpt-oss let many layers see a window only, Qwen3.5 has linear attention in three layers of four (`gemma3`, `gpt_oss`, `qwen3_5`).
# - **Encoders** like BERT are still built, for search and classification: ModernBERT (Warner et al. 2024; `modernbert`) has RoPE, a gated feed-forward network and pre-norm.
#
# ## Summary
#
# - BERT, GPT-2, Llama and Mixtral are one block with different switches: what attention may see, which norm there is and where it stands, how positions come in, how many key-value heads there are, and what the feed-forward network is.
# - A set of weights belongs to exactly one setting of the switches. Shapes do not tell you which.
# - SwiGLU multiplies two projections; the gate goes through SiLU.
# - A mixture that chooses two of eight experts has the parameters of eight networks and the computation of two. The softmax runs over the chosen scores. Loop over the experts, not over the tokens.
# - Loading somebody else's weights is a strict test of a model: names, layouts (GPT-2's transposed matrices), tied parameters, `eps`.
# - Left alone, our router shared the tokens unevenly. A balance loss evens the shares out; in our small run it hardly changed the cross-entropy.
#
# ## Three questions to think about
#
# 1. Mixtral 8×7B has 47 billion parameters, not 56, and computes with 13 billion for each token (Jiang et al. 2024). Which parameters do all experts share? In which respect is it as expensive as a model of 47 billion, and in which as cheap as one of 13?
# 2. BERT reads both ways and cannot write a text; GPT-2 writes and cannot look ahead. Why does a causal model learn from **every** token of a sentence, and BERT from 15 % of them only? Which is better for searching documents?
# 3. Llama 3 takes 500,000 for RoPE's base, Llama 2 took 10,000. What does a larger base do to the slowest pair of numbers? Change 2 of section 1 cost very little. Would you expect that for a text of 8,000 tokens as well?
#
# ## Further reading
#
# - Devlin et al. 2018, *BERT*: section 3 and appendix A.
# - Radford et al. 2019, *Language Models are Unsupervised Multitask Learners*: section 2.
# - Shazeer et al. 2017, *Outrageously Large Neural Networks*: section 4, why experts need balance.
# - Shazeer 2020, *GLU Variants Improve Transformer*: short, with a famous last sentence.
# - Jiang et al. 2023, *Mistral 7B*: section 2. Jiang et al. 2024, *Mixtral of Experts*: sections 2 and 5.
# - Fedus et al. 2021, *Switch Transformers*: section 2.2, keeping experts in balance.
# - Muennighoff et al. 2024, *OLMoE*: section 5, what experts specialise in.
# - Grattafiori et al. 2024, *The Llama 3 Herd of Models*: section 3.2.

# %% [markdown] tags=["zh"]
# 每一行表示一类 token 去了哪里。每个 token 选两个专家，所以 50% 意味着这一类的每个 token 都去了那里。在最后一层，两次训练里所有数字都选了 1 号专家；英文词偏爱 5 号，而中文字几乎不选它。分工是有的，但并不干净，加不加均衡损失都一样。
#
# 大模型里又如何？Jiang 等（2024，第 5 节）在 Mixtral 里看到一些按句法的分工（例如代码缩进的 token 总去同一个专家），按主题则看不出明显的规律。而 OLMoE 每层有 64 个较小的专家，从零开始训练，其中有的专家专攻某个领域，例如 GitHub 的代码、arXiv 的论文
# （Muennighoff 等 2024，第 5 节）。可见答案因模型而异。
#
# ## 今天（2026 年）
#
# 这四个家族之后，有几个开关又换了位置。注意力、归一化和残差流的变化见第 1、2 节，这里补上其余的。括号里是这里安装的库（5.23 版）`transformers/models` 之下的文件夹名。
#
# - **混合专家**在大型开放模型中很常见（`deepseek_v4`、`qwen3_5_moe`、`gpt_oss`、`minimax_m2`、`mistral4`）。它们的配置默认有 128 或 256 个专家，每次选 4 到 8 个。这样的专家是**细粒度**的：数目多、个头小。DeepSeekMoE（Dai 等 2024）还配上了每个 token 都用的**共享专家**；DeepSeek-V4 和 Qwen3.5 有一个共享专家，gpt-oss 没有。
# - **不靠损失的均衡。** DeepSeek-V3（2024，2.1.2 节）主要靠偏置来均衡：给每个专家的得分加一个只用于挑选的数，分到的 token 太少就调高，太多就调低。DeepSeek-V4 和 MiniMax-M2 也加了这样的偏置（`deepseek_v4` 和 `minimax_m2` 里的 `e_score_correction_bias`）。
# - **滑动窗口与线性注意力。** 一个模型里有几种不同的层：Gemma 3、gpt-oss 的许多层只看一个窗口，Qwen3.5 每四层有三层是线性注意力（`gemma3`、`gpt_oss`、`qwen3_5`）。
# - **编码器**仍然有人做，用于检索和分类：ModernBERT（Warner 等 2024；`modernbert`）用上了 RoPE、带门控的前馈网络和 pre-norm。
#
# ## 小结
#
# - BERT、GPT-2、Llama、Mixtral 是同一种模块，开关不同：注意力能看到什么，归一化在哪里、是哪一种，位置怎样进来，有几个键/值头，前馈网络是什么样。
# - 一组权重只属于一种开关组合。是哪一种，形状不会告诉你。
# - SwiGLU 把两个投影相乘，经过 SiLU 的是 gate。
# - 八个专家选两个的混合层，有八个网络的参数、两个网络的计算量。softmax 只在选中的分数上做；要对专家循环，不要对 token 循环。
# - 装载别人的权重，是对模型的一项严格检验：名字、排列（GPT-2 转置的矩阵）、共享的参数、`eps`。
# - 放任不管，我们的路由器就把 token 分得不均匀。均衡损失能把份额拉平；在我们的小实验里，它几乎没有改变交叉熵。
#
# ## 三个思考题
#
# 1. Mixtral 8×7B 有 470 亿参数而不是 560 亿，每个 token 参与计算的是 130 亿（Jiang 等 2024）。哪些参数是所有专家共用的？它在哪方面和 470 亿的模型一样贵，在哪方面和 130 亿的一样便宜？
# 2. BERT 左右都看，却写不了文章；GPT-2 能写，却不能往后看。为什么因果模型能从一句话的**每个** token 学习，而 BERT 只能从其中 15% 学？做文档检索，哪一种更好？
# 3. Llama 3 的 RoPE base 取 500,000，Llama 2 取 10,000。base 变大，转得最慢的那一对数会怎样？第 1 小节的第 2 处改动几乎没有影响；换成 8,000 个 token 的文本，你觉得还会这样吗？
#
# ## 延伸阅读
#
# - Devlin 等 2018，《BERT》：第 3 节和附录 A。
# - Radford 等 2019，《Language Models are Unsupervised Multitask Learners》：第 2 节。
# - Shazeer 等 2017，《Outrageously Large Neural Networks》：第 4 节，专家为什么需要均衡。
# - Shazeer 2020，《GLU Variants Improve Transformer》：篇幅很短，最后一句话很有名。
# - Jiang 等 2023，《Mistral 7B》：第 2 节。Jiang 等 2024，《Mixtral of Experts》：第 2、5 节。
# - Fedus 等 2021，《Switch Transformers》：2.2 节，怎样保持专家均衡。
# - Muennighoff 等 2024，《OLMoE》：第 5 节，专家擅长什么。
# - Grattafiori 等 2024，《The Llama 3 Herd of Models》：3.2 节。
