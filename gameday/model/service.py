"""An important business service and everything it stands on: people, processes, technology, facilities,
information, third parties (SYSC 15A.4.1R)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from gameday.model.tolerance import Tolerance
from gameday.model.types import Id, Strict, Text


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


class Technology(Strict):
    """A technology resource, named by ARN, by name or by tags. ``type`` is the AWS target type."""

    id: Id
    type: Annotated[str, Field(pattern=r"^[a-z0-9-]+(:[a-z0-9-]+){1,2}$")]
    title: Text | None = None
    arn: Text | None = None
    name: Text | None = None
    tags: dict[str, str] = {}
    needs: tuple[Id, ...] = ()
    rto: Text | None = None


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


class Service(Strict):
    """service.yaml."""

    kind: Literal["service"]
    id: Id
    title: Text
    owner: Text | None = None
    users: tuple[Text, ...] = ()
    reviewed: date | None = None
    tolerances: tuple[Tolerance, ...] = ()
    resources: Resources = Resources()

    def technology(self, ident: str) -> Technology | None:
        """The technology resource of this id."""
        return next((t for t in self.resources.technology if t.id == ident), None)

    def person(self, ident: str) -> Person | None:
        """The role of this id."""
        return next((p for p in self.resources.people if p.id == ident), None)
