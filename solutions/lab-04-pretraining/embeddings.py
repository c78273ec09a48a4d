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
# A language model begins with a table: one vector for each token. Where does the meaning in such a vector come from? In this
# notebook you train the table alone, with the method that made word vectors famous: **skip-gram with negative sampling**
# (word2vec, 2013). Then you see what it cannot do, and a Transformer can.
#
# **You will be able to**
# - say what the words around a word tell about it, and cut a text into (word, neighbour) pairs;
# - write the loss of skip-gram with negative sampling, without overflow, and train it on real English and Chinese text;
# - find a word's neighbours by cosine, draw the vectors in the plane, and get similar vectors from a matrix factorisation;
# - take *contextual* vectors from a real encoder, one for each occurrence of a word, and pool them over a sentence.
#
# **Time** about two hours. Running everything takes one to two minutes on two CPU cores.
#
# **You need** tensors and `nn.Module` in PyTorch. Nothing from the earlier notebooks.
#
# **How it works** Cells with `# YOUR CODE HERE` are yours. The problem ends in a check cell that tries a few small cases at
# once. You may run `labkit.check("skip-gram")` at any time: what is not written yet shows ○. The score comes from other,
# hidden tests. All other cells just run.
#
# **On a large machine** `profile = "gpu"` takes all of the text and 300 dimensions, on one CUDA card. (It was not run for
# this text.)

# %% [markdown] tags=["zh"]
# # 实验 04，第 3 节：词向量
#
# 语言模型的第一步是查一张表：每个词元（token）对应一个向量，叫作它的**嵌入**（embedding）。这个向量里的“意思”是从哪里来的？在这个笔记本里，你会单独训练这张表，
# 用的正是让词向量出名的方法：**带负采样的 skip-gram**（word2vec，2013）。然后你会看到它做不到、而 Transformer 做得到的事。
#
# **学完之后，你能够**
# - 说清一个词周围的词透露了它的什么，并把文本切成（词，邻词）对；
# - 写出带负采样的 skip-gram 损失（数值上不溢出），并在真实的英文和中文文本上训练它；
# - 用余弦找一个词的近邻，把向量画到平面上，再用矩阵分解得到相近的向量；
# - 从真实的编码器里取出**上下文相关**的向量（同一个词每出现一次就有一个），并把一句话的向量汇聚成一个。
#
# **时间** 约两小时。全部单元格在两个 CPU 核上跑一遍需要一两分钟。
#
# **预备知识** PyTorch 的张量与 `nn.Module`。不依赖前面的笔记本。
#
# **做法** 带 `# YOUR CODE HERE` 的单元格由你来写。题目的末尾有一个检查单元格，会立刻试几个小例子；也可以随时运行 `labkit.check("skip-gram")`，
# 还没写的部分显示 ○。最终得分来自另外的隐藏测试。其余单元格直接运行即可。
#
# **大机器** 把 `profile` 设为 `"gpu"`，就会在一张 CUDA 卡上用全部文本、300 维来训练。（写这段文字时没有实际跑过。）

# %% tags=["export"]
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import labkit

# %%
profile = "cpu"  # or "gpu"

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
DARK = "#777777"

torch.manual_seed(0)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
plots.style()

# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# We take real text, pick twelve words **at random**, and put a made-up word in the place of about half the occurrences of
# each. What does `wug` mean? Here are some of the places where it stands.

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# 取一批真实文本，**随机**挑十二个词，把每个词大约一半的出现换成一个杜撰的词。那么 `wug` 是什么意思？下面是它出现的几处地方。

# %%
MADE_UP = [
    *["wug", "blicket", "dax", "toma", "fep", "zav"],
    *["kiki", "bouba", "glorp", "snarf", "plim", "quex"],
]


def disguise(
    texts: list[list[str]],
    candidates: list[str],
) -> tuple[list[list[str]], dict[str, str]]:
    """Puts made-up words in the place of about half the occurrences of some words.

    Returns:
        The changed texts, and for each made-up word the word that it stands for.
    ---
    把若干个词大约一半的出现换成杜撰的词。

    返回：
        改过的文本，以及每个杜撰的词顶替的是哪个词。
    """
    rng = random.Random(0)
    names = dict(zip(rng.sample(candidates, len(MADE_UP)), MADE_UP, strict=True))
    changed = []
    for text in texts:
        changed.append([names[w] if w in names and rng.random() < 0.5 else w for w in text])
    return changed, {made_up: word for word, made_up in names.items()}


documents = corpora.load("en", SETTINGS["bytes"])
english = [re.findall(r"[a-z]+", document.lower()) for document in documents]
frequent = [word for word, _ in Counter(chain(*english)).most_common(600)]
english, answers = disguise(english, frequent[100:])
n_words = sum(map(len, english))
print(
    say(
        f"{corpora.sources('en')}\n{len(english):,} documents, {n_words:,} words\n",
        f"{corpora.sources('en')}\n{len(english):,} 篇文档，{n_words:,} 个词\n",
    )
)
places = []
for text in english:
    at = [i for i, word in enumerate(text) if word == MADE_UP[0]]
    places += [(text, i) for i in at if 8 < i < len(text) - 8]
