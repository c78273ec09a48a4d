"""Hidden tests of example. Compare with a reference of your own, on inputs from `rng`."""

import numpy as np
import pytest
import torch

from autograder.grading import expect
from autograder.grading.student import Student
from labkit.i18n import Bilingual

Rng = np.random.Generator
PERPLEXITY = Bilingual("the perplexity", "困惑度")


def normal(rng: Rng, *shape: int) -> torch.Tensor:
    return torch.from_numpy(rng.standard_normal(shape)).float()


@pytest.mark.problem(
    "probabilities",
    points=25,
    rests_on="The softmax of `logits / temperature` over the last axis",
    hint={
        "en": "Write the formula down for two logits. What does dividing by a small temperature do to their difference?",
        "zh": "对两个 logits 写出公式。除以一个小的温度，它们的差会怎样变化？",
    },
)
def test_probabilities_agree_with_the_formula(student: Student, rng: Rng) -> None:
    logits, temperature = normal(rng, 3, 2, 7), float(rng.uniform(0.3, 0.7))
    expected = torch.softmax(logits.double() / temperature, dim=-1)
    expect.close(student.probabilities(logits, temperature), expected, Bilingual("the probabilities", "概率"))


@pytest.mark.problem(
    "probabilities",
    points=15,
    rests_on="finite for large logits too",
    hint={
        "en": "exp(1000) is infinite in float32. Which number may be subtracted from all logits without a change?",
        "zh": "exp(1000) 在 float32 里是无穷大。从所有 logits 中减去哪个数，结果不变？",
    },
)
def test_large_logits_stay_finite(student: Student, rng: Rng) -> None:
    logits = normal(rng, 2, 5) * 10 + 1000
    expected = torch.softmax(logits.double(), dim=-1)
    what = Bilingual("the probabilities of large logits", "logits 很大时的概率")
    expect.close(student.probabilities(logits, 1.0), expected, what, atol=1e-4)


@pytest.mark.problem(
    "probabilities",
    points=10,
    rests_on="ValueError: the temperature is 0 or below.",
    hint={
        "en": "What should happen at a temperature of 0, or below? The docstring says it.",
        "zh": "温度为 0 或负数时应当怎样？文档字符串里写了。",
    },
)
def test_a_temperature_of_zero_or_below_is_refused(student: Student, rng: Rng) -> None:
    for temperature in (-float(rng.uniform(0.5, 2.0)), 0.0):
        what = Bilingual(f"a temperature of {temperature:.1f}", f"温度为 {temperature:.1f} 时")
        expect.refused(lambda t=temperature: student.probabilities(normal(rng, 4), t), what)


@pytest.mark.problem(
    "perplexity",
    points=30,
    rests_on="exp of the mean negative log-likelihood (natural logarithm) of the targets, every token counting alike.",
    hint={
        "en": "Take the mean over all tokens first, then exp; the logarithm is the natural one.",
        "zh": "先对所有 token 取平均，再取 exp；对数用自然对数。",
    },
)
def test_perplexity_agrees_with_the_formula(student: Student, rng: Rng) -> None:
    logits, targets = normal(rng, 2, 5, 11), torch.from_numpy(rng.integers(0, 11, (2, 5)))
    mean = torch.nn.functional.cross_entropy(logits.double().flatten(0, 1), targets.flatten())
    result = student.perplexity(logits, targets)
    expect.close(result, mean.exp().item(), PERPLEXITY, rtol=1e-4)
    expect.that(isinstance(result, float), Bilingual("the perplexity should be a float", "困惑度应当是 float"))


@pytest.mark.problem(
    "perplexity",
    points=20,
    rests_on="The result is finite for every finite loss, however unlikely a single token is.",
    hint={
        "en": "The probability of an unlikely token can be 0 in float32, and its logarithm is then infinite. Which function "
        "of PyTorch gives the logarithm at once?",
        "zh": "不太可能的 token 的概率在 float32 里可能是 0，取对数就成了无穷。PyTorch 里哪个函数能直接给出对数概率？",
    },
)
def test_an_unlikely_token_has_a_finite_perplexity(student: Student, rng: Rng) -> None:
    logits = normal(rng, 1, 40, 11)
    targets = logits.argmax(-1)
    targets[0, 3] = (targets[0, 3] + 1) % 11
    logits[0, 3, targets[0, 3]] = -120.0
    mean = torch.nn.functional.cross_entropy(logits.double().flatten(0, 1), targets.flatten())
    expect.close(student.perplexity(logits, targets), mean.exp().item(), PERPLEXITY, rtol=1e-4)
