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
# # Lab 02, notebook 4: the explorer
#
# You have built the parts of a Transformer and put whole models together. Now you write a tool that takes such a model apart. It shows the tree of the modules, with
# the parameters, the shapes, the FLOPs and the memory of each. Then you turn it on real models, and look at what their attention does.
#
# **You will be able to**
# - count the parameters of any `nn.Module`, each of them once, and say where a language model keeps them;
# - watch a model at work with forward hooks, and leave it as you found it;
# - tell what one token costs in FLOPs (floating-point operations) and in memory, and how that grows with the length of the text;
# - read an attention map, and tell a head that looks for something from one that has nothing to do.
#
# **Time** about two hours. Running everything takes about a minute on two CPU cores.
#
# **You need** 3 GB of free memory, no GPU. (On a CUDA card with 24 GB, `profile = "gpu"` below runs the notebook on Mistral-7B-v0.3; the numbers in the text are those of SmolLM2.) The notebook stands alone. If your `architectures` notebook lies in the same folder, section 7 explores your Llama as well.

# %% [markdown] tags=["zh"]
# # 实验 02，第 4 节：模型探查器
#
# Transformer 的各个部件你已经写过，完整的模型也已经搭过。现在来写一件能把模型拆开看的工具：一棵模块树，标出每个模块的参数、形状、FLOPs 和内存。
# 然后用它来看真实的模型，再看看它们的注意力究竟在做什么。
#
# **学完之后，你能够**
# - 数清任意 `nn.Module` 的参数，每个只数一次，并说出语言模型把参数放在了哪里；
# - 用前向钩子（forward hook）观察运行中的模型，看完之后让它保持原样；
# - 算出一个 token 要花多少 FLOPs（浮点运算次数）、占多少内存，以及它们如何随文本长度增长；
# - 看懂注意力图，分得清哪个头在找东西，哪个头其实无事可做。
#
# **时间** 约两小时。全部单元格在两个 CPU 核上跑一遍约需一分钟。
#
# **预备** 3 GB 空闲内存，不需要 GPU。（如果有一张 24 GB 显存的 CUDA 显卡，把下面改成 `profile = "gpu"`，就在 Mistral-7B-v0.3 上运行；正文里的数字都是 SmolLM2 的。）本节可以单独运行；如果同一文件夹里有你的 `architectures` 笔记本，第 7 小节会用探查器来看你写的 Llama。

# %% tags=["export"]
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

import labkit

# %%
profile = "cpu"

# %%
import bisect
import re

import matplotlib.pyplot as plt
import transformers
from accelerate.utils import compute_module_sizes
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from labkit import plots
from labkit.models import load_tokenizer, smollm2_folder

MODEL = {"cpu": smollm2_folder(), "gpu": "mistralai/Mistral-7B-v0.3"}[profile]
DEVICE, DTYPE = {"cpu": ("cpu", torch.float32), "gpu": ("cuda", torch.bfloat16)}[profile]
BLUE, ORANGE, GREY, GREEN = "#1f77b4", "#ff7f0e", "#d9d9d9", "#2ca02c"

torch.manual_seed(0)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
plots.style()

tokenizer = load_tokenizer() if profile == "cpu" else AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=DTYPE, attn_implementation="eager")
model = model.to(DEVICE).eval()
config = model.config

# %% [markdown] tags=["en"]
# ## 1. A surprise
#
# SmolLM2 reads one English and one Chinese sentence. Between two layers, every token is a vector of 576 numbers in the **residual stream**: the sum of what the layers have written so far. How long is the vector of each token, layer by layer?

# %% [markdown] tags=["zh"]
# ## 1. 一件出人意料的事
#
# SmolLM2 读一句英文、一句中文。在两层之间，每个 token 都是**残差流**里的一个 576 维向量，也就是到这里为止各层写入内容之和。每个 token 的向量在各层有多长？

# %%
TEXTS = {
    "en": "The old clockmaker gave the keys to Anna because she had promised to open the shop every morning.",
    "zh": "因为安娜答应每天早上开店，老钟表匠就把钥匙交给了她。",
}
LANGUAGES = {"en": say("English", "英文"), "zh": say("Chinese", "中文")}
MIDDLE = slice(3, 10)


def encode(text: str) -> Tensor:
    """(1, T) int64: the token that begins every text, then the tokens of this one.
    ---
    (1, T) int64：每段文本都有的开头 token，然后是这段文本的 token。
    """
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return torch.tensor([[tokenizer.bos_token_id, *ids]]).to(DEVICE)


@torch.no_grad()
def residual_stream(text: str) -> Tensor:
    """(n_layers, T, d_model): what enters each layer.
    ---
    (n_layers, T, d_model)：进入每一层的向量。
    """
    hidden_states = model(encode(text), output_hidden_states=True).hidden_states
    return torch.stack(hidden_states[:-1])[:, 0].float().cpu()


streams = {lang: residual_stream(text) for lang, text in TEXTS.items()}
second = {}
figure, panels = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True)
for panel, (lang, stream) in zip(panels, streams.items(), strict=True):
    lengths = stream.norm(dim=-1)
    other = second[lang] = 1 + int(lengths[MIDDLE, 1:].mean(0).argmax())
    rest = [index for index in range(1, lengths.shape[1]) if index != other]
    for index in rest:
        label = say("the others", "其余 token") if index == rest[0] else None
        panel.plot(lengths[:, index], color=BLUE, lw=0.6, alpha=0.5, label=label)
    label = say(f"token {other}", f"{other} 号 token")
    panel.plot(lengths[:, other], "s-", color=GREEN, ms=3, label=label)
    label = say("token 0, the first", "0 号 token（开头）")
    panel.plot(lengths[:, 0], "o-", color=ORANGE, ms=3, label=label)
    panel.set(yscale="log", xlabel=say("layer that it enters", "进入第几层"), title=LANGUAGES[lang])
    panel.legend(frameon=False, fontsize=8, loc="upper left")
    ratio = lengths[:, 0] / lengths[:, rest].median(1).values
    first_column, other_column = (int(stream[MIDDLE, i].abs().mean(0).argmax()) for i in (0, other))
    print(
        say(
            f"{LANGUAGES[lang]}: length of the first vector divided by the median of the others: "
            f"{ratio[12]:.0f} at layer 12, {ratio[28]:.0f} at layer 28\n"
            f"    layers 3 to 9: token 0 is largest in column {first_column}, "
            f"token {other} in column {other_column}",
            f"{LANGUAGES[lang]}：第一个向量的长度与其余向量长度的中位数之比："
            f"第 12 层 {ratio[12]:.0f}，第 28 层 {ratio[28]:.0f}\n"
            f"    第 3 到 9 层，数值最大的列：0 号 token 是 {first_column}，{other} 号 token 是 {other_column}",
        )
    )
panels[0].set(ylabel=say("length of the vector", "向量的长度"), ylim=(1, 1e6))
plt.show()

# %% [markdown] tags=["en"]
# From layer 12 to layer 28, the first token's vector is about 40 to 175 times as long as a typical other one (the printed ratios). In layers 3 to 9 it already stands out, and so does a second one, in the same column: the second `the` of the English sentence, and the first piece of `因` in the Chinese one (a Chinese character may be
# several tokens).
#
# Now we look for the largest number in the vectors of the English sentence, and set this **one** number to zero. It is one of twelve thousand at its layer (21 tokens of 576 numbers). Layer `layer` of the code below writes it, and the next layer reads it. What would you expect? Networks usually tolerate small damage: all weights can be rounded to 4 bits with little loss (Dettmers and Zettlemoyer 2023).

# %% [markdown] tags=["zh"]
# 从第 12 层到第 28 层，第一个 token 的向量长度大约是其余 token 的 40 到 175 倍（见上面打印的倍数）。在第 3 到 9 层，它已经很突出；突出的还有另一个，而且在同一列上：英文句子里的第二个 `the`，中文句子里“因”字的第一个 token（一个汉字可能是好几个 token）。
#
# 现在找出英文句子的向量里最大的那个数，然后把这**一个**数清零。在它所在的那一层，它只是一万两千个数（21 个 token，每个 576 个数）中的一个。下面代码里的第 `layer` 层写入它，后一层读到它。你猜会怎样？小小的损伤，神经网络通常扛得住：**全部**权重都舍入到 4 比特，损失也不大（Dettmers 与 Zettlemoyer 2023）。

# %%
english = streams["en"]
place = torch.unravel_index(english.abs().argmax(), english.shape)
depth, token, column = (int(index) for index in place)
sizes = english[:, token, column].abs()
layer = int((sizes > 0.5 * sizes[depth]).nonzero()[0]) - 1
value, rest = english[layer + 1, token, column], english[layer + 1, token + 1 :]
share = value.abs() / english[layer + 1, token].norm()
largest, median = rest.abs().max(), rest.abs().median()
print(
    say(
        f"after layer {layer}: token {token}, column {column} holds {value:,.0f}, "
        f"{share:.0%} of its vector's length\n"
        f"the largest number of all other tokens is {largest:.0f}, the median {median:.1f}\n",
        f"第 {layer} 层之后：{token} 号 token 的第 {column} 列是 {value:,.0f}，占该向量长度的 {share:.0%}\n"
        f"其他 token 的最大数是 {largest:.0f}，中位数 {median:.1f}\n",
    )
)


@torch.no_grad()
def loss_of(text: str) -> float:
    """Nats per token.
    ---
    每个 token 的损失，单位 nat。
    """
    return float(model(encode(text), labels=encode(text)).loss)


def goes_on(text: str) -> str:
    """What the model writes, greedily.
    ---
    模型接着写出的内容（贪心解码）。
    """
    ids, end = encode(text), tokenizer.eos_token_id
    written = model.generate(ids, max_new_tokens=8, do_sample=False, pad_token_id=end)
    return tokenizer.decode(written[0, ids.shape[1] :])


