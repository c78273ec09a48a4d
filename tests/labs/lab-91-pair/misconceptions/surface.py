"""The surface of the box instead of its volume."""

NOTEBOOK = "solids"
HINT = {"en": "You sum up the sides of the box.", "zh": "你算的是长方体各面的面积之和。"}
FAILS = ["test_box"]


def box(width, depth, height):
    return 2 * (width * depth + depth * height + height * width)
