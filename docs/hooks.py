"""What makes the documentation site out of this repository, as hooks of MkDocs (mkdocs.yml). `make docs` builds it.

Before the build, `write_pages` fills build/docs: README (cut into home page and guides), the other documents, docs/*.md
and a page for each released lesson and notebook. During it, formulas become MathML and diagrams SVG: no script needed.
"""

from __future__ import annotations

import functools
import html
import os
import re
import shutil
import tomllib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import nbformat
from nbconvert import MarkdownExporter
from nbformat import NotebookNode

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "build" / "docs"

Lang = Literal["en", "zh"]
LANGUAGES: tuple[Lang, ...] = ("en", "zh")
SUFFIX: dict[Lang, str] = {"en": ".md", "zh": ".zh.md"}  # of a page
SOURCE_SUFFIX: dict[Lang, str] = {"en": ".md", "zh": ".zh-CN.md"}  # of a document in the repository

DOCUMENTS = {  # pages made of documents that stand elsewhere than in docs/, without their suffixes
    "README": "index",
    "CONTRIBUTING": "authors",
    "CHANGELOG": "changelog",
    "SECURITY": "security",
    "bench/README": "benchmarks",
}
GUIDES = {  # sections of README that become pages of their own
    "students": {"en": "For students", "zh": "学生"},
    "teachers": {"en": "For teachers", "zh": "教师"},
}
MENU: dict[Lang, dict[str, str]] = {  # "labs" is where the lessons go
    "en": {"Home": "index", "Students": "students", "Teachers": "teachers", "Labs": "labs", "Authors": "authors"},
    "zh": {"首页": "index", "学生": "students", "教师": "teachers", "实验": "labs", "课程作者": "authors"},
}
REFERENCE = {"en": "Reference", "zh": "参考"}  # what is not in the menu by name
LAB = {"en": "Lab {}: {}", "zh": "实验 {}：{}"}
OVERVIEW = {"en": "Overview", "zh": "概览"}  # the lesson.md of a lab
LESSON_NOTE = {
    "en": "The starter notebook, to read. `make lab-{}` opens it in JupyterLab. It was not run for this page.",
    "zh": "这是未作答的 notebook，供阅读。`make lab-{}` 会在 JupyterLab 中打开它。本页没有运行其中的代码。",
}


class Lesson(NamedTuple):
    """A released notebook and its page."""

    lab: str  # lab-05-lora
    position: int  # among the notebooks of its lab
    title: str  # its heading
    page: str  # labs/lab-05-lora/lora
    notebook: NotebookNode


# ---- the hooks -----------------------------------------------------------------------------------------


def on_startup(command: str, dirty: bool) -> None:
    shutil.rmtree(PAGES, ignore_errors=True)
    write_pages(ROOT, PAGES)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Called once for each language: the pages that were written, in the language's order and words."""
    plugin: Any = config.plugins["i18n"]
    config.docs_dir = str(PAGES)
    config.nav = menu(ROOT, plugin.current_language or "en")
    return config


def on_page_content(content: str, **_: object) -> str:
    return drawn(typeset(content))


# ---- pages ---------------------------------------------------------------------------------------------


