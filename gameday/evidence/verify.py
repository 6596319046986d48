"""Verification: everything that is wrong with a bag, by name; and what cannot be said.

A problem means that the bag is not what was sealed, or that what was sealed does not fit together. A remark is what a
reader must know though nothing is wrong, as that a key came with the bag, or that an event was withheld.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gameday.errors import Place, Problem
from gameday.evidence import bag
from gameday.evidence.approve import approved
from gameday.evidence.bag import Files
from gameday.evidence.contents import Contents, contents
from gameday.evidence.envelope import RUN, Envelope, open_envelope
from gameday.evidence.keys import key_id, public_of
from gameday.evidence.lines import CHANGED
from gameday.evidence.seal import info_of
from gameday.evidence.withheld import Withheld, withheld

SAID = {"run", "scenario", "service", "environment", "plan_digest", "ended", "outcome", "tolerances", "journal",
        "chain", "preregistration", "draft", "key", "version", "not_proved"}  # fmt: skip


@dataclass(frozen=True)
class Trusted:
    """Public keys that somebody has from elsewhere. Without them those of the bag are used, and that is said."""

    sealer: Ed25519PublicKey | None = None
    approver: Ed25519PublicKey | None = None
    chain: bytes | None = None  # a later, or outside, copy of the chain of runs


@dataclass
class Found:
    """What came out. ``status`` is final, draft or not valid."""

    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    said: Mapping[str, Any] = field(default_factory=dict)
    sealer: str | None = None
    approver: str | None = None
    draft: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        return "not valid" if self.problems else "draft" if self.draft else "final"


def verify(files: Files, odd: Sequence[str] = (), trusted: Trusted | None = None) -> Found:
    """All of it, without stopping at the first."""
    trusted, found = trusted or Trusted(), Found()
    found.problems += [_at("NOT_A_FILE", "it is a link, or no plain file", CHANGED, name) for name in odd]
    found.problems += [*_listed(files), *_unlisted(files)]
    signed = _signed(files, trusted, found)
    gone = withheld(files, found.problems, found.remarks)
    if signed is None:
        return found
    found.said = signed.predicate
    found.problems += [*_bound(files, signed, gone), *_committed(files, gone), *_info(files, signed)]
    _inside(contents(files, signed, gone, trusted), found)
    found.draft = [str(reason) for reason in signed.predicate.get("draft", ["it does not say whether it is one"])]
    _approval(files, signed, trusted, found)
    return found


def _inside(held: Contents, found: Found) -> None:
    found.problems += held.problems
    found.remarks += held.remarks


def _approval(files: Files, signed: Envelope, trusted: Trusted, found: Found) -> None:
    approval = approved(files, signed, trusted.approver)
    found.problems += approval.problems
    found.approver = approval.keyid
    if approval.keyid is None:
        found.draft.append("nobody has approved it: gameday evidence approve")
    elif trusted.approver is None:
        found.remarks.append("the approver's key came with the bag: compare its id with what the approver says it is")


def _at(code: str, what: str, write: str, name: str) -> Problem:
    return Problem(code, what, write, Place(name))


# ---- files against manifests
def _listed(files: Files) -> Iterator[Problem]:
    """Each file is there, and is as its manifest says."""
    for name in (*bag.MANIFESTS, *bag.TAG_MANIFESTS):
        if name not in files:
            yield _at("FILE_MISSING", "a manifest is missing", CHANGED, name)
            continue
        try:
            wanted = bag.unlisted(files[name])
        except ValueError as error:
            yield _at("MANIFEST_MALFORMED", f"it is no manifest: {error}", CHANGED, name)
            continue
        yield from _as_listed(files, name, wanted)
    for name in (*bag.STEADY, "bag-info.txt", bag.ENVELOPE, bag.SALTS, bag.JOURNAL, bag.VERDICT):
        if name not in files:
            yield _at("FILE_MISSING", "a bag must hold it, and does not", CHANGED, name)


def _as_listed(files: Files, manifest: str, wanted: Mapping[str, str]) -> Iterator[Problem]:
    kind = manifest.removesuffix(".txt").rpartition("-")[2]
    for name, digest in wanted.items():
        if name not in files:
            yield _at("FILE_MISSING", f"{manifest} lists it, and it is not there", CHANGED, name)
        elif hashlib.new(kind, files[name]).hexdigest() != digest:
            yield _at("FILE_CHANGED", f"its {kind} is not the one in {manifest}", CHANGED, name)


def _unlisted(files: Files) -> Iterator[Problem]:
    """Nothing is there that no manifest lists."""
    known = {*bag.MANIFESTS, *bag.TAG_MANIFESTS, bag.ENVELOPE, *bag.ADDED}
    for name in (bag.MANIFESTS[0], bag.TAG_MANIFESTS[0]):
        try:
            known.update(bag.unlisted(files.get(name, b"")))
        except ValueError:
            return
    for name in sorted(files.keys() - known):
        yield _at("FILE_ADDED", "nothing lists this file: it was put in after sealing", CHANGED, name)


# ---- the signature, and what it is over
def _signed(files: Files, trusted: Trusted, found: Found) -> Envelope | None:
    """The envelope when it can be read and its signature is good."""
    try:
        envelope = open_envelope(files[bag.ENVELOPE], RUN)
        within = public_of(files[bag.SEALER])
        if lacking := sorted(SAID - envelope.predicate.keys()):
            raise ValueError(f"it does not say {', '.join(lacking)}")
    except (ValueError, KeyError) as error:
        unread = f"the envelope, or the key with it, cannot be read: {error}"
        found.problems.append(_at("ENVELOPE_MALFORMED", unread, CHANGED, bag.ENVELOPE))
        return None
    found.sealer = key_id(within)
    if trusted.sealer is None:
        found.remarks.append("the sealer's key came with the bag: compare its id with what the sealer says it is")
    elif key_id(trusted.sealer) != found.sealer:
        what = f"sealed with key {found.sealer[:16]}, not with the one that is given, {key_id(trusted.sealer)[:16]}"
        found.problems.append(_at("KEY_OTHER", what, CHANGED, bag.SEALER))
    if not envelope.signed_by(within):
        found.problems.append(_at("SIGNATURE_WRONG", "the signature is not over what it holds", CHANGED, bag.ENVELOPE))
        return None
    return envelope


def _bound(files: Files, signed: Envelope, gone: Withheld) -> Iterator[Problem]:
    """What the seal names is what is here. Where something was withheld, manifests are the redactor's."""
    for name, digests in signed.subjects.items():
        remade = gone.any and name not in bag.STEADY
        if name in files and not remade and hashlib.sha256(files[name]).hexdigest() != digests["sha256"]:
            code = "MANIFEST_CHANGED" if "manifest" in name or name == bag.COMMITMENTS else "FILE_CHANGED"
            yield _at(code, "it is not the one that was sealed: it was made anew after sealing", CHANGED, name)


