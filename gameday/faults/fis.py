"""Faults through AWS Fault Injection Service.

For each fault one template, tagged with run and step, and one experiment from it. What undo needs is noted before each
call that changes anything; when the ids are not known (a crash between call and note) they are found again by tag. The
template is a leftover too: a fault is clean only when its experiment has ended and its template is gone.

What a start whose answer was lost has left is found like this: the template is deleted first, so that no late start
can come from it any more (running experiments are not affected; AWS FIS user guide, "Delete an experiment template").
Then the lists are read, ``CLEAN_LOOKS`` times, because AWS does not say how soon they show what was made. The start is
never sent again: with nothing behind its token it would begin the fault.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from gameday.aws import Aws, CallFailed, told
from gameday.errors import Problem, could_not_start
from gameday.faults.catalogue import Action, actions, from_answer
from gameday.faults.fis_exhibits import read_exhibits
from gameday.faults.fis_settings import FisSettings, fis_settings, parameters
from gameday.faults.fis_template import RUN_TAG, STEP_TAG, template
from gameday.faults.outline import outline
from gameday.faults.preview import preview
from gameday.model.service import Technology
from gameday.model.workspace import Environment
from gameday.protocols import Exhibits, Fault, Note, Order, Outline, Outlines, Preview, ProviderStatus, Trace

__all__ = ["CLEAN_LOOKS", "FisFault", "FisSettings", "parameters", "template"]

CLEAN_LOOKS = 3
State = Literal["starting", "active", "ended", "failed", "unknown"]
_STATES: dict[str, State] = {
    "pending": "starting", "initiating": "starting", "running": "active", "stopping": "active",
    "completed": "ended", "stopped": "ended", "cancelled": "ended", "failed": "failed",
}  # fmt: skip
_OVER = ("ended", "failed")


class FisFault:
    """The ``fis`` provider: a Fault that also Outlines and Previews. All AWS errors are CallFailed."""

    name = "fis"
    settings: type[BaseModel] = FisSettings
    in_aws = True

    def __init__(self, aws: Aws) -> None:
        self._aws, self._apart = aws, aws.apart()
        self._looks: dict[tuple[str, str], int] = defaultdict(int)  # clean looks by run and step
        self._resolved: dict[str, dict[str, list[str]]] = {}  # by experiment; FIS resolves targets once
        self._over: set[str] = set()  # experiments that were seen ended

    @property
    def _fis(self) -> Any:
        return self._aws.client("fis")

    @property
    def _stops(self) -> Any:
        """What takes back goes this way alone: nothing that reads or starts can keep it waiting."""
        return self._apart.client("fis")

    def outline(
        self, step: str, settings: BaseModel, targets: Sequence[Technology], environment: Environment
    ) -> Outline:
        """What will be done, from the files alone; AWS is read only where targets are named by tags. CouldNotStart
        for a target that cannot be resolved."""
        return outline(self._aws, step, settings, targets, environment)

    def preview(self, order: Order) -> list[Problem]:
        """Whether the account knows the action, its parameters and the targets. Reads only; what the account does not
        answer is a warning."""
        return preview(self._aws, order)

    def start(self, order: Order, note: Note) -> Trace:
        """Make the template and start the experiment. A repetition by botocore carries the same token, so that FIS
        starts one experiment. CallFailed tells what AWS said; the fault may then be there all the same: undo it."""
        if not order.environment.fis_role:
            write = "fis_role: arn:aws:iam::111122223333:role/gameday-fis"
            raise could_not_start("NO_FIS_ROLE", "the environment names no role for FIS to act in", write)
        self._looks.pop((order.run, order.step), None)
        _ = self._stops  # the way to stop it is open before there is anything to stop
        request = template(order, self._learnt(order))
        trace: Trace = {"run": order.run, "step": order.step, "token": order.token}
        note(dict(trace))
        with told("fis CreateExperimentTemplate"):
            made = self._fis.create_experiment_template(**request)
        trace["template"] = made["experimentTemplate"]["id"]
        note(dict(trace))
        with told("fis StartExperiment"):
            begun = self._fis.start_experiment(
                clientToken=order.token, experimentTemplateId=trace["template"], tags=request["tags"]
            )
        trace["experiment"] = begun["experiment"]["id"]
        note(dict(trace))
        return trace

    def _learnt(self, order: Order) -> dict[str, Action]:
        """The actions that are not in the catalogue, as the account knows them."""
        asked = {part.action for part in fis_settings(order.settings).each} - actions().keys()
        return {ident: action for ident in sorted(asked) if (action := self._action(ident))}

    def _action(self, ident: str) -> Action | None:
        """One of them; None when the account does not say."""
        try:
            with told("fis GetAction"):
                return from_answer(self._fis.get_action(id=ident)["action"])
        except CallFailed:
            return None

    def poll(self, trace: Trace) -> ProviderStatus:
        """The experiment's state and the targets that FIS resolved. An experiment that AWS does not know (yet) is
        unknown."""
        if "experiment" not in trace:
            return ProviderStatus("unknown", "no experiment id is known")
        experiment = self._experiment(self._fis, trace["experiment"])
        if experiment is None:
            return ProviderStatus("unknown", f"AWS does not know experiment {trace['experiment']}")
        state, detail = self._read(experiment)
        targets = {} if state == "starting" else self._targets(trace["experiment"])
        return ProviderStatus(state, detail, False, targets)

    def _experiment(self, fis: Any, ident: str) -> Any:
        """GetExperiment; None when AWS does not know it."""
        try:
            with told("fis GetExperiment"):
                return fis.get_experiment(id=ident)["experiment"]
        except CallFailed as error:
            if error.missing:
                return None
            raise

    def _targets(self, experiment: str) -> dict[str, list[str]]:
        """What FIS resolved, read until there is something; nothing when it cannot be read, for the state is known."""
        if experiment not in self._resolved:
            try:
                found = self._list_targets(experiment)
            except CallFailed:
                return {}
            if not found:
                return {}
            self._resolved[experiment] = found
        return self._resolved[experiment]

    def _list_targets(self, experiment: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        with told("fis ListExperimentResolvedTargets"):
            for page in self._fis.get_paginator("list_experiment_resolved_targets").paginate(experimentId=experiment):
                for target in page["resolvedTargets"]:
                    arn = target.get("targetInformation", {}).get("arn", "")
                    found.setdefault(target["targetName"], []).append(arn)
        return found

    def stop(self, trace: Trace) -> ProviderStatus:
        """Stop every experiment of this run and step and remove their templates. Idempotent. Clean once all have ended
        and, where an id was never noted, once ``CLEAN_LOOKS`` calls have found nothing more."""
        known = list(self._stop_all(trace))
        for ident in sorted(self._templates(trace)):
            self._delete(ident)
        running = [status for status in known if status.state not in _OVER]
        if running:
            return running[0]
        if not known and not self._looked(trace):
            return ProviderStatus("unknown", "looking once more: a start may have been sent", clean=False)
        return ProviderStatus("ended", known[-1].detail if known else "nothing was started", clean=True)

    def _stop_all(self, trace: Trace) -> Iterator[ProviderStatus]:
        """The one whose id was noted, at once; without it, or when AWS does not know it, those with our tags."""
        status = self._stop(trace["experiment"]) if "experiment" in trace else None
        if status is not None:
            yield status
            return
        for ident in sorted(self._tagged("ListExperiments", "list_experiments", "experiments", trace)):
            status = self._stop(ident)
            if status is not None:
                yield status

    def _looked(self, trace: Trace) -> bool:
        """Count a look that found no experiment; whether there were enough."""
        key = (trace["run"], trace["step"])
        self._looks[key] += 1
        return self._looks[key] >= CLEAN_LOOKS

    def _stop(self, ident: str) -> ProviderStatus | None:
        """Stop one experiment; None when AWS does not know it. StopExperiment goes first, and nothing is asked before
        it, unless the experiment was seen ended: a slow answer must not come between an abort and the stop."""
        try:
            with told("fis StopExperiment"):
                if ident not in self._over:
                    self._stops.stop_experiment(id=ident)
        except CallFailed:
            experiment = self._experiment(self._stops, ident)  # it may have ended by itself
            if experiment is not None and self._read(experiment)[0] not in _OVER:
                raise
        else:
            experiment = self._experiment(self._stops, ident)
        return None if experiment is None else ProviderStatus(*self._read(experiment))

    def _read(self, experiment: Any) -> tuple[State, str]:
        state, detail = _read(experiment)
        if state in _OVER:
            self._over.add(experiment["id"])
        return state, detail

    def _delete(self, ident: str) -> None:
        try:
            with told("fis DeleteExperimentTemplate"):
                self._stops.delete_experiment_template(id=ident)
        except CallFailed as error:
            if not error.missing:  # gone is what was wanted
                raise

    def exhibits(self, trace: Trace) -> Mapping[str, bytes]:
        """The experiment's own log and report, as far as they are there. CallFailed when they cannot be read."""
        found = self._experiment(self._fis, trace["experiment"]) if "experiment" in trace else None
        return {} if found is None else read_exhibits(self._aws, found)

    def _templates(self, trace: Trace) -> set[str]:
        """By id, or by tag: a crash may have come between the call and its note."""
        if "template" in trace:
            return {trace["template"]}
        return self._tagged("ListExperimentTemplates", "list_experiment_templates", "experimentTemplates", trace)

    def _tagged(self, call: str, operation: str, key: str, trace: Trace) -> set[str]:
        wanted = {RUN_TAG: trace["run"], STEP_TAG: trace["step"]}.items()
        with told(f"fis {call}"):
            pages = self._stops.get_paginator(operation).paginate()
            return {item["id"] for page in pages for item in page[key] if wanted <= item.get("tags", {}).items()}


def _read(experiment: Any) -> tuple[State, str]:
    state = experiment["state"]
    return _STATES.get(state["status"], "unknown"), f"{state['status']} {state.get('reason', '')}".strip()


if TYPE_CHECKING:  # mypy proves here that the provider fits its sockets

    def _fits(fault: FisFault) -> tuple[Fault, Outlines, Preview, Exhibits]:
        return fault, fault, fault, fault
