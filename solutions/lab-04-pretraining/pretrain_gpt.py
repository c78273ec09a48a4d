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
# # Lab 04, notebook 4: pretraining a GPT
#
# You have clean text and a tokenizer. In this notebook you write the program that trains a language model: a GPT-2 that is
# built for speed, and a training loop with a loss, a learning-rate schedule, gradient clipping, gradient accumulation and
# checkpoints. It is about a hundred lines. The same code trains one million parameters on this laptop and a hundred million
# on a GPU. You may use PyTorch's own functions (`F.cross_entropy` and `clip_grad_norm_` too), as long as every case of the
# docstring is right.
#
# **You will be able to**
# - write GPT-2 with fused attention, a tied head and its own initialisation, and load weights from Hugging Face;
# - say what a loss means: nats per token, bits per byte, and what a table of pairs of tokens (bigrams) would reach;
# - write a training step that accumulates micro-batches of different sizes exactly, and a schedule that is right at every step;
# - stop a run anywhere and resume it bit for bit;
# - read loss, gradient norm and samples while a model learns.
#
# **Time** about four hours. Running everything takes under three minutes on two CPU cores.
#
# **You need** lab 02 (you know GPT-2 from the inside). If your `tokenizer` notebook is in the same folder, its BPE is used
# here. Two later notebooks, `pretrain_bert` and `continued`, train with the loop that you write now. With `profile = "gpu"` in
# the second code cell the same notebook trains GPT-2 (124 million parameters) on FineWeb-Edu, which it downloads: about 200
# million tokens. It then needs one CUDA card with 24 GB.


# %% [markdown] tags=["zh"]
# # 实验 04，第 4 节：预训练一个 GPT
#
# 干净的文本有了，分词器也有了。这一节要写的是训练语言模型的程序：一个为速度而写的 GPT-2，
# 再加一个训练循环，其中有损失、学习率曲线、梯度裁剪（gradient clipping）、梯度累积（gradient accumulation）和检查点（checkpoint）。一共一百行左右；在这台笔记本电脑上训练一百万参数，
# 和在 GPU 上训练一亿参数，用的是同一份代码。
# PyTorch 的函数都可以用（包括 `F.cross_entropy` 和 `clip_grad_norm_`），只要 docstring 说到的每种情形都对。
#
# **学完之后，你能够**
# - 写出带融合注意力、权重绑定（weight tying）和专门初始化的 GPT-2，并装载 Hugging Face 的权重；
# - 说清损失的含义：每个词元（token）多少 nat，每个字节多少比特，一张二元（bigram）频率表又能做到多少；
# - 写出能精确累积大小不一的微批（micro-batch）的训练步，以及每一步都准确的学习率曲线；
# - 在任意位置停下再恢复，结果逐比特相同；
# - 在模型学习的过程中读懂损失、梯度范数和生成的样本。
#
# **时间** 约四小时。全部单元格在两个 CPU 核上跑一遍不到三分钟。
#
# **预备知识** 实验 02（你已亲手写过 GPT-2）。如果你的 `tokenizer` 笔记本在同一文件夹里，这里就用你的 BPE。
# 后面的 `pretrain_bert` 和 `continued` 两节，用的就是你现在要写的循环。
# 把第二个代码单元格里的 `profile` 改成 `"gpu"`，同一个笔记本就会下载 FineWeb-Edu（约 2 亿个 token），在它上面训练 GPT-2（1.24 亿参数）：
# 需要一块 24 GB 显存的 CUDA 显卡。


# %% tags=["export"]
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import labkit

# %%
profile = "cpu"  # or "gpu"

# %%
import gzip
import shutil
import time

import matplotlib.pyplot as plt
import transformers
from torch.utils.tensorboard import SummaryWriter
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from labkit import corpora, plots

SETTINGS = {
    "cpu": {
        "vocab_size": 1024, "n_positions": 64, "n_layers": 4, "n_heads": 4, "d_model": 128,
        "batch": 8, "accumulation": 1, "steps": 900, "max_lr": 3e-3, "warmup": 90, "beta2": 0.99,
    },
    "gpu": {
        "vocab_size": 50_257, "n_positions": 1024, "n_layers": 12, "n_heads": 12, "d_model": 768,
        "batch": 16, "accumulation": 30, "steps": 400, "max_lr": 6e-4, "warmup": 40, "beta2": 0.95,
    },
}[profile]  # fmt: skip
DEVICE = {"cpu": "cpu", "gpu": "cuda"}[profile]
SEQ_LEN = SETTINGS["n_positions"] - 1
BLUE, ORANGE, GREY, GREEN = "#1f77b4", "#ff7f0e", "#d9d9d9", "#2ca02c"

transformers.logging.set_verbosity_error()
torch.set_float32_matmul_precision("high")
plots.style()
shutil.rmtree("runs", ignore_errors=True)
RUNS = Path("runs")

# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# What does a network of random numbers write, and what does it write after a few hundred steps of training? The text is a 3 MB sample of Python's own standard library, cut into pieces; we keep the pieces that contain a function.
# Their order is shuffled, and the first twentieth is **held out**: no model in this notebook is trained on it, and we judge
# models by their numbers on it. What is held out is pieces, not whole files. For most of them, other pieces of the same file
# are in the training text, so the model has seen many of the names.


# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# 一个全是随机数的网络会写出什么？训练几百步之后呢？文本取自 Python 自己的标准库：抽样 3 MB，切成片段，只保留含有函数的片段。顺序已经打乱，最前面的二十分之一**留出**：
# 这一节的模型都不在它上面训练，判断模型好坏的数字都在它上面测。留出的是片段，而不是整个文件：其中多数片段，
# 同一文件的其他片段参与了训练，所以许多名字模型是见过的。


# %%
END = "<|endoftext|>"


def read_documents() -> tuple[list[str], list[str]]:
    """Documents to train on, and documents that are held out.
    ---
    训练用的文档，以及留出的文档。
    """
    if profile == "gpu":
        from datasets import load_dataset

        name = "HuggingFaceFW/fineweb-edu"
        stream = load_dataset(name, "sample-10BT", split="train", streaming=True)
        documents = [row["text"] for row in stream.take(220_000)]
    else:
        documents = [document for document in corpora.load("code", 3_000_000) if "def " in document]
    n_held_out = min(len(documents) // 20, 5_000)
    return documents[n_held_out:], documents[:n_held_out]


def make_tokenizer(documents: list[str]) -> tuple[Callable[[str], list[int]], list[bytes]]:
    """A function from text to ids, and the bytes of each id: by your BPE, or byte by byte while
    there is none.

    With profile "gpu" it is GPT-2's own tokenizer, which writes each byte as a printable
    character: 0 is Ā, 32 is Ġ, 65 is A.
    ---
    返回两样东西：把文本变成 id 的函数，以及每个 id 的字节。用你的 BPE；还没有它时，
    一个字节就是一个 token。

    profile 为 "gpu" 时用 GPT-2 自己的分词器。它把每个字节写成一个可打印的字符：
    0 是 Ā，32 是 Ġ，65 是 A。
    """
    if profile == "gpu":
        from transformers import AutoTokenizer

        gpt2 = AutoTokenizer.from_pretrained("openai-community/gpt2")
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = (byte for byte in range(256) if byte not in printable)
        bytes_of = {chr(byte): byte for byte in printable}
        bytes_of |= {chr(256 + i): byte for i, byte in enumerate(others)}
        written = gpt2.convert_ids_to_tokens(range(len(gpt2)))
        return gpt2.encode, [bytes(bytes_of[character] for character in token) for token in written]
    try:
        yours = labkit.notebook("tokenizer")
        text = END.join(documents)[:1_000_000]
        vocab, merges = yours.train_bpe(text, SETTINGS["vocab_size"], [END])
        print(
            say(
                f"your own BPE, {len(vocab):,} tokens, trained on the first million characters",
                f"你自己的 BPE，{len(vocab):,} 个 token，在前一百万个字符上训练",
            )
        )
        encode = yours.Tokenizer(vocab, merges, [END]).encode
        return encode, [vocab[token] for token in range(len(vocab))]
    except (FileNotFoundError, AttributeError, NotImplementedError):
        print(
            say(
                "one byte is one token here; with your tokenizer a token has about three bytes",
                "这里一个字节就是一个 token；用你的分词器，一个 token 约有三个字节",
            )
        )
        to_bytes = lambda text: list(text.replace(END, "\0").encode())  # noqa: E731
        return to_bytes, [bytes([byte]) for byte in range(256)]


training_documents, held_out_documents = read_documents()
encode, pieces = make_tokenizer(training_documents)
tokens, held_out = (
    torch.cat([torch.tensor(encode(END + document)) for document in documents]).to(DEVICE)
    for documents in (training_documents, held_out_documents)
)
V, START = len(pieces), int(tokens[0])
print(corpora.sources("code"))
bytes_per_token = sum(len(pieces[i]) for i in tokens.tolist()) / len(tokens)
print(
    say(
        f"{len(tokens):,} tokens to train on, {bytes_per_token:.2f} bytes each",
        f"{len(tokens):,} 个训练用的 token，平均每个 {bytes_per_token:.2f} 字节",
    )
)


def text_of(ids: Tensor) -> str:
    """The text of ids (T,).
    ---
    id (T,) 对应的文本。
    """
    text = b"".join(pieces[token] for token in ids.tolist()).decode(errors="replace")
    return text.replace(END, "\n")


# %% tags=["export"]
def windows(tokens: Tensor, length: int) -> Tensor:
    """(N,) -> (M, length + 1): rows that overlap by one token, so that each token but the first is
    predicted once.

    What does not fill a row at the end is left out.
    ---
    (N,) -> (M, length + 1)：相邻两行重叠一个 token，这样除第一个之外，每个 token 恰好被预测一次。

    末尾不够一行的部分略去。
    """
    n = (len(tokens) - 1) // length
    return tokens[: n * length + 1].unfold(0, length + 1, length)


class Batches:
    """Inputs and targets from one long text: every window at most once per epoch, in an order
    that (seed, epoch) decide.

    Its whole state is two numbers, so a checkpoint can say where in the data it stands.
    ---
    从一长段文本里取输入和目标：每个 epoch 里每个窗口至多取一次，顺序由 (seed, epoch) 决定。

    它的全部状态只有两个数，所以检查点能记下数据读到了哪里。
    """

    def __init__(self, tokens: Tensor, batch_size: int, seq_len: int, seed: int = 0) -> None:
        """Raises ValueError when `tokens` (N,) int64 do not fill one batch.
        ---
        `tokens` (N,) int64 不够一批时，抛出 ValueError。
        """
        self.rows, self.batch_size, self.seed = windows(tokens, seq_len), batch_size, seed
        if len(self.rows) < batch_size:
            raise ValueError(
                f"{len(tokens)} tokens do not fill a batch of {batch_size} x {seq_len}",
            )
        self.epoch, self.position = 0, 0

    def next_rows(self) -> Tensor:
        """The next rows: (batch_size, seq_len + 1) int64.
        ---
        接下来的若干行：(batch_size, seq_len + 1) int64。
        """
        if self.position + self.batch_size > len(self.rows):
            self.epoch, self.position = self.epoch + 1, 0
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)
        order = torch.randperm(len(self.rows), generator=generator)
        chosen = order[self.position : self.position + self.batch_size]
        self.position += self.batch_size
        return self.rows[chosen.to(self.rows.device)]

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets, each (batch_size, seq_len), by inputs_and_targets of section 3.
        ---
        输入和目标，各为 (batch_size, seq_len)，由你的 inputs_and_targets（第 3 小节）得到。
        """
        return inputs_and_targets(self.next_rows())

    def state_dict(self) -> dict[str, int]:
        """Where in the data it stands.
        ---
        数据读到了哪里。
        """
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue from that place.
        ---
        从那里接着读。
        """
        self.epoch, self.position = state["epoch"], state["position"]


# %% [markdown] tags=["en"]
# The model is Hugging Face's GPT-2 with random weights, trained by Hugging Face's `Trainer`. It has no dropout: it reads the
# text less than once, so there is little to learn by heart. At some steps we let it write a few lines.


# %% [markdown] tags=["zh"]
# 模型是 Hugging Face 的 GPT-2，权重随机，用 Hugging Face 的 `Trainer` 训练。不用 dropout：文本连一遍都读不完，没有多少可背的。
# 训练到某几步时，让它写几行。


