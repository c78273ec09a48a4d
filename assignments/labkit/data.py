"""The data of the labs."""

from labkit.instructions import instructions

__all__ = ["instructions"]