def write_pages(root: Path, folder: Path) -> None:
    """Every page of the site, in both languages, and what they show."""
    pages = {f"docs/{file.name}": file.name for file in root.glob("docs/*.md")}
    for lang in LANGUAGES:
        sources = {f"{source}{SOURCE_SUFFIX[lang]}": f"{page}{SUFFIX[lang]}" for source, page in DOCUMENTS.items()}
        pages |= {source: page for source, page in sources.items() if (root / source).exists()}
    for source, page in pages.items():
        for part, text in parts(page, (root / source).read_text(encoding="utf-8")):
            write(folder / part, readable(relink(text, source, pages, root)))
    exporter = MarkdownExporter()
    for lang in LANGUAGES:
        for lesson in lessons(root, lang):
            write(folder / f"{lesson.page}{SUFFIX[lang]}", readable(lesson_page(lesson, lang, exporter)))
        for overview in root.glob(f"assignments/{lang}/lab-*/lesson.md"):
            page = folder / "labs" / overview.parent.name / f"lesson{SUFFIX[lang]}"
            write(page, readable(overview.read_text(encoding="utf-8")))
    for image in [*root.glob("docs/*.png"), *root.glob("bench/results/*.png"), *root.glob("docs/*.css")]:
        target = folder / image.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(image, target)


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def parts(page: str, text: str) -> Iterator[tuple[str, str]]:
    """The pages that a document makes: README is several, links between its sections included."""
    if page.split(".")[0] != "index":
        yield page, text
        return
    lang: Lang = "zh" if page.endswith(SUFFIX["zh"]) else "en"
    pages = {page: text}
    for guide, heading in GUIDES.items():
        section = re.search(rf"^## {re.escape(heading[lang])}\n.*?(?=^## |\Z)", pages[page], re.MULTILINE | re.DOTALL)
        if section is None:
            raise LookupError(f"README has no section {heading[lang]!r}: see GUIDES in {Path(__file__).name}")
        pages[page] = pages[page].replace(section[0], "")
        pages[f"{guide}{SUFFIX[lang]}"] = re.sub(r"^#(?=#+ )", "", section[0], flags=re.MULTILINE)
    places = {slug(heading): name for name, body in pages.items() for heading in re.findall(r"^#+ (.+)$", body, re.M)}
    for name, body in pages.items():

        def elsewhere(link: re.Match[str], name: str = name) -> str:
            place = places.get(link[1], name)
            return link[0] if place == name else f"](/{place}#{link[1]})"

        yield name, re.sub(r"\]\(#([^)]+)\)", elsewhere, body)