def erase(number: tuple[int, int]) -> torch.utils.hooks.RemovableHandle:
    """From now on, one number (token, column) of the layer's output is zero.

    This holds where the layer reads a whole text. While generate() goes on writing, the layer
    reads one new token at a time, and nothing is erased.
    ---
    从现在起，这一层输出中的一个数 (token, column) 为零。

    只在这一层读入整段文本时起作用：generate() 继续写的时候，每次只读一个新 token，那时不改动。
    """

    def hook(module: nn.Module, args: tuple, output: Tensor) -> None:
        if output.shape[1] > 1:
            output[:, number[0], number[1]] = 0.0

    return model.model.layers[layer].register_forward_hook(hook)


for what, number in [
    (say("as it is   ", "原样      "), None),
    (say("that one   ", "抹掉那个数"), (token, column)),
    (say("another one", "抹掉另一个"), (token + 3, column)),
]:
    handle = erase(number) if number else None
    losses = ", ".join(f"{lang} {loss_of(text):5.2f}" for lang, text in TEXTS.items())
    written = goes_on("The capital of France is")
    print(
        say(
            f"{what} loss: {losses}   'The capital of France is' {written!r}",
            f"{what}，损失：{losses}   'The capital of France is' {written!r}",
        )
    )
    if handle:
        handle.remove()

# %% [markdown] tags=["en"]
# Without this one number the model does worse than guessing among all 49,152 tokens ($\ln 49152 = 10.8$ nats; the nat is the unit of natural logarithms), in both languages. Set the same column of another token to zero, and next to nothing changes.
#
# Sun et al. (2024) call such numbers **massive activations**. They found them in Llama, Mistral and many others, at the first token, and in some models also at the first full stop or at words like *and* and *of* (section 2). Three questions: **which module** wrote the number?
# **Why** does the model need it? And what else do we not see when we only read `model(ids)`? We need a tool that sees every module, and we need it for any model.
#
# ## 2. What a model is made of
#
# An `nn.Module` is a tree. `model.named_modules()` walks it and gives every module with its **path**, from the whole (`""`) to the leaves (`model.layers.0.mlp.up_proj`). A parameter hangs on **one** module
# of the tree (a shared one on several, see below). `module.parameters()` also gives the parameters of all modules below, unless you say `recurse=False`. Three things go wrong when one counts:
#
# - **Double counting.** If every module counts what is below it too, the sum over the tree is a multiple of the truth. So each module counts its **own** parameters, and a sum over a subtree is a second step.
# - **Tied weights.** In SmolLM2 (and GPT-2) `lm_head.weight` **is** `embed_tokens.weight`: one tensor at two places. It takes memory once, it is trained once, it counts once.
# - **What is a parameter?** Biases are. Frozen ones (`requires_grad=False`) are as well. Buffers are not: they are tensors that a module stores but no optimizer updates, such as RoPE's frequencies or BatchNorm's running means.
#
# ### Problem 10 (9 points), part 1: `own_parameters` and `subtotals`
#
# There are three parts and one check cell, below part 3. Run it (or `labkit.check("explore")` in a cell of your own) whenever you like; it tells you what is not written yet.

# %% [markdown] tags=["zh"]
# 少了这一个数，模型比在 49,152 个 token 里瞎猜（$\ln 49152 = 10.8$ nat，nat 是取自然对数时的单位）还差，两种语言都一样。而把另一个 token 的同一列清零，几乎没有变化。
#
# Sun 等（2024）把这样的数叫做**巨量激活**（massive activation），在 Llama、Mistral 等许多模型里都找到了：位置在第一个 token，有的模型还在第一个句号或者 and、of 一类的词上（第 2 节）。
# 于是有三个问题：这个数是**哪个模块**写进去的？模型**为什么**需要它？只看 `model(ids)` 的输出，我们还漏掉了什么？
# 我们需要一件能看到每个模块的工具，而且对任何模型都能用。
#
# ## 2. 模型由什么组成
#
# 一个 `nn.Module` 就是一棵树。`model.named_modules()` 遍历这棵树，给出每个模块和它的**路径**：从整体（`""`）一直到叶子（`model.layers.0.mlp.up_proj`）。
# 除共享权重外（见下），每个参数只挂在树上的**一个**模块下；但 `module.parameters()` 会把下面所有模块的参数一并给出，除非写明 `recurse=False`。数参数时有三处容易出错：
#
# - **重复计数。** 如果每个模块都把下面的也算进来，整棵树加起来就是真实值的好几倍。所以：每个模块只数**自己的**，对子树求和是第二步的事。
# - **共享权重。** 在 SmolLM2（以及 GPT-2）里，`lm_head.weight` **就是** `embed_tokens.weight`：同一个张量出现在两处。内存只占一份，训练只训一份，所以只数一次。
# - **什么算参数？** 偏置算，冻结的（`requires_grad=False`）也算。缓冲区（buffer）不算：那是模块里保存、但优化器不更新的张量，例如 RoPE 的频率、BatchNorm 的滑动均值。
#
# ### 第 10 题（9 分），第 1 部分：`own_parameters` 和 `subtotals`
#
# 本题分三部分，检查单元格只有一个，在第 3 部分之后。随时都可以运行它（或在自己的单元格里运行 `labkit.check("explore")`）；还没写的部分它会注明。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "explore-parameters-solution", "cell_type": "code"}
def own_parameters(model: nn.Module) -> dict[str, int]:
    """How many parameters each module holds itself.

    Returns:
        For each path of model.named_modules(), in that order ("" is the model): the number of
        entries in the parameters of this very module, without its children's. A tensor that
        several modules share counts for the first of them only. Biases and frozen parameters
        count, buffers do not. So the values sum to the number of the model's parameters.
    ---
    每个模块自己有多少参数。

    返回：
        对 model.named_modules() 的每个路径，按其次序（"" 是整个模型）：直接属于这个模块的参数共有多少个数，
        不含子模块的。几个模块共享的张量只算在第一个名下。偏置和冻结的参数都算，缓冲区不算。
        所以各值之和等于模型的参数总数。
    """
    ### BEGIN SOLUTION
    counted = set()
    own = {}
    for path, module in model.named_modules():
        new = [parameter for parameter in module.parameters(recurse=False) if id(parameter) not in counted]
        counted.update(id(parameter) for parameter in new)
        own[path] = sum(parameter.numel() for parameter in new)
    return own
    ### END SOLUTION


def subtotals(own: dict[str, float]) -> dict[str, float]:
    """Sums numbers over subtrees: each module's own and those of everything below it.

    "h.10" is below "h" and below "" (the model), but not below "h.1"; "head" is not below "h".

    Args:
        own: a number for each path, as from own_parameters. Where "h.1" is, "h" and "" are, too.

    Returns:
        The sums, for the same paths in the same order.

    Example:
        {"": 1, "h": 2, "h.1": 4, "h.10": 8, "h.10.up": 16}
        -> {"": 31, "h": 30, "h.1": 4, "h.10": 24, "h.10.up": 16}
    ---
    对子树求和：每个模块自己的数，加上它下面所有模块的数。

    "h.10" 在 "h" 和 ""（整个模型）下面，但不在 "h.1" 下面；"head" 不在 "h" 下面。

    参数：
        own：每个路径一个数，如 own_parameters 的结果。有 "h.1"，就必有 "h" 和 ""。

    返回：
        各个和，路径及其次序不变。

    例：
        {"": 1, "h": 2, "h.1": 4, "h.10": 8, "h.10.up": 16}
        -> {"": 31, "h": 30, "h.1": 4, "h.10": 24, "h.10.up": 16}
    """
    ### BEGIN SOLUTION
    sums = dict.fromkeys(own, 0)
    for path, number in own.items():
        sums[path] += number
        while path:
            path = path.rpartition(".")[0]
            sums[path] += number
    return sums
    ### END SOLUTION


# %% [markdown] tags=["en"]
# **Try it** on SmolLM2. The head holds nothing: its matrix has been counted at `embed_tokens`.

# %% [markdown] tags=["zh"]
# 在 SmolLM2 上**试一试**。输出头什么也没有：它的矩阵已经算在 `embed_tokens` 名下了。

# %%
own = own_parameters(model)
below = subtotals(own)
for path in [
    "",
    "model.embed_tokens",
    "model.layers",
    "model.layers.0",
    "model.layers.0.self_attn",
    "model.layers.0.mlp",
    "lm_head",
]:
    share = below[path] / below[""]
    print(
        say(
            f"{path or '(the model)':26}{own[path]:>14,} own{below[path]:>14,} in all{share:>8.1%}",
            f"{path or '整体':{26 if path else 24}}{own[path]:>14,} 自己{below[path]:>14,} 合计{share:>8.1%}",
        )
    )
assert sum(own.values()) == below[""] == model.num_parameters()

# %% [markdown] tags=["en"]
# **Where are the parameters?** Here are models of the real sizes on PyTorch's `meta` device. It keeps shapes and no numbers, so even Llama 3.1 8B is built in a moment and takes no memory.

# %% [markdown] tags=["zh"]
# **参数都在哪里？** 下面按真实尺寸建几个模型，放在 PyTorch 的 `meta` 设备上：它只记形状，不存数值，连 Llama 3.1 8B 也一下就建好，不占内存。


# %%
def on_meta(
    kind: type[PreTrainedModel],
    settings: transformers.PreTrainedConfig,
) -> PreTrainedModel:
    """A model without numbers: shapes only.
    ---
    没有数值、只有形状的模型。
    """
    settings._attn_implementation = "eager"
    with torch.device("meta"):
        return kind(settings).eval()


def llama(d_model: int, d_ff: int, n_layers: int, n_heads: int, tied: bool) -> PreTrainedModel:
    settings = LlamaConfig(
        vocab_size=128_256,
        hidden_size=d_model,
        intermediate_size=d_ff,
        num_hidden_layers=n_layers,
        num_attention_heads=n_heads,
        num_key_value_heads=8,
        tie_word_embeddings=tied,
    )
    return on_meta(LlamaForCausalLM, settings)


