"""What a provider wrote of its fault is kept with the run; that it cannot be had harms nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gameday.conductor.perform import LARGEST_EXHIBIT, MOST_EXHIBITS, keeper
from tests.conductor.bench import Bench, a_plan, fault


def a_bench(tmp_path: Path, exhibits: Any) -> Bench:
    bench = Bench(a_plan(fault(exhibits=("s3://logs/fis",))), tmp_path)
    bench.conductor.performer.keep = keeper(bench.folder)
    bench.world.exhibits = exhibits  # type: ignore[attr-defined]  # with it the provider fits the optional socket
    return bench


def told(bench: Bench) -> dict[str, Any]:
    (event,) = bench.of("fault.exhibits")
    return dict(event.what)


def test_the_log_of_a_fault_is_kept_once_it_is_clean(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, lambda trace: {"../e.log": b"said"})
    assert bench.run() == "completed"
    bench.check()
    assert told(bench) == {"step": "stop", "files": ["exhibits/stop/e.log"], "where": ["s3://logs/fis"]}
    assert (bench.folder / "exhibits/stop/e.log").read_bytes() == b"said"
    names = [event.type for event in bench.events]
    assert names.index("undo.done") < names.index("fault.exhibits") < names.index("run.ended")


def test_what_cannot_be_read_or_kept_is_told_and_nothing_else_changes(tmp_path: Path) -> None:
    def fails(trace: Any) -> Any:
        raise PermissionError("AccessDenied")

    bench = a_bench(tmp_path, fails)
    assert bench.run() == "completed"
    bench.check()
    assert told(bench)["why"] == "PermissionError: AccessDenied" and told(bench)["files"] == []
    plain = Bench(a_plan(fault()), tmp_path / "plain")
    assert plain.run() == "completed"
    assert plain.verdict()["outcome"] == bench.verdict()["outcome"]


@pytest.mark.parametrize(
    ("found", "kept"), [({}, 0), ({f"{i}.log": b"x" for i in range(99)}, MOST_EXHIBITS),
                        ({"large": bytes(LARGEST_EXHIBIT + 1)}, 0)],
)  # fmt: skip
def test_a_run_keeps_no_more_than_it_can_bear(tmp_path: Path, found: dict[str, bytes], kept: int) -> None:
    bench = a_bench(tmp_path, lambda trace: found)
    bench.run()
    assert len(told(bench)["files"]) == kept and ("why" in told(bench)) == (kept == 0)
