"""Public checks of lora: small cases that can be followed by hand."""

import json
import math
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from labkit.check import case, fail
from labkit.models import load_tokenizer, tiny_llama

IGNORED = -100
VOCABULARY = 61  # of the tiny models below: the checks need no real words

tokenizer = cache(load_tokenizer)


def close(actual: Tensor, expected: Tensor, atol: float = 1e-5) -> bool:
    return actual.shape == expected.shape and torch.allclose(actual, expected, atol=atol)


def trained_text(student: Any, messages: list[dict[str, str]]) -> list[str]:
    """The stretches of the conversation whose labels are not ignored, as text."""
    ids, labels = student.build_labels(messages, tokenizer())
    if len(ids) != len(labels):
        fail(
            f"There are {len(ids)} ids but {len(labels)} labels: every token needs its label.",
            f"有 {len(ids)} 个 id，却有 {len(labels)} 个标签：每个 token 都要有一个标签。",
        )
    stretches: list[list[int]] = [[]]
    for token, label in zip(ids, labels, strict=True):
        if label == IGNORED:
            stretches.append([])
        elif label == token:
            stretches[-1].append(token)
        else:
            fail(
                "A label that counts must be the token at the same place: the shift happens in the loss.",
                "参与计算的标签应当就是同一位置的 token：错位由损失函数负责。",
            )
    return [tokenizer().decode(stretch) for stretch in stretches if stretch]


# ---- 1 chat-labels --------------------------------------------------------------------------------------

SHORT_CHAT = [
    {"role": "user", "content": "Two and two?"},
    {"role": "assistant", "content": "Four."},
]


@case("chat-labels", en="the ids are those of the chat template", zh="id 与聊天模板的结果一致")
def ids_are_those_of_the_template(student: Any) -> None:
    ids, _ = student.build_labels(SHORT_CHAT, tokenizer())
    if list(ids) != list(tokenizer().apply_chat_template(SHORT_CHAT, return_dict=False)):
        fail(
            "The ids differ from tokenizer.apply_chat_template(messages, return_dict=False).",
            "id 与 tokenizer.apply_chat_template(messages, return_dict=False) 的结果不同。",
        )


@case("chat-labels", en="the answer and its <|im_end|> are trained", zh="回答及其 <|im_end|> 参与训练")
def answer_and_its_end_are_trained(student: Any) -> None:
    trained = trained_text(student, SHORT_CHAT)
    if trained != ["Four.<|im_end|>"]:
        fail(
            f'For the answer "Four." exactly "Four.<|im_end|>" should be trained; you train {trained}.',
            f"对于回答 “Four.”，应当恰好训练 “Four.<|im_end|>”；你训练的是 {trained}。",
        )


@case("chat-labels", en="a question alone trains nothing", zh="只有提问时没有可训练的 token")
def question_alone_trains_nothing(student: Any) -> None:
    trained = trained_text(student, SHORT_CHAT[:1])
    if trained:
        fail(
            f"Without an assistant turn every label is -100; you train {trained}.",
            f"没有 assistant 轮次时，所有标签都应为 -100；你训练的是 {trained}。",
        )


@case("chat-labels", en="an empty answer trains its <|im_end|>", zh="空回答只训练它的 <|im_end|>")
def empty_answer_trains_its_end(student: Any) -> None:
    trained = trained_text(student, [SHORT_CHAT[0], {"role": "assistant", "content": ""}])
    if trained != ["<|im_end|>"]:
        fail(
            f'For an empty answer exactly "<|im_end|>" should be trained; you train {trained}.',
            f"回答为空时，应当恰好训练 “<|im_end|>”；你训练的是 {trained}。",
        )


# ---- 2 collate ------------------------------------------------------------------------------------------


@case("collate", en="pads on the right, labels with -100", zh="在右侧填充，标签用 -100 填充")
def pads_on_the_right(student: Any) -> None:
    batch = student.collate([([11, 12, 13], [IGNORED, 12, 13]), ([21], [21])], pad_id=9)
    expected = {
        "input_ids": [[11, 12, 13], [21, 9, 9]],
        "attention_mask": [[1, 1, 1], [1, 0, 0]],
        "labels": [[IGNORED, 12, 13], [21, IGNORED, IGNORED]],
    }
    for name, rows in expected.items():
        if name not in batch:
            fail(f"The batch has no {name}.", f"批里缺少 {name}。")
        if batch[name].dtype != torch.int64:
            fail(
                f"{name} must be int64, not {batch[name].dtype}.",
                f"{name} 应为 int64，而不是 {batch[name].dtype}。",
            )
        if batch[name].tolist() != rows:
            fail(
                f"{name} should be {rows}, not {batch[name].tolist()}.",
                f"{name} 应为 {rows}，而不是 {batch[name].tolist()}。",
            )


