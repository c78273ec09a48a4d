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
# You have clean text and a tokenizer. Now the kind of program that every language model is trained by: a GPT-2 written to be fast, and a training
# loop of your own: loss, schedule, clipping, accumulation, checkpoints. It is about a hundred lines, and it is the
# same for one million parameters on this laptop and for a hundred million on a GPU. PyTorch's functions are allowed (`F.cross_entropy`,
# `clip_grad_norm_` too), as long as the docstring is kept in every case.
#
# **You will be able to**
# - write GPT-2 with fused attention, a tied head and its own initialisation, and take over weights from Hugging Face;
# - say what a loss means: nats per token, bits per byte, and what a table of pairs of tokens (bigrams) would reach;
# - write a training step that accumulates ragged micro-batches exactly, and a schedule that is right at every step;
# - stop a run anywhere and go on so that nobody can tell, to the bit;
# - read loss, gradient norm and samples while a model learns.
#
# **Time** about four hours. Running everything takes under three minutes on two CPU cores.
#
# **You need** lab 02 (you know GPT-2 from the inside). If your `tokenizer` notebook stands in the same folder, its BPE is used here.
# Two later notebooks, `pretrain_bert` and `continued`, train with the loop that you write now.


# %% [markdown] tags=["zh"]
# # 实验 04，第 4 个 notebook：预训练一个 GPT
#
# 干净的文本有了，分词器也有了。现在来写训练出每个语言模型的那种程序：一个为速度而写的 GPT-2，
# 和一个自己写的训练循环：损失、学习率曲线、梯度裁剪、梯度累积、检查点。一共百来行；在这台笔记本上训练一百万参数，和在 GPU 上训练一亿参数，用的是同一份代码。
# PyTorch 的函数都可以用（包括 `F.cross_entropy` 和 `clip_grad_norm_`），只要在每种情形下都符合 docstring。
#
# **学完之后，你能够**
# - 写出带融合注意力、权重绑定（weight tying）和专门初始化的 GPT-2，并直接装载 Hugging Face 的权重；
# - 说清损失的含义：每个 token 多少 nat，每个字节多少比特，一张二元（bigram）频率表又能做到多少；
# - 写出能精确累积大小不一的 micro-batch 的训练步，以及逐步准确的学习率曲线；
# - 在任意位置停下再接着跑，一个比特都不差，谁也看不出中断过；
# - 在模型学习的过程中读懂损失、梯度范数和生成的样本。
#
# **时间** 约四小时。全部单元格在两个 CPU 核上跑一遍不到三分钟。
#
# **预备** 实验 02（你已亲手写过 GPT-2）。如果你的 `tokenizer` notebook 在同一文件夹里，这里就用你的 BPE。
# 后面的 `pretrain_bert` 和 `continued` 两个 notebook，用的就是你现在要写的循环。


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
profile = "cpu"  # or "gpu": GPT-2 (124 million parameters) on FineWeb-Edu from the hub, on one CUDA card with 24 GB

# %%
import shutil
import time

import matplotlib.pyplot as plt
import transformers
from torch.utils.tensorboard import SummaryWriter
from transformers import GPT2Config, GPT2LMHeadModel, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

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
SEQ_LEN = SETTINGS["n_positions"] - 1  # a row of n_positions tokens has one less to predict
BLUE, ORANGE, GREY, GREEN = "#1f77b4", "#ff7f0e", "#d9d9d9", "#2ca02c"

transformers.logging.set_verbosity_error()
torch.set_float32_matmul_precision("high")  # TF32 where there is a GPU
plots.style()
shutil.rmtree("runs", ignore_errors=True)  # of an earlier run of this notebook
RUNS = Path("runs")

# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# The text: a sample (3 MB) of Python's own standard library, cut into pieces; we take those with a function in them. Their order is shuffled, and the first twentieth is **held out**:
# no model here is trained on it, and every figure that we believe comes from it. What is held out are pieces, not whole files: for most, other pieces of the same file are trained on, and their names are known.


# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# 文本取自 Python 自己的标准库：抽样 3 MB，切成片段，只用含函数的。顺序已经打乱，最前面的二十分之一**留出**：这里没有一个模型在它上面训练，
# 凡是用来下结论的数字，都是在它上面测的。留出的是片段而不是整个文件：其中多数片段，同一文件里有别的片段参与了训练，那里的名字模型是见过的。


# %%
END = "<|endoftext|>"


def read_documents() -> tuple[list[str], list[str]]:
    """Documents to train on, and documents that are held out."""
    if profile == "gpu":
        from datasets import load_dataset

        stream = load_dataset("HuggingFaceFW/fineweb-edu", "sample-10BT", split="train", streaming=True)
        documents = [row["text"] for row in stream.take(220_000)]  # about 200 million tokens
    else:
        documents = [document for document in corpora.load("code", 3_000_000) if "def " in document]
    n_held_out = min(len(documents) // 20, 5_000)
    return documents[n_held_out:], documents[:n_held_out]


def make_tokenizer(documents: list[str]) -> tuple[Callable[[str], list[int]], list[bytes]]:
    """From text to ids, and the bytes of each id: by your BPE, or, as long as there is none, byte by byte."""
    if profile == "gpu":
        from transformers import AutoTokenizer

        gpt2 = AutoTokenizer.from_pretrained("openai-community/gpt2")
        # Its tokens are written with a printable character for each byte: 0 is Ā, 32 is Ġ, 65 is A.
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = (byte for byte in range(256) if byte not in printable)
        bytes_of = {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}
        written = gpt2.convert_ids_to_tokens(range(len(gpt2)))
        return gpt2.encode, [bytes(bytes_of[character] for character in token) for token in written]
    try:
        yours = labkit.notebook("tokenizer")
        vocab, merges = yours.train_bpe(END.join(documents)[:1_000_000], SETTINGS["vocab_size"], [END])
        print(f"your own BPE, {len(vocab):,} tokens, trained on the first million characters")
        return yours.Tokenizer(vocab, merges, [END]).encode, [vocab[token] for token in range(len(vocab))]
    except (FileNotFoundError, AttributeError, NotImplementedError):
        print("bytes for tokens: with your tokenizer notebook beside this one, a token is worth about three of them")
        return lambda text: list(text.replace(END, "\0").encode()), [bytes([byte]) for byte in range(256)]


training_documents, held_out_documents = read_documents()
encode, pieces = make_tokenizer(training_documents)
tokens, held_out = (
    torch.cat([torch.tensor(encode(END + document)) for document in documents]).to(DEVICE)
    for documents in (training_documents, held_out_documents)
)
V, START = len(pieces), int(tokens[0])
print(corpora.sources("code"))
print(
    f"{len(tokens):,} tokens to train on, {sum(len(pieces[i]) for i in tokens.tolist()) / len(tokens):.2f} bytes each"
)


def text_of(ids: Tensor) -> str:
    """The text of ids (T,)."""
    return b"".join(pieces[token] for token in ids.tolist()).decode(errors="replace").replace(END, "\n")


# %% tags=["export"]
def windows(tokens: Tensor, length: int) -> Tensor:
    """(N,) -> (M, length + 1): pieces that overlap by one token, so that each token but the first is predicted once."""
    n = (len(tokens) - 1) // length
    return tokens[: n * length + 1].unfold(0, length + 1, length)


class Batches:
    """Inputs and targets from one long text: every window once per epoch, in an order that (seed, epoch) decide.

    Its whole state is two numbers, so a checkpoint can say where in the data it stands.
    """

    def __init__(self, tokens: Tensor, batch_size: int, seq_len: int, seed: int = 0) -> None:
        """Raises ValueError when `tokens` (N,) int64 do not fill one batch."""
        self.rows, self.batch_size, self.seed = windows(tokens, seq_len), batch_size, seed
        if len(self.rows) < batch_size:
            raise ValueError(f"{len(tokens)} tokens do not fill a batch of {batch_size} x {seq_len}")
        self.epoch, self.position = 0, 0

    def next_rows(self) -> Tensor:
        """(batch_size, seq_len + 1) int64."""
        if self.position + self.batch_size > len(self.rows):
            self.epoch, self.position = self.epoch + 1, 0
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)
        order = torch.randperm(len(self.rows), generator=generator)
        chosen = order[self.position : self.position + self.batch_size]
        self.position += self.batch_size
        return self.rows[chosen.to(self.rows.device)]

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """inputs and targets, (batch_size, seq_len) each, by your inputs_and_targets (section 3)."""
        return inputs_and_targets(self.next_rows())

    def state_dict(self) -> dict[str, int]:
        """Where in the data it stands."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Goes on from there."""
        self.epoch, self.position = state["epoch"], state["position"]


