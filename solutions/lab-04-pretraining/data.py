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
# A language model is made of text, and the choice of the text decides much of what the model becomes. In this notebook you
# turn raw text (sayings, manual pages, documentation, source code: English, Chinese, Python) into what a training loop
# reads: cleaned, filtered, deduplicated, packed into rows, and mixed.
#
# **You will be able to**
# - clean text without harming it, and say what the Unicode forms NFC and NFKC do to Chinese;
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
# once. Problem 1 has five parts, and you may run `labkit.check("clean-dedup")` after each of them: what is not written yet
# shows ○. The score comes from other, hidden tests. All other cells just run. The notebooks after this one train on such text.
#
# **On a large machine** `profile = "gpu"` runs the same code on 200 MB of FineWeb (English) and of FineWeb-2 (Chinese) from
# Hugging Face's hub. (It was not run for this text.)

# %% [markdown] tags=["zh"]
# # 实验 04，第 1 节：数据
#
# 语言模型是用文本训练出来的，选什么文本，在很大程度上决定了模型会成为什么样。在这个笔记本里，你要把原始文本（格言、手册页、文档、源代码：英文、中文、Python）
# 变成训练循环能读的样子：清洗、过滤、去重、打包成行，再按比例混合。
#
# **学完之后，你能够**
# - 清洗文本而不损伤它，并说清 Unicode 的 NFC 和 NFKC 两种规范化会对中文做什么；
# - 用各项指标的上下限按语言和质量过滤，并亲眼看看每个过滤器扔掉了什么；
# - 不逐对比较，也能从所有文档对里找出近似重复：shingle、MinHash、局部敏感哈希；
# - 不让评测文本混进训练集（数据污染）；
# - 把文档打包成等长的行：一个词元（token）都不丢，文档之间互不可见；并按 **token** 数（而不是文档数）混合语料。
#
# **时间** 约三小时。全部单元格在两个 CPU 核上跑一遍不到一分钟。
#
# **预备知识** Python 的正则表达式和集合，一点 PyTorch。3 GB 空闲内存，不需要 GPU。
#
# **做法** 带 `# YOUR CODE HERE` 的单元格由你来写。每道题的末尾有一个检查单元格，会立刻试几个小例子；第 1 题分五部分，
# 每写完一部分都可以先运行 `labkit.check("clean-dedup")`，还没写的显示 ○。最终得分来自另外的隐藏测试。其余单元格直接运行即可。后面的笔记本就在这样的文本上训练。
#
# **大机器** 把 `profile` 设为 `"gpu"`，同样的代码就会改用 Hugging Face Hub 上各 200 MB 的 FineWeb（英文）和 FineWeb-2（中文）。（写这段文字时没有实际跑过。）

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
profile = "cpu"  # or "gpu"

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
NAMES = {"code": say("code", "代码"), "en": say("English", "英文"), "zh": say("Chinese", "中文")}
BYTES = {"cpu": 2_000_000, "gpu": 200_000_000}[profile]

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
plots.style()


def from_hub(name: str, subset: str) -> list[str]:
    """The first documents of a data set on the hub, until they have BYTES bytes.
    ---
    hub 上一个数据集最前面的文档，取到 BYTES 个字节为止。
    """
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
# SmolLM2 was trained mostly on English. We let it read four texts and ask, at each token, whether its best guess is the
# token that really comes next. Two of the texts look like **Latin**: the first is by Cicero, the greatest of the Roman
# orators; the second is printers' filler and only looks like it. The other two are in English: the notice that stands at
# the head of programs under the licence GPL, and the same content in our words. The first 20 tokens of each text do not
# count, because so few cannot tell which text it is.

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# SmolLM2 主要是用英文训练的。我们让它读四段文字，看它在每个位置上给出的概率最高的 token，是不是真的就是下一个 token。其中两段看上去是**拉丁文**：
# 第一段出自古罗马最伟大的演说家西塞罗，第二段是排版用的占位文字，只是样子像。另外两段是英文：一段是采用 GPL 许可证的程序开头常见的声明，另一段用我们自己的话说了同样的内容。每段的前 20 个 token 不计，因为只凭这么几个还看不出是哪段文字。

# %%
texts = {
    say("Latin, by Cicero", "西塞罗的拉丁文"): (
        "Quousque tandem abutere, Catilina, patientia nostra? quam diu etiam furor iste tuus nos "
        "eludet? quem ad finem sese effrenata iactabit audacia? Nihilne te nocturnum praesidium "
        "Palati, nihil urbis vigiliae, nihil timor populi"
    ),
    say("printers' filler", "排版用的占位文字"): (
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt "
        "ut labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation "
        "ullamco laboris nisi ut aliquip ex ea commodo consequat."
    ),
    say("the notice in our words", "用我们的话写的声明"): (
        "Whoever gets hold of this program may give it on to others and change it, as long as they "
        "keep to the rules that the foundation has put down in the second edition of its paper or, "
        "if they like that better, in a newer one. We hand it out because we hope that someone "
        "finds it good, but nobody here swears that it is; not even that it can be sold, or that "
        "it does what you got it for."
    ),
    say("the GPL's own notice", "GPL 的原文声明"): (
        "This program is free software; you can redistribute it and/or modify it under the terms "
        "of the GNU General Public License as published by the Free Software Foundation; either "
        "version 2 of the License, or (at your option) any later version. This program is "
        "distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; without even "
        "the implied warranty of MERCHANTABILITY or FITNESS."
    ),
}
tokenizer, model = load_tokenizer(), load_smollm2()