@case("collate", en="a real EOS stays when it is the padding too", zh="EOS 与填充相同时，真正的 EOS 仍然保留")
def real_eos_stays(student: Any) -> None:
    batch = student.collate([([5, 2], [5, 2]), ([6, 7, 2], [IGNORED, 7, 2])], pad_id=2)
    if batch["attention_mask"].tolist() != [[1, 1, 0], [1, 1, 1]]:
        fail(
            "Token 2 ends the first example and pads it: mask 1 for the first, 0 for the second. Go by length.",
            "token 2 既是第一条样本的结尾，又是填充：前者掩码为 1，后者为 0。请按长度判断。",
        )
    if batch["labels"].tolist() != [[5, 2, IGNORED], [IGNORED, 7, 2]]:
        fail(
            "The label of a real EOS must stay, also when the padding has the same id.",
            "即使填充的 id 与 EOS 相同，真正的 EOS 的标签也必须保留。",
        )


# ---- 3 lora-linear --------------------------------------------------------------------------------------


def lora_layer(student: Any, *, r: int = 2, alpha: float = 6.0, dropout: float = 0.0) -> Any:
    """A layer 5 -> 3 whose update is not zero, in eval mode."""
    layer = student.LoRALinear(nn.Linear(5, 3), r, alpha, dropout).eval()
    with torch.no_grad():
        layer.lora_B.normal_()
    return layer


@case("lora-linear", en="a new layer does what its base does", zh="刚建好的层与原来的层输出相同")
def new_layer_is_the_base(student: Any) -> None:
    base = nn.Linear(5, 3)
    x = torch.randn(4, 5)
    before = base(x)
    layer = student.LoRALinear(base, 2, 6.0)
    if layer.base is not base:
        fail(
            "layer.base must be the very nn.Linear that was given, not a copy.",
            "layer.base 必须是传进来的那个 nn.Linear 本身，不能是副本。",
        )
    if tuple(layer.lora_A.shape) != (2, 5) or tuple(layer.lora_B.shape) != (3, 2):
        fail(
            "For a layer 5 -> 3 and r = 2, A is (2, 5) and B is (3, 2).",
            "对 5 -> 3 的层、r = 2，A 为 (2, 5)，B 为 (3, 2)。",
        )
    if not close(layer(x), before):
        fail(
            "B starts at zero, so the output must be that of base at first.",
            "B 初始为零，因此一开始的输出必须与 base 相同。",
        )
    if not layer.lora_A.any():
        fail(
            "A must not be zero: with A = B = 0 no gradient arrives.",
            "A 不能为零：若 A = B = 0，就没有梯度。",
        )


@case("lora-linear", en="y = base(x) + alpha / r * B A x", zh="y = base(x) + alpha / r * B A x")
def follows_the_formula(student: Any) -> None:
    layer = lora_layer(student)
    x = torch.randn(2, 4, 5)
    expected = layer.base(x) + 3.0 * (x @ layer.lora_A.T @ layer.lora_B.T)
    if not close(layer(x), expected):
        fail(
            "With r = 2 and alpha = 6 the output should be base(x) + 3 * x A^T B^T.",
            "r = 2、alpha = 6 时，输出应为 base(x) + 3 * x A^T B^T。",
        )


@case("lora-linear", en="A and B learn, the base does not", zh="A、B 可训练，base 不可训练")
def only_a_and_b_learn(student: Any) -> None:
    layer = lora_layer(student)
    trainable = {name for name, parameter in layer.named_parameters() if parameter.requires_grad}
    if trainable != {"lora_A", "lora_B"}:
        fail(
            f"Trainable should be lora_A and lora_B alone; trainable are {sorted(trainable)}.",
            f"可训练的应当只有 lora_A 和 lora_B；现在可训练的是 {sorted(trainable)}。",
        )


