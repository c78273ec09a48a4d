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
# # Lab 04, notebook 3: embeddings
#
# A language model begins with a table: one vector for each token. Where does the meaning in such a vector come from? In this notebook you train the table alone,
# with the method that made word vectors famous: **skip-gram with negative sampling** (word2vec, 2013). Then you see what it cannot do, and a Transformer can.
#
# **You will be able to**
# - say what the words around a word tell about it, and cut a text into (word, neighbour) pairs;
# - write the loss of skip-gram with negative sampling, without overflow, and train it on real English and Chinese text;
# - find a word's neighbours by cosine, draw the vectors in the plane, and get the same from a matrix factorisation;
# - take *contextual* vectors from a real encoder, one for each occurrence of a word, and pool them over a sentence.
#
# **Time** about two hours. Running everything takes about a minute on two CPU cores.
#
# **You need** tensors and `nn.Module` in PyTorch. Nothing from the earlier notebooks.
#
# **How it works** Cells with `# YOUR CODE HERE` are yours. The problem ends in a check cell that tries a few small cases at
# once; `labkit.check("skip-gram")` may be run at any time: what is not written yet shows ○. The score comes from other, hidden tests. All other cells just run.

# %% [markdown] tags=["zh"]
# # 实验 04，第 3 个 notebook：词向量
#
# 语言模型的第一步是查一张表：每个 token 对应一个向量。这个向量里的“意思”是从哪里来的？在这个 notebook 里，你会单独训练这张表，
# 用的正是让词向量出名的方法：**带负采样的 skip-gram**（word2vec，2013）。然后你会看到它做不到、而 Transformer 做得到的事。
#
# **学完之后，你能够**
# - 说清一个词周围的词透露了它的什么，并把文本切成（词，邻词）对；
# - 写出带负采样的 skip-gram 损失（数值上不溢出），并在真实的英文和中文文本上训练它；
# - 用余弦找一个词的近邻，把向量画到平面上，再用矩阵分解得到同样的结果；
# - 从真实的编码器里取出**上下文相关**的向量（同一个词每出现一次就有一个），并把一句话的向量汇聚成一个。
#
# **时间** 约两小时。全部单元格在两个 CPU 核上跑一遍约需一分钟。
#
# **预备知识** PyTorch 的张量与 `nn.Module`。不依赖前面的 notebook。
#
# **做法** 带 `# YOUR CODE HERE` 的单元格由你来写。题目的末尾有一个检查单元格，会立刻试几个小例子；也可以随时运行 `labkit.check("skip-gram")`，
# 还没写的部分显示 ○。最终得分来自另外的隐藏测试。其余单元格直接运行即可。

# %% tags=["export"]
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import labkit

# %%
profile = "cpu"  # or "gpu": all of the text, 300 dimensions, on one CUDA card

# %%
import random
import re
import time
from collections import Counter
from itertools import chain

import matplotlib.pyplot as plt
import transformers
from transformers import AutoModel, AutoTokenizer

from labkit import corpora, plots
from labkit.models import minilm_folder

SETTINGS = {
    "cpu": {"bytes": 4_000_000, "d_model": 48, "epochs": 2, "batch_size": 2048},
    "gpu": {"bytes": None, "d_model": 300, "epochs": 5, "batch_size": 8192},
}[profile]
DEVICE = {"cpu": "cpu", "gpu": "cuda"}[profile]
BLUE, ORANGE, GREY, GREEN = "#1f77b4", "#ff7f0e", "#d9d9d9", "#2ca02c"

torch.manual_seed(0)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
plots.style()

# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# We take real text, pick twelve words **at random**, and put a made-up word in the place of about half the occurrences of each. What does `wug` mean?

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# 取一批真实文本，**随机**挑十二个词，把每个词大约一半的出现换成一个杜撰的词。那么 `wug` 是什么意思？

# %%
MADE_UP = ["wug", "blicket", "dax", "toma", "fep", "zav", "kiki", "bouba", "glorp", "snarf", "plim", "quex"]


def disguise(texts: list[list[str]], candidates: list[str]) -> tuple[list[list[str]], dict[str, str]]:
    """Texts in which a made-up word stands for about half the occurrences of some words, and which for which."""
    rng = random.Random(0)
    names = dict(zip(rng.sample(candidates, len(MADE_UP)), MADE_UP, strict=True))
    changed = [[names[w] if w in names and rng.random() < 0.5 else w for w in text] for text in texts]
    return changed, {made_up: word for word, made_up in names.items()}


documents = corpora.load("en", SETTINGS["bytes"])
english = [re.findall(r"[a-z]+", document.lower()) for document in documents]
frequent = [word for word, _ in Counter(chain(*english)).most_common(600)]
english, answers = disguise(english, frequent[100:])
print(f"{corpora.sources('en')}\n{len(english):,} documents, {sum(map(len, english)):,} words\n")

