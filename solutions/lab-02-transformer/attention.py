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
# A Transformer is a stack of two kinds of parts. One kind works on each token alone (a token is a piece of text: a word, a part of a word, or a byte).
# The other kind is **attention**, the only place where tokens exchange information. In this notebook you write attention as it was published in 2017,
# and then as Llama and Mistral compute it. You run *your* code on the weights of a real language model.
#
# **You will be able to**
# - write scaled dot-product attention from its formula, and say why every factor is there;
# - mask the future and the padding, also when there are more keys than queries;
# - split a model's width into heads, and share keys and values between heads (MQA, GQA);
# - put order into attention with rotary embeddings (RoPE), and show that scores then depend on distances, not on absolute positions.
#
# **Time** about three hours. Running everything takes about a minute on two CPU cores.
#
# **You need** Python, tensors and `nn.Module` in PyTorch. 3 GB of free memory, no GPU. (On a CUDA card with 24 GB, `profile = "gpu"` below runs the
# same notebook on Mistral-7B-v0.3.)
#
# **How it works** Cells with `# YOUR CODE HERE` are yours. The check cell below each problem tries a few small cases at
# once; the score comes from other, hidden tests. All other cells just run. The notebooks `transformer` and `architectures` of this lab
# build on what you write here.

# %% [markdown] tags=["zh"]
# # 实验 02，第 1 节：注意力
#
# Transformer 由两种部件反复堆叠而成。一种只处理单个词元（token，即一小段文本：一个词、词的一部分，或者一个字节）；
# 另一种是**注意力**（attention），token 之间只有在这里才交换信息。
# 在这个笔记本里，你先写出 2017 年论文里的注意力，再写出 Llama、Mistral 使用的版本，并用一个真实语言模型的权重来运行**你的**代码。
#
# **学完之后，你能够**
# - 从公式写出缩放点积注意力，并说清每一项的作用；
# - 屏蔽未来和填充，键比查询多的时候也不出错；
# - 把模型的宽度拆成多个头，并让多个头共享键和值（MQA、GQA）；
# - 用旋转位置编码（RoPE）把顺序放进注意力，并验证：这样一来，分数只取决于距离，与绝对位置无关。
#
# **时间** 约三小时。全部单元格在两个 CPU 核上跑一遍约需一分钟。
#
# **预备** Python、PyTorch 的张量与 `nn.Module`。3 GB 空闲内存，不需要 GPU。（如果有一张 24 GB 显存的 CUDA 显卡，把下面改成
# `profile = "gpu"`，同一个笔记本就在 Mistral-7B-v0.3 上运行。）
#
# **做法** 带 `# YOUR CODE HERE` 的单元格由你来写。每道题下面的检查单元格会立刻试几个小例子；最终得分来自另外的隐藏测试。
# 其余单元格直接运行即可。本实验的笔记本 `transformer` 和 `architectures` 会直接用到你在这里写的代码。

# %% tags=["export"]
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import labkit

# %%
profile = "cpu"

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
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=DTYPE, attn_implementation="eager")
model = model.to(DEVICE).eval()
BOS = tokenizer.bos_token_id

# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# Here are twelve words, most of them made up. A model has almost surely never read them in this order. We write the list **twice** in a
# row and measure, at each token, how much it surprises SmolLM2. The measure is the **loss** $-\ln p$, where $p$ is the probability that the model
# gave this token before it saw it. Its unit is the nat; 0 means no surprise at all.

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# 下面是十二个词，大多是生造的；按这个次序，几乎可以肯定没有哪个模型读到过。我们把这串词连写**两遍**，测量每个 token 让 SmolLM2 有多意外。
# 衡量的尺度是**损失** $-\ln p$，其中 $p$ 是模型在看到这个 token 之前给它的概率；单位是奈特（nat），0 表示毫不意外。

# %%
words = " wug blicket dax toma fep zav kiki bouba glorp snarf plim quex"
once = tokenizer(words, add_special_tokens=False)["input_ids"]
n = len(once)
ids = torch.tensor([[BOS, *once, *once]], device=DEVICE)
with torch.no_grad():
    output = model(ids, output_attentions=True)
log_probs = output.logits[0, :-1].float().log_softmax(-1)
losses = -log_probs.gather(1, ids[0, 1:, None]).squeeze(1).cpu()
predicted = (log_probs.argmax(-1) == ids[0, 1:]).cpu()

figure, axes = plt.subplots(figsize=(9, 3.2))
axes.bar(range(n), losses[:n], color=BLUE, label=say("first time", "第一遍"))
axes.bar(range(n, 2 * n), losses[n:], color=ORANGE, label=say("second time", "第二遍"))
labels = [tokenizer.decode([t]).strip() for t in ids[0, 1:]]
axes.set_xticks(range(2 * n), labels, rotation=90, fontsize=8)
axes.set(
    xlabel="token",
    ylabel=say("loss (nats)", "损失（nat）"),
    title=say("The same nonsense twice: how surprising is each token?", "同一串胡话读两遍：每个 token 有多出人意料？"),
)
axes.legend(frameon=False)
plt.show()
print(
    say(
        f"mean loss: {losses[:n].mean():.2f} the first time, {losses[n + 1 :].mean():.2f} the second",
        f"平均损失：第一遍 {losses[:n].mean():.2f}，第二遍 {losses[n + 1 :].mean():.2f}",
    )
)
share = predicted[n + 1 :].float().mean()
print(
    say(
        f"after the second list's first token, the model's best guess is right in {share:.0%} of cases",
        f"从第二遍的第二个 token 起，模型最看好的猜测有 {share:.0%} 是对的",
    )
)

# %% [markdown] tags=["en"]
# The first orange bars are high: nothing tells the model yet that the list begins again. A few tokens later, little surprise is left. The weights did not change
# between the two lists, and nothing was trained. When the model reads `blicket` for the second time, it **looks back**: where did I see this before, and what came next?
#
# SmolLM2 has 30 layers with 9 attention **heads** each. A head is one of the attentions that run side by side in a layer; section 3 builds them. Is there a head that does just this:
# at a token of the second list, its attention goes to the token **after** the same token in the first list? We measure this for each of the 270 heads.
#
# (We loaded the model with `attn_implementation="eager"`. That is the plain formula, which can return the attention weights. By default the library calls a *fused kernel*, one program for the whole
# formula, which never stores them.)

# %% [markdown] tags=["zh"]
# 最前面的橙色柱子还很高：这时没有什么告诉模型，这串词要重新开始了。再往后几个 token，就几乎不意外了。两遍之间权重没有变过，也没有任何训练。
# 模型第二次读到 `blicket` 时，是**回头看**了：这个词之前在哪里出现过，后面跟的是什么？
#
# SmolLM2 有 30 层，每层有 9 个**注意力头**（head，同一层里并列运行的多个注意力之一，第 3 小节会动手写）。有没有哪个头专做这件事：
# 处在第二遍的某个 token 上时，注意力落在第一遍里同一个 token 的**后一个**位置？我们对 270 个头逐一测量。
#
# （加载模型时用了 `attn_implementation="eager"`，也就是照公式直接计算，能够返回注意力权重。默认用的是**融合内核**（fused kernel），
# 即把整个公式合成一个程序，它从不保存这些权重。）