MODELS = {
    "GPT-2 small": on_meta(GPT2LMHeadModel, GPT2Config()),
    "SmolLM2-135M": on_meta(LlamaForCausalLM, LlamaConfig.from_pretrained(smollm2_folder())),
    "Llama 3.2 1B": llama(2048, 8192, 16, 32, tied=True),
    "Llama 3.1 8B": llama(4096, 14_336, 32, 32, tied=False),
    "Llama 3.1 70B": llama(8192, 28_672, 80, 64, tied=False),
}
PARTS = {
    say("embedding", "嵌入"): (r"embed|wte|wpe", ORANGE),
    say("attention", "注意力"): (r"attn|attention(?!_\w*norm)", BLUE),
    "FFN": (r"mlp|feed_forward(?!_norm)", GREEN),
    say("head of its own", "独立的输出头"): (r"head", "#ffbb78"),
    say("norms", "归一化"): (r"", GREY),
}


def by_part(numbers: dict[str, float]) -> dict[str, float]:
    """Numbers by path, summed over the parts of a language model. A path belongs to the first of
    PARTS whose pattern it contains.
    ---
    把按路径给出的数，按语言模型的几大部分求和。一个路径属于 PARTS 中模式最先匹配的那一部分。
    """
    sums = dict.fromkeys(PARTS, 0.0)
    for path, number in numbers.items():
        matching = (part for part, (pattern, _) in PARTS.items() if re.search(pattern, path))
        sums[next(matching)] += number
    return sums


figure, axes = plt.subplots(figsize=(9.5, 3.2))
for row, other in enumerate(MODELS.values()):
    left = 0.0
    for part, number in by_part(own_parameters(other)).items():
        share = number / other.num_parameters()
        axes.barh(row, share, left=left, color=PARTS[part][1], label=part if row == 0 else None)
        if share > 0.02:
            axes.text(left + share / 2, row, f"{share:.0%}", ha="center", va="center", fontsize=9)
        left += share
millions = {name: other.num_parameters() / 1e6 for name, other in MODELS.items()}
axes.set_yticks(range(len(MODELS)), [f"{name}  ({n:,.0f} M)" for name, n in millions.items()])
axes.invert_yaxis()
axes.set(xlim=(0, 1), xlabel=say("share of the parameters", "占参数的比例"))
axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
axes.legend(frameon=False, ncols=5, loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=9)
plt.show()

# %% [markdown] tags=["en"]
# "Attention is all you need", says the title of the paper, but attention has only 14 to 23 % of the parameters here. Most are in the FFN (the feed-forward network); the norms are too few to be seen. In the three small models the embedding weighs as much as all of attention, or more. That is why they tie it to the head, and why a
# large vocabulary is expensive for them. It can still be worth its price: Gemma 3 270M spends 170 of its 270 million parameters on the embedding of a vocabulary of 256k tokens, so that it handles rare tokens and can be fine-tuned for particular domains and languages (Google 2025, the announcement of Gemma 3 270M). At 8B
# embedding and head together are still 13 %; at 70B they hardly count.
#
# ## 3. What goes through it
#
# The tree says what a model **is**. To see what it **does**, let it run and watch: `module.register_forward_hook(f)` makes PyTorch call `f(module, args, output)` each time this module has run. It returns a handle, and
# `handle.remove()` ends it. What `f` returns replaces the output; `None` leaves it alone. (The hook of section 1 wrote into the output itself. That is how it erased a number.)
#
# ```
#          ids ──> embed_tokens ──> layers.0 ──> layers.1 ──> ... ──> norm ──> lm_head ──> logits
#                       │              │            │                  │          │
#   hooks:            record         record       record             record     record     each: shape, FLOPs, bytes
# ```
#
# A measuring tool must not change what it measures:
#
# - **Every hook comes off again**, also when the forward pass raises. Otherwise the next run records twice, the one after it three times, and memory is never freed.
# - The model runs **in eval mode and without gradients**: dropout would be on otherwise, and BatchNorm would learn from your probe. Afterwards **each module** is in the mode that it was in. (A frozen BatchNorm
#   may be in eval mode inside a model in train mode: `model.train()` would put it into train mode as well.)
#
# **FLOPs.** The multiplication of a vector by a matrix $(out, in)$ takes $out \cdot in$ multiplications and as many additions: $2 \cdot in \cdot out$. This is our convention: only matrix products count, and multiply and add are **two**. PyTorch's counter has the same convention (it also knows convolutions, which our models do not have). Biases, norms, activations and
# softmax are small beside them. An embedding only looks up a row, so it costs 0. We count per **token**: all that a batch of $B \cdot T$ tokens costs, divided by $B \cdot T$.
#
# A module may run several times in one pass, with other shapes each time, or never: `nn.ModuleList` has no forward at all. So a report has a **list** of shapes for each module.
#
# ### Problem 10, part 2: `layer_flops` and `explore`

# %% [markdown] tags=["zh"]
# 论文题目说“注意力就是你所需要的一切”，可在这些模型里，它只占参数的 14% 到 23%。大头在 FFN（前馈网络）；归一化少到看不见。在三个小模型里，嵌入的分量不输于全部注意力，甚至更重：
# 所以它们让输出头与嵌入共享一个矩阵；也正因如此，对小模型来说大词表很贵。不过贵也可能值得：Gemma 3 270M 的 2.7 亿参数里有 1.7 亿是嵌入，词表有 256k 个 token，为的是能处理罕见的 token，便于针对特定领域和语言做微调（Google 2025，Gemma 3 270M 发布文）。
# 到了 8B，嵌入和输出头合起来还占 13%；到 70B 就很少了。
#
# ## 3. 里面流过了什么
#
# 那棵树说明模型**是**什么。要看它**做**什么，就得让它跑起来，在旁边看着：`module.register_forward_hook(f)` 会让 PyTorch 在这个模块每次运行之后调用
# `f(module, args, output)`。它返回一个句柄，`handle.remove()` 就把钩子取下。`f` 的返回值会替换输出；返回 `None` 则不改动。
# （第 1 小节的钩子直接往输出里写，那个数就是这样被抹掉的。）
#
# ```
#          ids ──> embed_tokens ──> layers.0 ──> layers.1 ──> ... ──> norm ──> lm_head ──> logits
#                       │              │            │                  │          │
#   钩子：            记录           记录         记录               记录       记录       每处：形状、FLOPs、字节数
# ```
#
# 测量工具不该改变它所测的东西：
#
# - **每个钩子都要取下来**，前向传播中途抛异常时也不例外；否则下次、下下次运行就会记录两遍、三遍，内存也一直不释放；
# - 模型在 **eval 模式、不记录梯度**的状态下运行，不然 dropout 会生效，BatchNorm 的滑动统计量会混入你的探测数据。跑完之后，**每个模块**都要回到自己原来的模式。
#   （train 模式的模型里可能有一个冻结的、处于 eval 模式的 BatchNorm，一句 `model.train()` 会把它也切到 train 模式。）
#
# **FLOPs。** 一个向量乘以一个 $(out, in)$ 的矩阵，需要 $out \cdot in$ 次乘法和同样多的加法，合计 $2 \cdot in \cdot out$。这是我们的约定：只数矩阵乘法，一乘一加算**两**次。
# PyTorch 的计数器也是这样算的（它还会数卷积，我们的模型里没有）。偏置、归一化、激活函数、softmax 与之相比很小。嵌入只是查表取一行，算 0。我们按**每个 token** 计：
# 一批共 $B \cdot T$ 个 token 的总开销，除以 $B \cdot T$。
#
# 一次前向中，一个模块可能运行好几次，每次形状不同；也可能一次都不运行：`nn.ModuleList` 根本没有 forward。所以报告里给每个模块记的是形状的**列表**。
#
# ### 第 10 题，第 2 部分：`layer_flops` 和 `explore`


# %% tags=["export"]
@dataclass
class Report:
    """What `explore` finds. Each field is a dict by path, in the order of model.named_modules().

    kinds: the name of the module's class.
    parameters: own_parameters(model).
    shapes: the shapes of its outputs, one for each run, in order; an empty list if it never ran.
    flops: per token, of the module itself: the sum of layer_flops over its runs; 0 if it never ran.
    output_bytes: per token, the bytes of its outputs, summed over its runs. The size of a number
        is that of the output's dtype. Every module counts its whole output, also where it is the
        very tensor that another module gave (Dropout in eval mode returns its input, a container
        its last child's output).

    An output that is a tuple, a list or a dict counts by its `first_tensor`.
    ---
    `explore` 的结果。每个字段都是字典，含 model.named_modules() 的全部路径，次序相同。

    kinds：模块的类名。
    parameters：own_parameters(model)。
    shapes：模块各次运行的输出形状，按次序；从未运行则为空列表。
    flops：每个 token 的、模块自己的 FLOPs：各次运行的 layer_flops 之和；从未运行则为 0。
    output_bytes：每个 token 的、各次运行的输出字节数之和。每个数的大小由输出的 dtype 决定。
        每个模块都计入自己的全部输出，即使它就是别的模块给出的那个张量
        （eval 模式的 Dropout 原样返回输入，容器返回最后一个子模块的输出）。

    输出是元组、列表或字典时，以它的 `first_tensor` 为准。
    """

    kinds: dict[str, str]
    parameters: dict[str, int]
    shapes: dict[str, list[tuple[int, ...]]]
    flops: dict[str, float]
    output_bytes: dict[str, float]


