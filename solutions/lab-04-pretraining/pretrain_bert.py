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
# # Lab 04, notebook 5: a BERT
#
# GPT reads from left to right and predicts what comes next. **BERT** (2018) sees both sides of a gap and fills it in. It is
# not made for writing a text. For *understanding* one (search, classification, embeddings), models of its kind were in 2024
# still "the workhorse of numerous production pipelines" (Warner et al. 2024, abstract). Here you write its training task, masked
# language modelling, and train a small BERT from random numbers with the loop that you wrote for GPT.
#
# **You will be able to**
# - say what a model gains from seeing both sides, and measure it by counting alone;
# - write BERT's masking (15 %; of these 80/10/10) and its loss, and say why each number is there;
# - train a BERT with the same loop as a GPT, watch it in TensorBoard, and let it fill in blanks;
# - check your masking against the library's collator (the function that makes a batch), and find where the two differ.
#
# **Time** about two hours. Running everything takes about a minute and a half on two CPU cores.
#
# **You need** your `pretrain_gpt` notebook with the training loop done, saved in the same folder. Section 4 uses it; problem 8
# itself does not need it. With `profile = "gpu"` in the second code cell the same notebook trains a BERT of the size of the
# paper's BASE (12 layers, width 768) on English from FineWeb-Edu, which it downloads: about 100 million tokens. It then needs
# one CUDA card with 24 GB.

# %% [markdown] tags=["zh"]
# # 实验 04，第 5 节：BERT
#
# GPT 从左往右读，预测下一个词元（token）。**BERT**（2018）能看到空位的两边，任务是把空填上。它不是用来写文章的；
# 但在**理解**文本的场合（搜索、分类、向量化），这一类模型在 2024 年仍是“许多生产系统的主力”（Warner 等 2024，摘要）。
# 在这里，你将写出它的训练任务，即掩码语言模型，并用你为 GPT 写的训练循环，从随机数开始训练一个小 BERT。
#
# **学完之后，你能够**
# - 说清“能看两边”带来多少好处，并且只靠数数就把它量出来；
# - 写出 BERT 的掩码方法（15%；其中 80/10/10）和损失，并说清每个数字的道理；
# - 用和 GPT 完全一样的循环训练 BERT，在 TensorBoard 里观察它，让它填空；
# - 把自己的掩码与库里的 collator（负责组批的函数）对照，找出两者的差别。
#
# **时间** 约两小时。全部单元格在两个 CPU 核上跑一遍约需一分半钟。
#
# **预备知识** 同一文件夹里你的 `pretrain_gpt` 笔记本，训练循环已完成并保存。第 4 小节要用它；第 8 题本身不依赖它。
# 把第二个代码单元格里的 `profile` 改成 `"gpu"`，同一个笔记本就会下载 FineWeb-Edu 的英文文本（约 1 亿个 token），
# 训练一个与论文的 BASE 同样大小的 BERT（12 层，宽度 768）：需要一块 24 GB 显存的 CUDA 显卡。

# %% tags=["export"]
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import labkit

IGNORE = -100

# %%
profile = "cpu"  # or "gpu"

# %%
import math
import shutil
import time
from pathlib import Path

import matplotlib.pyplot as plt
import transformers
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch.utils.tensorboard import SummaryWriter
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast

from labkit import corpora, plots

SETTINGS = {
    "cpu": {
        "vocab_size": 1600, "seq_len": 64, "n_layers": 4, "n_heads": 4, "d_model": 128,
        "batch": 32, "steps": 360, "max_lr": 6e-3, "warmup": 36, "p": 0.3, "held_out": 200,
    },
    "gpu": {
        "vocab_size": 30_522, "seq_len": 128, "n_layers": 12, "n_heads": 12, "d_model": 768,
        "batch": 128, "steps": 20_000, "max_lr": 5e-4, "warmup": 2_000, "p": 0.15, "held_out": 64,
    },
}[profile]  # fmt: skip
DEVICE = {"cpu": "cpu", "gpu": "cuda"}[profile]
BLUE, ORANGE, GREY, GREEN = "#1f77b4", "#ff7f0e", "#d9d9d9", "#2ca02c"

torch.manual_seed(0)
transformers.logging.set_verbosity_error()
torch.set_float32_matmul_precision("high")
plots.style()
RUNS = Path("runs/bert")
shutil.rmtree(RUNS, ignore_errors=True)

# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# How often can you guess a token from its neighbours? The text is that of `pretrain_gpt`: pieces of Python's standard library in shuffled order, the first twentieth held out
# (pieces, not whole files: see there). **WordPiece**, BERT's tokenizer, cuts it at spaces and punctuation, and then into tokens: whole words where the
# vocabulary has them, else pieces, where `##` marks a piece that continues a word. The tokens are cut into rows of equal length that begin
# with `[CLS]`; `[SEP]` stands where a document ends.

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# 看着邻居猜一个 token，能猜对几成？文本与 `pretrain_gpt` 相同：Python 标准库的片段，顺序已打乱，最前面的二十分之一留出（留出的是片段，不是整个文件，见那一节）。
# 切分用的是 BERT 的分词器 **WordPiece**：先在空格和标点处断开；词表里有的词整个保留，没有的拆成几片，`##` 表示这一片接在前一片后面。
# 再把这些 token 切成等长的行；每行以 `[CLS]` 开头，一个文档结束的地方放一个 `[SEP]`。


# %%
def read_documents() -> tuple[list[str], list[str]]:
    """Documents to train on, and documents that are held out.
    ---
    训练用的文档，以及留出的文档。
    """
    if profile == "gpu":
        from datasets import load_dataset

        name = "HuggingFaceFW/fineweb-edu"
        stream = load_dataset(name, "sample-10BT", split="train", streaming=True)
        documents = [row["text"] for row in stream.take(100_000)]
    else:
        documents = [document for document in corpora.load("code", 3_000_000) if "def " in document]
    n_held_out = min(len(documents) // 20, 5_000)
    return documents[n_held_out:], documents[:n_held_out]


def make_tokenizer(documents: list[str]) -> Tokenizer:
    """WordPiece, trained on the documents; ids 0 to 4 are the special tokens.
    ---
    在这些文档上训练的 WordPiece；id 0 到 4 是特殊 token。
    """
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=SETTINGS["vocab_size"],
        special_tokens=specials,
        show_progress=False,
    )
    tokenizer.train_from_iterator(documents, trainer)
    return tokenizer


