"""Text of users made harmless in Markdown: no markup, no raw HTML, no broken table, no invisible characters."""

from __future__ import annotations

import re
import unicodedata

_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~!$@^])")
_LEADING = re.compile(r"^(?:([-+=>])|(\d+)([.)]))")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_SPACES = frozenset({"Zs", "Zl", "Zp"})


class Safe(str):
    """Markdown that was made here and is not escaped again."""

    __slots__ = ()


def plain(value: object) -> str:
    """One line without control, bidirectional, surrogate or unassigned characters."""
    text = "".join(_visible(c) for c in str(value))
    return " ".join(text.split())


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in _SPACES or character in "\n\r\t\v\f\x85":
        return " "
    return "" if category[0] == "C" else character


def md(value: object) -> Safe:
    """The text as it stands, readable in any renderer of Markdown; Safe text stays as it is."""
    if isinstance(value, Safe):
        return value
    text = _SPECIAL.sub(r"\\\1", plain("" if value is None else value))
    text = re.sub(r"[&<>]", lambda m: _ENTITIES[m[0]], text)
    text = text.replace("://", r"\://")  # GFM would make a link of it
    text = re.sub(r"(?i)\bwww\.", lambda m: m[0][:-1] + r"\.", text)
    return Safe(_LEADING.sub(lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\{m[3]}", text))