@case(
    "lora-linear",
    en="dropout works in training only, on the update only",
    zh="dropout 只在训练时、只对更新项起作用",
)
def dropout_spares_the_base(student: Any) -> None:
    layer = lora_layer(student, dropout=0.5)
    x = torch.randn(4, 5)
    if not close(layer(x), layer(x)):
        fail(
            "In eval mode two calls must agree: dropout is for training.",
            "eval 模式下两次调用结果必须一致：dropout 只用于训练。",
        )
    with torch.no_grad():
        layer.lora_B.zero_()
    if not close(layer.train()(x), layer.base(x)):
        fail(
            "With B = 0 dropout must not show: base gets x itself.",
            "B = 0 时 dropout 不应有任何影响：base 的输入是原始的 x。",
        )


# ---- 4 merge --------------------------------------------------------------------------------------------


@case("merge", en="merging changes the weight and not the output", zh="合并改变权重，不改变输出")
def merging_keeps_the_output(student: Any) -> None:
    layer = lora_layer(student)
    x, weight = torch.randn(4, 5), layer.base.weight.detach().clone()
    before = layer(x).detach()
    layer.merge()
    if close(layer.base.weight, weight):
        fail("merge() left base.weight as it was.", "merge() 之后 base.weight 没有变化。")
    if not close(layer(x), before):
        fail(
            "The output changed with merge(): add scaling * B A once, and use base alone from then on.",
            "merge() 之后输出变了：scaling * B A 只加一次，此后只用 base 计算。",
        )


@case("merge", en="unmerging gives the old weight back", zh="unmerge 恢复原来的权重")
def unmerging_undoes_merging(student: Any) -> None:
    layer = lora_layer(student)
    weight = layer.base.weight.detach().clone()
    layer.merge()
    layer.merge()
    layer.unmerge()
    if not close(layer.base.weight, weight):
        fail(
            "After merge(), merge(), unmerge() the weight must be the old one: the second merge() does nothing.",
            "依次调用 merge()、merge()、unmerge() 后，权重应恢复原样：第二次 merge() 什么也不做。",
        )


@case("merge", en="merge_lora finds every layer of a model", zh="merge_lora 能找到模型中的每一层")
def merge_lora_finds_every_layer(student: Any) -> None:
    model = nn.Sequential(lora_layer(student), nn.Sequential(nn.ReLU(), nn.Linear(3, 5)), lora_layer(student))
    student.merge_lora(model)
    if not (model[0].merged and model[2].merged):
        fail("merge_lora left a LoRALinear unmerged.", "merge_lora 漏掉了某个 LoRALinear。")
    student.unmerge_lora(model)
    if model[0].merged or model[2].merged:
        fail("unmerge_lora left a LoRALinear merged.", "unmerge_lora 之后仍有 LoRALinear 处于已合并状态。")


# ---- 5 inject -------------------------------------------------------------------------------------------


@case("inject", en="replaces the target layers and names them", zh="替换目标层并返回它们的名字")
def replaces_the_targets(student: Any) -> None:
    model = tiny_llama(vocab_size=VOCABULARY)
    names = student.inject_lora(model, ["q_proj", "down_proj"], 2, 4.0)
    expected = [f"model.layers.{i}.{part}" for i in (0, 1) for part in ("self_attn.q_proj", "mlp.down_proj")]
    if list(names) != expected:
        fail(f"The names should be {expected}, not {names}.", f"返回的名字应为 {expected}，而不是 {names}。")
    if not all(isinstance(model.get_submodule(name), student.LoRALinear) for name in expected):
        fail("A layer that you name was not replaced in the model.", "返回了名字，模型里对应的层却没有被替换。")


@case("inject", en="only the adapter is trainable", zh="只有适配器可训练")
def only_the_adapter_is_trainable(student: Any) -> None:
    model = tiny_llama(vocab_size=VOCABULARY)
    student.inject_lora(model, ["v_proj"], 2, 4.0)
    others = [n for n, p in model.named_parameters() if p.requires_grad and "lora_" not in n]
    if others:
        fail(
            f"Still trainable: {others[0]} and {len(others) - 1} more. Freeze the whole model first.",
            f"仍可训练的参数：{others[0]} 等 {len(others)} 个。请先冻结整个模型。",
        )


@case("inject", en="complains when nothing matches", zh="没有匹配的层时报错")
def complains_when_nothing_matches(student: Any) -> None:
    try:
        student.inject_lora(tiny_llama(vocab_size=VOCABULARY), ["query"], 2, 4.0)
    except ValueError:
        return
    fail(
        'This model has no layer named "query": that is a ValueError.',
        "这个模型没有名为 “query” 的层：应当抛出 ValueError。",
    )


