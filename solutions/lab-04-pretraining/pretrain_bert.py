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
# GPT reads from left to right and predicts what comes next. **BERT** (2018) sees both sides of a gap and fills it in. It cannot write a text, but for *understanding* one (search, classification, embeddings) its kind is what most
# systems run to this day. Here you write its training task, masked language modelling, and train a small BERT from random numbers, with the loop that you wrote for GPT.
#
# **You will be able to**
# - say what a model gains from seeing both sides, and measure it by counting alone;
# - write BERT's masking (15 %; of these 80/10/10) and its loss, and say why each number is there;
# - train a BERT with the same loop as a GPT, watch it in TensorBoard, and let it fill in blanks;
# - check your masking against the library's collator, and find where the two differ.
#
# **Time** about two hours. Running everything takes about a minute and a half on two CPU cores.
#
# **You need** your `pretrain_gpt` notebook with the training loop done, saved in the same folder (for section 4; problem 8 itself does not need it).

# %% [markdown] tags=["zh"]
# # 实验 04，第 5 个 notebook：BERT
#
# GPT 从左往右读，预测下一个 token。**BERT**（2018）能看到空位的两边，任务是把空填上。它不会写文章，但在**理解**文本的场合（搜索、分类、向量化），直到今天大多数系统跑的仍是它这一类模型。
# 在这里，你将写出它的训练任务——掩码语言模型，并用你为 GPT 写的那个训练循环，从随机数开始训练一个小 BERT。
#
# **学完之后，你能够**
# - 说清“能看两边”带来多少好处，并且只靠数数就把它量出来；
# - 写出 BERT 的掩码方法（15%；其中 80/10/10）和损失，并说清每个数字的道理；
# - 用和 GPT 完全一样的循环训练 BERT，在 TensorBoard 里观察它，让它填空；
# - 把自己的掩码与库里的 collator 对照，找出两者的差别。
#
# **时间** 约两小时。全部单元格在两个 CPU 核上跑一遍约需一分半钟。
#
# **预备** 同一文件夹里你的 `pretrain_gpt` notebook，训练循环已完成并保存（第 4 节要用；第 8 题的评分不依赖它）。

# %% tags=["export"]
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import labkit

IGNORE = -100  # the label of a token that does not count in the loss

# %%
profile = "cpu"  # or "gpu": a BERT of the size of the paper's BASE on English from the hub, on one CUDA card with 24 GB

# %%
import math
import shutil
import time
from pathlib import Path

import matplotlib.pyplot as plt
import transformers
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
torch.set_float32_matmul_precision("high")  # TF32 where there is a GPU
plots.style()
RUNS = Path("runs/bert")
shutil.rmtree(RUNS, ignore_errors=True)  # of an earlier run of this notebook

# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# The text is that of `pretrain_gpt`: pieces of Python's standard library in shuffled order, the first twentieth held out (pieces, not whole files: see there). It is cut into BERT's kind of tokens (WordPiece), and into rows of equal length that begin with `[CLS]`; `[SEP]` stands where a piece ends.

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# 文本与 `pretrain_gpt` 相同：Python 标准库的片段，顺序已打乱，最前面的二十分之一留出（留出的是片段，不是整个文件，见那里）。用 BERT 的方式（WordPiece）切成 token，再切成等长的行；每行以 `[CLS]` 开头，一段结束的地方放一个 `[SEP]`。


