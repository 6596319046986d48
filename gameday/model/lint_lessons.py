"""What the files of lessons and rules refer to: each name that is used exists."""

from __future__ import annotations

from gameday.model.review import Review
from gameday.model.service import Service


def review_lessons(review: Review) -> None:
    """What a scenario plays the failure of, and the services of waivers."""
    for scenario in review.content.scenarios.values():
        service = review.content.services.get(scenario.model.service)
        ids = _ids(service.model) if service else scenario.model.simulates
        for i, name in enumerate(scenario.model.simulates):
            review.known("resource", name, ids, scenario.file, ("simulates", i))
    for waiver in review.content.waivers.values():
        if waiver.model.service:
            review.known("service", waiver.model.service, review.content.services, waiver.file, ("service",))


def _ids(service: Service) -> list[str]:
    """Of everything on the map."""
    resources = service.resources
    lists = (resources.people, resources.processes, resources.technology, resources.facilities, resources.information)
    held = [item for items in (*lists, resources.third_parties) if isinstance(items, tuple) for item in items]
    return [str(item.id) for item in held]