def make_rows(documents: list[str]) -> Tensor:
    """(N, seq_len) int64: the documents one after the other, cut into rows without padding.
    ---
    (N, seq_len) int64：文档首尾相接，切成行，没有填充。
    """
    encoded = tokenizer.encode_batch(documents)
    ids = [token for encoding in encoded for token in (*encoding.ids, SEP)]
    width = SETTINGS["seq_len"] - 1
    rows = torch.tensor(ids[: len(ids) // width * width]).view(-1, width)
    return torch.cat([torch.full((len(rows), 1), CLS), rows], dim=1)


training_documents, held_out_documents = read_documents()
tokenizer = make_tokenizer(training_documents)
PAD, UNK, CLS, SEP, MASK = range(5)
SPECIAL, V = [PAD, UNK, CLS, SEP, MASK], tokenizer.get_vocab_size()
rows, held_out = (
    make_rows(training_documents),
    make_rows(held_out_documents)[: SETTINGS["held_out"]],
)
print(corpora.sources("code"))
print(
    say(
        f"{rows.numel():,} tokens to train on, {held_out.numel():,} held out, vocabulary {V:,}\n",
        f"{rows.numel():,} 个训练用的 token，留出 {held_out.numel():,} 个，词表大小 {V:,}\n",
    )
)


def text_of(ids: Tensor) -> str:
    """The tokens (T,) as text, pieces of a word joined.
    ---
    把 token (T,) 写成文本，同一个词的几片连在一起。
    """
    return " ".join(tokenizer.id_to_token(i) for i in ids.tolist()).replace(" ##", "")


for row in held_out[3:6]:
    print(text_of(row))

# %% [markdown] tags=["en"]
# Now take one token out and guess it by **counting** alone, as in a table of pairs (bigrams). Which token came most often after the one on the
# left? Which one before the one on the right? Which one between these two?

# %% [markdown] tags=["zh"]
# 现在挖掉一个 token 来猜，办法只有**数数**，就像二元（bigram）频率表：左边这个 token 后面最常出现的是什么？右边这个 token 前面呢？恰好夹在这两个之间的呢？


# %%
def likeliest(contexts: Tensor, middles: Tensor) -> dict[int, int]:
    """For each context (its number), the token that it was seen with most often.

    The pairs are sorted by their counts: in the dictionary a later one replaces those before it.
    ---
    对每种上下文（用一个编号表示），给出与它一起出现最多的 token。

    各个组合按次数从少到多排列：在字典里，后来的会覆盖先前的。
    """
    pairs, counts = (contexts * V + middles).unique(return_counts=True)
    order = counts.argsort(stable=True)
    found, tokens = pairs[order] // V, pairs[order] % V
    return dict(zip(found.tolist(), tokens.tolist(), strict=True))


width = SETTINGS["seq_len"] - 2
left, middle, right = (rows[:100_000, i : i + width].flatten() for i in range(3))
most_frequent = int(rows[rows > MASK].bincount().argmax())
after, before = likeliest(left, middle), likeliest(right, middle)
between = likeliest(left * V + right, middle)

GUESSES = {
    "nothing": lambda a, b: most_frequent,
    "left": lambda a, b: after.get(a, most_frequent),
    "right": lambda a, b: before.get(b, most_frequent),
    "both": lambda a, b: between.get(a * V + b, after.get(a, most_frequent)),
}
KNOWS = {
    "nothing": say("no neighbour", "什么都不知道"),
    "left": say("the token on the left", "左边的 token"),
    "right": say("the token on the right", "右边的 token"),
    "both": say("both neighbours", "左右两个 token"),
}
triples = held_out.unfold(1, 3, 1).flatten(0, 1).tolist()
places = [(a, token, b) for a, token, b in triples if token > MASK]
TABLES = {}
for name, guess in GUESSES.items():
    TABLES[name] = sum(guess(a, b) == token for a, token, b in places) / len(places)
figure, axes = plt.subplots(figsize=(8, 2.4))
bars = [GREY, ORANGE, ORANGE, BLUE]
axes.barh([KNOWS[name] for name in TABLES], list(TABLES.values()), color=bars)
for place, share in enumerate(TABLES.values()):
    axes.text(share + 0.005, place, f"{share:.0%}", va="center")
axes.invert_yaxis()
axes.xaxis.set_major_formatter(PercentFormatter(1.0))
axes.set(
    xlim=(0, 0.6),
    xlabel=say("guessed right", "猜对的比例"),
    title=say(
        f"{len(places):,} held-out tokens, guessed by a table that knows ...",
        f"用频率表猜留出的 {len(places):,} 个 token，已知……",
    ),
)
plt.show()

# %% [markdown] tags=["en"]
# What comes **after** a token tells about as much of it as what came before, and the two together tell far more than either.
# A GPT never looks to the right: where it writes there is nothing yet. But a text that is already *there*, to be searched,
# sorted or understood, has two sides, and a model should use both.
#
# Why not take GPT's loss and leave out the causal mask? Because then each token *sees* the one that it should predict. So
# what is asked for must be hidden.
#
# ## 2. Masked language modelling
#
# Which tokens should be hidden, and what should stand in their place? **BERT** (Devlin et al. 2018, section 3.1) chooses 15 %
# of the tokens, damages the chosen set $C$, and asks for the originals. (We choose each token with probability $p = 0.15$, as
# the library does; the original program, `create_pretraining_data.py`, chose a fixed number per row.)
#
# $$\ell = -\frac1{|C|}\sum_{t\in C}\log p_\theta(x_t \mid \tilde x),\qquad \tilde x = \text{the damaged text}$$
#
# | a chosen token becomes | with probability | why |
# |---|---|---|
# | `[MASK]` | 0.8 | the gap itself |
# | a random token | 0.1 | so that the model cannot trust any token blindly: each could be wrong |
# | what it was | 0.1 | so that a visible token that is asked about is not always wrong |
#
# The reason for the 20 %: when the model is used, there is no `[MASK]`. A model that has only ever been asked about `[MASK]`
# need not predict anything at the other tokens. With the 20 % it is also asked about visible tokens, and it is not told
# which ones. Section 5 looks at how much this matters.
#
# ```
# ids      [CLS]  if    x     is    not   None  :     [SEP]
# inputs   [CLS]  if    x    [MASK] not   self  :     [SEP]
# labels   -100   if   -100   is   -100   None -100   -100          -100: does not count
# ```
#
# Three tokens are chosen: `is` becomes `[MASK]`, `None` becomes a random token, and `if` stays as it is but has a label.
#
# **The pitfalls of this section.**
# - Special tokens and padding are never chosen, and they are never drawn as random tokens. Special ids may be anywhere in the vocabulary.
# - A chosen token that stays as it is has a label as well. And labels are read *before* anything is replaced.
# - 80/10/10 are shares of the **chosen** tokens. Draw once for the three cases: if you draw "80 %" first and "10 %" after it, the
#   second is 10 % of the rest.
# - The mask is drawn **anew each time** a row is read (*dynamic* masking; Liu et al. 2019, section 4.1). The original BERT
#   wrote ten masked copies to disk. Here the same row comes back in every epoch with other gaps. (The short run below just
#   reaches its second epoch.)
# - Only the chosen tokens count. If you average over all positions, the loss is more than six times too small. Then it can no
#   longer be compared with $\log V$ or with the loss for another $p$, and clipping begins only at gradients more than six
#   times as long. (AdamW hardly notices the scale of a loss, so the curve may look fine.)
#
# ### Problem 8 (8 points): `mlm_mask`, `mlm_loss`, `MaskedBatches`
#
# `MaskedBatches` is what your `train` wants: `next_batch`, `state_dict`, `load_state_dict`. Let everything follow from the seed
# and the number of batches so far. Then its state is one number, and a stopped run resumes exactly.

# %% [markdown] tags=["zh"]
# 一个 token **后面**的东西，透露的信息和前面的差不多一样多；两边合起来，又远胜任何一边。
# GPT 从不看右边：它写到哪里，右边就还什么都没有。但一段**现成**的文本，要搜索、要分类、要理解，本来就有两边，模型应当都用上。
#
# 那为什么不直接拿 GPT 的损失，去掉因果掩码？因为那样每个 token 都**看得见**要它预测的那个。所以，问什么，就先把什么藏起来。
#
# ## 2. 掩码语言模型
#
# 该藏起哪些 token，又拿什么顶替？**BERT**（Devlin 等 2018，3.1 节）选中 15% 的 token，把选中的集合 $C$ 破坏掉，再要求还原。
# （这里与库一样，每个 token 以概率 $p = 0.15$ 被选中；最初的程序 `create_pretraining_data.py` 则是每行选固定的个数。）
#
# $$\ell = -\frac1{|C|}\sum_{t\in C}\log p_\theta(x_t \mid \tilde x),\qquad \tilde x = \text{破坏之后的文本}$$
#
# | 选中的 token 变成 | 概率 | 为什么 |
# |---|---|---|
# | `[MASK]` | 0.8 | 空位本身 |
# | 一个随机 token | 0.1 | 让模型不能盲信任何 token：它可能是错的 |
# | 原样不动 | 0.1 | 让被问到而又看得见的 token 不总是错的 |
#
# 20% 的理由是：实际使用时没有 `[MASK]`。如果训练时只问 `[MASK]` 的位置，模型在其他 token 上什么都不必预测；
# 有了这 20%，看得见的 token 也会被问到，而且模型不知道问的是哪些。这一点有多重要，第 5 小节再看。
#
# ```
# ids      [CLS]  if    x     is    not   None  :     [SEP]
# inputs   [CLS]  if    x    [MASK] not   self  :     [SEP]
# labels   -100   if   -100   is   -100   None -100   -100          -100：不计入
# ```
#
# 选中了三个：`is` 换成 `[MASK]`，`None` 换成随机 token，`if` 保持原样，但有标签。
#
# **本节的坑。**
# - 特殊 token 和填充从不被选中，随机抽取时也不会抽到它们。特殊 token 的 id 可以在词表的任何地方。
# - 选中而保持原样的 token 同样有标签。标签要在替换**之前**取。
# - 80/10/10 是占**选中**的 token 的比例。三种情形只抽一次签：若先抽“80%”、再抽“10%”，得到的就只是剩下部分的 10%。
# - 每次读到一行，都要**重新**抽掩码（**动态**掩码；Liu 等 2019，4.1 节）。最初的 BERT 是把十份遮好的副本写进硬盘；
#   这里同一行每个 epoch 都会再出现，每次空位都不同（下面的训练很短，刚好读到第二个 epoch）。
# - 只有选中的 token 计入损失。若对所有位置取平均，损失会小到不足六分之一：既不能和 $\log V$ 比，也不能和别的 $p$ 比，
#   裁剪也要等梯度长到原来的六倍多才起作用。（AdamW 对损失的大小几乎不敏感，曲线可能看着一切正常。）
#
# ### 第 8 题（8 分）：`mlm_mask`、`mlm_loss`、`MaskedBatches`
#
# `MaskedBatches` 就是你的 `train` 想要的东西：`next_batch`、`state_dict`、`load_state_dict`。
# 让一切都由种子和“已经取过几批”决定，它的状态就只有一个数，中断的训练可以分毫不差地恢复。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "mlm-mask-solution", "cell_type": "code"}
def mlm_mask(
    ids: Tensor,
    special: list[int],
    mask_id: int,
    vocab_size: int,
    generator: torch.Generator,
    p: float = 0.15,
) -> tuple[Tensor, Tensor]:
    """Chooses tokens to be predicted, and damages them as BERT does.

    Each token that is not special is chosen with probability p, independently of all others. Of
    the chosen ones, 80 % become mask_id, 10 % a random token, 10 % stay as they are. Each random
    token is drawn on its own, uniformly over all tokens of the vocabulary that are not special (it
    may happen to be the old one).

    Args:
        ids: (B, T) int64; stays as it is.
        special: ids that are never chosen, never replaced and never drawn. They may be any ids;
            mask_id is among them.
        vocab_size: the ids are 0 to vocab_size - 1.
        generator: on the device of ids. All that is random comes from it, and it is not seeded
            here: two calls with one generator give two masks.

    Returns:
        inputs (B, T) int64, damaged, and labels (B, T) int64: the original token where one is
        chosen, else IGNORE. Where nothing is chosen the inputs are the ids.

    Source: Devlin et al. 2018, BERT, section 3.1 (task 1) and appendix C.2.
    ---
    选出要预测的 token，并像 BERT 那样把它们破坏掉。

    每个非特殊的 token 都以概率 p 被选中，彼此独立。选中的 token 中，80% 变成 mask_id，10% 变成随机
    token，10% 保持原样。每个随机 token 单独抽取，在词表中所有非特殊的 token
    上均匀分布（也可能恰好抽到原来的那个）。

    参数：
        ids: (B, T) int64；不能修改。
        special: 从不选中、从不替换、也从不抽到的 id。它们可以是任意的 id；mask_id 也在其中。
        vocab_size: id 的范围是 0 到 vocab_size - 1。
        generator: 与 ids 在同一设备上。所有随机数都取自它，这里不给它设种子：同一个 generator
            连续两次调用，掩码不同。

    返回：
        inputs (B, T) int64，破坏之后的文本；labels (B, T) int64，选中处是原来的 token，其余是
        IGNORE。没有选中的位置，inputs 与 ids 相同。

    出处：Devlin 等 2018，BERT，3.1 节（任务 1）和附录 C.2。
    """
    ### BEGIN SOLUTION
    vocabulary = torch.arange(vocab_size, device=ids.device)
    forbidden = torch.tensor(special, device=ids.device)
    ordinary = vocabulary[~torch.isin(vocabulary, forbidden)]
    choice, fate = torch.rand(2, *ids.shape, generator=generator, device=ids.device)
    drawn = torch.randint(len(ordinary), ids.shape, generator=generator, device=ids.device)

    chosen = (choice < p) & ~torch.isin(ids, forbidden)
    inputs = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    inputs = torch.where(chosen & (fate >= 0.9), ordinary[drawn], inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)
    ### END SOLUTION


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "mlm-loss-solution", "cell_type": "code"}
def mlm_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean cross-entropy over the tokens that have a label. PyTorch's own (F.cross_entropy)
    may be used.

    Args:
        logits: (B, T, V). Nothing is shifted: logits[:, t] are about token t itself.
        labels: (B, T) int64, IGNORE where a token does not count.

    Returns:
        A scalar tensor, in nats per chosen token; 0, with gradients of 0, where none is chosen.
    ---
    有标签的 token 上交叉熵的平均。可以用 PyTorch 自己的 F.cross_entropy。

    参数：
        logits: (B, T, V)。不错位：logits[:, t] 预测的就是第 t 个 token 本身。
        labels: (B, T) int64，不计入的位置是 IGNORE。

    返回：
        标量张量，单位是每个选中 token 的 nat 数；一个都没选中时为 0，梯度也为 0。
    """
    ### BEGIN SOLUTION
    total = F.cross_entropy(
        logits.flatten(0, 1),
        labels.flatten(),
        ignore_index=IGNORE,
        reduction="sum",
    )
    return total / (labels != IGNORE).sum().clamp(min=1)
    ### END SOLUTION


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "masked-batches-solution", "cell_type": "code"}
class MaskedBatches:
    """Batches of rows for `train`: every row at most once per epoch, in a new order each epoch,
    and each time with a new mask.

    Rows that do not fill a batch at the end of an epoch are left out of that epoch; in other
    epochs others are left out. The same arguments give the same batches. Two seeds, also
    neighbours like 3 and 4, share neither an order nor a mask, not even one batch or one epoch
    later.
    ---
    供 `train` 使用的一批批数据：每个 epoch 里每行至多取一次，每个 epoch 的顺序都不同，
    每次的掩码也不同。

    一个 epoch 末尾凑不满一批的行，在这个 epoch 里略去；别的 epoch 略去的是另一些行。参数相同，
    得到的批就相同。两个不同的种子，哪怕像 3 和 4 这样相邻，也不共用任何顺序和掩码，错开一批或一个
    epoch 也不行。
    """

    def __init__(
        self, rows: Tensor, special: list[int], mask_id: int, vocab_size: int,
        batch_size: int, seed: int = 0, p: float = 0.15,
    ) -> None:  # fmt: skip
        """`rows` is (N, T) int64 with N >= batch_size; it stays as it is. The others are
        mlm_mask's.
        ---
        `rows` 是 (N, T) int64，N >= batch_size，不能修改。其余参数与 mlm_mask 相同。
        """
        ### BEGIN SOLUTION
        self.rows, self.batch_size, self.seed = rows, batch_size, seed
        self.masking = {"special": special, "mask_id": mask_id, "vocab_size": vocab_size, "p": p}
        self.done = 0
        ### END SOLUTION

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """The next batch_size rows: inputs and labels, each (batch_size, T) int64, by mlm_mask.
        ---
        接下来的 batch_size 行：输入和标签，各为 (batch_size, T) int64，由 mlm_mask 得到。
        """
        ### BEGIN SOLUTION
        epoch, place = divmod(self.done, len(self.rows) // self.batch_size)
        shuffle = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)
        order = torch.randperm(
            len(self.rows),
            generator=shuffle,
        )[place * self.batch_size :][: self.batch_size]
        batch = self.rows[order.to(self.rows.device)]
        generator = torch.Generator(self.rows.device).manual_seed(1_000_003 * self.seed + self.done)
        self.done += 1
        return mlm_mask(batch, generator=generator, **self.masking)
        ### END SOLUTION

    def state_dict(self) -> dict[str, int]:
        """Where in the data it stands: a dict of plain numbers or tensors, so that a checkpoint
        can hold it.
        ---
        数据读到了哪里：一个字典，值是数或张量，检查点可以保存。
        """
        ### BEGIN SOLUTION
        return {"done": self.done}
        ### END SOLUTION

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continues from where the state was taken, with the same batches and masks as without a
        break.
        ---
        从记下的地方接着读，批和掩码都与不中断时相同。
        """
        ### BEGIN SOLUTION
        self.done = state["done"]
        ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 8, "schema_version": 3, "grade_id": "mlm", "cell_type": "code"}
