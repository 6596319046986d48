"""The map of a service as a plan holds it: what needs what, and by which names a trace may show it."""

from __future__ import annotations

import re

from gameday.model.service import Service, Technology
from gameday.plan import Mapped


def plan_map(service: Service) -> tuple[Mapped, ...]:
    """Technology with what it needs, and the third parties that it may call; what those stand on is out of sight."""
    technology = [Mapped(id=t.id, names=_names(t), needs=t.needs) for t in service.resources.technology]
    return (*technology, *(Mapped(id=party.id) for party in service.resources.third_parties))


def _names(technology: Technology) -> tuple[str, ...]:
    """Its name, and the last part of its ARN, which is what X-Ray calls it."""
    last = re.split("[:/]", technology.arn)[-1] if technology.arn else None
    return tuple(dict.fromkeys(name for name in (technology.name, last) if name and name != technology.id))
