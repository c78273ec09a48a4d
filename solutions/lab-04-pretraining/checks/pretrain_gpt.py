"""Public checks of pretrain_gpt."""

import math
import tempfile
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from labkit.check import case, fail


def close(actual: Tensor, expected: Tensor, atol: float = 1e-5) -> bool:
    """Whether two tensors have the same shape and, within atol, the same values."""
    return actual.shape == expected.shape and torch.allclose(actual, expected, atol=atol)


def pairs_model(vocab_size: int) -> nn.Sequential:
    """A small model of pairs of tokens: (B, T) -> logits (B, T, vocab_size)."""
    return nn.Sequential(nn.Embedding(vocab_size, 6), nn.Dropout(0.3), nn.Linear(6, vocab_size))


# ---- gpt-model ------------------------------------------------------------------------------------------


@case("gpt-model", en="the parameters of GPT-2, counted by hand", zh="手算 GPT-2 的参数量")
def parameters_by_hand(student: Any) -> None:
    # Embeddings 20 * 12 and 8 * 12; a layer has 12 d^2 + 13 d, the last norm 2 d; the head is the embedding.
    expected = 20 * 12 + 8 * 12 + 2 * (12 * 12**2 + 13 * 12) + 2 * 12
    count = sum(parameter.numel() for parameter in student.GPT(student.GPTConfig(20, 8, 2, 3, 12)).parameters())
    if count != expected:
        fail(
            f"V d + n d + L (12 d^2 + 13 d) + 2 d = {expected:,} parameters; your model has {count:,}.",
            f"V d + n d + L (12 d^2 + 13 d) + 2 d = {expected:,} 个参数；你的模型有 {count:,} 个。",
        )


@case("gpt-model", en="the names of the parameters", zh="参数的名字")
def names_of_gpt2(student: Any) -> None:
    block = ["ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"]
    modules = [f"h.{layer}.{name}" for layer in range(2) for name in block] + ["ln_f"]
    wanted = {"wte.weight", "wpe.weight"} | {f"{name}.{kind}" for name in modules for kind in ("weight", "bias")}
    found = set(student.GPT(student.GPTConfig(20, 8, 2, 3, 12)).state_dict())
    if missing := sorted(wanted - found):
        fail(f"state_dict() has no {missing[0]}, which GPT-2 has.", f"state_dict() 里没有 GPT-2 的 {missing[0]}。")
    if extra := sorted(found - wanted):
        fail(
            f"state_dict() has {extra[0]}, which GPT-2 does not have.",
            f"state_dict() 里的 {extra[0]} 是 GPT-2 没有的。",
        )


@case("gpt-model", en="head 0 owns the first columns", zh="第 0 个头拥有最前面的几列")
def head_0_owns_the_first_columns(student: Any) -> None:
    attention = student.GPT(student.GPTConfig(20, 8, 1, 3, 12)).h[0].attn
    x = torch.randn(1, 5, 12)
    with torch.no_grad():
        attention.c_attn.weight.normal_(std=0.3)
        attention.c_proj.weight.copy_(torch.eye(12))  # what the heads give is seen as it is
        before = attention(x)
        attention.c_attn.weight[12:16] += 1.0  # the keys of head 0, as D = 12 / 3 = 4
        changed = (attention(x) - before).abs().amax((0, 1)) > 1e-6
    if changed.tolist() != 4 * [True] + 8 * [False]:
        fail(
            "d = 12, 3 heads: other keys for head 0 (columns 12 to 15 of c_attn's output) should change columns 0 to 3 "
            f"of what the heads give; in yours, they change {changed.nonzero().flatten().tolist()}.",
            "d = 12、3 个头：换掉第 0 个头的 key（c_attn 输出的第 12 到 15 列），各头的结果应当只有第 0 到 3 列变化；"
            f"你的变化在 {changed.nonzero().flatten().tolist()}。",
        )


