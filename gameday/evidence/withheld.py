"""What was withheld from a bag after it was sealed: by whom, why, and whether the verdict needed it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gameday.errors import Place, Problem
from gameday.evidence import bag
from gameday.evidence.bag import Files
from gameday.evidence.envelope import REDACTION, Envelope, open_envelope
from gameday.evidence.keys import key_id, public_of
from gameday.evidence.lines import CHANGED

MUST_STAY = frozenset({bag.JOURNAL, bag.SALTS, bag.CHAIN, bag.VERDICT, bag.PREREGISTERED})
"""Payload that is never withheld whole: without it nobody could tell what the rest is."""


@dataclass(frozen=True)
class Withheld:
    """Numbers of events with the hashes of their lines, and paths. ``bears``: the redactor says that the verdict cannot
    be computed without it."""

    events: Mapping[int, str] = field(default_factory=dict)
    paths: frozenset[str] = frozenset()
    bears: bool = False

    @property
    def any(self) -> bool:
        return bool(self.events or self.paths)


def withheld(files: Files, problems: list[Problem], remarks: list[str]) -> Withheld:
    """Read the bag's redactions; nothing is taken as withheld that is not signed for."""
    if bag.REDACTIONS not in files:
        problems += [_at("FILE_ADDED", "nothing was withheld", CHANGED, bag.REDACTOR)] if bag.REDACTOR in files else []
        return Withheld()
    try:
        envelope = open_envelope(files[bag.REDACTIONS], REDACTION)
        key = public_of(files[bag.REDACTOR])
        found = said_withheld(envelope.predicate["items"])
    except (ValueError, KeyError, TypeError) as error:
        problems.append(_at("REDACTION_MALFORMED", f"it cannot be read: {error}", CHANGED, bag.REDACTIONS))
        return Withheld()
    if not envelope.signed_by(key):
        problems.append(_at("REDACTION_SIGNATURE", "its signature is not over what it holds", CHANGED, bag.REDACTIONS))
        return Withheld()
    problems += _checked(files, envelope, found)
    remarks += [_said(item, key_id(key)) for item in envelope.predicate["items"]]
    return found


def said_withheld(items: Any) -> Withheld:
    """What these items of a redaction name; KeyError and the like when they are none."""
    events = {int(item["event"]): str(item["sha256"]) for item in items if "event" in item}
    paths = frozenset(str(item["path"]) for item in items if "path" in item)
    return Withheld(events, paths, any(item.get("bears_on_verdict") for item in items))


def _checked(files: Files, envelope: Envelope, found: Withheld) -> list[Problem]:
    problems = []
    sealed = hashlib.sha256(files.get(bag.ENVELOPE, b"")).hexdigest()
    if envelope.predicate.get("sealed") != sealed:
        problems.append(_at("REDACTION_OTHER", "it is of another bag", CHANGED, bag.REDACTIONS))
    for name in (*bag.MANIFESTS, *bag.TAG_MANIFESTS):
        digest = envelope.subjects.get(name, {}).get("sha256")
        if name in files and hashlib.sha256(files[name]).hexdigest() != digest:
            problems.append(
                _at("MANIFEST_CHANGED", "it is not the one that the redaction was signed with", CHANGED, name)
            )
    for path in sorted(found.paths):
        if path in files:
            problems.append(_at("REDACTION_ABUSED", "it is said to be withheld, and it is there", CHANGED, path))
        if path in MUST_STAY or not path.startswith(bag.DATA):
            problems.append(_at("REDACTION_ABUSED", "this must not be withheld", CHANGED, path))
    return problems


def _said(item: Mapping[str, Any], key: str) -> str:
    what = f"event {item['event']}" if "event" in item else str(item["path"])
    return f"withheld: {what}, because {item.get('because')} (key {key[:16]})"


def _at(code: str, what: str, write: str, name: str) -> Problem:
    return Problem(code, what, write, Place(name))