# %% [markdown] tags=["en"]
# And the model: Hugging Face's GPT-2, with random weights, trained by Hugging Face's `Trainer`. At some steps we let it write.


# %% [markdown] tags=["zh"]
# 模型是 Hugging Face 的 GPT-2，权重随机，用 Hugging Face 的 `Trainer` 训练。训练到某几步时，让它写一段。


# %%
SAMPLE_AT = (0, 50, 150, SETTINGS["steps"] // 2, SETTINGS["steps"])
PROMPT = torch.tensor([[START, *encode("def")]], device=DEVICE)  # no space: it belongs to the token after it


class Stream(torch.utils.data.IterableDataset):
    """The rows of the training text, in the order of Batches."""

    def __iter__(self):
        batches = Batches(tokens, SETTINGS["batch"], SEQ_LEN)
        while True:
            for row in batches.next_rows():
                labels = row.clone()  # the same tokens: transformers' models shift the labels themselves
                labels[0] = -100  # nobody predicts it; but the Trainer would count it, and divide by 64 for 63 losses
                yield {"input_ids": row, "labels": labels}


def show(step: int, text: str) -> None:
    print(f"\033[1mstep {step}\033[0m  " + text.removeprefix("\n").replace("\n", "\n         "))


class Writer(TrainerCallback):
    """Lets the model write at the steps of SAMPLE_AT."""

    def on_step_end(self, args, state, control, model, **_):
        if state.global_step in SAMPLE_AT:
            options = {"do_sample": True, "temperature": 0.7, "pad_token_id": START}
            show(state.global_step, text_of(model.eval().generate(PROMPT, max_new_tokens=50, **options)[0]))
            model.train()


def train_library(model: GPT2LMHeadModel) -> list[float]:
    """Trains by Hugging Face's Trainer; returns the loss of each step."""
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
        resid_pdrop=0.0,  # no dropout: less than one epoch, nothing to overfit
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=START,
        eos_token_id=None,
    )
).to(DEVICE)
beginning = {name: value.clone() for name, value in library.transformer.state_dict().items()}
show(0, text_of(library.eval().generate(PROMPT, max_new_tokens=50, do_sample=True, pad_token_id=START)[0]))
start = time.perf_counter()
library_losses = train_library(library)
library_seconds = time.perf_counter() - start
seen = SETTINGS["steps"] * SETTINGS["accumulation"] * SETTINGS["batch"] * SEQ_LEN
print(f"\n{library.num_parameters():,} parameters, {seen:,} tokens, {library_seconds:.0f} s")
print(f"loss {library_losses[0]:.2f} at first, {sum(library_losses[-10:]) / 10:.2f} at the end")

# %% [markdown] tags=["en"]
# From noise to words to something with the shape of Python: names, parentheses, colons, indented lines, a `self.` here and there. Nonsense, but Python's
# kind of nonsense. Nobody told it that there are functions. All it ever did was predict the next token, and be corrected.
#
# By the end of this notebook the line `trainer.train()` is yours: the same model, the same text, your own loop, and the same curve.
#
# ## 2. A GPT to be trained
#
# In lab 02 you wrote GPT-2 to understand it. This one has the same mathematics (pre-norm blocks, learned positions, GELU) and three differences that matter when
# it is run a million times:
#
# - **one product for q, k and v.** `c_attn` maps $d \to 3d$; all queries come first, then all keys, then all values. Three small matrix products become one large one.
# - **fused attention.** `F.scaled_dot_product_attention(q, k, v, is_causal=True)` never writes the $(B, H, T, T)$ weights to memory (Dao et al. 2022).
# - **a tied head** (weight tying). The logits are the products with the rows of the embedding, so the largest matrix is there once.
#
# And it **begins** in the right place. Every matrix is drawn with a standard deviation of 0.02. But $2L$ projections add to the residual stream, and the variance of a sum of independent terms is the sum of their variances: with
# $0.02/\sqrt{2L}$ for those (`c_proj`, in attention and MLP), the stream is as large at the end of a deep model as in a shallow one (Radford et al. 2019, section 2.3). A model that begins undecided has a
# first loss of about $\log V$ (a little less where tokens repeat: a tied head favours the token that it has just read). Look at the beginning of *your* curves: it is the cheapest test there is.


# %% [markdown] tags=["zh"]
# 从噪声到单词，再到有 Python 模样的东西：名字、括号、冒号、缩进，时不时冒出一个 `self.`。内容不知所云，样子却是 Python。没有人告诉过它世上有函数。
# 它所做的只是预测下一个 token，然后被纠正。
#
# 到这个 notebook 结束时，`trainer.train()` 这一行就是你写的了：同样的模型，同样的文本，你自己的循环，同样的曲线。
#
# ## 2. 一个用来训练的 GPT
#
# 在实验 02 里，你写 GPT-2 是为了弄懂它。这里的数学完全一样（pre-norm、可学习的位置、GELU），但有三处不同，跑上百万遍时就显出分量了：
#
# - **q、k、v 只做一次矩阵乘法。** `c_attn` 把 $d$ 映射到 $3d$：先是全部 query，再是全部 key，最后是全部 value。三个小乘法合成一个大乘法。
# - **融合的注意力。** `F.scaled_dot_product_attention(q, k, v, is_causal=True)` 从不把 $(B, H, T, T)$ 的权重写进内存（Dao 等 2022）。
# - **共享的输出矩阵**（权重绑定，weight tying）。logits 就是与 embedding 各行的内积，最大的那个矩阵只存一份。
#
# 它还要从正确的地方**开始**。每个矩阵以标准差 0.02 随机生成。但有 $2L$ 个投影往残差流里加东西，而相互独立的项相加，和的方差等于方差之和：
# 把这些投影（注意力和 MLP 里的 `c_proj`）的标准差取为 $0.02/\sqrt{2L}$，深模型末尾的残差流就和浅模型一样大（Radford 等 2019，2.3 节）。
# 对一切没有偏好的模型，初始损失约为 $\log V$（token 常常重复的文本会略低：绑定的输出矩阵偏向刚读到的那个 token）。看一眼**你的**曲线的开头：这是最便宜的测试。