# %%
SAMPLE_AT = (0, 50, 150, SETTINGS["steps"] // 2, SETTINGS["steps"])
PROMPT = torch.tensor([[START, *encode("def")]], device=DEVICE)


class Stream(torch.utils.data.IterableDataset):
    """The rows of the training text, in the order of Batches. The labels are the same tokens:
    transformers' models shift them.
    ---
    训练文本的各行，顺序与 Batches 相同。标签就是同样的 token：transformers 的模型内部会错开一位。
    """

    def __iter__(self):
        batches = Batches(tokens, SETTINGS["batch"], SEQ_LEN)
        while True:
            for row in batches.next_rows():
                yield {"input_ids": row, "labels": row.clone()}


def show(step: int, text: str) -> None:
    label = say(f"step {step}", f"第 {step} 步")
    print(f"\033[1m{label}\033[0m  " + text.removeprefix("\n").replace("\n", "\n         "))


class Writer(TrainerCallback):
    """Lets the model write at the steps of SAMPLE_AT.
    ---
    在 SAMPLE_AT 的那几步，让模型写一段。
    """

    def on_step_end(self, args, state, control, model, **_):
        if state.global_step in SAMPLE_AT:
            options = {"do_sample": True, "temperature": 0.7, "pad_token_id": START}
            written = model.eval().generate(PROMPT, max_new_tokens=50, **options)[0]
            show(state.global_step, text_of(written))
            model.train()


def train_library(model: GPT2LMHeadModel) -> list[float]:
    """Trains by Hugging Face's Trainer; returns the loss of each step.
    ---
    用 Hugging Face 的 Trainer 训练；返回每一步的损失。
    """
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(RUNS / "trainer")
    arguments = TrainingArguments(
        output_dir=str(RUNS / "output"),
        max_steps=SETTINGS["steps"],
        per_device_train_batch_size=SETTINGS["batch"],
        gradient_accumulation_steps=SETTINGS["accumulation"],
        learning_rate=SETTINGS["max_lr"],
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr": SETTINGS["max_lr"] / 10},
        warmup_steps=SETTINGS["warmup"],
        weight_decay=0.1,
        adam_beta2=SETTINGS["beta2"],
        max_grad_norm=1.0,
        logging_steps=1,
        report_to="tensorboard",
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=DEVICE == "cpu",
    )
    trainer = Trainer(model, arguments, train_dataset=Stream(), callbacks=[Writer()])
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


torch.manual_seed(0)
library = GPT2LMHeadModel(
    GPT2Config(
        vocab_size=V,
        n_positions=SETTINGS["n_positions"],
        n_layer=SETTINGS["n_layers"],
        n_head=SETTINGS["n_heads"],
        n_embd=SETTINGS["d_model"],
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=START,
        eos_token_id=None,
    )
).to(DEVICE)
beginning = {name: value.clone() for name, value in library.transformer.state_dict().items()}
options = {"max_new_tokens": 50, "do_sample": True, "pad_token_id": START}
show(0, text_of(library.eval().generate(PROMPT, **options)[0]))
start = time.perf_counter()
library_losses = train_library(library)
library_seconds = time.perf_counter() - start
seen = SETTINGS["steps"] * SETTINGS["accumulation"] * SETTINGS["batch"] * SEQ_LEN
first, last = library_losses[0], sum(library_losses[-10:]) / 10
print(
    say(
        f"\n{library.num_parameters():,} parameters, {seen:,} tokens, {library_seconds:.0f} s\n"
        f"loss {first:.2f} at first, {last:.2f} at the end",
        f"\n{library.num_parameters():,} 个参数，{seen:,} 个 token，{library_seconds:.0f} 秒\n"
        f"损失：开始 {first:.2f}，结束 {last:.2f}",
    )
)

# %% [markdown] tags=["en"]
# The samples go from noise to words, and from words to something with the shape of Python: names, parentheses, colons,
# indented lines, a `self.` here and there. It is nonsense, but it looks like Python. Nobody told the model that functions
# exist. All it ever did was predict the next token and be corrected.
#
# By the end of this notebook you will have written what `trainer.train()` does: the same model, the same text, your own loop,
# and the same curve.
#
# ## 2. A GPT to be trained
#
# In lab 02 you wrote GPT-2 to understand it. What has to change before it is run a million times? The mathematics stays the
# same (pre-norm blocks, learned positions, GELU). Three things change:
#
# - **One product for q, k and v.** `c_attn` maps $d \to 3d$. All queries come first, then all keys, then all values. Three
#   small matrix products become one large one.
# - **Fused attention.** `F.scaled_dot_product_attention(q, k, v, is_causal=True)` computes attention in one operation. Where
#   PyTorch has a fused kernel (one routine that does all steps, block by block) for the device, the type and the mask, the
#   $(B, H, T, T)$ weights are never written to memory (Dao et al. 2022); elsewhere it falls back to the plain formula.
# - **A tied head** (weight tying). The logits are the products with the rows of the embedding, so the largest matrix is
#   stored once.
#
# The model also **begins** in the right place. Every matrix is drawn with a standard deviation of 0.02. But $2L$ projections
# add to the residual stream ($L$ layers with two each), and the variance of a sum of independent terms is the sum of their
# variances. With $0.02/\sqrt{2L}$ for those projections (`c_proj`, in attention and MLP), what they add together does not
# grow with the depth (Radford et al. 2019, section 2.3). A model that prefers no token has a first loss of about $\log V$.
# (It is a little lower where tokens repeat, since a tied head favours the token that it has just read.) Look at the
# beginning of *your* curves: it is the cheapest test there is.


# %% [markdown] tags=["zh"]
# 写出来的东西从噪声变成单词，再变成有 Python 模样的文本：名字、括号、冒号、缩进，时不时冒出一个 `self.`。内容不知所云，样子却是 Python。
# 没有人告诉过模型世上有函数，它所做的只是预测下一个 token，然后被纠正。
#
# 到这一节结束时，`trainer.train()` 做的事就全由你来写了：同样的模型，同样的文本，你自己的循环，同样的曲线。
#
# ## 2. 一个用来训练的 GPT
#
# 在实验 02 里，你写 GPT-2 是为了弄懂它。要让它跑上百万遍，得改些什么？数学完全不变（pre-norm、可学习的位置、GELU），要改的有三处：
#
# - **查询、键、值只做一次矩阵乘法。** `c_attn` 把 $d$ 映射到 $3d$：先是全部查询（query），再是全部键（key），最后是全部值（value）。
#   三个小乘法合成一个大乘法。
# - **融合的注意力。** `F.scaled_dot_product_attention(q, k, v, is_causal=True)` 一个操作就算完注意力。
#   只要 PyTorch 对当前的设备、数据类型和掩码有融合内核（分块做完所有步骤的单个程序），$(B, H, T, T)$ 的权重就不会写进内存（Dao 等 2022）；否则它会退回普通算法。
# - **绑定的输出层**（权重绑定，weight tying）。logits 就是与嵌入各行的内积，最大的那个矩阵只存一份。
#
# 模型还要从正确的地方**开始**。每个矩阵以标准差 0.02 随机生成。但有 $2L$ 个投影往残差流里加东西（$L$ 层，每层两个），
# 而相互独立的项相加，和的方差等于方差之和。把这些投影（注意力和 MLP 里的 `c_proj`）的标准差取为 $0.02/\sqrt{2L}$，
# 它们加进来的总量就不随层数增长（Radford 等 2019，2.3 节）。
# 对所有 token 都没有偏好的模型，初始损失约为 $\log V$（token 常常重复的文本会略低一些：绑定的输出层偏向刚读到的那个 token）。
# 看一眼**你的**曲线的开头：没有比这更便宜的测试。


# %% tags=["export"]
@dataclass(frozen=True)
class GPTConfig:
    """The sizes of a GPT. Without arguments: bytes as tokens, 0.8 million parameters.
    ---
    GPT 的各个尺寸。不给参数时：以字节为 token，80 万个参数。
    """

    vocab_size: int = 256
    n_positions: int = 128
    n_layers: int = 4
    n_heads: int = 4
    d_model: int = 128


# %% [markdown] tags=["en"]
# ### Problem 6 (7 points): `CausalSelfAttention`, `GPT` and `generate`
#
# The MLP and the block are as in lab 02 and are given. The parameters have the names of Hugging Face's GPT-2, so that weights
# can move both ways.
#
# **The pitfalls.** Head $h$ owns the $h$-th group of $D = d/H$ columns *in each third* of `c_attn`'s output. `nn.Linear` and
# `nn.Embedding` come with initial values of their own: an embedding drawn from $N(0, 1)$ and used as a head makes a first
# loss of 50 and more. And `generate` must not change the training: dropout is off while it writes and on again afterwards,
# and its random draws do not come from the generator that training uses.


# %% [markdown] tags=["zh"]
# ### 第 6 题（7 分）：`CausalSelfAttention`、`GPT` 和 `generate`
#
# MLP 和 Block 与实验 02 相同，已给出。参数的名字与 Hugging Face 的 GPT-2 一致，权重可以双向搬运。
#
# **本节的坑。** `c_attn` 的输出分成三份，在**每一份**里，第 $h$ 个头拥有第 $h$ 组列，每组 $D = d/H$ 列。
# `nn.Linear` 和 `nn.Embedding` 自带初始值：嵌入若取自 $N(0, 1)$，再拿来当输出层，初始损失会有 50 甚至更高。
# 还有，`generate` 不能影响训练：写的时候关掉 dropout，写完再打开；抽样用的随机数不能取自训练用的随机数发生器。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "gpt-attention-solution", "cell_type": "code"}
class CausalSelfAttention(nn.Module):
    """Multi-head causal self-attention with one matrix product for queries, keys and values.

    Attributes:
        c_attn: nn.Linear(d_model, 3 * d_model): queries, then keys, then values. Head h owns the
            h-th group of D columns in each of the three; D = d_model / n_heads.
        c_proj: nn.Linear(d_model, d_model), applied to the heads' outputs, head after head.
        n_heads: int.

    Source: Radford et al. 2019 (GPT-2); Dao et al. 2022, FlashAttention, section 3.1, for the
        fused kernel.
    ---
    多头因果自注意力，查询、键、值由一次矩阵乘法得到。

    属性：
        c_attn: nn.Linear(d_model, 3 * d_model)：先是查询，再是键，最后是值。三份里各有 n_heads
            组列，每组 D = d_model / n_heads 列，第 h 组属于第 h 个头。
        c_proj: nn.Linear(d_model, d_model)，作用在各个头的输出上（按头的次序拼接）。
        n_heads: int。

    出处：Radford 等 2019（GPT-2）；融合内核见 Dao 等 2022，FlashAttention，3.1 节。
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.n_heads = config.n_heads
        self.c_attn = nn.Linear(config.d_model, 3 * config.d_model)
        self.c_proj = nn.Linear(config.d_model, config.d_model)
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model), by F.scaled_dot_product_attention. A token sees
        itself and the past.
        ---
        (B, T, d_model) -> (B, T, d_model)，用 F.scaled_dot_product_attention 计算。每个 token
        只能看到自己和过去。
        """
        ### BEGIN SOLUTION
        qkv = self.c_attn(x).unflatten(-1, (3, self.n_heads, -1))  # (B, T, 3, H, D)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, D)
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(heads.transpose(1, 2).flatten(2))
        ### END SOLUTION


# %% tags=["export"]
class MLP(nn.Module):
    """GPT-2's feed-forward network: d_model -> 4 d_model -> d_model, with the tanh form of GELU.
    ---
    GPT-2 的前馈网络：d_model -> 4 d_model -> d_model，用 tanh 近似的 GELU。
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.c_fc = nn.Linear(config.d_model, 4 * config.d_model)
        self.c_proj = nn.Linear(4 * config.d_model, config.d_model)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model)."""
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    """One pre-norm layer.
    ---
    一个 pre-norm 层。
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.d_model)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = nn.LayerNorm(config.d_model)
        self.mlp = MLP(config)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model)."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "gpt-solution", "cell_type": "code"}
class GPT(nn.Module):
    """GPT-2 without dropout. The parameters have the names of transformers' GPT2Model, and there
    are no others: the head is F.linear(x, wte.weight), not a module. The state_dict() holds
    nothing else.

    Attributes:
        config: GPTConfig.
        wte: nn.Embedding(vocab_size, d_model), of tokens; it also makes the logits.
        wpe: nn.Embedding(n_positions, d_model), of positions.
        h: nn.ModuleList of n_layers Blocks.
        ln_f: nn.LayerNorm(d_model), after the last of them.

    Source: Radford et al. 2019, Language Models are Unsupervised Multitask Learners, section 2.3.
    ---
    不带 dropout 的 GPT-2。参数的名字与 transformers 的 GPT2Model 相同，此外没有别的参数：输出层是
    F.linear(x, wte.weight)，不是一个模块。state_dict() 里也没有别的东西。

    属性：
        config: GPTConfig。
        wte: nn.Embedding(vocab_size, d_model)，token 的嵌入；logits 也由它得到。
        wpe: nn.Embedding(n_positions, d_model)，位置的嵌入。
        h: nn.ModuleList，含 n_layers 个 Block。
        ln_f: nn.LayerNorm(d_model)，在最后一个 Block 之后。

    出处：Radford 等 2019，Language Models are Unsupervised Multitask Learners，2.3 节。
    """

    def __init__(self, config: GPTConfig) -> None:
        """Every matrix begins normal with mean 0 and standard deviation 0.02, the two embeddings
        included. Those that write into the residual stream (every `c_proj`) have 0.02 / sqrt(2
        n_layers) instead. Biases begin at 0, norms at weight 1 and bias 0.
        ---
        每个矩阵的初始值取自均值 0、标准差 0.02 的正态分布，两个嵌入也一样；写入残差流的矩阵（所有
        `c_proj`）例外，标准差是 0.02 / sqrt(2 n_layers)。偏置从 0 开始；归一化的 weight 从 1 开始，
        bias 从 0 开始。
        """
        super().__init__()
        ### BEGIN SOLUTION
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.d_model)
        self.wpe = nn.Embedding(config.n_positions, config.d_model)
        self.h = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.ln_f = nn.LayerNorm(config.d_model)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.dim() == 2:
                into_the_stream = name.endswith("c_proj.weight")
                nn.init.normal_(
                    parameter,
                    std=0.02 / math.sqrt(2 * config.n_layers) if into_the_stream else 0.02,
                )
        ### END SOLUTION

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) int64 -> logits (B, T, vocab_size). Raises ValueError when T is larger than
        n_positions.
        ---
        (B, T) int64 -> logits (B, T, vocab_size)。T 大于 n_positions 时抛出 ValueError。
        """
        ### BEGIN SOLUTION
        length = ids.shape[1]
        if length > self.config.n_positions:
            raise ValueError(f"{length} tokens, but only {self.config.n_positions} positions")
        x = self.wte(ids) + self.wpe.weight[:length]
        for block in self.h:
            x = block(x)
        return F.linear(self.ln_f(x), self.wte.weight)
        ### END SOLUTION


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "generate-solution", "cell_type": "code"}
def generate(
    model: nn.Module, ids: Tensor, n_new: int, context: int, temperature: float = 1.0, seed: int = 0
) -> Tensor:
    """Continues each row by n_new tokens, drawn one after the other from softmax(logits /
    temperature). The rows are drawn independently.

    Args:
        model: (B, T) int64 -> logits (B, T, V). It works in eval mode; afterwards it is in the
            mode it was in before.
        ids: (B, T) int64, T >= 1.
        context: the model sees at most the last `context` tokens.
        temperature: 0 takes the likeliest token.
        seed: of the draws. They come from a generator of their own; PyTorch's global one, which
            training uses, does not move. The same seed gives the same text.

    Returns:
        (B, T + n_new) int64: the given ids, then the new ones.
    ---
    给每一行续写 n_new 个 token，逐个从 softmax(logits / temperature) 中抽取，各行独立抽取。

    参数：
        model: (B, T) int64 -> logits (B, T, V)。在 eval 模式下工作，之后恢复成原来的模式。
        ids: (B, T) int64，T >= 1。
        context: 模型至多看到最后 `context` 个 token。
        temperature: 为 0 时取最可能的 token。
        seed: 抽样的种子。随机数取自单独的发生器；训练用的是 PyTorch 的全局发生器，它的状态不变。
            种子相同，文本相同。

    返回：
        (B, T + n_new) int64：先是给定的 id，再是新的。
    """
    ### BEGIN SOLUTION
    generator = torch.Generator(ids.device).manual_seed(seed)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for _ in range(n_new):
            logits = model(ids[:, -context:])[:, -1]
            if temperature == 0:
                new = logits.argmax(-1, keepdim=True)
            else:
                new = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)
            ids = torch.cat([ids, new], dim=1)
    model.train(was_training)
    return ids
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 7, "schema_version": 3, "grade_id": "gpt-model", "cell_type": "code"}
labkit.check("gpt-model")