# %%
def read_documents() -> tuple[list[str], list[str]]:
    """Documents to train on, and documents that are held out."""
    if profile == "gpu":
        from datasets import load_dataset

        stream = load_dataset("HuggingFaceFW/fineweb-edu", "sample-10BT", split="train", streaming=True)
        documents = [row["text"] for row in stream.take(100_000)]  # about 100 million tokens
    else:
        documents = [document for document in corpora.load("code", 3_000_000) if "def " in document]
    n_held_out = min(len(documents) // 20, 5_000)
    return documents[n_held_out:], documents[:n_held_out]


def make_tokenizer(documents: list[str]) -> Tokenizer:
    """WordPiece, trained on the documents; ids 0 to 4 are the special tokens."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()  # at white space and around punctuation
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    size = SETTINGS["vocab_size"]
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator(documents, trainer)
    return tokenizer


def make_rows(documents: list[str]) -> Tensor:
    """(N, seq_len) int64: the documents one after the other, cut into rows without padding."""
    ids = [token for encoding in tokenizer.encode_batch(documents) for token in (*encoding.ids, SEP)]
    width = SETTINGS["seq_len"] - 1
    rows = torch.tensor(ids[: len(ids) // width * width]).view(-1, width)
    return torch.cat([torch.full((len(rows), 1), CLS), rows], dim=1)


training_documents, held_out_documents = read_documents()
tokenizer = make_tokenizer(training_documents)
PAD, UNK, CLS, SEP, MASK = range(5)
SPECIAL, V = [PAD, UNK, CLS, SEP, MASK], tokenizer.get_vocab_size()
rows, held_out = make_rows(training_documents), make_rows(held_out_documents)[: SETTINGS["held_out"]]
print(corpora.sources("code"))
print(f"{rows.numel():,} tokens to train on, {held_out.numel():,} held out, a vocabulary of {V:,}\n")


def text_of(ids: Tensor) -> str:
    """The tokens (T,) as text, pieces of a word joined."""
    return " ".join(tokenizer.id_to_token(i) for i in ids.tolist()).replace(" ##", "")


for row in held_out[3:6]:
    print(text_of(row))

# %% [markdown] tags=["en"]
# Now take one token out and guess it, by **counting** alone, as in a table of pairs (bigrams): which token came most often after the one on the left? Or before the one on the right? Or between these two?

# %% [markdown] tags=["zh"]
# 现在挖掉一个 token 来猜，办法只有**数数**，就像二元（bigram）频率表：左边这个 token 后面最常出现的是什么？右边这个 token 前面呢？恰好夹在这两个之间的呢？


# %%
def likeliest(contexts: Tensor, middles: Tensor) -> dict[int, int]:
    """For each context (its number), the token that it was seen with most often."""
    pairs, counts = (contexts * V + middles).unique(return_counts=True)
    order = counts.argsort(stable=True)  # the most frequent comes last, and stays in the dictionary
    return dict(zip((pairs[order] // V).tolist(), (pairs[order] % V).tolist(), strict=True))


left, middle, right = (rows[:100_000, i : i + SETTINGS["seq_len"] - 2].flatten() for i in range(3))
most_frequent = int(rows[rows > MASK].bincount().argmax())
after, before, between = likeliest(left, middle), likeliest(right, middle), likeliest(left * V + right, middle)

GUESSES = {
    "nothing": lambda a, b: most_frequent,
    "the token on the left": lambda a, b: after.get(a, most_frequent),
    "the token on the right": lambda a, b: before.get(b, most_frequent),
    "both": lambda a, b: between.get(a * V + b, after.get(a, most_frequent)),
}
places = [
    (row[i - 1], row[i], row[i + 1]) for row in held_out.tolist() for i in range(1, len(row) - 1) if row[i] > MASK
]
TABLES = {name: sum(guess(a, b) == t for a, t, b in places) / len(places) for name, guess in GUESSES.items()}
figure, axes = plt.subplots(figsize=(8, 2.2))
axes.barh(list(TABLES), list(TABLES.values()), color=[GREY, ORANGE, ORANGE, BLUE])
for place, share in enumerate(TABLES.values()):
    axes.text(share + 0.005, place, f"{share:.0%}", va="center")
axes.invert_yaxis()
axes.set(xlim=(0, 0.6), title=f"held-out tokens guessed right by a table that knows ({len(places):,} tokens)")
plt.show()

# %% [markdown] tags=["en"]
# What comes **after** a token tells about as much of it as what came before, and the two together tell far more than either. A GPT never looks to the right: where it writes there is nothing yet. But a text that is *there*, to be searched, sorted, or understood, has two sides, and a model
# should use both.
#
# Why not take GPT's loss and leave out the causal mask? Because then each token *sees* the one it should predict. So hide what is asked for.
#
# ## 2. Masked language modelling
#
# **BERT** (Devlin et al. 2018, section 3.1) chooses each token with probability $p = 0.15$, damages the chosen set $C$, and asks for the originals:
#
# $$\ell = -\frac1{|C|}\sum_{t\in C}\log p_\theta(x_t \mid \tilde x),\qquad \tilde x = \text{the damaged text}$$
#
# | a chosen token becomes | with probability | why |
# |---|---|---|
# | `[MASK]` | 0.8 | the gap itself |
# | a random token | 0.1 | so that no token can be trusted blindly: each could be wrong |
# | what it was | 0.1 | so that a token in its place is not always wrong either |
#
# In use there is no `[MASK]`. A model which has only ever been asked about `[MASK]` need not think about other tokens at all; with the 20 %, it must have an opinion about **every** position, for it is not told which ones count.
#
# ```
# ids      [CLS]  if    x     is    not   None  :     [SEP]
# inputs   [CLS]  if    x    [MASK] not   self  :     [SEP]
# labels   -100   if   -100   is   -100   None -100   -100          -100: does not count
# ```
#
# Three tokens are chosen: `is` becomes `[MASK]`, `None` a random token, and `if` stays as it is, but has a label.
#
# **The pitfalls of this section.**
# - Special tokens and padding are never chosen, and nobody draws one as a random token.
# - A chosen token that stays as it is has a label as well. And labels are read *before* anything is replaced.
# - 80/10/10 are shares of the **chosen** tokens. Draw once for the three fates: after "80 %" a second draw of "10 %" is 10 % of the rest.
# - The mask is drawn **anew each time** a row is read (*dynamic* masking; Liu et al. 2019, section 4.1). The original BERT wrote ten masked copies to disk; here the same row comes back in every epoch with other gaps (the short run below hardly gets to a second one).
# - Only the chosen tokens count. Averaging over all positions makes the loss more than six times too small: it no longer compares with $\log V$, nor with that of another $p$, and clipping sets in at gradients more than six times as long. (AdamW hardly notices the scale: the curve may look fine.)
#
# ### Problem 8 (8 points): `mlm_mask`, `mlm_loss`, `MaskedBatches`
#
# `MaskedBatches` is what your `train` wants: `next_batch`, `state_dict`, `load_state_dict`. Let everything follow from the seed and the number of batches so far, then its state is one number, and a stopped run goes on exactly.

# %% [markdown] tags=["zh"]
# 一个 token **后面**的东西，透露的信息和前面的差不多一样多；两边合起来，又远胜任何一边。GPT 从不看右边：它写到哪里，右边就还什么都没有。但一段**现成**的文本，要搜索、要分类、要理解，本来就有两边，模型应当都用上。
#
# 那为什么不直接拿 GPT 的损失，去掉因果掩码？因为那样每个 token 都**看得见**要它预测的那个。所以，问什么，就先把什么藏起来。
#
# ## 2. 掩码语言模型
#
# **BERT**（Devlin 等 2018，3.1 节）以概率 $p = 0.15$ 选中每个 token，把选中的集合 $C$ 破坏（corrupt）掉，再要求还原：
#
# $$\ell = -\frac1{|C|}\sum_{t\in C}\log p_\theta(x_t \mid \tilde x),\qquad \tilde x = \text{破坏之后的文本}$$
#
# | 选中的 token 变成 | 概率 | 为什么 |
# |---|---|---|
# | `[MASK]` | 0.8 | 空位本身 |
# | 一个随机 token | 0.1 | 让模型不敢盲信任何 token：它可能是错的 |
# | 原样不动 | 0.1 | 让它知道摆着的 token 也常常是对的 |
#
# 实际使用时没有 `[MASK]`。如果训练时只问 `[MASK]` 的位置，模型对其他 token 根本不必动脑筋；有了这 20%，它不知道哪些位置会被问到，只好对**每一个**位置都有所判断。
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
# - 特殊 token 和填充从不被选中，随机抽取时也不会抽到它们。
# - 选中而保持原样的 token 同样有标签。标签要在替换**之前**取。
# - 80/10/10 是占**选中**的 token 的比例。三种结局只抽一次签：先抽“80%”、再抽“10%”，得到的就只是剩下部分的 10%。
# - 每次读到一行，都要**重新**抽掩码（**动态**掩码；Liu 等 2019，4.1 节）。最初的 BERT 是把十份遮好的副本写进硬盘；这里同一行每个 epoch 都会再出现，每次空位都不同（下面的训练很短，才刚读到第二个 epoch）。
# - 只有选中的 token 计入损失。若对所有位置取平均，损失会小到不足六分之一：既不能和 $\log V$ 比，也不能和别的 $p$ 比，裁剪也要等梯度长到原来的六倍多才起作用。（AdamW 对损失的大小几乎不敏感，曲线可能看着一切正常。）
#
# ### 第 8 题（8 分）：`mlm_mask`、`mlm_loss`、`MaskedBatches`
#
# `MaskedBatches` 就是你的 `train` 想要的东西：`next_batch`、`state_dict`、`load_state_dict`。让一切都由种子和“已经取过几个 batch”决定，它的状态就只有一个数，中断的训练可以分毫不差地接上。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "mlm-mask-solution", "cell_type": "code"}
def mlm_mask(
    ids: Tensor, special: list[int], mask_id: int, vocab_size: int, generator: torch.Generator, p: float = 0.15
) -> tuple[Tensor, Tensor]:
    """Chooses tokens to be predicted, and damages them as BERT does.

    Each token that is not special is chosen with probability p, on its own. Of the chosen ones, 80 % become mask_id, 10 % a
    random token (each that is not special is equally likely), 10 % stay as they are.

    Args:
        ids: (B, T) int64; stays as it is.
        special: ids that are never chosen and never drawn; mask_id is among them.
        generator: on the device of ids; all that is random comes from it.

    Returns:
        inputs (B, T) int64, damaged, and labels (B, T) int64: the original token where one is chosen, else IGNORE.

    Source: Devlin et al. 2018, BERT, section 3.1 (task 1) and appendix C.2.
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
    """The mean cross-entropy over the tokens that have a label. PyTorch's own (F.cross_entropy) may be used.

    Args:
        logits: (B, T, V). Nothing is shifted: logits[:, t] are about token t itself.
        labels: (B, T) int64, IGNORE where a token does not count.

    Returns:
        A scalar, in nats per chosen token; 0, with gradients of 0, where none is chosen.
    """
    ### BEGIN SOLUTION
    total = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORE, reduction="sum")
    return total / (labels != IGNORE).sum().clamp(min=1)
    ### END SOLUTION


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "masked-batches-solution", "cell_type": "code"}
class MaskedBatches:
    """Batches of rows for `train`: every row once per epoch, in a new order, and each time with a new mask.

    Rows that do not fill a batch at the end of an epoch are left out of it; others are, in the next. The same arguments
    give the same batches; two seeds, neighbours too, share neither an order nor a mask.
    """

    def __init__(
        self, rows: Tensor, special: list[int], mask_id: int, vocab_size: int,
        batch_size: int, seed: int = 0, p: float = 0.15,
    ) -> None:  # fmt: skip
        """`rows` is (N, T) int64 with N >= batch_size; it stays as it is. The others are mlm_mask's."""
        ### BEGIN SOLUTION
        self.rows, self.batch_size, self.seed = rows, batch_size, seed
        self.masking = {"special": special, "mask_id": mask_id, "vocab_size": vocab_size, "p": p}
        self.done = 0
        ### END SOLUTION

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """The next batch_size rows: inputs and labels, each (batch_size, T) int64."""
        ### BEGIN SOLUTION
        epoch, place = divmod(self.done, len(self.rows) // self.batch_size)
        shuffle = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)
        order = torch.randperm(len(self.rows), generator=shuffle)[place * self.batch_size :][: self.batch_size]
        batch = self.rows[order.to(self.rows.device)]
        generator = torch.Generator(self.rows.device).manual_seed(1_000_003 * self.seed + self.done)
        self.done += 1
        return mlm_mask(batch, generator=generator, **self.masking)
        ### END SOLUTION

    def state_dict(self) -> dict[str, int]:
        """Where in the data it stands: plain numbers or tensors, so that a checkpoint can hold them."""
        ### BEGIN SOLUTION
        return {"done": self.done}
        ### END SOLUTION

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Goes on from where the state was taken, with the same batches and masks."""
        ### BEGIN SOLUTION
        self.done = state["done"]
        ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 8, "schema_version": 3, "grade_id": "mlm", "cell_type": "code"}
labkit.check("mlm")

# %% [markdown] tags=["en"]
# **The library.** `DataCollatorForLanguageModeling` does the same for Hugging Face's `Trainer`. We let both mask the same rows, and count what became of the tokens.

# %% [markdown] tags=["zh"]
# **库里的做法。** `DataCollatorForLanguageModeling` 为 Hugging Face 的 `Trainer` 做同样的事。让两者去遮同一批行，数一数 token 都变成了什么。

# %%
names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
collator = DataCollatorForLanguageModeling(PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names), seed=1)


def fates(ids: Tensor, inputs: Tensor, labels: Tensor) -> dict[str, float]:
    """What became of the tokens, as shares; and how many specials were drawn as random tokens."""
    chosen = labels != IGNORE
    other = chosen & (inputs != MASK) & (inputs != ids)
    return {
        "chosen": chosen.sum() / (ids > MASK).sum(),
        "[MASK]": (inputs[chosen] == MASK).float().mean(),
        "random": other.sum() / chosen.sum(),
        "as it was": (inputs[chosen] == ids[chosen]).float().mean(),
        "specials drawn": int((other & (inputs < MASK)).sum()),
        "specials chosen": int((chosen & (ids <= MASK)).sum()),
    }


sample = rows[:3000]
batch = collator([{"input_ids": row} for row in sample])
masked = {
    "yours": mlm_mask(sample, SPECIAL, MASK, V, torch.Generator().manual_seed(0)),
    "library": (batch["input_ids"], batch["labels"]),
}
counted = {name: fates(sample, *pair) for name, pair in masked.items()}
print(f"{'':10}" + "".join(f"{column:>17}" for column in counted["yours"]))
for name, columns in counted.items():
    print(f"{name:10}" + "".join(f"{x:>17,}" if isinstance(x, int) else f"{x:>17.1%}" for x in columns.values()))

figure, panels = plt.subplots(1, 2, figsize=(11, 3), sharey=True)
colours = torch.tensor([[1, 1, 1], [0.85, 0.85, 0.85], [0.12, 0.47, 0.71], [1, 0.5, 0.05], [0.17, 0.63, 0.17]])
for panel, (name, (inputs, labels)) in zip(panels, masked.items(), strict=True):
    ids, chosen = sample[:16], labels[:16] != IGNORE
    kind = (ids <= MASK) + 2 * chosen + (chosen & (inputs[:16] != MASK)) + (chosen & (inputs[:16] == ids))
    panel.imshow(colours[kind.int()], aspect="auto")
    panel.set(title=f"{name}: 16 rows", xlabel="token", yticks=[])
figure.suptitle("blue: [MASK]; orange: a random token; green: chosen, as it was; grey: special", y=1.02, fontsize=10)
plt.show()

# %% [markdown] tags=["en"]
# The same rates, and one difference: the library draws its random tokens from the *whole* vocabulary, so that now and then a `[PAD]` or `[CLS]` stands in the middle of a text. With 30,000 tokens nobody notices; with a small vocabulary it is one in a few hundred. (The library also takes `[UNK]` for
# special, as we do here: what is unknown cannot be predicted.)
#
# ## 3. A BERT
#
# What changes from GPT to BERT? **No causal mask.** All else below you know from lab 02: pre-norm layers, rotary positions (the BERT of 2018 had learned positions and norms after each sum; ModernBERT, Warner et al. 2024, is built as here), and an output head tied to the embedding.

# %% [markdown] tags=["zh"]
# 比例相同，只有一处差别：库里的随机 token 取自**整个**词表，所以偶尔会有 `[PAD]` 或 `[CLS]` 冒出在正文中间。词表有三万个 token 时谁也注意不到；词表小的时候，几百次里就有一次。
# （库也把 `[UNK]` 算作特殊 token，我们这里一样：不认识的东西无从预测。）
#
# ## 3. 一个 BERT
#
# 从 GPT 到 BERT，改了什么？**去掉因果掩码。** 下面其余的部分你在实验 02 里都见过：pre-norm 层、旋转位置编码（2018 年的 BERT 用可学习的位置，归一化放在残差相加之后；ModernBERT，Warner 等 2024，就是这里的样子），输出层与 embedding 权重绑定。


# %%
def rotated(x: Tensor) -> Tensor:
    """(B, H, T, D): queries or keys, turned by their positions (RoPE of lab 02, for short texts: base 100)."""
    half = x.shape[-1] // 2
    rates = 100.0 ** (-torch.arange(half, device=x.device) / half)
    angles = torch.arange(x.shape[2], device=x.device)[:, None] * rates  # (T, D / 2)
    first, second = x.chunk(2, dim=-1)
    return torch.cat(
        [first * angles.cos() - second * angles.sin(), first * angles.sin() + second * angles.cos()], dim=-1
    )


class Layer(nn.Module):
    """Attention in both directions, then a feed-forward network, each with a norm before it."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm_1, self.norm_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.qkv, self.out = nn.Linear(d_model, 3 * d_model), nn.Linear(d_model, d_model)
        self.up, self.down = nn.Linear(d_model, 4 * d_model), nn.Linear(4 * d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model)."""
        q, k, v = self.qkv(self.norm_1(x)).unflatten(-1, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        heads = F.scaled_dot_product_attention(rotated(q), rotated(k), v)  # not causal: all see all
        x = x + self.out(heads.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm_2(x))))


class Bert(nn.Module):
    """ids (B, T) -> logits (B, T, vocab_size). The rows have no padding, so nothing is masked."""

    def __init__(self, vocab_size: int, n_layers: int, n_heads: int, d_model: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, d_model)
        self.norm_in, self.norm_out = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.layers = nn.Sequential(*(Layer(d_model, n_heads) for _ in range(n_layers)))
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        for name, weights in self.named_parameters():
            if weights.dim() == 2:  # larger for qkv: attention that begins flat is slow to learn
                nn.init.normal_(weights, std=d_model**-0.5 if name.endswith("qkv.weight") else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(weights)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) int64 -> (B, T, vocab_size)."""
        hidden = self.norm_out(self.layers(self.norm_in(self.tokens(ids))))
        return F.linear(hidden, self.tokens.weight, self.bias)


