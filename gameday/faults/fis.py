"""Faults through AWS Fault Injection Service.

For each fault one template, tagged with run and step, and one experiment from it. What undo needs is noted before each
call that changes anything; when the ids are not known (a crash between call and note) they are found again by tag. The
template is a leftover too: a fault is clean only when its experiment has ended and its template is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from gameday.aws import Aws
from gameday.faults.catalogue import DURATIONS, Action, actions, iso_duration
from gameday.model.types import Scalar, Strict, parse_duration
from gameday.protocols import Note, Order, ProviderStatus, Trace

RUN_TAG, STEP_TAG = "gameday:run", "gameday:step"
State = Literal["starting", "active", "ended", "failed", "unknown"]
_STATES: dict[str, State] = {
    "pending": "starting", "initiating": "starting", "running": "active", "stopping": "active",
    "completed": "ended", "stopped": "ended", "cancelled": "ended", "failed": "failed",
}  # fmt: skip


class FisSettings(Strict):
    """The keys of a ``fault: fis`` step. ``targets`` are technology resources of the service."""

    action: Annotated[str, Field(pattern=r"^aws:[a-z0-9-]+:[a-z0-9-]+$")]
    targets: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    parameters: dict[str, Scalar] = {}
    selection: Annotated[str, Field(pattern=r"^(ALL|COUNT\([1-9]\d*\)|PERCENT\([1-9]\d?\d?\))$")] = "ALL"


def parameters(settings: FisSettings) -> dict[str, str]:
    """Parameters as FIS takes them: all text, durations in ISO 8601."""
    return {name: _parameter(name, value) for name, value in settings.parameters.items()}


def _parameter(name: str, value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if name in DURATIONS and isinstance(value, str) and not value.startswith("PT"):
        return iso_duration(parse_duration(value))
    return str(value)


def template(order: Order) -> dict[str, Any]:
    """The request of CreateExperimentTemplate for an order."""
    settings = FisSettings.model_validate(dict(order.settings))
    action = actions().get(order.action)
    targets = {key: _target(key, arns, action, settings) for key, arns in order.targets.items()}
    stops = [{"source": "aws:cloudwatch:alarm", "value": arn} for arn in order.stop_conditions]
    step: dict[str, Any] = {"actionId": order.action, "parameters": parameters(settings)}
    if targets:
        step["targets"] = {key: key for key in targets}
    return {
        "clientToken": order.token,
        "description": f"gameday {order.run} {order.step}"[:512],
        "roleArn": order.environment.fis_role or "",
        "stopConditions": stops or [{"source": "none"}],
        "targets": targets,
        "actions": {"fault": step},
        "tags": {RUN_TAG: order.run, STEP_TAG: order.step},
        "experimentOptions": {"accountTargeting": "single-account", "emptyTargetResolutionMode": "fail"},
    }


def _target(key: str, arns: Sequence[str], action: Action | None, settings: FisSettings) -> dict[str, Any]:
    kind = action.targets[key] if action and key in action.targets else key
    return {"resourceType": kind, "resourceArns": list(arns), "selectionMode": settings.selection}


class FisFault:
    """The ``fis`` provider."""

    name = "fis"
    settings = FisSettings

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @property
    def _fis(self) -> Any:
        return self._aws.client("fis")

    def start(self, order: Order, note: Note) -> Trace:
        """Make the template and start the experiment. botocore's errors are passed on."""
        trace: Trace = {"run": order.run, "step": order.step, "token": order.token}
        note(dict(trace))
        made = self._fis.create_experiment_template(**template(order))
        trace["template"] = made["experimentTemplate"]["id"]
        note(dict(trace))
        tags = {RUN_TAG: order.run, STEP_TAG: order.step}
        begun = self._fis.start_experiment(
            clientToken=order.token, experimentTemplateId=trace["template"], tags=tags
        )
        trace["experiment"] = begun["experiment"]["id"]
        note(dict(trace))
        return trace

    def poll(self, trace: Trace) -> ProviderStatus:
        """The experiment's state and the targets that FIS resolved."""
        if "experiment" not in trace:
            return ProviderStatus("unknown", "no experiment id is known")
        experiment = self._fis.get_experiment(id=trace["experiment"])["experiment"]
        state, detail = _read(experiment)
        return ProviderStatus(state, detail, False, self._targets(trace["experiment"]))

    def _targets(self, experiment: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for page in self._fis.get_paginator("list_experiment_resolved_targets").paginate(experimentId=experiment):
            for target in page["resolvedTargets"]:
                arn = target.get("targetInformation", {}).get("arn", "")
                found.setdefault(target["targetName"], []).append(arn)
        return found

    def stop(self, trace: Trace) -> ProviderStatus:
        """Stop every experiment of this run and step, then remove their templates once all have ended."""
        states = [self._stop(ident) for ident in sorted(self._experiments(trace))]
        running = [status for status in states if status.state not in ("ended", "failed")]
        if running:
            return running[0]
        for ident in sorted(self._templates(trace)):
            self._delete(ident)
        return ProviderStatus("ended", states[-1].detail if states else "nothing was started", clean=True)

    def _stop(self, ident: str) -> ProviderStatus:
        experiment = self._fis.get_experiment(id=ident)["experiment"]
        if experiment["state"]["status"] in ("pending", "initiating", "running"):
            experiment = self._fis.stop_experiment(id=ident)["experiment"]
        return ProviderStatus(*_read(experiment))

    def _delete(self, ident: str) -> None:
        try:
            self._fis.delete_experiment_template(id=ident)
        except self._fis.exceptions.ResourceNotFoundException:
            return  # gone is what was wanted

    def _experiments(self, trace: Trace) -> set[str]:
        """By id and by tag: a crash may have come between the call and its note."""
        known = {trace["experiment"]} if "experiment" in trace else set()
        return known | set(self._tagged("list_experiments", "experiments", trace))

    def _templates(self, trace: Trace) -> set[str]:
        known = {trace["template"]} if "template" in trace else set()
        return known | set(self._tagged("list_experiment_templates", "experimentTemplates", trace))

    def _tagged(self, operation: str, key: str, trace: Trace) -> Iterator[str]:
        wanted = {RUN_TAG: trace["run"], STEP_TAG: trace["step"]}.items()
        for page in self._fis.get_paginator(operation).paginate():
            yield from (item["id"] for item in page[key] if wanted <= item.get("tags", {}).items())


def _read(experiment: Any) -> tuple[State, str]:
    state = experiment["state"]
    return _STATES.get(state["status"], "unknown"), f"{state['status']} {state.get('reason', '')}".strip()