# %% tags=["export"]
@dataclass(frozen=True)
class GPTConfig:
    """The sizes of a GPT. Without arguments: bytes as tokens, 0.8 million parameters."""

    vocab_size: int = 256
    n_positions: int = 128
    n_layers: int = 4
    n_heads: int = 4
    d_model: int = 128


# %% [markdown] tags=["en"]
# ### Problem 6 (7 points): `CausalSelfAttention`, `GPT` and `generate`
#
# The MLP and the block are as in lab 02, and given. The names of the parameters are those of Hugging Face's GPT-2, so that weights can move both ways.
#
# **The pitfalls.** Head $h$ owns the $h$-th $D = d/H$ columns *of each third* of `c_attn`'s output. `nn.Linear` and `nn.Embedding` come with initial values of their own: an embedding drawn from $N(0, 1)$, used as a head, makes a first
# loss of 50 and more. And `generate` must leave no trace: dropout is off while it writes and on again afterwards, and its draws do not come from the generator that training uses.


# %% [markdown] tags=["zh"]
# ### 第 6 题（7 分）：`CausalSelfAttention`、`GPT` 和 `generate`
#
# MLP 和 block 与实验 02 相同，已给出。参数的名字与 Hugging Face 的 GPT-2 一致，权重可以双向搬运。
#
# **本节的坑。** 第 $h$ 个头拥有的是 `c_attn` 输出的**每个三分之一**里的第 $h$ 组列，每组 $D = d/H$ 列。`nn.Linear` 和 `nn.Embedding` 自带初始值：
# embedding 若取自 $N(0, 1)$，再拿来当输出矩阵，初始损失会有 50 甚至更高。还有，`generate` 不能留下痕迹：写的时候关掉 dropout，写完恢复；抽样用的随机数不能取自训练用的发生器。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "gpt-attention-solution", "cell_type": "code"}
class CausalSelfAttention(nn.Module):
    """Multi-head attention to oneself and the past, with one matrix product for queries, keys and values.

    Attributes:
        c_attn: nn.Linear(d_model, 3 * d_model): queries, then keys, then values; head h owns the h-th D columns of
            each, D = d_model / n_heads.
        c_proj: nn.Linear(d_model, d_model).
        n_heads: int.

    Source: Radford et al. 2019 (GPT-2); Dao et al. 2022, FlashAttention, section 3.1, for the fused kernel.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.n_heads = config.n_heads
        self.c_attn = nn.Linear(config.d_model, 3 * config.d_model)
        self.c_proj = nn.Linear(config.d_model, config.d_model)
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model), by F.scaled_dot_product_attention."""
        ### BEGIN SOLUTION
        qkv = self.c_attn(x).unflatten(-1, (3, self.n_heads, -1))  # (B, T, 3, H, D)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, D)
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(heads.transpose(1, 2).flatten(2))
        ### END SOLUTION


# %% tags=["export"]
class MLP(nn.Module):
    """GPT-2's feed-forward network: d_model -> 4 d_model -> d_model, with the tanh form of GELU."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.c_fc = nn.Linear(config.d_model, 4 * config.d_model)
        self.c_proj = nn.Linear(4 * config.d_model, config.d_model)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model)."""
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    """One pre-norm layer."""

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
    """GPT-2 without dropout. The parameters have the names of transformers' GPT2Model, and there are no others: the head
    is F.linear(x, wte.weight), not a module.

    Attributes:
        config: GPTConfig.
        wte: nn.Embedding(vocab_size, d_model), of tokens; it also makes the logits.
        wpe: nn.Embedding(n_positions, d_model), of positions.
        h: nn.ModuleList of n_layers Blocks.
        ln_f: nn.LayerNorm(d_model), after the last of them.

    Source: Radford et al. 2019, Language Models are Unsupervised Multitask Learners, section 2.3.
    """

    def __init__(self, config: GPTConfig) -> None:
        """Every matrix, the two embeddings included, begins normal with standard deviation 0.02; those that write into
        the residual stream (every `c_proj`) with 0.02 / sqrt(2 n_layers). Biases begin at 0, norms at weight 1 and bias 0.
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
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * config.n_layers) if into_the_stream else 0.02)
        ### END SOLUTION

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) int64 -> logits (B, T, vocab_size). Raises ValueError when T is larger than n_positions."""
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
    """Continues each row by n_new tokens, drawn from softmax(logits / temperature) one after the other.

    Args:
        model: (B, T) int64 -> logits (B, T, V). It works in eval mode, and is afterwards in the mode it was in before.
        ids: (B, T) int64, T >= 1.
        context: the model is shown the last `context` tokens at most.
        temperature: 0 takes the likeliest token.
        seed: of the draws. They come from a generator of their own: PyTorch's global one, which training uses, stays as it is.

    Returns:
        (B, T + n_new) int64.
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
# **The real thing.** The model of section 1, in your class. Hugging Face's GPT-2 stores its matrices as (in, out), the transpose of `nn.Linear`'s; else nothing needs to be said.


# %% [markdown] tags=["zh"]
# **来真的。** 把第 1 节训练好的模型装进你的类。Hugging Face 的 GPT-2 把矩阵存成 (输入, 输出)，是 `nn.Linear` 的转置；除此之外什么都不用改。


# %%
def from_library(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The parameters of transformers' GPT2Model for your GPT."""
    return {name: value.T if ".c_" in name and value.dim() == 2 else value for name, value in state.items()}


CONFIG = GPTConfig(V, *(SETTINGS[name] for name in ("n_positions", "n_layers", "n_heads", "d_model")))
mine = GPT(CONFIG).to(DEVICE)
mine.load_state_dict(from_library(library.transformer.state_dict()))
rows = windows(held_out, SEQ_LEN)[:8]
with torch.no_grad():
    expected, logits = library.eval()(rows).logits, mine.eval()(rows)
print(
    f"largest difference of the logits {(logits - expected).abs().max():.1e} of values up to {expected.abs().max():.0f}"
)
print("yours continues:", text_of(generate(mine, PROMPT, 50, CONFIG.n_positions, temperature=0.7, seed=1)[0]).strip())

# %% [markdown] tags=["en"]
# **What the fused kernel saves.** Attention by hand writes $T \times T$ numbers for each head, reads them again for the softmax, and keeps them for the backward pass:


# %% [markdown] tags=["zh"]
# **融合内核省下了什么。** 手写的注意力要为每个头写出 $T \times T$ 个数，做 softmax 时再读一遍，还得留到反向传播：


# %%
def by_hand(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool, device=q.device).triu(1)
    return scores.masked_fill(future, -math.inf).softmax(-1) @ v


def fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def milliseconds(attend: Callable[[Tensor, Tensor, Tensor], Tensor], length: int) -> float:
    """Of one forward and backward pass; the fastest of five."""
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
for name, attend, colour in [("by hand", by_hand, ORANGE), ("fused", fused, BLUE)]:
    times = [milliseconds(attend, length) for length in lengths]
    axes.plot(lengths, times, "o-", color=colour, label=name)
    print(f"{name:8} " + "  ".join(f"T={length}: {ms:.1f} ms" for length, ms in zip(lengths, times, strict=True)))
