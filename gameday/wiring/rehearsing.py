"""The loopback AWS that a run rehearses on: one that is kept up, or one of its own that ends with it."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gameday.clock import Anchor, Clock, Ms, ScenarioClock
from gameday.errors import could_not_start
from gameday.model.content import Content
from gameday.model.workspace import REHEARSAL

if TYPE_CHECKING:
    from gameday.plan import Plan
    from gameday.rehearsal.client import Rehearsal

DEFAULT_SPEED = 20.0
SLOWEST_DEFAULT = 5.0
RECORD = "rehearsal.json"
NOBODY = "http://127.0.0.1:9"  # an AWS that does not answer: the rehearsal has ended, or none was needed


def asks_nobody(plan: Plan) -> bool:
    """Whether a rehearsal of this plan needs no stand-in: a tabletop that reads no signal and makes no call."""
    return plan.environment == REHEARSAL and plan.method == "tabletop" and not plan.signals and not plan.calls


def open_rehearsal(root: Path, content: Content, service: str, speed: float | None) -> Rehearsal:
    """The rehearsal that is kept up in this workspace, else a new one with the service's workload.

    Without ``speed`` it is 20, or what this machine can do if that is less. CouldNotStart when the service has no
    workload, when the kept one has another speed, or when it does not become ready.
    """
    from gameday.rehearsal import client

    kept = client.attach(root)
    if kept is not None and kept.kept:
        return client.up(root, kept.speed if speed is None else speed, kept=True)
    loaded, described = content.workloads.get(service), content.services.get(service)
    if loaded is None or described is None:
        write = f"a workload for it (kind: workload, service: {service}), or --environment NAME"
        raise could_not_start("NO_WORKLOAD", f"there is nothing to rehearse {service} on", write)
    told = (loaded.model, described.model)
    found = client.up(root, DEFAULT_SPEED if speed is None else speed, kept=False, workload_content=told)
    highest = found.status().get("highest_speed")
    if speed is None and isinstance(highest, (int, float)) and highest < DEFAULT_SPEED:
        found.down()
        found = client.up(root, max(SLOWEST_DEFAULT, float(int(highest))), kept=False, workload_content=told)
    return found


def alone(content: Content, scenario: str) -> bool:
    """Whether a rehearsal of this scenario asks nobody; what is no tabletop is not even planned for that."""
    from gameday.planning import build_plan

    if content.scenarios[scenario].model.method != "tabletop":
        return False
    return asks_nobody(build_plan(content, scenario, REHEARSAL, {}))


def remember(run_dir: Path, rehearsal: Rehearsal) -> None:
    """Which daemon this run was rehearsed on, so that ``recover`` knows whether it is still there."""
    anchor = rehearsal.anchor
    record = {"pid": rehearsal.pid, "started": rehearsal.started, "speed": rehearsal.speed, "kept": rehearsal.kept,
              "anchor": {"monotonic_ns": anchor.monotonic_ns, "scenario_ms": anchor.scenario_ms}}  # fmt: skip
    (run_dir / RECORD).write_text(json.dumps(record) + "\n", "utf-8")


def remember_clock(run_dir: Path, clock: Clock) -> None:
    """At which speed and since when a day without a stand-in runs, so that another conductor goes on by its clock."""
    assert isinstance(clock, ScenarioClock)
    anchor = {"monotonic_ns": clock.anchor.monotonic_ns, "scenario_ms": clock.anchor.scenario_ms}
    record = {"speed": clock.speed, "kept": False, "anchor": anchor}
    (run_dir / RECORD).write_text(json.dumps(record) + "\n", "utf-8")


def remembered_clock(run_dir: Path) -> Clock | None:
    """The clock of a day without a stand-in; None when its folder does not say."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        held = json.loads((run_dir / RECORD).read_text("utf-8"))
        return ScenarioClock(Anchor(**held["anchor"], speed=held["speed"]))
    return None


def still_there(run_dir: Path, root: Path) -> Rehearsal | None:
    """The daemon that this run was rehearsed on, if it lives."""
    from gameday.rehearsal import client

    found = client.attach(root)
    with suppress(OSError, ValueError, KeyError):
        held = json.loads((run_dir / RECORD).read_text("utf-8"))
        if found is not None and (found.pid, found.started) == (held["pid"], held["started"]):
            return found
    return None


def end_leftovers(root: Path) -> None:
    """Kill what a dead daemon left of its processes: only then is what they suffered gone with it."""
    from gameday.rehearsal.client import state_file
    from gameday.rehearsal.processes import kill_leftovers

    kill_leftovers(state_file(root))


def clock_after(at: Ms, speed: float) -> ScenarioClock:
    """A scenario clock that goes on from an instant, when the clock of the rehearsal is gone."""
    here = Anchor.here(speed)
    return ScenarioClock(Anchor(here.monotonic_ns, at, speed))
