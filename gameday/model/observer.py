"""An observer file: one signal, no thresholds (tolerances own those)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from gameday.model.types import Duration, Id, Strict, Text

Source = Literal["cloudwatch.metric", "cloudwatch.expression", "cloudwatch.alarm", "aws.state"]


class MetricQuery(Strict):
    """A CloudWatch metric; ``statistic`` is any that CloudWatch knows (Sum, Average, p99, tm90 ...)."""

    namespace: Text
    metric: Text
    dimensions: dict[str, str] = {}
    statistic: Text = "Sum"


class ExpressionQuery(Strict):
    """CloudWatch metric math over named metrics."""

    expression: Text
    metrics: dict[Annotated[str, Field(pattern=r"^[a-z][a-zA-Z0-9_]*$")], MetricQuery]


class AlarmQuery(Strict):
    """A CloudWatch alarm by name; 1 = ALARM, 0 = OK, missing = INSUFFICIENT_DATA."""

    alarm: Text


class StateQuery(Strict):
    """The state of an AWS resource: 1 = in service, 0 = not."""

    type: Text
    id: Text


QUERIES: dict[str, type[Strict]] = {
    "cloudwatch.metric": MetricQuery,
    "cloudwatch.expression": ExpressionQuery,
    "cloudwatch.alarm": AlarmQuery,
    "aws.state": StateQuery,
}


class Observer(Strict):
    """An observer file. ``period`` and ``settles`` are milliseconds; younger datapoints may still change."""

    kind: Literal["observer"]
    id: Id
    source: Source
    means: Text
    unit: Text = "count"
    better: Literal["lower", "higher", "neither"] = "neither"
    query: dict[str, Any]
    period: Duration = 60_000
    settles: Duration = 60_000

    @model_validator(mode="after")
    def _query_fits_source(self) -> Observer:
        try:
            QUERIES[self.source].model_validate(self.query)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in ("query", *first["loc"]))
            keys = ", ".join(QUERIES[self.source].model_fields)
            raise ValueError(f"{where}: {first['msg']}; write a query for {self.source} with {keys}") from None
        return self
