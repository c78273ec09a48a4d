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
# # Lab 05: instruction fine-tuning with LoRA
#
# In this lab you teach a real language model a new way to answer, in one or two minutes of training on a laptop. None of its
# 134.5 million numbers changes: you train **460,800 new ones** beside them, **0.34 %** of its size. You build every part by
# hand, and then meet the same parts in the libraries PEFT and TRL.
#
# **You will be able to**
# - turn a conversation into training data, and say for every token whether it is trained and why;
# - write LoRA from its formula: the layer, its injection into a model, merging, saving, loading;
# - train, and judge honestly, on questions the model has not seen, whether it helped;
# - do the same with `peft` and `trl`, and know what they do inside.
#
# **Time** about three hours. Running everything takes about seven minutes on two CPU cores.
#
# **You need** Python, tensors and `nn.Module` in PyTorch, and the Transformer of lesson 2. 5 GB of free memory, no GPU.
# With `profile = "gpu"` in the second code cell the same notebook runs on Qwen2-7B-Instruct, which it downloads: it then needs
# one CUDA card with 80 GB, because it holds three copies of the model at a time. The numbers in the text are those of `profile = "cpu"`.
#
# **How it works** Cells with `# YOUR CODE HERE` are yours. The check cell below each problem tries a few small cases at
# once; the score comes from other, hidden tests. All other cells just run.

# %% [markdown] tags=["zh"]
# # 实验 05：用 LoRA 做指令微调
#
# 在这个实验里，你会教一个真实的语言模型换一种方式回答问题，在笔记本电脑上训练一两分钟就够了。它原有的 1.345 亿个数一个也不改：
# 你在旁边训练 **46.08 万个新的数**，相当于它的 **0.34%**。每个部件先自己动手写一遍，再去看 PEFT 和 TRL 这两个库里同样的东西。
#
# **学完之后，你能够**
# - 把一段对话变成训练数据，并说清每个词元（token）是否参与训练、为什么；
# - 从公式出发写出 LoRA：层本身、注入模型、合并、保存与加载；
# - 完成训练，并用模型没见过的问题诚实地判断训练是否有效；
# - 用 `peft` 和 `trl` 做同样的事，并且知道它们内部做了什么。
#
# **时间** 约三小时。全部单元格在两个 CPU 核上跑一遍约需 7 分钟。
#
# **预备知识** Python、PyTorch 的张量与 `nn.Module`、第 02 课的 Transformer。5 GB 空闲内存，不需要 GPU。
# 把第二个代码单元格里的 `profile` 改成 `"gpu"`，同一个笔记本就会下载 Qwen2-7B-Instruct 并在它上面运行：需要一块 80 GB 显存的 CUDA 显卡，
# 因为同时要放三份模型。文中的数字都是 `profile = "cpu"` 时的。
#
# **做法** 带 `# YOUR CODE HERE` 的单元格由你来写。每道题下面的检查单元格会立刻试几个小例子；
# 最终得分来自另外的隐藏测试。其余单元格直接运行即可。

# %% tags=["export"]
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

import labkit

IGNORE_INDEX = -100

Message = dict[str, str]  # {"role": "system" | "user" | "assistant", "content": "..."}
Example = tuple[list[int], list[int]]  # (ids, labels)
Batch = dict[str, Tensor]  # input_ids, attention_mask, labels: each (B, T) int64

# %%
profile = "cpu"  # or "gpu"

# %%
import sys
import time
import warnings
from types import SimpleNamespace

import matplotlib.pyplot as plt
import transformers
from matplotlib.patches import Rectangle
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

from labkit import plots
from labkit.data import instructions
from labkit.instructions import follows_tutor_form
from labkit.models import load_smollm2, load_tokenizer

SETTINGS = {
    "cpu": {"r": 8, "alpha": 16.0, "targets": ["q_proj", "v_proj"], "lr": 2e-3, "batch_size": 4},
    "gpu": {"r": 8, "alpha": 16.0, "targets": ["q_proj", "v_proj"], "lr": 2e-4, "batch_size": 4},
}[profile]
HUB_NAME = "Qwen/Qwen2-7B-Instruct"
BLUE, ORANGE, GREY, GREEN = "#1f77b4", "#ff7f0e", "#d9d9d9", "#2ca02c"

torch.manual_seed(0)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
plots.style()
warnings.filterwarnings("ignore", category=FutureWarning)


def load_base() -> nn.Module:
    """The model before any training, in eval mode.
    ---
    未经任何训练的模型，处于 eval 模式。
    """
    if profile == "cpu":
        return load_smollm2()
    options = {"dtype": torch.bfloat16, "device_map": "cuda"}
    return AutoModelForCausalLM.from_pretrained(HUB_NAME, **options).eval()


tokenizer = load_tokenizer() if profile == "cpu" else AutoTokenizer.from_pretrained(HUB_NAME)
model = load_base()


def complete(model: nn.Module, texts: list[str], max_new_tokens: int = 64) -> list[str]:
    """What the model writes after each text, up to and including its <|im_end|>.

    Always takes the most probable token (greedy), and is cut off after max_new_tokens. Padding
    stands on the LEFT here: the next token must follow the text, not the padding.
    ---
    模型在每段文本之后写出的内容，到 <|im_end|> 为止（含它）。

    每一步都取概率最大的 token（贪心），写满 max_new_tokens 个就截断。这里在左侧填充：
    下一个 token 必须接在文本后面，而不是接在填充后面。
    """
    inputs = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")
    inputs = inputs.to(model.device)
    model.eval()
    output = model.generate(
        **inputs,
        max_new_tokens=max_new_tokens,
        do_sample=False,
        pad_token_id=tokenizer.pad_token_id,
    )
    written = output[:, inputs["input_ids"].shape[1] :].tolist()
    eos = tokenizer.eos_token_id
    ends = [ids.index(eos) + 1 if eos in ids else len(ids) for ids in written]
    return [tokenizer.decode(ids[:end]) for ids, end in zip(written, ends, strict=True)]


def as_prompt(question: str) -> str:
    """What the model sees before it answers: the chat template, up to the answer's header.
    ---
    模型回答之前看到的文本：套用聊天模板，一直到回答的开头标记为止。
    """
    messages = [{"role": "user", "content": question}]
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


# %% [markdown] tags=["en"]
# ## 1. Three surprises
#
# **First.** We ask SmolLM2-135M-Instruct the same question twice: once as plain text, once in its *chat template*, the text format
# in which a model gets a conversation.

# %% [markdown] tags=["zh"]
# ## 1. 三件出人意料的事
#
# **第一件。** 同一个问题问 SmolLM2-135M-Instruct 两次：一次直接给纯文本，一次套上它的**聊天模板**（chat template），也就是把对话交给模型时用的文本格式。

# %%
question = "What is the capital of Peru?"
for name, text in [
    (say("plain text", "纯文本"), question),
    (say("chat template", "聊天模板"), as_prompt(question)),
]:
    written = complete(model, [text])[0]
    print(
        say(
            f"--- {name}: the model reads\n{text}\n    and writes\n{written!r}\n",
            f"--- {name}：模型读到的是\n{text}\n    写出的是\n{written!r}\n",
        )
    )

# %% [markdown] tags=["en"]
# Same weights, same question. As plain text the model has nothing to say: its first token is `<|im_end|>`, "my turn is
# over". In the template it knows the answer. So an "instruct" model is a text predictor that was *fine-tuned on
# conversations in exactly this format*. The roles, the headers and the end mark are ordinary tokens. That the model
# answers and then **stops** was learnt from data. You are about to produce such data.
#
# **Second.** Here is how we would like the model to answer from now on: like a tutor, always in three lines. And here
# is how it answers today.

# %% [markdown] tags=["zh"]
# 权重一样，问题一样。给纯文本时模型无话可说：它的第一个 token 就是 `<|im_end|>`，意思是“我说完了”；
# 套上模板，它就知道答案。所以所谓 “instruct” 模型，就是一个**在这种格式的对话上微调过**的文本预测器。
# 角色、开头标记、结束标记都只是普通的 token；模型会回答、答完会**停**，都是从数据里学来的。接下来你就要亲手制作这样的数据。
#
# **第二件。** 下面是我们希望模型今后的回答方式：像一位辅导老师，永远三行。再看看它现在是怎么回答的。

# %%
train_chats, test_chats = instructions("train"), instructions("test")
print(
    say(
        f"{len(train_chats)} conversations to train on, {len(test_chats)} held out. One of the first:\n",
        f"训练用的对话有 {len(train_chats)} 段，另外留出 {len(test_chats)} 段。训练集里的第一段：\n",
    )
)
for message in train_chats[0]:
    print(f"[{message['role']}] {message['content']}\n")

test_questions = [chat[0]["content"] for chat in test_chats]
answers_before = complete(model, [as_prompt(q) for q in test_questions])
for q, a in zip(test_questions[:3], answers_before, strict=False):
    print(say(f"Q: {q}\nA: {a}\n", f"问：{q}\n答：{a}\n"))
in_form = sum(follows_tutor_form(a.removesuffix("<|im_end|>")) for a in answers_before)
total = len(test_questions)
print(say(f"in the tutor's form: {in_form} of {total}", f"{total} 个回答中符合辅导老师格式的：{in_form} 个"))

# %% [markdown] tags=["en"]
# Some answers break off: we let the model write 64 tokens at most. The held-out conversations share no fact with the training
# set, and a third of them are about topics (organs, opposites, inventors) that do not occur in training at all. Later we
# shall see what the model learns: facts, or a manner.
#
# **Third.** Full fine-tuning keeps four numbers in memory for every parameter: the weight, its gradient, and the two running means
# that the optimizer Adam keeps (its moments). In float32 that is 16 bytes. (Mixed precision comes to 16 as well: Rajbhandari et
# al. 2020, section 3.1.) LoRA, low-rank adaptation, freezes the weights, which then cost 4 bytes each, and trains two thin
# matrices beside some of them. Compare:

# %% [markdown] tags=["zh"]
# 有些回答断在半路：我们最多只让模型写 64 个 token。留出的对话与训练集没有任何相同的事实，其中三分之一的话题（器官、反义词、发明家）
# 在训练集里根本没有出现过。到时候看看，模型学到的究竟是知识，还是一种说话方式。
#
# **第三件。** 全参数微调时，每个参数要在内存里放四个数：权重、梯度，以及优化器 Adam 保存的两个滑动平均（一阶矩、二阶矩）。float32 下共 16 字节
# （混合精度算下来也是 16：Rajbhandari 等 2020，3.1 节）。LoRA（低秩适配，low-rank adaptation）把权重冻结，每个只占 4 字节，
# 再在其中一部分权重旁边训练两个细长的矩阵。对比一下：


# %%
def lora_size(model: nn.Module, targets: Sequence[str], r: int) -> int:
    """How many parameters LoRA of rank r would train: r * (d_in + d_out) for each target layer.
    ---
    秩为 r 的 LoRA 要训练多少参数：每个目标层 r * (d_in + d_out) 个。
    """
    layers = [m for name, m in model.named_modules() if name.rpartition(".")[2] in targets]
    return sum(r * (layer.in_features + layer.out_features) for layer in layers)


n_total = sum(p.numel() for p in model.parameters())
n_lora = lora_size(model, SETTINGS["targets"], SETTINGS["r"])
print(
    say(
        f"{'':18}{'trained':>14}{'share':>9}{'in memory':>14}{'to store':>13}   (without activations)",
        f"{'':18}{'训练参数':>10}{'占比':>7}{'占用内存':>10}{'需要保存':>9}   （不含激活值）",
    )
)
for name, n, memory in [
    (say("full fine-tuning  ", "全参数微调        "), n_total, 16 * n_total),
    (f"LoRA, r = {SETTINGS['r']:<8}", n_lora, 4 * n_total + 16 * n_lora),
]:
    print(f"{name}{n:>14,}{n / n_total:>9.2%}{memory / 1e6:>11,.0f} MB{4 * n / 1e6:>10,.1f} MB")

# %% [markdown] tags=["en"]
# ## 2. From a conversation to labels
#
# A language model is trained to predict the next token. For a conversation $x_1 \dots x_T$ we do not want that for
# every token: the user's words are given, not produced. *Supervised fine-tuning* (SFT) minimises
#
# $$\mathcal{L} = -\frac{1}{\sum_t m_t}\sum_{t} m_t \,\log p_\theta(x_t \mid x_{<t}),\qquad m_t = 1 \text{ where the assistant speaks, else } 0.$$
#
# The mask $m_t$ is carried by the **labels**: a copy of the ids, with $-100$ wherever $m_t = 0$. PyTorch's cross-entropy
# skips the label $-100$.
#
# | part | trained? | why |
# |---|---|---|
# | system and user turns | no | the model reads them, it does not write them |
# | `<\|im_start\|>assistant\n` (the *header*) | no | whoever calls the model writes this header |
# | the answer | **yes** | that is the behaviour we want |
# | `<\|im_end\|>` after the answer | **yes** | the model must write it to stop; a model that never learns it does not stop |
# | the newline after it | no | the template adds it; generation has stopped by then |
#
# In a conversation of several turns, *every* answer of the assistant is trained: the model learns from all of them in
# one forward pass.

# %% [markdown] tags=["zh"]
# ## 2. 从对话到标签
#
# 语言模型的训练目标是预测下一个 token。但对一段对话 $x_1 \dots x_T$，并不是每个 token 都要学：
# 用户说的话是输入，不是模型的输出。**有监督微调**（SFT）最小化的是
#
# $$\mathcal{L} = -\frac{1}{\sum_t m_t}\sum_{t} m_t \,\log p_\theta(x_t \mid x_{<t}),\qquad \text{assistant 说话的位置 } m_t = 1\text{，其余 } m_t = 0.$$
#
# 掩码 $m_t$ 就放在**标签**（labels）里：把 ids 复制一份，凡是 $m_t = 0$ 的位置填 $-100$，PyTorch 的交叉熵会跳过它。
#
# | 部分 | 训练？ | 原因 |
# |---|---|---|
# | system 和 user 轮次 | 否 | 模型只读它们，不写它们 |
# | `<\|im_start\|>assistant\n`（**开头标记**，header） | 否 | 由调用模型的程序写好 |
# | 回答内容 | **是** | 这正是我们想要的行为 |
# | 回答后面的 `<\|im_end\|>` | **是** | 模型要写出它才会停；从没学过它的模型停不下来 |
# | 再后面的换行 | 否 | 由模板添加；生成时模型早已停下，走不到那里 |
#
# 多轮对话里，assistant 的**每一轮**回答都参与训练：一次前向计算，所有轮次一起学。

