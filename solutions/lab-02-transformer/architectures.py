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
# BERT, GPT-2, Llama 3, Mixtral: four papers, four names, and one block, with a handful of switches in other positions. In this notebook you build all four from the
# parts that you have written. At the end the 135 million numbers of a real language model run through **your** code, and it writes a sentence.
#
# **You will be able to**
# - say what separates the four families, and read it off a configuration;
# - write the gated feed-forward network SwiGLU, and a mixture of experts that computes only what the router has chosen;
# - assemble BERT, GPT-2, Llama and Mixtral, and load weights that somebody else has trained: the same logits, but for rounding.
#
# **Time** about three hours. Running everything takes about a minute on two CPU cores.
#
# **You need** your `attention` and `transformer` notebooks, with problems 1 to 5 done (of the `Transformer` itself nothing is used), in the same folder. **Save them first** (Ctrl+S):
# this notebook reads the files. 4 GB of free memory.

# %% [markdown] tags=["zh"]
# # 实验 02，第 3 个 notebook：模型架构
#
# BERT、GPT-2、Llama 3、Mixtral：四篇论文、四个名字，其实是同一种模块，只是几个开关拨在不同的位置。
# 在这个 notebook 里，你会用自己写好的部件把四个模型都搭出来。最后，一个真实语言模型的 1.35 亿个参数会在**你的**代码里跑起来，写出一句话。
#
# **学完之后，你能够**
# - 说清四个家族的区别，并能从配置文件里读出来；
# - 写出带门控的前馈网络 SwiGLU，以及只计算路由器选中部分的混合专家层（MoE）；
# - 组装 BERT、GPT-2、Llama 和 Mixtral，并载入别人训练好的权重，logits 除舍入误差外与原模型一致。
#
# **时间** 约三小时。全部单元格在两个 CPU 核上跑一遍约需一分钟。
#
# **预备** 同一文件夹里你的 `attention` 和 `transformer` 两个 notebook，第 1 到 5 题已完成（其中 `Transformer` 本身用不到）。**请先保存它们**（Ctrl+S）：
# 这个 notebook 读取的是文件。另需 4 GB 空闲内存。

# %% tags=["export"]
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import labkit

attention = labkit.notebook("attention")  # your GroupedQueryAttention, causal_mask and padding_mask
transformer = labkit.notebook("transformer")  # your LayerNorm, RMSNorm and EncoderLayer

# %%
profile = "cpu"  # or "gpu": SmolLM2-1.7B from the hub, on one CUDA card with 24 GB

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
    """(1, T) token ids, with the token that begins every text."""
    return torch.tensor(
        [[tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]], device=DEVICE
    )


# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# Here are eight small changes to SmolLM2, a Llama, each of one or two lines. Some are differences between the families of this notebook, some are mistakes that everybody makes once. All keep every
# shape, and none raises an error. Before you run the cell, **bet**: which ones does the model survive?
#
# | | change |
# |---|---|
# | 1 | every RMSNorm becomes a LayerNorm without bias (it also takes off the mean) |
# | 2 | RoPE with base 10,000, as in Llama 2, instead of 100,000 |
# | 3 | the activation is GELU, as in BERT, instead of SiLU: the two curves differ by less than 0.2 everywhere |
# | 4 | RoPE turns neighbours (0, 1), (2, 3), … instead of halves |
# | 5 | the activation is ReLU, as in 2017 |
# | 6 | key heads 0, 1, 2, 0, 1, 2, … instead of 0, 0, 0, 1, 1, 1, … |
# | 7 | the two norms of each layer change places |
# | 8 | two matrices of the feed-forward network, of the same shape, change places |

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# 下面是对 SmolLM2（一个 Llama）的八处小改动，每处只有一两行。有些是本 notebook 里几个家族之间的差别，有些是人人都会犯一次的错误。
# 所有形状都不变，也没有一处会报错。运行之前先**押个注**：哪几处改动，模型扛得住？
#
# | | 改动 |
# |---|---|
# | 1 | 所有 RMSNorm 换成不带偏置的 LayerNorm（多减一个均值） |
# | 2 | RoPE 的 base 从 100,000 改成 10,000（Llama 2 的取值） |
# | 3 | 激活函数从 SiLU 换成 GELU（BERT 的选择）：两条曲线处处相差不到 0.2 |
# | 4 | RoPE 旋转相邻的 (0, 1)、(2, 3)……，而不是前后两半 |
# | 5 | 激活函数换成 ReLU（2017 年的选择） |
# | 6 | key 头按 0、1、2、0、1、2……分配，而不是 0、0、0、1、1、1…… |
# | 7 | 每一层的两个归一化对调 |
# | 8 | 前馈网络里形状相同的两个矩阵对调 |


