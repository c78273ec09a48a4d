"""Eight hidden tests of two points for the small lab."""

import pytest
import torch

from autograder.grading import expect
from labkit.i18n import Bilingual


def randn(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape)).float()


@pytest.mark.problem(
    "softmax",
    points=2,
    rests_on="exp(x) / sum(exp(x)) along `dim`, stable for large x.",
    hint={"en": "Which axis sums to one?", "zh": "哪一维之和为一？"},
)
def test_softmax_values(student, rng):
    x = randn(rng, 3, 7)
    expect.close(student.softmax(x, 0), torch.softmax(x, 0), "softmax(x, 0)")
    expect.close(student.softmax(x, 1), torch.softmax(x, 1), "softmax(x, 1)")


@pytest.mark.problem(
    "softmax",
    points=2,
    rests_on="exp(x) / sum(exp(x)) along `dim`, stable for large x.",
    hint={"en": "Try x = 1000.", "zh": "试试 x = 1000。"},
)
def test_softmax_is_stable(student, rng):
    x = randn(rng, 5) * 1000
    expect.close(student.softmax(x, 0), torch.softmax(x, 0), Bilingual("softmax of large values", "很大的数的 softmax"))


@pytest.mark.problem(
    "attention",
    points=2,
    rests_on="Scaled dot-product attention of q (T, D), k (S, D), v (S, D).",
    hint={"en": "Look at the scale.", "zh": "看看缩放。"},
)
def test_attention_values(student, rng):
    q, k, v = randn(rng, 3, 5), randn(rng, 7, 5), randn(rng, 7, 5)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    expect.close(student.attention(q, k, v), expected, "attention")


@pytest.mark.problem(
    "attention",
    points=2,
    rests_on="Scaled dot-product attention of q (T, D), k (S, D), v (S, D).",
    hint={"en": "One key: its value.", "zh": "只有一个键。"},
)
def test_attention_with_one_key(student, rng):
    q, k, v = randn(rng, 3, 5), randn(rng, 1, 5), randn(rng, 1, 5)
    expect.close(
        student.attention(q, k, v), v.expand(3, 5), Bilingual("attention with one key", "只有一个键的 attention")
    )


@pytest.mark.problem(
    "attention",
    points=2,
    rests_on="Scaled dot-product attention of q (T, D), k (S, D), v (S, D).",
    hint={"en": "Gradients flow to q.", "zh": "梯度要传到 q。"},
)
def test_attention_gradient(student, rng):
    q, k, v = (randn(rng, 3, 5).requires_grad_() for _ in range(3))
    cotangent = randn(rng, 3, 5)
    _, gradients = student.vjp("attention", [q, k, v], cotangent, wrt=[0, 1, 2])
    torch.nn.functional.scaled_dot_product_attention(q, k, v).backward(cotangent)
    for gradient, tensor in zip(gradients, (q, k, v), strict=True):
        expect.close(gradient, tensor.grad, Bilingual("the gradient", "梯度"))


@pytest.mark.problem(
    "rms-norm",
    points=2,
    rests_on="x / sqrt(mean(x^2) + eps) * weight over the last axis",
    hint={"en": "Root of the mean square.", "zh": "均方根。"},
)
def test_rms_norm_values(student, rng):
    x = randn(rng, 2, 3, 7)
    norm = student.RMSNorm(7, eps=0.5)
    expect.close(norm(x), torch.nn.functional.rms_norm(x, (7,), eps=0.5), "RMSNorm(x)")


@pytest.mark.problem(
    "rms-norm",
    points=2,
    rests_on="x / sqrt(mean(x^2) + eps) * weight over the last axis",
    hint={"en": "Is the weight used?", "zh": "用到权重了吗？"},
)
def test_rms_norm_uses_its_weight(student, rng):
    x, weight = randn(rng, 3, 7), randn(rng, 7)
    norm = student.RMSNorm(7)
    norm.load_state_dict({"weight": weight})
    expect.close(norm(x), torch.nn.functional.rms_norm(x, (7,), weight, eps=1e-6), "RMSNorm(x)")


@pytest.mark.problem(
    "rms-norm",
    points=2,
    rests_on="x / sqrt(mean(x^2) + eps) * weight over the last axis",
    hint={"en": "Is the weight a parameter?", "zh": "权重是参数吗？"},
)
def test_rms_norm_trains_its_weight(student, rng):
    x = randn(rng, 3, 7)
    norm = student.RMSNorm(7, eps=0.5)
    student.vjp(norm, [x], torch.ones(3, 7))
    normed = torch.nn.functional.rms_norm(x, (7,), eps=0.5)
    expect.equal(sorted(norm.grads()), ["weight"], Bilingual("the names of the parameters", "参数的名字"))
    expect.close(norm.grads()["weight"], normed.sum(0), Bilingual("the gradient of the weight", "权重的梯度"))
