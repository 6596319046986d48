"""What measures a tolerance: the signals it needs, by metric, and on what basis they count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gameday.model.types import Duration, Id, Strict

Metric = Literal[
    "duration", "deadline", "failed_transactions", "customers", "value", "data_loss_time", "data_integrity"
]
TIME_METRICS = frozenset({"duration", "deadline", "data_loss_time"})
Moment = Literal["recovery", "end"]
"""When a canary ledger is read back: when the response has brought the service back, and before the run ends."""
LEDGER_METRICS = frozenset({"data_loss_time", "data_integrity"})
GUARDED = frozenset({"duration", "failed_transactions", "value"})  # of which it is known how much is used up so far
_COUNTED = frozenset({"attempts", "failures", "basis", "backlog"})
_LEDGER = frozenset({"ledger", "interval"})
FITS: dict[str, frozenset[str]] = {
    "duration": _COUNTED | {"probe"},
    "deadline": _COUNTED | {"probe"},
    "failed_transactions": _COUNTED,
    "customers": frozenset({"attempts", "failures", "basis", "customers", "distinct", "rate", "sampled_by", "total",
                            "segments"}),
    "value": frozenset({"attempted_value", "failed_value", "currency"}),
    "data_loss_time": _LEDGER,
    "data_integrity": _LEDGER,
}  # fmt: skip
_PAIRS = (("attempted_value", "failed_value"),)


class Measure(Strict):
    """Which signals measure the tolerance, and on what basis (census: every request is counted).

    ``probe``: a signal that is 1 where a probe succeeded and 0 where it failed (D20). ``attempted_value`` and
    ``failed_value``: in minor units of ``currency``. ``customers``: distinct customers who met a failure and no success
    within the retry grace; ``distinct`` says whether each is counted once in all (``first_seen``) or once in each
    bucket; ``rate`` is the share of customers looked at, ``sampled_by`` what they were drawn by (D18), ``total`` how
    many there are, ``segments`` the same signal for vulnerable customers and the like. ``ledger``: the resource whose
    canary ledger is reconciled (D19), ``interval`` how far apart its canaries are.
    """

    attempts: Id | None = None
    failures: Id | None = None
    basis: Literal["census", "sample", "probe"] = "census"
    backlog: Id | None = None
    probe: Id | None = None
    attempted_value: Id | None = None
    failed_value: Id | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    customers: Id | None = None
    distinct: Literal["bucket", "first_seen"] = "bucket"
    rate: Annotated[float, Field(gt=0, le=1)] = 1.0
    sampled_by: Literal["customer", "request"] | None = None
    total: Annotated[int, Field(gt=0)] | None = None
    segments: dict[Id, Id] = {}
    ledger: Id | None = None
    interval: Duration | None = None

    @model_validator(mode="after")
    def _whole(self) -> Measure:
        if self.probe and (self.attempts or self.failures):
            raise ValueError("probe stands for attempts and failures; write one or the other")
        for first, second in _PAIRS:
            if bool(getattr(self, first)) != bool(getattr(self, second)):
                raise ValueError(f"{first} and {second} belong together; write both")
        if self.rate < 1 and self.sampled_by is None:
            raise ValueError(
                "a rate below 1 needs sampled_by; write sampled_by: customer (a hash of the customer's id)"
            )
        if self.segments and not self.customers:
            raise ValueError("segments divide customers; write customers: OBSERVER as well")
        return self

    def observers(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Each observer that is named, with the key that names it."""
        for key in ("attempts", "failures", "backlog", "probe", "attempted_value", "failed_value", "customers"):
            if name := getattr(self, key):
                yield (key,), name
        for segment, name in self.segments.items():
            yield ("segments", segment), name

    def misfits(self, metric: str) -> list[str]:
        """Keys that were given and say nothing of this metric."""
        fields = type(self).model_fields  # a plan writes every key out, so that only what differs was given
        return sorted(k for k, f in fields.items() if k not in FITS[metric] and getattr(self, k) != f.default)


def pair(metric: str, measure: Measure) -> tuple[str | None, str | None]:
    """The two signals that tell whether the service was disrupted: what was tried, and what failed of it. One signal
    may stand for both; (None, None) where nothing was named, and for what a ledger measures."""
    if metric in LEDGER_METRICS or (metric == "customers" and not measure.customers):
        return None, None
    if metric == "value":
        return measure.attempted_value, measure.failed_value
    if measure.probe:
        return measure.probe, measure.probe
    if metric == "customers" and not (measure.attempts and measure.failures):
        return measure.customers, measure.customers
    return measure.attempts, measure.failures
