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
# # Lab 04, notebook 2: the tokenizer
#
# A language model never sees a letter. It sees numbers, and something that is *not* the model decides which: the **tokenizer**. In this notebook you train one
# on a megabyte of real text, encode and decode with it, and check it against the two libraries that the trade uses, id by id.
#
# **You will be able to**
# - say why a model cannot count the letters of a word, and why Chinese costs more than English;
# - train a byte-level BPE tokenizer in seconds, with an index of pairs instead of a rescan per merge;
# - encode by the ranks of the merges, decode any sequence of ids, and treat special tokens as what they are;
# - measure a vocabulary: bytes per token by language, and what it costs in parameters.
#
# **Time** about three hours. Running everything takes about a minute on two CPU cores.
#
# **You need** Python: dictionaries, `Counter`, a heap if you like. No earlier notebook, no GPU.
#
# **How it works** Cells with `# YOUR CODE HERE` are yours. Each problem ends in a check cell that tries a few small cases at
# once; `labkit.check("bpe-train")` may be run at any time: what is not written yet shows ○. The score comes from other, hidden tests. All other cells just run.

# %% [markdown] tags=["zh"]
# # 实验 04，第 2 个 notebook：分词器
#
# 语言模型从来没见过字母。它看到的是一串编号，而决定编号的并**不是**模型，而是**分词器**（tokenizer）。在这个 notebook 里，你会用 1 MB 的真实文本训练一个分词器，
# 用它编码、解码，再与业界常用的两个库逐个 id 地核对。
#
# **学完之后，你能够**
# - 说清模型为什么数不清一个词里有几个字母，中文为什么比英文“贵”；
# - 用几秒钟训练一个字节级 BPE 分词器：靠 pair 的索引，而不是每次合并都重新扫描；
# - 按合并的次序编码，解码任意的 id 序列，并正确处理特殊 token；
# - 衡量一个词表：每个 token 在各种语言里平均装多少字节，又要占多少参数。
#
# **时间** 约三小时。全部单元格在两个 CPU 核上跑一遍约需一分钟。
#
# **预备知识** Python：字典、`Counter`，会用堆更好。不依赖前面的 notebook，不需要 GPU。
#
# **做法** 带 `# YOUR CODE HERE` 的单元格由你来写。每道题的末尾有一个检查单元格，会立刻试几个小例子；也可以随时运行 `labkit.check("bpe-train")`，
# 还没写的部分显示 ○。最终得分来自另外的隐藏测试。其余单元格直接运行即可。

# %% tags=["export"]
import heapq
from collections import Counter, defaultdict
from itertools import pairwise

import regex

import labkit

END = "<|endoftext|>"  # a special token: here a document ends

# %%
import json
import time
from collections.abc import Iterator
from html import escape

import matplotlib.pyplot as plt
import tiktoken
import tokenizers
from IPython.display import HTML, display
from tokenizers import decoders, models, pre_tokenizers, trainers

from labkit import corpora, plots
from labkit.models import load_tokenizer

BLUE, ORANGE, GREY, GREEN = "#1f77b4", "#ff7f0e", "#d9d9d9", "#2ca02c"

plots.style()
smollm2 = load_tokenizer()

# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# How many r's are in *strawberry*? Here is what SmolLM2 gets to see of that word, in four ways of writing it. Each colour is one token; below it stands its number.

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# “strawberry” 里有几个 r？下面是 SmolLM2 看到的这个词，四种写法。每种颜色是一个 token，下面是它的编号。

# %%
# Hugging Face writes each byte as a printable character: as itself where it is printable, else as one from U+0100 on.
printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
CHARACTER = {byte: chr(byte) for byte in printable}
CHARACTER |= {byte: chr(256 + i) for i, byte in enumerate(sorted(set(range(256)) - set(printable)))}
BYTE = {character: byte for byte, character in CHARACTER.items()}
PASTEL = ["#cfe3f5", "#ffe0bf", "#d3ecd3", "#f3d3e6", "#e6dcf5"]


def from_printable(token: str) -> bytes:
    """Example: "Ġcat" -> b" cat"."""
    return bytes(BYTE[character] for character in token)


def coloured(tokens: list[bytes], ids: list[int] | None = None) -> str:
    """Tokens as HTML, each in a colour of its own; what is no whole character is shown as its bytes."""
    spans = []
    for i, token in enumerate(tokens):
        try:
            text = escape(token.decode()).replace(" ", "␣").replace("\n", "⏎")
        except UnicodeDecodeError:
            text = f'<span style="font-size:70%">{token.hex(" ").upper()}</span>'
        below = f'<br><span style="font-size:65%">{ids[i]}</span>' if ids else ""
        spans.append(
            f'<span style="background:{PASTEL[i % 5]};color:black;padding:1px 3px;border-radius:3px;'
            f'display:inline-block;text-align:center;line-height:1.25">{text}{below}</span>'
        )
    return f'<div style="line-height:2;white-space:normal">{"".join(spans)}</div>'


def show_smollm2(text: str, with_ids: bool = False) -> None:
    ids = smollm2(text, add_special_tokens=False)["input_ids"]
    tokens = [from_printable(token) for token in smollm2.convert_ids_to_tokens(ids)]
    display(HTML(coloured(tokens, ids if with_ids else None)))


for word in ("strawberry", " strawberry", "Strawberry", "STRAWBERRY"):
    show_smollm2(word, with_ids=True)

# %% [markdown] tags=["en"]
# After a space the whole word is *one* number, 35199, and there is no r in 35199. At the start of a line it is three other numbers, of which a capital S changes the first only; in capitals it is five, and they have nothing in common with
# the ones before. That all of these are the same word with three r's, the model must have learnt from somewhere else.
#
# Now one text in six languages: article 1 of the Universal Declaration of Human Rights. Same meaning, same length for a reader.

# %% [markdown] tags=["zh"]
# 前面有空格时，整个词就是**一个**编号 35199，而 35199 里没有 r。放在行首，它是另外三个编号，首字母大写时只有第一个不同；全大写时是五个，与前面的毫无共同之处。
# 这些写法其实是同一个词、都有三个 r，模型只能从别处学来。
#
# 再看同一段话的六种语言版本：《世界人权宣言》第一条。意思一样，对读者来说长短也差不多。

# %%
ARTICLE_1 = {
    "English": "All human beings are born free and equal in dignity and rights. They are endowed with reason and "
    "conscience and should act towards one another in a spirit of brotherhood.",
    "French": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison et de "
    "conscience et doivent agir les uns envers les autres dans un esprit de fraternité.",
    "German": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen "
    "begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
    "Chinese": "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。",
    "Russian": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью "
    "и должны поступать в отношении друг друга в духе братства.",
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। उन्हें बुद्धि और अन्तरात्मा की "
    "देन प्राप्त है और परस्पर उन्हें भाईचारे के भाव से बर्ताव करना चाहिए।",
}
lengths = {name: len(smollm2(text, add_special_tokens=False)["input_ids"]) for name, text in ARTICLE_1.items()}
figure, axes = plt.subplots(figsize=(8, 2.8))
axes.barh(list(lengths), lengths.values(), color=[BLUE, *[ORANGE] * 5])
for row, n in enumerate(lengths.values()):
    axes.text(n + 2, row, f"{n}   ({n / lengths['English']:.1f}x)", va="center", fontsize=9)