@case("gpt-model", en="a token sees the past only", zh="一个 token 只能看到过去")
def past_only(student: Any) -> None:
    model = student.GPT(student.GPTConfig(20, 8, 2, 3, 12))
    ids = torch.randint(0, 20, (2, 8))
    logits = model(ids)
    if logits.shape != (2, 8, 20):
        fail(
            f"The logits have shape (B, T, V) = (2, 8, 20), not {tuple(logits.shape)}.",
            f"logits 的形状应为 (B, T, V) = (2, 8, 20)，而不是 {tuple(logits.shape)}。",
        )
    changed = ids.clone()
    changed[:, 5] = (changed[:, 5] + 1) % 20
    if not close(model(changed)[:, :5], logits[:, :5]):
        fail("A change of token 5 shows in the logits before it.", "改动第 5 号 token，前面的 logits 也变了。")
    if close(model(changed)[:, 7], logits[:, 7]):
        fail("A change of token 5 does not show at token 7.", "改动第 5 号 token，第 7 号处却看不出变化。")


@case("gpt-model", en="a new model is undecided", zh="新模型对一切都没有偏好")
def undecided_at_first(student: Any) -> None:
    model = student.GPT(student.GPTConfig(500, 16, 4, 4, 64))
    log_probs = model(torch.randint(0, 500, (4, 16))).log_softmax(-1)
    loss = -log_probs[..., 0].mean().item()
    if abs(loss - math.log(500)) > 0.2:
        fail(
            f"Before training all tokens are about equally likely: a loss of log 500 = 6.21. Yours is {loss:.2f}.",
            f"训练之前，每个 token 的可能性差不多：损失约为 log 500 = 6.21。你的是 {loss:.2f}。",
        )
    spread = model.h[0].mlp.c_proj.weight.std().item()
    if abs(spread - 0.02 / math.sqrt(8)) > 1e-3:
        fail(
            "With 4 layers c_proj begins with a standard deviation of 0.02 / sqrt(8) = 0.0071; yours has "
            f"{spread:.4f}.",
            f"4 层时，c_proj.weight 的初始标准差应为 0.02 / sqrt(8) = 0.0071；你的是 {spread:.4f}。",
        )


class Counter(nn.Module):
    """A "model" that predicts the next number: after 3 comes 4. In train mode it stutters."""

    def __init__(self) -> None:
        super().__init__()
        self.longest = 0

    def forward(self, ids: Tensor) -> Tensor:
        self.longest = max(self.longest, ids.shape[1])
        return 9.0 * nn.functional.one_hot((ids + (0 if self.training else 1)) % 10, 10).float()


@case("gpt-model", en="a model that counts goes on counting", zh="会数数的模型接着往下数")
def goes_on_counting(student: Any) -> None:
    model = Counter().train()
    result = student.generate(model, torch.tensor([[1, 2], [6, 7]]), 4, 3, temperature=0)
    if result.tolist() != [[1, 2, 3, 4, 5, 6], [6, 7, 8, 9, 0, 1]]:
        fail(
            f"After 1, 2 a model that counts writes 3, 4, 5, 6 (in eval mode). Yours gives {result[0].tolist()}.",
            f"数到 1、2 之后，会数数的模型（在 eval 模式下）应写出 3、4、5、6。你得到的是 {result[0].tolist()}。",
        )
    if model.longest > 3:
        fail(
            f"With a context of 3 the model was shown {model.longest} tokens.",
            f"context 为 3，模型却看到了 {model.longest} 个 token。",
        )
    if not model.training:
        fail("The model was in train mode before, and should be again.", "模型原本在训练模式，之后应当恢复。")


@case("gpt-model", en="draws of its own", zh="自己的随机数")
def draws_of_its_own(student: Any) -> None:
    model = pairs_model(7).eval()
    ids, before = torch.zeros(20, 1, dtype=torch.int64), torch.get_rng_state()
    draws = [student.generate(model, ids, 5, 4, seed=seed) for seed in (3, 3, 4)]
    if not torch.equal(draws[0], draws[1]) or torch.equal(draws[0], draws[2]):
        fail("The same seed gives the same text, another seed another one.", "种子相同，文本相同；种子不同，文本不同。")
    if not torch.equal(torch.get_rng_state(), before):
        fail(
            "generate has moved PyTorch's global random generator, which training draws from.",
            "generate 动了 PyTorch 的全局随机数发生器，而训练要从那里取随机数。",
        )