@case("inject", en="a second call wraps nothing twice", zh="再次调用不会重复包装")
def second_call_wraps_nothing_twice(student: Any) -> None:
    model = tiny_llama(vocab_size=VOCABULARY)
    student.inject_lora(model, ["o_proj"], 2, 4.0)
    names = student.inject_lora(model, ["o_proj", "gate_proj"], 2, 4.0)
    expected = [f"model.layers.{i}.mlp.gate_proj" for i in (0, 1)]
    if list(names) != expected:
        fail(
            f"o_proj was wrapped by the first call, so the second should name {expected}, not {names}.",
            f"o_proj 在第一次调用时已经包装过，第二次应只返回 {expected}，而不是 {names}。",
        )


# ---- 6 adapter-io ---------------------------------------------------------------------------------------


def adapted_llama(student: Any) -> nn.Module:
    """A tiny model whose adapter does something."""
    model = tiny_llama(seed=1, vocab_size=VOCABULARY)
    student.inject_lora(model, ["v_proj", "k_proj"], 3, 5.0)
    for name, parameter in model.named_parameters():
        if name.endswith("lora_B"):
            nn.init.normal_(parameter)
    return model


@case("adapter-io", en="the files hold the adapter and nothing else", zh="文件里只有适配器")
def files_hold_the_adapter_only(student: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        new = Path(folder) / "runs" / "new"  # neither of the two is there
        student.save_adapter(adapted_llama(student), new)
        tensors = load_file(new / "adapter.safetensors")
        config = json.loads((new / "adapter_config.json").read_text())
    layers = [f"model.layers.{i}.self_attn.{name}" for i in (0, 1) for name in ("k_proj", "v_proj")]
    expected = {f"{layer}.lora_{part}" for layer in layers for part in "AB"}
    if set(tensors) != expected:
        fail(
            f"adapter.safetensors should hold {sorted(expected)}; it holds {len(tensors)}: {sorted(tensors)[:4]} ...",
            f"adapter.safetensors 应包含 {sorted(expected)}；现在有 {len(tensors)} 个：{sorted(tensors)[:4]} ……",
        )
    if config != {"r": 3, "alpha": 5.0, "targets": ["k_proj", "v_proj"]}:
        fail(
            f"The configuration should say r = 3, alpha = 5.0, targets = ['k_proj', 'v_proj']; it says {config}.",
            f"配置应为 r = 3、alpha = 5.0、targets = ['k_proj', 'v_proj']；现在是 {config}。",
        )


@case(
    "adapter-io",
    en="a fresh base with the adapter answers the same",
    zh="全新的基座模型加载适配器后输出一致",
)
def loaded_model_answers_the_same(student: Any) -> None:
    model, fresh = adapted_llama(student), tiny_llama(seed=1, vocab_size=VOCABULARY)
    ids = torch.arange(7)[None]
    with tempfile.TemporaryDirectory() as folder:
        student.save_adapter(model, Path(folder))
        student.load_adapter(fresh, Path(folder))
    if not close(fresh(input_ids=ids).logits, model(input_ids=ids).logits):
        fail(
            "The loaded model gives other logits than the saved one.",
            "加载后的模型与保存前的模型 logits 不同。",
        )


# ---- 7 sft-train ----------------------------------------------------------------------------------------


@case("sft-train", en="logits at t are scored on the token at t + 1", zh="位置 t 的 logits 对应 t + 1 的 token")
def loss_is_shifted_by_one(student: Any) -> None:
    tokens = torch.tensor([[3, 1, 4, 1]])
    sure_of_next = 20.0 * nn.functional.one_hot(torch.tensor([[1, 4, 1, 0]]), 5).float()
    if student.sft_loss(sure_of_next, tokens) > 0.01:
        fail(
            "These logits predict every next token, so the loss should be near 0: shift by exactly one.",
            "这些 logits 准确预测了每个下一个 token，损失应接近 0：请恰好错开一位。",
        )


@case("sft-train", en="ignored positions do not count in the mean", zh="被忽略的位置不计入平均")
def mean_is_over_the_response(student: Any) -> None:
    loss = float(student.sft_loss(torch.zeros(1, 5, 8), torch.tensor([[IGNORED, IGNORED, IGNORED, 2, 7]])))
    if not math.isclose(loss, math.log(8), rel_tol=1e-4):
        fail(
            f"Uniform logits over 8 tokens cost log 8 = 2.079 per response token; you get {loss:.3f}.",
            f"8 个 token 上的均匀分布，每个回答 token 的损失是 log 8 = 2.079；你得到 {loss:.3f}。",
        )


@case("sft-train", en="with nothing to learn the loss is 0", zh="没有可学的 token 时损失为 0")
def nothing_to_learn_costs_nothing(student: Any) -> None:
    loss = float(student.sft_loss(torch.ones(2, 4, 8), torch.full((2, 4), IGNORED)))
    if loss != 0.0:
        fail(
            f"When every label is ignored the loss is 0, not {loss}.",
            f"所有标签都被忽略时，损失应为 0，而不是 {loss}。",
        )


@case("sft-train", en="training lowers the loss and moves A and B only", zh="训练降低损失，且只改变 A 和 B")
def training_moves_the_adapter_only(student: Any) -> None:
    model = tiny_llama(seed=2, vocab_size=VOCABULARY)
    student.inject_lora(model, ["q_proj", "up_proj"], 4, 8.0)
    frozen = {n: p.detach().clone() for n, p in model.named_parameters() if "lora_" not in n}
    ids = torch.arange(1, 10)[None]
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}
    losses = student.train(model, [batch] * 8, lr=0.02)
    if len(losses) != 8 or not losses[-1] < losses[0]:
        fail(
            "Eight steps on one batch should give eight losses, the last below the first.",
            "同一个批训练八步，应得到八个损失，最后一个低于第一个。",
        )
    if any(not torch.equal(p, frozen[n]) for n, p in model.named_parameters() if n in frozen):
        fail("A weight of the base changed in training.", "训练改变了基座模型的权重。")


