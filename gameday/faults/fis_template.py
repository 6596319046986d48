"""The request of CreateExperimentTemplate for a ``fault: fis`` step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gameday.faults.catalogue import Action, actions, iso_duration
from gameday.faults.fis_settings import FisAction, FisSettings, Logs, Report, fis_settings, parameters
from gameday.faults.targets import partition
from gameday.model.workspace import Environment
from gameday.protocols import Order

RUN_TAG, STEP_TAG = "gameday:run", "gameday:step"
LOG_SCHEMA = 2  # AWS FIS user guide, "Experiment logging"


def template(order: Order, learnt: Mapping[str, Action] | None = None) -> dict[str, Any]:
    """The request for an order. ``learnt`` is what GetAction said of actions that are not in the catalogue."""
    settings, known = fis_settings(order.settings), {**actions(), **(learnt or {})}
    targets, steps = dict[str, Any](), dict[str, Any]()
    for part in settings.each:
        keys = _targets(order, settings, part, known.get(part.action))
        targets |= {name: target for name, target in keys.values()}
        steps[part.id] = _action(order, settings, part, known.get(part.action), {k: n for k, (n, _) in keys.items()})
    stops = [{"source": "aws:cloudwatch:alarm", "value": arn} for arn in order.stop_conditions]
    return {
        "clientToken": order.token,
        "description": f"gameday {order.run} {order.step}"[:512],
        "roleArn": order.environment.fis_role or "",
        "stopConditions": stops or [{"source": "none"}],
        "targets": targets,
        "actions": steps,
        "tags": {RUN_TAG: order.run, STEP_TAG: order.step},
        "experimentOptions": {
            "accountTargeting": "multi-account" if order.accounts else "single-account",
            "emptyTargetResolutionMode": "fail",
        },
        **_exhibits(settings, order.environment.at(None, order.region)),
    }


def _action(
    order: Order, settings: FisSettings, part: FisAction, action: Action | None, targets: Mapping[str, str]
) -> dict[str, Any]:
    """With several actions each keeps its own duration; the step's ``for`` is then the whole experiment's."""
    duration = None if settings.actions else order.duration_ms
    step: dict[str, Any] = {"actionId": part.action, "parameters": parameters(part, duration, action)}
    if targets:
        step["targets"] = dict(targets)
    if part.start_after:
        step["startAfter"] = list(part.start_after)
    return step


def _targets(
    order: Order, settings: FisSettings, part: FisAction, action: Action | None
) -> dict[str, tuple[str, dict[str, Any]]]:
    """Of one action: its target key -> name and definition. A plan made without knowing the action has the resource
    type as the key."""
    known = action.targets if action else {}
    found = {}
    for given, name in names(order, settings, part).items():
        kind = known.get(given, given)
        key = given if given in known else (action.key_of(kind) if action else None) or given
        found[key] = (settings.target(part, key), _target(order, name, kind, part))
    return found


def names(order: Order, settings: FisSettings, part: FisAction) -> dict[str, str]:
    """Target key -> its name in the order, for those of this action."""
    given = {*order.targets, *order.tags}
    if not settings.actions:
        return {name: name for name in sorted(given)}
    return {name.removeprefix(f"{part.id}-"): name for name in sorted(given) if _owner(name, settings) == part.id}


def _owner(name: str, settings: FisSettings) -> str:
    """The action that a target's name belongs to: the longest id that it begins with."""
    return max((part.id for part in settings.each if name.startswith(f"{part.id}-")), key=len, default="")


def _target(order: Order, name: str, kind: str, part: FisAction) -> dict[str, Any]:
    target: dict[str, Any] = {"resourceType": kind, "selectionMode": part.selection}
    if name in order.tags:
        target["resourceTags"] = dict(order.tags[name])
    elif order.targets.get(name):
        target["resourceArns"] = list(order.targets[name])
    if part.filters:
        target["filters"] = [{"path": f.path, "values": list(f.values)} for f in part.filters]
    if part.target_parameters:
        target["parameters"] = dict(part.target_parameters)
    return target


def _exhibits(settings: FisSettings, environment: Environment) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if settings.logs:
        found["logConfiguration"] = _logs(settings.logs, environment)
    if settings.report:
        found["experimentReportConfiguration"] = _report(settings.report)
    return found


def _logs(logs: Logs, environment: Environment) -> dict[str, Any]:
    found: dict[str, Any] = {"logSchemaVersion": LOG_SCHEMA}
    if logs.s3:
        found["s3Configuration"] = _bucket(logs.s3.bucket, logs.s3.prefix)
    if logs.cloudwatch:
        found["cloudWatchLogsConfiguration"] = {"logGroupArn": group_arn(logs.cloudwatch.group, environment)}
    return found


def group_arn(group: str, environment: Environment) -> str:
    """The ARN of a log group, by name or ARN, as FIS wants it: with ``:*``."""
    head = f"arn:{partition(environment.region)}:logs:{environment.region}:{environment.account}:log-group"
    arn = group if group.startswith("arn:") else f"{head}:{group}"
    return arn if arn.endswith(":*") else f"{arn}:*"


def _bucket(name: str, prefix: str | None) -> dict[str, str]:
    return {"bucketName": name} | ({"prefix": prefix} if prefix else {})


def _report(report: Report) -> dict[str, Any]:
    found: dict[str, Any] = {
        "outputs": {"s3Configuration": _bucket(report.s3.bucket, report.s3.prefix)},
        "preExperimentDuration": iso_duration(report.before),
        "postExperimentDuration": iso_duration(report.after),
    }
    if report.dashboards:
        shown = [{"dashboardIdentifier": arn} for arn in report.dashboards]
        found["dataSources"] = {"cloudWatchDashboards": shown}
    return found