# ---- gpt-loop -------------------------------------------------------------------------------------------


@case("gpt-loop", en="one shift", zh="只错开一位")
def one_shift(student: Any) -> None:
    inputs, targets = student.inputs_and_targets(torch.tensor([[5, 6, 7, 8]]))
    if inputs.tolist() != [[5, 6, 7]] or targets.tolist() != [[6, 7, 8]]:
        fail("Of 5 6 7 8 the inputs are 5 6 7 and the targets 6 7 8.", "5 6 7 8 的输入是 5 6 7，目标是 6 7 8。")


@case("gpt-loop", en="the loss of a model that knows nothing", zh="一无所知的模型的损失")
def loss_of_ignorance(student: Any) -> None:
    logits, targets = torch.zeros(2, 3, 8), torch.randint(0, 8, (2, 3))
    loss = float(student.cross_entropy(logits, targets))
    if abs(loss - math.log(8)) > 1e-5:
        fail(
            f"Eight equally likely tokens: log 8 = 2.079. Yours is {loss:.3f}.",
            f"八个 token 等可能：log 8 = 2.079。你的是 {loss:.3f}。",
        )
    logits[1] += torch.randn(3, 8)
    targets[1] = -100
    loss = float(student.cross_entropy(logits, targets))
    if abs(loss - math.log(8)) > 1e-5:
        fail(
            f"With the second row ignored the loss is still 2.079, not {loss:.3f}.",
            f"忽略第二行后，损失仍是 2.079，而不是 {loss:.3f}。",
        )


@case(
    "gpt-loop",
    en="the loss of a model that knows all, and where nothing counts",
    zh="全知模型的损失，以及没有有效目标时",
)
def loss_of_knowledge(student: Any) -> None:
    targets = torch.tensor([[5, 1, 4, 2]])
    loss = float(student.cross_entropy(20.0 * nn.functional.one_hot(targets, 8).float(), targets))
    if not loss < 1e-4:
        fail(
            f"Large logits at the targets give a loss of nearly 0; yours is {loss:.3f}. Is anything shifted here?",
            f"目标处的 logit 很大，损失应接近 0；你的是 {loss:.3f}。这里是不是又错开了一位？",
        )
    loss = float(student.cross_entropy(torch.randn(1, 4, 8), torch.full((1, 4), -100)))
    if loss != 0:
        fail(f"Where no target counts the loss is 0, not {loss}.", f"没有任何有效目标时损失是 0，而不是 {loss}。")


@case("gpt-loop", en="256 equally likely bytes are 8 bits", zh="256 个等可能的字节就是 8 比特")
def eight_bits(student: Any) -> None:
    model = nn.Sequential(nn.Embedding(256, 4), nn.Linear(4, 256)).requires_grad_(False)
    for parameter in model.parameters():
        parameter.zero_()
    bits = student.bits_per_byte(model, torch.randint(0, 256, (20, 8)), 140)
    if abs(bits - 8) > 1e-4:
        fail(
            f"A model that finds all bytes equally likely needs 8 bits for each; yours needs {bits:.3f}.",
            f"认为所有字节等可能的模型，每个字节需要 8 比特；你算出的是 {bits:.3f}。",
        )


@case("gpt-loop", en="eight learning rates by hand", zh="手算八个学习率")
def rates_by_hand(student: Any) -> None:
    rates = [student.lr_schedule(step, 1.0, 4, 8, 0.0) for step in range(9)]
    expected = [0.25, 0.5, 0.75, 1.0, 1.0, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2, 0.0]
    for step, (rate, wanted) in enumerate(zip(rates, expected, strict=True)):
        if abs(rate - wanted) > 1e-6:
            fail(
                f"max_lr=1, warmup=4, total=8, min_lr=0: step {step} has {wanted:.3f}; yours has {rate:.3f}.",
                f"max_lr=1、warmup=4、total=8、min_lr=0 时，第 {step} 步应为 {wanted:.3f}；你的是 {rate:.3f}。",
            )