# %%
second = torch.arange(n + 1, 2 * n)
after_first = second - n + 1
weights = [layer[0].float().cpu() for layer in output.attentions]
score = torch.stack([layer[:, second, after_first].mean(-1) for layer in weights])
layer_index, head_index = divmod(int(score.argmax()), score.shape[1])

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), width_ratios=[1, 2])
image = left.imshow(score, aspect="auto", cmap="Blues", vmin=0, vmax=1)
left.plot(head_index, layer_index, "s", mec=ORANGE, mfc="none", ms=11, mew=2, label=say("strongest", "最强的头"))
left.set_xticks(range(score.shape[1]))
left.set(
    xlabel=say("head", "头"),
    ylabel=say("layer", "层"),
    title=say("weight on the token after\nthe first occurrence", "落在首次出现处\n后一个 token 上的权重"),
)
left.legend(loc="upper right", fontsize=8)
figure.colorbar(image, ax=left, label=say("mean attention weight", "平均注意力权重"))
image = right.imshow(weights[layer_index][head_index], cmap="Blues", vmin=0, vmax=1)
right.axhline(n + 0.5, color=ORANGE, lw=0.8, ls=":", label=say("the second list begins", "第二遍从这里开始"))
right.axvline(n + 0.5, color=ORANGE, lw=0.8, ls=":")
right.set(
    xlabel=say("position that is looked at", "被看的位置"),
    ylabel=say("position that looks", "在看的位置"),
    title=say(
        f"all weights of the strongest: layer {layer_index}, head {head_index}",
        f"最强的头的全部权重：第 {layer_index} 层第 {head_index} 个头",
    ),
)
right.legend(loc="upper right", fontsize=8)
figure.colorbar(image, ax=right, label=say("attention weight", "注意力权重"))
plt.tight_layout()
plt.show()
print(
    say(
        f"layer {layer_index}, head {head_index} puts {score.max():.0%} of its attention there",
        f"第 {layer_index} 层第 {head_index} 个头把 {score.max():.0%} 的注意力放在那里",
    )
)

# %% [markdown] tags=["en"]
# Left: most of the 270 heads do nothing of the kind; a few do, and the orange square marks the strongest. Right: each row is a token, and shows where this head looks. The stripe in the lower left is what we
# searched for: each token of the second list looks at the token after its first occurrence. Such a head is called an **induction head** (Olsson et al. 2022). It is no special device. It is a
# head of ordinary attention, and training alone has given it these weights. It is one half of the mechanism: a head in an earlier layer does the other half (question 2 at the end). Olsson et al.
# put forward the **hypothesis** that such heads are behind most *in-context learning*, that is, behind what a model picks up from its prompt without a change of weights. Their evidence is causal for small
# models that consist of attention only, and correlational for larger ones.
#
# The dark column at the left edge is the first token. The weights of a row must sum to 1, so a token that finds no match must still put its weight somewhere. Much of it goes there. This is called an **attention sink** (Xiao et al. 2023,
# section 3.1). Notebook 4 measures sinks.
#
# ## 2. Scaled dot-product attention
#
# Every token $t$ asks a **query** $q_t$; every token $s$ offers a **key** $k_s$ and a **value** $v_s$. What $q_t$ gets is a weighted
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
# | $M$ | broadcast to $(B, H, T, S)$ | the mask: 0 where the query may see the key, $-\infty$ where not |
# | weights | $(B, H, T, S)$ | a row for each query; **each row sums to 1** |
# | output | $(B, H, T, D_v)$ | |
#
# It is a soft look-up in a dictionary: instead of the one entry whose key matches, you get a mean of all entries, weighted by how well their keys match.
#
# **Why $\sqrt D$?** Suppose that the entries of $q$ and $k$ are independent, with mean 0 and variance 1. Then each product $q_i k_i$ has mean 0 and variance 1 as well, and the score $q\cdot k$, a sum of $D$ of them, has variance $D$
# (Vaswani et al. 2017, footnote 4). Divided by its standard deviation $\sqrt D$, it has variance 1 for heads of any size. Without this division, large heads get large scores, softmax becomes a hard choice,
# and its gradient vanishes. See for yourself, with 500 random queries and 16 keys:

# %% [markdown] tags=["zh"]
# 左图：270 个头里的绝大多数不做这件事，只有少数几个在做；橙色方框标出了最强的那个。右图：每一行是一个 token，颜色表示这个头在看哪里。左下方的那条斜线就是我们要找的东西：
# 第二遍的每个 token，都看向它第一次出现处的后一个 token。这样的头叫**归纳头**（induction head，Olsson 等 2022）。它不是什么特殊装置，就是一个普通的注意力头，
# 仅仅靠训练，权重就变成了这个样子。它只完成了一半工作，另一半由更早一层的某个头完成（见末尾的思考题 2）。Olsson 等人提出一个**假说**：大部分**上下文学习**
# （in-context learning，即不改权重、只凭提示里的内容学会做事）都来自这种头。对只有注意力层的小模型，他们给出了因果证据；对更大的模型，证据只是相关性。
#
# 最左边颜色最深的那一列是第一个 token。每一行的权重之和必须是 1，找不到匹配时，权重总得有个去处，其中很大一部分就落在那里：
# 这叫**注意力汇聚点**（attention sink，Xiao 等 2023，3.1 节）。第 4 节会对它做测量。
#
# ## 2. 缩放点积注意力
#
# 每个 token $t$ 发出一个**查询**（query）$q_t$；每个 token $s$ 提供一个**键**（key）$k_s$ 和一个**值**（value）$v_s$。$q_t$ 得到的结果是所有值的加权平均，
# 权重取决于各个键与查询有多匹配：
#
# $$\mathrm{weights} = \mathrm{softmax}\!\left(\frac{QK^\top}{\sqrt{D}} + M\right),\qquad \mathrm{output} = \mathrm{weights}\cdot V
# \qquad\text{（Vaswani 等 2017，式 1）}$$
#
# | | 形状 | |
# |---|---|---|
# | $Q$ | $(B, H, T, D)$ | 批大小、头数、查询数、每个头的大小 |
# | $K$ | $(B, H, S, D)$ | 有多少 token 可看就有多少键：$S$ 不一定等于 $T$ |
# | $V$ | $(B, H, S, D_v)$ | 每个键配一个值 |
# | $M$ | 广播到 $(B, H, T, S)$ | 掩码：查询可以看这个键的地方是 0，不可以的地方是 $-\infty$ |
# | 权重 | $(B, H, T, S)$ | 每个查询一行；**每行之和为 1** |
# | 输出 | $(B, H, T, D_v)$ | |
#
# 可以把它看成一次“软”的查字典：不是取出键恰好匹配的那一条，而是按各个键的匹配程度，对所有条目做加权平均。
#
# **为什么要除以 $\sqrt D$？** 假设 $q$、$k$ 的各个分量相互独立，均值为 0、方差为 1。那么每个乘积 $q_i k_i$ 的均值也是 0、方差也是 1；分数 $q\cdot k$ 是 $D$ 个乘积之和，方差就是 $D$
# （Vaswani 等 2017，脚注 4）。除以标准差 $\sqrt D$ 之后，无论头有多大，方差都是 1。如果不除，头越大分数就越大，softmax 会变成非此即彼的硬选择，梯度随之消失。
# 用 500 个随机查询和 16 个键，亲眼看看：

# %%
sizes = [4, 16, 64, 256, 1024]
scores = {D: torch.randn(500, D) @ torch.randn(D, 16) for D in sizes}
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2))
for name, colour, divide in [("q · k", ORANGE, False), ("q · k / √D", BLUE, True)]:
    scaled = {D: scores[D] / math.sqrt(D) if divide else scores[D] for D in sizes}
    weights = {D: s.softmax(-1) for D, s in scaled.items()}
    left.plot(sizes, [weights[D].amax(-1).mean() for D in sizes], "o-", color=colour, label=name)
    slopes = [(w * (1 - w)).mean() for w in weights.values()]
    right.plot(sizes, slopes, "o-", color=colour, label=name)