torch.manual_seed(0)
model = Bert(V, *(SETTINGS[name] for name in ("n_layers", "n_heads", "d_model"))).to(DEVICE)
print(f"{sum(parameter.numel() for parameter in model.parameters()):,} parameters")

# %% [markdown] tags=["en"]
# ## 4. Your loop
#
# `train`, `TrainConfig` and `parameter_groups` come from your notebook `pretrain_gpt`, unchanged: a batch is inputs and targets, and what does not count is $-100$. First, is its loss yours? (Untrained, the model is a little below $\log V$: its tied head favours the token that it reads, and of the chosen tokens one in ten still stands there.)
#
# We ask for $p = 0.3$ instead of 0.15: there are more exercises in each row, and a short training learns more from it (Wettig et al. 2022 find that up to 40 % pay off). The held-out text is masked once, with $p = 0.15$, and stays so: there a fixed mask is right, for all checkpoints should
# answer the same questions. A few lines with gaps are filled in again and again while the model learns; `tensorboard --logdir runs` in a terminal shows them, and the curves, live.

# %% [markdown] tags=["zh"]
# ## 4. 你的训练循环
#
# `train`、`TrainConfig`、`parameter_groups` 来自你的 `pretrain_gpt`，一字不改：一个 batch 就是输入和目标，不算的位置是 $-100$。先看看它的损失是不是与你的相同。（未训练的模型略低于 $\log V$：绑定的输出层偏向它读到的 token，而选中的 token 有十分之一还原样摆在那里。）
#
# 训练时取 $p = 0.3$，而不是 0.15：每一行里的题更多，短时间的训练从中学得更多（Wettig 等 2022 发现提到 40% 仍然划算）。留出的文本则只遮一次，$p = 0.15$，此后不变：这里固定掩码才是对的，因为每个检查点都应当回答同样的题。训练过程中还会反复做几道填空；在终端里运行 `tensorboard --logdir runs`，可以实时看到它们和各条曲线。

