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
# # Lab 02, notebook 1: attention
#
# A Transformer is a stack of two things: one that works on each token alone, and **attention**, which is the only place where
# tokens hear of each other. In this notebook you write attention as it was published in 2017, and as Llama and Mistral
# compute it today, and you run *your* code on the weights of a real language model.
#
# **You will be able to**
# - write scaled dot-product attention from its formula, and say why every factor is there;
# - mask the future and the padding, also when there are more keys than queries;
# - split a model's width into heads, and share keys and values between heads (MQA, GQA);
# - put order into attention with rotary embeddings (RoPE), and show that only distances count.
#
# **Time** about three hours. Running everything takes about a minute on two CPU cores.
#
# **You need** Python, tensors and `nn.Module` in PyTorch. 3 GB of free memory, no GPU.
#
# **How it works** Cells with `# YOUR CODE HERE` are yours. The check cell below each problem tries a few small cases at
# once; the score comes from other, hidden tests. All other cells just run. The next notebooks of this lab
# (`transformer`, `architectures`, `explore`) build on what you write here.

# %% [markdown] tags=["zh"]
# # 实验 02，第 1 个 notebook：注意力
#
# Transformer 由两种东西反复堆叠而成：一种只处理单个 token；另一种就是**注意力**（attention），它是 token 之间互通消息的唯一地方。
# 在这个 notebook 里，你会先写出 2017 年论文里的注意力，再写出今天 Llama、Mistral 使用的版本，并用一个真实语言模型的权重来运行**你的**代码。
#
# **学完之后，你能够**
# - 从公式写出缩放点积注意力，并说清每一项的作用；
# - 屏蔽未来和填充，key 比 query 多的时候也不出错；
# - 把模型的宽度拆成多个头，并让多个头共享 key 和 value（MQA、GQA）；
# - 用旋转位置编码（RoPE）把顺序放进注意力，并验证起作用的只有相对距离。
#
# **时间** 约三小时。全部单元格在两个 CPU 核上跑一遍约需一分钟。
#
# **预备** Python、PyTorch 的张量与 `nn.Module`。3 GB 空闲内存，不需要 GPU。
#
# **做法** 带 `# YOUR CODE HERE` 的单元格由你来写。每道题下面的检查单元格会立刻试几个小例子；最终得分来自另外的隐藏测试。
# 其余单元格直接运行即可。本实验后面的 notebook（`transformer`、`architectures`、`explore`）会直接用到你在这里写的代码。

# %% tags=["export"]
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import labkit

# %%
profile = "cpu"  # or "gpu": Mistral-7B-v0.3 from the hub, on one CUDA card with 24 GB

# %%
import bisect
import re
import time

import matplotlib.pyplot as plt
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

from labkit import plots
from labkit.models import load_tokenizer, smollm2_folder

MODEL = {"cpu": smollm2_folder(), "gpu": "mistralai/Mistral-7B-v0.3"}[profile]
DEVICE, DTYPE = {"cpu": ("cpu", torch.float32), "gpu": ("cuda", torch.bfloat16)}[profile]
BLUE, ORANGE, GREY, GREEN = "#1f77b4", "#ff7f0e", "#d9d9d9", "#2ca02c"

torch.manual_seed(0)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
plots.style()

tokenizer = load_tokenizer() if profile == "cpu" else AutoTokenizer.from_pretrained(MODEL)
# "eager" attention is the plain formula, which can also hand out its weights; the default is a fused kernel.
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=DTYPE, attn_implementation="eager").to(DEVICE).eval()
BOS = tokenizer.bos_token_id

# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# Here are twelve words, most of them made up. A model has almost surely never read them in this order. We write the list **twice** in a
# row, and ask SmolLM2, at each token, how surprised it is by the next one.

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# 下面是十二个词，大多是生造的；按这个次序，几乎可以肯定没有哪个模型读到过。我们把这串词连写**两遍**，看看 SmolLM2 读到每个 token 时有多意外。

# %%
words = " wug blicket dax toma fep zav kiki bouba glorp snarf plim quex"
once = tokenizer(words, add_special_tokens=False)["input_ids"]
n = len(once)
ids = torch.tensor([[BOS, *once, *once]], device=DEVICE)
with torch.no_grad():
    output = model(ids, output_attentions=True)
log_probs = output.logits[0, :-1].float().log_softmax(-1)
losses = -log_probs.gather(1, ids[0, 1:, None]).squeeze(1).cpu()  # nats, for each token after the first
foreseen = (log_probs.argmax(-1) == ids[0, 1:]).cpu()

figure, axes = plt.subplots(figsize=(9, 3.2))
axes.bar(range(2 * n), losses, color=[BLUE] * n + [ORANGE] * n)
axes.set_xticks(range(2 * n), [tokenizer.decode([t]).strip() for t in ids[0, 1:]], rotation=90, fontsize=8)
axes.set(ylabel="loss (nats)", title="the same nonsense twice: blue the first time, orange the second")
plt.show()
print(f"mean loss: {losses[:n].mean():.2f} the first time, {losses[n + 1 :].mean():.2f} the second")
print(f"of the second list's tokens after its first, it foresees {foreseen[n + 1 :].float().mean():.0%}")

# %% [markdown] tags=["en"]
# The weights did not change between the two lists; nothing was trained. When the model reads `blicket` for the second time it
# **looks back**: where did I see this before, and what came next? Somewhere in its 30 layers there must be a *head* that
# does exactly that: at a token of the second list, its attention goes to the token **after** the same token in the first list.
# We measure this for each of the 270 heads.

# %% [markdown] tags=["zh"]
# 两遍之间权重没有变过，也没有任何训练。模型第二次读到 `blicket` 时，是**回头看**了：这个词之前在哪里出现过，后面跟的是什么？
# 在它的 30 层里，一定有某个**头**（head）专做这件事：处在第二遍的某个 token 上时，它的注意力落在第一遍里同一个 token 的**后一个**位置。
# 我们对 270 个头逐一测量。

