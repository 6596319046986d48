"""The rules of ``lint`` for one scenario: its timeline, people, guards and scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gameday.errors import Place, Problem
from gameday.model.content import Loaded, SourceFile
from gameday.model.injects import AccessInject
from gameday.model.lint_people import review_branches, review_taken
from gameday.model.measure import GUARDED
from gameday.model.review import Review
from gameday.model.scenario import (
    MOST_STOP_ALARMS,
    AlarmExpectation,
    AlarmGuard,
    Condition,
    ExpectStep,
    FaultStep,
    HumanInject,
    QuestionStep,
    RoleExpectation,
    Scenario,
    SignalGuard,
    Step,
    StepBase,
    TaskStep,
    ToleranceGuard,
    UnavailableInject,
    step_id,
)
from gameday.model.service import Service
from gameday.model.types import write_duration
from gameday.model.yaml import Path_

CheckFault = Callable[[Service, FaultStep], Sequence[Problem]]
_KEY = re.compile(r"^'?([\w.-]+)'?(?=: | is )")
_DAY_ROLES = {"facilitator", "safety-officer", "scribe", "evaluator"}  # they run the day; no step need address them


@dataclass
class _Case:
    """One scenario under review; ``addressed`` collects the roles that are asked something."""

    review: Review
    scenario: Scenario
    file: SourceFile
    service: Service | None
    check_fault: CheckFault
    addressed: set[str]

    def role(self, ident: str | None, at: Path_) -> None:
        """A role is a person of the service or one that the scenario names."""
        if ident is None or self.service is None:
            return
        self.addressed.add(ident)
        people = {p.id for p in self.service.resources.people}
        self.review.known("role", ident, people | set(self.scenario.roles), self.file, at)

    def condition(self, condition: Condition | None, at: Path_) -> None:
        """Its signal exists, and its limit is not beyond the day."""
        if condition:
            self.review.signal(condition.signal, self.file, (*at, "signal"))
            self.limit(condition.within, (*at, "within"))

    def limit(self, ms: int | None, at: Path_) -> None:
        """A duration that ends after the day can never be seen to be met or missed."""
        longest = self.scenario.max_duration
        if ms is not None and longest is not None and ms > longest:
            what = f"{at[-1]}: {write_duration(ms)} is longer than max_duration {write_duration(longest)}"
            self.review.error("IMPOSSIBLE_DURATION", what, f"at most {write_duration(longest)}", self.file, at)

    def error(self, code: str, message: str, write: str, at: Path_) -> None:
        """Something wrong at a key path of this scenario."""
        self.review.error(code, message, write, self.file, at)


def review_scenario(review: Review, loaded: Loaded[Scenario], check_fault: CheckFault) -> None:
    """Find what is wrong with one scenario."""
    scenario, file = loaded.model, loaded.file
    known = review.known("service", scenario.service, review.content.services, file, ("service",))
    service = review.content.services[scenario.service].model if known else None
    case = _Case(review, scenario, file, service, check_fault, set())
    for i, ident in enumerate(scenario.observe):
        review.signal(ident, file, ("observe", i))
    _order(case)
    for i, step in enumerate(scenario.timeline):
        _step(case, step, ("timeline", i))
    review_branches(review, scenario, file)
    review_taken(review, service, scenario, file)
    _guards(case)
    _scripts(case)
    _unused_roles(case)


def _order(case: _Case) -> None:
    ids = [step_id(step, i) for i, step in enumerate(case.scenario.timeline)]
    places: list[tuple[str, Path_]] = [(ident, ("timeline", i, "id")) for i, ident in enumerate(ids)]
    case.review.unique("step", places, case.file)
    for i, step in enumerate(case.scenario.timeline):
        for j, name in enumerate(step.predecessors):
            at: Path_ = ("timeline", i, "after") if isinstance(step.after, str) else ("timeline", i, "after", j)
            case.review.known("step", name, ids, case.file, at)
    graph = {ident: step.predecessors for ident, step in zip(ids, case.scenario.timeline, strict=True)}
    case.review.acyclic(graph, {ident: (*at[:2], "after") for ident, at in places}, case.file)


def _step(case: _Case, step: Step, at: Path_) -> None:
    _start(case, step, at)
    if isinstance(step, FaultStep):
        _fault(case, step, at)
    elif isinstance(step, ExpectStep):
        _expect(case, step, at)
    elif isinstance(step, HumanInject):
        _human(case, step, at)
    elif isinstance(step, UnavailableInject):
        _unavailable(case, step, at)
    elif isinstance(step, QuestionStep):
        case.role(step.to, (*at, "to"))
        case.limit(step.within, (*at, "within"))
    elif isinstance(step, AccessInject):
        case.role(step.who, (*at, "who"))
        case.limit(step.lasts, (*at, "for"))
    elif isinstance(step, TaskStep):
        case.review.runbook(step.task, case.file, (*at, "task"))
        case.role(step.by, (*at, "by"))
        case.limit(step.within, (*at, "within"))


def _start(case: _Case, step: StepBase, at: Path_) -> None:
    """``after`` or ``at`` may each go with ``when``: first the one, then wait for the other."""
    if step.at is not None and step.after is not None:
        what = "'at' and 'after' both say when this step starts"
        case.error("START_UNCLEAR", what, "one of them; either may go with when", (*at, "after"))
    longest = case.scenario.max_duration
    if step.at is not None and longest is not None and step.at >= longest:
        what = f"at: {write_duration(step.at)} is not before max_duration {write_duration(longest)}"
        case.error("IMPOSSIBLE_DURATION", what, f"less than {write_duration(longest)}", (*at, "at"))
    if step.when is None and "on_timeout" in step.model_fields_set:
        case.review.warn("UNUSED_KEY", "on_timeout without when does nothing", "when: ...", case.file,
                         (*at, "on_timeout"))  # fmt: skip
    case.condition(step.when, (*at, "when"))


def _may_be_left_out(case: _Case, step: FaultStep, at: Path_) -> None:
    """What a fault does when its ``when`` never comes is said aloud: a day must not lose a fault by a default."""
    if step.when is not None and "on_timeout" not in step.model_fields_set:
        what = "a fault that waits for 'when' does not say what to do when that never comes"
        write = (
            "on_timeout: skip (the day goes on without it), fail (the step has failed) or run (it starts all the same)"
        )
        case.error("TIMEOUT_UNCLEAR", what, write, (*at, "when"))


def _fault(case: _Case, step: FaultStep, at: Path_) -> None:
    if case.scenario.method == "tabletop":
        case.error("FAULT_IN_TABLETOP", "a tabletop breaks nothing", "method: live, or an inject", (*at, "fault"))
    _may_be_left_out(case, step, at)
    case.condition(step.effective, (*at, "effective"))
    case.condition(step.gone, (*at, "gone"))
    case.limit(step.lasts, (*at, "for"))
    if case.service is None:
        return
    _targets(case, case.service, step, at)
    for problem in case.check_fault(case.service, step):
        case.review.add([problem if problem.place else replace(problem, place=_where(case.file, at, problem.message))])


def _where(file: SourceFile, at: Path_, message: str) -> Place:
    """The place of the key that a provider's message begins with, else of the step."""
    key = _KEY.match(message)
    path: Path_ = (*at, *(int(p) if p.isdigit() else p for p in key[1].split("."))) if key else at
    return file.place(path)


