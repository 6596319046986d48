"""DSSE v1 envelopes around in-toto Statements v1: what is signed is the exact bytes, so nothing is made canonical.

An envelope is read only in the one form in which we write it: a byte that is changed anywhere in the file is seen, be
it in a blank or in bits of base64 that do not count.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gameday.evidence.keys import key_id

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
RUN, PREREGISTRATION, APPROVAL, REDACTION = (
    f"urn:gameday:{name}:v1" for name in ("run", "preregistration", "approval", "redaction")
)
NOT_PROVED = (
    "that the signals are true: whoever could forge what a source answered could forge it before it was sealed",
    "that the holder of the signing key did not make all of it up, and sign that",
    "when it was signed: times are those of the machine that ran it, and no time stamp authority has seen them",
    "that no run was left out, unless the end of the chain is also kept where the signer cannot change it",
    "that the firm can stay within its tolerances: it is the record of one run, kept by the firm itself; it is no"
    " assurance report (ISAE 3000, SOC 2), and nobody says that anything complies",
)


@dataclass(frozen=True)
class Envelope:
    """An envelope that was read; nobody has checked its signature yet. ``body`` is exactly what was signed."""

    body: bytes
    statement: Mapping[str, Any]
    keyid: str
    signature: bytes

    @property
    def predicate(self) -> Mapping[str, Any]:
        found = self.statement.get("predicate")
        return found if isinstance(found, dict) else {}

    @property
    def subjects(self) -> dict[str, dict[str, str]]:
        """Digests by name."""
        return {str(s["name"]): dict(s["digest"]) for s in self.statement["subject"]}

    def signed_by(self, key: Ed25519PublicKey) -> bool:
        """Whether this key made the signature. ``keyid`` is a hint and decides nothing."""
        try:
            key.verify(self.signature, pae(PAYLOAD_TYPE, self.body))
        except InvalidSignature:
            return False
        return self.keyid == key_id(key)


def statement(kind: str, subjects: Mapping[str, bytes], predicate: Mapping[str, Any]) -> dict[str, Any]:
    """An in-toto Statement about these files, by name."""
    about = [{"name": name, "digest": digests(raw)} for name, raw in sorted(subjects.items())]
    return {"_type": STATEMENT, "subject": about, "predicateType": kind, "predicate": dict(predicate)}


def digests(raw: bytes) -> dict[str, str]:
    """SHA-256 and SHA-512, hexadecimal."""
    return {"sha256": hashlib.sha256(raw).hexdigest(), "sha512": hashlib.sha512(raw).hexdigest()}


def sign(said: Mapping[str, Any], key: Ed25519PrivateKey) -> bytes:
    """The envelope's file. Ed25519 signatures are deterministic: the same statement and key give the same bytes."""
    body = json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()
    return _written(body, key_id(key.public_key()), key.sign(pae(PAYLOAD_TYPE, body)))


def _written(body: bytes, keyid: str, signature: bytes) -> bytes:
    signed = {"keyid": keyid, "sig": base64.b64encode(signature).decode()}
    record = {"payload": base64.b64encode(body).decode(), "payloadType": PAYLOAD_TYPE, "signatures": [signed]}
    return json.dumps(record, indent=1, sort_keys=True).encode() + b"\n"


def pae(kind: str, body: bytes) -> bytes:
    """What a DSSE signature is over (pre-authentication encoding)."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)


def open_envelope(raw: bytes, kind: str) -> Envelope:
    """ValueError when this is no envelope of one signature around a statement of this kind, as we write it."""
    try:
        record = json.loads(raw)
        (signed,) = record["signatures"]
        body, signature = (base64.b64decode(text, validate=True) for text in (record["payload"], signed["sig"]))
        if _written(body, signed["keyid"], signature) != raw:
            raise ValueError("it is not written as an envelope is")
        said = json.loads(body)
        found = Envelope(body, said, signed["keyid"], signature)
        if said["_type"] != STATEMENT or said["predicateType"] != kind or not isinstance(said["predicate"], dict):
            raise ValueError(f"it holds no statement of the kind {kind}")
        _ = found.subjects
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it lacks what an envelope holds ({type(error).__name__})") from error
    return found
