"""A workload, for rehearsal: small processes that serve, carry load and really break."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from gameday.model.types import Duration, Id, Strict, Text

PieceType = Literal["edge", "function", "instance", "table", "queue", "external", "stream", "database", "task"]
Zone = Literal["a", "b", "c"]
ABROAD = ("function", "table", "queue")  # what may be made in another Region


class Load(Strict):
    """Open-loop load: arrivals a scenario minute, from a seeded generator. ``canaries`` are calls a minute that go
    straight to a piece and are no customer's: they keep a standby warm and make its own metrics speak. ``ledgers`` are
    tables that take a canary write every so often and acknowledge it, so that lost data is seen (D19)."""

    source: Annotated[Id, Field(alias="from")]
    per_minute: Annotated[float, Field(gt=0, le=100_000)]
    shape: Literal["steady", "pay-day"] = "steady"
    seed: int = 1
    canaries: dict[Id, Annotated[float, Field(gt=0, le=1_000)]] = {}
    ledgers: dict[Id, Duration] = {}


class Piece(Strict):
    """One process. ``calls`` are the pieces it calls for each request, in turn; ``timeout`` is how long its callers
    wait for it; ``weights`` by route, 0 where none is given, all to the first route where there are none at all.

    A ``queue`` or ``stream`` hands on to its ``consumer``; a ``table`` copies its writes to its
    ``replica``, from which its ledger is read back; a ``task``
    that is stopped is started again by its service after ``restart``; a ``database`` refuses for ``failover`` when its
    writer moves; ``subnet`` is one of the workload's; ``region`` where its resource is
    made, unless it is the rehearsal's."""

    type: PieceType
    record: Text | None = None
    routes: dict[Id, Id] = {}
    weights: dict[Id, Annotated[int, Field(ge=0, le=255)]] = {}
    calls: tuple[Id, ...] = ()
    latency: Duration = 5
    timeout: Duration = 10_000
    publishes: tuple[Literal["attempts", "failures", "latency"], ...] = ()
    consumer: Id | None = None
    replica: Id | None = None
    restart: Duration = 30_000
    failover: Duration = 60_000
    subnet: Id | None = None
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] | None = None

    @model_validator(mode="after")
    def _elsewhere(self) -> Self:
        if self.region and self.type not in ABROAD:
            raise ValueError(f"a piece of type {self.type} has no region of its own; {', '.join(ABROAD)} have")
        return self


class Alarm(Strict):
    """A CloudWatch alarm that the workload sets up; keys are those of PutMetricAlarm."""

    name: Text
    settings: dict[str, Any]


class Workload(Strict):
    """workload.yaml. ``publish`` is the resolution of the metrics that the pieces publish; what customers meet is
    published in ``namespace`` as Attempts, Failures and Latency with the dimension Api = ``api``. ``subnets`` says in
    which availability zone each is."""

    kind: Literal["workload"]
    service: Id
    load: Load
    pieces: Annotated[dict[Id, Piece], Field(min_length=1)]
    publish: Duration = 20_000
    namespace: Text = "OpenBanking"
    api: Text = "payments"
    alarms: tuple[Alarm, ...] = ()
    subnets: dict[Id, Zone] = {}

    @model_validator(mode="after")
    def _in_subnets(self) -> Self:
        for ident, piece in self.pieces.items():
            if piece.subnet is not None and piece.subnet not in self.subnets:
                raise ValueError(f"{ident} is in subnet {piece.subnet!r}; write subnets: {{{piece.subnet}: a}}")
        return self
