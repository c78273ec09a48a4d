"""Hidden tests of lab 05. The references here never come from the solution: closed formulas in float64, PyTorch's own
operations, PEFT, and the chat template rendered turn by turn.

Tolerances were measured over 10 secrets, with 1 and 2 threads on this side: a layer's float32 results differ from float64
by at most 6e-6, a sixth of the default of `expect.close` (1e-5 absolute plus 1e-5 relative). Where another tolerance is
used, the comment beside it says what was measured.
"""

import json
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.grading import expect
from autograder.grading.student import Handle, Student
from labkit.i18n import Bilingual
from labkit.models import load_tokenizer, tiny_llama

Rng = np.random.Generator
ChatMessage = dict[str, str]
Example = tuple[list[int], list[int]]
Batch = dict[str, Tensor]

IGNORE_INDEX = -100
VOCABULARY = 101  # of the tiny models
DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
TEXT = "why is the sky blue Paris rank 7 matrix, 为什么 天空 是 蓝色 的 学习率 low-rank 42 naïve 🙂 update? 矩阵 ok"
WORDS = TEXT.split()

# What several messages name.
MERGED_WEIGHT = Bilingual("base.weight after merge()", "merge() 之后的 base.weight")
FLOAT64 = Bilingual("LoRALinear(x) on a float64 base", "base 为 float64 时的 LoRALinear(x)")
NAMES = Bilingual("the list of names", "名字列表")
GRADIENT_OF_LOGITS = Bilingual("the gradient of the logits", "logits 的梯度")
ROUNDED_LOSS = Bilingual("sft_loss of bfloat16 logits", "logits 为 bfloat16 时的 sft_loss")
NO_STATE = Bilingual("state_dict() of the model should be a dict", "模型的 state_dict() 应当是 dict")