# %% [markdown] tags=["en"]
# **Check it on a real model.** Load the trained model of section 1 into your class. Hugging Face's GPT-2 stores its matrices as (in, out), the
# transpose of `nn.Linear`'s; everything else fits as it is.


# %% [markdown] tags=["zh"]
# **用真模型检验。** 把第 1 小节训练好的模型装进你的类。Hugging Face 的 GPT-2 矩阵按“输入 × 输出”存放，
# 是 `nn.Linear` 的转置；除此之外什么都不用改。


# %%
def from_library(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The parameters of transformers' GPT2Model for your GPT.
    ---
    把 transformers 的 GPT2Model 的参数变成你的 GPT 的参数。
    """
    turned = {name for name, value in state.items() if ".c_" in name and value.dim() == 2}
    return {name: value.T if name in turned else value for name, value in state.items()}


sizes = [SETTINGS[name] for name in ("n_positions", "n_layers", "n_heads", "d_model")]
CONFIG = GPTConfig(V, *sizes)
mine = GPT(CONFIG).to(DEVICE)
mine.load_state_dict(from_library(library.transformer.state_dict()))
rows = windows(held_out, SEQ_LEN)[:8]
with torch.no_grad():
    expected, logits = library.eval()(rows).logits, mine.eval()(rows)
apart, largest = (logits - expected).abs().max(), expected.abs().max()
written = generate(mine, PROMPT, 50, CONFIG.n_positions, temperature=0.7, seed=1)[0]
written = text_of(written).strip()
print(
    say(
        f"logits differ by at most {apart:.1e}, the largest is {largest:.0f}\nyours writes: {written}",
        f"logits 至多相差 {apart:.1e}（数值最大为 {largest:.0f}）\n你的模型续写：{written}",
    )
)

# %% [markdown] tags=["en"]
# **What the fused kernel saves.** Attention by hand writes $T \times T$ numbers for each head, reads them again for the softmax, and keeps them
# for the backward pass. The cell times both, forward and backward:


# %% [markdown] tags=["zh"]
# **融合内核省下了什么。** 手写的注意力要为每个头写出 $T \times T$ 个数，做 softmax 时再读一遍，还得留到反向传播。下面给两种写法计时，前向加反向：


# %%
def by_hand(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool, device=q.device).triu(1)
    return scores.masked_fill(future, -math.inf).softmax(-1) @ v


def fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def milliseconds(attend: Callable[[Tensor, Tensor, Tensor], Tensor], length: int) -> float:
    """The time of one forward and backward pass, in milliseconds; the fastest of five.
    ---
    一次前向加反向的毫秒数；五次里最快的一次。
    """
    q, k, v = torch.randn(3, 2, 4, length, 32, device=DEVICE, requires_grad=True).unbind(0)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        attend(q, k, v).sum().backward()
        if DEVICE == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


lengths = [64, 128, 256, 512, 1024]
figure, axes = plt.subplots(figsize=(6, 3))
for name, attend, colour in [
    (say("by hand", "手写"), by_hand, ORANGE),
    (say("fused", "融合"), fused, BLUE),
]:
    times = [milliseconds(attend, length) for length in lengths]
    axes.plot(lengths, times, "o-", color=colour, label=name)
    listed = "  ".join(f"T={t}: {ms:.1f} ms" for t, ms in zip(lengths, times, strict=True))
    print(f"{name:8} {listed}")
axes.set(
    xscale="log",
    yscale="log",
    xlabel=say("length T", "长度 T"),
    ylabel=say("time (ms)", "时间（ms）"),
    title=say("attention, forward and backward", "注意力，前向加反向"),
)
axes.set_xticks(lengths, lengths)
axes.minorticks_off()
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# Both axes are logarithmic. The longer the text, the more the fused kernel wins. The number of scores that either computes
# grows like $T^2$, so both lines rise. The fused kernel saves the traffic with memory; it also skips blocks of scores that
# lie wholly in the future.

# %% [markdown] tags=["zh"]
# 两条轴都是对数刻度。文本越长，融合内核的优势越大。两种写法要算的分数都与 $T^2$ 成正比，所以两条线都在上升。融合内核省下的是读写内存的开销；整块都属于未来的分数，它也跳过不算。
# %% [markdown] tags=["en"]
# ## 3. What is learnt: the loss
#
# Which number does training make smaller, and how small is good? A row of $T + 1$ tokens holds $T$ exercises: read the first $t$, predict the next. The targets are the inputs **shifted by
# one**. The shift is made once, when the data is prepared:
#
# ```
# row       The  cat  sat  on   the  mat
# inputs    The  cat  sat  on   the
# targets   cat  sat  on   the  mat
# ```
#
# If you forget the shift, the model learns to repeat what it reads. Its loss soon falls towards 0, which
# is *implausible*, so you notice. If you shift twice (in the data *and* in the loss: Hugging Face's models shift inside), the
# model learns to predict the token after the next. Its loss falls too, only not as far, so you do **not** notice.
#
# The loss is the mean of $-\log p(\text{target})$ over the targets that **count**. Targets that are $-100$ do not count:
# padding, and in `pretrain_bert` all tokens that were not chosen.
#
# $$-\log \mathrm{softmax}(z)_y = \log\sum_j e^{z_j} - z_y,\qquad \log\sum_j e^{z_j} = m + \log\sum_j e^{z_j - m},\quad m = \max_j z_j.$$
#
# The second formula (log-sum-exp) keeps $e^{z_j}$ from overflowing. With the natural logarithm the unit is the **nat**; one
# nat is $1/\ln 2 \approx 1.44$ bits. Papers often give the exponential of the loss, the **perplexity**: a perplexity of 20 is the
# uncertainty of a choice among 20 equally likely tokens.
#
# **Nats per token cannot be compared** between tokenizers: longer tokens are harder to predict, but there are fewer of them.
# What can be compared is how many bits the model needs for the same text, its **bits per byte**:
# $\frac{1}{\ln 2}\,\frac{\text{sum of the losses}}{\text{bytes of the text}}$. Blind guessing costs 8 where the tokens are
# bytes. With your BPE it costs $\log_2 1024 = 10$ bits per token; divide by the bytes per token that section 1 printed.
# A language model with an arithmetic coder, which turns probabilities into bits, is a compressor (Delétang et al. 2023), so the next cell shows gzip as well. (Gzip has not read
# the training text, and the size of the model is not counted: it is a yardstick, not a contest.)
#
# What would a table reach? Count single tokens, or pairs of them (bigrams). A model that is worse than the table of pairs
# has not shown that it uses more than one token of context. (For GPT-2's 50,257 tokens the table of pairs would take 20 GB,
# so `profile = "gpu"` leaves it out.)


# %% [markdown] tags=["zh"]
# ## 3. 学什么：损失
#
# 训练要让哪个数变小？小到多少才算好？一行 $T + 1$ 个 token 里有 $T$ 道题：读前 $t$ 个，预测下一个。目标就是输入**错开一位**，而且只在准备数据时错开一次：
#
# ```
# 一行      The  cat  sat  on   the  mat
# 输入      The  cat  sat  on   the
# 目标      cat  sat  on   the  mat
# ```
#
# 忘了错开，模型学的就是复述：损失很快跌向 0，这**不合常理**，所以你会发现。
# 错开两次（数据里一次，损失里又一次：Hugging Face 的模型内部会错开），模型学的就是预测下下个 token：损失照样下降，
# 只是降不到那么低，所以你**不**会发现。
#
# 损失是 $-\log p(\text{目标})$ 对**有效**目标的平均。等于 $-100$ 的目标不算：填充不算；在 `pretrain_bert` 里，没有选中的 token 也不算。
#
# $$-\log \mathrm{softmax}(z)_y = \log\sum_j e^{z_j} - z_y,\qquad \log\sum_j e^{z_j} = m + \log\sum_j e^{z_j - m},\quad m = \max_j z_j.$$
#
# 第二个式子（log-sum-exp）避免了 $e^{z_j}$ 溢出。用自然对数时，单位叫 **nat**；1 nat 是 $1/\ln 2 \approx 1.44$ 比特。
# 论文里常给出损失的指数，叫**困惑度**（perplexity）：困惑度为 20，不确定的程度就相当于在 20 个等可能的 token 里选一个。
#
# **每个 token 的 nat 数不能跨分词器比较**：token 越长越难预测，但个数也越少。能比较的是同一段文本模型要用多少比特，即**每字节比特数**：
# $\frac{1}{\ln 2}\,\frac{\text{损失之和}}{\text{文本的字节数}}$。瞎猜的话，以字节为 token 时每字节 8 比特；
# 用你的 BPE，每个 token 要 $\log_2 1024 = 10$ 比特，再除以第 1 小节打印的“平均每个 token 多少字节”。
# 语言模型加上算术编码（把概率变成比特的方法）就是压缩器（Delétang 等 2023），所以下一个单元格也列出 gzip。（gzip 没读过训练文本，模型本身的大小也没有算进去：只当标尺，不算比赛。）
#
# 一张表能做到多少？数单个 token 的频率，或者数相邻两个 token（二元，bigram）的频率。连二元频率表都不如的模型，
# 还不能证明它用上了一个 token 以上的上下文。（GPT-2 有 50,257 个 token，二元频率表要占 20 GB，所以 `profile = "gpu"` 时不算它。）


# %%
held_out_rows = windows(held_out, SEQ_LEN)[:128]
held_out_text = b"".join(pieces[token] for token in held_out_rows[:, 1:].flatten().tolist())
held_out_bytes = len(held_out_text)


def bits_by_counts(pairs: bool) -> float:
    """Bits per byte of the held-out rows by the counts of the training text: of single tokens, or
    of pairs.

    The more rarely a first token was seen, the more the frequency of the second token alone counts.
    ---
    按训练文本里的频率算留出文本的每字节比特数：用单个 token 的频率，或用相邻两个 token 的频率。

    前一个 token 见得越少，就越看后一个 token 单独的频率。
    """
    single = torch.bincount(tokens, minlength=V).double() + 0.1
    chances = (single / single.sum()).expand(V, V)
    if pairs:
        table = torch.bincount(tokens[:-1] * V + tokens[1:], minlength=V * V).view(V, V).double()
        chances = (table + 20 * chances) / (table.sum(1, keepdim=True) + 20)
    chosen = chances[held_out_rows[:, :-1], held_out_rows[:, 1:]]
    return -chosen.log2().sum().item() / held_out_bytes


TABLES = {say("single tokens", "单个 token"): bits_by_counts(False)}
if V < 5_000:
    TABLES[say("pairs of tokens", "相邻两个 token")] = bits_by_counts(True)
compressed = 8 * len(gzip.compress(held_out_text)) / held_out_bytes
n_held_out = held_out_rows[:, 1:].numel()
print(
    say(
        f"{n_held_out:,} held-out tokens, {held_out_bytes:,} bytes; bits per byte:",
        f"留出 {n_held_out:,} 个 token，{held_out_bytes:,} 字节；每字节比特数：",
    )
)
guessing = {say("blind guessing", "瞎猜"): math.log2(V) * n_held_out / held_out_bytes}
for name, bits in {**guessing, **TABLES, "gzip -9": compressed}.items():
    print(f"{bits:5.2f}  {name}")

# %% [markdown] tags=["en"]
# ### Problem 7, first part: `inputs_and_targets`, `cross_entropy`, `bits_per_byte`
#
# Problem 7 (11 points) is the whole loop; its check cell is at the end of section 5. Before that, run
# `labkit.check("gpt-loop")` in a cell of your own to see what is right already.


# %% [markdown] tags=["zh"]
# ### 第 7 题，第一部分：`inputs_and_targets`、`cross_entropy`、`bits_per_byte`
#
# 第 7 题（11 分）是整个训练循环，检查单元格在第 5 小节末尾。在那之前，随时可以在自己的单元格里运行 `labkit.check("gpt-loop")`，看看哪些已经对了。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "loss-solution", "cell_type": "code"}
IGNORE = -100


def inputs_and_targets(rows: Tensor) -> tuple[Tensor, Tensor]:
    """What the model reads and what it should predict. This is the only place where anything is
    shifted.

    Args:
        rows: (B, T + 1) int64.

    Returns:
        inputs (B, T) and targets (B, T): targets[:, t] is the token after inputs[:, t].
    ---
    模型读什么，该预测什么。错开一位只发生在这里。

    参数：
        rows: (B, T + 1) int64。

    返回：
        inputs (B, T) 和 targets (B, T)：targets[:, t] 是紧跟在 inputs[:, t] 后面的 token。
    """
    ### BEGIN SOLUTION
    return rows[:, :-1], rows[:, 1:]
    ### END SOLUTION


def cross_entropy(logits: Tensor, targets: Tensor, ignore_index: int = IGNORE) -> Tensor:
    """The mean of -log softmax(logits)[target] over the targets that count. Nothing is shifted
    here.

    PyTorch's own loss may be used; mind what it gives where no target counts.

    Args:
        logits: (B, T, V), of any size, also in the thousands: log-sum-exp must not overflow.
        targets: (B, T) int64; those that equal ignore_index do not count.

    Returns:
        A scalar tensor, in nats per target that counts; 0, with gradients of 0, where no target
        counts.
    ---
    -log softmax(logits)[target] 对有效目标的平均。这里不再错开。

    可以用 PyTorch 自己的损失函数；留意没有任何有效目标时它给出什么。

    参数：
        logits: (B, T, V)，数值可大可小，上千也可能：log-sum-exp 不能溢出。
        targets: (B, T) int64；等于 ignore_index 的不算。

    返回：
        标量张量，单位是每个有效目标的 nat 数；没有任何有效目标时为 0，梯度也为 0。
    """
    ### BEGIN SOLUTION
    counts = targets != ignore_index
    log_probs = logits.log_softmax(-1)  # by log-sum-exp, in one kernel
    chosen = log_probs.gather(-1, targets.masked_fill(~counts, 0).unsqueeze(-1)).squeeze(-1)
    return -chosen.masked_fill(~counts, 0.0).sum() / counts.sum().clamp(min=1)
    ### END SOLUTION


def bits_per_byte(model: nn.Module, ids: Tensor, n_bytes: int) -> float:
    """How many bits the model needs for each byte of a text; comparable between tokenizers on the
    same text.

    Args:
        model: (B, T) int64 -> logits (B, T, V). It works in eval mode; afterwards it is in the
            mode it was in before.
        ids: (N, T + 1) int64. The first token of a row is only read; all others are predicted. N
            may be large, and need not be a multiple of anything: pass a few rows at a time through
            the model.
        n_bytes: how many bytes the predicted tokens stand for.

    Returns:
        -sum(log2 p) / n_bytes, over all predicted tokens, as a float.
    ---
    模型平均用多少比特来表示文本的一个字节；同一段文本上，不同的分词器可以比较。

    参数：
        model: (B, T) int64 -> logits (B, T, V)。在 eval 模式下工作，之后恢复成原来的模式。
        ids: (N, T + 1) int64。每行的第一个 token 只读不预测，其余都要预测。N 可以很大，
            也不必是某个数的倍数：每次只把几行送进模型。
        n_bytes: 被预测的 token 一共对应多少字节。

    返回：
        -sum(log2 p) / n_bytes，对所有被预测的 token 求和，float。
    """
    ### BEGIN SOLUTION
    was_training = model.training
    model.eval()
    nats = 0.0
    with torch.no_grad():
        for rows in ids.split(16):
            inputs, targets = inputs_and_targets(rows)
            nats += cross_entropy(model(inputs), targets).item() * targets.numel()
    model.train(was_training)
    return nats / math.log(2) / n_bytes
    ### END SOLUTION


# %% [markdown] tags=["en"]
# Now measure the model of section 1. The last line is the test for a forgotten shift: a model that was trained to predict does badly when it is
# asked to *repeat* what it reads.


# %% [markdown] tags=["zh"]
# 量一量第 1 小节的模型。最后一行专查“忘了错开”：学会了预测的模型，要它**复述**读到的内容，就做得很差。


# %%
trained = bits_per_byte(mine, held_out_rows, held_out_bytes)
untrained = bits_per_byte(GPT(CONFIG).to(DEVICE), held_out_rows, held_out_bytes)
with torch.no_grad():
    answers = cross_entropy(mine(held_out_rows[:16, :-1]), held_out_rows[:16, :-1])
print(
    say(
        f"the trained model {trained:.2f} bits per byte, an untrained one {untrained:.2f}\n"
        f"asked to repeat what it reads: {answers:.2f} nats per token (log V = {math.log(V):.2f}); "
        "without the shift, near 0",
        f"训练过的模型每字节 {trained:.2f} 比特，未训练的 {untrained:.2f} 比特\n"
        f"让它复述：每个 token {answers:.2f} nat（log V = {math.log(V):.2f}）；若忘了错开，会接近 0",
    )
)

# %% [markdown] tags=["en"]
# ## 4. One step
#
# One batch gives one gradient. How long should the step be, which weights decay, and what if the gradient is far too long?
#
# **The rate.** Adam divides by the square root of an average of squared gradients. At the first update this average holds a
# single batch: every weight with a gradient moves by the full rate, in the direction that this one batch decides. So the rate rises over some
# **warm-up** steps. Then it falls along half a cosine, from large steps that explore to small steps that settle. Two mistakes
# are common, and both are off by one. With step / warmup the first update has a rate of 0 and does nothing. With
# (step + 1) / (warmup + 1) the warm-up ends one step late. Count from 0: step 0 has $\frac{1}{\text{warmup}}$ of the maximum, step $\text{warmup}-1$ all of it.
#
# **What decays.** AdamW pulls each weight towards 0 at every step. By convention only the matrices decay; the gain of a norm,
# which begins at 1, and biases do not. The usual rule counts **dimensions**: parameters with two or more decay. (It includes
# the embeddings; some recipes leave them out, such as that of OLMo 2 (2024).)
#
# **Accumulation.** A batch that does not fit into memory goes through the model in pieces, called micro-batches. Their gradients add up before
# *one* update. With $n_k$ targets that count in piece $k$, and $L_k$ the mean loss there:
#
# $$L = \frac{\sum_k n_k L_k}{\sum_k n_k}\qquad\text{and not}\qquad \frac1K\sum_k L_k.$$
#
# In general the two agree only when all pieces have the same $n_k$. The second was in widely used libraries for years. It was
# pointed out in 2021 and corrected in October 2024 (unsloth, *Bugs in LLM Training*; Hugging Face, *Fixing Gradient
# Accumulation*, both 2024).
#
# **Clipping.** Now and then one batch has a gradient many times as long as usual. If the norm of **all** gradients together is
# larger than `max_norm`, all are multiplied by $\text{max\_norm}/\text{norm}$, so the direction stays the same. If it is
# not, nothing happens: clipping only ever shrinks.


# %% [markdown] tags=["zh"]
# ## 4. 一步更新
#
# 一批数据给出一个梯度。步子该迈多大？哪些权重要衰减？梯度过大时怎么办？
#
# **学习率。** Adam 要除以“梯度平方的滑动平均”的平方根。第一次更新时，这个平均里只有一批数据：凡有梯度的权重都按整个学习率移动，方向全由这一批决定。
# 所以学习率先用若干步**预热**（warm-up）升上去，再沿半个余弦降下来，从大步探索过渡到小步收敛。
# 常见的错误有两种，都是差一步：用 step / warmup，第一次更新的学习率是 0，什么也没做；用 (step + 1) / (warmup + 1)，预热就晚一步结束。
# 从 0 开始数：第 0 步是最大值的 $\frac{1}{\text{warmup}}$，第 $\text{warmup}-1$ 步就是最大值。
#
# **哪些参数衰减。** AdamW 每一步都把权重往 0 拉一点。按惯例只有矩阵衰减；归一化的增益（初始值为 1）和偏置不衰减。
# 通行的规则是数**维数**：二维及以上的参数才衰减。（这样嵌入也在内；有的配方不让嵌入衰减，例如 OLMo 2（2024）。）
#
# **累积。** 内存放不下的批分成几份（叫微批，micro-batch）依次通过模型，梯度加在一起之后做**一次**更新。
# 第 $k$ 份有 $n_k$ 个有效目标，平均损失为 $L_k$：
#
# $$L = \frac{\sum_k n_k L_k}{\sum_k n_k}\qquad\text{而不是}\qquad \frac1K\sum_k L_k.$$
#
# 一般说来，只有各份的 $n_k$ 都相同时两者才相等。后一种写法在广泛使用的库里存在了好几年：2021 年就有人指出，到 2024 年 10 月才改正
# （unsloth《Bugs in LLM Training》，Hugging Face《Fixing Gradient Accumulation》，均为 2024）。
#
# **裁剪。** 偶尔会有一批数据的梯度比平时长许多倍。如果**所有**梯度合在一起的范数超过 `max_norm`，就把它们全部乘以
# $\text{max\_norm}/\text{norm}$，方向不变。没有超过，就什么也不做：裁剪只会缩小。


# %% [markdown] tags=["en"]
# ### Problem 7, second part: `lr_schedule`, `parameter_groups`, `clip_gradients`, `train_step`


# %% [markdown] tags=["zh"]
# ### 第 7 题，第二部分：`lr_schedule`、`parameter_groups`、`clip_gradients`、`train_step`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "step-solution", "cell_type": "code"}
def lr_schedule(step: int, max_lr: float, warmup: int, total: int, min_lr: float) -> float:
    """The learning rate of update number `step`, counted from 0: a straight line up, then half a
    cosine down.

    With 0 <= warmup <= total:
        step < warmup: max_lr * (step + 1) / warmup. Step 0 is not wasted, and the last step of
            the warm-up, number warmup - 1, has max_lr;
        warmup <= step < total: half a cosine. It has max_lr at step warmup, and would reach min_lr
            at step total;
        step >= total: min_lr, also when warmup = total (then there is no cosine).
    warmup = 0 means no warm-up: step 0 has max_lr. Returns a Python number.

    Source: Loshchilov and Hutter 2017, SGDR, section 3; Goyal et al. 2017, section 2.2, for the
        warm-up.
    ---
    第 `step` 次更新（从 0 数起）的学习率：先沿直线上升，再沿半个余弦下降。

    设 0 <= warmup <= total：
        step < warmup：max_lr * (step + 1) / warmup。这样第 0 步不浪费，第 warmup - 1 步恰为
            max_lr；
        warmup <= step < total：半个余弦，第 warmup 步为 max_lr，到第 total 步恰好降到 min_lr；
        step >= total：min_lr；warmup = total 时也一样（这时没有余弦段）。
    warmup = 0 表示不预热：第 0 步就是 max_lr。返回 Python 数。

    出处：Loshchilov 与 Hutter 2017，SGDR，第 3 节；预热见 Goyal 等 2017，2.2 节。
    """
    ### BEGIN SOLUTION
    if step < warmup:
        return max_lr * (step + 1) / warmup
    if step >= total:
        return min_lr
    progress = (step - warmup) / (total - warmup)
    return min_lr + (max_lr - min_lr) * (1 + math.cos(math.pi * progress)) / 2
    ### END SOLUTION


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The two groups for AdamW: matrices decay, vectors do not.

    Returns:
        [{"params": [...], "weight_decay": weight_decay}, {"params": [...], "weight_decay": 0.0}],
        in this order; each "params" is a list. The first has the trainable parameters with two or
        more dimensions (embeddings too), the second the others (biases, norms). What counts is the
        number of dimensions, not the name. A parameter that the model uses in several places is
        listed once; a frozen one is not listed.

    Source: Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization, section 2, for the
        decay.
    ---
    给 AdamW 的两个参数组：矩阵衰减，向量不衰减。

    返回：
        [{"params": [...], "weight_decay": weight_decay}, {"params": [...], "weight_decay": 0.0}]，
        次序不变；每个 "params" 都是列表。第一组是二维及以上的可训练参数（包括嵌入），
        第二组是其余的（偏置、归一化）。只看维数，不看名字。模型在几处共用的参数只列一次；
        冻结的参数不列。

    出处：权重衰减见 Loshchilov 与 Hutter 2019，Decoupled Weight Decay Regularization，第 2 节。
    """
    ### BEGIN SOLUTION
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trainable if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.dim() < 2], "weight_decay": 0.0},
    ]
    ### END SOLUTION


