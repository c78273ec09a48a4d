"""The student's side of LLM101 Labs: models, data, public checks and the `lab` command.

Importing it is cheap: torch and transformers are loaded by what needs them.
"""

from labkit.check import check
from labkit.i18n import language
from labkit.other_notebooks import notebook

__all__ = ["check", "language", "notebook"]