labkit.check("mlm")

# %% [markdown] tags=["en"]
# **The library.** `DataCollatorForLanguageModeling` does the same for Hugging Face's `Trainer`. We let both mask the same rows, and count what
# became of the tokens.

# %% [markdown] tags=["zh"]
# **库里的做法。** `DataCollatorForLanguageModeling` 为 Hugging Face 的 `Trainer` 做同样的事。让两者去遮同一批行，数一数 token 都变成了什么。

# %%
names = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
collator = DataCollatorForLanguageModeling(
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names),
    seed=1,
)


def share(some: Tensor, all_of: Tensor) -> str:
    """How many places of `all_of` are in `some`, in per cent.
    ---
    `all_of` 的位置中，有百分之几在 `some` 里。
    """
    return f"{(some & all_of).sum() / all_of.sum():.1%}"


def fates(ids: Tensor, inputs: Tensor, labels: Tensor) -> dict[str, str]:
    """What became of the tokens, as shares; and how often a special token was drawn or chosen.
    ---
    各种 token 所占的比例；以及特殊 token 被抽到、被选中的次数。
    """
    chosen = labels != IGNORE
    other = chosen & (inputs != MASK) & (inputs != ids)
    specials_drawn = int((other & (inputs < MASK)).sum())
    specials_chosen = int((chosen & (ids <= MASK)).sum())
    return {
        say("chosen, of all ordinary tokens", "选中的，占普通 token"): share(chosen, ids > MASK),
        say("[MASK], of the chosen", "变成 [MASK] 的，占选中"): share(inputs == MASK, chosen),
        say("another token, of the chosen", "变成别的 token 的，占选中"): share(other, chosen),
        say("as it was, of the chosen", "保持原样的，占选中"): share(inputs == ids, chosen),
        say("special tokens drawn", "抽到特殊 token 的次数"): str(specials_drawn),
        say("special tokens chosen", "选中特殊 token 的次数"): str(specials_chosen),
    }


