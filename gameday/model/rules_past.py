"""L15 and L16: whether what runs found is being put right, and whether somebody else than the author approved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from gameday.model.action import Action
from gameday.model.content import Loaded
from gameday.model.rules import YEAR_DAYS, Broken, Case, Tested, rule
from gameday.model.workspace import REHEARSAL

DECIDED = ("breached", "inconclusive")


@rule("L15", "remediation-without-owner-or-date")
def remediation(case: Case) -> Iterator[Broken]:
    """SYSC 15A.6.1R(7), 5.7R; DORA Article 24(5): what failed has an owner, a day, a reason for it and a re-test."""
    actions = list(case.content.actions.values())
    for run in _latest(case.counted):
        for tolerance, verdict in run.failed.items():
            finding = f"tolerance-{verdict}:{tolerance}"
            mine = [a for a in actions if a.model.origin.finding == finding]
            if verdict in DECIDED and run.method == "live" and not mine:
                what = f"run {run.run} found tolerance {tolerance!r} {verdict}, and no action answers it"
                write = f"gameday actions add --run {run.run} --finding {finding} ..."
                yield case.on_service("L15", "E", finding, ("tolerances",), what, write)
    for action in actions:
        if _of_service(case, action.model):
            yield from _action(case, action)


def _of_service(case: Case, action: Action) -> bool:
    """Of a run of this service, or, where its folder is not here, of one of its scenarios by the run's id."""
    run = action.origin.run
    return any(t.run == run for t in case.tested) or any(run[14:].startswith(s.model.id) for s in case.scenarios)


def _latest(tested: Sequence[Tested]) -> list[Tested]:
    latest: dict[str, Tested] = {}
    for run in tested:
        latest[run.scenario] = run
    return list(latest.values())


def _action(case: Case, loaded: Loaded[Action]) -> Iterator[Broken]:
    action, service = loaded.model, case.service.model.id
    lacks = [name for name in ("because", "closes_with") if getattr(action, name) is None]
    if closed(action, case.tested) is not None:
        return
    if lacks:
        what = f"action {action.id} lacks {' and '.join(lacks)}: the reason for its date, and how it will be closed"
        write = "because: why it takes until then; closes_with: {scenario: ID, expectation: ID}"
        yield Broken("L15", "E", service, action.id, what, write, loaded.file.place(("id",)))
    if action.due < case.today:
        what = f"action {action.id} was due on {action.due}, and no valid run has closed it"
        yield Broken(
            "L15", "E", service, action.id, what, "a run that closes it, or a waiver", loaded.file.place(("due",))
        )


def closed(action: Action, tested: Sequence[Tested]) -> tuple[str, date] | None:
    """By which run and when an action was closed, or ``waiver`` and its day; None while it is open. A run closes it
    that came later, was valid (its faults were effective) and met what the action closes with; a rehearsal closes only
    what a rehearsal found."""
    if action.closed_without is not None:
        return "waiver", action.closed_without.on
    rehearsed = any(t.run == action.origin.run and t.environment == REHEARSAL for t in tested)
    able = [t for t in tested if t.valid and (rehearsed or t.environment != REHEARSAL)]
    runs = [t for t in able if t.run > action.origin.run]
    found = next((t for t in runs if _shown(action, t)), None)
    return None if found is None else (found.run, found.on)


def _shown(action: Action, run: Tested) -> bool:
    test = action.closes_with
    if test is None or run.scenario != test.scenario or run.method != "live":
        return False
    if test.expectation:
        return test.expectation in run.met
    if test.tolerance:
        return test.tolerance in run.within
    return action.origin.finding not in run.findings


@rule("L16", "approval-missing-or-self")
def approval(case: Case) -> Iterator[Broken]:
    """SYSC 15A.7.1R, SS1/21 8.1: the governing body approves; nobody approves what is his own."""
    service, workspace = case.service.model, case.content.workspace
    for i, tolerance in enumerate(service.tolerances):
        if tolerance.approved is None or tolerance.approved.by == service.owner:
            how = "is approved by the service's own owner" if tolerance.approved else "is approved by nobody"
            write = "approved: {by: board-risk-committee, on: the day}"
            at = ("tolerances", i)
            yield case.on_service("L16", "E", tolerance.id, at, f"tolerance {tolerance.id!r} {how}", write)
    given = workspace.model.self_assessment if workspace else None
    if given is None or (case.today - given.on).days > YEAR_DAYS:
        when = f"was last approved on {given.on}" if given else "was never approved by the governing body"
        place = (workspace or case.service).file.place(("self_assessment",) if given else ())
        write = "self_assessment: {by: board, on: the day} in gameday.yaml"
        yield Broken("L16", "E", service.id, "self-assessment", f"the self-assessment {when}", write, place)
    for run in case.lately()[-1:]:
        if run.go_by and run.go_by in run.approved_by:
            what = f"run {run.run} was approved by {run.go_by}, who also said go"
            yield case.on_service("L16", "E", run.run, ("id",), what, "an approval of another role; gameday approve")