# ---- 8 evaluate -----------------------------------------------------------------------------------------


@case("evaluate", en="every response token weighs the same", zh="每个回答 token 权重相同")
def every_token_weighs_the_same(student: Any) -> None:
    model = tiny_llama(seed=3, vocab_size=VOCABULARY)
    ids = torch.tensor([[5, 6, 7, 8, 9, 10, 11]])
    few, many = torch.where(torch.arange(7) < 6, IGNORED, ids), ids
    batches = [{"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": lab} for lab in (few, many)]
    result = student.evaluate(model, batches)
    with torch.no_grad():
        costs = nn.functional.cross_entropy(model(input_ids=ids).logits[0, :-1], ids[0, 1:], reduction="none")
    expected = float((costs[-1] + costs.sum()) / 7)
    if result["tokens"] != 7:
        fail(
            f"One and six response tokens make 7, not {result['tokens']}.",
            f"1 个加 6 个回答 token 共 7 个，而不是 {result['tokens']}。",
        )
    if not math.isclose(result["loss"], expected, rel_tol=1e-4):
        fail(
            "The loss is the sum over all response tokens divided by their number, not a mean of batch means.",
            "损失应为所有回答 token 的损失之和除以 token 数，而不是各批均值的平均。",
        )
    if not math.isclose(result["perplexity"], math.exp(expected), rel_tol=1e-4):
        fail("Perplexity is exp(loss).", "困惑度是 exp(loss)。")


@case("evaluate", en="the model stays in the mode it was in", zh="模型保持原来的模式")
def mode_is_restored(student: Any) -> None:
    model = tiny_llama(seed=3, vocab_size=VOCABULARY)
    ids = torch.tensor([[5, 6, 7]])
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}
    for training in (True, False):
        model.train(training)
        student.evaluate(model, [batch])
        if model.training != training:
            fail(
                "evaluate must put the model back into the mode (train or eval) it found.",
                "evaluate 结束后应恢复模型原来的模式（train 或 eval）。",
            )


@case("evaluate", en="complains when there is no token to score", zh="没有可计分的 token 时报错")
def complains_when_nothing_counts(student: Any) -> None:
    ids = torch.tensor([[5, 6, 7]])
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.full_like(ids, IGNORED)}
    try:
        student.evaluate(tiny_llama(seed=3, vocab_size=VOCABULARY), [batch])
    except ValueError:
        return
    fail(
        "When no label counts in any batch there is no mean: that is a ValueError.",
        "所有批里都没有计入的标签时，谈不上平均：应当抛出 ValueError。",
    )
