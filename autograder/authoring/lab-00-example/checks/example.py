"""Public cases of example: other ones than those of the hidden suite, small enough to follow by hand."""

import math
from typing import Any

import torch

from labkit.check import case, fail


@case("probabilities", en="equal logits give equal probabilities", zh="相等的 logits 给出相等的概率")
def equal_logits(student: Any) -> None:
    result = student.probabilities(torch.zeros(4), 1.0)
    if not torch.allclose(result, torch.full((4,), 0.25)):
        fail("Four equal logits should give 0.25 each.", "四个相等的 logits 应当各得 0.25。")


@case("probabilities", en="a temperature of 0 is refused", zh="温度为 0 时报错")
def zero_is_refused(student: Any) -> None:
    try:
        student.probabilities(torch.zeros(4), 0.0)
    except ValueError:
        return
    fail("A temperature of 0 should raise ValueError.", "温度为 0 时应当抛出 ValueError。")


@case("perplexity", en="a model that knows nothing has the perplexity V", zh="一无所知的模型，困惑度为 V")
def knows_nothing(student: Any) -> None:
    result = student.perplexity(torch.zeros(1, 3, 10), torch.tensor([[1, 5, 9]]))
    if not math.isclose(result, 10.0, rel_tol=1e-4):
        fail(
            f"Ten equally likely tokens should give 10, not {result}.",
            f"十个等可能的 token 应当得到 10，而不是 {result}。",
        )