def token_ids(text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


shares = []
for text in texts.values():
    ids = torch.tensor([[tokenizer.bos_token_id, *token_ids(text)]])
    with torch.no_grad():
        predicted = model(ids).logits[0, :-1].argmax(-1) == ids[0, 1:]
    shares.append(predicted[20:].float().mean().item())
figure, axes = plt.subplots(figsize=(8, 2.4))
for rows, colour, kind in [
    ([0, 2], BLUE, say("for comparison", "对照")),
    ([1, 3], ORANGE, say("many copies on the web", "网上副本极多")),
]:
    axes.barh(rows, [shares[row] for row in rows], color=colour, label=kind)
for row, share in enumerate(shares):
    axes.text(share + 0.01, row, f"{share:.0%}", va="center")
axes.set_yticks(range(len(texts)), texts)
axes.invert_yaxis()
axes.xaxis.set_major_formatter("{x:.0%}")
axes.set(
    xlim=(0, 1),
    xlabel=say("share of the tokens after the first 20", "第 20 个之后的 token 中猜中的比例"),
    title=say("how much of a text SmolLM2 predicts", "一段文字里 SmolLM2 猜中多少"),
)
axes.legend(frameon=False, loc="upper right", borderaxespad=0)
plt.show()

# %% [markdown] tags=["en"]
# SmolLM2 does not read Latin, and it is no lawyer. The two texts of which it predicts most are those that stand on the web
# in very many copies. It seems to have **learnt them by heart**. (Two texts and two comparisons are a hint, not a proof: we
# do not know how often each of the four was in the training set.) Papers that count the copies say the same. Lee et al.
# (2022) found that models trained on deduplicated text recite their training text a tenth as often, and need fewer steps
# for the same accuracy. Carlini et al. (2023, section 3.2) found that the share of texts that a model recites grows with
# the logarithm of the number of copies.
#
# So what is repeated in **our** text? Below is what it consists of, and which lines come again and again. (English and
# Chinese come from packages of Debian, a Linux distribution, which set-up fetches. Where a source is marked *small*, the
# packages are missing, and your numbers will differ from the text.)

# %% [markdown] tags=["zh"]
# SmolLM2 不懂拉丁文，也不是律师。它猜中最多的两段，正是网上副本极多的那两段：看来它把它们**背了下来**。（两段文字加两段对照只是线索，不是证明：我们并不知道这四段各在训练集里出现过多少次。）
# 数过副本的论文得出了同样的结论。Lee 等（2022）发现，在去重后的文本上训练，模型原样背诵训练文本的频率只有原来的十分之一，达到同样的准确率所需的步数还更少；
# Carlini 等（2023，3.2 节）发现，能被模型背出来的文本所占的比例，随副本数的对数增长。
#
# 那么，**我们的**文本里重复的是什么？下面看看它由什么组成，又有哪些行一再出现。（英文和中文来自 Linux 发行版 Debian 的软件包，安装环境时取来；如果来源后面标着“语料较小”，说明缺了这些包，你看到的数字会与下文不同。）

# %%
figure, axes = plt.subplots(figsize=(8, 1.8))
for row, (lang, documents) in enumerate(raw.items()):
    stripped = [line.strip() for text in documents for line in text.split("\n")]
    lines = [line for line in stripped if len(line) > 20]
    copies = Counter(lines)
    repeated = sum(len(line) for line in lines if copies[line] > 1) / sum(map(len, lines))
    axes.barh(row, repeated, color=ORANGE)
    axes.text(repeated + 0.005, row, f"{repeated:.0%}", va="center")
    size = sum(len(text.encode()) for text in documents) / 1e6
    source = corpora.sources(lang) if profile == "cpu" else say("the hub", "hub")
    print(
        say(
            f"{NAMES[lang]}: {len(documents):,} documents, {size:.1f} MB\n   from {source}",
            f"{NAMES[lang]}：{len(documents):,} 篇文档，{size:.1f} MB\n   来源：{source}",
        )
    )
    frequent = [line for line, _ in copies.most_common(40) if re.search(r"\w", line)][:3]
    print(*(f"   {copies[line]:>4} x  {line[:90]}" for line in frequent), "", sep="\n")
axes.set_yticks(range(len(raw)), [NAMES[lang] for lang in raw])
axes.set(
    xlim=(0, 0.4),
    xlabel=say("share of the characters", "占字符数的比例"),
    title=say(
        "text in lines that occur more than once (lines of more than 20 characters)",
        "出现不止一次的行占多少文本（只看超过 20 个字符的行）",
    ),
)
axes.xaxis.set_major_formatter("{x:.0%}")
plt.show()

# %% [markdown] tags=["en"]
# A sixth of the Chinese text, a fifth of the code and a twelfth of the English text stand in repeated lines.
#
# These are the steps of this notebook, from raw text to batches. RefinedWeb and FineWeb clean, filter and deduplicate in
# much the same way:
#
# ```
#  raw ──► clean ──► filter ──► exact dedup ──► near dedup ──► decontaminate ──► tokenize ──► pack ──► mix ──► batches
#          §2        §3         §4              §5             §6                (notebook 2)  §7       §8
# ```
#
# ## 2. Cleaning
#
# Cleaning must remove what a reader does not see, and nothing that a reader does see. (Three of the rules do show a little:
# rule 4 halves the indent of a Chinese paragraph, rule 6 thins out empty lines, and on rule 7 see below.) `clean` does
# exactly this, in this order:
#
# 1. `\r\n` and `\r` become `\n`;
# 2. ANSI escape sequences are removed, whole: `ESC [`, then parameters out of `0-9 ; ?`, then one letter (`\x1b[32m` is "green" to a terminal);
# 3. control characters are removed (Unicode category `Cc`) except `\n` and `\t`, and so are the invisible U+FEFF (byte order mark) and U+200B (zero-width space);
# 4. every other space (Unicode category `Zs`: the no-break space U+00A0, the ideographic space U+3000, ...) becomes an ordinary space;
# 5. spaces and tabs at the **end** of a line are removed; those at its beginning stay, because in code and in poems they mean something;
# 6. more than one empty line in a row becomes one, and empty lines at the beginning and at the end of the text are removed;
# 7. the text is put into Unicode's form **NFC**: `e` + `◌́` becomes the one character `é`, so that what looks the same is the same.
#
# **What NFC changes in Chinese.** Unicode has *compatibility ideographs* (mainly U+F900 to U+FAFF), second codes of a
# character that came from older standards. NFC replaces most of them by the ordinary character: U+FA19 becomes U+795E, 神.
# Some fonts draw the two differently, so in a name a variant may be lost.
#
# **Why not NFKC?** It goes further and maps "compatible" characters to one: the full-width `，` and `：` of a Chinese
# sentence become ASCII, `²` becomes `2`, and 10² becomes 102. This is a choice, not a law: SentencePiece, a library for
# tokenizers, normalises with a variant of NFKC by default (`nmt_nfkc` in its documentation, page "Text Normalization").

# %% [markdown] tags=["zh"]
# 出现在重复行里的，约占中文文本的六分之一、代码的五分之一、英文文本的十二分之一。
#
# 从原始文本到一批批训练数据，这个笔记本分成下面几步；RefinedWeb、FineWeb 的清洗、过滤、去重也大致如此：
#
# ```
#  原始文本 ─► 清洗 ─► 过滤 ─► 精确去重 ─► 近似去重 ─► 去污染 ─► 分词 ─► 打包 ─► 混合 ─► 批
#              §2      §3      §4          §5          §6     （第 2 节） §7      §8
# ```
#
# ## 2. 清洗
#
# 清洗要去掉读者看不见的东西，而读者看得见的一样也不能动。（有三处例外看得出来：第 4 条让中文段首的缩进窄了一半，第 6 条去掉多余的空行，第 7 条见下文。）`clean` 按下面的顺序，不多不少做这几件事：
#
# 1. `\r\n` 和 `\r` 变成 `\n`；
# 2. 整段删去 ANSI 转义序列：`ESC [`，后面是由 `0-9 ; ?` 组成的参数，再加一个字母（`\x1b[32m` 对终端来说是“绿色”）；
# 3. 删去控制字符（Unicode 类别 `Cc`），但保留 `\n` 和 `\t`；看不见的 U+FEFF（字节序标记）和 U+200B（零宽空格）也删去；
# 4. 其他各种空格（Unicode 类别 `Zs`：不换行空格 U+00A0、全角空格 U+3000……）都变成普通空格；
# 5. 删去行**尾**的空格和制表符；行首的留着，因为在代码和诗里缩进是有意义的；
# 6. 连续多个空行变成一个，文本开头和结尾的空行删去；
# 7. 把文本变成 Unicode 的 **NFC** 形式：`e` + `◌́` 合成一个字符 `é`，看上去一样的，就真的一样。
#
# **NFC 会改动哪些汉字？** Unicode 里有一批“兼容汉字”（主要在 U+F900 到 U+FAFF），是同一个字从旧标准带来的第二个编码。NFC 会把其中大多数换成通常的那个字：
# U+FA19 变成 U+795E（神）。有些字体给两者画的字形不同，所以人名里的异体写法可能会丢失。
#
# **为什么不用 NFKC？** 它走得更远，把“兼容”的字符也并成一个：中文句子里的全角 `，`、`：` 会变成 ASCII，`²` 会变成 `2`，10² 就成了 102。
# 这是取舍，不是定律：分词器库 SentencePiece 默认就用 NFKC 的一个变体做规范化（见其文档 “Text Normalization” 一页的 `nmt_nfkc`）。

# %% [markdown] tags=["en"]
# ### Problem 1 (12 points), first part: `clean`

# %% [markdown] tags=["zh"]
# ### 第 1 题（12 分），第一部分：`clean`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "clean-solution", "cell_type": "code"}
def clean(text: str) -> str:
    r"""Removes what a reader does not see, by the seven rules of section 2, in their order.

    Cleaning a cleaned text changes nothing. A text of white space and control characters alone
    becomes "".

    Example: "\x1b[32mIf x:\x1b[0m  \r\n\tpass\n\n\n\nend\n" -> "If x:\n\tpass\n\nend"
    ---
    按第 2 小节的七条规则，依次去掉读者看不见的东西。

    对清洗过的文本再清洗一遍，什么都不会变。只有空白和控制字符的文本变成 ""。

    例："\x1b[32mIf x:\x1b[0m  \r\n\tpass\n\n\n\nend\n" -> "If x:\n\tpass\n\nend"
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
sample = (
    "\ufeff\x1b[32m《静夜思》\x1b[m\r\n\u3000\u3000床前明月光，疑是地上霜。 \t\r\n\r\n\r\n\r\n"
    "cafe\u0301\u00a0noir,\x07 10²\n"
)
print(repr(sample), "", repr(clean(sample)), "", clean(sample), sep="\n")
start = time.perf_counter()
cleaned = {lang: [clean(text) for text in documents] for lang, documents in raw.items()}
print(say("\nall of it in", "\n全部清洗用时"), f"{time.perf_counter() - start:.1f} s")
for lang in raw:
    changed = sum(map(str.__ne__, raw[lang], cleaned[lang]))
    print(
        say(
            f"{NAMES[lang]}: {changed:,} of {len(raw[lang]):,} documents are changed",
            f"{NAMES[lang]}：{len(raw[lang]):,} 篇文档中有 {changed:,} 篇被改动",
        )
    )
for form in ("NFC", "NFKC"):
    ideograph = unicodedata.normalize(form, "\ufa19")
    print(f"{form:4}", unicodedata.normalize(form, "，：²"), f"U+FA19 -> U+{ord(ideograph):X}")

# %% [markdown] tags=["en"]
# ## 3. Filters
#
# Most of the web is not worth learning from: menus, error pages, lists of keywords, another language. Two kinds of filter
# are in wide use: **rules** (Gopher's, Rae et al. 2021; RefinedWeb and FineWeb use them, too) and small
# **classifiers** (FineWeb-Edu's, DCLM's). We write the rules. `quality_report` measures, and `violations` compares each
# measure with its limits:
#
# | measure | is |
# |---|---|
# | `n_words` | number of **units** (below) |
# | `mean_word_length` | mean length, in characters, of the **words between white space** |
# | `alphabetic` | share of the words between white space that contain a letter (`str.isalpha` of some character) |
# | `symbols` | number of `#`, of `...` and of `…`, added up, per word between white space; counted as by `str.count`, so six dots are two `...` |
# | `bullet_lines` | share of lines that begin with `-`, `*` or `•` |
# | `ellipsis_lines` | share of lines that end in `...` or `…` |
# | `duplicate_lines` | share of lines that are the same as an **earlier** line of the document |
# | `stop_words` | how many different ones of *the, be, to, of, and, that, have, with* occur, as units |
# | `han` | share of Chinese characters (U+4E00 to U+9FFF) among all letters (`str.isalpha`) |
#
# A *line* is one that is not empty, without the white space around it. A share of nothing is 0. The **unit** is what we
# count in all of this notebook: a word in lower case, or a single Chinese character, since Chinese is written without
# spaces: `units("Debian 使用手册, v2")` is `["debian", "使", "用", "手", "册", "v2"]`.
#
# **The limits**, the least and the most that is allowed, follow Gopher with changes. Gopher wants 50 to 100,000 words, a
# letter in 80 % of them and two stop words (very frequent words); our sayings are short, so we ask for less. Gopher limits `#` and the ellipsis
# to 0.1 per word **separately**; we limit their sum. In Chinese a whole clause stands between white space, and the Chinese
# ellipsis, `……`, counts twice, so its limits are others.

# %% [markdown] tags=["zh"]
# ## 3. 过滤
#
# 网上的大部分文本不值得学：菜单、报错页面、关键词堆砌、别的语言。广泛使用的过滤器有两类：**规则**（Gopher 的规则，Rae 等 2021，RefinedWeb 和 FineWeb 也在用）
# 和小型**分类器**（FineWeb-Edu、DCLM）。我们来写规则。`quality_report` 负责测量，`violations` 负责和各项指标的上下限比较：
#
# | 指标 | 含义 |
# |---|---|
# | `n_words` | **单位**（见下）的个数 |
# | `mean_word_length` | **以空白隔开的词**的平均长度（字符数） |
# | `alphabetic` | 以空白隔开的词里含有字母（某个字符 `str.isalpha`）的比例 |
# | `symbols` | `#`、`...`、`…` 的个数之和，除以空白隔开的词的个数；按 `str.count` 计数，所以六个点算两个 `...` |
# | `bullet_lines` | 以 `-`、`*` 或 `•` 开头的行的比例 |
# | `ellipsis_lines` | 以 `...` 或 `…` 结尾的行的比例 |
# | `duplicate_lines` | 与文档中**前面**某一行相同的行的比例 |
# | `stop_words` | “the, be, to, of, and, that, have, with” 之中，作为单位出现了几个不同的词 |
# | `han` | 汉字（U+4E00 到 U+9FFF）在所有字母（`str.isalpha`，汉字也算）中的比例 |
#
# **行**指非空的行，去掉两头的空白。分母为零时，比例记为 0。整个笔记本里计数的**单位**是：一个小写的单词，或者一个汉字，因为中文不用空格分词：
# `units("Debian 使用手册, v2")` 是 `["debian", "使", "用", "手", "册", "v2"]`。
#
# **上下限**以 Gopher 为蓝本，有所改动。Gopher 要求 50 到 100,000 个词，其中 80% 含有字母，还要有两个停用词（极常见的词）；我们的格言很短，所以要求放宽了。
# Gopher 对 `#` 和省略号**分别**设限，每词不超过 0.1 个；我们限制的是两者之和。中文里以空白隔开的“词”往往是一整个分句，而省略号 `……` 要算两个，所以中文另有一套上下限。

# %% tags=["export"]
UNIT = re.compile(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+")
STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}

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
    """The words of a text in lower case; each Chinese character is a word of its own.
    ---
    文本中的词，小写；每个汉字单独算一个。
    """
    return UNIT.findall(text.lower())


# %% [markdown] tags=["en"]
# ### Problem 1, second part: `quality_report` and `violations`

# %% [markdown] tags=["zh"]
# ### 第 1 题，第二部分：`quality_report` 和 `violations`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "quality-solution", "cell_type": "code"}
def quality_report(text: str) -> dict[str, float]:
    """The nine measures of the table of section 3, by their names; a share of nothing is 0.

    `symbols` counts "#", "..." and "…" as `str.count` does, without overlap: "......" is two.
    For an empty text, all nine are 0.

    Source: Rae et al. 2021, Scaling Language Models (Gopher), appendix A.1.
    ---
    第 3 小节表格里的九项指标，按名称给出；分母为零时比例为 0。

    `symbols` 像 `str.count` 那样不重叠地数 "#"、"..." 和 "…"："......" 算两个。
    空文本的九项指标全是 0。

    出处：Rae 等 2021，Scaling Language Models（Gopher），附录 A.1。
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
    """The names of the measures outside their limits, in the order of `limits`.

    Args:
        limits: the least and the most that is allowed, by the name of the measure. A measure that
            equals a limit is allowed; a measure without limits is not looked at.

    A document with no violations is kept.
    ---
    越界的指标的名称，按 `limits` 的顺序。

    参数：
        limits：每个指标名对应允许的最小值和最大值。正好等于上下限不算越界；没有上下限的指标不看。

    没有越界的文档保留下来。
    """
    ### BEGIN SOLUTION
    report = quality_report(text)
    return [name for name, (least, most) in limits.items() if not least <= report[name] <= most]
    ### END SOLUTION


# %% [markdown] tags=["en"]
# A filter is judged by what it throws away: **read it**. Code gets no such filter here (source code has rules of its own:
# length of lines, share of generated files, whether it parses).

# %% [markdown] tags=["zh"]
# 过滤器好不好，要看它扔掉了什么：**一定要读**。代码在这里不过滤（源代码另有规则：行长、自动生成的比例、能否解析）。

# %%
filtered = {"code": cleaned["code"]}
figure, panels = plt.subplots(1, 2, figsize=(11, 3.4), width_ratios=[3, 2])
for panel, (lang, limits) in zip(panels, {"en": ENGLISH, "zh": CHINESE}.items(), strict=True):
    checked = [(text, violations(text, limits)) for text in cleaned[lang]]
    filtered[lang] = [text for text, names in checked if not names]
    counts = Counter(name for _, names in checked for name in names)
    alone = Counter(names[0] for _, names in checked if len(names) == 1)
    panel.barh(
        list(limits),
        [counts[name] for name in limits],
        color=GREY,
        label=say("outside these limits", "这项指标越界"),
    )
    panel.barh(
        list(limits),
        [alone[name] for name in limits],
        color=BLUE,
        label=say("outside these limits alone", "只有这项指标越界"),
    )
    panel.invert_yaxis()
    panel.set(xlabel=say("documents dropped", "扔掉的文档数"), title=NAMES[lang])
    kept, total = len(filtered[lang]), len(cleaned[lang])
    print(
        say(
            f"--- {NAMES[lang]}: kept {kept:,} of {total:,}. Dropped by one measure alone, e.g.:",
            f"--- {NAMES[lang]}：{total:,} 篇中保留 {kept:,} 篇。只因一项指标被扔掉的例子：",
        )
    )
    for name in limits:
        examples = [text for text, names in checked if names == [name]]
        if examples:
            print(f"{name:>18}: {min(examples, key=lambda text: abs(len(text) - 60))[:150]!r}")
panels[0].legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 0.9))
plt.tight_layout()
plt.show()
gopher = {"n_words": (50, 100_000), "stop_words": (2, len(STOP_WORDS))}
kept = sum(not violations(text, gopher) for text in cleaned["en"])
print(
    say(
        f"English, by Gopher's limits for words and stop words: kept {kept:,}",
        f"英文，按 Gopher 对词数和停用词的要求：保留 {kept:,} 篇",
    )
)