axes.set(xscale="log", yscale="log", xlabel="T", ylabel="ms", title="attention, forward and backward")
axes.set_xticks(lengths, lengths)
axes.minorticks_off()
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# ## 3. What is learnt: the loss
#
# A row of $T + 1$ tokens holds $T$ exercises: read the first $t$, predict the next. **One shift**, made once, when the data is prepared:
#
# ```
# row       The  cat  sat  on  the  mat
# inputs    The  cat  sat  on  the
# targets   cat  sat  on   the mat
# ```
#
# Forget it and the model learns to repeat what it reads: the loss falls towards 0 within some dozens of steps, which is *implausible*, and that is how one notices. Make it twice (data *and* loss: Hugging Face's models shift
# inside) and it learns to predict the token after the next: the loss falls, only not as far, which is how one does **not** notice.
#
# The loss is the mean of $-\log p(\text{target})$ over the targets that **count**: those that are $-100$ do not (padding, and in `pretrain_bert` all tokens but the masked ones).
#
# $$-\log \mathrm{softmax}(z)_y = \log\sum_j e^{z_j} - z_y,\qquad \log\sum_j e^{z_j} = m + \log\sum_j e^{z_j - m},\quad m = \max_j z_j.$$
#
# **Nats per token cannot be compared** between tokenizers: longer tokens are harder to predict, but there are fewer of them. What can be compared is the length of the text in compressed form,
# **bits per byte**: $\frac{1}{\ln 2}\,\frac{\text{sum of the losses}}{\text{bytes of the text}}$. Blind guessing costs 8 where the tokens are bytes, and
# $\log_2 1024 = 10$ bits per token of your BPE: at 2.7 bytes each, 3.7 per byte. gzip reaches 2 to 3 on text. A language model is a compressor (Delétang et al. 2023).
#
# What would a table reach? Count single tokens, or pairs of them (bigrams). A model that is worse than pairs has learnt nothing that needs attention.


# %% [markdown] tags=["zh"]
# ## 3. 学什么：损失
#
# 一行 $T + 1$ 个 token 里有 $T$ 道题：读前 $t$ 个，预测下一个。**只错开一位**，而且只在准备数据时做一次：
#
# ```
# 一行      The  cat  sat  on  the  mat
# 输入      The  cat  sat  on  the
# 目标      cat  sat  on   the mat
# ```
#
# 忘了错开，模型学的就是复述：几十步之内损失就跌向 0，这**不合常理**，所以很容易发现。错开两次（数据里一次，损失里又一次：Hugging Face 的模型内部会错开），
# 模型学的就是预测下下个 token：损失照样下降，只是降不到那么低，所以**不**容易发现。
#
# 损失是 $-\log p(\text{目标})$ 对**有效**目标的平均：等于 $-100$ 的不算（填充；在 `pretrain_bert` 里，除了被遮住的 token，其余都不算）。
#
# $$-\log \mathrm{softmax}(z)_y = \log\sum_j e^{z_j} - z_y,\qquad \log\sum_j e^{z_j} = m + \log\sum_j e^{z_j - m},\quad m = \max_j z_j.$$
#
# **每个 token 的 nat 数不能跨分词器比较**：token 越长越难预测，但个数也越少。能比较的是文本压缩之后的长度，即**每字节比特数**：
# $\frac{1}{\ln 2}\,\frac{\text{损失之和}}{\text{文本的字节数}}$。瞎猜的话，以字节为 token 时每字节 8 比特；
# 用你的 BPE，每个 token 要 $\log_2 1024 = 10$ 比特，而它平均有 2.7 个字节，合每字节 3.7 比特。gzip 在文本上能做到 2 到 3。语言模型就是压缩器（Delétang 等 2023）。
#
# 一张表能做到多少？数单个 token 的频率，或者数相邻两个 token（二元，bigram）的频率。连二元频率表都不如的模型，什么需要注意力的东西都没学到。


# %%
held_out_rows = windows(held_out, SEQ_LEN)[:128]
held_out_bytes = sum(len(pieces[token]) for token in held_out_rows[:, 1:].flatten().tolist())


def bits_by_counts(pairs: bool) -> float:
    """Bits per byte of the held-out rows by the counts of the training text: of single tokens, or of pairs."""
    single = torch.bincount(tokens, minlength=V).double() + 0.1
    chances = (single / single.sum()).expand(V, V)
    if pairs:  # a pair that was rarely seen is worth what its second token is worth alone
        table = torch.bincount(tokens[:-1] * V + tokens[1:], minlength=V * V).view(V, V).double()
        chances = (table + 20 * chances) / (table.sum(1, keepdim=True) + 20)
    return -chances[held_out_rows[:, :-1], held_out_rows[:, 1:]].log2().sum().item() / held_out_bytes


TABLES = {"single tokens": bits_by_counts(False)}
if V < 5_000:  # a table of all pairs of GPT-2's tokens would take 20 GB
    TABLES["pairs of tokens"] = bits_by_counts(True)
print(f"{held_out_rows[:, 1:].numel():,} held-out tokens, {held_out_bytes:,} bytes")
for name, bits in TABLES.items():
    print(f"{name:16} {bits:.2f} bits per byte")

# %% [markdown] tags=["en"]
# ### Problem 7, first part: `inputs_and_targets`, `cross_entropy`, `bits_per_byte`
#
# Problem 7 (11 points) is the whole loop; its check cell stands at the end of section 5. Until then, `labkit.check("gpt-loop")` in a cell of your own shows what is right already.


# %% [markdown] tags=["zh"]
# ### 第 7 题，第一部分：`inputs_and_targets`、`cross_entropy`、`bits_per_byte`
#
# 第 7 题（11 分）是整个训练循环，检查单元格在第 5 节末尾。在那之前，随时可以在自己的单元格里运行 `labkit.check("gpt-loop")`，看看哪些已经对了。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "loss-solution", "cell_type": "code"}
IGNORE = -100


def inputs_and_targets(rows: Tensor) -> tuple[Tensor, Tensor]:
    """What the model reads and what it should predict. This is the only place where anything is shifted.

    Args:
        rows: (B, T + 1) int64.

    Returns:
        inputs (B, T) and targets (B, T): targets[:, t] is the token after inputs[:, t].
    """
    ### BEGIN SOLUTION
    return rows[:, :-1], rows[:, 1:]
    ### END SOLUTION


def cross_entropy(logits: Tensor, targets: Tensor, ignore_index: int = IGNORE) -> Tensor:
    """The mean of -log softmax(logits)[target] over the targets that count. Nothing is shifted here.

    PyTorch's own loss may be used; mind what it gives where no target counts.

    Args:
        logits: (B, T, V), of any size: log-sum-exp must not overflow.
        targets: (B, T) int64; those that equal ignore_index do not count.

    Returns:
        A scalar, in nats per target; 0, with gradients of 0, where no target counts.
    """
    ### BEGIN SOLUTION
    counts = targets != ignore_index
    log_probs = logits.log_softmax(-1)  # of all tokens, by log-sum-exp; one kernel, forward and backward
    chosen = log_probs.gather(-1, targets.masked_fill(~counts, 0).unsqueeze(-1)).squeeze(-1)
    return -chosen.masked_fill(~counts, 0.0).sum() / counts.sum().clamp(min=1)
    ### END SOLUTION