shown = [(text, i) for text in english for i, word in enumerate(text) if word == MADE_UP[0] and 8 < i < len(text) - 8]
for text, i in shown[:: len(shown) // 8][:8]:
    print(f"{' '.join(text[i - 8 : i])[-48:]:>48}  {text[i].upper()}  {' '.join(text[i + 1 : i + 9])[:48]}")

# %% [markdown] tags=["en"]
# You have a guess. Now a machine that knows no English at all: it **counts** which of the 1,500 most frequent words stand next to `wug` (at most two words away), does the same for every other
# word, and looks for the one whose counts have the most similar direction.

# %% [markdown] tags=["zh"]
# 你大概猜到了。现在换一台完全不懂英语的机器：它只是**数一数**，最常见的 1,500 个词里，哪些出现在 `wug` 旁边（最多隔一个词），
# 对其他每个词也照样数一遍，再找出计数向量方向最接近的那个词。


# %%
def count_neighbours(texts: list[list[str]], words: list[str]) -> Tensor:
    """(V, V): how often words[j] stands one or two places from words[i]. Texts are kept apart by an extra word."""
    V = len(words)
    index = {word: i for i, word in enumerate(words)}
    stream = torch.tensor([i for text in texts for i in (*(index.get(w, V) for w in text), V, V)])
    pairs = torch.cat([stream[:-k] * (V + 1) + stream[k:] for k in (1, 2)])
    counts = pairs.bincount(minlength=(V + 1) ** 2).view(V + 1, V + 1)[:V, :V].float()
    return counts + counts.T


start = time.perf_counter()
words = [word for word, _ in Counter(chain(*english)).most_common(1500)]
counts = count_neighbours(english, words)
directions = F.normalize(counts, dim=1)
alike = directions @ directions.T - 2 * torch.eye(len(words))
guesses = {made_up: words[alike[words.index(made_up)].argmax()] for made_up in MADE_UP}
print(f"counted in {time.perf_counter() - start:.1f} s\n")
for made_up in MADE_UP:
    second, third = (words[i] for i in alike[words.index(made_up)].topk(3).indices[1:])
    print(f"{made_up:8} is {guesses[made_up]:10} (then {second}, {third})" + " " * 4
          + ("right" if guesses[made_up] == answers[made_up] else f"it was {answers[made_up]}"))  # fmt: skip

# %%
profiles = (counts / counts.sum(1, keepdim=True)).sqrt()  # the root, so that "the" does not dwarf the rest
shown = [MADE_UP[0], answers[MADE_UP[0]], MADE_UP[1], answers[MADE_UP[1]], MADE_UP[9], answers[MADE_UP[9]]]
rows = profiles[[words.index(word) for word in shown]]
differences = rows.amax(0) - rows.amin(0)
differences[[words.index(word) for word in shown]] = 0.0
spread = differences.topk(28).indices.sort().values
figure, axes = plt.subplots(figsize=(10, 2.9))
axes.imshow(rows[:, spread], cmap="Blues", aspect="auto")
axes.set_xticks(range(len(spread)), [words[i] for i in spread], rotation=90, fontsize=8)
axes.set_yticks(range(len(shown)), shown)
axes.set(title="how often each word stands nearby (square root of the share)")
plt.show()

# %% [markdown] tags=["en"]
# "You shall know a word by the company it keeps" (Firth 1957). Where the machine is wrong, look at what it said instead. A made-up word gets the row of the word it replaces, because a row of counts *is* what the
# text says about a word. This is the **distributional hypothesis** (Harris 1954), and all of language modelling rests on it.
#
# But a row has as many numbers as there are words, most of them 0, and grows with the vocabulary. We want short, dense vectors which say the same.
#
# ## 2. Skip-gram with negative sampling
#
# Make it a task: from a word, predict the words near it. Each word $w$ has a vector $v_w$ for when it is in the **centre**, each word $c$ a vector $u_c$ for when it is **context**:
#
# $$P(c \mid w) = \frac{\exp(u_c\cdot v_w)}{\sum_{c'}\exp(u_{c'}\cdot v_w)}\qquad\text{(Mikolov et al. 2013b, eq. 2)}$$
#
# ```
#  window = 2       print  the  [ name   of ]   file   [ in   the ]  current  directory
#  pairs                     (file, name)  (file, of)  (file, in)  (file, the)
# ```
#
# Words that predict the same neighbours come to similar $v$. The sum runs over the whole vocabulary for each pair, and that is too slow; so replace the question "*which* of all words stands here?" by "does this word **really** stand here, or did I make it up?"
# For each true pair, draw $K$ *negatives* $n_1 \dots n_K$ from a noise distribution and tell true from false with $\sigma(x) = 1/(1+e^{-x})$:
#
# $$\ell = -\log\sigma(u_c\cdot v_w) - \sum_{k=1}^{K}\log\sigma(-u_{n_k}\cdot v_w)\qquad\text{(eq. 4)}$$
#
# | | shape | |
# |---|---|---|
# | `centre` | $(B, D)$ | $v_w$ of each pair in the batch |
# | `positive` | $(B, D)$ | $u_c$ of its true neighbour |
# | `negatives` | $(B, K, D)$ | $u_{n_k}$; the loss sums over $K$ and **averages over $B$** |
#
# Three more things, each worth a line of code and a few points of quality:
#
# - **Noise** is drawn from counts$^{0.75}$: between "as in the text" (where a hundred words take almost half of the draws) and "all alike".
# - **Frequent words** are thinned out before pairs are made: a word that makes up the share $f$ of the text is kept with probability $\sqrt{t/f}$ (at most 1; $t = 10^{-3}$ here, around $10^{-5}$ in the paper, whose text is far larger). The 100th *the* near *file* tells nothing new.
# - **Two tables.** A word hardly ever stands next to itself, but $v_w\cdot v_w$ is always positive. With one table the model would have to make all vectors small.
#
# **The pitfalls of this section.** The window reaches to *both* sides and stops where a document ends. The negatives have a minus *inside* $\sigma$. And $\log(\sigma(x))$ in two steps is $-\infty$ for $x = -150$
# in float32, with a gradient of NaN; `F.logsigmoid` does it in one.
#
# ### Problem 5 (9 points): `skip_gram_pairs`, `keep_probability`, `negative_distribution`, `sgns_loss`, `SkipGram`, `train_skip_gram`, `nearest`

# %% [markdown] tags=["zh"]
# “观其伴，知其词”（Firth 1957）。机器答错的地方，看看它答成了什么。杜撰的词，它的那一行与被它顶替的词几乎一样，因为一行计数**就是**文本对一个词所说的全部。
# 这就是**分布假设**（Harris 1954），整个语言模型都建立在它上面。
#
# 但一行有多少个数，就看有多少个词；大多数是 0，还随词表一起变长。我们想要短而稠密、说的却是同一件事的向量。
#
# ## 2. 带负采样的 skip-gram
#
# 把它变成一个任务：由一个词预测它附近的词。每个词 $w$ 处在**中心**时用向量 $v_w$，每个词 $c$ 充当**上下文**时用另一个向量 $u_c$：
#
# $$P(c \mid w) = \frac{\exp(u_c\cdot v_w)}{\sum_{c'}\exp(u_{c'}\cdot v_w)}\qquad\text{（Mikolov 等 2013b，式 2）}$$
#
# ```
#  窗口 = 2         print  the  [ name   of ]   file   [ in   the ]  current  directory
#  得到的对                   (file, name)  (file, of)  (file, in)  (file, the)
# ```
#
# 能预测出相同邻词的词，$v$ 往往相近。可是每一对都要对整个词表求和，太慢了；于是把问题从“这里站的是所有词中的**哪一个**？”换成“这个词**真的**站在这里，还是我编出来的？”
# 每个真实的对，都从一个噪声分布里抽 $K$ 个**负样本** $n_1 \dots n_K$，用 $\sigma(x) = 1/(1+e^{-x})$ 分辨真假：
#
# $$\ell = -\log\sigma(u_c\cdot v_w) - \sum_{k=1}^{K}\log\sigma(-u_{n_k}\cdot v_w)\qquad\text{（式 4）}$$
#
# | | 形状 | |
# |---|---|---|
# | `centre` | $(B, D)$ | batch 中每一对的 $v_w$ |
# | `positive` | $(B, D)$ | 真实邻词的 $u_c$ |
# | `negatives` | $(B, K, D)$ | $u_{n_k}$；损失对 $K$ 求和，**对 $B$ 取平均** |
#
# 还有三件事，每件只要一行代码，却都能让效果好一截：
#
# - **噪声**按 计数$^{0.75}$ 抽取：介于“与文本一致”（那样一百个词就占去近一半的抽样）和“人人平等”之间。
# - **高频词**在组对之前先稀释：占全文比例为 $f$ 的词，以 $\sqrt{t/f}$（不超过 1）的概率保留；这里 $t = 10^{-3}$，论文的语料大得多，取 $10^{-5}$ 左右。“file” 旁边的第 100 个 “the” 已经说不出什么新东西了。
# - **两张表。** 一个词几乎不会站在自己旁边，可 $v_w\cdot v_w$ 永远为正。如果只用一张表，模型就只好把所有向量都压小。
#
# **本节的坑。** 窗口向**两**边伸展，到文档的尽头为止。负样本的负号在 $\sigma$ **里面**。另外，分两步算 $\log(\sigma(x))$，在 float32 下 $x = -150$ 时得到 $-\infty$，梯度是 NaN；
# `F.logsigmoid` 一步就算好。
#
# ### 第 5 题（9 分）：`skip_gram_pairs`、`keep_probability`、`negative_distribution`、`sgns_loss`、`SkipGram`、`train_skip_gram`、`nearest`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "pairs-solution", "cell_type": "code"}
def skip_gram_pairs(ids: list[Tensor], window: int) -> Tensor:
    """Each word of each document with every word at most `window` places before or after it.

    Args:
        ids: the documents, each (T_i,) int64; some may have one word, or none. Pairs never reach into another document.
        window: at least 1.

    Returns:
        (P, 2) int64, in any order: column 0 the centre, column 1 its context. Without any pair: (0, 2).

    Example: [[7, 8, 9], [5]] with window 1 -> (7, 8), (8, 7), (8, 9), (9, 8).
    """
    ### BEGIN SOLUTION
    pairs = [torch.empty(0, 2, dtype=torch.int64)]
    for document in ids:
        for distance in range(1, window + 1):  # slices longer than the document are empty
            before, after = document[:-distance], document[distance:]
            pairs += [torch.stack([before, after], dim=1), torch.stack([after, before], dim=1)]
    return torch.cat(pairs)
    ### END SOLUTION


def keep_probability(counts: Tensor, threshold: float = 1e-3) -> Tensor:
    """How likely each word is to be kept when frequent words are thinned out: min(1, sqrt(threshold / share)).

    Args:
        counts: (V,) int64, how often each word comes, at least once.
        threshold: share of the text up to which a word is always kept.

    Returns:
        (V,) float32.

    Source: Mikolov et al. 2013b, section 2.3, eq. 5 (which gives the probability to discard).
    """
    ### BEGIN SOLUTION
    share = counts / counts.sum()
    return (threshold / share).sqrt().clamp(max=1.0)
    ### END SOLUTION


def negative_distribution(counts: Tensor, power: float = 0.75) -> Tensor:
    """The noise that negatives are drawn from: proportional to counts^power.

    Args:
        counts: (V,) int64; with a power above 0 a word with count 0 is never drawn.

    Returns:
        (V,) float32, sums to 1.

    Source: Mikolov et al. 2013b, section 2.2.
    """
    ### BEGIN SOLUTION
    weights = counts.float() ** power
    return weights / weights.sum()
    ### END SOLUTION


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "sgns-solution", "cell_type": "code"}
def sgns_loss(centre: Tensor, positive: Tensor, negatives: Tensor) -> Tensor:
    """The loss of skip-gram with negative sampling: a sum over the K negatives of a pair, the mean over the B pairs.

    Finite, with finite gradients, for scores of several hundred.

    Args:
        centre: (B, D), centre vectors.
        positive: (B, D), context vectors of the true neighbours.
        negatives: (B, K, D), context vectors of the words drawn from the noise.

    Returns:
        Scalar.

    Source: Mikolov et al. 2013b, section 2.2, eq. 4.
    """
    ### BEGIN SOLUTION
    true_scores = (centre * positive).sum(-1)  # (B,)
    false_scores = (centre.unsqueeze(1) * negatives).sum(-1)  # (B, K)
    return -(F.logsigmoid(true_scores) + F.logsigmoid(-false_scores).sum(-1)).mean()
    ### END SOLUTION


