"""Findings that the data of a run proposes: each with its evidence, and a fingerprint by which it is known again.

People complete them (``lessons/<run>.yaml``); nothing here is a verdict, and none of it names a cause.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gameday.journal.events import CONDUCTOR, Event
from gameday.model.scenario import AlarmExpectation, AlarmGuard, Guard, RoleExpectation, ToleranceGuard
from gameday.plan import Plan, PlannedStep
from gameday.reports.escape import plain

WATCHDOG = "watchdog"
Weight = Literal["high", "medium", "low"]
_ORDER = {"high": 0, "medium": 1, "low": 2}


@dataclass(frozen=True)
class Finding:
    """``id`` is its kind and what it is about: ``alarm-silent:payments-5xx``."""

    id: str
    weight: Weight
    says: str
    evidence: tuple[str, ...]
    propose: str
    service: str = ""

    @property
    def fingerprint(self) -> str:
        """The same for the same finding in any run of the same service."""
        return hashlib.sha256(f"{self.service}\n{self.id}".encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Seen:
    """One run, as findings are looked for in it. ``proved``: guards that fired in some run."""

    plan: Plan
    events: Sequence[Event]
    verdict: dict[str, Any]
    proved: Container[str] = frozenset()


Look = Callable[[Seen], Iterator[Finding]]


def findings(
    plan: Plan, events: Sequence[Event], verdict: dict[str, Any], proved: Container[str] = ()
) -> list[Finding]:
    """All that this run proposes, the heaviest first; the same for the same folder. ``proved`` names the guards that
    fired in an earlier run of the service."""
    seen = Seen(plan, events, verdict, proved)
    found = [finding for look in _LOOKS for finding in look(seen)]
    once = {f.id: f for f in reversed(found)}
    mine = [Finding(plain(f.id), f.weight, f.says, f.evidence, f.propose, plan.service) for f in once.values()]
    return sorted(mine, key=lambda f: (_ORDER[f.weight], f.id))


def _judged(seen: Seen) -> Iterator[Finding]:
    if seen.plan.method != "live":
        return
    for judged in seen.verdict["tolerances"]:
        ident, verdict, evidence = judged["id"], judged["verdict"], tuple(judged["evidence"])
        if "ABORTED" in judged["codes"] and verdict != "breached":
            continue  # what stopped the day is a finding of its own
        if verdict == "breached":
            says = f"Tolerance {ident} was breached: even the lower bound is beyond its limit."
            propose = f"Shorten the disruption that {ident} measures, and run the same scenario again."
            yield Finding(f"tolerance-breached:{ident}", "high", says, evidence, propose)
        elif verdict == "inconclusive":
            why = ", ".join(judged["codes"]) or "its interval reaches over the limit"
            says = f"Tolerance {ident} could not be decided: {why}."
            propose = str(judged.get("to_conclude") or "Measure it finer, and run again.")
            yield Finding(f"tolerance-inconclusive:{ident}", "high", says, evidence, propose)
        if "RECOVERY_NOT_DEMONSTRATED" in judged["codes"]:
            says = f"Service came back only when the fault was withdrawn ({ident}): no recovery of its own was seen."
            propose = "Rehearse the way back, and run with a fault that lasts longer than it takes."
            yield Finding(f"recovery-not-shown:{ident}", "medium", says, evidence, propose)
    for judged in seen.verdict.get("objectives", ()):
        if judged["verdict"] == "breached":
            says = f"Recovery objective {judged['id']} was not kept."
            propose = "Put the objective or the recovery right."
            yield Finding(f"objective-missed:{judged['id']}", "medium", says, tuple(judged["evidence"]), propose)


def _faults(seen: Seen) -> Iterator[Finding]:
    for fault in seen.verdict["faults"]:
        step, evidence = fault["step"], tuple(fault["evidence"])
        if fault["result"] != "effective":
            says = f"Fault {step} was not seen to have an effect. {fault['says']}"
            propose = "Look at its targets, its parameters and its witness."
            yield Finding(f"fault-without-effect:{step}", "high", says, evidence, propose)
        if not fault["seen_gone"]:
            says = f"Fault {step} was NOT seen gone."
            yield Finding(f"left-behind:{step}", "high", says, evidence, "Take it back by hand now; gameday recover.")


def _alarms(seen: Seen) -> Iterator[Finding]:
    wanted = {s.id: s for s in seen.plan.steps if isinstance(s.expect, AlarmExpectation)}
    for told in seen.verdict["expectations"]:
        step = wanted.get(told["id"])
        if step and isinstance(step.expect, AlarmExpectation) and told["result"] in ("missed", "not reached"):
            name, within = step.expect.alarm, told["within_s"]
            says = f"Alarm {name} did not become {step.expect.state} within {within:g} s." if within else ""
            propose = f"Make alarm {name} see what customers met, and let the same scenario expect it again."
            says = says or f"Alarm {name} did not become {step.expect.state}."
            yield Finding(f"alarm-silent:{name}", "high", says, tuple(told["evidence"]), propose)
    for alarm in seen.verdict["alarms"]:
        if alarm["result"] == "unexpected":
            says = f"Alarm {alarm['alarm']} fired, and the scenario did not expect it."
            propose = "Expect it, with a limit, or find out why it fires."
            yield Finding(f"alarm-unexpected:{alarm['alarm']}", "low", says, tuple(alarm["evidence"]), propose)


def _expectations(seen: Seen) -> Iterator[Finding]:
    steps = {step.id: step for step in seen.plan.steps}
    delivered = {event.what.get("step") for event in seen.events if event.type == "prompt.delivered"}
    for told in seen.verdict["expectations"]:
        step = steps[told["id"]]
        if told["result"] not in ("missed", "failed", "expired") or isinstance(step.expect, AlarmExpectation):
            continue
        evidence, why = tuple(told["evidence"]), f" ({told['why']})" if told["why"] else ""
        if step.to and step.id not in delivered:
            says = f"What {step.to} was to be asked ({step.title}) was never delivered{why}."
            yield Finding(f"page-not-delivered:{step.id}", "high", says, evidence, "Try the channel, and its receipts.")
        else:
            yield _late(step, why, evidence)


def _late(step: PlannedStep, why: str, evidence: tuple[str, ...]) -> Finding:
    if step.kind == "task":
        says, propose = f"Runbook {step.runbook} was not done in time{why}.", "Walk through it with those who do it."
        return Finding(f"runbook-late:{step.runbook}", "high", says, evidence, propose)
    if isinstance(step.expect, RoleExpectation):
        did = "acknowledgement" if step.expect.does == "acknowledge" else "answer"
        says = f"{step.to or step.expect.role} gave no {did} in time: {step.title}{why}."
        return Finding(
            f"{did}-late:{step.id}", "high", says, evidence, "Look at the way the page went, and at deputies."
        )
    says = f"{step.title}: not met in time{why}."
    return Finding(f"expectation-missed:{step.id}", "medium", says, evidence, "Find out what kept it.")


_RUNBOOK: dict[str, tuple[str, Weight, str]] = {
    "task.step_skipped": ("skipped", "medium", "was skipped"),
    "task.step_wrong": ("wrong", "medium", "is said to be wrong"),
    "task.step_missing": ("missing", "medium", "is followed by one that is missing"),
}


def _runbooks(seen: Seen) -> Iterator[Finding]:
    books = {step.id: step.runbook or step.id for step in seen.plan.steps}
    for event in seen.events:
        what = event.what
        subject = f"{books.get(str(what.get('step')), what.get('step'))}#{what.get('number')}"
        if found := _RUNBOOK.get(event.type):
            word, weight, does = found
            said = what.get("text") or what.get("why")
            says = f"Runbook step {subject} {does}{f': {said}' if said else ''}."
            propose = "Put the runbook right, and follow it again."
            yield Finding(f"runbook-step-{word}:{subject}", weight, says, _of(event), propose)
        elif event.type in ("task.step_called", "task.step_checked") and not what.get("ok"):
            word = "call" if event.type == "task.step_called" else "check"
            said = f": {what['said']}" if what.get("said") else ""
            says = f"The {word} of runbook step {subject} failed{said}."
            yield Finding(f"runbook-{word}-failed:{subject}", "medium", says, _of(event), "Put the block right.")
        elif event.type == "step.skip_asked":
            says = f"Step {what.get('step')} was passed over by {event.who}."
            yield Finding(f"step-skipped:{what.get('step')}", "low", says, _of(event), "Run it, or take it out.")


_SAID: dict[str, tuple[str, str, Weight, str, str]] = {
    "guard.fired": ("guard-fired", "guard", "medium", "Guard {} stopped the day.", "Find out what used up the limit."),
    "abort.asked": ("stopped", "why", "medium", "Somebody stopped the day: {}.", "Run it again to its end."),
    "guard.unreadable": ("guard-unreadable", "guard", "high", "Guard {} could not be read, which stopped the day.",
                         "Make its signal readable, or guard by another."),
    "observer.failed": ("signal-unreadable", "source", "medium", "{} could not be read for a while.",
                        "Look at its access and its quota."),
    "heartbeat.fired": ("dead-man-fired", "step", "high", "The dead-man's switch ended fault {}, not its conductor.",
                        "Find out what cut the conductor off."),
    "undo.failed": ("undo-failed", "step", "high", "Taking back {} failed at least once.", "Try the undo alone."),
    "service.touched": ("touched", "kind", "medium", "Something else touched the service: {}.",
                        "Freeze what can, and run again."),
    "ledger.unread": ("ledger-unread", "ledger", "medium", "The canary ledger of {} could not be reconciled.",
                      "Look at its access, and run again."),
    "lever.failed": ("lever-failed", "place", "high", "The safety lever of {} could not be engaged.",
                     "Try its permission."),
    "clock.stepped": ("clock-stepped", "source", "medium", "A clock stepped: {}.", "Look at the time service."),
}  # fmt: skip


def _events(seen: Seen) -> Iterator[Finding]:
    for event in seen.events:
        if event.type == "abort.asked" and event.who == CONDUCTOR:
            continue  # a guard asked for it, and says so itself
        if found := _SAID.get(event.type):
            kind, key, weight, says, propose = found
            subject = str(event.what.get(key) or "something")
            yield Finding(f"{kind}:{subject}", weight, says.format(subject), _of(event), propose)
    for event in (event for event in seen.events if event.type == "note" and event.who == WATCHDOG):
        says = f"The watchdog had to act: {event.what.get('text')}"
        yield Finding("watchdog-acted", "high", says, _of(event), "Find out what silenced the conductor.")
    claims = [event for event in seen.events if event.type == "conductor.claimed" and event.epoch > 1]
    for event in claims:
        says = "The conductor of the run died or was replaced, and another took it over."
        yield Finding("conductor-lost", "medium", says, _of(event), "Find out what ended it.")


def _map(seen: Seen) -> Iterator[Finding]:
    graph = seen.verdict.get("graph") or {}
    for first, second in graph.get("not_on_map", ()):
        says = f"Traces show that {first} calls {second}; the map of the service does not."
        propose = f"Put {second} on the map, as a need of {first}, or stop the call."
        yield Finding(f"not-on-map:{first}>{second}", "medium", says, tuple(graph["evidence"]), propose)


def _guards(seen: Seen) -> Iterator[Finding]:
    fired = {str(e.what.get("guard")) for e in seen.events if e.type == "guard.fired"}
    for guard in seen.plan.guards:
        name = guarded(guard)
        known = any(label.startswith(name) for label in fired) or name in seen.proved
        if not known:
            says = f"No run has shown yet that the guard on {name} can fire."
            propose = "Rehearse a scenario that makes it fire."
            yield Finding(f"guard-unproved:{name}", "low", says, (), propose)


def guarded(guard: Guard) -> str:
    """What a guard looks at, as the journal's name of it begins."""
    if isinstance(guard, ToleranceGuard):
        return guard.tolerance
    return f"alarm {guard.alarm}" if isinstance(guard, AlarmGuard) else guard.signal


def _of(event: Event) -> tuple[str, ...]:
    return (f"event:{event.seq}",)


_LOOKS: tuple[Look, ...] = (_judged, _faults, _alarms, _expectations, _runbooks, _events, _map, _guards)