sample = rows[:3000]
batch = collator([{"input_ids": row} for row in sample])
masked = {
    say("yours", "你的"): mlm_mask(sample, SPECIAL, MASK, V, torch.Generator().manual_seed(0)),
    say("library", "库"): (batch["input_ids"], batch["labels"]),
}
yours, library = (fates(sample, *pair) for pair in masked.values())
print(say("   yours   library", "    你的        库"))
for name in yours:
    print(f"{yours[name]:>8}  {library[name]:>8}  {name}")

figure, panels = plt.subplots(1, 2, figsize=(11, 3.2), sharey=True)
KINDS = {
    say("not chosen", "没有选中"): (1, 1, 1),
    say("special", "特殊 token"): (0.85, 0.85, 0.85),
    "[MASK]": (0.12, 0.47, 0.71),
    say("another token", "换成别的 token"): (1, 0.5, 0.05),
    say("chosen, as it was", "选中而原样"): (0.17, 0.63, 0.17),
}
colours = torch.tensor(list(KINDS.values()))
for panel, (name, (inputs, labels)) in zip(panels, masked.items(), strict=True):
    ids, chosen = sample[:16], labels[:16] != IGNORE
    changed, kept = chosen & (inputs[:16] != MASK), chosen & (inputs[:16] == ids)
    kind = (ids <= MASK) + 2 * chosen + changed + kept
    panel.imshow(colours[kind.int()], aspect="auto")
    panel.set(
        title=say(f"{name}: 16 rows", f"{name}：16 行"),
        xlabel=say("place in the row", "行内位置"),
        yticks=[],
    )
panels[0].set(ylabel=say("row", "行"))
handles = [Patch(facecolor=c, edgecolor="grey", lw=0.5, label=name) for name, c in KINDS.items()]
above = {"loc": "upper center", "bbox_to_anchor": (0.5, 1.08)}
figure.legend(handles=handles, ncols=5, frameon=False, **above)
plt.show()

# %% [markdown] tags=["en"]
# The shares are the same, and about one token in seven is chosen in both pictures, at places that show no pattern. There is one difference: the library
# draws its random tokens from the *whole* vocabulary, so now and then a `[PAD]` or `[CLS]` stands in the middle of a text.
# With 30,000 tokens it hardly happens; with our vocabulary 5 of 1,600 tokens are special. (The count above leaves out a drawn
# `[MASK]`, which looks like any other. The library also treats `[UNK]` as special, as we do here: what is unknown cannot be
# predicted.)
#
# ## 3. A BERT
#
# What must change from GPT to BERT? **Only the causal mask goes.** The other differences from your GPT are our choice: rotary
# positions, a norm after the embedding, a bias in the tied head. You know all of it from lab 02. The BERT of 2018 had learned positions and a norm after each sum.
# ModernBERT (Warner et al. 2024, section 2.1) has pre-norm layers, a norm after the embedding, rotary positions and a tied head with
# a bias, as here. Unlike here, its MLP is gated (GeGLU), its other layers have no biases, and two of three layers attend to a window of
# 128 tokens only.

# %% [markdown] tags=["zh"]
# 比例相同；两幅图里都大约每七个 token 选中一个，位置看不出规律。差别只有一处：库里的随机 token 取自**整个**词表，
# 所以偶尔会有 `[PAD]` 或 `[CLS]` 冒出在正文中间。词表有三万个 token 时很少发生；我们的词表里，1,600 个 token 有 5 个是特殊的。
# （上面的计数不包括抽到的 `[MASK]`：它和别的 `[MASK]` 分不出来。库也把 `[UNK]` 算作特殊 token，我们这里一样：不认识的东西无从预测。）
#
# ## 3. 一个 BERT
#
# 从 GPT 到 BERT，必须改什么？**只需去掉因果掩码。** 与你的 GPT 的其他差别是这里自行选择的：旋转位置编码、嵌入之后的归一化、
# 绑定的输出层带偏置。这些你在实验 02 里都见过。
# 2018 年的 BERT 用可学习的位置，归一化放在残差相加之后。ModernBERT（Warner 等 2024，2.1 节）与这里相同的是：pre-norm 层、
# 嵌入之后的归一化、旋转位置编码、带偏置的绑定输出层；与这里不同的是：它的 MLP 带门控（GeGLU），其余各层都没有偏置，
# 每三层中有两层只关注 128 个 token 的窗口。