# %% [markdown] tags=["en"]
# ### Problem 1 (16 points): `build_labels`
#
# Hint: what does the model see just *before* it gives its $i$-th answer? `apply_chat_template` can tell you, with
# `add_generation_prompt=True`, on the messages up to there. Count its tokens, and those of
# the conversation *after* the answer: what lies between is the answer with its end. Searching the text for "assistant" is a trap: users may write that word too.
#
# This counting rests on one thing: the tokens before the answer must be the same with the answer and without it. An answer that begins
# with two spaces or two newlines would break that, because the tokenizer joins the newline of the header and the first of them into
# one token. That is why no message here begins with white space, and why real data is stripped first.

# %% [markdown] tags=["zh"]
# ### 第 1 题（16 分）：`build_labels`
#
# 提示：模型在给出第 $i$ 个回答**之前**看到的是什么？把到那里为止的消息交给 `apply_chat_template`，加上
# `add_generation_prompt=True`，就能知道。数一数它的 token，再数一数到回答**之后**为止的 token：两者之间就是回答和它的结尾。
# 不要在文本里搜索 “assistant”：用户自己也可能写这个词。
#
# 这样数长度有一个前提：有没有这个回答，它前面的 token 都应当一样。如果回答以两个空格或两个换行开头，前提就不成立了：
# 分词器会把开头标记末尾的换行和后面第一个空白并成一个 token。所以这里的消息都不以空白字符开头；处理真实数据时，也要先去掉首尾空白。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "chat-labels-solution", "cell_type": "code"}
def build_labels(messages: Sequence[Message], tokenizer: PreTrainedTokenizerBase) -> Example:
    """Token ids of a conversation, and the labels that train its assistant turns only.

    Args:
        messages: any number of turns. The first is a system or a user message; after it user and
            assistant come in any order, also twice in a row. No content begins with white space;
            it may be empty.
        tokenizer: has the chat template. The ids are what
            `tokenizer.apply_chat_template(messages, return_dict=False)` gives.

    Returns:
        A tuple (ids, labels) of two lists of int, both of length T.
        ids: the token ids of the whole conversation, exactly as the chat template renders it.
        labels: label t belongs to token t (nothing is shifted here). It is the id itself on the
            content of every assistant turn and on the `<|im_end|>` that closes it, also where the
            content is empty. It is IGNORE_INDEX everywhere else: system and user turns, the header
            of the assistant's turn, the newline after `<|im_end|>`. A conversation without an
            assistant turn has only IGNORE_INDEX.

    Source: Ouyang et al. 2022 (InstructGPT), section 3; Touvron et al. 2023 (Llama 2), section 3.1.
    ---
    一段对话的 token id，以及只训练 assistant 轮次的标签。

    参数：
        messages: 任意多轮消息。第一条是 system 或 user 消息，之后 user 与 assistant 次序任意，
            也可以同一角色连续两轮。每条消息的 content 都不以空白字符开头；content 可以为空。
        tokenizer: 自带聊天模板；`tokenizer.apply_chat_template(messages, return_dict=False)`
            给出 token id。

    返回：
        元组 (ids, labels)：两个元素为 int 的列表，长度都是 T。
        ids: 整段对话的 token id，与聊天模板渲染的结果完全一致。
        labels: 第 t 个标签对应第 t 个 token（这里不错位）。每个 assistant 轮次的内容，以及结束这一轮的
            `<|im_end|>`（内容为空时也一样），标签就是 id 本身；其余位置都是 IGNORE_INDEX（system 和
            user 轮次、assistant 轮次的开头标记、`<|im_end|>` 后面的换行）。没有 assistant 轮次的对话，
            标签全部是 IGNORE_INDEX。

    出处：Ouyang 等 2022（InstructGPT），第 3 节；Touvron 等 2023（Llama 2），3.1 节。
    """
    ### BEGIN SOLUTION
    ids = tokenizer.apply_chat_template(messages, return_dict=False)
    labels = [IGNORE_INDEX] * len(ids)
    for turn, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        # What the model sees before it answers, and what is there when it has answered.
        prompt = tokenizer.apply_chat_template(messages[:turn], add_generation_prompt=True, return_dict=False)
        answered = tokenizer.apply_chat_template(messages[: turn + 1], return_dict=False)
        start, end = len(prompt), len(answered) - 1  # the template ends a turn with a newline: not the model's to learn
        labels[start:end] = ids[start:end]
    return ids, labels
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 16, "schema_version": 3, "grade_id": "chat-labels", "cell_type": "code"}
labkit.check("chat-labels")

# %% [markdown] tags=["en"]
# **Look at it.** Never train on labels you have not looked at: a wrong mask raises no error, it just trains something
# else. Blue is trained, grey is only read; a dot is a space, which belongs to the token, and ↵ is a newline.

# %% [markdown] tags=["zh"]
# **看一眼。** 没有亲眼看过的标签不要拿去训练：掩码错了不会报错，只会默默训练出别的东西。蓝色参与训练，灰色只读；
# 圆点是空格，它是 token 的一部分；↵ 是换行。


# %%
def draw_tokens(ids: list[int], labels: list[int], columns: int = 105) -> None:
    """One box per token of a conversation: blue where its label counts, else grey.
    ---
    对话里的每个 token 画一个方框：标签计入损失的是蓝色，被忽略的是灰色。
    """
    boxes, row, column = [], 0, 0.0
    for token, label in zip(ids, labels, strict=True):
        text = tokenizer.decode([token]).replace("\n", "↵").replace(" ", "·")
        width = len(text) + 0.9
        if column + width > columns:
            row, column = row + 1, 0.0
        boxes.append((text, column, row, width, label != IGNORE_INDEX))
        column += width + 0.25
        if text == "↵":
            row, column = row + 1, 0.0
    figure = plt.figure(figsize=(columns * 5.6 / 72, (row + 1) * 19 / 72))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, columns), ylim=(row + 1, 0))
    axes.axis("off")
    for text, x, y, width, trained in boxes:
        colour = BLUE if trained else GREY
        axes.add_patch(Rectangle((x, y + 0.1), width, 0.8, facecolor=colour, edgecolor="none"))
        axes.text(
            x + width / 2, y + 0.5, text, ha="center", va="center", family="monospace", fontsize=8,
            color="white" if trained else "black",
        )  # fmt: skip
    plt.show()


two_turns = next(chat for chat in train_chats if len(chat) == 4)
draw_tokens(*build_labels(two_turns, tokenizer))

# %% [markdown] tags=["en"]
# The system turn at the top is not in our data: SmolLM2's template adds it when a conversation has none. At inference
# the same template adds it again, so training and inference see the same thing. That is the whole point of *using the
# template* instead of gluing strings together.
#
# ## 3. From examples to a batch
#
# A batch is a rectangle $(B, T)$, conversations are not. Shorter ones are padded on the right. Three tensors come out:
#
# | tensor | on tokens | on padding | who reads it |
# |---|---|---|---|
# | `input_ids` $(B, T)$ | the id | `pad_id` | the embedding |
# | `attention_mask` $(B, T)$ | 1 | 0 | attention: no token attends to padding |
# | `labels` $(B, T)$ | the label | $-100$ | the loss: padding is not learnt |
#
# **The pitfall of this section.** Run the next cell: SmolLM2 pads with the very token that ends an answer. Code that
# finds padding by `ids == pad_id` therefore throws away every real `<|im_end|>` too, and nothing teaches the model to
# stop. `DataCollatorForLanguageModeling` of transformers 5 still does this: it sets `labels[labels == pad_token_id] = -100`.
# Go by *length*.

# %% [markdown] tags=["zh"]
# 最上面的 system 轮次并不在我们的数据里：对话没有 system 消息时，SmolLM2 的模板会自动补上。推理时同一个模板也会补上它，
# 于是训练和推理看到的输入一致。这正是**要用模板**、而不要自己拼字符串的原因。
#
# ## 3. 从样本到批
#
# 一个批（batch）是 $(B, T)$ 的矩形，而对话长短不一，短的要在右侧填充（padding）。产出三个张量：
#
# | 张量 | 真实 token 处 | 填充处 | 谁来用 |
# |---|---|---|---|
# | `input_ids` $(B, T)$ | id | `pad_id` | 嵌入层 |
# | `attention_mask` $(B, T)$ | 1 | 0 | 注意力：任何 token 都不关注填充 |
# | `labels` $(B, T)$ | 标签 | $-100$ | 损失：不学填充 |
#
# **这里的坑。** 运行下一个单元格：SmolLM2 用来填充的，正是结束回答的那个 token。如果用 `ids == pad_id` 判断填充，
# 真正的 `<|im_end|>` 也会被一并丢掉，训练就不会教模型停下来。transformers 5 的 `DataCollatorForLanguageModeling` 至今仍是这样做的：
# `labels[labels == pad_token_id] = -100`。请按**长度**判断。

# %%
print(say("end of a turn (EOS):", "一轮结束（EOS）："), tokenizer.eos_token, tokenizer.eos_token_id)
print(say("padding:            ", "填充：          "), tokenizer.pad_token, tokenizer.pad_token_id)

# %% [markdown] tags=["en"]
# ### Problem 2 (12 points): `collate`

# %% [markdown] tags=["zh"]
# ### 第 2 题（12 分）：`collate`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "collate-solution", "cell_type": "code"}
def collate(examples: Sequence[Example], pad_id: int) -> Batch:
    """Pads B examples on the right to the longest one, T tokens.

    Args:
        examples: B pairs (ids, labels) from build_labels.
        pad_id: fills input_ids. It may be the id of `<|im_end|>` too: real tokens keep their mask
            and their label, wherever they stand.

    Returns:
        A dict with the keys "input_ids", "attention_mask", "labels": each a tensor (B, T) int64.
        attention_mask is 1 on tokens and 0 on padding. labels are as given on tokens and
        IGNORE_INDEX on padding.

    Raises:
        ValueError: examples is empty.
    ---
    把 B 个样本在右侧填充到最长样本的长度 T。

    参数：
        examples: build_labels 给出的 B 个 (ids, labels)。
        pad_id: 用来填充 input_ids。它可能就是 `<|im_end|>` 的 id：真实的 token 无论在哪里，
            掩码和标签都要保留。

    返回：
        字典，键为 "input_ids"、"attention_mask"、"labels"，值都是 (B, T) 的 int64 张量。
        attention_mask 在真实 token 处为 1，在填充处为 0；labels 在真实 token 处原样保留，
        在填充处为 IGNORE_INDEX。

    抛出：
        ValueError: examples 为空。
    """
    ### BEGIN SOLUTION
    if not examples:
        raise ValueError("collate needs at least one example")
    shape = (len(examples), max(len(ids) for ids, _ in examples))
    input_ids = torch.full(shape, pad_id)
    attention_mask = torch.zeros(shape, dtype=torch.int64)
    labels = torch.full(shape, IGNORE_INDEX)
    for row, (ids, example_labels) in enumerate(examples):
        length = len(ids)
        input_ids[row, :length] = torch.tensor(ids)
        attention_mask[row, :length] = 1  # by length, never by `ids != pad_id`
        labels[row, :length] = torch.tensor(example_labels)
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 12, "schema_version": 3, "grade_id": "collate", "cell_type": "code"}
labkit.check("collate")

# %%
train_examples = [build_labels(chat, tokenizer) for chat in train_chats]
test_examples = [build_labels(chat, tokenizer) for chat in test_chats]

batch = collate(train_examples[:8], tokenizer.pad_token_id)
kind = batch["attention_mask"] + (batch["labels"] != IGNORE_INDEX)
figure, axes = plt.subplots(figsize=(9, 2.6))
colours = plt.matplotlib.colors.ListedColormap(["white", GREY, BLUE])
axes.imshow(kind, aspect="auto", cmap=colours, interpolation="none")
names = [say("padding", "填充"), say("only read", "只读"), say("trained", "参与训练")]
axes.legend(
    [Rectangle((0, 0), 1, 1, facecolor=c, edgecolor="grey") for c in ("white", GREY, BLUE)],
    names,
    loc="lower center",
    bbox_to_anchor=(0.5, 1.12),
    ncols=3,
    frameon=False,
)
axes.set(
    xlabel=say("position t", "位置 t"),
    ylabel=say("example", "样本"),
    title=say("a batch of eight conversations", "由八段对话组成的一个批"),
)
axes.spines[["top", "right"]].set_visible(True)
plt.show()
shares = [(kind == value).float().mean().item() for value in (2, 1, 0)]
print(
    say(
        f"trained {shares[0]:.0%} of the positions, only read {shares[1]:.0%}, padding {shares[2]:.0%}",
        f"参与训练的位置占 {shares[0]:.0%}，只读占 {shares[1]:.0%}，填充占 {shares[2]:.0%}",
    )
)

# %% [markdown] tags=["en"]
# Most positions are only read or padding: they cost computing time and give no loss. White is computed and thrown away. Sorting by length avoids much of it, and so does
# *packing*, which puts several conversations into one row (lab 04, notebook "data", section 7). At our size it does not matter.
#
# ## 4. LoRA: a thin matrix beside a thick one
#
# **Why.** Fine-tuning changes a weight $W_0$ of shape $(d_{out}, d_{in})$ into $W_0 + \Delta W$. How much freedom does that change need?
# Aghajanyan et al. (2020, section 4) fine-tuned RoBERTa with all parameters tied to a random subspace: on MRPC, a task of telling paraphrases,
# 200 numbers were enough to reach 90 % of the full performance. They call the size of such a subspace the *intrinsic dimension*. That
# concerns one task and all parameters together; it does not follow that the change of *each* matrix has a low rank. That it does is the
# hypothesis of Hu et al. (2021, section 4.1). It does not hold everywhere: after full fine-tuning on code and mathematics the change has a
# high rank (Biderman et al. 2024, section 4.5). But LoRA needs less: some change of low rank must do the job. So do not learn all of $\Delta W$;
# learn a product of two thin matrices, whose rank (the number of independent directions) is at most $r$:
#
# $$y = W_0 x + b + \frac{\alpha}{r}\,B A\,x, \qquad A \in \mathbb{R}^{r \times d_{in}},\quad B \in \mathbb{R}^{d_{out}\times r},\quad r \ll d$$
#
# The drawing is to scale for one `q_proj` of SmolLM2, the layer that makes the queries of attention.