# %%
second = torch.arange(n + 1, 2 * n)  # a token of the second list ...
after_first = second - n + 1  # ... and the one after the same token of the first
score = torch.stack([layer[0][:, second, after_first].mean(-1).float().cpu() for layer in output.attentions])
layer_index, head_index = divmod(int(score.argmax()), score.shape[1])

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), width_ratios=[1, 2.4])
image = left.imshow(score, aspect="auto", cmap="Blues", vmin=0, vmax=1)
left.set(xlabel="head", ylabel="layer", title="attention to the token\nafter the last time")
figure.colorbar(image, ax=left)
right.imshow(output.attentions[layer_index][0, head_index].float().cpu(), cmap="Blues", vmin=0, vmax=1)
right.set(xlabel="looks at", ylabel="token", title=f"the strongest: layer {layer_index}, head {head_index}")
plt.tight_layout()
plt.show()
print(f"layer {layer_index}, head {head_index} puts {score.max():.0%} of its attention there")

# %% [markdown] tags=["en"]
# The diagonal stripe in the right figure is the whole trick, and the head that draws it is an **induction head** (Olsson et al. 2022). It is no special
# device, it is one head of ordinary attention whose weights, by training alone, came to do this. Copying, following a pattern, in-context learning: they all
# begin here. The dark column at the left of that figure is where a head looks that has nothing to say: the first token, an *attention sink*.
#
# ## 2. Scaled dot-product attention
#
# Every token $t$ asks a **query** $q_t$; every token $s$ offers a **key** $k_s$ and a **value** $v_s$. The answer to $q_t$ is a weighted
# mean of all values, and the weights say how well each key fits the query:
#
# $$\mathrm{weights} = \mathrm{softmax}\!\left(\frac{QK^\top}{\sqrt{D}} + M\right),\qquad \mathrm{output} = \mathrm{weights}\cdot V
# \qquad\text{(Vaswani et al. 2017, eq. 1)}$$
#
# | | shape | |
# |---|---|---|
# | $Q$ | $(B, H, T, D)$ | batch, heads, queries, size of a head |
# | $K$ | $(B, H, S, D)$ | as many keys as there are tokens to look at: $S$ need not be $T$ |
# | $V$ | $(B, H, S, D_v)$ | one value per key |
# | weights | $(B, H, T, S)$ | a row for each query; **each row sums to 1** |
# | output | $(B, H, T, D_v)$ | |
#
# It is a dictionary that is looked up softly. **Why $\sqrt D$?** If the entries of $q$ and $k$ have variance 1, their product is a sum
# of $D$ terms and has variance $D$. Without this division, large heads get large scores, softmax turns into a hard choice, and its gradient
# vanishes. See for yourself:

# %% [markdown] tags=["zh"]
# 右图里的那条斜线就是全部秘密，画出它的这个头叫**归纳头**（induction head，Olsson 等 2022）。它不是什么特殊装置，就是一个普通的注意力头，
# 仅仅靠训练，权重就变成了这个样子。复制、接着规律往下写、上下文学习，都从这里开始。
# 右图最左边颜色最深的那一列，是“无话可说”的头看的地方：第一个 token，即所谓 **attention sink**。
#
# ## 2. 缩放点积注意力
#
# 每个 token $t$ 发出一个 **query** $q_t$；每个 token $s$ 提供一个 **key** $k_s$ 和一个 **value** $v_s$。对 $q_t$ 的回答，是所有 value 的加权平均，
# 权重取决于各个 key 与 query 有多匹配：
#
# $$\mathrm{weights} = \mathrm{softmax}\!\left(\frac{QK^\top}{\sqrt{D}} + M\right),\qquad \mathrm{output} = \mathrm{weights}\cdot V
# \qquad\text{（Vaswani 等 2017，式 1）}$$
#
# | | 形状 | |
# |---|---|---|
# | $Q$ | $(B, H, T, D)$ | batch、头数、query 数、每个头的大小 |
# | $K$ | $(B, H, S, D)$ | 有多少 token 可看就有多少 key：$S$ 不一定等于 $T$ |
# | $V$ | $(B, H, S, D_v)$ | 每个 key 配一个 value |
# | weights | $(B, H, T, S)$ | 每个 query 一行；**每行之和为 1** |
# | output | $(B, H, T, D_v)$ | |
#
# 可以把它看成一次“软”的查字典。**为什么要除以 $\sqrt D$？** 如果 $q$、$k$ 各分量的方差是 1，它们的点积是 $D$ 项之和，方差就是 $D$。
# 如果不除以 $\sqrt D$，头越大分数越大，softmax 会变成非此即彼的硬选择，梯度随之消失。亲眼看看：

# %%
sizes = [4, 16, 64, 256, 1024]
scores = {D: torch.randn(500, D) @ torch.randn(D, 16) for D in sizes}  # 500 queries, 16 keys
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
for name, colour, divide in [("q · k", ORANGE, False), ("q · k / √D", BLUE, True)]:
    scaled = {D: scores[D] / math.sqrt(D) if divide else scores[D] for D in sizes}
    weights = {D: s.softmax(-1) for D, s in scaled.items()}
    left.plot(sizes, [weights[D].amax(-1).mean() for D in sizes], "o-", color=colour, label=name)
    # The derivative of softmax is weight * (1 - weight) on its diagonal.
    right.plot(sizes, [(w * (1 - w)).mean() for w in weights.values()], "o-", color=colour)
left.axhline(1 / 16, color=GREY)
left.set(xscale="log", ylim=(0, 1), xlabel="D", title="largest of 16 weights")
right.set(xscale="log", ylim=(0, None), xlabel="D", title="what softmax lets through of a gradient")
left.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# **The mask $M$** says which keys a query may see. We write it as booleans, as `torch.nn.functional.scaled_dot_product_attention` does:
# **True means "may look"**. (`nn.MultiheadAttention` means the opposite by its masks. Read the documentation each time.)
# Where it is False the score becomes $-\infty$ *before* the softmax, so that the weight is 0 and the others still sum to 1.
#
# Two masks are all one needs, and `&` combines them:
#
# - **causal**, $(T, S)$: a token must not see those after it, or training to predict the next token would be copying. When there are more keys than
#   queries ($S > T$), the queries are the **last** $T$ of the $S$ tokens: that is how text is generated, with the older keys kept in a cache. So the last query
#   sees all keys, and the mask lines up at the bottom right.
# - **padding**, $(B, 1, 1, S)$: nobody looks at the tokens that only make all rows of a batch equally long. It masks *keys*, hence the last axis.

