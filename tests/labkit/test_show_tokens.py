"""Lists of tokens: coloured blocks in a notebook, bars in a terminal, and nothing of a token is lost."""

from itertools import pairwise

import pytest

from labkit.show_tokens import PASTEL, TokenRow, TokenTable, show_table, show_tokens


def html(row: TokenRow | TokenTable) -> str:
    return row._repr_html_()


def test_each_token_is_a_block_and_neighbours_differ_in_colour():
    shown = html(TokenRow([b"a"] * 7))
    assert shown.count("background:") == 7
    positions = [shown.split("background:")[i + 1][:7] for i in range(7)]
    assert positions == [PASTEL[i % len(PASTEL)] for i in range(7)]
    assert all(left != right for left, right in pairwise(positions))


def test_white_space_is_visible_and_html_is_escaped():
    shown = html(TokenRow([b" the", b"\n\t", "<b>", b"&"]))
    assert "␣the" in shown and "⏎⇥" in shown and "&lt;b&gt;" in shown and "&amp;" in shown
    assert "<b>" not in shown


@pytest.mark.parametrize(
    ("token", "text"),
    [
        (b"\xe8\xaf", "E8 AF"),
        (b" \xe8", "␣ E8"),
        (b"\x00", "00"),
        ("语".encode(), "语"),
        ("语", "语"),
        (b"", ""),
        ("\ud800", "ED A0 80"),
    ],
)
def test_bytes_that_are_no_characters_are_shown_in_hexadecimal(token, text):
    assert str(TokenRow([token])) == text


def test_ids_stand_below_and_must_be_as_many():
    assert str(TokenRow([b"low", b"est"], [3725, 0])) == "low|est\n3725 0"
    assert ">3725<" in html(TokenRow([b"low"], [3725])) and ">0<" in html(TokenRow([b"low"], [0]))
    with pytest.raises(ValueError, match="2 tokens, but 1 ids"):
        TokenRow([b"low", b"est"], [1])


def test_marked_tokens_have_a_frame():
    row = TokenRow([b"n", b"e", b"er"], marked={2})
    assert str(row) == "n|e|[er]"
    assert html(row).count("outline:2px") == 1


@pytest.mark.parametrize(("lang", "told"), [("en", "bytes: E8 AF AD"), ("zh", "字节：E8 AF AD")])
def test_the_pointer_tells_the_bytes_in_the_language_of_the_notebook(tmp_path, monkeypatch, lang, told):
    (tmp_path / "lab.toml").write_text(f'lang = "{lang}"\n')
    monkeypatch.chdir(tmp_path)
    assert f'title="{told}"' in html(TokenRow(["语".encode()]))


def test_a_table_holds_words_and_tokens():
    table = TokenTable(["id", "词"], [["256", TokenRow([b"e", b"r"])], ["257", TokenRow(["语言".encode(), b"x"])]])
    assert str(table) == "id   词\n256  e|r\n257  语言|x"
    assert html(table).count("<tr>") == 3 and html(table).count("background:") == 4
    with pytest.raises(ValueError, match="zip"):
        str(TokenTable(["id"], [["256", "257"]]))


def test_without_a_notebook_plain_text_is_printed(capsys):
    show_tokens([b"low", b"est"], [1, 2])
    show_table(["id"], [[TokenRow([b"a", b"b"])]])
    assert capsys.readouterr().out == "low|est\n1 2\nid\na|b\n"