def _targets(case: _Case, service: Service, step: FaultStep, at: Path_) -> None:
    targets = step.settings.get("targets")
    if not isinstance(targets, tuple):
        return  # the provider says whether it needs any, and of which shape
    if not targets:
        case.error("NO_TARGETS", "no target", "targets: [a technology resource]", (*at, "targets"))
    names = {t.id for t in service.resources.technology}
    for i, ident in enumerate(targets):
        where: Path_ = (*at, "targets", i)
        if not isinstance(ident, str) or not case.review.known("resource", ident, names, case.file, where):
            continue
        found = service.technology(ident)
        if found and not (found.arn or found.name or found.tags or step.settings.get("target_parameters")):
            what = f"resource {ident!r} has no arn, name or tags, so it stands for no target"
            case.error("NO_TARGETS", what, "name: ... or arn: ... in the service", where)


def _expect(case: _Case, step: ExpectStep, at: Path_) -> None:
    case.limit(step.within, (*at, "within"))
    if isinstance(step.expect, RoleExpectation):
        if step.expect.role is None:
            case.error("MISSING_KEY", "'expect.role' is missing", "role: WHO", (*at, "expect"))
        case.role(step.expect.role, (*at, "expect", "role"))
    elif isinstance(step.expect, AlarmExpectation):
        case.review.alarm(step.expect.alarm, case.file, (*at, "expect", "alarm"))
    else:
        case.review.signal(step.expect.signal, case.file, (*at, "expect", "signal"))