# %% [markdown] tags=["en"]
# The figure counts the documents that each limit throws away; where grey shows, another limit would have dropped the
# document as well. Did each of them deserve it? A witty one-liner without a stop word, an English joke among Chinese ones, a
# quotation about sums: what a limit gains and what it costs depends on the corpus. Gopher's own (50 words at least, two
# stop words) would drop most of our English documents, because sayings are short. On web pages, for which they were made,
# the same limits drop other things.
#
# ## 4. Exact duplicates
#
# The cheapest step comes first. Here two documents count as the same when they have the same words: compare
# `" ".join(text.lower().split())`, keep the **first** of each group, and keep the order. A set of hashes is enough to do
# it in one pass over terabytes.

# %% [markdown] tags=["zh"]
# 图中是每项上下限各扔掉了多少篇；露出灰色的部分，换一项指标也会被扔掉。扔掉的每一篇都该扔吗？一句没有停用词的俏皮话、混在中文里的一句英文笑话、一句谈算术的引文：
# 一条界线得到什么、失去什么，要看语料。照搬 Gopher 的数值（至少 50 个词、两个停用词），我们的英文文档大半都会被扔掉，因为格言很短；Gopher 的数值是为网页定的，在网页上扔掉的是另一些东西。
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
    """The indices of the documents to keep, in ascending order: the first of each group.

    Documents that differ only in case and white space form a group.
    ---
    要保留的文档的下标，按升序：每组的第一篇。

    只有大小写和空白不同的文档算同一组。
    """
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
distinct = {}
for lang, documents in filtered.items():
    distinct[lang] = [documents[index] for index in exact_dedup(documents)]
    dropped = len(documents) - len(distinct[lang])
    print(
        say(
            f"{NAMES[lang]}: {dropped} of {len(documents):,} documents are copies",
            f"{NAMES[lang]}：{len(documents):,} 篇文档中有 {dropped} 篇是副本",
        )
    )

# %% [markdown] tags=["en"]
# Hardly any. But the lines of section 1 said that much more is repeated. One changed date, one other name, and two
# documents are no longer *equal*. They are **nearly** equal.
#
# ## 5. Near-duplicates
#
# **Shingles.** We take a document as the set $S$ of all its runs of 5 consecutive units. Two documents are as similar as
# their sets overlap, the **Jaccard similarity**:
#
# $$J(A, B) = \frac{|A \cap B|}{|A \cup B|}$$
#
# Five units are long enough that unrelated documents share almost none, and one changed word spoils at most five of them.
# (In English these are five words. In Chinese they are five characters, which say less, so unrelated documents share more.)
#
# **MinHash** (Broder 1997). To compare sets of thousands of shingles is slow; to compare all pairs of a billion documents
# is hopeless. So let a hash function $h$ put all shingles in a random order, and keep only the **smallest** of each set.
# Each element of $A \cup B$ is equally likely to be the smallest. The minima of $A$ and of $B$ agree exactly when that
# smallest element lies in both sets:
#
# $$\Pr\big[\min h(A) = \min h(B)\big] = \frac{|A \cap B|}{|A \cup B|} = J(A, B)$$
#
# With $k$ independent hash functions, the share of them that agree **estimates** $J$, without bias, and with a standard
# deviation of $\sqrt{J(1-J)/k} \le 1/(2\sqrt k)$. (This is exact for random orders; the functions below come near.) A
# document of any length becomes a signature of $k$ numbers.
#
# The $k$ functions come from one hash $x$ of the shingle by **universal hashing** (Carter and Wegman 1979), with the prime
# $P = 2^{31} - 1$:
#
# $$h_i(S) = \min_{s \in S}\; \big[(a_i \cdot x(s) + b_i) \bmod P\big]$$
#
# `hash31` and `coefficients` are given, so that all of us get the same signatures. (Python's own `hash` of a string differs
# from one process to the next: never store it.) $P$ is such that a product of two numbers below it fits into 64 bits.

# %% [markdown] tags=["zh"]
# 少得可怜。但第 1 小节的那些行告诉我们，重复的远不止这些。只要改一个日期、换一个名字，两篇文档就不再**相等**了，但它们**几乎**相等。
#
# ## 5. 近似重复
#
# **Shingle（瓦片）。** 把一篇文档看成它所有连续 5 个单位组成的集合 $S$。两篇文档有多像，就看两个集合重叠多少，即 **Jaccard 相似度**：
#
# $$J(A, B) = \frac{|A \cap B|}{|A \cup B|}$$
#
# 五个单位足够长，不相干的文档几乎不会有相同的 shingle；而改动一个词，最多只影响其中五个。（英文里是五个词；中文里只是五个字，分量轻一些，不相干的文档碰巧相同的也多一些。）
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
# `hash31` 和 `coefficients` 已经给出，这样大家得到的签名都一样。（Python 自带的 `hash` 对字符串的结果，每个进程都不同：千万不要存下来。）$P$ 的取法保证两个小于它的数相乘，结果放得进 64 位。

# %% tags=["export"]
P = 2**31 - 1


def hash31(shingle: str) -> int:
    """A hash of the text in 0 ... P - 1 that is the same in every process and on every machine.
    ---
    文本的哈希值，在 0 到 P - 1 之间；在任何进程、任何机器上都相同。
    """
    return int.from_bytes(hashlib.blake2b(shingle.encode(), digest_size=8).digest(), "little") % P


def coefficients(n_hashes: int, seed: int) -> tuple[Tensor, Tensor]:
    """a in 1 ... P - 1 and b in 0 ... P - 1, each (n_hashes,) int64; the seed decides them.
    ---
    a 在 1 到 P - 1 之间，b 在 0 到 P - 1 之间，形状都是 (n_hashes,)，int64；由种子决定。
    """
    rng = np.random.default_rng(seed)
    a, b = rng.integers(1, P, n_hashes), rng.integers(0, P, n_hashes)
    return torch.from_numpy(a), torch.from_numpy(b)