# %% [markdown] tags=["zh"]
# **掩码 $M$** 规定一个 query 可以看哪些 key。我们用布尔值表示，与 `torch.nn.functional.scaled_dot_product_attention` 一致：
# **True 表示“可以看”**。（`nn.MultiheadAttention` 的掩码含义正好相反，每次都要查文档。）
# 为 False 的地方，分数在 softmax **之前**变成 $-\infty$，于是权重为 0，其余的权重之和仍然是 1。
#
# 只需要两种掩码，用 `&` 就能组合：
#
# - **因果**（causal），$(T, S)$：一个 token 不能看到它后面的 token，否则“预测下一个 token”就成了抄答案。当 key 比 query 多（$S > T$）时，
#   这些 query 是 $S$ 个 token 中的**最后** $T$ 个：生成文本时就是如此，更早的 key 存在缓存里。所以最后一个 query 能看到所有 key，掩码以右下角对齐。
# - **填充**（padding），$(B, 1, 1, S)$：谁都不去看那些只为凑齐 batch 的 token。它屏蔽的是 **key**，所以在最后一维上。

# %%
figure, panels = plt.subplots(1, 3, figsize=(11, 2.8))
examples = {
    "causal, T = S = 6": torch.ones(6, 6).tril(),
    "causal, T = 3, S = 6": torch.ones(3, 6).tril(3),
    "causal and padding (the last two)": torch.ones(6, 6).tril() * torch.tensor([1, 1, 1, 1, 0, 0]),
}
for panel, (title, mask) in zip(panels, examples.items(), strict=True):
    panel.imshow(mask, cmap="Blues", vmin=0, vmax=1.4)
    panel.set_xticks([x - 0.5 for x in range(mask.shape[1])], minor=True)
    panel.set_yticks([y - 0.5 for y in range(mask.shape[0])], minor=True)
    panel.grid(which="minor", color="white")
    panel.tick_params(which="minor", length=0)
    panel.set(xlabel="key", ylabel="query", title=title)
plt.show()

# %% [markdown] tags=["en"]
# ### Problem 1 (15 points): `attention_weights`, `scaled_dot_product_attention`, and the masks
#
# One edge case is worth thinking about: a query that may see *nothing* (a row of padding, say). Softmax over nothing but $-\infty$ is 0/0 = NaN,
# and one NaN spoils a whole model. Here such a row of weights is all zeros, and so is its output, as in
# `F.scaled_dot_product_attention`. (`nn.MultiheadAttention` does give NaN.)

# %% [markdown] tags=["zh"]
# ### 第 1 题（15 分）：`attention_weights`、`scaled_dot_product_attention` 和两种掩码
#
# 有一个边界情况值得想一想：某个 query **什么也不能看**（例如整行都是填充）。对一排 $-\infty$ 做 softmax 得到 0/0 = NaN，
# 而一个 NaN 就能毁掉整个模型。这里约定：这样一行的权重全为零，输出也为零，与 `F.scaled_dot_product_attention` 一致（`nn.MultiheadAttention` 则会给出 NaN）。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "sdpa-solution", "cell_type": "code"}
def attention_weights(q: Tensor, k: Tensor, mask: Tensor | None = None) -> Tensor:
    """How much each query attends to each key: softmax(q k^T / sqrt(D)) over the keys that the mask allows.

    Args:
        q: (B, H, T, D).
        k: (B, H, S, D).
        mask: bool, broadcastable to (B, H, T, S); True where the query may see the key. None: everywhere.

    Returns:
        (B, H, T, S): each row sums to 1, with exactly 0 where the mask is False; a row that may see nothing is all zeros.

    Source: Vaswani et al. 2017, Attention Is All You Need, section 3.2.1.
    """
    ### BEGIN SOLUTION
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is None:
        return scores.softmax(-1)
    weights = scores.masked_fill(~mask, -math.inf).softmax(-1)
    return weights.masked_fill(~mask, 0.0)  # a row of nothing but -inf is NaN so far
    ### END SOLUTION


def scaled_dot_product_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """The values, averaged with attention_weights(q, k, mask).

    Args:
        q, k, mask: as in attention_weights.
        v: (B, H, S, D_v).

    Returns:
        (B, H, T, D_v).
    """
    ### BEGIN SOLUTION
    return attention_weights(q, k, mask) @ v
    ### END SOLUTION


def causal_mask(n_queries: int, n_keys: int) -> Tensor:
    """Which keys the last n_queries of n_keys tokens may see: themselves and those before.

    Returns:
        (n_queries, n_keys) bool on the CPU, True where the query may see the key; the last query sees every key.
    """
    ### BEGIN SOLUTION
    return torch.ones(n_queries, n_keys, dtype=torch.bool).tril(n_keys - n_queries)
    ### END SOLUTION


def padding_mask(attention_mask: Tensor) -> Tensor:
    """Hides padding from every query.

    Args:
        attention_mask: (B, S) int64, 1 on tokens and 0 on padding, as a tokenizer gives it.

    Returns:
        (B, 1, 1, S) bool: True on tokens.
    """
    ### BEGIN SOLUTION
    return attention_mask.bool()[:, None, None, :]
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 15, "schema_version": 3, "grade_id": "sdpa", "cell_type": "code"}
labkit.check("sdpa")

# %% [markdown] tags=["en"]
# **The library's version.** PyTorch computes the same in one call. It is faster because it never writes the $(T, S)$ weights to memory: it
# goes through the keys block by block and corrects the softmax as it goes (FlashAttention, Dao et al. 2022). The price: nobody can look at the weights.

# %% [markdown] tags=["zh"]
# **库里的版本。** PyTorch 一个调用就能算出同样的结果，而且更快，因为它从不把 $(T, S)$ 的权重矩阵写进内存：
# 它逐块扫过 key，边走边修正 softmax（FlashAttention，Dao 等 2022）。代价是：权重再也看不到了。