# %%
def rotated(x: Tensor) -> Tensor:
    """(B, H, T, D): queries or keys, turned by their positions (RoPE of lab 02, base 100 for short
    texts).
    ---
    (B, H, T, D)：按位置旋转之后的查询或键（实验 02 的 RoPE；文本短，底数取 100）。
    """
    half = x.shape[-1] // 2
    rates = 100.0 ** (-torch.arange(half, device=x.device) / half)
    angles = torch.arange(x.shape[2], device=x.device)[:, None] * rates  # (T, D / 2)
    first, second = x.chunk(2, dim=-1)
    turned = [
        first * angles.cos() - second * angles.sin(),
        first * angles.sin() + second * angles.cos(),
    ]
    return torch.cat(turned, dim=-1)


class Layer(nn.Module):
    """Attention in both directions, then a feed-forward network, each with a norm before it.
    ---
    双向注意力，然后是前馈网络，两者之前各有一个归一化。
    """

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm_1, self.norm_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.qkv, self.out = nn.Linear(d_model, 3 * d_model), nn.Linear(d_model, d_model)
        self.up, self.down = nn.Linear(d_model, 4 * d_model), nn.Linear(4 * d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model)."""
        qkv = self.qkv(self.norm_1(x)).unflatten(-1, (3, self.n_heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        heads = F.scaled_dot_product_attention(rotated(q), rotated(k), v)
        x = x + self.out(heads.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm_2(x))))


class Bert(nn.Module):
    """ids (B, T) -> logits (B, T, vocab_size). The rows have no padding, so nothing is masked.

    The matrices for queries, keys and values begin larger, so that attention does not begin with
    nearly equal weights everywhere.
    ---
    ids (B, T) -> logits (B, T, vocab_size)。各行没有填充，所以注意力不用掩码。

    查询、键、值的矩阵初始值取得大一些，免得注意力一开始在各处的权重几乎相同。
    """

    def __init__(self, vocab_size: int, n_layers: int, n_heads: int, d_model: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, d_model)
        self.norm_in, self.norm_out = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.layers = nn.Sequential(*(Layer(d_model, n_heads) for _ in range(n_layers)))
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        for name, weights in self.named_parameters():
            if weights.dim() == 2:
                std = d_model**-0.5 if name.endswith("qkv.weight") else 0.02
                nn.init.normal_(weights, std=std)
            elif name.endswith("bias"):
                nn.init.zeros_(weights)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) int64 -> (B, T, vocab_size)."""
        hidden = self.norm_out(self.layers(self.norm_in(self.tokens(ids))))
        return F.linear(hidden, self.tokens.weight, self.bias)


torch.manual_seed(0)
model = Bert(V, *(SETTINGS[name] for name in ("n_layers", "n_heads", "d_model"))).to(DEVICE)
n_parameters = sum(parameter.numel() for parameter in model.parameters())
print(say(f"{n_parameters:,} parameters", f"{n_parameters:,} 个参数"))

# %% [markdown] tags=["en"]
# ## 4. Your loop
#
# Does the loop of a GPT train a BERT as well? `train`, `TrainConfig` and `parameter_groups` come from your notebook `pretrain_gpt`, unchanged: a batch is inputs and targets,
# and what does not count is $-100$. First, is its loss the same as yours? (The untrained model is a little below $\log V$.
# Its tied head favours the token that it reads, and of the chosen tokens one in ten is still visible.)
#
# We train with $p = 0.3$ instead of 0.15, so that each row holds more exercises. (Wettig et al. 2023 find that 40 % is better than 15 % for models
# of the size of BERT-large; ModernBERT uses 30 %.) The held-out text is masked once, with $p = 0.15$, and stays so. There a
# fixed mask is right, since all checkpoints should answer the same questions. While the model learns, it fills in a few
# lines with gaps from time to time. `tensorboard --logdir runs` in a terminal shows them, and the curves, live.

# %% [markdown] tags=["zh"]
# ## 4. 你的训练循环
#
# GPT 的训练循环也能训练 BERT 吗？`train`、`TrainConfig`、`parameter_groups` 来自你的 `pretrain_gpt`，一字不改：一批就是输入和目标，不算的位置是 $-100$。
# 先看看它的损失是不是与你的相同。（未训练的模型略低于 $\log V$：绑定的输出层偏向它读到的 token，而选中的 token 有十分之一还看得见。）
#
# 训练时取 $p = 0.3$，而不是 0.15，这样每一行里的题更多。（Wettig 等 2023 发现，对 BERT-large 大小的模型，40% 比 15% 好；ModernBERT 用 30%。）
# 留出的文本则只遮一次，$p = 0.15$，此后不变：这里固定掩码才是对的，因为每个检查点都应当回答同样的题。
# 训练过程中还会反复做几道填空；在终端里运行 `tensorboard --logdir runs`，可以实时看到它们和各条曲线。

# %%
gpt = labkit.notebook("pretrain_gpt")
batches = MaskedBatches(rows.to(DEVICE), SPECIAL, MASK, V, SETTINGS["batch"], p=SETTINGS["p"])
inputs, labels = batches.next_batch()
with torch.no_grad():
    logits = model(inputs)
one, other = mlm_loss(logits, labels), gpt.cross_entropy(logits, labels)
print(
    say(
        f"mlm_loss {one:.6f}, the loop's cross_entropy {other:.6f}\nlog V = {math.log(V):.2f}",
        f"mlm_loss {one:.6f}，循环里的 cross_entropy {other:.6f}\nlog V = {math.log(V):.2f}",
    )
)

# %%
QUESTIONS = {
    "cpu": [
        "for i in [MASK] ( len ( names ) ) :",
        "if value is [MASK] None :",
        "def get ( [MASK] , name , default = None ) :",
        "raise [MASK] ( \"no such file\" )",
        "while [MASK] : line = self . readline ( )",
        "try : import json [MASK] ImportError : pass",
    ],
    "gpu": [
        "The capital of France [MASK] Paris .",
        "She [MASK] a letter to her mother .",
        "Water boils at 100 [MASK] .",
    ],
}[profile]  # fmt: skip


@torch.no_grad()
def logits_of(ids: Tensor) -> Tensor:
    """(N, T) -> (N, T, V) on the CPU, in eval mode, some rows at a time.
    ---
    (N, T) -> (N, T, V)，结果在 CPU 上；eval 模式，每次算几行。
    """
    model.eval()
    answer = torch.cat([model(part.to(DEVICE)).cpu() for part in ids.split(50)])
    model.train()
    return answer


def fill_in(text: str, n: int = 3) -> list[tuple[str, float]]:
    """The n likeliest tokens for the gap of a text, with their probabilities.
    ---
    文本空位处最可能的 n 个 token 及其概率。
    """
    ids = torch.tensor([CLS, *tokenizer.encode(text).ids, SEP])
    chances = logits_of(ids[None])[0, ids.tolist().index(MASK)].softmax(-1).topk(n)
    found = zip(chances.indices.tolist(), chances.values.tolist(), strict=True)
    return [(tokenizer.id_to_token(i), p) for i, p in found]


questions, answers = mlm_mask(held_out, SPECIAL, MASK, V, torch.Generator().manual_seed(1))
asked = answers != IGNORE