# %% [markdown] tags=["en"]
# **Locality-sensitive hashing.** With signatures there are still all pairs to compare. So cut each signature into `bands`
# bands of $r = k / \text{bands}$ consecutive numbers (the literature says *rows*). Look only at pairs that agree in **all**
# numbers of **some** band (of the *same* band in both). Such a pair falls into the same bucket of a dictionary, and no
# other pair is ever looked at. A pair of similarity $J$ becomes a candidate with probability
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
    ---
    所有连续 `size` 个单位，每串用单个空格连接。

    单位不足 `size` 个的文本，整个算一个 shingle；没有单位的文本没有 shingle。

    例：shingles("To be, or not", size=3) -> {"to be or", "be or not"}
    """
    ### BEGIN SOLUTION
    found = units(text)
    if not found:
        return set()
    return {" ".join(found[start : start + size]) for start in range(max(1, len(found) - size + 1))}
    ### END SOLUTION


def jaccard(a: set[str], b: set[str]) -> float:
    """The size of the intersection over that of the union; 1 for two empty sets.
    ---
    交集大小除以并集大小；两个空集为 1。
    """
    ### BEGIN SOLUTION
    return len(a & b) / len(a | b) if a or b else 1.0
    ### END SOLUTION


def minhash(shingles: set[str], n_hashes: int = 128, seed: int = 0) -> Tensor:
    """The signature: for each i the smallest (a_i * hash31(s) + b_i) mod P over all shingles s.

    a and b are coefficients(n_hashes, seed).

    Returns:
        (n_hashes,) int64; P everywhere for an empty set.

    Source: Broder 1997, On the resemblance and containment of documents; Carter and Wegman 1979.
    ---
    签名：对每个 i，取所有 shingle s 的 (a_i * hash31(s) + b_i) mod P 的最小值。

    a 和 b 由 coefficients(n_hashes, seed) 给出。

    返回：
        (n_hashes,)，int64；空集的每一项都是 P。

    出处：Broder 1997，On the resemblance and containment of documents；Carter 与 Wegman 1979。
    """
    ### BEGIN SOLUTION
    if not shingles:
        return torch.full((n_hashes,), P)
    a, b = coefficients(n_hashes, seed)
    x = torch.tensor([hash31(shingle) for shingle in shingles])
    return ((a * x[:, None] + b) % P).amin(0)  # (len(shingles), n_hashes) -> (n_hashes,)
    ### END SOLUTION


def candidates(signatures: Tensor, bands: int) -> list[tuple[int, int]]:
    """The pairs i < j whose signatures agree in all columns of at least one band.

    In ascending order, each pair once.

    Args:
        signatures: (N, n_hashes) int64.
        bands: the number of bands of consecutive columns that each signature is cut into.

    Raises:
        ValueError: `bands` does not divide n_hashes.

    Source: Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, section 3.4.
    ---
    签名至少有一整段所有列都相同的对 i < j。

    按升序排列，每对只出现一次。

    参数：
        signatures：(N, n_hashes)，int64。
        bands：每个签名切成几段，每段是连续的列。

    异常：
        ValueError：n_hashes 不能被 `bands` 整除。

    出处：Leskovec、Rajaraman 与 Ullman，Mining of Massive Datasets，3.4 节。
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
    docs: list[str],
    threshold: float,
    n_hashes: int = 128,
    bands: int = 32,
    seed: int = 0,
    size: int = 5,
) -> list[int]:
    """The indices of the documents to keep, in ascending order: the first of each cluster.

    Near-duplicates are the pairs that `candidates` finds on the `minhash` signatures and whose
    shingles of `size` units have an exact Jaccard similarity of at least `threshold`. Clusters are
    the connected components. Without documents the list is empty.

    Source: Lee et al. 2022, Deduplicating Training Data Makes Language Models Better, section 4.2.
    ---
    要保留的文档的下标，按升序：每个簇的第一篇。

    近似重复是这样的对：`candidates` 在 `minhash` 签名上找到它，并且两篇文档由 `size` 个单位组成的
    shingle 的精确 Jaccard 相似度不低于 `threshold`。簇是连通分量。没有文档时返回空列表。

    出处：Lee 等 2022，Deduplicating Training Data Makes Language Models Better，4.2 节。
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
# **Is it an estimate?** Take a text and change more and more of its words. Left: the estimate from 128 hashes against the
# exact similarity; about 95 % of the points should lie in the grey band. Right: how the error falls with the number of hashes.

# %% [markdown] tags=["zh"]
# **估得准吗？** 取一段文本，改掉越来越多的词。左图：128 个哈希的估计与精确相似度的对照，应当有 95% 左右的点落在灰色带内；右图：误差如何随哈希个数下降。

# %%
rng = random.Random(0)
base = units(max(filtered["en"], key=len))[:400]
pairs = []
for changes in [0, 1, 2, 4, 7, 12, 20, 30, 45, 70] * 4:
    changed = list(base)
    for place in rng.sample(range(len(base)), changes):
        changed[place] = f"other{rng.random()}"
    a, b = shingles(" ".join(base)), shingles(" ".join(changed))
    pairs.append((jaccard(a, b), a, b))


def estimate(a: set[str], b: set[str], n_hashes: int, seed: int = 0) -> float:
    """The share of equal entries of the two signatures.
    ---
    两个签名中相等的项所占的比例。
    """
    return (minhash(a, n_hashes, seed) == minhash(b, n_hashes, seed)).float().mean().item()


figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4))
for index, (truth, a, b) in enumerate(pairs):
    left.plot(truth, estimate(a, b, 128, seed=index), "o", color=BLUE, alpha=0.6)
line = torch.linspace(0, 1, 101)
spread = 2 * (line * (1 - line) / 128) ** 0.5
left.fill_between(
    line,
    line - spread,
    line + spread,
    color=GREY,
    alpha=0.6,
    label=say("± 2 standard deviations", "± 2 个标准差"),
)
left.plot(line, line, color="#999999", lw=1, label=say("estimate = exact", "估计 = 精确"))
left.legend(frameon=False)
left.set(
    xlabel=say("exact Jaccard similarity", "精确的 Jaccard 相似度"),
    ylabel=say("estimate, 128 hashes", "估计（128 个哈希）"),
    title=say("MinHash against the exact value", "MinHash 与精确值"),
)
counts = [8, 16, 32, 64, 128, 256, 512]
truth, a, b = pairs[4]
errors = []
for k in counts:
    squares = [(estimate(a, b, k, seed) - truth) ** 2 for seed in range(40)]
    errors.append(statistics.fmean(squares) ** 0.5)
expected = [(truth * (1 - truth) / k) ** 0.5 for k in counts]
measured = say(f"measured, J = {truth:.2f}", f"实测，J = {truth:.2f}")
right.plot(counts, errors, "o", color=BLUE, label=measured)
right.plot(counts, expected, color=ORANGE, label="√(J (1 − J) / k)")
right.set(
    xscale="log",
    yscale="log",
    xlabel=say("number of hashes k", "哈希个数 k"),
    ylabel=say("root mean square error", "均方根误差"),
    title=say("four times the hashes, half the error", "哈希个数翻两番，误差减半"),
)
right.set_xticks(counts, counts)
right.set_yticks([0.02, 0.05, 0.1], ["0.02", "0.05", "0.1"])
right.minorticks_off()
right.legend(frameon=False)
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# **The S-curve.** How to cut 128 numbers? With few rows per band almost every pair becomes a candidate; with many rows
# real duplicates are missed. The points are measured with your `candidates` on pairs of known similarity, with 25 seeds each.

# %% [markdown] tags=["zh"]
# **S 曲线。** 128 个数该怎么切？每段的行数少，几乎什么都成了候选；行数多，又会漏掉真正的重复。图中的点，是用你的 `candidates` 在已知相似度的对上测出来的，每个点 25 个种子。

# %%
truths = [truth for truth, _, _ in pairs[:10]]
signed = []
for _, a, b in pairs[:10]:
    signatures = [[minhash(a, 128, seed), minhash(b, 128, seed)] for seed in range(25)]
    signed.append([torch.stack(both) for both in signatures])
figure, axes = plt.subplots(figsize=(7, 3.6))
for bands, colour in [(64, ORANGE), (32, BLUE), (16, GREEN)]:
    rows = 128 // bands
    cut = say(f"{bands} bands of {rows} rows", f"{bands} 段，每段 {rows} 行")
    axes.plot(line, 1 - (1 - line**rows) ** bands, color=colour, label=cut)
    hits = [statistics.fmean(len(candidates(two, bands)) for two in pair) for pair in signed]
    axes.plot(truths, hits, "o", color=colour)
axes.axvline(0.7, color="#999999", ls=":", label=say("threshold below: 0.7", "下文的阈值：0.7"))
axes.set(
    xlabel=say("Jaccard similarity of a pair", "一对文档的 Jaccard 相似度"),
    ylabel=say("probability to become a candidate", "成为候选的概率"),
    title=say("lines: the formula; points: measured", "线：公式；点：实测"),
)
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# With 32 bands the formula says: a pair of similarity 0.7 is missed about once in 6,000 times, and one pair in twenty of
# similarity 0.2 costs a comparison for nothing. Now the real text:

# %% [markdown] tags=["zh"]
# 按公式，切成 32 段时，相似度 0.7 的一对约六千次才漏掉一次；相似度 0.2 的对，二十对里有一对白比较一次。现在来看真实的文本：

# %%
THRESHOLD = 0.7
unique, times = dict(distinct), {}
figure, axes = plt.subplots(figsize=(8, 1.8))
for row, (lang, documents) in enumerate(distinct.items()):
    start = time.perf_counter()
    kept = minhash_dedup(documents, THRESHOLD)
    times[lang] = time.perf_counter() - start
    unique[lang] = [documents[index] for index in kept]
    share = 1 - sum(map(len, unique[lang])) / sum(map(len, documents))
    dropped, total = len(documents) - len(kept), len(documents)
    print(
        say(
            f"{NAMES[lang]}: {dropped} of {total:,} documents are near-duplicates of another one\n"
            f"      {total * (total - 1) // 2:,} pairs, {times[lang]:.1f} s",
            f"{NAMES[lang]}：{total:,} 篇文档中有 {dropped} 篇与另一篇近似重复\n"
            f"      共 {total * (total - 1) // 2:,} 对，用时 {times[lang]:.1f} s",
        )
    )
    axes.barh(row, share, color=ORANGE)
    axes.text(share + 0.0005, row, f"{share:.1%}", va="center")
axes.set_yticks(range(len(distinct)), [NAMES[lang] for lang in distinct])
axes.set(
    xlabel=say("share of the characters", "占字符数的比例"),
    title=say(
        f"text dropped as a near-duplicate (J ≥ {THRESHOLD})",
        f"因近似重复（J ≥ {THRESHOLD}）删去的文本",
    ),
)
axes.xaxis.set_major_formatter("{x:.1%}")
plt.show()

# %%
sets = [shingles(text) for text in distinct["code"]]
pairs = candidates(torch.stack([minhash(found) for found in sets]), 32)
similar = sorted((jaccard(sets[i], sets[j]), i, j) for i, j in pairs)
similar = [pair for pair in similar if pair[0] >= THRESHOLD]
for similarity, i, j in (similar[0], similar[-1]):
    print(f"J = {similarity:.2f}")
    beginnings = (distinct["code"][index].strip().split("\n")[:9] for index in (i, j))
    for mine, other in zip(*beginnings, strict=False):
        print(f"   {mine[:56]:58}| {other[:56]}")
    print()

# %% [markdown] tags=["en"]
# Tables and generated modules: this is what is nearly the same in our code. (Debian's texts were written and edited by
# people. The web is worse: in RefinedWeb, deduplication removed about half of the text that filtering had left, Penedo et
# al. 2023.) But compare these shares with the repeated *lines* of section 1: most of what repeats is not whole documents,
# but a common line here and a footer there, inside documents that differ. No step of this notebook removes those lines.
# Section 6 meets them again, and question 1 asks what would find them.

# %% [markdown] tags=["zh"]
# 数据表和自动生成的模块：我们的代码里几乎相同的就是这些。（Debian 的文本是人写、人编的，网上的情况更糟：在 RefinedWeb 里，过滤之后剩下的文本又因去重少了大约一半，Penedo 等 2023。）
# 不过，把这里的比例与第 1 小节里重复的**行**对照一下：重复的大头不是整篇文档，而是这里一行套话、那里一段页脚，夹在彼此不同的文档里。
# 这些行，本笔记本没有哪一步会删；第 6 小节还会遇到它们，怎样找出它们，见思考题 1。

# %% [markdown] tags=["en"]
# **The library.** `datasketch` is a common library for this (others: `datatrove`, `text-dedup`, Spark). We give it the same
# sets and the same threshold. It chooses the bands itself, so that false and missed pairs weigh the same. It does not
# verify: its answer is a set of *candidates*.

# %% [markdown] tags=["zh"]
# **工具库。** `datasketch` 是这方面的常用库（还有 `datatrove`、`text-dedup`、Spark）。给它同样的集合、同样的阈值：它自己选择怎样分段，对误报和漏报一视同仁；它也不核实，所以给出的只是**候选**。

# %%
from datasketch import MinHash, MinHashLSH

start = time.perf_counter()
sets = [shingles(text) for text in distinct["code"]]
library = MinHashLSH(threshold=THRESHOLD, num_perm=128)
encoded = [[shingle.encode() for shingle in found] for found in sets]
theirs = MinHash.bulk(encoded, num_perm=128, seed=1)
found_pairs = set()
for index, sketch in enumerate(theirs):
    found_pairs |= {(other, index) for other in library.query(sketch)}
    library.insert(index, sketch)
seconds = time.perf_counter() - start
yours = say("yours", "你的实现")
print(
    say(
        f"datasketch: {library.b} bands of {library.r} rows, {seconds:.1f} s "
        f"(yours {times['code']:.1f} s, with verification)",
        f"datasketch：{library.b} 段，每段 {library.r} 行，{seconds:.1f} s（你的实现 {times['code']:.1f} s，含核实）",
    )
)
for name, found in [("datasketch", found_pairs), (yours, pairs)]:
    true = [pair for pair in found if jaccard(sets[pair[0]], sets[pair[1]]) >= THRESHOLD]
    print(
        say(
            f"{name:>10}: {len(found)} candidate pairs, {len(true)} of them with J ≥ {THRESHOLD}",
            f"{name}：{len(found)} 个候选对，其中 {len(true)} 个 J ≥ {THRESHOLD}",
        )
    )
differences, ours = [], []
for i, j in pairs:
    truth = jaccard(sets[i], sets[j])
    differences.append(abs(theirs[i].jaccard(theirs[j]) - truth))
    ours.append(abs(estimate(sets[i], sets[j], 128) - truth))
their_error, our_error = statistics.fmean(differences), statistics.fmean(ours)
print(
    say(
        f"mean error of the estimates: {their_error:.3f} by datasketch, {our_error:.3f} by yours",
        f"估计的平均误差：datasketch {their_error:.3f}，你的实现 {our_error:.3f}",
    )
)

# %% [markdown] tags=["en"]
# `datasketch` finds fewer: 14 bands of 9 rows are steepest near $J = (1/14)^{1/9} \approx 0.75$, so it misses much of what
# lies just above 0.7. Your 32 bands of 4 rows are steepest near 0.42. They propose more than twice as many pairs, and can
# afford it, because each is verified.
#
# ## 6. Evaluation text in the training set
#
# An evaluation asks how well a model does on text that it has **not seen**. Split a corpus with duplicates at random, and
# part of the held-out text has a twin in the training set: a model that learns by heart then looks better than it is. Two
# rules keep an evaluation honest. **Deduplicate before the split.** And take out of the training set every document that
# shares a long run of units with the evaluation set. (GPT-3 looked for 13 words, Brown et al. 2020, appendix C. In Chinese
# our 13 units are 13 characters, half a sentence, which is stricter.)
#
# ### Problem 1, last part: `decontaminate`

# %% [markdown] tags=["zh"]
# `datasketch` 找到的少一些：14 段、每段 9 行，曲线在 $J = (1/14)^{1/9} \approx 0.75$ 附近最陡，刚刚超过 0.7 的对就漏掉不少。你的 32 段、每段 4 行，在 0.42 附近最陡，候选多出一倍有余；这没有关系，因为每一对都会核实。
#
# ## 6. 混进训练集的评测文本：数据污染
#
# 评测要问的是：模型在**没见过**的文本上表现如何。如果语料里有重复，再随机划分，那么留出的文本有一部分在训练集里有“双胞胎”，死记硬背的模型就会显得比实际更好。守住两条规则，评测才算诚实：
# **先去重，再划分**；并且把与评测集有一长串相同单位的文档，从训练集里拿掉（GPT-3 找的是 13 个词，Brown 等 2020，附录 C；对中文来说，13 个单位就是 13 个字，不过半句话，所以更严）。
#
# ### 第 1 题，最后一部分：`decontaminate`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "decontaminate-solution", "cell_type": "code"}
def decontaminate(train: list[str], held_out: list[str], size: int = 13) -> list[int]:
    """The indices of the training documents to keep, in ascending order.

    Kept are those that share no run of `size` units with any held-out document.

    As in `shingles`, a document of fewer than `size` units is one run. So a held-out text that
    short is found only where it is the whole of a training document: a short held-out text inside a
    longer document is not found. A training document without units is kept.

    Source: Brown et al. 2020, Language Models are Few-Shot Learners, appendix C.
    ---
    要保留的训练文档的下标，按升序。

    与任何一篇留出文档都没有连续 `size` 个单位相同的训练文档，予以保留。

    与 `shingles` 一样，不足 `size` 个单位的文档整个算一串。所以这么短的留出文本，只有在它就是一整篇
    训练文档时才会被发现；夹在更长文档里的短留出文本是找不到的。没有单位的训练文档予以保留。

    出处：Brown 等 2020，Language Models are Few-Shot Learners，附录 C。
    """
    ### BEGIN SOLUTION
    forbidden = set().union(*(shingles(text, size) for text in held_out))
    return [index for index, text in enumerate(train) if not shingles(text, size) & forbidden]
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 12, "schema_version": 3, "grade_id": "clean-dedup", "cell_type": "code"}
labkit.check("clean-dedup")


# %%
def split(documents: list[str]) -> tuple[list[str], list[str]]:
    """About nine tenths and one tenth of the documents.

    The hash decides, so that a document is on the same side in every version of the corpus.
    ---
    把文档分成约九成和一成。

    由哈希值决定，所以语料的版本变了，同一篇文档仍在同一边。
    """
    sides = ([], [])
    for text in documents:
        sides[hash31(text) % 10 == 0].append(text)
    return sides


def seen_in_training(train: list[str], held_out: list[str]) -> float:
    """The share of the held-out runs of 13 units that the training set has, too.
    ---
    留出文本中每 13 个单位一串，训练集里也有的串所占的比例。
    """
    known = set().union(*(shingles(text, 13) for text in train))
    runs = [run for text in held_out for run in shingles(text, 13)]
    return sum(run in known for run in runs) / len(runs)


final, evaluation, shares = dict(unique), {}, []
figure, axes = plt.subplots(figsize=(8, 2.8))
for lang in unique:
    train, held_out = split(unique[lang])
    final[lang] = [train[index] for index in decontaminate(train, held_out)]
    evaluation[lang] = held_out
    stages = (split(filtered[lang]), (train, held_out), (final[lang], held_out))
    shares.append([seen_in_training(*stage) for stage in stages])
    taken_out = 1 - sum(map(len, final[lang])) / sum(map(len, train))
    fewer = len(train) - len(final[lang])
    print(
        say(
            f"{NAMES[lang]}: {len(train):,} training documents, {fewer} taken out because of the "
            f"evaluation set, {taken_out:.0%} of the characters",
            f"{NAMES[lang]}：{len(train):,} 篇训练文档，因评测集拿掉 {fewer} 篇，占字符数的 {taken_out:.0%}",
        )
    )
STAGES = [
    (say("as it came", "未去重"), ORANGE),
    (say("deduplicated", "去重后"), BLUE),
    (say("decontaminated", "去污染后"), GREEN),
]
for place, (stage, colour) in enumerate(STAGES):
    heights = [row + 0.25 * (place - 1) for row in range(len(unique))]
    lengths = [share[place] for share in shares]
    bars = axes.barh(heights, lengths, 0.23, color=colour, label=stage)
    axes.bar_label(bars, fmt="{:.1%}", padding=3, fontsize=8)
axes.set_yticks(range(len(unique)), [NAMES[lang] for lang in unique])
axes.invert_yaxis()
axes.xaxis.set_major_formatter("{x:.0%}")
axes.legend(frameon=False, fontsize=8)
axes.margins(x=0.15)
axes.set(
    xlabel=say("share of the held-out runs of 13 units", "留出文本的各串（每串 13 个单位）中的占比"),
    title=say("held-out text that the training set has, too", "训练集里也有的留出文本"),
)
plt.show()

# %% [markdown] tags=["en"]
# Deduplication hardly moves the Chinese bar. Each manual page ends in the same lines about who translated it, and each
# quotation from Debian names its source; the rest of these documents differs. Taking out every document that shares 13
# units with the evaluation set is safe for the evaluation, and expensive. Less than a fifth of the Chinese training
# documents are taken out, but these are long: they hold half of the characters. And training and held-out text are **no longer
# of one distribution**: no page with that footer is left to train on, while the held-out text still has its own.
#
# Others cut instead of dropping. Lee et al. (2022) remove only the repeated passage. GPT-3's authors removed the overlap
# from the training document with a window of 200 characters around it. They dropped remaining pieces of fewer than 200
# characters, and a whole document if it fell into more than ten pieces (Brown et al. 2020, appendix C).

# %% [markdown] tags=["zh"]
# 中文那一条，去重之后几乎没动：每篇手册页末尾都有同样几行，写着由谁翻译；Debian 的引文都注明出处，而文档的其余部分各不相同。凡是与评测集有 13 个单位相同的文档全部拿掉，对评测来说最稳妥，代价也高：
# 中文训练文档拿掉的不到五分之一，却都比较长，字符少了一半。而且训练集与评测集从此**不再同分布**：带那段页脚的手册页，训练集里一篇都没剩下，评测集里却还有。
#
# 也有人不整篇丢弃，而是剪掉一段。Lee 等（2022）只删去重复的段落。GPT-3 的作者从训练文档里剪掉重叠处，连同前后 200 个字符的窗口；剪剩的碎片不足 200 个字符的丢掉，
# 碎成十段以上的文档整篇丢掉（Brown 等 2020，附录 C）。

# %% [markdown] tags=["en"]
# ## 7. Packing
#
# Documents have lengths from ten tokens to thousands; a batch is a rectangle. To pad every document to the longest wastes
# computation, and to cut documents off at the row's end loses text. So **pack**: write all documents one after the other,
# each followed by the end-of-sequence token (EOS), and cut this stream into rows of `seq_len`. Nothing is lost, and only
# the end of the last row is padding.
#
# ```
# docs      [5 6 7]  [8 9]  [3 4 5 6]         eos = 0, seq_len = 5
# stream     5 6 7 0  8 9 0  3 4 5 6 0
# ids       [[5 6 7 0 8], [9 0 3 4 5], [6 0 0 0 0]]         the last three: padding
# document  [[0 0 0 0 1], [1 1 2 2 2], [2 2 -1 -1 -1]]      an EOS belongs to the document that it ends
# ```
#
# But now a token of document 1 may attend to document 0, which has nothing to do with it. With the document ids a
# **block-diagonal** mask keeps them apart, and positions start at 0 again with each document. (GPT-3 did without: its EOS
# lets the model infer that what came before is unrelated, Brown et al. 2020. Llama 3 uses the mask: it had little effect in
# standard pretraining, but mattered in continued pretraining on very long sequences, Llama Team 2024, section 3.2.)
#
# **What training must leave out of the loss.** Padding has the id of EOS; only `document == -1` tells it from a real end.
# And with the mask, nothing that a token can see says how the *next* document begins: where `document` changes from one
# place to the next, that next token is no target either.

# %% [markdown] tags=["zh"]
# ## 7. 打包
#
# 文档有长有短，从十个 token 到几千个；而一批数据是个矩形。把每篇都填充到最长，会浪费计算；在行末截断，会丢掉文本。所以要**打包**（packing）：
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
# （GPT-3 没有这样做：看到 EOS，模型可以推断前面的内容与后面无关，Brown 等 2020。Llama 3 用了这种掩码：在常规预训练中影响不大，在很长的序列上继续预训练时却很重要，Llama Team 2024，3.2 节。）
#
# **训练时哪些位置不算损失。** 填充的 id 与 EOS 相同，只有 `document == -1` 能把它和真正的结尾区分开，这些位置不算。另外，用了掩码之后，一个 token 看得到的内容完全不能说明**下一篇**文档怎样开头：
# 所以 `document` 的值一变，变化后的第一个 token 也不作为预测目标。

# %%
ROW = 512
tokens = {lang: [token_ids(text) for text in documents[:1000]] for lang, documents in final.items()}
lengths = {lang: [len(ids) for ids in documents] for lang, documents in tokens.items()}
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4))
bins = np.logspace(0.5, 3.8, 40)
for (lang, found), colour in zip(lengths.items(), (GREEN, BLUE, ORANGE), strict=True):
    left.hist(found, bins, histtype="step", lw=1.5, color=colour, label=NAMES[lang])
left.set(
    xscale="log",
    xlabel=say("tokens (SmolLM2's tokenizer)", "token 数（SmolLM2 的分词器）"),
    ylabel=say("documents", "文档数"),
    title=say("length of up to 1,000 documents of each", "各取至多 1,000 篇文档的长度"),
)
left.legend(frameon=False, loc="upper left")
batch = 32
for place, (lang, found) in enumerate(lengths.items()):
    rows = [found[start : start + batch] for start in range(0, len(found), batch)]
    padded = 1 - sum(found) / sum(max(row) * len(row) for row in rows)
    cut_off = sum(max(0, n - ROW) for n in found) / sum(found)
    print(
        say(
            f"{NAMES[lang]}: {cut_off:.0%} of the tokens are lost if documents end at {ROW} tokens",
            f"{NAMES[lang]}：若每篇文档到 {ROW} 个 token 为止，会丢掉 {cut_off:.0%} 的 token",
        )
    )
    right.bar(place, padded, color=ORANGE)
    right.text(place, padded + 0.02, f"{padded:.0%}", ha="center")
right.set_xticks(range(len(lengths)), [NAMES[lang] for lang in lengths])
right.yaxis.set_major_formatter("{x:.0%}")
right.set(
    ylim=(0, 1),
    ylabel=say("share of the positions", "占位置数的比例"),
    title=say("padding in batches of 32, unpacked", "不打包、每批 32 篇时的填充"),
)
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# Left: in each corpus, some documents are a hundred times as long as others. Right: unpacked, more than half of the
# positions are padding, in all three corpora. Cutting documents off at 512 tokens would lose between a third and more than
# half of the tokens, as the printed lines say.
#
# ### Problem 2 (8 points), first part: `pack`, `packed_mask`, `packed_positions`

# %% [markdown] tags=["zh"]
# 左图：在每种语料里，文档的长短都能相差上百倍。右图：不打包时，三种语料都有一半以上的位置是填充；而如果在 512 个 token 处截断，丢掉的 token 从三分之一多到一半多不等，见打印出来的几行。
#
# ### 第 2 题（8 分），第一部分：`pack`、`packed_mask`、`packed_positions`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "pack-solution", "cell_type": "code"}
def pack(docs: list[list[int]], seq_len: int, eos_id: int) -> tuple[Tensor, Tensor]:
    """All documents in one stream, each followed by eos_id, cut into rows of seq_len tokens.

    Returns:
        ids: (N, seq_len) int64; the end of the last row is filled up with eos_id.
        document: (N, seq_len) int64; for each token the index in `docs` of its document, for an EOS
            that of the document it ends, -1 where filled up.

    A document without tokens leaves no trace, not even an EOS; the indices of the others stay.
    N is as small as possible, and may be 0.
    ---
    所有文档连成一条流，每篇后面跟一个 eos_id，再切成长为 seq_len 的行。

    返回：
        ids：(N, seq_len)，int64；最后一行的末尾用 eos_id 填充。
        document：(N, seq_len)，int64；每个 token 所属文档在 `docs` 中的下标，EOS 属于由它结束的文档，
            填充处为 -1。

    没有 token 的文档不留任何痕迹，连 EOS 也没有；其他文档的下标不变。N 尽可能小，可以为 0。
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
    return (
        torch.tensor(ids, dtype=torch.int64).view(-1, seq_len),
        torch.tensor(document, dtype=torch.int64).view(-1, seq_len),
    )
    ### END SOLUTION


