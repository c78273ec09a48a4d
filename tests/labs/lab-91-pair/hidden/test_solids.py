import pytest

from autograder.grading import expect


@pytest.mark.problem(
    "cube", points=2, rests_on="The volume of a cube.", hint={"en": "A square, times its side.", "zh": "正方形乘边长。"}
)
def test_cube(student, rng):
    side = float(rng.uniform(1, 9))
    expect.close(student.cube(side), side**3, what="cube")


@pytest.mark.problem(
    "prism",
    points=2,
    rests_on="The volume of a prism over a triangle.",
    hint={"en": "The base times the length.", "zh": "底面积乘长度。"},
)
def test_prism(student, rng):
    base, height, length = rng.uniform(1, 9, 3).tolist()
    expect.close(student.prism(base, height, length), base * height * length / 2, what="prism")


@pytest.mark.problem(
    "box", points=2, rests_on="The volume of a box.", hint={"en": "Three factors.", "zh": "三个因子。"}
)
def test_box(student, rng):
    width, depth, height = rng.uniform(1, 9, 3).tolist()
    expect.close(student.box(width, depth, height), width * depth * height, what="box")
