"""Public checks of parallel. The ranks are threads here."""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit import ranks
from labkit.check import case, fail
from labkit.ranks import Group, NoMeeting


def on_two_ranks(program: ranks.RankProgram) -> list[Any]:
    """The program's results on ranks 0 and 1; fails where the ranks wait for each other in vain."""
    try:
        return ranks.threads(2, program)
    except NoMeeting as error:
        fail(
            f"All ranks must call the same operations in the same order; one of them calls fewer. ({error})",
            f"所有 rank 必须按同样的顺序调用同样的操作；这里有一个 rank 调用得少。（{error}）",
        )


@case("parallel", en="3 examples and 1 example: worked out by hand", zh="3 个样本与 1 个样本：手算结果")
def uneven_shares_by_hand(student: Any) -> None:
    def program(group: Group) -> list[float]:
        model = nn.Linear(1, 1, bias=False)
        model.weight.grad = torch.tensor([[1.0 if group.rank == 0 else 5.0]])
        student.average_gradients(model, group, 3 if group.rank == 0 else 1)
        assert model.weight.grad is not None
        return [model.weight.grad.item()]

    found = on_two_ranks(program)
    if found != [[2.0], [2.0]]:
        fail(
            f"Gradients 1 (mean over 3 examples) and 5 (over 1): over all four the mean is 2, on both; not {found}.",
            f"梯度 1（3 个样本的平均）和 5（1 个样本）：四个样本的平均是 2，两个 rank 都一样，而不是 {found}。",
        )


@case("parallel", en="a parameter that took no part on one rank", zh="某个参数在一个 rank 上没有参与计算")
def no_gradient_on_one_rank(student: Any) -> None:
    def program(group: Group) -> list[float]:
        model = nn.Linear(1, 1)
        model.weight.grad = torch.tensor([[3.0]])
        if group.rank == 1:
            assert model.bias is not None
            model.bias.grad = torch.tensor([4.0])
        student.average_gradients(model, group, 2)
        return [0.0 if p.grad is None else p.grad.item() for p in model.parameters()]

    try:
        found = ranks.threads(2, program)
    except NoMeeting:
        fail(
            "bias.grad is None on rank 0 and 4 on rank 1: only one of them calls all_reduce for it, and waits in vain.",
            "bias.grad 在 0 号是 None，在 1 号是 4：只有一个 rank 为它调用了 all_reduce，白白地等另一个。",
        )
    if found != [[3.0, 2.0], [3.0, 2.0]]:
        fail(
            f"bias.grad is None on rank 0 and 4 on rank 1, so its mean is 2 on both; found (weight, bias): {found}.",
            f"bias.grad 在 0 号是 None，在 1 号是 4，平均后两边都应是 2；实际的（weight、bias）：{found}。",
        )


@case("parallel", en="ShardedAdamW takes the steps of AdamW", zh="ShardedAdamW 与 AdamW 的更新一致")
def sharded_steps_are_adamw(student: Any) -> None:
    gradients = torch.randn(2, 2, 7)  # two steps, two ranks
    parameter = nn.Parameter(torch.randn(7))

    def program(group: Group) -> tuple[Tensor, int]:
        mine = nn.Parameter(parameter.detach().clone())
        optimizer = student.ShardedAdamW(iter([mine]), group, lr=0.1, eps=1e-2)  # as model.parameters(): read once
        for step in gradients:
            mine.grad = step[group.rank].clone()
            optimizer.step()
        return mine.detach(), optimizer.shard.numel()

    (first, size), (second, _) = on_two_ranks(program)

    def whole(reduced: Tensor) -> Tensor:
        """The parameter after AdamW's steps with these gradients (2, 7)."""
        alone = nn.Parameter(parameter.detach().clone())
        optimizer = torch.optim.AdamW([alone], lr=0.1, eps=1e-2)
        for gradient in reduced:
            alone.grad = gradient.clone()
            optimizer.step()
        return alone.detach()

    if size != 4:
        fail(
            f"7 numbers on 2 ranks: each has a shard of 4, not of {size}.",
            f"7 个数、2 个 rank：每片 4 个，而不是 {size} 个。",
        )
    if not torch.equal(first, second):
        fail("After a step the parameters must be the same on both ranks.", "走完一步，两个 rank 的参数必须相同。")
    if torch.allclose(first, whole(gradients.sum(1)), atol=1e-5):
        fail(
            "These are AdamW's steps with the sum of the two ranks' gradients; wanted is their mean.",
            "这是用两个 rank 的梯度之和走的 AdamW；要的是平均。",
        )
    if not torch.allclose(first, whole(gradients.mean(1)), atol=1e-5):
        fail(
            "The parameters differ from AdamW's with the mean of the two ranks' gradients.",
            "参数与用两个 rank 平均梯度的 AdamW 不一致。",
        )


