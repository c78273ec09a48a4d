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
# # Lab 04, notebook 6: continued pretraining
#
# Pretraining from scratch is expensive, so no one does it if they can avoid it. A model that knows English is **continued** on Chinese, on code, on medicine, on last year's news: the same loss, the same loop, other text. It learns
# the new text, and it loses some of the old. In this notebook you measure both on a real model, SmolLM2, and write two things that keep the loss of the old small: replay, and a learning rate that rises again slowly.
#
# **You will be able to**
# - measure a model's loss on English, Chinese and code, and say why losses per token cannot be compared across texts;
# - mix replay into a new domain at an exact ratio, in a stream that can be stopped and resumed;
# - say what re-warming is, why a finished model needs it, and what it costs;
# - report continued pretraining honestly: gain and forgetting, both on held-out text, both in the same unit.
#
# **Time** about two hours. Running everything takes about two minutes on two CPU cores.
#
# **You need** notebook 4 of this lab (the training loop). Nothing is imported from it: this notebook stands alone. 4 GB of free memory, no GPU. (`profile = "gpu"` continues all of Llama 3.1 8B on one card with 80 GB: section 8.)
#
# **How it works** Cells with `# YOUR CODE HERE` are yours. The check cell tries a few small cases at once; the score comes from other, hidden tests. All other cells just run.

# %% [markdown] tags=["zh"]
# # 实验 04，第 6 节：继续预训练
#
# 从零预训练很贵，能不做就没有人做。一个会英文的模型，可以在中文、代码、医学或者去年的新闻上**继续**预训练：同样的损失，同样的循环，换一批文本。它会学到新的，也会丢掉一些旧的。
# 在这个笔记本里，你要在真实的模型 SmolLM2 上把得与失都测出来，并写出两样减少损失的东西：回放（replay），以及慢慢重新升上去的学习率。
#
# **学完之后，你能够**
# - 测出一个模型在英文、中文和代码上的损失，并说清为什么不同文本之间不能比较“每 token 的损失”；
# - 按精确的比例把回放混进新领域的数据流，而且这个流可以随时停下再接着走；
# - 说清什么是重新预热（re-warming），训练完的模型为什么需要它，代价又是什么；
# - 诚实地报告继续预训练的结果：收益与遗忘，都在留出文本上测，用同一个单位。
#
# **时间** 约两小时。全部单元格在两个 CPU 核上跑一遍约两分钟。
#
# **预备知识** 本实验的第 4 节（训练循环）。这里不从它导入任何东西，可以单独运行。4 GB 空闲内存，不需要 GPU。（`profile = "gpu"` 会在一张 80 GB 的卡上继续训练整个 Llama 3.1 8B，见第 8 小节。）
#
# **做法** 带 `# YOUR CODE HERE` 的单元格由你来写。检查单元格会立刻试几个小例子；最终得分来自另外的隐藏测试。其余单元格直接运行即可。

# %% tags=["export"]
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import labkit

# %%
profile = "cpu"  # or "gpu"

# %%
import os
import time
import zlib

import matplotlib.pyplot as plt
import transformers
from datasets import Dataset, interleave_datasets, load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM
from transformers import get_cosine_with_min_lr_schedule_with_warmup as library_schedule

from labkit import corpora, plots
from labkit.models import load_tokenizer, smollm2_folder

SETTINGS = {
    "cpu": {
        "trained": 6,
        "start": "<|endoftext|>",
        "seq_len": 64,
        "batch": 4,
        "steps": 10,
        "warmup": 3,
        "max_lr": 1e-4,
        "held_out": 6,
        "pool": 30,
    },
    "gpu": {
        "trained": None,
        "start": "<|begin_of_text|>",
        "seq_len": 2048,
        "batch": 4,
        "steps": 2000,
        "warmup": 40,
        "max_lr": 2e-5,
        "held_out": 64,
        "pool": 8000,
    },
}[profile]
DEVICE, DTYPE = {"cpu": ("cpu", torch.float32), "gpu": ("cuda", torch.bfloat16)}[profile]
BLUE, ORANGE, GREY, GREEN = "#1f77b4", "#ff7f0e", "#d9d9d9", "#2ca02c"
TEXTS = {"en": say("English", "英文"), "zh": say("Chinese", "中文"), "code": say("code", "代码")}
COLOURS = {"en": GREEN, "zh": BLUE, "code": ORANGE}

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
plots.style()

# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# SmolLM2 was trained on English and on code. (The lab's copy is the Instruct version: after pretraining it was fine-tuned on conversations.) We take three held-out texts, that is, texts that we shall not train on,
# and measure its loss on each: English (sayings and manuals), Chinese (the documents of the corpus that are mostly Chinese characters) and Python.
#
# On a CPU we train the last layers only. This saves time: what the frozen layers below compute for a row of tokens never changes, so it is computed **once** and kept. `Continued` does that; from
# outside it is just `model(ids) -> logits`.

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# SmolLM2 是用英文和代码训练的。（实验里用的是 Instruct 版：预训练之后又在对话上微调过。）取三种留出文本，也就是后面不会拿来训练的文本，看它在每种上的损失：英文（格言和手册）、中文（语料中以汉字为主的文档）、Python。
#
# 在 CPU 上只训练最后几层，这也带来一个好处：下面那些冻结的层对同一行 token 算出来的东西永远不变，所以只算**一次**，存下来就行。`Continued` 就是这么做的；从外面看，它就是 `model(ids) -> logits`。

# %%


def documents(lang: str) -> list[str]:
    """Text to train on and to hold out, in documents.
    ---
    用来训练和留出的文本，一篇一篇的文档。
    """
    if profile == "cpu":
        found = corpora.load(lang, 2_000_000)
        if lang != "zh":
            return found
        return [text for text in found if sum("一" <= sign <= "鿿" for sign in text) > len(text) / 2]
    name, subset, field = {
        "en": ("HuggingFaceFW/fineweb", "sample-10BT", "text"),
        "zh": ("HuggingFaceFW/fineweb-2", "cmn_Hani", "text"),
        "code": ("codeparrot/codeparrot-clean", None, "content"),
    }[lang]
    stream = load_dataset(name, subset, split="train", streaming=True)
    return [row[field] for row in stream.take(60_000)]


def rows_of(texts: list[str], n_rows: int) -> Tensor:
    """(n_rows, seq_len + 1): the beginning of the texts, with a mark before each text.

    Consecutive rows overlap by one token, so that every token is predicted once.
    ---
    (n_rows, seq_len + 1)：这些文本的开头，每篇文本前有一个标记。

    相邻两行重叠一个 token，这样每个 token 恰好被预测一次。
    """
    start, length, ids = tokenizer.convert_tokens_to_ids(SETTINGS["start"]), SETTINGS["seq_len"], []
    for text in texts:
        ids += [start, *tokenizer(text, add_special_tokens=False)["input_ids"]]
        if len(ids) > n_rows * length:
            stream = torch.tensor(ids[: n_rows * length + 1], device=DEVICE)
            return stream.unfold(0, length + 1, length)
    raise ValueError(say(f"the texts do not fill {n_rows} rows", f"文本不够填满 {n_rows} 行"))


class Continued(nn.Module):
    """A Hugging Face Llama as model(ids) -> logits; its last `n_trained` layers are trained.

    With n_trained = None, all layers are trained.

    Where layers are frozen, two things save time. What the frozen layers compute for a row never
    changes: it is computed when the row comes for the first time, and kept. And with gradients,
    only the tokens of `in_use` get a logit; without gradients all tokens do.
    ---
    一个 Hugging Face 的 Llama，当作 model(ids) -> logits；只训练最后 `n_trained` 层。

    n_trained 为 None 时训练所有层。

    有冻结的层时，用两个办法省时间。冻结的层对同一行算出来的东西永远不变：这一行第一次出现时算好，存下来。
    另外，需要梯度时只给 `in_use` 里的 token 算 logits；不需要梯度时给所有 token 算。
    """

    in_use: Tensor  # (n,) int64

    def __init__(self, llama: nn.Module, n_trained: int | None) -> None:
        super().__init__()
        self.llama, self.n_trained, self.known = llama, n_trained, {}
        llama.requires_grad_(n_trained is None)
        if n_trained is not None:
            llama.model.layers[-n_trained:].requires_grad_(True)
            llama.model.norm.requires_grad_(True)

    def through(self, layers: nn.ModuleList, x: Tensor) -> Tensor:
        positions = self.llama.model.rotary_emb(x, torch.arange(x.shape[1], device=x.device)[None])
        for layer in layers:
            x = layer(x, position_embeddings=positions)
        return x

    def forward(self, ids: Tensor) -> Tensor:
        if self.n_trained is None:
            return self.llama(ids, use_cache=False).logits.float()
        layers = self.llama.model.layers
        below, above = layers[: -self.n_trained], layers[-self.n_trained :]
        keys = [tuple(row) for row in ids.tolist()]
        new = [index for index, key in enumerate(keys) if key not in self.known]
        if new:
            with torch.no_grad():
                states = self.through(below, self.llama.model.embed_tokens(ids[new]))
            self.known.update(zip((keys[index] for index in new), states, strict=True))
        x = self.through(above, torch.stack([self.known[key] for key in keys]))
        x, head = self.llama.model.norm(x), self.llama.lm_head.weight
        if not torch.is_grad_enabled():
            return x @ head.T
        logits = x.new_full((*ids.shape, len(head)), -1e4)
        return logits.index_copy(2, self.in_use, x @ head[self.in_use].T)


