"""Event types. An event is what the conductor saw or did; ``what`` holds the type's own facts.

All ``*_ms`` facts are scenario-time UTC milliseconds, unless their name says duration.

type                what
run.opened          run, environment, speed, scenario, service, version
conductor.claimed   pid; the event's own ``epoch`` is the new one
plan.registered     digest, sha256            journalled before the first effect (pre-registration); sha256: of the
                                              exact bytes of plan.json, hexadecimal
go                  on                        somebody (``who``) said go, and on what
phase.entered       phase: preflight | baseline | execute | restore | verify | ended
timeline.started    t_go_ms
step.started        step
step.ended          step, result: done | met | missed | failed | skipped | expired | withdrawn, why, after_ms
fault.requested     step, token
fault.accepted      step, trace               the provider took it (experiment, template ...)
fault.targets       step, targets             what the provider resolved
fault.effective     step, witness, value, bucket_ms, t0_ms
fault.not_effective step, witness, read, values   read: whether the witness could be read at all; values: what it read
fault.stop_requested step, why, trace         trace: what a start noted that then failed, so that it may be there
fault.ended         step, status
fault.gone          step, witness
fault.not_gone      step, witness, resources
fault.exhibits      step, files, where, why   files: kept under exhibits/ in the run's folder; why: there are none
prompt.delivered    prompt, step, to, says, via, expects: acknowledge | answer | perform | none, number (runbook step)
prompt.acknowledged prompt, step, role        ``who`` is the role or person's role that did it
task.step_done      step, number, after_ms
task.step_called    step, number, ok, said      the call of a runbook step's block was made
task.step_checked   step, number, ok, said
role.unavailable    role, until_ms
role.available      role
signals.sampled     values: {signal: [[start_ms, value or null], ...]}   new or changed datapoints only
                    read_to_ms: {signal: ms}  the end up to which the sources were asked, also when nothing was new
observer.failed     source, error, signals
alarm.changed       signal, state, since_ms
graph.seen          window: baseline | fault, from_ms, to_ms, nodes: [{name, total, ok, errors, throttles, faults,
                    seconds}], edges: [{from, to, and the same}], left_out   counts are of the traces that were sampled
graph.failed        window, error             the service graph could not be read; nothing waits for it
rehearsal.disturbed from_ms, to_ms, lag_ms    buckets in it are unknown
clock.stepped       by_ms, source
ledger.reconciled   ledger, moment: recovery | end, acked, present, unread, missing: [sequence, ...], corrupt,
                    duplicates, first_missing_ms, last_missing_ms, last_intact_ms, interval_ms
                    a canary ledger held against what is there (D19)
ledger.unread       ledger, moment, error     it could not be reconciled
service.touched     kind: incident | deployment | run, why   something else touched the service (CONFOUNDED)
guard.fired         guard, value
guard.unreadable    guard
hold.started        why      hold.ended
step.skip_asked     step
abort.asked         why
note                text
command.refused     command, why
undo.started        why      undo.done step, resource     undo.failed step, error, resources
run.ended           status: completed | aborted | failed, why

An event that answers a command from the inbox holds the command's id as ``command``; ids are applied once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from gameday.clock import from_iso, iso

CONDUCTOR = "conductor"


@dataclass(frozen=True)
class Event:
    """One line of the journal. ``at`` is scenario time, ``wall`` wall time, both UTC milliseconds."""

    seq: int
    epoch: int
    at: int
    wall: int
    prev: str
    type: str
    who: str = CONDUCTOR
    what: dict[str, Any] = field(default_factory=dict)

    def line(self) -> bytes:
        """The exact bytes of this event's line, with its newline."""
        record = {
            "seq": self.seq,
            "epoch": self.epoch,
            "at": iso(self.at),
            "wall": iso(self.wall),
            "prev": self.prev,
            "type": self.type,
            "who": self.who,
            "what": self.what,
        }
        return json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Event:
        """Read one line; ValueError or KeyError when it is not an event."""
        r = json.loads(line)
        return cls(
            r["seq"], r["epoch"], from_iso(r["at"]), from_iso(r["wall"]), r["prev"], r["type"], r["who"], r["what"]
        )


@dataclass(frozen=True)
class Draft:
    """An event that nobody has numbered yet: what the pure parts and the performers return."""

    type: str
    what: dict[str, Any] = field(default_factory=dict)
    who: str = CONDUCTOR
