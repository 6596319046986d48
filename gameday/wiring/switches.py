"""The dead-man's switches of a run, as its plan needs them: the heartbeat's alarm in AWS, the watchdog beside us."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from gameday.clock import Clock
from gameday.conductor.deadman import DeadMan, Heartbeat, Switch
from gameday.conductor.ledger import Ledger
from gameday.conductor.pulse import Pulse
from gameday.faults.heartbeat import alarm_arn
from gameday.journal.events import Draft
from gameday.plan import Plan, PlannedFault
from gameday.planning.deadman import LEAST_SILENCE_MS, silence_ms, stop_regions
from gameday.wiring.sockets import Sockets

READY = b"ready\n"
READY_WITHIN_S = 30.0
ENDS_WITHIN_S = 5.0
LOG_FILE = "watchdog.log"


class NoWatchdog(RuntimeError):
    """The watchdog did not say that it is ready; its log says why."""


class Watchdog:
    """The watchdog as the conductor sees it: a process of its own session, which outlives conductor and terminal."""

    name = "watchdog"

    def __init__(self, run_dir: Path, silence_s: float) -> None:
        self._run_dir, self._silence_s = run_dir, silence_s
        self._process: subprocess.Popen[bytes] | None = None

    def guards(self, planned: PlannedFault) -> bool:
        """Every fault that neither ends itself at once nor has the alarm."""
        return planned.dead_man == "watchdog"

    def made(self) -> bool:
        return self.holds()

    def holds(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def fired(self) -> str:
        """It acts on a dead or a silent conductor alone, so whoever asks this was not meant."""
        return ""

    def set(self) -> list[Draft]:
        """Start it and wait until it says that it watches. NoWatchdog when it does not."""
        command = [sys.executable, "-P", "-m", "gameday.wiring.watchdog", str(self._run_dir), f"{self._silence_s:g}"]
        with (self._run_dir / LOG_FILE).open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        if not _says_ready(process):
            process.kill()
            process.wait()
            raise NoWatchdog(f"it did not begin; see {LOG_FILE} in the run's folder")
        self._process = process
        return [Draft("watchdog.started", {"pid": process.pid})]

    def put_away(self) -> list[Draft]:
        """Nothing is left that it could undo: it ends."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(ENDS_WITHIN_S)
            self._process = None
        return [Draft("watchdog.ended")]


def _says_ready(process: subprocess.Popen[bytes]) -> bool:
    assert process.stdout is not None
    with process.stdout as said:
        able, _, _ = select.select([said], [], [], READY_WITHIN_S)
        return bool(able) and os.read(said.fileno(), len(READY)) == READY


def dead_man(run_dir: Path, plan: Plan, sockets: Sockets, ledger: Ledger, clock: Clock) -> DeadMan:
    """The switches that the plan's faults need; none for a day without faults. Nothing is begun yet."""
    pulse, found = Pulse(run_dir), list[Switch]()
    if plan.dead_man is not None:
        for region in _regions(plan):
            heart = sockets.heartbeat.at(region)
            named = (region or plan.environment_definition.region, region)
            found.append(Heartbeat(heart, run_dir.name, plan.dead_man, ledger, clock, pulse, region, named))
    if any(step.fault and step.fault.dead_man == "watchdog" for step in plan.steps):
        silence = silence_ms(plan.environment_definition.envelope.dead_man)
        found.append(Watchdog(run_dir, max(LEAST_SILENCE_MS, silence / clock.speed) / 1000))  # a least of wall time
    return DeadMan(pulse, found)


def stop_conditions(plan: Plan, run: str) -> list[str]:
    """The heartbeat's alarms, one in each Region in which an experiment is started: a fault there has it as a stop
    condition."""
    environment = plan.environment_definition
    places = _regions(plan) if plan.dead_man is not None else ()
    return [alarm_arn(environment.at(None, region), run) for region in places]


def _regions(plan: Plan) -> Sequence[str | None]:
    """None stands for the environment's first, as in a planned fault."""
    first = plan.environment_definition.region
    faults = (step.fault for step in plan.steps if step.fault)
    return [None if region == first else region for region in stop_regions(faults, first)]