def bits_per_byte(model: nn.Module, ids: Tensor, n_bytes: int) -> float:
    """How many bits the model needs for each byte of a text; comparable between tokenizers.

    Args:
        model: (B, T) int64 -> logits (B, T, V). It works in eval mode, and is afterwards in the mode it was in before.
        ids: (N, T + 1) int64. The first token of a row is only read; all others are predicted. N may be large: a few
            rows at a time are enough for the memory.
        n_bytes: how many bytes the predicted tokens stand for.

    Returns:
        -sum(log2 p) / n_bytes.
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
# The model of section 1, measured. The last line is the test for a forgotten shift: asked to *repeat* what it reads, a model that was trained to predict does badly.


# %% [markdown] tags=["zh"]
# 量一量第 1 节的模型。最后一行专查“忘了错开”：学预测的模型，你让它**复述**读到的内容，它做得很差。


# %%
print(f"the trained model {bits_per_byte(mine, held_out_rows, held_out_bytes):.2f} bits per byte")
print(f"an untrained one  {bits_per_byte(GPT(CONFIG).to(DEVICE), held_out_rows, held_out_bytes):.2f}")
with torch.no_grad():
    answers = cross_entropy(mine(held_out_rows[:16, :-1]), held_out_rows[:16, :-1])
print(
    f"asked to repeat what it reads: {answers:.2f} nats per token (log V = {math.log(V):.2f}); without the shift, near 0"
)

# %% [markdown] tags=["en"]
# ## 4. One step
#
# **The rate.** Adam divides by the square root of an average of squared gradients, which it has hardly begun to collect: the first updates are full steps in directions of chance. So the rate rises over some *warm-up* steps; then it falls along half
# a cosine, from steps that explore to steps that settle. What goes wrong here is always off by one: an update with rate 0 does nothing, a warm-up that ends one step late never reaches the top.
# Count from 0: step 0 has $\frac{1}{\text{warmup}}$ of the maximum, step $\text{warmup}-1$ all of it.
#
# **What decays.** AdamW pulls each weight towards 0 at every step. A matrix can afford it; a norm's gain, whose job is to be 1, or a bias cannot. The usual rule counts **dimensions**: two or more decay.
#
# **Accumulation.** A batch that does not fit into memory goes through in pieces, whose gradients add up before *one* update. With $n_k$ targets that count in piece $k$, and $L_k$ the mean loss there:
#
# $$L = \frac{\sum_k n_k L_k}{\sum_k n_k}\qquad\text{and not}\qquad \frac1K\sum_k L_k.$$
#
# The two agree only when all pieces are alike. For years the second stood in libraries that everybody used: it was pointed out in 2021, and mended in October 2024.
#
# **Clipping.** Now and then one batch has a gradient ten times as long as usual. If the norm of **all** gradients together exceeds `max_norm`, all are multiplied by $\text{max\_norm}/\text{norm}$: the direction stays. If it does not, nothing happens: clipping only
# ever shrinks.


# %% [markdown] tags=["zh"]
# ## 4. 一步更新
#
# **学习率。** Adam 要除以“梯度平方的滑动平均”的平方根，可一开始这个平均还没攒出什么：最初几步是朝着偶然的方向迈大步。所以学习率先用若干步 **warm-up** 升上去，
# 再沿半个余弦降下来，从大步探索过渡到小步收敛。这里出的错总是差一步：学习率为 0 的更新什么也不做；warm-up 晚一步结束，就永远到不了最高点。
# 从 0 开始数：第 0 步是最大值的 $\frac{1}{\text{warmup}}$，第 $\text{warmup}-1$ 步就是最大值。
#
# **哪些参数衰减。** AdamW 每一步都把权重往 0 拉一点。矩阵经得起；归一化的增益（它的本职就是等于 1）和 bias 经不起。通行做法是数**维数**：二维及以上的才衰减。
#
# **累积。** 内存放不下的 batch 分几份过，梯度加在一起之后做**一次**更新。第 $k$ 份有 $n_k$ 个有效目标，平均损失为 $L_k$：
#
# $$L = \frac{\sum_k n_k L_k}{\sum_k n_k}\qquad\text{而不是}\qquad \frac1K\sum_k L_k.$$
#
# 只有各份完全一样大时两者才相等。后一种写法在人人都用的库里待了好几年：2021 年就有人指出，到 2024 年 10 月才改正。
#
# **裁剪。** 偶尔会有一个 batch 的梯度比平时长十倍。如果**所有**梯度合在一起的范数超过 `max_norm`，就把它们全部乘以 $\text{max\_norm}/\text{norm}$：方向不变。
# 没有超过，就什么也不做：裁剪只会缩小。


# %% [markdown] tags=["en"]
# ### Problem 7, second part: `lr_schedule`, `parameter_groups`, `clip_gradients`, `train_step`


# %% [markdown] tags=["zh"]
# ### 第 7 题，第二部分：`lr_schedule`、`parameter_groups`、`clip_gradients`、`train_step`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "step-solution", "cell_type": "code"}
def lr_schedule(step: int, max_lr: float, warmup: int, total: int, min_lr: float) -> float:
    """The learning rate of update number `step`, counted from 0: up in a line, down in half a cosine.

    step 0 has max_lr / warmup (an update with rate 0 would be wasted), step warmup - 1 has max_lr, and so has step warmup,
    where the cosine begins; step total, and every later one, has min_lr. warmup = 0: no warm-up.

    Source: Loshchilov and Hutter 2017, SGDR, section 3; Goyal et al. 2017, section 2.2, for the warm-up.
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
        [{"params": [...], "weight_decay": weight_decay}, {"params": [...], "weight_decay": 0.0}]. The first has the
        trainable parameters with two or more dimensions (embeddings too), the second the others (biases, norms). A
        parameter that the model uses in several places is there once; a frozen one is not there.

    Source: Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization, section 2.
    """
    ### BEGIN SOLUTION
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trainable if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.dim() < 2], "weight_decay": 0.0},
    ]
    ### END SOLUTION


def clip_gradients(model: nn.Module, max_norm: float) -> float:
    """Shrinks all gradients by one factor, so that their norm (as one long vector) is at most max_norm.

    Returns:
        The norm before. Gradients whose norm is below max_norm stay as they are. (nn.utils.clip_grad_norm_ may be used.)

    Source: Pascanu et al. 2013, On the difficulty of training recurrent neural networks, section 3.2.
    """
    ### BEGIN SOLUTION
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients])).item()
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
    """One update, in train mode, from the mean loss over ALL targets that count in all micro-batches.

    Gradients of earlier updates are cleared first; those of this one stay, clipped, in `.grad`.
    Their gradients add up one micro-batch at a time, so that only one needs memory; the update is the one that a single
    batch of all of them would give, also when they differ in size or in how many targets count.

    Args:
        micro_batches: inputs and targets, (B, T) int64 each; B and T may differ from one to the next.
        lr: the learning rate of THIS update, in every group.
        max_norm: for clip_gradients; math.inf clips nothing.

    Returns:
        The loss before the update, in nats per target (0 where none counts), and the norm of the gradients before clipping.
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
left.plot(rates, color=BLUE)
left.axvspan(0, warmup, color=GREY, alpha=0.5, lw=0)
left.axvline(steps, color=GREY)
left.set(
    xlabel="step", ylabel="rate / max_lr", ylim=(0, 1.05), title=f"warm-up over {warmup} steps, cosine to step {steps}"
)
few = range(6)
right.plot(few, [lr_schedule(step, 1.0, 4, 40, 0.1) for step in few], "o-", color=BLUE, label="yours")
right.plot(few, [min(step / 4, 1.0) for step in few], "o--", color=ORANGE, label="step / warmup: step 0 is wasted")
right.set(xlabel="step", ylim=(-0.55, 1.08), yticks=[0, 0.5, 1], title="the first steps, warmup = 4")
right.legend(frameon=False, loc="lower right")
plt.tight_layout()
plt.show()
print(f"the last update, number {steps - 1}, has {rates[steps - 1]:.4f} of the maximum, later ones {rates[steps]:.1f}")