axes.invert_yaxis()
axes.set(xlabel="tokens of SmolLM2", xlim=(0, 1.15 * max(lengths.values())), title="the same article of law")
plt.show()
show_smollm2(ARTICLE_1["English"])
show_smollm2(ARTICLE_1["Chinese"])

# %% [markdown] tags=["en"]
# For the same content a Chinese reader waits more than twice as long, pays more than twice as much, and fits less than half of it into the context window; a Hindi reader fares worse by far (Petrov et al. 2023). And most of the
# Chinese tokens are **no characters**: they are bytes, two of a character's three here, the third there. Nobody designed this. It follows from what SmolLM2's tokenizer was trained
# on, by an algorithm of thirty lines. You are about to write them.
#
# ## 2. What to cut, and where
#
# **Letters of the alphabet**: Unicode has 150,000 characters. Most are rare, and a table of characters misses the next emoji. **UTF-8** writes each as 1 to 4 bytes (`a`
# is 61, `é` is C3 A9, `语` is E8 AF AD), so 256 **bytes** write everything that can be written, and no text is ever unknown. But in bytes a text is long, and attention costs the square of it.
# **Words** make it short, but there is no end of them. *Byte-pair encoding* is the way between: begin with the 256 bytes, then add the sequences that are frequent.
#
# **Pre-tokens.** If everything could merge with everything, `dog`, `dog.`, `dog!` and `dog ?` would each get a token. So GPT-2 first cuts the text by a regular expression, and merges only *within* the
# pieces (Radford et al. 2019, section 2.2). A piece is an English contraction, a run of letters, of digits, or of other characters, each **with the one space before it**, or white space. SmolLM2 uses the
# same expression, but first cuts out each digit as a piece of its own:

# %% [markdown] tags=["zh"]
# 表达同样的内容，中文用户等的时间、付的钱都要多出一倍多，上下文窗口里装得下的还不到一半；印地语用户的处境更糟（Petrov 等 2023）。而且中文的 token 大多**不是字**：
# 它们是字节，一个汉字的三个字节常被拆开，两个在这、一个在那。没有人故意这样设计，这只取决于 SmolLM2 的分词器用什么文本训练出来，
# 而训练算法不过三十行。接下来就由你来写。
#
# ## 2. 切什么，在哪里切
#
# **用字符？** Unicode 有十五万个字符，大多很少见，而且一张字符表永远漏掉下一个新 emoji。**UTF-8** 把每个字符写成 1 到 4 个字节（`a` 是 61，`é` 是 C3 A9，`语` 是 E8 AF AD），
# 所以 256 个**字节**能写出一切文本，永远不会有“未知字符”。但按字节切，序列太长，而注意力的开销与长度的平方成正比。**用词？** 短是短了，可词是列不完的。
# **字节对编码**（byte-pair encoding，BPE）走的是中间路线：从 256 个字节出发，再把频繁出现的字节串加进来。
#
# **预切分**（pre-tokenization），切出的每一段叫一个片段（pre-token）。如果什么都能与什么合并，`dog`、`dog.`、`dog!`、`dog ?` 就会各占一个 token。所以 GPT-2 先用一个正则表达式把文本切成片段，只在片段**内部**合并
# （Radford 等 2019，2.2 节）。一个片段是英语的缩写词尾，或一串字母、一串数字、一串其他字符，各自**带上前面的一个空格**，或者是一段空白。SmolLM2 用的是同一个表达式，只是先把每个数字单独切成一个片段：

# %% tags=["export"]
# GPT-2's. \p{L}: a letter of any script; \p{N}: a digit. White space before a word leaves its last space to the word.
PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

# %%
cut = pre_tokenizers.ByteLevel(add_prefix_space=False)  # Hugging Face has the expression built in
for text in ("Don't panic: it's 42 dogs!", "for i in range(10):\n    print(i)", "分词器先切分，再合并。"):
    display(HTML(coloured([from_printable(piece) for piece, _ in cut.pre_tokenize_str(text)])))

# %% [markdown] tags=["en"]
# Look at the Chinese: there are no spaces, so a piece is a whole clause.
#
# **Special tokens** are no text at all: `<|endoftext|>` says that a document ends. In training they **cut** the text: nothing merges across them, and their own characters are not counted. In
# encoding each becomes one id. Where two fit at the same place, the longer one wins.
#
# ### Problem 3 (13 points), first part: `pretokenize` and `split_special`
#
# Both only cut: joined, the pieces give the text again. **The pitfall**: the two `|` of `<|endoftext|>` mean "or" in a regular expression.

# %% [markdown] tags=["zh"]
# 注意中文：没有空格，一个片段就是整个分句。
#
# **特殊 token** 根本不是文本：`<|endoftext|>` 表示一篇文档到此结束。训练时它们把文本**切断**：任何合并都不能跨过它们，它们自己的字符也不计数；编码时每个对应一个 id。
# 如果同一个位置有两个都匹配，取较长的那个。
#
# ### 第 3 题（13 分），第一部分：`pretokenize` 和 `split_special`
#
# 两个函数都只是切分：把各片段连起来，就是原文。**本节的坑**：`<|endoftext|>` 里的两个 `|`，在正则表达式中是“或”的意思。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "pretokenize-solution", "cell_type": "code"}
def pretokenize(text: str) -> list[bytes]:
    """The pieces of a text that PATTERN finds, one after the other, in UTF-8. Merges never cross from one into the next.

    Example: "Don't stop" -> [b"Don", b"'t", b" stop"]. No special tokens are looked for.

    Source: Radford et al. 2019, Language Models are Unsupervised Multitask Learners, section 2.2, and its code.
    """
    ### BEGIN SOLUTION
    return [piece.encode() for piece in regex.findall(PATTERN, text)]
    ### END SOLUTION


def split_special(text: str, special_tokens: list[str]) -> list[str]:
    """The text cut around its special tokens, which are pieces of their own; no piece is empty.

    Example: "a<|end|>b", ["<|end|>"] -> ["a", "<|end|>", "b"]. Of special tokens that begin at the same place, the longest counts.
    """
    ### BEGIN SOLUTION
    if not special_tokens:
        return [text] if text else []
    longest_first = sorted(special_tokens, key=len, reverse=True)
    pattern = "|".join(regex.escape(token) for token in longest_first)
    return [piece for piece in regex.split(f"({pattern})", text) if piece]
    ### END SOLUTION


