"""A ``fault: fis`` step as the user writes it: one action, or several that start after one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from gameday.faults.catalogue import DURATIONS, Action, from_iso, iso_duration
from gameday.model.types import Duration, Id, Scalar, Strict, Text, parse_duration

ONLY = "fault"  # the name in the template of the action of a step that has one


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # plan.json is read back with lists


ActionId = Annotated[str, Field(pattern=r"^aws:[a-z0-9-]+:[a-z0-9-]+$")]
Texts = Annotated[tuple[Text, ...], Field(min_length=1), BeforeValidator(_as_tuple)]


class Filter(Strict):
    """A filter of targets: FIS keeps the resources whose attribute at ``path`` (of their Describe call) has one of
    these values (AWS FIS user guide, "Target filters")."""

    path: Text
    values: Texts


class Aimed(Strict):
    """What all forms of an action share. ``targets`` are technology resources of the service."""

    targets: Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_as_tuple)] | None = None
    filters: Annotated[tuple[Filter, ...], BeforeValidator(_as_tuple)] = ()
    target_parameters: dict[str, Text] = {}
    parameters: dict[str, Scalar] = {}
    selection: Annotated[str, Field(pattern=r"^(ALL|COUNT\([1-9]\d*\)|PERCENT\([1-9]\d?\d?\))$")] = "ALL"


class FisAction(Aimed):
    """One of several actions. ``id`` names it in the template; it starts when those in ``start_after`` have ended."""

    id: Id
    action: ActionId
    start_after: Annotated[tuple[Id, ...], BeforeValidator(_as_tuple)] = ()


class Bucket(Strict):
    """Where in S3."""

    bucket: Text
    prefix: Text | None = None


class Group(Strict):
    """A log group of CloudWatch Logs, by name or ARN."""

    group: Text


class Logs(Strict):
    """Where FIS writes the experiment's log (AWS FIS user guide, "Experiment logging")."""

    s3: Bucket | None = None
    cloudwatch: Group | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.s3 is None and self.cloudwatch is None:
            raise ValueError("logs go to S3, to CloudWatch or to both; write s3: {bucket: NAME}")
        return self


class Report(Strict):
    """A report of the experiment in PDF (AWS FIS user guide, "Experiment report configurations"); ``dashboards`` are
    ARNs, shown from ``before`` its start to ``after`` its end."""

    s3: Bucket
    dashboards: Annotated[tuple[Text, ...], BeforeValidator(_as_tuple)] = ()
    before: Duration = 1_200_000
    after: Duration = 1_200_000


class FisSettings(Aimed):
    """The keys of a ``fault: fis`` step: ``action`` with its keys, or ``actions``."""

    action: ActionId | None = None
    actions: Annotated[tuple[FisAction, ...], Field(min_length=1), BeforeValidator(_as_tuple)] | None = None
    logs: Logs | None = None
    report: Report | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.action is None) == (self.actions is None):
            raise ValueError("a FIS fault has one action or a list of actions; write action: aws:SERVICE:ACTION")
        if self.actions and self.model_fields_set & Aimed.model_fields.keys():
            raise ValueError("with a list of actions each has its own targets and parameters; write them there")
        return self

    @model_serializer(mode="wrap")
    def _given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without the keys of the form that was not chosen."""
        left = Aimed.model_fields.keys() if self.actions else {"filters", "target_parameters"}
        return {k: v for k, v in handler(self).items() if not (v is None or (k in left and (self.actions or not v)))}

    @property
    def each(self) -> tuple[FisAction, ...]:
        """All actions in one form."""
        if self.actions:
            return self.actions
        own = {name: getattr(self, name) for name in Aimed.model_fields}
        return (FisAction(id=ONLY, action=self.action or "", **own),)

    @property
    def resources(self) -> tuple[str, ...]:
        """The resources that any action names."""
        return tuple(dict.fromkeys(name for part in self.each for name in part.targets or ()))

    def target(self, part: FisAction, key: str) -> str:
        """What a target key of an action is called among all targets."""
        return f"{part.id}-{key}" if self.actions else key


def fis_settings(settings: BaseModel | Mapping[str, Any]) -> FisSettings:
    """Any form of a step's settings, also read back from plan.json, as the checked model."""
    if isinstance(settings, FisSettings):
        return settings
    return FisSettings.model_validate(settings.model_dump() if isinstance(settings, BaseModel) else dict(settings))


def parameters(settings: Aimed, duration_ms: int | None = None, action: Action | None = None) -> dict[str, str]:
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


def lasts_ms(settings: Aimed, action: Action | None) -> int | None:
    """How long FIS itself keeps the fault, by its own parameters; None when they do not say."""
    names = [action.ends_by] if action and action.ends_by else ["duration", "maxDuration"]
    given = parameters(settings)
    return next((from_iso(given[name]) for name in names if name in given), None)


def self_ending(settings: Aimed, duration_ms: int | None, action: Action | None) -> bool:
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
