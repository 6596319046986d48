"""roster.yaml: who holds which role today, and how they are reached.

Names stand here and nowhere else: never in a plan, a journal, a report, a packet or a log. The file is never sealed,
and nothing of it enters a digest.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gameday.model.types import Id, Strict, Text


class Holder(Strict):
    """A person. ``contacts`` are by channel: ``pager: +44 ...``."""

    who: Text
    contacts: dict[Id, Text] = {}


class Held(Holder):
    """Who holds a role today, and who stands in for them."""

    deputy: Holder | None = None

    @property
    def people(self) -> tuple[str, ...]:
        """The names of all who may act in it."""
        return (self.who, *((self.deputy.who,) if self.deputy else ()))


class Roster(Strict):
    """roster.yaml, beside gameday.yaml. ``scenarios``: the days it is for; none: all."""

    kind: Literal["roster"]
    scenarios: tuple[Id, ...] = ()
    roles: Annotated[dict[Id, Held], Field(min_length=1)]