# %% [markdown] tags=["en"]
# ## 3. Merge, by hand
#
# BPE began as a method to compress files (Gage 1994); Sennrich et al. (2016) brought it to language. Training is one sentence: **find the most frequent pair of neighbours, make it a new token, repeat.** To make it
# *one* algorithm, four things have to be said:
#
# 1. **Start.** Each byte is a token, and its id is its value. The first merge makes token 256, the next 257, and so on.
# 2. **Count.** The pairs of neighbours within the pre-tokens, in *every* position: `aaa` has the pair (a, a) twice.
# 3. **Ties.** Of equally frequent pairs take the one with the **smallest ids**, first the left, then the right: the older token goes first.
# 4. **Merge** everywhere, in each pre-token **from the left to the right**: `aaa` becomes (aa, a). It ends when the vocabulary is full, or when no pair is left (so also a pair that occurs once is merged).
#
# Rule 3 looks like a detail. But equal counts are the rule among rare pairs, each merge changes the counts of later ones, and without it two runs need not agree. It is Hugging Face's rule; Stanford's CS336 takes the
# *greatest bytes* instead. Either is fine, as long as it is said.
#
# ### Problem 3, second part: `merge_pair`

# %% [markdown] tags=["zh"]
# ## 3. 动手合并
#
# BPE 最初是一种文件压缩方法（Gage 1994），Sennrich 等（2016）把它带进了语言处理。训练只有一句话：**找出最频繁的相邻 pair，把它变成一个新 token，如此反复。**
# 但要让它成为**唯一确定**的算法，有四件事必须讲明：
#
# 1. **起点。** 每个字节是一个 token，id 就是它的值。第一次合并产生 token 256，下一次是 257，依此类推。
# 2. **计数。** 统计片段内部相邻的一对 token（下称 pair），**每个**位置都算：`aaa` 里 (a, a) 出现两次。
# 3. **平局。** 次数相同时，取 **id 最小**的 pair，先比左边，再比右边：老 token 优先。
# 4. **合并**所有出现之处，在每个片段里**从左到右**：`aaa` 变成 (aa, a)。词表满了就停，或者再也没有 pair 时停（所以只出现一次的 pair 也会合并）。
#
# 第 3 条看起来只是细节。但在少见的 pair 里，次数相同是常态，而每次合并又会改变后面的计数；不讲明这一条，两次训练的结果就可能不一样。
# 这里采用 Hugging Face 的规则；斯坦福 CS336 则取**字节最大**的。哪种都行，关键是要讲明。
#
# ### 第 3 题，第二部分：`merge_pair`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "merge-pair-solution", "cell_type": "code"}
def merge_pair(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    """`ids` with each occurrence of the pair replaced by new_id, from the left to the right; `ids` itself is not changed.

    Example: [7, 7, 7, 5], (7, 7), 256 -> [256, 7, 5].
    """
    ### BEGIN SOLUTION
    left, right = pair
    merged, i, last = [], 0, len(ids) - 1
    while i <= last:
        if i < last and ids[i] == left and ids[i + 1] == right:
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged
    ### END SOLUTION


# %% [markdown] tags=["en"]
# With it the whole algorithm, written as slowly as possible, is short. Sennrich's example, with a little Chinese:

# %% [markdown] tags=["zh"]
# 有了它，整个算法用最慢的写法也很短。例子取自 Sennrich 等，再加一点中文：


# %%
def train_by_rescan(
    words: Counter[bytes], n_merges: int
) -> Iterator[tuple[tuple[bytes, bytes], int, list[list[bytes]]]]:
    """The four rules as they stand: for each merge all pairs of all words are counted anew.

    Yields, for each merge, its two tokens, how often they were neighbours, and the words as they are cut now.
    """
    vocab = {byte: bytes([byte]) for byte in range(256)}
    cut_words = [list(word) for word in words]
    for new_id in range(256, 256 + n_merges):
        counts = Counter()
        for ids, n in zip(cut_words, words.values(), strict=True):
            for pair in pairwise(ids):
                counts[pair] += n
        if not counts:
            return
        left, right = pair = min(counts, key=lambda pair: (-counts[pair], pair))
        vocab[new_id] = vocab[left] + vocab[right]
        cut_words = [merge_pair(ids, pair, new_id) for ids in cut_words]
        yield (vocab[left], vocab[right]), counts[pair], [[vocab[i] for i in ids] for ids in cut_words]


tiny = Counter({b"low": 5, b"lowest": 2, b"newer": 6, b"wider": 3, "语言".encode(): 4, "语文".encode(): 2})
rows = []
for _, count, cut_words in train_by_rescan(tiny, 9):
    cells = [f"{256 + len(rows)}: {count} times", *(coloured(word) for word in cut_words)]
    rows.append("".join(f'<td style="text-align:left">{cell}</td>' for cell in cells))
display(HTML(f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"))

# %% [markdown] tags=["en"]
# Each row is a merge: its id, how often the pair occurred, and how the six words are cut afterwards. The first finds the ending of *newer* and *wider*, without a grammar. Token 257 is a tie: (l, o) and (o, w) both occur 7 times, and l is smaller than o.
# The character 语 is three bytes and takes two merges; the first joins only two of them. With too little Chinese in the training text it stays like that: such fragments are what you saw in section 1.
#
# ## 4. An index of pairs
#
# The loop above reads all words again for each merge. With $W$ different words, $L$ bytes each, and $M$ merges that is $O(M\cdot W\cdot L)$: for a megabyte and 4,000 merges, a coffee; for a real corpus, a month. But a merge changes only
# the words in which its pair occurs. So keep two tables, and mend them rather than make them anew:
#
# | | |
# |---|---|
# | `counts[pair]` | how often the pair occurs, each word as many times as the text has it |
# | `where[pair]` | the set of words that have the pair |
#
# ```
#   merge (e, r) → er in the word   w i d e r   (3 times in the text)
#
#   before   (w,i) (i,d) (d,e) (e,r)       each count −3
#   after    (w,i) (i,d) (d,er)            each count +3,  where[(d,er)] gets the word
# ```
#
# Take off **all** the pairs of the old word, then add all those of the new one: what did not change cancels, and runs like `aaaa` need no thought. Mending only the neighbours is faster, and full of traps. A pair whose count has come down to 0 still stands in the table: it is no pair any more, and must not be merged.
#
# The most frequent pair: `min` over all counts for each merge is fine for a start. A **heap** of `(-count, pair)` is better. Counts in it grow stale; when the top one does not agree with `counts`, put it back with
# its current count and look at the next. (That is enough because counts of old pairs never rise. Which pairs are new after a merge?)
#
# ### Problem 3, last part: `train_bpe`
#
# Ids: the 256 bytes, then the merges in order, then the special tokens in the order given. `vocab_size` counts them all. The cost is tested too: 80 merges against one, as a ratio, so that a slow machine does no harm. A plain `min` over all counts passes; counting all pairs anew for each merge does not.

# %% [markdown] tags=["zh"]
# 每一行是一次合并：它的 id、这个 pair 出现的次数、合并之后六个词的切法。第一次合并就找到了 “newer” 和 “wider” 的词尾，没用任何语法知识。token 257 遇到了平局：(l, o) 和 (o, w) 都出现 7 次，而 l 比 o 小。
# “语”字有三个字节，要合并两次，第一次只拼上其中两个。如果训练文本里中文太少，就会一直停在这里：第 1 节里你看到的那些残片，就是这么来的。
#
# ## 4. pair 的索引
#
# 上面的循环，每合并一次就把所有词重读一遍。设有 $W$ 个不同的词、每个 $L$ 字节、$M$ 次合并，开销是 $O(M\cdot W\cdot L)$：1 MB 文本、4000 次合并，够喝一杯咖啡；真实语料则要跑上一个月。
# 其实一次合并只改变含有这个 pair 的那些词。所以保留两张表，每次只修补，不重做：
#
# | | |
# |---|---|
# | `counts[pair]` | 这个 pair 出现多少次；一个词在文本里出现几次就算几次 |
# | `where[pair]` | 含有这个 pair 的词的集合 |
#
# ```
#   在 w i d e r（文本中出现 3 次）里合并 (e, r) → er
#
#   合并前   (w,i) (i,d) (d,e) (e,r)       计数各 −3
#   合并后   (w,i) (i,d) (d,er)            计数各 +3，where[(d,er)] 加入这个词
# ```
#
# 先减去旧词的**全部** pair，再加上新词的全部 pair：没变的自然抵消，`aaaa` 这样的连串也不用特别考虑。只修补左右邻居会更快，但处处是坑。计数减到 0 的 pair 还留在表里，它已经不存在，不能再合并。
#
# 怎么找最频繁的 pair？一开始每次对所有计数取 `min` 就行；更好的办法是用一个存放 `(-count, pair)` 的**堆**。堆里的计数会过时：堆顶与 `counts` 不符时，就按当前计数放回去，再看下一个。
# （这样就够了，因为老 pair 的计数只减不增。那么，一次合并之后哪些 pair 是新的？）
#
# ### 第 3 题，最后一部分：`train_bpe`
#
# id 的次序：先是 256 个字节，再是各次合并，最后是特殊 token（按给定的次序）。`vocab_size` 把它们全都算在内。运行开销也会测试：测的是 80 次合并与 1 次合并的用时之比，所以机器慢不吃亏。每次对全部计数取一遍 `min` 能通过，每次合并都把所有 pair 重新数一遍则不能。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "bpe-train-solution", "cell_type": "code"}
def train_bpe(
    text: str, vocab_size: int, special_tokens: list[str]
) -> tuple[dict[int, bytes], list[tuple[bytes, bytes]]]:
    """Trains byte-level BPE by the four rules of section 3.

    Args:
        text: cut at its special tokens first, then by `pretokenize`; no pair crosses a cut, and special tokens are not counted.
        vocab_size: 256 bytes + merges + special tokens, at most: fewer where no pair is left to merge.
        special_tokens: those that get an id, whether the text has them or not.

    Returns:
        vocab: id -> bytes. 0 to 255 are the bytes, 256 + i comes from the i-th merge, then the special tokens in their order.
        merges: the two tokens of each merge, in the order in which they were made.

    Raises:
        ValueError: vocab_size has no room for the bytes and the special tokens.

    Source: Sennrich et al. 2016, Neural Machine Translation of Rare Words with Subword Units, section 3.2.
    """
    ### BEGIN SOLUTION
    n_merges = vocab_size - 256 - len(special_tokens)
    if n_merges < 0:
        raise ValueError(f"a vocabulary of {vocab_size} has no room for 256 bytes and {len(special_tokens)} more")
    words: Counter[bytes] = Counter()
    for piece in split_special(text, special_tokens):
        if piece not in special_tokens:
            words.update(pretokenize(piece))
    vocab = {byte: bytes([byte]) for byte in range(256)}
    merges = []
    for left, right in _merge(words, n_merges):
        merges.append((vocab[left], vocab[right]))
        vocab[len(vocab)] = vocab[left] + vocab[right]
    for token in special_tokens:
        vocab[len(vocab)] = token.encode()
    return vocab, merges


def _merge(words: Counter[bytes], n_merges: int) -> list[tuple[int, int]]:
    """The pairs of ids that are merged, in order; the i-th becomes the token 256 + i."""
    tokens, weights = [list(word) for word in words], list(words.values())
    counts: Counter[tuple[int, int]] = Counter()
    where: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for word, ids in enumerate(tokens):
        for pair in pairwise(ids):
            counts[pair] += weights[word]
            where[pair].add(word)
    heap = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(heap)
    merged: list[tuple[int, int]] = []
    while heap and len(merged) < n_merges:
        count, pair = heapq.heappop(heap)
        if -count != counts[pair]:  # stale: counts of old pairs only fall
            if counts[pair] > 0:
                heapq.heappush(heap, (-counts[pair], pair))
            continue
        new_id = 256 + len(merged)
        merged.append(pair)
        born = set()
        for word in where.pop(pair):
            for old in pairwise(tokens[word]):
                counts[old] -= weights[word]
            tokens[word] = merge_pair(tokens[word], pair, new_id)
            for new in pairwise(tokens[word]):
                counts[new] += weights[word]
                if new_id in new:
                    where[new].add(word)
                    born.add(new)
        for new in born:
            heapq.heappush(heap, (-counts[new], new))
    return merged
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 13, "schema_version": 3, "grade_id": "bpe-train", "cell_type": "code"}
labkit.check("bpe-train")

# %% [markdown] tags=["en"]
# **Slow against fast.** 40 kB of English, first as above, then with your index. Both must make the same merges.

# %% [markdown] tags=["zh"]
# **慢的和快的。** 用 40 kB 英文，先用上面的写法，再用你的索引。两者的合并必须完全一样。

# %%
print("English:", corpora.sources("en"))
print("Chinese:", corpora.sources("zh"))
print("code:   ", corpora.sources("code"))
sample = END.join(corpora.load("en", 40_000))
sample_words = Counter(word for document in sample.split(END) for word in pretokenize(document))

steps = [40, 80, 160, 320]
seconds: dict[str, list[float]] = {"a rescan per merge": [], "an index of pairs": []}
for n in steps:
    start = time.perf_counter()
    slow = [merge for merge, _, _ in train_by_rescan(sample_words, n)]
    middle = time.perf_counter()
    _, fast = train_bpe(sample, 256 + n + 1, [END])
    seconds["a rescan per merge"].append(middle - start)
    seconds["an index of pairs"].append(time.perf_counter() - middle)
    same = slow == fast

figure, axes = plt.subplots(figsize=(7, 3))
for (name, values), colour in zip(seconds.items(), [ORANGE, BLUE], strict=True):
    axes.plot(steps, values, "o-", color=colour, label=name)
axes.set(xlabel="merges", ylabel="seconds", ylim=(0, None), title=f"{len(sample_words):,} different words")
axes.legend(frameon=False)
plt.show()
ratio = seconds["a rescan per merge"][-1] / seconds["an index of pairs"][-1]
print(f"{steps[-1]} merges: {ratio:.0f} times as fast; the same merges: {same}")

# %% [markdown] tags=["en"]
# The orange line rises with each merge, the blue one hardly: most of its time goes into the first count. Now a **megabyte**, and 4,096 tokens:

# %% [markdown] tags=["zh"]
# 橙线随合并次数一路上升，蓝线几乎是平的：它的时间大多花在第一次计数上。现在来真的，**1 MB** 文本、4096 个 token：

# %%
VOCAB_SIZE = 4096
english = corpora.load("en", 1_000_000)
text = END.join(english)
start = time.perf_counter()
vocab, merges = train_bpe(text, VOCAB_SIZE, [END])
print(f"{len(text.encode()):,} bytes, {len(merges):,} merges: {time.perf_counter() - start:.1f} s\n")
for first in (256, 512, 1024, 4080):
    print(f"{first:>5}  {'  '.join(vocab[i].decode(errors='replace') for i in range(first, first + 13))!r}")
print(
    "\nthe longest:", *sorted((token.decode() for token in vocab.values() if token.isascii()), key=len)[-3:], sep="\n"
)

# %% [markdown] tags=["en"]
# First come pieces of English that are everywhere, then whole words; the last ones tell what this corpus is about. The longest are what it repeats: rulers and the frames of tables. A tokenizer is a mirror of its training text, rubbish included, which is
# why the text is cleaned first (notebook `data`).
#
# ## 5. Encode and decode
#
# Given `merges`, how is new text encoded? As it was in training: in each pre-token, the merges apply **in the order in which they were learnt**. The place in the list is the **rank**. So, starting from the bytes: of all the pairs
# of neighbours take the one with the lowest rank, merge it wherever it stands, and repeat until no pair is in the list.
#
# That is neither the longest match nor from left to right. With the merges (b, c), (a, b), (ab, c), which are made up to show the rule (training never gives the third: after the first, no b stands before a c):
#
# | text | by rank | longest match, or from the left |
# |---|---|---|
# | `abc` | a, bc | abc |
#
# Both give valid tokens of the vocabulary, and both decode to the same text. But the model was trained on one of them only, and never saw the other.
#
# **Decoding** joins the bytes of all tokens **first**, then reads UTF-8: a character may be spread over several tokens. A model can also emit bytes that are no UTF-8 at all (half a character when it is stopped early). They become `�`, U+FFFD, as
# `bytes.decode("utf-8", errors="replace")` does, and are never an error.
#
# **Fast enough.** Look ranks up in a dictionary, never in the list. Words repeat, so remember what each pre-token became.
#
# ### Problem 4 (12 points): `Tokenizer`
#
# **The pitfalls of this section.** Ids are what `vocab` says, not what the rank says: in SmolLM2's vocabulary the byte `a` has id 81. And nothing is added or removed: no space in front (some tokenizers do that), no white space stripped.

# %% [markdown] tags=["zh"]
# 最先出现的是随处可见的英语片段，然后是整个的词；最后的那些透露出语料的内容。最长的 token 是语料里反复出现的东西：分隔线和表格的边框。分词器是训练文本的一面镜子，垃圾也照样映出来，
# 所以要先清洗文本（见 `data` notebook）。
#
# ## 5. 编码与解码
#
# 有了 `merges`，新文本怎么编码？和训练时一样：在每个片段里，**按学到的次序**逐个应用合并。在列表中的位置就是它的**次序**（rank）。也就是说，从字节出发：在所有相邻 pair 里取 rank 最小的，
# 凡是出现的地方都合并，如此反复，直到没有一个 pair 在列表里。
#
# 这既不是最长匹配，也不是从左到右。假设合并依次为 (b, c)、(a, b)、(ab, c)（为说明规则而编；训练得不出第三个，因为第一次合并之后，再没有 b 后面紧跟着 c）：
#
# | 文本 | 按 rank | 最长匹配，或从左到右 |
# |---|---|---|
# | `abc` | a, bc | abc |
#
# 两种结果都是词表里合法的 token，解码出来也都是同样的文本。但模型只在其中一种上训练过，另一种它从没见过。
#
# **解码**要**先**把所有 token 的字节拼起来，再按 UTF-8 解读：一个字符可能分散在几个 token 里。模型还可能吐出根本不是 UTF-8 的字节（比如提前停下，只写了半个字）。
# 这些字节变成 `�`（U+FFFD），与 `bytes.decode("utf-8", errors="replace")` 一致，绝不报错。
#
# **要够快。** 查 rank 要用字典，不要在列表里找。词会反复出现，所以记住每个片段编码成了什么。
#
# ### 第 4 题（12 分）：`Tokenizer`
#
# **本节的坑。** id 以 `vocab` 为准，不能由 rank 推算：在 SmolLM2 的词表里，字节 `a` 的 id 是 81。另外，不多加也不少留：不要在开头添空格（有的分词器会这么做），也不要去掉空白。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "bpe-encode-solution", "cell_type": "code"}
class Tokenizer:
    """Text to ids and back, by a vocabulary and its merges."""

    def __init__(self, vocab: dict[int, bytes], merges: list[tuple[bytes, bytes]], special_tokens: list[str]) -> None:
        """
        Args:
            vocab: id -> bytes, in any order of ids; has the result of each merge, the special tokens, and the single bytes. (In other
                people's vocabularies a few bytes that hardly ever occur are missing, 21 in SmolLM2's: no reason to fail here; `encode`
                raises a KeyError where a text has one.)
            merges: pairs of tokens; the place in the list is the rank.
            special_tokens: those to look for in a text.
        """
        ### BEGIN SOLUTION
        self.vocab, self.special_tokens = vocab, special_tokens
        self._ids = {token: i for i, token in vocab.items()}
        self._merges = {
            (self._ids[left], self._ids[right]): (rank, self._ids[left + right])
            for rank, (left, right) in enumerate(merges)
        }
        self._known: dict[bytes, list[int]] = {}
        ### END SOLUTION

    def encode(self, text: str) -> list[int]:
        """The ids of a text: one for each special token; in all else the merges apply by rank, within each pre-token.

        Source: Sennrich et al. 2016, section 3.2.
        """
        ### BEGIN SOLUTION
        ids: list[int] = []
        for piece in split_special(text, self.special_tokens):
            if piece in self.special_tokens:
                ids.append(self._ids[piece.encode()])
            else:
                for word in pretokenize(piece):
                    ids += self._encode_word(word)
        return ids

    def _encode_word(self, word: bytes) -> list[int]:
        if word not in self._known:
            ids = [self._ids[bytes([byte])] for byte in word]
            while found := [(*self._merges[pair], pair) for pair in pairwise(ids) if pair in self._merges]:
                _, new_id, pair = min(found)
                ids = merge_pair(ids, pair, new_id)
            self._known[word] = ids
        return self._known[word]
        ### END SOLUTION

    def decode(self, ids: list[int]) -> str:
        """The text of any ids, special tokens included; what is no UTF-8 becomes U+FFFD, as errors="replace" has it."""
        ### BEGIN SOLUTION
        return b"".join(self.vocab[i] for i in ids).decode("utf-8", errors="replace")
        ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 12, "schema_version": 3, "grade_id": "bpe-encode", "cell_type": "code"}
labkit.check("bpe-encode")

# %% [markdown] tags=["en"]
# **Your tokenizer at work**, trained on English alone:

# %% [markdown] tags=["zh"]
# **看看你的分词器**，它只在英文上训练过：

# %%
mine = Tokenizer(vocab, merges, [END])
for example in (ARTICLE_1["English"] + END, "def count(text):\n    return len(text.split())", ARTICLE_1["Chinese"]):
    ids = mine.encode(example)
    display(HTML(coloured([vocab[i] for i in ids])))
    print(f"{len(example.encode())} bytes, {len(ids)} tokens; comes back: {mine.decode(ids) == example}")

# %% [markdown] tags=["en"]
# **The real thing.** A tokenizer is its two lists and its cuts. Put SmolLM2's 49,152 tokens and 48,900 merges into *your* class, and compare with what Hugging Face's says, on text of all three kinds. The cut that it makes beyond ours, each digit alone, comes before your `encode`:

# %% [markdown] tags=["zh"]
# **来真的。** 分词器说到底就是那两个列表，加上切分的规则。把 SmolLM2 的 49,152 个 token 和 48,900 个合并装进**你的**类，在三类文本上与 Hugging Face 的结果比较。它比我们多切的那一刀（每个数字单独成段），放在你的 `encode` 之前：

# %%
state = json.loads(smollm2.backend_tokenizer.to_str())
specials = [token["content"] for token in state["added_tokens"]]
smollm2_vocab = {
    i: token.encode() if token in specials else from_printable(token) for token, i in state["model"]["vocab"].items()
}
smollm2_merges = [(from_printable(left), from_printable(right)) for left, right in state["model"]["merges"]]
mine_as_smollm2 = Tokenizer(smollm2_vocab, smollm2_merges, specials)


def encode_as_smollm2(text: str) -> list[int]:
    """The ids of the digits, and of what stands between them."""
    return [i for piece in regex.split(r"(\p{N})", text) for i in mine_as_smollm2.encode(piece)]


held_out = {}  # documents after those of the training text
for lang in ("en", "zh", "code"):
    documents = corpora.load(lang, 2_000_000)
    held_out[lang] = END.join(documents[-60:])
    theirs = smollm2(held_out[lang], add_special_tokens=False)["input_ids"]
    same = encode_as_smollm2(held_out[lang]) == theirs
    print(f"{lang:5}{len(held_out[lang].encode()):>9,} bytes  {len(theirs):>7,} tokens   the same ids: {same}")

# %% [markdown] tags=["en"]
# ## 6. The libraries
#
# Hugging Face's **tokenizers** trains and encodes, in Rust. Train it on the same documents. Its tie rule is ours, the smallest ids; but it numbers the *bytes* differently: it sorts them by the printable characters that stand for them, and the
# space, `Ġ`, comes after all letters. So ties that involve a space end differently. To compare the algorithms and not the alphabets, write each byte as a character in the order of the bytes, and hand over the pre-tokens ready made:

# %% [markdown] tags=["zh"]
# ## 6. 业界的库
#
# Hugging Face 的 **tokenizers** 用 Rust 实现了训练和编码。用同样的文档训练它。它的平局规则与我们相同，也取 id 最小的；但**字节**的 id 不同：它按代表字节的可打印字符排序，
# 空格 `Ġ` 排在所有字母之后，所以涉及空格的平局会有不同的结果。要比较算法而不是字母表，就把每个字节按字节顺序写成一个字符，并直接交给它切好的片段：


# %%
def train_huggingface(documents: list[str], vocab_size: int) -> tokenizers.Tokenizer:
    """As one usually does it."""
    library = tokenizers.Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    library.train_from_iterator(documents, trainer)
    return library


def train_huggingface_on_bytes(documents: list[str], n_merges: int) -> list[tuple[bytes, bytes]]:
    """The same trainer, on pre-tokens in which a byte is one of the characters U+0100 to U+01FF, in the order of bytes."""
    library = tokenizers.Tokenizer(models.BPE())
    alphabet = [chr(256 + byte) for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=256 + n_merges, initial_alphabet=alphabet, show_progress=False)
    words = (word for document in documents for word in pretokenize(document))
    library.train_from_iterator(("".join(alphabet[byte] for byte in word) for word in words), trainer)
    pairs = json.loads(library.to_str())["model"]["merges"]
    return [tuple(bytes(ord(character) - 256 for character in token) for token in pair) for pair in pairs]


start = time.perf_counter()
library = train_huggingface(english, VOCAB_SIZE)
middle = time.perf_counter()
train_bpe(text, VOCAB_SIZE, [END])
print(f"Hugging Face trains in {middle - start:.1f} s, yours in {time.perf_counter() - middle:.1f} s")

their_merges = [
    (from_printable(left), from_printable(right)) for left, right in json.loads(library.to_str())["model"]["merges"]
]
different = [i for i, pair in enumerate(zip(merges, their_merges, strict=False)) if pair[0] != pair[1]]
common = {a + b for a, b in merges} & {a + b for a, b in their_merges}
print(
    f"as usual:        {len(different):,} merges differ at their position; {len(common):,} of {len(merges):,} tokens are in both"
)
same = train_huggingface_on_bytes(english, len(merges)) == merges
print(f"bytes in order:  all {len(merges):,} merges are the same: {same}")

# %% [markdown] tags=["en"]
# **tiktoken** (OpenAI's, also Rust) only encodes. It takes a dictionary from token to rank and the regular expression: with your id layout that is your vocabulary turned around. It merges by the rank of the *result*, not of the pair; for merges that
# were trained that is the same. All three on the same text:

# %% [markdown] tags=["zh"]
# **tiktoken**（OpenAI 出品，同样用 Rust）只管编码。它要的是“token 到 rank”的字典和正则表达式：按我们的 id 次序，把你的词表反过来就是。它比较的是合并**结果**的 rank，而不是 pair 的 rank；
# 对训练得来的合并来说，两者等价。三者跑同一段文本：


# %%
def to_tiktoken(vocab: dict[int, bytes], n_tokens: int) -> tiktoken.Encoding:
    """The first n_tokens of a vocabulary, bytes included, in tiktoken's format."""
    ranks = {vocab[i]: i for i in range(n_tokens)}
    return tiktoken.Encoding("yours", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={END: n_tokens})


def to_huggingface(vocab: dict[int, bytes], merges: list[tuple[bytes, bytes]]) -> tokenizers.Tokenizer:
    """Your vocabulary in Hugging Face's format."""
    printable = {
        i: END if token == END.encode() else "".join(CHARACTER[b] for b in token) for i, token in vocab.items()
    }
    token_of = {token: printable[i] for i, token in vocab.items()}
    library = tokenizers.Tokenizer(
        models.BPE({token: i for i, token in printable.items()}, [(token_of[a], token_of[b]) for a, b in merges])
    )
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.add_special_tokens([END])
    return library


as_huggingface, as_tiktoken = to_huggingface(vocab, merges), to_tiktoken(vocab, len(vocab) - 1)
encoders = {
    "yours": Tokenizer(vocab, merges, [END]).encode,
    "tokenizers": lambda text: as_huggingface.encode(text).ids,
    "tiktoken": lambda text: as_tiktoken.encode(text, allowed_special={END}),
}
speed, results = {}, {}
for name, encode in encoders.items():
    start = time.perf_counter()
    results[name] = encode(text)
    speed[name] = len(text.encode()) / 1e6 / (time.perf_counter() - start)
same = results["yours"] == results["tokenizers"] == results["tiktoken"]

figure, axes = plt.subplots(figsize=(7, 1.8))
axes.barh(list(speed), speed.values(), color=[BLUE, ORANGE, ORANGE])
for row, value in enumerate(speed.values()):
    axes.text(value, row, f" {value:.1f}", va="center")
axes.invert_yaxis()
axes.set(xlabel="MB of English per second", xlim=(0, 1.15 * max(speed.values())), title="the same ids, three ways")
plt.show()
print(f"{len(results['yours']):,} ids, all the same: {same}")

# %% [markdown] tags=["en"]
# tiktoken is the fastest by far. The reference keeps up with tokenizers thanks to its dictionary of words alone, which grading does not ask for (and tokenizers also notes where in the text each token stands).
#
# ## 7. Whose language is it?
#
# Train the same algorithm again, with the same number of tokens and of bytes, on a third of English, a third of Chinese and a third of code. Then measure **bytes per token** on documents that no tokenizer of ours has
# seen: the more, the shorter a text becomes. It is compression and nothing else: 1 would be no tokenizer at all. (Compare one language with itself: in UTF-8 a Chinese character has three bytes, an English letter one.)

# %% [markdown] tags=["zh"]
# tiktoken 遥遥领先。参考实现的速度能与 tokenizers 相当，全靠那个记住了每个词的字典，而评分并不要求写它（另外，tokenizers 还要记下每个 token 在原文中的位置）。
#
# ## 7. 这是谁的语言？
#
# 用同一个算法再训练一次，token 数和字节数都不变，文本换成英文、中文、代码各三分之一。然后在我们的分词器都没见过的文档上测量**每个 token 的字节数**：越大，文本就变得越短。这只是压缩率，
# 等于 1 就相当于没有分词器。（只能在同一种语言内部比较：UTF-8 里一个汉字占三个字节，一个英文字母占一个。）

# %%
mixed = END.join(document for lang in held_out for document in corpora.load(lang, 333_000))
start = time.perf_counter()
mixed_vocab, mixed_merges = train_bpe(mixed, VOCAB_SIZE, [END])
print(f"trained on {len(mixed.encode()):,} bytes in {time.perf_counter() - start:.1f} s")

tokenizers_by_name = {
    f"yours, English ({VOCAB_SIZE:,})": mine.encode,
    f"yours, mixed ({VOCAB_SIZE:,})": Tokenizer(mixed_vocab, mixed_merges, [END]).encode,
    f"SmolLM2 ({len(smollm2_vocab):,})": lambda text: smollm2(text, add_special_tokens=False)["input_ids"],
}
LANGUAGES = {"en": "English", "zh": "Chinese", "code": "Python"}
figure, axes = plt.subplots(figsize=(8, 3.2))
for column, (name, encode) in enumerate(tokenizers_by_name.items()):
    ratios = [len(held_out[lang].encode()) / len(encode(held_out[lang])) for lang in LANGUAGES]
    places = [row + 0.27 * (column - 1) for row in range(3)]
    axes.bar(places, ratios, width=0.25, color=[BLUE, GREEN, ORANGE][column], label=name)
    for x, ratio in zip(places, ratios, strict=True):
        axes.text(x, ratio + 0.05, f"{ratio:.2f}", ha="center", fontsize=9)
axes.axhline(1, color=GREY)
axes.set_xticks(range(3), LANGUAGES.values())
axes.set(ylabel="bytes per token", ylim=(0, 5), title="held-out text")
axes.legend(frameon=False, fontsize=9, ncols=3, loc="upper center")
plt.show()

# %% [markdown] tags=["en"]
# With a twelfth of SmolLM2's vocabulary, your mixed tokenizer writes Chinese in nearly 30 % fewer tokens than SmolLM2's does; the English one takes it apart into little more than bytes. And look what two thirds of other text cost the
# English: about a tenth. Most merges after the first thousand are rare, whatever the language, so there is room. Who pays for a tokenizer is decided on the day its training text is put together, before the model has learnt a single word. (The held-out documents come
# from the same sources as ours were trained on, and SmolLM2's were not: part of the difference is that.)
#
# That English and code are so near each other has a simple reason, too: much of our "English" is the documentation of Python.
#
# ## 8. How many tokens?
#
# A larger vocabulary makes texts shorter, and each token dearer: the last layer computes a score for **every** token of the vocabulary, $V \cdot d_{model}$ multiplications, and the embedding has as many parameters. One training gives all sizes at once, since the first merges of
# a large vocabulary *are* the small one. For 32,768 tokens we let the libraries work: trained with tokenizers, counted with tiktoken. On the right, what a model spends on a **byte** of text: parameters that work on a token, over bytes per token.

# %% [markdown] tags=["zh"]
# 你的混合分词器只有 SmolLM2 十二分之一的词表，写中文用的 token 却比 SmolLM2 少将近三成；而只学过英文的那个，几乎把中文拆成了一个个字节。再看看训练文本有三分之二换成了别的，英文付出了什么代价：
# 大约一成。无论哪种语言，一千次以后的合并大多很少用到，所以词表里腾得出地方。谁来为分词器买单，在准备训练文本的那天就定了，那时模型还一个词都没学。
# （留出的文档与我们的训练文本同源，与 SmolLM2 的则不同：差距里有一部分来自这里。）
#
# 英文和代码为什么这么接近？原因也很简单：我们的“英文”里有很大一部分是 Python 的文档。
#
# ## 8. 要多少个 token？
#
# 词表越大，文本越短，但每个 token 越贵：最后一层要给词表里**每一个** token 打分，需要 $V \cdot d_{model}$ 次乘法，embedding 也有同样多的参数。训练一次就能得到所有大小的词表，因为大词表最前面的那些合并
# **就是**小词表。32,768 个 token 交给库来做：用 tokenizers 训练，用 tiktoken 计数。右图是模型花在**一个字节**文本上的开销：每个 token 动用的参数量，除以每个 token 的字节数。

# %%
big = train_huggingface([document for lang in held_out for document in corpora.load(lang, 1_000_000)], 32_769)
big_merges = [
    (from_printable(left), from_printable(right)) for left, right in json.loads(big.to_str())["model"]["merges"]
]
big_vocab = {byte: bytes([byte]) for byte in range(256)}
big_vocab |= {256 + rank: left + right for rank, (left, right) in enumerate(big_merges)}

sizes = [256 * 2**i for i in range(7)] + [len(big_vocab)]
compression = {lang: [] for lang in LANGUAGES}
for size in sizes:
    encoding = to_tiktoken(big_vocab, size)
    for lang, document in held_out.items():
        compression[lang].append(len(document.encode()) / len(encoding.encode(document, allowed_special={END})))
mean = [3 / sum(1 / compression[lang][i] for lang in LANGUAGES) for i in range(len(sizes))]  # a third of bytes each

MODELS = {  # width, parameters without the embeddings
    "1M (4 layers, width 128)": (128, 12 * 4 * 128**2),
    "SmolLM2-135M": (576, 106_203_456),
    "Llama-3.1-8B": (4096, 6_979_588_096),
}
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
for lang, colour in zip(LANGUAGES, [BLUE, ORANGE, GREEN], strict=True):
    left.plot(sizes, compression[lang], "o-", color=colour, label=LANGUAGES[lang])
for (name, (width, others)), colour in zip(MODELS.items(), [BLUE, ORANGE, GREEN], strict=True):
    cost = [(others + size * width) / ratio for size, ratio in zip(sizes, mean, strict=True)]
    best = min(range(len(sizes)), key=cost.__getitem__)
    right.plot(sizes, [value / cost[0] for value in cost], color=colour, label=name)
    right.plot(sizes[best], cost[best] / cost[0], "o", color=colour)
    share = sizes[best] * width / (others + sizes[best] * width)
    print(f"{name:26} cheapest per byte at {sizes[best]:>6,} tokens: {share:.0%} of its work is the last layer")
left.set(xscale="log", xlabel="vocabulary", ylabel="bytes per token", title="compression", ylim=(0, None))
right.set(xscale="log", yscale="log", xlabel="vocabulary", title="work per byte, bytes alone = 1")
for axes in (left, right):
    axes.set_xticks(sizes, [f"{size // 1024}k" if size >= 1024 else str(size) for size in sizes], minor=False)
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=9)
right.set_yticks([0.25, 0.5, 1, 2, 4], ["¼", "½", "1", "2", "4"])
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# Left: English and code gain less and less from each doubling of the vocabulary; Chinese, with its thousands of characters, gains for longer. Right: for a model of a million parameters the last layer is soon the largest part, and its best vocabulary is small; the larger the model, the larger the vocabulary that pays (Tao et al. 2024). So a GPT that
# trains on a laptop wants a small vocabulary, and the industry's have grown: Llama 2 has 32,000 tokens, Llama 3 has 128,256.
#
# ## Summary
#
# - A tokenizer turns text into ids before the model sees it. Letters are hidden inside the tokens, and a language that the training text neglects is paid for by its readers.
# - Bytes leave nothing unknown; pre-tokens keep merges within words; special tokens cut the text and belong to no word.
# - Training: merge the most frequent pair, with a stated rule for ties. An index of pairs makes a minute of it a second; nothing else changes.
# - Encoding: by rank, within each pre-token. Decoding: join the bytes, then read UTF-8.
# - The size of the vocabulary trades the length of the text against the last layer; the mix of the training text decides for whom it is short.
#
# ## Three questions to think about
#
# 1. Arithmetic: GPT-2's expression keeps `1234567` in one pre-token, GPT-4's cuts numbers into groups of up to three digits, Llama 2 and SmolLM2 into single ones. What does each do to long addition? Try your tokenizer on some numbers.
# 2. Your `encode` is quadratic in the length of a pre-token. For which text does that hurt, and who could use it against a service? How would a heap help?
# 3. The text a tokenizer is trained on need not be the text of the model, so some tokens may hardly occur in the latter. What does the embedding of such a token look like, and what does the model do when it reads one? (Look for "SolidGoldMagikarp".)
#
# ## Further reading
#
# - Sennrich et al. 2016, *Neural Machine Translation of Rare Words with Subword Units*: section 3.2, with the algorithm as code.
# - Radford et al. 2019, *Language Models are Unsupervised Multitask Learners*: section 2.2, byte-level BPE.
# - Kudo 2018, *Subword Regularization*: section 3, the unigram model, the other family of tokenizers.
# - Petrov et al. 2023, *Language Model Tokenizers Introduce Unfairness Between Languages*: section 3.
# - Tao et al. 2024, *Scaling Laws with Vocabulary: Larger Models Deserve Larger Vocabularies*: section 3.
# - Land and Bartolo 2024, *Fishing for Magikarp: Automatically Detecting Under-trained Tokens in Large Language Models*.