@case("gpt-loop", en="no warm-up, and nothing but warm-up", zh="没有预热，以及只有预热")
def corners_of_the_schedule(student: Any) -> None:
    for warmup, expected in ((0, [1.0, 0.775, 0.325, 0.1, 0.1]), (3, [1 / 3, 2 / 3, 1.0, 0.1, 0.1])):
        for step, wanted in enumerate(expected):
            rate = student.lr_schedule(step, 1.0, warmup, 3, 0.1)
            if abs(rate - wanted) > 1e-6:
                fail(
                    f"max_lr=1, warmup={warmup}, total=3, min_lr=0.1: step {step} has {wanted:.3f}; yours: {rate:.3f}.",
                    f"max_lr=1、warmup={warmup}、total=3、min_lr=0.1 时，第 {step} 步应为 {wanted:.3f}；"
                    f"你的是 {rate:.3f}。",
                )


@case("gpt-loop", en="what decays", zh="哪些参数做权重衰减")
def what_decays(student: Any) -> None:
    model = nn.Sequential(nn.Embedding(5, 3), nn.LayerNorm(3), nn.Linear(3, 5))
    decay, keep = student.parameter_groups(model, 0.1)
    shapes = [sorted(tuple(p.shape) for p in group["params"]) for group in (decay, keep)]
    if shapes != [[(5, 3), (5, 3)], [(3,), (3,), (5,)]] or (decay["weight_decay"], keep["weight_decay"]) != (0.1, 0.0):
        fail(
            "An embedding, a norm and a linear layer: two matrices decay, three vectors do not.",
            "一个嵌入、一个归一化、一个线性层：两个矩阵衰减，三个向量不衰减。",
        )


@case("gpt-loop", en="three rows, in two parts or in one", zh="三行数据，分两份或一整份")
def in_two_parts(student: Any) -> None:
    inputs, targets = torch.randint(0, 7, (2, 3, 4))
    states = []
    for cuts in ([0, 3], [0, 1, 3]):
        torch.manual_seed(1)
        model = nn.Sequential(nn.Embedding(7, 6), nn.Linear(6, 7))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        parts = [(inputs[a:b], targets[a:b]) for a, b in pairwise(cuts)]
        student.train_step(model, optimizer, parts, 0.5, math.inf)
        states.append(model[0].weight.detach())
    if not close(*states):
        fail(
            "One row and two rows in turn should make the update of three rows at once.",
            "先一行再两行累积，应与三行一起算的更新相同。",
        )


@case("gpt-loop", en="old gradients go, new ones stay", zh="旧梯度清掉，新梯度留着")
def gradients_of_one_update(student: Any) -> None:
    linear = nn.Linear(6, 7)
    model = nn.Sequential(nn.Embedding(7, 6), linear)
    batch = [(torch.randint(0, 7, (2, 4)), torch.randint(0, 7, (2, 4)))]
    found = []
    for _ in range(2):
        student.train_step(model, torch.optim.SGD(model.parameters(), lr=0.0), batch, 0.0, math.inf)
        if linear.weight.grad is None:
            fail("After train_step its gradients should still be there.", "train_step 之后，这次更新的梯度应当还在。")
        found.append(linear.weight.grad.clone())
    if not close(found[1], found[0]):
        fail(
            "Two updates with rate 0 have the same gradient; your second one still has the first in it.",
            "两次学习率为 0 的更新，梯度应当相同；你的第二次里还留着第一次的。",
        )


@case("gpt-loop", en="small gradients stay as they are", zh="小梯度保持原样")
def small_gradients_stay(student: Any) -> None:
    model = nn.Linear(2, 1, bias=False)
    for max_norm, expected in ((10.0, [[3.0, 4.0]]), (1.0, [[0.6, 0.8]])):
        model.weight.grad = torch.tensor([[3.0, 4.0]])
        norm = student.clip_gradients(model, max_norm)
        if abs(norm - 5) > 1e-5 or not close(model.weight.grad, torch.tensor(expected)):
            fail(
                f"The gradient (3, 4) has norm 5; with max_norm={max_norm:g} it becomes {tuple(expected[0])}.",
                f"梯度 (3, 4) 的范数是 5；max_norm={max_norm:g} 时应变为 {tuple(expected[0])}。",
            )