def _committed(files: Files, gone: Withheld) -> Iterator[Problem]:
    """Every payload file is the one whose salted hash was sealed; what is withheld has no salt any more."""
    try:
        wanted, salts = bag.unlisted(files[bag.COMMITMENTS]), bag.unlisted(files[bag.SALTS])
    except (ValueError, KeyError) as error:
        yield _at("MANIFEST_MALFORMED", f"salted hashes or salts cannot be read: {error}", CHANGED, bag.COMMITMENTS)
        return
    for name in sorted({n for n in files if n.startswith(bag.DATA)} - wanted.keys() - {bag.SALTS}):
        yield _at("FILE_ADDED", "it was not there when the bag was sealed", CHANGED, name)
    for name, sealed in wanted.items():
        if name in gone.paths or (name == bag.JOURNAL and gone.events):
            continue
        if name not in files:
            yield _at("FILE_MISSING", "it was sealed, and nobody has said that it is withheld", CHANGED, name)
        elif bag.commitment(salts.get(name, ""), files[name]) != sealed:
            yield _at("FILE_CHANGED", "it is not the file that was sealed", CHANGED, name)


def _info(files: Files, signed: Envelope) -> Iterator[Problem]:
    if files.get("bag-info.txt") != bag.bag_info(files, info_of(signed.predicate)):
        yield _at("FILE_CHANGED", "it does not say what the seal says", CHANGED, "bag-info.txt")
