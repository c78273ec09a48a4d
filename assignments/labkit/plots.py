"""How the labs' figures look, on any machine."""

# Fonts with Chinese characters, by system: Linux, macOS, Windows.
CJK_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei"),
    *("PingFang SC", "PingFang HK", "Hiragino Sans GB", "Heiti TC", "STHeiti"),
    *("Microsoft YaHei", "SimHei"),
)


def style() -> None:
    """Set matplotlib's defaults: no frame at the top and right, and a font with Chinese characters if there is one."""
    import matplotlib.pyplot as plt
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    chinese = [name for name in CJK_FONTS if name in installed][:1]
    plt.rcParams.update(
        {
            "font.family": ["DejaVu Sans", *chinese],
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.dpi": 110,
        }
    )