def connected(output: Tensor) -> None:
    """Fails where no gradient can come back from an output."""
    if not output.requires_grad:
        fail(
            "No gradient comes back: autograd knows nothing of a group's operations. Define the backward pass.",
            "梯度传不回来：group 的操作返回的张量与 autograd 无关，反向要自己定义。",
        )


@case("parallel", en="f and g, forward and backward", zh="f 和 g 的前向与反向")
def f_and_g(student: Any) -> None:
    def program(group: Group) -> list[float]:
        values = []
        for function in (student.copy_to_ranks, student.sum_over_ranks):
            x = torch.tensor([1.0 + group.rank], requires_grad=True)
            y = function(x, group)
            connected(y)
            y.backward(torch.tensor([10.0 + group.rank]))
            values += [y.item(), 0.0 if x.grad is None else x.grad.item()]
        return values

    found = on_two_ranks(program)
    expected = [[1.0, 21.0, 3.0, 10.0], [2.0, 21.0, 3.0, 11.0]]
    names = [
        ("copy_to_ranks(x)", "copy_to_ranks(x)"),
        ("its gradient", "copy_to_ranks(x) 的梯度"),
        ("sum_over_ranks(x)", "sum_over_ranks(x)"),
        ("its gradient", "sum_over_ranks(x) 的梯度"),
    ]
    for rank in range(2):
        for (name, name_zh), value, right in zip(names, found[rank], expected[rank], strict=True):
            if value != right:
                fail(
                    f"x = 1, 2, gradients from above 10, 11; on rank {rank} {name} should be {right}, but is {value}.",
                    f"x = 1、2，上游梯度 10、11；在 {rank} 号上，{name_zh} 应为 {right}，实际是 {value}。",
                )


@case("parallel", en="ParallelMLP is the dense layer, backward too", zh="ParallelMLP 与未切分的层一致，反向也一致")
def parallel_mlp_is_the_dense_layer(student: Any) -> None:
    up, down, x = nn.Linear(4, 6), nn.Linear(6, 4), torch.randn(3, 4)

    def program(group: Group) -> tuple[Tensor, Tensor, Tensor]:
        mine = x.clone().requires_grad_()
        layer = student.ParallelMLP(copy.deepcopy(up), copy.deepcopy(down), group)
        output = layer(mine)
        connected(output)
        output.sum().backward()
        return output.detach(), torch.zeros_like(x) if mine.grad is None else mine.grad, layer.up.weight.detach()

    dense = x.clone().requires_grad_()
    expected = down(F.gelu(up(dense)))
    expected.sum().backward()
    assert dense.grad is not None
    for rank, (output, gradient, part) in enumerate(on_two_ranks(program)):
        if output.shape == expected.shape and torch.allclose(output, expected + down.bias, atol=1e-5):
            fail(
                f"The output on rank {rank} has down's bias twice: how many ranks add it?",
                f"{rank} 号的输出里 down 的偏置加了两次：有几个 rank 加了它？",
            )
        if output.shape != expected.shape or not torch.allclose(output, expected, atol=1e-5):
            fail(f"The output on rank {rank} is not the dense layer's.", f"{rank} 号上的输出与未切分的层不同。")
        if not torch.equal(part, up.weight[3 * rank : 3 * rank + 3]):
            fail(
                "6 hidden entries on 2 ranks: rank 0 should have the first three rows of up.weight, rank 1 the last "
                f"three; rank {rank} has others.",
                f"6 个隐藏分量、2 个 rank：up.weight 的前三行应归 0 号，后三行应归 1 号；{rank} 号拿的不是这些行。",
            )
        if not torch.allclose(gradient, dense.grad, atol=1e-5):
            fail(
                f"The output is right, but on rank {rank} the gradient for x is not the dense layer's.",
                f"输出是对的，但 {rank} 号上 x 的梯度与未切分的层不同。",
            )


