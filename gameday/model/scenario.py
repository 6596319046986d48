"""A scenario: what breaks, who is asked what, what is expected, and what stops the day."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from gameday.model.types import Delay, Duration, Id, Percent, Strict, Text


class Condition(Strict):
    """A question about one signal: does any settled datapoint lie there?"""

    signal: Id
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    equals: float | None = None
    within: Duration | None = None

    @model_validator(mode="after")
    def _one_comparison(self) -> Condition:
        _compare_once(self)
        return self

    def holds(self, value: float) -> bool:
        """Whether this value satisfies the comparison."""
        return bool(
            (self.at_least is not None and value >= self.at_least)
            or (self.at_most is not None and value <= self.at_most)
            or (self.above is not None and value > self.above)
            or (self.below is not None and value < self.below)
            or (self.equals is not None and value == self.equals)
        )

    def negated(self) -> Condition:
        """The condition that holds once this one no longer does, without ``within``.

        ``equals`` has no exact opposite: it becomes the side on which the values of a count, a state or an alarm lie
        (equals 0 -> above 0, equals 1 -> below 1). So a value that satisfies this condition never satisfies that one.
        """
        name = self.comparison
        value = getattr(self, name)
        opposite = ("below" if value > 0 else "above") if name == "equals" else _OPPOSITES[name]
        return Condition(signal=self.signal, **{opposite: value})

    @property
    def comparison(self) -> str:
        """The one comparison that is given."""
        return next(n for n in COMPARISONS if getattr(self, n) is not None)

    def __str__(self) -> str:
        return f"{self.signal} {self.comparison.replace('_', ' ')} {getattr(self, self.comparison):g}"


COMPARISONS = ("at_least", "at_most", "above", "below", "equals")
_OPPOSITES = {"at_least": "below", "below": "at_least", "at_most": "above", "above": "at_most"}


def _compare_once(condition: object) -> None:
    if sum(getattr(condition, name) is not None for name in COMPARISONS) != 1:
        raise ValueError(f"a condition has exactly one comparison; write one of {', '.join(COMPARISONS)}")


class StepBase(Strict):
    """What all steps share: an id, and when they start."""

    id: Id | None = None
    title: Text | None = None
    at: Duration | None = None
    after: Annotated[tuple[Id, ...], Field(min_length=1)] | Id | None = None
    when: Condition | None = None
    on_timeout: Literal["skip", "fail", "run"] = "skip"

    @property
    def predecessors(self) -> tuple[str, ...]:
        """Ids named by ``after``."""
        return (self.after,) if isinstance(self.after, str) else (self.after or ())


class FaultStep(StepBase):
    """A technical fault. Keys beyond these belong to the provider and are checked by its own settings model."""

    model_config = ConfigDict(extra="allow")

    fault: Id
    effective: Condition | None = None
    gone: Condition | None = None
    lasts: Annotated[Duration | None, Field(alias="for")] = None
    one_shot: bool | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The provider's own keys, unchecked."""
        return dict(self.model_extra or {})


class RoleExpectation(Strict):
    """Somebody is expected to do something."""

    role: Id | None = None
    does: Literal["acknowledge", "answer"]
    score: bool = False


class AlarmExpectation(Strict):
    """An alarm is expected to reach a state."""

    alarm: Text
    state: Literal["ALARM", "OK", "INSUFFICIENT_DATA"] = "ALARM"


class SignalExpectation(Strict):
    """A signal is expected to reach a value."""

    signal: Id
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    equals: float | None = None

    @property
    def condition(self) -> Condition:
        """The same as a condition."""
        return Condition(**self.model_dump())

    @model_validator(mode="after")
    def _one_comparison(self) -> SignalExpectation:
        _compare_once(self)
        return self


def _has(value: Any, key: str) -> bool:
    return key in value if isinstance(value, dict) else hasattr(value, key)


def _expectation_tag(value: Any) -> str | None:
    keys = {"alarm": "alarm", "signal": "signal", "role": "does"}
    return next((name for name, key in keys.items() if _has(value, key)), None)


Expectation = Annotated[
    Annotated[RoleExpectation, Tag("role")]
    | Annotated[AlarmExpectation, Tag("alarm")]
    | Annotated[SignalExpectation, Tag("signal")],
    Discriminator(
        _expectation_tag,
        custom_error_type="expectation_unclear",
        custom_error_message="an expectation names a role, an alarm or a signal; write {{alarm: NAME}}",
    ),
]


class ExpectStep(StepBase):
    """An expectation of people, alarms or signals; it has a result of its own and never changes a verdict."""

    expect: Expectation
    within: Duration


class HumanInject(StepBase):
    """Something a person is told; may expect a reaction."""

    inject: Literal["human"]
    to: Id
    says: Text
    expect: RoleExpectation | None = None
    within: Duration | None = None


class UnavailableInject(StepBase):
    """A person is not available for a while; the deputy acts."""

    inject: Literal["unavailable"]
    who: Id
    lasts: Annotated[Duration, Field(alias="for")]