class Counted:
    """Batches that count how often they are asked."""

    def __init__(self) -> None:
        self.asked = 0

    def next_batch(self) -> tuple[Tensor, Tensor]:
        self.asked += 1
        return torch.zeros(1, 2, dtype=torch.int64), torch.ones(1, 2, dtype=torch.int64)


@case("gpt-loop", en="updates 1 and 2 of four, three batches each", zh="四次更新里的第 1、2 次，每次三批")
def part_of_a_run(student: Any) -> None:
    model, batches, rows = pairs_model(7), Counted(), []
    config = student.TrainConfig(steps=4, max_lr=0.1, min_lr=0.01, warmup=1, accumulation=3)
    parts = (model, torch.optim.SGD(model.parameters(), lr=0.0), batches, config)
    losses = student.train(*parts, start=1, stop=3, after_step=lambda *row: rows.append(row))
    if len(losses) != 2 or batches.asked != 6:
        fail(
            f"start=1, stop=3, accumulation=3: 2 updates from 6 batches; yours: {len(losses)} from {batches.asked}.",
            f"start=1、stop=3、accumulation=3：6 批，2 次更新；你是 {batches.asked} 批，{len(losses)} 次。",
        )
    if [row[0] for row in rows] != [1, 2]:
        fail("after_step is called after updates 1 and 2.", "after_step 应在第 1、2 次更新之后各调用一次。")
    wanted = [student.lr_schedule(step, 0.1, 1, 4, 0.01) for step in (1, 2)]
    if not close(torch.tensor([row[3] for row in rows]), torch.tensor(wanted)):
        fail(
            "The rates of a part are those of the whole run: of its steps 1 and 2, with config.steps as the end.",
            "只跑一段时，学习率仍是整个训练的：第 1、2 步的，并以 config.steps 为终点。",
        )


@case("gpt-loop", en="stop, save, go on", zh="停下、存盘、接着跑")
def stop_save_go_on(student: Any) -> None:
    config = student.TrainConfig(steps=6, max_lr=0.1, warmup=2)
    text = torch.randint(0, 7, (200,))

    def parts() -> tuple[nn.Module, torch.optim.Optimizer, Any]:
        model = pairs_model(7)
        return model, torch.optim.AdamW(model.parameters()), student.Batches(text, 2, 5)

    whole = parts()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.pt"
        losses = student.train(*whole, config, stop=3)
        student.save_checkpoint(path, *whole, 3)
        losses += student.train(*whole, config, start=3)
        again = parts()
        start = student.load_checkpoint(path, *again)
    if start != 3:
        fail(
            f"After 3 updates load_checkpoint gives 3, not {start!r}.",
            f"做完 3 次更新，load_checkpoint 应返回 3，而不是 {start!r}。",
        )
    resumed = student.train(*again, config, start=start)
    for step, (loss, wanted) in enumerate(zip(resumed, losses[3:], strict=True), start=3):
        if loss != wanted:
            fail(
                f"The losses after resuming should be the same to the bit; that of step {step} is {loss:.6f}, not "
                f"{wanted:.6f} (they differ by {abs(loss - wanted):.0e}).",
                f"恢复之后的损失应当逐比特相同；第 {step} 步应为 {wanted:.6f}，你的是 {loss:.6f}"
                f"（相差 {abs(loss - wanted):.0e}）。",
            )


class Unwritable:
    """A "model" whose state cannot be saved."""

    def state_dict(self) -> dict[str, Any]:
        return {"weight": torch.zeros(3), "open": (number for number in range(3))}


@case("gpt-loop", en="a save that fails keeps the old file", zh="保存失败时，原来的文件还在")
def failed_save_keeps_the_old_file(student: Any) -> None:
    model = pairs_model(7)
    others = (torch.optim.AdamW(model.parameters()), student.Batches(torch.randint(0, 7, (200,)), 2, 5))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.pt"
        student.save_checkpoint(path, model, *others, 5)
        before = path.read_bytes()
        with suppress(Exception):
            student.save_checkpoint(path, Unwritable(), *others, 6)
        if not path.is_file() or path.read_bytes() != before:
            fail(
                "A second save failed half way, and the file of the first is no longer as it was.",
                "第二次保存到一半失败了，第一次的文件却不再是原来的样子。",
            )