class SkipGram(nn.Module):
    """Two tables of vectors, one for a word in the centre and one for a word as context.

    Attributes:
        centre: nn.Embedding(vocab_size, d_model), uniform in [-0.5 / d_model, 0.5 / d_model] at first.
        context: nn.Embedding(vocab_size, d_model), zeros at first.
    """

    def __init__(self, vocab_size: int, d_model: int) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.centre = nn.Embedding(vocab_size, d_model)
        self.context = nn.Embedding(vocab_size, d_model)
        nn.init.uniform_(self.centre.weight, -0.5 / d_model, 0.5 / d_model)
        nn.init.zeros_(self.context.weight)
        ### END SOLUTION

    def forward(self, centres: Tensor, contexts: Tensor, negatives: Tensor) -> Tensor:
        """The loss of a batch of pairs: ids (B,), (B,) and (B, K) -> scalar."""
        ### BEGIN SOLUTION
        return sgns_loss(self.centre(centres), self.context(contexts), self.context(negatives))
        ### END SOLUTION


def train_skip_gram(
    pairs: Tensor, noise: Tensor, d_model: int, n_negatives: int = 5,
    epochs: int = 2, batch_size: int = 2048, lr: float = 0.01, seed: int = 0,
) -> tuple[SkipGram, list[float]]:  # fmt: skip
    """Trains a new SkipGram with Adam; the rate falls linearly from `lr` to 0: lr * (1 - step / steps) at step 0, 1, 2, ...

    An epoch is all pairs once, in a new random order, in batches of batch_size (the last may be smaller); every pair gets n_negatives
    new words, drawn from the noise, each time. The seed is set before the model is made, and
    decides all that is random.

    Args:
        pairs: (P, 2) int64 of centre and context; training happens on its device.
        noise: (V,) as negative_distribution gives it; V is the size of the vocabulary.

    Returns:
        The model, and the loss of each step.
    """
    ### BEGIN SOLUTION
    torch.manual_seed(seed)
    model = SkipGram(len(noise), d_model).to(pairs.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    n_steps = epochs * math.ceil(len(pairs) / batch_size)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=n_steps)
    losses = []
    for _ in range(epochs):
        for rows in torch.randperm(len(pairs), device=pairs.device).split(batch_size):
            centres, contexts = pairs[rows].unbind(1)
            negatives = torch.multinomial(noise, len(rows) * n_negatives, replacement=True).view(-1, n_negatives)
            loss = model(centres, contexts, negatives)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    return model, losses
    ### END SOLUTION


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "nearest-solution", "cell_type": "code"}
def nearest(vectors: Tensor, word: int, n: int = 5) -> tuple[Tensor, Tensor]:
    """The n other words whose vectors have the largest cosine with that of `word`, best first.

    Args:
        vectors: (V, D), of any lengths; none is zero.
        word: a row; it is not among its own neighbours.
        n: less than V.

    Returns:
        (n,) int64 rows and (n,) float32 cosines.
    """
    ### BEGIN SOLUTION
    cosines = F.cosine_similarity(vectors, vectors[word], dim=-1)
    cosines[word] = -math.inf
    best = cosines.topk(n)
    return best.indices, best.values
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 9, "schema_version": 3, "grade_id": "skip-gram", "cell_type": "code"}
labkit.check("skip-gram")

