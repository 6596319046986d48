"""What spans files: every name that is used exists, every limit can be met, nothing waits for itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gameday.errors import Place, Problem
from gameday.model.content import Content, Loaded, SourceFile
from gameday.model.lint_homes import review_homes
from gameday.model.lint_lessons import review_lessons
from gameday.model.lint_people import review_roster
from gameday.model.lint_scenario import CheckFault, review_scenario
from gameday.model.measure import LEDGER_METRICS, Measure, pair
from gameday.model.observer import Observer
from gameday.model.review import Review
from gameday.model.runbook import Runbook
from gameday.model.schedule import Schedule
from gameday.model.service import Resources, Service
from gameday.model.tolerance import Tolerance
from gameday.model.workload import Piece, Workload
from gameday.model.workspace import REHEARSAL
from gameday.model.yaml import Path_

_COUNTS = "measure: {attempts: OBSERVER, failures: OBSERVER, basis: census}"
_LEDGER = "measure: {ledger: RESOURCE}, a table that keeps a canary ledger"
_LACKS = {
    "duration": "no attempts or no failures", "deadline": "no attempts or no failures",
    "failed_transactions": "no attempts or no failures", "customers": "no customers", "value": "no value",
    "data_loss_time": "no ledger", "data_integrity": "no ledger",
}  # fmt: skip
_WRITE = {
    "duration": _COUNTS, "deadline": _COUNTS, "failed_transactions": _COUNTS,
    "customers": "measure: {customers: OBSERVER}",
    "value": "measure: {attempted_value: OBSERVER, failed_value: OBSERVER, currency: GBP}",
    "data_loss_time": _LEDGER, "data_integrity": _LEDGER,
}  # fmt: skip
XRAY_SETTLES_MS = 60_000
_LISTS = ("people", "processes", "technology", "facilities", "information", "third_parties")


def lint(content: Content, check_fault: CheckFault) -> list[Problem]:
    """All problems of the content, errors and warnings, in the order of the files.

    ``check_fault`` says what the provider of a fault finds wrong with a step, without a place: a message that begins
    with a key (``parameters.duration: ...``) is put at this key, any other at the step.
    """
    review = Review(content)
    for service in content.services.values():
        _service(review, service)
    for scenario in content.scenarios.values():
        review_scenario(review, scenario, check_fault)
    for runbook in content.runbooks.values():
        _runbook(review, runbook)
    for workload in content.workloads.values():
        _workload(review, workload)
    for observer in content.observers.values():
        _observer(review, observer)
    for schedule in content.schedules.values():
        _schedule(review, schedule)
    review_homes(review)
    if content.roster:
        review_roster(review, content.roster)
    review_lessons(review)
    _unused(review)
    _file_names(review)
    return sorted(review.problems.found, key=lambda p: p.place or Place(""))


def _service(review: Review, loaded: Loaded[Service]) -> None:
    service, file = loaded.model, loaded.file
    at: Path_ = ("tolerances",)
    review.unique("tolerance", [(t.id, (*at, i, "id")) for i, t in enumerate(service.tolerances)], file)
    for index, tolerance in enumerate(service.tolerances):
        _tolerance(review, tolerance, loaded, (*at, index))
    places = _resource_places(service.resources)
    review.unique("resource", places, file)
    ids = {ident for ident, _ in places}
    _people(review, loaded)
    for i, technology in enumerate(service.resources.technology):
        at = ("resources", "technology", i)
        _same_period(review, _measure(review, technology.measure, file, (*at, "measure")), file, (*at, "measure"))
        if technology.rto is not None and None in pair("duration", technology.measure):
            what = f"the rto of {technology.id!r} has no attempts or no failures, so it will not be tested"
            review.warn("UNMEASURED_TOLERANCE", what, _COUNTS, file, (*at, "rto"))
        for j, need in enumerate(technology.needs):
            review.known("resource", need, ids, file, ("resources", "technology", i, "needs", j))
    suppliers: Any = (*service.resources.technology, *service.resources.third_parties)
    review.acyclic({r.id: r.needs for r in suppliers}, dict(places), file)


def _resource_places(resources: Resources) -> list[tuple[str, Path_]]:
    found: list[tuple[str, Path_]] = []
    for name in _LISTS:
        items = getattr(resources, name)
        if isinstance(items, tuple):
            found += [(item.id, ("resources", name, i, "id")) for i, item in enumerate(items)]
    return found


def _people(review: Review, loaded: Loaded[Service]) -> None:
    resources, file = loaded.model.resources, loaded.file
    roles = {person.id for person in resources.people}
    for i, person in enumerate(resources.people):
        at: Path_ = ("resources", "people", i, "deputy")
        if person.deputy == person.id:
            review.error("OWN_DEPUTY", f"{person.id!r} is its own deputy", "another role", file, at)
        elif person.deputy:
            review.known("role", person.deputy, roles, file, at)
    for i, process in enumerate(resources.processes):
        at = ("resources", "processes", i)
        if process.by:
            review.known("role", process.by, roles, file, (*at, "by"))
        if process.runbook:
            review.runbook(process.runbook, file, (*at, "runbook"))


def _tolerance(review: Review, tolerance: Tolerance, loaded: Loaded[Service], at: Path_) -> None:
    measure, file = tolerance.measure, loaded.file
    found = _measure(review, measure, file, (*at, "measure"))
    if tolerance.end == "backlog_cleared" and not measure.backlog:
        what = "the end backlog_cleared is not measured"
        review.error("UNMEASURED_END", what, "measure: {..., backlog: OBSERVER}", file, (*at, "end"))
    if tolerance.metric in LEDGER_METRICS:
        ids = {t.id for t in loaded.model.resources.technology}
        if measure.ledger:
            review.known("resource", measure.ledger, ids, file, (*at, "measure", "ledger"))
        missing = not measure.ledger
    else:
        missing = None in tolerance.pair
    if missing:
        what = f"tolerance {tolerance.id!r} has {_LACKS[tolerance.metric]}, so it will not be tested"
        review.warn("UNMEASURED_TOLERANCE", what, _WRITE[tolerance.metric], file, (*at, "measure"))
    _same_period(review, found, file, (*at, "measure"))


def _measure(review: Review, measure: Measure, file: SourceFile, at: Path_) -> dict[tuple[str, ...], str]:
    """The observers of a measure that exist, by the key that names them."""
    return {key: name for key, name in measure.observers() if review.signal(name, file, (*at, *key))}


def _same_period(review: Review, found: dict[tuple[str, ...], str], file: SourceFile, at: Path_) -> None:
    """Of everything that is laid side by side; a backlog may be read at another."""
    periods = {key: review.content.observers[name].model.period for key, name in found.items() if key != ("backlog",)}
    first = next(iter(periods.values()), 0)
    for key, period in periods.items():
        if period != first:
            what = f"{' and '.join('.'.join(k) for k in (next(iter(periods)), key))} have different periods"
            review.error("PERIODS_DIFFER", what, "observers with one period", file, (*at, *key))
            return


def _runbook(review: Review, loaded: Loaded[Runbook]) -> None:
    for i, step in enumerate(loaded.model.steps):
        if step.block and step.block.check:
            review.signal(step.block.check.signal, loaded.file, ("steps", i, "block", "check", "signal"))


def _workload(review: Review, loaded: Loaded[Workload]) -> None:
    workload, file = loaded.model, loaded.file
    review.known("service", workload.service, review.content.services, file, ("service",))
    review.known("piece", workload.load.source, workload.pieces, file, ("load", "from"))
    for name in workload.load.canaries:
        review.known("piece", name, workload.pieces, file, ("load", "canaries", name))
    for name in workload.load.ledgers:
        held = workload.pieces.get(name)
        if (
            review.known("piece", name, workload.pieces, file, ("load", "ledgers", name))
            and held
            and held.type != "table"
        ):
            what = f"{name!r} is of type {held.type}, which keeps no ledger"
            review.error("LEDGER_NOT_TABLE", what, "a piece of type table", file, ("load", "ledgers", name))
    for name, piece in workload.pieces.items():
        for ident, at in _piece_names(piece):
            review.known("piece", ident, workload.pieces, file, ("pieces", name, *at))
        for route in piece.weights:
            review.known("route", route, piece.routes, file, ("pieces", name, "weights", route))


def _piece_names(piece: Piece) -> list[tuple[str, Path_]]:
    names: list[tuple[str, Path_]] = [(ident, ("calls", i)) for i, ident in enumerate(piece.calls)]
    names += [(ident, ("routes", route)) for route, ident in piece.routes.items()]
    others: list[tuple[str | None, str]] = [(piece.consumer, "consumer"), (piece.replica, "replica")]
    return names + [(ident, (key,)) for ident, key in others if ident]


def _observer(review: Review, loaded: Loaded[Observer]) -> None:
    """X-Ray shows a trace about a minute after it ended; a bucket read before says too little."""
    observer = loaded.model
    if observer.source.startswith("xray.") and observer.settles < XRAY_SETTLES_MS:
        what = f"traces settle about a minute after they ended, and {observer.id!r} believes them sooner"
        review.warn("SETTLES_SHORT", what, "settles: 60s", loaded.file, ("settles",))


def _schedule(review: Review, loaded: Loaded[Schedule]) -> None:
    """That it has an owner whom the service knows is not asked: whoever owns a schedule may be of no service."""
    schedule, content, file = loaded.model, review.content, loaded.file
    review.known("scenario", schedule.scenario, content.scenarios, file, ("scenario",))
    environments = content.workspace.model.environments if content.workspace else {}
    review.known("environment", schedule.environment, {REHEARSAL, *environments}, file, ("environment",))
    for i, name in enumerate(schedule.not_while):
        review.known("service", name, content.services, file, ("not_while", i))
    for i, held in enumerate(schedule.preconditions):
        review.signal(held.signal, file, ("preconditions", i, "signal"))


def _unused(review: Review) -> None:
    """Only where there are scenarios: a library of observers alone is not unused."""
    if not review.content.scenarios:
        return
    kinds: dict[str, Mapping[str, Loaded[Any]]] = {
        "observer": review.content.observers,
        "runbook": review.content.runbooks,
    }
    for kind, files in kinds.items():
        for ident in [ident for ident in files if (kind, ident) not in review.used]:
            what = f"nothing refers to {kind} {ident!r}"
            review.warn(f"UNUSED_{kind.upper()}", what, "use it, or remove the file", files[ident].file, ("id",))


def _file_names(review: Review) -> None:
    content = review.content
    for files in (content.scenarios, content.observers, content.runbooks):
        for ident, loaded in files.items():
            path = Path(loaded.file.path)
            if path.stem != ident:
                what = f"the file of {ident!r} is called {path.name}"
                review.warn("FILE_NAME", what, f"rename it to {ident}{path.suffix}", loaded.file, ("id",))