def first_tensor(output: Any) -> Tensor:
    """The output itself, or the first tensor in it if it is a tuple, a list or a dict.
    ---
    输出本身；如果输出是元组、列表或字典，则是其中第一个张量。
    """
    if isinstance(output, Tensor):
        return output
    values = output.values() if isinstance(output, dict) else output
    return next(value for value in values if isinstance(value, Tensor))


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "explore-solution", "cell_type": "code"}
def layer_flops(module: nn.Module, output: Tensor) -> int:
    """The FLOPs of one run of a module itself, without its children.

    Args:
        module: any module. Conv1D is GPT-2's linear layer; its weight is (in, out).
        output: (..., out), what it gave: any number of axes before the last, or none.

    Returns:
        For nn.Linear and Conv1D 2 * in * out for each vector of the output, also where the weight
        is tied; the addition of a bias is not counted. 0 for every other module.
    ---
    模块自己运行一次的 FLOPs，不含子模块。

    参数：
        module：任意模块。Conv1D 是 GPT-2 的线性层，它的 weight 是 (in, out)。
        output：(..., out)，模块的输出：最后一维之前可以有任意多维，也可以没有。

    返回：
        对 nn.Linear 和 Conv1D，输出中的每个向量算 2 * in * out，权重共享时也一样；加偏置不计。
        其他模块一律为 0。
    """
    ### BEGIN SOLUTION
    if not isinstance(module, (nn.Linear, Conv1D)):
        return 0
    n_vectors = output.numel() // output.shape[-1]
    return 2 * module.weight.numel() * n_vectors
    ### END SOLUTION


def explore(model: nn.Module, inputs: Tensor, **options: Any) -> Report:
    """Runs model(inputs, **options) once and reports on every module: in eval mode, no gradients.

    Args:
        model: left as it was: no hook stays, and each module is in the mode that it was in. If
            its forward pass raises, so does explore, with the same exception, and the model is
            left as it was all the same.
        inputs: (B, T, ...), token ids or vectors. "Per token" divides by B * T, also for a module
            that saw fewer tokens (a head that computes the last logits only).
        options: further arguments of the forward pass.
    ---
    在 eval 模式下、不记录梯度地运行一次 model(inputs, **options)，报告每个模块的情况。

    参数：
        model：运行之后保持原样：不留任何钩子，每个模块都回到自己原来的模式。
            如果前向传播抛出异常，explore 也抛出同一个异常，而模型仍要恢复原样。
        inputs：(B, T, ...)，token 编号或向量。“每个 token”一律除以 B * T，
            即使某个模块只看到了一部分 token（例如只算最后一个 logits 的输出头）。
        options：前向传播的其他参数。
    """
    ### BEGIN SOLUTION
    paths = {module: path for path, module in model.named_modules()}
    n_tokens = inputs.shape[0] * inputs.shape[1]
    report = Report(
        kinds={path: type(module).__name__ for module, path in paths.items()},
        parameters=own_parameters(model),
        shapes={path: [] for path in paths.values()},
        flops=dict.fromkeys(paths.values(), 0.0),
        output_bytes=dict.fromkeys(paths.values(), 0.0),
    )

    def record(module: nn.Module, args: tuple, output: Any) -> None:
        path, y = paths[module], first_tensor(output)
        report.shapes[path].append(tuple(y.shape))
        report.flops[path] += layer_flops(module, y) / n_tokens
        report.output_bytes[path] += y.numel() * y.element_size() / n_tokens

    modes = {module: module.training for module in paths}
    hooks = [module.register_forward_hook(record) for module in paths]
    try:
        with torch.no_grad():
            model.eval()(inputs, **options)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode
    return report
    ### END SOLUTION


# %% [markdown] tags=["en"]
# **Look at it.** The tree of the model that reads the English sentence. Neighbours that are alike share one line, and their numbers are added. Parameters and MFLOPs include everything below a module; the output is the module's own.

# %% [markdown] tags=["zh"]
# **看一眼。** 下面是模型读那句英文时的模块树。相同的相邻模块合并成一行，各数相加。参数和 MFLOPs 含下面的所有模块，输出只算模块自己的。


# %%
def show_tree(report: Report, flops: dict[str, float]) -> None:
    """Prints the tree: parameters (tied ones once) and MFLOPs per token, both with everything
    below; the module's own output per token; the shape of its last output.
    ---
    打印模块树：参数（共享的只数一次）和每个 token 的 MFLOPs，都含下面的所有模块；
    模块自己的、每个 token 的输出 KiB；最后一次输出的形状。
    """
    parameters, flops = subtotals(report.parameters), subtotals(flops)

    def line(label: str, paths: list[str]) -> None:
        n, cost = (sum(column[path] for path in paths) for column in (parameters, flops))
        size = sum(report.output_bytes[path] for path in paths) / 1024
        shapes = report.shapes[paths[0]]
        shape = " × ".join(map(str, shapes[-1])) if shapes else say("never runs", "从不运行")
        share = n / parameters[""]
        print(f"{label:50}{n:>12,}{share:>8.1%}{cost / 1e6:>9.1f}{size:>9.1f}   {shape}")

    def branches(path: str) -> list[list[str]]:
        """The names of the children, neighbours alike together.
        ---
        各个子模块的名字，相同的相邻模块放在一起。
        """
        prefix = f"{path}." if path else ""
        inside = (other for other in report.kinds if other and other.startswith(prefix))
        below = [other.removeprefix(prefix) for other in inside]
        groups: list[tuple[tuple, list[str]]] = []
        for name in (name for name in below if "." not in name):
            child = prefix + name
            alike = (name.isdigit(), report.kinds[child], parameters[child], flops[child])
            if groups and groups[-1][0] == alike and name.isdigit():
                groups[-1][1].append(name)
            else:
                groups.append((alike, [name]))
        return [names for _, names in groups]

    def descend(paths: list[str], lead: str) -> None:
        groups = branches(paths[0])
        for index, names in enumerate(groups):
            last = index == len(groups) - 1
            children = [f"{path}.{name}".strip(".") for path in paths for name in names]
            label = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"
            line(f"{lead}{'└─ ' if last else '├─ '}{label}  {report.kinds[children[0]]}", children)
            descend(children, lead + ("   " if last else "│  "))

    print(
        say(
            f"{'':50}{'parameters':>12}{'':8}{'MFLOPs':>9}{'out KiB':>9}   shape of the output",
            f"{'':50}{'参数':>10}{'':8}{'MFLOPs':>9}{'输出 KiB':>7}   输出的形状",
        )
    )
    line(report.kinds[""], [""])
    descend([""], "")


report = explore(model, encode(TEXTS["en"]))
show_tree(report, report.flops)

# %% [markdown] tags=["en"]
# Read a few lines of it. The head holds no parameters of its own and yet costs more FLOPs than the attention projections of all 30 layers: **tied weights are free in memory, not in time**. And in each layer the modules of `mlp` write three vectors of 1,536 numbers for each token, while the stream is only 576 wide. Training must
# keep such vectors for the backward pass; they are a large part of its memory.
#
# **Who wrote the number** of section 1? The same method, another hook: what does each module write into that column, for that token?

# %% [markdown] tags=["zh"]
# 读几行看看。输出头自己没有参数，FLOPs 却比全部 30 层注意力的投影加起来还多：**共享权重省的是内存，不是时间**。还有，残差流宽 576，而每层 `mlp` 里的模块要为一个 token 写出三个 1,536 维的向量：
# 训练时要为反向传播保存这样的向量，它们占了内存的一大块。
#
# 第 1 小节的那个数是**谁写的**？办法一样，换个钩子：每个模块往那个 token 的那一列里写了多少？

# %%
written = {}


def remember(path: str):
    def hook(module: nn.Module, args: tuple, output: Any) -> None:
        written[path] = float(first_tensor(output)[0, token, column])

    return hook


hooks = [
    module.register_forward_hook(remember(path))
    for path, module in model.named_modules()
    if path.endswith(("self_attn", "mlp"))
]
with torch.no_grad():
    model(encode(TEXTS["en"]))
for hook in hooks:
    hook.remove()
threshold = 0.1 * max(written.values())
large = {path: number for path, number in written.items() if abs(number) > threshold}
for path, number in large.items():
    print(say(f"{path:26} adds {number:>+10,.0f}", f"{path:26} 加上 {number:>+10,.0f}"))
n_others, others = len(written) - len(large), sum(written.values()) - sum(large.values())
print(
    say(
        f"{f'the other {n_others}':26} add  {others:>+10,.0f}",
        f"{f'其余 {n_others} 个':23} 加上 {others:>+10,.0f}",
    )
)

# %% [markdown] tags=["en"]
# One FFN, that of layer 11, writes it in one go. The FFNs of the last two layers take most of it away again before the logits are made. The sixteen layers in between carry it along and hardly touch it. What for? Section 6.
#
# ## 4. What attention adds
#
# Something is missing in the tree. `self_attn` has four projections, but the products $QK^\top$ and $\mathrm{weights}\cdot V$ are not **modules**: they are function calls within its forward. **Hooks see modules, not functions.** For these two we need arithmetic, and we can read the
# sizes off the model's config. One token that sees $n$ keys takes $2D$ FLOPs for each score and $2D$ for each value it adds, in each of the $H$ query heads of each of the $L$ layers, where $D$ is the size of a head:
#
# $$\mathrm{FLOPs}_\text{attention}(n) = 4 \cdot L \cdot H \cdot D \cdot n .$$
#
# **Memory per token.** A model that generates keeps the keys **and** the values of each token, in each layer, for each of its $G$ key-value heads (notebook 1, section 5). This store is the **KV cache**:
#
# $$\mathrm{bytes}_\text{KV} = 2 \cdot L \cdot G \cdot D \cdot \text{bytes per number}.$$
#
# Note what sharing saves. GQA makes the cache $H/G$ times smaller, and the projections of keys and values as well: in the tree above, `k_proj` takes 6.6 MFLOPs where `q_proj` takes 19.9. The FLOPs of the two products stay the same, because each of the $H$ query heads still compares and adds for itself.
#
# **The config.** Hugging Face's names are `num_hidden_layers`, `num_attention_heads`, `num_key_value_heads`, `hidden_size`, `head_dim`. `num_key_value_heads` and `head_dim` may be missing (GPT-2) or None (Mixtral) where they have their default: each query head has its own keys, and $D$ is the width
# divided by the number of heads. But where `head_dim` is given, it counts: in Qwen3 0.6B and Mistral Nemo, heads times size is **not** the width.
#
# ### Problem 10, part 3: `attention_shape`, `attention_flops` and `kv_cache_bytes`