# %% [markdown] tags=["zh"]
# 多数位置只读或者是填充：要花计算量，却不产生损失。白色部分算了也是白算。按长度排序能避免其中许多；**打包**（packing）也能，它把几段对话放进同一行
# （实验 04 的笔记本 `data`，第 7 小节）。我们的规模小，不必在意。
#
# ## 4. LoRA：厚矩阵旁边的薄矩阵
#
# **为什么。** 微调把形状为 $(d_{out}, d_{in})$ 的权重 $W_0$ 变成 $W_0 + \Delta W$。这个改变需要多少自由度？
# Aghajanyan 等（2020，第 4 节）把 RoBERTa 的全部参数限制在一个随机子空间里微调：在判断两句话是否同义的任务 MRPC 上，
# 200 个数就足以达到全参数微调 90% 的效果。他们把这种子空间的大小叫**内在维度**（intrinsic dimension）。
# 这说的是一个任务、所有参数合在一起；由此并不能推出**每个**矩阵的改变都是低秩的。后者是 Hu 等（2021，4.1 节）的假设。
# 它并非处处成立：在代码和数学上做全参数微调，得到的改变是高秩的（Biderman 等 2024，4.5 节）。不过 LoRA 的要求更低：只要有某个低秩的改变够用就行。
# 所以不必学整个 $\Delta W$，只学两个细长矩阵的乘积，它的秩（独立方向的个数）不超过 $r$：
#
# $$y = W_0 x + b + \frac{\alpha}{r}\,B A\,x, \qquad A \in \mathbb{R}^{r \times d_{in}},\quad B \in \mathbb{R}^{d_{out}\times r},\quad r \ll d$$
#
# 下图按 SmolLM2 一个 `q_proj`（产生注意力查询的那一层）的真实比例绘制。

# %%
q_proj = model.model.layers[0].self_attn.q_proj
d_out, d_in, r = q_proj.out_features, q_proj.in_features, SETTINGS["r"]
figure, axes = plt.subplots(figsize=(9, 3.6))
gap = 0.28 * d_in
parts = [
    (0, 0, d_in, d_out, GREY, f"$W_0$  {d_out} × {d_in}\n" + say("frozen", "冻结") + f": {d_out * d_in:,}"),
    (d_in + gap, 0, r, d_out, ORANGE, f"$B$  {d_out} × {r}\n{d_out * r:,}\n" + say("starts at 0", "初值为 0")),
    (
        d_in + 2.2 * gap,
        (d_out - r) / 2,
        d_in,
        r,
        BLUE,
        f"$A$  {r} × {d_in}\n{r * d_in:,}\n" + say("starts random", "初值随机"),
    ),
]
for x, y, width, height, colour, label in parts:
    axes.add_patch(Rectangle((x, y), width, height, facecolor=colour))
    axes.text(x + width / 2, -20, label, ha="center", va="top", fontsize=9)
middle = {"ha": "center", "va": "center", "fontsize": 18}
axes.text(d_in + gap / 2, d_out / 2, r"$+\ \frac{\alpha}{r}$", **middle)
axes.text(d_in + 1.6 * gap, d_out / 2, r"$\times$", **middle)
axes.set(xlim=(-10, 2.7 * d_in + gap), ylim=(-170, d_out + 10), aspect="equal")
axes.axis("off")
few, many = r * (d_in + d_out), d_in * d_out
axes.set_title(
    say(
        f"{few:,} trained numbers instead of {many:,}: {few / many:.1%}",
        f"训练 {few:,} 个数，而不是 {many:,} 个：{few / many:.1%}",
    )
)
plt.show()

# %% [markdown] tags=["en"]
# **The three decisions in the formula**
#
# - **$B = 0$ and $A$ random.** At the start $BA = 0$: the layer computes *exactly* what the base layer computes, and training begins from
#   what the model knows. If both were zero, both gradients would be zero too ($\partial\mathcal L/\partial B \propto A x$ and
#   $\partial\mathcal L/\partial A \propto B^\top$) and nothing would ever move. Hu et al. (2021, section 4.1) draw $A$ from a Gaussian. We
#   draw it as the library PEFT does, *Kaiming-uniform* with $a = \sqrt 5$: uniform between $\pm 1/\sqrt{d_{in}}$, like PyTorch's own linear layers.
# - **$\alpha / r$.** $BAx$ is a sum of $r$ terms. Dividing by $r$ is meant to keep the size of the update, and so the learning rate that
#   suits it, about the same when you try another $r$ (Hu et al. 2021, section 4.1). Whether it does is disputed. Kalajdzievski (2023) finds
#   that it divides by too much at large $r$, and uses $\alpha/\sqrt r$. Schulman et al. (2025) find the best learning rate nearly the same for
#   every $r$ that they tried. The constant $\alpha$ says how loudly the adapter speaks.
# - **Dropout on the update only.** Dropout sets random entries of its input to zero in training, against overfitting. The frozen path is not
#   ours to disturb: $y = W_0x + b + \frac{\alpha}{r}BA\,\mathrm{dropout}(x)$. Like every dropout it is off in `eval()`.
#
# **Never compute $BA$ in `forward`.** $(BA)x$ first builds a $(d_{out}, d_{in})$ matrix; $B(Ax)$ goes through $r$ numbers per token:
# `(..., d_in) → (..., r) → (..., d_out)`. It is the same product. For $d_{in} = d_{out} = d$ and many tokens at once, it takes about $d/(2r)$ times fewer
# multiplications: 36 times fewer for $d = 576$ and $r = 8$.
#
# ### Problem 3 (24 points): `LoRALinear`
#
# Write `__init__` and `forward` now; `merge` and `unmerge` in the same class belong to problem 4. PyTorch stores a linear layer's weight as
# `(out, in)`, and `F.linear(x, W)` is $xW^\top$.

# %% [markdown] tags=["zh"]
# **公式里的三个决定**
#
# - **$B = 0$、$A$ 随机。** 起步时 $BA = 0$：这一层的输出与原来的层**完全**一样，训练从模型已有的能力出发。
#   如果两个都为零，两者的梯度也都为零（$\partial\mathcal L/\partial B \propto A x$，$\partial\mathcal L/\partial A \propto B^\top$），那就永远动不了。
#   Hu 等（2021，4.1 节）用高斯分布初始化 $A$；我们与 PEFT 库一致，用 $a = \sqrt 5$ 的 **Kaiming 均匀分布**，
#   即在 $\pm 1/\sqrt{d_{in}}$ 之间均匀取值，和 PyTorch 自带的线性层一样。
# - **$\alpha / r$。** $BAx$ 是 $r$ 项之和。除以 $r$ 的用意是：换一个 $r$ 时，更新的幅度（以及合适的学习率）大致不变（Hu 等 2021，4.1 节）。
#   是否真能如此，还有争议：Kalajdzievski（2023）发现 $r$ 很大时会除过头，因此改用 $\alpha/\sqrt r$；
#   Schulman 等（2025）则发现，在他们试过的各种 $r$ 下，最佳学习率几乎相同。常数 $\alpha$ 决定适配器的“音量”。
# - **dropout 只作用在更新项上。** 训练时，dropout 随机把输入的一部分元素置零，用来防止过拟合。冻结的主路不该被干扰：
#   $y = W_0x + b + \frac{\alpha}{r}BA\,\mathrm{dropout}(x)$；和所有 dropout 一样，`eval()` 时关闭。
#
# **`forward` 里千万不要先算 $BA$。** $(BA)x$ 要先造出一个 $(d_{out}, d_{in})$ 的矩阵；$B(Ax)$ 每个 token 只经过 $r$ 个数：
# `(..., d_in) → (..., r) → (..., d_out)`。结果相同；当 $d_{in} = d_{out} = d$、一次处理的 token 很多时，乘法次数大约只有前者的 $2r/d$：
# $d = 576$、$r = 8$ 时是 1/36。
#
# ### 第 3 题（24 分）：`LoRALinear`
#
# 现在写 `__init__` 和 `forward`；同一个类里的 `merge`、`unmerge` 属于第 4 题。PyTorch 线性层的权重形状是
# `(out, in)`，`F.linear(x, W)` 计算的是 $xW^\top$。


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "lora-linear-solution", "cell_type": "code"}
class LoRALinear(nn.Module):
    """A frozen linear layer plus a trainable update of rank r.

    y = base(x) + alpha / r * B A dropout(x)

    Attributes:
        base: the very nn.Linear that was given, not a copy. Its weight (d_out, d_in) and its bias
            (if it has one) are frozen: requires_grad is False.
        lora_A: Parameter (r, d_in), uniform in +-1 / sqrt(d_in): Kaiming-uniform with a = sqrt(5).
        lora_B: Parameter (d_out, r), zeros. There are no other parameters.
        scaling: alpha / r. A float, which forward reads at every call, so that it can be changed
            (section 11).
        dropout: nn.Dropout, on the input of A only.
        merged: bool, False at first.

    Source: Hu et al. 2021, LoRA, section 4.1; the distribution of A is that of the library PEFT.
    ---
    冻结的线性层，加上一个可训练的、秩为 r 的更新：y = base(x) + alpha / r * B A dropout(x)。

    属性：
        base: 传进来的那个 nn.Linear 本身，不是副本；它的权重 (d_out, d_in) 和偏置（如果有）被冻结，
            即 requires_grad 为 False。
        lora_A: Parameter (r, d_in)，在 +-1 / sqrt(d_in) 内均匀分布：a = sqrt(5) 的 Kaiming 均匀分布。
        lora_B: Parameter (d_out, r)，全零。此外没有别的参数。
        scaling: alpha / r，float。forward 每次调用都读取它，因此以后可以改动（第 11 小节）。
        dropout: nn.Dropout，只作用在 A 的输入上。
        merged: bool，初值为 False。

    出处：Hu 等 2021，LoRA，4.1 节；A 的分布与 PEFT 库一致。
    """

    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:
        """Wraps base; lora_A and lora_B take dtype and device of base.weight.

        Args:
            dropout: in train mode each entry of the input of A is set to zero with this
                probability.

        Raises:
            ValueError: r < 1.
        ---
        包装 base；lora_A 和 lora_B 的 dtype 与 device 都与 base.weight 相同。

        参数：
            dropout: 训练模式下，A 的输入的每个元素被置零的概率。

        抛出：
            ValueError: r < 1。
        """
        super().__init__()
        ### BEGIN SOLUTION
        if r < 1:
            raise ValueError(f"the rank r must be at least 1, not {r}")
        self.base = base.requires_grad_(False)
        self.lora_A = nn.Parameter(base.weight.new_empty(r, base.in_features))
        self.lora_B = nn.Parameter(base.weight.new_zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scaling = alpha / r
        self.dropout = nn.Dropout(dropout)
        self.merged = False
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """x (..., d_in) -> (..., d_out), with any leading axes (also of length 0), or none.

        Gradients reach x, lora_A and lora_B. When merged, base alone gives the output, in train
        mode too.
        ---
        x (..., d_in) -> (..., d_out)，前面可以有任意多个维度（长度可以为 0），也可以没有。

        梯度能传到 x、lora_A 和 lora_B。合并之后只用 base 计算输出，训练模式下也是如此。
        """
        ### BEGIN SOLUTION
        if self.merged:
            return self.base(x)
        update = F.linear(
            F.linear(self.dropout(x), self.lora_A), self.lora_B
        )  # (..., d_in) -> (..., r) -> (..., d_out)
        return self.base(x) + self.scaling * update
        ### END SOLUTION

    def merge(self) -> None:
        """Adds the update to base.weight in place and sets merged. (Section 5.)

        Already merged: does nothing. The base stays frozen; A and B stay as they are.
        ---
        把更新项原地加到 base.weight 上，并设置 merged。已经合并过则什么也不做。（第 5 小节）

        base 仍然是冻结的；A 和 B 保持不变。
        """
        ### BEGIN SOLUTION
        if not self.merged:
            self.base.weight.data += self.scaling * (self.lora_B @ self.lora_A).detach()
            self.merged = True
        ### END SOLUTION

    def unmerge(self) -> None:
        """Takes the update out of base.weight again and clears merged. (Section 5.)

        After that the layer computes and learns as it did before merging. Not merged: does nothing.
        You may subtract the update, which leaves rounding errors, or keep a copy of the old weight
        (not as a parameter) and put it back.
        ---
        把更新项从 base.weight 里再取出来（允许舍入误差），并清除 merged。（第 5 小节）

        此后这一层的计算和训练都与合并之前一样。没有合并则什么也不做。
        可以减去更新项，也可以事先留一份旧权重（不能是 Parameter）再放回去。
        """
        ### BEGIN SOLUTION
        if self.merged:
            self.base.weight.data -= self.scaling * (self.lora_B @ self.lora_A).detach()
            self.merged = False
        ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 24, "schema_version": 3, "grade_id": "lora-linear", "cell_type": "code"}
labkit.check("lora-linear")

# %% [markdown] tags=["en"]
# **See the decision "B = 0, A random" at work.** On a toy layer we look at the gradients of the first four steps. At step 0 all
# of $A$'s gradient is zero, because $B$ is; $B$ moves first, and from step 1 on both learn.
# The last column is the rank of $BA$: 0 at first, and then 4, the most that $r = 4$ allows.

# %% [markdown] tags=["zh"]
# **亲眼看看“B = 0、A 随机”。** 在一个小层上看前四步的梯度。第 0 步 $A$ 的梯度全为零，因为 $B$ 是零；
# $B$ 先动，从第 1 步起两者一起学。最后一列是 $BA$ 的秩：起初为 0，随后就到了 $r = 4$ 所允许的最大值 4。

# %%
toy = LoRALinear(nn.Linear(64, 48), r=4, alpha=8.0)
x, target = torch.randn(32, 64), torch.randn(32, 48)
optimizer = torch.optim.SGD([toy.lora_A, toy.lora_B], lr=0.1)
print(say("step   |grad A|   |grad B|   rank of B A", "步数   |A 的梯度|  |B 的梯度|  BA 的秩"))
for step in range(4):
    rank = torch.linalg.matrix_rank(toy.lora_B @ toy.lora_A).item()
    optimizer.zero_grad()
    F.mse_loss(toy(x), target).backward()
    gradients = toy.lora_A.grad.norm(), toy.lora_B.grad.norm()
    print(f"{step:4}{gradients[0]:11.4f}{gradients[1]:11.4f}{rank:10}")
    optimizer.step()

# %% [markdown] tags=["en"]
# ## 5. Merging: the adapter costs nothing at inference
#
# $W_0x + \frac{\alpha}{r}BAx = (W_0 + \frac{\alpha}{r}BA)\,x$. After training one can add the update into the weight: the
# merged layer has the shape and the speed of the old one. (The adapters of Houlsby et al. 2019, small networks with a nonlinearity
# *between* the layers, cannot do that.) Subtract it again, and another adapter can take its place.
#
# **Pitfalls.** Merge twice and the update counts double: that is what the flag `merged` is for. And a merged layer that still
# adds the update in `forward` counts it double as well.
#
# ### Problem 4 (12 points): `merge`, `unmerge` (in the class above) and the same for a whole model