def packed_mask(document: Tensor) -> Tensor:
    """Which tokens of its row each token may attend to: itself and those before it in its document.

    Args:
        document: (N, T) int64, as from `pack`.

    Returns:
        (N, T, T) bool: [n, t, s] is True where token t may see token s. Padding counts as a
        document: it sees the padding before it.
    ---
    每个 token 可以注意到同一行的哪些 token：它自己，以及同一文档里在它之前的。

    参数：
        document：(N, T)，int64，如 `pack` 所给。

    返回：
        (N, T, T)，bool：[n, t, s] 为 True 表示 token t 可以看到 token s。填充也算一篇文档：
        它看得到前面的填充。
    """
    ### BEGIN SOLUTION
    return (document[:, :, None] == document[:, None, :]).tril()
    ### END SOLUTION


def packed_positions(document: Tensor) -> Tensor:
    """The position of each token in its document, as far as its row shows it.

    Args:
        document: (N, T) int64, as from `pack`.

    Returns:
        (N, T) int64: 0 where a row or a document begins, then 1, 2, ... A document that a row's end
        cuts in two begins at 0 again in the next row. Padding counts as a document: its positions
        begin at 0, too.
    ---
    每个 token 在其文档中的位置，以这一行看得到的为准。

    参数：
        document：(N, T)，int64，如 `pack` 所给。

    返回：
        (N, T)，int64：一行或一篇文档开始处为 0，之后是 1、2……被行末切成两半的文档，在下一行重新从 0 数起。
        填充也算一篇文档：它的位置同样从 0 数起。
    """
    ### BEGIN SOLUTION
    steps = torch.arange(document.shape[1]).expand_as(document)
    begins = torch.ones_like(document, dtype=torch.bool)
    begins[:, 1:] = document[:, 1:] != document[:, :-1]
    return steps - torch.where(begins, steps, 0).cummax(1).values
    ### END SOLUTION


