"""English sentences where a Chinese one should stand.

A sentence is three different words of English in a row. None are code, formulas, addresses, what stands in quotation
marks (titles, examples, data), sources, names (each word with a capital), and Python's own text of an exception.
"""

import ast
import re
from collections.abc import Iterator

NO_SENTENCE = re.compile(
    r"""```.*?``` | `[^`]*` | \$\$.*?\$\$ | \$[^$\n]*\$      # code and formulas
      | \]\([^)]*\) | https?://\S+ | <[^<>\n]*>              # addresses and HTML
      | “[^”]*” | 《[^》]*》 | "[^"\n]*" | (?<!\w)'[^'\n]*'(?!\w)  # what is quoted
      | (?:出处|来源)：[^\n]*                                 # a source, with the title of a paper
      | \b\w+(?:Error|Exception|Exit|Interrupt)[:：][^（\n]*  # an exception's own text
      | （[^（）]*第\ \d+\ 行：[^\n]*                          # a line of the student's
    """,
    re.VERBOSE | re.DOTALL,
)
GLOSS = re.compile(r"（[A-Za-z][A-Za-z -]{,40}(?=[，）])")  # a term of the field after its Chinese, in brackets
WORD = r"(?<![\w./=<>{}\\@#%&*+^~|$-])(?:a|A|I|[A-Za-z][a-z]+)(?:['-][a-z]+)*(?![\w/=<>{}\\@#%&*+^~|$(\[-])"
SENTENCE = re.compile(rf"{WORD}(?:[,;:]?\ {WORD}){{2,}}")
# Functions that show their arguments, and arguments that any function shows.
SHOWS = {"print", "title", "set_title", "suptitle", "xlabel", "ylabel", "set_xlabel", "set_ylabel", "text", "annotate"}
SHOWS |= {"set", "legend", "show_table", "display", "tqdm", "set_label", "figtext", "colorbar"}
LABELS = {"label", "title", "xlabel", "ylabel", "desc", "labels", "description"}


def sentences(text: str) -> list[str]:
    """The English sentences, or parts of them, in a text that is to be Chinese."""
    found = SENTENCE.findall(NO_SENTENCE.sub("·", text))
    return [words for words in found if not _is_name(words.split())]


def _is_name(words: list[str]) -> bool:
    return len(set(words)) < 3 or all(word[0].isupper() for word in words)


def sentences_of_prose(markdown: str) -> list[str]:
    """Those of a Markdown cell, where a term may have its English name beside it."""
    return sentences(GLOSS.sub("·", markdown))


def sentences_of_code(source: str) -> list[str]:
    """Those of a code cell's docstrings, and of what it prints and draws."""
    return [words for text in _docstrings_and_outputs(ast.parse(source)) for words in sentences(text)]


def sayings(source: str, *functions: str) -> Iterator[tuple[str, str]]:
    """The (English, Chinese) text of each call of `functions`, which take a sentence in both.

    "·" stands for what is filled in. A call with one argument has "" for Chinese.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in functions:
            texts = ["".join(_literals([value])) or "·" for value in node.args]
            yield texts[0] if texts else "", texts[1] if len(texts) > 1 else ""


def _docstrings_and_outputs(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield ast.get_docstring(node) or ""
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            yield from _literals(node.args if name in SHOWS else [])
            yield from _literals([keyword.value for keyword in node.keywords if name in SHOWS or keyword.arg in LABELS])


def _literals(values: list[ast.expr]) -> Iterator[str]:
    """The text of string literals in arguments, in lists and tuples of them and in f-strings too; not in calls."""
    for value in values:
        match value:
            case ast.Constant(str(text)):
                yield text
            case ast.JoinedStr(parts):
                yield "".join(part.value if isinstance(part, ast.Constant) else "·" for part in parts)
            case ast.List(items) | ast.Tuple(items):
                yield from _literals(items)
            case ast.BinOp(left, _, right):
                yield from _literals([left, right])
            case ast.IfExp(_, one, other):
                yield from _literals([one, other])