# %%
class TakesOffTheMean(nn.Module):
    """An RMSNorm of a vector without its mean: a LayerNorm without bias."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x - x.mean(-1, keepdim=True))


def layer_norm(changed: nn.Module) -> None:
    for layer in changed.model.layers:
        layer.input_layernorm = TakesOffTheMean(layer.input_layernorm)
        layer.post_attention_layernorm = TakesOffTheMean(layer.post_attention_layernorm)
    changed.model.norm = TakesOffTheMean(changed.model.norm)


def rope_base(changed: nn.Module) -> None:
    rotary = changed.model.rotary_emb
    half = len(rotary.inv_freq)
    rotary.inv_freq = 10_000.0 ** (-torch.arange(half, device=DEVICE) / half)


def activation(changed: nn.Module, function: nn.Module) -> None:
    for layer in changed.model.layers:
        layer.mlp.act_fn = function


def neighbours(changed: nn.Module) -> None:
    """Rows of the projections change places so that turning halves turns what were neighbours."""
    size = changed.config.head_dim
    order = torch.cat([torch.arange(0, size, 2), torch.arange(1, size, 2)])
    for layer in changed.model.layers:
        for projection in (layer.self_attn.q_proj, layer.self_attn.k_proj):
            projection.weight.data = projection.weight.data.unflatten(0, (-1, size))[:, order].flatten(0, 1)


def key_heads_in_turn(changed: nn.Module) -> None:
    """Query heads change places so that the three that share a key head are each third one."""
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
    "as published": lambda changed: None,
    "1 LayerNorm": layer_norm,
    "2 RoPE base 10,000": rope_base,
    "3 GELU": partial(activation, function=nn.GELU()),
    "4 RoPE of neighbours": neighbours,
    "5 ReLU": partial(activation, function=nn.ReLU()),
    "6 key heads in turn": key_heads_in_turn,
    "7 norms swapped": norms_swapped,
    "8 matrices swapped": matrices_swapped,
}
text = encode(
    "The Eiffel Tower is a wrought-iron lattice tower in Paris, France. It is named after the engineer Gustave Eiffel, "
    "whose company designed and built the tower from 1887 to 1889. It is the most visited monument with an entrance fee."
)
losses = {}
for name, change in CHANGES.items():
    changed = copy.deepcopy(model)
    change(changed)
    with torch.no_grad():
        losses[name] = float(changed(text, labels=text).loss)
        start = encode("The sun rises in the east and")
        written = changed.generate(start, max_new_tokens=10, do_sample=False, pad_token_id=tokenizer.pad_token_id)
    print(f"{name:22} loss {losses[name]:5.2f}   … and{tokenizer.decode(written[0, start.shape[1] :])!r}")
del changed

figure, axes = plt.subplots(figsize=(8, 3))
axes.barh(list(losses), losses.values(), color=[GREY, *[BLUE] * (len(losses) - 1)])
axes.axvline(torch.tensor(float(model.config.vocab_size)).log(), color=ORANGE, label="guessing blindly")
axes.invert_yaxis()
axes.set(xlabel="loss per token (nats)", title="one change at a time")
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# Two of the eight change almost nothing; GELU and neighbouring pairs cost about one nat per token, and the model still writes English; the last four destroy it, two of them so that it does worse than blind guessing: a model that is *sure* of nonsense. Nobody
# sees that from the shapes. A curve that differs by 0.2 at most (GELU) does more harm than taking the mean off every vector in 61 places, and the two matrices that are swapped are exactly as large as each other, and their outputs are multiplied entry by entry in the end.
#
# So "the architecture" is not the shapes. It is a list of small decisions, and a set of weights belongs to exactly one such list. The rest of this notebook is that list.
#
# ## 2. One block, a handful of switches
#
# | | BERT (2018) | GPT-2 (2019) | Llama 3 (2024) | Mixtral (2024) |
# |---|---|---|---|---|
# | reads | both ways | to the left only | to the left only | to the left only |
# | trained to | fill masked tokens in | foresee the next token | foresee the next token | foresee the next token |
# | positions | learned, added to the embedding | learned, added to the embedding | RoPE, in every layer | RoPE, in every layer |
# | norm | LayerNorm, **after** each part | LayerNorm, before each part | RMSNorm, before each part | RMSNorm, before each part |
# | at the very end | a small head: dense, GELU, LayerNorm | one more norm | one more norm | one more norm |
# | attention | multi-head | multi-head | grouped: fewer key-value heads | grouped |
# | feed-forward | $d \to 4d \to d$, GELU | $d \to 4d \to d$, GELU (tanh form) | SwiGLU | 8 SwiGLUs, a router picks 2 |
# | biases | everywhere | everywhere | nowhere | nowhere |
# | head | the embedding's matrix, and a bias | the embedding's matrix | its own matrix (small models: the embedding's) | its own matrix |
#
# Read a column from top to bottom and you have a configuration file. Read a **row** from left to right and you have six years of history: norms moved to the front, because deep stacks trained better so (notebook 2); positions moved from the input into attention; keys and values became fewer, because the cache was too large;
# biases went, because nobody missed them; and the feed-forward network, where most parameters are, got a gate, and then a choice.

# %% [markdown] tags=["zh"]
# 八处改动里，有两处几乎没有影响；换成 GELU、旋转相邻两维，各让每个 token 多出约 1 奈特，模型写的还是英语；后四处则毁掉了模型，其中两处比瞎猜还差：它对一派胡言**深信不疑**。
# 这些从形状上都看不出来。一条处处只差不到 0.2 的曲线（GELU），比在 61 个地方把每个向量的均值减掉伤得更重；而对调的那两个矩阵一样大，它们的输出最后还要逐元素相乘。
#
# 所以，“架构”不等于形状。它是一连串小小的决定，而一组权重只属于其中的一种组合。这个 notebook 余下的部分，就是这张清单。
#
# ## 2. 一种模块，几个开关
#
# | | BERT（2018） | GPT-2（2019） | Llama 3（2024） | Mixtral（2024） |
# |---|---|---|---|---|
# | 看哪边 | 左右都看 | 只看左边 | 只看左边 | 只看左边 |
# | 训练目标 | 填出被遮住的 token | 预测下一个 token | 预测下一个 token | 预测下一个 token |
# | 位置 | 可学习，加在 embedding 上 | 可学习，加在 embedding 上 | RoPE，每层都用 | RoPE，每层都用 |
# | 归一化 | LayerNorm，在每个子层**之后** | LayerNorm，在每个子层之前 | RMSNorm，在每个子层之前 | RMSNorm，在每个子层之前 |
# | 最末端 | 一个小输出头：dense、GELU、LayerNorm | 再归一化一次 | 再归一化一次 | 再归一化一次 |
# | 注意力 | 多头 | 多头 | 分组：key/value 头更少 | 分组 |
# | 前馈网络 | $d \to 4d \to d$，GELU | $d \to 4d \to d$，GELU（tanh 形式） | SwiGLU | 8 个 SwiGLU，路由器选 2 个 |
# | 偏置 | 处处都有 | 处处都有 | 都没有 | 都没有 |
# | 输出头 | 用 embedding 的矩阵，另加偏置 | 用 embedding 的矩阵 | 自己的矩阵（小模型用 embedding 的） | 自己的矩阵 |
#
# 竖着读一列，就是一份配置文件。横着读**一行**，就是六年的历史：归一化挪到了前面，因为这样深层网络更好训练（第 2 个 notebook）；位置信息从输入端移进了注意力；key 和 value 变少了，因为缓存太大；
# 偏置去掉了，因为少了它也没人发觉；而参数最集中的前馈网络，先是加了一道门，后来又多了一次选择。


# %%
FAMILIES = {  # name -> (year, norm, pre-norm, activation or FFN, learned positions, causal, head)
    "BERT": ("2018", "LayerNorm", False, "FFN\nGELU", "token + position\n+ type", False, "dense, GELU,\nLayerNorm, tied head"),
    "GPT-2": ("2019", "LayerNorm", True, "FFN\nGELU (tanh)", "token + position", True, "tied head"),
    "Llama 3": ("2024", "RMSNorm", True, "SwiGLU", "token", True, "head"),
    "Mixtral": ("2024", "RMSNorm", True, "router\n8 × SwiGLU, top 2", "token", True, "head"),
}  # fmt: skip


def box(axes: plt.Axes, y: float, text: str, colour: str, height: float = 0.8) -> float:
    """A box whose lower edge is at y; returns the height of its upper edge."""
    shape = FancyBboxPatch((-1.0, y), 2.0, height, boxstyle="round,pad=0.02,rounding_size=0.1", fc=colour, ec="none")
    axes.add_patch(shape)
    axes.text(0, y + height / 2, text, ha="center", va="center", fontsize=8.5)
    return y + height


def mask_picture(axes: plt.Axes, y: float, causal: bool) -> None:
    """Which keys each of five queries may see, beside the attention."""
    for row in range(5):
        for column in range(5):
            seen = column <= row or not causal
            square = Rectangle((1.12 + column * 0.11, y + 0.74 - row * 0.18), 0.1, 0.155, fc=BLUE if seen else GREY)
            axes.add_patch(square)


def residual(axes: plt.Axes, low: float, high: float) -> None:
    """The stream goes round the part, and what the part says is added to it."""
    axes.plot([0, -1.3, -1.3, -0.12], [low, low, high, high], color="black", lw=1)
    axes.text(0, high, "+", ha="center", va="center", fontsize=11, bbox={"boxstyle": "circle,pad=0.05", "fc": "white"})


def draw_family(axes: plt.Axes, name: str) -> None:
    """One layer, and what stands below and above the stack of layers."""
    year, norm, pre_norm, feed_forward, embedding, causal, head = FAMILIES[name]
    pale = {"attention": "#9ecae1", "feed": "#fdc086", "norm": GREY, "other": "#c7e9c0"}
    attention_text = "attention" if "position" in embedding else "grouped attention\nRoPE on q and k"
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
    axes.add_patch(Rectangle((-1.5, bottom), 3.25, y + 0.2 - bottom, fill=False, ls=":", ec="black"))
    y += 0.5
    y = box(axes, y, norm, pale["norm"], 0.5) if pre_norm else y + 0.5
    box(axes, y + 0.25, head, pale["other"], 0.9)
    axes.set(xlim=(-1.6, 1.85), ylim=(-0.1, 10.6), title=f"{name} ({year})")
    axes.axis("off")


figure, panels = plt.subplots(1, 4, figsize=(13, 6.2))
for panel, name in zip(panels, FAMILIES, strict=True):
    draw_family(panel, name)
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# Four drawings, one block. The dotted box is a layer, repeated $N$ times; the line through the middle is the residual stream; the small square beside the attention shows which keys (columns) a query (row) may see. Of these parts you have all but two: the gated feed-forward network, and the router.
#
# ## 3. Two new parts
#
# **A gate.** The feed-forward network of 2017 asks each of its $d_\text{ff}$ hidden units "how much?" and cuts off the negative answers. SwiGLU asks two questions, and multiplies the answers:
#
# $$\mathrm{SwiGLU}(x) = W_\text{down}\,\big(\mathrm{silu}(W_\text{gate}\,x) \odot W_\text{up}\,x\big),\qquad \mathrm{silu}(z) = z\,\sigma(z) .$$
#
# `up` says what could be written, `gate` says whether it applies here. There are three matrices instead of two, so $d_\text{ff}$ is made smaller ($\tfrac83 d$ instead of $4d$, rounded) and the number of parameters stays. Why it is better, nobody knows: "We offer no explanation as to why these architectures seem to work; we attribute their success,
# as all else, to divine benevolence." (Shazeer 2020, section 4.)
#
# ### Problem 6 (10 points): `SwiGLU`, and `MoELayer` below
#
# **The pitfall.** `gate_proj` and `up_proj` have the same shape. Which of them goes through `silu` was change 8 of section 1.
#
# The check cell stands below `MoELayer`; run it whenever you like, it tells what is not written yet.

# %% [markdown] tags=["zh"]
# 四幅图，同一种模块。虚线框是一层，重复 $N$ 次；贯穿中间的那条线是残差流；注意力旁边的小方格表示一个 query（行）能看到哪些 key（列）。这些部件你已经有了，只缺两样：带门控的前馈网络，和路由器。
#
# ## 3. 两个新部件
#
# **一道门。** 2017 年的前馈网络对它的 $d_\text{ff}$ 个隐藏单元各问一句“有多少？”，负的答案一律砍掉。SwiGLU 问两句，再把答案相乘：
#
# $$\mathrm{SwiGLU}(x) = W_\text{down}\,\big(\mathrm{silu}(W_\text{gate}\,x) \odot W_\text{up}\,x\big),\qquad \mathrm{silu}(z) = z\,\sigma(z) .$$
#
# `up` 说可以写些什么，`gate` 说此处该不该写。矩阵从两个变成三个，所以把 $d_\text{ff}$ 调小（由 $4d$ 变为约 $\tfrac83 d$），参数总量不变。它为什么更好，没有人知道。原文的说法是：
# “我们无法解释这些架构为何有效；和其他一切一样，我们把它归功于神的恩典。”（Shazeer 2020，第 4 节）
#
# ### 第 6 题（10 分）：`SwiGLU`，以及下面的 `MoELayer`
#
# **本节的坑。** `gate_proj` 和 `up_proj` 形状相同。该让哪一个经过 `silu`？弄反了，就是第 1 节的第 8 处改动。
#
# 检查单元格在 `MoELayer` 之后，随时都可以运行；还没写的部分它会注明。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "swiglu-solution", "cell_type": "code"}
class SwiGLU(nn.Module):
    """down_proj(silu(gate_proj(x)) * up_proj(x)), on each token alone; no projection has a bias.

    Attributes:
        gate_proj, up_proj: nn.Linear(d_model, d_ff).    down_proj: nn.Linear(d_ff, d_model).

    Source: Shazeer 2020, GLU Variants Improve Transformer, equation 6.
    """

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.gate_proj = nn.Linear(d_model, d_ff, bias=False)
        self.up_proj = nn.Linear(d_model, d_ff, bias=False)
        self.down_proj = nn.Linear(d_ff, d_model, bias=False)
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """(..., d_model) -> (..., d_model)."""
        ### BEGIN SOLUTION
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        ### END SOLUTION


# %% [markdown] tags=["en"]
# **A choice.** A feed-forward network eight times as large knows more, and costs eight times as much for *every* token. A mixture of experts has eight networks, and for each token computes two of them. A router, one small matrix, gives each expert a score; with $\mathcal T$ the $k$ experts of the highest scores $s_i = (W_r\,x)_i$,
#
# $$\mathrm{MoE}(x) = \sum_{i \in \mathcal T} w_i\, E_i(x),\qquad w_i = \frac{e^{s_i}}{\sum_{j \in \mathcal T} e^{s_j}} .$$
#
# Note over what the softmax runs: the **chosen** scores, so that the weights of a token sum to 1. (Softmax over all eight and then the two best is another model: the weights then sum to less than 1, and shrink when the router is undecided.)
#
# ```
# tokens    x0 ── router ─> experts 1, 4      expert 1 computes x0, x2      out0 = w · E1(x0) + w · E4(x0)
#           x1 ── router ─> experts 0, 4      expert 4 computes x0, x1      out1 = w · E0(x1) + w · E4(x1)
#           x2 ── router ─> experts 1, 6      expert 0 ... 6 ...            out2 = w · E1(x2) + w · E6(x2)
#                                             experts 2, 3, 5, 7 do nothing
# ```
#
# **How to compute it.** Not token by token (a Python loop over a million tokens), and not every expert on every token (that would save nothing). Loop over the **experts**: each gathers the tokens that chose it, computes them as one batch, and adds its weighted answers back at their places. A token's place in a sentence is of no importance here, so begin by making
# $(B, T, d)$ into a list of tokens $(N, d)$.

# %% [markdown] tags=["zh"]
# **一次选择。** 前馈网络扩大到八倍，懂得更多，但**每个** token 的开销也是原来的八倍。混合专家层有八个网络，但每个 token 只算其中两个。路由器只是一个小矩阵，它给每位专家打分。
# 设 $\mathcal T$ 是得分 $s_i = (W_r\,x)_i$ 最高的 $k$ 位专家，则
#
# $$\mathrm{MoE}(x) = \sum_{i \in \mathcal T} w_i\, E_i(x),\qquad w_i = \frac{e^{s_i}}{\sum_{j \in \mathcal T} e^{s_j}} .$$
#
# 注意 softmax 的范围：只在**选中的**分数上做，所以一个 token 的权重之和为 1。（先对八个做 softmax、再取最大的两个，是另一种模型：权重之和小于 1，路由器拿不定主意时还会变小。）
#
# ```
# tokens    x0 ── router ─> experts 1, 4      expert 1 computes x0, x2      out0 = w · E1(x0) + w · E4(x0)
#           x1 ── router ─> experts 0, 4      expert 4 computes x0, x1      out1 = w · E0(x1) + w · E4(x1)
#           x2 ── router ─> experts 1, 6      expert 0 ... 6 ...            out2 = w · E1(x2) + w · E6(x2)
#                                             experts 2, 3, 5, 7 do nothing
# ```
#
# **怎么算。** 不要逐个 token 算（百万个 token 的 Python 循环），也不要让每位专家把所有 token 都算一遍（那就什么也没省下）。要对**专家**循环：每位专家收集选了它的 token，作为一批一次算完，
# 再把加权后的结果加回各自的位置。这里与 token 在句子里的位置无关，所以先把 $(B, T, d)$ 摊平成一列 token $(N, d)$。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "moe-solution", "cell_type": "code"}
class MoELayer(nn.Module):
    """Each token goes to the top_k of n_experts networks that a router chooses for it, and gets the weighted sum of what they say.

    Attributes:
        router: nn.Linear(d_model, n_experts) without bias: a score of every expert for a token.
        experts: nn.ModuleList of SwiGLU(d_model, d_ff).    top_k: int.

    Source: Jiang et al. 2024, Mixtral of Experts, section 2.1.
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
            Weights (..., top_k), positive, of sum 1 for each token: the softmax of the chosen experts' scores; and the indices of these
            experts (..., top_k), int64, all different. Where scores are equal, any of them may be chosen.
        """
        ### BEGIN SOLUTION
        scores, chosen = self.router(x).topk(self.top_k, dim=-1)
        return scores.softmax(-1), chosen
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """(..., d_model) -> (..., d_model). An expert computes the tokens that have chosen it, all of these, and no others."""
        ### BEGIN SOLUTION
        tokens = x.flatten(0, -2)  # (N, d_model)
        weights, chosen = self.route(tokens)
        output = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            token, place = (chosen == number).nonzero(as_tuple=True)  # who chose this expert, and as its how-manyth
            output = output.index_add(0, token, weights[token, place, None] * expert(tokens[token]))
        return output.view_as(x)
        ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 10, "schema_version": 3, "grade_id": "moe", "cell_type": "code"}
labkit.check("moe")

# %% [markdown] tags=["en"]
# **The same in the library.** Your `SwiGLU` with the weights of SmolLM2's first layer, and your `MoELayer` beside the block of Hugging Face's Mixtral, which keeps all experts in two large tensors:

# %% [markdown] tags=["zh"]
# **和库里的对一对。** 给你的 `SwiGLU` 装上 SmolLM2 第一层的权重；再让你的 `MoELayer` 与 Hugging Face 的 Mixtral 模块对比，后者把所有专家放在两个大张量里：

# %%
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

gated = SwiGLU(model.config.hidden_size, model.config.intermediate_size).to(DEVICE)
gated.load_state_dict(model.model.layers[0].mlp.state_dict())
x = torch.randn(2, 7, model.config.hidden_size, device=DEVICE)
with torch.no_grad():
    print(f"SwiGLU:   largest difference {(gated(x) - model.model.layers[0].mlp(x)).abs().max():.1e}")

theirs = MixtralSparseMoeBlock(
    MixtralConfig(hidden_size=48, intermediate_size=80, num_local_experts=8, num_experts_per_tok=2)
)
mine = MoELayer(48, 80, n_experts=8, top_k=2)
with torch.no_grad():
    theirs.gate.weight.copy_(mine.router.weight)
    for number, expert in enumerate(mine.experts):
        theirs.experts.gate_up_proj[number] = torch.cat([expert.gate_proj.weight, expert.up_proj.weight])
        theirs.experts.down_proj[number] = expert.down_proj.weight
    x = torch.randn(3, 7, 48)
    print(f"MoELayer: largest difference {(mine(x) - theirs(x)).abs().max():.1e}")

# %% [markdown] tags=["en"]
# ## 4. Four families
#
# Now assemble. Each model is an embedding, a stack of layers you have, and a head; each class is short. The work is in the second method, `from_hf`: the same numbers have other names in other people's code, and sometimes another layout. It is worth doing once by hand, because it proves more than any unit test: **if a model that was trained elsewhere
# speaks through your code, your code is the architecture.**
#
# Given is what is the same for all: one `Config`, a helper that renames, and `load_hf_state_dict`, which is strict. A parameter left over on either side is an error.
#
# ### Problem 7 (14 points): `Bert`, `GPT2`, `LlamaLayer`, `Llama`, `MistralMoE`
#
# The second cell below prints the names on the other side. Some parameters come twice in a state dict: where yours has them once (BERT's `cls.predictions.decoder.*`, GPT-2's `lm_head.weight`), drop the second; a `Llama`
# with a tied head has both names itself, so its `from_hf` must return `head.weight` as well. What you create inside a forward (masks, positions) belongs on the device of `ids`.

# %% [markdown] tags=["zh"]
# ## 4. 四个家族
#
# 现在来组装。每个模型都是一个 embedding、一摞你已经写好的层、一个输出头，每个类都很短。真正要费心的是第二个方法 `from_hf`：同样的数字，在别人的代码里叫别的名字，有时排列也不同。
# 值得亲手做一次，因为它比任何单元测试都更有说服力：**一个在别处训练好的模型能在你的代码里开口说话，就说明你的代码就是那个架构。**
#
# 四个模型通用的部分已经给出：一个 `Config`、一个改名的小函数，以及严格的 `load_hf_state_dict`：任何一边多出一个参数都会报错。
#
# ### 第 7 题（14 分）：`Bert`、`GPT2`、`LlamaLayer`、`Llama`、`MistralMoE`
#
# 下面第二个单元格会打印出对方用的名字。state dict 里有些参数会出现两次：你的模型里只有一份的（BERT 的 `cls.predictions.decoder.*`、GPT-2 的 `lm_head.weight`），就丢掉多出的那个；
# 而共享输出头的 `Llama` 自己就有两个名字，所以它的 `from_hf` 也必须返回 `head.weight`。在 forward 里新建的张量（掩码、位置）要放在 `ids` 所在的设备上。


# %% tags=["export"]
@dataclass(frozen=True, kw_only=True)
class Config:
    """The sizes of a model; what stands behind a family's name is for that family only."""

    vocab_size: int
    d_model: int
    n_heads: int
    n_layers: int
    d_ff: int
    eps: float  # of every norm
    max_len: int = 0  # BERT, GPT-2: how many positions have an embedding
    n_types: int = 0  # BERT: how many kinds of segments (first sentence, second sentence)
    n_kv_heads: int = 0  # Llama, Mixtral
    rope_base: float = 10_000.0  # Llama, Mixtral
    window: int | None = None  # Llama, Mixtral: a token sees itself and window - 1 before it; None: all before it
    tied: bool = False  # Llama, Mixtral: the head is the token embedding's own matrix (in BERT and GPT-2 it always is)
    n_experts: int = 0  # Mixtral; 0: one SwiGLU in each layer
    top_k: int = 0  # Mixtral


