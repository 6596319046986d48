"""What is known of one injected fault, and what each event about it changes: a part of the fold. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gameday.clock import Ms
from gameday.journal.events import Event


@dataclass
class FaultState:
    """What is known of one injected fault; None = not seen yet."""

    token: str
    requested_ms: Ms
    trace: dict[str, str] = field(default_factory=dict)
    targets: dict[str, list[str]] = field(default_factory=dict)
    accepted_ms: Ms | None = None
    effective_ms: Ms | None = None
    t0_ms: Ms | None = None
    witness: str | None = None
    not_effective: bool = False
    witness_read: bool | None = None
    stop_requested_ms: Ms | None = None
    stop_why: str | None = None
    ended_ms: Ms | None = None
    status: str | None = None
    detail: str = ""  # the provider's own words about its end
    clean: bool = False
    gone_ms: Ms | None = None
    not_gone: bool = False
    exhibits: tuple[str, ...] | None = None  # None: not asked for yet


def _accepted(fault: FaultState, event: Event) -> None:
    fault.accepted_ms, fault.trace = event.at, dict(event.what.get("trace", {}))


def _targets(fault: FaultState, event: Event) -> None:
    fault.targets = {key: list(arns) for key, arns in event.what["targets"].items()}


def _not_effective(fault: FaultState, event: Event) -> None:
    fault.not_effective, fault.witness_read = True, bool(event.what.get("read"))


def _stop_requested(fault: FaultState, event: Event) -> None:
    if fault.stop_requested_ms is None:
        fault.stop_requested_ms, fault.stop_why = event.at, event.what.get("why")
    _begun(fault, event.what.get("trace"))


def _begun(fault: FaultState, noted: dict[str, str] | None) -> None:
    """A start that was never answered, and that had noted what it was about to make: it may be there."""
    if fault.accepted_ms is None and noted:
        fault.trace.update({k: v for k, v in noted.items() if k not in ("run", "step", "token")})


def _fault_ended(fault: FaultState, event: Event) -> None:
    if fault.ended_ms is None:
        fault.ended_ms, fault.status = event.at, event.what.get("status")
        fault.detail = str(event.what.get("detail") or "")


def _fault_gone(fault: FaultState, event: Event) -> None:
    fault.gone_ms = event.at


def _fault_not_gone(fault: FaultState, _event: Event) -> None:
    fault.not_gone = True


def _exhibits(fault: FaultState, event: Event) -> None:
    fault.exhibits = tuple(event.what.get("files", ()))


def _undo_done(fault: FaultState, event: Event) -> None:
    fault.clean = True
    _begun(fault, event.what.get("resource"))


CHANGES: dict[str, Callable[[FaultState, Event], None]] = {
    "fault.accepted": _accepted,
    "fault.targets": _targets,
    "fault.not_effective": _not_effective,
    "fault.stop_requested": _stop_requested,
    "fault.ended": _fault_ended,
    "fault.gone": _fault_gone,
    "fault.not_gone": _fault_not_gone,
    "fault.exhibits": _exhibits,
    "undo.done": _undo_done,
}
