"""A scenario: what breaks, who is asked what, what is expected, and what stops the day."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from gameday.model.injects import (
    AccessInject,
    ChannelInject,
    HumanInject,
    SupplierInject,
    UnavailableInject,
)
from gameday.model.step import (
    COMPARISONS,
    AlarmExpectation,
    Condition,
    Expectation,
    RoleExpectation,
    Score,
    SignalExpectation,
    StepBase,
    has,
)
from gameday.model.types import Delay, Duration, Id, Percent, Strict, Text

__all__ = [
    "COMPARISONS", "AccessInject", "AlarmExpectation", "ChannelInject", "Condition", "Expectation", "HumanInject",
    "RoleExpectation", "SignalExpectation", "StepBase", "SupplierInject", "UnavailableInject",
]  # fmt: skip


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


class ExpectStep(StepBase):
    """An expectation of people, alarms or signals; it has a result of its own and never changes a verdict."""

    expect: Expectation
    within: Duration


class TaskStep(StepBase):
    """A runbook to be followed, step by step, timed one by one."""

    task: Id
    by: Id
    within: Duration | None = None


class QuestionStep(StepBase):
    """A question to talk about, as at a table; it is answered in words and may be scored."""

    question: Text
    to: Id
    within: Duration = 600_000


_INJECTS = ("unavailable", "supplier-silent", "access-expired", "channel-down")


def _step_tag(value: Any) -> str | None:
    if has(value, "inject"):
        kind = value["inject"] if isinstance(value, dict) else value.inject
        told = kind in ("human", "message", "call", "conflicting")
        return "human" if told else str(kind) if kind in _INJECTS else None
    return next((k for k in ("fault", "task", "question", "expect") if has(value, k)), None)


Step = Annotated[
    Annotated[FaultStep, Tag("fault")]
    | Annotated[ExpectStep, Tag("expect")]
    | Annotated[HumanInject, Tag("human")]
    | Annotated[UnavailableInject, Tag("unavailable")]
    | Annotated[SupplierInject, Tag("supplier-silent")]
    | Annotated[AccessInject, Tag("access-expired")]
    | Annotated[ChannelInject, Tag("channel-down")]
    | Annotated[QuestionStep, Tag("question")]
    | Annotated[TaskStep, Tag("task")],
    Discriminator(
        _step_tag,
        custom_error_type="step_unclear",
        custom_error_message="a step is one of: fault, inject (human, message, call, conflicting, unavailable, "
        "supplier-silent, access-expired or channel-down), task, question, expect; write for example - fault: fis",
    ),
]


StepKind = Literal["fault", "expect", "inject", "unavailable", "silent", "access", "channel", "task", "question"]
TAKEN: tuple[StepKind, ...] = ("unavailable", "silent", "access", "channel")  # what is away for a while
_KINDS: dict[type[StepBase], StepKind] = {
    FaultStep: "fault",
    ExpectStep: "expect",
    HumanInject: "inject",
    UnavailableInject: "unavailable",
    SupplierInject: "silent",
    AccessInject: "access",
    ChannelInject: "channel",
    TaskStep: "task",
    QuestionStep: "question",
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
    return next((k for k in ("tolerance", "signal", "alarm") if has(value, k)), None)


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


class Between(Strict):
    """Some time between the two, drawn from the seed of the run: ``{between: 60s, and: 120s}``."""

    between: Duration
    most: Annotated[Duration, Field(alias="and")]

    @model_validator(mode="after")
    def _in_order(self) -> Between:
        if self.most < self.between:
            raise ValueError("the longest is shorter than the shortest; write {between: 60s, and: 120s}")
        return self


def _taken_tag(value: Any) -> str:
    return "between" if isinstance(value, dict | Between) else "exact"


Takes = Annotated[
    Annotated[Delay, Tag("exact")] | Annotated[Between, Tag("between")],
    Discriminator(_taken_tag),
]
"""How long somebody takes: ``after 90s``, or some time between two."""
StepTakes = Annotated[
    Annotated[Duration, Tag("exact")] | Annotated[Between, Tag("between")],
    Discriminator(_taken_tag),
]


class PersonScript(Strict):
    """A scripted person of a rehearsal; ignored when somebody holds the role."""

    acknowledges: Takes | None = None
    answers: Takes | None = None
    performs: tuple[Id, ...] = ()
    step_takes: StepTakes = 30_000
    scores: dict[Id, Score] = {}  # what an evaluator gives when the step has ended


class Briefing(Strict):
    """What everybody is told before the day, players too: nothing of what will happen."""

    when: Text | None = None
    where: Text | None = None
    stop_word: Text = "STOP THE GAME DAY"
    channels: tuple[Text, ...] = ()
    safety: tuple[Text, ...] = ()


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
    briefing: Briefing = Briefing()
    debrief: tuple[Text, ...] = ()

    @property
    def claim(self) -> str:
        """The hypothesis in words."""
        return self.hypothesis if isinstance(self.hypothesis, str) else self.hypothesis.says
