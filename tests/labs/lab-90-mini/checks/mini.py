"""Public checks of mini."""

from typing import Any

import torch

from labkit.check import case, fail


@case("softmax", en="the values add up to 1", zh="各值之和为 1")
def adds_up_to_one(student: Any) -> None:
    total = student.softmax(torch.tensor([1.0, 2.0, 3.0]), 0).sum()
    if not torch.isclose(total, torch.tensor(1.0)):
        fail(f"The sum is {total:.3f}.", f"和是 {total:.3f}。")


@case("attention", en="one row per query", zh="每个查询一行")
def one_row_per_query(student: Any) -> None:
    result = student.attention(torch.zeros(2, 4), torch.zeros(3, 4), torch.ones(3, 5))
    if result.shape != (2, 5):
        fail(
            f"The shape should be (2, 5), not {tuple(result.shape)}.",
            f"形状应为 (2, 5)，而不是 {tuple(result.shape)}。",
        )


@case("rms-norm", en="a vector of ones stays as it is", zh="全 1 向量保持不变")
def ones_stay(student: Any) -> None:
    if not torch.allclose(student.RMSNorm(4)(torch.ones(4)), torch.ones(4), atol=1e-3):
        fail("Ones should stay ones.", "全 1 的输入应当保持不变。")
