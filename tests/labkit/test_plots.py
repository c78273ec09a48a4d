"""Figures have Chinese characters where any font on the machine has them; else one line says what to install."""

from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib import font_manager
from matplotlib.font_manager import FontEntry, fontManager

from labkit import plots

DEJAVU = FontEntry(fname=font_manager.findfont("DejaVu Sans"), name="DejaVu Sans")
LAST_RESORT = next(font for font in fontManager.ttflist if font.name.startswith("Last Resort"))


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> list[FontEntry]:
    """The fonts that matplotlib knows: Latin ones only, and nothing new on the system, until a test adds one."""
    fonts = [DEJAVU, LAST_RESORT]
    monkeypatch.setattr(fontManager, "ttflist", fonts)
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    with mpl.rc_context():
        yield fonts


def test_a_listed_font_is_taken(installed, capsys):
    installed.append(FontEntry(fname="/nowhere.ttc", name="WenQuanYi Micro Hei"))
    plots.style()
    assert mpl.rcParams["font.family"] == ["DejaVu Sans", "WenQuanYi Micro Hei"]
    assert capsys.readouterr().err == ""


def test_any_font_with_the_characters_is_found(installed, monkeypatch):
    installed += [FontEntry(fname="/deleted.ttf", name="Gone"), FontEntry(fname=LAST_RESORT.fname, name="Unheard Of")]
    assert plots.chinese_font() == "Unheard Of"


def test_a_font_installed_since_matplotlib_looked_is_found(installed, monkeypatch):
    new = Path(LAST_RESORT.fname).parent / "DejaVuSerif.ttf"
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(new), "/broken.ttf"])
    monkeypatch.setattr(plots, "CJK_FONTS", ("DejaVu Serif",))
    assert plots.chinese_font() == "DejaVu Serif"


@pytest.mark.parametrize(("lang", "said"), [("en", "figures show boxes"), ("zh", "显示成方框"), (None, "figures show")])
def test_without_any_one_line_in_the_notebooks_language_says_what_to_install(tmp_path, monkeypatch, capsys, lang, said):
    if lang:
        (tmp_path / "lab.toml").write_text(f'lang = "{lang}"\n')
    monkeypatch.chdir(tmp_path)
    plots.style()
    told = capsys.readouterr().err
    assert said in told
    assert "fonts-noto-cjk" in told
    assert told.count("\n") == 1
    assert mpl.rcParams["font.family"] == ["DejaVu Sans"]