# %%
gpt = labkit.notebook("pretrain_gpt")
batches = MaskedBatches(rows.to(DEVICE), SPECIAL, MASK, V, SETTINGS["batch"], p=SETTINGS["p"])
inputs, labels = batches.next_batch()
with torch.no_grad():
    logits = model(inputs)
print(f"mlm_loss {mlm_loss(logits, labels):.6f}, the loop's cross_entropy {gpt.cross_entropy(logits, labels):.6f}")
print(f"about log V = {math.log(V):.2f}: it knows nothing yet")

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
    """(N, T) -> (N, T, V) on the CPU, in eval mode, some rows at a time."""
    model.eval()
    answer = torch.cat([model(part.to(DEVICE)).cpu() for part in ids.split(50)])
    model.train()
    return answer


def fill_in(text: str, n: int = 3) -> list[tuple[str, float]]:
    """The n likeliest tokens for the gap of a text, with their probabilities."""
    ids = torch.tensor([CLS, *tokenizer.encode(text).ids, SEP])
    chances = logits_of(ids[None])[0, ids.tolist().index(MASK)].softmax(-1).topk(n)
    return [
        (tokenizer.id_to_token(i), p) for i, p in zip(chances.indices.tolist(), chances.values.tolist(), strict=True)
    ]


questions, answers = mlm_mask(held_out, SPECIAL, MASK, V, torch.Generator().manual_seed(1))
asked = answers != IGNORE


