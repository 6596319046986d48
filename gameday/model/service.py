"""An important business service and everything it stands on: people, processes, technology, facilities,
information, third parties (SYSC 15A.4.1R)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gameday.model.measure import Measure
from gameday.model.tolerance import Tolerance
from gameday.model.types import Adverse, Duration, Id, Strict, Text, write_duration


class Person(Strict):
    """A role that the service needs, never a name: names are in roster.yaml alone."""

    id: Id
    title: Text
    needs: Annotated[int, Field(ge=0)] = 1
    deputy: Id | None = None
    reach: Text | None = None


class Process(Strict):
    """Something people do, with a runbook or at least a title."""

    id: Id
    title: Text | None = None
    runbook: Id | None = None
    by: Id | None = None
    tells: tuple[Text, ...] = ()  # who learns of a disruption by it: customers, the regulator (SYSC 15A.8)


class Technology(Strict):
    """A technology resource, named by ARN, by name or by tags. ``type`` is the AWS target type. ``rto`` and ``rpo`` are
    its recovery objectives; ``measure`` names the signals that an rto is measured by. ``account`` is the name of one of
    the environment's accounts and ``region`` one of its Regions, where it is not the environment's own account and the
    account's first Region."""

    id: Id
    type: Annotated[str, Field(pattern=r"^[a-z0-9-]+(:[a-z0-9-]+){1,2}$")]
    title: Text | None = None
    arn: Text | None = None
    name: Text | None = None
    tags: dict[str, str] = {}
    account: Id | None = None
    region: Text | None = None
    needs: tuple[Id, ...] = ()
    rto: Duration | None = None
    rpo: Duration | None = None
    measure: Measure = Measure()

    @model_validator(mode="after")
    def _fits(self) -> Technology:
        if misfits := self.measure.misfits("duration"):
            raise ValueError(f"measure.{misfits[0]} says nothing of an rto; remove it")
        return self

    @property
    def in_arn(self) -> tuple[str | None, str | None]:
        """The account's id and the Region that its ARN itself says; None for each that it leaves open."""
        parts = (self.arn or "").split(":", 5)
        if len(parts) < 6:
            return None, None
        region, account = parts[3], parts[4]
        return account if account.isdigit() else None, region if region and "$" not in region else None

    def objectives(self) -> Iterator[Tolerance]:
        """Its recovery objectives as tolerances, so that they are measured alike: rto by its own signals, rpo by its
        canary ledger. They are the firm's own and no part of the verdict."""
        shared: dict[str, Any] = {"authority": "internal", "counts_as_disrupted": ("down", "degraded")}
        if self.rto is not None:
            facts = {"id": f"{self.id[:58]}-rto", "metric": "duration", "limit": write_duration(self.rto)}
            yield Tolerance.model_validate({**shared, **facts, "measure": self.measure})
        if self.rpo is not None:
            facts = {"id": f"{self.id[:58]}-rpo", "metric": "data_loss_time", "limit": write_duration(self.rpo)}
            yield Tolerance.model_validate({**shared, **facts, "measure": Measure(ledger=self.id)})


class Information(Strict):
    """Data the service cannot do without."""

    id: Id
    title: Text
    refreshed: Text | None = None


class Facility(Strict):
    """A place the service needs."""

    id: Id
    title: Text


class NoFacilities(Strict):
    """``none`` with its reason."""

    none: Text


class ThirdParty(Strict):
    """A supplier; ``needs`` names what the supplier itself stands on."""

    id: Id
    title: Text
    necessary: bool = False
    needs: tuple[Id, ...] = ()


class Resources(Strict):
    """The map of the service."""

    people: tuple[Person, ...] = ()
    processes: tuple[Process, ...] = ()
    technology: tuple[Technology, ...] = ()
    facilities: tuple[Facility, ...] | NoFacilities = ()
    information: tuple[Information, ...] = ()
    third_parties: tuple[ThirdParty, ...] = ()
    none: dict[Literal["people", "processes", "technology", "information"], Text] = {}  # a kind it needs none of: why
    reviewed: date | None = None  # None: with the service


class Change(Strict):
    """A material change: what was reviewed before it is stale."""

    on: date
    what: Text


class Service(Strict):
    """service.yaml. ``dual_regulated``: both FCA and PRA ask for tolerances. ``not_applicable``: types of adverse
    circumstance that cannot meet it, and why."""

    kind: Literal["service"]
    id: Id
    title: Text
    owner: Text | None = None
    users: tuple[Text, ...] = ()
    reviewed: date | None = None
    dual_regulated: bool = False
    changes: tuple[Change, ...] = ()
    not_applicable: dict[Adverse, Text] = {}
    tolerances: tuple[Tolerance, ...] = ()
    resources: Resources = Resources()

    def technology(self, ident: str) -> Technology | None:
        """The technology resource of this id."""
        return next((t for t in self.resources.technology if t.id == ident), None)

    def person(self, ident: str) -> Person | None:
        """The role of this id."""
        return next((p for p in self.resources.people if p.id == ident), None)