# %%
q, k, v = (torch.randn(2, 9, 1024, 64) for _ in range(3))
mask = causal_mask(1024, 1024)
for name, attend in [
    ("yours", lambda: scaled_dot_product_attention(q, k, v, mask)),
    ("PyTorch", lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True)),
]:
    attend()
    start = time.perf_counter()
    result = attend()
    milliseconds = 1000 * (time.perf_counter() - start)
    print(f"{name:8} {milliseconds:6.0f} ms    output[0, 0, 5, :3] = {result[0, 0, 5, :3].tolist()}")
difference = scaled_dot_product_attention(q, k, v, mask) - F.scaled_dot_product_attention(q, k, v, is_causal=True)
print(f"largest difference {difference.abs().max():.1e}; your weights take {2 * 9 * 1024 * 1024 * 4 / 1e6:.0f} MB")

# %% [markdown] tags=["en"]
# ## 3. Many heads
#
# One softmax makes one mean: a token that needs the *subject* from one place and the *verb* from another gets a blend of the two. So the
# width $d$ is cut into $H$ **heads** of $D = d / H$, which attend independently, and a last matrix mixes what they found:
#
# ```
# x (B, T, d) ── q_proj ─→ (B, T, d) ── view ─→ (B, T, H, D) ── transpose ─→ (B, H, T, D) ┐
# c (B, S, d) ── k_proj ─→   …                                              (B, H, S, D) ├─ attention ─→ (B, H, T, D)
# c (B, S, d) ── v_proj ─→   …                                              (B, H, S, D) ┘                   │
#                                (B, T, d) ←─ o_proj ─ (B, T, d) ←─ reshape ─ (B, T, H, D) ←─ transpose ─────┘
# ```
#
# With $c = x$ this is **self-attention**; with another sequence $c$ (a sentence to translate, an image) it is **cross-attention**.
#
# **The pitfall of this section.** `view(B, H, T, D)` runs, gives the right shape, and is wrong: memory holds token after token, so the axis of tokens
# must be there before the axis of heads. First `view(B, T, H, D)`, then `transpose(1, 2)`.
#
# ### Problem 2 (13 points): `MultiHeadAttention`

# %% [markdown] tags=["zh"]
# ## 3. 多个头
#
# 一次 softmax 只得到一个平均：如果一个 token 既要从一处取**主语**，又要从另一处取**动词**，得到的只会是两者的混合。
# 于是把宽度 $d$ 切成 $H$ 个**头**，每个大小 $D = d / H$，各看各的，最后用一个矩阵把它们找到的东西混合起来：
#
# ```
# x (B, T, d) ── q_proj ─→ (B, T, d) ── view ─→ (B, T, H, D) ── transpose ─→ (B, H, T, D) ┐
# c (B, S, d) ── k_proj ─→   …                                              (B, H, S, D) ├─ attention ─→ (B, H, T, D)
# c (B, S, d) ── v_proj ─→   …                                              (B, H, S, D) ┘                   │
#                                (B, T, d) ←─ o_proj ─ (B, T, d) ←─ reshape ─ (B, T, H, D) ←─ transpose ─────┘
# ```
#
# $c = x$ 时叫**自注意力**（self-attention）；$c$ 是另一个序列（待翻译的句子、一张图）时叫**交叉注意力**（cross-attention）。
#
# **本节的坑。** `view(B, H, T, D)` 能运行，形状也对，结果却是错的：内存里是一个 token 接一个 token 排的，所以 token 那一维必须先于头那一维。
# 要先 `view(B, T, H, D)`，再 `transpose(1, 2)`。
#
# ### 第 2 题（13 分）：`MultiHeadAttention`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "multi-head-solution", "cell_type": "code"}
class MultiHeadAttention(nn.Module):
    """H heads that attend independently, and a matrix that mixes what they found.

    Attributes:
        q_proj, k_proj, v_proj, o_proj: nn.Linear(d_model, d_model). Head h has the h-th D = d_model / n_heads of their outputs.
        n_heads: int.

    Source: Vaswani et al. 2017, section 3.2.2.
    """

    def __init__(self, d_model: int, n_heads: int, bias: bool = True) -> None:
        """Raises ValueError when n_heads does not divide d_model. `bias`: of all four projections."""
        super().__init__()
        ### BEGIN SOLUTION
        if d_model % n_heads:
            raise ValueError(f"{n_heads} heads do not divide a width of {d_model}")
        self.n_heads = n_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=bias)
        self.k_proj = nn.Linear(d_model, d_model, bias=bias)
        self.v_proj = nn.Linear(d_model, d_model, bias=bias)
        self.o_proj = nn.Linear(d_model, d_model, bias=bias)
        ### END SOLUTION

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """The queries come from x, keys and values from the context.

        Args:
            x: (B, T, d_model).
            context: (B, S, d_model); None: x itself.
            mask: bool, broadcastable to (B, n_heads, T, S); True where the query may see the key.

        Returns:
            (B, T, d_model).
        """
        ### BEGIN SOLUTION
        context = x if context is None else context
        q = self._split(self.q_proj(x))
        k = self._split(self.k_proj(context))
        v = self._split(self.v_proj(context))
        heads = scaled_dot_product_attention(q, k, v, mask)  # (B, H, T, D)
        return self.o_proj(heads.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        """(B, T, d_model) -> (B, H, T, D)."""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
        ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 13, "schema_version": 3, "grade_id": "multi-head", "cell_type": "code"}
labkit.check("multi-head")

# %% [markdown] tags=["en"]
# **The library's version** is `nn.MultiheadAttention`. It keeps the three input matrices in one, `in_proj_weight` $(3d, d)$. With your weights in it, it must
# say what you say.

# %% [markdown] tags=["zh"]
# **库里的版本**是 `nn.MultiheadAttention`。它把三个输入矩阵叠在一起，放在 `in_proj_weight` $(3d, d)$ 里。装上你的权重，它的输出必须与你的相同。

