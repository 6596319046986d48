"""Clauses of regulators as data: what they say in short, where that was taken from, and who has checked it when."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from gameday.model.types import Id, Strict, Text


class Clause(Strict):
    """One clause, and what of a run supports it. ``by``: A automatic, P prepared for people to complete, H people only.
    ``section``: of the nine things of SYSC 15A.6.1R."""

    id: Text
    authority: Literal["fca", "pra", "dora"]
    reference: Text
    says: Text
    supported_by: Text
    by: Literal["A", "P", "H"]
    does_not_show: Text
    text: Literal["primary", "secondary", "memory"]
    source: Text
    section: Annotated[int, Field(ge=1, le=9)] | None = None
    checked_on: date | None = None
    checked_by: Text | None = None

    @property
    def checked(self) -> bool:
        """Whether somebody has held it against the official text and says so."""
        return self.checked_on is not None and self.checked_by is not None


class Clauses(Strict):
    """The clauses that ship."""

    kind: Literal["clauses"]
    clauses: tuple[Clause, ...]


class Check(Strict):
    """Somebody held a clause against the official text, which stands at ``source``."""

    id: Text
    checked_on: date
    checked_by: Id
    source: Text


class ClauseChecks(Strict):
    """clauses.yaml in the workspace."""

    kind: Literal["clause-checks"]
    checks: tuple[Check, ...] = ()