def _human(case: _Case, step: HumanInject, at: Path_) -> None:
    case.role(step.to, (*at, "to"))
    case.limit(step.within, (*at, "within"))
    if step.within is not None and step.expect is None:
        what = "within without expect limits nothing"
        case.review.warn("UNUSED_KEY", what, "expect: {does: answer}", case.file, (*at, "within"))
    if step.expect and step.expect.role not in (None, step.to):
        case.error("ROLE_MISMATCH", "somebody else is asked than is told", f"role: {step.to}", (*at, "expect", "role"))


def _unavailable(case: _Case, step: UnavailableInject, at: Path_) -> None:
    case.role(step.who, (*at, "who"))
    case.limit(step.lasts, (*at, "for"))
    person = case.service.person(step.who) if case.service else None
    if person and not person.deputy:
        what = f"{step.who!r} has no deputy, so nobody acts meanwhile"
        case.review.warn("NO_DEPUTY", what, "deputy: ROLE in the service", case.file, (*at, "who"))


def _guards(case: _Case) -> None:
    for i, guard in enumerate(case.scenario.guards):
        at: Path_ = ("guards", i)
        if isinstance(guard, SignalGuard):
            case.review.signal(guard.signal, case.file, (*at, "signal"))
            case.limit(guard.lasts, (*at, "for"))
        elif isinstance(guard, AlarmGuard):
            case.review.alarm(guard.alarm, case.file, (*at, "alarm"))
        else:
            _tolerance_guard(case, guard, at)
    _native(case)


def _native(case: _Case) -> None:
    """FIS stops its experiments by alarms, but by so many a template only; one place is the heartbeat's."""
    at = {g.alarm: i for i, g in reversed([*enumerate(case.scenario.guards)]) if isinstance(g, AlarmGuard)}
    faults = any(isinstance(step, FaultStep) and step.fault == "fis" for step in case.scenario.timeline)
    for alarm, i in sorted(at.items(), key=lambda item: item[1])[MOST_STOP_ALARMS:] if faults else ():
        what = f"FIS takes {MOST_STOP_ALARMS} alarms of guards a template: gameday alone watches {alarm!r}"
        case.review.warn("GUARD_NOT_NATIVE", what, "one composite alarm over several", case.file, ("guards", i))


def _tolerance_guard(case: _Case, guard: ToleranceGuard, at: Path_) -> None:
    if case.service:
        names = {t.id for t in case.service.tolerances}
        case.review.known("tolerance", guard.tolerance, names, case.file, (*at, "tolerance"))
        found = next((t for t in case.service.tolerances if t.id == guard.tolerance), None)
        if found and found.metric not in GUARDED:
            what = f"nobody knows while the day goes on how much of a {found.metric} is used up"
            case.error("GUARD_UNMEASURED", what, "a guard on a signal, or on a duration", (*at, "tolerance"))
    if guard.at == 0:
        case.error("GUARD_IMPOSSIBLE", "at 0% the day stops before it begins", "at: 50%", (*at, "at"))
    elif guard.at == 1:
        what = "at 100% the guard stops the day when the tolerance is already used up"
        case.review.warn("GUARD_LATE", what, "at: 50%", case.file, (*at, "at"))


def _scripts(case: _Case) -> None:
    tasks = {step.task for step in case.scenario.timeline if isinstance(step, TaskStep)}
    ids = [step_id(step, i) for i, step in enumerate(case.scenario.timeline)]
    for role, script in case.scenario.rehearsal.items():
        if role not in _DAY_ROLES:
            case.role(role, ("rehearsal", role))
        for name in script.scores:
            case.review.known("step", name, ids, case.file, ("rehearsal", role, "scores", name))
        for i, task in enumerate(script.performs):
            at: Path_ = ("rehearsal", role, "performs", i)
            if case.review.runbook(task, case.file, at) and task not in tasks:
                case.review.warn("UNUSED_SCRIPT", f"no task {task!r} in the timeline", "remove it", case.file, at)


def _unused_roles(case: _Case) -> None:
    for i, role in enumerate(case.scenario.roles):
        if case.service and role not in case.addressed | _DAY_ROLES:
            case.review.warn("UNUSED_ROLE", f"nothing is asked of {role!r}", "remove it, or ask something of it",
                             case.file, ("roles", i))  # fmt: skip