def load(weights: str | os.PathLike) -> Continued:
    """The model of a folder (or of the hub), ready to be continued.
    ---
    文件夹里（或 hub 上）的模型，可以接着训练。
    """
    llama = AutoModelForCausalLM.from_pretrained(weights, dtype=DTYPE).to(DEVICE)
    if profile == "gpu":
        llama.activation_checkpointing_enable()
    return Continued(llama, SETTINGS["trained"])


WEIGHTS = {
    "cpu": smollm2_folder(),
    "gpu": os.environ.get("LLAMA_FOLDER", "meta-llama/Llama-3.1-8B"),
}[profile]
tokenizer = load_tokenizer() if profile == "cpu" else AutoTokenizer.from_pretrained(WEIGHTS)
model = load(WEIGHTS)
trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
beginning = {name: value.to("cpu", copy=True) for name, value in trained.items()}

collected = {lang: documents(lang) for lang in TEXTS}
held_out, training = {}, {}
for lang, texts in collected.items():
    held_out[lang] = rows_of(texts[: len(texts) // 4], SETTINGS["held_out"])
    pool = SETTINGS["pool"] // 2 if lang == "en" else SETTINGS["pool"]
    training[lang] = rows_of(texts[len(texts) // 4 :], pool)
    source = corpora.sources(lang) if profile == "cpu" else say("from the hub", "来自 hub")
    print(say(f"{TEXTS[lang]}: {source}", f"{TEXTS[lang]}：{source}"))
all_rows = [*training.values(), *held_out.values()]
model.in_use = torch.cat([rows.flatten() for rows in all_rows]).unique()
n_trained, n_all = sum(value.numel() for value in beginning.values()), model.llama.num_parameters()
print(say(f"{n_trained:,} of {n_all:,} parameters are trained", f"{n_all:,} 个参数中训练 {n_trained:,} 个"))

# %%
PROMPTS = {"en": "The capital of France is", "zh": "春江花月", "code": "    def __init__(self,"}


def write(n_new: int = 16) -> dict[str, str]:
    """The continuation of each prompt; at every step the likeliest token.
    ---
    每个提示的续写，每步取概率最大的 token。
    """
    starts = [SETTINGS["start"] + prompt for prompt in PROMPTS.values()]
    batch = tokenizer(
        starts,
        add_special_tokens=False,
        padding=True,
        padding_side="left",
        return_tensors="pt",
    ).to(DEVICE)
    model.llama.eval()
    out = model.llama.generate(
        **batch,
        max_new_tokens=n_new,
        do_sample=False,
        repetition_penalty=1.1,
        pad_token_id=tokenizer.pad_token_id,
    )
    return dict(zip(PROMPTS, tokenizer.batch_decode(out, skip_special_tokens=True), strict=True))


def padded(text: str, width: int) -> str:
    """The text and spaces after it; a Chinese character is as wide as two letters.
    ---
    在文本后面补空格；一个汉字占两个字母的宽度。
    """
    return text + " " * (width - len(text) - sum(sign > "⺀" for sign in text))


def token_losses(rows: Tensor) -> Tensor:
    """(N, T) from rows (N, T + 1): the loss of each predicted token, in nats.

    The model gets two rows at a time.
    ---
    由 (N, T + 1) 的行得到 (N, T)：每个被预测 token 的损失，单位 nat。

    每次只送两行进模型。
    """
    found = []
    with torch.no_grad():
        for part in rows.split(2):
            logits, targets = model(part[:, :-1]).flatten(0, 1), part[:, 1:].flatten()
            found.append(F.cross_entropy(logits, targets, reduction="none"))
    return torch.cat(found).view(len(rows), -1)


if tokenizer.pad_token is None:
    tokenizer.pad_token = tokenizer.eos_token
mark = tokenizer.convert_tokens_to_ids(SETTINGS["start"])
losses = {lang: token_losses(rows) for lang, rows in held_out.items()}
texts_only = {lang: losses[lang][rows[:, 1:] != mark] for lang, rows in held_out.items()}
per_token = {lang: nats.mean().item() for lang, nats in texts_only.items()}
figure, axes = plt.subplots(figsize=(8, 2))
for place, (lang, loss) in enumerate(per_token.items()):
    axes.barh(place, loss, color=COLOURS[lang])
    axes.text(loss + 0.05, place, f"{loss:.2f}", va="center")
axes.set_yticks(range(len(TEXTS)), TEXTS.values())
axes.invert_yaxis()
name = "SmolLM2" if profile == "cpu" else "Llama 3.1"
axes.set(
    xlim=(0, 6.5),
    xlabel=say("nats per token", "每 token 的 nat 数"),
    title=say(f"loss of {name} on held-out text", f"{name} 在留出文本上的损失"),
)
plt.show()
said_before = write()
for lang, text in said_before.items():
    print(f"{padded(TEXTS[lang], 8)} {text!r}")

# %% [markdown] tags=["en"]
# Is Chinese **easier** for it than English? And yet, look at what it writes. The loss is computed correctly; its unit misleads: a loss *per token* depends on what a token is.
#
# ## 2. What is measured
#
# SmolLM2's tokenizer learnt its merges from English and code. A common English word is one token. A Chinese character has three bytes, which are often spread over two or three tokens.
# A token that only completes a character is easier to predict than one that begins a character. Many easy tokens make a low mean, for a text that costs more in all.
#
# (How the cell below sees what a token is: the tokenizer writes each byte as one sign, so the length of the string is the number of bytes. In UTF-8 the bytes 0x80 to 0xBF continue a character; `continuing` holds
# the signs for these. Special tokens are no text and have size 0.)

# %% [markdown] tags=["zh"]
# 对它来说，中文竟比英文**容易**？可看看它写出来的东西。损失没有算错，误导人的是单位：**每 token** 的损失，取决于 token 是什么。
#
# ## 2. 测什么
#
# SmolLM2 的分词器是从英文和代码里学的合并规则。常见的英文单词就是一个 token；一个汉字有三个字节，往往分散在两三个 token 里。
# 只是补全一个汉字的 token，比开始一个汉字的 token 好猜。容易的 token 一多，平均值就低了，可整段文本的总代价反而更高。
#
# （下面的单元格怎样看出一个 token 是什么：分词器把每个字节写成一个符号，所以字符串有多长，就是多少个字节。UTF-8 里，0x80 到 0xBF 是一个字符的后续字节；`continuing` 就是这些字节对应的符号。特殊 token 不是文本，大小记为 0。）

# %%
strings = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
sizes = torch.tensor([len(string) for string in strings], device=DEVICE)
sizes[tokenizer.all_special_ids] = 0
for text in ("a spring night on the river", "春江花月夜", "for item in range(10):"):
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    n_bytes, of_each = len(text.encode()), [int(sizes[token]) for token in ids]
    print(
        say(
            f"{n_bytes:3} bytes in {len(ids):2} tokens of {of_each} bytes: {text}",
            f"{n_bytes:3} 字节，{len(ids):2} 个 token，各有 {of_each} 字节：{text}",
        )
    )

continuing = "¡¢£¤¥¦§¨©ª«¬®¯°±²³´µ¶·¸¹º»¼½¾¿" + "".join(map(chr, range(ord("Ģ"), ord("Ń") + 1)))
targets, nats = held_out["zh"][:, 1:].flatten(), losses["zh"].flatten().cpu()
goes_on = torch.tensor([string[0] in continuing for string in strings])[targets.cpu()]
begins = ~goes_on & (sizes[targets] > 0).cpu()
print(
    say(
        f"Chinese: {nats[begins].mean():.2f} nats for a token that begins a character, "
        f"{nats[goes_on].mean():.2f} for one that goes on "
        f"({goes_on.float().mean():.0%} of the tokens)",
        f"中文：开始一个字符的 token 平均 {nats[begins].mean():.2f} nat，"
        f"接着补全的 token 平均 {nats[goes_on].mean():.2f} nat（占全部 token 的 {goes_on.float().mean():.0%}）",
    )
)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 2.4), sharey=True)
for place, (lang, rows) in enumerate(held_out.items()):
    of_each = sizes[rows[:, 1:]]
    n_bytes = of_each[of_each > 0].float().mean().item()
    left.barh(place, n_bytes, color=COLOURS[lang])
    left.text(n_bytes + 0.05, place, f"{n_bytes:.2f}", va="center")
    bits = per_token[lang] / math.log(2) / n_bytes
    texts = collected[lang]
    text = "\n".join(texts[: len(texts) // 4]).encode()[:1_000_000]
    gzip_bits = 8 * len(zlib.compress(text, 9)) / len(text)
    right.barh(place, bits, color=COLOURS[lang])
    right.plot([gzip_bits] * 2, [place - 0.4, place + 0.4], color="black", lw=2)
    told = f"{bits:.2f}, gzip {gzip_bits:.2f}"
    right.text(gzip_bits + 0.07, place, told, va="center", fontsize=9)
    print(
        say(
            f"{TEXTS[lang]:8}: the model needs {1 - bits / gzip_bits:.0%} fewer bits than gzip",
            f"{TEXTS[lang]}：模型用的比特比 gzip 少 {1 - bits / gzip_bits:.0%}",
        )
    )
left.set_yticks(range(len(TEXTS)), TEXTS.values())
left.invert_yaxis()
left.set(
    xlim=(0, 5.2),
    xlabel=say("bytes per token", "每 token 的字节数"),
    title=say("how much text a token holds", "一个 token 装多少文本"),
)
right.set(
    xlim=(0, 5.8),
    xlabel=say("bits per byte", "每字节比特数"),
    title=say("what a byte costs (black: gzip)", "一个字节要花多少比特（黑线：gzip）"),
)
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# Per byte, Chinese costs SmolLM2 more than English. This measure has a name: **bits per byte** is the length of the text after the model has compressed it, divided by the length of the file.
#
# $$\text{bits per byte} = \frac{\sum_t -\log_2 p(x_t \mid x_{<t})}{\sum_t \text{bytes}(x_t)}$$
#
# What may be compared with it? Two models with **different tokenizers on the same text**: both divide by the same number of bytes. (The tokenizer still matters, because the model learnt from its tokens.) And **the same text before and after** training: this notebook does that.
# It does not say which *language* is harder. A Chinese character has three bytes and an English letter one, and the texts say different things: gzip, a compressor that knows no language, needs more bits for a byte of this Chinese, too (the black lines).
# So compare each text with itself: how much less than gzip does the model need? By that measure SmolLM2 knows this Python best and this Chinese least.
#
# The tokenizer's cost remains, in another place: a context of 64 tokens holds fewer than half as many bytes of Chinese as of English, and each byte takes more than twice the computation. (That is why Chinese Llamas often get new tokens first: Cui et al. 2023, section 2.)
#
# Two figures then say what a run has done to the bits per byte. **Gain**: by how much those of the domain fell. **Forgetting**: the largest increase among the *other* texts. Each text is compared with itself, before and after. The largest increase, and not the mean: a mean hides a ruined skill behind an improved one.
# It is an alarm that tells you where to look, not a ranking of languages: 0.1 bits per byte is a larger part of what Python costs than of what Chinese costs. So always print the row of all texts beside it.
#
# ### Problem 9 (6 points), first part: `bits_per_byte`, `gain_and_forgetting`
#
# All parts of problem 9 are checked by one cell, at the end of section 5. In a cell of your own, `labkit.check("continued")` shows at any time what is right already.

# %% [markdown] tags=["zh"]
# 按字节算，SmolLM2 在中文上花的比特比在英文上多。这个量叫**每字节比特数**（bits per byte）：用模型压缩这段文本，压缩后的长度除以文件的长度。
#
# $$\text{bits per byte} = \frac{\sum_t -\log_2 p(x_t \mid x_{<t})}{\sum_t \text{bytes}(x_t)}$$
#
# 它能用来比什么？**同一段文本上、分词器不同**的两个模型：两边除以的是同样的字节数。（分词器并非从此无关：模型毕竟是从它切出来的 token 里学的。）还有**同一段文本训练前后**的变化：这个笔记本做的就是这个。
# 它说明不了哪种**语言**更难。一个汉字三个字节，一个英文字母一个字节，两段文本的内容也不同：gzip 这种不懂任何语言的压缩程序，压这段中文时每字节用的比特也更多（图中黑线）。
# 所以要让每段文本跟自己比：模型比 gzip 省了多少？这样看，三段文本里 SmolLM2 最懂的是这段 Python，最不懂的是这段中文。
#
# 分词器的代价并没有消失，只是换了个地方：64 个 token 的上下文，装得下的中文字节不到英文的一半，每个字节的计算量是两倍多。（所以给 Llama 做中文继续预训练时，常常先扩充词表：Cui 等 2023，第 2 节。）
#
# 然后用两个数说明一次训练对每字节比特数的影响。**收益**：领域文本每字节少用了多少比特。**遗忘**：**其他**文本里，每字节比特数增加最多的那一种增加了多少。每段文本都是跟自己比，训练前对训练后。取最大的而不取平均：平均会让一项被毁掉的能力躲在另一项进步的后面。
# 它是告诉你该看哪里的警报，不是各种语言的排名：同样是每字节 0.1 比特，对 Python 来说占的比例比对中文大。所以旁边总要把所有文本的那一行打印出来。
#
# ### 第 9 题（6 分），第一部分：`bits_per_byte`、`gain_and_forgetting`
#
# 第 9 题的各个部分由第 5 小节末尾的同一个单元格检查。随时可以在自己的单元格里运行 `labkit.check("continued")`，看看哪些已经对了。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "continued-measure-solution", "cell_type": "code"}
def bits_per_byte(model: nn.Module, rows: Tensor, sizes: Tensor) -> float:
    """How many bits the model needs for a byte of text, as a float.

    The bits of all predicted tokens of all rows, divided by the bytes of these same tokens. (The
    measure of `pretrain_gpt`; here the bytes are counted from the tokens.) Tokens of size 0 (the
    end of a document) are no text: as targets they count neither as bits nor as bytes. They stay
    in the inputs, so that the tokens after them see them.

    Args:
        model: model(inputs (B, T)) -> logits (B, T, V). It is evaluated in eval mode and without
            gradients; afterwards it is in the mode (train or eval) in which it came.
        rows: (N, T + 1) int64. The first token of a row is only seen, all others are predicted.
            Pass a few rows at a time to the model.
        sizes: (V,) int64, the bytes that each token stands for.
    ---
    模型平均用多少比特表示一个字节的文本，返回 float。

    所有行合在一起：被预测 token 的比特总和，除以同样这些 token 的字节总数。（就是 `pretrain_gpt` 里的那个量，
    只是这里字节数由 token 算出。）大小为 0 的 token（文档结束标记）不是文本：作为预测目标时，
    比特和字节都不计；但它们留在输入里，后面的 token 看得到它们。

    参数：
        model: model(inputs (B, T)) -> logits (B, T, V)。在 eval 模式下、不带梯度地评测；之后恢复它来时的模式
            （train 或 eval）。
        rows: (N, T + 1) int64。每行第一个 token 只作输入，其余都要预测。每次只送几行进模型。
        sizes: (V,) int64，每个 token 代表的字节数。
    """
    ### BEGIN SOLUTION
    was_training = model.training
    model.eval()
    nats, n_bytes = 0.0, 0
    with torch.no_grad():
        for part in rows.split(8):
            targets = part[:, 1:].flatten()
            losses = F.cross_entropy(model(part[:, :-1]).flatten(0, 1), targets, reduction="none")
            nats += losses[sizes[targets] > 0].sum().item()
            n_bytes += sizes[targets].sum().item()
    model.train(was_training)
    return nats / math.log(2) / n_bytes
    ### END SOLUTION


def gain_and_forgetting(
    before: dict[str, float],
    after: dict[str, float],
    domain: str,
) -> tuple[float, float]:
    """What continued pretraining has brought and what it has cost, both in bits per byte.

    Args:
        before, after: bits per byte of several texts, by name; `domain` is one of them, and there
            is at least one other.

    Returns:
        (gain, forgetting), two floats.
        gain: by how much the domain's bits per byte fell; negative if they rose.
        forgetting: the largest increase among the other texts (not the domain, even if it rose
            most); negative if all of them fell.
    ---
    继续预训练得到了什么、付出了什么，单位都是每字节比特数。

    参数：
        before, after: 若干文本的每字节比特数，按名字取；`domain` 是其中之一，此外至少还有一种。

    返回：
        (gain, forgetting)，两个 float。
        gain: 收益，领域文本的每字节比特数下降了多少；上升了就是负数。
        forgetting: 遗忘，其他文本中增加最多的那一种增加了多少（不算领域文本，哪怕它增加得更多）；
            如果其他文本全都下降，就是负数。
    """
    ### BEGIN SOLUTION
    change = {name: after[name] - before[name] for name in before}
    return -change[domain], max(value for name, value in change.items() if name != domain)
    ### END SOLUTION


# %%


def measure() -> dict[str, float]:
    """Bits per byte of the held-out texts. The frozen layers have read them already.
    ---
    留出文本的每字节比特数。冻结的层已经读过这些文本了。
    """
    return {lang: bits_per_byte(model, rows, sizes) for lang, rows in held_out.items()}


before = measure()
print(say("before:", "训练前："), {TEXTS[lang]: round(bits, 3) for lang, bits in before.items()})

# %% [markdown] tags=["en"]
# ## 3. Replay
#
# How can a model keep what it knew? The simplest remedy is to go on reading some of the old text: **replay**. Ibrahim et al. (2024, section 6) replayed 5 % when they moved from English to other English, and 25 % from English to German. SmolLM2's training sets are public (Ben Allal et al. 2025, section 3); Llama's
# are not. Where the old text is missing, one takes text of the same kind.
#
# In notebook 1, `mix` mixed *documents* ahead of training. Here *rows* are mixed on the fly, for a run that must be resumable: the stream is a function of its seed and of how many rows it has given.
# The ratio must hold after every batch, not only on average: a run of 40 rows that happens to draw a few more rows of replay is a different experiment.
#
# ```
#  ratio 0.2, batches of 2     D D | D R | D D | D R | D D | ...    rounded at each batch by itself: D D | D D | D D | ...   never any replay
# ```
#
# (D is a row of the domain, R a row of replay.) After $n$ rows, $\text{ratio}\cdot n$ of them, rounded, are replay. At exactly a half either way is right.
#
# ### Problem 9, second part: `ReplayBatches`

# %% [markdown] tags=["zh"]
# ## 3. 回放
#
# 怎样让模型不忘掉旧的？最简单的办法，是继续读一些旧文本：**回放**（replay）。Ibrahim 等（2024，第 6 节）从英文换到另一种英文语料时，回放 5%；从英文换到德文，回放 25%。
# SmolLM2 的训练集是公开的（Ben Allal 等 2025，第 3 节），Llama 的不公开；拿不到旧文本时，就用同一类的文本。
#
# 第 1 节里的 `mix` 是在训练之前混合**文档**；这里是边训练边混合**行**，而且训练要能中断后恢复：整个数据流只由种子和已经给出的行数决定。
# 比例要在每一批（batch）之后都成立，而不只是平均成立：总共才 40 行，碰巧多抽几行回放，就是另一个实验了。
#
# ```
#  ratio 0.2，每批 2 行     D D | D R | D D | D R | D D | ...    如果每一批各自取整：D D | D D | D D | ...   永远没有回放
# ```
#
# （D 是一行领域文本，R 是一行回放。）给出 $n$ 行之后，其中回放的行数是 $\text{ratio}\cdot n$ 取整。恰好是一半时，往哪边取都对。
#
# ### 第 9 题，第二部分：`ReplayBatches`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "continued-replay-solution", "cell_type": "code"}
class ReplayBatches:
    """Batches of a new domain with rows of the old training text among them.

    After every batch the replay rows so far are `ratio` of all rows so far, rounded. Each source,
    counted by itself, gives all its rows once (an epoch) before it gives one again; each epoch has
    an order of its own, which depends on the seed only, not on PyTorch's global generator. The same
    arguments give the same batches, another seed gives others. The place of the replay rows within
    a batch is free.
    ---
    新领域的一批批数据，其中夹着旧训练文本的行。

    每一批之后，到目前为止的回放行数等于总行数乘以 `ratio` 再取整。两个来源各算各的：把所有行都给过一遍
    （一个 epoch），才能给第二遍；每一遍的次序都不同，只由种子决定，与 PyTorch 的全局随机数发生器无关。
    参数相同，给出的各批就相同；换一个种子就不同。回放的行放在一批里什么位置都可以。
    """

    def __init__(
        self,
        domain: Tensor,
        replay: Tensor,
        batch_size: int,
        ratio: float,
        seed: int = 0,
    ) -> None:
        """Args:
            domain, replay: (N, T + 1) and (M, T + 1) int64, rows of tokens. `replay` may be empty
                when ratio is 0.
            ratio: the share of replay, 0 <= ratio < 1.

        Raises:
            ValueError: another ratio, or a source without rows that is needed.
        ---
        参数：
            domain, replay: (N, T + 1) 和 (M, T + 1) int64，一行行的 token。ratio 为 0 时 `replay` 可以是空的。
            ratio: 回放所占的份额，0 <= ratio < 1。

        抛出：
            ValueError: ratio 是别的值，或者需要的来源一行也没有。
        """
        ### BEGIN SOLUTION
        if not 0 <= ratio < 1:
            raise ValueError(f"the share of replay is at least 0 and below 1, not {ratio}")
        if not len(domain) or (ratio > 0 and not len(replay)):
            raise ValueError("there is nothing to take from")
        self.domain, self.replay = domain, replay
        self.batch_size, self.ratio, self.seed = batch_size, ratio, seed
        self.n_domain, self.n_replay = 0, 0  # rows given so far: all else follows from these two
        ### END SOLUTION

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """inputs and targets, (batch_size, T) each: targets[:, t] is the token after
        inputs[:, t].
        ---
        输入和目标，形状都是 (batch_size, T)：targets[:, t] 是 inputs[:, t] 的下一个 token。
        """

        ### BEGIN SOLUTION
        def row(source: Tensor, number: int) -> Tensor:
            """Row `number`, counted over all epochs; seed and epoch decide the order."""
            epoch, position = divmod(number, len(source))
            generator = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)
            return source[torch.randperm(len(source), generator=generator)[position]]

        n_rows = self.n_domain + self.n_replay + self.batch_size
        n_replay = math.floor(self.ratio * n_rows + 0.5) - self.n_replay
        n_domain = self.batch_size - n_replay
        rows = [row(self.replay, self.n_replay + i) for i in range(n_replay)]
        rows += [row(self.domain, self.n_domain + i) for i in range(n_domain)]
        self.n_domain, self.n_replay = self.n_domain + n_domain, self.n_replay + n_replay
        batch = torch.stack(rows)
        return batch[:, :-1], batch[:, 1:]
        ### END SOLUTION

    def state_dict(self) -> dict[str, int]:
        """Where the stream stands: a flat dict of plain values (int, float, str or bool), no
        tensors.
        ---
        数据流走到了哪里：一个扁平的 dict，值只能是 int、float、str 或 bool，不能是张量。
        """
        ### BEGIN SOLUTION
        return {"n_domain": self.n_domain, "n_replay": self.n_replay}
        ### END SOLUTION

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continues from a state_dict() of another object that was made with the same
        arguments: the next batches are exactly those that would have come there, over the end of
        an epoch, too.
        ---
        从另一个对象的 state_dict() 接着走，那个对象是用同样的参数建的：接下来的各批与那边本来要给出的完全相同，
        跨过 epoch 的边界也一样。
        """
        ### BEGIN SOLUTION
        self.n_domain, self.n_replay = state["n_domain"], state["n_replay"]
        ### END SOLUTION


# %% [markdown] tags=["en"]
# In practice, `datasets.interleave_datasets` does this: it draws the source of each row by its probability. Here are seven seeds of it, and your stream:

# %% [markdown] tags=["zh"]
# 业界用 `datasets.interleave_datasets` 做这件事：每一行来自哪个来源，按概率抽取。下面是它的七个种子，和你的数据流：

# %%
figure, axes = plt.subplots(figsize=(8, 2.8))
sources = [Dataset.from_dict({"replay": [kind] * 200}) for kind in (0, 1)]
for seed in range(7):
    mixed = interleave_datasets(sources, probabilities=[0.75, 0.25], seed=seed)
    drawn = torch.tensor(mixed["replay"][:96])
    axes.plot(range(1, 97), drawn.cumsum(0) / torch.arange(1, 97), color=GREY, lw=1)
axes.plot([], color=GREY, label=say("interleave_datasets, seven seeds", "interleave_datasets，七个种子"))
zeros, ones = (torch.full((50, 2), kind) for kind in (0, 1))
marked = ReplayBatches(zeros, ones, 2, 0.25)
given = torch.stack([marked.next_batch()[0].sum() for _ in range(48)])
so_far = torch.arange(2, 97, 2)
axes.plot(so_far, given.cumsum(0) / so_far, color=BLUE, label=say("yours", "你的"))
end = SETTINGS["batch"] * SETTINGS["steps"]
axes.axvline(end, color=ORANGE, ls=":", label=say("the end of our runs", "我们的训练在此结束"))
axes.set(
    xlabel=say("rows so far", "已给出的行数"),
    ylabel=say("share of replay so far", "回放所占的份额"),
    ylim=(0, 0.6),
    xlim=(0, 96),
    title=say("share of replay when 0.25 is wanted", "要求回放占 0.25 时的实际份额"),
)
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# The grey lines reach 0.25 only in the long run; yours is there from the first batches on. Over a million rows it makes no difference. Over the few dozen rows of our runs (dotted line) it decides what you find.
#
# ## 4. The learning rate rises again
#
# Which learning rate should a continued run have? At the end of pretraining it has usually come down to a tenth of its peak or less. Continuing at that rate is safe, and teaches little. A jump back to the peak disturbs what was learnt before anything new has come. So the rate is
# **re-warmed**: it rises in a straight line from where it ended, and then falls again on a cosine (Gupta et al. 2023, section 4; Ibrahim et al. 2024, section 6). Re-warming itself raises the loss, even on the *same* text (Ibrahim et al. 2024, section 7). The new peak, like the replay ratio, trades gain for
# forgetting.
#
# It is the schedule of notebook 4, with one difference: the line begins at the last rate of the earlier run, not at 0.
#
# ### Problem 9, third part: `rewarmed_lr`

# %% [markdown] tags=["zh"]
# 灰线要很久以后才接近 0.25，你的从头几批起就在那里。一百万行里看不出差别；我们的训练只有几十行（虚线处结束），这时它决定了你会得出什么结论。
#
# ## 4. 学习率重新升上去
#
# 接着训练，学习率该取多少？预训练结束时，它通常已经降到峰值的十分之一甚至更低。用这个学习率接着训练很安全，但学不到什么；一下子跳回峰值，新的还没学到，旧的就先被冲乱了。所以要**重新预热**（re-warming）：
# 从它停下的地方沿直线升上去，再按余弦降下来（Gupta 等 2023，第 4 节；Ibrahim 等 2024，第 6 节）。重新预热本身就会让损失升高，哪怕文本**没有**换（Ibrahim 等 2024，第 7 节）。新的峰值和回放比例一样，决定了用多少遗忘去换收益。
#
# 它就是第 4 节的学习率曲线，只有一点不同：直线从上一次训练最后的学习率开始，而不是从 0 开始。
#
# ### 第 9 题，第三部分：`rewarmed_lr`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "continued-rate-solution", "cell_type": "code"}
def rewarmed_lr(step: int, last_lr: float, max_lr: float, min_lr: float, warmup: int, total: int) -> float:
    """The learning rate OF update number `step`, counted from 0, of a run that continues another.

    - The first `warmup` updates rise on a straight line from last_lr, where the earlier run ended:
      update 0 is already one `warmup`-th of the way up, update warmup - 1 has max_lr. With
      warmup = 0 there is no rise.
    - Update `warmup` has max_lr as well (if it is below `total`). From there the rate falls on half
      a cosine to min_lr.
    - Update `total` and all later ones have min_lr.

    Source: Ibrahim et al. 2024, section 6 (re-warming and re-decaying).
    ---
    接着另一次训练往下走时，第 `step` 次更新（从 0 数起）**所用的**学习率。

    - 前 `warmup` 次更新从 last_lr（上一次训练停下时的学习率）沿直线上升：第 0 次已经升了 `warmup` 分之一，
      第 warmup - 1 次达到 max_lr。warmup = 0 时没有上升段。
    - 第 `warmup` 次也是 max_lr（只要它小于 `total`）；从这里起按半个余弦降到 min_lr。
    - 第 `total` 次及以后都是 min_lr。

    出处：Ibrahim 等 2024，第 6 节（重新预热与重新衰减）。
    """
    ### BEGIN SOLUTION
    if step < warmup:
        return last_lr + (max_lr - last_lr) * (step + 1) / warmup
    if step >= total:
        return min_lr
    return min_lr + (max_lr - min_lr) * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2
    ### END SOLUTION


# %%
figure, axes = plt.subplots(figsize=(8, 2.6))
pretraining = [0.1 + 0.9 * (1 + math.cos(math.pi * step / 100)) / 2 for step in range(100)]
axes.plot(pretraining, color=GREY, label=say("pretraining", "预训练"))
place = range(100, 160)
rewarmed = [rewarmed_lr(step, 0.1, 0.6, 0.05, 10, 60) for step in range(60)]
axes.plot(place, rewarmed, color=BLUE, label="rewarmed_lr")
optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.6)
library = library_schedule(optimizer, 10, 60, min_lr=0.05)
rates = []
for _ in place:
    rates.append(library.get_last_lr()[0])
    optimizer.step()
    library.step()
axes.plot(
    place,
    rates,
    color=ORANGE,
    ls="--",
    label=say("transformers' cosine_with_min_lr", "transformers 的 cosine_with_min_lr"),
)
axes.set(
    xlabel=say("update", "更新次数"),
    ylabel=say("share of the first peak", "占第一个峰值的比例"),
    ylim=(0, 1.05),
    title=say("learning rate of pretraining and of the run after it", "预训练与继续预训练的学习率"),
)
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# The library's warm-up starts from 0: its first update does nothing, and the next ones use a smaller rate than the end of pretraining did. That is no harm, only a few wasted steps. (A sibling, `cosine_warmup_with_min_lr`, starts above 0.)
#
# ## 5. Continue
#
# A measure, the batches and the learning rate are there. What is missing? The loop.
#
# ### Problem 9, last part: `continue_pretraining`

# %% [markdown] tags=["zh"]
# 库里的预热从 0 开始：第一次更新什么也没做，接下来几次的学习率比预训练结束时还低。这没有害处，只是浪费几步。（它的近亲 `cosine_warmup_with_min_lr` 从大于 0 处开始。）
#
# ## 5. 继续
#
# 度量、数据流、学习率都有了，还缺什么？训练循环。
#
# ### 第 9 题，最后一部分：`continue_pretraining`


# %% tags=["export"]
@dataclass(frozen=True)
class ContinueConfig:
    """How a run goes: its number of updates, their learning rates, the largest gradient norm.
    ---
    一次训练怎么走：更新次数、各次的学习率，以及梯度范数的上限。
    """

    steps: int
    max_lr: float
    min_lr: float
    last_lr: float = 0.0
    warmup: int = 0
    max_norm: float = 1.0


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "continued-loop-solution", "cell_type": "code"}
def continue_pretraining(
    model: nn.Module,
    batches: ReplayBatches,
    config: ContinueConfig,
    after_step: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Continues the training of a model that has been trained before.

    - Each of the config.steps updates takes one batch, and no update reads more. The loss is the
      mean over all targets of the batch, in nats.
    - Update number `step` has the rate of rewarmed_lr, with config's values and total =
      config.steps.
    - AdamW with betas (0.9, 0.95), no weight decay and PyTorch's other defaults. (On a GPU
      `fused=True` saves the memory of its temporaries.)
    - Gradients are clipped by their global norm at config.max_norm.
    - Parameters that require no gradient stay as they are.
    - In every update the model is in train mode, whatever mode it came in or after_step left.

    Returns:
        The loss of each update, before it, as floats. After each update after_step(step, loss) is
        called, if given, with its number, counted from 0, and that loss.
    ---
    接着训练一个已经训练过的模型。

    - config.steps 次更新，每次正好取一批。损失是这一批所有目标的平均，单位 nat。
    - 第 `step` 次更新用 rewarmed_lr 的学习率，各值取自 config，total = config.steps。
    - AdamW，betas 为 (0.9, 0.95)，没有权重衰减，其余用 PyTorch 的默认值。（在 GPU 上 `fused=True` 可以省下
      临时变量的显存。）
    - 梯度按全局范数裁剪到 config.max_norm。
    - 不需要梯度的参数保持原样。
    - 每次更新时模型都处在 train 模式，不管它来时是什么模式，也不管 after_step 把它留在什么模式。

    返回：
        每次更新之前的损失，float 列表。如果给了 after_step，每次更新之后调用 after_step(step, loss)，
        参数是更新的编号（从 0 数起）和这个损失。
    """
    ### BEGIN SOLUTION
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    losses = []
    for step in range(config.steps):
        model.train()  # in each step: after_step may look at the model in eval mode
        for group in optimizer.param_groups:
            group["lr"] = rewarmed_lr(step, config.last_lr, config.max_lr, config.min_lr, config.warmup, config.steps)
        inputs, targets = batches.next_batch()
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained, config.max_norm)
        optimizer.step()
        losses.append(loss.item())
        if after_step is not None:
            after_step(step, losses[-1])
    return losses
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 6, "schema_version": 3, "grade_id": "continued", "cell_type": "code"}
labkit.check("continued")

# %% [markdown] tags=["en"]
# ## 6. A model small enough to forget
#
# Replay shows its effect best where the new run is long in comparison with the pretraining. So first we take a Llama with 0.1 million parameters that reads bytes: *your* loop pretrains it here on English (a few seconds) and then continues it on
# Chinese and on code, for 50 updates each, at four ratios. The number of updates is the same in all runs, so more replay means *less* of the domain.

# %% [markdown] tags=["zh"]
# ## 6. 一个小到会遗忘的模型
#
# 与预训练相比，继续训练得越久，回放的作用就越看得清。所以先用一个读字节、只有 10 万参数的 Llama：在这里用**你的**循环在英文上预训练（几秒钟），再分别在中文和代码上继续，各 50 次更新，四种回放比例。
# 每次训练的更新次数都一样，所以回放越多，领域文本就越**少**。

# %%


def byte_rows(texts: list[str], n_rows: int) -> Tensor:
    """(n, 65), n <= n_rows: the bytes of the texts, a zero after each; fewer if the texts end.
    ---
    (n, 65)，n <= n_rows：文本的字节，每篇后面一个零；文本不够时行数更少。
    """
    data = bytearray()
    for text in texts:
        data += text.encode() + b"\0"
        if len(data) > 64 * n_rows:
            break
    return torch.frombuffer(data, dtype=torch.uint8)[: 64 * n_rows + 1].long().unfold(0, 65, 64)


class Logits(nn.Module):
    """A Hugging Face model as model(ids) -> logits.
    ---
    一个 Hugging Face 模型，当作 model(ids) -> logits。
    """

    def __init__(self, llama: nn.Module) -> None:
        super().__init__()
        self.llama = llama

    def forward(self, ids: Tensor) -> Tensor:
        return self.llama(ids, use_cache=False).logits


torch.manual_seed(0)
sizes_of_bytes = torch.ones(256, dtype=torch.int64)
sizes_of_bytes[0] = 0
SIZES = {
    "vocab_size": 256,
    "hidden_size": 64,
    "intermediate_size": 192,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
small_config = LlamaConfig(**SIZES, tie_word_embeddings=True, bos_token_id=None, eos_token_id=None)
small = Logits(LlamaForCausalLM(small_config))
small_held_out, small_training = {}, {}
for lang, texts in collected.items():
    small_held_out[lang] = byte_rows(texts[: len(texts) // 4], 64)
    small_training[lang] = byte_rows(texts[len(texts) // 4 :], 3000)


def measure_small() -> dict[str, float]:
    texts = small_held_out.items()
    return {lang: bits_per_byte(small, rows, sizes_of_bytes) for lang, rows in texts}


def english_and(domain: str, bits: dict[str, float]) -> dict[str, float]:
    return {lang: bits[lang] for lang in ("en", domain)}


HEADER = say(
    f"{'bits per byte':30}{'English':>10}{'Chinese':>10}{'code':>10}",
    f"{'每字节比特数':24}{'英文':>8}{'中文':>8}{'代码':>8}",
)
HEADER += say(f"{'gain':>10}{'forgetting':>12}", f"{'收益':>8}{'遗忘':>10}")


def figures(name: str, bits: dict[str, float]) -> str:
    return padded(name, 30) + "".join(f"{value:10.3f}" for value in bits.values())


def table_row(name: str, then: dict[str, float], bits: dict[str, float], domain: str) -> None:
    gain, forgetting = gain_and_forgetting(then, bits, domain)
    print(f"{figures(name, bits)}{gain:+10.3f}{forgetting:+12.3f}")


SMALL_RATIOS = (0.0, 0.05, 0.25, 0.5)
english = ReplayBatches(small_training["en"], small_training["en"][:0], 16, 0.0)
continue_pretraining(small, english, ContinueConfig(120, max_lr=4e-3, min_lr=4e-4, warmup=10))
small_before = measure_small()
pretrained = {name: value.clone() for name, value in small.state_dict().items()}
print(HEADER)
print(figures(say("pretrained on English", "在英文上预训练"), small_before))
figure, panels = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True)
for axes, domain in zip(panels, ("zh", "code"), strict=True):
    points = []
    for ratio in SMALL_RATIOS:
        small.load_state_dict(pretrained)
        batches = ReplayBatches(small_training[domain], small_training["en"], 16, ratio)
        config = ContinueConfig(50, max_lr=2e-3, min_lr=4e-4, last_lr=4e-4, warmup=5)
        continue_pretraining(small, batches, config)
        bits = measure_small()
        name = say(f"{TEXTS[domain]}, replay {ratio:.2f}", f"{TEXTS[domain]}，回放 {ratio:.2f}")
        table_row(name, small_before, bits, domain)
        then, now = (english_and(domain, each) for each in (small_before, bits))
        points.append(gain_and_forgetting(then, now, domain))
        axes.annotate(
            f"{ratio:.2f}",
            points[-1],
            xytext=(-7, 5),
            textcoords="offset points",
            ha="right",
            color=COLOURS[domain],
        )
    axes.plot(*zip(*points, strict=True), "o-", color=COLOURS[domain])
    axes.axhline(0, color=GREY, zorder=0)
    axes.margins(0.15)
    axes.set(
        xlabel=say("gain, bits per byte", "收益（每字节比特数）"),
        title=say(f"continued on {TEXTS[domain]}, by share of replay", f"在{TEXTS[domain]}上继续，按回放份额"),
    )
panels[0].set(ylabel=say("forgetting of English, bits per byte", "英文的遗忘（每字节比特数）"))
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# Each point is one run; the number beside it is its share of replay. Down means less forgetting, right means more gain. Without replay, training on Chinese makes each byte of English cost more than half a bit more. With one row of replay in twenty about half of that is left, with one in four almost nothing. The gain falls by less than 2 % meanwhile (look at the numbers of the axes): here replay is nearly free. (The gain is so large because it starts from more than 8 bits per byte. A model that knows nothing needs 8; this one was sure that such bytes do not occur.)
# Code looks more like English, so less is forgotten. With a quarter of replay English even improves: its pretraining was short. About a seventh of the gain is given up for it.
#
# But look at the last column of the table after code: the text that got worst is Chinese. This model has never known Chinese, and yet it can get worse at it: **replay protects what is replayed**, and nothing else.
#
# ## 7. SmolLM2
#
# Now the real model. Ten updates of 256 tokens change little of what 135 million parameters learnt from two trillion tokens (the figure of its model card); and only the last six of thirty layers are trained. (The peak, 1e-4, did best among 1e-4, 2e-4 and 4e-4 on held-out rows that are *not* used below: a rate chosen on the rows that one reports makes the report look better. It is the smallest of the three; we did not try smaller ones. Each run begins and ends at a tenth of 1e-4, where we assume that pretraining ended.) The differences are hundredths of a bit, on a few hundred tokens of held-out text: directions, not results.

# %% [markdown] tags=["zh"]
# 每个点是一次训练，旁边的数字是回放所占的份额。越往下遗忘越少，越往右收益越大。没有回放时，学中文让英文每字节多用半个多比特。每二十行里放一行回放，就只剩大约一半；每四行放一行，几乎全部挽回，而收益只少了不到 2%（注意坐标轴上的数字）：在这里，回放几乎不花什么代价。（收益这么大，是因为起点超过了 8 比特，比一无所知的模型（正好 8 比特）还差：它原本笃定没有这样的字节。）
# 代码和英文更像，所以忘得少。回放占四分之一时，英文甚至还有进步，因为它的预训练本来就很短；为此放弃了大约七分之一的收益。
#
# 但请看代码各行的最后一列：变差最多的文本是中文。这个模型从来不会中文，居然还能变得更差：**回放只保护被回放的东西**，别的一概不管。
#
# ## 7. SmolLM2
#
# 现在轮到真正的模型。1.35 亿参数从两万亿 token（据其模型卡）里学来的东西，十次更新、每次 256 个 token，改变不了多少；何况三十层里只训练最后六层。（峰值 1e-4 是在下面**不**用的留出文本上从 1e-4、2e-4、4e-4 里选出来的：在要报告的文本上选学习率，报告就会偏好看。它是三者中最小的，更小的没有试过。每次训练都从 1e-4 的十分之一开始，也降回那里：我们假设预训练就停在这个学习率。）差别只有百分之几比特，留出文本也只有几百个 token：这里看的是方向，不是结论。

# %%
start = time.perf_counter()
after, curves, samples = {}, {}, {}


def run(domain: str, ratio: float, max_lr: float = SETTINGS["max_lr"]) -> list[float]:
    """The losses of a run from the original weights; afterwards the model has its last weights.
    ---
    从最初的权重开始的一次训练，返回各步损失；之后模型停在训练结束时的权重。
    """
    model.load_state_dict(beginning, strict=False)
    last_lr = SETTINGS["max_lr"] / 10
    steps, warmup = SETTINGS["steps"], SETTINGS["warmup"]
    config = ContinueConfig(steps, max_lr, min_lr=last_lr, last_lr=last_lr, warmup=warmup)
    batches = ReplayBatches(training[domain], training["en"], SETTINGS["batch"], ratio)
    return continue_pretraining(model, batches, config)


print(HEADER)
print(figures(say("before", "训练前"), before))
RUNS = [("zh", 0.0, 1), ("zh", 0.25, 1), ("zh", 0.5, 1), ("code", 0.25, 1), ("zh", 0.25, 8)]
for domain, ratio, factor in RUNS:
    name = say(f"{TEXTS[domain]}, replay {ratio:.2f}", f"{TEXTS[domain]}，回放 {ratio:.2f}")
    if factor > 1:
        name += say(f", peak × {factor}", f"，峰值 × {factor}")
    curves[name] = run(domain, ratio, factor * SETTINGS["max_lr"])
    after[name] = measure()
    table_row(name, before, after[name], domain)
    if ratio == 0.25 and factor == 1:
        samples[TEXTS[domain]] = write()
print(say(f"{time.perf_counter() - start:.0f} s", f"用时 {time.perf_counter() - start:.0f} 秒"))

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6), width_ratios=[1.4, 1])
looks = dict(zip(after, ("#0b3c6f", BLUE, "#9ecae1", ORANGE, "#d62728"), strict=True))
for index, (name, bits) in enumerate(after.items()):
    places = [place + 0.16 * (index - 2) for place in range(len(TEXTS))]
    change = [bits[lang] - before[lang] for lang in TEXTS]
    left.bar(places, change, 0.15, color=looks[name], label=name)
    right.plot(curves[name], color=looks[name], lw=1.4)
left.axhline(0, color="black", lw=0.8)
left.set_xticks(range(len(TEXTS)), TEXTS.values())
left.set(
    ylabel=say("bits per byte", "每字节比特数"),
    title=say("change on held-out text (down is better)", "留出文本上的变化（越往下越好）"),
)
right.set(
    xlabel=say("update", "更新次数"),
    ylabel=say("nats per token", "每 token 的 nat 数"),
    title=say("training loss", "训练损失"),
)
plt.tight_layout()
figure.legend(
    *left.get_legend_handles_labels(),
    loc="upper center",
    bbox_to_anchor=(0.5, 0),
    ncols=5,
    frameon=False,
)
plt.show()
for lang in TEXTS:
    print(say(f"{TEXTS[lang]} before: {said_before[lang]!r}", f"{TEXTS[lang]}，训练前：{said_before[lang]!r}"))
    for domain, texts in samples.items():
        print(say(f"    after {domain:8}: {texts[lang]!r}", f"    在{domain}上训练后：{texts[lang]!r}"))

# %% [markdown] tags=["en"]
# - **The unfamiliar text gains.** Chinese needs fewer bits. More replay means less Chinese read, and a smaller gain.
# - **The familiar text does not.** SmolLM2 was pretrained on a large collection of public code, The Stack (its model card), and these files are probably among it. Ten more updates teach it nothing that we could measure.
# - **At a low rate nothing is forgotten** that this evaluation could see: English stays where it was. There is nothing here for replay to repair.
# - **In these runs the peak decides more than the ratio.** At eight times the peak *every* text gets worse, Chinese too, although a quarter is replay: large steps on a few noisy batches have destroyed some of what the model knew, and ten updates do not replace it. In a longer run this may be different. The rule that follows is cautious: take a modest peak and a warm-up, and watch the old text while you train.
# - **The training loss shows none of this.** It goes up and down with what happens to be in a batch, and the run that ruined the model looks as good as the others. (While training, our head has only the tokens that occur in these texts, so its loss is a little lower than over the whole vocabulary.)

# %% [markdown] tags=["zh"]
# - **陌生的文本有收益。** 中文每字节用的比特少了；回放越多，读到的中文越少，收益也越小。
# - **熟悉的没有。** SmolLM2 预训练时读过 The Stack，一个很大的公开代码集（据其模型卡），这些文件很可能就在其中。再来十次更新，测不出它学到了什么。
# - **学习率较低时，看不出遗忘**，至少这样的评测看不出：英文还在原处。这里没有什么要靠回放来补救。
# - **在这几次训练里，峰值比回放比例更要紧。** 峰值升到八倍，**每一种**文本都变差，中文也不例外，尽管其中四分之一是回放：凭几批带噪声的数据迈大步，破坏了模型已经会的东西，十次更新又补不回来。训练更久时，两者的轻重可能不同。由此得出的做法偏谨慎：峰值要适中，要有预热，训练时一直盯着旧文本。
# - **这些在训练损失上都看不出来。** 它随着一批里碰巧是什么而上下起伏，毁掉模型的那次训练看上去并不比别的差。（训练时输出层只算这些文本里出现过的 token，所以损失比在整个词表上的略低。）

# %% [markdown] tags=["en"]
# ## 8. Llama 3.1 8B
#
# `profile = "gpu"` runs the same cells on Llama 3.1 8B (or any Llama in the folder that `LLAMA_FOLDER` names), with FineWeb-2's Chinese, Python from the hub, and FineWeb for replay. (It was not run for this text.) Nothing is frozen then: `Continued` is the plain model. The peak, 2e-5, is about 1/15 of the peak of its pretraining (3e-4: Llama Team 2024, table 3). What differs is where the
# memory goes, for 8 billion parameters on one card with 80 GB:
#
# | | bytes for each parameter | GB |
# |---|---|---|
# | weights, bfloat16 | 2 | 16 |
# | gradients, bfloat16 | 2 | 16 |
# | AdamW's two averages, bfloat16 | 4 | 32 |
# | activations of 32 layers, 4 × 2048 tokens | | about 2 with checkpointing, some ten times as much without |
# | logits, 4 × 2048 × 128,256, float32, with gradient | | 8 or more |
#
# - **Gradient checkpointing** keeps only the input of each layer, and computes the rest again in the backward pass: a third more computation (Chen et al. 2016, section 4).
# - **bfloat16** is a format of 16 bits: the range of float32, with 8 bits of precision. An update below about 1/512 to 1/256 of a weight is rounded away: at steps of about 2e-5, no weight of 1/128 or more in absolute value moves. That works less well than a float32 copy of the weights, which needs several cards: ZeRO and FSDP, notebook 7.
# - **In practice** this is LLaMA-Factory with `stage: pt` and `finetuning_type: full` (its `mix_strategy: interleave_under` with `interleave_probs` is replay, drawn document by document), Axolotl, or unsloth, whose recipe in `data/recipes` trains LoRA matrices, embeddings and head instead of everything.

# %% [markdown] tags=["zh"]
# ## 8. Llama 3.1 8B
#
# `profile = "gpu"` 会让同样的单元格跑在 Llama 3.1 8B 上（或者 `LLAMA_FOLDER` 所指文件夹里的任何 Llama），文本换成 FineWeb-2 的中文、hub 上的 Python 代码，回放用 FineWeb。（写这段文字时没有实际跑过。）这时什么都不冻结，`Continued` 就是原来的模型。峰值 2e-5 大约是它预训练峰值的 1/15（3e-4：Llama Team 2024，表 3）。不同的是显存花在哪里；80 亿参数，一张 80 GB 的卡：
#
# | | 每个参数的字节数 | GB |
# |---|---|---|
# | 权重，bfloat16 | 2 | 16 |
# | 梯度，bfloat16 | 2 | 16 |
# | AdamW 的两个滑动平均，bfloat16 | 4 | 32 |
# | 32 层的激活值，4 × 2048 个 token | | 用梯度检查点约 2，不用则是十倍上下 |
# | logits，4 × 2048 × 128,256，float32，连同梯度 | | 8 以上 |
#
# - **梯度检查点**（gradient checkpointing）只保存每层的输入，其余的在反向传播时重算：计算量多三分之一（Chen 等 2016，第 4 节）。
# - **bfloat16** 是一种 16 位的格式：范围与 float32 相同，精度只有 8 位。小于权重约 1/512 到 1/256 的更新会被舍入掉：每步的改变量在 2e-5 左右时，绝对值不小于 1/128 的权重一动不动。效果不如保留一份 float32 的权重，而那需要多张卡：ZeRO 和 FSDP，见第 7 节。
# - **业界的做法**：LLaMA-Factory 用 `stage: pt`、`finetuning_type: full`（其中 `mix_strategy: interleave_under` 加上 `interleave_probs` 就是回放，逐篇文档抽取），还有 Axolotl；unsloth 见 `data/recipes` 里的配方，它不训练全部参数，只训练 LoRA 矩阵、嵌入层和输出层。

# %% [markdown] tags=["en"]
# ## Summary
#
# - A loss per token does not compare texts: a tokenizer that cuts a text to pieces makes it look easy. Bits per byte compare tokenizers on one text, and one text before and after; they do not rank languages.
# - Continued pretraining is a trade: gain on the domain against forgetting elsewhere. Report both, on held-out text, in one unit, with the other text that lost most.
# - Replay protects what is replayed. Its ratio should hold at every step of a short run, and its stream should be resumable.
# - The new peak of the rate is the other choice. In our short runs it mattered more than the ratio: too high a peak ruined the old and the new alike.
# - What is known already gains little.
#
# **Today** (late 2026; what our sources show)
#
# - *Rates.* With a constant rate and a short decay at the end (warm-up, stable, decay: Hu et al. 2024, *MiniCPM*, section 4; Hägele et al. 2024), a model can be continued from a checkpoint *before* the decay, and nothing has to be re-warmed. Ibrahim et al. (2024, section 7) describe such "infinite" schedules. Yano et al. (2026) report that models pretrained without any decay are better after fine-tuning.
# - *Mid-training.* Many teams plan the continuation: while the rate decays, the last part of pretraining reads a mixture with more mathematics, code and text of high quality (annealing: Llama Team 2024, sections 3.1.3 and 3.4.3; SmolLM2 in stages: Ben Allal et al. 2025, section 4).
# - *Data.* Shares of a mixture are predicted from many small runs (RegMix: Liu et al. 2024). Where a domain has little text, a model rephrases it or writes more about it (Nemotron-CC: Su et al. 2024; Yang et al. 2024, *Synthetic continued pretraining*).
#
# ## Three questions to think about
#
# 1. You replay English, and another language suffers. What would you put into the replay, and how would you choose the shares without knowing what the model was trained on?
# 2. Same number of updates: more replay is less of the domain. How would the plot of section 6 look with the same number of *domain* rows for each ratio? Which comparison is fair, and for whom?
# 3. The tokenizer cuts a Chinese character into two or three tokens. You add 20,000 Chinese tokens. What must be trained now that could stay frozen here, and what can no longer be compared if you only report losses per token?
#
# ## Further reading
#
# - Gupta et al. 2023, *Continual Pre-Training of Large Language Models: How to (re)warm your model?*: section 4.
# - Ibrahim et al. 2024, *Simple and Scalable Strategies to Continually Pre-train Large Language Models*: sections 6 and 7.
# - Gururangan et al. 2020, *Don't Stop Pretraining*: section 3.
# - Ben Allal et al. 2025, *SmolLM2: When Smol Goes Big*: sections 3 and 4.
# - Cui et al. 2023, *Efficient and Effective Text Encoding for Chinese LLaMA and Alpaca*: section 2.
# - Rozière et al. 2023, *Code Llama*: section 2.
# - Petrov et al. 2023, *Language Model Tokenizers Introduce Unfairness Between Languages*: section 4.
# - Hu et al. 2024, *MiniCPM: Unveiling the Potential of Small Language Models with Scalable Training Strategies*: section 4.
# - Chen et al. 2016, *Training Deep Nets with Sublinear Memory Cost*: section 4.

# %% [markdown] tags=["zh"]
# ## 小结
#
# - 每 token 的损失不能用来比较文本：分词器把文本切得越碎，文本看起来就越容易。每字节比特数可以在同一段文本上比较不同的分词器，也可以比较同一段文本训练前后；它不能给语言排名。
# - 继续预训练是一笔交换：用别处的遗忘换领域上的收益。两者都要报告，用留出文本、同一个单位，并给出其他文本里损失最多的那一种。
# - 回放保护被回放的东西。训练很短时，比例应当步步成立，数据流应当可以恢复。
# - 另一个要选的是学习率的新峰值。在我们这些很短的训练里，它比回放比例更要紧：峰值太高，新旧一起毁掉。
# - 已经会的东西，收益很小。
#
# **今天**（2026 年底，以我们查到的资料为限）
#
# - **学习率。** 先用恒定的学习率，最后才短暂衰减（预热、恒定、衰减三段，简称 WSD：Hu 等 2024，MiniCPM，第 4 节；Hägele 等 2024），就可以从衰减**之前**的检查点继续训练，什么都不用重新预热。Ibrahim 等（2024，第 7 节）描述了这种“无限”的学习率曲线。Yano 等（2026）报告说，预训练时完全不衰减的模型，微调之后反而更好。
# - **中段训练**（mid-training）。许多团队事先就规划好这一步：预训练的最后一段，学习率衰减的同时，混入更多数学、代码和高质量文本（退火：Llama Team 2024，3.1.3 和 3.4.3 节；SmolLM2 的分阶段训练：Ben Allal 等 2025，第 4 节）。
# - **数据。** 各部分的份额可以用许多次小规模训练来预测（RegMix：Liu 等 2024）。领域文本太少时，让模型改写它，或者围绕它再写一些（Nemotron-CC：Su 等 2024；Yang 等 2024，《Synthetic continued pretraining》）。
#
# ## 三个思考题
#
# 1. 你回放的是英文，受损的是另一种语言。你会把什么放进回放里？不知道模型是在什么上训练的，又怎么定各自的份额？
# 2. 更新次数相同时，回放越多，领域文本越少。如果让每种比例的**领域**行数相同，第 6 小节的图会变成什么样？哪种比较公平，对谁来说公平？
# 3. 分词器把一个汉字切成两三个 token。你往词表里加了两万个中文 token。这里可以冻结的东西，哪些现在非训练不可？如果只报告每 token 的损失，还有什么没法比了？
#
# ## 延伸阅读
#
# - Gupta 等 2023，《Continual Pre-Training of Large Language Models: How to (re)warm your model?》：第 4 节。
# - Ibrahim 等 2024，《Simple and Scalable Strategies to Continually Pre-train Large Language Models》：第 6、7 节。
# - Gururangan 等 2020，《Don't Stop Pretraining》：第 3 节。
# - Ben Allal 等 2025，《SmolLM2: When Smol Goes Big》：第 3、4 节。
# - Cui 等 2023，《Efficient and Effective Text Encoding for Chinese LLaMA and Alpaca》：第 2 节。
# - Rozière 等 2023，《Code Llama》：第 2 节。
# - Petrov 等 2023，《Language Model Tokenizers Introduce Unfairness Between Languages》：第 4 节。
# - Hu 等 2024，《MiniCPM: Unveiling the Potential of Small Language Models with Scalable Training Strategies》：第 4 节。
# - Chen 等 2016，《Training Deep Nets with Sublinear Memory Cost》：第 4 节。
