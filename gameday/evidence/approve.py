"""Approval of a bag: a second signature, by another key than the sealer's, over the same manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gameday.errors import Place, Problem, could_not_start
from gameday.evidence import bag
from gameday.evidence.bag import Files
from gameday.evidence.envelope import APPROVAL, STATEMENT, Envelope, open_envelope, sign
from gameday.evidence.keys import key_id, public_of, public_pem
from gameday.evidence.lines import CHANGED


@dataclass(frozen=True)
class Approved:
    """Whose key approved, None when none did; and what is wrong with it."""

    keyid: str | None
    problems: list[Problem]


def approve(files: Files, signed: Envelope, key: Ed25519PrivateKey, role: str) -> Files:
    """The bag with its approval. CouldNotStart OWN_APPROVAL when it is the sealer's own key."""
    public = key.public_key()
    if key_id(public) == key_id(public_of(files[bag.SEALER])):
        raise could_not_start("OWN_APPROVAL", "this key has sealed the bag: nobody approves what is theirs", "--key "
                              "with the key of another person")  # fmt: skip
    predicate = {"role": role, "run": signed.predicate["run"], "key": key_id(public)}
    said = {"_type": STATEMENT, "subject": _subject(signed), "predicateType": APPROVAL, "predicate": predicate}
    return {**files, bag.APPROVAL: sign(said, key), bag.APPROVER: public_pem(public)}


def _subject(signed: Envelope) -> list[dict[str, Any]]:
    """What was sealed, by the digests of its manifest: also when some of it is withheld since."""
    return [{"name": name, "digest": signed.subjects[name]} for name in (*bag.MANIFESTS, *bag.TAG_MANIFESTS)]


def approved(files: Files, signed: Envelope, trusted: Ed25519PublicKey | None = None) -> Approved:
    """Read and check the approval."""
    if bag.APPROVAL not in files:
        stray = (
            [_wrong("FILE_ADDED", "a key of an approver, and no approval", CHANGED)] if bag.APPROVER in files else []
        )
        return Approved(None, stray)
    try:
        found = open_envelope(files[bag.APPROVAL], APPROVAL)
        key = public_of(files[bag.APPROVER])
    except (ValueError, KeyError) as error:
        return Approved(None, [_wrong("APPROVAL_MALFORMED", f"it cannot be read: {error}", CHANGED)])
    problems = _problems(found, key, files, signed, trusted)
    return Approved(None if problems else key_id(key), problems)


def _problems(
    found: Envelope, key: Ed25519PublicKey, files: Files, signed: Envelope, trusted: Ed25519PublicKey | None
) -> list[Problem]:
    problems = []
    if not found.signed_by(key):
        problems.append(_wrong("APPROVAL_SIGNATURE", "its signature is not over what it holds", CHANGED))
    if trusted is not None and key_id(trusted) != key_id(key):
        problems.append(
            _wrong("KEY_OTHER", f"approved with key {key_id(key)[:16]}, not with the one that is given", CHANGED)
        )
    if key_id(key) == key_id(public_of(files[bag.SEALER])):
        problems.append(
            _wrong("APPROVAL_OWN", "the sealer's own key approves: nobody approves what is theirs", CHANGED)
        )
    if found.subjects != {str(s["name"]): s["digest"] for s in _subject(signed)}:
        problems.append(
            _wrong("APPROVAL_OTHER_DIGEST", "it approves another manifest than the one that was sealed", CHANGED)
        )
    return problems


def role_of(files: Mapping[str, bytes]) -> str | None:
    """In which role it was approved."""
    try:
        return str(open_envelope(files[bag.APPROVAL], APPROVAL).predicate["role"])
    except (ValueError, KeyError):
        return None


def _wrong(code: str, what: str, write: str) -> Problem:
    return Problem(code, what, write, Place(bag.APPROVAL))
