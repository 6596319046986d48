"""``gameday recover``: whatever is lost of a run's folder, what it injected is taken back, and what was is told."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gameday.conductor.ledger import outstanding
from gameday.journal.state import fold
from gameday.journal.store import read
from gameday.protocols import ProviderStatus, Tagged
from gameday.reports.markdown import render
from gameday.wiring.recovering import MARK, dead_runs, recover
from tests.conductor.bench import MINUTE, Behaviour, Bench, World, a_plan, fault
from tests.wiring.a_dead_run import RUN, a_run, died, resumed, walked, world_of

FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None


def types(bench: Bench) -> list[str]:
    return [e.type for e in bench.events]


def test_what_a_dead_conductor_left_is_taken_back_and_seen_gone(tmp_path: Path) -> None:
    bench = died(walked(a_run(tmp_path, a_plan(fault(minutes=30))), 60), 60)
    assert [r.name for r in dead_runs(tmp_path)] == [RUN]
    found = recover(tmp_path, bench.folder, world_of(bench))
    assert found is not None and found.clean and found.left == ("stop",)
    assert bench.world.left() == [] and dead_runs(tmp_path) == []
    verdict = bench.verdict()
    assert (verdict["outcome"], verdict["was_unsafe"]) == ("stopped", None)
    assert [f["seen_gone"] for f in verdict["faults"]] == [True]


def test_a_ledger_that_is_gone_is_made_again_from_the_journal(tmp_path: Path) -> None:
    bench = died(walked(a_run(tmp_path, a_plan(fault(minutes=30))), 60))
    bench.ledger.path.unlink()
    found = recover(tmp_path, bench.folder, world_of(bench))
    assert found is not None and found.clean
    assert bench.world.left() == []
    assert any("ledger had lost stop" in str(e.what.get("text")) for e in bench.of("note"))


def test_what_a_ledger_says_is_gone_is_not_put_back(tmp_path: Path) -> None:
    """It was undone, and the conductor died before it could say so in the journal."""
    bench = died(walked(a_run(tmp_path, a_plan(fault(minutes=30))), 60))
    bench.ledger.gone("stop")
    bench.world.calls.clear()
    recover(tmp_path, bench.folder, world_of(bench))
    assert not any("ledger had lost" in str(e.what.get("text")) for e in bench.of("note"))


@FEW
@given(
    cut=st.integers(0, 10_000), go_on=st.booleans(), seconds=st.sampled_from([0, 5, 40]), dead=st.sampled_from([0, 90])
)
def test_wherever_the_ledger_is_torn_nothing_is_left(cut: int, go_on: bool, seconds: int, dead: int) -> None:
    """At any byte of what was written; with ``resume`` and with ``recover``."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        root = Path(folder)
        plan = a_plan(fault("stop", minutes=4), fault("other", at_ms=MINUTE // 2, minutes=3))
        bench = died(walked(a_run(root, plan), seconds), dead)
        raw = bench.ledger.path.read_bytes().rstrip(b"\0")
        bench.ledger.path.write_bytes(raw[: cut % (len(raw) + 1)])
        if go_on:
            assert resumed(bench, root).run() == "completed"
            assert sorted(set(bench.calls("start"))) == ["other", "stop"]
            assert len(bench.world.injected) == 2, "injected under another token"
            bench.check()
        else:
            found = recover(root, bench.folder, world_of(bench))
            assert found is not None and found.clean
        assert bench.world.left() == [] and outstanding(bench.ledger.path).left == []
        assert dead_runs(root) == []


@FEW
@given(last=st.integers(8, 40))
def test_a_run_that_was_resumed_folds_to_what_it_would_have_been(last: int) -> None:
    """Killed after any event and resumed at once: steps, faults and results are those of an undisturbed run."""

    def told(bench: Bench) -> object:
        state = fold(read(bench.folder / "journal.jsonl")[0])
        faults = {k: (f.token, f.status, f.clean, f.gone_ms is not None, f.t0_ms) for k, f in state.faults.items()}
        results = {k: (s.status, s.result) for k, s in state.steps.items()}
        return state.phase, state.ended_status, state.t0, state.t_go, faults, results, bench.verdict()["outcome"]

    with tempfile.TemporaryDirectory(dir=MEMORY) as one, tempfile.TemporaryDirectory(dir=MEMORY) as two:
        plain = a_run(Path(one), a_plan(fault(minutes=3)))
        plain.run()
        bench = a_run(Path(two), a_plan(fault(minutes=3))).go()
        while len(bench.events) < last and bench.state.ended_status is None:
            bench.conductor.turn()
        if bench.state.ended_status is None:
            resumed(died(bench), Path(two)).run()
        assert told(bench) == told(plain)


# ---- a folder that holds too little
def test_a_folder_without_a_plan_or_an_event_is_told_of_once(tmp_path: Path) -> None:
    folder = tmp_path / ".gameday" / "runs" / "20200101-0000-lost"
    folder.mkdir(parents=True)
    (folder / "journal.jsonl").touch()
    (folder / "conductor.lock").touch()
    assert dead_runs(tmp_path) == [folder]
    found = recover(tmp_path, folder)
    assert found is not None and found.clean and "gameday sweep" in found.said
    assert dead_runs(tmp_path) == []
    assert (folder / "journal.jsonl").exists() and json.loads((folder / MARK).read_text("utf-8"))["said"] == found.said


def test_a_folder_that_is_just_being_made_is_not_taken_for_a_dead_run(tmp_path: Path) -> None:
    folder = tmp_path / ".gameday" / "runs" / "now"
    folder.mkdir(parents=True)
    assert dead_runs(tmp_path) == []
    os.utime(folder, (1, 1))
    assert dead_runs(tmp_path) == [folder]


def test_without_a_plan_the_ledger_alone_is_undone_and_that_is_told_once(tmp_path: Path) -> None:
    bench = died(walked(a_run(tmp_path, a_plan(fault(minutes=30))), 60))
    (bench.folder / "plan.json").unlink()
    found = recover(tmp_path, bench.folder, world_of(bench))
    assert found is not None and found.clean and bench.world.left() == []
    assert dead_runs(tmp_path) == []


# ---- unsafe, and not any more
def ended_unsafe(root: Path) -> Bench:
    """A run whose fault could not be stopped."""
    bench = a_run(root, a_plan(fault(minutes=2)))
    bench.world.behaviours["stop"] = Behaviour(stop_raises=10**6)
    bench.run()
    return died(bench, 600)


def test_the_last_word_of_a_run_is_the_truth(tmp_path: Path) -> None:
    """What could not be undone is said before the run is ended, not after it."""
    bench = ended_unsafe(tmp_path)
    assert types(bench)[-1] == "run.ended" and "undo.failed" in types(bench)
    assert bench.verdict()["outcome"] == "unsafe"
    assert bench.verdict()["was_unsafe"] == {"from": bench.verdict()["was_unsafe"]["from"], "until": None}


def test_unsafe_until_recovered_is_told_with_both_times(tmp_path: Path) -> None:
    bench = ended_unsafe(tmp_path)
    before = bench.verdict()
    assert [r.name for r in dead_runs(tmp_path)] == [RUN]
    for found in bench.world.injected.values():
        found.behaviour = replace(found.behaviour, stop_raises=0)
    recovered = recover(tmp_path, bench.folder, world_of(bench))
    assert recovered is not None and recovered.clean, recovered
    after = bench.verdict()
    assert (before["outcome"], after["outcome"]) == ("unsafe", "stopped"), "its longest duration was over"
    assert after["was_unsafe"]["from"] == before["was_unsafe"]["from"]
    assert after["was_unsafe"]["until"] > after["was_unsafe"]["from"]
    assert (
        after["tolerances"] == before["tolerances"]
        or after["tolerances"][0]["m_hi_s"] == before["tolerances"][0]["m_hi_s"]
    )
    report = render(bench.plan, bench.events, after, RUN)
    assert "it ended UNSAFE: from" in report.replace("\\", "")
    assert dead_runs(tmp_path) == []


def test_what_still_cannot_be_taken_back_stays_unsafe(tmp_path: Path) -> None:
    bench = ended_unsafe(tmp_path)
    found = recover(tmp_path, bench.folder, world_of(bench))
    assert found is not None and not found.clean
    assert bench.verdict()["outcome"] == "unsafe" and bench.verdict()["was_unsafe"]["until"] is None
    assert [r.name for r in dead_runs(tmp_path)] == [RUN]


# ---- what no ledger speaks of
class Tagging(World):
    """A provider that also finds by tag."""

    extra: tuple[str, ...] = ("tmpl-1",)

    def tagged(self) -> list[Tagged]:
        return [Tagged("template", ident, "there", RUN, "stop") for ident in self.extra]

    def remove(self, tagged: Tagged) -> ProviderStatus:
        self.extra = tuple(x for x in self.extra if x != tagged.id)
        return ProviderStatus("ended", "deleted", clean=True)


@pytest.mark.parametrize("stays", [False, True])
def test_what_bears_the_runs_tag_is_removed_whatever_the_ledger_says(tmp_path: Path, stays: bool) -> None:
    """A call that arrived after its note was lost; what cannot be removed makes the run unsafe."""
    bench = died(walked(a_run(tmp_path, a_plan(fault(minutes=30))), 60))
    bench.world.__class__ = Tagging
    if stays:
        bench.world.remove = lambda tagged: ProviderStatus("active")  # type: ignore[attr-defined]
    found = recover(tmp_path, bench.folder, world_of(bench))
    assert found is not None and found.clean is not stays
    assert bench.world.extra == (("tmpl-1",) if stays else ())  # type: ignore[attr-defined]
    assert (bench.verdict()["outcome"] == "unsafe") is stays
