"""Event types. An event is what the conductor saw or did; ``what`` holds the type's own facts.

All ``*_ms`` facts are scenario-time UTC milliseconds, unless their name says duration.

type                what
run.opened          run, environment, speed, scenario, service, version
conductor.claimed   pid; the event's own ``epoch`` is the new one. From the event before to this one nobody conducted
run.resumed         away_ms, why, inject      another conductor goes on; inject: whether it may still inject anything
run.reopened        why                       it had ended and left something behind: it is restored once more
plan.registered     digest, sha256            journalled before the first effect (pre-registration); sha256: of the
                                              exact bytes of plan.json, hexadecimal
run.numbered        no, chain, lines          the run's number in the workspace's chain; SHA-256 of its last line
evidence.preregistered  sha256, key           preregistration.dsse.json was signed: SHA-256 of its bytes, id of the key
evidence.inputs_missing files                 of these no exact copy could be kept in the run's folder
preflight.done      checks: [{check, result: shown | warned | waived | failed | not looked at, said}], clock_off_ms
preflight.waived    code, subject, said, because   ``who`` waived it by name
go                  on, digest, approved_by   somebody (``who``) said go, and on what
phase.entered       phase: preflight | baseline | execute | restore | verify | ended
timeline.started    t_go_ms
step.started        step
step.ended          step, result: done | met | missed | failed | skipped | expired | withdrawn |
                    unknown (its limit passed while nobody conducted), why, after_ms
fault.requested     step, token
fault.accepted      step, trace               the provider took it (experiment, template ...)
fault.targets       step, targets             what the provider resolved
fault.effective     step, witness, value, bucket_ms, t0_ms
fault.not_effective step, witness, read, values   read: whether the witness could be read at all; values: what it read
fault.stop_requested step, why, trace         trace: what a start noted that then failed, so that it may be there
fault.stop_failed   step, error, count        it could not be stopped (yet); told at the 1st, 10th, 100th ... failure
fault.ended         step, status, detail      detail: the provider's own words
fault.gone          step, witness
fault.not_gone      step, witness, resources
fault.exhibits      step, files, where, why   files: kept under exhibits/ in the run's folder; why: there are none
prompt.delivered    prompt, step, to, says, via, receipt, expects: acknowledge | answer | perform | none, number
                    (runbook step), handed_from: who had it before and went away; its limit goes on;
                    pages: the channels beside the terminal that are to carry it
prompt.paged        prompt, step, to, channel, receipt   a channel delivered it; receipt: what the other side said
prompt.unpaged      prompt, step, to, channel, error     a channel could not deliver it; where that channel alone
                    reaches the role, the deputy is asked
prompt.acknowledged prompt, step, role, text   ``who`` is the role or person's role that did it
people.registered   held: roles that a person holds where others are scripted, seed: of the scripted people's delays
step.fire_asked     step                      somebody begins it by hand, now
step.delay_asked    step, by_ms               somebody lets it begin later; several add up
step.scored         step, score: performed | performed_with_challenges | major_challenges | unable, comment
                    ``who`` evaluated it; a later one counts instead
branch.taken        step, score, leads_to, by: score | result   leads_to: the step that begins now, none: no other does
access.expired      role, until_ms, step      what this role does is refused; abort and emergency are not
access.restored     role, why
channel.down        channel, until_ms, step   it carries nothing: prompts go by the others, or to the deputy
channel.up          channel
task.step_done      step, number, after_ms, role, early: before its turn; by_hand: its call was not made by gameday
task.step_calling   step, number                written before the call of a runbook step's block is made
task.step_called    step, number, ok, said      the call of a runbook step's block was made
task.step_skipped   step, number, why           it was left out; ``who`` said so
task.step_wrong     step, number, text          somebody says that this step of the runbook is wrong
task.step_missing   step, number, text          somebody says that after this step (0: before the first) one is missing
task.step_checked   step, number, ok, said
role.unavailable    role, until_ms, silent      silent: a third party, for which no deputy stands in
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
guard.fired         guard, value, by, step     by: fis when its own stop condition ended the fault of this step
guard.unreadable    guard
hold.started        why      hold.ended
step.skip_asked     step
abort.asked         why
emergency.asked     why                       an abort, and the FIS safety lever as well
lever.engaged       place, reason, already    place: account/Region; already: somebody had engaged it before
lever.failed        place, error, count       it could not be engaged (yet); told at the 1st, 10th, 100th ... failure
note                text, marks: detected | declared | roles_filled | communicated | diagnosed | mitigation_started |
                    mitigated | all_clear; touches: as kind of service.touched, which it then also is
command.refused     command, why
undo.started        why      undo.done step, resource, detail     undo.failed step, error, resources
heartbeat.armed     period, periods, region?  the dead-man's alarm was made, as planned, period in milliseconds; region
                                              where it is not the environment's first
heartbeat.fired     step, says                AWS ended this fault because no heartbeat came; says: its own words
heartbeat.disarmed  region?                   its alarm was deleted and seen gone
watchdog.started    pid                       the process that undoes what is no fault of FIS when the conductor cannot
watchdog.ended
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
    salt: str = ""
    """Of chance: the hash of a line that is withheld from evidence later tells nobody what a guess of it would."""

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
            **({"salt": self.salt} if self.salt else {}),
        }
        return json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Event:
        """Read one line; ValueError or KeyError when it is not an event."""
        r = json.loads(line)
        return cls(
            r["seq"], r["epoch"], from_iso(r["at"]), from_iso(r["wall"]), r["prev"], r["type"], r["who"], r["what"],
            r.get("salt", ""),
        )  # fmt: skip


@dataclass(frozen=True)
class Draft:
    """An event that nobody has numbered yet: what the pure parts and the performers return."""

    type: str
    what: dict[str, Any] = field(default_factory=dict)
    who: str = CONDUCTOR
