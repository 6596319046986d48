"""A canary ledger that a tolerance names is held against what is there, once, before the run ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gameday.observers.canaries import facts
from gameday.verdict.integrity import Write
from gameday.verdict.run import judge_run
from tests.conductor.bench import RUNBOOK, Bench, a_plan, fault, task

LOST = {"id": "lost", "authority": "pra", "metric": "data_loss_time", "limit": "60s", "measure": {"ledger": "ledger"}}
WHOLE = {**LOST, "id": "whole", "metric": "data_integrity", "limit": 0}


class Kept:
    """A ledger of 1,200 canaries, the last 37 of them lost."""

    def __init__(self, answer: Any = None) -> None:
        self.answer, self.asked = answer, list[tuple[str, int]]()

    def reconcile(self, ledger: str, since_ms: int) -> Mapping[str, Any]:
        self.asked.append((ledger, since_ms))
        if isinstance(self.answer, Exception):
            raise self.answer
        writes = [Write(n, since_ms + n * 1000, n < 1164, n < 1164 or None) for n in range(1, 1201)]
        return self.answer if self.answer is not None else facts(writes, 1_000)


def bench(folder: Path, kept: Kept | None) -> Bench:
    found = Bench(a_plan(tolerances=[LOST, WHOLE]), folder)
    found.conductor.performer.ledgers = kept
    return found


def test_it_is_read_back_once_when_all_is_undone_and_judged(tmp_path: Path) -> None:
    kept = Kept()
    found = bench(tmp_path, kept)
    assert found.run() == "completed"
    assert kept.asked == [("ledger", found.state.phase_ms["baseline"])]
    types = [e.type for e in found.events]
    assert types.index("fault.ended") < types.index("ledger.reconciled") < types.index("run.ended")
    lost, whole = judge_run(found.plan, found.events)["tolerances"]
    assert (lost["m_lo_s"], lost["m_hi_s"], whole["m_lo"], whole["m_hi"]) == (37, 38, 37, 37)
    assert whole["verdict"] == "breached"
    event = next(e for e in found.events if e.type == "ledger.reconciled")
    assert f"event:{event.seq}" in whole["evidence"]


@pytest.mark.parametrize("kept", [None, Kept(OSError("no answer")), Kept({"acked": 3})])
def test_what_cannot_be_reconciled_is_unknown_and_holds_nobody_up(tmp_path: Path, kept: Kept | None) -> None:
    found = bench(tmp_path, kept)
    assert found.run() == "completed"
    assert [e.type for e in found.events].count("ledger.unread") == 1
    for judged in judge_run(found.plan, found.events)["tolerances"]:
        assert (judged["verdict"], "METRIC_NOT_MEASURED" in judged["codes"]) == ("inconclusive", True)
        assert "No canary ledger was reconciled" in judged["details"]["METRIC_NOT_MEASURED"]


def test_an_aborted_run_is_reconciled_too_and_one_that_broke_nothing_is_not(tmp_path: Path) -> None:
    aborted = bench(tmp_path / "a", Kept())
    aborted.at(60, lambda: aborted.conductor.ask_abort("enough"))
    assert aborted.run() == "aborted"
    assert "ledger.reconciled" in [e.type for e in aborted.events]
    idle = bench(tmp_path / "b", Kept())
    idle.at(-10, lambda: idle.conductor.ask_abort("never mind"))
    assert idle.run() == "aborted"
    assert not [e for e in idle.events if e.type.startswith("ledger.")]


class Paused(Kept):
    """What was written since the fault began is not there while somebody looks; it is when the run ends."""

    def reconcile(self, ledger: str, since_ms: int) -> Mapping[str, Any]:
        self.asked.append((ledger, since_ms))
        if isinstance(self.answer, Exception) and len(self.asked) == 1:
            raise self.answer
        there = 100 if len(self.asked) == 1 else 301
        return facts([Write(n, since_ms + n * 1000, n < there, n < there or None) for n in range(1, 301)], 1_000)


def answered(folder: Path, kept: Kept) -> Bench:
    plan = a_plan(fault(minutes=20), task(), tolerances=[LOST, WHOLE], runbooks=[RUNBOOK],
                  scripts={"on-call": {"performs": ["move"], "step_takes": "30s"}})  # fmt: skip
    found = Bench(plan, folder)
    found.conductor.performer.ledgers = kept
    return found


def test_what_was_not_there_when_the_response_had_worked_is_lost_although_it_came_after_the_undo(
    tmp_path: Path,
) -> None:
    """As in D22: what only our own undo brings back, those who answered have not recovered."""
    found = answered(tmp_path, Paused())
    assert found.run() == "completed"
    first, last = found.of("ledger.reconciled")
    assert (first.what["moment"], last.what["moment"]) == ("recovery", "end")
    assert found.of("task.step_checked")[-1].seq < first.seq < found.of("fault.ended")[0].seq < last.seq
    lost, whole = judge_run(found.plan, found.events)["tolerances"]
    assert (lost["m_lo_s"], whole["m_lo"], whole["m_hi"]) == (201, 201, 201)
    assert (lost["verdict"], whole["verdict"], whole["ledger"]["late"]) == ("breached", "breached", 201)
    assert f"event:{first.seq}" in whole["evidence"]


def test_a_ledger_that_was_not_read_at_recovery_is_not_judged_by_what_came_later(tmp_path: Path) -> None:
    found = answered(tmp_path, Paused(OSError("no answer")))
    assert found.run() == "completed"
    assert [e.what["moment"] for e in found.of("ledger.unread") + found.of("ledger.reconciled")] == ["recovery", "end"]
    for judged in judge_run(found.plan, found.events)["tolerances"]:
        assert (judged["verdict"], "METRIC_NOT_MEASURED" in judged["codes"]) == ("inconclusive", True)
