"""Public checks of continued."""

from typing import Any

import torch
from torch import Tensor, nn

from labkit.check import case, fail


def numbered(first: int, n_rows: int) -> Tensor:
    """(n_rows, 3) int64: rows that are recognised by their first token."""
    return torch.arange(first, first + n_rows)[:, None] + torch.tensor([0, 100, 200])


def given(batches: Any, n_batches: int) -> list[list[int]]:
    """The first tokens of the rows of the next batches."""
    return [batches.next_batch()[0][:, 0].tolist() for _ in range(n_batches)]


@case("continued", en="four equally likely tokens of three bytes", zh="四个等可能的三字节 token")
def four_tokens(student: Any) -> None:
    model = nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 4)).requires_grad_(False)
    for parameter in model.parameters():
        parameter.zero_()
    bits = student.bits_per_byte(model, torch.tensor([[1, 2, 3, 2], [0, 1, 2, 3]]), torch.tensor([3, 3, 3, 3]))
    if abs(bits - 2 / 3) > 1e-5:
        fail(
            f"One of four equally likely tokens is 2 bits; for 3 bytes that is 0.667 a byte. Yours is {bits:.3f}.",
            f"四个等可能的 token 各 2 比特，摊到 3 个字节，每字节 0.667。你的是 {bits:.3f}。",
        )
    bits = student.bits_per_byte(model, torch.tensor([[1, 2, 0, 2]]), torch.tensor([0, 3, 3, 3]))
    if abs(bits - 2 / 3) > 1e-5:
        fail(
            f"Token 0 stands for no byte now; for the others it is still 0.667 bits a byte. Yours is {bits:.3f}.",
            f"现在 token 0 不代表任何字节。剩下的文本和之前一样，每字节 0.667 比特；你的是 {bits:.3f}。",
        )


@case("continued", en="one text gains, two others lose", zh="一种文本受益，另外两种受损")
def gains_and_losses(student: Any) -> None:
    before, after = {"en": 1.5, "zh": 2.5, "code": 0.75}, {"en": 1.75, "zh": 2.0, "code": 0.875}
    gain, forgetting = student.gain_and_forgetting(before, after, "zh")
    if (gain, forgetting) != (0.5, 0.25):
        fail(
            f"Chinese from 2.5 to 2: a gain of 0.5. English suffers most, by 0.25. You have {gain}, {forgetting}.",
            f"中文从 2.5 降到 2.0：收益 0.5。受损最重的是英文，遗忘 0.25。你得到的是 {gain}、{forgetting}。",
        )


@case("continued", en="a third of replay in batches of two", zh="每批 2 行，回放占三分之一")
def a_third_of_replay(student: Any) -> None:
    batches = student.ReplayBatches(numbered(0, 8), numbered(50, 6), 2, 1 / 3)
    inputs, targets = batches.next_batch()
    if inputs.shape != (2, 2) or targets.shape != (2, 2) or not torch.equal(targets, inputs + 100):
        fail(
            "From rows 7 107 207 come the inputs 7 107 and the targets 107 207.",
            "由行 7 107 207 得到的输入是 7 107，目标是 107 207。",
        )
    numbers = [*inputs[:, 0].tolist(), *(number for batch in given(batches, 8) for number in batch)]
    replay = [number for number in numbers if number >= 50]
    if len(replay) != 6:
        fail(
            f"Of 18 rows a third is 6; yours has {len(replay)} rows of replay.",
            f"18 行的三分之一是 6 行；你给出了 {len(replay)} 行回放。",
        )
    for done in range(2, 18, 2):
        found = sum(number >= 50 for number in numbers[:done])
        if abs(found - done / 3) > 0.5:
            fail(
                f"After every batch a third should be replay, rounded: {round(done / 3)} of {done} rows, not {found}.",
                f"每一批之后，回放都应占三分之一（取整）：{done} 行里 {round(done / 3)} 行，而不是 {found} 行。",
            )
    if sorted(replay) != [*range(50, 56)] or sorted(set(numbers) - set(replay)) != [*range(8)]:
        fail(
            "After so many rows all 6 of the replay have come once, and all 8 of the domain.",
            "到这时，回放的 6 行应当各来过一次，领域的 8 行也都来过。",
        )


@case("continued", en="stop, and go on elsewhere", zh="停下来，换个对象接着走")
def stop_and_go_on(student: Any) -> None:
    first, second = (student.ReplayBatches(numbered(0, 8), numbered(50, 6), 3, 0.5, seed=4) for _ in range(2))
    given(first, 5)
    second.load_state_dict(first.state_dict())
    if given(first, 6) != given(second, 6):
        fail("After loading the state, other batches come.", "载入状态之后，给出的各批变了。")