for text, i in places[:: len(places) // 8][:8]:
    before, after = " ".join(text[i - 8 : i]), " ".join(text[i + 1 : i + 9])
    print(f"{before[-44:]:>44}  {text[i].upper()}  {after[:44]}")

# %% [markdown] tags=["en"]
# You have a guess. Now a machine that knows no English at all. It **counts** which of the 1,500 most frequent words stand
# next to `wug` (at most two words away), and does the same for every other word. Then it looks for the word whose counts
# have the most similar direction, measured by the cosine of the angle between the two rows of counts.

# %% [markdown] tags=["zh"]
# 你大概猜到了。现在换一台完全不懂英语的机器：它只是**数一数**，最常见的 1,500 个词里，哪些出现在 `wug` 旁边（最多隔一个词），
# 对其他每个词也照样数一遍，再找出计数向量方向最接近的那个词（用两行计数之间夹角的余弦来衡量）。


# %%
def count_neighbours(texts: list[list[str]], words: list[str]) -> Tensor:
    """(V, V): how often words[j] stands one or two places from words[i], within a text.
    ---
    (V, V)：同一篇文本里，words[j] 出现在 words[i] 前后一两个位置上的次数。
    """
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
seconds = time.perf_counter() - start
print(say(f"counted in {seconds:.1f} s\n", f"计数用时 {seconds:.1f} s\n"))
for made_up in MADE_UP:
    second, third = (words[i] for i in alike[words.index(made_up)].topk(3).indices[1:])
    right = guesses[made_up] == answers[made_up]
    verdict = say("right", "对") if right else say("it was ", "其实是 ") + answers[made_up]
    print(
        say(
            f"{made_up:8} is {guesses[made_up]:10} (then {second}, {third})    {verdict}",
            f"{made_up:8} 是 {guesses[made_up]:10}（其次 {second}、{third}）    {verdict}",
        )
    )

# %%
profiles = (counts / counts.sum(1, keepdim=True)).sqrt()
shown = [word for i in (0, 1, 9) for word in (MADE_UP[i], answers[MADE_UP[i]])]
rows = profiles[[words.index(word) for word in shown]]
differences = rows.amax(0) - rows.amin(0)
differences[[words.index(word) for word in shown]] = 0.0
spread = differences.topk(28).indices.sort().values
figure, axes = plt.subplots(figsize=(10, 2.9))
image = axes.imshow(rows[:, spread], cmap="Blues", aspect="auto")
figure.colorbar(image, label=say("square root of the share", "比例的平方根"))
axes.set_xticks(range(len(spread)), [words[i] for i in spread], rotation=90, fontsize=8)
axes.set_yticks(range(len(shown)), shown)
axes.set(
    xlabel=say("neighbour", "邻词"),
    title=say("how often each neighbour stands near a word", "每个邻词出现在一个词旁边的频率"),
)
plt.show()

# %% [markdown] tags=["en"]
# Each made-up word has much the same row as the word below it, which it replaces. (We draw the square root of the share, so
# that *the* does not outshine the rest.)
#
# "You shall know a word by the company it keeps" (Firth 1957). Where the machine is wrong, look at what it said instead. A
# made-up word stands in the same kind of places as the word that it replaces, so it gets nearly the same row. And this row
# is all that the machine knows of a word. That words with similar neighbours have similar meanings is the **distributional hypothesis** (Harris 1954). A language
# model learns from the same evidence: from what stands around a word.
#
# But a row has as many numbers as there are words, most of them 0, and it grows with the vocabulary. We want short, dense
# vectors which say the same.
#
# ## 2. Skip-gram with negative sampling
#
# Make it a task: from a word, predict the words near it. Each word $w$ has a vector $v_w$ for when it is in the **centre**,
# each word $c$ a vector $u_c$ for when it is **context**:
#
# $$P(c \mid w) = \frac{\exp(u_c\cdot v_w)}{\sum_{c'}\exp(u_{c'}\cdot v_w)}\qquad\text{(Mikolov et al. 2013b, eq. 2)}$$
#
# ```
#  window = 2       print  the  [ name   of ]   file   [ in   the ]  current  directory
#  pairs                     (file, name)  (file, of)  (file, in)  (file, the)
# ```
#
# Words that predict the same neighbours get similar $v$. The sum runs over the whole vocabulary for each pair, and that is
# too slow. So replace the question "*which* of all words stands here?" by "does this word **really** stand here, or was it
# made up?" For each true pair, draw $K$ *negatives* $n_1 \dots n_K$ from a noise distribution, and tell true from false
# with $\sigma(x) = 1/(1+e^{-x})$:
#
# $$\ell = -\log\sigma(u_c\cdot v_w) - \sum_{k=1}^{K}\log\sigma(-u_{n_k}\cdot v_w)\qquad\text{(eq. 4)}$$
#
# | | shape | |
# |---|---|---|
# | `centre` | $(B, D)$ | $v_w$ of each pair in the batch |
# | `positive` | $(B, D)$ | $u_c$ of its true neighbour |
# | `negatives` | $(B, K, D)$ | $u_{n_k}$; the loss sums over $K$ and **averages over $B$** |
#
# Three more details, each of them a line of code:
#
# - **Noise** is drawn in proportion to counts$^{0.75}$: between "as in the text" (power 1) and "all alike" (power 0).
# - **Frequent words** are thinned out before pairs are made: a word that makes up the share $f$ of the text is kept with probability $\sqrt{t/f}$ (at most 1; $t = 10^{-3}$ here, around $10^{-5}$ in the paper, whose text is far larger). The 100th *the* near *file* tells nothing new.
# - **Two tables.** A word hardly ever stands next to itself, but $v_w\cdot v_w$ is never negative. A single table could make such a product small only by making the vectors short.
#
# **The pitfalls of this section.** The window reaches to *both* sides and stops where a document ends. The minus of the
# negatives stands *inside* $\sigma$. And $\log(\sigma(x))$ in two steps is $-\infty$ for $x = -150$ in float32, with a
# gradient of NaN; `F.logsigmoid` does it in one.
#
# ### Problem 5 (9 points): `skip_gram_pairs`, `keep_probability`, `negative_distribution`, `sgns_loss`, `SkipGram`, `train_skip_gram`, `nearest`

# %% [markdown] tags=["zh"]
# 每个杜撰的词，它的那一行与下面被它顶替的词大致相同。（图中画的是比例的平方根，否则 “the” 会盖过其他一切。）
#
# “观其伴，知其词”（Firth 1957）。机器答错的地方，看看它答成了什么。杜撰的词和被它顶替的词出现在同样的地方，所以两行计数几乎相同；而机器对一个词的全部了解，就是这一行计数。
# 邻词相似的词，意思也相似：这就是**分布假设**（Harris 1954）。语言模型学习时依据的是同一类证据，即一个词周围出现了什么。
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
# 能预测出相同邻词的词，$v$ 往往相近。可是每一对都要对整个词表求和，太慢了；于是把问题从“这里是所有词中的**哪一个**？”换成“这个词**真的**出现在这里，还是编造的？”
# 每个真实的对，都从一个噪声分布里抽 $K$ 个**负样本** $n_1 \dots n_K$，用 $\sigma(x) = 1/(1+e^{-x})$ 分辨真假：
#
# $$\ell = -\log\sigma(u_c\cdot v_w) - \sum_{k=1}^{K}\log\sigma(-u_{n_k}\cdot v_w)\qquad\text{（式 4）}$$
#
# | | 形状 | |
# |---|---|---|
# | `centre` | $(B, D)$ | 一批中每一对的 $v_w$ |
# | `positive` | $(B, D)$ | 真实邻词的 $u_c$ |
# | `negatives` | $(B, K, D)$ | $u_{n_k}$；损失对 $K$ 求和，**对 $B$ 取平均** |
#
# 还有三个细节，每个只要一行代码：
#
# - **噪声**按计数的 0.75 次方成比例抽取：介于“与文本一致”（1 次方）和“每个词机会均等”（0 次方）之间。
# - **高频词**在组对之前先稀释：占全文比例为 $f$ 的词，以 $\sqrt{t/f}$（不超过 1）的概率保留；这里 $t = 10^{-3}$，论文的语料大得多，取 $10^{-5}$ 左右。“file” 旁边的第 100 个 “the” 已经说不出什么新东西了。
# - **两张表。** 一个词几乎不会出现在自己旁边，可 $v_w\cdot v_w$ 从不为负。如果只用一张表，要让这样的点积变小，就只能把向量变短。
#
# **本节的坑。** 窗口向**两**边伸展，到文档的尽头为止。负样本的负号在 $\sigma$ **里面**。另外，分两步算 $\log(\sigma(x))$，在 float32 下 $x = -150$ 时得到 $-\infty$，梯度是 NaN；
# `F.logsigmoid` 一步就算好。
#
# ### 第 5 题（9 分）：`skip_gram_pairs`、`keep_probability`、`negative_distribution`、`sgns_loss`、`SkipGram`、`train_skip_gram`、`nearest`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "pairs-solution", "cell_type": "code"}
def skip_gram_pairs(ids: list[Tensor], window: int) -> Tensor:
    """Each word of each document with every word at most `window` places before or after it.

    A word is not its own context, but the same word at another place is. Pairs never reach into
    another document.

    Args:
        ids: the documents, each (T_i,) int64; some may have one word or none. The list
            may be empty.
        window: at least 1.

    Returns:
        (P, 2) int64, in any order: column 0 the centre, column 1 its context. Without
            pairs: (0, 2).

    Example: [[7, 8, 9], [5]] with window 1 -> (7, 8), (8, 7), (8, 9), (9, 8).
    ---
    每篇文档里的每个词，与它前后至多 `window` 个位置上的每个词各成一对。

    一个位置上的词不是它自己的上下文，但别处的同一个词可以是。词对不跨文档。

    参数：
        ids：各篇文档，每篇 (T_i,)，int64；有的可能只有一个词，或者没有；列表可以为空。
        window：至少为 1。

    返回：
        (P, 2)，int64，次序不限：第 0 列是中心词，第 1 列是它的上下文。没有词对时为 (0, 2)。

    例：[[7, 8, 9], [5]]，窗口为 1 -> (7, 8)、(8, 7)、(8, 9)、(9, 8)。
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
    """How likely each word is to be kept when frequent words are thinned out.

    It is min(1, sqrt(threshold / share)); the share is the count over the sum of all counts.

    Args:
        counts: (V,) int64, how often each word comes, at least once.
        threshold: share of the text up to which a word is always kept.

    Returns:
        (V,) float32.

    Source: Mikolov et al. 2013b, section 2.3, eq. 5 (which gives the probability to discard).
    ---
    稀释高频词时，每个词被保留的概率。

    即 min(1, sqrt(threshold / 比例))；比例是该词的计数除以所有计数之和。

    参数：
        counts：(V,)，int64，每个词出现的次数，至少一次。
        threshold：比例不超过它的词总是保留。

    返回：
        (V,)，float32。

    出处：Mikolov 等 2013b，2.3 节，式 5（那里给的是丢弃的概率）。
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
    ---
    抽取负样本的噪声分布：与 counts^power 成正比。

    参数：
        counts：(V,)，int64；power 大于 0 时，计数为 0 的词永远不会被抽到。

    返回：
        (V,)，float32，总和为 1。

    出处：Mikolov 等 2013b，2.2 节。
    """
    ### BEGIN SOLUTION
    weights = counts.float() ** power
    return weights / weights.sum()
    ### END SOLUTION


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "sgns-solution", "cell_type": "code"}
def sgns_loss(centre: Tensor, positive: Tensor, negatives: Tensor) -> Tensor:
    """The loss of skip-gram with negative sampling.

    It is summed over the K negatives of a pair and averaged over the B pairs. It is exact, and its
    gradients are finite, for scores of several hundred of either sign.

    Args:
        centre: (B, D), centre vectors.
        positive: (B, D), context vectors of the true neighbours.
        negatives: (B, K, D), context vectors of the words drawn from the noise.

    Returns:
        Scalar.

    Source: Mikolov et al. 2013b, section 2.2, eq. 4.
    ---
    带负采样的 skip-gram 损失。

    对一对的 K 个负样本求和，对 B 对取平均。分数达到几百（正负都算）时，损失仍然准确，梯度仍然有限。

    参数：
        centre：(B, D)，中心词向量。
        positive：(B, D)，真实邻词的上下文向量。
        negatives：(B, K, D)，从噪声里抽出的词的上下文向量。

    返回：
        标量。

    出处：Mikolov 等 2013b，2.2 节，式 4。
    """
    ### BEGIN SOLUTION
    true_scores = (centre * positive).sum(-1)  # (B,)
    false_scores = (centre.unsqueeze(1) * negatives).sum(-1)  # (B, K)
    return -(F.logsigmoid(true_scores) + F.logsigmoid(-false_scores).sum(-1)).mean()
    ### END SOLUTION


class SkipGram(nn.Module):
    """Two tables of vectors, one for a word in the centre and one for a word as context.

    Attributes:
        centre: nn.Embedding(vocab_size, d_model); at first uniform in ±0.5 / d_model.
        context: nn.Embedding(vocab_size, d_model); at first zeros.
    ---
    两张向量表，一张给处在中心的词，一张给充当上下文的词。

    属性：
        centre：nn.Embedding(vocab_size, d_model)；初值在 ±0.5 / d_model 之间均匀分布。
        context：nn.Embedding(vocab_size, d_model)；初值全为零。
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
        """The loss of a batch of pairs: ids (B,), (B,) and (B, K) -> scalar.

        Negatives are looked up in the table of true neighbours, context.
        ---
        一批词对的损失：id (B,)、(B,)、(B, K) -> 标量。

        负样本与真实邻词在同一张表 context 里查。
        """
        ### BEGIN SOLUTION
        return sgns_loss(self.centre(centres), self.context(contexts), self.context(negatives))
        ### END SOLUTION


def train_skip_gram(
    pairs: Tensor, noise: Tensor, d_model: int, n_negatives: int = 5,
    epochs: int = 2, batch_size: int = 2048, lr: float = 0.01, seed: int = 0,
) -> tuple[SkipGram, list[float]]:  # fmt: skip
    """Trains a new SkipGram with Adam.

    The rate falls linearly from `lr` to 0: it is lr * (1 - step / steps) at step 0, 1, 2, ...

    An epoch is all pairs once, in a new random order, in batches of batch_size (the last may be
    smaller). Every pair gets n_negatives new words of its own, drawn from the noise, each time.
    The seed is set before the model is made, and decides all that is random.

    Args:
        pairs: (P, 2) int64 of centre and context; training happens on its device.
        noise: (V,) as negative_distribution gives it; V is the size of the vocabulary.

    Returns:
        The model, and the loss of each step as a list of floats.
    ---
    用 Adam 训练一个新的 SkipGram。

    学习率从 `lr` 线性降到 0：第 0、1、2……步的学习率是 lr * (1 - step / steps)。

    一个 epoch 是所有词对各一次，每次重新打乱，每批 batch_size 对（最后一批可以更小）。
    每一对每次都从噪声里抽 n_negatives 个属于自己的新词。种子在创建模型之前设定，决定一切随机的东西。

    参数：
        pairs：(P, 2)，int64，中心词与上下文；训练就在它所在的设备上进行。
        noise：(V,)，如 negative_distribution 所给；V 是词表大小。

    返回：
        模型，以及每一步的损失（浮点数列表）。
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
            negatives = torch.multinomial(
                noise,
                len(rows) * n_negatives,
                replacement=True,
            ).view(-1, n_negatives)
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
    ---
    与 `word` 的向量余弦最大的 n 个其他词，从大到小。

    参数：
        vectors：(V, D)，长度不限；没有零向量。
        word：行号；它不算自己的近邻。
        n：小于 V。

    返回：
        (n,)，int64，行号；(n,)，float32，余弦。
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
# **What the library says.** Your loss is an old friend: binary cross-entropy, with label 1 for the true neighbour and 0 for
# the $K$ made-up ones. The figure shows what the power 0.75 and the thinning do to this text.

# %% [markdown] tags=["zh"]
# **与库对照。** 你的损失其实是老朋友：二元交叉熵，真实邻词的标签是 1，编造的 $K$ 个是 0。下图显示 0.75 次方和稀释对这份文本起了什么作用。

# %%
centre, positive, negatives = torch.randn(7, 16), torch.randn(7, 16), torch.randn(7, 5, 16)
candidates = torch.cat([positive.unsqueeze(1), negatives], dim=1)
scores = candidates @ centre.unsqueeze(-1)  # (B, 1 + K, 1)
labels = torch.zeros(7, 6, 1).index_fill(1, torch.tensor(0), 1.0)
library = F.binary_cross_entropy_with_logits(scores, labels, reduction="sum") / 7
yours = sgns_loss(centre, positive, negatives)
print(
    say(
        f"yours {yours:.6f}, binary_cross_entropy_with_logits {library:.6f}",
        f"你的损失 {yours:.6f}，binary_cross_entropy_with_logits {library:.6f}",
    )
)

totals = Counter(chain(*english))
by_rank = torch.tensor([count for _, count in totals.most_common()])
ranks = range(1, len(by_rank) + 1)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3))
for power, colour in [(1.0, ORANGE), (0.75, BLUE), (0.0, DARK)]:
    noise = negative_distribution(by_rank, power)
    left.plot(ranks, noise, color=colour, label=say(f"power {power}", f"{power} 次方"))
    share = noise[:100].sum()
    print(
        say(
            f"power {power:4}: the 100 most frequent words take {share:.1%} of the draws",
            f"{power:4} 次方：最常见的 100 个词占抽样的 {share:.1%}",
        )
    )
rank = say("rank of the word by frequency", "词按频率排的名次")
left.set(
    xscale="log",
    yscale="log",
    xlabel=rank,
    ylabel=say("probability of a draw", "被抽到的概率"),
    title=say("noise: share of the negatives", "噪声：在负样本中的占比"),
)
left.legend(frameon=False)
right.plot(ranks, keep_probability(by_rank), color=BLUE)
right.set(
    xscale="log",
    ylim=(0, 1.05),
    xlabel=rank,
    ylabel=say("probability", "概率"),
    title=say("thinning: probability to be kept", "稀释：被保留的概率"),
)
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# With power 1 a hundred words take almost half of the draws, with power 0.75 about a fifth. Thinning touches little more than the
# hundred most frequent words; all others are always kept.
#
# ## 3. Words of a real text
#
# Now train. Words that come fewer than ten times are dropped. Then we test the vectors on the twelve made-up words: is the
# word that each one replaces its **nearest** neighbour?

# %% [markdown] tags=["zh"]
# 1 次方时，一百个词就占去近一半的抽样；0.75 次方时约占五分之一。受稀释影响的，差不多就是最常见的一百来个词；其余的总是保留。
#
# ## 3. 真实文本里的词
#
# 开始训练。出现不足十次的词先去掉。然后用那十二个杜撰的词来考一考这些向量：被顶替的词是不是它的**第一**近邻？


# %%
class Vectors:
    """Skip-gram vectors of a text: words, index, counts, pairs, the trained model, its losses.
    ---
    一份文本的 skip-gram 向量：词、词的编号、计数、词对、训练好的模型及其损失。
    """

    def __init__(self, texts: list[list[str]], seed: int = 0) -> None:
        totals = Counter(chain(*texts))
        self.words = [word for word, count in totals.most_common() if count >= 10]
        self.index = {word: i for i, word in enumerate(self.words)}
        self.counts = torch.tensor([totals[word] for word in self.words])
        keep, generator = keep_probability(self.counts), torch.Generator().manual_seed(seed)
        ids = []
        for text in texts:
            known = [self.index[word] for word in text if word in self.index]
            document = torch.tensor(known, dtype=torch.int64)
            ids.append(document[torch.rand(len(document), generator=generator) < keep[document]])
        self.pairs = skip_gram_pairs(ids, window=3)
        self.noise = negative_distribution(self.counts)
        start = time.perf_counter()
        sizes = {name: SETTINGS[name] for name in ("d_model", "epochs", "batch_size")}
        pairs, noise = self.pairs.to(DEVICE), self.noise.to(DEVICE)
        self.model, self.losses = train_skip_gram(pairs, noise, **sizes, seed=seed)
        self.seconds = time.perf_counter() - start
        self.table = self.model.centre.weight.detach().cpu()

    def near(self, word: str, n: int = 5, table: Tensor | None = None) -> list[str]:
        """The n nearest words, by the trained vectors or by another table.
        ---
        最近的 n 个词，按训练出的向量，或按另一张表。
        """
        rows, _ = nearest(self.table if table is None else table, self.index[word], n)
        return [self.words[row] for row in rows]

    def found(self, answers: dict[str, str], table: Tensor | None = None) -> int:
        """How many made-up words have the word they replace as their nearest neighbour.
        ---
        有几个杜撰的词，第一近邻正是它顶替的词。
        """
        return sum(self.near(made_up, 1, table) == [word] for made_up, word in answers.items())

    def report(self, answers: dict[str, str]) -> None:
        """Prints the sizes, the seconds, and how many made-up words were found.
        ---
        打印规模、用时，以及认出了几个杜撰的词。
        """
        right, sizes = self.found(answers), (len(self.words), len(self.pairs), len(self.losses))
        print(
            say(
                f"{sizes[0]:,} words, {sizes[1]:,} pairs, {sizes[2]:,} steps in {self.seconds:.0f} s\n"
                f"made-up words whose nearest neighbour is the right one: {right} of {len(answers)}",
                f"{sizes[0]:,} 个词，{sizes[1]:,} 个词对，{sizes[2]:,} 步，用时 {self.seconds:.0f} s\n"
                f"第一近邻正确的杜撰词：{len(answers)} 个中有 {right} 个",
            )
        )


en = Vectors(english)
en.report(answers)
by_counts = sum(guesses[w] == answers[w] for w in MADE_UP)
print(say(f"(by counts, over 1,500 columns: {by_counts})\n", f"（按 1,500 列计数：{by_counts} 个）\n"))
for word in ["memory", "two", "red", "he", "linux", "true", "error", "import"]:
    if word in en.index:
        print(f"{word:8}", ", ".join(en.near(word)))

# %%
figure, axes = plt.subplots(figsize=(7, 3))
smooth = torch.tensor(en.losses).unfold(0, 50, 10).mean(-1)
steps = [50 + 10 * i for i in range(len(smooth))]
axes.plot(steps, smooth, color=BLUE, label=say("loss, mean of 50 steps", "损失，50 步平均"))
knows_nothing = say("knows nothing: 6 log 2", "一无所知：6 log 2")
axes.axhline(6 * math.log(2), color=DARK, lw=1, label=knows_nothing)
epoch = say("the second epoch begins", "第二个 epoch 开始")
axes.axvline(len(en.losses) / 2, color=DARK, ls=":", label=epoch)
axes.set(
    xlabel=say("step", "步数"),
    ylabel=say("loss (nats)", "损失（nat）"),
    title=say("skip-gram on English", "英文上的 skip-gram"),
)
axes.legend(frameon=False, bbox_to_anchor=(1, 0.93), loc="upper right")
plt.show()

# %% [markdown] tags=["en"]
# At first all context vectors are zero, so every one of the six answers has probability ½: a loss of 6 log 2. Where
# the second epoch begins, the curve drops by a step: the model has now seen each pair once before.
#
# ## 4. What is a word in Chinese?
#
# Chinese is written without spaces. We could take characters: 文 and 件 would each get a vector, 文件 (file) none. The
# word2vec paper has a way out (section 4, meant for *New York*): join two neighbours that stand together far more often
# than chance would have it,
#
# $$\mathrm{score}(a, b) = \frac{(\mathrm{count}(ab) - \delta)\cdot N}{\mathrm{count}(a)\cdot\mathrm{count}(b)} > \text{threshold},$$
#
# where $\delta$ (10 here) keeps out pairs that met a few times by chance. (The paper has no $N$, the length of the text.
# With it, the score is about how many times as often as by chance the two stand together.) Do it again on the result, so
# that three and four characters can come together. This takes no dictionary, and about thirty lines. It is a cousin of BPE
# (byte-pair encoding, notebook 2). BPE joins what is frequent; this joins what is *more frequent than expected*.

# %% [markdown] tags=["zh"]
# 一开始上下文向量全为零，六个答案的概率都是 ½，所以损失是 6 log 2。第二个 epoch 开始时曲线降了一截：从这里起，每个词对模型都已经见过一次。
#
# ## 4. 中文里什么算一个词？
#
# 中文没有空格。可以按字来：“文”和“件”各有一个向量，“文件”却没有。word2vec 论文里有现成的办法（第 4 节，原本用来处理 “New York”）：
# 相邻两个单位一起出现的次数远远超过偶然，就把它们合并，
#
# $$\mathrm{score}(a, b) = \frac{(\mathrm{count}(ab) - \delta)\cdot N}{\mathrm{count}(a)\cdot\mathrm{count}(b)} > \text{阈值},$$
#
# 其中 $\delta$（这里取 10）用来排除偶然碰到一起几次的组合。（论文里没有 $N$，即文本的长度；乘上它，分数大致就是“一起出现的次数是偶然的多少倍”。）然后在结果上再做几遍，三个字、四个字的词也就连起来了。
# 不用词典，三十行左右的代码。它是 BPE（字节对编码，见本实验第 2 节）的表亲：BPE 合并的是常见的组合，它合并的是**比预期更常见**的组合。

# %%
BREAK, BORDER = -1, -2


def join_phrases(
    ids: Tensor,
    words: list[str],
    threshold: float,
    discount: int = 10,
) -> tuple[Tensor, list[str]]:
    """One round: two neighbours become a new word where their score is above the threshold, and
    above the scores of both pairs that overlap with them.

    Args:
        ids: (N,) int64, rows of `words`, or BREAK (between two runs of characters) or BORDER
            (between two documents).

    Returns:
        The shorter ids and the longer list of words; no word gets longer than four characters.
    ---
    一轮合并：相邻两个单位的分数高于阈值，也高于与它们重叠的前后两对的分数，就合成一个新词。

    参数：
        ids：(N,)，int64，`words` 的下标，或者 BREAK（两串字符之间）、BORDER（两篇文档之间）。

    返回：
        变短的 ids 和变长的词表；新词不超过四个字。
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
    """Chinese text as words, by three rounds of join_phrases; Latin words stay as they are.
    ---
    把中文文本切成词：做三轮 join_phrases；拉丁字母的词保持原样。
    """
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
seconds, n_words = time.perf_counter() - start, sum(map(len, chinese))
print(
    say(
        f"{corpora.sources('zh')}\n{len(chinese):,} documents, {n_words:,} words, {seconds:.0f} s\n",
        f"{corpora.sources('zh')}\n{len(chinese):,} 篇文档，{n_words:,} 个词，{seconds:.0f} s\n",
    )
)
for text in [text for text in chinese if len(text) > 40][:300:60]:
    print(" ".join(text[:28]))
longer = Counter(word for word in chain(*chinese) if len(word) > 2 and word[0] >= "\u4e00")
most = " ".join(word for word, _ in longer.most_common(24))
print(say("\nlonger than two characters:", "\n超过两个字的："), most)

# %% [markdown] tags=["en"]
# Most of these are words. 页计划, 文版由 and 本页面 are splinters of one footer, 本页面中文版由中文 man 手册页计划提供, that
# hundreds of manual pages end in. What always stands together is joined, word or not. (The text here is not cleaned;
# section 6 of notebook 1 met the same footer.)

# %% [markdown] tags=["zh"]
# 大多数确实是词。“页计划”“文版由”“本页面”却不是，它们都出自几百篇手册页末尾的同一句话：“本页面中文版由中文 man 手册页计划提供”。凡是总在一起出现的，不管是不是词，都会被合并。
# （这里用的是没有清洗过的文本；第 1 节的第 6 小节遇到的也是这种页脚。）

# %%
by_count = Counter(chain(*chinese)).most_common(600)
frequent = [word for word, _ in by_count if word[0] >= "\u4e00"]
chinese, zh_answers = disguise(chinese, frequent[50:])
zh = Vectors(chinese)
zh.report(zh_answers)
print()
for word in ["文件", "内存", "月", "君子", "删除", "变量", "如果"]:
    if word in zh.index:
        print(word, " ", "、".join(zh.near(word)))

# %% [markdown] tags=["en"]
# **In the plane.** 48 dimensions do not fit on paper. **PCA** (principal component analysis) turns the vectors so that the
# first two axes show as much of their differences as two axes can. The groups and their colours are ours; the model saw no
# groups.

# %% [markdown] tags=["zh"]
# **画到平面上。** 48 维画不进纸里。**PCA**（主成分分析）把这些向量转一转，让头两根轴尽可能多地展示它们的差别。分组和颜色是我们后加的，模型从没见过什么分组。

# %%
GROUPS = {
    "en": [
        "one two three four five six",
        "red green blue black white yellow",
        "he she him her his himself",
        "int str float list dict tuple",
        "linux windows unix macos freebsd solaris",
        "day month year hour minute week",
    ],
    "zh": [
        "一 二 三 四 五 六",
        "春 月 风 花 雨 山",
        "子曰 君子 小人 人 仁 道",
        "文件 目录 路径 链接 文件系统 磁盘",
        "删除 创建 修改 添加 移动 复制",
        "整数 字符串 变量 数组 函数 指针",
    ],
}


def draw_plane(axes: plt.Axes, vectors: Vectors, groups: list[str]) -> None:
    """The words of the groups on the first two principal axes of their (unit) vectors.

    A label that would cover another one moves up.
    ---
    把各组词画在它们的（单位）向量的头两根主轴上。

    会盖住别人的标签往上移。
    """
    members = [[word for word in group.split() if word in vectors.index] for group in groups]
    rows = [vectors.index[word] for word in chain(*members)]
    table = F.normalize(vectors.table[rows], dim=1)
    _, _, axes_of_pca = torch.pca_lowrank(table, q=2)
    points = iter(((table - table.mean(0)) @ axes_of_pca).tolist())
    labels: list[list] = []
    for number, group in enumerate(members):
        for word in group:
            x, y = next(points)
            axes.plot(x, y, "o", color=f"C{number}", ms=4)
            labels.append([y, x, word, f"C{number}"])
    axes.margins(0.12)
    axes.set(
        xticks=[],
        yticks=[],
        xlabel=say("first principal axis", "第一主轴"),
        ylabel=say("second principal axis", "第二主轴"),
    )
    low, high = axes.get_ylim()
    left, right = axes.get_xlim()
    step = 0.033 * (high - low)
    labels.sort()
    for i, (_, x, _, _) in enumerate(labels):
        for below in sorted(labels[:i]):
            near = abs(x - below[1]) < 0.13 * (right - left)
            if near and 0 <= labels[i][0] - below[0] < step:
                labels[i][0] = below[0] + step
    for y, x, word, colour in labels:
        axes.text(x + 0.012 * (right - left), y, word, color=colour, fontsize=9, va="center")


torch.manual_seed(0)
figure, panels = plt.subplots(1, 2, figsize=(12, 5.4))
languages = (say("English", "英文"), say("Chinese", "中文"))
for panel, vectors, lang, name in zip(panels, (en, zh), ("en", "zh"), languages, strict=True):
    draw_plane(panel, vectors, GROUPS[lang])
    panel.set_title(name)
figure.suptitle(
    say(
        "skip-gram vectors in the plane; a colour is a group of ours",
        "平面上的 skip-gram 向量；一种颜色是我们分的一组",
    )
)
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# Words of a group lie near each other, some groups overlap, and in Chinese the words about computers stand apart from the
# characters of the classics. Two axes of 48 hide a lot: words that are near here may be far apart in the other 46.
#
# ## 5. Similar vectors from a matrix
#
# What does the training aim at? Suppose that $D$ is so large that every product $u_c\cdot v_w$ can take any value,
# independently of the others. Then set the derivative of the expected loss to zero, and at the optimum
#
# $$u_c\cdot v_w = \log\frac{P(c\mid w)}{K\cdot P_{\text{noise}}(c)}$$
#
# (Levy and Goldberg 2014, section 3.1). The right side can be **counted**: up to a constant and the power 0.75, it is the
# *pointwise mutual information* of word and neighbour, the logarithm of how many times as often as by chance they stand
# together. So skip-gram factorises a matrix that nobody ever writes down. But our $D$ is 48, and the matrix has thousands
# of rows and columns. So the products can only come near the optimum, and the training decides where they come nearest.
#
# Two checks. Left: are the products of *your* vectors what we can count? Right: a second method without any training. Write
# the matrix down, keep its positive part (PPMI), and approximate it with rank 48 by a truncated **SVD**. (The singular value
# decomposition writes a matrix as $U\Sigma V^\top$, with the singular values on the diagonal of $\Sigma$ in descending
# order. To keep the first 48 gives the matrix of rank 48 with the smallest squared error.)

# %% [markdown] tags=["zh"]
# 同组的词彼此靠近，有些组互相重叠；中文里，谈计算机的词与古籍里的字分在两边。48 根轴只看两根，会漏掉很多：在这里靠近的词，在另外 46 个方向上可能相距很远。
#
# ## 5. 从矩阵里得到相近的向量
#
# 训练的目标究竟是什么？假设 $D$ 足够大，每个点积 $u_c\cdot v_w$ 都能不受其他点积的牵制、取任意的值。这时令期望损失的导数为零，最优处有
#
# $$u_c\cdot v_w = \log\frac{P(c\mid w)}{K\cdot P_{\text{noise}}(c)}$$
#
# （Levy 与 Goldberg 2014，3.1 节）。右边是**数得出来**的：除去一个常数和 0.75 次方，它就是词与邻词的**点互信息**，即“一起出现的次数是偶然的多少倍”的对数。也就是说，skip-gram 在分解一个谁都没有写出来的矩阵。
# 可是我们的 $D$ 只有 48，矩阵却有几千行、几千列。所以点积只能接近这个最优值，在哪里接近得更好，由训练决定。
#
# 验证两件事。左图：**你的**向量的点积，是不是等于数出来的值？右图：另一种完全不用训练的方法，把矩阵写出来，保留正的部分（PPMI），再用截断的 **SVD** 取秩为 48 的近似。
# （奇异值分解把矩阵写成 $U\Sigma V^\top$，$\Sigma$ 的对角线上是从大到小的奇异值；只留前 48 个，就得到秩为 48 的矩阵里平方误差最小的那个。）


# %%
def pair_counts(vectors: Vectors) -> Tensor:
    """(V, V): how often column c was the neighbour of row w among the training pairs.
    ---
    (V, V)：训练词对中，第 c 列的词做第 w 行的词的邻词的次数。
    """
    V = len(vectors.words)
    codes = vectors.pairs[:, 0] * V + vectors.pairs[:, 1]
    return codes.bincount(minlength=V * V).view(V, V).float()


def ppmi_svd(pair_counts: Tensor, rank: int) -> Tensor:
    """(V, rank): the positive pointwise mutual information, factorised by SVD.

    Each half gets the roots of the singular values.
    ---
    (V, rank)：用 SVD 分解正的点互信息。

    左右两半各得奇异值的平方根。
    """
    joint = pair_counts / pair_counts.sum()
    by_chance = joint.sum(1, keepdim=True) * joint.sum(0)
    ppmi = (joint / by_chance).log().nan_to_num(neginf=0.0).clamp(min=0.0)
    left, singular, _ = torch.svd_lowrank(ppmi, q=rank, niter=4)
    return left * singular.sqrt()


torch.manual_seed(0)
start = time.perf_counter()
en_pairs = pair_counts(en)
svd = {"en": ppmi_svd(en_pairs, 48), "zh": ppmi_svd(pair_counts(zh), 48)}
seconds = time.perf_counter() - start
print(
    say(
        f"two matrices counted and factorised in {seconds:.0f} s",
        f"两个矩阵的计数与分解，用时 {seconds:.0f} s",
    )
)

w, c = (en_pairs >= 30).nonzero().unbind(1)
counted = (en_pairs[w, c] / en_pairs.sum(1)[w] / (5 * en.noise[c])).log()
product = (en.table[w] * en.model.context.weight.detach().cpu()[c]).sum(-1)
correlation = torch.corrcoef(torch.stack([counted, product]))[0, 1]

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.9), width_ratios=[1.2, 1])
dots = left.scatter(counted, product, s=3, c=en_pairs[w, c], norm="log", cmap="viridis_r")
colorbar = figure.colorbar(dots, ax=left, ticks=[30, 100, 300], format="{x:.0f}")
colorbar.minorticks_off()
colorbar.set_label(say("times the pair occurs", "词对出现的次数"))
left.axline((0, 0), slope=1, color=ORANGE, label=say("equal", "两者相等"))
left.legend(frameon=False)
left.set(
    xlabel=say("counted: log P(c | w) / (K P_noise(c))", "数出来的：log P(c | w) / (K P_noise(c))"),
    ylabel=say("trained: u · v", "训练出来的：u · v"),
    title=say(f"pairs in English: correlation {correlation:.2f}", f"英文词对：相关系数 {correlation:.2f}"),
)
tables = [(en, answers, "en"), (zh, zh_answers, "zh")]
matrix = say("PPMI and SVD", "PPMI 加 SVD")
for shift, name, colour in [(-0.2, "skip-gram", BLUE), (0.2, matrix, ORANGE)]:
    found = [v.found(a, svd[lang] if name == matrix else None) for v, a, lang in tables]
    bars = right.bar([shift, 1 + shift], found, 0.38, color=colour, label=name)
    right.bar_label(bars)