def measure() -> tuple[float, float]:
    """Loss on the held-out text, and the share of its gaps ([MASK] only) that are filled right.
    ---
    留出文本上的损失，以及空位（只算 [MASK]）填对的比例。
    """
    logits = logits_of(questions)
    gaps = questions == MASK
    right = (logits.argmax(-1)[gaps] == answers[gaps]).float().mean().item()
    return mlm_loss(logits, answers).item(), right


# %%
writer = SummaryWriter(RUNS)
optimizer = torch.optim.AdamW(gpt.parameter_groups(model, 0.1), betas=(0.9, 0.95))
steps, max_lr = SETTINGS["steps"], SETTINGS["max_lr"]
config = gpt.TrainConfig(steps=steps, max_lr=max_lr, min_lr=max_lr / 10, warmup=SETTINGS["warmup"])
history = {0: measure()}
filled = {0: [fill_in(question) for question in QUESTIONS]}
EVERY = steps // 9


def log(step: int, loss: float, grad_norm: float, lr: float) -> None:
    for name, value in (("train/loss", loss), ("train/grad_norm", grad_norm), ("train/lr", lr)):
        writer.add_scalar(name, value, step + 1)
    if (step + 1) % EVERY == 0:
        history[step + 1] = measure()
        filled[step + 1] = [fill_in(question) for question in QUESTIONS]
        names = ("held-out/loss", "held-out/accuracy")
        for name, value in zip(names, history[step + 1], strict=True):
            writer.add_scalar(name, value, step + 1)
        best = [
            question.replace("[MASK]", f"**{tops[0][0]}**")
            for question, tops in zip(QUESTIONS, filled[step + 1], strict=True)
        ]
        writer.add_text("sample", "\n\n".join(best), step + 1)
        loss_now, right = history[step + 1]
        print(
            say(
                f"step {step + 1:5}  held-out loss {loss_now:.2f}, gaps right {right:.0%}  {best[0]}",
                f"第 {step + 1:3} 步  留出损失 {loss_now:.2f}，填对 {right:.0%}  {best[0]}",
            )
        )


start = time.perf_counter()
losses = gpt.train(model, optimizer, batches, config, after_step=log)
writer.close()
epochs, seconds = steps * SETTINGS["batch"] / len(rows), time.perf_counter() - start
print(
    say(
        f"\n{steps:,} steps, {epochs:.1f} epochs, {seconds:.0f} s",
        f"\n{steps:,} 步，{epochs:.1f} 个 epoch，{seconds:.0f} 秒",
    )
)

# %%
uniform, single = math.log(V), rows[rows > MASK].bincount(minlength=V).double()
single = (single / single.sum()).clamp(min=1e-9)
alone = -single[answers[asked]].log().mean().item()
figure, (left_panel, right_panel) = plt.subplots(1, 2, figsize=(11, 3.6))
smooth = torch.tensor(losses).unfold(0, 10, 5).mean(-1)
left_panel.plot(
    [10 + 5 * i for i in range(len(smooth))],
    smooth,
    color=BLUE,
    label=say(
        f"training, p = {SETTINGS['p']} (mean of 10 steps)",
        f"训练，p = {SETTINGS['p']}（10 步平均）",
    ),
)
left_panel.plot(
    list(history),
    [loss for loss, _ in history.values()],
    "o-",
    color=ORANGE,
    label=say("held-out text, p = 0.15", "留出文本，p = 0.15"),
)
left_panel.axhline(uniform, color="grey", ls=":")
left_panel.axhline(alone, color="grey", ls="--")
no_idea = say("log V: all tokens alike", "log V：所有 token 等可能")
left_panel.text(steps, uniform + 0.05, no_idea, ha="right", va="bottom", color="grey")
by_frequency = say("frequencies of single tokens", "只知道单个 token 的频率")
left_panel.text(steps, alone + 0.05, by_frequency, ha="right", va="bottom", color="grey")
left_panel.set(
    xlabel=say("step", "步数"),
    ylabel=say("nats per chosen token", "nat / 选中的 token"),
    title=say("masked language modelling", "掩码语言模型"),
)
left_panel.legend(frameon=False, loc="lower left")
right_panel.plot(
    list(history),
    [right for _, right in history.values()],
    "o-",
    color=BLUE,
    label=say("the model", "模型"),
)
for name, share in TABLES.items():
    right_panel.axhline(share, color=ORANGE if name != "nothing" else "grey", ls="--", lw=1)
    height = share + (0.012 if name != "left" else -0.03)
    label = say(f"a table: {KNOWS[name]}", f"频率表：{KNOWS[name]}")
    right_panel.text(steps, height, label, ha="right", fontsize=8, color="grey")
right_panel.yaxis.set_major_formatter(PercentFormatter(1.0))
right_panel.set(
    xlabel=say("step", "步数"),
    ylabel=say("gaps filled in right", "填对的空位"),
    ylim=(0, 0.55),
    title=say("held-out text, [MASK] only", "留出文本，只算 [MASK]"),
)
right_panel.legend(frameon=False, loc="upper left")
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# Even in this short training the model passes both one-sided tables, although some of the neighbours that it sees are hidden or
# wrong. It does not catch up with the table of both. That table has stored every pair of neighbours of the whole text, and
# the held-out pieces come from the same files; for a pair that it has never met it falls back on one side. The real BERT read 3.3 billion words for about forty
# epochs (Devlin et al. 2018, appendix A.2). Give yours more steps and see how far it gets. The curve flattens at the end
# partly because the rate falls.
#
# The loss on the held-out text is lower than in training: fewer tokens are hidden there (15 instead of 30 %), so each question
# is easier. What did the model fill in after so many steps?

# %% [markdown] tags=["zh"]
# 训练时间这么短，模型已经超过了两张单边的表，尽管它看到的邻居有一部分被遮住或换错了。它没有赶上“左右都看”的那张表：
# 那张表存下了整个文本里的每一对邻居，而留出的片段又出自同样的文件；遇到没见过的一对，它就只能退回去看一边。
# 真正的 BERT 把 33 亿个词读了大约四十个 epoch（Devlin 等 2018，附录 A.2）。把步数加上去，看看你的能走多远；曲线末尾变平，也有学习率下降的缘故。
#
# 留出文本上的损失比训练时低，是因为那里藏起来的 token 更少（15%，而不是 30%），每道题都更容易。那么，训练到不同的步数时，它各填了什么？

# %%
shown = [0, EVERY, 3 * EVERY, max(filled)]
for question, *tops in zip(QUESTIONS, *(filled[step] for step in shown), strict=True):
    print(question)
    for step, top in zip(shown, tops, strict=True):
        listed = ", ".join(f"{token} {chance:.0%}" for token, chance in top)
        print(say(f"   step {step:5}  {listed}", f"   第 {step:3} 步  {listed}"))

# %% [markdown] tags=["en"]
# ## 5. What are the 20 % for?
#
# Now use the model **without any `[MASK]`**. In each held-out row replace one token by a random one. Then ask at every place:
# how likely is the token that stands here? Nobody trained the model to find mistakes. Yet it finds many:

# %% [markdown] tags=["zh"]
# ## 5. 那 20% 有什么用？
#
# 现在**完全不用 `[MASK]`**。在每一行留出文本里，把一个 token 换成随机的，然后在每个位置上问模型：这里的 token 有多大可能？
# 没有人训练过它找错，可是它找出了不少：


# %%
@torch.no_grad()
def doubts(ids: Tensor) -> Tensor:
    """(N, T) -> (N, T): -log of the probability that the model gives to each token that stands
    there; 0 for special ones.
    ---
    (N, T) -> (N, T)：模型给每个位置上的 token 的概率，取 -log；特殊 token 记 0。
    """
    surprise = -logits_of(ids).log_softmax(-1).gather(-1, ids[..., None]).squeeze(-1)
    return surprise.masked_fill(ids <= MASK, 0.0)


