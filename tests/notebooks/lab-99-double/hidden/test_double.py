import pytest


@pytest.mark.problem("double", points=20, rests_on="Twice x.", hint={"en": "Add.", "zh": "相加。"})
def test_doubles_a_positive_number(student, rng):
    number_that_nobody_can_guess = int(rng.integers(1, 99))
    assert student.double(number_that_nobody_can_guess) == 2 * number_that_nobody_can_guess


@pytest.mark.problem("double", points=40, rests_on="Twice x.", hint={"en": "Sign.", "zh": "符号。"})
def test_doubles_a_negative_number(student, rng):
    assert student.double(-3) == -6


@pytest.mark.problem("triple", points=40, rests_on="Three times x.", hint={"en": "Add.", "zh": "相加。"})
def test_triples(student, rng):
    assert student.triple(2) == 6