# %% [markdown] tags=["zh"]
# 是第 11 层的 FFN 一下子写进去的；马上要算 logits 之前，又被最后两层的 FFN 减掉大半。中间十六层都带着它走，几乎谁也不动它。图什么？见第 6 小节。
#
# ## 4. 注意力还要加上什么
#
# 树里少了点东西：`self_attn` 有四个投影，但 $QK^\top$ 和 $\mathrm{weights}\cdot V$ 这两个乘积不是**模块**，只是它的 forward 里的函数调用。**钩子看得到模块，看不到函数。**
# 这两项得自己算，需要的尺寸在模型的配置（config）里都有。一个 token 看 $n$ 个键（key），每个分数要 $2D$ 次运算，每加一个值（value）又要 $2D$ 次；共 $L$ 层，每层有 $H$ 个查询（query）头，头的大小为 $D$：
#
# $$\mathrm{FLOPs}_\text{attention}(n) = 4 \cdot L \cdot H \cdot D \cdot n .$$
#
# **每个 token 的内存。** 生成文本时，每个 token 在每一层、每个键/值头（共 $G$ 个）上的键**和**值都要存下来（第 1 节第 5 小节），这就是 **KV 缓存**：
#
# $$\mathrm{bytes}_\text{KV} = 2 \cdot L \cdot G \cdot D \cdot \text{每个数的字节数}.$$
#
# 注意共享省下的是什么。GQA 把缓存缩小到 $G/H$，键和值的投影也一样：上面的树里，`q_proj` 花 19.9 MFLOPs，`k_proj` 只花 6.6。而那两个乘积的 FLOPs 没有变，因为 $H$ 个查询头仍要各算各的。
#
# **配置的字段。** Hugging Face 的命名是 `num_hidden_layers`、`num_attention_heads`、`num_key_value_heads`、`hidden_size`、`head_dim`。
# `num_key_value_heads`、`head_dim` 取默认值时，配置里可能没有这一项（如 GPT-2），也可能写着 None（如 Mixtral）：默认是每个查询头有自己的键，$D$ 等于宽度除以头数。
# 但只要给出了 `head_dim`，就以它为准：在 Qwen3 0.6B 和 Mistral Nemo 里，头数乘以头的大小**并不**等于宽度。
#
# ### 第 10 题，第 3 部分：`attention_shape`、`attention_flops` 和 `kv_cache_bytes`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "explore-attention-solution", "cell_type": "code"}
def attention_shape(config: Any) -> tuple[int, int, int, int]:
    """(n_layers, n_heads, n_kv_heads, d_head) of a Hugging Face config.

    It has num_hidden_layers, num_attention_heads and hidden_size. Where num_key_value_heads is
    missing or None, there are as many key-value heads as query heads. Where head_dim is missing
    or None, it is hidden_size // num_attention_heads; where it is given, it counts.
    ---
    由 Hugging Face 的配置得到 (n_layers, n_heads, n_kv_heads, d_head)。

    配置里有 num_hidden_layers、num_attention_heads 和 hidden_size。num_key_value_heads 缺失或为 None 时，
    键/值头与查询头一样多。head_dim 缺失或为 None 时，等于 hidden_size // num_attention_heads；
    给出时以它为准。
    """
    ### BEGIN SOLUTION
    n_heads = config.num_attention_heads
    n_kv_heads = getattr(config, "num_key_value_heads", None) or n_heads
    d_head = getattr(config, "head_dim", None) or config.hidden_size // n_heads
    return config.num_hidden_layers, n_heads, n_kv_heads, d_head
    ### END SOLUTION


def attention_flops(config: Any, n_keys: int) -> int:
    """FLOPs of attention's two matrix products, in all layers, for one token that sees n_keys keys.

    The projections are not in it.
    ---
    注意力的两个矩阵乘积在所有层里的 FLOPs，对一个看到 n_keys 个键的 token。

    不含各个投影。
    """
    ### BEGIN SOLUTION
    n_layers, n_heads, _, d_head = attention_shape(config)
    return 4 * n_layers * n_heads * d_head * n_keys
    ### END SOLUTION


def kv_cache_bytes(config: Any, dtype: torch.dtype) -> int:
    """Bytes that the keys and values of one token take in the cache, in all layers, stored as
    `dtype`.
    ---
    一个 token 的键和值在所有层的缓存里共占多少字节，以 `dtype` 存放。
    """
    ### BEGIN SOLUTION
    n_layers, _, n_kv_heads, d_head = attention_shape(config)
    return 2 * n_layers * n_kv_heads * d_head * dtype.itemsize
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 9, "schema_version": 3, "grade_id": "explore", "cell_type": "code"}
labkit.check("explore")

# %% [markdown] tags=["en"]
# **What the length of a text costs.** Per token, everything but attention costs the same at any length; attention grows with the number of tokens it sees. The dots are PyTorch's own counter, which ran each model on the `meta` device on a text of that length. The lines are yours.

# %% [markdown] tags=["zh"]
# **文本变长的代价。** 对单个 token 来说，除注意力外的一切开销都与文本长度无关；注意力则随可看的内容增长。圆点来自 PyTorch 自带的计数器，它让模型在 `meta` 设备上真的跑了一遍那么长的文本；线是你算的。


# %%
def counted_by_pytorch(other: PreTrainedModel, n_tokens: int) -> float:
    """FLOPs per token of a text, counted by PyTorch at every operation.
    ---
    一段文本中每个 token 的 FLOPs，由 PyTorch 逐个算子计数。
    """
    ids = torch.zeros(1, n_tokens, dtype=torch.long, device="meta")
    mask = torch.ones(1, n_tokens, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        other(ids, attention_mask=mask, use_cache=False)
    return counter.get_total_flops() / n_tokens


lengths = [2**k for k in range(7, 18)]
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8))
for name, colour in [("SmolLM2-135M", BLUE), ("Llama 3.1 8B", ORANGE)]:
    other = MODELS[name]
    ids = torch.zeros(1, 64, dtype=torch.long, device="meta")
    fixed = sum(explore(other, ids, attention_mask=torch.ones_like(ids)).flops.values())
    costs = [fixed + attention_flops(other.config, n) for n in lengths]
    left.plot(lengths, [cost / 1e9 for cost in costs], color=colour, label=name)
    left.axhline(fixed / 1e9, color=colour, ls=":", lw=1)
    some = lengths[::5]
    left.plot(some, [counted_by_pytorch(other, n) / 1e9 for n in some], "o", color=colour)
    weights = sum(own_parameters(other).values()) * 2
    cache = kv_cache_bytes(other.config, torch.bfloat16)
    right.plot(lengths, [n * cache / 2**30 for n in lengths], color=colour, label=name)
    right.axhline(weights / 2**30, color=colour, ls=":", lw=1)
    even, full = fixed / attention_flops(other.config, 1), weights / cache
    print(
        say(
            f"{name}: {fixed / 1e9:.2f} GFLOPs per token without attention; "
            f"attention takes as much from {even:,.0f} tokens on\n"
            f"    cache {cache / 1024:.1f} KiB per token, "
            f"as large as the weights at {full:,.0f} tokens",
            f"{name}：不算注意力，每个 token {fixed / 1e9:.2f} GFLOPs；到 {even:,.0f} 个 token 时，注意力花得一样多\n"
            f"    缓存每个 token {cache / 1024:.1f} KiB，到 {full:,.0f} 个 token 时与权重一样大",
        )
    )
left.set(
    xscale="log",
    yscale="log",
    xlabel=say("tokens that it sees", "能看到的 token 数"),
    ylabel=say("GFLOPs for one token", "一个 token 的 GFLOPs"),
    title=say("cost (dotted: without attention)", "计算开销（点线：不算注意力）"),
)
right.set(
    xscale="log",
    yscale="log",
    xlabel=say("tokens in the cache", "缓存中的 token 数"),
    ylabel=say("GiB (bfloat16)", "GiB（bfloat16）"),
    title=say("KV cache (dotted: the weights)", "KV 缓存（点线：权重）"),
)
for panel in (left, right):
    panel.legend(frameon=False)
plt.tight_layout()
plt.show()

# %% [markdown] tags=["en"]
# Two rules of thumb come out of this. **$2N$**: a forward pass costs two FLOPs per parameter and token, as long as the text is short. A backward pass costs another $4N$, so training takes $6N$ per token and $6ND$ for $D$ tokens (Kaplan et al. 2020, section 2.1; their $D$ is the size of the data, not of a
# head, and their $N$ leaves the embeddings out). And **until a text is long, its length adds little to a token's cost**: attention catches up with all the rest at about four thousand tokens in SmolLM2-135M, and at nearly thirty thousand in Llama 3.1 8B. Right: the cache grows with every token. For one text it is as large as the weights at about twelve thousand tokens (SmolLM2-135M) and about 123 thousand (Llama 3.1 8B).
#
# How exact is $2N$, if $N$ counts all parameters?

