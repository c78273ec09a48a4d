"""The help of `lab`, and what it says of a call that cannot be read, in the language of the terminal.

Typer speaks English, so its few sentences stand here in both languages. Help is made where a command is defined: its
language is that of LLM101_LANG or of the locale, for --lang is read later.
"""

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer import rich_utils
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.exceptions import TyperException

from labkit import i18n
from labkit.i18n import Bilingual

SPOKEN = i18n.of_terminal()
Function = TypeVar("Function", bound=Callable[..., None])

# What typer's parser says, as a pattern, and the same in Chinese.
COMPLAINTS = {
    r"Missing argument (.+)\.": "缺少参数 {}。",
    r"No such command (.+)\.": "没有命令 {}。",
    r"No such option: (\S+)(?: .*)?": "没有选项 {}。",
    r"Option (.+) requires an argument\.": "选项 {} 后面要有一个值。",
    r"Option (.+) does not take a value\.": "选项 {} 不带值。",
    r"Got unexpected extra argument\(s\) \((.+)\)": "多余的参数：{}。",
    r"Invalid value for (.+?): .*": "{} 的值无效。",
}


def told(en: str, zh: str) -> str:
    """The sentence in the language of the terminal."""
    return Bilingual(en, zh).text(SPOKEN)


rich_utils.ARGUMENTS_PANEL_TITLE = told("Arguments", "参数")
rich_utils.OPTIONS_PANEL_TITLE = told("Options", "选项")
rich_utils.COMMANDS_PANEL_TITLE = told("Commands", "命令")
rich_utils.DEFAULT_STRING = told("[default: {}]", "[默认：{}]")
rich_utils.ENVVAR_STRING = told("[env var: {}]", "[环境变量：{}]")
rich_utils.REQUIRED_LONG_STRING = told("[required]", "[必填]")


def _usage(line: str) -> str:
    return line.replace("Usage: ", told("Usage: ", "用法："), 1)


def _help(option: TyperOption | None) -> TyperOption | None:
    if option is not None:
        option.help = told("Show this message and exit.", "显示这份帮助。")
    return option


class Group(TyperGroup):
    """`lab` itself, whose help is all in one language."""

    def get_usage(self, ctx: Any) -> str:
        return _usage(super().get_usage(ctx))

    def get_help_option(self, ctx: Any) -> TyperOption | None:
        return _help(super().get_help_option(ctx))


class Command(TyperCommand):
    """A command of `lab`, whose help is all in one language."""

    def get_usage(self, ctx: Any) -> str:
        return _usage(super().get_usage(ctx))

    def get_help_option(self, ctx: Any) -> TyperOption | None:
        return _help(super().get_help_option(ctx))


def command(app: typer.Typer, zh: str) -> Callable[[Function], Function]:
    """Make the decorated function a command of `app`. Its docstring is the help in English, `zh` in Chinese."""
    return lambda function: app.command(cls=Command, help=told(inspect.getdoc(function) or "", zh))(function)


def complaint(error: TyperException) -> str:
    """What is wrong with a call, and where its help is; "" where the help itself was shown."""
    said = error.format_message()
    if not said:
        return ""
    call = getattr(getattr(error, "ctx", None), "command_path", "lab")
    return told(f"{said.removesuffix('.')}: see `{call} --help`.", f"{_in_chinese(said)}请看 `{call} --help`。")


def _in_chinese(said: str) -> str:
    matches = ((re.fullmatch(pattern, said, re.DOTALL), zh) for pattern, zh in COMPLAINTS.items())
    return next((zh.format(match[1].replace("'", "")) for match, zh in matches if match), "无法理解这条命令。")
