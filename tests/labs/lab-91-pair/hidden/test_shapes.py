import pytest

from autograder.grading import expect


@pytest.mark.problem(
    "square", points=2, rests_on="The area of a square.", hint={"en": "Side times side.", "zh": "边长乘边长。"}
)
def test_square(student, rng):
    side = float(rng.uniform(1, 9))
    expect.close(student.square(side), side**2, what="square")


@pytest.mark.problem(
    "triangle",
    points=2,
    rests_on="Half of base times height.",
    hint={"en": "Half a rectangle.", "zh": "长方形的一半。"},
)
def test_triangle(student, rng):
    base, height = rng.uniform(1, 9, 2).tolist()
    expect.close(student.Triangle(base, height).area(), base * height / 2, what="area")