# %% [markdown] tags=["en"]
# **Accumulation, seen.** The same sixteen rows, whole and in ragged pieces, in your step and with the mean of means:


# %% [markdown] tags=["zh"]
# **亲眼看看累积。** 同样的十六行，一整份、分成大小不一的几份，用你的训练步，以及用“均值的均值”：


# %%
def gradient_of(micro_batches: list[tuple[Tensor, Tensor]], weigh: bool) -> Tensor:
    """The gradient (as one vector) by your train_step, or by the mean of the micro-batches' means."""
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
targets[9:, 20:] = IGNORE  # the last rows are short documents
cuts = [(0, 9), (9, 14), (14, 16)]
pieces_of_it = [(inputs[a:b], targets[a:b]) for a, b in cuts]
whole = gradient_of([(inputs, targets)], weigh=True)
for name, weigh in (("your train_step", True), ("the mean of means", False)):
    error = (gradient_of(pieces_of_it, weigh) - whole).norm() / whole.norm()
    print(f"{name:18} differs from the full batch by {error:.1e} of its length")

# %% [markdown] tags=["en"]
# ## 5. The loop, and how to stop it
#
# With these parts the loop is six lines. What makes it a *program* is that it may be stopped: a machine is taken away, a job runs into its time limit, a loss goes to NaN and one wants to go back. A **checkpoint** is all that changes while it runs:
#
# | | forget it, and |
# |---|---|
# | the weights | … |
# | AdamW's two averages | the first steps after resuming are those of a beginner: a bump in the curve |
# | the number of updates done | the schedule starts with the warm-up again |
# | the place in the data | the same text again; the rest is never read |
# | the random generator (on a GPU, CUDA's) | dropout draws other units: nearly the same, and never reproducible |
#
# The proof is not "the curve looks fine". It is **to the bit**: $2k$ steps, against $k$ steps, a new process, $k$ more.
#
# **Safe files.** `torch.load` by default refuses everything but tensors and plain containers (`weights_only=True`). Unpickling anything else runs code of whoever wrote the file: never set it to False for a file you did not write. And a file that is being
# overwritten when the machine dies is no checkpoint at all: write under another name, then rename.
#
# ### Problem 7, third part: `train`, `save_checkpoint`, `load_checkpoint`


# %% [markdown] tags=["zh"]
# ## 5. 循环，以及怎样停下它
#
# 有了这些部件，循环只有六行。它之所以算得上一个**程序**，在于它可以停：机器被收走、作业超时、损失变成 NaN 想要退回去。**检查点**（checkpoint）就是运行中会变化的一切：
#
# | | 忘了它，就会 |
# |---|---|
# | 权重 | …… |
# | AdamW 的两组滑动平均 | 恢复后的头几步像新手一样：曲线上鼓一个包 |
# | 已完成的更新次数 | 学习率又从 warm-up 开始 |
# | 数据读到哪里 | 同样的文本再读一遍，剩下的永远读不到 |
# | 随机数发生器（在 GPU 上是 CUDA 的） | dropout 抽到别的单元：结果差不多，但再也无法复现 |
#
# 证明不是“曲线看着没问题”，而是**一个比特都不差**：连续跑 $2k$ 步，对比跑 $k$ 步、换一个新进程、再跑 $k$ 步。
#
# **安全的文件。** `torch.load` 默认只接受张量和普通容器（`weights_only=True`）。反序列化其他任何东西，都等于运行写文件的人的代码：不是自己写的文件，绝不要设成 False。
# 另外，覆盖到一半断电，检查点就毁了：先用别的名字写，再改名。
#
# ### 第 7 题，第三部分：`train`、`save_checkpoint`、`load_checkpoint`


# %% tags=["export"]
@dataclass(frozen=True)
class TrainConfig:
    """What a run needs to know besides model, optimizer and data; steps, warmup and accumulation are counts."""

    steps: int
    max_lr: float = 1e-3
    min_lr: float = 1e-4
    warmup: int = 0
    accumulation: int = 1  # micro-batches per update
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
    """Runs the updates number start to stop - 1 of a run of config.steps, and returns their losses.

    Each update takes config.accumulation batches from batches.next_batch(), and its rate from lr_schedule.

    Args:
        stop: None for config.steps.
        after_step: called after each update with (step, loss, grad_norm, lr): log, sample and save there.
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
    path: str | Path, model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches, step: int
) -> None:
    """Writes all that is needed to go on as if nothing had happened: of the model, the optimizer and the batches their
    state_dict(), the number of updates done (`step`), and the state of PyTorch's random generator (dropout draws from it;
    on a GPU from CUDA's, so their states too, where there are any).

    The file at `path` is complete at every moment: written under another name first, then renamed.
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