# %%
mine, theirs = MultiHeadAttention(48, 6), nn.MultiheadAttention(48, 6, batch_first=True)
inputs = [mine.q_proj, mine.k_proj, mine.v_proj]
theirs.load_state_dict(
    {
        "in_proj_weight": torch.cat([layer.weight for layer in inputs]),
        "in_proj_bias": torch.cat([layer.bias for layer in inputs]),
        "out_proj.weight": mine.o_proj.weight,
        "out_proj.bias": mine.o_proj.bias,
    }
)
x, context = torch.randn(2, 7, 48), torch.randn(2, 10, 48)
with torch.no_grad():
    print(f"self-attention:  largest difference {(mine(x) - theirs(x, x, x)[0]).abs().max():.1e}")
    print(f"cross-attention: largest difference {(mine(x, context) - theirs(x, context, context)[0]).abs().max():.1e}")

# %% [markdown] tags=["en"]
# **Something is missing.** Shuffle the tokens, and look at what comes out:

# %% [markdown] tags=["zh"]
# **少了点什么。** 把 token 打乱，看看输出怎样：

# %%
shuffle = torch.randperm(7)
with torch.no_grad():
    shuffled = mine(x[:, shuffle])
    print(f"tokens in the order {shuffle.tolist()}")
    print(f"output of the shuffled minus shuffled output: {(shuffled - mine(x)[:, shuffle]).abs().max():.1e}")

# %% [markdown] tags=["en"]
# The same vectors, in another order. To attention a sentence is a *set* of words: "dog bites man" and "man bites dog" are one and the same. Order has
# to be put in by hand.
#
# ## 4. Rotary position embeddings
#
# The original Transformer adds a vector for each position to the input (you will, in the next notebook). Most of today's models do it differently:
# they **rotate** queries and keys before they are compared (RoPE, Su et al. 2021). Take the entries of a head in pairs. The pair number $i$ of a token at
# position $p$ is turned in its plane by the angle $p\,\theta_i$:
#
# $$\begin{pmatrix} x'_i \\ x'_{i+D/2} \end{pmatrix} =
# \begin{pmatrix} \cos p\theta_i & -\sin p\theta_i \\ \sin p\theta_i & \cos p\theta_i \end{pmatrix}
# \begin{pmatrix} x_i \\ x_{i+D/2} \end{pmatrix},\qquad \theta_i = \mathrm{base}^{-2i/D},\quad i = 0, \dots, \tfrac D2 - 1 .$$
#
# A dot product of two vectors that are both turned depends only on the *difference* of the angles. So $q_m\cdot k_n$ depends on $m - n$ and not on $m$ and $n$: what
# the model learns about "three words back" holds everywhere in the text. The first pairs turn fast and tell neighbours apart; the last hardly turn and
# see far.
#
# **The pitfall of this section.** Which entries make a pair? The paper takes neighbours, $(x_0, x_1), (x_2, x_3), \dots$. Llama, Mistral, Qwen and SmolLM2, in the form in which Hugging Face
# stores them, take **halves**: $x_i$ with $x_{i+D/2}$, as above. Both are fine for a model of one's own; with another's weights, the wrong one gives
# fluent nonsense and no error.

# %% [markdown] tags=["zh"]
# 还是那些向量，只是换了次序。在注意力眼里，句子只是词的**集合**：“狗咬人”和“人咬狗”没有区别。顺序必须另外放进去。
#
# ## 4. 旋转位置编码
#
# 最初的 Transformer 给输入加上一个代表位置的向量（下一个 notebook 里你会写到）。近几年的主流模型大多换了做法：
# 在比较 query 和 key 之前，先把它们**旋转**（RoPE，Su 等 2021）。把一个头的分量两两配对；处在位置 $p$ 的 token，它的第 $i$ 对在自己的平面里转过角度 $p\,\theta_i$：
#
# $$\begin{pmatrix} x'_i \\ x'_{i+D/2} \end{pmatrix} =
# \begin{pmatrix} \cos p\theta_i & -\sin p\theta_i \\ \sin p\theta_i & \cos p\theta_i \end{pmatrix}
# \begin{pmatrix} x_i \\ x_{i+D/2} \end{pmatrix},\qquad \theta_i = \mathrm{base}^{-2i/D},\quad i = 0, \dots, \tfrac D2 - 1 .$$
#
# 两个向量都转过之后，点积只取决于角度之**差**。所以 $q_m\cdot k_n$ 只取决于 $m - n$，而与 $m$、$n$ 各自无关：模型学到的“往前数第三个词”，在文本的任何地方都成立。
# 靠前的那些对转得快，用来分辨近邻；靠后的几乎不转，用来看远处。
#
# **本节的坑。** 哪两个分量算一对？论文里取相邻的：$(x_0, x_1), (x_2, x_3), \dots$。而 Llama、Mistral、Qwen、SmolLM2 在 Hugging Face 的存储格式里取**前后两半**：
# $x_i$ 配 $x_{i+D/2}$，如上式。自己从头训练，哪种都行；但若用别人的权重，配错了不会报错，只会得到流畅的胡话。

# %% [markdown] tags=["en"]
# ### Problem 3 (17 points): `apply_rope`, and `repeat_kv` and `GroupedQueryAttention` below
#
# Positions are given, never assumed: a chunk of text that continues another begins at 100, say, and a batch that is padded on the left has another start in each row. And
# compute the angles in float32, whatever the dtype of $x$: in bfloat16 there is no number between 256 and 258. Tensors that you create belong on the device of $x$.
#
# The check cell stands below `GroupedQueryAttention`; run it whenever you like, it tells what is not written yet.

