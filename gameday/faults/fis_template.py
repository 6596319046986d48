"""A ``fault: fis`` step as the user writes it, and the request that AWS FIS is sent for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from gameday.faults.catalogue import DURATIONS, Action, actions, from_iso, iso_duration
from gameday.model.types import Scalar, Strict, parse_duration
from gameday.protocols import Order

RUN_TAG, STEP_TAG = "gameday:run", "gameday:step"


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # plan.json is read back with lists


class FisSettings(Strict):
    """The keys of a ``fault: fis`` step. ``targets`` are technology resources of the service."""

    action: Annotated[str, Field(pattern=r"^aws:[a-z0-9-]+:[a-z0-9-]+$")]
    targets: Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_as_tuple)] | None = None
    parameters: dict[str, Scalar] = {}
    selection: Annotated[str, Field(pattern=r"^(ALL|COUNT\([1-9]\d*\)|PERCENT\([1-9]\d?\d?\))$")] = "ALL"


def fis_settings(settings: BaseModel | Mapping[str, Any]) -> FisSettings:
    """Any form of a step's settings, also read back from plan.json, as the checked model."""
    if isinstance(settings, FisSettings):
        return settings
    return FisSettings.model_validate(settings.model_dump() if isinstance(settings, BaseModel) else dict(settings))


def parameters(settings: FisSettings, duration_ms: int | None = None, action: Action | None = None) -> dict[str, str]:
    """Parameters as FIS takes them: all text, durations in ISO 8601.

    ``duration_ms`` (the step's ``for``) is sent as the action's own duration, so that AWS ends the fault even when
    the conductor is dead. When the step has both, the shorter is sent.
    """
    given = {name: _parameter(name, value) for name, value in settings.parameters.items()}
    name = action.ends_by if action else next((n for n in DURATIONS if n in given), None)
    if duration_ms is None or name is None or (action and action.one_shot):
        return given
    own = from_iso(given[name]) if name in given else None
    if name in given and (own is None or own <= duration_ms):
        return given
    return {**given, name: iso_duration(duration_ms)}


def lasts_ms(settings: FisSettings, action: Action | None) -> int | None:
    """How long FIS itself keeps the fault, by its own parameters; None when they do not say."""
    names = [action.ends_by] if action and action.ends_by else ["duration", "maxDuration"]
    given = parameters(settings)
    return next((from_iso(given[name]) for name in names if name in given), None)


def self_ending(settings: FisSettings, duration_ms: int | None, action: Action | None) -> bool:
    """Whether the fault is over by itself: at once, or when FIS ends it."""
    if action is None:
        return any(name in settings.parameters for name in DURATIONS)
    return action.one_shot or (action.ends_by or "") in parameters(settings, duration_ms, action)


def _parameter(name: str, value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if name in DURATIONS and isinstance(value, str) and not value.startswith("P"):
        return iso_duration(parse_duration(value))
    return str(value)


def template(order: Order, action: Action | None = None) -> dict[str, Any]:
    """The request of CreateExperimentTemplate for an order. ``action`` is what GetAction said of one that is not in
    the catalogue."""
    settings, action = fis_settings(order.settings), action or actions().get(order.action)
    targets = dict(_target(key, arns, action, settings) for key, arns in order.targets.items())
    stops = [{"source": "aws:cloudwatch:alarm", "value": arn} for arn in order.stop_conditions]
    sent = parameters(settings, order.duration_ms, action)
    step: dict[str, Any] = {"actionId": order.action, "parameters": sent}
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


def _target(key: str, arns: Sequence[str], action: Action | None, settings: FisSettings) -> tuple[str, dict[str, Any]]:
    """A target's key and its definition. A plan made without knowing the action has the resource type as the key."""
    known = action.targets if action else {}
    kind = known.get(key, key)
    name = key if key in known else (action.key_of(kind) if action else None) or key
    return name, {"resourceType": kind, "resourceArns": list(arns), "selectionMode": settings.selection}