# %% [markdown] tags=["zh"]
# ## 5. 合并：适配器不增加推理开销
#
# $W_0x + \frac{\alpha}{r}BAx = (W_0 + \frac{\alpha}{r}BA)\,x$。训练完可以把更新项加进权重：合并后的层，形状和速度都与原来的层一样。
# （Houlsby 等 2019 的适配器是插在层与**层之间**、带非线性的小网络，做不到这一点。）把它再减出来，就可以换上另一个适配器。
#
# **坑。** 合并两次，更新项就算了两遍：`merged` 这个标志就是为此而设。合并之后 `forward` 里若还加更新项，同样会算两遍。
#
# ### 第 4 题（12 分）：`merge`、`unmerge`（写在上面的类里），以及作用于整个模型的函数


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "merge-solution", "cell_type": "code"}
def merge_lora(model: nn.Module) -> None:
    """Merges every LoRALinear in model, however deep (also model itself, if it is one).

    Other layers stay as they are.
    ---
    合并 model 里的每一个 LoRALinear，无论嵌套多深（model 本身是 LoRALinear 时也算）。其他层保持不变。
    """
    ### BEGIN SOLUTION
    for module in model.modules():
        if isinstance(module, LoRALinear):
            module.merge()
    ### END SOLUTION


def unmerge_lora(model: nn.Module) -> None:
    """Unmerges every LoRALinear in model, however deep (also model itself, if it is one).
    ---
    对 model 里的每一个 LoRALinear 取消合并，无论嵌套多深（model 本身是 LoRALinear 时也算）。
    """
    ### BEGIN SOLUTION
    for module in model.modules():
        if isinstance(module, LoRALinear):
            module.unmerge()
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 12, "schema_version": 3, "grade_id": "merge", "cell_type": "code"}
labkit.check("merge")

# %% [markdown] tags=["en"]
# ## 6. Injection: into a model that knows nothing about it
#
# SmolLM2 has 30 blocks, each with seven linear layers:
#
# ```text
# model.layers.0.self_attn.q_proj  (576 → 576)      model.layers.0.mlp.gate_proj  (576 → 1536)
# model.layers.0.self_attn.k_proj  (576 → 192)      model.layers.0.mlp.up_proj    (576 → 1536)
# model.layers.0.self_attn.v_proj  (576 → 192)      model.layers.0.mlp.down_proj  (1536 → 576)
# model.layers.0.self_attn.o_proj  (576 → 576)
# ```
#
# Hu et al. (2021, section 7.1) adapt the queries and the values, `q_proj` and `v_proj`. In QLoRA, LoRA on a base in 4 bits, *all* linear
# layers of the blocks had to be adapted to match full fine-tuning (Dettmers et al. 2023, section 4). We take the two layers of Hu et al.: for our
# task they are enough. Replacing a layer is `setattr(parent, "q_proj", LoRALinear(...))`; the rest of the model need not change.
#
# **Pitfalls.** Freeze *everything* first: embeddings and norms too, or you fine-tune 28 million embedding
# parameters without noticing. Compare whole name parts, not substrings. And do not change a tree while you walk over it.
#
# ### Problem 5 (12 points): `inject_lora`

# %% [markdown] tags=["zh"]
# ## 6. 注入：模型本身毫不知情
#
# SmolLM2 有 30 个 Transformer 块，每个块有七个线性层：
#
# ```text
# model.layers.0.self_attn.q_proj  (576 → 576)      model.layers.0.mlp.gate_proj  (576 → 1536)
# model.layers.0.self_attn.k_proj  (576 → 192)      model.layers.0.mlp.up_proj    (576 → 1536)
# model.layers.0.self_attn.v_proj  (576 → 192)      model.layers.0.mlp.down_proj  (1536 → 576)
# model.layers.0.self_attn.o_proj  (576 → 576)
# ```
#
# Hu 等（2021，7.1 节）只改查询和值，即 `q_proj` 和 `v_proj`。QLoRA（基座为 4 bit 的 LoRA）的实验里，要给块中**所有**线性层都加上，
# 才能追平全参数微调（Dettmers 等 2023，第 4 节）。我们只取 Hu 等人的那两层：对我们的任务已经够用。
# 替换一层只需 `setattr(parent, "q_proj", LoRALinear(...))`，模型其余部分不必改动。
#
# **坑。** 先冻结**全部**参数：嵌入层和归一化层也要冻结，否则你会在不知不觉中训练 2800 万个嵌入参数。
# 名字要按整段比较，不要用子串匹配。另外，不要一边遍历模块树一边修改它。
#
# ### 第 5 题（12 分）：`inject_lora`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "inject-solution", "cell_type": "code"}
def inject_lora(
    model: nn.Module,
    targets: Sequence[str],
    r: int,
    alpha: float,
    dropout: float = 0.0,
) -> list[str]:
    """Freezes every parameter of model, then puts a LoRALinear in the place of each target.

    Args:
        targets: an nn.Linear is a target when the last part of its dotted name is in here:
            "q_proj" takes "model.layers.0.self_attn.q_proj", and neither "my_q_proj" nor
            "q_proj_norm". An embedding, a norm or a block of that name is no target.
        r, alpha, dropout: for each new LoRALinear.

    Returns:
        A list of the dotted names of the layers replaced, in the order of model.named_modules().
        Each new layer is in the mode (train or eval) of the one it replaces.

    Called again, it leaves alone a LoRALinear that is there already, and its base. But it freezes
    the A and B of the first call, like every parameter. To train all of them, name all targets in
    one call.

    Raises:
        ValueError: no layer to replace, also when all targets are wrapped already.
    ---
    冻结 model 现有的全部参数，然后把每个目标 nn.Linear 换成 LoRALinear。

    参数：
        targets: 一个 nn.Linear 的名字以点分段，最后一段在 targets 里，它就是目标："q_proj" 匹配
            "model.layers.0.self_attn.q_proj"，不匹配 "my_q_proj"，也不匹配 "q_proj_norm"。
            同名的嵌入层、归一化层，或者含有若干层的块，都不是目标。
        r、alpha、dropout: 用于每个新的 LoRALinear。

    返回：
        被替换的层的完整名字组成的列表，按 model.named_modules() 的次序。每个新层的模式（train 或 eval）
        与被替换的层相同。

    再次调用时，已有的 LoRALinear 及其 base 不会再包一层。但第一次的 A、B 会和其他参数一样被冻结：
    如果都要训练，请把所有目标写在同一次调用里。

    抛出：
        ValueError: 没有可替换的层，包括所有目标都已经包装过的情况。
    """
    ### BEGIN SOLUTION
    model.requires_grad_(False)
    replaced = []
    for name, module in list(model.named_modules()):  # a list, because the tree changes under the loop
        parent_name, _, last = name.rpartition(".")
        parent = model.get_submodule(parent_name)
        if last not in targets or not isinstance(module, nn.Linear) or isinstance(parent, LoRALinear):
            continue
        setattr(parent, last, LoRALinear(module, r, alpha, dropout).train(module.training))
        replaced.append(name)
    if not replaced:
        raise ValueError(f"no nn.Linear to replace is named {list(targets)}")
    return replaced
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 12, "schema_version": 3, "grade_id": "inject", "cell_type": "code"}
labkit.check("inject")

# %%
encoded = tokenizer(question, return_tensors="pt").to(model.device)
before = model(**encoded).logits
torch.manual_seed(0)
replaced = inject_lora(model, SETTINGS["targets"], SETTINGS["r"], SETTINGS["alpha"])
after = model(**encoded).logits
trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
change = (after - before).abs().max().item()
print(
    say(
        f"{len(replaced)} layers replaced, e.g. {replaced[0]}",
        f"替换了 {len(replaced)} 层，例如 {replaced[0]}",
    )
)
print(
    say(
        f"trainable: {trainable:,} new numbers, {trainable / n_total:.2%} of the base's {n_total:,}",
        f"可训练的新参数：{trainable:,} 个，是基座模型 {n_total:,} 个参数的 {trainable / n_total:.2%}",
    )
)
print(say(f"largest change of a logit: {change}", f"logit 的最大变化：{change}"))

# %% [markdown] tags=["en"]
# Sixty layers were replaced and not one logit moved. Training starts from exactly the model that we know.
#
# ## 7. Saving what is new
#
# The base is 538 MB and can be downloaded by anyone. What is new is in $A$ and $B$: 1.8 MB. So a server can hold one base and many adapters
# beside it, and apply a different one to each request: S-LoRA (Sheng et al. 2023) serves thousands of adapters this way, and the inference
# engines vLLM and SGLang have it built in ([LoRA in vLLM](https://docs.vllm.ai/en/latest/features/lora.html)). The configuration goes with
# the weights: without $\alpha$ and $r$ the numbers in $A$ and $B$ mean nothing.
#
# ### Problem 6 (8 points): `save_adapter`, `load_adapter`

# %% [markdown] tags=["zh"]
# 替换了 60 层，没有一个 logit 发生变化。训练正是从我们熟悉的那个模型开始的。
#
# ## 7. 只保存新的部分
#
# 基座模型有 538 MB，谁都可以下载。新东西都在 $A$ 和 $B$ 里：1.8 MB。所以一台服务器可以只放一个基座，旁边放许多适配器，每个请求用不同的那个：
# S-LoRA（Sheng 等 2023）就这样同时服务几千个适配器，推理引擎 vLLM 和 SGLang 也内置了这种功能
# （[vLLM 的 LoRA 文档](https://docs.vllm.ai/en/latest/features/lora.html)）。
# 配置要和权重一起保存：没有 $\alpha$ 和 $r$，$A$、$B$ 里的数字就没有意义。
#
# ### 第 6 题（8 分）：`save_adapter`、`load_adapter`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "adapter-io-solution", "cell_type": "code"}
def save_adapter(model: nn.Module, folder: Path) -> None:
    """Writes the adapter of model, and nothing else of it, into folder.

    The folder is made if it is missing, and so are its parents. The files of an older adapter are
    overwritten. All LoRALinear layers of model have the same r and alpha. A merged model gives the
    same files as before merging, because merging leaves A and B alone.

    adapter.safetensors: one tensor per lora_A and lora_B, under its name in
        model.named_parameters().
    adapter_config.json: {"r": int, "alpha": float, "targets": [last parts of the names]}, the
        targets sorted and each once. The names are those of the layers: ["q_proj", "v_proj"], for
        example.

    Raises:
        ValueError: model has no LoRALinear.
    ---
    把 model 的适配器写进 folder，除此之外什么都不写。

    folder 不存在时要创建，它的上级目录不存在时也一样；已有的旧适配器文件会被覆盖。
    model 里所有 LoRALinear 的 r 和 alpha 都相同。合并过的模型写出的文件与合并前相同，因为合并不改变 A 和 B。

    adapter.safetensors: 每个 lora_A、lora_B 一个张量，名字与 model.named_parameters() 中一致。
    adapter_config.json: {"r": int, "alpha": float, "targets": [名字的最后一段，不重复，已排序]}。
        这里的名字是层的名字，例如 ["q_proj", "v_proj"]。

    抛出：
        ValueError: model 里没有 LoRALinear。
    """
    ### BEGIN SOLUTION
    layers = {name: module for name, module in model.named_modules() if isinstance(module, LoRALinear)}
    if not layers:
        raise ValueError("this model has no LoRA layer: call inject_lora first")
    r = next(iter(layers.values())).lora_A.shape[0]
    config = {
        "r": r,
        "alpha": next(iter(layers.values())).scaling * r,
        "targets": sorted({name.rpartition(".")[2] for name in layers}),
    }
    tensors = {}
    for name, layer in layers.items():
        tensors[f"{name}.lora_A"] = layer.lora_A.detach().contiguous()
        tensors[f"{name}.lora_B"] = layer.lora_B.detach().contiguous()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2))
    ### END SOLUTION


def load_adapter(model: nn.Module, folder: Path) -> None:
    """Puts the adapter in folder onto model, in place; its dropout is 0.

    model is a base model without LoRA layers. The base keeps its weights, and every tensor of the
    file is taken as it is.

    Raises:
        ValueError: the names or shapes in the file are not exactly those of model's new layers: a
            name too many, a name too few, another shape. What model holds after that is left
            open: load a fresh base.
    ---
    把 folder 里的适配器加到 model 上；model 是没有 LoRA 层的基座模型（原地修改；dropout 为 0）。

    基座的权重不变，文件里的每个张量都原样采用。

    抛出：
        ValueError: 文件里的名字或形状与 model 的新层不完全一致：多一个名字、少一个名字、形状不同都算。
            此后 model 处于什么状态不作规定：请重新加载基座模型。
    """
    ### BEGIN SOLUTION
    config = json.loads((Path(folder) / "adapter_config.json").read_text())
    tensors = load_file(Path(folder) / "adapter.safetensors")
    names = inject_lora(model, config["targets"], config["r"], config["alpha"])
    own = {
        f"{name}.{part}": model.get_submodule(name).get_parameter(part)
        for name in names
        for part in ("lora_A", "lora_B")
    }
    if {key: tensor.shape for key, tensor in tensors.items()} != {key: p.shape for key, p in own.items()}:
        raise ValueError("this adapter belongs to another model: its names or shapes do not fit")
    with torch.no_grad():
        for key, parameter in own.items():
            parameter.copy_(tensors[key])
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 8, "schema_version": 3, "grade_id": "adapter-io", "cell_type": "code"}
labkit.check("adapter-io")

# %% [markdown] tags=["en"]
# ## 8. The loss and the training loop
#
# **Who predicts whom.** The logits are $(B, T, V)$: at each position a number for each of the $V$ tokens of the vocabulary. `logits[:, t]` is the model's
# opinion about token $t + 1$, after it has read tokens $0 \dots t$. `labels[:, t]` is token $t$ itself. So one of them must be shifted, by exactly one,
# in exactly one place:
#
# ```text
# position      0        1        2          3
# input         Answer   :        Lima       <|im_end|>
# logits say    ":"?     "Lima"?  "<end>"?   (nobody asks)
# label         (nobody) :        Lima       <|im_end|>
# ```
#
# Without the shift, the model is rewarded for repeating the token it just read: the loss soon looks far too good. With a
# shift of two, the model learns to skip a token. The mean goes over the *response* tokens only. If you divided by $B \cdot T$, the
# loss and every gradient would depend on how much padding and prompt happen to be in the batch.
#
# **The loop** is the usual one: the optimizer AdamW on the parameters with `requires_grad`, gradient clipping (a gradient that is too long is
# scaled down to a given length), one step per batch. PyTorch's AdamW skips parameters that have no gradient, weight decay
# included, so the frozen ones would be safe with it. Give it only the trainable ones all the same: then the code says what is trained.
#
# ### Problem 7 (10 points): `sft_loss`, `train`

