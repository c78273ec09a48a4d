"""How the labs' figures look, on any machine."""

import sys
from contextlib import suppress
from pathlib import Path

from labkit.i18n import Bilingual, of_folder

# Fonts with Chinese characters, by system: Linux, macOS, Windows. The first that is installed is taken.
CJK_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei"),
    *("PingFang SC", "PingFang HK", "Hiragino Sans GB", "Heiti TC", "STHeiti"),
    *("Microsoft YaHei", "SimHei"),
)
LAST_RESORT = "Last Resort"  # matplotlib's own font has a box for every character there is
NO_CHINESE_FONT = Bilingual(
    "No font with Chinese characters is installed, so figures show boxes for them. On Debian or Ubuntu: "
    "`sudo apt-get install fonts-noto-cjk`, then restart the kernel. macOS and Windows have one.",
    "没有找到含中文字符的字体，图中的中文会显示成方框。Debian 或 Ubuntu 请运行 "
    "`sudo apt-get install fonts-noto-cjk`，然后重启内核；macOS 和 Windows 自带中文字体。",
)


def style() -> None:
    """Set matplotlib's defaults: no frame at the top and right, and a font with Chinese characters.

    Where no such font is installed, one line on stderr says what to do, in the language of the notebook.
    """
    import matplotlib.pyplot as plt

    chinese = chinese_font()
    if chinese is None:
        print(NO_CHINESE_FONT.text(of_folder(Path.cwd())), file=sys.stderr)
    plt.rcParams.update(
        {
            "font.family": ["DejaVu Sans", *([chinese] if chinese else [])],
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.dpi": 110,
        }
    )


def chinese_font() -> str | None:
    """A font with Chinese characters: one of CJK_FONTS, else any that is installed, else None."""
    found = _among_known_fonts()
    if found is None:
        _add_new_fonts()
        found = _among_known_fonts()
    return found


def _among_known_fonts() -> str | None:
    from matplotlib.font_manager import fontManager

    known = {font.name: font.fname for font in fontManager.ttflist}
    listed = next((name for name in CJK_FONTS if name in known), None)
    return listed or next((name for name, file in known.items() if _has_chinese(name, file)), None)


def _has_chinese(name: str, file: str) -> bool:
    from matplotlib.ft2font import FT2Font

    try:
        return not name.startswith(LAST_RESORT) and FT2Font(file).get_char_index(ord("中")) > 0
    except (OSError, RuntimeError):  # deleted since matplotlib listed it, or broken
        return False


def _add_new_fonts() -> None:
    """Make fonts known that were installed after matplotlib made its list, which it keeps for good."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    for file in set(findSystemFonts()) - {font.fname for font in fontManager.ttflist}:
        with suppress(Exception):  # as matplotlib does: it cannot use every font
            fontManager.addfont(file)