def load_checkpoint(path: str | Path, model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches) -> int:
    """Brings model, optimizer, batches and random generators to where save_checkpoint found them.

    Returns:
        The number of updates done: where `train` should start.

    Raises:
        pickle.UnpicklingError: the file holds something other than tensors, numbers, strings and containers of them. (Any
            object could run code while it is read.)
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
# **Stopped and resumed.** A small model with dropout. The run dies after 30 of 60 updates; another one, begun with other random weights, has nothing but the file. To see what the entries of the table are for, we also leave out three of them, one at a time. (A loss is measured *before* its update:
# without AdamW's averages the first loss is still the same.)


# %% [markdown] tags=["zh"]
# **停下，再接着跑。** 一个带 dropout 的小模型。跑到 60 次更新的第 30 次时中断；另一个只拿到这个文件，初始权重另行随机生成。为了看清表里各项的用处，我们再挑其中三项，每次漏掉一项。（损失是在更新**之前**测的：丢了 AdamW 的滑动平均，第一个损失仍然相同。）


# %%
def new_run(seed: int) -> tuple[nn.Module, torch.optim.Optimizer, Batches]:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Embedding(V, 64), nn.Dropout(0.1), nn.Linear(64, 128), nn.GELU(), nn.Linear(128, V))
    model.to(DEVICE)
    return model, torch.optim.AdamW(parameter_groups(model, 0.1), betas=(0.9, 0.95)), Batches(tokens, 8, 32)


def resumed(path: Path, without: str | None = None) -> list[float]:
    """The losses after resuming, with one of the entries lost."""
    model, optimizer, batches = new_run(seed=2)
    fresh = optimizer.state_dict()
    done = load_checkpoint(path, model, optimizer, batches)
    if without == "AdamW's averages":
        optimizer.load_state_dict(fresh)
    if without == "the place in the data":
        batches = Batches(tokens, 8, 32)
    if without == "the random generator":
        torch.manual_seed(7)
    return train(model, optimizer, batches, short, start=done)


short = TrainConfig(steps=60, max_lr=1e-2, min_lr=1e-3, warmup=6)
straight = train(*new_run(seed=1), short)
first = new_run(seed=1)
before = train(*first, short, stop=30)
save_checkpoint(RUNS / "checkpoint.pt", *first, step=30)
del first
after = resumed(RUNS / "checkpoint.pt")
print(f"before the stop the same to the bit: {before == straight[:30]}; after it: {after == straight[30:]}")

figure, axes = plt.subplots(figsize=(8, 3.2))
axes.plot(straight, color=GREY, lw=6, label="never stopped")
axes.plot(before, color=BLUE, label="30 updates, then stopped")
axes.plot(range(30, 60), after, color=GREEN, label="resumed")
axes.axvline(29.5, color=GREY, ls=":")
axes.set(xlabel="step", ylabel="loss", title="one run, with and without a break")
axes.legend(frameon=False)
plt.show()
for without in ("AdamW's averages", "the place in the data", "the random generator"):
    lost = resumed(RUNS / "checkpoint.pt", without)
    apart = [abs(a - b) for a, b in zip(lost, after, strict=True)]
    print(f"without {without:22} the losses differ by {apart[0]:.4f} at once, by up to {max(apart):.4f} later")

# %% [markdown] tags=["en"]
# ## 6. Your run
#
# The model of section 1 again: the same initial weights, the same rows in the same order, your GPT and your loop. While it runs it writes to **TensorBoard** (loss, rate, gradient norm, bits per byte on held-out text, and what it
# writes). In a terminal, `tensorboard --logdir runs` shows both runs in one plot; in a notebook, `%load_ext tensorboard` and `%tensorboard --logdir runs`.


# %% [markdown] tags=["zh"]
# ## 6. 你的训练
#
# 还是第 1 节的模型：同样的初始权重，同样的数据、同样的顺序，换成你的 GPT 和你的循环。运行时它会写 **TensorBoard** 日志（损失、学习率、梯度范数、留出文本上的每字节比特数，以及它写出的文本）。
# 在终端里运行 `tensorboard --logdir runs`，两次训练会画在同一张图上；在 notebook 里则是 `%load_ext tensorboard` 和 `%tensorboard --logdir runs`。


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
    """After `done` updates: what the model writes, and what it needs for the held-out text."""
    bits_at[done] = bits_per_byte(model, held_out_rows, held_out_bytes)
    samples[done] = text_of(generate(model, PROMPT, 50, CONFIG.n_positions, temperature=0.7, seed=done)[0])
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
losses = train(model, optimizer, Batches(tokens, SETTINGS["batch"], SEQ_LEN), config, after_step=log)
seconds = time.perf_counter() - start - looking
writer.close()
for step, text in samples.items():
    show(step, text)
print(f"\n{seen:,} tokens in {seconds:.0f} s (the Trainer: {library_seconds:.0f} s, its samples included)")
print(f"held-out text: {bits_at[SETTINGS['steps']]:.2f} bits per byte")


# %%
def smooth(values: list[float], width: int) -> Tensor:
    """The mean of each value and the width - 1 before it."""
    return torch.tensor(values).unfold(0, width, 1).mean(1)


width = max(1, SETTINGS["steps"] // 45)
known = range(width - 1, SETTINGS["steps"])
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6))
left.plot(losses, color=GREY, lw=0.8, label="each step")
left.plot(known, smooth(library_losses, width), color=ORANGE, lw=5, alpha=0.6, label=f"mean of {width}, Trainer")
left.plot(known, smooth(losses, width), color=BLUE, lw=1.5, label=f"mean of {width}, yours")
left.axhline(math.log(V), color=GREY, ls=":")
left.annotate("log V: no idea", (SETTINGS["steps"], math.log(V)), ha="right", va="bottom", color="grey")
left.set(xlabel="step", ylabel="nats per token", title="training loss")
left.legend(frameon=False)
right.plot(list(bits_at), list(bits_at.values()), "o-", color=BLUE)
for (name, bits), side in zip(TABLES.items(), ("right", "left"), strict=False):
    right.axhline(bits, color=ORANGE, ls="--", lw=1)
    at = SETTINGS["steps"] if side == "right" else 0
    right.annotate(f"a table of {name}", (at, bits), ha=side, va="bottom", color=ORANGE)
right.set(xlabel="step", ylabel="bits per byte", title="held-out text")
plt.tight_layout()
plt.show()
apart = [abs(a - b) for a, b in zip(losses, library_losses, strict=True)]
print(f"the two curves differ by {sum(apart) / len(apart):.3f} nats on average, by {apart[0]:.4f} at the first step")

# %% [markdown] tags=["en"]
# Two programs, one curve. Where they differ, the Trainer is one update behind: its warm-up begins with a rate of 0 (the dashed line of section 4), so that its first update does nothing, and the others come one step later.
#
# And the right plot: with your BPE the model has passed the table of pairs, if not by much. That table has a million cells and has read all of the text; the model has a million parameters and has read half of it.
# (With bytes for tokens the table has 65,536 cells, and the model reads a fifth.)
#
# **The training text proves nothing.** A model is judged by text that it has never read; that is why the right plot is the one to look at. Here each token was seen once at most, so both would agree; with many epochs the left curve goes on falling while the
# right one turns up.
#
# **What the event files hold**, read back with TensorBoard's own reader:


# %% [markdown] tags=["zh"]
# 两个程序，同一条曲线。有差别的地方，是 Trainer 慢了一步：它的 warm-up 从学习率 0 开始（第 4 节的虚线），所以第一次更新什么也没做，后面的都晚了一步。
#
# 再看右图：用你的 BPE，模型超过了二元频率表，虽然超得不多。那张表有一百万格，读过全部文本；模型有一百万个参数，只读了一半。（若以字节为 token，表只有 65,536 格，模型读到五分之一。）
#
# **训练文本上的数字证明不了什么。** 判断模型要用它从没读过的文本，所以该看的是右图。这里每个 token 至多见过一次，两者会一致；多训几个 epoch，左边的曲线还在下降，右边的已经掉头向上了。
#
# **日志文件里有什么**，用 TensorBoard 自己的读取器读回来：


# %%
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

for run in ("trainer", "yours"):
    events = EventAccumulator(str(RUNS / run)).Reload()
    print(
        f"{run:8}",
        {tag: len(events.Scalars(tag)) for tag in events.Tags()["scalars"] if "train/" in tag or "held" in tag},
    )

# %% [markdown] tags=["en"]
# ## 7. Are warm-up and clipping needed?
#
# A smaller model and a rate that is bold, four times: with both, without warm-up, without clipping, with neither.


# %% [markdown] tags=["zh"]
# ## 7. warm-up 和裁剪是必需的吗？
#
# 换一个更小的模型和一个大胆的学习率，训练四次：两样都有，没有 warm-up，没有裁剪，两样都没有。


# %%
def try_out(warmup: int, max_norm: float) -> tuple[list[float], list[float]]:
    """Losses and gradient norms of a small GPT at a bold rate."""
    torch.manual_seed(0)
    small = GPT(GPTConfig(V, 32, 3, 4, 64)).to(DEVICE)
    optimizer = torch.optim.AdamW(parameter_groups(small, 0.1), betas=(0.9, 0.95))
    seen_norms = []
    bold = TrainConfig(steps=80, max_lr=2e-2, min_lr=2e-3, warmup=warmup, max_norm=max_norm)
    after_step = lambda step, loss, grad_norm, lr: seen_norms.append(grad_norm)  # noqa: E731
    return train(small, optimizer, Batches(tokens, 16, 32), bold, after_step=after_step), seen_norms


figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.4))
for name, warmup, max_norm, colour in [
    ("warm-up and clipping", 20, 1.0, BLUE),
    ("no warm-up", 0, 1.0, ORANGE),
    ("no clipping", 20, math.inf, GREEN),
    ("neither", 0, math.inf, "#7f7f7f"),
]:
    curve, curve_norms = try_out(warmup, max_norm)
    left.plot(curve, color=colour, lw=1.2, label=name)
    right.plot(curve_norms, color=colour, lw=1.2)
    print(f"{name:22} loss {sum(curve[-10:]) / 10:.2f} at the end, largest gradient norm {max(curve_norms):.1f}")
left.set(xlabel="step", ylabel="loss", title="a bold rate")
right.set(xlabel="step", ylabel="norm before clipping", yscale="log", title="gradients")
left.legend(frameon=False)
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# **Not the answer one expects.** At this size the four runs end close together, and the one with neither need not be the worst. Adam divides every gradient by the average size of its own, so a gradient ten times as long makes a step that is hardly longer;
# what clipping protects is the *averages*, from one wild batch. Read the two plots together: where the loss has a peak, the norm has one, too, which is why the norm is logged at all. And one seed is one seed: change `torch.manual_seed(0)` before you believe in an order of the four.
#
# Warm-up and clipping are insurance. They cost next to nothing, and the runs that need them (deeper models, larger batches, weeks on a cluster) are not run twice to find out.


# %% [markdown] tags=["zh"]
# **答案和你预想的不一样。** 在这个规模上，四次训练的终点相差不大，两样都没有的那次也未必最差。Adam 会把每个梯度除以它自己平时的大小，所以梯度长十倍，步子也长不了多少；
# 裁剪真正保护的是这些**滑动平均**，免得被一个反常的 batch 带偏。两张图要对着看：损失出现尖峰的地方，梯度范数也有尖峰，这正是要记录范数的原因。还有，一个随机种子只是一次抽样：在相信四者的排名之前，先改一改 `torch.manual_seed(0)`。
#
# warm-up 和裁剪是一份保险：几乎不花成本；而真正需要它们的训练（更深的模型、更大的 batch、在集群上跑几周），没有人会为了验证而跑两遍。


# %% [markdown] tags=["en"]
# ## 8. The leaderboard (optional)
#
# The same for everybody: **120,000 bytes** of text in a language that is made up anew for the class, and at most **100,000 parameters**. Your `leaderboard_train` is run by the grader on one core and has a minute; what counts is the *weights* that it returns,
# on text of the same language that your code never saw: **bits per byte**, lower is better. Nothing else is left to your word. It costs and earns no points.
#
# Everything that a GPT-2 may be is allowed: its sizes (up to 256 positions, 32 layers, 8 heads), the schedule, the batches, how often the text is read. The reference enters with the model that the hidden test of problem 7 trains: `GPTConfig(128, 32, 1, 4, 64)` (32 positions, 1 layer, 4 heads, width 64),
# 200 steps of 8 rows, a rate of 4e-3 falling to 4e-4 after 20 steps of warm-up. Begin there; it can be beaten. To try two versions against each other, any text will do whose bytes are below 128, such as
# `torch.tensor(list("".join(training_documents).encode("ascii", "ignore")[:120_000]))`, with other bytes of it held out.


# %% [markdown] tags=["zh"]
# ## 8. 排行榜（选做）
#
# 规则人人相同：**120,000 字节**的文本，语言是为全班新造的；参数至多 **100,000** 个。评分器用一个核运行你的 `leaderboard_train`，限时一分钟；
# 算数的是它返回的**权重**，在你的代码从没见过的同一语言的文本上测**每字节比特数**，越低越好。除此之外你说什么都不算数。它不扣分也不加分。
#
# 凡是 GPT-2 可以变的都可以变：尺寸（至多 256 个位置、32 层、8 个头）、学习率曲线、batch、文本读几遍。参考解交的就是第 7 题的隐藏测试所训练的模型：`GPTConfig(128, 32, 1, 4, 64)`（32 个位置、1 层、4 个头、宽度 64），训练 200 步，每步 8 行，
# 学习率先用 20 步 warm-up 升到 4e-3，再降到 4e-4。不妨从它开始，它并不难超越。想比较自己的两个版本，随便找一段字节都小于 128 的文本即可，例如
# `torch.tensor(list("".join(training_documents).encode("ascii", "ignore")[:120_000]))`，另留一段不参加训练，用来测。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "leaderboard-solution", "cell_type": "code"}
def leaderboard_train(tokens: Tensor) -> GPT:
    """Your best model of a text, for the leaderboard.

    Args:
        tokens: (120_000,) int64, the bytes of an English-like text, all below 128. There is no other text.

    Returns:
        A trained GPT with vocab_size 128 and at most 100,000 parameters, 256 positions, 32 layers and 8 heads.
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
# - A GPT is trained by predicting the next token: one shift, in one place. The loss is a length: bits per byte compare across tokenizers, and a table of pairs is the bar.
# - It begins undecided (about log V), with projections into the stream scaled by $1/\sqrt{2L}$.
# - The rate rises and falls; step 0 is not wasted. Matrices decay, vectors do not.
# - Every target counts the same, however the batch is cut. Clipping only ever shrinks.
# - A checkpoint holds weights, optimiser, step, data and randomness: then resuming is exact, and the file holds data only.
# - Judge a model by text that it has not read.
#
# ## Three questions to think about
#
# 1. Your loop reads less than one epoch. What in the two plots of section 6 would tell you that the model has begun to learn the text by heart?
# 2. Twice the batch, half the steps: the same tokens. Which of the two ends lower here, and why might a GPU cluster choose the other? (McCandlish et al. 2018 call the turning point the critical batch size.)
# 3. A million parameters and, with your BPE, half a million tokens: is the model too large or too small for its tokens? What do Hoffmann et al. 2022 (section 3) say of the ratio, and what does that mean for 124 million parameters?
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
# - 训练 GPT 就是预测下一个 token：只错开一位，只在一处。损失是一种长度：每字节比特数可以跨分词器比较，二元频率表是及格线。
# - 它从没有偏好的状态（约 log V）开始，写入残差流的投影按 $1/\sqrt{2L}$ 缩小。
# - 学习率先升后降，第 0 步不浪费。矩阵衰减，向量不衰减。
# - 无论 batch 怎么切，每个目标的分量都一样。裁剪只会缩小。
# - 检查点包含权重、优化器、步数、数据位置和随机状态：这样恢复才一个比特都不差，而且文件里只有数据。
# - 用没读过的文本来判断模型。
#
# ## 三个思考题
#
# 1. 你的训练连一个 epoch 都没读完。第 6 节的两张图里，出现什么情况说明模型开始背书了？
# 2. batch 加倍、步数减半，token 总数不变。在这里哪种最后的损失更低？GPU 集群为什么可能选另一种？（McCandlish 等 2018 把转折点称为临界 batch size。）
# 3. 一百万参数，五十万 token（用你的 BPE）：对这些 token 来说，模型是太大还是太小？Hoffmann 等 2022（第 3 节）说合适的比例是多少？对 1.24 亿参数又意味着什么？
#
# ## 延伸阅读
#
# - Radford 等 2019，《Language Models are Unsupervised Multitask Learners》：第 2 节。
# - Brown 等 2020，《Language Models are Few-Shot Learners》：附录 B，GPT-3 的训练设置。
# - Loshchilov 与 Hutter 2019，《Decoupled Weight Decay Regularization》：第 2 节；2017，《SGDR》：第 3 节。
# - Goyal 等 2017，《Accurate, Large Minibatch SGD》：2.2 节，warm-up。
# - Pascanu 等 2013，《On the difficulty of training recurrent neural networks》：3.2 节，裁剪。
# - Dao 等 2022，《FlashAttention》：3.1 节。
# - Delétang 等 2023，《Language Modeling Is Compression》：第 3 节。
# - Hoffmann 等 2022，《Training Compute-Optimal Large Language Models》：第 3 节。
