"""What the notebooks of LLM101 Labs import: models, data, public checks.

Importing it is cheap: torch and transformers are loaded by what needs them.
"""

from labkit.check import check
from labkit.other_notebooks import notebook

__all__ = ["check", "notebook"]