# %% [markdown] tags=["zh"]
# ### 第 3 题（17 分）：`apply_rope`，以及下面的 `repeat_kv` 和 `GroupedQueryAttention`
#
# 位置是参数给的，不能想当然：接着前文的一段文字也许从 100 开始；左侧填充的 batch 里，每一行的起点都不同。
# 另外，无论 $x$ 是什么 dtype，角度都要用 float32 计算：在 bfloat16 里，256 和 258 之间没有别的数。新建的张量要放在 $x$ 所在的设备上。
#
# 检查单元格在 `GroupedQueryAttention` 之后，随时都可以运行；还没写的部分它会注明。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "rope-solution", "cell_type": "code"}
def apply_rope(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    """Turns the pair (x[i], x[i + D/2]) of each token by the angle position * base^(-2i/D).

    Args:
        x: (B, H, T, D), queries or keys; D is even.
        positions: (T,) int64, or (B, T) where the rows of a batch differ.
        base: the larger, the slower the last pairs turn.

    Returns:
        (B, H, T, D) in the dtype of x; the angles are computed in float32.

    Source: Su et al. 2021, RoFormer, section 3.4.2; in halves instead of neighbours, as in Hugging Face's Llama.
    """
    ### BEGIN SOLUTION
    half = x.shape[-1] // 2
    frequencies = base ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angles = positions.to(x.device)[..., None] * frequencies  # (T, D/2) or (B, T, D/2)
    if positions.dim() == 2:
        angles = angles[:, None]  # the heads of a row share its positions
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
    ### END SOLUTION


# %% [markdown] tags=["en"]
# **Look at it.** Left: one vector, used as query at every position $m$ and as key at every position $n$; each diagonal has one colour, so only $m - n$ counts. Right: the same along
# one row, for two bases. Nearby is similar, far away fades; a larger base (Llama 3 has 500,000) reaches further.

# %% [markdown] tags=["zh"]
# **看一眼。** 左图：同一个向量，在每个位置 $m$ 当 query，在每个位置 $n$ 当 key；每条对角线颜色一致，说明只有 $m - n$ 起作用。
# 右图：沿一行看过去，画了两种 base。近处相似，远处衰减；base 越大（Llama 3 用 500,000）看得越远。

# %%
steps = torch.arange(64)
ones = torch.ones(1, 1, 64, 64) / 8  # the same unit vector at 64 positions
turned = apply_rope(ones, steps)[0, 0]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), width_ratios=[1, 1.6])
left.imshow(turned @ turned.T, cmap="RdBu_r", vmin=-1, vmax=1)
left.set(xlabel="position n of the key", ylabel="position m of the query", title="q · k, both turned")
distances = torch.arange(2048)
long = torch.ones(1, 1, 2048, 64) / 8
for base, colour in [(10_000.0, BLUE), (500_000.0, ORANGE)]:
    turned = apply_rope(long, distances, base)[0, 0]
    right.plot(distances[1:], (turned @ turned[0])[1:], color=colour, lw=1, label=f"base {base:,.0f}")
right.set(xscale="log", xlabel="distance m - n", title="similarity by distance")
right.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# ## 5. Fewer keys and values
#
# A model that generates keeps the keys and values of all tokens so far: the **KV cache**. Per token that is $2 \cdot \text{layers}\cdot H \cdot D$ numbers, and with many users at once
# it takes more memory than the weights. So let several query heads **share** one head of keys and values:
#
# - $G = H$ is multi-head attention (MHA); $G = 1$ is multi-query attention (MQA, Shazeer 2019);
# - in between is **grouped-query attention** (GQA, Ainslie et al. 2023), which Llama 3, Mistral, Qwen2 and SmolLM2 use.
#
# Query heads $0 \dots \frac HG - 1$ share the first key head, the next $\frac HG$ the second, and so on: *neighbours* share.
#
# | query head | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 |
# |---|---|---|---|---|---|---|---|---|---|
# | key and value head, $H = 9$, $G = 3$ | 0 | 0 | 0 | 1 | 1 | 1 | 2 | 2 | 2 |

# %% [markdown] tags=["zh"]
# ## 5. 更少的 key 和 value
#
# 生成文本时，模型要保存到目前为止所有 token 的 key 和 value，这就是 **KV cache**。每个 token 要存 $2 \cdot \text{层数}\cdot H \cdot D$ 个数；
# 用户一多，占的内存比权重还大。于是让几个 query 头**共用**一个 key/value 头：
#
# - $G = H$ 就是多头注意力（MHA）；$G = 1$ 是 multi-query attention（MQA，Shazeer 2019）；
# - 介于两者之间的是 **grouped-query attention**（GQA，Ainslie 等 2023），Llama 3、Mistral、Qwen2、SmolLM2 都用它。
#
# 第 $0 \dots \frac HG - 1$ 个 query 头共用第一个 key 头，接下来的 $\frac HG$ 个共用第二个，依此类推：共用的是**相邻**的头。
#
# | query 头 | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 |
# |---|---|---|---|---|---|---|---|---|---|
# | key/value 头，$H = 9$，$G = 3$ | 0 | 0 | 0 | 1 | 1 | 1 | 2 | 2 | 2 |


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "gqa-solution", "cell_type": "code"}
def repeat_kv(x: Tensor, n: int) -> Tensor:
    """(B, G, S, D) -> (B, G * n, S, D): each head n times in a row, so that neighbours among the query heads share it."""
    ### BEGIN SOLUTION
    return x.repeat_interleave(n, dim=1)
    ### END SOLUTION