# %%
SAYINGS = ("To err is human.", "Debian is made by volunteers.", "学而时习之，不亦说乎？")
sayings = [token_ids(text) for text in SAYINGS]
ids, document = pack(sayings, 32, tokenizer.eos_token_id)
figure, panels = plt.subplots(1, 3, figsize=(11, 3.4), width_ratios=[1.5, 1, 1])
colours = plt.get_cmap("tab10")
panels[0].imshow(document, cmap=colours, vmin=-1, vmax=8, aspect="auto")
for row, step in np.ndindex(*ids.shape):
    if ids[row, step] == tokenizer.eos_token_id:
        panels[0].text(step, row, "E", ha="center", va="center", color="white", fontsize=7)
for index in [*range(len(sayings)), -1]:
    kind = say(f"document {index}", f"文档 {index}") if index >= 0 else say("padding", "填充")
    panels[0].plot([], [], "s", color=colours(index + 1), label=kind)
panels[0].legend(frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.22))
position = say("position in the row", "在行中的位置")
panels[0].set(
    title=say("two rows; E: end of sequence", "两行；E：序列结束符"),
    xlabel=position,
    ylabel=say("row", "行"),
    yticks=range(len(ids)),
)
panels[1].imshow(packed_mask(document)[0], cmap="Blues", vmax=1.4)
panels[1].set(
    title=say("row 0: who may see whom (blue)", "第 0 行：谁能看到谁（蓝色）"),
    xlabel=say("key: token that is seen", "键：被看到的 token"),
    ylabel=say("query: token that sees", "查询：看的 token"),
)
panels[2].plot(packed_positions(document)[0], drawstyle="steps-mid", color=BLUE)
panels[2].set(
    title=say("row 0: positions", "第 0 行：位置编号"),
    xlabel=position,
    ylabel=say("position in the document", "在文档中的位置"),
)
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# The third saying is cut by the end of row 0; its end stands in row 1, before the padding, which has the id of E. The mask is one triangle per
# document, and the positions fall back to 0 where a document begins.
#
# **Does it matter?** Give SmolLM2 the pack, once with a plain causal mask and once with yours, and compare its loss on each
# saying with the loss on the saying **alone**.