def clip_gradients(model: nn.Module, max_norm: float) -> float:
    """Shrinks all gradients by one factor, so that their norm (as one long vector) is at most
    max_norm.

    Gradients whose norm is not above max_norm stay as they are; math.inf clips nothing. Parameters
    without a gradient are skipped. nn.utils.clip_grad_norm_ may be used.

    Returns:
        The norm before clipping, as a float and not as a tensor.

    Source: Pascanu et al. 2013, On the difficulty of training recurrent neural networks, section
        3.2.
    ---
    把所有梯度乘以同一个因子，使它们的范数（看作一个长向量）不超过 max_norm。

    范数没有超过 max_norm 时，梯度保持原样；math.inf 表示不裁剪。没有梯度的参数跳过。可以用
    nn.utils.clip_grad_norm_。

    返回：
        裁剪之前的范数，是 float，不是张量。

    出处：Pascanu 等 2013，On the difficulty of training recurrent neural networks，3.2 节。
    """
    ### BEGIN SOLUTION
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    norm = torch.linalg.vector_norm(
        torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]),
    ).item()
    if norm > max_norm:
        for gradient in gradients:
            gradient.mul_(max_norm / norm)
    return norm
    ### END SOLUTION


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    micro_batches: list[tuple[Tensor, Tensor]],
    lr: float,
    max_norm: float,
) -> tuple[float, float]:
    """One update, in train mode, from the mean loss over ALL targets that count in all
    micro-batches.

    Gradients of earlier updates are cleared first; those of this update stay in `.grad`, clipped.
    The gradients add up one micro-batch at a time, so that only one micro-batch needs memory. The
    update is the one that a single batch of all of them would give, also when they differ in size
    or in how many targets count.

    Args:
        micro_batches: inputs and targets, (B, T) int64 each; B and T may differ from one to the
            next. Targets that are IGNORE do not count.
        lr: the learning rate of THIS update, in every group of the optimizer.
        max_norm: for clip_gradients; math.inf clips nothing.

    Returns:
        Two floats: the loss before the update, in nats per target that counts (0 where none
        counts), and the norm of the gradients before clipping.
    ---
    在训练模式下做一次更新，损失是所有微批里**全部**有效目标的平均。

    先清掉以前的梯度；这一次的梯度裁剪之后留在 `.grad` 里。梯度逐个微批累加，
    所以内存只需放下一个微批。得到的更新与把所有微批合成一批时相同，哪怕各微批的大小、
    有效目标的个数不同。

    参数：
        micro_batches: 输入和目标，各为 (B, T) int64；各微批的 B 和 T 可以不同。等于 IGNORE
            的目标不算。
        lr: **这一次**更新的学习率，优化器的每个参数组都用它。
        max_norm: 传给 clip_gradients；math.inf 表示不裁剪。

    返回：
        两个 float：更新之前的损失，单位是每个有效目标的 nat 数（没有有效目标时为 0）；
        以及裁剪之前的梯度范数。
    """
    ### BEGIN SOLUTION
    model.train()
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad()
    counted = [int((targets != IGNORE).sum()) for _, targets in micro_batches]
    loss = 0.0
    for (inputs, targets), count in zip(micro_batches, counted, strict=True):
        part = cross_entropy(model(inputs), targets) * (count / max(sum(counted), 1))
        part.backward()
        loss += part.item()
    norm = clip_gradients(model, max_norm)
    optimizer.step()
    return loss, norm
    ### END SOLUTION