left.axhline(1 / 16, color=GREY, label=say("all weights alike: 1/16", "所有权重相等：1/16"))
left.set(
    ylim=(0, 1),
    ylabel=say("mean over the queries", "对所有查询取平均"),
    title=say("largest of the 16 weights w", "16 个权重 w 中最大的一个"),
)
right.set(
    ylim=(0, None),
    ylabel=say("mean of w (1 - w)", "w (1 - w) 的平均"),
    title=say("slope of softmax", "softmax 的斜率"),
)
for panel in (left, right):
    panel.set(xscale="log", xlabel=say("size D of a head", "头的大小 D"))
    panel.set_xticks(sizes, sizes)
    panel.minorticks_off()
    panel.legend(frameon=False, fontsize=8)
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# Left: without the division (orange), the largest weight approaches 1 as the head grows; softmax then picks one key. Right: $w(1-w)$ is the derivative of a weight with respect to its own score, so it says how much
# gradient softmax lets through. Without the division, next to nothing is left. With it (blue), both curves are level.
#
# **The mask $M$** says which keys a query may see. We write it as booleans, as `torch.nn.functional.scaled_dot_product_attention` does:
# **True means "may look"**. (`nn.MultiheadAttention` means the opposite by its masks. Read the documentation each time.)
# Where it is False the score becomes $-\infty$ *before* the softmax, so that the weight is 0 and the others still sum to 1.
#
# This lab needs two masks, and `&` combines them:
#
# - **causal**, $(T, S)$: a token must not see those after it. Otherwise, in training to predict the next token, a model could simply copy it. When there are more keys than
#   queries ($S > T$), the queries are the **last** $T$ of the $S$ tokens: that is how text is generated, with the older keys kept in a cache. So the last query
#   sees all keys, and the mask is aligned at the bottom right.
# - **padding**, $(B, 1, 1, S)$: shorter texts of a batch are filled up with padding tokens, so that all rows are equally long. No query may look at them. This mask hides *keys*, so it acts on the last axis.

# %% [markdown] tags=["zh"]
# 左图：不除（橙色）时，头越大，最大的权重越接近 1，softmax 就只挑一个键。右图：$w(1-w)$ 是权重对自身分数的导数，表示 softmax 能让多少梯度通过；
# 不除时几乎一点不剩。除以 $\sqrt D$（蓝色）之后，两条曲线都是平的。
#
# **掩码 $M$** 规定一个查询可以看哪些键。我们用布尔值表示，与 `torch.nn.functional.scaled_dot_product_attention` 一致：
# **True 表示“可以看”**。（`nn.MultiheadAttention` 的掩码含义正好相反，每次都要查文档。）
# 为 False 的地方，分数在 softmax **之前**变成 $-\infty$，于是权重为 0，其余的权重之和仍然是 1。
#
# 本实验需要两种掩码，用 `&` 就能组合：
#
# - **因果掩码**（causal），$(T, S)$：一个 token 不能看到它后面的 token。否则在“预测下一个 token”的训练里，模型照抄就行了。当键比查询多（$S > T$）时，
#   这些查询是 $S$ 个 token 中的**最后** $T$ 个：生成文本时就是如此，更早的键存在缓存里。所以最后一个查询能看到所有键，掩码以右下角对齐。
# - **填充掩码**（padding），$(B, 1, 1, S)$：一批文本里较短的，会加上填充 token，让各行一样长；任何查询都不能看它们。这个掩码屏蔽的是**键**，所以作用在最后一维上。

# %%
figure, panels = plt.subplots(1, 3, figsize=(11, 3.2))
examples = {
    say("causal, T = S = 6", "因果掩码，T = S = 6"): torch.ones(6, 6).tril(),
    say("causal, T = 3, S = 6", "因果掩码，T = 3，S = 6"): torch.ones(3, 6).tril(3),
    say("causal and padding (the last two)", "因果掩码加填充掩码（填充是最后两个）"): (
        torch.ones(6, 6).tril() * torch.tensor([1, 1, 1, 1, 0, 0])
    ),
}
for panel, (title, mask) in zip(panels, examples.items(), strict=True):
    panel.imshow(mask, cmap="Blues", vmin=0, vmax=1.4)
    panel.set_xticks(range(mask.shape[1]))
    panel.set_yticks(range(mask.shape[0]))
    panel.set_xticks([x - 0.5 for x in range(mask.shape[1])], minor=True)
    panel.set_yticks([y - 0.5 for y in range(mask.shape[0])], minor=True)
    panel.grid(which="minor", color="white")
    panel.tick_params(which="minor", length=0)
    panel.set(xlabel=say("key", "键"), ylabel=say("query", "查询"))
    panel.set_title(title, fontsize=10)
figure.suptitle(say("dark: True, the query may see the key", "深色：True，查询可以看这个键"), y=1.03)
plt.show()

# %% [markdown] tags=["en"]
# In the middle, the three queries are the tokens 3, 4 and 5: query 0 sees the keys 0 to 3, and query 2 sees all six. Right: the last two keys are padding, so even their own queries (rows 4 and 5) do not see them.
#
# ### Problem 1 (15 points): `attention_weights`, `scaled_dot_product_attention`, and the masks
#
# Two corners are worth a thought.
#
# - A query that may see *nothing* (a row of padding, say). Softmax over nothing but $-\infty$ is 0/0 = NaN,
#   and one NaN spreads through a whole model. Here such a row of weights is all zeros, and so is its output, as in
#   `F.scaled_dot_product_attention`. (`nn.MultiheadAttention` gives NaN by default, that is, with `need_weights=True`.) Gradients must not be NaN either.
# - Large scores. $e^{100}$ overflows in float32; `Tensor.softmax` subtracts the largest score of a row first, which changes no weight.
#
# In this and all later problems, a function leaves its arguments as they are: change no tensor in place.

# %% [markdown] tags=["zh"]
# 中间的图里，三个查询是第 3、4、5 号 token：第 0 个查询看得到第 0 到 3 号键，第 2 个查询看得到全部六个。右图里最后两个键是填充，连它们自己的查询（第 4、5 行）也看不到它们。
#
# ### 第 1 题（15 分）：`attention_weights`、`scaled_dot_product_attention` 和两种掩码
#
# 有两个边界情况值得想一想。
#
# - 某个查询**什么也不能看**（例如整行都是填充）。对一排 $-\infty$ 做 softmax 得到 0/0 = NaN，
#   而一个 NaN 会传遍整个模型。这里约定：这样一行的权重全为零，输出也为零，与 `F.scaled_dot_product_attention` 一致（`nn.MultiheadAttention` 在默认的 `need_weights=True` 下则会给出 NaN）。梯度同样不能是 NaN。
# - 分数很大。$e^{100}$ 在 float32 里会溢出；`Tensor.softmax` 会先减去一行里最大的分数，这不改变任何权重。
#
# 这道题和以后所有的题里，函数都不能改动传入的参数：不要原地修改张量。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "sdpa-solution", "cell_type": "code"}
def attention_weights(q: Tensor, k: Tensor, mask: Tensor | None = None) -> Tensor:
    """How much each query attends to each key: softmax(q k^T / sqrt(D)) over the visible keys.

    Args:
        q: (B, H, T, D).
        k: (B, H, S, D).
        mask: bool, broadcastable to (B, H, T, S); True where the query may see the key.
            None: everywhere.

    Returns:
        (B, H, T, S): each row sums to 1, with exactly 0 where the mask is False; a row that may
            see nothing is all zeros.
        Scores of 1,000 and more are no problem. Autograd gives the gradients; none is NaN.

    Source: Vaswani et al. 2017, Attention Is All You Need, section 3.2.1.
    ---
    每个查询对每个键的关注程度：在掩码允许的键上，取 softmax(q k^T / sqrt(D))。

    参数：
        q: (B, H, T, D)。
        k: (B, H, S, D)。
        mask: 布尔，可广播到 (B, H, T, S)；True 表示查询可以看这个键。None：哪里都可以看。

    返回：
        (B, H, T, S)：每行之和为 1，掩码为 False 处恰好为 0；什么也不能看的那一行全是零。
        分数大到 1000 以上也不出错。梯度由 autograd 给出，其中没有 NaN。

    出处：Vaswani 等 2017，Attention Is All You Need，3.2.1 节。
    """
    ### BEGIN SOLUTION
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is None:
        return scores.softmax(-1)
    weights = scores.masked_fill(~mask, -math.inf).softmax(-1)
    return weights.masked_fill(~mask, 0.0)  # a row of nothing but -inf is NaN so far
    ### END SOLUTION