# %% [markdown] tags=["zh"]
# 第三条格言被第 0 行的行末切断，剩下的部分在第 1 行，排在填充之前；填充的 id 与 E 相同。掩码是每篇文档一个三角形；位置在每篇文档开头回到 0。
#
# **真的有影响吗？** 把打包好的行喂给 SmolLM2，一次用普通的因果掩码，一次用你的掩码，再与**单独**读每条格言时的损失比较。


# %%
def losses(ids: Tensor, **arguments: Tensor) -> Tensor:
    """The loss of each token after the first of a row, (N, T - 1), in nats.
    ---
    一行中第一个之后每个 token 的损失，(N, T - 1)，单位 nat。
    """
    with torch.no_grad():
        log_probs = model(ids, **arguments).logits[:, :-1].log_softmax(-1)
    return -log_probs.gather(2, ids[:, 1:, None]).squeeze(2)


length = sum(len(saying) + 1 for saying in sayings)
ids, document = pack(sayings, length, tokenizer.eos_token_id)
plain = losses(ids)[0]
mask, positions = packed_mask(document)[:, None], packed_positions(document)
masked = losses(ids, attention_mask=mask, position_ids=positions)[0]
for index, saying in enumerate(sayings):
    inside = (document[0, 1:] == index) & (document[0, :-1] == index)
    alone = losses(torch.tensor([[*saying, tokenizer.eos_token_id]]))[0]
    print(tokenizer.decode(saying))
    print(
        say("    alone", "    单独"),
        f"{alone.mean():.3f}",
        say("  packed, causal mask", "  打包，因果掩码"),
        f"{plain[inside].mean():.3f}",
        say("  packed, your mask", "  打包，你的掩码"),
        f"{masked[inside].mean():.3f}",
    )

# %% [markdown] tags=["en"]
# With your mask and positions, a document in a pack has the same loss as alone. With the plain mask its loss differs. Here
# it is even lower, probably because any text before a saying makes it easier to guess. That help is missing when the
# document comes alone.
#
# **In practice.** The mask can also save time. `nn.functional.scaled_dot_product_attention` saves none with such a mask: it
# computes the hidden part, too. Two other ways skip whole hidden blocks: FlexAttention (in PyTorch: the mask is given as a
# function, and a kernel is compiled for it) and the *varlen* kernels of FlashAttention, a library of fast attention (they
# take the documents in one row and the places of their borders). Hugging Face's `DataCollatorWithFlattening` and its
# library for fine-tuning, TRL, hand over the positions; the borders are where these return to 0. (Models with linear
# attention ignore this and need the borders themselves: transformers' documentation, page "Padding-free training".)
#
# **A trap** in TRL's `SFTConfig` (version 1.16, `sft_config.py` and `data_utils.py`). `packing=True` alone means
# `packing_strategy="bfd"`, *best-fit decreasing*: the longest documents first, each into the row where it leaves the least
# room. What a document has beyond `max_length` is **cut off and lost**: the first cell of this section measured
# how much, for 512 tokens.
# `"bfd_split"` cuts long documents into pieces and loses nothing. `"wrapped"` loses nothing either, but gives no restarted
# positions, so documents see their neighbours.
#
# ## 8. Mixing
#
# A model is trained on a **mixture**: web, code, books, other languages. Their shares are counted in **tokens**, because
# the loss is a mean over tokens. A share of *documents* is another share when the documents of one corpus are ten times as
# long. So `mix` counts tokens: it always takes the next document from the corpus that is **behind its share**.
#
# - Let $D$ and $B$ be the tokens taken so far from `domain` and from `base`. While $D + B < n$: if $D < \text{ratio}\cdot(D + B + 1)$, take the next document of `domain`, else of `base`. (At every moment the share is right to within one document. The 1 lets `domain` begin; without it even a ratio of 1 would begin with a document of `base`.)
# - Each corpus is read in a shuffled order (seeded), and **all** its documents come once before any comes again; then it is shuffled anew. How often a corpus has been read through is its number of **epochs**.

# %% [markdown] tags=["zh"]
# 用上你的掩码和位置，打包在一起的文档与单独读时损失相同。用普通的因果掩码就不同了，这里的损失反而更低，可能是因为格言前面不管有什么文字，猜起来总容易些；可是文档单独出现时，就没有这份帮助了。
#
# **实际中怎么做。** 掩码还可以省时间。`nn.functional.scaled_dot_product_attention` 配上这样的掩码并不省时间，遮住的照样要算。另外两种办法会跳过整块被遮住的部分：
# FlexAttention（在 PyTorch 里，掩码以函数的形式给出，再为它编译内核）和 FlashAttention（一个快速注意力库）的 **varlen** 内核（直接接收首尾相接的文档，以及各篇的边界位置）。
# Hugging Face 的 `DataCollatorWithFlattening` 和它的微调库 TRL 传的是位置：位置回到 0 的地方，就是文档的边界。
# （用线性注意力的模型不看位置，要直接给它边界：见 transformers 文档 “Padding-free training” 一页。）
#
# **一个坑**：TRL 的 `SFTConfig`（1.16 版，`sft_config.py` 和 `data_utils.py`）。只写 `packing=True`，就是 `packing_strategy="bfd"`，即 best-fit decreasing：
# 从最长的文档开始，每篇放进剩余空间最小而又放得下的那一行；超过 `max_length` 的部分**被截断，丢掉了**，丢掉多少，本小节的第一个单元格在 512 个 token 处量过。
# `"bfd_split"` 把长文档切成几段，什么都不丢。`"wrapped"` 也不丢，但位置不会重新起算，所以文档之间互相看得见。
#
# ## 8. 混合
#
# 模型是在**混合**语料上训练的：网页、代码、书籍、其他语言。各自的占比按 **token** 计，因为损失就是对 token 取的平均。如果一种语料的文档比另一种长十倍，按**文档**计的占比就是另一回事了。
# 所以 `mix` 数的是 token：总是从**落后于份额**的那个语料取下一篇文档。
#
# - 设 $D$、$B$ 分别是到目前为止从 `domain` 和 `base` 取出的 token 数。只要 $D + B < n$：若 $D < \text{ratio}\cdot(D + B + 1)$，就取 `domain` 的下一篇，否则取 `base` 的。（这样每一刻的份额误差都不超过一篇文档。式中的 1 让 `domain` 先来；没有它，即使 ratio 为 1，第一篇也会取自 `base`。）
# - 每个语料都按打乱的次序（由种子决定）读；**所有**文档各出现一次之后，才会有文档第二次出现，届时重新打乱。一个语料被完整读过几遍，就是几个 **epoch**。

# %% [markdown] tags=["en"]
# ### Problem 2, second part: `mix`