# %%
steps, warmup = SETTINGS["steps"], SETTINGS["warmup"]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3), width_ratios=[1.6, 1])
rates = [lr_schedule(step, 1.0, warmup, steps, 0.1) for step in range(steps + steps // 8)]
left.plot(rates, color=BLUE, label=say("your lr_schedule", "你的 lr_schedule"))
left.axvspan(0, warmup, color=GREY, alpha=0.5, lw=0, label=say("warm-up", "预热"))
left.axvline(steps, color="grey", ls=":", label=say("the end of the run", "训练结束"))
left.set(
    xlabel=say("step", "步数"),
    ylabel=say("rate / max_lr", "学习率 / max_lr"),
    ylim=(0, 1.05),
    title=say(
        f"warm-up over {warmup} steps, cosine to step {steps}",
        f"预热 {warmup} 步，余弦降到第 {steps} 步",
    ),
)
left.legend(framealpha=1, edgecolor="none", loc="upper right")
few = range(6)
yours = [lr_schedule(step, 1.0, 4, 40, 0.1) for step in few]
late = [min(step / 4, 1.0) for step in few]
right.plot(few, yours, "o-", color=BLUE, label=say("yours", "你的"))
right.plot(
    few,
    late,
    "o--",
    color=ORANGE,
    label=say("step / warmup: step 0 is wasted", "step / warmup：第 0 步浪费了"),
)
right.set(
    xlabel=say("step", "步数"),
    ylabel=say("rate / max_lr", "学习率 / max_lr"),
    ylim=(-0.55, 1.08),
    yticks=[0, 0.5, 1],
    title=say("the first steps, warmup = 4", "最初几步，warmup = 4"),
)
right.legend(frameon=False, loc="lower right")
plt.tight_layout()
plt.show()
print(
    say(
        f"the last update, number {steps - 1}, has {rates[steps - 1]:.4f} of the maximum, "
        f"later ones would have {rates[steps]:.1f}",
        f"最后一次更新（第 {steps - 1} 步）是最大值的 {rates[steps - 1]:.4f}，再往后会是 {rates[steps]:.1f}",
    )
)

# %% [markdown] tags=["en"]
# On the left the rate rises over the grey band and then falls along the cosine. On the right the dashed line stays one step
# behind yours until the warm-up ends.
#
# **Accumulation, measured.** The same sixteen rows go through the model as one batch, and in three micro-batches of different
# sizes: once with your `train_step`, once with the mean of the micro-batches' means. In seven of the rows only the first 20
# targets count, as if these rows were short documents. How far is the gradient from that of the whole batch? With yours only
# rounding should be left.


# %% [markdown] tags=["zh"]
# 左图里，学习率在灰色的一段里上升，然后沿余弦下降。右图里，虚线在预热结束之前一直比你的慢一步。
#
# **亲眼看看累积。** 同样的十六行，先作为一整批，再分成三个大小不一的微批：一次用你的 `train_step`，一次用“均值的均值”。
# 其中七行只有前 20 个目标有效，就当它们是短文档。得到的梯度与整批的梯度差多少？你的应当只剩下舍入误差。


# %%
def gradient_of(micro_batches: list[tuple[Tensor, Tensor]], weigh: bool) -> Tensor:
    """The gradient as one vector, by your train_step or by the mean of the micro-batches' means.
    ---
    把梯度拼成一个向量：用你的 train_step，或者用各微批均值的均值。
    """
    model = GPT(CONFIG).to(DEVICE)
    model.load_state_dict(from_library(beginning))
    if weigh:
        train_step(model, torch.optim.SGD(model.parameters(), lr=0.0), micro_batches, 0.0, math.inf)
    else:
        for inputs, targets in micro_batches:
            (cross_entropy(model(inputs), targets) / len(micro_batches)).backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


inputs, targets = inputs_and_targets(Batches(tokens, 16, SEQ_LEN).next_rows())
targets = targets.clone()
targets[9:, 20:] = IGNORE
cuts = [(0, 9), (9, 14), (14, 16)]
parts = [(inputs[a:b], targets[a:b]) for a, b in cuts]
whole = gradient_of([(inputs, targets)], weigh=True)
for name, weigh in (
    (say("your train_step", "你的 train_step"), True),
    (say("the mean of means", "均值的均值"), False),
):
    error = (gradient_of(parts, weigh) - whole).norm() / whole.norm()
    print(
        say(
            f"{name}: relative error {error:.1e} against the gradient of the whole batch",
            f"{name}：与整批的梯度相比，相对误差 {error:.1e}",
        )
    )

# %% [markdown] tags=["en"]
# ## 5. The loop, and how to stop it
#
# What must a file hold so that a stopped run goes on as if nothing had happened? The loop itself is short: with these parts it
# is less than ten lines. But a real run must survive being stopped: the machine is taken away, the job reaches
# its time limit, or the loss becomes NaN and you want to go back. A **checkpoint** holds everything that changes during the
# run:
#
# | what changes | if you forget it |
# |---|---|
# | the weights | nothing is resumed |
# | AdamW's two averages | AdamW collects them anew, as at the first update |
# | the number of updates done | the schedule starts with the warm-up again |
# | the place in the data | the same text is read again, and the rest never |
# | the random generator (on a GPU, CUDA's) | dropout draws other units: nearly the same result, but never reproducible |
#
# The proof is not "the curve looks fine". The proof is that the two runs are equal **bit for bit**: $2k$ steps in one run, against $k$ steps, a
# new process, and $k$ more.
#
# **Safe files.** By default `torch.load` refuses everything but tensors and plain containers (`weights_only=True`).
# Unpickling anything else can run code of whoever wrote the file, so never set it to False for a file that you did not write.
# And a checkpoint that is being overwritten when the process dies is lost: write the new one under another name in the same
# folder, then rename it. Renaming replaces the file in one step. (This protects against a process that dies. Against a power cut the data must
# also be on the disk before the rename, by `os.fsync`; the problem does not ask for it.)
#
# ### Problem 7, third part: `train`, `save_checkpoint`, `load_checkpoint`


# %% [markdown] tags=["zh"]
# ## 5. 循环，以及怎样停下它
#
# 文件里要存下什么，停下的训练才能像没停过一样接着跑？循环本身很短，有了这些部件，不到十行。但真正的训练必须经得起中断：机器被收走，作业超时，或者损失变成 NaN，想要退回去。
# **检查点**包含训练过程中会变化的一切：
#
# | 会变化的东西 | 忘了它，就会 |
# |---|---|
# | 权重 | 根本谈不上恢复 |
# | AdamW 的两组滑动平均 | AdamW 从头积累，就像第一次更新时那样 |
# | 已完成的更新次数 | 学习率又从预热开始 |
# | 数据读到哪里 | 同样的文本再读一遍，剩下的永远读不到 |
# | 随机数发生器（在 GPU 上是 CUDA 的） | dropout 抽到别的单元：结果差不多，但再也无法复现 |
#
# 证明不是“曲线看着没问题”，而是两次训练**逐比特相同**：一次连续跑 $2k$ 步；另一次跑 $k$ 步，换一个新进程，再跑 $k$ 步。
#
# **安全的文件。** `torch.load` 默认只接受张量和普通容器（`weights_only=True`）。反序列化其他对象，就可能运行写文件的人的代码，
# 所以不是自己写的文件，绝不要设成 False。另外，正在覆盖检查点时进程死掉，检查点就毁了：先在同一个文件夹里用别的名字写完新文件，再改名，
# 改名是一步完成的替换。（这防的是进程中断。要防断电，还得在改名之前用 `os.fsync` 确保数据已经落盘；这道题不要求。）
#
# ### 第 7 题，第三部分：`train`、`save_checkpoint`、`load_checkpoint`


# %% tags=["export"]
@dataclass(frozen=True)
class TrainConfig:
    """What a run needs to know besides model, optimizer and data. An update takes `accumulation`
    micro-batches.
    ---
    除模型、优化器和数据之外，一次训练需要知道的东西。每次更新用 `accumulation` 个微批。
    """

    steps: int
    max_lr: float = 1e-3
    min_lr: float = 1e-4
    warmup: int = 0
    accumulation: int = 1
    max_norm: float = 1.0


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "loop-solution", "cell_type": "code"}
def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    config: TrainConfig,
    start: int = 0,
    stop: int | None = None,
    after_step: Callable[[int, float, float, float], None] | None = None,
) -> list[float]:
    """Runs the updates number start to stop - 1 of a run of config.steps, and returns their losses
    as a list.

    Each update is a train_step on config.accumulation batches from batches.next_batch(), with
    config.max_norm. Its rate is lr_schedule's for this step of the whole run: config.steps is the
    end of the cosine also when the run stops earlier.

    Args:
        stop: None for config.steps.
        after_step: called after each update with (step, loss, grad_norm, lr), step counted from 0;
            log, sample and save there.
    ---
    一次训练共 config.steps 次更新；这里做其中第 start 到第 stop - 1 次，返回各次损失的列表。

    每次更新就是一次 train_step：从 batches.next_batch() 取 config.accumulation 批，裁剪的阈值是
    config.max_norm。学习率按 lr_schedule 在整个训练中的这一步来取：即使提前停下，余弦的终点也是
    config.steps。

    参数：
        stop: None 表示 config.steps。
        after_step: 每次更新之后以 (step, loss, grad_norm, lr) 调用，step 从 0 数起；日志、样本、
            存盘都放在这里。
    """
    ### BEGIN SOLUTION
    losses = []
    for step in range(start, config.steps if stop is None else stop):
        lr = lr_schedule(step, config.max_lr, config.warmup, config.steps, config.min_lr)
        micro_batches = [batches.next_batch() for _ in range(config.accumulation)]
        loss, norm = train_step(model, optimizer, micro_batches, lr, config.max_norm)
        losses.append(loss)
        if after_step is not None:
            after_step(step, loss, norm, lr)
    return losses
    ### END SOLUTION


