"""Logs Insights for one shape of query, over the log events that moto keeps.

``filter TERM [and TERM ...] | stats count(*) as NAME by bin(WIDTH)``, where a TERM is ``@message like "text"`` or
``/regular expression/``, or a field of a JSON event compared with a literal. moto's own Insights reads neither filter
nor stats, so anything else is refused as AWS refuses a query that it cannot parse.
"""

from __future__ import annotations

import hashlib
import json
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from gameday.rehearsal.asking import Wire
from gameday.rehearsal.fis_words import ACCOUNT
from gameday.rehearsal.metric_store import AwsError

OPERATIONS = frozenset({"StartQuery", "GetQueryResults", "StopQuery"})
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_QUERY = re.compile(r"\s*filter\s+(?P<filter>.+)\|\s*stats\s+count\(\s*\*?\s*\)\s+as\s+(?P<name>\w+)\s+"
                    r"by\s+(?P<by>bin\((?P<width>\d+)(?P<unit>ms|s|m|h|d)\))\s*", re.DOTALL)  # fmt: skip
_TERM = re.compile(r"""\s*(?P<field>@?[\w.]+)\s*(?P<is>not\s+like|like|!=|<=|>=|=|<|>)\s*
                       (?P<value>/(?:\\.|[^/\\])*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|-?\d+(?:\.\d+)?)
                       \s*(?:(?P<and>and\b)|$)""", re.VERBOSE | re.IGNORECASE)  # fmt: skip
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
Event = tuple[int, str]  # milliseconds, message
Term = Callable[[str], bool]


class Insights:
    """``events(region, group)`` gives the events of a log group; None when there is no such group."""

    def __init__(self, events: Callable[[str, str], Iterable[Event] | None]) -> None:
        self._events = events
        self._answers: dict[str, Wire] = {}

    def call(self, operation: str, wire: Wire, region: str) -> Wire:
        """Do one operation. A query is complete when it was started."""
        if operation == "StartQuery":
            answer = self._run(wire, region)
            ident = hashlib.sha256(f"{len(self._answers)} {wire['queryString']}".encode()).hexdigest()[:36]
            self._answers[ident] = answer
            return {"queryId": ident}
        if wire.get("queryId") not in self._answers:
            raise AwsError("ResourceNotFoundException", "The specified query does not exist.")
        return self._answers[wire["queryId"]] if operation == "GetQueryResults" else {"success": False}

    def _run(self, wire: Wire, region: str) -> Wire:
        names = wire.get("logGroupNames") or [wire["logGroupName"]]
        match = _QUERY.fullmatch(wire["queryString"])
        if match is None:
            raise _malformed("this is no: filter ... | stats count(*) as NAME by bin(WIDTH)")
        terms, width = _terms(match["filter"]), int(match["width"]) * _UNITS[match["unit"]]
        scanned = [e for name in names for e in self._of(region, name) if _within(e, wire)]
        counts = Counter(at // width * width for at, message in scanned if all(term(message) for term in terms))
        rows = [_row(match["by"], at, match["name"], count) for at, count in sorted(counts.items(), reverse=True)]
        statistics = {"recordsMatched": float(counts.total()), "recordsScanned": float(len(scanned))}
        return {"results": rows[: wire.get("limit") or 10_000], "statistics": statistics, "status": "Complete"}

    def _of(self, region: str, name: str) -> Iterable[Event]:
        found = self._events(region, name)
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Log group '{name}' does not exist.")
        return found


def moto_events(region: str, group: str, account: str = ACCOUNT) -> list[Event] | None:
    """The events that moto keeps, which runs in this process."""
    from moto.logs.models import logs_backends

    found = logs_backends[account][region].groups.get(group)
    streams = found.streams.values() if found is not None else ()
    return None if found is None else [(int(e.timestamp), str(e.message)) for s in streams for e in list(s.events)]


def _within(event: Event, wire: Wire) -> bool:
    """Both ends belong to it (CloudWatch Logs API reference, StartQuery)."""
    return bool(wire["startTime"] * 1000 <= event[0] <= wire["endTime"] * 1000)


def _row(by: str, at: int, name: str, count: int) -> list[Wire]:
    stamp = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{at % 1000:03d}"
    return [{"field": by, "value": stamp}, {"field": name, "value": str(count)}]


def _terms(text: str) -> list[Term]:
    found, at = list[Term](), 0
    while match := _TERM.match(text, at):
        found.append(_term(match["field"], " ".join(match["is"].lower().split()), match["value"]))
        at = match.end()
        if not match["and"]:
            break
    if not found or text[at:].strip() or (match and match["and"]):
        raise _malformed(f"the rehearsal's Insights cannot read the filter at {text[at:].strip()[:40]!r}")
    return found


def _term(field: str, how: str, value: str) -> Term:
    if value.startswith("/"):
        return _like(field, how, _pattern(value[1:-1]))
    literal = _literal(value)
    if how.endswith("like"):
        return _like(field, how, re.compile(re.escape(str(literal))))

    def compared(message: str) -> bool:
        held = _held(message, field)
        try:
            return held is not None and _COMPARED[how](held, literal)
        except TypeError:  # a text is neither above nor below a number
            return False

    return compared


def _like(field: str, how: str, pattern: re.Pattern[str]) -> Term:
    if not how.endswith("like"):
        raise _malformed("a regular expression goes with like")
    wanted = how == "like"
    return lambda message: (pattern.search(str(_held(message, field) or "")) is not None) == wanted


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise _malformed(f"the regular expression cannot be read: {error}") from error


def _literal(text: str) -> str | float:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] in "\"'" else float(text)


def _held(message: str, field: str) -> Any:
    """The message, or a field of it when it is JSON; None when it has no such field."""
    if field == "@message":
        return message
    try:
        held = json.loads(message)
        for name in field.split("."):
            held = held[name]
    except (ValueError, KeyError, TypeError, IndexError):
        return None
    return held


def _malformed(why: str) -> AwsError:
    return AwsError("MalformedQueryException", why)