# %% [markdown] tags=["zh"]
# ### 第 2 题，第二部分：`mix`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "mix-solution", "cell_type": "code"}
def mix(
    base: list[list[int]],
    domain: list[list[int]],
    ratio: float,
    n: int,
    seed: int = 0,
) -> list[list[int]]:
    """Documents of two corpora, until they have together at least n tokens.

    `ratio` of the tokens are from `domain`, by the rule of section 8. The document that reaches n
    tokens is the last. The same seed gives the same mixture, another seed another order.

    Args:
        base, domain: documents as lists of token ids; empty documents are passed over.
        ratio: 0 to 1; with 0 nothing comes from `domain`, with 1 nothing from `base`.

    Returns:
        The documents as they were handed in: the same lists, not copies.

    Raises:
        ValueError: `ratio` is not in 0 ... 1, or a corpus that is needed has no tokens.
    ---
    从两个语料里取文档，直到总共至少有 n 个 token。

    按第 8 小节的规则，`ratio` 是来自 `domain` 的 token 的占比。让总数达到 n 的那一篇是最后一篇。
    种子相同，混合结果就相同；种子不同，次序就不同。

    参数：
        base、domain：文档，每篇是 token id 的列表；空文档跳过。
        ratio：0 到 1；为 0 时不取 `domain`，为 1 时不取 `base`。

    返回：
        原样的文档：就是传入的那些列表，不是副本。

    异常：
        ValueError：`ratio` 不在 0 到 1 之间，或者要用到的语料没有 token。
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
# English sayings and pages are the `base`, code is the `domain`, and a quarter of code is wanted. Blue: your `mix`, by
# tokens. Orange: a quarter of the **documents** are code.

# %% [markdown] tags=["zh"]
# 以英文为 `base`，代码为 `domain`，希望代码占四分之一。蓝线：用你的 `mix`，按 token 计；橙线：让四分之一的**文档**是代码。

# %%
is_code = {id(document) for document in tokens["code"]}
by_tokens = mix(tokens["en"], tokens["code"], ratio=0.25, n=100_000)
rng = random.Random(0)
by_documents = []
for _ in by_tokens:
    by_documents.append(rng.choice(tokens["code"] if rng.random() < 0.25 else tokens["en"]))
figure, axes = plt.subplots(figsize=(8, 3))
for name, mixture, colour in [
    (say("your mix", "你的 mix"), by_tokens, BLUE),
    (say("a quarter of the documents", "文档的四分之一"), by_documents, ORANGE),
]:
    sizes = np.array([len(document) for document in mixture])
    code = np.array([id(document) in is_code for document in mixture])
    so_far = sizes.cumsum()
    axes.plot(so_far, (sizes * code).cumsum() / so_far, color=colour, lw=1, label=name)
    of_tokens = (sizes * code).sum() / sizes.sum()
    print(
        say(
            f"{name}: {code.mean():.0%} of the documents, {of_tokens:.1%} of the tokens are code",
            f"{name}：代码占文档数的 {code.mean():.0%}，占 token 数的 {of_tokens:.1%}",
        )
    )
axes.axhline(0.25, color="#999999", ls=":", zorder=0, label=say("wanted: 25%", "目标：25%"))
axes.yaxis.set_major_formatter("{x:.0%}")
axes.set(
    xlim=(0, 100_000),
    ylim=(0, 1),
    xlabel=say("tokens so far", "到目前为止的 token 数"),
    ylabel=say("share of code", "代码的占比"),
    title=say("share of code among the tokens so far", "到目前为止的 token 中代码的占比"),
)
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# By tokens, the share swings around a quarter, in ever smaller steps. By documents, code ends up with more than half of
# the tokens, because its documents are longer.
#
# > **Today (November 2026; what our sources show).**
# >
# > - **Filters and rewriting by models.** FineWeb-Edu and DCLM keep what a small classifier scores highly (Penedo et al.
# >   2024; Li et al. 2024). Nemotron-CC (Su et al. 2024) combines several classifiers and lets a language model
# >   **rephrase** text instead of dropping it: 1.9 of its 6.3 trillion tokens are synthetic. Hugging Face's FinePhrase
# >   rephrases 339 million documents of FineWeb-Edu into 486 billion tokens (figures of its report on the hub).
# > - **Duplicates in meaning.** SemDeDup (Abbas et al. 2023) compares embeddings (notebook 3), and so finds paraphrases
# >   that share no shingle.
# > - **Mixtures.** RegMix (Liu et al. 2024) trains 512 models of a million parameters on different mixtures and predicts
# >   the best one by regression. Near the end of pretraining, while the rate falls, many models read a mixture with more
# >   mathematics, code and text of high quality (*annealing*: Llama Team 2024, section 3.1.3).
# > - **Packing.** Best-fit packing (Ding et al. 2024) cuts only documents that are longer than a row, and fits the pieces into
# >   few rows. It reports better reading comprehension and fewer hallucinations than a stream cut into rows. TRL's
# >   `bfd_split` is such a method; its source cites the paper.
#
# ## Summary
#
# - What is repeated in the data may be learnt by heart. Deduplication is one of the cheapest ways to a better model.
# - Clean what a reader cannot see, keep what one can: here NFC, not NFKC; indentation stays.
# - Filters are named measures with limits; the limits belong to a corpus, and are judged by reading what they drop.
# - MinHash turns a document into $k$ numbers. The share that agrees estimates the Jaccard similarity, with a standard deviation of at most $1/(2\sqrt k)$. Bands find the similar pairs without looking at all pairs; exact similarity verifies them.
# - Deduplicate before you split, and take out of the training set what overlaps with the evaluation.
# - Packing loses no token. A block-diagonal mask and restarted positions give a packed document the same loss as the document alone. Shares of a mixture are shares of tokens.
#
# ## Three questions to think about
#
# 1. A quotation of 60 words stands in a thousand otherwise different pages. Does `minhash_dedup` see it? What would (Lee et al. use suffix arrays)? Should it go?
# 2. FineWeb found that deduplicating **across** all crawls made the model worse than within each crawl. What kind of page survives in an old crawl once all that has a copy elsewhere is gone?
# 3. Your evaluation set is translated into Chinese and stands in the training set. Which of this notebook's tools finds it? What could?
#
# ## Further reading
#
# - Broder 1997, *On the resemblance and containment of documents*.
# - Leskovec, Rajaraman and Ullman 2020, *Mining of Massive Datasets*: sections 3.2 to 3.4.
# - Rae et al. 2021, *Scaling Language Models: Methods, Analysis & Insights from Training Gopher*: appendix A.1.
# - Lee et al. 2022, *Deduplicating Training Data Makes Language Models Better*: sections 4 and 6.
# - Carlini et al. 2023, *Quantifying Memorization Across Neural Language Models*: section 3.
# - Penedo et al. 2023, *The RefinedWeb Dataset for Falcon LLM*.
# - Penedo et al. 2024, *The FineWeb Datasets*: section 3.
# - Li et al. 2024, *DataComp-LM: In search of the next generation of training sets for language models*.
# - Brown et al. 2020, *Language Models are Few-Shot Learners*: appendix C.
# - Llama Team 2024, *The Llama 3 Herd of Models*: sections 3.1 and 3.2.
# - Su et al. 2024, *Nemotron-CC: Transforming Common Crawl into a Refined Long-Horizon Pretraining Dataset*.
# - Abbas et al. 2023, *SemDeDup: Data-efficient learning at web-scale through semantic deduplication*.
# - Liu et al. 2024, *RegMix: Data Mixture as Regression for Language Model Pre-training*.
# - Ding et al. 2024, *Fewer Truncations Improve Language Modeling*.

# %% [markdown] tags=["zh"]
# 按 token 计，占比在四分之一上下摆动，幅度越来越小；按文档计，代码最后占了一半以上的 token，因为它的文档更长。
#
# > **现状（2026 年 11 月，以我们查到的资料为限）。**
# >
# > - **用模型过滤和改写。** FineWeb-Edu 和 DCLM 只保留小型分类器打分高的文本（Penedo 等 2024；Li 等 2024）。Nemotron-CC（Su 等 2024）综合几个分类器，
# >   并让语言模型**改写**文本，而不是一丢了之：6.3 万亿 token 中有 1.9 万亿是合成的。Hugging Face 的 FinePhrase 把 FineWeb-Edu 的 3.39 亿篇文档改写成 4860 亿 token（数字出自它在 hub 上的报告）。
# > - **意思上的重复。** SemDeDup（Abbas 等 2023）比较嵌入（见本实验第 3 节），所以能找到没有一个 shingle 相同的转述。
# > - **混合比例。** RegMix（Liu 等 2024）用不同的混合比例训练 512 个百万参数的小模型，再用回归预测最好的比例。许多模型在预训练快结束、学习率下降时，
# >   会混入更多数学、代码和高质量文本（退火，annealing：Llama Team 2024，3.1.3 节）。
# > - **打包。** best-fit packing（Ding 等 2024）只切开比一行还长的文档，再把各段拼进尽量少的行；据报告，与切开的流相比，阅读理解更好，幻觉更少。TRL 的 `bfd_split` 就属于这一类，源码里引用了这篇论文。
#
# ## 小结
#
# - 数据里重复的东西可能会被背下来。去重是让模型变好最便宜的办法之一。
# - 清掉读者看不见的，留住读者看得见的：这里用 NFC，不用 NFKC；缩进要保留。
# - 过滤器就是各项指标加上下限；上下限跟着语料走，好不好要读一读它扔掉的东西才知道。
# - MinHash 把文档变成 $k$ 个数，相等的比例估计 Jaccard 相似度，标准差不超过 $1/(2\sqrt k)$；分段让我们不必看所有的对就能找出相似的对；再用精确相似度核实。
# - 先去重再划分，并把与评测集重叠的内容从训练集里拿掉。
# - 打包不丢 token；块对角掩码加上重新起算的位置，让打包的文档与单独的文档损失相同。混合的占比是 token 的占比。
#
# ## 三个思考题
#
# 1. 一段 60 个词的引文，出现在一千个其余内容各不相同的网页里。`minhash_dedup` 看得见它吗？什么办法看得见（Lee 等用的是后缀数组）？它该删掉吗？
# 2. FineWeb 发现，**跨**所有抓取批次去重，得到的模型反而不如只在每个批次内部去重。如果凡是在别处有副本的都删掉，一个老批次里剩下的会是什么样的网页？
# 3. 你的评测集被译成中文，出现在训练集里。这个笔记本里的哪个工具找得到它？什么办法也许可以？
#
# ## 延伸阅读
#
# - Broder 1997，《On the resemblance and containment of documents》。
# - Leskovec、Rajaraman 与 Ullman 2020，《Mining of Massive Datasets》：3.2 至 3.4 节。
# - Rae 等 2021，《Scaling Language Models: Methods, Analysis & Insights from Training Gopher》：附录 A.1。
# - Lee 等 2022，《Deduplicating Training Data Makes Language Models Better》：第 4、6 节。
# - Carlini 等 2023，《Quantifying Memorization Across Neural Language Models》：第 3 节。
# - Penedo 等 2023，《The RefinedWeb Dataset for Falcon LLM》。
# - Penedo 等 2024，《The FineWeb Datasets》：第 3 节。
# - Li 等 2024，《DataComp-LM: In search of the next generation of training sets for language models》。
# - Brown 等 2020，《Language Models are Few-Shot Learners》：附录 C。
# - Llama Team 2024，《The Llama 3 Herd of Models》：3.1、3.2 节。
# - Su 等 2024，《Nemotron-CC: Transforming Common Crawl into a Refined Long-Horizon Pretraining Dataset》。
# - Abbas 等 2023，《SemDeDup: Data-efficient learning at web-scale through semantic deduplication》。
# - Liu 等 2024，《RegMix: Data Mixture as Regression for Language Model Pre-training》。
# - Ding 等 2024，《Fewer Truncations Improve Language Modeling》。
