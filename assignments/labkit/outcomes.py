"""How a hidden test can end, in words: what a report calls `outcome`."""

from labkit.i18n import Bilingual

OUTCOMES = {
    "passed": Bilingual("passed", "通过"),
    "failed": Bilingual("failed", "未通过"),
    "error": Bilingual("error", "出错"),
    "timeout": Bilingual("timeout", "超时"),
    "memory": Bilingual("memory", "内存超限"),
    "crashed": Bilingual("crashed", "崩溃"),
    "output_limit": Bilingual("output limit", "输出超限"),
}
