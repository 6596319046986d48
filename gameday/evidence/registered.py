"""Whether a run was pre-registered: signed, before its first effect, and about this very plan."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gameday.errors import DamagedRun, Place, Problem
from gameday.evidence.bag import CHAIN, JOURNAL, PLAN, PREREGISTERED
from gameday.evidence.chain import parse_chain
from gameday.evidence.envelope import PREREGISTRATION, Envelope, open_envelope
from gameday.evidence.lines import CHANGED, first_effect, read_lines
from gameday.evidence.register import limits
from gameday.journal.events import Event
from gameday.plan import Plan

NONE = "no key was configured when it began (evidence: {key: {file: ...}} in gameday.yaml)"


@dataclass(frozen=True)
class Registration:
    """What the pre-registration is, None when there is none, and all that is wrong with it."""

    said: dict[str, Any] | None
    problems: Sequence[Problem]

    @property
    def why_not(self) -> str | None:
        """Why the run does not count as pre-registered; None when it does."""
        return self.problems[0].message if self.problems else (None if self.said else NONE)


def registration(
    held: Mapping[str, bytes], plan: Plan, events: Sequence[Event], keys: Sequence[Ed25519PublicKey] = ()
) -> Registration:
    """Read from a bag's payload. Its signature is checked when keys are given: one of them must have made it."""
    raw, named = held.get(PREREGISTERED), [e for e in events if e.type == "evidence.preregistered"]
    if raw is None:
        missing = "the journal names a pre-registration, and there is none"
        return Registration(None, [_wrong("PREREGISTRATION_MISSING", missing, CHANGED)] if named else [])
    try:
        found = open_envelope(raw, PREREGISTRATION)
    except ValueError as error:
        return Registration(None, [_wrong("PREREGISTRATION_MALFORMED", f"it cannot be read: {error}", CHANGED)])
    sha256 = hashlib.sha256(raw).hexdigest()
    problems = [*_signature(found, keys), *_moment(found, sha256, named, held, events), *_about(found, held, plan)]
    return Registration({"sha256": sha256, "key": found.keyid, "at": found.predicate.get("at")}, problems)


def _wrong(code: str, what: str, write: str) -> Problem:
    return Problem(code, what, write, Place(PREREGISTERED))


def _signature(found: Envelope, keys: Sequence[Ed25519PublicKey]) -> Iterator[Problem]:
    if keys and not any(found.signed_by(key) for key in keys):
        what = f"the pre-registration is not signed by a key that is given here (it names key {found.keyid[:16]})"
        yield _wrong("PREREGISTRATION_SIGNATURE", what, CHANGED)


def _moment(
    found: Envelope, sha256: str, named: Sequence[Event], held: Mapping[str, bytes], events: Sequence[Event]
) -> Iterator[Problem]:
    """It was there before the first effect: the journal names it there, and it names the journal before that."""
    mine = [event for event in named if event.what.get("sha256") == sha256]
    if not mine:
        yield _wrong("PREREGISTRATION_OTHER", "the journal does not name this pre-registration", CHANGED)
        return
    effect, at = first_effect(events), mine[0]
    if effect and (effect.seq < at.seq or effect.wall < at.wall):
        what = f"it was journalled as event {at.seq}, and the first fault was asked for before, in event {effect.seq}"
        yield _wrong("PREREGISTRATION_LATE", what, CHANGED)
    told, hashes = found.predicate.get("journal", {}), read_lines(held[JOURNAL]).hashes
    count = told.get("count", 0)
    if not (isinstance(count, int) and 0 < count < at.seq) or hashes[count - 1] != told.get("head"):
        yield _wrong("PREREGISTRATION_OTHER", "it was signed at another journal than this one", CHANGED)


def _about(found: Envelope, held: Mapping[str, bytes], plan: Plan) -> Iterator[Problem]:
    """It is about this plan, these limits and this place in the chain."""
    said = found.predicate
    if changed := _changed(said.get("tolerances"), plan):
        what = f"not as it was registered before the fault: {', '.join(changed)}"
        yield Problem("TOLERANCE_CHANGED", what, CHANGED, Place(PLAN))
    about = found.subjects.get("plan.json", {}).get("sha256")
    if PLAN in held and about != hashlib.sha256(held[PLAN]).hexdigest():
        yield Problem("PLAN_SWAPPED", "it is not the plan that was registered before the fault", CHANGED, Place(PLAN))
    yield from _place_in_chain(said.get("chain", {}), held)


def _place_in_chain(told: Mapping[str, Any], held: Mapping[str, bytes]) -> Iterator[Problem]:
    try:
        parse_chain(held.get(CHAIN, b""), CHAIN)
    except DamagedRun:
        return  # said where the chain itself is checked
    lines = held.get(CHAIN, b"").splitlines(keepends=True)
    count = told.get("lines", 0)
    if not 0 < count <= len(lines) or hashlib.sha256(lines[count - 1]).hexdigest() != told.get("head"):
        what = f"when run {told.get('no')} began the chain of runs was another: a run was left out of it, or put in"
        yield Problem("CHAIN_DIFFERS", what, "the chain as it was; every run that it names", Place(CHAIN))


def _changed(registered: Any, plan: Plan) -> list[str]:
    """The tolerances that differ, by name."""
    before = {t["id"]: t for t in registered} if isinstance(registered, list) else {}
    now = {t["id"]: t for t in limits(plan)}
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