def measure() -> tuple[float, float]:
    """Loss on the held-out text, and the share of its gaps ([MASK] only) that are filled in right."""
    logits = logits_of(questions)
    gaps = questions == MASK
    return mlm_loss(logits, answers).item(), (logits.argmax(-1)[gaps] == answers[gaps]).float().mean().item()


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
        history[step + 1], filled[step + 1] = measure(), [fill_in(question) for question in QUESTIONS]
        for name, value in zip(("held-out/loss", "held-out/accuracy"), history[step + 1], strict=True):
            writer.add_scalar(name, value, step + 1)
        best = [
            question.replace("[MASK]", f"**{tops[0][0]}**")
            for question, tops in zip(QUESTIONS, filled[step + 1], strict=True)
        ]
        writer.add_text("sample", "\n\n".join(best), step + 1)
        print(
            f"step {step + 1:5}  held-out loss {history[step + 1][0]:.2f}, gaps right {history[step + 1][1]:.0%}   {best[0]}"
        )


start = time.perf_counter()
losses = gpt.train(model, optimizer, batches, config, after_step=log)
writer.close()
print(f"\n{steps:,} steps, {steps * SETTINGS['batch'] / len(rows):.1f} epochs, {time.perf_counter() - start:.0f} s")

# %%
uniform, single = math.log(V), rows[rows > MASK].bincount(minlength=V).double()
single = (single / single.sum()).clamp(min=1e-9)
alone = -single[answers[asked]].log().mean().item()
figure, (left_panel, right_panel) = plt.subplots(1, 2, figsize=(11, 3.6))
smooth = torch.tensor(losses).unfold(0, 10, 5).mean(-1)
left_panel.plot([10 + 5 * i for i in range(len(smooth))], smooth, color=BLUE, label="training (mean of 10 steps)")
left_panel.plot(list(history), [loss for loss, _ in history.values()], "o-", color=ORANGE, label="held-out text")
left_panel.axhline(uniform, color=GREY, ls=":")
left_panel.axhline(alone, color=GREY, ls="--")
left_panel.text(steps, uniform + 0.05, "log V: no idea", ha="right", va="bottom", color="grey")
left_panel.text(steps, alone + 0.05, "frequencies alone", ha="right", va="bottom", color="grey")
left_panel.set(xlabel="step", ylabel="nats per chosen token", title="masked language modelling")
left_panel.legend(frameon=False, loc="lower left")
right_panel.plot(list(history), [right for _, right in history.values()], "o-", color=BLUE)
for name, share in TABLES.items():
    right_panel.axhline(share, color=ORANGE if name != "nothing" else GREY, ls="--", lw=1)
    height = share + (0.012 if name != "the token on the left" else -0.026)
    right_panel.text(steps, height, f"a table: {name}", ha="right", fontsize=8, color="grey")
