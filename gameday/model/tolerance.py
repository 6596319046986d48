"""An impact tolerance: the most disruption of an important business service that is still tolerable (D3-D9)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, WithJsonSchema, field_serializer, field_validator, model_validator

from gameday.model.types import Duration, Id, Strict, Text, parse_duration, write_duration

Metric = Literal[
    "duration", "deadline", "failed_transactions", "customers", "value", "data_loss_time", "data_integrity"
]
TIME_METRICS = frozenset({"duration", "deadline", "data_loss_time"})


class Measure(Strict):
    """Which signals measure the tolerance, and on what basis (census: every request is counted)."""

    attempts: Id | None = None
    failures: Id | None = None
    basis: Literal["census", "sample", "probe"] = "census"
    backlog: Id | None = None


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
    """When demand is highest, and how high, in attempts a minute (SYSC 15A.2.8G)."""

    when: Text
    per_minute: Annotated[float, Field(gt=0)]


class Approval(Strict):
    """Who approved this tolerance, and when."""

    by: Text
    on: date


class ServiceHours(Strict):
    """Hours in which the service is promised (D16)."""

    hours: str | None = None
    days: str | None = None
    deadline: str | None = None
    tz: Text


class Tolerance(Strict):
    """One impact tolerance. ``limit`` is milliseconds for time metrics, a count or amount otherwise."""

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
    calendar: Literal["always"] | ServiceHours = "always"
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
        if self.metric == "duration" and self.counts_as_disrupted is None:
            raise ValueError(
                "counts_as_disrupted has no default; write [down] or [down, degraded] (a degraded service may harm too)"
            )
        return self

    @property
    def disrupted(self) -> frozenset[str]:
        """The disrupted set C (D4); failed transactions count what is down or degraded unless it says otherwise."""
        return frozenset(self.counts_as_disrupted or ("down", "degraded"))

    def limit_text(self) -> str:
        """The limit as a person writes it."""
        return write_duration(int(self.limit)) if self.metric in TIME_METRICS else f"{self.limit:g}"
