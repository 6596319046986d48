"""L01 to L05 and L19: whether a tolerance says what harm it prevents, and whether it can be measured at all."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.model.measure import TIME_METRICS
from gameday.model.rules import Broken, Case, rule
from gameday.model.tolerance import Tolerance
from gameday.model.types import write_duration

STATED = frozenset({"duration", "deadline"})
LEAST_HOLD_MS, HOLD_BUCKETS, FINEST = 300_000, 5, 20  # D11: a hold; a resolution of a twentieth of the limit


@rule("L01", "tolerance-lacks-rationale")
def lacks_rationale(case: Case) -> Iterator[Broken]:
    """SYSC 15A.6.1R(2): the tolerances and their justification."""
    for i, tolerance in enumerate(case.service.model.tolerances):
        wanted = {"rationale": tolerance.rationale, "harm": tolerance.harm, "evidence": tolerance.evidence}
        missing = [key for key, value in wanted.items() if not value]
        if missing:
            what = f"tolerance {tolerance.id!r} does not say why its limit is where it is: no {', no '.join(missing)}"
            write = (
                "rationale: which harm begins then; harm: consumer | market | firm | policyholder; evidence: [paper]"
            )
            yield case.on_service("L01", "E", tolerance.id, ("tolerances", i), what, write)


@rule("L02", "no-time-metric")
def no_time_metric(case: Case) -> Iterator[Broken]:
    """SS1/21 3.1: a tolerance states a length of time."""
    service = case.service.model
    wanted = ("fca", "pra") if service.dual_regulated else (None,)
    for authority in wanted:
        if not any(t.metric in STATED and authority in (None, t.authority) for t in service.tolerances):
            whose = f" of the {authority.upper()}" if authority else ""
            what = f"no tolerance{whose} of {service.id!r} states a length of time"
            write = f"a tolerance with metric: duration{f', authority: {authority}' if authority else ''}"
            yield case.on_service("L02", "E", authority or "tolerances", ("tolerances",), what, write)


@rule("L03", "time-only-tolerance")
def time_only(case: Case) -> Iterator[Broken]:
    """FCA 2024: time in addition to any other relevant metric."""
    held = case.service.model.tolerances
    if held and all(t.metric in TIME_METRICS and t.metric != "data_loss_time" for t in held):
        what = "every tolerance is of time alone; how many and how much was hurt is not asked"
        write = "a tolerance with metric: failed_transactions | customers | value | data_loss_time | data_integrity"
        yield case.on_service("L03", "W", "tolerances", ("tolerances",), what, write)


@rule("L04", "rto-tolerance-confusion")
def rto_confused(case: Case) -> Iterator[Broken]:
    """FCA 2024: a recovery objective is not a tolerance, and lies well inside it."""
    limits = [t for t in case.service.model.tolerances if t.metric == "duration"]
    tightest = min(limits, key=lambda t: t.limit, default=None)
    if tightest is None:
        return
    for i, technology in enumerate(case.service.model.resources.technology):
        if technology.rto is not None and technology.rto > 0.5 * tightest.limit:
            yield _rto(case, i, technology.id, technology.rto, tightest)


def _rto(case: Case, index: int, ident: str, rto: int, tightest: Tolerance) -> Broken:
    beyond = rto > tightest.limit
    how = "longer than" if beyond else "as long as" if rto == tightest.limit else "more than half of"
    what = f"the rto of {ident!r}, {write_duration(rto)}, is {how} tolerance {tightest.id!r}, {tightest.limit_text()}"
    write = "an rto of half the tolerance or less, so that there is time to notice and to decide"
    at = ("resources", "technology", index, "rto")
    return case.on_service("L04", "E" if beyond else "W", ident, at, what, write)


@rule("L05", "peak-not-considered")
def no_peak(case: Case) -> Iterator[Broken]:
    """SYSC 15A.2.8G: tolerances are set for the peak, and a test below it says how one may conclude to it."""
    for i, tolerance in enumerate(case.service.model.tolerances):
        if tolerance.peak is None and tolerance.metric in {"duration", "deadline", "failed_transactions", "value"}:
            what = f"tolerance {tolerance.id!r} does not say when demand is highest"
            write = "peak: {when: last Friday of the month, per_minute: 300}"
            yield case.on_service("L05", "W", tolerance.id, ("tolerances", i), what, write)
    for scenario in case.scenarios:
        load = scenario.model.load
        if load and load.of_peak < 1 and not load.extrapolation:
            what = f"it runs at {load.of_peak:.0%} of the peak and does not say what that shows of the peak"
            write = "load: {of_peak: 30%, extrapolation: why the result holds at the peak, or what does not}"
            yield case.on_scenario("L05", "W", scenario, ("load",), what, write)


@rule("L19", "measurement-cannot-decide")
def cannot_decide(case: Case) -> Iterator[Broken]:
    """D3, D11: signals that are there, fine enough, and no alarm in their place. (That a missing datapoint is unknown,
    and what counts as disrupted, no file can switch off; whether a signal is seen from the customer's side, no rule
    can tell.)"""
    for i, tolerance in enumerate(case.service.model.tolerances):
        for key, what, write in _undecided(case, tolerance):
            yield case.on_service("L19", "E", tolerance.id, ("tolerances", i, key), what, write)


def _undecided(case: Case, tolerance: Tolerance) -> Iterator[tuple[str, str, str]]:
    name, measure = f"tolerance {tolerance.id!r}", tolerance.measure
    if not tolerance.signals and not measure.ledger:
        yield "measure", f"{name} has no signal, so no run can decide it", "measure: {attempts: ..., failures: ...}"
    known = {s: case.content.observers[s].model for s in tolerance.signals if s in case.content.observers}
    for ident, observer in known.items():
        if observer.source == "cloudwatch.alarm":
            what = f"{name} is judged by the state of an alarm, {ident!r}, which comes late and forgets"
            yield "measure", what, "an observer of the metric itself"
    periods = [o.period for ident, o in known.items() if ident != measure.backlog and o.source != "cloudwatch.alarm"]
    coarse = max(periods, default=0)
    if tolerance.metric == "duration" and coarse * FINEST > tolerance.limit:
        finest = write_duration(int(tolerance.limit) // FINEST)
        what = f"{name} is measured every {write_duration(coarse)}, more than a twentieth of {tolerance.limit_text()}"
        yield "measure", what, f"observers with a period of at most {finest}"
    least = max(LEAST_HOLD_MS, HOLD_BUCKETS * coarse)
    if tolerance.metric == "duration" and tolerance.hold < least:
        what = f"{name} calls a service steady after {write_duration(tolerance.hold)}"
        yield "hold", what, f"hold: {write_duration(least)}, or a waiver that says why less is enough"
