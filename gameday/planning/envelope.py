"""What an environment allows (``envelope`` in gameday.yaml): actions, how many targets, how long, whose they are.

``require_tag`` and ``deny_tag`` need reads of the targets' tags: preflight checks them, with the identity of the run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from gameday.aws_envelope import canonical, outside
from gameday.errors import CouldNotStart, Place, Problem
from gameday.model.runbook import Runbook, RunbookCall
from gameday.model.types import write_duration
from gameday.model.workspace import Envelope, Environment
from gameday.plan import PlannedFault, PlannedStep
from gameday.planning.case import Case
from gameday.planning.deadman import FASTEST_MS


def check_envelope(case: Case, steps: Sequence[PlannedStep]) -> None:
    """CouldNotStart with everything that lies outside the envelope, each at its step."""
    problems: list[Problem] = []
    for index, step in enumerate(steps):
        if step.fault:
            problems += _outside(case, step.id, step.fault, case.file.place(("timeline", index)))
    for runbook in case.runbooks:
        problems += _calls(case, runbook)
    if problems:
        raise CouldNotStart(problems)


def _outside(case: Case, ident: str, fault: PlannedFault, place: Place) -> Iterator[Problem]:
    envelope, name = case.environment.envelope, case.environment_name
    for action in fault.actions or (fault.action,):
        if not any(fnmatchcase(action, pattern) for pattern in envelope.actions):
            what = f"{ident}: {action} is not allowed in {name}"
            yield Problem("ENVELOPE_ACTION", what, f"an action like {' | '.join(envelope.actions)}", place)
    arns = {arn for held in fault.targets.values() for arn in held}
    if len(arns) > envelope.max_targets:
        what = f"{ident}: {len(arns)} targets, and {name} allows {envelope.max_targets}"
        yield Problem("ENVELOPE_TARGETS", what, "fewer targets, or a larger max_targets in gameday.yaml", place)
    for arn in sorted(arns):
        yield from _elsewhere(case, f"{ident}: {arn}", arn, place)
    yield from _elsewhere(case, f"{ident}: a resource in its settings", json.dumps(fault.settings, default=str), place)
    yield from _too_slow(case, ident, fault, place)
    longest = _too_long(case, fault, envelope)
    if longest:
        limit = write_duration(envelope.longest_fault)
        yield Problem("ENVELOPE_DURATION", f"{ident}: {longest}; {name} allows {limit}", f"at most {limit}", place)


def _elsewhere(case: Case, what: str, text: str, place: Place | None) -> Iterator[Problem]:
    found = outside(text, case.environment)
    if found:
        write = f"resources of account {case.environment.account} in {', '.join(case.environment.regions)}"
        yield Problem("ENVELOPE_ACCOUNT", f"{what} is of {found}, not of {case.environment_name}", write, place)


def _calls(case: Case, runbook: Runbook) -> Iterator[Problem]:
    """What the steps of a runbook may ask for. Parts of our own file, so the place is the runbook's name."""
    for step in runbook.steps:
        call = step.block.do if step.block else None
        if call is None:
            continue
        at = f"runbook {runbook.id}, step {step.number}"
        for named in _refused(call, case.environment):
            write = f"a call like {' | '.join(case.environment.envelope.calls)}"
            yield Problem("ENVELOPE_CALL", f"{at}: {named} is not allowed in {case.environment_name}", write)
        yield from _elsewhere(case, f"{at}: a resource", call.model_dump_json(), None)


def _refused(call: RunbookCall, environment: Environment) -> Iterator[str]:
    """The operations that no pattern of the envelope names."""
    patterns = environment.envelope.calls
    for service, operation in call.calls:
        names = {f"{service}.{operation}", ".".join(canonical(service, operation))}
        if not any(fnmatchcase(name, pattern) for name in names for pattern in patterns):
            yield f"{service}.{operation}"


def _too_slow(case: Case, ident: str, fault: PlannedFault, place: Place) -> Iterator[Problem]:
    """A fault that would outlive a dead conductor for longer than ``dead_man``."""
    allowed, worst = case.environment.envelope.dead_man, fault.worst_case_ms
    if worst is not None and worst > allowed:
        what = f"{ident}: with a dead conductor it ends {write_duration(worst)} later, and dead_man of "
        what += f"{case.environment_name} allows {write_duration(allowed)}"
        write = f"dead_man: {write_duration(max(worst, FASTEST_MS))} in gameday.yaml, or a fault that ends sooner"
        if fault.dead_man is None and allowed < FASTEST_MS:
            write = f"dead_man: {write_duration(FASTEST_MS)} or longer: no alarm of CloudWatch acts sooner"
        elif fault.provider == "chaostoolkit":
            write = f"a shorter timeout of its undo, or dead_man: {write_duration(worst)} in gameday.yaml"
        yield Problem("DEAD_MAN_TOO_SLOW", what, write, place)


def _too_long(case: Case, fault: PlannedFault, envelope: Envelope) -> str:
    """Why a fault may last too long, or nothing. A rehearsal ends with its processes, so no fault outlives it."""
    for what, ms in (("lasts", fault.duration_ms), ("with a dead conductor lasts", fault.worst_case_ms)):
        if ms is not None and ms > envelope.longest_fault:
            return f"{what} {write_duration(ms)}"
    if fault.worst_case_ms is None and not case.rehearsed:
        return "with a dead conductor it never ends"
    return ""
