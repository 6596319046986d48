"""temporary"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def conclude(run_dir: Path) -> dict[str, Any]:
    """temporary"""
    from gameday.journal.store import read
    from gameday.plan import load_plan
    from gameday.reports.markdown import render
    from gameday.verdict.run import judge_run

    plan = load_plan(run_dir / "plan.json")
    events, _ = read(run_dir / "journal.jsonl")
    found = judge_run(plan, events)
    (run_dir / "verdict.json").write_text(json.dumps(found, indent=2))
    (run_dir / "report.md").write_text(render(plan, events, found, run_dir.name))
    return found