generator = torch.Generator().manual_seed(2)
ordinary = (held_out > MASK).float()
place = torch.multinomial(ordinary, 1, generator=generator)
drawn = torch.randint(MASK + 1, V, place.shape, generator=generator)
wrong = held_out.scatter(1, place, drawn)
spoiled = (wrong != held_out).any(1)
KINDS = {
    "[MASK]": asked & (questions == MASK),
    say("a random token", "随机 token"): asked & (questions != MASK) & (questions != answers),
    say("as it was", "原样"): asked & (questions == answers),
    say("not chosen", "没有选中"): ~asked & (questions > MASK),
}


def found_among(n: int, doubt: Tensor) -> float:
    """The share of the spoiled rows in which the wrong token is among the n most doubtful.
    ---
    有错的各行里，错的 token 排在最可疑的前 n 个之内的比例。
    """
    rank = (doubt > doubt.gather(1, place)).sum(1)[spoiled]
    return (rank < n).float().mean().item()


def belief() -> list[float]:
    """For each of KINDS, the mean probability that the model gives to the original token.
    ---
    对 KINDS 的每一类，模型给原来的 token 的平均概率。
    """
    chances = logits_of(questions).softmax(-1).gather(-1, held_out[..., None]).squeeze(-1)
    return [chances[kind].mean().item() for kind in KINDS.values()]


doubt, believed = doubts(wrong), belief()
first, first_three = found_among(1, doubt), found_among(3, doubt)
by_chance = 1 / ordinary.sum(1).mean()
print(
    say(
        f"the wrong token is the most doubtful of its row in {first:.0%} of the rows, "
        f"among the first three in {first_three:.0%}\n"
        f"(by chance: {by_chance:.0%} and {3 * by_chance:.0%})",
        f"错的 token 是本行最可疑的：{first:.0%}；排在前三：{first_three:.0%}\n"
        f"（随便猜：{by_chance:.0%} 和 {3 * by_chance:.0%}）",
    )
)

figure, (left_panel, right_panel) = plt.subplots(1, 2, figsize=(11, 3), width_ratios=[1, 1.7])
left_panel.barh(list(KINDS), believed, color=[BLUE, ORANGE, GREEN, GREY])
for height, share in enumerate(believed):
    left_panel.text(share + 0.01, height, f"{share:.2f}", va="center")
left_panel.invert_yaxis()
left_panel.set(
    xlim=(0, 1),
    xlabel=say("mean probability of the original", "原 token 的平均概率"),
    ylabel=say("what the model sees there", "模型在那里看到的"),
)
caught = spoiled & (doubt.argmax(1) == place.squeeze(1))
row = int(caught.nonzero()[0])
around = slice(max(1, int(place[row]) - 8), int(place[row]) + 9)
shown = doubt[row, around]
at = int(place[row]) - around.start
right_panel.bar(range(len(shown)), shown, color=BLUE)
right_panel.bar(at, shown[at], color=ORANGE, label=say("the wrong token", "错的 token"))
labels = [tokenizer.id_to_token(i) for i in wrong[row, around].tolist()]
right_panel.set_xticks(range(len(shown)), labels, rotation=90)
right_panel.set(
    xlabel=say("tokens of the row", "这一行的 token"),
    ylabel=say("-log p (nats)", "-log p（nat）"),
    title=say("doubt at each token of a row", "一行里每个 token 的可疑程度"),
)
right_panel.legend(frameon=False)
plt.show()
text = text_of(held_out[row, around])
print(say(f"before the change: {text}", f"换之前：{text}"))

# %% [markdown] tags=["en"]
# A token that is visible and right is believed far more readily than one behind a `[MASK]`: the model uses what it sees
# there. But it does not trust blindly what it sees: behind a random token it gives the original nearly as much as behind a `[MASK]`.
#
# **Is it the random tokens that taught it to doubt?** One run cannot tell. The control is a second model, trained in the same
# way, except that *every* chosen token becomes `[MASK]`. It takes another minute, so it is switched off: set `CONTROL = True`
# to see.

# %% [markdown] tags=["zh"]
# 看得见而且正确的 token，模型相信它的程度远高于 `[MASK]` 背后的：它会利用自己看到的东西。但它又不盲信：看到的是随机 token 时，它给原来那个 token 的概率，
# 只比看到 `[MASK]` 时略低。
#
# **它会怀疑，是随机 token 教会的吗？** 只训练一次说明不了。对照实验是再训练一个模型，方法完全相同，只是选中的 token **全部**变成 `[MASK]`。
# 这要多花一分钟，所以默认关闭：把 `CONTROL` 设成 `True` 就能看到结果。

# %%
CONTROL = False


class OnlyMasks(MaskedBatches):
    """The same batches, but every chosen token becomes [MASK].
    ---
    同样的批，但选中的 token 全部变成 [MASK]。
    """

    def next_batch(self) -> tuple[Tensor, Tensor]:
        inputs, labels = super().next_batch()
        return inputs.masked_fill(labels != IGNORE, MASK), labels


if CONTROL:
    first_model = model
    torch.manual_seed(0)
    model = Bert(V, *(SETTINGS[name] for name in ("n_layers", "n_heads", "d_model"))).to(DEVICE)
    optimizer = torch.optim.AdamW(gpt.parameter_groups(model, 0.1), betas=(0.9, 0.95))
    arguments = (rows.to(DEVICE), SPECIAL, MASK, V, SETTINGS["batch"])
    gpt.train(model, optimizer, OnlyMasks(*arguments, p=SETTINGS["p"]), config)
    found, gaps = found_among(1, doubts(wrong)), measure()[1]
    gaps_before = history[max(history)][1]
    print(
        say(
            f"wrong token the most doubtful: 80/10/10 {first:.0%}, only [MASK] {found:.0%}\n"
            f"gaps filled in right:          80/10/10 {gaps_before:.0%}, only [MASK] {gaps:.0%}\n"
            "mean probability of the original, 80/10/10 and only [MASK]:",
            f"错的 token 是本行最可疑的：80/10/10 {first:.0%}，只用 [MASK] {found:.0%}\n"
            f"填对的空位：80/10/10 {gaps_before:.0%}，只用 [MASK] {gaps:.0%}\n"
            "原 token 的平均概率，80/10/10 和只用 [MASK]：",
        )
    )
    for name, one, other in zip(KINDS, believed, belief(), strict=True):
        print(f"{one:6.2f} {other:6.2f}  {name}")
    model = first_model

