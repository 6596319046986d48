"""What the files of lessons and rules refer to: each name that is used exists."""

from __future__ import annotations

from gameday.model.action import Action
from gameday.model.content import Loaded
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
    for action in review.content.actions.values():
        _closing(review, action)


def _closing(review: Review, action: Loaded[Action]) -> None:
    """An action whose closing test names nothing that exists could never be closed by a run."""
    test = action.model.closes_with
    if test is None or not review.known(
        "scenario", test.scenario, review.content.scenarios, action.file, ("closes_with", "scenario")
    ):
        return
    scenario = review.content.scenarios[test.scenario].model
    service = review.content.services.get(scenario.service)
    steps = [step.id for step in scenario.timeline if step.id]
    if test.expectation and len(steps) == len(scenario.timeline):  # a step without an id gets one from the plan
        review.known("step", test.expectation, steps, action.file, ("closes_with", "expectation"))
    if test.tolerance and service:
        tolerances = [tolerance.id for tolerance in service.model.tolerances]
        review.known("tolerance", test.tolerance, tolerances, action.file, ("closes_with", "tolerance"))


def _ids(service: Service) -> list[str]:
    """Of everything on the map."""
    resources = service.resources
    lists = (resources.people, resources.processes, resources.technology, resources.facilities, resources.information)
    held = [item for items in (*lists, resources.third_parties) if isinstance(items, tuple) for item in items]
    return [str(item.id) for item in held]