right_panel.set(xlabel="step", ylim=(0, None), title="gaps of the held-out text filled in right")
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# In so short a training the model passes both one-sided tables, though a share of the neighbours is hidden or wrong here. It has not caught up with the table of both, and that is worth a thought: the table has learnt every pair of neighbours of the whole text by heart, and for a pair that it has never met it
# must fall back on one side. The real BERT read 3.3 billion words forty times. Give yours more steps and see how far it gets; that the curve flattens at the end is also the work of the falling rate.
#
# The loss on the held-out text is lower than in training because fewer tokens are hidden there (15 instead of 30 %). And what did it say, at which step?

# %% [markdown] tags=["zh"]
# 训练时间这么短，模型已经超过了两张单边的表，尽管这里它的邻居有一部分被遮住或换错了。它还没有赶上“两边都看”的那张表，这一点值得想一想：表把整个文本里每一对邻居都背了下来，但遇到没见过的一对，它就只能退回去看一边。
# 真正的 BERT 把 33 亿个词读了四十遍。把步数加上去，看看你的能走多远；曲线末尾变平，也有学习率下降的缘故。
#
# 留出文本上的损失比训练时低，是因为那里藏起来的 token 更少（15%，而不是 30%）。那么，到了哪一步，它填的是什么？

# %%
shown = [0, EVERY, 3 * EVERY, max(filled)]
for question, *tops in zip(QUESTIONS, *(filled[step] for step in shown), strict=True):
    print(question)
    for step, top in zip(shown, tops, strict=True):
        print(f"   step {step:5}  " + ", ".join(f"{token} {chance:.0%}" for token, chance in top))