# %% [markdown] tags=["en"]
# **What the library says.** Your loss is an old friend: binary cross-entropy, with label 1 for the true neighbour and 0 for the $K$ made-up ones. And this is what 0.75 and the thinning do to the text:

# %% [markdown] tags=["zh"]
# **库里怎么说。** 你的损失其实是老朋友：二元交叉熵，真实邻词的标签是 1，编出来的 $K$ 个是 0。再看看 0.75 次方和稀释对文本做了什么：

# %%
centre, positive, negatives = torch.randn(7, 16), torch.randn(7, 16), torch.randn(7, 5, 16)
scores = torch.cat([positive.unsqueeze(1), negatives], dim=1) @ centre.unsqueeze(-1)  # (B, 1 + K, 1)
labels = torch.zeros(7, 6, 1).index_fill(1, torch.tensor(0), 1.0)
library = F.binary_cross_entropy_with_logits(scores, labels, reduction="sum") / 7
print(f"yours {sgns_loss(centre, positive, negatives):.6f}, binary_cross_entropy_with_logits {library:.6f}")

totals = Counter(chain(*english))
by_rank = torch.tensor([count for _, count in totals.most_common()])
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3))
for power, colour in [(1.0, ORANGE), (0.75, BLUE), (0.0, GREY)]:
    left.plot(range(1, len(by_rank) + 1), negative_distribution(by_rank, power), color=colour, label=f"power {power}")
left.set(xscale="log", yscale="log", xlabel="rank of the word", title="share of the negatives")
left.legend(frameon=False)
right.plot(range(1, len(by_rank) + 1), keep_probability(by_rank), color=BLUE)
right.set(xscale="log", ylim=(0, 1.05), xlabel="rank of the word", title="probability to be kept")
plt.show()

# %% [markdown] tags=["en"]
# ## 3. Words of a real text
#
# Now train. Words that come fewer than ten times are dropped. Then we ask the vectors for the twelve made-up words: is the word that each one replaces its **nearest** neighbour?

# %% [markdown] tags=["zh"]
# ## 3. 真实文本里的词
#
# 开始训练。出现不足十次的词先去掉。然后用那十二个杜撰的词来考一考这些向量：被顶替的词是不是它的**第一**近邻？


# %%
class Vectors:
    """Skip-gram vectors of a text: words, their index, counts, pairs, the trained model and its losses."""

    def __init__(self, texts: list[list[str]], seed: int = 0) -> None:
        totals = Counter(chain(*texts))
        self.words = [word for word, count in totals.most_common() if count >= 10]
        self.index = {word: i for i, word in enumerate(self.words)}
        self.counts = torch.tensor([totals[word] for word in self.words])
        keep, generator = keep_probability(self.counts), torch.Generator().manual_seed(seed)
        ids = [torch.tensor([self.index[w] for w in text if w in self.index], dtype=torch.int64) for text in texts]
        ids = [document[torch.rand(len(document), generator=generator) < keep[document]] for document in ids]
        self.pairs, self.noise = skip_gram_pairs(ids, window=3), negative_distribution(self.counts)
        start = time.perf_counter()
        sizes = {name: SETTINGS[name] for name in ("d_model", "epochs", "batch_size")}
        self.model, self.losses = train_skip_gram(self.pairs.to(DEVICE), self.noise.to(DEVICE), **sizes, seed=seed)
        self.seconds = time.perf_counter() - start
        self.table = self.model.centre.weight.detach().cpu()

    def near(self, word: str, n: int = 5, table: Tensor | None = None) -> list[str]:
        """The n nearest words, by the trained vectors or by another table."""
        rows, _ = nearest(self.table if table is None else table, self.index[word], n)
        return [self.words[row] for row in rows]

    def found(self, answers: dict[str, str], table: Tensor | None = None) -> int:
        """How many made-up words have the word they replace as their nearest neighbour."""
        return sum(self.near(made_up, 1, table) == [word] for made_up, word in answers.items())


en = Vectors(english)
print(f"{len(en.words):,} words, {len(en.pairs):,} pairs, {len(en.losses):,} steps in {en.seconds:.0f} s")
print(f"made-up words whose nearest neighbour is the right one: {en.found(answers)} of {len(answers)}")
print(f"(by counts, over 1,500 columns: {sum(guesses[w] == answers[w] for w in MADE_UP)})\n")
for word in ["memory", "two", "red", "he", "linux", "true", "error", "import"]:
    if word in en.index:
        print(f"{word:8}", ", ".join(en.near(word)))

