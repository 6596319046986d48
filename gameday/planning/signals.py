"""What a run watches: every observer that is named anywhere, alarms named by their bare name, and default witnesses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

from gameday.errors import could_not_start
from gameday.model.content import Loaded
from gameday.model.observer import Observer
from gameday.model.scenario import (
    AlarmExpectation,
    AlarmGuard,
    Condition,
    Expectation,
    SignalExpectation,
    SignalGuard,
)
from gameday.plan import ALARM_SOURCE, PlannedStep, Signal
from gameday.planning.case import Case, unknown
from gameday.protocols import Outline

ALARM_PERIOD_MS = 20_000  # how often a bare alarm is read; its answer says since when, and needs no settling


def plan_signals(case: Case, steps: Sequence[PlannedStep], outlines: Iterable[Outline]) -> tuple[Signal, ...]:
    """All signals, each once, by id. CouldNotStart when a name is nowhere defined, or means two things."""
    found: dict[str, Signal] = {}
    for outline in outlines:
        for signal in outline.witness_signals:
            _keep(found, signal.model_copy(update={"implicit": True}))
    for name in _names(case, steps):
        if name in case.content.observers:
            _keep(found, _observed(case, case.content.observers[name]))
        elif name not in found:
            raise unknown("observer", name, case.content.observers)
    for alarm in _alarms(case, steps):
        _keep(found, _alarm(case, alarm))
    return tuple(found[ident] for ident in sorted(found))


def _keep(found: dict[str, Signal], signal: Signal) -> None:
    if found.setdefault(signal.id, signal) != signal:
        write = "another id for the observer of this name"
        raise could_not_start("SIGNAL_CLASH", f"{signal.id!r} is an observer and a default witness", write)


def _names(case: Case, steps: Sequence[PlannedStep]) -> Iterator[str]:
    yield from case.scenario.observe
    if case.scenario.method != "tabletop" or case.scenario.guards:  # a tabletop measures no tolerance
        for tolerance in case.service.tolerances:
            yield from tolerance.signals
        for technology in case.service.resources.technology:
            yield from (name for _, name in technology.measure.observers())
    yield from (guard.signal for guard in case.scenario.guards if isinstance(guard, SignalGuard))
    for step in steps:
        yield from (c.signal for c in _conditions(step) if c)
        if isinstance(step.expect, SignalExpectation):
            yield step.expect.signal
    for runbook in case.runbooks:
        yield from (s.block.check.signal for s in runbook.steps if s.block and s.block.check)


def _conditions(step: PlannedStep) -> tuple[Condition | None, ...]:
    return (step.when, step.fault.effective, step.fault.gone) if step.fault else (step.when,)


def _alarms(case: Case, steps: Sequence[PlannedStep]) -> list[str]:
    named: list[Expectation | None] = [step.expect for step in steps]
    wanted = {expect.alarm for expect in named if isinstance(expect, AlarmExpectation)}
    return sorted(wanted | {guard.alarm for guard in case.scenario.guards if isinstance(guard, AlarmGuard)})


def _observed(case: Case, loaded: Loaded[Observer]) -> Signal:
    case.use(loaded)
    return signal_of(loaded.model)


def signal_of(observer: Observer) -> Signal:
    """What an observer reads, as a plan has it."""
    return Signal(
        id=observer.id,
        source=observer.source,
        means=observer.means,
        unit=observer.unit,
        query=observer.query,
        account=observer.account,
        region=observer.region,
        period_ms=observer.period,
        settles_ms=observer.settles,
    )


def _alarm(case: Case, name: str) -> Signal:
    """The observer of this id, else the first that reads the alarm of this name, else an implicit signal."""
    readers = [o for o in case.content.observers.values() if o.model.source == ALARM_SOURCE]
    by_id = [o for o in readers if o.model.id == name]
    by_name = [o for o in sorted(readers, key=lambda o: o.model.id) if o.model.query["alarm"] == name]
    for loaded in [*by_id, *by_name]:
        return _observed(case, loaded)
    means = f"The CloudWatch alarm {name}."
    return Signal(
        id=alarm_id(name), source=ALARM_SOURCE, means=means, unit="state", query={"alarm": name},
        period_ms=ALARM_PERIOD_MS, settles_ms=0, implicit=True,
    )  # fmt: skip


def alarm_id(name: str) -> str:
    """The id of the implicit signal of an alarm: ``alarm-<name>``, and a few digits of its hash where the name had to
    be changed, so that two alarms never share one."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:48]
    changed = "" if slug == name else f"-{sha256(name.encode()).hexdigest()[:6]}"
    return f"alarm-{slug}{changed}"
