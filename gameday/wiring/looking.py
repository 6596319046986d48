"""The checks of preflight that only read: each a function of what is looked at, giving what it found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from gameday.aws import CallFailed, told
from gameday.clock import Clock
from gameday.conductor.emergency import lever_regions
from gameday.conductor.perform import order_of
from gameday.conductor.sampling import POINTWISE, sources
from gameday.errors import CouldNotStart, GamedayError, Problem
from gameday.faults.homes import home
from gameday.faults.tags import check_tags
from gameday.model.scenario import SignalGuard, ToleranceGuard
from gameday.model.workspace import REHEARSAL
from gameday.plan import Home, Plan, PlannedFault, PlannedStep, Signal, by_home, other_accounts
from gameday.protocols import Foresees, Observer, Preview, Requires, Sample, Window
from gameday.wiring.findings import Finding
from gameday.wiring.guarding import guard_problems
from gameday.wiring.permitting import missing_permissions
from gameday.wiring.sockets import Sockets

PAST_PERIODS = 5  # how far back a signal is read to see that there is data
CLOCK_OFF_MS = 2_000
DATE_MS = 1_000  # the Date header of an answer counts whole seconds


@dataclass
class Look:
    """What the checks look at. ``clock_off_ms`` is found by one of them."""

    plan: Plan
    sockets: Sockets
    clock: Clock
    run: str
    clock_off_ms: int | None = None
    said: dict[str, str] = field(default_factory=dict)

    @property
    def rehearsed(self) -> bool:
        """Whether this is a rehearsal."""
        return self.plan.environment == REHEARSAL

    @property
    def faults(self) -> Iterator[tuple[PlannedStep, PlannedFault]]:
        """Steps that break something."""
        return ((step, step.fault) for step in self.plan.steps if step.fault)


def _error(code: str, message: str, write: str, subject: str = "") -> Finding:
    return Finding(Problem(code, message, write), subject)


def _warning(code: str, message: str, write: str, subject: str = "") -> Finding:
    return Finding(Problem(code, message, write, severity="warning"), subject)


def identity(look: Look) -> Iterator[Finding]:
    """On AWS nothing of the day works when it is not known in whose account we are: then nothing else is asked. That
    holds for each other account that it reads or breaks something in."""
    aws = look.sockets.aws
    try:
        if aws.endpoint is None:
            aws.client("sts")
        for account in other_accounts(look.plan):
            aws.client("sts", account)
    except CallFailed as error:
        raise CouldNotStart(error.problems) from error
    yield from ()


def promised(look: Look) -> Iterator[Finding]:
    """Somebody reads each signal, and no observer foresees that it cannot; what is not installed."""
    _, unread = sources(look.plan.signals, look.sockets.observers, 0)
    for signal in unread:
        write = "an observer of another source, or install what reads this one"
        yield _error("SOURCE_UNREADABLE", f"nothing here reads {signal.source} (signal {signal.id})", write, signal.id)
    for observer in look.sockets.observers:
        if isinstance(observer, Foresees):
            for signal in (s for s in look.plan.signals if s.source in observer.sources):
                yield from (Finding(problem, signal.id) for problem in observer.check(signal))
    yield from (Finding(problem) for problem in look.sockets.left_out)


def envelope(look: Look) -> Iterator[Finding]:
    """The tags of the targets, by reads: the rest of the envelope was held against the plan."""
    for step, fault in look.faults:
        arns = [arn for held in fault.targets.values() for arn in held]
        where = home(order_of(look.plan, look.run, step.id, fault))
        for problem in check_tags(look.sockets.aws, look.plan.environment_definition.envelope, arns, where):
            yield Finding(problem, step.id)


def abort_thresholds(look: Look) -> Iterator[Finding]:
    """In production every judged tolerance has a guard that stops the day before the tolerance is used up."""
    if not look.plan.environment_definition.production:
        return
    guarded = {g.tolerance: g.at for g in look.plan.guards if isinstance(g, ToleranceGuard)}
    for tolerance in look.plan.tolerances:
        at = guarded.get(tolerance.id)
        if at is None or at >= 1:
            have = "no guard" if at is None else f"a guard at {at:.0%}"
            what = f"{look.plan.environment} is production, and tolerance {tolerance.id} has {have}"
            write = f"guards: [{{tolerance: {tolerance.id}, at: 50%}}]"
            yield _error("ABORT_THRESHOLD_MISSING", what, write, tolerance.id)


def known(look: Look) -> Iterator[Finding]:
    """The providers know the actions, their parameters and the targets; what they need there is there."""
    for step, fault in look.faults:
        provider = look.sockets.faults[fault.provider]
        order = order_of(look.plan, look.run, step.id, fault)
        if isinstance(provider, Preview):
            yield from (Finding(problem, step.id) for problem in provider.preview(order))
        if isinstance(provider, Requires):
            yield from (Finding(problem, step.id) for problem in provider.requires(order))
        if not any(call.step == step.id for call in look.plan.calls):
            what = f"{step.id}: the provider {fault.provider} does not say which calls it makes"
            write = "nothing, if that is meant: then its calls are held against account and Region alone"
            yield _warning("CALLS_NOT_SAID", what, write, step.id)


def signals(look: Look) -> Iterator[Finding]:
    """Each signal is read once, over a short past window. A rehearsal that has just begun has no past."""
    now, wanted = look.clock.now(), _wanted(look.plan)
    read, _ = sources(look.plan.signals, look.sockets.observers, 0)
    empty = 0
    for source in read:
        back = max(s.settles_ms + PAST_PERIODS * s.period_ms for s in source.signals)
        try:
            found = source.sample(Window(now - back, now))
        except Exception as error:  # an observer is outside code, and AWS speaks through botocore
            yield _unreadable(source.observer, source.signals, error)
            continue
        for signal in source.signals:
            if signal.source in POINTWISE or _shows(found.get(signal.id, ())):
                continue
            empty += 1
            if not look.rehearsed:
                yield _silent(signal, signal.id in wanted)
    if empty and look.rehearsed:
        look.said["signals"] = f"{empty} without data yet: the baseline will show"


def _wanted(plan: Plan) -> set[str]:
    """Signals that a verdict or a guard stands on."""
    judged = {name for tolerance in plan.tolerances for name in tolerance.signals}
    return judged | {guard.signal for guard in plan.guards if isinstance(guard, SignalGuard)}


def _shows(samples: Sequence[Sample]) -> bool:
    return any(sample.value is not None for sample in samples)


def _unreadable(observer: Observer, held: Sequence[Signal], error: Exception) -> Finding:
    """AWS names the permission that a denial is about."""
    names = ", ".join(s.id for s in held)
    try:
        with told(f"{observer.name}"):
            raise error
    except GamedayError as known:
        problem = known.problems[0]
        return _error("SIGNAL_NOT_READ", f"{names} cannot be read: {problem.message}", problem.write, held[0].id)
    except Exception:  # no error of botocore's
        why = f"{type(error).__name__}: {error}"[:500]
        return _error(
            "SIGNAL_NOT_READ",
            f"{names} cannot be read: {why}",
            f"see that {observer.name} can be reached and read",
            held[0].id,
        )


def _silent(signal: Signal, needed: bool) -> Finding:
    what = f"signal {signal.id} shows no data in its last {PAST_PERIODS} periods"
    write = "see that its query names what exists; where it is silent by nature, fill it with 0"
    return (_error if needed else _warning)("SIGNAL_NO_DATA", what, write, signal.id)


def alarms(look: Look) -> Iterator[Finding]:
    """The alarms that expectations and observers name exist, each in its account and Region."""
    for place, held in by_home(s for s in look.plan.signals if s.source in POINTWISE):
        names = sorted({str(s.query["alarm"]) for s in held})
        states = _states(look, names, place)
        for name in (name for name in names if name not in states):
            yield _error("ALARM_MISSING", f"there is no alarm {name!r}", "the name of an alarm in this Region", name)


def permissions(look: Look) -> Iterator[Finding]:
    """The roles may do what the plan needs of them; one that calls nothing needs none."""
    if not look.plan.calls:
        return
    for problem in missing_permissions(look.plan, look.sockets.aws):
        yield Finding(problem)


def guards(look: Look) -> Iterator[Finding]:
    """Each guard can fire: its alarm is there and OK, its share of the tolerance can be reached in time."""
    for problem in guard_problems(look.plan, look.sockets.aws):
        yield Finding(problem, problem.message.partition(":")[0])


def _states(look: Look, names: list[str], place: Home = (None, None)) -> Mapping[str, str]:
    with told("cloudwatch DescribeAlarms"):
        asked = look.sockets.aws.client("cloudwatch", *place).describe_alarms(
            AlarmNames=names[:100], AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=100
        )
    found = [*asked.get("MetricAlarms", ()), *asked.get("CompositeAlarms", ())]
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}


def incidents(look: Look) -> Iterator[Finding]:
    """No incident is open: none of the alarms that say so (``incident_alarms``) is in ALARM."""
    names = look.plan.environment_definition.incident_alarms
    states = _states(look, sorted(names)) if names else {}
    for name in names:
        if name not in states:
            what = f"there is no alarm {name!r}, which would say that an incident is open"
            yield _error("INCIDENT_NOT_SHOWN", what, "incident_alarms in gameday.yaml: alarms that exist", name)
        elif states[name] == "ALARM":
            yield _error("INCIDENT_OPEN", f"{name!r} is in ALARM: an incident is open", "wait until it is over", name)


def lever(look: Look) -> Iterator[Finding]:
    """The safety lever of each Region that faults are started in is disengaged; and how far our clock is from that of
    the first answer."""
    if look.plan.method == "tabletop":
        return
    for number, region in enumerate(lever_regions(look.plan)):
        before = look.clock.wall()
        with told(f"fis GetSafetyLever in {region}"):
            asked = look.sockets.aws.client("fis", None, region).get_safety_lever(id="default")
        after = look.clock.wall()
        state = asked["safetyLever"]["state"]
        if state["status"] != "disengaged":
            what = f"the safety lever of {region} is {state['status']} ({state.get('reason', '')})"
            write = "disengage it, once what it was engaged for is over"
            yield _error("SAFETY_LEVER_ENGAGED", f"{what}: FIS would start nothing there", write, region)
        if number == 0:
            yield from _clocks(look, asked, before, after)


def _clocks(look: Look, asked: Any, before: int, after: int) -> Iterator[Finding]:
    stamp = asked["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
    if not stamp:
        yield _warning("CLOCK_NOT_SHOWN", "AWS did not say what time it is", "see that this machine keeps time by NTP")
        return
    theirs = round(parsedate_to_datetime(stamp).timestamp() * 1000)
    look.clock_off_ms = apart(before, after, theirs)
    if abs(look.clock_off_ms) > CLOCK_OFF_MS:
        what = f"our clock is {look.clock_off_ms / 1000:+.1f} s from that of AWS; every verdict is widened by it"
        yield _warning("CLOCK_OFF", what, "let this machine keep time by NTP")
    look.said["safety lever and clock"] = f"clock within {max(abs(look.clock_off_ms), DATE_MS) / 1000:.0f} s of AWS"


def apart(before: int, after: int, theirs: int) -> int:
    """The least that our clock must be ahead (+) or behind (-): the answer was made in ``[before, after]`` of ours,
    at a time in ``[theirs, theirs + 1 s)`` of theirs. 0 when both can be right."""
    if before > theirs + DATE_MS:
        return before - theirs - DATE_MS
    return min(0, after - theirs)