# %% [markdown] tags=["zh"]
# 左图：词表每翻一番，英文和代码得到的好处越来越少；中文有几千个常用字，受益的时间更长。右图：对一百万参数的模型来说，最后一层很快就成了最大的部分，最合适的词表很小；模型越大，值得用的词表就越大（Tao 等 2024）。所以，在笔记本电脑上训练的 GPT
# 适合用小词表，而业界的词表越来越大：Llama 2 有 32,000 个 token，Llama 3 有 128,256 个。
#
# ## 小结
#
# - 分词器在模型看到文本之前，就把它变成了 id。字母藏在 token 里面；训练文本冷落了哪种语言，就由哪种语言的用户来付账。
# - 用字节，就没有未知字符；有了预切分，合并就不会跨越片段；特殊 token 切断文本，不属于任何词。
# - 训练：合并最频繁的 pair，并讲明平局规则。有了 pair 的索引，一分钟变成一秒钟，别的什么都不变。
# - 编码：在每个片段内按 rank 合并。解码：先拼接字节，再按 UTF-8 解读。
# - 词表大小是文本长度与最后一层之间的取舍；训练文本的配比决定了对谁来说文本更短。
#
# ## 三个思考题
#
# 1. 算术：GPT-2 的表达式把 `1234567` 留在一个片段里，GPT-4 把数字切成最多三位一组，Llama 2 和 SmolLM2 则逐位切开。这对长加法各有什么影响？拿几个数试试你的分词器。
# 2. 你的 `encode` 对片段长度是平方复杂度。什么样的文本会让它很慢？谁会利用这一点去攻击一个服务？用堆能怎样改进？
# 3. 训练分词器的文本和训练模型的文本不一定相同，所以有些 token 在后者中可能几乎不出现。这样的 token 的 embedding 是什么样子？模型读到它会怎样？（搜一搜 “SolidGoldMagikarp”。）
#
# ## 延伸阅读
#
# - Sennrich 等 2016，《Neural Machine Translation of Rare Words with Subword Units》：3.2 节，含算法代码。
# - Radford 等 2019，《Language Models are Unsupervised Multitask Learners》：2.2 节，字节级 BPE。
# - Kudo 2018，《Subword Regularization》：第 3 节，unigram 模型，分词器的另一大家族。
# - Petrov 等 2023，《Language Model Tokenizers Introduce Unfairness Between Languages》：第 3 节。
# - Tao 等 2024，《Scaling Laws with Vocabulary: Larger Models Deserve Larger Vocabularies》：第 3 节。
# - Land 与 Bartolo 2024，《Fishing for Magikarp: Automatically Detecting Under-trained Tokens in Large Language Models》。