right.axhline(12, color=GREY, zorder=0)
right.set_xticks([0, 1], languages)
right.set(
    ylim=(0, 16),
    ylabel=say("words", "词数"),
    title=say("made-up words found, of 12", "认出的杜撰词（共 12 个）"),
)
right.legend(frameon=False, ncols=2, loc="upper center")
plt.tight_layout()
plt.show()
for vectors, lang, chosen in [
    (en, "en", ["memory", "two", "error"]),
    (zh, "zh", ["文件", "月"]),
]:
    for word in chosen:
        if word in vectors.index:
            trained, factorised = vectors.near(word, 4), vectors.near(word, 4, svd[lang])
            print(f"{word:8} skip-gram: {', '.join(trained)}   SVD: {', '.join(factorised)}")

# %% [markdown] tags=["en"]
# Left: the products follow what we counted, with a correlation of 0.93. Small values lie near the line. Large ones spread:
# products of frequent pairs (dark) tend to be above the line, those of rarer pairs below it. Right: both methods find most
# of the made-up words, and their lists of neighbours have words in common.
#
# The difference is in the cost: the matrix grows with the square of the vocabulary, and skip-gram never writes it down.
# The standard tools are `gensim`'s `Word2Vec` (with `sg=1`; its default is CBOW, which predicts a word from the mean of its
# neighbours) and fastText, which also has vectors for parts of words. They draw the size of each window at random and
# update pair by pair in many threads; the objective is the one that you wrote.
#
# ## 6. One word, many meanings
#
# A table has **one** row for *bank*. Whether there is water or money around it, the vector is the same, some mean of both.
# A Transformer begins with such a table, too; but then attention mixes into each token what stands around it, layer by
# layer. Take **all-MiniLM-L6-v2**, a BERT with 6 layers (you train a small BERT in notebook `pretrain_bert`), and look at
# the vector of the *same* word in different sentences. Its tokenizer is of the kind **WordPiece**: like BPE it cuts rare
# words into pieces; each of our three words is one piece.

