"""The rules of ``lint`` for people: branches that lead somewhere, injects that take something away, and the roster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gameday.model.content import Loaded, SourceFile
from gameday.model.injects import AccessInject, ChannelInject, HumanInject, SupplierInject
from gameday.model.review import Review
from gameday.model.roster import Roster
from gameday.model.scenario import ExpectStep, QuestionStep, RoleExpectation, Scenario, Step, TaskStep, step_id
from gameday.model.service import Service
from gameday.model.step import StepBase
from gameday.model.yaml import Path_

STAFF = ("facilitator", "safety-officer", "scribe", "evaluator", "approver")


def review_branches(review: Review, scenario: Scenario, file: SourceFile) -> None:
    """Each branch leads to a step that is there, that begins in no other way, and not back to itself."""
    ids = [step_id(step, i) for i, step in enumerate(scenario.timeline)]
    steps = dict(zip(ids, scenario.timeline, strict=True))
    for i, step in enumerate(scenario.timeline):
        for score, name in step.on.items():
            at: Path_ = ("timeline", i, "on", score)
            if review.known("step", name, ids, file, at) and steps[name].at is not None:
                what = f"{name!r} begins through a branch and at a time"
                review.error("START_UNCLEAR", what, f"no at: of {name}, or no branch to it", file, at)
        if step.on and not _ends_well_or_badly(step):
            what = "a branch from a step of which nothing is expected is never decided"
            review.error("BRANCH_UNDECIDED", what, "expect: {does: answer}", file, ("timeline", i, "on"))
    graph = {ident: (*step.predecessors, *_leads_here(ident, steps)) for ident, step in steps.items()}
    if any(step.on for step in scenario.timeline):
        places: dict[str, Path_] = {ident: ("timeline", i) for i, ident in enumerate(ids)}
        review.acyclic(graph, places, file)


def _leads_here(ident: str, steps: dict[str, Step]) -> Iterator[str]:
    return (name for name, step in steps.items() if ident in step.on.values())


def _ends_well_or_badly(step: StepBase) -> bool:
    return isinstance(step, ExpectStep | TaskStep | QuestionStep) or getattr(step, "expect", None) is not None


def review_taken(review: Review, service: Service | None, scenario: Scenario, file: SourceFile) -> None:
    """What an inject takes away is there: a third party, a step that gives back an access, a channel."""
    ids = [step_id(step, i) for i, step in enumerate(scenario.timeline)]
    for i, step in enumerate(scenario.timeline):
        if isinstance(step, SupplierInject) and service is not None:
            third = {party.id for party in service.resources.third_parties if hasattr(party, "id")}
            review.known("role", step.who, third | set(scenario.roles), file, ("timeline", i, "who"))
        elif isinstance(step, AccessInject) and step.restored_by is not None:
            review.known("step", step.restored_by, ids, file, ("timeline", i, "restored_by"))
        elif isinstance(step, ChannelInject):
            review.known("channel", step.channel, _channels(review, service), file, ("timeline", i, "channel"))


def _channels(review: Review, service: Service | None) -> set[str]:
    """Those of gameday.yaml, those by which people are reached, and the terminal."""
    named = set(review.content.workspace.model.channels) if review.content.workspace else set()
    reached = {person.reach for person in service.resources.people if person.reach} if service else set()
    return {"terminal", *named, *reached}


def review_roster(review: Review, roster: Loaded[Roster]) -> None:
    """Every role of the days it is for is held; nobody evaluates what they play; nobody approves what they lead, where
    it is production."""
    model, file = roster.model, roster.file
    for i, ident in enumerate(model.scenarios):
        review.known("scenario", ident, review.content.scenarios, file, ("scenarios", i))
    for ident, scenario in review.content.scenarios.items():
        if model.scenarios and ident not in model.scenarios:
            continue
        for role in _asked(scenario.model):
            if role not in model.roles:
                what = f"nobody holds the role {role!r} of {ident}"
                review.warn("ROLE_UNHELD", what, f"{role}: {{who: NAME}}", file, ("roles",))
        _evaluators(review, model, scenario.model, file)
    _approver(review, model, file)


def _asked(scenario: Scenario) -> Sequence[str]:
    named = (*scenario.roles, *(role for step in scenario.timeline if (role := player_of(step))))
    return tuple(dict.fromkeys(named))


def player_of(step: Step) -> str | None:
    """The role that has to do something in this step."""
    if isinstance(step, ExpectStep):
        return step.expect.role if isinstance(step.expect, RoleExpectation) else None
    if isinstance(step, TaskStep):
        return step.by
    return step.to if isinstance(step, HumanInject | QuestionStep) else None


def _evaluators(review: Review, roster: Roster, scenario: Scenario, file: SourceFile) -> None:
    told = set[tuple[str, str]]()
    for step in scenario.timeline:
        player, evaluator = player_of(step), step.evaluator or "evaluator"
        held = roster.roles.get(player or ""), roster.roles.get(evaluator)
        if held[0] is None or held[1] is None or player is None or (player, evaluator) in told:
            continue
        if set(held[0].people) & set(held[1].people):
            told.add((player, evaluator))
            what = f"the same person is {evaluator} and {player} in {scenario.id}"
            review.error(
                "EVALUATOR_PLAYS", what, "somebody who does not play what they score", file, ("roles", evaluator)
            )


def _approver(review: Review, roster: Roster, file: SourceFile) -> None:
    workspace = review.content.workspace
    production = workspace is not None and any(e.production for e in workspace.model.environments.values())
    both = roster.roles.get("facilitator"), roster.roles.get("approver")
    if production and both[0] and both[1] and set(both[0].people) & set(both[1].people):
        what = "the same person leads the day and approves it, and there is a production environment"
        review.error("FACILITATOR_APPROVES", what, "another approver", file, ("roles", "approver"))