def save_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    step: int,
) -> None:
    """Writes all that is needed to resume bit for bit: the state_dict() of the model, of the
    optimizer and of the batches, the number of updates done (`step`), and the state of PyTorch's
    random generator, from which dropout draws (on a GPU it draws from CUDA's generators, so their
    states too, where there are any).

    The file at `path` is complete at every moment: the new one is written under another name in
    the same folder and then renamed. A save that fails half way leaves the file before it as it
    was. (os.fsync is not asked for.)
    ---
    写下逐比特恢复所需的一切：模型、优化器、batches 各自的 state_dict()，
    已完成的更新次数（`step`），以及 PyTorch 随机数发生器的状态，dropout 的随机数就取自它（在 GPU
    上取自 CUDA 的发生器，有的话也要保存）。

    任何时刻 `path` 处的文件都是完整的：新文件先在同一个文件夹里用别的名字写完，再改名。
    保存到一半失败时，原来的文件保持原样。（不要求 os.fsync。）
    """
    ### BEGIN SOLUTION
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "batches": batches.state_dict(),
        "step": step,
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state_all(),  # empty without a GPU
    }
    unfinished = f"{path}.part"
    torch.save(state, unfinished)
    os.replace(unfinished, path)
    ### END SOLUTION


def load_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
) -> int:
    """Brings model, optimizer, batches and random generators to the state that save_checkpoint
    found them in.

    Returns:
        The number of updates done: where `train` should start.

    Raises:
        pickle.UnpicklingError: the file holds something other than tensors, numbers, strings and
            containers of them. (Any other object could run code while it is read.)
    ---
    把模型、优化器、batches 和随机数发生器恢复成 save_checkpoint 保存时的状态。

    返回：
        已完成的更新次数，也就是 `train` 的 start。

    异常：
        pickle.UnpicklingError: 文件里除了张量、数、字符串和它们的容器之外还有别的东西。
            （其他对象在读取时可能运行代码。）
    """
    ### BEGIN SOLUTION
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    batches.load_state_dict(state["batches"])
    torch.set_rng_state(state["random"])
    torch.cuda.set_rng_state_all(state["random_cuda"])
    return state["step"]
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 11, "schema_version": 3, "grade_id": "gpt-loop", "cell_type": "code"}
labkit.check("gpt-loop")

# %% [markdown] tags=["en"]
# **Stopped and resumed.** We train a small model with dropout and stop the run after 30 of 60 updates. Another run, which
# began with other random weights, gets nothing but the file. To see what the entries of the table are for, we then leave out
# three of them, one at a time. (A loss is measured *before* its update. So without AdamW's averages the first loss is still
# the same.)


# %% [markdown] tags=["zh"]
# **停下，再恢复。** 训练一个带 dropout 的小模型，在 60 次更新的第 30 次之后停下。另一次训练的初始权重另行随机生成，它只拿到这个文件。
# 为了看清表里各项的用处，再挑其中三项，每次漏掉一项。（损失是在更新**之前**测的，所以丢了 AdamW 的滑动平均，第一个损失仍然相同。）


# %%
def new_run(seed: int) -> tuple[nn.Module, torch.optim.Optimizer, Batches]:
    torch.manual_seed(seed)
    layers = [
        nn.Embedding(V, 64),
        nn.Dropout(0.1),
        nn.Linear(64, 128),
        nn.GELU(),
        nn.Linear(128, V),
    ]
    model = nn.Sequential(*layers).to(DEVICE)
    optimizer = torch.optim.AdamW(parameter_groups(model, 0.1), betas=(0.9, 0.95))
    return model, optimizer, Batches(tokens, 8, 32)


def resumed(path: Path, without: str | None = None) -> list[float]:
    """The losses after resuming, with one of the entries lost.
    ---
    恢复之后的损失；`without` 指定漏掉哪一项。
    """
    model, optimizer, batches = new_run(seed=2)
    fresh = optimizer.state_dict()
    done = load_checkpoint(path, model, optimizer, batches)
    if without == "averages":
        optimizer.load_state_dict(fresh)
    if without == "place":
        batches = Batches(tokens, 8, 32)
    if without == "random":
        torch.manual_seed(7)
    return train(model, optimizer, batches, short, start=done)


short = TrainConfig(steps=60, max_lr=1e-2, min_lr=1e-3, warmup=6)
straight = train(*new_run(seed=1), short)
first = new_run(seed=1)
before = train(*first, short, stop=30)
save_checkpoint(RUNS / "checkpoint.pt", *first, step=30)
del first
after = resumed(RUNS / "checkpoint.pt")
same = before == straight[:30], after == straight[30:]
print(
    say(
        f"equal bit for bit before the stop: {same[0]}; after it: {same[1]}",
        f"停下之前逐比特相同：{same[0]}；恢复之后：{same[1]}",
    )
)

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.2))
left.plot(straight, color=GREY, lw=6, label=say("never stopped", "从未中断"))
left.plot(before, color=BLUE, label=say("30 updates, then stopped", "跑 30 步后停下"))
left.plot(range(30, 60), after, color=GREEN, label=say("resumed", "恢复之后"))
left.axvline(29.5, color="grey", ls=":")
left.set(
    xlabel=say("step", "步数"),
    ylabel=say("loss (nats per token)", "损失（nat / token）"),
    title=say("one run, with and without a break", "同一次训练，中断与不中断"),
)
left.legend(frameon=False)
LOST = {
    "averages": (say("AdamW's averages", "AdamW 的滑动平均"), ORANGE),
    "place": (say("the place in the data", "数据读到哪里"), BLUE),
    "random": (say("the random generator", "随机数发生器"), "#7f7f7f"),
}
for without, (name, colour) in LOST.items():
    lost = resumed(RUNS / "checkpoint.pt", without)
    apart = [abs(a - b) for a, b in zip(lost, after, strict=True)]
    right.plot(range(30, 60), [x or math.nan for x in apart], color=colour, label=name)
    print(
        say(
            f"without {name}: losses differ by {apart[0]:.4f} at once, up to {max(apart):.4f} later",
            f"漏掉“{name}”：损失立即相差 {apart[0]:.4f}，之后最多相差 {max(apart):.4f}",
        )
    )
right.set(
    xlabel=say("step", "步数"),
    ylabel=say("difference of the losses", "损失之差"),
    yscale="log",
    title=say("resumed without one entry", "恢复时漏掉一项"),
)
right.legend(framealpha=1, edgecolor="none", loc="lower right")
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# On the left the green line lies on the grey one: nothing was lost. On the right each line shows how far the losses are from
# those of the exact resume (on a logarithmic axis; a difference of 0 has no point). A run whose data start again reads other
# text, so its losses differ at every step.
#
# ## 6. Your run
#
# Does your program give the library's curve? Take the model of section 1 again: the same initial weights, the same rows in the
# same order, your GPT and your loop. While it runs it writes files for **TensorBoard**, a viewer that draws curves while they
# grow: loss, rate, gradient norm, bits per byte on held-out text, and what it generates. In a
# terminal, `tensorboard --logdir runs` shows both runs in one plot. In a notebook, use `%load_ext tensorboard` and
# `%tensorboard --logdir runs`. (The third code cell of this notebook deletes the folder `runs`.)