# %% [markdown] tags=["zh"]
# 左图：点积与数出来的值走势一致，相关系数 0.93。值小的点在直线附近；值大的点散开了：常见的词对（深色）点积多在直线之上，少见的多在直线之下。
# 右图：两种方法都认出了大部分杜撰的词，列出的近邻也有一些相同。
#
# 差别在代价：矩阵随词表的平方增长，而 skip-gram 从不把它写出来。常用的工具是 `gensim` 的 `Word2Vec`（要设 `sg=1`；默认是 CBOW，即由邻词的平均预测中间的词）
# 和 fastText（它还给词的片段配了向量）。它们每次随机抽取窗口大小，并用多线程逐对更新；目标函数就是你写的这一个。
#
# ## 6. 一词多义
#
# 一张表里，“bank” 只有**一**行。不管周围是河水还是钞票，向量都一样，是两种意思的某种折中。Transformer 的起点也是这样一张表；但随后注意力一层一层地把周围的内容混进每个 token。
# 取 **all-MiniLM-L6-v2**，一个 6 层的 BERT（在 `pretrain_bert` 里你会训练一个小的），看看**同一个**词在不同句子里的向量。它的分词器是 **WordPiece** 一类：和 BPE 一样，把少见的词切成几块；我们的三个词都是完整的一块。

