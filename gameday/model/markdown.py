"""Runbooks: Markdown with front matter, numbered steps, and fenced ``gameday`` blocks, each with its place.

What comes out is plain values and places, as from a YAML file; the models are checked in ``load``. The number that a
person reads is the number that the journal writes, so steps must be numbered 1, 2, 3 as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from gameday.errors import InvalidFiles, Place, Problem
from gameday.model.yaml import Document, decode, parse_text

_FENCE = re.compile(r"^\s*(`{3,}|~{3,})\s*$")


@dataclass
class _Step:
    """One item of a numbered list at the top level, by the lines [first, end) it covers, from 0."""

    number: str
    first: int
    end: int
    fences: list[Token] = field(default_factory=list)


def parse_runbook(raw: bytes, path: str) -> Document:
    """The front matter with ``steps`` as values, and the place of each; InvalidFiles says what to write instead."""
    lines = re.split("\r\n|\r|\n", decode(raw, path))  # as Markdown and YAML count lines
    end = _front_matter_end(lines, path)
    document = parse_text("\n".join(lines[1:end]), path, first_line=2)
    if not isinstance(document.value, dict):
        raise _stop("FRONT_MATTER_MISSING", "front matter is a mapping of keys", "kind: runbook", Place(path, 2))
    if "steps" in document.value:
        write = "1. What to do first., below the front matter"
        raise _stop("UNKNOWN_KEY", "'steps' is not a key of front matter", write, document.places[("steps",)])
    # Blank lines stand for the front matter, so that every line number is the file's own.
    body = [""] * (end + 1) + lines[end + 1 :]
    document.value["steps"] = tuple(_steps(body, document))
    return document


def _front_matter_end(lines: list[str], path: str) -> int:
    closing = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if lines[0].rstrip() != "---" or closing is None:
        write = "---, then kind: runbook, id: ... and title: ..., then --- again"
        raise _stop("FRONT_MATTER_MISSING", "a runbook begins with front matter between two lines of ---", write,
                    Place(path))  # fmt: skip
    return closing


def _steps(lines: list[str], document: Document) -> Iterator[dict[str, Any]]:
    found = list(_items(MarkdownIt("commonmark").parse("\n".join(lines)), document.path))
    if not found:
        raise _stop("RUNBOOK_EMPTY", "no numbered step", "1. What to do first.", Place(document.path, len(lines)))
    for index, step in enumerate(found):
        yield _value(step, index, lines, document)


def _items(tokens: Iterable[Token], path: str) -> Iterator[_Step]:
    """Steps are items of numbered lists at the top level, however many such lists there are."""
    step: _Step | None = None
    for token in tokens:
        if token.type == "list_item_open" and token.level == 1 and token.info and token.map:
            step = _Step(token.info, token.map[0], token.map[1])
        elif token.type == "list_item_close" and token.level == 1 and step:
            yield step
            step = None
        elif token.type == "fence" and token.map and token.info.split()[:1] == ["gameday"]:
            if step is None:
                write = "indent the block under its step by three spaces"
                raise _stop("BLOCK_OUTSIDE_STEP", "this block is in no step", write, Place(path, token.map[0] + 1))
            step.fences.append(token)


def _value(step: _Step, index: int, lines: list[str], document: Document) -> dict[str, Any]:
    opening = lines[step.first]
    place = Place(document.path, step.first + 1, len(opening) - len(opening.lstrip()) + 1)
    if step.number != str(index + 1):
        what = f"step {index + 1} is numbered {step.number}; the journal names steps by their number"
        raise _stop("STEP_NUMBER", what, f"{index + 1}.", place)
    document.places[("steps",)] = document.places.get(("steps",), place)
    for key in ((), ("number",), ("says",)):
        document.places[("steps", index, *key)] = place
    value: dict[str, Any] = {"number": index + 1, "says": _says(step, lines)}
    if step.fences:
        value["block"] = _block(step, index, lines, document)
    return value


def _block(step: _Step, index: int, lines: list[str], document: Document) -> Any:
    fence, place = step.fences[0], _fence_place(step.fences[0], lines, document.path)
    first, end = fence.map or [0, 0]
    if not _FENCE.match(lines[end - 1]) or end - 1 == first:
        raise _stop("BLOCK_OPEN", "this block does not end, so it swallows what follows", f"{fence.markup} after it",
                    place)  # fmt: skip
    if len(step.fences) > 1:
        second = _fence_place(step.fences[1], lines, document.path)
        raise _stop("BLOCK_TWICE", f"step {step.number} has two blocks", "one block a step; make two steps", second)
    inner = fence.content.split("\n")[0]
    inside = parse_text(fence.content, document.path, first + 2, max(0, len(lines[first + 1]) - len(inner)))
    path = ("steps", index, "block")
    document.places.update({(*path, *key): at for key, at in inside.places.items()})
    document.places[path] = place
    return inside.value


def _fence_place(fence: Token, lines: list[str], path: str) -> Place:
    first = (fence.map or [0])[0]
    return Place(path, first + 1, lines[first].index(fence.markup) + 1)


def _says(step: _Step, lines: list[str]) -> str:
    """The item's Markdown without its number, its indentation and its block."""
    hidden = {n for fence in step.fences for n in range(*(fence.map or [0, 0]))}
    opening = re.sub(r"^\s*\d{1,9}[.)]\s*", "", lines[step.first])
    width = len(lines[step.first]) - len(opening)
    rest = [lines[n] for n in range(step.first + 1, step.end) if n not in hidden]
    shown = [opening if step.first not in hidden else ""]
    shown += [line[min(width, len(line) - len(line.lstrip())) :].rstrip() for line in rest]
    return "\n".join(shown).strip()


def _stop(code: str, message: str, write: str, place: Place) -> InvalidFiles:
    return InvalidFiles(Problem(code, message, write, place))
