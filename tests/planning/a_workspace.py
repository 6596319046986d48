"""Workspaces to plan: what ships, and a small one that each test changes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from gameday.model.content import Content
from gameday.model.load import load_content
from gameday.plan import Plan
from gameday.planning import build_plan

ROOT = Path(__file__).parents[2]
SHIPPED = ("scenarios", "observers", "runbooks", "gameday.yaml")
TEN_LINES = """\
kind: scenario
id: payments-stop
service: open-banking
hypothesis: Payments keep flowing when the payment function fails, because the edge retries on the standby.
timeline:
  - fault: fis
    action: aws:lambda:invocation-error
    targets: [payments-function]
    parameters: {duration: 20m, invocationPercentage: 100, preventExecution: true}
"""
HEAD = TEN_LINES.partition("timeline:")[0]


def copied(folder: Path) -> Path:
    """The shipped content at another path."""
    for name in SHIPPED:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    return folder


def written(folder: Path, text: str) -> Content:
    """The shipped content with one more scenario, ``payments-stop``."""
    copied(folder)
    (folder / "scenarios" / "open-banking" / "payments-stop.yaml").write_text(text)
    return load_content(folder)


def planned(folder: Path, text: str, provider: Any, environment: str = "rehearsal") -> Plan:
    """The plan of this text."""
    return build_plan(written(folder, text), "payments-stop", environment, {"fis": provider})


def timeline(*steps: str, more: str = "") -> str:
    """A scenario of these steps, each in YAML's flow style."""
    return HEAD + "timeline:\n" + "".join(f"  - {step}\n" for step in steps) + more