# %%
SENSES = {
    "bank": [
        [
            "We sat on the bank of the river and fished.",
            "The river burst its bank after the rain.",
            "Trees grow along the bank of the stream.",
        ],
        [
            "She opened an account at the bank.",
            "The bank raised its interest rates.",
            "He borrowed money from the bank to buy a house.",
        ],
    ],
    "file": [
        [
            "Save the file to disk before you close the editor.",
            "The program could not open the file.",
            "Each line of the file is parsed by the script.",
        ],
        [
            "She smoothed the edge of the metal with a file.",
            "A carpenter needs a saw, a hammer and a file.",
            "The prisoner cut the bars with a file hidden in a cake.",
        ],
    ],
    "key": [
        [
            "He turned the key and unlocked the door.",
            "I lost the key to my flat.",
            "The key did not fit the lock.",
        ],
        [
            "Press any key to continue.",
            "Hold down the shift key while you type.",
            "The enter key on this keyboard is stuck.",
        ],
    ],
}
wordpieces = AutoTokenizer.from_pretrained(minilm_folder())
encoder = AutoModel.from_pretrained(minilm_folder()).to(DEVICE).eval()


@torch.no_grad()
def all_layers(sentences: list[str]) -> tuple[Tensor, Tensor]:
    """The unit vectors of all tokens, from the table (layer 0) to the top, and the token ids.

    Shapes: (layers + 1, B, T, d_model) and (B, T).
    ---
    所有 token 的单位向量（从表，即第 0 层，到顶层），以及各 token 的 id。

    形状：(layers + 1, B, T, d_model) 和 (B, T)。
    """
    batch = wordpieces(sentences, padding=True, return_tensors="pt").to(DEVICE)
    states = torch.stack(encoder(**batch, output_hidden_states=True).hidden_states)
    return F.normalize(states, dim=-1).cpu(), batch["input_ids"].cpu()