class GroupedQueryAttention(nn.Module):
    """Self-attention with rotary positions, whose n_heads query heads share n_kv_heads heads of keys and values.

    With D = d_model / n_heads; no projection has a bias.

    Attributes:
        q_proj, o_proj: nn.Linear(d_model, d_model).
        k_proj, v_proj: nn.Linear(d_model, n_kv_heads * D).
        n_heads, n_kv_heads: int.    rope_base: float.

    Source: Ainslie et al. 2023, GQA, section 2.2; Touvron et al. 2023, Llama 2, section 2.2.
    """

    def __init__(self, d_model: int, n_heads: int, n_kv_heads: int, rope_base: float = 10_000.0) -> None:
        """Raises ValueError when n_heads does not divide d_model, or n_kv_heads does not divide n_heads."""
        super().__init__()
        ### BEGIN SOLUTION
        if d_model % n_heads or n_heads % n_kv_heads:
            raise ValueError(f"a width of {d_model}, {n_heads} heads and {n_kv_heads} key heads do not go together")
        d_head = d_model // n_heads
        self.n_heads, self.n_kv_heads, self.rope_base = n_heads, n_kv_heads, rope_base
        self.q_proj = nn.Linear(d_model, d_model, bias=False)
        self.k_proj = nn.Linear(d_model, n_kv_heads * d_head, bias=False)
        self.v_proj = nn.Linear(d_model, n_kv_heads * d_head, bias=False)
        self.o_proj = nn.Linear(d_model, d_model, bias=False)
        ### END SOLUTION

    def forward(self, x: Tensor, mask: Tensor | None = None, positions: Tensor | None = None) -> Tensor:
        """Queries and keys are turned by their positions, values are not.

        Args:
            x: (B, T, d_model).
            mask: bool, broadcastable to (B, n_heads, T, T); True where the query may see the key.
            positions: (T,) or (B, T) int64; None: 0, 1, ..., T - 1.

        Returns:
            (B, T, d_model).
        """
        ### BEGIN SOLUTION
        if positions is None:
            positions = torch.arange(x.shape[1], device=x.device)
        q = self.q_proj(x).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)  # (B, H, T, D)
        k = self.k_proj(x).unflatten(-1, (self.n_kv_heads, -1)).transpose(1, 2)  # (B, G, T, D)
        v = self.v_proj(x).unflatten(-1, (self.n_kv_heads, -1)).transpose(1, 2)
        q, k = apply_rope(q, positions, self.rope_base), apply_rope(k, positions, self.rope_base)
        n = self.n_heads // self.n_kv_heads
        heads = scaled_dot_product_attention(q, repeat_kv(k, n), repeat_kv(v, n), mask)
        return self.o_proj(heads.transpose(1, 2).flatten(2))
        ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 17, "schema_version": 3, "grade_id": "rope-gqa", "cell_type": "code"}
labkit.check("rope-gqa")

# %% [markdown] tags=["en"]
# **The real thing.** Now put the weights of SmolLM2's layer with the induction head into *your* module, give it what that layer sees when it reads the nonsense of section 1, and compare it with what
# Hugging Face's layer says.

# %% [markdown] tags=["zh"]
# **来真的。** 把 SmolLM2 里归纳头所在那一层的权重装进**你的**模块，把 SmolLM2 读第 1 节那串胡话时这一层的输入喂给它，再与 Hugging Face 那一层的输出比较。


# %%
def seen_by_layer(ids: Tensor) -> tuple[Tensor, Tensor]:
    """What the attention of layer `layer_index` reads and writes for the tokens `ids` (1, T): each (1, T, d_model)."""
    seen = {}

    def keep(module: nn.Module, args: tuple, kwargs: dict, result: tuple) -> None:
        seen["in"], seen["out"] = kwargs["hidden_states"], result[0]

    hook = model.model.layers[layer_index].self_attn.register_forward_hook(keep, with_kwargs=True)
    with torch.no_grad():
        model(ids)
    hook.remove()
    return seen["in"], seen["out"]


config = model.config
mine = GroupedQueryAttention(
    config.hidden_size, config.num_attention_heads, config.num_key_value_heads, config.rope_parameters["rope_theta"]
).to(DEVICE, DTYPE)
mine.load_state_dict(model.model.layers[layer_index].self_attn.state_dict())

hidden, expected = seen_by_layer(ids)
with torch.no_grad():
    written = mine(hidden, mask=causal_mask(ids.shape[1], ids.shape[1]).to(DEVICE))
print(f"{mine.n_heads} query heads, {mine.n_kv_heads} key heads, base {mine.rope_base:,.0f}")
print(f"largest difference {(written - expected).abs().max():.1e} of values up to {expected.abs().max():.1f}")

# %% [markdown] tags=["en"]
# You have written Llama's attention. So your functions can also show what the head looks at, in a real sentence. SmolLM2's tokenizer cuts most Chinese characters into
# two or three byte tokens; for the picture, the tokens of one character or word are put together.

# %% [markdown] tags=["zh"]
# 你写出了 Llama 的注意力。所以也可以用你的函数看看，这个头在真实的句子里看的是哪里。SmolLM2 的分词器会把多数汉字切成两三个字节 token；
# 画图时，属于同一个字或同一个词的 token 合并在一起。