# %%
figure, axes = plt.subplots(figsize=(7, 3))
smooth = torch.tensor(en.losses).unfold(0, 50, 10).mean(-1)
axes.plot([50 + 10 * i for i in range(len(smooth))], smooth, color=BLUE)
axes.axhline(6 * math.log(2), color=GREY)
axes.text(len(en.losses), 6 * math.log(2) - 0.02, "knows nothing: 6 log 2", ha="right", va="top", fontsize=9)
axes.axvline(len(en.losses) / 2, color=GREY, ls=":")
axes.set(xlabel="step", ylabel="loss (nats)", title="skip-gram on English; dotted: the second epoch begins")
plt.show()

# %% [markdown] tags=["en"]
# ## 4. What is a word in Chinese?
#
# Chinese has no spaces. We could take characters: 文 and 件 would each get a vector, 文件 none. The word2vec paper has a way out (section 4, meant for *New York*): join two neighbours that stand together far more often than chance would have it,
#
# $$\mathrm{score}(a, b) = \frac{(\mathrm{count}(ab) - \delta)\cdot N}{\mathrm{count}(a)\cdot\mathrm{count}(b)} > \text{threshold},$$
#
# where $N$ is the length of the text, and $\delta$ (10 here) keeps pairs out that met a few times by chance. Do it again on the result, so that three and four characters can come together. No dictionary, and about thirty lines. It is a cousin of BPE, which joins what is frequent; this joins what is *more frequent than expected*.

# %% [markdown] tags=["zh"]
# ## 4. 中文里什么算一个词？
#
# 中文没有空格。可以按字来：“文”和“件”各有一个向量，“文件”却没有。word2vec 论文里有现成的办法（第 4 节，原本用来处理 “New York”）：
# 相邻两个单位一起出现的次数远远超过偶然，就把它们合并，
#
# $$\mathrm{score}(a, b) = \frac{(\mathrm{count}(ab) - \delta)\cdot N}{\mathrm{count}(a)\cdot\mathrm{count}(b)} > \text{阈值},$$
#
# 其中 $N$ 是文本的长度，$\delta$（这里取 10）用来排除偶然碰到一起几次的组合。然后在结果上再做几遍，三个字、四个字的词也就连起来了。不用词典，三十行左右的代码。它是 BPE 的表亲：BPE 合并的是常见的组合，它合并的是**比预期更常见**的组合。

# %%
BREAK, BORDER = -1, -2  # between two runs of characters, and between two documents