# %% [markdown] tags=["zh"]
# 左图里绿线压在灰线上：什么也没有丢。右图的每条线是损失与精确恢复时相差多少（对数刻度，差为 0 处没有点）。数据从头再读的那一次，读到的是别的文本，所以每一步的损失都不同。
#
# ## 6. 你的训练
#
# 你的程序能得到和库一样的曲线吗？还是第 1 小节的模型：同样的初始权重，同样的数据、同样的顺序，换成你的 GPT 和你的循环。
# 运行时它会写 **TensorBoard** 日志（TensorBoard 可以一边训练一边画曲线）：
# 损失、学习率、梯度范数、留出文本上的每字节比特数，以及它生成的文本。
# 在终端里运行 `tensorboard --logdir runs`，两次训练会画在同一张图上；在笔记本里则用 `%load_ext tensorboard` 和 `%tensorboard --logdir runs`。
# （这个笔记本的第三个代码单元格会删掉 `runs` 文件夹。）


# %%
model = GPT(CONFIG).to(DEVICE)
model.load_state_dict(from_library(beginning))
optimizer = torch.optim.AdamW(parameter_groups(model, 0.1), betas=(0.9, SETTINGS["beta2"]))
config = TrainConfig(
    steps=SETTINGS["steps"],
    max_lr=SETTINGS["max_lr"],
    min_lr=SETTINGS["max_lr"] / 10,
    warmup=SETTINGS["warmup"],
    accumulation=SETTINGS["accumulation"],
)
writer = SummaryWriter(RUNS / "yours")
norms, bits_at, samples, looking = [], {}, {}, 0.0


def look(done: int) -> None:
    """After `done` updates: what the model writes, and what it needs for the held-out text.
    ---
    做完 `done` 次更新之后：模型写出什么，以及它在留出文本上要用多少比特。
    """
    bits_at[done] = bits_per_byte(model, held_out_rows, held_out_bytes)
    written = generate(model, PROMPT, 50, CONFIG.n_positions, temperature=0.7, seed=done)[0]
    samples[done] = text_of(written)
    writer.add_scalar("held-out/bits_per_byte", bits_at[done], done)
    writer.add_text("sample", f"```\n{samples[done]}\n```", done)


def log(step: int, loss: float, grad_norm: float, lr: float) -> None:
    global looking
    norms.append(grad_norm)
    for name, value in (("train/loss", loss), ("train/grad_norm", grad_norm), ("train/lr", lr)):
        writer.add_scalar(name, value, step + 1)
    if step + 1 in SAMPLE_AT:
        begun = time.perf_counter()
        look(step + 1)
        looking += time.perf_counter() - begun


look(0)
start = time.perf_counter()
batches = Batches(tokens, SETTINGS["batch"], SEQ_LEN)
losses = train(model, optimizer, batches, config, after_step=log)
seconds = time.perf_counter() - start - looking
writer.close()
for step, text in samples.items():
    show(step, text)
print(
    say(
        f"\n{seen:,} tokens in {seconds:.0f} s "
        f"(the Trainer: {library_seconds:.0f} s, with its samples)\n"
        f"held-out text: {bits_at[SETTINGS['steps']]:.2f} bits per byte",
        f"\n{seen:,} 个 token，{seconds:.0f} 秒"
        f"（Trainer：{library_seconds:.0f} 秒，含生成样本的时间）\n"
        f"留出文本：每字节 {bits_at[SETTINGS['steps']]:.2f} 比特",
    )
)


# %%
def smooth(values: list[float], width: int) -> Tensor:
    """The mean of each value and the width - 1 before it.
    ---
    每个值与它前面 width - 1 个值的平均。
    """
    return torch.tensor(values).unfold(0, width, 1).mean(1)


width = max(1, SETTINGS["steps"] // 45)
known = range(width - 1, SETTINGS["steps"])
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6))
left.plot(losses, color=GREY, lw=0.8, label=say("each step, yours", "每一步，你的"))
left.plot(
    known,
    smooth(library_losses, width),
    color=ORANGE,
    lw=5,
    alpha=0.6,
    label=say(f"mean of {width}, Trainer", f"{width} 步平均，Trainer"),
)
left.plot(
    known,
    smooth(losses, width),
    color=BLUE,
    lw=1.5,
    label=say(f"mean of {width}, yours", f"{width} 步平均，你的"),
)
left.axhline(math.log(V), color="grey", ls=":")
at = (SETTINGS["steps"], math.log(V))
no_idea = say("log V: all tokens alike", "log V：所有 token 等可能")
left.annotate(no_idea, at, ha="right", va="bottom", color="grey")
left.set(
    xlabel=say("step", "步数"),
    ylabel=say("nats per token", "nat / token"),
    title=say("training loss", "训练损失"),
)
left.legend(frameon=False)
your_model = say("your model", "你的模型")
right.plot(list(bits_at), list(bits_at.values()), "o-", color=BLUE, label=your_model)
for (name, bits), side in zip(TABLES.items(), ("right", "left"), strict=False):
    right.axhline(bits, color=ORANGE, ls="--", lw=1)
    at = (SETTINGS["steps"] if side == "right" else 0, bits)
    table = say(f"a table of {name}", f"频率表：{name}")
    right.annotate(table, at, ha=side, va="bottom", color=ORANGE)
right.axhline(compressed, color=GREEN, ls="--", lw=1)
at = (SETTINGS["steps"], compressed)
right.annotate("gzip", at, ha="right", va="bottom", color=GREEN)
right.set(
    xlabel=say("step", "步数"),
    ylabel=say("bits per byte", "每字节比特数"),
    title=say("held-out text", "留出文本"),
)
right.legend(frameon=False)
plt.tight_layout()
plt.show()
apart = [abs(a - b) for a, b in zip(losses, library_losses, strict=True)]
mean_apart = sum(apart) / len(apart)
print(
    say(
        f"the curves differ by {mean_apart:.3f} nats on average, {apart[0]:.4f} at the first step",
        f"两条曲线平均相差 {mean_apart:.3f} nat，第一步相差 {apart[0]:.4f}",
    )
)

# %% [markdown] tags=["en"]
# Two programs, one curve. They differ a little because the Trainer is one update behind: its warm-up begins with a rate of 0
# (the dashed line of section 4), so its first update does nothing, and every later rate comes one step late.
#
# Now the right plot; lower is better, and the green line is gzip on the same bytes. With your BPE the model ends a little below the table of pairs. That table has a million cells
# and has read all of the training text. The model has a million parameters and has read about half of it (compare the
# numbers of tokens that the cells have printed). With bytes for tokens the table has 65,536 cells, and the model reads about
# a fifth of the text.
#
# **Which curve to believe.** Judge a model by text that it was not trained on. While a run reads each token at most once, the
# loss of the next batch is also measured before the model has learnt from it, so both curves tell the same here. With many
# epochs the left curve goes on falling while the right one turns up: the model learns its text by heart. Near-duplicates
# between the two texts hide this (see the `data` notebook).
#
# **What the event files hold**, read back with TensorBoard's own reader:


# %% [markdown] tags=["zh"]
# 两个程序，同一条曲线。细微的差别来自 Trainer 慢了一步：它的预热从学习率 0 开始（第 4 小节的虚线），所以第一次更新什么也没做，后面的每个学习率都晚一步。
#
# 再看右图：越低越好，绿线是 gzip 在同样字节上的结果。用你的 BPE，模型最后略低于二元频率表。那张表有一百万格，读过全部训练文本；模型有一百万个参数，
# 大约只读了一半（比较各单元格打印的 token 数）。若以字节为 token，表有 65,536 格，模型大约读到五分之一。
#
# **该信哪条曲线。** 判断模型，要用没有训练过的文本。如果每个 token 至多读一次，那么每一批的损失也是在模型学它之前测的，所以这里两条曲线说的是同一件事。
# 若训练很多个 epoch，左边的曲线还会下降，右边的却会掉头向上：模型在背训练文本。两份文本之间若有近似重复，这一点就看不出来（见 `data` 一节）。
#
# **日志文件里有什么**，用 TensorBoard 自己的读取器读回来：


# %%
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

for run in ("trainer", "yours"):
    events = EventAccumulator(str(RUNS / run)).Reload()
    tags = [tag for tag in events.Tags()["scalars"] if "train/" in tag or "held" in tag]
    print(f"{run:8}", {tag: len(events.Scalars(tag)) for tag in tags})

# %% [markdown] tags=["en"]
# ## 7. Are warm-up and clipping needed?
#
# We train a smaller model at a bold rate (2e-2) four times: with both, without warm-up, without clipping, and with neither.


# %% [markdown] tags=["zh"]
# ## 7. 预热和裁剪是必需的吗？
#
# 换一个更小的模型和一个大胆的学习率（2e-2），训练四次：两样都有，没有预热，没有裁剪，两样都没有。


# %%
def try_out(warmup: int, max_norm: float) -> tuple[list[float], list[float]]:
    """Losses and gradient norms of a small GPT at a bold rate.
    ---
    一个小 GPT 在大胆的学习率下的损失和梯度范数。
    """
    torch.manual_seed(0)
    small = GPT(GPTConfig(V, 32, 3, 4, 64)).to(DEVICE)
    optimizer = torch.optim.AdamW(parameter_groups(small, 0.1), betas=(0.9, 0.95))
    seen_norms = []
    bold = TrainConfig(steps=80, max_lr=2e-2, min_lr=2e-3, warmup=warmup, max_norm=max_norm)
    keep = lambda step, loss, grad_norm, lr: seen_norms.append(grad_norm)  # noqa: E731
    return train(small, optimizer, Batches(tokens, 16, 32), bold, after_step=keep), seen_norms


figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.4))
for name, warmup, max_norm, colour in [
    (say("warm-up and clipping", "预热和裁剪"), 20, 1.0, BLUE),
    (say("no warm-up", "没有预热"), 0, 1.0, ORANGE),
    (say("no clipping", "没有裁剪"), 20, math.inf, GREEN),
    (say("neither", "两样都没有"), 0, math.inf, "#7f7f7f"),
]:
    curve, curve_norms = try_out(warmup, max_norm)
    left.plot(curve, color=colour, lw=1.2, label=name)
    right.plot(curve_norms, color=colour, lw=1.2)
    final, largest = sum(curve[-10:]) / 10, max(curve_norms)
    print(
        say(
            f"{name:22} loss {final:.2f} at the end, largest gradient norm {largest:.1f}",
            f"{name}：最后的损失 {final:.2f}，最大的梯度范数 {largest:.1f}",
        )
    )
right.axhline(1.0, color="grey", ls=":", label=say("max_norm", "裁剪的阈值 max_norm"))
left.set(
    xlabel=say("step", "步数"),
    ylabel=say("loss (nats per token)", "损失（nat / token）"),
    title=say("a bold rate", "大胆的学习率"),
)
right.set(
    xlabel=say("step", "步数"),
    ylabel=say("norm before clipping", "裁剪之前的范数"),
    yscale="log",
    title=say("gradients", "梯度"),
)
left.legend(frameon=False)
right.legend(framealpha=1, edgecolor="none")
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# **You may have expected another answer.** At this size the four runs end close together, and the run with neither need not be
# the worst. Adam divides every gradient by its own average size, so a gradient ten times as long makes a step that is
# hardly longer. What clipping protects is the *averages*: one wild batch would distort them for many steps. Read the two
# plots together: a peak of the loss goes with a peak of the norm, which is why the norm is logged. And one seed
# is one sample: change `torch.manual_seed(0)` before you believe in an order of the four.
#
# Warm-up and clipping are insurance. They cost next to nothing, and nobody runs a large training (a deeper model, larger
# batches, weeks on a cluster) twice to find out whether it needed them.