def in_context(word: str, sentences: list[str]) -> Tensor:
    """(layers + 1, len(sentences), d_model): the unit vector of `word` in each sentence.
    ---
    (layers + 1, len(sentences), d_model)：每个句子里 `word` 的单位向量。
    """
    states, ids = all_layers(sentences)
    place = (ids == wordpieces.convert_tokens_to_ids(word)).int().argmax(1)
    return states[:, torch.arange(len(sentences)), place]


def unrelated(sentences: list[str]) -> Tensor:
    """(layers + 1, pairs): the cosine of every two different tokens of different sentences.
    ---
    (layers + 1, 词对的个数)：不同句子里每两个不同的 token 的余弦。
    """
    states, ids = all_layers(sentences)
    special = torch.tensor(wordpieces.all_special_ids)
    sentence, place = (~torch.isin(ids, special)).nonzero().unbind(1)
    vectors, token = states[:, sentence, place], ids[sentence, place]
    chosen = (sentence[:, None] < sentence) & (token[:, None] != token)
    return (vectors @ vectors.transpose(1, 2))[:, chosen]


same = torch.block_diag(torch.ones(3, 3), torch.ones(3, 3)).bool()
other = ~same
same &= ~torch.eye(6, dtype=torch.bool)
figure, panels = plt.subplots(1, 4, figsize=(14, 3.8), width_ratios=[1, 1, 1, 1.5])
*squares, lines = panels
triples = zip(squares, SENSES.items(), (BLUE, ORANGE, GREEN), strict=True)
for panel, (word, senses), colour in triples:
    vectors = in_context(word, list(chain(*senses)))
    cosines = vectors @ vectors.transpose(1, 2)  # (layers + 1, 6, 6)
    panel.imshow(cosines[-1], cmap="Blues", vmin=0.6, vmax=1)
    for i in range(6):
        for j in range(6):
            value = cosines[-1, i, j].item()
            shade = "white" if value > 0.82 else "black"
            panel.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=8, color=shade)
    panel.axhline(2.5, color="white", lw=3)
    panel.axvline(2.5, color="white", lw=3)
    panel.set(
        title=say(f"“{word}”: cosines, top layer", f"“{word}”：顶层的余弦"),
        xlabel=say("sentence", "句子"),
        xticks=range(6),
        xticklabels=range(1, 7),
        yticks=range(6),
        yticklabels=range(1, 7),
    )
    lines.plot(cosines[:, same].mean(-1), "o-", color=colour, ms=4, label=word)
    lines.plot(cosines[:, other].mean(-1), "o--", color=colour, ms=4, mfc="white")