def slug(heading: str) -> str:
    """The anchor of a heading, as forges make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def relink(text: str, source: str, pages: dict[str, str], root: Path) -> str:
    """Links between documents of the repository, as links between pages; what has no page stays as its name alone."""

    def link(found: re.Match[str]) -> str:
        mark, label, target, anchor = found[1], found[2], found[3], found[4] or ""
        if target.startswith("/"):  # already a page
            return f"{mark}[{label}]({target[1:]}{anchor})"
        path = os.path.normpath(Path(source).parent / target).replace(os.sep, "/")
        if path in pages:
            return f"{mark}[{label}]({pages[path]}{anchor})"
        if mark:
            return f"![{label}]({path})"
        return label if (root / path).exists() else found[0]

    other_edition = re.compile(r"^\[(?:English|简体中文)\]\([^)]+\)\n+", re.MULTILINE)  # the site has a menu for that
    return re.sub(r"(!?)\[([^\]]+)\]\((?!\w+:)([^)#\s]+)(#[^)\s]+)?\)", link, other_edition.sub("", text))


# ---- lessons -------------------------------------------------------------------------------------------


def lessons(root: Path, lang: Lang) -> list[Lesson]:
    """All released notebooks, by lab and position."""
    found = []
    for file in root.glob(f"assignments/{lang}/lab-*/*.ipynb"):
        notebook = nbformat.read(file, as_version=4)
        place = notebook.metadata["llm101"]
        title = notebook.cells[0].source.partition("\n")[0].removeprefix("# ")
        found.append(Lesson(place["lab"], place["position"], title, f"labs/{place['lab']}/{file.stem}", notebook))
    return sorted(found, key=lambda lesson: (lesson.lab, lesson.position))


def lesson_page(lesson: Lesson, lang: Lang, exporter: MarkdownExporter) -> str:
    text, _ = exporter.from_notebook_node(lesson.notebook)
    heading, _, body = text.lstrip().partition("\n")
    note = LESSON_NOTE[lang].format(number(lesson.lab))
    return f'{heading}\n\n!!! info ""\n    {note}\n\n{body}'


def number(lab: str) -> str:
    return lab.split("-")[1]


def menu(root: Path, lang: Lang) -> list[dict[str, Any]]:
    """The guides, every lab that is there, and the rest under one heading."""
    labs: dict[str, list[dict[str, str]]] = {}
    for overview in root.glob(f"assignments/{lang}/lab-*/lesson.md"):
        labs[overview.parent.name] = [{OVERVIEW[lang]: f"labs/{overview.parent.name}/lesson.md"}]
    for lesson in lessons(root, lang):
        short = re.split(r"[:：]\s*", lesson.title, maxsplit=1)[-1]  # "Lab 02, notebook 1: attention"
        labs.setdefault(lesson.lab, []).append({short[0].upper() + short[1:]: f"{lesson.page}.md"})
    lab_menu = [
        {lab_title(root, lab, lang): pages if len(pages) > 1 else next(iter(pages[0].values()))}
        for lab, pages in sorted(labs.items())
    ]
    documents = {file.stem for file in root.glob("docs/*.md") if not file.name.endswith(SUFFIX["zh"])}
    rest = documents | set(DOCUMENTS.values()) - set(MENU[lang].values())
    return [
        *({title: lab_menu if page == "labs" else f"{page}.md"} for title, page in MENU[lang].items()),
        {REFERENCE[lang]: [f"{page}.md" for page in sorted(rest)]},
    ]


def lab_title(root: Path, lab: str, lang: Lang) -> str:
    settings = tomllib.loads((root / "assignments" / lang / lab / "lab.toml").read_text(encoding="utf-8"))
    return LAB[lang].format(number(lab), settings["title"][lang])


# ---- Markdown ------------------------------------------------------------------------------------------

FENCE = re.compile(r" *(`{3,}|~{3,})")
ITEM = re.compile(r" *(?:[-*+]|\d+\.) +(?=\S)")
CJK = "\u3000-\u303f\u3400-\u9fff\uff00-\uffef"  # punctuation, characters, full-width forms


def readable(text: str) -> str:
    """Markdown as forges and Jupyter read it, for Python-Markdown.

    That wants an empty line before a list, four spaces before what belongs to an item, and no backslash before a `|` in
    the code of a table. Lines of Chinese are joined, for a line break between two characters would show as a space.
    """
    lines: list[str] = []
    fence = ""
    items: list[int] = []  # the open list items: where the text of each begins in its line ...
    gaps: list[bool] = []  # ... and whether it has an empty line
    for line in text.splitlines():
        mark = FENCE.match(line)
        item = None if fence else ITEM.match(line)
        indent = len(line) - len(line.lstrip())
        before = lines[-1] if lines else ""
        if fence:
            fence = "" if mark and mark[1].startswith(fence) else fence
        elif line and (item or mark or not before):  # else it goes on with the paragraph above
            apart = not items
            while items and indent < items[-1]:
                items.pop()
                apart |= gaps.pop()
            fence = mark[1] if mark else ""
            if item and before and apart:
                lines.append("")
        elif re.search(f"[{CJK}]$", before) and re.match(f" *[{CJK}]", line):
            lines[-1] += line.lstrip()
            continue
        if not fence and line.startswith("|"):
            line = re.sub(r"`[^`]+`", lambda code: code[0].replace(r"\|", "|"), line)
        if line and items and indent >= items[-1]:
            line = " " * (4 * len(items) + indent - items[-1]) + line.lstrip()
        if item:
            items.append(item.end())
            gaps.append(False)
        elif not line and items:
            gaps[-1] = True
        lines.append(line)
    return "\n".join(lines) + "\n"


# ---- formulas and diagrams -----------------------------------------------------------------------------

FORMULA = re.compile(
    r'<(span|div) class="arithmatex">(?:\\\[(?P<block>.*?)\\\]|\\\((?P<inline>.*?)\\\))</\1>', re.DOTALL
)
DIAGRAM = re.compile(r'<pre class="mermaid"><code>(.*?)</code></pre>', re.DOTALL)


def typeset(content: str) -> str:
    """The formulas of a page (pymdownx.arithmatex has found them) as MathML, which browsers show by themselves."""
    return FORMULA.sub(lambda found: mathml(found["block"] or found["inline"], found["block"] is not None), content)


def mathml(formula: str, displayed: bool) -> str:
    from math_core import LatexToMathML  # in the docs layer only

    converter = LatexToMathML(annotation=True)  # so that copying gives the TeX
    return converter.convert_with_local_state(html.unescape(formula), displaystyle=displayed)


def drawn(content: str) -> str:
    """The Mermaid diagrams of a page as SVG."""
    return DIAGRAM.sub(lambda found: f'<figure class="diagram">{svg(html.unescape(found[1]))}</figure>', content)


@functools.cache
def svg(diagram: str) -> str:
    import mermaidx  # in the docs layer only

    picture: str = mermaidx.render(diagram).svg()
    return picture.replace("my-svg", f"diagram-{zlib.crc32(diagram.encode())}")  # a page may have several