# %% [markdown] tags=["zh"]
# 由此得出两条经验法则。**$2N$**：只要文本不长，前向传播每个 token、每个参数花 2 个 FLOPs；反向再花 $4N$，所以训练每个 token 要 $6N$，$D$ 个 token 就是 $6ND$（Kaplan 等 2020，2.1 节；那里的 $D$ 是数据量，不是头的大小，$N$ 也不含嵌入）。
# 另外，**文本不太长时，加长几乎不增加每个 token 的开销**：对 SmolLM2-135M，要到约四千个 token，注意力才赶上其余的全部；对 Llama 3.1 8B 则是将近三万个。右图：每多一个 token，缓存就大一点。只算一段文本，到约一万二千个 token（SmolLM2-135M）、约十二万三千个 token（Llama 3.1 8B）时，缓存就与权重一样大。
#
# 如果 $N$ 包括全部参数，$2N$ 有多准？

# %%
for name, other in MODELS.items():
    ids = torch.zeros(1, 64, dtype=torch.long, device="meta")
    found = explore(other, ids, attention_mask=torch.ones_like(ids))
    ratio = sum(found.flops.values()) / (2 * sum(found.parameters.values()))
    print(say(f"{name:15} FLOPs per token / 2N = {ratio:.3f}", f"{name:15} 每个 token 的 FLOPs / 2N = {ratio:.3f}"))

# %% [markdown] tags=["en"]
# It is below 1 where parameters are only looked up: GPT-2's table of positions, and the embedding of a model with a head of its own. A tied matrix is looked up and multiplied as well, so it costs two FLOPs per parameter like the others.
#
# ## 5. The same with the standard tools
#
# You would not write this for each project. Here are the usual tools. Do they agree with you?

# %% [markdown] tags=["zh"]
# 小于 1 的地方，是因为有些参数只是查表用的：GPT-2 的位置表，以及输出头不共享的模型里的嵌入。共享的矩阵既查表又做乘法，所以和别的参数一样，每个花 2 个 FLOPs。
#
# ## 5. 用现成的工具再看一遍
#
# 实际工作中不必每次自己写。看看有哪些现成的工具，以及它们和你的结果是否一致：

# %%
ids = encode(TEXTS["en"])
n_tokens = ids.shape[1]
report = explore(model, ids)
n_parameters = sum(report.parameters.values())
n_bytes = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
sizes = compute_module_sizes(model)
cache = model(ids, use_cache=True).past_key_values
stored = [x for one in cache.layers for x in (one.keys, one.values)]
in_cache = sum(x.numel() * x.element_size() for x in stored) / n_tokens


def counted(implementation: str) -> float:
    """FLOPs per token by FlopCounterMode, with one of Hugging Face's ways to compute attention.
    ---
    FlopCounterMode 数出的每个 token 的 FLOPs，使用 Hugging Face 的某一种注意力实现。
    """
    model.set_attn_implementation(implementation)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(ids, use_cache=False)
    model.set_attn_implementation("eager")
    return counter.get_total_flops() / n_tokens


linear = sum(report.flops.values())
print(say(f"{'':42}{'you':>16}{'the library':>16}", f"{'':42}{'你':>15}{'库':>15}"))
for what, yours, theirs in [
    (say("parameters: model.num_parameters()", "参数：model.num_parameters()"), n_parameters, model.num_parameters()),
    (
        say("bytes: model.get_memory_footprint()", "字节：model.get_memory_footprint()"),
        n_bytes,
        model.get_memory_footprint(),
    ),
    (
        say("bytes of a layer: compute_module_sizes", "一层的字节：compute_module_sizes"),
        4 * subtotals(report.parameters)["model.layers.0"],
        sizes["model.layers.0"],
    ),
    (
        say("cache, bytes per token: past_key_values", "每个 token 的缓存字节：past_key_values"),
        kv_cache_bytes(config, DTYPE),
        in_cache,
    ),
    (
        say("FLOPs per token: FlopCounterMode, eager", "每个 token 的 FLOPs：FlopCounterMode, eager"),
        linear + attention_flops(config, n_tokens),
        counted("eager"),
    ),
    (
        say("FLOPs per token: FlopCounterMode, sdpa", "每个 token 的 FLOPs：FlopCounterMode, sdpa"),
        linear + attention_flops(config, n_tokens),
        counted("sdpa"),
    ),
]:
    note = "" if abs(yours - theirs) < 0.5 else say("   differs", "   不一致")
    wide = sum(ord(character) > 0x2E7F for character in what)
    print(f"{what:{42 - wide}}{yours:>16,.0f}{theirs:>16,.0f}{note}")

# %% [markdown] tags=["en"]
# Two lines differ, and you can say why. `get_memory_footprint` adds the buffers (RoPE's frequencies). And `FlopCounterMode` sees every operation that PyTorch carries out, so it needs no hooks and no arithmetic; but it has to know the operation. With `sdpa` (scaled dot-product attention) the model calls a **fused kernel**, one operation that does all of attention. PyTorch's fused kernel
# **for the CPU** is not in the counter's table, and counts as nothing. A tool that silently counts nothing is worse than none: know what yours sees. (The fused kernels for GPUs are in the table.)
#
# ## 6. What it looks at
#
# `output_attentions=True` gives the weights of each head, $(B, H, T, T)$ for each layer, if attention is computed by the plain formula (`attn_implementation="eager"`): the fused kernels never hold all the weights in memory. 270 heads are too many to look at. So we measure, and then look at
# those that stand out. For each head, averaged over the tokens:
#
# - its attention to the **previous** token, and to the **first** one;
# - its **entropy** $-\sum_s w_s \ln w_s$: 0 when it looks at one token, $\ln n$ when it looks at $n$ tokens equally.

# %% [markdown] tags=["zh"]
# 有两行不一致，原因你应该说得出来。`get_memory_footprint` 把缓冲区（RoPE 的频率）也算进去了。而 `FlopCounterMode` 能看到 PyTorch 执行的每一个算子，不需要钩子，也不需要手算；
# 但前提是它认得这个算子。选 `sdpa`（scaled dot-product attention）时，模型调用的是**融合内核**：一个算子做完全部注意力。PyTorch **在 CPU 上**的融合内核不在计数器的表里，于是按零计。
# 默不作声地漏数，比没有工具更糟：要清楚你的工具看得见什么。（GPU 上的融合内核在表里。）
#
# ## 6. 它在看哪里
#
# 如果注意力按普通公式计算（`attn_implementation="eager"`），`output_attentions=True` 就会给出每层每个头的权重，形状 $(B, H, T, T)$；融合内核则从不把全部权重放进内存。
# 270 个头看不过来。所以先测量，再挑突出的看。对每个头，在各个 token 上取平均：
#
# - 它放在**前一个** token 和**第一个** token 上的注意力；
# - 它的**熵** $-\sum_s w_s \ln w_s$：只看一个 token 时为 0，平均地看 $n$ 个 token 时为 $\ln n$。


# %%
@torch.no_grad()
def attention_of(text: str) -> Tensor:
    """(n_layers, H, T, T): the attention weights.
    ---
    (n_layers, H, T, T)：注意力权重。
    """
    return torch.stack(model(encode(text), output_attentions=True).attentions)[:, 0].float().cpu()


def measures(weights: Tensor) -> dict[str, Tensor]:
    """Each (n_layers, H), means over the tokens from the third on.
    ---
    每项 (n_layers, H)，从第三个 token 起取平均。
    """
    return {
        "previous": weights.diagonal(-1, 2, 3)[..., 1:].mean(-1),
        "first": weights[:, :, 2:, 0].mean(-1),
        "entropy": -(weights * weights.clamp_min(1e-12).log()).sum(-1)[:, :, 2:].mean(-1),
    }


def pieces_of(text: str) -> tuple[list[str], Tensor]:
    """Words or characters for the picture: P labels, and a (T, P) matrix of 0 and 1 that says
    which token belongs to which label.
    ---
    画图用的词或字：P 个标签，以及由 0 和 1 组成的矩阵 (T, P)，表示每个 token 属于哪个标签。
    """
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    offsets = encoded["offset_mapping"]
    inside_word = re.compile(r"(?<=[a-zA-Z])[a-zA-Z]")
    starts = sorted({start for start, _ in offsets if not inside_word.match(text, start)})
    group = torch.tensor([0] + [bisect.bisect(starts, start) for start, _ in offsets])
    ends = [*starts[1:], len(text)]
    labels = ["·"] + [text[a:b].strip() for a, b in zip(starts, ends, strict=True)]
    return labels, nn.functional.one_hot(group).float()


weights = {lang: attention_of(text) for lang, text in TEXTS.items()}
found = {lang: measures(w) for lang, w in weights.items()}
together = {name: found["en"][name] + found["zh"][name] for name in found["en"]}
n_heads = config.num_attention_heads
afar = sum(w.tril(-2)[:, :, 2:, 1:].sum(-1).mean(-1) for w in weights.values())
chosen = {
    say("previous token", "前一个 token"): divmod(int(together["previous"].argmax()), n_heads),
    say("first token", "第一个 token"): divmod(int(together["first"].argmax()), n_heads),
    say("broad", "大范围平均"): divmod(int(together["entropy"].argmax()), n_heads),
    say("from afar", "来自远处"): divmod(int(afar[layer + 1 :].argmax()) + (layer + 1) * n_heads, n_heads),
}
figure, panels = plt.subplots(2, 4, figsize=(13, 7.6), layout="constrained")
for row, (lang, text) in zip(panels, TEXTS.items(), strict=True):
    labels, gather = pieces_of(text)
    for panel, (name, (depth, head)) in zip(row, chosen.items(), strict=True):
        grouped = (gather / gather.sum(0)).T @ weights[lang][depth, head] @ gather
        image = panel.imshow(grouped, cmap="Blues", vmin=0, vmax=1)
        rotation = 90 if lang == "en" else 0
        panel.set_xticks(range(len(labels)), labels, rotation=rotation, fontsize=6.5)
        panel.set_yticks(range(len(labels)), labels if panel is row[0] else [], fontsize=6.5)
        where = say(f"layer {depth}, head {head}", f"第 {depth} 层第 {head} 个头")
        panel.set_title(f"{name}\n{where}", fontsize=10)
        panel.set_xlabel(say("key: what is looked at", "键：被看的"), fontsize=8)
    row[0].set_ylabel(say("query: what looks", "查询：看的"), fontsize=8)
