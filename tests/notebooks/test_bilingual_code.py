"""One language of a code cell: halves of docstrings, and what `say` says."""

import ast

import pytest

from autograder.bilingual_code import NotBilingual, in_language

DOCUMENTED = '''\
def double(x):
    """Twice x.

    Raises:
        TypeError: x is no number.
    ---
    x 的两倍。
    """
    return 2 * x  # a comment --- with a divider
'''


def both(source: str) -> tuple[str, str]:
    return in_language(source, "en"), in_language(source, "zh")


def test_a_docstring_keeps_the_half_of_the_language():
    english, chinese = both(DOCUMENTED)
    body = "    return 2 * x  # a comment --- with a divider\n"
    assert english == (
        'def double(x):\n    """Twice x.\n\n    Raises:\n        TypeError: x is no number.\n    """\n' + body
    )
    assert chinese == 'def double(x):\n    """x 的两倍。"""\n' + body


@pytest.mark.parametrize(
    ("docstring", "english", "chinese"),
    [
        ('"""One.\n\n    ---\n\n    甲。\n    """', '"""One."""', '"""甲。"""'),
        ("'''One.\n    ---\n    甲。'''", "'''One.'''", "'''甲。'''"),
        ('r"""\n    \\alpha\n    ---\n    甲\\beta\n    """', 'r"""\\alpha"""', 'r"""甲\\beta"""'),
        ('"""Say "x"\n    ---\n    甲\n\n      乙\n    """', '"""Say "x"\n    """', '"""甲\n\n      乙\n    """'),
        ('"""A --- B."""', '"""A --- B."""', '"""A --- B."""'),
    ],
)
@pytest.mark.parametrize("head", ["def f():\n    ", "class A:\n    ", "async def f():\n    "])
def test_quotes_and_indentation_stay(head, docstring, english, chinese):
    assert both(head + docstring + "\n    x = 1") == (
        head + english + "\n    x = 1",
        head + chinese + "\n    x = 1",
    )


def test_methods_and_inner_functions_have_halves_too():
    source = (
        'class A:\n    """A.\n    ---\n    甲。\n    """\n\n'
        '    def f(self):\n        """F.\n        ---\n        乙。\n        """\n'
    )
    assert in_language(source, "zh") == 'class A:\n    """甲。"""\n\n    def f(self):\n        """乙。"""\n'


def test_a_string_that_is_no_docstring_keeps_its_divider():
    source = 'text = """a\n---\nb"""\n\ndef f():\n    x = 1\n    """a\n    ---\n    b"""'
    assert both(source) == (source, source)


@pytest.mark.parametrize(
    ("source", "english", "chinese"),
    [
        ("print(say('one', \"一\"))", "print('one')", 'print("一")'),
        ("x = say(f'{n:>3} of {m}', rf\"{m} 之 {n!r}\")", "x = f'{n:>3} of {m}'", 'x = rf"{m} 之 {n!r}"'),
        ('f(say("a" "b", "甲"), say("c", """乙\n丙"""))', 'f("a" "b", "c")', 'f("甲", """乙\n丙""")'),
        ('{"键": say("a", "甲"), **say("b", "乙")}', '{"键": "a", **"b"}', '{"键": "甲", **"乙"}'),
        ('def f(x=say("a", "甲")): ...', 'def f(x="a"): ...', 'def f(x="甲"): ...'),
        ('x = say("a %s", "甲 %s").upper() % y', 'x = "a %s".upper() % y', 'x = "甲 %s".upper() % y'),
        ('print(\n    say(\n        "a",\n        "甲",\n    ),\n)', 'print(\n    "a",\n)', 'print(\n    "甲",\n)'),
        ('x = say("a"\n  "b", "甲")', 'x = ("a"\n  "b")', 'x = "甲"'),
        ('x = f(say("a"\n  "b", "甲"))', 'x = f("a"\n  "b")', 'x = f("甲")'),
        ('x.say("a", "b")', 'x.say("a", "b")', 'x.say("a", "b")'),
    ],
)
def test_say_becomes_the_literal_as_its_author_wrote_it(source, english, chinese):
    assert both(source) == (english, chinese)
    ast.parse(english)
    ast.parse(chinese)


def test_a_cell_without_either_is_not_looked_at():
    source = "%matplotlib inline\n!pip list"
    assert both(source) == (source, source)


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ('def f():\n    """a\n    ---\n    b\n    ---\n    c\n    """', 5, "a second ---"),
        ('def f():\n    """\n    ---\n    b\n    """', 3, "a half of this docstring is empty"),
        ('def f():\n    """a\n    ---\n    """', 3, "a half of this docstring is empty"),
        ('def f():\n    """a\n    ---\n    b""" """c"""', 2, "one triple-quoted literal"),
        ('\nsay("a")', 2, "two string literals"),
        ('say("a", "b", "c")', 1, "two string literals"),
        ('say("a", zh="b")', 1, "two string literals"),
        ('say("a", name)', 1, "two string literals"),
        ('say(b"a", "b")', 1, "two string literals"),
        ('say(*["a", "b"])', 1, "two string literals"),
        ('say("a", say("b", "c"))', 1, "two string literals"),
        ("x = 1\nprint(f\"{say('a', 'b')}\")", 2, "never inside one"),
        ("say(f\"{say('a', 'b')}\", 'c')", 1, "never inside one"),
        ("\nf = say", 2, "only called"),
        ("say = print", 1, "only called"),
        ('%time\nsay("a", "b")', 1, "plain Python"),
    ],
)
def test_what_gives_no_language_is_named_with_its_line(source, line, reason):
    for lang in ("en", "zh"):
        with pytest.raises(NotBilingual, match=reason) as caught:
            in_language(source, lang)
        assert caught.value.line == line
