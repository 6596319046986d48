"""What changed since the last like run is said only where the intervals allow it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gameday.reports.regression import since_last


def run(root: Path, name: str, verdict: str = "within", used: Any = (0.1, 0.2), **keys: Any) -> Path:
    folder = root / ".gameday" / "runs" / name
    folder.mkdir(parents=True)
    (folder / "journal.jsonl").write_text("")
    tolerance = {"id": "outage", "verdict": verdict, "used": used and list(used), "limit_s": keys.pop("limit_s", 1800)}
    day = {"outcome": verdict, "run": name, "environment": "rehearsal", "plan_digest": "a", "tolerances": [tolerance],
           "t_go": f"2026-11-{name[6:8]}T10:00:00.000Z", **keys}  # fmt: skip
    (folder / "verdict.json").write_text(json.dumps(day))
    (folder / "plan.json").write_text(json.dumps({"scenario": keys.get("scenario", "stop")}))
    return folder


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"used": (0.15, 0.3)}, "within as before; it used 15% to 30% of its limit and 10% to 20% before: no change"),
        ({"used": (0.3, 0.4)}, "more for certain"),
        ({"used": (0.01, 0.05)}, "less for certain"),
        ({"verdict": "breached", "used": (1.1, 1.2)}, "WORSE, breached and was within"),
        ({"used": None}, "is not known of both"),
        ({"limit_s": 900}, "its limit changed"),
    ],
)
def test_two_runs_are_held_against_each_other_in_words(tmp_path: Path, keys: dict[str, Any], says: str) -> None:
    run(tmp_path, "20261101-1000-stop")
    first, second = since_last(run(tmp_path, "20261108-1000-stop", **keys))
    assert first == "Since 20261101-1000-stop (the same plan):" and says in second


def test_only_a_like_run_before_it_counts(tmp_path: Path) -> None:
    run(tmp_path, "20261101-1000-other", scenario="other")
    run(tmp_path, "20261102-1000-stop", environment="staging")
    run(tmp_path, "20261103-1000-stop", verdict="not tested")
    run(tmp_path, "20261109-1000-stop")
    assert since_last(run(tmp_path, "20261108-1000-stop")) == []


def test_another_plan_is_said_and_so_is_a_tolerance_that_is_new(tmp_path: Path) -> None:
    run(tmp_path, "20261101-1000-stop", tolerances=[])
    found = since_last(run(tmp_path, "20261108-1000-stop", plan_digest="b"))
    assert "another plan" in found[0] and found[1] == "  outage: new, within"
