"""What every step of a timeline has: when it starts, what it waits for, what is expected, and where it leads."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from gameday.model.types import Duration, Id, Strict, Text

Score = Literal["performed", "performed_with_challenges", "major_challenges", "unable"]
"""How an expected reaction was performed: the ratings P, S, M and U of HSEEP's exercise evaluation guides."""
Mark = Literal[
    "detected", "declared", "roles_filled", "communicated", "diagnosed", "mitigation_started", "mitigated", "all_clear"
]
"""What a person says has happened now; a response clock is read from it."""


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
    facilitator: Text | None = None  # what only those who run the day see
    evaluator: Id | None = None  # who scores it; else whoever evaluates
    marks: Mark | None = None  # what it shows to have happened when it is met or done
    on: dict[Score, Id] = {}  # the step that begins when this one was performed so
    at: Duration | None = None
    after: Annotated[tuple[Id, ...], Field(min_length=1)] | Id | None = None
    when: Condition | None = None
    on_timeout: Literal["skip", "fail", "run"] = "skip"

    @property
    def predecessors(self) -> tuple[str, ...]:
        """Ids named by ``after``."""
        return (self.after,) if isinstance(self.after, str) else (self.after or ())


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


def has(value: Any, key: str) -> bool:
    """Whether a value that is to become a model, or is one, says this key."""
    return key in value if isinstance(value, dict) else hasattr(value, key)


def _expectation_tag(value: Any) -> str | None:
    keys = {"alarm": "alarm", "signal": "signal", "role": "does"}
    return next((name for name, key in keys.items() if has(value, key)), None)


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