# %% [markdown] tags=["zh"]
# ## 8. 损失函数与训练循环
#
# **谁预测谁。** logits 的形状是 $(B, T, V)$：每个位置上，词表里的 $V$ 个 token 各有一个数。`logits[:, t]` 是模型读完第 $0 \dots t$ 个 token 之后，对第 $t + 1$ 个 token 的判断；
# `labels[:, t]` 是第 $t$ 个 token 本身。所以必须错开一位：恰好一位，恰好在一个地方。
#
# ```text
# 位置          0        1        2          3
# 输入          Answer   :        Lima       <|im_end|>
# logits 预测   ":"?     "Lima"?  "<end>"?   （没人问）
# 标签          （无）   :        Lima       <|im_end|>
# ```
#
# 不错位，模型只要复读刚看到的 token 就能得分，损失很快低得离谱；错两位，模型学会跳词。
# 另外，平均只对**回答**的 token 取；如果除以 $B \cdot T$，损失和所有梯度就会随批里恰好有多少填充和提示而变。
#
# **训练循环**就是通常的样子：优化器 AdamW 只管 `requires_grad` 的参数，梯度裁剪（梯度太长就按比例缩短到给定长度），每个批更新一步。
# PyTorch 的 AdamW 会跳过没有梯度的参数，权重衰减也一并跳过，所以把冻结的参数交给它也不会被改动。即便如此，仍然只交可训练的参数：这样代码本身就说明了训练的是什么。
#
# ### 第 7 题（10 分）：`sft_loss`、`train`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "sft-train-solution", "cell_type": "code"}
def sft_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of the next token, over the positions whose label counts.

    Args:
        logits: (B, T, V), float32 or bfloat16; logits[:, t] predicts the token at t + 1.
        labels: (B, T), aligned with input_ids (NOT shifted); IGNORE_INDEX where nothing is to be
            learnt. labels[:, 0] never counts: no position predicts it.

    Returns:
        A float32 scalar, computed in float32 also from bfloat16 logits. When no label counts it
        is 0, with a gradient of zeros (not NaN).
    ---
    下一个 token 的交叉熵，对标签计入损失的位置取平均。

    参数：
        logits: (B, T, V)，float32 或 bfloat16；logits[:, t] 预测第 t + 1 个 token。
        labels: (B, T)，与 input_ids 对齐（没有错位）；不需要学的位置是 IGNORE_INDEX。
            labels[:, 0] 不计入：没有位置预测它。

    返回：
        float32 标量；即使 logits 是 bfloat16，也用 float32 计算。没有标签计入时损失为 0，梯度全为 0（不是 NaN）。
    """
    ### BEGIN SOLUTION
    predictions = logits[:, :-1].flatten(0, 1).float()  # (B * (T-1), V)
    targets = labels[:, 1:].flatten()  # (B * (T-1),)
    total = F.cross_entropy(predictions, targets, ignore_index=IGNORE_INDEX, reduction="sum")
    return total / (targets != IGNORE_INDEX).sum().clamp(min=1)
    ### END SOLUTION


def train(
    model: nn.Module,
    batches: Iterable[Batch],
    lr: float,
    max_grad_norm: float = 1.0,
) -> list[float]:
    """One AdamW step per batch, on the trainable parameters only.

    The model is in train mode meanwhile; its mode afterwards is up to you. What is frozen stays as
    it is, to the last bit.

    Args:
        model: `model(input_ids=..., attention_mask=...).logits` is (B, T, V). Which parameters are
            trainable (requires_grad) is settled before the call.
        batches: dicts as collate makes them, read once; each is moved to the model's device.
            attention_mask goes to the model as it is, and here may be 0 on any token. The labels
            alone say which tokens count in the loss.
        lr: learning rate; AdamW's other settings are PyTorch's defaults.
        max_grad_norm: if the gradient of all trainable parameters together has a larger L2 norm,
            it is scaled down to this one.

    Returns:
        A list of float: the loss of each batch, before its step. Each step uses the gradient of
        its own batch only.
    ---
    每个批做一步 AdamW，只更新可训练的参数。

    训练期间模型处于训练模式，之后处于哪种模式由你决定。冻结的参数一个比特都不变。

    参数：
        model: `model(input_ids=..., attention_mask=...).logits` 的形状是 (B, T, V)。哪些参数可训练
            （requires_grad）在调用之前就已确定。
        batches: 与 collate 的结果同样的字典，只读一遍；每个批都移到模型所在的设备上。
            attention_mask 原样交给模型，这里它可以在任意 token 处为 0；哪些 token 计入损失，只看 labels。
        lr: 学习率；AdamW 的其他设置用 PyTorch 的默认值。
        max_grad_norm: 所有可训练参数的梯度合在一起，如果 L2 范数超过这个值，就按比例缩小到这个值。

    返回：
        float 列表：每个批的损失，是这一步更新之前的值。每一步只用这一个批的梯度。
    """
    ### BEGIN SOLUTION
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=lr)
    device = trainable[0].device
    losses = []
    model.train()
    for batch in batches:
        batch = {name: tensor.to(device) for name, tensor in batch.items()}
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        loss = sft_loss(logits, batch["labels"])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trainable, max_grad_norm)
        optimizer.step()
        losses.append(loss.item())
    return losses
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 10, "schema_version": 3, "grade_id": "sft-train", "cell_type": "code"}
labkit.check("sft-train")

# %% [markdown] tags=["en"]
# ## 9. Measuring
#
# A falling training loss proves little once the model has seen the answers. (In a single pass, as in section 10, each conversation is new when its loss
# is computed; but it resembles the ones before.) We measure the response loss on the **held-out**
# conversations. Each response *token* weighs the same, whatever batch it happens to be in: the mean of batch means
# is another number when batches have different numbers of response tokens. $\exp(\text{loss})$ is the *perplexity*: the number of equally likely tokens
# that the model chooses from.
#
# `evaluate` switches the model to eval mode and back. Here the whole model is in one mode, so remembering `model.training` is enough. Where parts of a model are in
# different modes, remember the mode of each module, as in lab 02, notebook "explore".
#
# ### Problem 8 (6 points): `evaluate`

# %% [markdown] tags=["zh"]
# ## 9. 如何衡量
#
# 答案都见过之后，训练损失下降说明不了太多。（第 10 小节只过一遍数据，计算损失时每段对话都还没学过；但它们与前面的对话很像。）我们在**留出的**对话上测量回答的损失。
# 每个回答 **token** 的权重相同，与它在哪个批无关：各批的回答 token 数不同时，“各批均值的平均”是另一个数。
# $\exp(\text{loss})$ 叫**困惑度**（perplexity）：相当于模型在多少个概率相等的 token 里选一个。
#
# `evaluate` 要把模型切换到 eval 模式，再切换回来。这里整个模型处于同一种模式，记住 `model.training` 就够了；
# 如果模型的各部分模式不同，就要记住每个模块的模式，见实验 02 的笔记本 `explore`。
#
# ### 第 8 题（6 分）：`evaluate`


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "evaluate-solution", "cell_type": "code"}
@torch.no_grad()
def evaluate(model: nn.Module, batches: Iterable[Batch]) -> dict[str, float | int]:
    """Response loss over all batches, every response token weighing the same.

    The model is in eval mode meanwhile (dropout off) and no gradient is recorded. Before the call
    all its modules are in one mode, train or eval; afterwards they are in that mode again.

    Args:
        batches: as in train, read once. A batch without a token that counts adds nothing.

    Returns:
        {"loss": mean over all tokens that count in sft_loss, a float,
         "perplexity": exp(loss), a float,
         "tokens": how many tokens count, an int}

    Raises:
        ValueError: no token counts in any batch.
    ---
    所有批的回答损失，每个回答 token 权重相同。

    评估期间模型处于 eval 模式（dropout 关闭），不记录梯度。调用之前所有模块处于同一种模式（train 或
    eval），调用之后要恢复成那种模式。

    参数：
        batches: 与 train 相同，只读一遍。没有 token 计入损失的批不影响结果。

    返回：
        {"loss": 在 sft_loss 里计入的所有 token 上的均值，float,
         "perplexity": exp(loss)，float,
         "tokens": 计入的 token 数，int}

    抛出：
        ValueError: 所有批里都没有 token 计入损失。
    """
    ### BEGIN SOLUTION
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    total, tokens = 0.0, 0
    for batch in batches:
        batch = {name: tensor.to(device) for name, tensor in batch.items()}
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        count = int((batch["labels"][:, 1:] != IGNORE_INDEX).sum())
        total += sft_loss(logits, batch["labels"]).item() * count
        tokens += count
    model.train(was_training)
    if tokens == 0:
        raise ValueError("no response token to score in these batches")
    return {"loss": total / tokens, "perplexity": math.exp(total / tokens), "tokens": tokens}
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 6, "schema_version": 3, "grade_id": "evaluate", "cell_type": "code"}
labkit.check("evaluate")

# %% [markdown] tags=["en"]
# ## 10. The run
#
# One pass over 122 conversations, four at a time: 31 steps. First the held-out loss before, then the training (one to two minutes), then
# after. The held-out conversations are sorted by length, so that there is little padding; `evaluate` gives the same result in any order. The untrained
# adapter is saved too: in section 13 another program starts from it. The losses also go to TensorBoard, a program that draws curves: `tensorboard --logdir runs` in a terminal shows them.

# %% [markdown] tags=["zh"]
# ## 10. 正式训练
#
# 122 段对话过一遍，每批四段，共 31 步。先测训练前的留出损失，然后训练（一到两分钟），再测一次。
# 留出的对话按长度排序，填充就少；`evaluate` 的结果与次序无关。未训练的适配器也存一份：第 13 小节里，另一个程序要从它出发。
# 损失同时写入画曲线的工具 TensorBoard：在终端运行 `tensorboard --logdir runs` 就能看到。


# %%
def batches_of(examples: list[Example], size: int) -> list[Batch]:
    """The examples in their order, `size` at a time.
    ---
    按原来的次序，每次取 `size` 个样本组成一批。
    """
    groups = [examples[i : i + size] for i in range(0, len(examples), size)]
    return [collate(group, tokenizer.pad_token_id) for group in groups]


train_batches = batches_of(train_examples, SETTINGS["batch_size"])
test_batches = batches_of(sorted(test_examples, key=lambda example: len(example[0])), 9)

held_out_before = evaluate(model, test_batches)
loss, perplexity = held_out_before["loss"], held_out_before["perplexity"]
print(
    say(
        f"held out, before: loss {loss:.3f}, perplexity {perplexity:.1f}",
        f"留出集，训练前：损失 {loss:.3f}，困惑度 {perplexity:.1f}",
    )
)

save_adapter(model, Path("runs/lora-start"))
start = time.perf_counter()
losses = train(model, tqdm(train_batches, file=sys.stdout, mininterval=5, ncols=80), SETTINGS["lr"])
seconds = time.perf_counter() - start

held_out_after = evaluate(model, test_batches)
loss, perplexity = held_out_after["loss"], held_out_after["perplexity"]
print(
    say(
        f"held out, after:  loss {loss:.3f}, perplexity {perplexity:.1f}",
        f"留出集，训练后：损失 {loss:.3f}，困惑度 {perplexity:.1f}",
    )
)

# %%
from torch.utils.tensorboard import SummaryWriter

with SummaryWriter("runs/by-hand") as writer:
    for step, loss in enumerate(losses):
        writer.add_scalar("train/loss", loss, step)
    writer.add_scalar("held_out/loss", held_out_before["loss"], 0)
    writer.add_scalar("held_out/loss", held_out_after["loss"], len(losses))

figure, axes = plt.subplots(figsize=(7, 3.4))
axes.plot(losses, color=BLUE, marker=".", label=say("training, each batch", "训练，每个批"))
ends = [held_out_before["loss"], held_out_after["loss"]]
axes.plot([0, len(losses)], ends, "s--", color=ORANGE, label=say("held out", "留出集"))
axes.set(
    xlabel=say("step", "步数"),
    ylabel=say("loss per response token (nats)", "每个回答 token 的损失（nat）"),
    ylim=(0, None),
    title=say("31 steps on the tutor's answers", "用辅导老师的回答训练 31 步"),
)
axes.legend(frameon=False)
plt.show()

# %% [markdown] tags=["en"]
# The held-out loss more than halves. (It was measured twice; the dashed line only joins the two points.) But a loss is not a behaviour: let the model speak. The questions are those of section 1, and none
# of them was in training. We print six answers and count in all 54: how many have the tutor's form, how many ended by themselves within our
# limit of 64 tokens, how long they are, and how many name the right fact. The last count is rough. It looks for the words of the right answer in what comes before `Why:`,
# so an answer "Four" does not count where the tutor says "4".

# %% [markdown] tags=["zh"]
# 留出损失降了一半还多（只测了两次，虚线只是把两个点连起来）。但损失不等于行为，还是让它自己说话。问题与第 1 小节相同，没有一个出现在训练集里。
# 我们打印六个回答，再对全部 54 个计数：多少个符合辅导老师的格式，多少个在 64 个 token 的上限之内自己结束，平均多长，多少个说出了正确的事实。
# 最后一项很粗略：只在 `Why:` 之前的文字里找正确答案的字样，所以写成 “Four” 就不算 “4”。

# %%
import re


def names_fact(answer: str, chat: list[Message]) -> bool:
    """Whether an answer has the words of the tutor's answer in the conversation.
    ---
    回答里是否出现了对话中辅导老师的答案的字样。
    """
    right = chat[1]["content"].splitlines()[0].removeprefix("Answer: ").removesuffix(".")
    words = re.sub(r"^(A|An|The|It) ", "", right)
    given = answer.partition("Why:")[0]
    return re.search(rf"\b{re.escape(words)}\b", given, re.IGNORECASE) is not None


def behaviour(answers: list[str]) -> dict[str, float]:
    """What one can count in the answers to all held-out questions.
    ---
    在全部留出问题的回答里可以数出来的量。
    """
    texts = [answer.removesuffix("<|im_end|>") for answer in answers]
    lengths = [len(tokenizer(text)["input_ids"]) for text in texts]
    return {
        say("tutor's form           ", "符合辅导老师的格式   "): sum(map(follows_tutor_form, texts)),
        say("ended within 64 tokens ", "64 个 token 内结束   "): sum(a.endswith("<|im_end|>") for a in answers),
        say("fact named             ", "说出了正确的事实     "): sum(map(names_fact, texts, test_chats)),
        say("tokens per answer, mean", "平均每个回答的 token "): sum(lengths) / len(lengths),
    }


answers_after = complete(model, [as_prompt(q) for q in test_questions])
for q, old, new in list(zip(test_questions, answers_before, answers_after, strict=True))[:6]:
    print(
        say(
            f"Q: {q}\n--- before\n{old}\n--- after\n{new}\n",
            f"问：{q}\n--- 训练前\n{old}\n--- 训练后\n{new}\n",
        )
    )

seen_before, seen_after = behaviour(answers_before), behaviour(answers_after)
print(
    say(
        f"of {len(test_questions)} answers{'before':>22}{'after':>8}",
        f"{len(test_questions)} 个回答{'训练前':>20}{'训练后':>6}",
    )
)
for name in seen_before:
    print(f"{name}{seen_before[name]:12.4g}{seen_after[name]:8.4g}")

# %% [markdown] tags=["en"]
# Read them again, slowly.
#
# - The **form** is learnt, also for topics that never occurred in training.
# - **Stopping** is not new. The base model ends many of its answers by itself, too; the others were cut off by our limit. Now all of them end within it.
# - The **facts** were not taught: none of the held-out ones is in the training data. Where the tuned model names one, it knew it from
#   pretraining, or follows a rule, such as that for a plural. If the count rises, a likely reason is that the form asks for the answer first: before, some long answers never came to the point.
#   And a `Why:` can be nonsense, said with the same calm voice as a right one.
#
# These short conversations taught a manner, not knowledge. The *superficial alignment hypothesis* makes a rule of it: nearly all knowledge and abilities come
# from pretraining, and alignment teaches the form of the answers (Zhou et al. 2023, section 2). As a rule it is disputed: with more examples, fine-tuned models
# also get better at mathematics and at reasoning in several steps (Raghavendra et al. 2024). Facts are hard to teach this way. Gekhman et al. (2024) tried it:
# the model learns new facts slowly, and once it has learnt them it invents more. If you take one thing home from this lab, take this: a small set of conversations changes
# how a model answers, and hardly what it knows.

# %% [markdown] tags=["zh"]
# 再慢慢读一遍。
#
# - **形式**学会了，连训练中从未出现的话题也照样用。
# - **停**并不是新学会的。基座模型的许多回答也会自己结束，其余的是被我们的上限截断的。现在全部在上限之内结束。
# - **事实**没有教过：留出的事实没有一个在训练数据里。微调后的模型说对的，要么是预训练时就知道，要么是套用了规则（例如名词复数）。
#   如果计数上升了，原因多半是这种格式要求先说答案：训练前有些长回答始终没有说到点子上。另外，`Why:` 后面可能是胡说，而且语气和说对时一样平静。
#
# 这些短对话教会的是说话方式，不是知识。**表层对齐假说**（superficial alignment hypothesis，Zhou 等 2023，第 2 节）把它说成普遍规律：
# 知识和能力几乎全部来自预训练，对齐只教回答的形式。是否真有这么普遍，还有争议：样本更多时，微调过的模型在数学和多步推理上也会变强（Raghavendra 等 2024）。
# 事实则很难这样教：Gekhman 等（2024）试过，新事实学得很慢，学会之后模型反而更爱编造。
# 如果这个实验只记住一件事，就记住这一件：少量对话改变的是模型怎么答，而几乎不是它知道什么。

# %% [markdown] tags=["en"]
# ## 11. What did it learn? A look inside the update
#
# The *singular values* of a matrix say how strongly it acts along its own directions, the largest first; their number above zero is the rank.
# **Left**: the singular values of $W_0$ and of $\frac{\alpha}{r}BA$ of one layer. $W_0$ uses all its directions; the update has at most
# eight, by construction. **Right**: how large the update is in each layer, relative to the weight beside it. The size is the *Frobenius norm*, the root of the
# sum of all squared entries.

# %% [markdown] tags=["zh"]
# ## 11. 它学到了什么？看看更新项内部
#
# 一个矩阵的**奇异值**说明它沿自己的各个方向作用有多强，从大到小排列；不为零的个数就是秩。
# **左图**：某一层的 $W_0$ 与 $\frac{\alpha}{r}BA$ 的奇异值。$W_0$ 用上了所有方向；更新项按构造最多只有八个方向。
# **右图**：每一层的更新项相对于旁边权重的大小。大小用 **Frobenius 范数**衡量，即所有元素平方和的平方根。


# %%
def update(layer: LoRALinear) -> Tensor:
    """The change of the weight, (d_out, d_in).
    ---
    权重的改变量，(d_out, d_in)。
    """
    return (layer.scaling * layer.lora_B @ layer.lora_A).detach().float()


layers = {name: model.get_submodule(name) for name in replaced}
last = layers[replaced[-1]]
of_base = torch.linalg.svdvals(last.base.weight.float().cpu())
of_update = torch.linalg.svdvals(update(last).cpu())[:r]
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6))
left.semilogy(of_base, color="grey", label="$W_0$")
left.semilogy(of_update, "o", color=ORANGE, ms=4, label=r"$\frac{\alpha}{r}BA$")
left.set(
    xlabel=say("number of the singular value", "奇异值的序号"),
    ylabel=say("singular value", "奇异值"),
    title=replaced[-1].removeprefix("model."),
)
left.legend(frameon=False)
for target, colour in zip(SETTINGS["targets"], [BLUE, ORANGE], strict=True):
    chosen = [layer for name, layer in layers.items() if name.endswith(target)]
    ratios = [(update(layer).norm() / layer.base.weight.norm()).item() for layer in chosen]
    right.plot(ratios, ".-", color=colour, label=target)
right.set(
    xlabel=say("block", "Transformer 块"),
    ylabel=r"$\|\frac{\alpha}{r}BA\|\ /\ \|W_0\|$",
    ylim=(0, None),
    title=say("size of the update", "更新项的大小"),
)
right.legend(frameon=False)
plt.tight_layout()
plt.show()
first = (of_update[0].square() / of_update.square().sum()).item()
print(
    say(
        f"left: the first direction has {first:.0%} of the update's squared size",
        f"左图：第一个方向占更新项平方大小的 {first:.0%}",
    )
)

# %% [markdown] tags=["en"]
# In this layer one direction has most of the update, so a smaller $r$ might have been enough for it. In all layers the update is small: a few per
# cent of the weight beside it. That is enough for a new manner.
#
# **An adapter has a volume knob.** The update enters with the factor `scaling`. Turn it, and the model moves from its old manner
# to the new one, without any further training. We ask one question at five settings:

# %% [markdown] tags=["zh"]
# 在这一层，更新项几乎集中在一个方向上，$r$ 再小一些也许就够了。所有层的更新项都很小，只有旁边权重的百分之几：学一种新的说话方式，这就够了。
#
# **适配器有一个音量旋钮。** 更新项带着系数 `scaling`。转动它，模型就从旧的说话方式变到新的方式，不需要再训练。用五种音量问同一个问题：

# %%
full = SETTINGS["alpha"] / SETTINGS["r"]
for volume in (0.0, 0.3, 0.5, 0.6, 1.0):
    for layer in layers.values():
        layer.scaling = volume * full
    answer = complete(model, [as_prompt("What is the opposite of hot?")])[0]
    print(say(f"--- volume {volume}\n{answer}\n", f"--- 音量 {volume}\n{answer}\n"))

# %% [markdown] tags=["en"]
# ## 12. A check on the real model: save, load, merge
#
# The adapter goes to disk, into a fresh base, and into the weights; each time the logits must be the same.

# %% [markdown] tags=["zh"]
# ## 12. 用真模型检验：保存、加载、合并
#
# 把适配器存盘，加载到全新的基座模型上，再合并进权重；每一次 logits 都必须一致。

# %%
folder = Path("runs/tutor")
save_adapter(model, folder)
for file in sorted(folder.iterdir()):
    size = file.stat().st_size
    print(say(f"{file.name:24}{size:>12,} bytes", f"{file.name:24}{size:>12,} 字节"))

fresh = load_base()
load_adapter(fresh, folder)
ids = test_batches[0]["input_ids"].to(model.device)


@torch.no_grad()
def logits_and_seconds(model: nn.Module) -> tuple[Tensor, float]:
    """Logits (B, T, V) of a test batch, and the best time of twenty for its first row.
    ---
    一个测试批的 logits (B, T, V)，以及它第一行的前向计算时间（二十次中最短的一次）。
    """
    logits = model.eval()(input_ids=ids).logits
    times = []
    for _ in range(20):
        start = time.perf_counter()
        model(input_ids=ids[:1])
        times.append(time.perf_counter() - start)
    return logits, min(times)


original, seconds_unmerged = logits_and_seconds(model)
loaded, _ = logits_and_seconds(fresh)
merge_lora(fresh)
merged, seconds_merged = logits_and_seconds(fresh)
del fresh
by_loading = (loaded - original).abs().max().item()
by_merging = (merged - original).abs().max().item()
beside, inside = 1000 * seconds_unmerged, 1000 * seconds_merged
touched = sum(layer.base.weight.numel() for layer in layers.values()) / n_total
for name, apart in [(say("saved and loaded", "保存再加载"), by_loading), (say("merged", "合并"), by_merging)]:
    print(say(f"{name}: largest difference of a logit {apart:.1e}", f"{name}：logit 的最大差异 {apart:.1e}"))
print(
    say(
        f"one forward pass: {beside:.0f} ms unmerged, {inside:.0f} ms merged",
        f"一次前向计算：不合并 {beside:.0f} 毫秒，合并后 {inside:.0f} 毫秒",
    )
)
print(
    say(
        f"merging writes into {touched:.1%} of the base's numbers",
        f"合并改写了基座模型 {touched:.1%} 的参数",
    )
)

# %% [markdown] tags=["en"]
# On a fresh base the loaded adapter gives the same logits to the last bit. So training has changed none of the base's numbers; merging writes into two
# weights of each block. Merging adds numbers in another order, hence the rounding of float32; in bfloat16, which keeps
# 8 significant bits instead of 24, the rounding is much coarser. So keep the unmerged adapter as the original.
#
# ## 13. The standard tools: PEFT and TRL
#
# `peft.LoraConfig` + `get_peft_model` are your `inject_lora`; `trl.SFTTrainer` is your `build_labels`, `collate`, `sft_loss` and
# `train`. First **parity**: we copy your trained $A$ and $B$ into PEFT's layers and compare the logits. Only the names differ: your
# `<layer>.lora_A` is called `base_model.model.<layer>.lora_A.default.weight` there.

# %% [markdown] tags=["zh"]
# 在全新的基座上加载适配器，logits 逐位相同：可见训练没有改动基座的任何一个数；合并则改写了每个块里的两个权重。合并改变了加法的次序，所以有 float32 的舍入误差；bfloat16 只有 8 位有效位（float32 有 24 位），舍入要粗得多，
# 因此请保留未合并的适配器作为原件。
#
# ## 13. 常用工具：PEFT 与 TRL
#
# `peft.LoraConfig` 加 `get_peft_model` 就是你的 `inject_lora`；`trl.SFTTrainer` 就是你的 `build_labels`、`collate`、`sft_loss` 和
# `train`。先看**一致性**：把你训练好的 $A$、$B$ 复制进 PEFT 的层，再比较 logits。两边只是名字不同：你的 `<layer>.lora_A`
# 在那里叫 `base_model.model.<layer>.lora_A.default.weight`。

# %%
import copy

import datasets
from peft import LoraConfig, PeftModel, get_peft_model
from trl import SFTConfig, SFTTrainer

datasets.disable_progress_bars()


def copy_into_peft(peft_model: PeftModel, folder: Path) -> None:
    """Puts the tensors of our adapter file into PEFT's parameters.
    ---
    把我们的适配器文件里的张量放进 PEFT 的参数。
    """
    parameters = dict(peft_model.named_parameters())
    for name, tensor in load_file(folder / "adapter.safetensors").items():
        parameters[f"base_model.model.{name}.default.weight"].data.copy_(tensor)


peft_config = LoraConfig(
    r=SETTINGS["r"],
    lora_alpha=SETTINGS["alpha"],
    target_modules=SETTINGS["targets"],
    task_type="CAUSAL_LM",
)
peft_model = get_peft_model(load_base(), peft_config)
peft_model.print_trainable_parameters()
copy_into_peft(peft_model, Path("runs/tutor"))
from_peft, _ = logits_and_seconds(peft_model)
apart = (from_peft - original).abs().max().item()
print(
    say(
        f"your layers and PEFT's: largest difference of a logit {apart:.1e}",
        f"你的层与 PEFT 的层：logit 的最大差异 {apart:.1e}",
    )
)

# %% [markdown] tags=["en"]
# PEFT computes what you compute. Now the **labels**. TRL finds the assistant's tokens by a mark in the chat template:
# `{% generation %} … {% endgeneration %}`. Many models' own templates lack it. For some families (Llama 3, Qwen 2.5 and 3, Gemma, Phi-3 and more) TRL 1.16
# brings a template with the mark and puts it in by itself. SmolLM2 is not among them, so we write one. It renders the same text, with the system
# turn that SmolLM2's template adds, and marks the answer *with its* `<|im_end|>`. Forget the end mark there, and you train a model that does not learn to
# stop; TRL warns of it.
#
# The settings below are those of your own run: the same order of the batches (`train_sampling_strategy`), a constant learning rate, and the weight
# decay of 0.01 that is the default of AdamW in PyTorch. `activation_checkpointing` (formerly `gradient_checkpointing`, on by default in TRL) would compute activations twice instead of keeping them; it
# saves memory and costs time, and we have the memory.

# %% [markdown] tags=["zh"]
# PEFT 算的就是你算的。再看**标签**。TRL 靠聊天模板里的标记 `{% generation %} … {% endgeneration %}` 找到 assistant 的 token。
# 许多模型自带的模板没有这个标记。对某些系列（Llama 3、Qwen 2.5 和 3、Gemma、Phi-3 等），TRL 1.16 自带含标记的模板，并会自动换上。
# SmolLM2 不在其中，所以我们写一个：渲染出的文本完全相同（包括 SmolLM2 的模板自动添加的 system 轮次），只是把回答**连同** `<|im_end|>` 标记出来。
# 如果这里漏掉结束标记，训练出来的模型就学不会停；TRL 会对此发出警告。
#
# 下面的设置与你自己的训练相同：批的次序相同（`train_sampling_strategy`），学习率恒定，权重衰减 0.01（PyTorch 中 AdamW 的默认值）。
# `activation_checkpointing`（旧名 `gradient_checkpointing`，TRL 默认打开）会把激活值重算一遍而不是存下来，省内存但费时间；我们内存够用，所以关掉。

# %%
default_system = as_prompt("?").partition("<|im_start|>user")[0].replace("\n", "\\n")
MARKED_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "{{ '" + default_system + "' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}"
    "{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
marked_tokenizer = copy.deepcopy(tokenizer)
marked_tokenizer.chat_template = MARKED_TEMPLATE

copy_into_peft(peft_model, Path("runs/lora-start"))
trainer = SFTTrainer(
    model=peft_model,
    args=SFTConfig(
        output_dir="runs/trl",
        num_train_epochs=1,
        per_device_train_batch_size=SETTINGS["batch_size"],
        train_sampling_strategy="sequential",
        learning_rate=SETTINGS["lr"],
        lr_scheduler_type="constant",
        weight_decay=0.01,
        max_grad_norm=1.0,
        assistant_only_loss=True,
        activation_checkpointing=False,
        bf16=profile == "gpu",
        use_cpu=profile == "cpu",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    ),
    train_dataset=datasets.Dataset.from_list([{"messages": chat} for chat in train_chats]),
    processing_class=marked_tokenizer,
)
trainer.remove_callback(transformers.PrinterCallback)

same = sum(
    (row["input_ids"], row["labels"]) == (list(ids), list(labels))
    for row, (ids, labels) in zip(trainer.train_dataset, train_examples, strict=True)
)
total = len(train_examples)
print(
    say(
        f"TRL's labels are yours in {same} of {total} conversations",
        f"{total} 段对话中，TRL 的标签与你的相同的有 {same} 段",
    )
)

# %% [markdown] tags=["en"]
# Same ids, same labels, same start, same order, same optimizer. If both programs do the same thing, the two loss curves must lie on
# each other, not only look alike. Do they?

# %% [markdown] tags=["zh"]
# 同样的 ids、同样的标签、同样的起点、同样的次序、同样的优化器。如果两个程序做的是同一件事，两条损失曲线应当重合，而不只是相似。
# 是不是呢？

# %%
start = time.perf_counter()
trainer.train()
trl_seconds = time.perf_counter() - start
trl_losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
held_out_trl = evaluate(peft_model, test_batches)

figure, axes = plt.subplots(figsize=(7, 3.4))
axes.plot(losses, color=BLUE, lw=5, alpha=0.4, label=say("by hand", "手写"))
axes.plot(trl_losses, color=ORANGE, lw=1.5, label=say("PEFT + TRL's SFTTrainer", "PEFT + TRL 的 SFTTrainer"))
axes.set(
    xlabel=say("step", "步数"),
    ylabel=say("loss per response token (nats)", "每个回答 token 的损失（nat）"),
    ylim=(0, None),
    title=say("the same training twice", "同样的训练做两遍"),
)
axes.legend(frameon=False)
plt.show()
apart = max(abs(ours - theirs) for ours, theirs in zip(losses, trl_losses, strict=True))
print(
    say(
        f"the curves are at most {apart:.4f} apart\n",
        f"两条曲线最多相差 {apart:.4f}\n",
    )
)
print(
    say(
        f"{'':12}{'trained':>10}{'seconds':>10}{'last five losses':>19}{'held out':>10}",
        f"{'':12}{'训练参数':>6}{'秒':>9}{'最后五步的损失':>12}{'留出集':>7}",
    )
)
trl_trainable = sum(p.numel() for p in peft_model.parameters() if p.requires_grad)
for name, n, s, curve, held in [
    (say("by hand     ", "手写        "), trainable, seconds, losses, held_out_after),
    ("PEFT + TRL  ", trl_trainable, trl_seconds, trl_losses, held_out_trl),
]:
    print(f"{name}{n:>10,}{s:>10.0f}{sum(curve[-5:]) / 5:>19.3f}{held['loss']:>10.3f}")
del trainer, peft_model

# %% [markdown] tags=["en"]
# You have written the core of SFTTrainer. What the libraries add is what you would need next: checkpoints, several GPUs,
# gradient accumulation, packing, quantised bases (QLoRA), many other models and other kinds of adapters.
#
# **Two more tools do the same work on a GPU.** *unsloth* replaces parts of the model by faster kernels (programs for the GPU) of its own and
# leaves the training to TRL; *LLaMA-Factory* turns a YAML file into a run. Both are made for GPUs, so here we only read what one would write. The targets are
# all linear layers, as in QLoRA:
#
# ```python
# # unsloth
# model, tokenizer = FastLanguageModel.from_pretrained("Qwen/Qwen2-7B-Instruct", load_in_4bit=True)
# model = FastLanguageModel.get_peft_model(
#     model, r=8, lora_alpha=16,
#     target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
# )
# trainer = SFTTrainer(model=model, processing_class=tokenizer, ...)  # as above
# ```
#
# ```yaml
# # LLaMA-Factory: llamafactory-cli train tutor.yaml
# model_name_or_path: Qwen/Qwen2-7B-Instruct
# template: qwen            # the chat template
# stage: sft
# do_train: true
# finetuning_type: lora
# lora_rank: 8
# lora_alpha: 16
# lora_target: all
# dataset: tutor            # a name from data/dataset_info.json
# per_device_train_batch_size: 4
# learning_rate: 2.0e-4
# num_train_epochs: 1.0
# output_dir: runs/tutor
# ```
#
# ## 14. An alternative: a prompt that is trained
#
# *Prompt tuning* (Lester et al. 2021) leaves every weight alone and learns $P$ extra vectors in front of the embeddings, a "prompt" made
# of vectors that need not belong to any word: $(B, T, d) \to (B, P + T, d)$. Here it is worked out in full. Since the module answers like a
# model, your `train` and `evaluate` work on it unchanged.
#
# What would a fair comparison be? Somebody who does not train writes the wish into a *system message*. So we measure three prompts: the words as
# a system message, the same words in front of the whole text, where the trained vectors will stand, and the trained vectors, which start from those words.

# %% [markdown] tags=["zh"]
# SFTTrainer 的核心部分，你已经自己写出来了。库额外提供的，是你接下来会需要的东西：检查点、多 GPU、梯度累积、打包、
# 量化的基座模型（QLoRA），以及对许多别的模型和别的适配器的支持。
#
# **还有两个工具在 GPU 上做同样的事。** **unsloth** 用自己写的更快的内核（GPU 程序）替换模型的一部分，训练仍交给 TRL；
# **LLaMA-Factory** 用一个 YAML 文件描述整次训练。两者都是为 GPU 做的，所以这里只读不跑。和 QLoRA 一样，目标是所有线性层：
#
# ```python
# # unsloth
# model, tokenizer = FastLanguageModel.from_pretrained("Qwen/Qwen2-7B-Instruct", load_in_4bit=True)
# model = FastLanguageModel.get_peft_model(
#     model, r=8, lora_alpha=16,
#     target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
# )
# trainer = SFTTrainer(model=model, processing_class=tokenizer, ...)  # 同上
# ```
#
# ```yaml
# # LLaMA-Factory：llamafactory-cli train tutor.yaml
# model_name_or_path: Qwen/Qwen2-7B-Instruct
# template: qwen            # 聊天模板
# stage: sft
# do_train: true
# finetuning_type: lora
# lora_rank: 8
# lora_alpha: 16
# lora_target: all
# dataset: tutor            # data/dataset_info.json 里的一个名字
# per_device_train_batch_size: 4
# learning_rate: 2.0e-4
# num_train_epochs: 1.0
# output_dir: runs/tutor
# ```
#
# ## 14. 另一条路：可训练的提示
#
# **提示微调**（prompt tuning，Lester 等 2021）不动任何权重，只在嵌入前面学 $P$ 个额外的向量，相当于一段提示，
# 只是其中的向量不必对应任何词：$(B, T, d) \to (B, P + T, d)$。下面给出完整写法。这个模块对外和模型一样，所以你的 `train` 和 `evaluate` 可以直接用。
#
# 怎样比较才公平？不做训练的人，会把要求写进 **system 消息**。所以我们测三种提示：写成 system 消息的文字；同样的文字放在整段文本最前面，
# 也就是可训练向量将要占据的位置；以及从这段文字出发训练出来的向量。


# %%
class SoftPrompt(nn.Module):
    """A frozen model with P trainable vectors in front of its embeddings.

    Attributes:
        prompt: Parameter (P, d_model), at first the embeddings of a text.

    Source: Lester et al. 2021, section 2.
    ---
    冻结的模型，在它的嵌入前面加上 P 个可训练的向量。

    属性：
        prompt: Parameter (P, d_model)，初值是一段文字的嵌入。

    出处：Lester 等 2021，第 2 节。
    """

    def __init__(self, model: nn.Module, text: str) -> None:
        super().__init__()
        self.model = model.requires_grad_(False)
        ids = tokenizer(text, return_tensors="pt")["input_ids"][0].to(model.device)
        self.prompt = nn.Parameter(model.get_input_embeddings()(ids).detach().clone())

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        """(B, T) -> logits (B, T, V): the positions of the prompt are cut off again.
        ---
        (B, T) -> logits (B, T, V)：提示所占的位置再被切掉。
        """
        n_rows, n_prompt = input_ids.shape[0], self.prompt.shape[0]
        tokens = self.model.get_input_embeddings()(input_ids)  # (B, T, d)
        embeds = torch.cat([self.prompt.expand(n_rows, -1, -1), tokens], dim=1)  # (B, P + T, d)
        mask = torch.cat([attention_mask.new_ones(n_rows, n_prompt), attention_mask], dim=1)
        logits = self.model(inputs_embeds=embeds, attention_mask=mask).logits
        return SimpleNamespace(logits=logits[:, n_prompt:])


WISH = "Answer in three lines: an answer, why it is so, and a question for the student's turn."
soft = SoftPrompt(load_base(), WISH)
system = {"role": "system", "content": WISH}
told = [build_labels([system, *chat], tokenizer) for chat in test_chats]
told_batches = batches_of(sorted(told, key=lambda example: len(example[0])), 9)
held_out_told = evaluate(soft.model, told_batches)
held_out_text = evaluate(soft, test_batches)
some_batches = tqdm(train_batches[:20], file=sys.stdout, mininterval=5, ncols=80)
soft_losses = train(soft, some_batches, lr=0.03)
held_out_soft = evaluate(soft, test_batches)
print(
    say(
        f"{soft.prompt.numel():,} trained numbers, {len(soft_losses)} steps",
        f"训练 {soft.prompt.numel():,} 个数，共 {len(soft_losses)} 步",
    )
)

# %%
n_prompt, n_soft = len(soft.prompt), soft.prompt.numel()
bars = {
    say("base model", "基座模型"): held_out_before["loss"],
    say(f"words in front ({n_prompt} tokens)", f"文字放在最前面（{n_prompt} 个 token）"): held_out_text["loss"],
    say("words as a system message", "文字作为 system 消息"): held_out_told["loss"],
    say(f"soft prompt ({n_soft:,} trained)", f"可训练的提示（训练 {n_soft:,} 个数）"): held_out_soft["loss"],
    say(f"LoRA by hand ({trainable:,} trained)", f"手写 LoRA（训练 {trainable:,} 个数）"): held_out_after["loss"],
    say(f"PEFT + TRL ({trl_trainable:,} trained)", f"PEFT + TRL（训练 {trl_trainable:,} 个数）"): held_out_trl["loss"],
}
figure, axes = plt.subplots(figsize=(9, 2.9))
drawn = axes.barh(list(bars), list(bars.values()), color=[GREY, GREY, GREY, GREEN, BLUE, ORANGE])
axes.bar_label(drawn, fmt="%.2f", padding=3)
axes.invert_yaxis()
axes.set(
    xlabel=say("held-out loss per response token (nats)", "留出集上每个回答 token 的损失（nat）"),
    title=say("grey: nothing is trained", "灰色：什么也没训练"),
)
plt.show()

# %% [markdown] tags=["en"]
# Telling the model what you want helps a little. It helps more as a system message than in front of everything, where the chat template never puts words. Training the
# vectors of the same prompt helps more. LoRA helps most. The comparison is not quite even: LoRA has thirty-six times the parameters, acts in
# every block, and made 31 steps instead of 20. Nor have we looked for the best words: a system message that
# names the three labels `Answer:`, `Why:` and `Your turn:` comes closer (try it). A soft prompt has an advantage of its own: it costs only a few more tokens, and different rows
# of one batch can carry different prompts.
#
# **Kinds of parameter-efficient fine-tuning (PEFT)**
#
# | kind | what is trained | merges into the weights? | source |
# |---|---|---|---|
# | adapter layers | small networks between the layers | no | Houlsby et al. 2019, section 2 |
# | prefix tuning (`PrefixTuningConfig`) | extra keys and values in every layer | no | Li and Liang 2021, section 4 |
# | prompt tuning (`PromptTuningConfig`) | extra vectors in front of the embeddings | no | Lester et al. 2021, section 2 |
# | LoRA (`LoraConfig`) | a low-rank update beside a weight | yes | Hu et al. 2021, section 4 |
# | QLoRA | the same, beside a weight kept in 4 bits | only after undoing the 4 bits | Dettmers et al. 2023, section 3 |
# | DoRA (`use_dora=True`) | a low-rank update of the directions of $W$'s vectors, and separately their lengths | yes | Liu et al. 2024, section 4 |

# %% [markdown] tags=["zh"]
# 用文字告诉模型你想要什么，略有帮助；写成 system 消息比放在最前面更有效：聊天模板从不在最前面放文字。把同一段提示的向量拿来训练，帮助更大；
# LoRA 效果最好。不过这个比较并不完全对等：LoRA 的参数是可训练提示的三十六倍，作用于每一个块，而且训练了 31 步而不是 20 步。文字本身也没有反复推敲：在 system 消息里写明 `Answer:`、`Why:`、`Your turn:` 这三个标签，损失会更低（可以试试）。
# 可训练的提示自有它的好处：只多几个 token，而且同一个批里不同的行可以带不同的提示。
#
# **参数高效微调（PEFT）的种类**
#
# | 种类 | 训练什么 | 能合并进权重吗 | 出处 |
# |---|---|---|---|
# | 适配器层 | 插在层与层之间的小网络 | 不能 | Houlsby 等 2019，第 2 节 |
# | prefix tuning（`PrefixTuningConfig`） | 每一层额外的键和值 | 不能 | Li 与 Liang 2021，第 4 节 |
# | 提示微调（`PromptTuningConfig`） | 嵌入前面额外的向量 | 不能 | Lester 等 2021，第 2 节 |
# | LoRA（`LoraConfig`） | 权重旁边的低秩更新 | 能 | Hu 等 2021，第 4 节 |
# | QLoRA | 同上，但旁边的权重以 4 bit 存放 | 先还原 4 bit 才能 | Dettmers 等 2023，第 3 节 |
# | DoRA（`use_dora=True`） | $W$ 各向量方向的低秩更新，长度单独训练 | 能 | Liu 等 2024，第 4 节 |

# %% [markdown] tags=["en"]
# ## 15. The sizes in use: 7 and 8 billion parameters
#
# `profile = "gpu"` at the top runs this notebook on Qwen2-7B-Instruct. Whether *your* `inject_lora` fits such a model can be checked here and
# now: on PyTorch's **meta device** a tensor has a shape and no memory, so an 8 B model is built in a second.
#
# Memory, in bytes per parameter, activations not counted:
#
# - **Full fine-tuning** in mixed precision: 16. Weight 2, gradient 2, and 12 for the float32 copy of the weight and Adam's two moments.
# - **LoRA**: 2 for a frozen weight. A trained number costs 16 in float32, as PEFT keeps it; ours take the dtype of the weight, bfloat16, and cost 8 (weight, gradient and two moments of 2 bytes each). The table counts 16; the difference is below 0.1 GB.
# - **QLoRA**: 0.5 for a weight of a linear layer in a block. Embedding and output layer stay at 2: with a large vocabulary that is much. The constants of the 4-bit
#   format add 0.127 bits, 0.016 bytes, per weight (Dettmers et al. 2023, section 3); the table leaves them out.

# %% [markdown] tags=["zh"]
# ## 15. 实际规模：70 亿与 80 亿参数
#
# 把开头改成 `profile = "gpu"`，同一个笔记本就跑在 Qwen2-7B-Instruct 上。**你的** `inject_lora` 能不能用在这样的模型上，现在就可以验证：
# PyTorch 的 **meta device** 上的张量只有形状、不占内存，一秒钟就能搭出一个 8B 模型。
#
# 显存按每个参数的字节数估算，激活值另计：
#
# - **全参数微调**（混合精度）：16。权重 2、梯度 2，float32 的权重副本和 Adam 的两个滑动平均共 12。
# - **LoRA**：冻结的权重 2。每个可训练的数，PEFT 用 float32 存放，占 16；我们的 dtype 与权重相同，是 bfloat16，占 8（权重、梯度、两个滑动平均各 2 字节）。表里按 16 算；两者相差不到 0.1 GB。
# - **QLoRA**：块中线性层的权重 0.5。嵌入层和输出层仍是 2：词表大时，这一部分不小。4 bit 格式自身的常数，每个权重另加 0.127 bit，即 0.016 字节（Dettmers 等 2023，第 3 节），表里没有计入。

# %%
from transformers import LlamaConfig, Qwen2Config

QWEN2_7B = Qwen2Config(
    vocab_size=152_064, hidden_size=3584, intermediate_size=18_944, num_hidden_layers=28,
    num_attention_heads=28, num_key_value_heads=4, tie_word_embeddings=False,
)  # fmt: skip
LLAMA_3_1_8B = LlamaConfig(
    vocab_size=128_256, hidden_size=4096, intermediate_size=14_336, num_hidden_layers=32,
    num_attention_heads=32, num_key_value_heads=8, tie_word_embeddings=False,
)  # fmt: skip

print(
    say(
        f"{'':16}{'parameters':>15}{'LoRA':>12}{'share':>8}{'full':>12}{'LoRA':>12}{'QLoRA':>12}",
        f"{'':16}{'参数':>13}{'LoRA':>12}{'占比':>6}{'全参数微调':>7}{'LoRA':>12}{'QLoRA':>12}",
    )
)
for name, config, n_expected, lora_expected in [
    ("Qwen2-7B", QWEN2_7B, 7_615_616_512, 2_523_136),
    ("Llama-3.1-8B", LLAMA_3_1_8B, 8_030_261_248, 3_407_872),
]:
    with torch.device("meta"):
        giant = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    n = sum(p.numel() for p in giant.parameters())
    names = inject_lora(giant, ["q_proj", "v_proj"], r=8, alpha=16.0)
    adapter = [p for p in giant.parameters() if p.requires_grad]
    n_adapter = sum(p.numel() for p in adapter)
    linear = [
        module.weight.numel()
        for path, module in giant.named_modules()
        if isinstance(module, nn.Linear) and path.startswith("model.layers.")
    ]
    assert (n, n_adapter) == (n_expected, lora_expected)
    assert len(names) == 2 * config.num_hidden_layers
    assert all(p.is_meta and p.dtype == torch.bfloat16 for p in adapter)
    base_in_4_bits = 0.5 * sum(linear) + 2 * (n - sum(linear))
    memory = [16 * n, 2 * n + 16 * n_adapter, base_in_4_bits + 16 * n_adapter]
    in_gb = "".join(f"{m / 1e9:>9.1f} GB" for m in memory)
    print(f"{name:16}{n:>15,}{n_adapter:>12,}{n_adapter / n:>8.2%}{in_gb}")

# %% [markdown] tags=["en"]
# 122 GB against 15 GB: full fine-tuning needs several cards, LoRA on the same model one card of 24 GB, QLoRA one of 8 to 16 GB (with short texts, because
# activations come on top). Mind two things when you change the model. The **chat template** differs: Llama 3.1 ends a turn with
# `<|eot_id|>` and no newline, so `build_labels` must cut elsewhere (look at the token colours first!). Qwen2 has the format of this lab. And
# the larger the model, the smaller, as a rule, the **learning rate**: Dettmers et al. (2023, appendix B) use 2e-4 for 7 B and 13 B and 1e-4 for 33 B and 65 B; here we used 2e-3 for 0.135 B.
#
# **Which base model?** Ask in this order:
#
# | question | where to look |
# |---|---|
# | May you use it, and pass on what you train from it? | the licence on the model card |
# | Does it fit your memory, to train and to serve? | the table above |
# | Does it know your language, at a fair price per character? | bytes per token: lab 04, notebook "tokenizer" |
# | Base or instruct model? | An instruct model already answers, and needs few examples of a new manner. A base model leaves you the choice of template and behaviour, and needs many. |
# | How good is it at your task before any training? | the share of right answers on held-out questions, as in section 10; benchmarks are lesson 9 |
#
# Held-out loss per token compares one model before and after training. It does not compare two models with different tokenizers, because their tokens are not
# equally long: use bits per byte (lab 04), or count right answers.
#
# ## Today (late 2026)
#
# - **How far LoRA goes.** *LoRA Without Regret* (Schulman et al. 2025, Thinking Machines) finds LoRA level with full fine-tuning on data sets of the usual size for
#   fine-tuning, if *all* linear layers have an adapter, the MLPs above all (attention alone is worse), and the rank is large enough for the data. The best learning rate was about
#   ten times that of full fine-tuning, and large batches hurt LoRA more. Biderman et al. (2024) compare the two on programming and mathematics: at the usual ranks LoRA learns less, and also forgets less.
# - **Variants** in PEFT 0.21: rsLoRA (`use_rslora`), DoRA (`use_dora`), other first values of $A$ and $B$ (`init_lora_weights`, for example PiSSA, Meng et al. 2024).
# - **Serving many adapters** on one base: vLLM and SGLang, from S-LoRA (Sheng et al. 2023) and Punica (Chen et al. 2023).
# - **Models.** Llama 3.1 and Qwen2 are of 2024. TRL 1.16 has training templates for Qwen 3.6, gpt-oss, DeepSeek-V3 and GLM-4 MoE among others: with these you need not
#   write one. After SFT, models are usually trained on preferences or rewards, the subject of lesson 8.
#
# ## Summary
#
# - SFT is next-token prediction with a mask. The mask decides what is learnt: answers and their end, nothing else.
# - LoRA freezes $W_0$ and learns $\frac{\alpha}{r}BA$: the layer starts as the base layer; the trained numbers are 0.34 % of the model's size here (0.03 % at 7 B); they merge
#   into the weight, and travel as a file of 1.8 MB.
# - Judge on held-out conversations, by loss, by counting *and* by reading answers. Fine-tuning on 122 conversations taught a form. Where the model names a held-out
#   fact, it knew it before or followed a rule.
# - PEFT and TRL do what you wrote: the same logits, the same labels, the same loss curve.
#
# ## Three questions to think about
#
# 1. $r = 8$ was enough for a manner. Would it be for a new language? What in section 11 would tell you that $r$ is too small?
# 2. $BA = (BM)(M^{-1}A)$ for every invertible $M$: the same update has many pairs of factors. What does that mean for averaging the adapters
#    of two training runs, $\frac12(A_1 + A_2)$ and $\frac12(B_1 + B_2)$?
# 3. Somebody trains on the prompts as well, and the training loss is *lower* than yours. Why is that no proof that the model is better?
#
# ## Further reading
#
# - Hu et al. 2021, *LoRA: Low-Rank Adaptation of Large Language Models*: section 4 (method), section 7 (which matrices, which $r$).
# - Schulman et al. 2025, [*LoRA Without Regret*](https://thinkingmachines.ai/blog/lora/): when LoRA is as good as full fine-tuning.
# - Aghajanyan et al. 2020, *Intrinsic Dimensionality Explains the Effectiveness of Language Model Fine-Tuning*: sections 3 and 4.
# - Dettmers et al. 2023, *QLoRA*: section 3 (4-bit base), section 4 (all layers).
# - Kalajdzievski 2023, *A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA*: why $\alpha/\sqrt r$ at large $r$.
# - Ouyang et al. 2022, *Training language models to follow instructions with human feedback*: section 3 (where SFT comes from).
# - Zhou et al. 2023, *LIMA: Less Is More for Alignment*: section 2.
# - Raghavendra et al. 2024, *Revisiting the Superficial Alignment Hypothesis*: the abstract.
# - Gekhman et al. 2024, *Does Fine-Tuning LLMs on New Knowledge Encourage Hallucinations?*: the abstract and section 4.
# - Lester et al. 2021, *The Power of Scale for Parameter-Efficient Prompt Tuning*: section 2.
# - Sheng et al. 2023, *S-LoRA: Serving Thousands of Concurrent LoRA Adapters*: the abstract.

# %% [markdown] tags=["zh"]
# 122 GB 对 15 GB：全参数微调需要好几块显卡，同一个模型用 LoRA 只要一块 24 GB 的，用 QLoRA 只要一块 8 到 16 GB 的（文本不长时；激活值另计）。
# 换模型时注意两点。一是**聊天模板**不同：Llama 3.1 用 `<|eot_id|>` 结束一轮，后面没有换行，`build_labels` 的截断位置也要跟着改（先把 token 着色图看一遍！）；
# Qwen2 的格式则与这里相同。二是模型越大，**学习率**通常越小：Dettmers 等（2023，附录 B）对 7B 和 13B 用 2e-4，对 33B 和 65B 用 1e-4；我们对 0.135B 的模型用了 2e-3。
#
# **选哪个基座模型？** 依次问自己：
#
# | 问题 | 看哪里 |
# |---|---|
# | 允许使用吗？训练出来的东西可以再分发吗？ | 模型卡上的许可证 |
# | 训练和部署时，内存放得下吗？ | 上面的表 |
# | 懂你要用的语言吗？每个字的花费合理吗？ | 每 token 字节数：实验 04 的笔记本 `tokenizer` |
# | 用 base 模型还是 instruct 模型？ | instruct 模型已经会回答，学一种新的说话方式只要很少的样本；base 模型的模板和行为都由你定，但需要很多样本。 |
# | 不训练时，它在你的任务上有多好？ | 在留出的问题上答对的比例，见第 10 小节；基准测试见第 09 课 |
#
# 每 token 的留出损失可以比较同一个模型训练前后，但不能比较分词器不同的两个模型，因为它们的 token 长短不同：请用每字节比特数（实验 04），或者数答对了多少题。
#
# ## 今天（2026 年底）
#
# - **LoRA 能做到什么程度。** 《LoRA Without Regret》（Schulman 等 2025，Thinking Machines）发现，在常见规模的微调数据上，只要**所有**线性层都加适配器（MLP 最要紧，只加注意力层效果较差），
#   秩相对数据量也够大，LoRA 就与全参数微调不相上下；最佳学习率约为全参数微调的十倍，而批很大时 LoRA 更吃亏。Biderman 等（2024）在编程和数学上比较两者：在常用的秩下，LoRA 学得少一些，忘得也少一些。
# - **变体**（PEFT 0.21）：rsLoRA（`use_rslora`）、DoRA（`use_dora`）、$A$ 和 $B$ 的其他初值（`init_lora_weights`，例如 PiSSA，Meng 等 2024）。
# - **一个基座同时服务许多适配器**：vLLM 与 SGLang，方法来自 S-LoRA（Sheng 等 2023）和 Punica（Chen 等 2023）。
# - **模型。** Llama 3.1 和 Qwen2 是 2024 年的模型。TRL 1.16 自带 Qwen 3.6、gpt-oss、DeepSeek-V3、GLM-4 MoE 等模型的训练模板，用这些模型时不必自己写模板。
#   SFT 之后，通常还要用偏好或奖励继续训练，那是第 08 课的内容。
#
# ## 小结
#
# - SFT 就是带掩码的下一个 token 预测。学什么由掩码决定：回答和它的结束标记，仅此而已。
# - LoRA 冻结 $W_0$，学习 $\frac{\alpha}{r}BA$：起步时每一层都与原来的层相同；训练的数在这里相当于模型的 0.34%（7B 时 0.03%）；可以合并进权重，
#   存下来只有 1.8 MB。
# - 用留出的对话来判断：看损失、计数，**也**要读回答。122 段对话的微调教会的是形式；它说对的那些留出事实，要么以前就知道，要么是套用了规则。
# - PEFT 和 TRL 做的就是你写的：同样的 logits、同样的标签、同样的损失曲线。
#
# ## 三个思考题
#
# 1. 学一种说话方式，$r = 8$ 足够了。学一门新语言够吗？第 11 小节里的什么现象会告诉你 $r$ 太小？
# 2. 对任何可逆矩阵 $M$，$BA = (BM)(M^{-1}A)$：同一个更新有许多种分解。那么把两次训练的适配器取平均，即
#    $\frac12(A_1 + A_2)$ 与 $\frac12(B_1 + B_2)$，意味着什么？
# 3. 有人把提示也一起训练，训练损失比你的**更低**。为什么这不能证明他的模型更好？
#
# ## 延伸阅读
#
# - Hu 等 2021，《LoRA: Low-Rank Adaptation of Large Language Models》：第 4 节（方法）、第 7 节（改哪些矩阵、$r$ 取多少）。
# - Schulman 等 2025，[《LoRA Without Regret》](https://thinkingmachines.ai/blog/lora/)：LoRA 什么时候与全参数微调一样好。
# - Aghajanyan 等 2020，《Intrinsic Dimensionality Explains the Effectiveness of Language Model Fine-Tuning》：第 3、4 节。
# - Dettmers 等 2023，《QLoRA》：第 3 节（4 bit 基座）、第 4 节（所有线性层）。
# - Kalajdzievski 2023，《A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA》：$r$ 很大时为什么用 $\alpha/\sqrt r$。
# - Ouyang 等 2022，《Training language models to follow instructions with human feedback》：第 3 节（SFT 的由来）。
# - Zhou 等 2023，《LIMA: Less Is More for Alignment》：第 2 节。
# - Raghavendra 等 2024，《Revisiting the Superficial Alignment Hypothesis》：摘要。
# - Gekhman 等 2024，《Does Fine-Tuning LLMs on New Knowledge Encourage Hallucinations?》：摘要与第 4 节。
# - Lester 等 2021，《The Power of Scale for Parameter-Efficient Prompt Tuning》：第 2 节。
# - Sheng 等 2023，《S-LoRA: Serving Thousands of Concurrent LoRA Adapters》：摘要。
