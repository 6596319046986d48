"""What an environment allows (``envelope`` in gameday.yaml): actions, how many targets, how long.

``require_tag`` and ``deny_tag`` need reads of the targets' tags: preflight checks them, with the identity of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from gameday.errors import CouldNotStart, Place, Problem
from gameday.model.types import write_duration
from gameday.model.workspace import Envelope
from gameday.plan import PlannedFault, PlannedStep
from gameday.planning.case import Case
from gameday.planning.deadman import FASTEST_MS


def check_envelope(case: Case, steps: Sequence[PlannedStep]) -> None:
    """CouldNotStart with everything that lies outside the envelope, each at its step."""
    problems: list[Problem] = []
    for index, step in enumerate(steps):
        if step.fault:
            problems += _outside(case, step.id, step.fault, case.file.place(("timeline", index)))
    if problems:
        raise CouldNotStart(problems)


def _outside(case: Case, ident: str, fault: PlannedFault, place: Place) -> Iterator[Problem]:
    envelope, name = case.environment.envelope, case.environment_name
    for action in fault.actions or (fault.action,):
        if not any(fnmatchcase(action, pattern) for pattern in envelope.actions):
            what = f"{ident}: {action} is not allowed in {name}"
            yield Problem("ENVELOPE_ACTION", what, f"an action like {' | '.join(envelope.actions)}", place)
    count = len({arn for arns in fault.targets.values() for arn in arns})
    if count > envelope.max_targets:
        what = f"{ident}: {count} targets, and {name} allows {envelope.max_targets}"
        yield Problem("ENVELOPE_TARGETS", what, "fewer targets, or a larger max_targets in gameday.yaml", place)
    yield from _too_slow(case, ident, fault, place)
    longest = _too_long(case, fault, envelope)
    if longest:
        limit = write_duration(envelope.longest_fault)
        yield Problem("ENVELOPE_DURATION", f"{ident}: {longest}; {name} allows {limit}", f"at most {limit}", place)


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