def renamed(name: str, table: dict[str, str]) -> str:
    """A parameter's name with every key of the table replaced by its value, in the table's order.

    Example: renamed("model.layers.0.mlp.up_proj.weight", {"model.": "", "mlp": "feed_forward"}) -> "layers.0.feed_forward.up_proj.weight".
    """
    for theirs, ours in table.items():
        name = name.replace(theirs, ours)
    return name


def load_hf_state_dict(model: nn.Module, state_dict: dict[str, Tensor]) -> None:
    """Gives a model of yours the parameters of Hugging Face's model of the same family.

    Raises RuntimeError when `model.from_hf` leaves out a parameter, has one that the model does not have, or gives one a wrong shape.
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
    """Our Config of a Hugging Face configuration, whose names differ from family to family."""
    rope = getattr(theirs, "rope_parameters", None) or {}
    norms = ("layer_norm_eps", "layer_norm_epsilon", "rms_norm_eps")
    d_ff = theirs.intermediate_size if theirs.model_type != "gpt2" else theirs.n_inner or 4 * theirs.n_embd
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


SMALL = {"vocab_size": 97, "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 6, "intermediate_size": 80}
SMALL |= {"bos_token_id": None, "eos_token_id": None}
GROUPED = SMALL | {"num_key_value_heads": 2, "initializer_range": 0.2}
LIBRARY = {  # a tiny model of each family, with random weights
    "BERT": BertForMaskedLM(BertConfig(**SMALL)).eval(),
    "GPT-2": GPT2LMHeadModel(GPT2Config(**SMALL)).eval(),
    "Llama": LlamaForCausalLM(LlamaConfig(**GROUPED)).eval(),
    "Mixtral": MixtralForCausalLM(MixtralConfig(**GROUPED, sliding_window=8, num_local_experts=5)).eval(),
}
for name, library in LIBRARY.items():
    print(f"{name} (of its 3 layers, the first)")
    for parameter, value in library.state_dict().items():
        if ".1." not in parameter and ".2." not in parameter:
            print(f"    {parameter:62}{' × '.join(map(str, value.shape))}")
# Yours, when it is written:  print(*Bert(config_of(LIBRARY["BERT"].config)).state_dict(), sep="\n")

# %% [markdown] tags=["en"]
# **BERT.** Three embeddings are added (token, position, segment) and normed; then post-norm encoder layers, your `EncoderLayer` as it is, with GELU. The head that guesses a masked token is a small network of its own before the matrix of the embedding.
#
# **The pitfalls.** BERT's GELU is the exact one, GPT-2's is the tanh form. `eps` is 1e-12, not your default: pass `config.eps` on to *every* norm. Without `type_ids` all tokens are of segment 0, and segment 0 has an embedding that is added like any other. In `from_hf`, `output.dense` is also the end of `attention.output.dense`: the order of the replacements matters.

# %% [markdown] tags=["zh"]
# **BERT。** 三个 embedding（token、位置、句段）相加后归一化；然后是 post-norm 的编码器层，直接用你的 `EncoderLayer`，激活函数为 GELU。预测被遮住的 token 的输出头，在乘 embedding 矩阵之前自己还有一个小网络。
#
# **本节的坑。** BERT 的 GELU 是精确形式，GPT-2 的是 tanh 近似。`eps` 是 1e-12，不是你的默认值：要把 `config.eps` 传给**每一个**归一化。不给 `type_ids` 时，所有 token 都属于句段 0，而句段 0 的 embedding 照样要加。
# 写 `from_hf` 时注意，`output.dense` 也是 `attention.output.dense` 的结尾：替换的先后顺序很重要。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "bert-solution", "cell_type": "code"}
class Bert(nn.Module):
    """BERT with the head that guesses masked tokens.

    Attributes:
        token_embedding, position_embedding, type_embedding: nn.Embedding of vocab_size, max_len and n_types rows.
        embedding_norm: LayerNorm.    layers: nn.ModuleList of transformer.EncoderLayer, post-norm, with GELU (F.gelu).
        head_proj: nn.Linear(d_model, d_model).    head_norm: LayerNorm.    head_bias: Parameter (vocab_size,).

    Source: Devlin et al. 2018, BERT, section 3 and appendix A.2.
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

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None, type_ids: Tensor | None = None) -> Tensor:
        """What each token could have been.

        Args:
            ids: (B, T) int64, T at most max_len.
            attention_mask: (B, T) int64, 1 on tokens and 0 on padding; None: no padding.
            type_ids: (B, T) int64, the segment of each token; None: all of segment 0.

        Returns:
            (B, T, vocab_size): logits head_norm(gelu(head_proj(x))) times the token embedding, plus head_bias.
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
        """The parameters of a BertForMaskedLM under the names of this class."""
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
        decoder = "cls.predictions.decoder."  # the token embedding and the bias once more
        return {renamed(name, names): value for name, value in state_dict.items() if not name.startswith(decoder)}
        ### END SOLUTION


# %% [markdown] tags=["en"]
# **GPT-2.** The norm moves to the front, the mask becomes causal, segments and the head's network go, and after the last layer stands one more norm.
#
# **The pitfalls.** GPT-2's code stores its matrices as $(d_\text{in}, d_\text{out})$, the transpose of `nn.Linear`'s; some are square, so that nothing complains when they are not transposed. And `c_attn` is one matrix for q, k and v: first all queries, then all keys, then all values.

# %% [markdown] tags=["zh"]
# **GPT-2。** 归一化挪到前面，掩码变成因果的，句段和输出头里的小网络去掉，最后一层之后再加一个归一化。
#
# **本节的坑。** GPT-2 的代码把矩阵存成 $(d_\text{in}, d_\text{out})$，是 `nn.Linear` 的转置；其中有的是方阵，忘了转置也没有谁会报错。另外，`c_attn` 是 q、k、v 合成的一个矩阵：先是全部 query，再是全部 key，最后是全部 value。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "gpt2-solution", "cell_type": "code"}
class GPT2(nn.Module):
    """GPT-2: pre-norm, causal, learned positions.

    Attributes:
        token_embedding, position_embedding: nn.Embedding of vocab_size and max_len rows.
        layers: nn.ModuleList of transformer.EncoderLayer, pre-norm, with the tanh form of GELU.    norm: LayerNorm, after the last layer.

    Source: Radford et al. 2019, Language Models are Unsupervised Multitask Learners, section 2.3.
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
        """(B, T) int64, T at most max_len -> logits (B, T, vocab_size) for the token after each."""
        ### BEGIN SOLUTION
        length = ids.shape[1]
        x = self.token_embedding(ids) + self.position_embedding.weight[:length]
        causal = attention.causal_mask(length, length).to(ids.device)
        for layer in self.layers:
            x = layer(x, causal)
        return self.norm(x) @ self.token_embedding.weight.T
        ### END SOLUTION

    def from_hf(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """The parameters of a GPT2LMHeadModel under the names of this class."""
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
            if name == "lm_head.weight":  # the token embedding once more
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
# **Llama.** LayerNorm becomes RMSNorm, the feed-forward network SwiGLU, attention your `GroupedQueryAttention` with RoPE, and with RoPE the table of positions is gone: a Llama may read a text longer than any that it was trained on (whether it *understands* it is another question).
#
# A `window` makes each token see itself and the `window - 1` tokens before it only (Mistral 7B: 4,096). Far tokens are still reached, over several layers: what layer 1 brought one window nearer, layer 2 brings nearer by another.
#
# **The pitfalls.** Of two tied matrices there is *one* Parameter, not two that are equal at the beginning. `rope_base` is 10,000 in one model, 100,000 in SmolLM2, 500,000 in Llama 3: it comes from the config.

# %% [markdown] tags=["zh"]
# **Llama。** LayerNorm 换成 RMSNorm，前馈网络换成 SwiGLU，注意力换成你的 `GroupedQueryAttention`（带 RoPE）。有了 RoPE，位置表就没有了：Llama 可以读比训练时更长的文本（读不读得**懂**是另一回事）。
#
# 设了 `window` 之后，每个 token 只能看到自己和它前面的 `window - 1` 个 token（Mistral 7B 是 4,096）。更远的 token 仍然够得着，只是要经过几层：第 1 层把信息搬近一个窗口，第 2 层再搬近一个。
#
# **本节的坑。** 共享的矩阵是**同一个** Parameter，而不是两个初值相同的 Parameter。`rope_base` 在有的模型里是 10,000，SmolLM2 是 100,000，Llama 3 是 500,000：要从 config 里取。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "llama-solution", "cell_type": "code"}
class LlamaLayer(nn.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x)), with RMSNorm.

    Attributes:
        attention: attention.GroupedQueryAttention.    attention_norm, feed_forward_norm: transformer.RMSNorm.
        feed_forward: SwiGLU, or MoELayer where the config has experts.
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
        """(B, T, d_model) -> (B, T, d_model); the mask is that of GroupedQueryAttention."""
        ### BEGIN SOLUTION
        x = x + self.attention(self.attention_norm(x), mask)
        return x + self.feed_forward(self.feed_forward_norm(x))
        ### END SOLUTION


