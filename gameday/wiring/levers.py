"""The safety levers that a run's faults are under, one for each Region in which it starts any, from outside the run:
engaged when its conductor cannot, and disengaged by a person. What was engaged stays on the ledger of the run until it
is released."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gameday.aws import CallFailed
from gameday.conductor.emergency import lever_place, lever_places, lever_regions
from gameday.conductor.ledger import Ledger, outstanding
from gameday.errors import CouldNotStart
from gameday.faults.fis_lever import LeverState, SafetyLever
from gameday.model.workspace import REHEARSAL
from gameday.plan import Plan, load_plan
from gameday.runs import is_live
from gameday.wiring.rehearsing import RECORD, still_there
from gameday.wiring.sockets import lever_of
from gameday.wiring.starting import LEDGER, PLAN


class RunLevers:
    """The levers that a run's faults are under, by place; ``levers`` is empty when the rehearsal that held them has
    ended."""

    def __init__(self, root: Path, run_dir: Path) -> None:
        self.run_dir, self.plan = run_dir, load_plan(run_dir / PLAN)
        self.places = lever_places(self.plan)
        self.levers = _levers(root, run_dir, self.plan)

    def read(self) -> dict[str, LeverState]:
        """As they are now. CallFailed when AWS does not say of one."""
        gone = LeverState("disengaged", "its rehearsal has ended")
        return {place: self.levers[place].read() if self.levers else gone for place in self.places}

    def engage(self, why: str, who: str) -> dict[str, bool]:
        """Whether this call engaged each. On the ledger first, unless a conductor holds that: it has the same command
        in its inbox and writes it down itself. One that fails keeps no other from being engaged; then CouldNotStart."""
        reason = f"gameday {self.run_dir.name}: {why}"
        if not is_live(self.run_dir):
            ledger = Ledger(self.run_dir / LEDGER)
            for place in self.places:
                ledger.engage(place, {"reason": reason, "who": who})
            ledger.close()
        return self._each(lambda lever: lever.engage(reason))

    def release(self, why: str, who: str) -> dict[str, bool]:
        """Whether this call disengaged each; then the ledger says so. The run must not be live. CouldNotStart as with
        ``engage``: then the ledger still has them all."""
        done = self._each(lambda lever: lever.release(f"gameday {self.run_dir.name}: {why}"))
        engaged = [place for place in self.places if place in outstanding(self.run_dir / LEDGER).engaged]
        if engaged:
            ledger = Ledger(self.run_dir / LEDGER)
            for place in engaged:
                ledger.release(place, {"reason": why, "who": who})
            ledger.close()
        return done

    def _each(self, call: Callable[[SafetyLever], bool]) -> dict[str, bool]:
        done, failed = {}, []
        for place, lever in self.levers.items():
            try:
                done[place] = call(lever)
            except CallFailed as error:
                failed += [replace(problem, message=f"{place}: {problem.message}") for problem in error.problems]
        if failed:
            raise CouldNotStart(failed)
        return done


def _levers(root: Path, run_dir: Path, plan: Plan) -> dict[str, SafetyLever]:
    endpoint = None
    if plan.environment == REHEARSAL or (run_dir / RECORD).exists():
        rehearsal = still_there(run_dir, root)
        if rehearsal is None:
            return {}
        endpoint = rehearsal.endpoint
    every = [plan.environment_definition.at(None, region) for region in lever_regions(plan)]
    return {lever_place(there): lever_of(there, endpoint) for there in every}