# %% [markdown] tags=["en"]
# ## 5. What are the 20 % for?
#
# Now use the model **without any `[MASK]`**. In each held-out row replace one token by a random one, and ask at every place: how likely is the token that stands here? Nobody trained it to find mistakes. Still:

# %% [markdown] tags=["zh"]
# ## 5. 那 20% 有什么用？
#
# 现在**完全不用 `[MASK]`**。在每一行留出文本里，把一个 token 换成随机的，然后在每个位置上问模型：站在这里的 token 有多大可能？没有人训练过它找错。可是：


# %%
@torch.no_grad()
def doubts(ids: Tensor) -> Tensor:
    """(N, T) -> (N, T): -log of the probability that the model gives to each token that stands there; special ones 0."""
    surprise = -logits_of(ids).log_softmax(-1).gather(-1, ids[..., None]).squeeze(-1)
    return surprise.masked_fill(ids <= MASK, 0.0)


generator = torch.Generator().manual_seed(2)
ordinary = (held_out > MASK).float()
place = torch.multinomial(ordinary, 1, generator=generator)
wrong = held_out.scatter(1, place, torch.randint(MASK + 1, V, place.shape, generator=generator))
spoiled = (wrong != held_out).any(1)
rank = (doubts(wrong) > doubts(wrong).gather(1, place)).sum(1)[spoiled]
found = [(rank < n).float().mean().item() for n in (1, 3)]
print(f"the wrong token is the most doubtful of its row in {found[0]:.0%}, among the first three in {found[1]:.0%}")
print(f"(by chance: {1 / ordinary.sum(1).mean():.0%} and {3 / ordinary.sum(1).mean():.0%})")

kinds = {
    "[MASK]": asked & (questions == MASK),
    "a random token": asked & (questions != MASK) & (questions != answers),
    "as it was": asked & (questions == answers),
    "not chosen": ~asked & (questions > MASK),
}
chances = logits_of(questions).softmax(-1).gather(-1, held_out[..., None]).squeeze(-1)
figure, (left_panel, right_panel) = plt.subplots(1, 2, figsize=(11, 3), width_ratios=[1, 1.7])
left_panel.barh(list(kinds), [chances[kind].mean() for kind in kinds.values()], color=[BLUE, ORANGE, GREEN, GREY])
left_panel.invert_yaxis()
left_panel.set(xlim=(0, 1), title="mean probability of the original token")
row = int(spoiled.nonzero()[int((rank == 0).nonzero()[0])])
around = slice(max(1, int(place[row]) - 8), int(place[row]) + 9)
doubt = doubts(wrong[row : row + 1])[0, around]
right_panel.bar(
    range(len(doubt)),
    doubt,
    color=[ORANGE if i == int(place[row]) else BLUE for i in range(around.start, around.start + len(doubt))],
)
right_panel.set_xticks(range(len(doubt)), [tokenizer.id_to_token(i) for i in wrong[row, around].tolist()], rotation=90)
right_panel.set(ylabel="-log p (nats)", title="a row with one wrong token (orange)")
plt.show()
print(f"it was: {text_of(held_out[row, around])}")

