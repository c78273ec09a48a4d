"""The eight tests of the small lab as a teacher writes them for a tool that runs them beside the student's code.

The same questions as tests/labs/lab-90-mini/hidden/test_mini.py, two points each. A parameter is the student's name of
that name. Each function stands alone, for its source goes into a notebook cell (nbgrader) or a test file (otter).
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

POINTS = 2


def test_softmax_values(softmax):
    torch.manual_seed(1)
    x = torch.randn(3, 7)
    assert torch.allclose(softmax(x, 0), torch.softmax(x, 0), atol=1e-5, rtol=1e-5)
    assert torch.allclose(softmax(x, 1), torch.softmax(x, 1), atol=1e-5, rtol=1e-5)


def test_softmax_is_stable(softmax):
    torch.manual_seed(2)
    x = torch.randn(5) * 1000
    assert torch.allclose(softmax(x, 0), torch.softmax(x, 0), atol=1e-5, rtol=1e-5)


def test_attention_values(attention):
    torch.manual_seed(3)
    q, k, v = torch.randn(3, 5), torch.randn(7, 5), torch.randn(7, 5)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    assert torch.allclose(attention(q, k, v), expected, atol=1e-5, rtol=1e-5)


def test_attention_with_one_key(attention):
    torch.manual_seed(4)
    q, k, v = torch.randn(3, 5), torch.randn(1, 5), torch.randn(1, 5)
    assert torch.allclose(attention(q, k, v), v.expand(3, 5), atol=1e-5, rtol=1e-5)


def test_attention_gradient(attention):
    torch.manual_seed(5)
    theirs = [torch.randn(3, 5, requires_grad=True) for _ in range(3)]
    ours = [tensor.detach().clone().requires_grad_() for tensor in theirs]
    cotangent = torch.randn(3, 5)
    attention(*theirs).backward(cotangent)
    torch.nn.functional.scaled_dot_product_attention(*ours).backward(cotangent)
    for their, our in zip(theirs, ours, strict=True):
        assert torch.allclose(their.grad, our.grad, atol=1e-5, rtol=1e-5)


def test_rms_norm_values(RMSNorm):
    torch.manual_seed(6)
    x = torch.randn(3, 7)
    expected = torch.nn.functional.rms_norm(x, (7,), eps=0.5)
    assert torch.allclose(RMSNorm(7, eps=0.5)(x), expected, atol=1e-5, rtol=1e-5)


def test_rms_norm_uses_its_weight(RMSNorm):
    torch.manual_seed(7)
    x, weight = torch.randn(3, 7), torch.randn(7)
    norm = RMSNorm(7)
    norm.load_state_dict({"weight": weight})
    expected = torch.nn.functional.rms_norm(x, (7,), weight, eps=1e-6)
    assert torch.allclose(norm(x), expected, atol=1e-5, rtol=1e-5)


def test_rms_norm_trains_its_weight(RMSNorm):
    torch.manual_seed(8)
    x = torch.randn(3, 7)
    norm = RMSNorm(7, eps=0.5)
    norm(x).backward(torch.ones(3, 7))
    expected = torch.nn.functional.rms_norm(x, (7,), eps=0.5).sum(0)
    assert sorted(name for name, _ in norm.named_parameters()) == ["weight"]
    assert torch.allclose(norm.weight.grad, expected, atol=1e-5, rtol=1e-5)


TESTS: dict[str, Callable[..., None]] = {
    name: function for name, function in list(globals().items()) if name.startswith("test_")
}


def tested_name(test: str) -> str:
    """The student's name that a test asks for."""
    (name,) = inspect.signature(TESTS[test]).parameters
    return name


def run(namespace: Mapping[str, Any]) -> dict[str, float]:
    """Runs every test on the names of a student's namespace; the points by test."""
    return {test: POINTS if _passes(test, namespace) else 0 for test in TESTS}


def _passes(test: str, namespace: Mapping[str, Any]) -> bool:
    try:
        TESTS[test](namespace[tested_name(test)])
    except Exception:
        return False
    return True
