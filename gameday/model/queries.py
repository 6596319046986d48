"""What each source of an observer is asked: one strict model a source."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from gameday.model.activity import Module, Name, Secrets
from gameday.model.types import Duration, Reference, Strict, Text, Tree

Statistic = Literal[
    "total", "ok", "errors", "throttles", "faults", "fault_rate", "p50_ms", "p90_ms", "p95_ms", "p99_ms"
]
"""What is counted of a node or an edge; ``errors`` are 4xx without throttles, ``faults`` 5xx (X-Ray API reference)."""


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


class ServiceQuery(Strict):
    """A node of the X-Ray service graph, by the name that its segments carry."""

    service: Text
    value: Statistic = "faults"
    type: Text | None = None


class EdgeQuery(Strict):
    """An edge of the X-Ray service graph: what ``from`` met when it called ``to``."""

    source: Annotated[Text, Field(alias="from")]
    target: Annotated[Text, Field(alias="to")]
    value: Statistic = "faults"


class TracesQuery(Strict):
    """How many traces match an X-Ray filter expression."""

    filter: Text


def _web(url: str | Reference) -> str | Reference:
    """A literal URL is in the plan for everybody to read, so it holds no password."""
    if isinstance(url, str):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("this is no http or https URL; write one like https://prometheus.example")
        if "@" in parts.netloc:
            raise ValueError("a URL in a file holds no user and password; write {env: NAME} or {file: PATH}")
    return url


_ZERO_FOR_NO_DATA = frozenset({"get_metric_statistics", "get_metric_data"})  # facts: chaostoolkit, 2.2


class PrometheusQuery(Strict):
    """A PromQL expression that gives one series, evaluated at the end of each bucket: for a count write
    ``sum(increase(x[PERIOD]))``. ``url`` is the server's, or a reference to it; ``token`` a reference to a bearer
    token."""

    query: Text
    url: Annotated[Text | Reference, AfterValidator(_web)]
    token: Reference | None = None


class ProbeQuery(Strict):
    """One HTTP request a period: 1 = answered as expected in time, 0 = not. ``within`` is scenario time. A redirect is
    an answer like any other, and is not followed."""

    url: Annotated[Text, AfterValidator(_web)]
    method: Literal["GET", "HEAD"] = "GET"
    status: tuple[Annotated[int, Field(ge=100, le=599)], ...] = (200,)
    contains: Text | None = None
    within: Annotated[Duration, Field(gt=0)] = 2_000


class LogsQuery(Strict):
    """How many log events match a CloudWatch Logs Insights filter, a period. A period without a match has no
    datapoint, unless ``otherwise`` says what it counts as (0, where the groups are never silent while all is well)."""

    groups: Annotated[tuple[Text, ...], Field(min_length=1, max_length=50)]
    filter: Text
    otherwise: float | None = None


class SloQuery(Strict):
    """The error budget of a CloudWatch Application Signals SLO, by name or ARN: attainment in percent, or what remains
    of the budget, in seconds or requests."""

    slo: Text
    value: Literal["attainment", "budget_remaining"] = "budget_remaining"


class ProviderQuery(Strict):
    """A Chaos Toolkit probe: a Python function that returns a number, a boolean or a mapping. ``value`` is the way to
    the number in a mapping or a list: keys and positions, with dots. Secrets are references: ``{env: NAME}``."""

    type: Literal["python"] = "python"
    module: Module
    func: Name
    arguments: Tree = {}
    configuration: Tree = {}
    secrets: Secrets = {}
    value: Text | None = None
    within: Duration = 10_000

    @model_validator(mode="after")
    def _knows_no_data(self) -> ProviderQuery:
        if self.module == "chaosaws.cloudwatch.probes" and self.func in _ZERO_FOR_NO_DATA:
            what = f"{self.func} answers 0 where CloudWatch has no data"
            raise ValueError(f"{what}; write source: cloudwatch.metric")
        return self


QUERIES: dict[str, type[Strict]] = {
    "cloudwatch.metric": MetricQuery,
    "cloudwatch.expression": ExpressionQuery,
    "cloudwatch.alarm": AlarmQuery,
    "aws.state": StateQuery,
    "xray.service": ServiceQuery,
    "xray.edge": EdgeQuery,
    "xray.traces": TracesQuery,
    "prometheus": PrometheusQuery,
    "http.probe": ProbeQuery,
    "logs.count": LogsQuery,
    "slo.budget": SloQuery,
    "chaostoolkit.probe": ProviderQuery,
}
OURS = frozenset(source.partition(".")[0] for source in QUERIES)
"""The first parts of names that no plug-in takes, so that a misspelt source of ours is never taken for a plug-in's."""
PLUGGED = re.compile(r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+")


def dotted(source: str) -> bool:
    """Whether this can be the name of a plug-in's source: dotted, and not in a namespace of ours."""
    return bool(PLUGGED.fullmatch(source)) and source.partition(".")[0] not in OURS


def _known(source: str) -> str:
    if source not in QUERIES and not dotted(source):
        near = get_close_matches(source, QUERIES, 1, cutoff=0.5) or QUERIES
        raise ValueError(f"{source!r} is no source; write {' | '.join(near)}")
    return source


AnySource = Annotated[
    str,
    AfterValidator(_known),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": list(QUERIES)},
                {"type": "string", "pattern": rf"^(?!({'|'.join(sorted(OURS))})\.){PLUGGED.pattern}$"},
            ]
        }
    ),
]
"""A source of ours, or what may be a plug-in's: ``lint`` asks those that are installed."""