def join_phrases(ids: Tensor, words: list[str], threshold: float, discount: int = 10) -> tuple[Tensor, list[str]]:
    """One round: neighbours become a new word where their score beats the threshold and both overlapping rivals.

    Args:
        ids: (N,) int64, rows of `words`, or BREAK or BORDER.

    Returns:
        The shorter ids and the longer list of words; no word gets longer than four characters.
    """
    V, left, right = len(words), ids[:-1], ids[1:]
    counts = ids[ids >= 0].bincount(minlength=V).double()
    lengths = torch.tensor([len(word) for word in words])
    codes = torch.where((left >= 0) & (right >= 0), left * V + right, -1)
    kinds, kind, together = codes.unique(return_inverse=True, return_counts=True)
    a, b = kinds // V, kinds % V
    score = (together - discount) * len(ids) / (counts[a] * counts[b])
    score[(kinds < 0) | (lengths[a] + lengths[b] > 4)] = 0.0
    here = F.pad(score[kind], (1, 1))
    join = (here[1:-1] > threshold) & (here[1:-1] > here[:-2]) & (here[1:-1] >= here[2:])
    new, row = codes[join].unique(return_inverse=True)
    ids, stays = ids.clone(), torch.ones(len(ids), dtype=torch.bool)
    ids[:-1][join] = V + row
    stays[1:][join] = False
    return ids[stays], words + [words[code // V] + words[code % V] for code in new.tolist()]


def segment(documents: list[str]) -> list[list[str]]:
    """Chinese text as words: found by three rounds of join_phrases; Latin words stay as they are."""
    index: dict[str, int] = {}
    ids: list[int] = []
    for document in documents:
        for run in re.findall(r"[\u4e00-\u9fff]+|[a-z]+", document.lower()):
            units = list(run) if run[0] >= "\u4e00" else [run]
            ids += [*(index.setdefault(unit, len(index)) for unit in units), BREAK]
        ids.append(BORDER)
    stream, words = torch.tensor(ids), list(index)
    for threshold in (20, 20, 200):
        stream, words = join_phrases(stream, words, threshold)
    ends = (stream == BORDER).nonzero().flatten()
    return [[words[i] for i in text.tolist() if i >= 0] for text in stream.tensor_split(ends)]


start = time.perf_counter()
chinese = segment(corpora.load("zh", SETTINGS["bytes"]))
print(
    f"{corpora.sources('zh')}\n{len(chinese):,} documents, {sum(map(len, chinese)):,} words, {time.perf_counter() - start:.0f} s\n"
)
for text in [text for text in chinese if len(text) > 40][:300:60]:
    print(" ".join(text[:28]))
longer = Counter(word for word in chain(*chinese) if len(word) > 2 and word[0] >= "\u4e00")
print("\nlonger than two characters:", " ".join(word for word, _ in longer.most_common(24)))

# %% [markdown] tags=["en"]
# Most of these are words. 页计划, 文版由 and 本页面 are splinters of one footer, 本页面中文版由中文 man 手册页计划提供, that hundreds of manual pages end in: what always stands together is joined, word or not. The text here is as it came; such footers are what
# section 6 of notebook `data` met.

# %% [markdown] tags=["zh"]
# 大多数确实是词。“页计划”“文版由”“本页面”却不是，它们都出自几百篇手册页末尾的同一句话：“本页面中文版由中文 man 手册页计划提供”。凡是总在一起出现的，不管是不是词，都会被合并。这里用的是没有清洗过的原始文本；`data` notebook 的第 6 节遇到的正是这种页脚。

# %%
frequent = [word for word, _ in Counter(chain(*chinese)).most_common(600) if word[0] >= "\u4e00"]
chinese, zh_answers = disguise(chinese, frequent[50:])
zh = Vectors(chinese)
print(f"{len(zh.words):,} words, {len(zh.pairs):,} pairs, {len(zh.losses):,} steps in {zh.seconds:.0f} s")
print(f"made-up words whose nearest neighbour is the right one: {zh.found(zh_answers)} of {len(zh_answers)}\n")
for word in ["文件", "内存", "月", "君子", "删除", "变量", "如果"]:
    if word in zh.index:
        print(word, " ", "、".join(zh.near(word)))

# %% [markdown] tags=["en"]
# **In the plane.** 48 dimensions do not fit on paper. **PCA** turns the vectors so that the first two axes show as much of the differences as two axes can. Colours are ours; the model saw no classes.

# %% [markdown] tags=["zh"]
# **画到平面上。** 48 维画不进纸里。**PCA** 把这些向量转一转，让头两根轴尽可能多地展示它们的差别。颜色是我们后加的，模型从没见过什么类别。

# %%
GROUPS = {
    "en": [
        "one two three four five six", "red green blue black white yellow", "he she him her his himself",
        "int str float list dict tuple", "linux windows unix macos freebsd solaris", "day month year hour minute week",
    ],
    "zh": [
        "一 二 三 四 五 六", "春 月 风 花 雨 山", "子曰 君子 小人 人 仁 道", "文件 目录 路径 链接 文件系统 磁盘",
        "删除 创建 修改 添加 移动 复制", "整数 字符串 变量 数组 函数 指针",
    ],
}  # fmt: skip


def draw_plane(axes: plt.Axes, vectors: Vectors, groups: list[str]) -> None:
    """The words of the groups on the first two principal axes of their (unit) vectors."""
    members = [[word for word in group.split() if word in vectors.index] for group in groups]
    table = F.normalize(vectors.table[[vectors.index[word] for word in chain(*members)]], dim=1)
    _, _, axes_of_pca = torch.pca_lowrank(table, q=2)
    points = iter(((table - table.mean(0)) @ axes_of_pca).tolist())
    labels: list[list] = []
    for number, group in enumerate(members):
        for word in group:
            x, y = next(points)
            axes.plot(x, y, "o", color=f"C{number}", ms=4)
            labels.append([y, x, word, f"C{number}"])
    axes.margins(0.12)
    axes.set(xticks=[], yticks=[])
    low, high = axes.get_ylim()
    left, right = axes.get_xlim()
    labels.sort()
    for i, (_, x, _, _) in enumerate(labels):  # from below: a label goes just above those that it would cover
        for below in sorted(labels[:i]):
            if abs(x - below[1]) < 0.13 * (right - left) and 0 <= labels[i][0] - below[0] < 0.033 * (high - low):
                labels[i][0] = below[0] + 0.033 * (high - low)
    for y, x, word, colour in labels:
        axes.text(x + 0.012 * (right - left), y, word, color=colour, fontsize=9, va="center")


torch.manual_seed(0)
figure, panels = plt.subplots(1, 2, figsize=(12, 5.4))
for panel, vectors, lang in zip(panels, (en, zh), ("en", "zh"), strict=True):
    draw_plane(panel, vectors, GROUPS[lang])
figure.suptitle("skip-gram vectors on their first two principal axes")
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# ## 5. The same from a matrix
#
# What does the training converge to? Set the derivative of the expected loss to zero, and at the optimum
#
# $$u_c\cdot v_w = \log\frac{P(c\mid w)}{K\cdot P_{\text{noise}}(c)}$$
#
# (Levy and Goldberg 2014, section 3.1). The right side can be **counted**: it is the *pointwise mutual information* of word and neighbour, but for a constant and the power 0.75. So skip-gram factorises a matrix that
# nobody ever writes down. Two checks. Left: are the products of *your* vectors what we can count? And if so, then a second method, without any training: write the matrix down, keep its positive part (PPMI), and take its best approximation of rank 48 by **SVD**.

# %% [markdown] tags=["zh"]
# ## 5. 从矩阵里得到同样的东西
#
# 训练究竟收敛到什么？令期望损失的导数为零，最优处有
#
# $$u_c\cdot v_w = \log\frac{P(c\mid w)}{K\cdot P_{\text{noise}}(c)}$$
#
# （Levy 与 Goldberg 2014，3.1 节）。右边是**数得出来**的：除去一个常数和 0.75 次方，它就是词与邻词的**点互信息**。也就是说，skip-gram 在分解一个谁都没有写出来的矩阵。
# 验证两件事。左图：**你的**向量的点积，是不是等于数出来的值？如果是，那就有第二种完全不用训练的方法：把矩阵写出来，保留正的部分（PPMI），再用 **SVD** 取秩为 48 的最佳近似。


# %%
def pair_counts(vectors: Vectors) -> Tensor:
    """(V, V): how often column c was the neighbour of row w among the training pairs."""
    V = len(vectors.words)
    return (vectors.pairs[:, 0] * V + vectors.pairs[:, 1]).bincount(minlength=V * V).view(V, V).float()


def ppmi_svd(pair_counts: Tensor, rank: int) -> Tensor:
    """(V, rank): the positive pointwise mutual information, factorised, with the roots of the singular values."""
    joint = pair_counts / pair_counts.sum()
    ppmi = (joint / (joint.sum(1, keepdim=True) * joint.sum(0))).log().nan_to_num(neginf=0.0).clamp(min=0.0)
    left, singular, _ = torch.svd_lowrank(ppmi, q=rank, niter=4)
    return left * singular.sqrt()


start = time.perf_counter()
en_pairs = pair_counts(en)
svd = {"en": ppmi_svd(en_pairs, 48), "zh": ppmi_svd(pair_counts(zh), 48)}
print(f"two matrices counted and factorised in {time.perf_counter() - start:.0f} s")

w, c = (en_pairs >= 30).nonzero().unbind(1)
counted = (en_pairs[w, c] / en_pairs.sum(1)[w] / (5 * en.noise[c])).log()
product = (en.table[w] * en.model.context.weight.detach().cpu()[c]).sum(-1)
correlation = torch.corrcoef(torch.stack([counted, product]))[0, 1]

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), width_ratios=[1, 1.2])
left.plot(counted, product, ".", color=BLUE, ms=2, alpha=0.3)
left.axline((0, 0), slope=1, color=ORANGE)
left.set(
    xlabel="log P(c | w) / (K P_noise(c)), counted", ylabel="u · v, trained", title=f"correlation {correlation:.2f}"
)
table = [(en, answers, "en"), (zh, zh_answers, "zh")]
for shift, name, colour in [(-0.2, "skip-gram", BLUE), (0.2, "PPMI and SVD", ORANGE)]:
    found = [v.found(a, None if name == "skip-gram" else svd[lang]) for v, a, lang in table]
    right.bar([shift, 1 + shift], found, 0.38, color=colour, label=name)