# %%
def head_weights(ids: Tensor) -> Tensor:
    """(T, T): the attention of the induction head, by your own functions."""
    hidden, _ = seen_by_layer(ids)
    positions = torch.arange(ids.shape[1], device=DEVICE)
    with torch.no_grad():
        q = mine.q_proj(hidden).unflatten(-1, (mine.n_heads, -1)).transpose(1, 2)
        k = mine.k_proj(hidden).unflatten(-1, (mine.n_kv_heads, -1)).transpose(1, 2)
        q, k = apply_rope(q, positions, mine.rope_base), apply_rope(k, positions, mine.rope_base)
        k = repeat_kv(k, mine.n_heads // mine.n_kv_heads)
        mask = causal_mask(len(positions), len(positions)).to(DEVICE)
        return attention_weights(q, k, mask)[0, head_index].float().cpu()


def draw_attention(axes: plt.Axes, text: str) -> None:
    """The head's attention between the pieces (words or characters) of a text."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    weights = head_weights(torch.tensor([[BOS, *encoded["input_ids"]]], device=DEVICE))
    starts = [start for start, _ in encoded["offset_mapping"]]
    inside_word = re.compile(r"(?<=[a-zA-Z])[a-zA-Z]")
    pieces = sorted({start for start in starts if not inside_word.match(text, start)})
    group = torch.tensor([0] + [bisect.bisect(pieces, start) for start in starts])  # 0: the first token, no text
    gather = F.one_hot(group).float()  # (T, P)
    weights = (gather / gather.sum(0)).T @ weights @ gather  # mean over a piece's queries, sum over its keys
    labels = ["·"] + [text[a:b].strip() for a, b in zip(pieces, [*pieces[1:], len(text)], strict=True)]
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=90 if max(map(len, labels)) > 1 else 0, fontsize=9)
    axes.set_yticks(range(len(labels)), labels, fontsize=9)
    axes.set(xlabel="looks at", ylabel="token")


figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5.4))
draw_attention(left, "Zav met Toma at noon. In the evening Zav met Toma again.")
draw_attention(right, "白日依山尽，黄河入海流。白日依山尽，黄河入海流。")
figure.suptitle(f"layer {layer_index}, head {head_index}, computed by your code")
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# Where something comes again, the head follows its first occurrence, one token ahead: the rest of the word "Toma" when the second "T…" begins. On the Chinese poem
# (by Wang Zhihuan), in a language that this model hardly speaks, the same head draws the same stripe. It knows nothing of
# words: it finds what was there before, and what came after it.
#
# **What sharing saves.** The cache of one token, and of a conversation of 8,192 tokens, in bfloat16:

# %% [markdown] tags=["zh"]
# 凡是重复出现的地方，这个头都盯着它第一次出现的位置，而且领先一个 token：第二个 “Toma” 刚开了个头，它就看向第一个 “Toma” 余下的部分。
# 换成一首中文诗（王之涣《登鹳雀楼》），虽然这个模型几乎不会说中文，同一个头画出的还是同样的斜线。它不懂词义，只管找：之前哪里出现过，后面跟的是什么。
#
# **共享省下了什么。** 一个 token 的缓存，以及一段 8,192 个 token 的对话的缓存，按 bfloat16 计：

# %%
shapes = {  # layers, query heads, key heads, size of a head
    "SmolLM2-135M": (30, 9, 3, 64),
    "Mistral-7B": (32, 32, 8, 128),
    "Llama-3.1-8B": (32, 32, 8, 128),
    "Llama-3.1-70B": (80, 64, 8, 128),
}
figure, axes = plt.subplots(figsize=(8, 2.6))
print(f"{'':16}{'per token':>12}{'8,192 tokens':>15}{'without sharing':>18}")
for row, (name, (layers, heads, kv_heads, d_head)) in enumerate(shapes.items()):
    token, unshared = (2 * layers * count * d_head * 2 for count in (kv_heads, heads))  # K and V, 2 bytes each
    print(f"{name:16}{token / 1024:>8.1f} KiB{token * 8192 / 2**30:>11.2f} GiB{unshared * 8192 / 2**30:>14.2f} GiB")
    axes.barh(row, unshared * 8192 / 2**30, color=GREY)
    axes.barh(row, token * 8192 / 2**30, color=BLUE)
axes.set_yticks(range(len(shapes)), shapes)
axes.invert_yaxis()
axes.set(xlabel="GiB for 8,192 tokens", title="KV cache: blue with shared heads, grey if every query head had its own")
plt.show()

# %% [markdown] tags=["en"]
# ## Summary
#
# - Attention is a soft look-up: each output is a mean of values, weighted by a softmax of $q\cdot k/\sqrt D$ over the keys that may be seen.
# - The mask comes before the softmax; causal masks line up at the bottom right; padding masks keys.
# - Heads are a matter of shape: `view`, `transpose`, and back. Without positions, attention sees a set.
# - RoPE turns queries and keys by their positions; only distances remain. Halves or neighbours: ask whose weights you have.
# - GQA shares keys and values among neighbouring query heads, and shrinks the cache by $H/G$.
#
# ## Three questions to think about
#
# 1. The cost of attention grows with $T \cdot S$. Which of the objects in this notebook is that large, and what does FlashAttention do about it? What does it *not* change?
# 2. An induction head needs a head in an **earlier** layer to work with. What must that one have written into each token? (Find it: whose attention goes to the token just before?)
# 3. RoPE with base 10,000 was trained on texts of 2,048 tokens. What has the model never seen in the last pairs, and what happens beyond? Why does a larger base help?
#
# ## Further reading
#
# - Vaswani et al. 2017, *Attention Is All You Need*: section 3.2.
# - Su et al. 2021, *RoFormer: Enhanced Transformer with Rotary Position Embedding*: section 3.
# - Shazeer 2019, *Fast Transformer Decoding: One Write-Head is All You Need*: section 3.
# - Ainslie et al. 2023, *GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints*: section 2.
# - Olsson et al. 2022, *In-context Learning and Induction Heads*: the section on key concepts.
# - Dao et al. 2022, *FlashAttention*: section 3.1.
# - Xiao et al. 2023, *Efficient Streaming Language Models with Attention Sinks*: section 3.1.

# %% [markdown] tags=["zh"]
# ## 小结
#
# - 注意力是一次软查找：每个输出都是 value 的加权平均，权重是可见的 key 上 $q\cdot k/\sqrt D$ 的 softmax。
# - 掩码在 softmax 之前；因果掩码以右下角对齐；填充掩码屏蔽的是 key。
# - 多头只是形状的事：`view`、`transpose`，再变回来。没有位置信息，注意力看到的只是一个集合。
# - RoPE 按位置旋转 query 和 key，最后只剩下距离。取前后两半还是取相邻，要看你用的是谁的权重。
# - GQA 让相邻的 query 头共用 key 和 value，缓存缩小到原来的 $G/H$。
#
# ## 三个思考题
#
# 1. 注意力的开销随 $T \cdot S$ 增长。这个 notebook 里哪个对象有这么大？FlashAttention 对此做了什么？它**没有**改变的又是什么？
# 2. 归纳头需要**更早**的层里有另一个头配合。那个头必须往每个 token 里写进什么？（把它找出来：谁的注意力总落在前一个 token 上？）
# 3. base 为 10,000 的 RoPE 是在 2,048 个 token 的文本上训练的。最后那几对里，模型从没见过什么？超出之后会怎样？为什么更大的 base 有帮助？
#
# ## 延伸阅读
#
# - Vaswani 等 2017，《Attention Is All You Need》：3.2 节。
# - Su 等 2021，《RoFormer: Enhanced Transformer with Rotary Position Embedding》：第 3 节。
# - Shazeer 2019，《Fast Transformer Decoding: One Write-Head is All You Need》：第 3 节。
# - Ainslie 等 2023，《GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints》：第 2 节。
# - Olsson 等 2022，《In-context Learning and Induction Heads》：关键概念一节。
# - Dao 等 2022，《FlashAttention》：3.1 节。
# - Xiao 等 2023，《Efficient Streaming Language Models with Attention Sinks》：3.1 节。