class TaskStep(StepBase):
    """A runbook to be followed, step by step, timed one by one."""

    task: Id
    by: Id
    within: Duration | None = None


def _step_tag(value: Any) -> str | None:
    if _has(value, "inject"):
        kind = value["inject"] if isinstance(value, dict) else value.inject
        return str(kind) if kind in ("human", "unavailable") else None
    return next((k for k in ("fault", "task", "expect") if _has(value, k)), None)


Step = Annotated[
    Annotated[FaultStep, Tag("fault")]
    | Annotated[ExpectStep, Tag("expect")]
    | Annotated[HumanInject, Tag("human")]
    | Annotated[UnavailableInject, Tag("unavailable")]
    | Annotated[TaskStep, Tag("task")],
    Discriminator(
        _step_tag,
        custom_error_type="step_unclear",
        custom_error_message="a step is one of: fault, inject (human or unavailable), task, expect; write for example "
        "- fault: fis",
    ),
]


StepKind = Literal["fault", "expect", "inject", "unavailable", "task"]
_KINDS: dict[type[StepBase], StepKind] = {
    FaultStep: "fault",
    ExpectStep: "expect",
    HumanInject: "inject",
    UnavailableInject: "unavailable",
    TaskStep: "task",
}


def step_kind(step: StepBase) -> StepKind:
    """The word for what a step does, as the plan uses it."""
    return _KINDS[type(step)]


def step_id(step: StepBase, index: int) -> str:
    """The id of the step at this position of the timeline (from 0): its own, else kind and position, ``fault-1``."""
    return step.id or f"{step_kind(step)}-{index + 1}"


class Hypothesis(Strict):
    """What we believe will happen, with how much confidence, and who said so."""

    says: Text
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    by: Text | None = None


class Severity(Strict):
    """A rung of the severity ladder."""

    level: Annotated[int, Field(ge=1)]
    of: Annotated[int, Field(ge=1)]
    plausible: Text | None = None
    expected: Literal["within", "outside"] = "within"  # outside: meant to find where the tolerance fails


class LoadShare(Strict):
    """How much of the peak the service carries meanwhile, and how one may conclude from it to the peak."""

    of_peak: Percent
    extrapolation: Text | None = None


class Assumption(Strict):
    """Something taken for granted, why, and who owns it."""

    says: Text
    because: Text
    owner: Text


class ToleranceGuard(Strict):
    """Stop when the upper bound has used this share of a tolerance."""

    tolerance: Id
    at: Percent


class SignalGuard(Strict):
    """Stop when a signal stays beyond a value."""

    signal: Id
    above: float | None = None
    below: float | None = None
    lasts: Annotated[Duration | None, Field(alias="for")] = None

    @model_validator(mode="after")
    def _one(self) -> SignalGuard:
        if (self.above is None) == (self.below is None):
            raise ValueError("a signal guard has either above or below; write for example above: 0.02")
        return self


MOST_STOP_ALARMS = 4  # FIS takes five stop conditions a template (its quotas); one is for the heartbeat


class AlarmGuard(Strict):
    """Stop when an alarm is in ALARM."""

    alarm: Text


def _guard_tag(value: Any) -> str | None:
    return next((k for k in ("tolerance", "signal", "alarm") if _has(value, k)), None)


Guard = Annotated[
    Annotated[ToleranceGuard, Tag("tolerance")]
    | Annotated[SignalGuard, Tag("signal")]
    | Annotated[AlarmGuard, Tag("alarm")],
    Discriminator(
        _guard_tag,
        custom_error_type="guard_unclear",
        custom_error_message="a guard is on a tolerance, a signal or an alarm; write {{tolerance: ID, at: 50%}}",
    ),
]


class PersonScript(Strict):
    """A scripted person of a rehearsal; ignored when somebody holds the role."""

    acknowledges: Delay | None = None
    answers: Delay | None = None
    performs: tuple[Id, ...] = ()
    step_takes: Duration = 30_000


class Scenario(Strict):
    """A scenario file."""

    kind: Literal["scenario"]
    id: Id
    service: Id
    title: Text | None = None
    hypothesis: Text | Hypothesis
    adverse: tuple[
        Literal[
            "data-corruption", "facilities-or-people", "third-party-failure", "market-participant", "technology-failure"
        ],
        ...,
    ] = ()
    severity: Severity | None = None
    load: LoadShare | None = None
    simulates: tuple[Id, ...] = ()  # third parties and shared resources whose failure it plays
    assumptions: tuple[Assumption, ...] = ()
    roles: tuple[Id, ...] = ()
    method: Literal["live", "tabletop"] = "live"
    observe: tuple[Id, ...] = ()
    baseline: Duration = 600_000
    timeline: Annotated[tuple[Step, ...], Field(min_length=1)]
    rehearsal: dict[Id, PersonScript] = {}
    guards: tuple[Guard, ...] = ()
    max_duration: Duration | None = None
    debrief: tuple[Text, ...] = ()

    @property
    def claim(self) -> str:
        """The hypothesis in words."""
        return self.hypothesis if isinstance(self.hypothesis, str) else self.hypothesis.says