def normal(rng: Rng, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Standard normal values."""
    return torch.from_numpy(rng.standard_normal(shape)).to(dtype)


# --- 1. chat-labels -------------------------------------------------------------------------------------------------


def sentence(rng: Rng) -> str:
    return " ".join(rng.choice(WORDS, size=rng.integers(3, 9)))


def conversation(rng: Rng, roles: str) -> list[ChatMessage]:
    """A turn per letter of `roles`: s(ystem), u(ser), a(ssistant)."""
    names = {"s": "system", "u": "user", "a": "assistant"}
    return [{"role": names[letter], "content": sentence(rng)} for letter in roles]


@cache
def tokenizer() -> Any:
    return load_tokenizer()


def rendered(messages: Sequence[ChatMessage]) -> tuple[list[int], list[str]]:
    """The ids of a conversation, and what each of them is: prompt, header, answer, end or newline.

    The turns are written out one by one in SmolLM2's format, and the tokenizer's offsets say which piece of the text
    a token begins in.
    """
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": DEFAULT_SYSTEM}, *messages]
    pieces = []
    for message in messages:
        answers = message["role"] == "assistant"
        pieces += [
            (f"<|im_start|>{message['role']}\n", "header" if answers else "prompt"),
            (message["content"], "answer" if answers else "prompt"),
            ("<|im_end|>", "end" if answers else "prompt"),
            ("\n", "newline" if answers else "prompt"),
        ]
    kind_of_character = [kind for piece, kind in pieces for _ in piece]
    encoded = tokenizer()("".join(piece for piece, _ in pieces), add_special_tokens=False, return_offsets_mapping=True)
    return encoded["input_ids"], [kind_of_character[start] for start, _ in encoded["offset_mapping"]]


def labels_of(student: Student, messages: Sequence[ChatMessage], chat_tokenizer: Handle) -> tuple[list[int], list[int]]:
    """The student's ids and labels, of the right types."""
    result = student.build_labels(list(messages), chat_tokenizer)
    paired = isinstance(result, tuple) and len(result) == 2
    expect.that(
        paired, Bilingual("build_labels should return a tuple (ids, labels)", "build_labels 应当返回元组 (ids, labels)")
    )
    for name, values in zip(("ids", "labels"), result, strict=True):
        whole = isinstance(values, list) and all(type(value) is int for value in values)
        expect.that(whole, Bilingual(f"{name} should be a list of int", f"{name} 应当是 int 列表"))
    message = Bilingual("ids and labels should be equally long", "ids 和 labels 应当一样长")
    expect.that(len(result[0]) == len(result[1]), message)
    return result


def check_labels(
    student: Student, messages: Sequence[ChatMessage], chat_tokenizer: Handle, kinds: str, what: Bilingual
) -> None:
    """The labels must be right on all tokens of these kinds: trained on answer and end, ignored elsewhere."""
    ids, kind_of = rendered(messages)
    _, labels = labels_of(student, messages, chat_tokenizer)
    another_length = Bilingual(
        f"the labels of {what.en} have another length than the conversation",
        f"标签的个数与对话的 token 数不同：{what.zh}",
    )
    wrong_label = Bilingual(f"a token has the wrong label in {what.en}", f"有 token 的标签不对：{what.zh}")
    expect.that(len(labels) == len(ids), another_length)
    for token, label, kind in zip(ids, labels, kind_of, strict=True):
        if kind in kinds.split():
            wanted = token if kind in ("answer", "end") else IGNORE_INDEX
            expect.that(label == wanted, wrong_label)


@pytest.mark.problem(
    "chat-labels",
    points=2,
    rests_on=[
        "A tuple (ids, labels) of two lists of int, both of length T. ids: the token ids of the whole conversation",
        "exactly as the chat template renders it.",
        "The ids are what `tokenizer.apply_chat_template(messages, return_dict=False)` gives.",
    ],
    hint={
        "en": "The ids are not those of the chat template. Compare them with tokenizer.apply_chat_template(messages), "
        "decoded: is every turn there, with its markers, and the default system prompt where there is no system message?",
        "zh": "得到的 ids 和聊天模板渲染的不一致。把两者都解码出来对比：每一轮、每个特殊标记都在吗？没有 system 消息时，模板自动加的默认系统提示在吗？",
    },
)
def test_ids_are_those_of_the_chat_template(student, rng):
    chat_tokenizer = student.new("labkit.models:load_tokenizer")
    for roles in ("ua", "sua", "uauau"):
        messages = conversation(rng, roles)
        ids, _ = labels_of(student, messages, chat_tokenizer)
        expect.equal(ids, rendered(messages)[0], what="ids")


@pytest.mark.problem(
    "chat-labels",
    points=3,
    rests_on=[
        "A tuple (ids, labels) of two lists of int, both of length T. ids: the token ids of the whole conversation",
        "label t belongs to token t (nothing is shifted here).",
        "It is the id itself on the content of every assistant turn",
    ],
    hint={
        "en": "The words of the assistant's answer do not have themselves as labels. Labels are not shifted here: "
        "label t belongs to token t.",
        "zh": "助手回答部分的标签不是它自己的 token。注意这里不做移位：第 t 个标签就对应第 t 个 token。",
    },
)
def test_the_answer_is_trained(student, rng):
    chat_tokenizer = student.new("labkit.models:load_tokenizer")
    what = Bilingual("an answer", "回答")
    for roles in ("ua", "sua"):
        check_labels(student, conversation(rng, roles), chat_tokenizer, "answer", what)


@pytest.mark.problem(
    "chat-labels",
    points=3,
    rests_on=[
        "A tuple (ids, labels) of two lists of int, both of length T. ids: the token ids of the whole conversation",
        "label t belongs to token t (nothing is shifted here).",
        "It is the id itself on the content of every assistant turn",
        "It is IGNORE_INDEX everywhere else: system and user turns",
    ],
    hint={
        "en": "The model would be trained to write the user's questions or the system prompt. Which tokens should it learn "
        "to produce, and which does it only read?",
        "zh": "这样训练，模型会去学着写用户的问题或系统提示。想一想：哪些 token 是要它生成的，哪些只是给它读的？",
    },
)
def test_the_prompt_is_ignored(student, rng):
    chat_tokenizer = student.new("labkit.models:load_tokenizer")
    what = Bilingual("a prompt", "提示")
    for roles in ("ua", "sua"):
        check_labels(student, conversation(rng, roles), chat_tokenizer, "prompt answer", what)


@pytest.mark.problem(
    "chat-labels",
    points=2,
    rests_on=[
        "A tuple (ids, labels) of two lists of int, both of length T. ids: the token ids of the whole conversation",
        "label t belongs to token t (nothing is shifted here).",
        "It is the id itself on the content of every assistant turn",
        "It is IGNORE_INDEX everywhere else: system and user turns, the header of the assistant's turn",
    ],
    hint={
        "en": "The header of the assistant's turn is trained, or the answer loses its first tokens. At inference, who writes "
        "the line `<|im_start|>assistant`: the model or the template?",
        "zh": "助手这一轮的开头标记被算进了训练，或者回答的前几个 token 被漏掉了。推理时 `<|im_start|>assistant` 这一行是模型写的，还是模板写的？",
    },
)
def test_the_assistants_header_is_ignored(student, rng):
    chat_tokenizer = student.new("labkit.models:load_tokenizer")
    what = Bilingual("the assistant's header", "assistant 轮次的开头标记")
    for roles in ("ua", "sua"):
        check_labels(student, conversation(rng, roles), chat_tokenizer, "header answer", what)


@pytest.mark.problem(
    "chat-labels",
    points=2,
    rests_on=[
        "A tuple (ids, labels) of two lists of int, both of length T. ids: the token ids of the whole conversation",
        "label t belongs to token t (nothing is shifted here).",
        "It is the id itself on the content of every assistant turn and on the `<|im_end|>` that closes it",
        "It is IGNORE_INDEX everywhere else",
        "the newline after `<|im_end|>`.",
    ],
    hint={
        "en": "Look at the very end of the answer. What tells the model to stop, and what comes after it that only the "
        "template writes?",
        "zh": "看看回答的最末尾：模型靠什么知道该停下来？在那之后，又有什么是模板自己加上去的？",
    },
)
def test_the_end_of_the_turn_is_trained(student, rng):
    chat_tokenizer = student.new("labkit.models:load_tokenizer")
    what = Bilingual("the end of a turn", "一轮的结尾")
    for roles in ("ua", "sua"):
        check_labels(student, conversation(rng, roles), chat_tokenizer, "answer end newline", what)


@pytest.mark.problem(
    "chat-labels",
    points=2,
    rests_on=[
        "A tuple (ids, labels) of two lists of int, both of length T. ids: the token ids of the whole conversation",
        "any number of turns",
        "after it user and assistant come in any order, also twice in a row.",
        "label t belongs to token t (nothing is shifted here).",
        "It is the id itself on the content of every assistant turn",
    ],
    hint={
        "en": "A conversation of many turns: every answer of the assistant is something to learn from, and everything "
        "between two answers is not.",
        "zh": "多轮对话里，助手的每一次回答都要学，两次回答之间的内容都不学。",
    },
)
def test_every_assistant_turn_is_trained(student, rng):
    chat_tokenizer = student.new("labkit.models:load_tokenizer")
    what = Bilingual("a conversation of many turns", "多轮对话")
    for roles in ("uauaua", "suauaua", "uuauaau"):
        check_labels(student, conversation(rng, roles), chat_tokenizer, "answer", what)


@pytest.mark.problem(
    "chat-labels",
    points=2,
    rests_on=[
        "A tuple (ids, labels) of two lists of int, both of length T. ids: the token ids of the whole conversation",
        "No content begins with white space; it may be empty.",
        "label t belongs to token t (nothing is shifted here).",
        "It is the id itself on the content of every assistant turn and on the `<|im_end|>` that closes it",
        "also where the content is empty.",
        "It is IGNORE_INDEX everywhere else: system and user turns, the header of the assistant's turn",
        "the newline after `<|im_end|>`.",
        "A conversation without an assistant turn has only IGNORE_INDEX.",
    ],
    hint={
        "en": "An unusual conversation has wrong labels: one without an answer, an empty answer, an answer that repeats the "
        "question, an answer that ends in a newline, or a question that talks about the assistant.",
        "zh": "某种不常见的对话标签不对：没有助手回答、回答为空、回答和问题一字不差、回答以换行结尾，或者问题里提到了 assistant。",
    },
)
def test_unusual_conversations(student, rng):
    chat_tokenizer = student.new("labkit.models:load_tokenizer")
    echo, words = sentence(rng), sentence(rng)
    user, assistant = {"role": "user"}, {"role": "assistant"}
    unusual = {
        Bilingual("an answer that repeats the question", "与问题一字不差的回答"): [
            user | {"content": echo},
            assistant | {"content": echo},
        ],
        Bilingual("an answer given twice", "先后出现两次的同一个回答"): [
            *(user | {"content": words}, assistant | {"content": echo}),
            *(user | {"content": sentence(rng)}, assistant | {"content": echo}),
        ],
        Bilingual("a conversation without an answer", "没有回答的对话"): conversation(rng, "su"),
        Bilingual("an empty answer", "空回答"): [user | {"content": words}, assistant | {"content": ""}],
        Bilingual("an answer that ends in a newline", "以换行结尾的回答"): [
            user | {"content": words},
            assistant | {"content": f"{words}\n\n{echo}\n"},
        ],
        Bilingual("a question about the assistant", "提到 assistant 的问题"): [
            user | {"content": f"assistant\n{words}\nassistant\n"},
            assistant | {"content": f"assistant\n{echo}"},
        ],
    }
    for what, messages in unusual.items():
        check_labels(student, messages, chat_tokenizer, "prompt header answer end newline", what)


# --- 2. collate -----------------------------------------------------------------------------------------------------


def ragged_examples(rng: Rng, pad_id: int) -> list[Example]:
    """Five examples of 3 to 11 tokens; pad_id occurs in each of them, as the last token and before it, with its label."""
    examples = []
    for length in rng.permutation([3, 5, 7, 10, 11]).tolist():
        ids = rng.integers(50, VOCABULARY, size=length).tolist()
        ids[length // 2], ids[-1] = pad_id, pad_id
        prompt = int(rng.integers(1, length // 2 + 1))
        examples.append((ids, [IGNORE_INDEX] * prompt + ids[prompt:]))
    return examples


def padded(rows: Sequence[Sequence[int]], fill: int) -> Tensor:
    width = max(map(len, rows))
    return torch.tensor([[*row, *[fill] * (width - len(row))] for row in rows])


def collated(student: Student, examples: list[Example], pad_id: int) -> Batch:
    """The student's batch, of the right type."""
    batch = student.collate(examples, pad_id)
    expect.that(isinstance(batch, dict), Bilingual("collate should return a dict", "collate 应当返回 dict"))
    wrong_keys = Bilingual(
        "the batch should have the keys input_ids, attention_mask and labels",
        "批的键应当是 input_ids、attention_mask 和 labels",
    )
    expect.that(batch.keys() == {"input_ids", "attention_mask", "labels"}, wrong_keys)
    return batch


@pytest.mark.problem(
    "collate",
    points=3,
    rests_on=[
        "Pads B examples on the right to the longest one, T tokens.",
        "pad_id: fills input_ids.",
        'A dict with the keys "input_ids", "attention_mask", "labels": each a tensor (B, T) int64.',
    ],
    hint={
        "en": "input_ids should be (B, T) int64 with T the longest example, the tokens at the left and pad_id after them.",
        "zh": "input_ids 应是 (B, T) 的 int64 张量，T 取最长样本的长度；token 靠左放，后面用 pad_id 补齐。",
    },
)
def test_ids_are_padded_on_the_right(student, rng):
    for pad_id in (2, 0):
        examples = ragged_examples(rng, pad_id)
        expected = padded([ids for ids, _ in examples], pad_id)
        expect.equal(collated(student, examples, pad_id)["input_ids"], expected, what="input_ids")


@pytest.mark.problem(
    "collate",
    points=4,
    rests_on=[
        'A dict with the keys "input_ids", "attention_mask", "labels": each a tensor (B, T) int64.',
        "attention_mask is 1 on tokens and 0 on padding.",
        "real tokens keep their mask and their label, wherever they stand.",
    ],
    hint={
        "en": "attention_mask is 1 on every token of an example and 0 on padding. Here pad_id also occurs as a real token: "
        "how do you tell the two apart?",
        "zh": "attention_mask 在真实 token 上为 1，在填充上为 0。这里 pad_id 也会作为真实 token 出现：你是怎么区分这两种情况的？",
    },
)
def test_the_mask_covers_every_real_token(student, rng):
    for pad_id in (2, 0):
        examples = ragged_examples(rng, pad_id)
        expected = padded([[1] * len(ids) for ids, _ in examples], 0)
        expect.equal(collated(student, examples, pad_id)["attention_mask"], expected, what="attention_mask")


@pytest.mark.problem(
    "collate",
    points=3,
    rests_on=[
        'A dict with the keys "input_ids", "attention_mask", "labels": each a tensor (B, T) int64.',
        "labels are as given on tokens and IGNORE_INDEX on padding.",
        "real tokens keep their mask and their label, wherever they stand.",
    ],
    hint={
        "en": "Labels keep what build_labels gave, the end of the turn included, and padding must not count in the loss.",
        "zh": "标签要原样保留 build_labels 给出的值（包括轮次结束标记），而填充位置不能参与损失计算。",
    },
)
def test_labels_are_kept_and_padding_is_ignored(student, rng):
    for pad_id in (2, 0):
        examples = ragged_examples(rng, pad_id)
        expected = padded([labels for _, labels in examples], IGNORE_INDEX)
        expect.equal(collated(student, examples, pad_id)["labels"], expected, what="labels")


@pytest.mark.problem(
    "collate",
    points=2,
    rests_on=[
        "Pads B examples on the right to the longest one, T tokens.",
        'A dict with the keys "input_ids", "attention_mask", "labels": each a tensor (B, T) int64.',
        "attention_mask is 1 on tokens and 0 on padding. labels are as given on tokens",
        "ValueError: examples is empty.",
    ],
    hint={
        "en": "A batch of one example, of equally long examples, or of none (ValueError, with a clear message).",
        "zh": "只有一个样本、所有样本一样长、或一个样本都没有（应抛出 ValueError 并说明原因）的情况。",
    },
)
def test_batches_of_one_of_equals_and_of_none(student, rng):
    for examples in ([([7], [IGNORE_INDEX])], [([5, 9, 2], [IGNORE_INDEX, 9, 2])] * 3):
        batch = collated(student, examples, 2)
        for name, rows in (("input_ids", [ids for ids, _ in examples]), ("labels", [labels for _, labels in examples])):
            expect.equal(batch[name], torch.tensor(rows), what=name)
        expect.equal(batch["attention_mask"], torch.ones_like(batch["input_ids"]), what="attention_mask")
    expect.refused(lambda: student.collate([], 2), Bilingual("collate of an empty list", "对空列表调用 collate"))


# --- 3. lora-linear -------------------------------------------------------------------------------------------------


class Lora:
    """A student's LoRALinear with known values, and what it should compute, in float64."""

    def __init__(
        self, student: Student, rng: Rng, d_in: int, d_out: int, r: int, alpha: float, *, bias: bool = True,
        dropout: float | None = None, dtype: torch.dtype = torch.float32, trained: bool = True,
    ) -> None:  # fmt: skip
        """Before training (`trained` false) A and B are as the student initialises them, and not known here."""
        self.scaling = alpha / r
        self.weight = normal(rng, d_out, d_in, dtype=dtype)
        self.bias = normal(rng, d_out, dtype=dtype) if bias else None
        self.A, self.B = normal(rng, r, d_in, dtype=dtype), normal(rng, d_out, r, dtype=dtype)
        self.base = student.new("torch.nn:Linear", d_in, d_out, bias=bias, dtype=dtype)
        self.base.load_state_dict({"weight": self.weight} | ({"bias": self.bias} if bias else {}))
        options = {} if dropout is None else {"dropout": dropout}
        self.layer = student.LoRALinear(self.base, r, alpha, **options)
        if trained:
            load_lora(self.layer, {"lora_A": self.A, "lora_B": self.B})

    def base_output(self, x: Tensor) -> Tensor:
        return F.linear(x.double(), self.weight.double(), None if self.bias is None else self.bias.double())

    def merged_weight(self) -> Tensor:
        return self.weight.double() + self.scaling * self.B.double() @ self.A.double()

    def output(self, x: Tensor) -> Tensor:
        return F.linear(x.double(), self.merged_weight(), None if self.bias is None else self.bias.double())


def load_lora(module: Handle, values: dict[str, Tensor]) -> None:
    """Puts values into a module's LoRA parameters, by name."""
    unknown = module.load_state_dict(values, strict=False)[1]
    message = Bilingual(
        f"a LoRALinear should have parameters lora_A and lora_B; {len(unknown)} names are missing",
        f"LoRALinear 应当有参数 lora_A 和 lora_B；缺少 {len(unknown)} 个名字",
    )
    expect.that(unknown == [], message)


@pytest.mark.problem(
    "lora-linear",
    points=3,
    rests_on=[
        "y = base(x) + alpha / r * B A dropout(x)",
        "lora_B: Parameter (d_out, r), zeros.",
        "the layer computes *exactly* what the base layer computes",
    ],
    hint={
        "en": "A new LoRALinear should compute exactly what its base computes, bias included: fine-tuning starts from the "
        "model as it is. Which matrix makes sure of that?",
        "zh": "刚创建的 LoRALinear 应当和 base 的输出完全一样（包括偏置）：微调要从原模型出发。是哪个矩阵保证了这一点？",
    },
)
def test_a_new_layer_is_the_identity_on_the_base(student, rng):
    for d_in, d_out, r in ((7, 5, 3), (5, 9, 2)):
        lora = Lora(student, rng, d_in, d_out, r, 11.0, trained=False)
        nonzero = lora.layer.get("lora_B.count_nonzero")()  # how many: the values themselves would be free
        x = normal(rng, 3, 7, d_in)
        expect.close(
            lora.layer(x),
            lora.base_output(x),
            what=Bilingual("the output of a new LoRALinear", "新建的 LoRALinear 的输出"),
        )
        what = Bilingual("the number of entries of lora_B that are not 0", "lora_B 中不为 0 的元素个数")
        expect.equal(nonzero, torch.tensor(0), what)


@pytest.mark.problem(
    "lora-linear",
    points=5,
    rests_on=[
        "y = base(x) + alpha / r * B A dropout(x)",
        "def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:",
        "its bias (if it has one)",
        "x (..., d_in) -> (..., d_out), with any leading axes",
    ],
    hint={
        "en": "With A and B set, y should be base(x) + alpha / r * B A x. Work a case of r = 1 by hand, then r = 2: what "
        "should change when only r changes, and what when only alpha does?",
        "zh": "设定 A、B 之后，应有 y = base(x) + alpha / r · B A x。先手算 r = 1，再算 r = 2：只改 r 时什么会变，只改 alpha 时什么会变？",
    },
)
def test_forward_agrees_with_the_formula(student, rng):
    for d_in, d_out, r, alpha in ((7, 5, 3, 7), (5, 9, 2, 0.9), (3, 5, 11, 16.0)):
        lora = Lora(student, rng, d_in, d_out, r, alpha, bias=False)
        x = normal(rng, 3, 7, d_in)
        expect.close(lora.layer(x), lora.output(x), what="LoRALinear(x)")


@pytest.mark.problem(
    "lora-linear",
    points=2,
    rests_on=[
        "y = base(x) + alpha / r * B A dropout(x)",
        "def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:",
        "x (..., d_in) -> (..., d_out), with any leading axes (also of length 0), or none.",
        r"y = W_0 x + b + \frac{\alpha}{r}\,B A\,x",
    ],
    hint={
        "en": "x is (..., in): one vector, a batch, or with more axes in front. And the base's bias belongs to the output.",
        "zh": "x 的形状是 (..., in)：可以是一个向量、一批向量，或前面还有更多维。另外，base 的偏置也属于输出。",
    },
)
def test_any_leading_axes_and_a_bias(student, rng):
    lora = Lora(student, rng, 7, 5, 3, 3.0)  # alpha = r: a wrong scaling is not this test's business
    for leading in ((), (3,), (3, 1, 5, 2), (0,)):
        x = normal(rng, *leading, 7)
        shape = tuple(x.shape)
        what = Bilingual(f"LoRALinear(x) for x of shape {shape}", f"x 的形状为 {shape} 时的 LoRALinear(x)")
        expect.close(lora.layer(x), lora.output(x), what)


@pytest.mark.problem(
    "lora-linear",
    points=4,
    rests_on=[
        "y = base(x) + alpha / r * B A dropout(x)",
        "def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:",
        "Gradients reach x, lora_A and lora_B.",
        "At step 0 all of $A$'s gradient is zero, because $B$ is; $B$ moves first, and from step 1 on both learn.",
    ],
    hint={
        "en": "Back-propagate through the layer: x, A and B should all get their gradient. Check also a new layer, where one of "
        "A and B has the gradient zero and the other must not.",
        "zh": "对这一层做反向传播：x、A、B 都应得到各自的梯度。再看刚创建的层：A 和 B 中有一个梯度为零，另一个则不能为零。",
    },
)
def test_gradients_reach_x_and_a_and_b(student, rng):
    new = Lora(student, rng, 7, 5, 3, 11.0, trained=False)
    student.vjp(new.layer, [normal(rng, 3, 7, 7)], torch.ones(3, 7, 5))
    learning = new.layer.get("lora_B.grad.count_nonzero")()  # how many: the values depend on the student's free A
    what = Bilingual("the number of entries of lora_B that a new layer can learn", "新建的层里 lora_B 能学到的元素个数")
    expect.equal(learning, torch.tensor(5 * 3), what)

    lora = Lora(student, rng, 7, 5, 3, 11.0)
    x, cotangent = normal(rng, 3, 7, 7), normal(rng, 3, 7, 5)
    _, (grad_x,) = student.vjp(lora.layer, [x], cotangent)
    grads = lora.layer.grads()
    rows, g = x.double().flatten(0, 1), cotangent.double().flatten(0, 1)
    A, B = lora.A.double(), lora.B.double()
    # The gradients sum over 21 rows: the reference is within 2e-5, a tenth of the tolerance with its relative part.
    expected = {
        "x": (grad_x, cotangent.double() @ lora.merged_weight()),
        "lora_A": (grads.get("lora_A"), lora.scaling * B.T @ g.T @ rows),
        "lora_B": (grads.get("lora_B"), lora.scaling * g.T @ rows @ A.T),
    }
    for name, (gradient, exact) in expected.items():
        expect.close(gradient, exact, what=Bilingual(f"the gradient of {name}", f"{name} 的梯度"), atol=1e-4)


@pytest.mark.problem(
    "lora-linear",
    points=3,
    rests_on=[
        "A frozen linear layer plus a trainable update of rank r.",
        "base: the very nn.Linear that was given, not a copy.",
        "Its weight (d_out, d_in) and its bias (if it has one) are frozen: requires_grad is False.",
        "There are no other parameters.",
    ],
    hint={
        "en": "Only lora_A and lora_B should be trainable. Look at {name: p.requires_grad} of your layer's parameters, the "
        "base's weight and bias among them.",
        "zh": "只有 lora_A 和 lora_B 应当可训练。打印每个参数的 {名字: p.requires_grad} 看看，base 的权重和偏置也要看。",
    },
)
def test_the_base_is_frozen(student, rng):
    lora = Lora(student, rng, 5, 9, 2, 3.0)
    student.vjp(lora.layer, [normal(rng, 3, 5)], normal(rng, 3, 9))
    grads = lora.layer.grads()
    wrong_names = Bilingual(
        "the layer's parameters should be base.weight, base.bias, lora_A and lora_B",
        "这一层的参数应当是 base.weight、base.bias、lora_A 和 lora_B",
    )
    expect.that(grads.keys() == {"base.weight", "base.bias", "lora_A", "lora_B"}, wrong_names)
    trained = {name for name, grad in grads.items() if grad is not None}
    arrived = Bilingual(f"gradients arrive at {sorted(trained)}", f"梯度传到的参数是 {sorted(trained)}")
    expect.that(trained == {"lora_A", "lora_B"}, arrived)
    for name in ("weight", "bias"):
        expect.equal(lora.layer.get(f"base.{name}.requires_grad"), False, what=f"base.{name}.requires_grad")
    copied = Bilingual(
        "base should be the nn.Linear that was given, not a copy", "base 应当是传进来的那个 nn.Linear，不是副本"
    )
    expect.that(lora.layer.get("base") == lora.base, copied)


@pytest.mark.problem(
    "lora-linear",
    points=3,
    rests_on=[
        "y = base(x) + alpha / r * B A dropout(x)",
        "dropout: nn.Dropout, on the input of A only.",
        "in train mode each entry of the input of A is set to zero with this probability.",
        "Like every dropout it is off in `eval()`.",
    ],
    hint={
        "en": "Dropout acts on the input of A, in training mode only; the path through base never sees it. Try dropout = 1.0: "
        "what is left in train mode, and what in eval mode?",
        "zh": "dropout 只作用在 A 的输入上，而且只在训练模式下生效；base 那条路不受影响。试试 dropout = 1.0：训练模式下应剩下什么？评估模式下呢？",
    },
)
def test_dropout_acts_on_the_update_in_training_only(student, rng):
    lora = Lora(student, rng, 9, 5, 1, 1.0, dropout=1.0)
    x = normal(rng, 3, 7, 9)
    lora.layer.eval()
    what = Bilingual("LoRALinear(x) in eval mode", "eval 模式下的 LoRALinear(x)")
    expect.close(lora.layer(x), lora.output(x), what)
    lora.layer.train()
    what = Bilingual("LoRALinear(x) in train mode with dropout 1.0", "训练模式下 dropout 为 1.0 时的 LoRALinear(x)")
    expect.close(lora.layer(x), lora.base_output(x), what)

    p, rows = 0.3, 1001
    some = Lora(student, rng, 9, 5, 1, 1.0, dropout=p)
    x = normal(rng, 1, 9)
    output = expect.tensor(some.layer(x.expand(rows, 9).contiguous()), shape=(rows, 5), what="LoRALinear(x)")
    # r = 1: with dropout before A, every row of the update is a multiple of B's column, and of many sizes.
    column = some.B.T.double()
    update = output.double() - some.base_output(x)
    sizes = update @ column.T / column.square().sum()
    expect.close(update, sizes * column, what=Bilingual("the update under dropout", "dropout 下的更新项"), atol=1e-4)
    one_by_one = Bilingual("dropout should act on each feature of x by itself", "dropout 应当分别作用在 x 的每个元素上")
    expect.that(len(sizes.round(decimals=4).unique()) > 50, one_by_one)
    terms = x[0].double() * some.A[0].double()
    deviation = terms.norm().item() * math.sqrt(p / (1 - p))
    drift = abs(sizes.mean().item() - terms.sum().item())
    mean_moved = Bilingual("dropout should keep the mean of the update", "dropout 应当保持更新项的均值不变")
    expect.that(drift < 6 * deviation / math.sqrt(rows), mean_moved)
    # The sample's deviation is within 7 % of it (200 seeds); with p and 1 - p exchanged it is 2.3 times as large.
    wrong_rate = Bilingual("dropout should drop with probability `dropout`", "dropout 置零的概率应当是 `dropout`")
    expect.that(0.75 < sizes.std().item() / deviation < 1.33, wrong_rate)


@pytest.mark.problem(
    "lora-linear",
    points=2,
    rests_on=[
        "y = base(x) + alpha / r * B A dropout(x)",
        "def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:",
        "lora_A and lora_B take dtype and device of base.weight.",
        "lora_A: Parameter (r, d_in), uniform in +-1 / sqrt(d_in): Kaiming-uniform with a = sqrt(5).",
        "$A$ random",
    ],
    hint={
        "en": "How A and B begin: A uniform in ±1/sqrt(in) (Kaiming with a = sqrt(5), the fan-in is the width of x), other "
        "values in each layer, both in the dtype of base.weight.",
        "zh": "A、B 的初始值：A 在 ±1/sqrt(in) 内均匀分布（Kaiming，a = sqrt(5)，fan-in 即 x 的宽度），各层取值不同；A、B 的 dtype 都与 base.weight 一致。",
    },
)
def test_a_begins_kaiming_uniform_in_the_dtype_of_the_base(student, rng):
    double = Lora(student, rng, 7, 5, 3, 3.0, dtype=torch.float64)
    x = normal(rng, 3, 7, dtype=torch.float64)
    output = expect.tensor(double.layer(x), dtype=torch.float64, what=FLOAT64)
    expect.close(output, double.output(x), what=FLOAT64, atol=1e-11, rtol=1e-11)

    first, second = (Lora(student, rng, 77, 5, 133, 1.0, trained=False).layer.get("lora_A") for _ in range(2))
    bound = 1 / math.sqrt(77)
    too_large = Bilingual(
        "lora_A has entries that Kaiming-uniform (a = sqrt(5)) does not give",
        "lora_A 里有 Kaiming 均匀分布（a = sqrt(5)）给不出的值",
    )
    other_spread = Bilingual(
        "lora_A has another spread than Kaiming-uniform (a = sqrt(5))",
        "lora_A 的离散程度与 Kaiming 均匀分布（a = sqrt(5)）不同",
    )
    for A in (first, second):
        expect.tensor(A, shape=(133, 77), dtype=torch.float32, what="lora_A")
        expect.that(bool(A.abs().max() <= bound), too_large)
        # 10,241 uniform draws: the root mean square is bound / sqrt(3), with a standard error of 0.44 %.
        spread = A.double().square().mean().sqrt().item() / (bound / math.sqrt(3))
        expect.that(0.96 < spread < 1.04, other_spread)
    alike = Bilingual("two new layers should not have the same lora_A", "两个新建的层不应当有相同的 lora_A")
    expect.that(not torch.equal(first, second), alike)


@pytest.mark.problem(
    "lora-linear",
    points=2,
    rests_on=[
        "lora_A: Parameter (r, d_in)",
        "lora_B: Parameter (d_out, r)",
        "scaling: alpha / r.",
        "merged: bool, False at first.",
        "ValueError: r < 1.",
    ],
    hint={
        "en": "Attributes as the task names them: scaling, merged, lora_A (r, in), lora_B (out, r); and a rank below 1 is "
        "refused with ValueError.",
        "zh": "属性要和题目一致：scaling、merged、lora_A (r, in)、lora_B (out, r)；秩小于 1 时抛出 ValueError。",
    },
)
def test_attributes_and_a_rank_below_one(student, rng):
    for d_in, d_out, r, alpha in ((7, 5, 3, 11), (3, 5, 9, 0.5)):
        layer = Lora(student, rng, d_in, d_out, r, alpha, trained=False).layer
        expect.equal(layer.get("lora_A.shape"), (r, d_in), what="lora_A.shape")
        expect.equal(layer.get("lora_B.shape"), (d_out, r), what="lora_B.shape")
        expect.close(layer.get("scaling"), alpha / r, what="scaling")
        expect.equal(layer.get("merged"), False, what="merged")
    base = student.new("torch.nn:Linear", 7, 5)
    for r in (0, -2):
        what = Bilingual(f"LoRALinear with r = {r}", f"r = {r} 的 LoRALinear")
        expect.refused(lambda r=r: student.LoRALinear(base, r, 8.0), what)


# --- 4. merge -------------------------------------------------------------------------------------------------------


@pytest.mark.problem(
    "merge",
    points=3,
    rests_on=[
        "Adds the update to base.weight in place and sets merged.",
        r"$W_0x + \frac{\alpha}{r}BAx = (W_0 + \frac{\alpha}{r}BA)\,x$",
        "merged: bool",
        "When merged, base alone gives the output, in train mode too.",
    ],
    hint={
        "en": "merge() should add the whole update, scaled as in forward, to base.weight in place; a merged layer then answers "
        "from base alone, the same as before.",
        "zh": "merge() 应把整个更新（缩放方式与 forward 一致）原地加到 base.weight 上；合并后只靠 base 就能给出与之前相同的输出。",
    },
)
def test_merging_puts_the_update_into_the_weight(student, rng):
    for d_in, d_out, r in ((7, 5, 3), (5, 9, 2)):
        lora = Lora(student, rng, d_in, d_out, r, 5.0)
        lora.layer.merge()
        expect.close(lora.layer.get("base.weight"), lora.merged_weight(), what=MERGED_WEIGHT)
        x = normal(rng, 3, 7, d_in)
        expect.close(
            lora.layer(x), lora.output(x), what=Bilingual("the output of a merged layer", "合并之后的层的输出")
        )
        expect.equal(lora.layer.get("merged"), True, what="merged")


@pytest.mark.problem(
    "merge",
    points=2,
    rests_on=[
        "Already merged: does nothing.",
        "Takes the update out of base.weight again and clears merged.",
    ],
    hint={
        "en": "merge() on a layer that is merged already should leave it as it is.",
        "zh": "对已经合并过的层再调用 merge()，应当什么都不变。",
    },
)
def test_merging_again_changes_nothing(student, rng):
    lora = Lora(student, rng, 7, 5, 3, 5.0)
    lora.layer.merge()
    once = expect.tensor(lora.layer.get("base.weight"), shape=(5, 7), what=MERGED_WEIGHT)
    lora.layer.merge()
    what = Bilingual("base.weight after a second merge()", "第二次 merge() 之后的 base.weight")
    expect.equal(lora.layer.get("base.weight"), once, what)
    lora.layer.unmerge()
    what = Bilingual("base.weight after merge() twice and unmerge()", "两次 merge() 再 unmerge() 之后的 base.weight")
    expect.close(lora.layer.get("base.weight"), lora.weight, what)


@pytest.mark.problem(
    "merge",
    points=3,
    rests_on=[
        "def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:",
        "Takes the update out of base.weight again and clears merged.",
        "After that the layer computes and learns as it did before merging. Not merged: does nothing.",
        "You may subtract the update, which leaves rounding errors",
    ],
    hint={
        "en": "unmerge() gives back the base's own weight, and the layer learns on as before; on a layer that is not merged it "
        "does nothing.",
        "zh": "unmerge() 要还原 base 原来的权重，之后这一层照常计算、照常训练；对没有合并过的层调用它，什么也不做。",
    },
)
def test_unmerging_restores_the_base(student, rng):
    lora = Lora(student, rng, 7, 5, 3, 5.0)
    x, cotangent = normal(rng, 3, 7, 7), normal(rng, 3, 7, 5)
    before = expect.tensor(lora.layer(x), shape=(3, 7, 5), what="LoRALinear(x)")
    lora.layer.merge()
    lora.layer.unmerge()
    what = Bilingual("base.weight after merge() and unmerge()", "merge() 再 unmerge() 之后的 base.weight")
    expect.close(lora.layer.get("base.weight"), lora.weight, what)
    lora.layer.unmerge()
    what = Bilingual("base.weight after a second unmerge()", "第二次 unmerge() 之后的 base.weight")
    expect.close(lora.layer.get("base.weight"), lora.weight, what)
    expect.equal(lora.layer.get("merged"), False, what="merged")
    output, _ = student.vjp(lora.layer, [x], cotangent)
    expect.close(output, before, what=Bilingual("the output after unmerge()", "unmerge() 之后的输出"))
    trained = {name for name, grad in lora.layer.grads().items() if grad is not None}
    arrived = Bilingual(
        f"after unmerge() gradients arrive at {sorted(trained)}", f"unmerge() 之后，梯度传到的参数是 {sorted(trained)}"
    )
    expect.that(trained == {"lora_A", "lora_B"}, arrived)


@pytest.mark.problem(
    "merge",
    points=2,
    rests_on=[
        r"$W_0x + \frac{\alpha}{r}BAx = (W_0 + \frac{\alpha}{r}BA)\,x$",
        "When merged, base alone gives the output, in train mode too.",
        "The base stays frozen",
    ],
    hint={
        "en": "Merging is about the weight only: in every mode the merged layer answers with the merged weight, and dropout has "
        "nothing to act on any more. The base stays frozen.",
        "zh": "合并只改变权重：合并后无论处于哪种模式，都用合并后的权重计算，dropout 不再起作用；base 仍然是冻结的。",
    },
)
def test_a_merged_layer_computes_the_same_in_every_mode(student, rng):
    lora = Lora(student, rng, 7, 5, 3, 5.0, dropout=0.5)
    x = normal(rng, 3, 7, 7)
    lora.layer.eval()
    before = lora.layer(x)
    lora.layer.merge()
    what = Bilingual("the output after merge()", "merge() 之后的输出")
    expect.close(lora.layer(x), expect.tensor(before, shape=(3, 7, 5)), what)
    lora.layer.train()
    what = Bilingual("the output of a merged layer in train mode", "训练模式下合并之后的层的输出")
    expect.close(lora.layer(x), before, what)
    what = Bilingual("base.weight.requires_grad after merge()", "merge() 之后的 base.weight.requires_grad")
    expect.equal(lora.layer.get("base.weight.requires_grad"), False, what)
    lora.layer.load_state_dict({"lora_A": torch.zeros(3, 7)}, strict=False)
    what = Bilingual("the output of a merged layer with another lora_A", "合并之后又换掉 lora_A 的层的输出")
    expect.close(lora.layer(x), before, what)


@pytest.mark.problem(
    "merge",
    points=2,
    rests_on=[
        "Merges every LoRALinear in model, however deep (also model itself, if it is one).",
        "Other layers stay as they are.",
        "Unmerges every LoRALinear in model, however deep",
        r"$W_0x + \frac{\alpha}{r}BAx = (W_0 + \frac{\alpha}{r}BA)\,x$",
    ],
    hint={
        "en": "merge_lora and unmerge_lora should reach every LoRALinear of a model, however deep, and the model itself if it is "
        "one; other layers stay as they are.",
        "zh": "merge_lora 和 unmerge_lora 要处理模型里的每一个 LoRALinear，无论嵌套多深；模型本身就是 LoRALinear 时也算。其他层保持不变。",
    },
)
def test_merge_lora_reaches_every_layer(student, rng):
    outer, inner, deep, alone = (Lora(student, rng, 7, 7, 3, alpha) for alpha in (2.0, 5.0, 7.0, 4.0))
    plain = student.new("torch.nn:Linear", 7, 7)
    block = student.new("torch.nn:Sequential", inner.layer, student.new("torch.nn:Sequential", deep.layer))
    model = student.new("torch.nn:Sequential", outer.layer, plain, block)
    plain_weight = plain.get("weight")
    merged = Bilingual("a layer's base.weight after merge_lora", "merge_lora 之后某一层的 base.weight")
    unmerged = Bilingual("a layer's base.weight after unmerge_lora", "unmerge_lora 之后某一层的 base.weight")
    untouched = Bilingual("a plain linear layer after merge_lora", "merge_lora 之后的普通线性层")
    itself = Bilingual(
        "base.weight after merge_lora of a LoRALinear itself", "对 LoRALinear 本身调用 merge_lora 之后的 base.weight"
    )
    student.merge_lora(model)
    for lora in (outer, inner, deep):
        expect.close(lora.base.get("weight"), lora.merged_weight(), merged)
    expect.equal(plain.get("weight"), plain_weight, untouched)
    student.unmerge_lora(model)
    for lora in (outer, inner, deep):
        expect.close(lora.base.get("weight"), lora.weight, unmerged)
    student.merge_lora(alone.layer)
    expect.close(alone.base.get("weight"), alone.merged_weight(), itself)


# --- 5. inject ------------------------------------------------------------------------------------------------------

QUERY_VALUE = [f"model.layers.{layer}.self_attn.{name}" for layer in (0, 1) for name in ("q_proj", "v_proj")]
QUERY_DOWN = [f"model.layers.{layer}.{name}" for layer in (0, 1) for name in ("self_attn.q_proj", "mlp.down_proj")]


def sandbox_llama(student: Student, seed: int) -> Handle:
    return student.new("labkit.models:tiny_llama", seed=seed, vocab_size=VOCABULARY)


def lora_values(rng: Rng, model: nn.Module, names: Sequence[str], r: int) -> dict[str, Tensor]:
    """Random A and B for the linear layers of these names, large enough to matter."""
    values = {}
    for name in names:
        d_out, d_in = model.get_submodule(name).weight.shape
        values[f"{name}.lora_A"] = normal(rng, r, d_in) / math.sqrt(d_in)
        values[f"{name}.lora_B"] = normal(rng, d_out, r) / math.sqrt(r)
    return values


def logits_of(model: Handle, ids: Tensor) -> Tensor:
    output = model(input_ids=ids, use_cache=False)
    gone = Bilingual("the model no longer returns logits", "模型不再返回 logits")
    expect.that(isinstance(output, dict) and "logits" in output, gone)
    what = Bilingual("the model's logits", "模型的 logits")
    return expect.tensor(output["logits"], shape=(*ids.shape, VOCABULARY), what=what)


def random_ids(rng: Rng, *shape: int) -> Tensor:
    return torch.from_numpy(rng.integers(0, VOCABULARY, shape))


def named_chain(student: Student, layers: dict[str, Handle]) -> Handle:
    """An nn.Sequential whose children have these names."""
    chain = student.new("torch.nn:Sequential")
    for name, layer in layers.items():
        chain.add_module(name, layer)
    return chain


@pytest.mark.problem(
    "inject",
    points=3,
    rests_on=[
        "puts a LoRALinear in the place of each target.",
        "an nn.Linear is a target when the last part of its dotted name is in here",
        "A list of the dotted names of the layers replaced, in the order of model.named_modules().",
        "base: the very nn.Linear that was given",
    ],
    hint={
        "en": "Every nn.Linear whose last name part is a target becomes a LoRALinear, in every block, and no other does. The "
        "list returned names them in the order of model.named_modules().",
        "zh": "名字最后一段在 targets 里的 nn.Linear 都要换成 LoRALinear，每个块里都要换，别的层不动。返回的列表按 model.named_modules() 的顺序给出完整的名字。",
    },
)
def test_exactly_the_target_layers_are_replaced(student, rng):
    model = sandbox_llama(student, int(rng.integers(1000)))
    names = student.inject_lora(model, ["v_proj", "q_proj"], 3, 7.0)
    expect.equal(names, QUERY_VALUE, NAMES)
    kinds = {name: module.type for name, module in model.named_modules() if isinstance(module, Handle)}
    wrapped = sorted(name for name, kind in kinds.items() if kind == "LoRALinear")
    what = Bilingual("the list of LoRALinear layers in the model", "模型里 LoRALinear 层的列表")
    expect.equal(wrapped, sorted(QUERY_VALUE), what)
    no_linear = Bilingual("a LoRALinear's base should be the nn.Linear", "LoRALinear 的 base 应当是 nn.Linear")
    expect.that(all(kinds.get(f"{name}.base") == "Linear" for name in names), no_linear)


@pytest.mark.problem(
    "inject",
    points=2,
    rests_on=[
        "an nn.Linear is a target when the last part of its dotted name is in here",
        '"q_proj" takes "model.layers.0.self_attn.q_proj", and neither "my_q_proj" nor "q_proj_norm".',
        "An embedding, a norm or a block of that name is no target.",
        "A list of the dotted names of the layers replaced, in the order of model.named_modules().",
    ],
    hint={
        "en": "A target is compared with the whole last part of a name, and only nn.Linear layers count: not a longer name that "
        "contains it, not a block or an embedding of that name.",
        "zh": "target 要与名字的最后一段完全相等才算匹配，而且只看 nn.Linear：包含它的更长的名字不算，同名的嵌入层、或者含有若干层的块也不算。",
    },
)
def test_a_target_is_a_whole_name_of_a_linear_layer(student, rng):
    linear = "torch.nn:Linear"
    block = named_chain(student, {"my_proj": student.new(linear, 7, 7), "proj": student.new(linear, 7, 7)})
    others = {
        "embedding": named_chain(student, {"proj": student.new("torch.nn:Embedding", 11, 7)}),
        "norm": named_chain(student, {"proj": student.new("torch.nn:LayerNorm", 7)}),
        "gate": named_chain(student, {"proj": named_chain(student, {"0": student.new(linear, 7, 7)})}),
    }
    layers = {
        "proj": student.new(linear, 7, 7),
        "proj_out": student.new(linear, 7, 7),
        "head": student.new(linear, 7, 5),
    }
    model = named_chain(student, others | {"block": block} | layers)
    names = student.inject_lora(model, ("proj", "my_head"), 2, 4.0)
    expect.equal(names, ["block.proj", "proj"], NAMES)
    kinds = dict.fromkeys(("proj", "block.proj"), "LoRALinear")
    kinds |= dict.fromkeys(("block.my_proj", "gate.proj.0", "proj_out", "head"), "Linear")
    for path, kind in kinds.items():
        what = Bilingual(f"the type of model.{path}", f"model.{path} 的类型")
        expect.equal(getattr(model.get(path), "type", None), kind, what)


@pytest.mark.problem(
    "inject",
    points=3,
    rests_on=[
        "Freezes every parameter of model, then puts a LoRALinear in the place of each target.",
        "A frozen linear layer plus a trainable update of rank r.",
        "are frozen: requires_grad is False.",
    ],
    hint={
        "en": "After injection only the LoRA matrices should be trainable. List the names of the parameters that still require a "
        "gradient: embeddings, norms and the layers that were not targets are parameters too.",
        "zh": "注入之后，只有 LoRA 的矩阵可以训练。把仍然需要梯度的参数名列出来看看：嵌入层、归一化层和没有被选中的层也有参数。",
    },
)
def test_everything_but_the_update_is_frozen(student, rng):
    layers = {
        "embed": student.new("torch.nn:Embedding", 11, 7),
        "q_proj": student.new("torch.nn:Linear", 7, 7),
        "norm": student.new("torch.nn:LayerNorm", 7),
        "head": student.new("torch.nn:Linear", 7, 5),
    }
    model = named_chain(student, layers)
    student.inject_lora(model, ["q_proj"], 1, 1.0)  # a scaling of 1: a wrong one must not hide what is trainable
    load_lora(model, {"q_proj.lora_A": normal(rng, 1, 7), "q_proj.lora_B": normal(rng, 7, 1)})
    student.vjp(model, [torch.from_numpy(rng.integers(0, 11, (3, 7)))], normal(rng, 3, 7, 5), wrt=[])
    trained = sorted(name for name, grad in model.grads().items() if grad is not None)
    what = Bilingual("the list of trainable parameters", "可训练参数的列表")
    expect.equal(trained, ["q_proj.lora_A", "q_proj.lora_B"], what)
    for path in ("embed.weight", "norm.weight", "norm.bias", "head.weight", "q_proj.base.bias"):
        expect.equal(model.get(f"{path}.requires_grad"), False, what=f"{path}.requires_grad")


@pytest.mark.problem(
    "inject",
    points=2,
    rests_on=[
        "an nn.Linear is a target when the last part of its dotted name is in here",
        "A list of the dotted names of the layers replaced, in the order of model.named_modules().",
        "Called again, it leaves alone a LoRALinear that is there already, and its base.",
        "ValueError: no layer to replace, also when all targets are wrapped already.",
    ],
    hint={
        "en": "A call that finds nothing to replace raises ValueError (a misspelt target would train nothing), and a layer that "
        "has its update already is not wrapped again.",
        "zh": "如果没有任何层可替换，要抛出 ValueError（否则 target 写错时什么也没训练到）；已经包装过的层不要再包一层。",
    },
)
def test_nothing_to_replace_and_nothing_twice(student, rng):
    model = sandbox_llama(student, int(rng.integers(1000)))
    what = Bilingual("inject_lora with targets that no layer has", "没有任何层匹配 targets 时调用 inject_lora")
    expect.refused(lambda: student.inject_lora(model, ["c_attn", "proj"], 3, 7.0), what)
    student.inject_lora(model, ["q_proj"], 3, 7.0)
    again = student.inject_lora(model, ["q_proj", "up_proj"], 3, 7.0)
    what = Bilingual("the second call's list of names", "第二次调用返回的名字列表")
    expect.equal(again, [f"model.layers.{layer}.mlp.up_proj" for layer in (0, 1)], what)
    kind = getattr(model.get("model.layers.0.self_attn.q_proj.base"), "type", None)
    expect.equal(kind, "Linear", Bilingual("the type of base after a second call", "第二次调用之后 base 的类型"))
    what = Bilingual("inject_lora with nothing left to replace", "没有层可替换时调用 inject_lora")
    expect.refused(lambda: student.inject_lora(model, ["q_proj", "up_proj"], 3, 7.0), what)
    what = Bilingual("inject_lora into the base of a LoRALinear", "以 LoRALinear 的 base 为目标调用 inject_lora")
    expect.refused(lambda: student.inject_lora(model, ["base"], 3, 7.0), what)


@pytest.mark.problem(
    "inject",
    points=2,
    rests_on=[
        "Freezes every parameter of model, then puts a LoRALinear in the place of each target.",
        "r, alpha, dropout: for each new LoRALinear.",
        "Each new layer is in the mode (train or eval) of the one it replaces.",
        "y = base(x) + alpha / r * B A dropout(x)",
        "the layer computes *exactly* what the base layer computes",
        "in train mode each entry of the input of A is set to zero with this probability.",
        "Like every dropout it is off in `eval()`.",
    ],
    tolerance=1e-4,
    hint={
        "en": "The whole model: right after injection its logits are those of the base, and with A and B set those of PEFT's LoRA. "
        "r, alpha and dropout have to reach every layer, and a new layer is in the mode of the one it replaces.",
        "zh": "从整个模型看：刚注入时 logits 与原模型一致；给定 A、B 后与 PEFT 的 LoRA 一致。r、alpha、dropout 要传到每一层，新层的训练/评估模式要和被替换的层相同。",
    },
)
def test_the_model_agrees_with_peft(student, rng):
    from peft import LoraConfig, get_peft_model

    seed, targets, r, alpha = int(rng.integers(1000)), ["q_proj", "down_proj"], 3, 7.0
    ids = random_ids(rng, 3, 7)
    model, reference = sandbox_llama(student, seed), tiny_llama(seed, VOCABULARY)
    values = lora_values(rng, reference, QUERY_DOWN, r)
    with torch.no_grad():
        base_logits = reference(ids).logits
        student.inject_lora(model, targets, r, alpha, 1.0)  # the model is in eval mode, so dropout rests
        # Logits of the reference equal PEFT's to the bit; another order of the sums costs 1e-6.
        what = Bilingual("the logits right after injection", "刚注入之后的 logits")
        expect.close(logits_of(model, ids), base_logits, what)

        peft_model = get_peft_model(reference, LoraConfig(r=r, lora_alpha=alpha, target_modules=targets)).eval()
        for name, parameter in peft_model.named_parameters():
            if "lora_" in name:
                parameter.copy_(values[name.removeprefix("base_model.model.").replace(".default.weight", "")])
        load_lora(model, values)
        what = Bilingual("the logits with A and B set", "设定 A、B 之后的 logits")
        expect.close(logits_of(model, ids), peft_model(ids).logits, what, atol=1e-4)
    model.train()
    what = Bilingual("the logits in train mode with dropout 1.0", "训练模式下 dropout 为 1.0 时的 logits")
    expect.close(logits_of(model, ids), base_logits, what, atol=1e-4)


# --- 6. adapter-io --------------------------------------------------------------------------------------------------

FOLDER = Path("/tmp/adapters/first")  # in the sandbox; its parent is not there


def adapted_llama(student: Student, rng: Rng, r: int = 3, alpha: float = 7.0) -> tuple[Handle, dict[str, Tensor], int]:
    """A tiny Llama in the sandbox with an update on q_proj and down_proj; the update's values; the base's seed."""
    seed = int(rng.integers(1000))
    model = sandbox_llama(student, seed)
    student.inject_lora(model, ["q_proj", "down_proj"], r, alpha)
    values = lora_values(rng, tiny_llama(seed, VOCABULARY), QUERY_DOWN, r)
    load_lora(model, values)
    return model, values, seed


def overwrite(student: Student, tensors: dict[str, Tensor]) -> None:
    student.new("safetensors.torch:save_file", tensors, str(FOLDER / "adapter.safetensors"))


@pytest.mark.problem(
    "adapter-io",
    points=2,
    rests_on=[
        "Writes the adapter of model, and nothing else of it, into folder.",
        "The folder is made if it is missing, and so are its parents.",
        "adapter.safetensors: one tensor per lora_A and lora_B, under its name in model.named_parameters().",
    ],
    hint={
        "en": "adapter.safetensors holds lora_A and lora_B of every layer under their names in model.named_parameters(), and "
        "nothing else: an adapter is small because it leaves the base out.",
        "zh": "adapter.safetensors 里只有各层的 lora_A 和 lora_B，名字与 model.named_parameters() 中一致，别的都不存：适配器之所以小，就是因为不带基座模型。",
    },
)
def test_the_file_holds_the_update_and_nothing_else(student, rng):
    model, values, _ = adapted_llama(student, rng)
    student.save_adapter(model, FOLDER)
    stored = student.new("safetensors.torch:load_file", str(FOLDER / "adapter.safetensors"))
    unreadable = Bilingual("adapter.safetensors cannot be read", "adapter.safetensors 无法读取")
    expect.that(isinstance(stored, dict), unreadable)
    extra, missing = stored.keys() - values.keys(), values.keys() - stored.keys()
    too_many = Bilingual(
        f"adapter.safetensors holds {len(extra)} tensors that are no part of the adapter",
        f"adapter.safetensors 里有 {len(extra)} 个张量不属于适配器",
    )
    too_few = Bilingual(
        f"adapter.safetensors lacks {len(missing)} tensors of the adapter, or they have other names",
        f"adapter.safetensors 缺少适配器的 {len(missing)} 个张量，或者它们的名字不对",
    )
    expect.that(not extra, too_many)
    expect.that(not missing, too_few)
    for name, value in values.items():
        what = Bilingual(f"{name} in adapter.safetensors", f"adapter.safetensors 里的 {name}")
        expect.equal(stored[name], value, what)


@pytest.mark.problem(
    "adapter-io",
    points=1,
    rests_on=[
        'adapter_config.json: {"r": int, "alpha": float, "targets": [last parts of the names]}',
        "the targets sorted and each once.",
        "The folder is made if it is missing, and so are its parents. The files of an older adapter are overwritten.",
    ],
    hint={
        "en": "adapter_config.json needs r, alpha and targets, enough to inject the same layers into a fresh model: targets are the "
        "last parts of the names, sorted, each once.",
        "zh": "adapter_config.json 要有 r、alpha、targets，足以在一个全新的模型上注入同样的层；targets 是名字的最后一段，排序、不重复。",
    },
)
def test_the_configuration_is_saved(student, rng):
    for r, alpha in ((3, 7.0), (5, 2.0)):
        model, _, _ = adapted_llama(student, rng, r, alpha)
        student.save_adapter(model, FOLDER)
        config = json.loads("".join(student.new("builtins:open", str(FOLDER / "adapter_config.json"))))
        no_object = Bilingual("adapter_config.json should hold an object", "adapter_config.json 里应当是一个 JSON 对象")
        expect.that(isinstance(config, dict), no_object)
        what = {
            name: Bilingual(f"{name} in adapter_config.json", f"adapter_config.json 里的 {name}")
            for name in ("r", "alpha", "targets")
        }
        expect.equal(config.get("r"), r, what["r"])
        expect.close(config.get("alpha"), alpha, what["alpha"])
        expect.equal(config.get("targets"), ["down_proj", "q_proj"], what["targets"])


@pytest.mark.problem(
    "adapter-io",
    points=3,
    rests_on=[
        "Puts the adapter in folder onto model, in place; its dropout is 0.",
        "The adapter goes to disk, into a fresh base, and into the weights; each time the logits must be the same.",
        "The folder is made if it is missing, and so are its parents.",
    ],
    tolerance=1e-4,
    hint={
        "en": "A fresh base with the adapter loaded should answer exactly as the model that was saved. Which numbers besides A and "
        "B decide that?",
        "zh": "给全新的基座模型加载适配器后，输出应与保存时的模型完全一致。除了 A 和 B，还有哪些数会影响输出？",
    },
)
def test_a_fresh_model_with_the_adapter_answers_alike(student, rng):
    model, _, seed = adapted_llama(student, rng)
    ids = random_ids(rng, 3, 7)
    with torch.no_grad():
        base_logits = tiny_llama(seed, VOCABULARY)(ids).logits
    logits = logits_of(model, ids)
    no_effect = Bilingual("the update has no effect on the model that is saved", "更新项对要保存的模型不起作用")
    expect.that(not torch.allclose(logits, base_logits, atol=1e-2), no_effect)
    student.save_adapter(model, FOLDER)
    fresh = sandbox_llama(student, seed)
    student.load_adapter(fresh, FOLDER)
    fresh.eval()
    what = Bilingual("the logits of the reloaded model", "重新加载的模型的 logits")
    expect.close(logits_of(fresh, ids), logits, what)
    fresh.train()
    what = Bilingual(
        "the logits of the reloaded model in train mode (its dropout is 0)",
        "训练模式下重新加载的模型的 logits（其中 dropout 为 0）",
    )
    expect.close(logits_of(fresh, ids), logits, what)


@pytest.mark.problem(
    "adapter-io",
    points=1,
    rests_on=[
        "adapter.safetensors: one tensor per lora_A and lora_B, under its name in model.named_parameters().",
        "The base keeps its weights, and every tensor of the file is taken as it is.",
        "base: the very nn.Linear that was given",
        "The folder is made if it is missing, and so are its parents.",
    ],
    hint={
        "en": "load_adapter should put the tensors of the file, all of them and as they are, into the model; the base keeps its "
        "weights.",
        "zh": "load_adapter 要把文件里的张量原封不动、一个不漏地放进模型；基座模型的权重保持不变。",
    },
)
def test_loading_takes_what_the_file_holds(student, rng):
    model, values, seed = adapted_llama(student, rng)
    student.save_adapter(model, FOLDER)
    values = {name: value + 1 for name, value in values.items()}
    overwrite(student, values)  # what another process has trained
    fresh = sandbox_llama(student, seed)
    student.load_adapter(fresh, FOLDER)
    state = fresh.state_dict()
    expect.that(isinstance(state, dict), NO_STATE)
    for name, value in values.items():
        expect.equal(
            state.get(name), value, what=Bilingual(f"{name} after load_adapter", f"load_adapter 之后的 {name}")
        )
    base = tiny_llama(seed, VOCABULARY)
    for name in QUERY_DOWN:
        expect.equal(state.get(f"{name}.base.weight"), base.get_submodule(name).weight.data, what=f"{name}.base.weight")


@pytest.mark.problem(
    "adapter-io",
    points=1,
    rests_on=[
        "ValueError: the names or shapes in the file are not exactly those of model's new layers",
        "a name too many, a name too few, another shape.",
        "ValueError: model has no LoRALinear.",
    ],
    hint={
        "en": "An adapter that does not fit should be refused with ValueError, not loaded in part: names that the model lacks, names "
        "that the file lacks, other shapes. And a model without LoRA layers has nothing to save.",
        "zh": "不匹配的适配器要用 ValueError 拒绝，不能只加载一部分：多出的名字、缺少的名字、形状不同都算不匹配。没有 LoRA 层的模型也没有什么可保存。",
    },
)
def test_an_adapter_that_does_not_fit_is_refused(student, rng):
    model, values, seed = adapted_llama(student, rng)
    student.save_adapter(model, FOLDER)
    first, *others = values
    misfits = {
        Bilingual("with a tensor of another shape", "有一个张量的形状不同"): values | {first: torch.zeros(4, 31)},
        Bilingual("that lacks a layer's tensor", "缺少某一层的张量"): {name: values[name] for name in others},
        Bilingual("with a tensor of a layer that the model lacks", "多出模型没有的层的张量"): values
        | {first.replace("layers.0", "layers.5"): values[first]},
    }
    for misfit, tensors in misfits.items():
        overwrite(student, tensors)
        fresh = sandbox_llama(student, seed)
        what = Bilingual(f"load_adapter of a file {misfit.en}", f"文件里{misfit.zh}时调用 load_adapter")
        expect.refused(lambda fresh=fresh: student.load_adapter(fresh, FOLDER), what)
    plain = sandbox_llama(student, seed)
    what = Bilingual("save_adapter of a model without LoRA layers", "对没有 LoRA 层的模型调用 save_adapter")
    expect.refused(lambda: student.save_adapter(plain, Path("/tmp/nothing")), what)


# --- 7. sft-train ---------------------------------------------------------------------------------------------------


def response_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Sum over response tokens of -log p(next token), in float64, by log-softmax and a loop over the sequences."""
    log_p = logits.double().log_softmax(-1)
    losses = [
        -log_p[row, t - 1, labels[row, t]]
        for row in range(labels.shape[0])
        for t in range(1, labels.shape[1])
        if labels[row, t] != IGNORE_INDEX
    ]
    return torch.stack(losses).sum() if losses else (logits.double() * 0).sum()


def count_targets(labels: Tensor) -> int:
    return int((labels[:, 1:] != IGNORE_INDEX).sum())


def random_labels(rng: Rng, rows: int, columns: int, vocabulary: int) -> Tensor:
    """Labels of a batch: an ignored prompt, a response, ignored padding, of other lengths in each row."""
    labels = torch.full((rows, columns), IGNORE_INDEX)
    for row in range(rows):
        start, end = sorted(rng.choice(np.arange(1, columns + 1), size=2, replace=False).tolist())
        labels[row, start:end] = torch.from_numpy(rng.integers(0, vocabulary, end - start))
    return labels


def batch_of(ids: Tensor, labels: Tensor) -> Batch:
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


def logits_here(model: nn.Module, batch: Batch) -> Tensor:
    return model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits


def ragged_batches(rng: Rng) -> list[Batch]:
    """Three batches of other shapes and, 20 : 1, other numbers of response tokens."""
    batches = []
    for rows, columns, responses in ((3, 9, 20), (2, 5, 1), (1, 7, 3)):
        ids = random_ids(rng, rows, columns)
        labels = torch.full_like(ids, IGNORE_INDEX)
        places = torch.from_numpy(rng.permutation(rows * (columns - 1))[:responses])
        where = (places // (columns - 1), places % (columns - 1) + 1)
        labels[where] = ids[where]
        batches.append(batch_of(ids, labels))
        # Padding on the right would change nothing, so a mask that is not used would not show: hide some of the tokens.
        batches[-1]["attention_mask"][:, 1::3] = 0
    return batches


def llamas_with_dropout(student: Student, rng: Rng) -> tuple[Handle, nn.Module]:
    """Equal tiny Llamas in the sandbox and here, with a dropout of 1.0 behind the first block's (large) MLP.

    So the MLP's share of the result is there in eval mode and gone in train mode.
    """
    seed, large = int(rng.integers(1000)), {"model.layers.0.mlp.down_proj.weight": normal(rng, 30, 52)}
    model, here = sandbox_llama(student, seed), tiny_llama(seed, VOCABULARY)
    model.load_state_dict(large, strict=False)
    here.load_state_dict(large, strict=False)
    block = model.get("model.layers.0")
    block.set("mlp", student.new("torch.nn:Sequential", block.get("mlp"), student.new("torch.nn:Dropout", 1.0)))
    here.model.layers[0].mlp = nn.Sequential(here.model.layers[0].mlp, nn.Dropout(1.0))
    return model.eval(), here.eval()


def partly_trainable(model: Any) -> None:
    """Freezes all of a tiny Llama but the final norm and the last up_proj; for a module here or in the sandbox."""
    model.requires_grad_(False)
    for path in ("model.norm", "model.layers.1.mlp.up_proj"):
        module = model.get(path) if isinstance(model, Handle) else model.get_submodule(path)
        module.requires_grad_(True)


TRAINABLE = {"model.norm.weight", "model.layers.1.mlp.up_proj.weight"}


def train_here(model: nn.Module, batches: Sequence[Batch], lr: float, max_grad_norm: float) -> list[float]:
    """What `train` should do, written out: AdamW as in Loshchilov and Hutter, algorithm 2, with PyTorch's defaults."""
    beta1, beta2, epsilon, decay = 0.9, 0.999, 1e-8, 0.01
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    first = [torch.zeros_like(parameter) for parameter in parameters]
    second = [torch.zeros_like(parameter) for parameter in parameters]
    losses = []
    for step, batch in enumerate(batches, start=1):
        loss = response_loss(logits_here(model, batch), batch["labels"]) / max(1, count_targets(batch["labels"]))
        gradients = torch.autograd.grad(loss, parameters)
        norm = torch.cat([gradient.flatten() for gradient in gradients]).norm().item()
        clip = min(1.0, max_grad_norm / (norm + 1e-6))
        with torch.no_grad():
            for parameter, gradient, m, v in zip(parameters, gradients, first, second, strict=True):
                m.lerp_(gradient * clip, 1 - beta1)
                v.lerp_((gradient * clip) ** 2, 1 - beta2)
                parameter.mul_(1 - lr * decay)
                parameter -= lr * (m / (1 - beta1**step)) / ((v / (1 - beta2**step)).sqrt() + epsilon)
        losses.append(loss.item())
    return losses


def check_losses(losses: Any, expected: Sequence[float], what: Bilingual) -> None:
    floats = isinstance(losses, list) and all(isinstance(loss, float) for loss in losses)
    expect.that(floats, Bilingual("train should return a list of float", "train 应当返回 float 列表"))
    # Losses of the reference are within 1e-6; of the trained weights only the final norm's are compared.
    expect.close(torch.tensor(losses), torch.tensor(expected), what=what, atol=1e-4, rtol=0)


@pytest.mark.problem(
    "sft-train",
    points=3,
    rests_on=[
        "Mean cross-entropy of the next token, over the positions whose label counts.",
        "logits: (B, T, V), float32 or bfloat16; logits[:, t] predicts the token at t + 1.",
        "labels[:, 0] never counts: no position predicts it.",
        "A float32 scalar, computed in float32 also from bfloat16 logits.",
        "IGNORE_INDEX where nothing is to be learnt.",
    ],
    hint={
        "en": "Position t predicts token t + 1, and the mean goes over the response tokens only. Write the sum out for T = 3 with "
        "one response token: which logits and which label does it use? And the loss is float32, also of bfloat16 logits.",
        "zh": "位置 t 预测的是第 t + 1 个 token，而且只对回答部分的 token 求平均。取 T = 3、只有一个回答 token 的例子手写一遍：用到的是哪个位置的 logits、哪个标签？另外，即使 logits 是 bfloat16，损失也应是 float32。",
    },
)
def test_the_loss_and_its_gradient(student, rng):
    for rows, columns, vocabulary in ((3, 7, 11), (5, 9, 5)):
        logits, labels = normal(rng, rows, columns, vocabulary), random_labels(rng, rows, columns, vocabulary)
        labels[0, 1], labels[0, 0], labels[-1, -1] = 3, 4, 2  # the first label has no position that predicts it
        loss, (gradient,) = student.vjp("sft_loss", [logits, labels])
        exact = logits.double().requires_grad_(True)
        expected = response_loss(exact, labels) / count_targets(labels)
        expected.backward()
        expect.tensor(loss, shape=(), what="sft_loss")
        expect.close(loss, expected.detach(), what="sft_loss")
        expect.close(gradient, exact.grad, GRADIENT_OF_LOGITS)
    rounded = logits.bfloat16()
    loss = expect.tensor(student.sft_loss(rounded, labels), (), torch.float32, ROUNDED_LOSS)
    expected = response_loss(rounded, labels) / count_targets(labels)
    expect.close(loss, expected, ROUNDED_LOSS)


@pytest.mark.problem(
    "sft-train",
    points=1,
    rests_on=[
        "When no label counts it is 0, with a gradient of zeros (not NaN).",
        "labels[:, 0] never counts: no position predicts it.",
        "A float32 scalar",
    ],
    hint={
        "en": "A batch in which every label is ignored has the loss 0 and a gradient of zeros. What is 0 / 0 in PyTorch, and what "
        "would it do to the weights?",
        "zh": "一批数据的所有标签都被忽略时，损失应为 0，梯度全为 0。PyTorch 里 0 / 0 等于什么？它会把权重变成什么样？",
    },
)
def test_a_batch_with_nothing_to_learn(student, rng):
    logits, labels = normal(rng, 3, 7, 11), torch.full((3, 7), IGNORE_INDEX)
    for first in (IGNORE_INDEX, 5):  # a label in the first column has no position that predicts it
        labels[:, 0] = first
        loss, (gradient,) = student.vjp("sft_loss", [logits, labels])
        expect.close(loss, torch.tensor(0.0), what="sft_loss")
        expect.close(gradient, torch.zeros(3, 7, 11), GRADIENT_OF_LOGITS)


@pytest.mark.problem(
    "sft-train",
    points=2,
    rests_on=[
        "One AdamW step per batch, on the trainable parameters only.",
        "lr: learning rate; AdamW's other settings are PyTorch's defaults.",
        "max_grad_norm: float = 1.0,",
        "if the gradient of all trainable parameters together has a larger L2 norm, it is scaled down to this one.",
        "A list of float: the loss of each batch, before its step. Each step uses the gradient of its own batch only.",
        "`model(input_ids=..., attention_mask=...).logits` is (B, T, V).",
        "Which parameters are trainable (requires_grad) is settled before the call.",
        "attention_mask goes to the model as it is, and here may be 0 on any token.",
        "The labels alone say which tokens count in the loss.",
        "Mean cross-entropy of the next token, over the positions whose label counts.",
    ],
    tolerance=1e-5,
    hint={
        "en": "A loss per batch, each before its own step; AdamW with PyTorch's defaults and a fresh gradient every time; the "
        "gradient is clipped when its norm is above max_grad_norm, and left alone when it is not.",
        "zh": "每个批对应一个损失，是这一步更新之前的值；优化器是默认参数的 AdamW，每一步用新的梯度；梯度范数超过 max_grad_norm 才裁剪，没超过就不放大。",
    },
)
def test_training_takes_one_clipped_adamw_step_per_batch(student, rng):
    seed, batches = int(rng.integers(1000)), ragged_batches(rng) * 2
    for options in ({}, {"max_grad_norm": 3e-7}):  # the second makes AdamW's steps visibly short
        model, here = sandbox_llama(student, seed), tiny_llama(seed, VOCABULARY)
        partly_trainable(model)
        partly_trainable(here)
        losses = student.train(model, batches, 0.03, **options)
        expected = train_here(here, batches, 0.03, **({"max_grad_norm": 1.0} | options))
        check_losses(losses, expected, Bilingual("the list of losses", "损失列表"))
        what = Bilingual("the final norm's weight after training", "训练之后最后一个归一化层的权重")
        norm = expect.tensor(model.get("model.norm.weight"), shape=(30,), what=what)
        # Six steps of 0.03, and weight decay moves it by 2e-3; the reference is within 5e-7.
        expect.close(norm, here.model.norm.weight.detach(), what, atol=2e-4)


@pytest.mark.problem(
    "sft-train",
    points=2,
    rests_on=[
        "One AdamW step per batch, on the trainable parameters only. The model is in train mode meanwhile",
        "What is frozen stays as it is, to the last bit.",
        "lr: learning rate; AdamW's other settings are PyTorch's defaults.",
        "max_grad_norm: float = 1.0,",
        "A list of float: the loss of each batch, before its step. Each step uses the gradient of its own batch only.",
        "`model(input_ids=..., attention_mask=...).logits` is (B, T, V).",
        "Which parameters are trainable (requires_grad) is settled before the call.",
        "attention_mask goes to the model as it is, and here may be 0 on any token.",
        "The labels alone say which tokens count in the loss.",
        "Mean cross-entropy of the next token, over the positions whose label counts.",
    ],
    tolerance=1e-5,
    hint={
        "en": "While it trains, the model is in train mode (dropout on), and the parameters that were frozen before stay as they were "
        "to the last bit.",
        "zh": "训练过程中模型应处于训练模式（dropout 生效）；训练前已经冻结的参数，训练后应一个比特都不变。",
    },
)
def test_training_is_in_train_mode_and_leaves_the_frozen_alone(student, rng):
    batches = ragged_batches(rng) * 2  # of three steps the losses may be the same to 1e-4 with a wrong gradient
    model, here = llamas_with_dropout(student, rng)
    before = {name: value.clone() for name, value in here.state_dict().items()}
    partly_trainable(model)
    partly_trainable(here)
    losses = student.train(model, batches, 0.03)
    what = Bilingual("the list of losses with dropout", "有 dropout 时的损失列表")
    check_losses(losses, train_here(here.train(), batches, 0.03, 1.0), what)
    state = model.state_dict()
    expect.that(isinstance(state, dict), NO_STATE)
    for name, value in before.items():
        now = state.get(name)
        if name in TRAINABLE:
            unchanged = Bilingual(f"{name} is trainable and did not change", f"{name} 可训练，却没有变化")
            expect.that(not torch.equal(expect.tensor(now, value.shape), value), unchanged)
        else:
            what = Bilingual(f"the frozen {name} after training", f"训练之后冻结的 {name}")
            expect.equal(now, value, what)


def cyclic_batches(rng: Rng, count: int, cycle: Sequence[int]) -> list[Batch]:
    """A task that an adapter can learn: after a random prompt the answer walks round a cycle of tokens.

    With a cycle of two tokens, a model that learnt to copy, or to predict the token after the next, is always wrong.
    """
    batches = []
    for _ in range(count):
        ids, prompt = random_ids(rng, 5, 11), int(rng.integers(2, 6))
        start = rng.integers(0, len(cycle), 5)
        walk = (start[:, None] + np.arange(11 - prompt)) % len(cycle)
        ids[:, prompt:] = torch.tensor(cycle)[torch.from_numpy(walk)]
        labels = ids.clone()
        labels[:, : prompt + 1] = IGNORE_INDEX  # where the walk begins is chance
        batches.append(batch_of(ids, labels))
    return batches


def heldout_loss(model: nn.Module, batches: Sequence[Batch]) -> float:
    with torch.no_grad():
        total = sum(response_loss(logits_here(model, batch), batch["labels"]) for batch in batches)
    return float(total) / sum(count_targets(batch["labels"]) for batch in batches)


@pytest.mark.problem(
    "sft-train",
    points=2,
    rests_on=[
        "Freezes every parameter of model, then puts a LoRALinear in the place of each target.",
        "A frozen linear layer plus a trainable update of rank r. y = base(x) + alpha / r * B A dropout(x)",
        "lora_A: Parameter (r, d_in)",
        "lora_B: Parameter (d_out, r)",
        "scaling: alpha / r.",
        r"$W_0x + \frac{\alpha}{r}BAx = (W_0 + \frac{\alpha}{r}BA)\,x$",
        "One AdamW step per batch, on the trainable parameters only.",
        "What is frozen stays as it is, to the last bit.",
        "Mean cross-entropy of the next token, over the positions whose label counts.",
        "logits[:, t] predicts the token at t + 1",
    ],
    hint={
        "en": "Your injected model was trained with your train, and the adapter's weights were tried on answers it had never seen: "
        "they are hardly better than the base. Does the update get gradients, and is the loss the right one?",
        "zh": "用你的 inject_lora 和 train 训练后，我们取出适配器权重，在没见过的数据上测试：结果几乎不比基座模型好。更新部分拿到梯度了吗？损失算对了吗？",
    },
)
def test_a_trained_adapter_beats_the_base_on_unseen_answers(student, rng):
    seed = int(rng.integers(1000))
    cycle = rng.choice(VOCABULARY, size=2, replace=False).tolist()
    targets = ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"]
    model, here = sandbox_llama(student, seed), tiny_llama(seed, VOCABULARY)
    # Larger (tied) embeddings than at initialisation, which could make no token probable; the two tokens are opposites,
    # so that the base, which repeats what it reads, is always wrong.
    embedding = 0.3 * normal(rng, VOCABULARY, 30)
    embedding[cycle[1]] = -embedding[cycle[0]]
    for each in (model, here):
        each.load_state_dict({"model.embed_tokens.weight": embedding}, strict=False)
    model.requires_grad_(False)  # what inject_lora freezes is another test's business
    student.inject_lora(model, targets, 3, 3.0)
    student.train(model, cyclic_batches(rng, 40, cycle), 0.02)
    student.train(model, cyclic_batches(rng, 15, cycle), 0.01)
    scaling = model.get("model.layers.0.mlp.up_proj.scaling")
    no_number = Bilingual("scaling of a LoRALinear should be a number", "LoRALinear 的 scaling 应当是数")
    expect.that(isinstance(scaling, (int, float)), no_number)
    state = model.state_dict()
    expect.that(isinstance(state, dict), NO_STATE)
    with torch.no_grad():
        for name in [name for name, _ in here.named_modules() if name.rpartition(".")[2] in targets]:
            weight = here.get_submodule(name).weight
            what = Bilingual(f"{name}.base.weight after training", f"训练之后的 {name}.base.weight")
            expect.equal(state.get(f"{name}.base.weight"), weight.data, what)
            A = expect.tensor(state.get(f"{name}.lora_A"), shape=(3, weight.shape[1]), what=f"{name}.lora_A")
            B = expect.tensor(state.get(f"{name}.lora_B"), shape=(weight.shape[0], 3), what=f"{name}.lora_B")
            weight += scaling * B @ A
    # The base has 14 or more; adapters of right and nearly right solutions 0 to 5, of wrong ones 13 or more (20 seeds).
    loss = heldout_loss(here, cyclic_batches(rng, 5, cycle))
    useless = Bilingual(
        "the trained adapter hardly lowers the loss on unseen answers", "训练出的适配器几乎没有降低没见过的回答的损失"
    )
    expect.that(loss < 8.0, useless)


# --- 8. evaluate ----------------------------------------------------------------------------------------------------


def check_evaluation(result: Any, model: nn.Module, batches: Sequence[Batch]) -> None:
    expect.that(isinstance(result, dict), Bilingual("evaluate should return a dict", "evaluate 应当返回 dict"))
    wrong_keys = Bilingual(
        "the keys of the result should be loss, perplexity and tokens", "结果的键应当是 loss、perplexity 和 tokens"
    )
    expect.that(result.keys() == {"loss", "perplexity", "tokens"}, wrong_keys)
    for name in ("loss", "perplexity"):
        expect.that(isinstance(result[name], float), Bilingual(f"{name} should be a float", f"{name} 应当是 float"))
    loss = heldout_loss(model, batches)
    expect.equal(result["tokens"], sum(count_targets(batch["labels"]) for batch in batches), what="tokens")
    # The reference is within 5e-7; perplexity is about 101.
    expect.close(result["loss"], loss, what="loss", atol=1e-4, rtol=0)
    expect.close(result["perplexity"], math.exp(loss), what="perplexity", rtol=1e-4)


@pytest.mark.problem(
    "evaluate",
    points=2,
    rests_on=[
        "Response loss over all batches, every response token weighing the same.",
        '{"loss": mean over all tokens that count in sft_loss, a float,',
        '"perplexity": exp(loss), a float, "tokens": how many tokens count, an int}',
        "labels[:, 0] never counts: no position predicts it.",
        "batches: as in train, read once.",
        "attention_mask goes to the model as it is, and here may be 0 on any token.",
        "The labels alone say which tokens count in the loss.",
    ],
    tolerance=1e-4,
    hint={
        "en": "Batches have different numbers of response tokens, and every token should weigh the same. Which tokens does "
        "sft_loss count?",
        "zh": "各批的回答 token 数不同，每个 token 的权重应当相同。想想 sft_loss 里到底算了哪些 token？",
    },
)
def test_every_response_token_weighs_the_same(student, rng):
    seed, batches = int(rng.integers(1000)), ragged_batches(rng)
    batches[0]["labels"][0, 0] = 5  # has no position that predicts it
    model = sandbox_llama(student, seed)
    check_evaluation(student.evaluate(model, batches), tiny_llama(seed, VOCABULARY), batches)


@pytest.mark.problem(
    "evaluate",
    points=2,
    rests_on=[
        "The model is in eval mode meanwhile (dropout off)",
        "Before the call all its modules are in one mode, train or eval; afterwards they are in that mode again.",
        "Response loss over all batches, every response token weighing the same.",
        '{"loss": mean over all tokens that count in sft_loss, a float,',
        '"perplexity": exp(loss), a float, "tokens": how many tokens count, an int}',
        "batches: as in train, read once.",
        "attention_mask goes to the model as it is, and here may be 0 on any token.",
        "The labels alone say which tokens count in the loss.",
    ],
    tolerance=1e-4,
    hint={
        "en": "Evaluate with dropout off, and give the model back in the mode in which you got it: training goes on after an "
        "evaluation.",
        "zh": "评估时要关掉 dropout；评估完把模型恢复到原来的模式，因为后面可能还要接着训练。",
    },
)
def test_eval_mode_meanwhile_and_the_old_mode_after(student, rng):
    batches, x = ragged_batches(rng)[:1], normal(rng, 3, 30)
    for training in (True, False):
        model, here = llamas_with_dropout(student, rng)
        model.train(training)
        check_evaluation(student.evaluate(model, batches), here, batches)
        share = model.get("model.layers.0.mlp")(x)  # nothing in train mode, because the dropout is 1.0
        dropped = not expect.tensor(share, shape=(3, 30)).any()
        mode = "train" if training else "eval"
        moved = Bilingual(
            f"the model was in {mode} mode before, and is not after", f"评估之前模型处于 {mode} 模式，评估之后却不是"
        )
        expect.that(dropped == training, moved)


@pytest.mark.problem(
    "evaluate",
    points=1,
    rests_on="no gradient is recorded.",
    hint={
        "en": "Evaluation needs no gradients: do not let autograd keep the activations of every batch.",
        "zh": "评估不需要梯度：别让 autograd 把每个批的激活值都留在内存里。",
    },
)
def test_nothing_is_kept_for_a_backward_pass(student, rng):
    model = sandbox_llama(student, int(rng.integers(1000)))
    kept, stack = student.new("collections:deque"), student.new("contextlib:ExitStack")
    hooks = student.new("torch.autograd.graph:saved_tensors_hooks", kept.get("append"), kept.get("append"))
    stack.enter_context(hooks)  # each tensor that autograd saves lands in `kept`
    student.evaluate(model, ragged_batches(rng))
    stack.close()
    what = Bilingual("the number of tensors kept for a backward pass", "为反向传播保留的张量个数")
    expect.equal(student.new("builtins:len", kept), 0, what)


@pytest.mark.problem(
    "evaluate",
    points=1,
    rests_on=[
        "A batch without a token that counts adds nothing.",
        "Response loss over all batches, every response token weighing the same.",
        '{"loss": mean over all tokens that count in sft_loss, a float,',
        '"perplexity": exp(loss), a float, "tokens": how many tokens count, an int}',
        "batches: as in train, read once.",
        "attention_mask goes to the model as it is, and here may be 0 on any token.",
        "The labels alone say which tokens count in the loss.",
        "ValueError: no token counts in any batch.",
    ],
    tolerance=1e-4,
    hint={
        "en": "A batch without response tokens adds nothing; if no batch has any, there is no mean: ValueError.",
        "zh": "没有回答 token 的批不影响结果；如果所有批都没有，就谈不上平均，应抛出 ValueError。",
    },
)
def test_batches_without_response_tokens(student, rng):
    seed, batches = int(rng.integers(1000)), ragged_batches(rng)
    nothing = batch_of(ids := random_ids(rng, 2, 5), torch.full_like(ids, IGNORE_INDEX))
    model = sandbox_llama(student, seed)
    mixed = [batches[0], nothing, batches[1]]
    check_evaluation(student.evaluate(model, mixed), tiny_llama(seed, VOCABULARY), mixed)
    what = Bilingual("evaluate without any response token", "没有任何回答 token 时调用 evaluate")
    expect.refused(lambda: student.evaluate(model, [nothing]), what)
