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
# # Lab 04, notebook 1: data
#
# Before the first gradient there is text, and what a model becomes is decided here more than anywhere else. In this notebook you turn raw text (sayings,
# manual pages, documentation, source code: English, Chinese, Python) into what a training loop reads: cleaned, filtered, deduplicated, packed into rows, and mixed.
#
# **You will be able to**
# - clean text without harming it, and say why Chinese must not be normalised with NFKC;
# - filter by language and by quality, with named measures and limits, and look at what each filter throws away;
# - find near-duplicates among all pairs of documents without comparing all pairs: shingles, MinHash, locality-sensitive hashing;
# - keep the evaluation's text out of the training set;
# - pack documents into rows of one length so that no token is lost and no document sees its neighbour, and mix corpora by **tokens**.
#
# **Time** about three hours. Running everything takes less than a minute on two CPU cores.
#
# **You need** Python with its regular expressions and sets, and a little PyTorch. 3 GB of free memory, no GPU.
#
# **How it works** Cells with `# YOUR CODE HERE` are yours. Each problem ends in a check cell that tries a few small cases at
# once; problem 1 has five parts, and `labkit.check("clean-dedup")` may be run after each of them: what is not written yet shows ○. The score comes from
# other, hidden tests. All other cells just run. The notebooks after this one train on such text.

# %% [markdown] tags=["zh"]
# # 实验 04，第 1 个 notebook：数据
#
# 训练开始之前，先得有文本；模型最终长成什么样，很大程度上在这里就定了。在这个 notebook 里，你要把原始文本（格言、手册页、文档、源代码：英文、中文、Python）
# 变成训练循环能读的样子：清洗、过滤、去重、打包成行，再按比例混合。
#
# **学完之后，你能够**
# - 清洗文本而不损伤它，并说清为什么中文不能用 NFKC 规范化；
# - 用各项指标的上下限按语言和质量过滤，并亲眼看看每个过滤器扔掉了什么；
# - 不逐对比较，也能从所有文档对里找出近似重复：shingle、MinHash、局部敏感哈希；
# - 不让评测文本混进训练集（数据污染）；
# - 把文档打包成等长的行：一个 token 都不丢，文档之间互不可见；并按 **token** 数（而不是文档数）混合语料。
#
# **时间** 约三小时。全部单元格在两个 CPU 核上跑一遍不到一分钟。
#
# **预备知识** Python 的正则表达式和集合，一点 PyTorch。3 GB 空闲内存，不需要 GPU。
#
# **做法** 带 `# YOUR CODE HERE` 的单元格由你来写。每道题的末尾有一个检查单元格，会立刻试几个小例子；第 1 题分五部分，
# 每写完一部分都可以先运行 `labkit.check("clean-dedup")`，还没写的显示 ○。最终得分来自另外的隐藏测试。其余单元格直接运行即可。后面的 notebook 就在这样的文本上训练。

# %% tags=["export"]
import hashlib
import itertools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

import labkit

# %%
profile = "cpu"  # or "gpu": the same code on 200 MB of FineWeb and FineWeb-2 from the hub, for a large machine

# %%
import random
import statistics
import time

import matplotlib.pyplot as plt
import transformers
from datasets import load_dataset

from labkit import corpora, plots
from labkit.models import load_smollm2, load_tokenizer

BLUE, ORANGE, GREY, GREEN = "#1f77b4", "#ff7f0e", "#d9d9d9", "#2ca02c"
BYTES = {"cpu": 2_000_000, "gpu": 200_000_000}[profile]

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
plots.style()


def from_hub(name: str, subset: str) -> list[str]:
    """The first documents of a data set on the hub, as many as fit into BYTES."""
    stream = iter(load_dataset(name, subset, split="train", streaming=True))
    documents, size = [], 0
    while size < BYTES:
        documents.append(next(stream)["text"])
        size += len(documents[-1].encode())
    return documents


raw = {"code": corpora.load("code", BYTES)}
if profile == "cpu":
    raw |= {lang: corpora.load(lang, BYTES) for lang in ("en", "zh")}
else:
    raw |= {
        "en": from_hub("HuggingFaceFW/fineweb", "sample-10BT"),
        "zh": from_hub("HuggingFaceFW/fineweb-2", "cmn_Hani"),
    }

# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# SmolLM2 was trained on English. We let it read four texts and ask, at each token, whether its best guess is the token that really comes next. Two of the texts
# look like **Latin**: the first is by Cicero, the greatest of the Roman orators; the second only looks like it.

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# SmolLM2 是用英文训练的。我们让它读四段文字，看它在每个位置上给出的概率最高的 token，是不是真的就是下一个 token。其中两段看上去是**拉丁文**：
# 第一段出自古罗马最伟大的演说家西塞罗，第二段只是样子像。

# %%
texts = {
    "Latin, by Cicero": "Quousque tandem abutere, Catilina, patientia nostra? quam diu etiam furor iste tuus nos eludet? quem ad finem "
    "sese effrenata iactabit audacia? Nihilne te nocturnum praesidium Palati, nihil urbis vigiliae, nihil timor populi",
    "printers' 'lorem ipsum'": "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore "
    "magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo consequat.",
    "a notice, in our words": "Whoever gets hold of this program may give it on to others and change it, as long as they keep to the rules that the "
    "foundation has put down in the second edition of its paper or, if they like that better, in a newer one. We hand it out because we hope that "
    "someone finds it good, but nobody here swears that it is; not even that it can be sold, or that it does what you got it for.",
    "the GPL's own notice": "This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public License "
    "as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later version. This program is "
    "distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; without even the implied warranty of MERCHANTABILITY or FITNESS.",
}
tokenizer, model = load_tokenizer(), load_smollm2()