def scaled_dot_product_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
) -> Tensor:
    """The values, averaged with attention_weights(q, k, mask).

    Args:
        q, k, mask: as in attention_weights.
        v: (B, H, S, D_v); D_v need not be D.

    Returns:
        (B, H, T, D_v), differentiable in q, k and v; zeros for a query that may see nothing.
    ---
    以 attention_weights(q, k, mask) 为权重，对值取平均。

    参数：
        q, k, mask: 同 attention_weights。
        v: (B, H, S, D_v)；D_v 不一定等于 D。

    返回：
        (B, H, T, D_v)，对 q、k、v 都可求导；什么也不能看的查询得到零。
    """
    ### BEGIN SOLUTION
    return attention_weights(q, k, mask) @ v
    ### END SOLUTION


def causal_mask(n_queries: int, n_keys: int) -> Tensor:
    """Which keys the last n_queries of n_keys tokens may see: themselves and those before.

    Returns:
        (n_queries, n_keys) bool on the CPU, True where the query may see the key; the last
            query sees every key.
    ---
    n_keys 个 token 中的最后 n_queries 个可以看哪些键：它们自己以及之前的。

    返回：
        (n_queries, n_keys)，布尔，在 CPU 上；True 表示查询可以看这个键；最后一个查询能看到所有键。
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
    ---
    对所有查询隐藏填充。

    参数：
        attention_mask: (B, S) int64，真实 token 处为 1，填充处为 0，即分词器给出的形式。

    返回：
        (B, 1, 1, S)，布尔：真实 token 处为 True。
    """
    ### BEGIN SOLUTION
    return attention_mask.bool()[:, None, None, :]
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 15, "schema_version": 3, "grade_id": "sdpa", "cell_type": "code"}
labkit.check("sdpa")

# %% [markdown] tags=["en"]
# **The library's version.** PyTorch computes the same in one call. Where a *fused* kernel applies, as here, it is faster, because it never writes the $(T, S)$ weights to memory: it
# goes through the keys block by block and corrects the softmax as it goes (FlashAttention, Dao et al. 2022, section 3.1). Where none applies, it falls back to the plain formula. The price of a fused kernel: nobody can look at the weights.
#
# One trap: `is_causal=True` aligns the mask at the **top left** when $S \ne T$. With a cache, pass your own mask.

# %% [markdown] tags=["zh"]
# **库里的版本。** PyTorch 一个调用就能算出同样的结果。在能用**融合内核**的时候（例如这里），它更快，因为它从不把 $(T, S)$ 的权重矩阵写进内存：
# 它逐块扫过键，边走边修正 softmax（FlashAttention，Dao 等 2022，3.1 节）。没有合适的融合内核时，它退回到照公式计算。融合内核的代价是：再也看不到权重了。
#
# 一个陷阱：$S \ne T$ 时，`is_causal=True` 的掩码以**左上角**对齐。带缓存时，请传入自己的掩码。

# %%
q, k, v = (torch.randn(2, 9, 1024, 64) for _ in range(3))
mask = causal_mask(1024, 1024)
for name, attend in [
    (say("yours  ", "你的   "), lambda: scaled_dot_product_attention(q, k, v, mask)),
    ("PyTorch", lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True)),
]:
    attend()
    start = time.perf_counter()
    result = attend()
    milliseconds = 1000 * (time.perf_counter() - start)
    shown = ", ".join(f"{value:.4f}" for value in result[0, 0, 5, :3].tolist())
    print(f"{name} {milliseconds:6.0f} ms    output[0, 0, 5, :3] = {shown}")
theirs = F.scaled_dot_product_attention(q, k, v, is_causal=True)
difference = (scaled_dot_product_attention(q, k, v, mask) - theirs).abs().max()
megabytes = 2 * 9 * 1024 * 1024 * 4 / 1e6
print(
    say(
        f"largest difference {difference:.1e}; your attention weights take {megabytes:.0f} MB",
        f"最大差异 {difference:.1e}；你的注意力权重占 {megabytes:.0f} MB",
    )
)