right.axhline(12, color=GREY)
right.set_xticks([0, 1], ["English", "Chinese"])
right.set(ylim=(0, 16), title="made-up words found, of 12")
right.legend(frameon=False, ncols=2, loc="upper center")
plt.tight_layout()
plt.show()
for vectors, lang, chosen in [(en, "en", ["memory", "two", "error"]), (zh, "zh", ["文件", "月"])]:
    for word in chosen:
        if word in vectors.index:
            print(
                f"{word:8} skip-gram: {', '.join(vectors.near(word, 4))}   SVD: {', '.join(vectors.near(word, 4, svd[lang]))}"
            )

# %% [markdown] tags=["en"]
# Training and algebra come to much the same neighbours, and where counts are large the products lie on the line. The difference is in the cost: the matrix grows with the square of the vocabulary, and skip-gram never writes it down. The trade uses `gensim`'s `Word2Vec` or fastText's C++ for this (they add windows of random size, and
# updates pair by pair in many threads); the objective is the one you wrote.
#
# ## 6. One word, many meanings
#
# A table has **one** row for *bank*. Whether there is water or money around it, the vector is the same, some mean of both. A Transformer begins with such a table, too; but then attention mixes into each token what stands around it, layer by layer. Take
# **all-MiniLM-L6-v2**, a BERT with 6 layers (you train a small BERT in notebook `pretrain_bert`), and look at the vector of the *same* word in different sentences.

# %% [markdown] tags=["zh"]
# 训练和代数找到的近邻大同小异；计数大的地方，点积就落在直线上。差别在代价：矩阵随词表的平方增长，而 skip-gram 从不把它写出来。工业界做这件事用 `gensim` 的 `Word2Vec` 或 fastText 的 C++ 实现
# （多了随机大小的窗口，并用多线程逐对更新），目标函数就是你写的这一个。
#
# ## 6. 一词多义
#
# 一张表里，“bank” 只有**一**行。不管周围是河水还是钞票，向量都一样，是两种意思的某种折中。Transformer 的起点也是这样一张表；但随后注意力一层一层地把周围的内容混进每个 token。
# 取 **all-MiniLM-L6-v2**，一个 6 层的 BERT（在 `pretrain_bert` 里你会训练一个小的），看看**同一个**词在不同句子里的向量。

# %%
SENSES = {
    "bank": [
        ["We sat on the bank of the river and fished.", "The river burst its bank after the rain.",
         "Trees grow along the bank of the stream."],
        ["She opened an account at the bank.", "The bank raised its interest rates.",
         "He borrowed money from the bank to buy a house."],
    ],
    "file": [
        ["Save the file to disk before you close the editor.", "The program could not open the file.",
         "Each line of the file is parsed by the script."],
        ["She smoothed the edge of the metal with a file.", "A carpenter needs a saw, a hammer and a file.",
         "The prisoner cut the bars with a file hidden in a cake."],
    ],
    "key": [
        ["He turned the key and unlocked the door.", "I lost the key to my flat.", "The key did not fit the lock."],
        ["Press any key to continue.", "Hold down the shift key while you type.",
         "The enter key on this keyboard is stuck."],
    ],
}  # fmt: skip
wordpieces = AutoTokenizer.from_pretrained(minilm_folder())
encoder = AutoModel.from_pretrained(minilm_folder()).to(DEVICE).eval()


@torch.no_grad()
def in_context(word: str, sentences: list[str]) -> Tensor:
    """(layers + 1, len(sentences), d_model): the unit vector of `word` in each sentence, from the table (0) to the top."""
    batch = wordpieces(sentences, padding=True, return_tensors="pt").to(DEVICE)
    layers = torch.stack(encoder(**batch, output_hidden_states=True).hidden_states).cpu()
    place = (batch["input_ids"] == wordpieces.convert_tokens_to_ids(word)).int().argmax(1).cpu()
    return F.normalize(layers[:, torch.arange(len(sentences)), place], dim=-1)


figure, panels = plt.subplots(1, 4, figsize=(13, 3.4), width_ratios=[1, 1, 1, 1.3])
for panel, (word, senses), colour in zip(panels, SENSES.items(), (BLUE, ORANGE, GREEN), strict=False):
    vectors = in_context(word, list(chain(*senses)))
    cosines = vectors @ vectors.transpose(1, 2)  # (layers + 1, 6, 6)
    panel.imshow(cosines[-1], cmap="Blues", vmin=0.6, vmax=1)
    for i in range(6):
        for j in range(6):
            shade = "white" if cosines[-1, i, j] > 0.82 else "black"
            panel.text(j, i, f"{cosines[-1, i, j]:.2f}", ha="center", va="center", fontsize=8, color=shade)
    panel.axhline(2.5, color="white", lw=3)
    panel.axvline(2.5, color="white", lw=3)
    panel.set(title=f"“{word}” in six sentences", xticks=[], yticks=[])
    same = torch.block_diag(torch.ones(3, 3), torch.ones(3, 3)).bool() & ~torch.eye(6, dtype=torch.bool)
    other = ~torch.block_diag(torch.ones(3, 3), torch.ones(3, 3)).bool()
    panels[3].plot(cosines[:, same].mean(-1), "o-", color=colour, ms=4, label=f"{word}, same sense")
    panels[3].plot(cosines[:, other].mean(-1), "o--", color=colour, ms=4, mfc="white")
panels[3].set(xlabel="layer (0: the table)", ylim=(0.6, 1.02), title="mean cosine; dashed: the other sense")
panels[3].legend(frameon=False, fontsize=8, loc="lower left")
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# At layer 0 the six vectors are nearly one (the rest is the position). Going up, the two senses part. For *bank* and *file* the gap is about as wide as it gets by layer 3 or 4, and the top shows two dark blocks on the diagonal. *key* parts later and less: the one of "Press any key to
# continue" (row 4) stays nearer to the keys of doors than to those of the keyboard. And even within a sense the cosines fall on the whole: each vector takes in more and more of its own sentence.
#
# **A vector for a sentence.** MiniLM was trained further so that the **mean** over a sentence's token vectors can be compared by cosine (Reimers and Gurevych 2019). Sentences in a batch have different lengths, so the shorter ones are padded, and the mean must leave the padding out:
#
# $$\text{pooled}_b = \frac{\sum_t m_{bt}\,h_{bt}}{\sum_t m_{bt}}$$

