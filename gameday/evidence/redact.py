"""Redaction: an event or a file is withheld from a bag, and all the rest can still be checked.

Of an event the hash of its line stays, which holds a salt and so tells nothing; of a file its salted hash, without the
salt. Reports are withheld with an event, since they retell it. Whoever redacts signs what is withheld, why, and whether
the verdict can be computed without it; the verifier computes it again and says so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gameday.errors import could_not_start
from gameday.evidence import bag
from gameday.evidence.bag import Files
from gameday.evidence.envelope import REDACTION, Envelope, open_envelope, sign, statement
from gameday.evidence.keys import key_id, public_pem
from gameday.evidence.lines import Lines, read_lines, stub
from gameday.evidence.seal import info_of
from gameday.evidence.withheld import MUST_STAY
from gameday.journal.events import Event
from gameday.plan import Plan
from gameday.verdict.run import judge_run

FRAME = frozenset({"run.opened", "run.numbered", "plan.registered", "evidence.preregistered", "evidence.inputs_missing",
                   "conductor.claimed", "go", "timeline.started", "fault.requested", "run.ended"})  # fmt: skip
"""Types of events that are never withheld: they say what was run, when, and that it was registered before."""
_RETELL = ("data/report.",)
_LEAST = 4  # characters of a text that is looked for elsewhere


@dataclass(frozen=True)
class Wish:
    """What to withhold, and why."""

    events: Sequence[int]
    paths: Sequence[str]
    because: str


@dataclass(frozen=True)
class Redacted:
    """The bag without it, and where what an event said can still be read."""

    files: Files
    still: Sequence[str]


def redact(files: Files, signed: Envelope, wish: Wish, key: Ed25519PrivateKey) -> Redacted:
    """Withhold from a bag that verifies. CouldNotStart: REDACTION_REFUSED, EVENT_UNKNOWN, PATH_UNKNOWN."""
    lines, kept = read_lines(files[bag.JOURNAL]), dict(files)
    chosen = [_event(lines, seq) for seq in sorted(set(wish.events))]
    paths = _paths(files, wish)
    items = [*_items(files), *_new_events(files, lines, chosen, wish), *_new_paths(files, paths, wish)]
    rows = kept[bag.JOURNAL].splitlines(keepends=True)
    for event in chosen:
        rows[event.seq - 1] = stub(event.seq, lines.hashes[event.seq - 1])
    kept[bag.JOURNAL] = b"".join(rows)
    for path in paths:
        del kept[path]
    unsalted = {*paths, *([bag.JOURNAL] if chosen else [])}
    salts = bag.unlisted(kept[bag.SALTS])
    kept[bag.SALTS] = bag.listed((name, salt) for name, salt in salts.items() if name not in unsalted)
    kept = bag.finished(kept, info_of(signed.predicate))
    return Redacted(_signed(kept, signed, items, key), list(_still(kept, chosen)))


def _signed(kept: Files, signed: Envelope, items: Sequence[Mapping[str, Any]], key: Ed25519PrivateKey) -> Files:
    about = {name: kept[name] for name in (*bag.MANIFESTS, *bag.TAG_MANIFESTS)}
    predicate = {"run": signed.predicate["run"], "sealed": hashlib.sha256(kept[bag.ENVELOPE]).hexdigest(),
                 "items": list(items), "key": key_id(key.public_key())}  # fmt: skip
    made = sign(statement(REDACTION, about, predicate), key)
    return {**kept, bag.REDACTIONS: made, bag.REDACTOR: public_pem(key.public_key())}


def _event(lines: Lines, seq: int) -> Event:
    found = next((event for event in lines.events if event.seq == seq), None)
    if found is None:
        raise could_not_start("EVENT_UNKNOWN", f"the journal shows no event {seq}", f"1 to {len(lines.hashes)}")
    if found.type in FRAME:
        what = f"event {seq} ({found.type}) says what was run, and when: without it nothing is evidence"
        raise could_not_start("REDACTION_REFUSED", what, "another event, or a file with --path")
    return found


def _paths(files: Files, wish: Wish) -> list[str]:
    found = {path if path.startswith(bag.DATA) else bag.DATA + path for path in wish.paths}
    for path in found:
        if path in MUST_STAY:
            raise could_not_start("REDACTION_REFUSED", f"{path} must stay", "--event N for what the journal says")
        if path not in files:
            raise could_not_start("PATH_UNKNOWN", f"there is no {path} in this bag", "a file below data/")
    if wish.events:
        found.update(name for name in files if name.startswith(_RETELL))
    return sorted(found)


def _items(files: Files) -> list[dict[str, Any]]:
    """What was withheld before."""
    if bag.REDACTIONS not in files:
        return []
    return [dict(item) for item in open_envelope(files[bag.REDACTIONS], REDACTION).predicate["items"]]


def _new_events(files: Files, lines: Lines, chosen: Sequence[Event], wish: Wish) -> Iterator[dict[str, Any]]:
    bears = bool(chosen) and _bears(files, lines, {event.seq for event in chosen})
    for event in chosen:
        yield {"event": event.seq, "sha256": lines.hashes[event.seq - 1], "because": wish.because,
               "bears_on_verdict": bears, "salted": bool(event.salt)}  # fmt: skip


def _bears(files: Files, lines: Lines, seqs: set[int]) -> bool:
    """Whether the verdict is another without these events, or cannot be computed."""
    try:
        plan, told = Plan.model_validate_json(files[bag.PLAN]), json.loads(files[bag.VERDICT])
        told.pop("provenance", None)
        again = judge_run(plan, [event for event in lines.events if event.seq not in seqs])
        return bool(told != json.loads(json.dumps(again)))
    except Exception:  # noqa: BLE001  # whatever it raises: the verdict cannot be computed without them
        return True


def _new_paths(files: Files, paths: Sequence[str], wish: Wish) -> Iterator[dict[str, Any]]:
    committed = bag.unlisted(files[bag.COMMITMENTS])
    for path in paths:
        yield {"path": path, "commitment": committed[path], "because": wish.because,
               "bears_on_verdict": path == bag.PLAN}  # fmt: skip


def _still(files: Files, chosen: Sequence[Event]) -> Iterator[str]:
    """Files in which a text of a withheld event stands as well."""
    texts = {text.encode() for event in chosen for text in _texts(event.what) if len(text) >= _LEAST}
    for name, raw in sorted(files.items()):
        if name.startswith(bag.DATA) and any(text in raw for text in texts):
            yield name


def _texts(value: Any) -> Iterator[str]:
    """Free texts of an event: with a blank in them, so that ids and roles are not looked for."""
    if isinstance(value, Mapping):
        for held in value.values():
            yield from _texts(held)
    elif isinstance(value, list | tuple):
        for held in value:
            yield from _texts(held)
    elif isinstance(value, str) and " " in value.strip():
        yield value


def unsalted(files: Files) -> list[int]:
    """Events that are withheld though their lines held no salt (of an older gameday): a guess could be tried."""
    return [int(item["event"]) for item in _items(files) if "event" in item and not item["salted"]]