squares[0].set_ylabel(say("sentence", "句子"))
sentences = list(chain(*chain(*SENSES.values())))
by_layer = unrelated(sentences)
different = say("different words", "不同的词")
lines.plot(by_layer.mean(-1), "o:", color=DARK, ms=4, label=different)
lines.set(
    xlabel=say("layer (0: the table and the position)", "层（0：表与位置）"),
    ylabel=say("mean cosine", "平均余弦"),
    ylim=(0, 1.02),
    title=say("solid: same sense; dashed: the other", "实线：意思相同；虚线：意思不同"),
)
lines.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 0.28))
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# The squares: sentences 1 to 3 have one sense, 4 to 6 the other; a dark block on the diagonal is a sense. At layer 0 the six
# vectors are nearly one (the rest is the position). Going up, the two senses part. For *bank* and *file* the gap is about
# as wide as it gets by layer 3 or 4. *key* parts later and less: the one of "Press any key to continue" (sentence 4) stays
# nearer to the keys of doors than to those of the keyboard.
#
# **What is a large cosine?** 0.8 means nothing by itself. In many models the vectors of *all* words point in somewhat the
# same direction; then the space is called **anisotropic**, and every cosine is large (Ethayarajh 2019, sections 3.4 and 4).
# So compare with unrelated pairs: the dotted grey line is the mean over different words in different sentences. It rises up
# to layer 5, and there the curves of *bank* and *file* rise as well: all vectors come closer, related or not. At the top
# unrelated words are far apart again, and a cosine of 0.75 between two senses of *bank* is still much. Here are whole
# distributions, for your table, too.

# %% [markdown] tags=["zh"]
# 看方格图：句子 1 到 3 是一种意思，4 到 6 是另一种；对角线上的一块深色就是一种意思。在第 0 层，六个向量几乎是同一个（差别来自位置）。往上走，两种意思逐渐分开：“bank” 和 “file” 到第 3、4 层就差不多分到最开。
# “key” 分得更晚，也更不彻底：“Press any key to continue”（句子 4）里的那个，离开门的钥匙反而比离键盘上的另外两个键更近。
#
# **余弦多大才算大？** 单看一个 0.8 说明不了什么。在许多模型里，**所有**词的向量都大致朝着同一个方向，余弦个个都大，这样的空间叫作**各向异性**的（anisotropic，Ethayarajh 2019，3.4 节和第 4 节）。
# 所以要拿不相干的对来比：灰色点线是不同句子里不同的词的平均余弦。它到第 5 层为止一路上升，而 “bank” 和 “file” 的曲线在那里也上升了：不管相不相干，所有向量都靠近了一些。到了顶层，不相干的词又分得很开；相比之下，“bank” 两种意思之间 0.75 的余弦仍然很大。下图画出整个分布，也包括你的那张表。

# %%
pair = torch.randint(len(en.words), (2, 20_000), generator=torch.Generator().manual_seed(0))
pair = pair[:, pair[0] != pair[1]]
unit = F.normalize(en.table, dim=1)
random_pairs = (unit[pair[0]] * unit[pair[1]]).sum(-1)
matched = [(unit[en.index[m]] * unit[en.index[word]]).sum() for m, word in answers.items()]
figure, axes = plt.subplots(figsize=(8, 3.2))
bins = torch.linspace(-0.6, 1, 81).tolist()
for name, values, colour in [
    (say("your skip-gram table", "你的 skip-gram 表"), random_pairs, BLUE),
    (say("MiniLM, layer 5", "MiniLM，第 5 层"), by_layer[5], ORANGE),
    (say("MiniLM, layer 6 (top)", "MiniLM，第 6 层（顶层）"), by_layer[6], GREEN),
]:
    axes.hist(values, bins, density=True, histtype="step", lw=1.5, color=colour, label=name)
    mean, high = values.mean(), values.quantile(0.95)
    print(
        say(
            f"{name}: mean {mean:.2f}, 95% are below {high:.2f}",
            f"{name}：平均 {mean:.2f}，95% 低于 {high:.2f}",
        )
    )
axes.plot(
    matched,
    torch.full((len(matched),), 0.25),
    "|",
    color=BLUE,
    ms=14,
    label=say("made-up word and its word (skip-gram)", "杜撰的词与它顶替的词（skip-gram）"),
)
axes.set(
    xlabel=say("cosine", "余弦"),
    ylabel=say("density", "密度"),
    title=say("cosines of unrelated pairs of words", "不相干的两个词的余弦"),
)
axes.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown] tags=["en"]
# Two random words of your table have a cosine of 0.22 on average, not 0, and one pair in twenty is above 0.51. A made-up
# word and the word that it replaces (blue strokes) have more than 0.7, which is out of the ordinary. In layer 5 of MiniLM
# one unrelated pair in twenty is above 0.65, at the top above 0.30. So the same cosine means different things in different
# layers and models.
#
# **A vector for a sentence.** MiniLM was trained further so that the **mean** over a sentence's token vectors can be compared
# by cosine (the method of Reimers and Gurevych 2019). Sentences in a batch have different lengths, so the shorter ones are
# padded, and the mean must leave the padding out:
#
# $$\text{pooled}_b = \frac{\sum_t m_{bt}\,h_{bt}}{\sum_t m_{bt}}$$
#
# with the mask $m_{bt}$: 1 for a token, 0 for padding.

# %% [markdown] tags=["zh"]
# 在你的表里，随便两个词的余弦平均是 0.22，而不是 0，二十对里有一对高于 0.51。杜撰的词与它顶替的词（蓝色短线）都在 0.7 以上，确实不同寻常。
# 在 MiniLM 的第 5 层，不相干的对二十对里有一对高于 0.65，到了顶层则是 0.30。所以同一个余弦值，在不同的层、不同的模型里含义不同。
#
# **一句话的向量。** MiniLM 又经过进一步训练，使得一句话里各 token 向量的**平均**可以直接用余弦比较（Reimers 与 Gurevych 2019 的方法）。一批里的句子长短不一，短的要填充，取平均时必须把填充排除在外：
#
# $$\text{pooled}_b = \frac{\sum_t m_{bt}\,h_{bt}}{\sum_t m_{bt}}$$
#
# 其中 $m_{bt}$ 是掩码：token 处为 1，填充处为 0。


