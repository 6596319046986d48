"""One injected fault as the journal tells it: when each thing was asked for and seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gameday.clock import Ms
from gameday.journal.events import Event


@dataclass
class Injected:
    """One fault: when each thing was seen of it. ``seqs`` has the number of the first event of each type."""

    step: str
    requested_ms: Ms
    accepted_ms: Ms | None = None
    t0_ms: Ms | None = None
    bucket_ms: Ms | None = None
    effective_ms: Ms | None = None
    witness: str | None = None
    not_effective: bool = False
    witness_read: bool = False
    values: tuple[float | None, ...] = ()
    stop_ms: Ms | None = None
    ended_ms: Ms | None = None
    gone_ms: Ms | None = None
    gone_witness: str | None = None
    undone: bool = False
    undo_failed: bool = False
    not_gone: bool = False
    seqs: dict[str, int] = field(default_factory=dict)

    @property
    def started(self) -> bool:
        """Whether the provider took it, or its effect was seen."""
        return self.accepted_ms is not None or self.t0_ms is not None

    @property
    def unseen(self) -> bool:
        """Whether nobody has seen it gone; a request that was never answered counts until it is undone."""
        if self.undo_failed:
            return True
        return self.gone_ms is None and (self.started or self.not_gone or not self.undone)


def change(faults: dict[str, Injected], event: Event) -> None:
    """Take in one event about a fault or its undo; one about a fault that was never asked for changes nothing."""
    step = str(event.what.get("step", ""))
    if event.type == "fault.requested":
        faults.setdefault(step, Injected(step, event.at))
    fault = faults.get(step)
    if fault is not None:
        fault.seqs.setdefault(event.type, event.seq)
        if told := _CHANGES.get(event.type):
            told(fault, event)


def _accepted(fault: Injected, event: Event) -> None:
    fault.accepted_ms = event.at if fault.accepted_ms is None else fault.accepted_ms


def _effective(fault: Injected, event: Event) -> None:
    if fault.t0_ms is None:
        what = event.what
        fault.t0_ms, fault.effective_ms, fault.bucket_ms = what["t0_ms"], event.at, what.get("bucket_ms")
        fault.witness, fault.not_effective = str(what.get("witness") or ""), False


def _not_effective(fault: Injected, event: Event) -> None:
    if fault.t0_ms is None:
        fault.not_effective, fault.witness_read = bool(event.what.get("read")), bool(event.what.get("read"))
        fault.witness, fault.values = str(event.what.get("witness") or ""), tuple(event.what.get("values") or ())


def _stop(fault: Injected, event: Event) -> None:
    fault.stop_ms = event.at if fault.stop_ms is None else fault.stop_ms


def _ended(fault: Injected, event: Event) -> None:
    fault.ended_ms = event.at if fault.ended_ms is None else fault.ended_ms


def _gone(fault: Injected, event: Event) -> None:
    fault.gone_ms, fault.gone_witness = event.at, str(event.what.get("witness") or "")


def _not_gone(fault: Injected, _event: Event) -> None:
    fault.not_gone = True


def _undone(fault: Injected, _event: Event) -> None:
    fault.undone, fault.undo_failed = True, False


def _undo_failed(fault: Injected, _event: Event) -> None:
    fault.undo_failed = True


_CHANGES: dict[str, Callable[[Injected, Event], None]] = {
    "fault.accepted": _accepted,
    "fault.effective": _effective,
    "fault.not_effective": _not_effective,
    "fault.stop_requested": _stop,
    "fault.ended": _ended,
    "fault.gone": _gone,
    "fault.not_gone": _not_gone,
    "undo.done": _undone,
    "undo.failed": _undo_failed,
}
