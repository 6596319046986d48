"""The report as a document: sections of plain blocks, which the HTML, PDF and Markdown renderers draw alike.

Nothing in a block is markup: each renderer escapes for itself. The order is that of an after-action report with
evidence on tolerances: one page for those who decide, then everything. A section without data says so in one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gameday.reports.escape import plain
from gameday.reports.model import Sentence

Audience = Literal["executive", "engineering", "compliance", "player"]
Kind = Literal["para", "lead", "bullets", "table", "chart", "facts", "nothing"]
LONGEST = 1_200  # characters of one text; report.json holds the whole of it
Tone = str  # "", good, warn, bad


@dataclass(frozen=True)
class Cell:
    """A text, how it should strike the reader, and what shows it."""

    text: str
    tone: Tone = ""
    source: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """``rows`` of a table, facts or bullets; ``text`` of a paragraph or of what a chart shows."""

    kind: Kind
    text: str = ""
    title: str = ""
    name: str = ""
    head: tuple[str, ...] = ()
    widths: tuple[float, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    source: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """One heading and what is below it."""

    id: str
    title: str
    blocks: tuple[Block, ...] = field(default=())


def cell(value: object, tone: Tone = "", source: Iterable[str] = ()) -> Cell:
    """A text of one line, harmless in any terminal and cut where nobody would read on."""
    return Cell(short(value), tone, tuple(source))


def short(value: object) -> str:
    """One line without invisible characters, cut with a word about it."""
    text = plain("" if value is None else value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … (cut here: {len(text):,} characters in all)"


def shortened(value: Any) -> Any:
    """The same data, each text as ``short`` has it."""
    if isinstance(value, str):
        return short(value)
    if isinstance(value, dict):
        return {key: shortened(held) for key, held in value.items()}
    return [shortened(held) for held in value] if isinstance(value, list) else value


def para(text: str, source: Iterable[str] = ()) -> Block:
    return Block("para", short(text), source=tuple(source))


def nothing(text: str) -> Block:
    """The one line of a section that has no data."""
    return Block("nothing", text)


def bullets(items: Iterable[Sentence | str], title: str = "") -> Block:
    rows = [(cell(i.text, "", i.source) if isinstance(i, Sentence) else cell(i),) for i in items]
    return Block("bullets", title=title, rows=tuple(rows))


def facts(pairs: Iterable[tuple[str, Cell | str | None]]) -> Block:
    """A name and a value a line; what is None is left out."""
    rows = [(cell(name), value if isinstance(value, Cell) else cell(value)) for name, value in pairs if value]
    return Block("facts", rows=tuple(rows))


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    title: str = "",
    name: str = "",
    widths: Sequence[float] = (),
) -> Block:
    """``widths`` are shares of the line for the columns, for paper."""
    made = tuple(tuple(row) for row in rows)
    return Block("table", "", title, name, tuple(head), tuple(widths) or (1.0,) * len(head), made)


def chart(name: str, title: str, text: str) -> Block:
    """``text`` says in words what the chart shows."""
    return Block("chart", short(text), title, name)


CUTS: Mapping[Audience, tuple[str, ...]] = {
    "executive": ("summary", "coverage"),
    "engineering": (
        "summary", "cover", "scope", "map", "tolerances", "planned", "method", "results", "people", "process",
        "technology", "timeline", "learned", "factors", "actions", "comparison", "coverage", "crosswalk", "annexes",
    ),
    "compliance": (
        "summary", "cover", "scope", "map", "tolerances", "planned", "method", "results", "people", "timeline",
        "actions", "comparison", "coverage", "crosswalk", "annexes",
    ),
    "player": ("outcome", "people", "process", "story", "learned"),
}  # fmt: skip
PURPOSE: Mapping[Audience, str] = {
    "executive": "one page for those who decide",
    "engineering": "everything there is",
    "compliance": "what supports a claim on tolerances, and what does not",
    "player": "feedback for those who took part",
}


def without_sources(section: Section) -> Section:
    """For one page: the same words, whose sources stand in the full report."""
    bare = (
        replace(b, source=(), rows=tuple(tuple(replace(c, source=()) for c in row) for row in b.rows))
        for b in section.blocks
    )
    return replace(section, blocks=tuple(bare))


def as_data(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """The same as plain lists, texts and numbers, which templates get."""
    return [
        {"id": s.id, "title": s.title, "blocks": [_block(b) for b in s.blocks]} for s in sections
    ]  # fmt: skip


def _block(block: Block) -> dict[str, Any]:
    return {
        **{key: getattr(block, key) for key in ("kind", "text", "title", "name")},
        "head": list(block.head),
        "widths": list(block.widths),
        "source": list(block.source),
        "rows": [[{"text": c.text, "tone": c.tone, "source": list(c.source)} for c in row] for row in block.rows],
    }