class Llama(nn.Module):
    """Llama 3, and with it SmolLM2, Mistral and many more.

    Attributes:
        token_embedding: nn.Embedding.    layers: nn.ModuleList of LlamaLayer.    norm: transformer.RMSNorm, after the last layer.
        head: nn.Linear(d_model, vocab_size) without bias; where config.tied, its weight IS the token embedding's Parameter.
        config: Config.

    Source: Grattafiori et al. 2024, The Llama 3 Herd of Models, section 3.2; the window: Jiang et al. 2023, Mistral 7B, section 2.
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
        """(B, T) int64 -> logits (B, T, vocab_size) for the token after each."""
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
        """The parameters of a LlamaForCausalLM under the names of this class; where the head is tied, lm_head.weight may be missing."""
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
# **Mixtral** is a Llama with a `MoELayer` where the SwiGLU was; `LlamaLayer` has seen to that already. Only the names are left: the library keeps all experts of a layer in two tensors, and has `gate` and `up` in one, gate first. (It calls the *router* `gate` as well. Two different gates.)

# %% [markdown] tags=["zh"]
# **Mixtral** 就是把 SwiGLU 换成 `MoELayer` 的 Llama，这一点 `LlamaLayer` 已经处理好了，剩下的只有名字：库把一层的所有专家放在两个张量里，`gate` 和 `up` 又合在一个里，gate 在前。（它把**路由器**也叫 `gate`。两个 gate 不是一回事。）


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "mixtral-solution", "cell_type": "code"}
class MistralMoE(Llama):
    """Mixtral: a Llama whose layers have a MoELayer in the place of the SwiGLU.

    Source: Jiang et al. 2024, Mixtral of Experts, section 2.
    """

    def from_hf(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """The parameters of a MixtralForCausalLM (as transformers 5 holds them in memory) under the names of this class."""
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
# **The same in the library.** The tiny models whose names you have read; yours with the same weights:

# %% [markdown] tags=["zh"]
# **和库里的对一对。** 还是那几个打印过名字的小模型，把同样的权重装进你的模型：

# %%
ids = torch.randint(0, 97, (2, 19))
for ours, (name, library) in zip((Bert, GPT2, Llama, MistralMoE), LIBRARY.items(), strict=True):
    mine = ours(config_of(library.config))
    load_hf_state_dict(mine, library.state_dict())
    with torch.no_grad():
        logits, expected = mine(ids), library(ids).logits
    print(
        f"{name:8} largest difference {(logits - expected).abs().max():.1e} of logits up to {expected.abs().max():.1f}"
    )

# %% [markdown] tags=["en"]
# ## 5. The real thing
#
# SmolLM2-135M is a Llama. Its 134,515,008 numbers were computed over two trillion tokens on somebody else's machines. Here they are loaded into classes that you wrote:

# %% [markdown] tags=["zh"]
# ## 5. 来真的
#
# SmolLM2-135M 就是一个 Llama。它的 134,515,008 个参数，是别人的机器读了两万亿个 token 算出来的。现在，把它们装进你写的类里：

# %%
config = config_of(model.config)
print(config)
llama = Llama(config).to(DEVICE)
load_hf_state_dict(llama, model.state_dict())
print(f"{sum(p.numel() for p in llama.parameters()):,} parameters in {len([*llama.parameters()])} tensors")
with torch.no_grad():
    logits, expected = llama(text), model(text).logits
print(f"largest difference {(logits - expected).abs().max():.1e} of logits up to {expected.abs().max():.1f}")


@torch.no_grad()
def write(model: nn.Module, ids: Tensor, n: int) -> Tensor:
    """ids (1, T) and n more tokens, always the likeliest."""
    for _ in range(n):
        ids = torch.cat([ids, model(ids)[:, -1:].argmax(-1)], dim=1)
    return ids


prompt = encode("Once upon a time, a little robot")
for name, run in [
    ("yours", lambda: write(llama, prompt, 24)),
    ("generate", lambda: model.generate(prompt, max_new_tokens=24, do_sample=False, pad_token_id=tokenizer.pad_token_id)),
]:  # fmt: skip
    start = time.perf_counter()
    written = run()
    print(f"\n{name} ({time.perf_counter() - start:.1f} s): {tokenizer.decode(written[0, 1:])}")

# %% [markdown] tags=["en"]
# The same logits to about $10^{-4}$, and the same sentence, word for word. From the dot product in notebook 1 to here, nothing in this model is a black box to you any more. (`generate` takes less than half the time: it does not compute the whole text again for every token. That is lab 10.)
#
# ## 6. What the experts do
#
# A router learns by gradient only through the weights of the experts that it has *chosen*. An expert that is chosen often gets better, and is chosen more often; one that nobody chooses learns nothing. Below is a small Mixtral that writes numbers in words, English and Chinese, trained twice: as it is, and with an extra loss that is smallest when all experts get the same share (Fedus
# et al. 2021, section 2.2).

# %% [markdown] tags=["zh"]
# logits 相差约 $10^{-4}$，句子一字不差。从第 1 个 notebook 的点积到这里，这个模型对你来说再没有一处是黑箱。（`generate` 用时不到一半，因为它不会每写一个 token 就把全文重算一遍。那是实验 10 的内容。）
#
# ## 6. 专家们在做什么
#
# 路由器只能通过它**选中**的专家的权重得到梯度。常被选中的专家越来越好，于是更常被选中；没人选的专家什么也学不到。下面是一个小 Mixtral，学着把数字写成英文和中文。训练两次：一次什么都不加，
# 一次加上一项额外的损失，它在所有专家分到同样份额时最小（Fedus 等 2021，2.2 节）。

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
    """Example: 15 -> 1 5 = fifteen = 十 五 <end>"""
    return [*str(number), "=", *english(number), "=", *chinese(number), "<end>"]


def batch_of(rng: random.Random, size: int) -> Tensor:
    rows = [torch.tensor([ID[word] for word in sentence(rng.randrange(10 ** rng.randint(1, 5)))]) for _ in range(size)]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True)  # <pad> is number 0


class Watch:
    """Keeps what the MoE layers of a model see, so that their routing can be looked at."""

    def __init__(self, model: nn.Module) -> None:
        self.layers = [layer.feed_forward for layer in model.layers]
        self.seen: list[Tensor] = []
        for layer in self.layers:
            layer.register_forward_pre_hook(lambda module, args: self.seen.append(args[0]))

    def probabilities_and_choices(self) -> list[tuple[Tensor, Tensor]]:
        """For each layer the router's softmax over all experts (B, T, n_experts) and the chosen ones (B, T, top_k)."""
        inputs, self.seen = self.seen, []
        return [(layer.router(x).softmax(-1), layer.route(x)[1]) for layer, x in zip(self.layers, inputs, strict=True)]


