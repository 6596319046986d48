"""The report as data: every number resolves to an event, a row of a signal or a line of the plan."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gameday.journal.events import Draft
from gameday.reports.finish import conclude, judge_folder, read_run
from gameday.reports.model import schema
from gameday.reports.record import record
from gameday.reports.signals import file_name
from gameday.reports.sources import resolve
from tests.reports.a_day import GO, MINUTE, a_day, plan, story, tolerances, write

SCHEMA = Path(__file__).parents[2] / "reports" / "report.schema.json"


def told(folder: Path) -> dict[str, Any]:
    read = read_run(folder)
    verdict = judge_folder(read)
    made = record(read.plan, read.events, verdict, verdict["run"] or folder.name)
    found: dict[str, Any] = json.loads(made.model_dump_json(by_alias=True))
    return found


def numbers(node: Any, path: str = "") -> Iterator[tuple[str, Any, list[str] | None]]:
    """Every number there is, with its sources: None where it has none."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "value" and not isinstance(value, dict | list):
                yield f"{path}/{key}", value, node.get("from")
            else:
                yield from numbers(value, f"{path}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from numbers(value, f"{path}/{index}")
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield path, node, None


def sources(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node.get("from", ())
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from sources(value)


def lost(folder: Path, found: dict[str, Any]) -> list[str]:
    """The sources that lead nowhere."""
    held = json.loads((folder / "plan.json").read_text())
    lines = len((folder / "journal.jsonl").read_bytes().splitlines())
    rows: dict[str, set[str]] = {}
    for signal in held["signals"]:
        with (folder / "signals" / file_name(signal["id"])).open(newline="") as file:
            rows[signal["id"]] = {row["start"] for row in csv.DictReader(file)}
    return [s for s in sources(found) if not resolve(s, held, lines, rows)]


GRAPH = {"window": "baseline", "from_ms": GO - 10 * MINUTE, "to_ms": GO,
         "edges": [{"from": "app", "to": "payments-function", "total": 100, "faults": 0}]}  # fmt: skip
DAYS: dict[str, tuple[dict[str, Any], tuple[tuple[float, Draft], ...]]] = {
    "as planned": ({}, ()),
    "inconclusive, with a graph": (
        {"tolerances": tolerances(lost=True), "service_map": ({"id": "app", "needs": ("payments-function",)},
                                                              {"id": "payments-function"})},
        ((-5.0, Draft("graph.seen", GRAPH)),
         (400.0, Draft("graph.seen", {**GRAPH, "window": "fault", "from_ms": GO, "to_ms": GO + MINUTE,
                                      "edges": [{**GRAPH["edges"][0], "faults": 90}]})),  # type: ignore[index]
         (300.0, Draft("observer.failed", {"source": "payments-failures", "error": "throttled"}))),
    ),
    "on paper": ({"method": "tabletop"}, ()),
}  # fmt: skip


@pytest.mark.parametrize("day", DAYS)
def test_every_number_resolves_to_where_it_comes_from(tmp_path: Path, day: str) -> None:
    changes, extra = DAYS[day]
    folder = write(tmp_path / "r", plan(**changes), [*story(), *extra])
    conclude(folder)
    found = told(folder)
    walked = list(numbers(found))
    assert len(walked) > 100
    assert not [path for path, _, source in walked if not source]
    assert not lost(folder, found)
    jsonschema.validate(found, schema())


def test_a_day_that_hardly_began_has_its_numbers_too(tmp_path: Path) -> None:
    folder = write(tmp_path / "r", plan(), [s for s in story() if s[0] < -630])
    conclude(folder)
    found = told(folder)
    assert found["began"] is None and not [p for p, _, s in numbers(found) if not s] and not lost(folder, found)


def test_a_number_without_a_source_is_found_by_the_walk() -> None:
    assert [(p, s) for p, _, s in numbers({"a": [{"value": 1, "from": ["event:1"]}, {"b": 2}], "ok": True})] == [
        ("/a/0/value", ["event:1"]), ("/a/1/b", None)]  # fmt: skip


@pytest.mark.parametrize("source", ["event:0", "event:41", "event:x", "plan:/steps/99", "plan:", "journal:1-39",
                                    "signal:payments-failures@2020-01-01T00:00:00.000Z", "signal:x", "hearsay",
                                    ])  # fmt: skip
def test_a_source_that_is_not_there_does_not_resolve(source: str) -> None:
    assert not resolve(source, {"steps": []}, 40, {"payments-failures": {"2026-11-18T11:20:00.000Z"}})


def test_the_verdicts_own_words_are_in_the_data(tmp_path: Path) -> None:
    found = told(a_day(tmp_path / "r").resolve()) if conclude(a_day(tmp_path / "q")) else {}
    outage = found["tolerances"][0]
    assert (outage["measured"]["lo"]["value"], outage["measured"]["hi"]["value"]) == (440, 480)
    assert outage["limit"] == {"value": 1800, "unit": "s", "from": ["plan:/tolerances/0/limit"]}
    assert outage["used"]["hi"]["value"] == pytest.approx(0.2667)


def test_the_schema_that_ships_is_of_this_version() -> None:
    """Make it again: GAMEDAY_EXAMPLES=1 pytest tests/reports/test_record.py."""
    made = json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("GAMEDAY_EXAMPLES"):
        SCHEMA.write_text(made)
    assert SCHEMA.read_text() == made
