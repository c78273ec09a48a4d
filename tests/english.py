"""English sentences where a Chinese one should stand.

A sentence is three words of English in a row. None are code, formulas, addresses, what stands in quotation marks
(titles, examples, data), names (each word with a capital), and Python's own text of an exception.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

NO_SENTENCE = re.compile(
    r"""```.*?``` | `[^`]*` | \$\$.*?\$\$ | \$[^$\n]*\$      # code and formulas
      | \]\([^)]*\) | https?://\S+ | <[^<>\n]*>              # addresses and HTML
      | “[^”]*” | 《[^》]*》 | 「[^」]*」 | "[^"\n]*"          # what is quoted
      | \b\w+(?:Error|Exception|Exit|Interrupt)[:：][^（\n]*  # an exception's own text
      | （[^（）]*第\ \d+\ 行：[^\n]*                          # a line of the student's
    """,
    re.VERBOSE | re.DOTALL,
)
GLOSS = re.compile(r"（[A-Za-z][A-Za-z -]{,40}(?=[，）])")  # a term of the field after its Chinese, in brackets
WORD = r"(?<![\w./=<>{}\\@#%&*+^~|$-])[A-Za-z][a-z]*(?:'[a-z]+)?(?![\w/=<>{}\\@#%&*+^~|$(\[-])"
SENTENCE = re.compile(rf"{WORD}(?:[,;:]?\ {WORD}){{2,}}")
SHOWS = {"print", "title", "set_title", "suptitle", "xlabel", "ylabel", "set_xlabel", "set_ylabel", "text", "annotate"}
SHOWS |= {"set", "legend", "show_table", "display", "tqdm", "set_label", "figtext", "colorbar"}
LABELS = {"label", "title", "xlabel", "ylabel", "desc", "labels", "description"}


def sentences(text: str) -> list[str]:
    """The English sentences, or parts of them, in a text that is to be Chinese."""
    found = SENTENCE.findall(NO_SENTENCE.sub("·", text))
    return [words for words in found if not all(word[0].isupper() for word in words.split())]


def sentences_of_prose(markdown: str) -> list[str]:
    """Those of a Markdown cell, where a term may have its English name beside it."""
    return sentences(GLOSS.sub("·", markdown))


def sentences_of_code(source: str) -> list[str]:
    """Those that a reader of a code cell, or of its output, meets: comments, docstrings, what it prints and draws."""
    texts = [*_comments(source), *_docstrings_and_words(ast.parse(source))]
    return [words for text in texts for words in sentences(text)]


def _comments(source: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string.lstrip("# ")


def _docstrings_and_words(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield ast.get_docstring(node) or ""
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield from _literals([*node.exc.args])
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
