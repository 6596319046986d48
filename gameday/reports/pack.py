"""The written record as Markdown. Whatever a user wrote is escaped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gameday.reports.escape import md

_BY = {"A": "filled in by the tool", "P": "prepared, for people to complete", "H": "for people alone"}


def markdown(record: dict[str, Any]) -> str:
    """The pack of ``self_assessment`` as Markdown: nine sections, then what belongs to none of them."""
    return "\n".join(_lines(record)) + "\n"


def _lines(record: dict[str, Any]) -> Iterator[str]:
    given = record["approved"]
    yield from ("# Written record", "", f"As of {record['as_of']}. {record['disclaimer']}", "")
    yield f"Approved by {md(given['by'])} on {given['on']}." if given else "Approved by nobody yet: this is a draft."
    for section in record["sections"]:
        yield from ("", f"## {section['number']}. {section['title']}", "")
        yield from (f"*To be written by people:* {section['people_write']}", "")
        yield from _facts(section["facts"])
        yield from _clauses(section["clauses"])
    yield from ("", "## Clauses that belong to the record as a whole", "")
    yield from _clauses(record["other_clauses"])
    yield from _retention(record["retention"])


def _facts(facts: list[dict[str, Any]]) -> Iterator[str]:
    """As a table where all say the same things in few words, else as a list."""
    keys = list(facts[0]) if facts else []
    if not facts or len(keys) < 2 or any(list(fact) != keys or _nested(fact) for fact in facts):
        yield from (_fact(fact) for fact in facts)
        return
    yield f"| {' | '.join(md(key.replace('_', ' ')) for key in keys)} |"
    yield "|---" * len(keys) + "|"
    yield from (f"| {' | '.join(_value(value) for value in fact.values())} |" for fact in facts)


def _nested(fact: dict[str, Any]) -> bool:
    return any(isinstance(item, dict) for value in fact.values() if isinstance(value, list) for item in value)


def _fact(fact: dict[str, Any]) -> str:
    parts = [
        f"{md(key.replace('_', ' '))}: {_value(value)}" for key, value in fact.items() if value not in (None, [], {})
    ]
    return f"- {'; '.join(parts)}"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{md(k)} {_value(v)}" for k, v in value.items() if v not in (None, [], {}))
    if isinstance(value, list):
        return " / ".join(_value(v) for v in value)
    if value is None:
        return ""
    return "yes" if value is True else "no" if value is False else str(md(value))


def _clauses(clauses: list[dict[str, Any]]) -> Iterator[str]:
    if not clauses:
        return
    yield from ("", "| Supports | In short | By | Does not show | Checked |", "|---|---|---|---|---|")
    for clause in clauses:
        checked = f"{clause['checked_on']}, {md(clause['checked_by'])}" if clause["checked"] else "**UNCHECKED**"
        name = f"{clause['authority'].upper()} {md(clause['reference'])}"
        shows = md(clause["does_not_show"])
        yield f"| {name} | {md(clause['says'])} | {_BY[clause['by']]} | {shows} | {checked} ({clause['text']}) |"


def _retention(kept: dict[str, Any]) -> Iterator[str]:
    yield from ("", "## Retention", "", f"FCA: {kept['fca']}. PRA: {kept['pra']}. Keep until {kept['keep_until']}.")
    yield f"This list does not show {kept['does_not_show']}."
    yield from ("", "| File | Bytes | SHA-256 |", "|---|---|---|")
    for file in kept["files"]:
        size = "missing" if file["bytes"] is None else file["bytes"]
        yield f"| {md(file['file'])} | {size} | {file['sha256'] or ''} |"
