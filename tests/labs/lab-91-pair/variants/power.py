"""The square as a power."""

NOTEBOOK = "shapes"


def square(side):
    return side**2
