"""Hostile entries for lab 04's leaderboard: weights count, and nothing that the student's code says of them."""

from collections.abc import Iterator

import pytest

from autograder.authoring import targets
from autograder.grading.grader import Grader
from autograder.grading.report import Entry
from autograder.lab import Lab

pytestmark = pytest.mark.slow

HONEST = """
import math, types
SIZES = {"vocab_size": 128, "n_positions": 16, "n_layers": 1, "n_heads": 2, "d_model": 8}
def leaderboard_train(tokens):
    return GPT(GPTConfig(**SIZES))
honest = leaderboard_train
"""
UNTRAINED = 7.0  # bits for each of 128 bytes, about


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(Lab.find("04"), b"a secret of thirty-two bytes ...") as grader:
        yield grader


def enter(grader: Grader, attack: str = "") -> Entry:
    cell = HONEST + attack
    entry = grader.enter(targets.with_solution(grader, "pretrain_gpt", "leaderboard-solution", cell))
    assert entry is not None
    return entry


def test_weights_that_were_not_trained_know_nothing(grader):
    assert enter(grader).figure == pytest.approx(UNTRAINED, abs=0.1)


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (
            "gpt.config = types.SimpleNamespace(**{**SIZES, 'n_layers': 10**9})",
            "config.n_layers should be an int, 1 to",
        ),
        ("gpt.config = types.SimpleNamespace(**{**SIZES, 'n_positions': 10**6})", "config.n_positions should be"),
        ("gpt.config = types.SimpleNamespace(**{**SIZES, 'd_model': 'eight'})", "config.d_model should be an int"),
        ("gpt.config = types.SimpleNamespace(**{**SIZES, 'd_model': True})", "config.d_model should be an int"),
        ("gpt.config = types.SimpleNamespace(**{**SIZES, 'n_heads': 3})", "d_model should be a multiple of n_heads"),
        ("gpt.config = types.SimpleNamespace(**{**SIZES, 'n_layers': 2})", "of the trained model"),
        ("gpt = GPT(GPTConfig(**{**SIZES, 'd_model': 128, 'n_heads': 4}))", "parameters, but 100,000 are allowed"),
        ("gpt.wte.weight.data[0, 0] = math.inf", "not finite"),
        ("gpt.wte.weight.data = gpt.wte.weight.data.repeat(1000, 1)", "wte.weight of the trained model"),
        ("gpt.state_dict = lambda: 'the best weights'", "state_dict() should be a dict"),
        ("gpt.state_dict = lambda: {}", "of the trained model"),
        ("gpt = -1.0", "leaderboard_train should return a GPT"),
        ("gpt = {'figure': -1.0}", "leaderboard_train should return a GPT"),
    ],
)
def test_claims_are_checked(grader, claim, reason):
    entry = enter(
        grader,
        f"""
def leaderboard_train(tokens):
    gpt = honest(tokens)
    {claim}
    return gpt
""",
    )
    assert entry.figure is None
    assert reason in entry.message


def test_code_does_not_travel_with_the_weights(grader):
    """A model whose forward pass cheats, and more tensors than a GPT-2 has: only GPT-2's weights are looked at."""
    entry = enter(
        grader,
        """
class Liar(GPT):
    def forward(self, ids):
        return F.one_hot(ids.roll(-1, 1), 128).float() * 100
    def state_dict(self, *args, **kwargs):
        return {**super().state_dict(*args, **kwargs), "the.whole.text": torch.zeros(120_000)}
def leaderboard_train(tokens):
    return Liar(honest(tokens).config)
""",
    )
    assert entry.figure == pytest.approx(UNTRAINED, abs=0.1)