# %% [markdown] tags=["zh"]
# **答案也许和你预想的不一样。** 在这个规模上，四次训练的终点相差不大，两样都没有的那次也未必最差。
# Adam 会把每个梯度除以它自己平时的大小，所以梯度长十倍，步子也长不了多少。裁剪真正保护的是这些**滑动平均**：一批反常的数据会让它们偏上很多步。
# 两张图要对着看：损失出现尖峰时，梯度范数也有尖峰，这正是要记录范数的原因。还有，一个随机种子只是一次抽样：在相信四者的排名之前，
# 先改一改 `torch.manual_seed(0)`。
#
# 预热和裁剪是一份保险：几乎不花成本；而大规模的训练（更深的模型、更大的批、在集群上跑几周），没有人会为了弄清要不要它们而跑两遍。


# %% [markdown] tags=["en"]
# ## 8. The leaderboard (optional)
#
# The task is the same for everybody. You get **120,000 bytes** of text in a small artificial language, whose words are
# invented for your class, and you may use at most **100,000 parameters**. The grader runs your `leaderboard_train` on one
# core and gives it a minute. What counts is the *weights* that it returns: the grader measures **bits per byte** on other
# text of the same language, which your code never sees, in rows of your `n_positions`. Lower is better. There are no points to win or lose.
#
# You may change everything that a GPT-2 can vary: the sizes (up to 256 positions, 32 layers, 8 heads and a width of 256 that
# the heads divide), the schedule, the batches, and how often the text is read. The embeddings count among the parameters,
# the tied head does not count again. The reference enters with the model that the hidden test of problem 7 trains:
# `GPTConfig(128, 32, 1, 4, 64)` (a vocabulary of 128, 32 positions, 1 layer, 4 heads, width 64). It takes 200 steps of 8 rows;
# the rate rises to 4e-3 in 20 steps of warm-up and falls to 4e-4. (The hidden test takes as many steps and the same two
# rates, but `warmup=60` and `max_norm=5.0`, on 60,000 bytes.) Begin there; it can be beaten. To compare two versions of your
# own, use any text whose bytes are below 128, such as
# `torch.tensor(list("".join(training_documents).encode("ascii", "ignore")[:120_000]))`, and hold out other bytes of it.


# %% [markdown] tags=["zh"]
# ## 8. 排行榜（选做）
#
# 任务人人相同：给你 **120,000 字节**的文本，用的是一种小型人造语言，词是为你们班新造的；参数至多 **100,000** 个。
# 评分器用一个核运行你的 `leaderboard_train`，限时一分钟。算数的是它返回的**权重**：评分器用同一语言的另一段文本（你的代码从没见过）测**每字节比特数**，
# 按你的 `n_positions` 分行，越低越好。它不加分也不扣分。
#
# 凡是 GPT-2 可以变的都可以变：尺寸（至多 256 个位置、32 层、8 个头，宽度至多 256 且能被头数整除）、学习率曲线、批的大小、文本读几遍。
# 嵌入计入参数个数，绑定的输出层不重复计算。参考解参赛用的，就是第 7 题的隐藏测试所训练的那种模型：
# `GPTConfig(128, 32, 1, 4, 64)`（词表 128、32 个位置、1 层、4 个头、宽度 64）。它训练 200 步，每步 8 行；
# 学习率先用 20 步预热升到 4e-3，再降到 4e-4。（隐藏测试的步数和这两个学习率与此相同，但 `warmup=60`、`max_norm=5.0`，文本是 60,000 字节。）
# 不妨从它开始，它是可以超过的。想比较自己的两个版本，随便找一段字节都小于 128 的文本即可，例如
# `torch.tensor(list("".join(training_documents).encode("ascii", "ignore")[:120_000]))`，另留一段不参加训练，用来测。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "leaderboard-solution", "cell_type": "code"}
def leaderboard_train(tokens: Tensor) -> GPT:
    """Your best model of a text, for the leaderboard.

    Args:
        tokens: (120_000,) int64, the bytes of a text in a small artificial language, all below
            128. There is no other text; the model is measured on text of the same language that is
            not given.

    Returns:
        A trained GPT. Its config has vocab_size 128, at most 256 positions, 32 layers, 8 heads and
        d_model 256 (a multiple of n_heads); it has at most 100,000 parameters, embeddings included.
    ---
    你为一段文本训练出的最好的模型，用于排行榜。

    参数：
        tokens: (120_000,) int64，一段人造语言文本的字节，全都小于 128。没有别的文本；
            测试用的是同一语言的另一段，不会给出。

    返回：
        训练好的 GPT。它的 config 里 vocab_size 为 128，至多 256 个位置、32 层、8 个头，d_model
        至多 256（且是 n_heads 的倍数）；参数至多 100,000 个，嵌入计算在内。
    """
    ### BEGIN SOLUTION
    model = GPT(GPTConfig(vocab_size=128, n_positions=32, n_layers=1, n_heads=4, d_model=64))
    config = TrainConfig(steps=200, max_lr=4e-3, min_lr=4e-4, warmup=20)
    optimizer = torch.optim.AdamW(parameter_groups(model, 0.1), betas=(0.9, 0.95))
    train(model, optimizer, Batches(tokens, batch_size=8, seq_len=32), config)
    return model
    ### END SOLUTION


# %% [markdown] tags=["en"]
# ## Summary
#
# - A GPT is trained by predicting the next token: one shift, in one place. Its loss is a code length: bits per byte compare
#   tokenizers on the same text, and a table of pairs is the bar to pass.
# - It begins with no preference (a loss of about log V), and its projections into the stream are scaled by $1/\sqrt{2L}$.
# - The rate rises and falls; step 0 is not wasted. By convention matrices decay and vectors do not.
# - Every target counts the same, however the batch is cut. Clipping only ever shrinks.
# - A checkpoint holds weights, optimiser, step, place in the data and random state. Then resuming is exact, and the file holds data only.
# - Judge a model by text that it has not read.
#
# ## Three questions to think about
#
# 1. Your loop reads less than one epoch. What in the two plots of section 6 would tell you that the model has begun to learn the text by heart?
# 2. Twice the batch and half the steps read the same number of tokens. Which of the two ends lower here, and why might a GPU cluster choose the
#    other? (McCandlish et al. 2018 call the turning point the critical batch size.)
# 3. The model has a million parameters and, with your BPE, reads half a million tokens. Is it too large or too small for its tokens? What do
#    Hoffmann et al. 2022 (section 3) say of the ratio, and what does that mean for 124 million parameters?
#
# ## Today
#
# What this notebook builds is still the core of pretraining. Around it, these are the developments to know, as far as
# they were published by early 2026:
#
# - **Schedules.** The cosine must know the last step in advance. *Warmup-stable-decay* (WSD) keeps the rate constant and
#   decays it only at the end, so that a run can be prolonged (Hu et al. 2024, MiniCPM, section 4; Hägele et al. 2024).
#   Bergsma et al. 2025 recommend a straight line to zero instead of a cosine to a tenth. Yano et al. 2026 find, for models of
#   1 and 8 billion parameters, that training with no decay at all gives the better start for fine-tuning.
# - **Optimisers.** AdamW is still the usual choice. Muon makes the update of a matrix orthogonal (Jordan et al. 2024); Liu et al. 2025
#   (Moonlight) scaled it up, and Kimi K2 (2025) was pretrained with a variant of it.
# - **Rates that transfer.** µP scales initial values and rates with the width, so that a rate found on a small model is still good on a large one
#   (Yang et al. 2022).
# - **Precision and speed.** The loop here is float32. On GPUs the usual choice is **mixed precision** (`torch.autocast` computes
#   most operations in bfloat16, which has 16 bits) together with `torch.compile`. DeepSeek-V3 (2024, section 3.3) computes
#   most of its matrix products in FP8, with 8 bits.
# - **More tokens than Hoffmann et al. advise.** A model that is used a lot is made small and trained long: Llama 3 (Dubey et al. 2024) gave 8 billion
#   parameters 15 trillion tokens.
#
# ## Further reading
#
# - Radford et al. 2019, *Language Models are Unsupervised Multitask Learners*: section 2.
# - Brown et al. 2020, *Language Models are Few-Shot Learners*: appendix B, the training settings of GPT-3.
# - Loshchilov and Hutter 2019, *Decoupled Weight Decay Regularization*: section 2. And 2017, *SGDR*: section 3.
# - Goyal et al. 2017, *Accurate, Large Minibatch SGD*: section 2.2, warm-up.
# - Pascanu et al. 2013, *On the difficulty of training recurrent neural networks*: section 3.2, clipping.
# - Dao et al. 2022, *FlashAttention*: section 3.1.
# - Delétang et al. 2023, *Language Modeling Is Compression*: section 3.
# - Hoffmann et al. 2022, *Training Compute-Optimal Large Language Models*: section 3.


# %% [markdown] tags=["zh"]
# ## 小结
#
# - 训练 GPT 就是预测下一个 token：只错开一位，只在一处。损失是一种编码长度：在同一段文本上，每字节比特数可以跨分词器比较；二元频率表是及格线。
# - 它从没有偏好的状态（损失约为 log V）开始，写入残差流的投影按 $1/\sqrt{2L}$ 缩小。
# - 学习率先升后降，第 0 步不浪费。按惯例，矩阵衰减，向量不衰减。
# - 无论一批怎么切，每个目标的分量都一样。裁剪只会缩小。
# - 检查点包含权重、优化器、步数、数据位置和随机状态：这样恢复才逐比特相同，而且文件里只有数据。
# - 用没读过的文本来判断模型。
#
# ## 三个思考题
#
# 1. 你的训练连一个 epoch 都没读完。第 6 小节的两张图里，出现什么情况说明模型开始背书了？
# 2. 每批大小加倍、步数减半，读的 token 总数不变。在这里哪种最后的损失更低？GPU 集群为什么可能选另一种？（McCandlish 等 2018 把转折点称为临界批大小。）
# 3. 模型有一百万参数，用你的 BPE 读五十万个 token：对这些 token 来说，模型是太大还是太小？Hoffmann 等 2022（第 3 节）说合适的比例是多少？
#    对 1.24 亿参数又意味着什么？
#
# ## 如今
#
# 这一节写的仍是预训练的核心。在它周围，截至 2026 年初发表的、值得知道的进展有：
#
# - **学习率曲线。** 余弦必须事先知道最后一步。**预热—稳定—衰减**（WSD）让学习率保持不变，只在最后才降，训练因此可以延长
#   （Hu 等 2024，MiniCPM，第 4 节；Hägele 等 2024）。Bergsma 等 2025 建议沿直线降到零，而不是沿余弦降到十分之一。
#   Yano 等 2026 在 10 亿和 80 亿参数的模型上发现，学习率完全不衰减，模型更适合接着微调。
# - **优化器。** 最常用的仍是 AdamW。Muon 把矩阵的更新变成正交的（Jordan 等 2024）；Liu 等 2025（Moonlight）把它用到了大模型上，
#   Kimi K2（2025）的预训练用的就是它的一个变体。
# - **可以迁移的学习率。** µP 让初始值和学习率随宽度缩放，在小模型上找到的学习率，到大模型上仍然合适（Yang 等 2022）。
# - **精度与速度。** 这里的循环用 float32。在 GPU 上通常用**混合精度**（mixed precision：由 `torch.autocast` 把大部分运算换成 16 位的 bfloat16），
#   再加 `torch.compile`。DeepSeek-V3（2024，3.3 节）的大部分矩阵乘法用 8 位的 FP8 计算。
# - **比 Hoffmann 等的建议多得多的 token。** 使用频繁的模型会做得小一些、训练得久一些：Llama 3（Dubey 等 2024）的 80 亿参数模型训练了 15 万亿个 token。
#
# ## 延伸阅读
#
# - Radford 等 2019，《Language Models are Unsupervised Multitask Learners》：第 2 节。
# - Brown 等 2020，《Language Models are Few-Shot Learners》：附录 B，GPT-3 的训练设置。
# - Loshchilov 与 Hutter 2019，《Decoupled Weight Decay Regularization》：第 2 节；2017，《SGDR》：第 3 节。
# - Goyal 等 2017，《Accurate, Large Minibatch SGD》：2.2 节，预热。
# - Pascanu 等 2013，《On the difficulty of training recurrent neural networks》：3.2 节，裁剪。
# - Dao 等 2022，《FlashAttention》：3.1 节。
# - Delétang 等 2023，《Language Modeling Is Compression》：第 3 节。
# - Hoffmann 等 2022，《Training Compute-Optimal Large Language Models》：第 3 节。
