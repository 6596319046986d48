"""The worked examples of the regulation's measurement (section 5.3), each through ``gameday judge``.

``tests/data/worked/cases.json`` holds the printed numbers; 8b, 12 and 13 need the facts of a run, and get one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gameday.cli.main import group
from gameday.errors import EXIT_CODES
from gameday.journal.events import Draft, Event
from gameday.journal.store import FIRST
from gameday.plan import Plan, dump_plan
from gameday.verdict.integrity import loss_rate_at_most
from gameday.verdict.repeats import says, supports
from gameday.verdict.states import wilson
from tests.verdict.a_run import CELLS, GO, MINUTE, plan, script, tolerance

WORKED = Path(__file__).parents[1] / "data" / "worked"
CASES = json.loads((WORKED / "cases.json").read_text())
TEN = 10_000


def command(*arguments: str) -> tuple[dict[str, Any], int]:
    result = CliRunner().invoke(group, ["judge", *arguments, "--json"])
    return json.loads(result.output), result.exit_code


@pytest.mark.parametrize("case", CASES, ids=lambda c: str(c["example"]))
def test_a_worked_example_has_the_numbers_and_codes_that_are_printed(case: dict[str, Any]) -> None:
    found, code = command(str(WORKED / case["series"]), "--tolerance", str(WORKED / case["tolerance"]))
    unit = "_s" if "m_lo_s" in found else ""
    assert (found["verdict"], found["codes"], code) == (case["verdict"], case["codes"], EXIT_CODES[case["verdict"]])
    assert found[f"m_lo{unit}"] == case["lo"]
    if case["example"] == "16":  # the table prints no upper bound where the end is delivery: one bucket later
        assert (found["m_hi_s"], found["ended"][0]) == (case["lo"] + 60, case["ended"])
    else:
        assert found[f"m_hi{unit}"] == case["hi"]
    assert found[f"margin{unit}"] == case.get("margin", found[f"margin{unit}"])
    assert found["coverage"] == case.get("coverage", found["coverage"])
    if "loss_rate_at_most" in case:
        assert round(found["ledger"]["loss_rate_at_most"], 5) == case["loss_rate_at_most"]


def test_every_example_is_there() -> None:
    told = {str(case["example"]).split(" ")[0].rstrip("abcd") for case in CASES}
    assert told | {"12", "13"} == {str(n) for n in range(1, 17)}


def folder(path: Path, made: Plan, events: list[Event]) -> Path:
    lines, prev = [], FIRST
    path.mkdir()
    (path / "plan.json").write_bytes(dump_plan(made))
    for event in events:
        lines.append(Event(event.seq, 1, event.at, event.wall, prev, event.type, event.who, event.what).line())
        prev = hashlib.sha256(lines[-1]).hexdigest()
    (path / "journal.jsonl").write_bytes(b"".join(lines))
    return path


def run_of(
    path: Path, shape: str, dt: int, *extra: tuple[int, Draft], ended: int, without: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A run whose signals read ``shape`` from ten minutes before the go; judged by the command."""
    signal = {"source": "cloudwatch.metric", "query": {}, "period_ms": dt, "settles_ms": 0}
    made = plan(tolerance(max_gap="3m"), signals=tuple({"id": i, **signal} for i in ("attempts", "failures")))
    cells = [(GO - 10 * MINUTE + i * dt, CELLS[c]) for i, c in enumerate(shape)]
    values = {"attempts": [[t, n] for t, (n, _) in cells], "failures": [[t, f] for t, (_, f) in cells]}
    told = script("U" * (len(shape) * dt // MINUTE), *extra, without=without, ended=ended)
    events = [replace(e, what={"values": values}) if e.type == "signals.sampled" else e for e in told]
    found, code = command(str(folder(path / "run", made, events)))
    assert code == found["exit_code"]
    (judged,) = found["tolerances"]
    return dict(judged)


def test_8b_two_clocks_widen_the_interval(tmp_path: Path) -> None:
    lag = (5, Draft("rehearsal.disturbed", {"from_ms": 0, "to_ms": 0, "lag_ms": 60_000}))
    found = run_of(tmp_path, "U" * 60 + "D" * 173 + "U" * 480, TEN, lag, ended=60)
    assert (found["m_lo_s"], found["m_hi_s"], found["codes"]) == (28 * 60 + 50, 30 * 60 + 10, [])
    assert found["verdict"] == "inconclusive"


def test_12_a_recovery_that_the_tool_made_is_not_shown(tmp_path: Path) -> None:
    found = run_of(tmp_path, "U" * 60 + "D" * 93 + "U" * 60, TEN, ended=15)
    assert (found["m_lo_s"], found["m_hi_s"]) == (15 * 60 + 30, 15 * 60 + 50)
    assert (found["verdict"], found["codes"]) == ("inconclusive", ["RECOVERY_NOT_DEMONSTRATED"])


def test_13_a_fault_without_effect_proves_nothing(tmp_path: Path) -> None:
    unseen = Draft("fault.not_effective", {"step": "stop", "witness": "failures", "read": True, "values": [0.0]})
    found = run_of(tmp_path, "U" * 40, MINUTE, (2, unseen), ended=20, without=("fault.effective",))
    assert (found["m_lo_s"], found["m_hi_s"], found["verdict"]) == (0, 0, "inconclusive")
    assert found["codes"] == ["FAULT_NOT_EFFECTIVE"]


@pytest.mark.parametrize(("runs", "probability"), [(1, 0.05), (3, 0.37), (10, 0.74), (59, 0.95)])
def test_d21_what_repeated_runs_support(runs: int, probability: float) -> None:
    assert round(supports(runs), 2) == probability
    assert says(runs, runs).startswith(f"{runs} of {runs} within: ") and "will" not in says(runs, runs)


def test_d21_a_run_that_was_not_within_supports_nothing() -> None:
    assert says(2, 3) == "2 of 3 within: no success probability follows from that."
    assert supports(0) == 0


def test_the_note_on_samples() -> None:
    """381 successes call a probe bucket up, and 2,995 samples with none lost support a loss rate of 0.1 %."""
    assert wilson(381, 381)[0] >= 0.99 > wilson(380, 380)[0]
    rates = [loss_rate_at_most(n) for n in (2_994, 2_995, 0)]
    assert rates[0] and rates[1] and rates[1] <= 0.001 < rates[0] and rates[2] is None