# %% [markdown] tags=["en"]
# When we ran it, the model that had seen only `[MASK]` put the wrong token first in 24 % of the rows, against 52 %. That is far
# above chance (2 %), so random tokens are not *needed* for doubt. But they, or the kept tokens, change what the model does
# with visible tokens. The control gave a visible and right token a probability of 0.08, hardly more than behind a `[MASK]`
# (0.05), because it was never asked there; with 80/10/10 it is 0.70. The control is no clean proof, either: in this short
# training it had learnt less altogether (15 % of the gaps right, against 30 %), and one training of each is one sample.
#
# **How much does it matter?** Less than the argument of section 2 suggests. Devlin et al. (2018, appendix C.2) found hardly a difference after fine-tuning.
# `[MASK]` alone was clearly worse only where the vectors were used as they are, without fine-tuning. Wettig et al. 2023
# recommend `[MASK]` alone: with it their models reach 84.2 % on MNLI (does one sentence follow from another?) for $p = 0.15$
# and 84.5 % for $p = 0.4$, against 83.7 and 84.3 % with 80/10/10 (model list of their repository, princeton-nlp/DinkyTrain).
#
# ELECTRA (Clark et al. 2020) makes the search for wrong tokens the task itself. A small BERT replaces some tokens, the model says for *each* token
# whether it was replaced, and so it learns from every position.
#
# **In practice** such a model is the beginning, not the end. On top of the vectors of its last layer comes a small head, for
# classes, for names in a text, or (as in `embeddings`) for search. **At the real size** the same cells with `profile = "gpu"`
# train a BERT of BASE's size on English.
#
# ## Summary
#
# - Both sides of a gap together tell far more than either; a GPT sees only one.
# - Masked language modelling: choose 15 % of the tokens, 80/10/10, special ones never. Labels are the originals; nothing else counts.
# - In training, masks are drawn anew each time. For measuring, they are drawn once and stay.
# - The loop does not care what is predicted: the same `train` trains a GPT and a BERT. A BERT learns from the chosen tokens only, a GPT from all.
# - Random and kept tokens ask the model about visible tokens too. Whether that is worth it after fine-tuning is another question.
#
# ## Three questions to think about
#
# 1. A BERT gives $p(x_t \mid \text{all others})$ for each $t$. Why can you not multiply these to get the probability of a text? How could you
#    let a BERT write a text nevertheless (Wang and Cho 2019)?
# 2. With $p = 0.9$, what is left to learn from? With $p = 0.01$, what is slow? Why may the best $p$ grow with the model (Wettig et al. 2023)?
# 3. Two pieces of one word: `read` `##line`. If only `##line` is hidden, how hard is the question? What does *whole word masking* do about it,
#    and what would it mean for Chinese?
#
# ## Today
#
# - **Encoders are trained anew.** ModernBERT (Warner et al. 2024) reads 2 trillion tokens in rows of up to 8,192 and chooses 30 % of them, without
#   the second task of BERT (next sentence prediction). NeoBERT, EuroBERT and the multilingual mmBERT followed in 2025.
# - **The competitor is a decoder.** In 2025 many strong embedding models were GPTs that had been trained further for search, such as
#   Qwen3-Embedding. Weller et al. 2025 (Ettin) trained encoders and decoders on the same data: at equal size the encoders were better at
#   classification and search, the decoders at writing.
# - **Masks that write.** LLaDA (Nie et al. 2025) draws $p$ anew between 0 and 1 for each text, so that the model learns to fill in texts that are
#   hidden altogether, in several rounds: a *masked diffusion* language model.
#
# ## Further reading
#
# - Devlin et al. 2018, *BERT: Pre-training of Deep Bidirectional Transformers*: section 3.1 and appendix C.2 (other shares than 80/10/10).
# - Liu et al. 2019, *RoBERTa*: section 4 (dynamic masking, without the second task).
# - Wettig et al. 2023, *Should You Mask 15% in Masked Language Modeling?* (EACL).
# - Clark et al. 2020, *ELECTRA*: section 2.
# - Wang and Cho 2019, *BERT has a Mouth, and It Must Speak*: section 2.
# - Warner et al. 2024, *Smarter, Better, Faster, Longer* (ModernBERT): section 2.

# %% [markdown] tags=["zh"]
# 我们运行时，只见过 `[MASK]` 的模型在 24% 的行里把错的 token 排在第一位，而 80/10/10 是 52%。24% 远高于随便猜的 2%，
# 可见没有随机 token，模型**也会**怀疑。但随机的和原样的 token 改变了模型对看得见的 token 的态度：对照模型给看得见而且正确的 token 的概率是 0.08，
# 只比 `[MASK]` 背后的（0.05）高一点，因为它从没在那里被问过；用 80/10/10 则是 0.70。不过这个对照也不是干净的证明：训练这么短，
# 它总体上学到的也少（空位填对 15%，而不是 30%）；而且两种方法各训练一次，都只是一次抽样。
#
# **这有多重要？** 没有第 2 小节的论证听起来那么重要。Devlin 等（2018，附录 C.2）发现，微调之后几乎没有差别；只有直接使用向量、不做微调时，
# 只用 `[MASK]` 才明显更差。Wettig 等 2023 建议只用 `[MASK]`：他们的模型在 MNLI（判断一句话能否从另一句推出）上，$p = 0.15$ 时得 84.2%，$p = 0.4$ 时得 84.5%；
# 用 80/10/10 则是 83.7% 和 84.3%（见其代码库 princeton-nlp/DinkyTrain 的模型列表）。
#
# ELECTRA（Clark 等 2020）干脆把找错当作任务：由一个小 BERT 换掉一些 token，模型对**每个** token 判断它是否被换过，于是每个位置都能学到东西。
#
# **实际应用中**，这样的模型是起点而不是终点：在最后一层的向量上再接一个小小的输出层，就能做分类、找人名地名，或者（像 `embeddings` 里那样）做搜索。
# **真实的规模**：把 `profile` 改成 `"gpu"`，同样的单元格就会在英文文本上训练一个 BASE 大小的 BERT。
#
# ## 小结
#
# - 空位两边合起来，透露的远多于任何一边；GPT 只看得到一边。
# - 掩码语言模型：选中 15% 的 token，80/10/10，特殊 token 从不选；标签是原来的 token，其余一概不算。
# - 训练时掩码每次重抽；评测时只抽一次，从此不变。
# - 循环不管预测的是什么：同一个 `train` 既训练 GPT 也训练 BERT。BERT 只从选中的 token 里学，GPT 从每个 token 学。
# - 随机的和原样的 token，让看得见的 token 也会被问到。微调之后这样做是否值得，是另一个问题。
#
# ## 三个思考题
#
# 1. BERT 对每个 $t$ 给出 $p(x_t \mid \text{其余所有})$。为什么不能把它们乘起来当作一段文本的概率？若一定要 BERT 写文章，该怎么办（Wang 与 Cho 2019）？
# 2. $p = 0.9$ 时，还剩下什么可供学习？$p = 0.01$ 时，慢在哪里？为什么模型越大，最合适的 $p$ 可能也越大（Wettig 等 2023）？
# 3. 一个词的两片：`read` `##line`。如果只遮住 `##line`，这道题有多难？**整词掩码**（whole word masking）怎么处理？对中文又意味着什么？
#
# ## 如今
#
# - **编码器重新训练。** ModernBERT（Warner 等 2024）读了 2 万亿个 token，每行最长 8,192，选中其中的 30%，去掉了 BERT 的第二个任务（下一句预测）。
#   2025 年又有 NeoBERT、EuroBERT 和多语言的 mmBERT。
# - **对手是解码器。** 2025 年，许多很强的向量模型是为搜索继续训练过的 GPT，例如 Qwen3-Embedding。Weller 等 2025（Ettin）用同样的数据训练编码器和解码器：
#   大小相同时，分类和搜索是编码器更好，写作是解码器更好。
# - **会写作的掩码。** LLaDA（Nie 等 2025）对每段文本在 0 到 1 之间重新抽取 $p$，于是模型学会分几轮填出完全遮住的文本：这叫**掩码扩散**语言模型。
#
# ## 延伸阅读
#
# - Devlin 等 2018，《BERT: Pre-training of Deep Bidirectional Transformers》：3.1 节，附录 C.2（80/10/10 之外的比例）。
# - Liu 等 2019，《RoBERTa》：第 4 节（动态掩码，去掉第二个任务）。
# - Wettig 等 2023，《Should You Mask 15% in Masked Language Modeling?》（EACL）。
# - Clark 等 2020，《ELECTRA》：第 2 节。
# - Wang 与 Cho 2019，《BERT has a Mouth, and It Must Speak》：第 2 节。
# - Warner 等 2024，《Smarter, Better, Faster, Longer》（ModernBERT）：第 2 节。
