"""What stops the day. A guard on a tolerance uses the upper bound; a guard that cannot be read for three of its
periods fires (design: semantics, "Guards, dead-man"). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import dropwhile

from gameday.clock import Ms
from gameday.conductor.actions import Record, record
from gameday.conductor.sight import ALARM, buckets, readings
from gameday.journal.state import State
from gameday.model.measure import GUARDED
from gameday.model.scenario import MOST_STOP_ALARMS, AlarmGuard, Guard, SignalGuard, ToleranceGuard
from gameday.plan import Plan, PlannedFault, Signal
from gameday.planning.statements import ground
from gameday.verdict.progress import upper_so_far
from gameday.verdict.states import Bucket

UNREADABLE_PERIODS = 3
HALTED = "stop condition"  # FIS says so in the reason of an experiment that one of them stopped


def guard_name(guard: Guard) -> str:
    """How a guard is called in the journal."""
    if isinstance(guard, ToleranceGuard):
        return f"{guard.tolerance} at {guard.at:.0%}"
    if isinstance(guard, AlarmGuard):
        return f"alarm {guard.alarm}"
    return f"{guard.signal} {'above' if guard.above is not None else 'below'} {guard.above or guard.below or 0:g}"


def stop_alarms(plan: Plan) -> tuple[str, ...]:
    """The ARNs of the alarms that guard this run, each in the account and Region where it is."""
    return tuple(dict.fromkeys(_alarm_arn(plan, g) for g in plan.guards if isinstance(g, AlarmGuard)))


def _alarm_arn(plan: Plan, guard: AlarmGuard) -> str:
    signal, name = plan.alarm_signal(guard.alarm), _alarm_name(plan, guard)
    place = plan.environment_definition.at(signal.account, signal.region)
    return f"arn:{ground(plan).partition}:cloudwatch:{place.region}:{place.account}:alarm:{name}"


def stops_of(plan: Plan, planned: PlannedFault, hearts: Sequence[str] = ()) -> tuple[str, ...]:
    """The alarms for FIS to stop this fault by without us: first those of the ``hearts``, then the guards'. Only those
    of the experiment's own account and Region are stop conditions (AWS FIS user guide, "Stop conditions"); the others,
    and those beyond the most that FIS takes, are watched by gameday alone."""
    where = plan.environment_definition.at(None, planned.region)
    here = f":cloudwatch:{where.region}:{where.account}:alarm:"
    of_hearts = [arn for arn in hearts if here in arn]
    return (*of_hearts, *[arn for arn in stop_alarms(plan) if here in arn][:MOST_STOP_ALARMS])


def _alarm_name(plan: Plan, guard: AlarmGuard) -> str:
    return str(plan.alarm_signal(guard.alarm).query.get("alarm", guard.alarm))


def blind_guards(plan: Plan, state: State, since: Ms) -> list[str]:
    """The guards that nothing has been read for since then, and alarms that would fire at once: with one of them the
    timeline does not begin, because a guard that cannot fire, or has fired, guards nothing."""
    return [guard_name(guard) for guard in plan.guards if _blind(plan, state, guard, since)]


def _blind(plan: Plan, state: State, guard: Guard, since: Ms) -> bool:
    if isinstance(guard, AlarmGuard):
        states = state.alarms.get(plan.alarm_signal(guard.alarm).id, [])
        return not states or states[-1][1] in ("MISSING", "ALARM")
    if isinstance(guard, SignalGuard):
        return not any(t >= since and v is not None for t, v in state.signals.get(guard.signal, {}).items())
    return False  # the baseline waits for the signals of every tolerance that is measured, see steady


def _halted(plan: Plan, state: State) -> Iterator[Record]:
    """FIS itself stopped an experiment by one of its stop conditions: the guard of that alarm has fired."""
    for step, fault in state.faults.items():
        if fault.ended_ms is not None and HALTED in fault.detail.lower():
            yield record("guard.fired", guard=_halted_by(plan, state, fault.detail), value=1.0, by="fis", step=step)


def _halted_by(plan: Plan, state: State, detail: str) -> str:
    """The guard whose alarm FIS names; else those whose alarm is in ALARM, else all that it may have been."""
    guards = {_alarm_name(plan, g): guard_name(g) for g in plan.guards if isinstance(g, AlarmGuard)}
    named = [said for name, said in guards.items() if re.search(rf":alarm:{re.escape(name)}(?![\w.-]*\w)", detail)]
    if named or ":alarm:" in detail:
        return named[0] if named else f"FIS: {detail}"
    ringing = [said for name, said in guards.items() if _rings(plan, state, name)]
    return " or ".join(ringing or guards.values()) or f"FIS: {detail}"


def _rings(plan: Plan, state: State, name: str) -> bool:
    states = state.alarms.get(plan.alarm_signal(name).id, [])
    return bool(states) and states[-1][1] == "ALARM"


def guard_actions(plan: Plan, state: State, now: Ms) -> Iterator[Record]:
    """What each guard says now; when one has fired the run is aborted."""
    if state.t_go is None or state.abort:
        return
    if state.guards_fired:
        yield record("abort.asked", why=f"guard: {state.guards_fired[0]}")
        return
    yield from _halted(plan, state)
    for guard in plan.guards:
        name = guard_name(guard)
        unread = _unread(plan, state, guard, now)
        value = None if unread else _fires(plan, state, guard, now)
        if unread:
            yield record("guard.unreadable", guard=name, signals=unread)
        elif value is not None:
            yield record("guard.fired", guard=name, value=round(value, 4))


def guarded(plan: Plan) -> set[str]:
    """The signals that guards look at."""
    return {signal.id for guard in plan.guards for signal in _signals(plan, guard)}


def _signals(plan: Plan, guard: Guard) -> list[Signal]:
    if isinstance(guard, ToleranceGuard):
        tolerance = next(t for t in plan.tolerances if t.id == guard.tolerance)
        names = set(tolerance.pair)
        return [s for s in plan.signals if s.id in names]
    return [plan.alarm_signal(guard.alarm) if isinstance(guard, AlarmGuard) else plan.signal(guard.signal)]


def _unread(plan: Plan, state: State, guard: Guard, now: Ms) -> list[str]:
    """The signals of which nothing has been known for three of their periods, beyond the time they need to settle."""
    assert state.t_go is not None  # guard_actions asks only then
    silent = _absent(plan, guard)
    for signal in _signals(plan, guard):
        newest = _newest(state, signal, state.t_go)
        since = max(newest, state.claimed_ms)  # before that nobody looked
        if now - since - signal.settles_ms > (UNREADABLE_PERIODS + 1) * signal.period_ms:
            silent.append(signal.id)
    return silent


def _absent(plan: Plan, guard: Guard) -> list[str]:
    """What a guard on a tolerance would have to read and the plan does not hold: nobody will ever read it."""
    if not isinstance(guard, ToleranceGuard):
        return []
    measure = next(t for t in plan.tolerances if t.id == guard.tolerance).measure
    named = {"attempts": measure.attempts, "failures": measure.failures}
    known = {s.id for s in plan.signals}
    return [name or f"{kind} of {guard.tolerance}" for kind, name in named.items() if name not in known]


def _newest(state: State, signal: Signal, t_go: Ms) -> Ms:
    """The end of the newest bucket that was read, or the last look at an alarm; not before the go."""
    if signal.source == ALARM:
        states = state.alarms.get(signal.id, [])
        there = bool(states) and states[-1][1] != "MISSING"
        return max(t_go, state.read_to.get(signal.id, 0)) if there else t_go
    known = [t for t, v in state.signals.get(signal.id, {}).items() if v is not None]
    return max(t_go, max(known, default=0) + signal.period_ms)


def _fires(plan: Plan, state: State, guard: Guard, now: Ms) -> float | None:
    """The value at which it fires; None while it does not."""
    if isinstance(guard, ToleranceGuard):
        used = used_share(plan, state, guard.tolerance, now)
        return used if used is not None and used >= guard.at else None
    if isinstance(guard, AlarmGuard):
        states = state.alarms.get(plan.alarm_signal(guard.alarm).id, [])
        return 1.0 if states and states[-1][1] == "ALARM" else None
    return _signal_fires(plan, state, guard, now)


def used_share(plan: Plan, state: State, tolerance_id: str, now: Ms) -> float | None:
    """The share of a tolerance that may be used up by now; None when nothing can be said."""
    tolerance = next(t for t in plan.tolerances if t.id == tolerance_id)
    names = {s.id for s in plan.signals}
    if tolerance.metric not in GUARDED or not set(tolerance.pair) <= names or state.t_go is None:
        return None
    dt = plan.signal(str(tolerance.pair[0])).period_ms
    seen = buckets(plan, state, tolerance, state.t_go - plan.baseline_ms, now)
    baseline = sum(1 for b in seen if b.start_ms + dt <= state.t_go)
    upper = upper_so_far(tolerance, seen, dt, baseline, state.lag_ms)
    if upper is None:
        upper = upper_so_far(tolerance, _begun_well(seen, dt), dt, baseline + 1, state.lag_ms)
    if upper is None or not upper:
        return upper
    return upper / tolerance.limit if tolerance.limit else 1.0  # a limit of nothing is used up by anything


def _begun_well(seen: list[Bucket], dt: Ms) -> list[Bucket]:
    """The same behind a good bucket: what begins disrupted (a baseline that was corrected late, or none) has no upper
    bound, and a guard must not be blind for that."""
    known = list(dropwhile(lambda b: b.attempts is None or b.failures is None, seen))
    return [Bucket(known[0].start_ms - dt, known[0].attempts or 1.0, 0.0), *known] if known else []


def _signal_fires(plan: Plan, state: State, guard: SignalGuard, now: Ms) -> float | None:
    signal = plan.signal(guard.signal)
    needed = max(1, -(-(guard.lasts or 0) // signal.period_ms))
    last = readings(plan, state, guard.signal, state.t_go or 0, now)[-needed:]
    values = [r.value for r in last if r.value is not None and _beyond(guard, r.value)]
    row = len(last) == needed and last[-1].start_ms - last[0].start_ms == (needed - 1) * signal.period_ms
    return values[-1] if row and len(values) == needed else None  # a hole may yet be filled


def _beyond(guard: SignalGuard, value: float) -> bool:
    return (guard.above is not None and value > guard.above) or (guard.below is not None and value < guard.below)