# %%
@torch.no_grad()
def sentence_vectors(sentences: list[str], with_mask: bool = True) -> Tensor:
    """(len(sentences), 384) unit vectors: the mean of the top layer over the tokens.

    Without the mask it is the mean over tokens and padding.
    ---
    (len(sentences), 384) 的单位向量：顶层各 token 向量的平均。

    不用掩码时，填充也算进平均。
    """
    batch = wordpieces(sentences, padding=True, return_tensors="pt").to(DEVICE)
    hidden = encoder(**batch).last_hidden_state  # (B, T, D)
    mask = batch["attention_mask"][..., None] if with_mask else torch.ones_like(hidden[..., :1])
    return F.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1).cpu()


short = "How do I delete a file?"
long = """She asked the clerk at the bank whether the account that her late grandmother
had opened could be closed."""
print(say(f"{short!r}, alone and in a batch with a long sentence:", f"{short!r}：单独一句，与和长句同在一批："))
for with_mask in (True, False):
    alone = sentence_vectors([short], with_mask)[0]
    in_batch = sentence_vectors([short, long], with_mask)[0]
    kind = say("with the mask", "用掩码") if with_mask else say("without the mask", "不用掩码")
    print(say(f"  {kind}: cosine {alone @ in_batch:.4f}", f"  {kind}：余弦 {alone @ in_batch:.4f}"))

answers_to_rank = [
    "Use rm to remove it from the directory.",
    "The bank closes at five o'clock.",
    "He fell into the river.",
    "The metal was smoothed by hand.",
    "Press the escape key to leave the menu.",
]
cosines = sentence_vectors(answers_to_rank) @ sentence_vectors([short])[0]
print(f"\n{short}")
for row in cosines.argsort(descending=True):
    print(f"  {cosines[row]:.2f}  {answers_to_rank[row]}")

# %% [markdown] tags=["en"]
# With the mask, the sentence has the same vector alone and in a batch; without it, the padding changes the vector. And the
# answer comes first although it shares no content word with the question. That is how a search by meaning works, and lesson
# 11 (RAG) builds on it.
#
# > **Today (November 2026; what our sources show).**
# >
# > - **Word vectors.** Language models train their table together with all other layers.
# > - **Sentence vectors from language models.** Qwen3 Embedding (Zhang et al. 2025; 0.6, 4 and 8 billion parameters) is a
# >   causal language model; the vector of a text is the last layer at an end token. EmbeddingGemma (2025, 300 million) and
# >   EmbeddingGemma 2 (2026, text, images, sound and video; in transformers 5.23) see the text in both directions and take
# >   the mean, as here.
# > - **Vectors that can be cut.** *Matryoshka* training (Kusupati et al. 2022) makes the first 128, 256 or 512 of 768
# >   numbers useful alone, so a search can store less.
# > - **Training pairs** are partly written by language models (Qwen3 Embedding).
#
# ## Summary
#
# - What stands around a word says much about what it means: made-up words are recognised by their neighbours alone.
# - Skip-gram with negative sampling turns this into a task: tell true neighbours from drawn ones. Two tables, noise from counts$^{0.75}$, windows on both sides within a document, `logsigmoid`.
# - For a large enough $D$ its optimum is $u\cdot v$ = a (shifted) pointwise mutual information; PPMI with SVD finds similar neighbours without training.
# - A table has one vector per word. A Transformer's layers make one per *occurrence*; the mean over them, without padding, is a vector for the sentence.
# - A cosine is large or small only in comparison with the cosines of unrelated pairs.
#
# ## Three questions to think about
#
# 1. Antonyms (*true* and *false*) come out as close neighbours. Why must they, by what the training sees? What else would the model need to see to tell them apart?
# 2. Large windows bring words of one *topic* together, small ones words that can *replace* each other. Why? Try windows 1 and 10.
# 3. The input embedding of a GPT is such a table, and often the output layer is the same one (tied). Which of $u$ and $v$ is which there, and why may it be one table then?
#
# ## Further reading
#
# - Mikolov et al. 2013a, *Efficient Estimation of Word Representations in Vector Space*: section 3.
# - Mikolov et al. 2013b, *Distributed Representations of Words and Phrases and their Compositionality*: sections 2 and 4.
# - Levy and Goldberg 2014, *Neural Word Embedding as Implicit Matrix Factorization*: section 3.
# - Levy, Goldberg and Dagan 2015, *Improving Distributional Similarity with Lessons Learned from Word Embeddings*: section 3.
# - Ethayarajh 2019, *How Contextual are Contextualized Word Representations?*: sections 3.4 and 4.
# - Reimers and Gurevych 2019, *Sentence-BERT*: section 3.
# - Wang et al. 2020, *MiniLM: Deep Self-Attention Distillation*: section 3.
# - Kusupati et al. 2022, *Matryoshka Representation Learning*.
# - Zhang et al. 2025, *Qwen3 Embedding: Advancing Text Embedding and Reranking Through Foundation Models*.

# %% [markdown] tags=["zh"]
# 用掩码时，这句话单独算和放在一批里算，向量相同；不用掩码，填充就会改变它的向量。另外，答案排在最前，尽管它和问题没有一个共同的实词。按意思搜索就是这么做到的，第 11 课（RAG）会在此基础上继续。
#
# > **现状（2026 年 11 月，以我们查到的资料为限）。**
# >
# > - **词向量。** 语言模型的这张表与其他各层一起训练。
# > - **用语言模型得到句向量。** Qwen3 Embedding（Zhang 等 2025，6 亿、40 亿和 80 亿参数）是因果语言模型，取文末结束符处最后一层的向量。
# >   EmbeddingGemma（2025，3 亿）和 EmbeddingGemma 2（2026，文字、图像、声音和视频；transformers 5.23 里有）则双向地看文本，再取平均，与这里相同。
# > - **可以截短的向量。** **套娃**式训练（Matryoshka，Kusupati 等 2022）让 768 个数里的前 128、256 或 512 个单独也能用，检索时就可以少存一些。
# > - **训练用的文本对**有一部分由语言模型写成（Qwen3 Embedding）。
#
# ## 小结
#
# - 一个词的意思，很大程度上看它周围就知道：杜撰的词，单凭邻词就能认出来。
# - 带负采样的 skip-gram 把这件事变成一个任务：分辨真邻词和抽来的词。两张表；噪声按计数的 0.75 次方抽取；窗口向两边伸展，但不越过文档边界；用 `logsigmoid`。
# - $D$ 足够大时，最优处 $u\cdot v$ 就是（平移过的）点互信息；PPMI 加 SVD 不用训练也能找到相似的近邻。
# - 一张表里每个词只有一个向量。Transformer 的各层为每一次**出现**各造一个；对它们取平均（不含填充），就是整句话的向量。
# - 余弦是大是小，要与不相干的对的余弦比较才知道。
#
# ## 三个思考题
#
# 1. 反义词（“true” 与 “false”）往往是很近的邻居。从训练所见来看，为什么必然如此？要把它们分开，还得让模型看到什么？
# 2. 窗口大，聚到一起的是同一**话题**的词；窗口小，聚到一起的是可以互相**替换**的词。为什么？试试窗口 1 和 10。
# 3. GPT 的输入嵌入就是这样一张表，输出层常常也是同一张（权重共享）。在那里，$u$ 和 $v$ 各是哪一个？为什么那时可以只用一张表？
#
# ## 延伸阅读
#
# - Mikolov 等 2013a，《Efficient Estimation of Word Representations in Vector Space》：第 3 节。
# - Mikolov 等 2013b，《Distributed Representations of Words and Phrases and their Compositionality》：第 2、4 节。
# - Levy 与 Goldberg 2014，《Neural Word Embedding as Implicit Matrix Factorization》：第 3 节。
# - Levy、Goldberg 与 Dagan 2015，《Improving Distributional Similarity with Lessons Learned from Word Embeddings》：第 3 节。
# - Ethayarajh 2019，《How Contextual are Contextualized Word Representations?》：3.4 节和第 4 节。
# - Reimers 与 Gurevych 2019，《Sentence-BERT》：第 3 节。
# - Wang 等 2020，《MiniLM: Deep Self-Attention Distillation》：第 3 节。
# - Kusupati 等 2022，《Matryoshka Representation Learning》。
# - Zhang 等 2025，《Qwen3 Embedding: Advancing Text Embedding and Reranking Through Foundation Models》。