figure.colorbar(image, ax=panels, shrink=0.5, label=say("attention weight", "注意力权重"))
plt.show()
for lang, m in found.items():
    mean, many = m["first"].mean(), (m["first"] > 0.5).float().mean()
    after = weights[lang][MIDDLE, :, second[lang] + 1 :].mean((0, 1, 2))
    one, two = after[0], after[second[lang]]
    print(
        say(
            f"{LANGUAGES[lang]}: {mean:.0%} of all attention goes to the first token; "
            f"{many:.0%} of the heads give it more than half\n"
            f"    layers 3 to 9, tokens after token {second[lang]}: "
            f"{one:.0%} to the first token, {two:.0%} to token {second[lang]}",
            f"{LANGUAGES[lang]}：全部注意力的 {mean:.0%} 给了第一个 token；{many:.0%} 的头给它的超过一半\n"
            f"    第 3 到 9 层，编号大于 {second[lang]} 的 token："
            f"{one:.0%} 给第一个 token，{two:.0%} 给 {second[lang]} 号 token",
        )
    )

# %% [markdown] tags=["en"]
# A row shows where one token looks. The same four heads show the same four patterns in two languages: the token before, the first token, a broad average, and one place further back. (`·` is the first token. A Chinese character is mostly two or three tokens; they are put together here, with the mean over queries and the sum over keys, so the previous token may be in the same square.) The head on the right was chosen for the attention that it gives to all tokens but the first and the last two. In the second half of these sentences, much of its weight goes to where the clause
# began: in English to `because` and the word before it, in Chinese to the comma. And half of all attention or more goes to the first token, which says nothing about the text.
#
# Now layer by layer: how much attention goes to the first token, and what do the heads get for it? How long are the **values** that the heads get from the first token, compared with those of the others? And what happens to them without the one number of section 1?

# %% [markdown] tags=["zh"]
# 每一行表示一个 token 看向哪里。同样四个头，在两种语言里是同样四种花样：前一个 token、第一个 token、大范围平均、更靠前的某一处。（`·` 是第一个 token；一个汉字多半是两三个 token，画图时合并了：对查询取平均，对键求和。所以“前一个 token”可能落在同一格里。）
# 最右边的头，是按它给“除第一个和最近两个之外的 token”的注意力选出来的。在这两句话的后半句里，它有很大一部分权重给了分句开始的地方：英文里是 `because` 和它前面的词，中文里是逗号。而全部注意力有一半甚至更多，都给了第一个 token，它和文本内容毫无关系。
#
# 再逐层看看：有多少注意力给了第一个 token，各个头又从那里得到了什么？得到的**值**有多长，与其他 token 的相比如何？没有了第 1 小节的那个数，又会怎样？


# %%
@torch.no_grad()
def seen_by_layers(ids: Tensor, name: str) -> Tensor:
    """(n_layers, T, ...): the output of the module of this name in each layer.
    ---
    (n_layers, T, ...)：各层中叫这个名字的模块的输出。
    """
    caught = []
    hooks = [
        block.get_submodule(name).register_forward_hook(
            lambda module, args, output: caught.append(output[0].float().cpu())
        )
        for block in model.model.layers
    ]
    model(ids)
    for hook in hooks:
        hook.remove()
    return torch.stack(caught)


def value_ratio(ids: Tensor) -> Tensor:
    """(n_layers,): length of the first token's value, divided by the mean length of the others'.
    Mean over the key-value heads.
    ---
    (n_layers,)：第一个 token 的值的长度除以其余 token 的平均长度；在键/值头上取平均。
    """
    values = seen_by_layers(ids, "self_attn.v_proj")
    lengths = values.unflatten(-1, (config.num_key_value_heads, -1)).norm(dim=-1)
    return (lengths[:, 0] / lengths[:, 1:].mean(1)).mean(-1)


figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 3.7))
for lang, colour in [("en", BLUE), ("zh", GREEN)]:
    left.plot(found[lang]["first"].mean(1), "o-", ms=3, color=colour, label=LANGUAGES[lang])
    middle.plot(found[lang]["entropy"].mean(1), "o-", ms=3, color=colour, label=LANGUAGES[lang])
left.set(
    ylim=(0, 1),
    ylabel=say("mean over heads and tokens", "对头和 token 取平均"),
    title=say("attention to the first token", "给第一个 token 的注意力"),
)
middle.set(
    ylim=(0, None),
    ylabel=say("nats, mean over heads and tokens", "nat，对头和 token 取平均"),
    title=say("entropy of the weights", "权重的熵"),
)
ids = encode(TEXTS["en"])
as_it_is = value_ratio(ids)
handle = erase((token, column))
erased = value_ratio(ids)
attention_without = attention_of(TEXTS["en"])[layer + 1 :, :, 2:, 0].mean()
handle.remove()
right.plot(erased, "o-", ms=3, color=ORANGE, label=say("the one number erased", "抹掉那个数"))
right.plot(as_it_is, "o-", ms=3, color=BLUE, label=say("as it is", "原样"))
right.axhline(1.0, color=GREY, label=say("the other tokens", "其余 token"))
right.set(
    ylim=(0, 2.6),
    ylabel=say("relative to the mean of the others", "相对于其余 token 的平均"),
    title=say("length of the first token's value, English", "第一个 token 的值的长度（英文）"),
)
for panel in (left, middle, right):
    panel.set(xlabel=say("layer", "层"))
    panel.legend(frameon=False)
plt.tight_layout()
plt.show()

late = slice(layer + 1, None)
attention_with = found["en"]["first"][late].mean()
print(
    say(
        f"layers {layer + 1} and above, English: "
        f"{attention_with:.0%} of the attention, value {as_it_is[late].mean():.2f}; "
        f"without the number {attention_without:.0%}, value {erased[late].mean():.2f}",
        f"第 {layer + 1} 层及以上，英文：注意力 {attention_with:.0%}，值 {as_it_is[late].mean():.2f}；"
        f"抹掉那个数之后，注意力 {attention_without:.0%}，值 {erased[late].mean():.2f}",
    )
)
normed = seen_by_layers(ids, "input_layernorm")[:, 0]
for other in (" Anna", "7", "我"):
    ids[0, 0] = tokenizer(other, add_special_tokens=False)["input_ids"][0]
    changed = seen_by_layers(ids, "input_layernorm")[:, 0]
    alike = torch.cosine_similarity(changed, normed, dim=-1)[late]
    print(
        say(
            f"first token replaced by {other!r}: "
            f"cosine between the normed vectors, before and after: at least {alike.min():.3f}",
            f"第一个 token 换成 {other!r}：归一化后的向量与原来的余弦不低于 {alike.min():.3f}",
        )
    )

# %% [markdown] tags=["en"]
# Put this beside the picture of section 1:
#
# 1. **Where** the first token's vector is long, the heads look at it (layers 3 to 9, and from 12 on). Where it is not (layers 10 and 11), they look elsewhere. The FFN of layer 11 makes it long again, and attention returns. The second long vector of layers 3 to 9 draws attention, too: in English even more than the first (41 % against 33 %, counted over the tokens that see both).
# 2. A norm makes all vectors equally long. When one column has nearly all the length, what is left after the norm is nearly **the same vector, whatever the token was** (the cosines above, for three other first tokens): a landmark that any query can find, and that says nothing about the text. The values read from it are short.
# 3. **Softmax must sum to 1.** A head that finds nothing of use has to look **somewhere**, and here is a place where it gets next to nothing. Xiao et al. (2023) call it an **attention sink**, and this is their explanation.
# 4. Erase the number, and half of the attention still goes there (63 → 50 %). So the length is not the cause of the attention, or not the only one. What the erasure does show is the value: without the number the norm enlarges what else stands in that vector, and the value becomes three to four times as long (0.24 → 0.84). Heads that added next to nothing now add something.
#
# So beware of an attention map as an **explanation**: much of what it shows is heads at rest. Jain and Wallace (2019, *Attention is not Explanation*) is the classic warning. Wiegreffe and Pinter (2019, *Attention is not not Explanation*) answer that it depends on what you ask of an explanation, and propose tests.
#
# ## 7. Your Llama beside Hugging Face's
#
# If `architectures` is done, look at your own model with the explorer. It gets the sizes of SmolLM2.

# %% [markdown] tags=["zh"]
# 把它和第 1 小节的图放在一起看：
#
# 1. 第一个 token 的向量**长**的地方，各个头就看它（第 3 到 9 层，以及第 12 层以后）；不长的地方（第 10、11 层），就看别处。第 11 层的 FFN 再次把它拉长，注意力就又回来了。第 3 到 9 层的另一个长向量同样吸引注意力：在英文里甚至比第一个还多（41% 对 33%，只统计能看到两者的 token）。
# 2. 归一化把所有向量拉到同样的长度。当一列几乎占去全部长度时，归一化之后剩下的几乎是**同一个向量，不管原来是什么 token**（见上面换了三种开头 token 的余弦）：它是一个任何查询都能找到的路标，与文本内容无关；从它那里读到的值也很短。
# 3. **softmax 之和必须为 1。** 一个头没找到有用的东西，也总得往**某处**看，而这里正好有个地方，看了也几乎什么都拿不到。Xiao 等（2023）把它叫做**注意力汇聚点**（attention sink），这里的解释也是他们给出的。
# 4. 抹掉那个数之后，仍有一半注意力投向那里（63% → 50%）。所以长度不是注意力的原因，或者不是唯一的原因。抹除实验真正说明的是值：没有了那个数，归一化就把那个向量里剩下的内容放大了，值变成原来的三四倍长（0.24 → 0.84）。原来几乎什么也不加的头，现在加进了东西。
#
# 所以，把注意力图当作**解释**时要当心：图上有很大一部分只是头在休息。Jain 与 Wallace（2019，《Attention is not Explanation》）是这方面的经典提醒；Wiegreffe 与 Pinter（2019，《Attention is not not Explanation》）则回应说，这取决于你对“解释”的要求，并提出了检验的办法。
#
# ## 7. 你的 Llama 和 Hugging Face 的 Llama
#
# 如果 `architectures` 已经完成，就用探查器看看你自己的模型，尺寸与 SmolLM2 相同。