# %% [markdown] tags=["en"]
# A token that stands in its place is believed far more readily than one behind a `[MASK]`: the model uses what it sees there. But not blindly, and that is what the random tokens have taught it. This is the idea of ELECTRA (Clark et al. 2020), which trains on nothing but "which tokens were replaced?" and learns from every position.
#
# **In practice** such a model is the beginning, not the end: on top of the vectors of its last layer comes a small head, for classes, names in a text, or (as in `embeddings`) search. **At the real size** the same cells with `profile = "gpu"` train a BERT of BASE's size on English.
#
# ## Summary
#
# - Both sides of a gap together tell far more than either; a GPT only sees one.
# - Masked language modelling: choose 15 % of the tokens, 80/10/10, special ones never; labels are the originals, and nothing else counts.
# - Masks are drawn anew each time; for measuring, once and for all.
# - The loop does not care what is predicted: the same `train` trains a GPT and a BERT. From 15 % of its tokens a BERT learns more slowly than a GPT from all of them.
# - Random and kept tokens make the model have an opinion about every position, also without `[MASK]`.
#
# ## Three questions to think about
#
# 1. A BERT gives $p(x_t \mid \text{all others})$ for each $t$. Why can you not multiply these to get the probability of a text? How would you let a BERT write one nevertheless (Wang and Cho 2019)?
# 2. With $p = 0.9$, what is left to learn from? With $p = 0.01$, what is slow? Why may the best $p$ grow with the model (Wettig et al. 2022)?
# 3. Two pieces of one word: `read` `##line`. If only `##line` is hidden, how hard is the question? What does *whole word masking* do about it, and what would it mean for Chinese?
#
# ## Further reading
#
# - Devlin et al. 2018, *BERT: Pre-training of Deep Bidirectional Transformers*: section 3.1 and appendix C.2 (other shares than 80/10/10).
# - Liu et al. 2019, *RoBERTa*: section 4 (dynamic masking, without the second task).
# - Wettig et al. 2022, *Should You Mask 15% in Masked Language Modeling?*: sections 3 and 5.
# - Clark et al. 2020, *ELECTRA*: section 2.
# - Wang and Cho 2019, *BERT has a Mouth, and It Must Speak*: section 2.
# - Warner et al. 2024, *Smarter, Better, Faster, Longer* (ModernBERT): section 2.

# %% [markdown] tags=["zh"]
# 好端端站在那里的 token，模型相信它的程度远高于 `[MASK]` 背后的：它会利用自己看到的东西。但又不盲信，这正是随机 token 教会它的。ELECTRA（Clark 等 2020）由此而来：训练时只问“哪些 token 被换过？”，于是每个位置都能学到东西。
#
# **实际应用中**，这样的模型是起点而不是终点：在最后一层的向量上再接一个小小的输出层，就能做分类、找人名地名，或者（像 `embeddings` 里那样）做搜索。**真实的规模**：把 `profile` 改成 `"gpu"`，同样的单元格就会在英文文本上训练一个 BASE 大小的 BERT。
#
# ## 小结
#
# - 空位两边合起来，透露的远多于任何一边；GPT 只看得到一边。
# - 掩码语言模型：选中 15% 的 token，80/10/10，特殊 token 从不选；标签是原来的 token，其余一概不算。
# - 训练时掩码每次重抽；评测时只抽一次，从此不变。
# - 循环不管预测的是什么：同一个 `train` 既训练 GPT 也训练 BERT。BERT 只从 15% 的 token 里学，所以比从每个 token 学的 GPT 慢。
# - 随机的和原样的 token，让模型对每个位置都有所判断，没有 `[MASK]` 时也一样。
#
# ## 三个思考题
#
# 1. BERT 对每个 $t$ 给出 $p(x_t \mid \text{其余所有})$。为什么不能把它们乘起来当作一段文本的概率？若一定要 BERT 写文章，该怎么办（Wang 与 Cho 2019）？
# 2. $p = 0.9$ 时，还剩下什么可供学习？$p = 0.01$ 时，慢在哪里？为什么模型越大，最合适的 $p$ 可能也越大（Wettig 等 2022）？
# 3. 一个词的两片：`read` `##line`。如果只遮住 `##line`，这道题有多难？**整词掩码**（whole word masking）怎么处理？对中文又意味着什么？
#
# ## 延伸阅读
#
# - Devlin 等 2018，《BERT: Pre-training of Deep Bidirectional Transformers》：3.1 节，附录 C.2（80/10/10 之外的比例）。
# - Liu 等 2019，《RoBERTa》：第 4 节（动态掩码，去掉第二个任务）。
# - Wettig 等 2022，《Should You Mask 15% in Masked Language Modeling?》：第 3、5 节。
# - Clark 等 2020，《ELECTRA》：第 2 节。
# - Wang 与 Cho 2019，《BERT has a Mouth, and It Must Speak》：第 2 节。
# - Warner 等 2024，《Smarter, Better, Faster, Longer》（ModernBERT）：第 2 节。