# %% [markdown] tags=["zh"]
# 在第 0 层，六个向量几乎是同一个（差别来自位置）。往上走，两种意思逐渐分开：“bank” 和 “file” 到第 3、4 层就差不多分到最开，在顶层可以看到对角线上两块深色。“key” 分得更晚，也更不彻底：“Press any key to continue”（第 4 行）里的那个，
# 离开门的钥匙反而比离键盘上的另外两个键更近。另外，即使意思相同，余弦也总体上在下降：每个向量都吸收了越来越多自己那句话的内容。
#
# **一句话的向量。** MiniLM 又经过进一步训练，使得一句话里各 token 向量的**平均**可以直接用余弦比较（Reimers 与 Gurevych 2019）。一个 batch 里句子长短不一，短的要填充，取平均时必须把填充排除在外：
#
# $$\text{pooled}_b = \frac{\sum_t m_{bt}\,h_{bt}}{\sum_t m_{bt}}$$


# %%
@torch.no_grad()
def sentence_vectors(sentences: list[str], with_mask: bool = True) -> Tensor:
    """(len(sentences), 384) unit vectors: the mean of the top layer over the tokens, or over the padding as well."""
    batch = wordpieces(sentences, padding=True, return_tensors="pt").to(DEVICE)
    hidden = encoder(**batch).last_hidden_state  # (B, T, D)
    mask = batch["attention_mask"][..., None] if with_mask else torch.ones_like(hidden[..., :1])
    return F.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1).cpu()


short = "How do I delete a file?"
long = "She asked the clerk at the bank whether the account that her late grandmother had opened could be closed."
for with_mask in (True, False):
    alone, in_batch = sentence_vectors([short], with_mask)[0], sentence_vectors([short, long], with_mask)[0]
    print(
        f"{'with' if with_mask else 'without':7} the mask: cosine of the sentence alone and beside a long one {alone @ in_batch:.4f}"
    )

answers_to_rank = [
    "Use rm to remove it from the directory.", "The bank closes at five o'clock.", "He fell into the river.",
    "The metal was smoothed by hand.", "Press the escape key to leave the menu.",
]  # fmt: skip
cosines = sentence_vectors(answers_to_rank) @ sentence_vectors([short])[0]
print(f"\n{short}")
for row in cosines.argsort(descending=True):
    print(f"  {cosines[row]:.2f}  {answers_to_rank[row]}")

# %% [markdown] tags=["en"]
# The answer comes first though it shares no content word with the question. That is how a search by meaning works, and lesson 11 (RAG) builds on it.
#
# ## Summary
#
# - What stands around a word says what it means: made-up words are recognised by their neighbours alone.
# - Skip-gram with negative sampling turns this into a task: tell true neighbours from drawn ones. Two tables, noise from counts$^{0.75}$, windows on both sides within a document, `logsigmoid`.
# - At its optimum $u\cdot v$ is a (shifted) pointwise mutual information; PPMI with SVD finds the same neighbours without training.
# - A table has one vector per word. A Transformer's layers make one per *occurrence*; the mean over them, without padding, is a vector for the sentence.
#
# ## Three questions to think about
#
# 1. Antonyms (*true* and *false*) come out as close neighbours. Why must they, by what the training sees? What would you have to give it to part them?
# 2. Large windows bring words of one *topic* together, small ones words that can *replace* each other. Why? Try windows 1 and 10.
# 3. The input embedding of a GPT is such a table, and often the output layer is the same one (tied). Which of $u$ and $v$ is which there, and why may it be one table then?
#
# ## Further reading
#
# - Mikolov et al. 2013a, *Efficient Estimation of Word Representations in Vector Space*: section 3.
# - Mikolov et al. 2013b, *Distributed Representations of Words and Phrases and their Compositionality*: sections 2 and 4.
# - Levy and Goldberg 2014, *Neural Word Embedding as Implicit Matrix Factorization*: section 3.
# - Levy, Goldberg and Dagan 2015, *Improving Distributional Similarity with Lessons Learned from Word Embeddings*: section 3.
# - Ethayarajh 2019, *How Contextual are Contextualized Word Representations?*: section 4.
# - Reimers and Gurevych 2019, *Sentence-BERT*: section 3.
# - Wang et al. 2020, *MiniLM: Deep Self-Attention Distillation*: section 3.

# %% [markdown] tags=["zh"]
# 答案排在最前，尽管它和问题没有一个共同的实词。按意思搜索就是这么做到的，第 11 课（RAG）会在此基础上继续。
#
# ## 小结
#
# - 一个词的意思藏在它周围：杜撰的词，单凭邻词就能认出来。
# - 带负采样的 skip-gram 把这件事变成一个任务：分辨真邻词和抽来的词。两张表；噪声按 计数$^{0.75}$ 抽取；窗口向两边伸展，但不越过文档边界；用 `logsigmoid`。
# - 最优处 $u\cdot v$ 就是（平移过的）点互信息；PPMI 加 SVD 不用训练也能找到同样的近邻。
# - 一张表里每个词只有一个向量。Transformer 的各层为每一次**出现**各造一个；对它们取平均（不含填充），就是整句话的向量。
#
# ## 三个思考题
#
# 1. 反义词（“true” 与 “false”）往往是很近的邻居。从训练所见来看，为什么必然如此？要把它们分开，得再给它什么？
# 2. 窗口大，聚到一起的是同一**话题**的词；窗口小，聚到一起的是可以互相**替换**的词。为什么？试试窗口 1 和 10。
# 3. GPT 的输入 embedding 就是这样一张表，输出层常常也是同一张（权重共享）。在那里，$u$ 和 $v$ 各是哪一个？为什么那时可以只用一张表？
#
# ## 延伸阅读
#
# - Mikolov 等 2013a，《Efficient Estimation of Word Representations in Vector Space》：第 3 节。
# - Mikolov 等 2013b，《Distributed Representations of Words and Phrases and their Compositionality》：第 2、4 节。
# - Levy 与 Goldberg 2014，《Neural Word Embedding as Implicit Matrix Factorization》：第 3 节。
# - Levy、Goldberg 与 Dagan 2015，《Improving Distributional Similarity with Lessons Learned from Word Embeddings》：第 3 节。
# - Ethayarajh 2019，《How Contextual are Contextualized Word Representations?》：第 4 节。
# - Reimers 与 Gurevych 2019，《Sentence-BERT》：第 3 节。
# - Wang 等 2020，《MiniLM: Deep Self-Attention Distillation》：第 3 节。
