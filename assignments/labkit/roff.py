"""Manual pages as plain text: enough of man(7), mdoc(7) and roff(7) to read a page, not to typeset it."""

import re

# Macros whose arguments are text, by how they join: `.BR ls (1)` is "ls(1)", `.B ls -l` is "ls -l".
GLUED = {"BR", "RB", "BI", "IB", "IR", "RI"}
SPACED = {"B", "I", "R", "SM", "SB", "IP", "HP", "TP", "Nm", "Nd", "Ar", "Pa", "Op", "Xr", "Ic", "Cm", "Em", "Sy"}
SPACED |= {"Li", "Ql", "Dq", "Sq", "Pq", "Bq", "Dl", "It", "Ev", "Dv", "Fa", "Fn", "Sx", "Tn", "Va", "Vt", "Ad", "An"}
HEADINGS = {"SH", "SS", "Sh", "Ss"}
PARAGRAPHS = {"PP", "LP", "P", "Pp", "TP", "TQ", "IP", "HP", "It", "sp", "Sp", "RS", "RE", "br", "Bl", "El"}
VERBATIM = {"nf", "EX", "Vb", "CS", "DS", "Bd"}  # lines are kept as they are ...
VERBATIM_ENDS = {"fi", "EE", "Ve", "CE", "DE", "Ed"}  # ... until one of these
SKIPPED = {"ig": "..", "de": "..", "TS": ".TE"}  # comments, definitions, tables: up to this line

CHARACTERS = {
    "co": "©",
    "aq": "'",
    "dq": '"',
    "bu": "•",
    "lq": "“",
    "rq": "”",
    "oq": "‘",
    "cq": "’",
    "em": "—",
    "en": "–",
}
CHARACTERS |= {
    "hy": "-",
    "mi": "-",
    "bv": "|",
    "ul": "_",
    "sl": "/",
    "rs": "\\",
    "ga": "`",
    "de": "°",
    "+-": "±",
    "br": "|",
}
CHARACTERS |= {
    'L"': '"',
    'R"': '"',
    "C`": '"',
    "C'": '"',
    "Aq": "'",
    "--": "—",
    "mu": "×",
    "->": "→",
    "<=": "≤",
    ">=": "≥",
}

ESCAPE = re.compile(
    r"""\\(?:
        ["#].*                                            # the rest of the line is a comment
      | f(?:\[[^\]]*\]|\(..|.) | s(?:[-+]?\d+|\([-+]?..) | m\[[^\]]*\]  # font, size, colour
      | [hvwlLobXDN]'[^']*' | n(?:\(..|[-+]?.) | k. | z   # motions, drawings, registers
      | \[u(?P<code>[0-9A-F]{4,6})\]
      | \*?(?:\((?P<two>..)|\[(?P<name>[^\]]*)\]) | \*(?P<one>.)
      | (?P<other>.)
    )""",
    re.VERBOSE,
)
OTHERS = {
    "-": "-",
    "e": "\\",
    "\\": "\\",
    "E": "\\",
    " ": " ",
    "~": " ",
    "0": " ",
    "t": "\t",
    ".": ".",
    "'": "'",
    "`": "`",
}
WIDE = r"[\u2e80-\u9fff\uff00-\uffef\u3000-\u303f]"


def plain_text(page: str) -> str:
    """The text of a manual page in roff, a paragraph on a line; "" for a page that only refers to another."""
    lines = iter(_body(page))
    paragraphs: list[str] = [""]
    verbatim = False
    for line in lines:
        if not line.startswith((".", "'")):
            text = _unescape(line)
            if not text.strip() and not line.startswith("\\"):
                paragraphs.append("")
            elif verbatim:
                paragraphs.append(text.rstrip())
            else:
                paragraphs[-1] = _join(paragraphs[-1], text)
            continue
        macro, _, rest = line[1:].strip().partition(" ")
        if macro in SKIPPED:
            for skipped in lines:
                if skipped.startswith(SKIPPED[macro]):
                    break
        elif macro in HEADINGS:
            verbatim = False
            paragraphs += ["", _words(rest, " "), ""]
            continue
        elif macro in VERBATIM or macro in VERBATIM_ENDS:
            verbatim = macro in VERBATIM
        if macro in PARAGRAPHS or macro in VERBATIM or macro in VERBATIM_ENDS:
            paragraphs.append("")
        if macro in GLUED or macro in SPACED:
            text = _words(rest, "" if macro in GLUED else " ")
            if macro in {"IP", "HP", "TP"}:
                text = re.sub(r"(^|\s)\d+n?$", "", text)  # the indentation
            paragraphs[-1] = _join(paragraphs[-1], text)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(paragraph.rstrip() for paragraph in paragraphs)).strip()


def _body(page: str) -> list[str]:
    """The lines after the page's title. The lines before it define macros and say where the page comes from."""
    lines = page.replace("\r", "").split("\n")
    titles = [number for number, line in enumerate(lines) if line.startswith((".TH", ".Dt"))]
    return lines[titles[0] + 1 :] if titles else []


def _words(arguments: str, separator: str) -> str:
    words = re.findall(r'"((?:[^"]|"")*)"?|((?:\\.|[^\s"])\S*)', arguments)
    return separator.join(_unescape(quoted or bare) for quoted, bare in words)


def _unescape(text: str) -> str:
    return ESCAPE.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    if match["code"]:
        return chr(int(match["code"], 16))
    if name := match["two"] or match["name"] or match["one"]:
        return CHARACTERS.get(name, "")
    return OTHERS.get(match["other"] or "", "")


def _join(before: str, after: str) -> str:
    """Two lines of one paragraph: between two Chinese characters there is no space."""
    if not before or (re.search(WIDE + r"$", before) and re.match(WIDE, after)):
        return before + after
    return f"{before} {after.lstrip()}"