# %%
def your_llama() -> nn.Module:
    """The Llama of your architectures notebook, with the sizes of the model above and random
    weights.
    ---
    你的 architectures 笔记本里的 Llama，尺寸与上面的模型相同，权重随机。
    """
    architectures = labkit.notebook("architectures")
    sizes = architectures.Config(
        vocab_size=config.vocab_size,
        d_model=config.hidden_size,
        n_heads=config.num_attention_heads,
        n_kv_heads=config.num_key_value_heads,
        n_layers=config.num_hidden_layers,
        d_ff=config.intermediate_size,
        eps=config.rms_norm_eps,
        rope_base=config.rope_parameters["rope_theta"],
        tied=config.tie_word_embeddings,
    )
    return architectures.Llama(sizes).to(DEVICE, DTYPE)


ids = encode(TEXTS["en"])
theirs = explore(model, ids)
try:
    yours = explore(your_llama(), ids)
except (FileNotFoundError, NotImplementedError, AttributeError) as error:
    reason = error if str(error) else type(error).__name__
    print(say(f"no Llama of yours yet: {reason}", f"还没有你的 Llama：{reason}"))
else:
    show_tree(yours, yours.flops)
    print(say(f"\n{'':28}{'yours':>14}{'theirs':>14}", f"\n{'':28}{'你的':>12}{'库的':>12}"))
    rows = [
        (say(f"parameters: {part}", f"参数：{part}"), number, by_part(theirs.parameters)[part])
        for part, number in by_part(yours.parameters).items()
    ]
    for what, of in [
        (say("FLOPs per token", "每个 token 的 FLOPs"), lambda report: sum(report.flops.values())),
        (say("bytes of outputs per token", "每个 token 的输出字节"), lambda report: sum(report.output_bytes.values())),
        (say("modules", "模块数"), lambda report: len(report.kinds)),
    ]:
        rows.append((what, of(yours), of(theirs)))
    for what, mine, library in rows:
        wide = sum(ord(character) > 0x2E7F for character in what)
        print(f"{what:{28 - wide}}{mine:>14,.0f}{library:>14,.0f}")

# %% [markdown] tags=["en"]
# If your Llama is right, its parameters agree with theirs part by part, and so do the FLOPs. The bytes of outputs and the number of modules need not. Hugging Face's activation is a module in each layer, so the hook sees what it writes; if yours is a function (`F.silu`), no hook sees it. Two more of their modules are RoPE's frequencies and the model without its head.
#
# ## Today (2026)
#
# This section rests on papers and code up to 2025. Notebook 1 names newer models.
# - **Attention sinks are now designed, not only found.** OpenAI's gpt-oss (2025) gives each head a learned number, the sink logit, that joins the softmax and takes weight without giving a value: a head can say "nothing" without a token to look at. Qiu et al. (2025, *Gated Attention for Large Language Models*) multiply the output of each head by a gate, and report that sinks and massive activations shrink; Qwen3-Next (2025) uses it.
# - **Smaller caches.** Besides GQA: multi-head latent attention stores one short vector per token, and a small key for RoPE, instead of keys and values (DeepSeek-V2, 2024). In Gemma 3 most layers see only a window of the last tokens, in gpt-oss every second layer (2025).
# - **Counting.** Parameters, memory and FLOPs of whole models are still counted as here; mixtures of experts need two numbers, all parameters (memory) and those active for a token (FLOPs).
#
# ## Summary
#
# - A model is a tree. Each parameter hangs on one module; shared tensors count once; buffers are no parameters.
# - Hooks watch every module at work. Take them off, also after an error, and leave each module in its mode. They do not see functions.
# - $2 \cdot in \cdot out$ per vector, $2N$ per token, $6ND$ for training. Attention adds $4 L H D n$, and catches up with the rest at four thousand tokens (SmolLM2-135M) to thirty thousand (Llama 3.1 8B).
# - A tied head is free in memory and not in time. In small models the embedding has a large share of the parameters; in large ones the FFNs have 70 to 80 %.
# - The KV cache takes $2 L G D$ numbers per token. GQA shrinks the cache and two projections, not the products of attention.
# - In SmolLM2, half of all attention or more goes to the first token on our two sentences. A massive activation there makes its value short: a place to look at and get next to nothing.
#
# ## Three questions to think about
#
# 1. `output_bytes` summed over the leaves is about what training must keep for the backward pass. Compare it with the KV cache, per token. Which modules dominate, and what could one recompute instead of keeping?
# 2. Our FLOPs of attention count every pair of query and key. Under a causal mask half of them are hidden. Who saves this half, the eager formula or a fused kernel? And what does that do to the length at which attention catches up?
# 3. A 4-bit quantiser chooses its scale by the largest number in a group. What does a massive activation do to one that also rounds **activations** to 8 bits? Where in the model would you leave them alone?
#
# ## Further reading
#
# - Kaplan et al. 2020, *Scaling Laws for Neural Language Models*: section 2.1, where $6ND$ is counted.
# - Hoffmann et al. 2022, *Training Compute-Optimal Large Language Models*: appendix F, the same with all terms.
# - Sun et al. 2024, *Massive Activations in Large Language Models*: sections 2 and 4.
# - Xiao et al. 2023, *Efficient Streaming Language Models with Attention Sinks*: section 3.
# - Clark et al. 2019, *What Does BERT Look At?*: section 3, on heads that look at nothing.
# - Jain and Wallace 2019, *Attention is not Explanation*: section 4. Wiegreffe and Pinter 2019, *Attention is not not Explanation*.

# %% [markdown] tags=["zh"]
# 你的 Llama 如果写对了，参数就会逐部分一致，FLOPs 也一致。输出的字节数和模块数则未必：Hugging Face 的激活函数在每层都是一个模块，它写出的东西钩子看得到；如果你的是函数（`F.silu`），钩子就看不到。另外，他们还把 RoPE 的频率、不含输出头的主体各做成了一个模块。
#
# ## 今天（2026 年）
#
# 以下内容依据截至 2025 年的论文和代码；更新的模型见第 1 节。
# - **注意力汇聚点不再只是被发现，而是被设计出来。** OpenAI 的 gpt-oss（2025）给每个头一个可学习的数（sink logit），它参加 softmax、分走权重，却不带来任何值：头不必找一个 token 来看，就能表示“没有”。Qiu 等（2025，《Gated Attention for Large Language Models》）给每个头的输出乘上一道门，报告说汇聚点和巨量激活都减弱了；Qwen3-Next（2025）采用了它。
# - **更小的缓存。** 除 GQA 外：多头潜在注意力（multi-head latent attention）每个 token 只存一个短向量和一个给 RoPE 用的小的键，代替键和值（DeepSeek-V2，2024）；Gemma 3 的大部分层、gpt-oss 的一半层只看最近一段窗口里的 token（2025）。
# - **计数。** 整个模型的参数、内存和 FLOPs 至今仍是这样数的；混合专家模型要报两个数：全部参数（决定内存）和每个 token 用到的参数（决定 FLOPs）。
#
# ## 小结
#
# - 模型是一棵树。每个参数挂在一个模块上；共享的张量只数一次；缓冲区不是参数。
# - 钩子能看到每个模块的运行。用完要取下，出错也不例外；每个模块要回到原来的模式。钩子看不到函数。
# - 每个向量 $2 \cdot in \cdot out$，每个 token $2N$，训练 $6ND$；注意力另加 $4 L H D n$，到四千个（SmolLM2-135M）至三万个（Llama 3.1 8B）token 时赶上其余部分。
# - 共享输出头省内存，不省时间。小模型的参数有一大块在嵌入里，大模型的参数有 70% 到 80% 在 FFN 里。
# - KV 缓存每个 token 占 $2 L G D$ 个数。GQA 缩小的是缓存和两个投影，不是注意力的那两个乘积。
# - 在 SmolLM2 里，对这两个句子，至少一半的注意力投向第一个 token：那里的巨量激活让它的值变短，成了一个“看了也几乎拿不到东西”的地方。
#
# ## 三个思考题
#
# 1. 把所有叶子模块的 `output_bytes` 加起来，大致就是训练时为反向传播必须保存的量。按每个 token 和 KV 缓存比一比：哪些模块占大头？哪些可以不存、用时再重算？
# 2. 我们算注意力 FLOPs 时，每一对查询和键都数了。在因果掩码下，其中一半是看不见的。能省下这一半的是普通公式还是融合内核？这样一来，注意力赶上其余部分的长度会怎么变？
# 3. 4 比特量化器按一组数中最大的那个确定缩放系数。如果连**激活值**也要舍入到 8 比特，巨量激活会带来什么后果？你会让模型的哪些地方保持原样？
#
# ## 延伸阅读
#
# - Kaplan 等 2020，《Scaling Laws for Neural Language Models》：2.1 节，$6ND$ 的由来。
# - Hoffmann 等 2022，《Training Compute-Optimal Large Language Models》：附录 F，各项都算上的版本。
# - Sun 等 2024，《Massive Activations in Large Language Models》：第 2、4 节。
# - Xiao 等 2023，《Efficient Streaming Language Models with Attention Sinks》：第 3 节。
# - Clark 等 2019，《What Does BERT Look At?》：第 3 节，讲那些什么也不看的头。
# - Jain 与 Wallace 2019，《Attention is not Explanation》：第 4 节。Wiegreffe 与 Pinter 2019，《Attention is not not Explanation》。