def token_ids(text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


figure, axes = plt.subplots(figsize=(8, 2.4))
for row, text in enumerate(texts.values()):
    ids = torch.tensor([[tokenizer.bos_token_id, *token_ids(text)]])
    with torch.no_grad():
        foreseen = model(ids).logits[0, :-1].argmax(-1) == ids[0, 1:]
    share = foreseen[20:].float().mean().item()  # after 20 tokens it can know what it is reading
    axes.barh(row, share, color=ORANGE if row % 2 else BLUE)
    axes.text(share + 0.01, row, f"{share:.0%}", va="center")
axes.set_yticks(range(len(texts)), texts)
axes.invert_yaxis()
axes.set(xlim=(0, 1), xlabel="tokens foreseen", title="how much of a text does SmolLM2 foresee?")
plt.show()

# %% [markdown] tags=["en"]
# It does not read Latin, and it is no lawyer. What it foresees are the two texts that stand on the web **a thousand times over**: printers' filler and
# the GPL's notice. What is duplicated in the training data is not learnt a little better; it is learnt by heart. Lee et al. (2022) found that models trained on deduplicated
# text recite ten times less, and reach the same loss in fewer steps. Carlini et al. (2023) found that the chance of being recited grows with the logarithm of the number of copies.
#
# So, what would a model learn by heart from **our** text? Here is what it consists of, and which lines come again and again. (English and Chinese come from packages of Debian, a Linux distribution, fetched at set-up. Where the
# source is called *small*, they are missing, and your figures are others than the prose has.)

# %% [markdown] tags=["zh"]
# 它不懂拉丁文，也不是律师。它能预见的，正是网上**重复出现成千上万次**的两段文字：排版用的占位文字，以及 GPL 的声明。
# 训练数据里重复的内容，并不是“学得稍好一点”，而是被背了下来。Lee 等（2022）发现，在去重后的文本上训练，模型原样背诵的内容只有原来的十分之一，达到同样的损失所需的步数还更少；
# Carlini 等（2023）发现，一段文字被背出来的概率随副本数的对数增长。
#
# 那么，模型会从**我们的**文本里背下什么？先看看它由什么组成，又有哪些行一再出现。（英文和中文来自 Linux 发行版 Debian 的软件包，安装环境时取来；如果来源后面标着 “small”，说明缺了这些包，你看到的数字会与下文不同。）

# %%
figure, axes = plt.subplots(figsize=(8, 1.8))
for row, (lang, documents) in enumerate(raw.items()):
    lines = [line.strip() for text in documents for line in text.split("\n") if len(line.strip()) > 20]
    copies = Counter(lines)
    repeated = sum(len(line) for line in lines if copies[line] > 1) / sum(map(len, lines))
    axes.barh(row, repeated, color=ORANGE)
    axes.text(repeated + 0.005, row, f"{repeated:.0%}", va="center")
    print(f"{lang}: {len(documents):,} documents, {sum(len(text.encode()) for text in documents) / 1e6:.1f} MB")
    print(f"   from {corpora.sources(lang) if profile == 'cpu' else 'the hub'}")
    frequent = [line for line, _ in copies.most_common(40) if re.search(r"\w", line)][:3]
    print(*(f"   {copies[line]:>4} x  {line[:100]}" for line in frequent), "", sep="\n")
axes.set_yticks(range(len(raw)), raw)
axes.set(xlim=(0, 0.4), title="share of the text in lines that occur more than once")
axes.xaxis.set_major_formatter("{x:.0%}")
plt.show()

# %% [markdown] tags=["en"]
# The path from raw text to a training step, as in The Pile, RefinedWeb, FineWeb, and in this notebook:
#
# ```
#  raw ──► clean ──► filter ──► exact dedup ──► near dedup ──► decontaminate ──► tokenize ──► pack ──► mix ──► batches
#          §2        §3         §4              §5             §6                (notebook 2)  §7       §8
# ```
#
# ## 2. Cleaning
#
# Cleaning must take away what a reader does not see, and nothing that a reader does see. (Two of the rules do show a little: 4 halves the indent of a Chinese paragraph, 6 thins out empty lines.) `clean` does exactly
# this, in this order:
#
# 1. `\r\n` and `\r` become `\n`;
# 2. ANSI escape sequences go, whole: `ESC [`, then parameters out of `0-9 ; ?`, then one letter (`\x1b[32m` is "green" to a terminal);
# 3. control characters go (Unicode category `Cc`) except `\n` and `\t`, and so do the invisible U+FEFF (byte order mark) and U+200B (zero-width space);
# 4. every other space (Unicode category `Zs`: the no-break space U+00A0, the ideographic space U+3000, ...) becomes an ordinary space;
# 5. spaces and tabs at the **end** of a line go; those at its beginning stay, because in code and in poems they mean something;
# 6. more than one empty line in a row becomes one, and empty lines at the beginning and at the end of the text go;
# 7. Unicode **NFC**: `e` + `◌́` becomes the one character `é`, so that what looks the same is the same.
#
# **Why not NFKC?** It goes further and maps "compatible" characters to one: the full-width `，` and `：` of every Chinese sentence become ASCII, `²` becomes `2` and 10² becomes 102.

# %% [markdown] tags=["zh"]
# 从原始文本到一个训练步，The Pile、RefinedWeb、FineWeb 是这样走的，这个 notebook 也是：
#
# ```
#  原始文本 ─► 清洗 ─► 过滤 ─► 精确去重 ─► 近似去重 ─► 去污染 ─► 分词 ─► 打包 ─► 混合 ─► batch
#              §2      §3      §4          §5          §6     (第 2 个)   §7      §8
# ```
#
# ## 2. 清洗
#
# 清洗要去掉读者看不见的东西，而读者看得见的一样也不能动。（有两处例外看得出来：第 4 条让中文段首的缩进窄了一半，第 6 条去掉多余的空行。）`clean` 按下面的顺序，不多不少做这几件事：
#
# 1. `\r\n` 和 `\r` 变成 `\n`；
# 2. 整段删去 ANSI 转义序列：`ESC [`，后面是由 `0-9 ; ?` 组成的参数，再加一个字母（`\x1b[32m` 对终端来说是“绿色”）；
# 3. 删去控制字符（Unicode 类别 `Cc`），但保留 `\n` 和 `\t`；看不见的 U+FEFF（字节序标记）和 U+200B（零宽空格）也删去；
# 4. 其他各种空格（Unicode 类别 `Zs`：不换行空格 U+00A0、全角空格 U+3000……）都变成普通空格；
# 5. 删去行**尾**的空格和制表符；行首的留着，因为在代码和诗里缩进是有意义的；
# 6. 连续多个空行变成一个，文本开头和结尾的空行删去；
# 7. Unicode **NFC**：`e` + `◌́` 合成一个字符 `é`，看上去一样的，就真的一样。
#
# **为什么不用 NFKC？** 它走得更远，把“兼容”的字符也并成一个：中文句子里的全角 `，`、`：` 会变成 ASCII，`²` 会变成 `2`，10² 就成了 102。

# %% [markdown] tags=["en"]
# ### Problem 1 (12 points), first part: `clean`

# %% [markdown] tags=["zh"]
# ### 第 1 题（12 分），第一部分：`clean`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "clean-solution", "cell_type": "code"}
def clean(text: str) -> str:
    r"""Take away what a reader does not see, by the seven rules above, in their order.

    Cleaning twice changes nothing more.

    Example: "\x1b[32mIf x:\x1b[0m  \r\n\tpass\n\n\n\nend\n" -> "If x:\n\tpass\n\nend"
    """
    ### BEGIN SOLUTION
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    kept = []
    for character in text:
        category = unicodedata.category(character)
        if category == "Zs":
            kept.append(" ")
        elif character in "\n\t" or (category != "Cc" and character not in "\ufeff\u200b"):
            kept.append(character)
    text = re.sub(r"[ \t]+$", "", "".join(kept), flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text).strip("\n")
    return unicodedata.normalize("NFC", text)
    ### END SOLUTION


# %%
sample = "\ufeff\x1b[32m《静夜思》\x1b[m\r\n\u3000\u3000床前明月光，疑是地上霜。 \t\r\n\r\n\r\n\r\ncafe\u0301\u00a0noir,\x07 10²\n"
print(repr(sample), "", repr(clean(sample)), "", clean(sample), sep="\n")
start = time.perf_counter()
cleaned = {lang: [clean(text) for text in documents] for lang, documents in raw.items()}
print(f"\nall of it in {time.perf_counter() - start:.1f} s; changed are", end=" ")
print(*(f"{sum(map(str.__ne__, raw[lang], cleaned[lang])):,} of {len(raw[lang]):,} ({lang})" for lang in raw), sep=", ")

# %% [markdown] tags=["en"]
# ## 3. Filters
#
# Most of the web is not worth learning from: menus, error pages, lists of keywords, another language. Two kinds of filter are used everywhere: **rules** (Gopher's, Rae et al. 2021,
# whose names you find in every paper since) and small **classifiers** (FineWeb-Edu's, DCLM's). We write the rules. `quality_report` measures, and `violations` compares each measure with its limits:
#
# | measure | is |
# |---|---|
# | `n_words` | number of **units** (below) |
# | `mean_word_length` | mean length, in characters, of the **words between white space** |
# | `alphabetic` | share of the words between white space that contain a letter (`str.isalpha` of some character) |
# | `symbols` | number of `#`, of `...` and of `…`, together, per word between white space |
# | `bullet_lines` | share of lines that begin with `-`, `*` or `•` |
# | `ellipsis_lines` | share of lines that end in `...` or `…` |
# | `duplicate_lines` | share of lines that are the same as an **earlier** line of the document |
# | `stop_words` | how many different ones of *the, be, to, of, and, that, have, with* occur, as units |
# | `han` | share of Chinese characters (U+4E00 to U+9FFF) among all letters (`str.isalpha`) |
#
# Between white space stands a whole clause in Chinese, and a Chinese ellipsis, `……`, counts twice; so the limits for Chinese are others.
# A *line* is one that is not empty, without the white space around it. A share of nothing is 0. The **unit** is what we count in all of this notebook: a word in lower case, or a single Chinese
# character, since Chinese does not write spaces: `units("Debian 使用手册, v2")` is `["debian", "使", "用", "手", "册", "v2"]`.

# %% [markdown] tags=["zh"]
# ## 3. 过滤
#
# 网上的大部分文本不值得学：菜单、报错页面、关键词堆砌、别的语言。到处都在用的过滤器有两类：**规则**（Gopher 的规则，Rae 等 2021，此后的论文里都能见到这些名字）
# 和小型**分类器**（FineWeb-Edu、DCLM）。我们来写规则。`quality_report` 负责测量，`violations` 负责和各项指标的上下限比较：
#
# | 指标 | 含义 |
# |---|---|
# | `n_words` | **单位**（见下）的个数 |
# | `mean_word_length` | **以空白隔开的词**的平均长度（字符数） |
# | `alphabetic` | 以空白隔开的词里含有字母（某个字符 `str.isalpha`）的比例 |
# | `symbols` | `#`、`...`、`…` 的总个数，除以空白隔开的词的个数 |
# | `bullet_lines` | 以 `-`、`*` 或 `•` 开头的行的比例 |
# | `ellipsis_lines` | 以 `...` 或 `…` 结尾的行的比例 |
# | `duplicate_lines` | 与文档中**前面**某一行相同的行的比例 |
# | `stop_words` | “the, be, to, of, and, that, have, with” 之中，作为单位出现了几个不同的词 |
# | `han` | 汉字（U+4E00 到 U+9FFF）在所有字母（`str.isalpha`，汉字也算）中的比例 |
#
# 中文里以空白隔开的“词”往往是一整个分句，而省略号 `……` 要算两个，所以中文另有一套上下限。**行**指非空的行，去掉两头的空白。分母为零时，比例记为 0。整个 notebook 里计数的**单位**是：一个小写的单词，或者一个汉字，因为中文不写空格：
# `units("Debian 使用手册, v2")` 是 `["debian", "使", "用", "手", "册", "v2"]`。

# %% tags=["export"]
UNIT = re.compile(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+")
STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}

# The least and the most that is allowed. Gopher wants 50 to 100,000 words, a letter in 0.8 of them, and 2 stop words; our sayings are short.
ENGLISH = {
    "n_words": (5, 100_000),
    "mean_word_length": (3, 10),
    "alphabetic": (0.7, 1),
    "symbols": (0, 0.1),
    "bullet_lines": (0, 0.9),
    "ellipsis_lines": (0, 0.3),
    "duplicate_lines": (0, 0.3),
    "stop_words": (1, len(STOP_WORDS)),
    "han": (0, 0.1),
}
CHINESE = {
    "n_words": (10, 100_000),
    "symbols": (0, 0.3),
    "bullet_lines": (0, 0.9),
    "ellipsis_lines": (0, 0.3),
    "duplicate_lines": (0, 0.3),
    "han": (0.3, 1),
}


def units(text: str) -> list[str]:
    """The words of a text in lower case; each Chinese character is one of its own."""
    return UNIT.findall(text.lower())


# %% [markdown] tags=["en"]
# ### Problem 1, second part: `quality_report` and `violations`

# %% [markdown] tags=["zh"]
# ### 第 1 题，第二部分：`quality_report` 和 `violations`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "quality-solution", "cell_type": "code"}
def quality_report(text: str) -> dict[str, float]:
    """The nine measures of the table above, by their names; a share of nothing is 0.

    For an empty text, all nine are 0.

    Source: Rae et al. 2021, Scaling Language Models (Gopher), appendix A.1.1.
    """
    ### BEGIN SOLUTION
    words = text.split()
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    letters = [character for character in text if character.isalpha()]
    found = units(text)

    def share(count: float, whole: list) -> float:
        return count / len(whole) if whole else 0.0

    return {
        "n_words": float(len(found)),
        "mean_word_length": share(sum(map(len, words)), words),
        "alphabetic": share(sum(any(map(str.isalpha, word)) for word in words), words),
        "symbols": share(text.count("#") + text.count("...") + text.count("…"), words),
        "bullet_lines": share(sum(line.startswith(("-", "*", "•")) for line in lines), lines),
        "ellipsis_lines": share(sum(line.endswith(("...", "…")) for line in lines), lines),
        "duplicate_lines": share(len(lines) - len(set(lines)), lines),
        "stop_words": float(len(STOP_WORDS & set(found))),
        "han": share(sum("\u4e00" <= character <= "\u9fff" for character in letters), letters),
    }
    ### END SOLUTION


def violations(text: str, limits: dict[str, tuple[float, float]]) -> list[str]:
    """The names of the measures that are below the least or above the most that `limits` allows, in the order of `limits`.

    A measure that equals a limit is allowed. A document with no violations is kept.
    """
    ### BEGIN SOLUTION
    report = quality_report(text)
    return [name for name, (least, most) in limits.items() if not least <= report[name] <= most]
    ### END SOLUTION


# %% [markdown] tags=["en"]
# A filter is judged by what it throws away: **read it**. Code gets no such filter here (for source code one uses other rules: length of lines, share of generated files, whether it parses).

# %% [markdown] tags=["zh"]
# 过滤器好不好，要看它扔掉了什么：**一定要读**。代码在这里不过滤（源代码另有规则：行长、自动生成的比例、能否解析）。

# %%
filtered = {"code": cleaned["code"]}
figure, panels = plt.subplots(1, 2, figsize=(11, 3.2), width_ratios=[3, 2])
for panel, (lang, limits) in zip(panels, {"en": ENGLISH, "zh": CHINESE}.items(), strict=True):
    found = [violations(text, limits) for text in cleaned[lang]]
    filtered[lang] = [text for text, names in zip(cleaned[lang], found, strict=True) if not names]
    counts = Counter(itertools.chain(*found))
    alone = Counter(names[0] for names in found if len(names) == 1)
    panel.barh(list(limits), [counts[name] for name in limits], color=GREY)
    panel.barh(list(limits), [alone[name] for name in limits], color=BLUE)
    panel.invert_yaxis()
    panel.set(title=f"{lang}: documents dropped, blue by this measure alone")
    print(f"--- {lang}: kept {len(filtered[lang]):,} of {len(cleaned[lang]):,}")
    for name in limits:
        examples = [text for text, names in zip(cleaned[lang], found, strict=True) if names == [name]]
        if examples:
            print(f"{name:>18}: {min(examples, key=lambda text: abs(len(text) - 60))[:150]!r}")
plt.tight_layout()
plt.show()
gopher = {"n_words": (50, 100_000), "stop_words": (2, len(STOP_WORDS))}
print(f"en, by Gopher's limits: kept {sum(not violations(text, gopher) for text in cleaned['en']):,}")

# %% [markdown] tags=["en"]
# Is each of these a loss? A witty one-liner without a stop word, an English joke among Chinese ones, a quotation about sums: what a threshold gains and what it costs depends on the corpus. With Gopher's own (50 words at
# least, two stop words), most of our English documents would go, because sayings are short; on web pages the same numbers are right.
#
# ## 4. Exact duplicates
#
# The cheapest step comes first. Two documents are called the same here when they have the same words: compare `" ".join(text.lower().split())`, keep the **first** of each, and the order.
# A set of hashes is enough to do it in one pass over terabytes.

# %% [markdown] tags=["zh"]
# 扔掉的每一篇都该扔吗？一句没有停用词的俏皮话、混在中文里的一句英文笑话、一句谈算术的引文：阈值没有绝对的对错，要看取舍，更要看语料。如果照搬 Gopher 的数值（至少 50 个词、两个停用词），
# 我们的英文文档大半都会被扔掉，因为格言很短；而用在网页上，同样的数值就合适。
#
# ## 4. 精确去重
#
# 先做最便宜的一步。这里约定：两篇文档的词完全相同就算相同，即比较 `" ".join(text.lower().split())`；每组保留**第一篇**，并保持原来的顺序。
# 只需要一个哈希值的集合，几 TB 的数据扫一遍就能做完。

# %% [markdown] tags=["en"]
# ### Problem 1, third part: `exact_dedup`

# %% [markdown] tags=["zh"]
# ### 第 1 题，第三部分：`exact_dedup`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "exact-dedup-solution", "cell_type": "code"}
def exact_dedup(docs: list[str]) -> list[int]:
    """The indices of the documents to keep: the first of each group that is equal but for case and white space, in order."""
    ### BEGIN SOLUTION
    seen, kept = set(), []
    for index, text in enumerate(docs):
        key = " ".join(text.lower().split())
        if key not in seen:
            seen.add(key)
            kept.append(index)
    return kept
    ### END SOLUTION


# %%
distinct = {lang: [documents[index] for index in exact_dedup(documents)] for lang, documents in filtered.items()}
for lang, documents in filtered.items():
    print(f"{lang}: {len(documents) - len(distinct[lang])} of {len(documents):,} documents are copies")

# %% [markdown] tags=["en"]
# Hardly any. But the lines of section 1 said that much more repeats. One changed date, one other name, and two documents are no longer *equal*. They are **nearly** so.
#
# ## 5. Near-duplicates
#
# **Shingles.** We take a document as the set $S$ of all its runs of 5 consecutive units. Two documents are as similar as their sets overlap, the **Jaccard similarity**:
#
# $$J(A, B) = \frac{|A \cap B|}{|A \cup B|}$$
#
# Five units are long enough that strangers share almost none, and one changed word spoils only five of them. (Five words, that is; in Chinese five characters, which say less, and strangers share more of them.)
#
# **MinHash** (Broder 1997). To compare sets of thousands of shingles is slow; to compare all pairs of a billion documents is hopeless. So let a hash function $h$ put all shingles
# in a random order, and keep of each set only its **smallest**. That of $A \cup B$ is equally likely to be any of its elements, and the smallest of $A$ equals the smallest of $B$ just when it lies in both:
#
# $$\Pr\big[\min h(A) = \min h(B)\big] = \frac{|A \cap B|}{|A \cup B|} = J(A, B)$$
#
# With $k$ independent hash functions, the share of them that agree **estimates** $J$, without bias, and with a standard deviation of $\sqrt{J(1-J)/k} \le 1/(2\sqrt k)$ (exactly so for random orders; the functions below come near). A document of any length becomes a signature of $k$ numbers.
#
# The $k$ functions come from one hash of the shingle, $x$, by **universal hashing** (Carter and Wegman 1979), with the prime $P = 2^{31} - 1$:
#
# $$h_i(S) = \min_{s \in S}\; \big[(a_i \cdot x(s) + b_i) \bmod P\big]$$
#
# `hash31` and `coefficients` are given, so that all of us get the same signatures. (Python's own `hash` of a string differs from one process to the next: never store it.)

# %% [markdown] tags=["zh"]
# 少得可怜。但第 1 节的那些行告诉我们，重复的远不止这些。只要改一个日期、换一个名字，两篇文档就不再**相等**了，但它们**几乎**相等。
#
# ## 5. 近似重复
#
# **Shingle（瓦片）。** 把一篇文档看成它所有连续 5 个单位组成的集合 $S$。两篇文档有多像，就看两个集合重叠多少，即 **Jaccard 相似度**：
#
# $$J(A, B) = \frac{|A \cap B|}{|A \cup B|}$$
#
# 五个单位足够长，不相干的文档几乎不会有相同的 shingle；而改动一个词，只会影响其中五个。（英文里是五个词；中文里只是五个字，分量轻一些，碰巧相同的也多一些。）
#
# **MinHash**（Broder 1997）。比较几千个 shingle 的集合很慢；要比较十亿篇文档中的每一对，则毫无希望。于是用一个哈希函数 $h$ 给所有 shingle 排一个随机的次序，每个集合只留下**最小**的那个。
# $A \cup B$ 中每个元素成为最小的机会均等；而 $A$ 的最小与 $B$ 的最小相同，当且仅当这个最小的元素同时在两个集合里：
#
# $$\Pr\big[\min h(A) = \min h(B)\big] = \frac{|A \cap B|}{|A \cup B|} = J(A, B)$$
#
# 用 $k$ 个相互独立的哈希函数，其中相等的比例就是 $J$ 的**估计**：无偏，标准差为 $\sqrt{J(1-J)/k} \le 1/(2\sqrt k)$（对完全随机的次序严格成立，下面的函数近似如此）。于是不论多长的文档，都变成由 $k$ 个数组成的签名。
#
# 这 $k$ 个函数由 shingle 的同一个哈希值 $x$ 通过**通用哈希**（universal hashing，Carter 与 Wegman 1979）得到，取素数 $P = 2^{31} - 1$：
#
# $$h_i(S) = \min_{s \in S}\; \big[(a_i \cdot x(s) + b_i) \bmod P\big]$$
#
# `hash31` 和 `coefficients` 已经给出，这样大家得到的签名都一样。（Python 自带的 `hash` 对字符串的结果，每个进程都不同：千万不要存下来。）

# %% tags=["export"]
P = 2**31 - 1  # a Mersenne prime; a product of two numbers below it fits into 64 bits


def hash31(shingle: str) -> int:
    """A hash of the text in 0 ... P - 1 that is the same in every process and on every machine."""
    return int.from_bytes(hashlib.blake2b(shingle.encode(), digest_size=8).digest(), "little") % P


def coefficients(n_hashes: int, seed: int) -> tuple[Tensor, Tensor]:
    """a in 1 ... P - 1 and b in 0 ... P - 1, each (n_hashes,) int64: the same for the same seed."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(1, P, n_hashes), rng.integers(0, P, n_hashes)
    return torch.from_numpy(a), torch.from_numpy(b)


# %% [markdown] tags=["en"]
# **Locality-sensitive hashing.** With signatures there are still all pairs to compare. So cut each signature into `bands` bands of $r = k / \text{bands}$ consecutive numbers (the literature says *rows*), and look only at pairs that agree in **all** numbers of **some** band
# (of the *same* band in both): they fall into the same bucket of a dictionary, and no pair is ever looked at that does not. A pair of similarity $J$ becomes a candidate with probability
#
# $$1 - (1 - J^{\,r})^{\text{bands}}$$
#
# an S-shaped curve, steep near $J \approx (1/\text{bands})^{1/r}$. Then
#
# 1. every candidate pair is **verified**: it is a near-duplicate if the exact Jaccard similarity of the shingles is at least the threshold;
# 2. near-duplicates of near-duplicates belong together: documents form **clusters**, the connected components (A ~ B and B ~ C puts A, B, C into one, even if A and C are less similar);
# 3. of each cluster its first document is kept.
#
# ### Problem 1, fourth part: `shingles`, `jaccard`, `minhash`, `candidates`, `minhash_dedup`

# %% [markdown] tags=["zh"]
# **局部敏感哈希（LSH）。** 有了签名，还是要比较所有的对。于是把每个签名切成 `bands` 段，每段 $r = k / \text{bands}$ 个连续的数（文献里称为“行”，rows），只看那些在**某一**段（两边是**同一**段）里**所有**数都相同的对：
# 它们会落进字典的同一个桶，其余的对根本不会碰到。相似度为 $J$ 的一对成为候选的概率是
#
# $$1 - (1 - J^{\,r})^{\text{bands}}$$
#
# 这是一条 S 形曲线，在 $J \approx (1/\text{bands})^{1/r}$ 附近最陡。之后：
#
# 1. 每个候选对都要**核实**：两篇文档 shingle 的精确 Jaccard 相似度不低于阈值，才算近似重复；
# 2. 近似重复的近似重复也归到一起：文档组成**簇**，即连通分量（A ~ B 且 B ~ C，则 A、B、C 同簇，哪怕 A 和 C 不那么像）；
# 3. 每个簇只保留第一篇。
#
# ### 第 1 题，第四部分：`shingles`、`jaccard`、`minhash`、`candidates`、`minhash_dedup`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "minhash-solution", "cell_type": "code"}
def shingles(text: str, size: int = 5) -> set[str]:
    """All runs of `size` consecutive units, each joined by single spaces.

    A text of fewer units is one shingle of all of them; a text without units has none.

    Example: shingles("To be, or not", size=3) -> {"to be or", "be or not"}
    """
    ### BEGIN SOLUTION
    found = units(text)
    if not found:
        return set()
    return {" ".join(found[start : start + size]) for start in range(max(1, len(found) - size + 1))}
    ### END SOLUTION


def jaccard(a: set[str], b: set[str]) -> float:
    """|a and b| / |a or b|; two empty sets are alike: 1."""
    ### BEGIN SOLUTION
    return len(a & b) / len(a | b) if a or b else 1.0
    ### END SOLUTION


def minhash(shingles: set[str], n_hashes: int = 128, seed: int = 0) -> Tensor:
    """The signature: for each i the smallest (a_i * hash31(s) + b_i) mod P of all shingles s, with coefficients(n_hashes, seed).

    Returns:
        (n_hashes,) int64; all P for an empty set.

    Source: Broder 1997, On the resemblance and containment of documents, section 3; Carter and Wegman 1979.
    """
    ### BEGIN SOLUTION
    if not shingles:
        return torch.full((n_hashes,), P)
    a, b = coefficients(n_hashes, seed)
    x = torch.tensor([hash31(shingle) for shingle in shingles])
    return ((a * x[:, None] + b) % P).amin(0)  # (len(shingles), n_hashes) -> (n_hashes,)
    ### END SOLUTION


def candidates(signatures: Tensor, bands: int) -> list[tuple[int, int]]:
    """The pairs i < j whose signatures agree in all columns of at least one band, in ascending order, each once.

    Args:
        signatures: (N, n_hashes) int64.
        bands: into so many bands of consecutive columns each signature is cut.

    Raises:
        ValueError: `bands` does not divide n_hashes.

    Source: Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, section 3.4.
    """
    ### BEGIN SOLUTION
    if signatures.shape[1] % bands:
        raise ValueError(f"{signatures.shape[1]} hashes cannot be cut into {bands} bands")
    pairs = set()
    for band in signatures.chunk(bands, dim=1):
        buckets = defaultdict(list)
        for index, rows in enumerate(band.tolist()):
            buckets[tuple(rows)].append(index)
        for bucket in buckets.values():
            pairs.update(itertools.combinations(bucket, 2))
    return sorted(pairs)
    ### END SOLUTION


def minhash_dedup(
    docs: list[str], threshold: float, n_hashes: int = 128, bands: int = 32, seed: int = 0, size: int = 5
) -> list[int]:
    """The indices of the documents to keep, in order: the first of each cluster of near-duplicates.

    Near-duplicates are the candidate pairs (see `candidates`, on `minhash` signatures) whose shingles of `size` units have an
    exact Jaccard similarity of at least `threshold`; clusters are the connected components.

    Source: Lee et al. 2022, Deduplicating Training Data Makes Language Models Better, section 4.2.
    """
    ### BEGIN SOLUTION
    if not docs:
        return []
    sets = [shingles(text, size) for text in docs]
    signatures = torch.stack([minhash(found, n_hashes, seed) for found in sets])
    first = list(range(len(docs)))  # a document of its cluster with a smaller index, or itself

    def root(index: int) -> int:
        while first[index] != index:
            index = first[index]
        return index

    for i, j in candidates(signatures, bands):
        a, b = sorted((root(i), root(j)))
        if a != b and jaccard(sets[i], sets[j]) >= threshold:
            first[b] = a
    return [index for index in range(len(docs)) if first[index] == index]
    ### END SOLUTION


# %% [markdown] tags=["en"]
# **Is it an estimate?** Take a text and change more and more of its words: left, what 128 hashes say against the truth; right, how the error falls with the number of hashes.

# %% [markdown] tags=["zh"]
# **估得准吗？** 取一段文本，改掉越来越多的词：左图是 128 个哈希的估计与真值的对照；右图是误差如何随哈希个数下降。

# %%
rng = random.Random(0)
base = units(max(filtered["en"], key=len))[:400]
pairs = []  # the exact similarity, and two sets
for changes in [0, 1, 2, 4, 7, 12, 20, 30, 45, 70] * 4:
    changed = list(base)
    for place in rng.sample(range(len(base)), changes):
        changed[place] = f"other{rng.random()}"
    a, b = shingles(" ".join(base)), shingles(" ".join(changed))
    pairs.append((jaccard(a, b), a, b))


def estimate(a: set[str], b: set[str], n_hashes: int, seed: int = 0) -> float:
    """The share of equal entries of the two signatures."""
    return (minhash(a, n_hashes, seed) == minhash(b, n_hashes, seed)).float().mean().item()


figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4))
for index, (truth, a, b) in enumerate(pairs):
    left.plot(truth, estimate(a, b, 128, seed=index), "o", color=BLUE, alpha=0.6)
line = torch.linspace(0, 1, 101)
spread = 2 * (line * (1 - line) / 128) ** 0.5
left.fill_between(line, line - spread, line + spread, color=GREY, alpha=0.6, label="± 2 standard deviations")
left.plot(line, line, color=GREY)
left.legend(frameon=False)
left.set(xlabel="exact Jaccard", ylabel="estimate, 128 hashes", title="MinHash against the truth")
counts = [8, 16, 32, 64, 128, 256, 512]
truth, a, b = pairs[4]
errors = [statistics.fmean((estimate(a, b, k, seed) - truth) ** 2 for seed in range(40)) ** 0.5 for k in counts]
right.plot(counts, errors, "o", color=BLUE, label=f"measured, J = {truth:.2f}")
right.plot(counts, [(truth * (1 - truth) / k) ** 0.5 for k in counts], color=ORANGE, label="√(J (1 − J) / k)")
right.set(
    xscale="log",
    yscale="log",
    xlabel="hashes k",
    ylabel="root mean square error",
    title="four times the hashes, half the error",
)
right.legend(frameon=False)
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# **The S-curve.** How to cut 128 numbers? With few rows per band almost every pair becomes a candidate, many rows miss real duplicates. The points are measured with your `candidates` on pairs of known similarity.

# %% [markdown] tags=["zh"]
# **S 曲线。** 128 个数该怎么切？每段的行数少，几乎什么都成了候选；行数多，又会漏掉真正的重复。图中的点，是用你的 `candidates` 在已知相似度的对上测出来的。

# %%
truths = [truth for truth, _, _ in pairs[:10]]
signed = [[torch.stack([minhash(a, 128, seed), minhash(b, 128, seed)]) for _, a, b in pairs[:10]] for seed in range(25)]
figure, axes = plt.subplots(figsize=(7, 3.6))
for bands, colour in [(64, ORANGE), (32, BLUE), (16, GREEN)]:
    rows = 128 // bands
    axes.plot(line, 1 - (1 - line**rows) ** bands, color=colour, label=f"{bands} bands of {rows} rows")
    hits = [[len(candidates(both, bands)) for both in pair] for pair in zip(*signed, strict=True)]
    axes.plot(truths, [statistics.fmean(each) for each in hits], "o", color=colour)
axes.axvline(0.7, color=GREY, zorder=0)
axes.set(xlabel="Jaccard similarity of a pair", ylabel="becomes a candidate", title="lines: theory, points: measured")
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# With 32 bands a pair of similarity 0.7 is missed once in six thousand times, and one of similarity 0.2 costs a comparison once in twenty. Now the real text:

# %% [markdown] tags=["zh"]
# 切成 32 段时，相似度 0.7 的一对，约六千次才漏掉一次；相似度 0.2 的一对，二十次里才会白比较一次。现在来看真实的文本：

# %%
THRESHOLD = 0.7
unique, times = dict(distinct), {}
figure, axes = plt.subplots(figsize=(8, 1.8))
for row, (lang, documents) in enumerate(distinct.items()):
    start = time.perf_counter()
    kept = minhash_dedup(documents, THRESHOLD)
    times[lang] = time.perf_counter() - start
    unique[lang] = [documents[index] for index in kept]
    dropped = 1 - sum(map(len, unique[lang])) / sum(map(len, documents))
    print(f"{lang}: {len(documents) - len(kept)} of {len(documents):,} documents are near-duplicates of an earlier one")
    print(f"      {len(documents) * (len(documents) - 1) // 2:,} pairs, {times[lang]:.1f} s")
    axes.barh(row, dropped, color=ORANGE)
    axes.text(dropped + 0.001, row, f"{dropped:.1%}", va="center")
axes.set_yticks(range(len(distinct)), distinct)
axes.set(title=f"share of the text that is a near-duplicate (J ≥ {THRESHOLD})")
axes.xaxis.set_major_formatter("{x:.1%}")
plt.show()

# %%
sets = [shingles(text) for text in distinct["code"]]
pairs = candidates(torch.stack([minhash(found) for found in sets]), 32)
similar = sorted((jaccard(sets[i], sets[j]), i, j) for i, j in pairs if jaccard(sets[i], sets[j]) >= THRESHOLD)
for similarity, i, j in (similar[0], similar[-1]):
    print(f"J = {similarity:.2f}")
    both = (distinct["code"][index].strip().split("\n")[:9] for index in (i, j))
    print(*(f"   {mine[:56]:58}| {other[:56]}" for mine, other in zip(*both, strict=False)), "", sep="\n")

# %% [markdown] tags=["en"]
# Tables and generated modules: this is what a code model would learn by heart. (Debian's texts were written and edited by people. On the web it is worse: RefinedWeb lost about half of its text to
# deduplication.) But compare these shares with the repeated *lines* of section 1: most of what repeats is not whole documents, but a common line here and a footer there, inside documents that differ. No step of this notebook takes those away; section 6 meets them again, and question 1 asks what would find them.

# %% [markdown] tags=["zh"]
# 数据表和自动生成的模块：代码模型会背下来的正是这些。（Debian 的文本是人写、人编的；网上的情况更糟：RefinedWeb 去重后，文本少了大约一半。）不过，把这里的比例与第 1 节里重复的**行**对照一下：
# 重复的大头不是整篇文档，而是这里一行套话、那里一段页脚，夹在彼此不同的文档里。这些行，本 notebook 没有哪一步会删；第 6 节还会遇到它们，怎样找出它们，见思考题 1。

# %% [markdown] tags=["en"]
# **The library.** `datasketch` is what many pipelines use (others: `datatrove`, `text-dedup`, Spark). The same sets, the same threshold: it chooses the bands by itself, so that false and missed pairs weigh the same, and it does not verify: its answer is a set of *candidates*.

# %% [markdown] tags=["zh"]
# **工具库。** 很多数据流水线用的是 `datasketch`（还有 `datatrove`、`text-dedup`、Spark）。给它同样的集合、同样的阈值：它自己选择怎样分段，对误报和漏报一视同仁；它也不核实，所以给出的只是**候选**。

# %%
from datasketch import MinHash, MinHashLSH

start = time.perf_counter()
sets = [shingles(text) for text in distinct["code"]]
library = MinHashLSH(threshold=THRESHOLD, num_perm=128)
theirs = MinHash.bulk([[shingle.encode() for shingle in found] for found in sets], num_perm=128, seed=1)
found_pairs = set()
for index, sketch in enumerate(theirs):
    found_pairs |= {(other, index) for other in library.query(sketch)}
    library.insert(index, sketch)
seconds = time.perf_counter() - start
print(
    f"datasketch: {library.b} bands of {library.r} rows, {seconds:.1f} s (yours {times['code']:.1f} s, with verification)"
)
for name, found in [("datasketch", found_pairs), ("yours", pairs)]:
    true = [pair for pair in found if jaccard(sets[pair[0]], sets[pair[1]]) >= THRESHOLD]
    print(f"{name:>10}: {len(found)} candidate pairs, {len(true)} of them with J ≥ {THRESHOLD}")
differences = [abs(theirs[i].jaccard(theirs[j]) - jaccard(sets[i], sets[j])) for i, j in pairs]
ours = [abs(estimate(sets[i], sets[j], 128) - jaccard(sets[i], sets[j])) for i, j in pairs]
print(
    f"mean error of the estimates: {statistics.fmean(differences):.3f} by datasketch, {statistics.fmean(ours):.3f} by yours"
)

# %% [markdown] tags=["en"]
# It finds fewer: 14 bands of 9 rows are steepest near $J = (1/14)^{1/9} \approx 0.75$, so that much of what lies just above 0.7 is missed. Your 32 bands of 4 rows are steepest near 0.42; they propose more than twice as many pairs, and can afford it, because each is verified.
#
# ## 6. Evaluation text in the training set
#
# An evaluation asks how well a model does on text it has **not seen**. Split a corpus with duplicates at random, and much of the held-out text has a twin in the training set: a model that learns by heart looks brilliant. Two rules
# keep an evaluation honest: **deduplicate before the split**, and take out of the training set every document that shares a long run of units with the evaluation set (GPT-3 used 13 words, Brown et al. 2020; in Chinese our 13 units are 13 characters, half a sentence, which is stricter).
#
# ### Problem 1, last part: `decontaminate`

# %% [markdown] tags=["zh"]
# 它找到的少一些：14 段、每段 9 行，曲线在 $J = (1/14)^{1/9} \approx 0.75$ 附近最陡，刚刚超过 0.7 的对就漏掉不少。你的 32 段、每段 4 行，在 0.42 附近最陡，候选多出一倍有余；这没有关系，因为每一对都会核实。
#
# ## 6. 混进训练集的评测文本：数据污染
#
# 评测要问的是：模型在**没见过**的文本上表现如何。如果语料里有重复，再随机划分，那么留出的文本有不少在训练集里有“双胞胎”：一个只会死记硬背的模型也会显得很出色。守住两条规则，评测才算诚实：
# **先去重，再划分**；并且把与评测集有一长串相同单位的文档，从训练集里拿掉（GPT-3 用的是 13 个词，Brown 等 2020；对中文来说，13 个单位就是 13 个字，不过半句话，所以更严）。
#
# ### 第 1 题，最后一部分：`decontaminate`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "decontaminate-solution", "cell_type": "code"}
def decontaminate(train: list[str], held_out: list[str], size: int = 13) -> list[int]:
    """The indices of the training documents to keep: those that share no run of `size` units with any held-out document.

    A document of fewer than `size` units counts as one run, as in `shingles`; one without units is kept.

    Source: Brown et al. 2020, Language Models are Few-Shot Learners, appendix C.
    """
    ### BEGIN SOLUTION
    forbidden = set().union(*(shingles(text, size) for text in held_out))
    return [index for index, text in enumerate(train) if not shingles(text, size) & forbidden]
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 12, "schema_version": 3, "grade_id": "clean-dedup", "cell_type": "code"}
labkit.check("clean-dedup")


# %%
def split(documents: list[str]) -> tuple[list[str], list[str]]:
    """About nine tenths and one tenth. The hash decides, so that a document is on the same side in every version of the corpus."""
    sides = ([], [])
    for text in documents:
        sides[hash31(text) % 10 == 0].append(text)
    return sides


def seen_in_training(train: list[str], held_out: list[str]) -> float:
    """The share of the held-out runs of 13 units that the training set has, too."""
    known = set().union(*(shingles(text, 13) for text in train))
    runs = [run for text in held_out for run in shingles(text, 13)]
    return sum(run in known for run in runs) / len(runs)


final, evaluation, shares = dict(unique), {}, []
figure, axes = plt.subplots(figsize=(8, 2.8))
for lang in unique:
    train, held_out = split(unique[lang])
    final[lang], evaluation[lang] = [train[index] for index in decontaminate(train, held_out)], held_out
    stages = (split(filtered[lang]), (train, held_out), (final[lang], held_out))
    shares.append([seen_in_training(*stage) for stage in stages])
    taken_out = 1 - sum(map(len, final[lang])) / sum(map(len, train))
    print(
        f"{lang}: {len(train):,} training documents, {len(train) - len(final[lang])} taken out because of the evaluation "
        f"set, {taken_out:.0%} of the characters"
    )
for place, (stage, colour) in enumerate([("as it came", ORANGE), ("deduplicated", BLUE), ("decontaminated", GREEN)]):
    heights = [row + 0.25 * (place - 1) for row in range(len(unique))]
    bars = axes.barh(heights, [share[place] for share in shares], 0.23, color=colour, label=stage)
    axes.bar_label(bars, fmt="{:.1%}", padding=3, fontsize=8)
axes.set_yticks(range(len(unique)), unique)
axes.invert_yaxis()
axes.xaxis.set_major_formatter("{x:.0%}")
axes.legend(frameon=False, fontsize=8)
axes.margins(x=0.15)
axes.set(title="held-out text that stands in the training set, too")
plt.show()

# %% [markdown] tags=["en"]
# The Chinese bar hardly moves by deduplication: each manual page ends in the same lines about who translated it, and a Debian quotation names its source, in documents that otherwise differ. Taking out all documents that share 13 units with the evaluation set is the safe way for the evaluation, and an expensive
# one: less than a fifth of the Chinese training documents go, but they are long ones, half of the characters. And training and held-out text are **no longer of one distribution**: not one page with that footer is left to train on, while the held-out text still has its own.
# (Lee et al. cut out the repeated passage alone; GPT-3's authors cut the overlap out of the training document, with a window around it. Both keep the rest.)

# %% [markdown] tags=["zh"]
# 中文那一条，去重之后几乎没动：每篇手册页末尾都有同样几行，写着由谁翻译；Debian 的引文都注明出处，而文档的其余部分各不相同。凡是与评测集有 13 个单位相同的文档全部拿掉，对评测来说最稳妥，代价也高：
# 中文训练文档拿掉的不到五分之一，却都比较长，字符少了一半。而且训练集与评测集从此**不再同分布**：带那段页脚的手册页，训练集里一篇都没剩下，评测集里却还有。
# （Lee 等只剪掉重复的段落；GPT-3 的作者则从训练文档中剪掉重叠处连同前后的一段窗口。两种做法都保留了文档的其余部分。）

# %% [markdown] tags=["en"]
# ## 7. Packing
#
# Documents have lengths from ten tokens to thousands; a batch is a rectangle. To pad every document to the longest wastes most of the computation, to cut them at the row's end loses text. So **pack**: write
# all documents one after the other, each followed by the end-of-sequence token, and cut this stream into rows of `seq_len`. Nothing is lost, and only the end of the last row is padding.
#
# ```
# docs      [5 6 7]  [8 9]  [3 4 5 6]         eos = 0, seq_len = 5
# stream     5 6 7 0  8 9 0  3 4 5 6 0
# ids       [[5 6 7 0 8], [9 0 3 4 5], [6 0 0 0 0]]         the last three: padding
# document  [[0 0 0 0 1], [1 1 2 2 2], [2 2 -1 -1 -1]]      an EOS belongs to the document that it ends
# ```
#
# But now a token of document 1 may attend to document 0, which has nothing to do with it. With the document ids a **block-diagonal** mask keeps them apart, and positions start at 0 again with each document. (GPT-3 did without: its EOS tells the
# model that what came before is unrelated. Llama 3 uses the mask, and reports that it matters for long contexts.)
#
# **What training must leave out of the loss.** Padding has the id of EOS: only `document == -1` tells it from a real end. And with the mask, nothing that a token can see foretells the first token of the *next* document: where `document` changes from one place to the next, that next
# token is no target either.

# %% [markdown] tags=["zh"]
# ## 7. 打包
#
# 文档有长有短，从十个 token 到几千个；而 batch 是个矩形。把每篇都填充到最长，大部分计算就浪费了；在行末截断，文本就丢了。所以要**打包**（packing）：
# 把所有文档首尾相接写成一条流，每篇后面跟一个序列结束符 EOS，再把这条流切成长为 `seq_len` 的行。什么都不丢，只有最后一行的末尾是填充。
#
# ```
# docs      [5 6 7]  [8 9]  [3 4 5 6]         eos = 0, seq_len = 5
# 流         5 6 7 0  8 9 0  3 4 5 6 0
# ids       [[5 6 7 0 8], [9 0 3 4 5], [6 0 0 0 0]]         最后三个是填充
# document  [[0 0 0 0 1], [1 1 2 2 2], [2 2 -1 -1 -1]]      EOS 属于由它结束的那篇文档
# ```
#
# 可是这样一来，文档 1 的 token 就能注意到毫不相干的文档 0 了。有了文档编号，就可以用**块对角**掩码把它们隔开，并让位置在每篇文档开头重新从 0 数起。
# （GPT-3 没有这样做：EOS 会告诉模型，前面的内容与后面无关。Llama 3 用了这种掩码，并报告说它对长上下文很重要。）
#
# **训练时哪些位置不算损失。** 填充的 id 与 EOS 相同，只有 `document == -1` 能把它和真正的结尾区分开，这些位置不算。另外，用了掩码之后，文档边界处看不到任何能预示**下一篇**第一个 token 的内容：`document` 在哪里变了，变化处的那个 token 也不作为预测目标。

# %%
tokens = {lang: [token_ids(text) for text in documents[:1000]] for lang, documents in final.items()}
lengths = {lang: [len(ids) for ids in documents] for lang, documents in tokens.items()}
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2))
bins = np.logspace(0.5, 3.8, 40)
for (lang, found), colour in zip(lengths.items(), (GREEN, BLUE, ORANGE), strict=True):
    left.hist(found, bins, histtype="step", lw=1.5, color=colour, label=lang)
left.set(xscale="log", xlabel="tokens (SmolLM2's tokenizer)", title="length of up to 1,000 documents of each")
left.legend(frameon=False, loc="upper left")
batch = 32
for place, found in enumerate(lengths.values()):
    rows = [found[start : start + batch] for start in range(0, len(found), batch)]
    padded = 1 - sum(found) / sum(max(row) * len(row) for row in rows)
    right.bar(place, padded, color=ORANGE)
    right.text(place, padded + 0.02, f"{padded:.0%}", ha="center")
right.set_xticks(range(len(lengths)), lengths)
right.set(ylim=(0, 1), title="share of padding in batches of 32, unpacked")
plt.show()

# %% [markdown] tags=["en"]
# ### Problem 2 (8 points), first part: `pack`, `packed_mask`, `packed_positions`

# %% [markdown] tags=["zh"]
# ### 第 2 题（8 分），第一部分：`pack`、`packed_mask`、`packed_positions`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "pack-solution", "cell_type": "code"}
def pack(docs: list[list[int]], seq_len: int, eos_id: int) -> tuple[Tensor, Tensor]:
    """All documents in one stream, each followed by eos_id, cut into rows of seq_len tokens.

    Returns:
        ids: (N, seq_len) int64; the end of the last row is filled up with eos_id.
        document: (N, seq_len) int64: the index in `docs` of the document that each token (or EOS) belongs to, -1 where filled up.

    A document without tokens leaves no trace, not even an EOS. N is as small as possible, and may be 0.
    """
    ### BEGIN SOLUTION
    ids, document = [], []
    for index, tokens in enumerate(docs):
        if tokens:
            ids += [*tokens, eos_id]
            document += [index] * (len(tokens) + 1)
    missing = -len(ids) % seq_len
    ids += [eos_id] * missing
    document += [-1] * missing
    return torch.tensor(ids, dtype=torch.int64).view(-1, seq_len), torch.tensor(document, dtype=torch.int64).view(
        -1, seq_len
    )
    ### END SOLUTION


def packed_mask(document: Tensor) -> Tensor:
    """Which tokens of a row each token may attend to: itself, and those before it of the same document.

    Args:
        document: (N, T) int64, as from `pack`.

    Returns:
        (N, T, T) bool: [n, t, s] is True where token t may see token s. Padding sees the padding before it.
    """
    ### BEGIN SOLUTION
    return (document[:, :, None] == document[:, None, :]).tril()
    ### END SOLUTION


def packed_positions(document: Tensor) -> Tensor:
    """The position of each token in its document, as far as the row shows it: 0 where a row or a document begins.

    Args:
        document: (N, T) int64, as from `pack`.

    Returns:
        (N, T) int64. A document that a row's end cuts in two begins at 0 again in the next row, where its beginning cannot be seen.
        Padding counts as a document: its positions begin at 0, too.
    """
    ### BEGIN SOLUTION
    steps = torch.arange(document.shape[1]).expand_as(document)
    begins = torch.ones_like(document, dtype=torch.bool)
    begins[:, 1:] = document[:, 1:] != document[:, :-1]
    return steps - torch.where(begins, steps, 0).cummax(1).values
    ### END SOLUTION


# %%
sayings = [token_ids(text) for text in ("To err is human.", "Debian is made by volunteers.", "学而时习之，不亦说乎？")]
ids, document = pack(sayings, 32, tokenizer.eos_token_id)
figure, panels = plt.subplots(1, 3, figsize=(11, 3.4), width_ratios=[1.5, 1, 1])
panels[0].imshow(document, cmap="tab10", vmin=-1, vmax=8, aspect="auto")
for row, step in np.ndindex(*ids.shape):
    if ids[row, step] == tokenizer.eos_token_id:
        panels[0].text(step, row, "E", ha="center", va="center", color="white", fontsize=7)
panels[0].set(title=f"{len(ids)} rows; E: end of sequence", xlabel="position in the row", yticks=range(len(ids)))
panels[1].imshow(packed_mask(document)[0], cmap="Blues", vmax=1.4)
panels[1].set(title="who may see whom, row 0", xlabel="key", ylabel="query")
panels[2].plot(packed_positions(document)[0], drawstyle="steps-mid", color=BLUE)
panels[2].set(title="positions, row 0", xlabel="position in the row")
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# **Does it matter?** Give SmolLM2 the pack, once with a plain causal mask and once with yours, and compare its loss on each saying with the loss on the saying **alone**.

# %% [markdown] tags=["zh"]
# **真的有影响吗？** 把打包好的行喂给 SmolLM2，一次用普通的因果掩码，一次用你的掩码，再与**单独**读每条格言时的损失比较。

# %%


def losses(ids: Tensor, **arguments: Tensor) -> Tensor:
    """The loss of each token after the first of a row, (N, T - 1)."""
    with torch.no_grad():
        log_probs = model(ids, **arguments).logits[:, :-1].log_softmax(-1)
    return -log_probs.gather(2, ids[:, 1:, None]).squeeze(2)


ids, document = pack(sayings, sum(len(saying) + 1 for saying in sayings), tokenizer.eos_token_id)
plain = losses(ids)[0]
masked = losses(ids, attention_mask=packed_mask(document)[:, None], position_ids=packed_positions(document))[0]
for index, saying in enumerate(sayings):
    inside = (document[0, 1:] == index) & (document[0, :-1] == index)
    alone = losses(torch.tensor([[*saying, tokenizer.eos_token_id]]))[0]
    print(f"{tokenizer.decode(saying)}")
    print(
        f"    alone {alone.mean():.3f}   packed, causal {plain[inside].mean():.3f}   packed, your mask {masked[inside].mean():.3f}"
    )

# %% [markdown] tags=["en"]
# With your mask and positions a document in a pack is the same as alone. With the plain mask it is not; its loss is even lower here, because after some other text a saying is easier to guess than out of the blue: help that
# is missing when the document comes alone. What the mask hides can also save time: not with `nn.functional.scaled_dot_product_attention`, which computes it all the same, but with FlexAttention and FlashAttention's *varlen* kernels, which skip the blocks that are hidden whole. Hugging Face's `DataCollatorWithFlattening` and TRL's `packing=True` do this: they hand over the positions alone, and kernels read the borders off where these return to 0.
#
# ## 8. Mixing
#
# A model is trained on a **mixture**: web, code, books, other languages, and their shares are counted in **tokens**, because tokens are what the loss is a mean of. To draw *documents* in the proportion 1 : 1 is not the same when the documents of one corpus are ten times as long. `mix` therefore keeps the
# books on tokens: it always takes the next document from the corpus that is **behind its share**.
#
# - Let $D$ and $B$ be the tokens taken so far from `domain` and from `base`. While $D + B < n$: if $D < \text{ratio}\cdot(D + B + 1)$, take the next document of `domain`, else of `base`. (At every moment the share is right to within one document. The 1 lets `domain` begin; without it even a ratio of 1 would begin with a document of `base`.)
# - Each corpus is read in a shuffled order (seeded), and **all** its documents come once before any comes again; then it is shuffled anew. How often a corpus has been read through is its number of **epochs**.

# %% [markdown] tags=["zh"]
# 用上你的掩码和位置，打包在一起的文档与单独读时一样。用普通的因果掩码就不一样了，这里的损失反而更低：前面有别的文字垫着，总比凭空猜一句格言容易；可是文档单独出现时，就没有这份帮助了。
# 被遮住的部分还可以省下时间：`nn.functional.scaled_dot_product_attention` 省不了，遮住的照样要算；FlexAttention 和 FlashAttention 的 **varlen** 内核则会跳过整块被遮住的部分。Hugging Face 的 `DataCollatorWithFlattening` 和 TRL 的 `packing=True` 就是这么做的：只传位置，内核看到位置回到 0，就知道那里是文档的边界。
#
# ## 8. 混合
#
# 模型是在**混合**语料上训练的：网页、代码、书籍、其他语言。各自的占比按 **token** 计，因为损失就是对 token 取的平均。如果一种语料的文档比另一种长十倍，按 1 : 1 抽取**文档**就完全是另一回事了。
# 所以 `mix` 按 token 记账：总是从**落后于份额**的那个语料取下一篇文档。
#
# - 设 $D$、$B$ 分别是到目前为止从 `domain` 和 `base` 取出的 token 数。只要 $D + B < n$：若 $D < \text{ratio}\cdot(D + B + 1)$，就取 `domain` 的下一篇，否则取 `base` 的。（这样每一刻的份额误差都不超过一篇文档。式中的 1 让 `domain` 先来；没有它，即使 ratio 为 1，第一篇也会取自 `base`。）
# - 每个语料都按打乱的次序（由种子决定）读；**所有**文档各出现一次之后，才会有文档第二次出现，届时重新打乱。一个语料被完整读过几遍，就是几个 **epoch**。

# %% [markdown] tags=["en"]
# ### Problem 2, second part: `mix`

# %% [markdown] tags=["zh"]
# ### 第 2 题，第二部分：`mix`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "mix-solution", "cell_type": "code"}
def mix(base: list[list[int]], domain: list[list[int]], ratio: float, n: int, seed: int = 0) -> list[list[int]]:
    """Documents of two corpora, until they have together at least n tokens; `ratio` of the tokens are from `domain`.

    The rule stands above. The same seed gives the same mixture, another seed another order.

    Args:
        base, domain: documents as lists of token ids; empty documents are passed over.
        ratio: 0 to 1; with 0 nothing comes from `domain`, with 1 nothing from `base`.

    Returns:
        The documents as they were handed in: the same lists, not copies.

    Raises:
        ValueError: `ratio` is not in 0 ... 1, or a corpus that is needed has no tokens.
    """
    ### BEGIN SOLUTION
    if not 0 <= ratio <= 1:
        raise ValueError(f"a ratio is between 0 and 1, not {ratio}")
    if (ratio < 1 and not any(base)) or (ratio > 0 and not any(domain)):
        raise ValueError("there is nothing to take from")
    rng = np.random.default_rng(seed)

    def endless(docs: list[list[int]]) -> Iterator[list[int]]:
        docs = [tokens for tokens in docs if tokens]
        while True:
            for index in rng.permutation(len(docs)):
                yield docs[index]

    sources, taken, mixture = (endless(base), endless(domain)), [0, 0], []
    while sum(taken) < n:
        which = int(taken[1] < ratio * (sum(taken) + 1))
        mixture.append(next(sources[which]))
        taken[which] += len(mixture[-1])
    return mixture
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 8, "schema_version": 3, "grade_id": "pack-mix", "cell_type": "code"}
labkit.check("pack-mix")

# %% [markdown] tags=["en"]
# English sayings and pages as `base`, code as `domain`, a quarter of code wanted. Blue: by tokens, with your `mix`. Orange: what comes out if a quarter of the **documents** are code.

# %% [markdown] tags=["zh"]
# 以英文为 `base`，代码为 `domain`，希望代码占四分之一。蓝线：用你的 `mix`，按 token 计；橙线：如果让四分之一的**文档**是代码，结果会怎样。

# %%
is_code = {id(document) for document in tokens["code"]}
by_tokens = mix(tokens["en"], tokens["code"], ratio=0.25, n=100_000)
rng = random.Random(0)
by_documents = [rng.choice(tokens["code"] if rng.random() < 0.25 else tokens["en"]) for _ in range(len(by_tokens))]
figure, axes = plt.subplots(figsize=(8, 3))
for name, mixture, colour in [("your mix", by_tokens, BLUE), ("a quarter of the documents", by_documents, ORANGE)]:
    sizes = np.array([len(document) for document in mixture])
    code = np.array([id(document) in is_code for document in mixture])
    axes.plot(sizes.cumsum(), (sizes * code).cumsum() / sizes.cumsum(), color=colour, lw=1, label=name)
    print(
        f"{name}: {code.mean():.0%} of the documents and {(sizes * code).sum() / sizes.sum():.1%} of the tokens are code"
    )
axes.axhline(0.25, color=GREY, zorder=0)
axes.set(xlim=(0, 100_000), ylim=(0, 1), xlabel="tokens so far", title="share of code among the tokens so far")
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# ## Summary
#
# - What is repeated in the data is learnt by heart. Deduplication is one of the cheapest ways to a better model.
# - Clean what a reader cannot see, keep what one can: NFC, not NFKC; indentation stays.
# - Filters are named measures with limits; the limits belong to a corpus, and are judged by reading what they drop.
# - MinHash turns a document into $k$ numbers whose agreement estimates the Jaccard similarity within $1/(2\sqrt k)$; bands find the similar pairs without looking at all pairs; exact similarity verifies them.
# - Deduplicate before you split, and take out of the training set what overlaps with the evaluation.
# - Packing loses no token; a block-diagonal mask and restarted positions make a packed document the same as the document alone. Shares of a mixture are shares of tokens.
#
# ## Three questions to think about
#
# 1. A quotation of 60 words stands in a thousand otherwise different pages. Does `minhash_dedup` see it? What would (Lee et al. use suffix arrays)? Should it go?
# 2. FineWeb found that deduplicating **across** all crawls made the model worse than within each crawl. What kind of page survives in an old crawl once all that has a copy elsewhere is gone?
# 3. Your evaluation set is translated into Chinese and stands in the training set. Which of this notebook's tools finds it? What could?
#
# ## Further reading
#
# - Broder 1997, *On the resemblance and containment of documents*: section 3.
# - Leskovec, Rajaraman and Ullman 2020, *Mining of Massive Datasets*: sections 3.2 to 3.4.
# - Rae et al. 2021, *Scaling Language Models: Methods, Analysis & Insights from Training Gopher*: appendix A.1.
# - Lee et al. 2022, *Deduplicating Training Data Makes Language Models Better*: sections 4 and 6.
# - Carlini et al. 2023, *Quantifying Memorization Across Neural Language Models*: section 3.
# - Penedo et al. 2024, *The FineWeb Datasets*: section 3.
# - Brown et al. 2020, *Language Models are Few-Shot Learners*: appendix C.
# - Dubey et al. 2024, *The Llama 3 Herd of Models*: sections 3.1 and 3.2.

# %% [markdown] tags=["zh"]
# ## 小结
#
# - 数据里重复的东西会被背下来。去重是让模型变好最便宜的办法之一。
# - 清掉读者看不见的，留住读者看得见的：用 NFC，不用 NFKC；缩进要保留。
# - 过滤器就是各项指标加上下限；阈值跟着语料走，好不好要读一读它扔掉的东西才知道。
# - MinHash 把文档变成 $k$ 个数，相等的比例估计 Jaccard 相似度，标准差不超过 $1/(2\sqrt k)$；分段让我们不必看所有的对就能找出相似的对；再用精确相似度核实。
# - 先去重再划分，并把与评测集重叠的内容从训练集里拿掉。
# - 打包不丢 token；块对角掩码加上重新起算的位置，让打包的文档与单独的文档一模一样。混合的占比是 token 的占比。
#
# ## 三个思考题
#
# 1. 一段 60 个词的引文，出现在一千个其余内容各不相同的网页里。`minhash_dedup` 看得见它吗？什么办法看得见（Lee 等用的是后缀数组）？它该删掉吗？
# 2. FineWeb 发现，**跨**所有抓取批次去重，得到的模型反而不如只在每个批次内部去重。如果凡是在别处有副本的都删掉，一个老批次里剩下的会是什么样的网页？
# 3. 你的评测集被译成中文，出现在训练集里。这个 notebook 里的哪个工具找得到它？什么办法也许可以？
#
# ## 延伸阅读
#
# - Broder 1997，《On the resemblance and containment of documents》：第 3 节。
# - Leskovec、Rajaraman 与 Ullman 2020，《Mining of Massive Datasets》：3.2 至 3.4 节。
# - Rae 等 2021，《Scaling Language Models: Methods, Analysis & Insights from Training Gopher》：附录 A.1。
# - Lee 等 2022，《Deduplicating Training Data Makes Language Models Better》：第 4、6 节。
# - Carlini 等 2023，《Quantifying Memorization Across Neural Language Models》：第 3 节。
# - Penedo 等 2024，《The FineWeb Datasets》：第 3 节。
# - Brown 等 2020，《Language Models are Few-Shot Learners》：附录 C。
# - Dubey 等 2024，《The Llama 3 Herd of Models》：3.1、3.2 节。