@case("continued", en="a state is a flat dict of plain values", zh="状态是一个扁平的 dict，值都是普通的数")
def a_plain_state(student: Any) -> None:
    batches = student.ReplayBatches(numbered(0, 8), numbered(50, 6), 3, 0.5)
    given(batches, 2)
    state = batches.state_dict()
    if not isinstance(state, dict) or any(type(value) not in (int, float, str, bool) for value in state.values()):
        fail(
            f"state_dict() should be a dict whose values are int, float, str or bool; yours is {state!r:.200}.",
            f"state_dict() 应是一个 dict，值只能是 int、float、str 或 bool；你的是 {state!r:.200}。",
        )


@case("continued", en="five learning rates by hand", zh="手算五个学习率")
def rates_by_hand(student: Any) -> None:
    rates = [student.rewarmed_lr(step, 0.2, 1.0, 0.4, 2, 4) for step in range(5)]
    for step, (rate, wanted) in enumerate(zip(rates, [0.6, 1.0, 1.0, 0.7, 0.4], strict=True)):
        if abs(rate - wanted) > 1e-6:
            fail(
                f"From 0.2 to 1 in 2 steps, then to 0.4 at step 4: step {step} has {wanted}; yours has {rate:.3f}.",
                f"两步从 0.2 升到 1，再到第 4 步降到 0.4：第 {step} 步应为 {wanted}；你的是 {rate:.3f}。",
            )


@case("continued", en="a small model goes on learning", zh="小模型接着学")
def goes_on_learning(student: Any) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(9, 6), nn.Linear(6, 9)).eval()
    model[0].requires_grad_(False)
    frozen = model[0].weight.clone()
    rows = torch.arange(40).unfold(0, 6, 1) % 9  # a text that counts
    config = student.ContinueConfig(steps=60, max_lr=0.1, min_lr=0.01, warmup=5)
    steps, modes = [], set()
    log = lambda step, loss: steps.append((step, loss))  # noqa: E731
    model.register_forward_hook(lambda module, args, output: modes.add(module.training))
    losses = student.continue_pretraining(model, student.ReplayBatches(rows, rows, 4, 0.25), config, after_step=log)
    if False in modes:
        fail(
            "The model comes in eval mode, and is trained in it: it should be trained in train mode.",
            "模型来的时候处在 eval 模式，你就在 eval 模式下训练了它：应当用 train 模式。",
        )
    if steps != list(enumerate(losses)) or len(losses) != 60:
        fail(
            "There should be 60 losses, and after each update a call of after_step with its number and its loss.",
            "应当有 60 个损失，每次更新后都要用步号和损失调用 after_step。",
        )
    if not torch.equal(model[0].weight, frozen):
        fail("The embedding is frozen, and yet it has moved.", "嵌入是冻结的，却变了。")
    if not losses[-1] < 0.5 < losses[0]:
        fail(
            f"A text that counts is easy: the loss falls from {losses[0]:.2f} to below 0.5, not to {losses[-1]:.2f}.",
            f"会数数的文本很容易：损失应从 {losses[0]:.2f} 降到 0.5 以下；现在停在 {losses[-1]:.2f}。",
        )


@case("continued", en="the first of four updates on the way up", zh="预热四次更新中的第一次")
def first_update_moves_by_its_rate(student: Any) -> None:
    model = nn.Sequential(nn.Embedding(9, 6), nn.Linear(6, 9))
    before, rows = model[1].bias.detach().clone(), torch.arange(40).unfold(0, 6, 1) % 9
    moved = []
    look = lambda step, loss: moved.append((model[1].bias.detach() - before).abs().max().item())  # noqa: E731
    config = student.ContinueConfig(steps=8, max_lr=0.4, min_lr=0.1, warmup=4)
    student.continue_pretraining(model, student.ReplayBatches(rows, rows, 4, 0.25), config, after_step=look)
    if not moved:
        fail("after_step should be called after each update.", "每次更新之后都应调用 after_step。")
    if abs(moved[0] - 0.1) > 1e-3:
        fail(
            "Adam's first update moves the weights by its learning rate. Here that should be 0.1, a quarter of the way "
            f"from 0 to 0.4; yours moves them by {moved[0]:.3f}.",
            "Adam 的第一次更新，权重的变化量就是学习率，这里应为 0.1（从 0 升到 0.4，走了四分之一）；"
            f"你的变化了 {moved[0]:.3f}。",
        )
