"""An impact tolerance: the most disruption of an important business service that is still tolerable (D3-D9)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, WithJsonSchema, field_serializer, field_validator, model_validator

from gameday.model.calendar import Calendar, ServiceHours
from gameday.model.measure import TIME_METRICS, Measure, Metric, pair
from gameday.model.types import Duration, Id, Strict, Text, parse_duration, write_duration

_STATED = frozenset({"duration", "deadline"})


class Thresholds(Strict):
    """Fractions of good attempts: a bucket is up at ``up`` or more, down below ``down`` (D3)."""

    up: Annotated[float, Field(gt=0, le=1)] = 0.99
    down: Annotated[float, Field(ge=0, lt=1)] = 0.5

    @model_validator(mode="after")
    def _ordered(self) -> Thresholds:
        if self.down > self.up:
            raise ValueError("thresholds.down is above thresholds.up; write down: 0.50 and up: 0.99, for example")
        return self


class Peak(Strict):
    """When demand is highest, and how high: attempts a minute, or amounts of a value (SYSC 15A.2.8G)."""

    when: Text
    per_minute: Annotated[float, Field(gt=0)]


class Approval(Strict):
    """Who approved this tolerance, and when."""

    by: Text
    on: date


class Tolerance(Strict):
    """One impact tolerance. ``limit`` is milliseconds for time metrics (of a deadline: how late is still tolerable), a
    count otherwise, and minor units of ``measure.currency`` for a value."""

    id: Id
    authority: Literal["fca", "pra", "dora", "internal"]
    metric: Metric
    limit: Annotated[
        int | float,
        Field(ge=0),
        WithJsonSchema({"type": ["string", "number"], "examples": ["30m", 4500]}),
    ]
    comparator: Literal["<=", "<"] = "<="
    measure: Measure = Measure()
    thresholds: Thresholds = Thresholds()
    counts_as_disrupted: Annotated[tuple[Literal["down", "degraded"], ...], Field(min_length=1)] | None = None
    mode: Literal["longest_episode", "cumulative", "total_span"] = "longest_episode"
    period: Duration | None = None
    hold: Duration = 300_000
    end: Literal["service_restored", "backlog_cleared"] = "service_restored"
    calendar: Calendar = "always"
    harm: Literal["consumer", "market", "firm", "policyholder"] | None = None
    rationale: Text | None = None
    evidence: tuple[Text, ...] = ()
    peak: Peak | None = None
    approved: Approval | None = None
    reviewed: date | None = None
    min_coverage: Annotated[float, Field(gt=0, le=1)] = 0.95
    max_gap: Duration | None = None

    @field_validator("limit", mode="before")
    @classmethod
    def _limit_fits_metric(cls, value: Any, info: ValidationInfo) -> Any:
        timed = info.data.get("metric") in TIME_METRICS
        if timed == isinstance(value, str):
            return parse_duration(value) if timed else value
        raise ValueError(f"{value!r} does not fit the metric; write {'30m, for example' if timed else 'a number'}")

    @field_serializer("limit")
    def _write_limit(self, limit: int | float) -> str | int | float:
        return write_duration(int(limit)) if self.metric in TIME_METRICS else limit

    @model_validator(mode="after")
    def _whole(self) -> Tolerance:
        if self.mode == "cumulative" and self.period is None:
            raise ValueError("mode cumulative needs a period; write for example period: 24h")
        if self.metric in _STATED and self.counts_as_disrupted is None:
            raise ValueError(
                "counts_as_disrupted has no default; write [down] or [down, degraded] (a degraded service may harm too)"
            )
        self._calendar_fits()
        if misfits := self.measure.misfits(self.metric):
            raise ValueError(f"measure.{misfits[0]} says nothing of the metric {self.metric}; remove it")
        if self.metric == "value" and self.measure.failed_value and not self.measure.currency:
            raise ValueError("a value needs its currency; write measure: {..., currency: GBP} (amounts are in pence)")
        return self

    def _calendar_fits(self) -> None:
        told = self.calendar if isinstance(self.calendar, ServiceHours) else None
        due = told is not None and told.deadline is not None
        if due != (self.metric == "deadline"):
            raise ValueError(
                'metric deadline and calendar.deadline belong together; write calendar: {deadline: "18:00", tz: ...}'
            )
        if told is not None and told.hours and self.metric != "duration":
            raise ValueError(f"service hours shorten a duration, not {self.metric}; write calendar: always")

    @property
    def disrupted(self) -> frozenset[str]:
        """The disrupted set C (D4): what is down or degraded, unless it says otherwise."""
        return frozenset(self.counts_as_disrupted or ("down", "degraded"))

    @property
    def signals(self) -> tuple[str, ...]:
        """Every observer that measures it."""
        return tuple(name for _, name in self.measure.observers())

    @property
    def pair(self) -> tuple[str | None, str | None]:
        """The signals of what was tried and of what failed; one may stand for both."""
        return pair(self.metric, self.measure)

    def limit_text(self) -> str:
        """The limit as a person says it."""
        if isinstance(self.calendar, ServiceHours) and self.calendar.deadline:
            late = f" and {write_duration(int(self.limit))}" if self.limit else ""
            return f"{self.calendar.deadline} {self.calendar.tz}{late}"
        if self.metric == "value" and self.measure.currency:
            return f"{self.limit:g} minor units of {self.measure.currency}"
        return write_duration(int(self.limit)) if self.metric in TIME_METRICS else f"{self.limit:g}"