def shares(choices: Tensor, n_experts: int) -> Tensor:
    """(n_experts,): the share of all choices (..., top_k) that falls on each expert."""
    return torch.bincount(choices.flatten(), minlength=n_experts) / choices.numel()


def train(model: nn.Module, watch: Watch, balance: float, steps: int = 200) -> list[Tensor]:
    """Trains on numbers in words; returns the shares of the first layer's experts after each step.

    `balance` times n_experts * sum(share * mean probability) is added to the loss: Fedus et al. 2021, equation 4. Padding counts neither
    in the losses nor in the shares.
    """
    rng, history = random.Random(0), []
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(steps):
        batch = batch_of(rng, 48)
        logits = model(batch[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten(), ignore_index=ID["<pad>"])
        real = batch[:, 1:] != ID["<pad>"]  # where there is something to predict
        routed = [(probabilities[real], choices[real]) for probabilities, choices in watch.probabilities_and_choices()]
        for probabilities, choices in routed:
            part = shares(choices, MOE.n_experts) * probabilities.mean(0)
            loss = loss + balance * MOE.n_experts * part.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(shares(routed[0][1], MOE.n_experts))
    return history


@cache  # trained once, for the two pictures
def trained(balance: float) -> tuple[nn.Module, Watch, list[Tensor]]:
    """A small mixture after training, what watches it, and what `train` returned."""
    torch.manual_seed(0)
    mixture = MistralMoE(MOE)
    nn.init.normal_(mixture.token_embedding.weight, std=0.14)  # about d_model^-0.5: its rows are the head as well
    watch = Watch(mixture)
    return mixture, watch, train(mixture, watch, balance)


BALANCES = (0.0, 0.1)
histories = [trained(balance)[2] for balance in BALANCES]
figure, panels = plt.subplots(1, 2, figsize=(10, 3), sharey=True)
for panel, balance, history in zip(panels, BALANCES, histories, strict=True):
    panel.stackplot(range(len(history)), torch.stack(history).T, colors=plt.get_cmap("tab10").colors)
    panel.set(xlabel="step", title=f"balance loss × {balance:g}", xlim=(0, len(history)), ylim=(0, 1))
panels[0].set(ylabel="share of the choices")
figure.suptitle("how the first layer's 8 experts share the tokens")
plt.tight_layout()
plt.show()
for balance, history in zip(BALANCES, histories, strict=True):
    share = torch.stack(history[-20:]).mean(0)
    print(f"balance loss × {balance:g}: shares of {share.min():.0%} to {share.max():.0%} in the last 20 steps")

# %% [markdown] tags=["en"]
# Without the extra loss, one expert (purple) gets a quarter of the choices, and another (pink) some 3 %: parameters that take memory and hardly work. With it, each of the eight gets about an eighth. (Padding is counted neither here nor in the losses.) **And what do they specialise in?** Nobody told them what a language is:

# %% [markdown] tags=["zh"]
# 不加那项损失，一位专家（紫色）独占约四分之一的选择，另一位（粉色）只有 3% 左右：白占内存的参数。加上之后，八位各得八分之一左右。（填充既不计入这里的份额，也不计入损失。）**那么，他们各自擅长什么？** 没有人告诉过他们什么是语言：

# %%
KIND = {word: kind for kind, words in (("English", english), ("Chinese", chinese)) for n in NAMED for word in words(n)}
KIND |= dict.fromkeys("0123456789", "digits") | {"=": "="}
kinds = ["digits", "=", "English", "Chinese"]
batch = batch_of(random.Random(1), 300)[:, :-1]
mixtures = [trained(balance)[:2] for balance in BALANCES]
figure, panels = plt.subplots(1, 2, figsize=(10, 2.6), sharey=True)
for panel, balance, (mixture, watch) in zip(panels, BALANCES, mixtures, strict=True):
    with torch.no_grad():
        mixture(batch)
        _, choices = watch.probabilities_and_choices()[-1]
    kind_of = [[KIND.get(VOCABULARY[token]) for token in row] for row in batch.tolist()]
    table = torch.stack(
        [shares(choices[torch.tensor([[k == kind for k in row] for row in kind_of])], MOE.n_experts) for kind in kinds]
    )
    panel.imshow(table, cmap="Blues", vmin=0, vmax=0.5, aspect="auto")
    for row, column in torch.cartesian_prod(*map(torch.arange, table.shape)).tolist():
        share = float(table[row, column])
        colour = "white" if share > 0.3 else "black"
        panel.text(column, row, f"{share:.0%}", ha="center", va="center", fontsize=8, color=colour)
    panel.set_yticks(range(len(kinds)), kinds)
    panel.set(xticks=range(MOE.n_experts), xlabel="expert", title=f"balance loss × {balance:g}")
figure.suptitle("where the last layer sends each kind of token (two experts for each)")
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# In the last layer two experts get three quarters or more of the digits' choices, and the expert that English words choose most (number 5, both times) is hardly chosen by Chinese ones. A division of labour, and not a clean one, with or without the extra loss.
#
# In large models it is much the same: experts divide the work by token and syntax (digits, punctuation, indentation, a language), far less by subject (Jiang et al. 2024, section 5).
#
# ## Summary
#
# - BERT, GPT-2, Llama and Mixtral are one block with other switches: what attention may see, where the norm stands and which it is, how positions come in, how many key-value heads there are, and what the feed-forward network is.
# - A set of weights belongs to exactly one setting of the switches. Shapes do not tell you which.
# - SwiGLU multiplies two projections; the gate goes through SiLU.
# - A mixture of experts has the parameters of eight networks and the cost of two. The softmax runs over the chosen scores; loop over the experts, not over the tokens.
# - Loading somebody else's weights is the strictest test of a model: names, layouts (GPT-2's transposed matrices), tied parameters, `eps`.
# - A router needs to be kept in balance, or some experts never learn.
#
# ## Three questions to think about
#
# 1. Mixtral 8×7B has 47 billion parameters, not 56, and computes with 13 billion for each token. Which parameters are shared by all experts? For what does it need as much as a 47-billion model, and what is as cheap as with 13?
# 2. BERT reads both ways and cannot write a text; GPT-2 writes and cannot look ahead. Why does a causal model learn from *every* token of a sentence, and BERT from 15 % of them only? Which is better for searching documents?
# 3. Llama 3 takes 500,000 for RoPE's base, Llama 2 took 10,000. What does a larger base do to the slowest pair of numbers? Change 2 of section 1 cost next to nothing. Would you expect that for a text of 8,000 tokens as well?
#
# ## Further reading
#
# - Devlin et al. 2018, *BERT*: section 3 and appendix A.
# - Radford et al. 2019, *Language Models are Unsupervised Multitask Learners*: section 2.
# - Shazeer 2020, *GLU Variants Improve Transformer*: four pages, and the funniest last sentence in the field.
# - Jiang et al. 2023, *Mistral 7B*: section 2. Jiang et al. 2024, *Mixtral of Experts*: sections 2 and 5.
# - Fedus et al. 2021, *Switch Transformers*: section 2.2, keeping experts in balance.
# - Grattafiori et al. 2024, *The Llama 3 Herd of Models*: section 3.2.

# %% [markdown] tags=["zh"]
# 在最后一层，数字的选择有四分之三以上落在两位专家身上；英文词选得最多的专家（两次都是 5 号），中文字几乎不选。分工是有的，但并不干净，加不加那项损失都一样。
#
# 大模型里也差不多：专家的分工主要看 token 和句法（数字、标点、缩进、语言），很少看主题（Jiang 等 2024，第 5 节）。
#
# ## 小结
#
# - BERT、GPT-2、Llama、Mixtral 是同一种模块，开关不同：注意力能看到什么，归一化在哪里、是哪一种，位置怎样进来，有几个 key/value 头，前馈网络是什么样。
# - 一组权重只属于一种开关组合。是哪一种，形状不会告诉你。
# - SwiGLU 把两个投影相乘，经过 SiLU 的是 gate。
# - 混合专家层有八个网络的参数、两个网络的开销。softmax 只在选中的分数上做；要对专家循环，不要对 token 循环。
# - 装载别人的权重，是对模型最严格的检验：名字、排列（GPT-2 转置的矩阵）、共享的参数、`eps`。
# - 专家之间要保持均衡，否则有的专家永远学不到东西。
#
# ## 三个思考题
#
# 1. Mixtral 8×7B 有 470 亿参数而不是 560 亿，每个 token 参与计算的是 130 亿。哪些参数是所有专家共用的？什么东西和 470 亿的模型一样占内存，什么东西和 130 亿的一样便宜？
# 2. BERT 左右都看，却写不了文章；GPT-2 能写，却不能往后看。为什么因果模型能从一句话的**每个** token 学习，而 BERT 只能从其中 15% 学？做文档检索，哪一种更好？
# 3. Llama 3 的 RoPE base 取 500,000，Llama 2 取 10,000。base 变大，转得最慢的那一对数会怎样？第 1 节的第 2 处改动几乎没有影响；换成 8,000 个 token 的文本，你觉得还会这样吗？
#
# ## 延伸阅读
#
# - Devlin 等 2018，《BERT》：第 3 节和附录 A。
# - Radford 等 2019，《Language Models are Unsupervised Multitask Learners》：第 2 节。
# - Shazeer 2020，《GLU Variants Improve Transformer》：只有四页，还有这个领域里最有趣的结尾。
# - Jiang 等 2023，《Mistral 7B》：第 2 节。Jiang 等 2024，《Mixtral of Experts》：第 2、5 节。
# - Fedus 等 2021，《Switch Transformers》：2.2 节，怎样保持专家均衡。
# - Grattafiori 等 2024，《The Llama 3 Herd of Models》：3.2 节。