# %% [markdown] tags=["en"]
# ## 3. Many heads
#
# One softmax makes one mean. A token that needs the *subject* from one place and the *verb* from another gets a blend of the two. So the
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
# **The pitfall of this section.** `view(B, H, T, D)` runs, gives the right shape, and is wrong. Memory holds token after token, so the axis of tokens
# must come before the axis of heads: first `view(B, T, H, D)`, then `transpose(1, 2)`.
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
# c (B, S, d) ── k_proj ─→   …                                              (B, H, S, D) ├─ 注意力 ─→ (B, H, T, D)
# c (B, S, d) ── v_proj ─→   …                                              (B, H, S, D) ┘                │
#                                (B, T, d) ←─ o_proj ─ (B, T, d) ←─ reshape ─ (B, T, H, D) ←─ transpose ──┘
# ```
#
# $c = x$ 时叫**自注意力**（self-attention）；$c$ 是另一个序列（待翻译的句子、一张图）时叫**交叉注意力**（cross-attention）。
#
# **这一小节的坑。** `view(B, H, T, D)` 能运行，形状也对，结果却是错的：内存里是一个 token 接一个 token 排的，所以 token 那一维必须在头那一维之前。
# 要先 `view(B, T, H, D)`，再 `transpose(1, 2)`。
#
# ### 第 2 题（13 分）：`MultiHeadAttention`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "multi-head-solution", "cell_type": "code"}
class MultiHeadAttention(nn.Module):
    """H heads that attend independently, and a matrix that mixes what they found.

    Attributes:
        q_proj, k_proj, v_proj, o_proj: nn.Linear(d_model, d_model).
            Nothing else is in the state dict. With D = d_model / n_heads, head h has columns
            h * D to (h + 1) * D - 1 of the outputs of q_proj, k_proj and v_proj;
            its result stands in the same columns of the input of o_proj.
        n_heads: int.

    Source: Vaswani et al. 2017, section 3.2.2.
    ---
    H 个各自独立的注意力头，再用一个矩阵把它们找到的东西混合起来。

    属性：
        q_proj, k_proj, v_proj, o_proj: nn.Linear(d_model, d_model)；state dict 里没有别的东西。
            第 h 个头使用 q_proj、k_proj、v_proj 输出的第 h * D 到 (h + 1) * D - 1 列，
            D = d_model / n_heads；
            它的结果放在 o_proj 输入的同样几列。
        n_heads: int。

    出处：Vaswani 等 2017，3.2.2 节。
    """

    def __init__(self, d_model: int, n_heads: int, bias: bool = True) -> None:
        """Raises ValueError when n_heads does not divide d_model. `bias`: whether all four
        projections have one, or none.
        ---
        d_model 不能被 n_heads 整除时抛出 ValueError。`bias`：四个投影是都有偏置，还是都没有。
        """
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

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """The queries come from x, keys and values from the context.

        Args:
            x: (B, T, d_model).
            context: (B, S, d_model), S may differ from T; None: x itself.
            mask: bool, broadcastable to (B, n_heads, T, S); True where the query may see the
                key. None: everywhere.

        Returns:
            (B, T, d_model), differentiable in x, the context and all parameters.
        ---
        查询来自 x，键和值来自 context。

        参数：
            x: (B, T, d_model)。
            context: (B, S, d_model)，S 可以不等于 T；None：就是 x 自己。
            mask: 布尔，可广播到 (B, n_heads, T, S)；True 表示查询可以看这个键。None：哪里都可以看。

        返回：
            (B, T, d_model)，对 x、context 和所有参数都可求导。
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
# **The library's version** is `nn.MultiheadAttention`. It keeps the three input matrices in one, `in_proj_weight` $(3d, d)$. With your weights in it, its output must
# agree with yours.

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
    for name, other in [(say("self-attention", "自注意力"), x), (say("cross-attention", "交叉注意力"), context)]:
        difference = (mine(x, other) - theirs(x, other, other)[0]).abs().max()
        print(say(f"{name}: largest difference {difference:.1e}", f"{name}：最大差异 {difference:.1e}"))

# %% [markdown] tags=["en"]
# **Something is missing.** Shuffle the tokens and then compute attention. Or compute attention first, and shuffle its outputs. Is the result the same?

# %% [markdown] tags=["zh"]
# **少了点什么。** 把 token 打乱。先打乱再做注意力，和先做注意力再打乱输出，结果一样吗？

# %%
shuffle = torch.randperm(7)
with torch.no_grad():
    difference = (mine(x[:, shuffle]) - mine(x)[:, shuffle]).abs().max()
print(
    say(
        f"tokens in the order {shuffle.tolist()}: largest difference {difference:.1e}",
        f"token 的次序为 {shuffle.tolist()}：最大差异 {difference:.1e}",
    )
)

# %% [markdown] tags=["en"]
# It is the same: the same vectors, in another order. Self-attention without a mask sees a sentence as a *multiset* of words. It knows which words there are and how often, but not in what order: "dog bites man" and "man bites dog" are one and
# the same. Order has to be put in.
#
# ## 4. Rotary position embeddings
#
# The original Transformer adds a vector for each position to the input (you will, in the next notebook). Most of today's models do it differently:
# they **rotate** queries and keys before they are compared (RoPE, Su et al. 2021). Take the entries of a head in pairs. Pair number $i$ of a token at
# position $p$ is turned in its plane by the angle $p\,\theta_i$:
#
# $$\begin{pmatrix} x'_i \\ x'_{i+D/2} \end{pmatrix} =
# \begin{pmatrix} \cos p\theta_i & -\sin p\theta_i \\ \sin p\theta_i & \cos p\theta_i \end{pmatrix}
# \begin{pmatrix} x_i \\ x_{i+D/2} \end{pmatrix},\qquad \theta_i = \mathrm{base}^{-2i/D},\quad i = 0, \dots, \tfrac D2 - 1 .$$
#
# When two vectors are both turned, their dot product depends only on the *difference* of the angles. So, for given $q$ and $k$, the score of a query at position $m$ and a key at position $n$ depends on the positions only through $m - n$. What
# the model learns about "three words back" holds everywhere in the text. The first pairs turn fast and tell neighbours apart; the last pairs hardly turn, so that they change little over long distances.
#
# **The pitfall of this section.** Which entries make a pair? The paper takes neighbours, $(x_0, x_1), (x_2, x_3), \dots$, and so do the checkpoints that Meta itself publishes for Llama. Hugging Face takes **halves**: $x_i$ with $x_{i+D/2}$, as above; when it
# converts Meta's checkpoints, it reorders the rows of `q_proj` and `k_proj` to fit. Either is fine for a model of your own. With weights that others have trained, the wrong pairing raises no error, but the model gets worse: notebook 3 measures by how much.

# %% [markdown] tags=["zh"]
# 结果一样：还是那些向量，只是换了次序。在没有掩码的自注意力眼里，句子是词的**多重集**：它知道有哪些词、各出现几次，但不知道次序。“狗咬人”和“人咬狗”没有区别。顺序必须另外放进去。
#
# ## 4. 旋转位置编码
#
# 最初的 Transformer 给输入加上一个代表位置的向量（下一个笔记本里你会写到）。近几年的模型大多换了做法：
# 在比较查询和键之前，先把它们**旋转**（RoPE，Su 等 2021）。把一个头的分量两两配对；处在位置 $p$ 的 token，它的第 $i$ 对在自己的平面里转过角度 $p\,\theta_i$：
#
# $$\begin{pmatrix} x'_i \\ x'_{i+D/2} \end{pmatrix} =
# \begin{pmatrix} \cos p\theta_i & -\sin p\theta_i \\ \sin p\theta_i & \cos p\theta_i \end{pmatrix}
# \begin{pmatrix} x_i \\ x_{i+D/2} \end{pmatrix},\qquad \theta_i = \mathrm{base}^{-2i/D},\quad i = 0, \dots, \tfrac D2 - 1 .$$
#
# 两个向量都转过之后，点积只取决于角度之**差**。所以对给定的 $q$ 和 $k$，位置 $m$ 的查询与位置 $n$ 的键，它们的分数只通过 $m - n$ 依赖于位置。
# 模型学到的“往前数第三个词”，在文本的任何地方都成立。靠前的那些对转得快，用来分辨近邻；靠后的几乎不转，隔得很远也变化不大。
#
# **这一小节的坑。** 哪两个分量算一对？论文里取相邻的：$(x_0, x_1), (x_2, x_3), \dots$，Meta 自己发布的 Llama 权重也是如此。Hugging Face 取的是**前后两半**：
# $x_i$ 配 $x_{i+D/2}$，如上式；转换 Meta 的权重时，它会相应地调换 `q_proj` 和 `k_proj` 各行的次序。自己从头训练，哪种都行；但若用别人的权重，配错了不会报错，模型却会变差：
# 第 3 节会测量差多少。

# %% [markdown] tags=["en"]
# ### Problem 3 (17 points): `apply_rope`, and `repeat_kv` and `GroupedQueryAttention` below
#
# Positions are given, never assumed. A chunk of text that continues another may begin at 100, and in a batch that is padded on the left each row starts elsewhere.
# Compute the angles in float32, whatever the dtype of $x$: in bfloat16 there is no number between 256 and 258. Tensors that you create belong on the device of $x$.
#
# The check cell stands below `GroupedQueryAttention`. Run it whenever you like: it says what is not written yet.

# %% [markdown] tags=["zh"]
# ### 第 3 题（17 分）：`apply_rope`，以及下面的 `repeat_kv` 和 `GroupedQueryAttention`
#
# 位置是参数给的，不能想当然：接着前文的一段文字也许从 100 开始；左侧填充的一批文本里，每一行的起点都不同。
# 无论 $x$ 是什么 dtype，角度都要用 float32 计算：在 bfloat16 里，256 和 258 之间没有别的数。新建的张量要放在 $x$ 所在的设备上。
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
        (x[i], x[i + D/2]) becomes (x[i] cos - x[i + D/2] sin, x[i] sin + x[i + D/2] cos),
        for i = 0, ..., D/2 - 1.

    Source: Su et al. 2021, RoFormer, section 3.4.2; in halves, as in Hugging Face's Llama.
    ---
    把每个 token 的每一对 (x[i], x[i + D/2]) 旋转 位置 * base^(-2i/D) 的角度。

    参数：
        x: (B, H, T, D)，查询或键；D 是偶数。
        positions: (T,) int64；若一批里各行的位置不同，则为 (B, T)。
        base: 越大，靠后的对转得越慢。

    返回：
        (B, H, T, D)，dtype 与 x 相同；角度用 float32 计算。
        (x[i], x[i + D/2]) 变成 (x[i] cos - x[i + D/2] sin, x[i] sin + x[i + D/2] cos)，
        i = 0, ..., D/2 - 1。

    出处：Su 等 2021，RoFormer，3.4.2 节；取前后两半而不是相邻两个，与 Hugging Face 的 Llama 一致。
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
# **Look at it.** Left: the same vector (all entries alike), used as query at every position $m$ and as key at every position $n$. Each diagonal has one colour: only $m - n$ counts. Right: the same product by distance, for two bases.

# %% [markdown] tags=["zh"]
# **看一眼。** 左图：同一个向量（各分量都相等），在每个位置 $m$ 当查询，在每个位置 $n$ 当键。每条对角线颜色一致：起作用的只有 $m - n$。右图：同样的点积随距离的变化，画了两种 base。

# %%
steps = torch.arange(64)
ones = torch.ones(1, 1, 64, 64) / 8
turned = apply_rope(ones, steps)[0, 0]
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), width_ratios=[1, 1.5])
image = left.imshow(turned @ turned.T, cmap="RdBu_r", vmin=-1, vmax=1)
left.set(
    xlabel=say("position n of the key", "键的位置 n"),
    ylabel=say("position m of the query", "查询的位置 m"),
    title=say("q · k, both turned", "q · k，两者都旋转过"),
)
figure.colorbar(image, ax=left, label=say("dot product", "点积"))
distances = torch.arange(2048)
long = torch.ones(1, 1, 2048, 64) / 8
for base, colour in [(10_000.0, BLUE), (500_000.0, ORANGE)]:
    turned = apply_rope(long, distances, base)[0, 0]
    products = turned @ turned[0]
    right.plot(distances[1:], products[1:], color=colour, lw=1, label=f"base = {base:,.0f}")
right.axhline(0, color=GREY, lw=0.8)
right.set(
    xscale="log",
    xlabel=say("distance m - n", "距离 m - n"),
    ylabel=say("dot product", "点积"),
    title=say("the same vector at two places", "同一个向量放在两个位置"),
)
right.legend(frameon=False)
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# For this vector, nearby is similar and far away fades, with ripples; a larger base reaches further (Llama 3 uses 500,000: Grattafiori et al. 2024, section 3.2). It is not a law for every query and key: a trained model can keep a score alive over long distances in the pairs that
# hardly turn, and use the fast ones to point at one exact position (Barbero et al. 2024).
#
# ## 5. Fewer keys and values
#
# A model that generates keeps the keys and values of all tokens so far: the **KV cache**. Per token that is $2 \cdot \text{layers}\cdot H \cdot D$ numbers. With many long texts at once,
# it can take more memory than the weights. So let several query heads **share** one head of keys and values. With $G$ heads of keys and values:
#
# - $G = H$ is multi-head attention (MHA); $G = 1$ is multi-query attention (MQA, Shazeer 2019);
# - in between is **grouped-query attention** (GQA, Ainslie et al. 2023). Llama 3, Mistral 7B and Qwen2 use it, and so do the two smaller SmolLM2 models: 3 heads of keys for 9 of queries (135M), 5 for 15 (360M).
#
# Query heads $0 \dots \frac HG - 1$ share the first key head, the next $\frac HG$ the second, and so on: *neighbours* share.
#
# | query head | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 |
# |---|---|---|---|---|---|---|---|---|---|
# | key and value head, $H = 9$, $G = 3$ | 0 | 0 | 0 | 1 | 1 | 1 | 2 | 2 | 2 |

# %% [markdown] tags=["zh"]
# 对这个向量来说，近处相似，远处衰减，中间有起伏；base 越大看得越远（Llama 3 用 500,000：Grattafiori 等 2024，3.2 节）。但这并不是对任何查询和键都成立的规律：
# 训练好的模型可以用几乎不转的那些对，让分数隔很远也不衰减，再用转得快的那些对指向某个确切的位置（Barbero 等 2024）。
#
# ## 5. 更少的键和值
#
# 生成文本时，模型要保存到目前为止所有 token 的键和值，这就是 **KV 缓存**。每个 token 要存 $2 \cdot \text{层数}\cdot H \cdot D$ 个数；
# 同时处理许多长文本时，它占的内存可能比权重还大。于是让几个查询头**共用**一个键和值的头。设键和值各有 $G$ 个头：
#
# - $G = H$ 就是多头注意力（MHA）；$G = 1$ 是多查询注意力（multi-query attention，MQA，Shazeer 2019）；
# - 介于两者之间的是**分组查询注意力**（grouped-query attention，GQA，Ainslie 等 2023）。Llama 3、Mistral 7B、Qwen2 用它，SmolLM2 的两个较小的型号也用它：9 个查询头配 3 个键头（135M），15 个配 5 个（360M）。
#
# 第 $0 \dots \frac HG - 1$ 个查询头共用第一个键头，接下来的 $\frac HG$ 个共用第二个，依此类推：共用的是**相邻**的头。
#
# | 查询头 | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 |
# |---|---|---|---|---|---|---|---|---|---|
# | 键和值的头，$H = 9$，$G = 3$ | 0 | 0 | 0 | 1 | 1 | 1 | 2 | 2 | 2 |


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "gqa-solution", "cell_type": "code"}
def repeat_kv(x: Tensor, n: int) -> Tensor:
    """(B, G, S, D) -> (B, G * n, S, D): each head n times in a row, so that neighbours among the
    query heads share it.
    ---
    (B, G, S, D) -> (B, G * n, S, D)：每个头连续出现 n 次，让相邻的查询头共用它。
    """
    ### BEGIN SOLUTION
    return x.repeat_interleave(n, dim=1)
    ### END SOLUTION


class GroupedQueryAttention(nn.Module):
    """Self-attention with rotary positions, whose n_heads query heads share n_kv_heads heads of
    keys and values.

    No projection has a bias. With D = d_model / n_heads, query head h has columns h * D to
    (h + 1) * D - 1 of the output of q_proj, and its result stands in the same columns of the
    input of o_proj. Key and value head g has columns g * D to (g + 1) * D - 1 of the outputs of
    k_proj and v_proj.
    Query head h uses the key and value head h // (n_heads / n_kv_heads).

    Attributes:
        q_proj, o_proj: nn.Linear(d_model, d_model).
        k_proj, v_proj: nn.Linear(d_model, n_kv_heads * D). Their four weights are all that the
            state dict has.
        n_heads, n_kv_heads: int.    rope_base: float, the base of apply_rope.

    Source: Ainslie et al. 2023, GQA, section 2.2; Touvron et al. 2023, Llama 2, section 2.2.
    ---
    带旋转位置的自注意力，n_heads 个查询头共用 n_kv_heads 个键和值的头。

    所有投影都没有偏置。记 D = d_model / n_heads。第 h 个查询头使用 q_proj 输出的
    第 h * D 到 (h + 1) * D - 1 列，它的结果放在 o_proj 输入的同样几列；第 g 个键和值的头
    使用 k_proj、v_proj 输出的第 g * D 到 (g + 1) * D - 1 列。
    第 h 个查询头使用第 h // (n_heads / n_kv_heads) 个键和值的头。

    属性：
        q_proj, o_proj: nn.Linear(d_model, d_model)。
        k_proj, v_proj: nn.Linear(d_model, n_kv_heads * D)。state dict 里只有这四个权重。
        n_heads, n_kv_heads: int。    rope_base: float，即 apply_rope 的 base。

    出处：Ainslie 等 2023，GQA，2.2 节；Touvron 等 2023，Llama 2，2.2 节。
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        n_kv_heads: int,
        rope_base: float = 10_000.0,
    ) -> None:
        """Raises ValueError when n_heads does not divide d_model, or n_kv_heads does not divide
        n_heads.
        ---
        d_model 不能被 n_heads 整除，或 n_heads 不能被 n_kv_heads 整除时，抛出 ValueError。
        """
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

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """Queries and keys are turned by positions (after the split into heads); values are not.

        Args:
            x: (B, T, d_model).
            mask: bool, broadcastable to (B, n_heads, T, T); True where the query may see the
                key. None: everywhere.
            positions: (T,) or (B, T) int64; None: 0, 1, ..., T - 1.

        Returns:
            (B, T, d_model), differentiable in x and in all parameters.
        ---
        查询和键按各自的位置旋转（在拆成多个头之后），值不旋转。

        参数：
            x: (B, T, d_model)。
            mask: 布尔，可广播到 (B, n_heads, T, T)；True 表示查询可以看这个键。None：哪里都可以看。
            positions: (T,) 或 (B, T) int64；None：0, 1, ..., T - 1。

        返回：
            (B, T, d_model)，对 x 和所有参数都可求导。
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
# **With a real model.** Put the weights of SmolLM2's layer with the induction head into *your* module. Give it what that layer reads when SmolLM2 sees the nonsense of section 1, and compare its output with that of
# Hugging Face's layer.

# %% [markdown] tags=["zh"]
# **用真模型检验。** 把 SmolLM2 里归纳头所在那一层的权重装进**你的**模块，把 SmolLM2 读第 1 小节那串胡话时这一层的输入喂给它，再与 Hugging Face 那一层的输出比较。


# %%
def seen_by_layer(ids: Tensor) -> tuple[Tensor, Tensor]:
    """What the attention of layer `layer_index` reads and writes for the tokens `ids` (1, T): each
    (1, T, d_model).
    ---
    对 `ids` (1, T)，第 `layer_index` 层的注意力读到什么、写出什么：形状都是 (1, T, d_model)。
    """
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
    config.hidden_size,
    config.num_attention_heads,
    config.num_key_value_heads,
    config.rope_parameters["rope_theta"],
).to(DEVICE, DTYPE)
mine.load_state_dict(model.model.layers[layer_index].self_attn.state_dict())

hidden, expected = seen_by_layer(ids)
with torch.no_grad():
    written = mine(hidden, mask=causal_mask(ids.shape[1], ids.shape[1]).to(DEVICE))
print(
    say(
        f"{mine.n_heads} query heads, {mine.n_kv_heads} key heads, base {mine.rope_base:,.0f}",
        f"{mine.n_heads} 个查询头，{mine.n_kv_heads} 个键头，base 为 {mine.rope_base:,.0f}",
    )
)
difference, largest = (written - expected).abs().max(), expected.abs().max()
print(
    say(
        f"largest difference {difference:.1e}, where the values are up to {largest:.1f}",
        f"最大差异 {difference:.1e}，而输出值最大到 {largest:.1f}",
    )
)

# %% [markdown] tags=["en"]
# You have written Llama's attention. So your functions can also show where the head looks in a real sentence. SmolLM2's tokenizer cuts many Chinese characters into
# two or three byte tokens; for the picture, the tokens of one character or word are put together, and the dot stands for the very first token.

# %% [markdown] tags=["zh"]
# 你写出了 Llama 的注意力。所以也可以用你的函数看看，这个头在真实的句子里看的是哪里。SmolLM2 的分词器会把许多汉字切成两三个字节 token；
# 画图时，属于同一个字或同一个词的 token 合并在一起，圆点代表最前面的那个 token。


# %%
def head_weights(ids: Tensor) -> Tensor:
    """(T, T): the attention of the induction head, by your own functions.
    ---
    (T, T)：归纳头的注意力权重，用你自己的函数算出。
    """
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
    """The head's attention between the pieces (words or characters) of a text: mean over a piece's
    queries, sum over its keys.
    ---
    这个头在一段文本的各个片段（词或字）之间的注意力：对片段内的查询取平均，对片段内的键求和。
    """
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    weights = head_weights(torch.tensor([[BOS, *encoded["input_ids"]]], device=DEVICE))
    starts = [start for start, _ in encoded["offset_mapping"]]
    inside_word = re.compile(r"(?<=[a-zA-Z])[a-zA-Z]")
    pieces = sorted({start for start in starts if not inside_word.match(text, start)})
    group = torch.tensor([0] + [bisect.bisect(pieces, start) for start in starts])
    gather = F.one_hot(group).float()
    weights = (gather / gather.sum(0)).T @ weights @ gather
    ends = [*pieces[1:], len(text)]
    labels = ["·"] + [text[a:b].strip() for a, b in zip(pieces, ends, strict=True)]
    rotation = 90 if max(map(len, labels)) > 1 else 0
    image = axes.imshow(weights, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=rotation, fontsize=9)
    axes.set_yticks(range(len(labels)), labels, fontsize=9)
    axes.set(xlabel=say("is looked at", "被看的"), ylabel=say("looks", "在看的"))
    axes.figure.colorbar(image, ax=axes, shrink=0.7, label=say("attention weight", "注意力权重"))


figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.4))
draw_attention(left, "Zav met Toma at noon. In the evening Zav met Toma again.")
draw_attention(right, "白日依山尽，黄河入海流。白日依山尽，黄河入海流。")
figure.suptitle(
    say(
        f"layer {layer_index}, head {head_index}, computed by your code",
        f"第 {layer_index} 层第 {head_index} 个头，由你的代码算出",
    )
)
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# Where something comes again, the head follows its first occurrence, one token ahead: the second "Zav" (two tokens) looks at the rest of the first "Zav" and at the "met" behind it. On the Chinese poem
# (by Wang Zhihuan), in a language that this model hardly speaks, the same head draws the same stripe. For this it needs no meaning: it
# finds what stood there before, and what came after it.
#
# **What sharing saves.** The cache of one token, and of a conversation of 8,192 tokens, in bfloat16 (2 bytes per number). `shapes` lists the layers, the query heads, the key heads and the size of a head, from the models' configurations:

# %% [markdown] tags=["zh"]
# 凡是重复出现的地方，这个头都盯着它第一次出现的位置，而且领先一个 token：第二个“Zav”（两个 token）看向第一个“Zav”余下的部分，以及它后面的“met”。
# 换成一首中文诗（王之涣《登鹳雀楼》），虽然这个模型几乎不会说中文，同一个头画出的还是同样的斜线。做这件事用不着懂词义，只要找到：之前哪里出现过，后面跟的是什么。
#
# **共享省下了什么。** 一个 token 的缓存，以及一段 8,192 个 token 的对话的缓存，按 bfloat16（每个数 2 字节）计算。`shapes` 里依次是层数、查询头数、键头数、每个头的大小，都取自各模型的配置：

# %%
shapes = {
    "SmolLM2-135M": (30, 9, 3, 64),
    "Mistral-7B": (32, 32, 8, 128),
    "Llama-3.1-8B": (32, 32, 8, 128),
    "Llama-3.1-70B": (80, 64, 8, 128),
}
figure, axes = plt.subplots(figsize=(8, 2.8))
print(
    say(
        f"{'':16}{'per token':>12}{'8,192 tokens':>15}{'without sharing':>18}",
        f"{'':16}{'每个 token':>10}{'8,192 个 token':>14}{'不共享':>15}",
    )
)
for row, (name, (layers, heads, kv_heads, d_head)) in enumerate(shapes.items()):
    token, unshared = (2 * layers * count * d_head * 2 for count in (kv_heads, heads))
    shared, separate = token * 8192 / 2**30, unshared * 8192 / 2**30
    print(f"{name:16}{token / 1024:>8.1f} KiB{shared:>11.2f} GiB{separate:>14.2f} GiB")
    label = say("every query head has its own", "每个查询头各有一份") if row == 0 else None
    axes.barh(row, separate, color=GREY, label=label)
    axes.barh(row, shared, color=BLUE, label=say("heads share", "多个头共用") if row == 0 else None)
axes.set_yticks(range(len(shapes)), shapes)
axes.invert_yaxis()
axes.set(
    xlabel=say("GiB for 8,192 tokens", "8,192 个 token 占用的 GiB"),
    title=say("KV cache of one conversation", "一段对话的 KV 缓存"),
)
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# The blue part is $G/H$ of the grey one: a third for SmolLM2, a quarter for the models of 7 and 8 billion parameters, an eighth for the one of 70 billion.
#
# ## Summary
#
# - Attention is a soft look-up: each output is a mean of values, weighted by a softmax of $q\cdot k/\sqrt D$ over the keys that may be seen.
# - The mask comes before the softmax. Causal masks are aligned at the bottom right; padding masks keys.
# - Heads are a matter of shape: `view`, `transpose`, and back. Without positions and masks, attention sees a multiset.
# - RoPE turns queries and keys by their positions; for given $q$ and $k$, only the distance remains. Halves or neighbours: ask whose weights you have.
# - GQA shares keys and values among neighbouring query heads, and shrinks the cache to $G/H$.
#
# ## Today (2026)
#
# What you have built is still at the core of most language models. This is what newer ones change. The names in brackets are folders under `transformers/models` of the library installed here (release 5.23), where you can read each change as code:
#
# - **Smaller caches.** Multi-head latent attention does not cache keys and values. It keeps one short vector per token, and a small key for RoPE (DeepSeek-V2 2024, section 2.1; `deepseek_v3`). DeepSeek-V4 also caches several tokens as one compressed entry; in some of its layers, each query then reads only a few of these entries (`deepseek_v4`).
# - **Windows.** Of every six layers of Gemma 3, five look only at the last 1,024 tokens or fewer (Gemma 3 report 2025, section 2); OLMo 3 has a window in three layers of four, gpt-oss in every second one (`gemma3`, `olmo3`, `gpt_oss`).
# - **Linear attention.** Qwen3.5 replaces three of four attention layers by a gated delta rule, a memory of fixed size (`qwen3_5`).
# - **A place for the sink.** gpt-oss gives each head a learned score that takes part in the softmax and is then dropped; Qwen3.5 multiplies the output of attention by a learned gate (`gpt_oss`, `qwen3_5`).
# - **QK-norm.** OLMo 2, Qwen3 and Gemma 3 normalise queries and keys before they are compared, so that scores cannot grow without bound (`olmo2`, `qwen3`, `gemma3`).
# - **Positions.** RoPE is stretched for texts longer than those of training (YaRN: Peng et al. 2023); SmolLM3 leaves it out in every fourth layer (`smollm3`).
#
# ## Three questions to think about
#
# 1. The cost of attention grows with $T \cdot S$. Which of the objects in this notebook is that large, and what does FlashAttention do about it? What does it *not* change?
# 2. An induction head needs a head in an **earlier** layer to work with. What must that one have written into each token? (Find it: whose attention goes to the token just before?)
# 3. Suppose a model with RoPE of base 10,000 was trained on texts of 2,048 tokens. Which angles of the last pairs has it never seen, and what may happen beyond 2,048? Why does a larger base help?
#
# ## Further reading
#
# - Vaswani et al. 2017, *Attention Is All You Need*: section 3.2.
# - Su et al. 2021, *RoFormer: Enhanced Transformer with Rotary Position Embedding*: section 3.
# - Barbero et al. 2024, *Round and Round We Go! What makes Rotary Positional Encodings useful?*
# - Shazeer 2019, *Fast Transformer Decoding: One Write-Head is All You Need*: section 3.
# - Ainslie et al. 2023, *GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints*: section 2.
# - Olsson et al. 2022, *In-context Learning and Induction Heads*: the section on key concepts.
# - Dao et al. 2022, *FlashAttention*: section 3.1.
# - Xiao et al. 2023, *Efficient Streaming Language Models with Attention Sinks*: section 3.1.
# - Grattafiori et al. 2024, *The Llama 3 Herd of Models*: section 3.2.

# %% [markdown] tags=["zh"]
# 蓝色部分是灰色的 $G/H$：SmolLM2 是三分之一，70 亿和 80 亿参数的模型是四分之一，700 亿参数的模型是八分之一。
#
# ## 小结
#
# - 注意力是一次软查找：每个输出都是值的加权平均，权重是可见的键上 $q\cdot k/\sqrt D$ 的 softmax。
# - 掩码在 softmax 之前。因果掩码以右下角对齐；填充掩码屏蔽的是键。
# - 多头只是形状的事：`view`、`transpose`，再变回来。没有位置信息和掩码，注意力看到的只是一个多重集。
# - RoPE 按位置旋转查询和键；对给定的 $q$ 和 $k$，最后只剩下距离。取前后两半还是取相邻，要看你用的是谁的权重。
# - GQA 让相邻的查询头共用键和值，缓存缩小到原来的 $G/H$。
#
# ## 今天（2026 年）
#
# 你写出来的东西，至今仍是大多数语言模型的核心。下面是较新的模型所做的改动。括号里是这里安装的库（5.23 版）`transformers/models` 之下的文件夹名，每项改动都能在那里读到代码：
#
# - **更小的缓存。** 多头潜在注意力（multi-head latent attention）不存键和值，每个 token 只存一个较短的向量，外加一个给 RoPE 用的小的键（DeepSeek-V2 2024，2.1 节；`deepseek_v3`）。DeepSeek-V4 还把若干个 token 压缩成一项来缓存；在它的一部分层里，每个查询只读其中几项（`deepseek_v4`）。
# - **滑动窗口。** Gemma 3 每六层里有五层只看最近 1,024 个或更少的 token（Gemma 3 技术报告 2025，第 2 节）；OLMo 3 每四层有三层带窗口，gpt-oss 每两层有一层（`gemma3`、`olmo3`、`gpt_oss`）。
# - **线性注意力。** Qwen3.5 每四个注意力层就有三个换成门控 delta 规则（gated delta rule），即一块大小固定的记忆（`qwen3_5`）。
# - **给汇聚点一个位置。** gpt-oss 给每个头一个学出来的分数，让它参加 softmax，然后丢掉；Qwen3.5 把注意力的输出乘上一个学出来的门（`gpt_oss`、`qwen3_5`）。
# - **QK-norm。** OLMo 2、Qwen3、Gemma 3 在比较之前先对查询和键做归一化，分数就不会无限增大（`olmo2`、`qwen3`、`gemma3`）。
# - **位置。** 文本比训练时更长，就把 RoPE 拉伸（YaRN：Peng 等 2023）；SmolLM3 每四层有一层不用 RoPE（`smollm3`）。
#
# ## 三个思考题
#
# 1. 注意力的开销随 $T \cdot S$ 增长。这个笔记本里哪个对象有这么大？FlashAttention 对此做了什么？它**没有**改变的又是什么？
# 2. 归纳头需要**更早**的层里有另一个头配合。那个头必须往每个 token 里写进什么？（把它找出来：谁的注意力总落在前一个 token 上？）
# 3. 假设一个模型用 base 为 10,000 的 RoPE，在 2,048 个 token 的文本上训练。最后那几对里，哪些角度是它从没见过的？超出 2,048 之后可能会怎样？为什么更大的 base 有帮助？
#
# ## 延伸阅读
#
# - Vaswani 等 2017，《Attention Is All You Need》：3.2 节。
# - Su 等 2021，《RoFormer: Enhanced Transformer with Rotary Position Embedding》：第 3 节。
# - Barbero 等 2024，《Round and Round We Go! What makes Rotary Positional Encodings useful?》。
# - Shazeer 2019，《Fast Transformer Decoding: One Write-Head is All You Need》：第 3 节。
# - Ainslie 等 2023，《GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints》：第 2 节。
# - Olsson 等 2022，《In-context Learning and Induction Heads》：关键概念一节。
# - Dao 等 2022，《FlashAttention》：3.1 节。
# - Xiao 等 2023，《Efficient Streaming Language Models with Attention Sinks》：3.1 节。
# - Grattafiori 等 2024，《The Llama 3 Herd of Models》：3.2 节。