@case("parallel", en="ParallelMLP in float64, and a copy of its layers", zh="ParallelMLP：float64，各部分是拷贝")
def parallel_mlp_keeps_the_dtype(student: Any) -> None:
    up, down = nn.Linear(3, 4, dtype=torch.float64), nn.Linear(4, 3, dtype=torch.float64)
    x = torch.randn(2, 3, dtype=torch.float64)
    expected = down(F.gelu(up(x))).detach()

    def program(group: Group) -> tuple[Tensor, Tensor]:
        mine, other = copy.deepcopy(up), copy.deepcopy(down)
        layer = student.ParallelMLP(mine, other, group)
        for name, parameter in layer.named_parameters():
            if parameter.dtype != torch.float64:
                fail(
                    f"The layers are in float64, but {name} is in {parameter.dtype}.",
                    f"两个层都是 float64，但 {name} 是 {parameter.dtype}。",
                )
        before = layer(x).detach()
        with torch.no_grad():
            for parameter in (*mine.parameters(), *other.parameters()):
                parameter.zero_()
        return before, layer(x).detach()

    for rank, (before, after) in enumerate(on_two_ranks(program)):
        if not torch.allclose(before, expected, rtol=0, atol=1e-9):
            fail(
                f"In float64 the output on rank {rank} differs from the dense layer's by more than 1e-9.",
                f"float64 下，{rank} 号上的输出与未切分的层相差超过 1e-9。",
            )
        if not torch.equal(before, after):
            fail(
                f"The two layers that it was made of have changed, and so has the output on rank {rank}: copy the parts.",
                f"原来的两个层变了，{rank} 号上的输出也跟着变了：各部分应当是拷贝。",
            )


@case("parallel", en="figures that one can do in one's head", zh="心算就能核对的数字")
def figures_by_head(student: Any) -> None:
    cases: list[tuple[str, Any, Any]] = [
        ("model_state_bytes(7e9)", student.model_state_bytes(7e9), 112e9),
        ("model_state_bytes(1e9, stage=1, n_data=4)", student.model_state_bytes(1e9, stage=1, n_data=4), 7e9),
        ("model_state_bytes(1e9, 3, 8, n_model=2)", student.model_state_bytes(1e9, 3, 8, n_model=2), 1e9),
        ("gpus_needed(2**30, 16, 0)", student.gpus_needed(2**30, 16, 0), 1),
        ("gpus_needed(2**30, 10, 1)", student.gpus_needed(2**30, 10, 1), 2),
        ("gpus_needed(2**30, 3, 1)", student.gpus_needed(2**30, 3, 1), None),
        ("data_parallel_bytes(1e9, 2)", student.data_parallel_bytes(1e9, 2), 2e9),
        ("tensor_parallel_bytes(1, 1, 10, 10, 2)", student.tensor_parallel_bytes(1, 1, 10, 10, 2), 800),
        ("pipeline_idle(2, 3)", student.pipeline_idle(2, 3), 0.25),
        ("training_days(1e9, 1e9, 1, 6e18 / 86400)", student.training_days(1e9, 1e9, 1, 6e18 / 86_400), 1),
    ]
    for call, value, right in cases:
        wanted = "None" if right is None else f"{right:,}"
        if value != right and (value is None or right is None or abs(value - right) > 1e-6 * right):
            fail(f"{call} should be {wanted}, but is {value}.", f"{call} 应为 {wanted}，实际是 {value}。")
