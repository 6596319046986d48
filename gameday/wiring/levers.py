"""The safety lever of a run's environment, from outside the run: engaged when its conductor cannot, and disengaged by a
person. What was engaged stays on the ledger of the run until it is released."""

from __future__ import annotations

from pathlib import Path

from gameday.conductor.emergency import lever_place
from gameday.conductor.ledger import Ledger, outstanding
from gameday.faults.fis_lever import LeverState, SafetyLever
from gameday.model.workspace import REHEARSAL
from gameday.plan import Plan, load_plan
from gameday.runs import is_live
from gameday.wiring.rehearsing import RECORD, still_there
from gameday.wiring.sockets import lever_of
from gameday.wiring.starting import LEDGER, PLAN


class RunLever:
    """The lever that a run's faults are under; ``lever`` is None when the rehearsal that held it has ended."""

    def __init__(self, root: Path, run_dir: Path) -> None:
        self.run_dir, self.plan = run_dir, load_plan(run_dir / PLAN)
        self.place = lever_place(self.plan.environment_definition)
        self.lever = _lever(root, run_dir, self.plan)

    def read(self) -> LeverState:
        """As it is now. CallFailed when AWS does not say."""
        return self.lever.read() if self.lever else LeverState("disengaged", "its rehearsal has ended")

    def engage(self, why: str, who: str) -> bool:
        """Whether this call engaged it. On the ledger first, unless a conductor holds that: it has the same command in
        its inbox and writes it down itself."""
        reason = f"gameday {self.run_dir.name}: {why}"
        if not is_live(self.run_dir):
            ledger = Ledger(self.run_dir / LEDGER)
            ledger.engage(self.place, {"reason": reason, "who": who})
            ledger.close()
        return self.lever.engage(reason) if self.lever else False

    def release(self, why: str, who: str) -> bool:
        """Whether this call disengaged it; then the ledger says so. The run must not be live."""
        done = self.lever.release(f"gameday {self.run_dir.name}: {why}") if self.lever else False
        if self.place in outstanding(self.run_dir / LEDGER).engaged:
            ledger = Ledger(self.run_dir / LEDGER)
            ledger.release(self.place, {"reason": why, "who": who})
            ledger.close()
        return done


def _lever(root: Path, run_dir: Path, plan: Plan) -> SafetyLever | None:
    if plan.environment != REHEARSAL and not (run_dir / RECORD).exists():
        return lever_of(plan.environment_definition, None)
    rehearsal = still_there(run_dir, root)
    return lever_of(plan.environment_definition, rehearsal.endpoint) if rehearsal else None
