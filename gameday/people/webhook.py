"""``via: webhook``: each prompt as signed JSON to an address of yours.

The signature is HMAC-SHA-256 (RFC 2104) over ``<timestamp>.<body>`` with the shared secret, so that neither can be
changed; whoever receives it refuses timestamps that are too old, and keys it has seen before (:func:`verify`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from gameday.clock import Clock, Ms
from gameday.model.types import Strict
from gameday.people.carrying import WITHIN_MS, LinkFor, Within, key_of
from gameday.people.posting import Headers, Outward, carry
from gameday.people.references import SecretReference, Unset, resolve
from gameday.plan import Call
from gameday.protocols import AwsDoor, Prompt

TIMESTAMP, SIGNATURE, KEY = "Gameday-Timestamp", "Gameday-Signature", "Idempotency-Key"
WINDOW_S = 300
VERSION = 1


class WebhookSettings(Strict):
    """``url`` and ``secret`` are references. ``within``: how long it may try, in wall time."""

    url: SecretReference
    secret: SecretReference
    within: Within = WITHIN_MS


class WebhookChannel:
    """Posts each prompt, signed."""

    name = "webhook"
    settings = WebhookSettings

    def __init__(
        self, settings: WebhookSettings, clock: Clock, aws: AwsDoor, rehearsed: bool, link_for: LinkFor | None = None
    ) -> None:
        self._settings, self._link_for = settings, link_for
        self._outward = Outward(clock, aws, rehearsed, settings.within)

    @staticmethod
    def calls(settings: WebhookSettings) -> list[Call]:
        """Reads of Secrets Manager."""
        return secret_calls(settings.url, settings.secret)

    def deliver(self, prompt: Prompt) -> str:
        """What the other side answered; Undelivered when it did not take it."""
        outward = self._outward
        try:
            url, secret = (resolve(r, outward.aws) for r in (self._settings.url, self._settings.secret))
        except Unset as error:
            return unset(error, outward.rehearsed)
        body = json.dumps(body_of(prompt, self._link_for), ensure_ascii=False).encode()
        return carry(
            outward, url, [url, secret], lambda: (body, signed(secret, body, key_of(prompt), outward.clock.wall()))
        )


def body_of(prompt: Prompt, link_for: LinkFor | None) -> dict[str, Any]:
    """What is posted. ``key`` is the same however often it is sent."""
    return {
        "version": VERSION, "key": key_of(prompt), "run": prompt.run, "prompt": prompt.id, "step": prompt.step,
        "to": prompt.to, "says": prompt.says, "expects": prompt.expects, "number": prompt.number,
        "handed_from": prompt.handed_from, "link": link_for(prompt) if link_for else None,
    }  # fmt: skip


def signed(secret: str, body: bytes, key: str, wall: Ms) -> Headers:
    """The headers of one try; the timestamp is of the try, so that a late one is not refused as a replay."""
    stamp = str(wall // 1000)
    return {
        "Content-Type": "application/json",
        TIMESTAMP: stamp,
        SIGNATURE: f"v1={_mac(secret, stamp, body)}",
        KEY: key,
    }


def verify(secret: str, headers: Mapping[str, str], body: bytes, now_s: int, window_s: int = WINDOW_S) -> bool:
    """Whether this came from whoever holds the secret, within the window around now. To be safe from a replay within
    it, remember the ``key`` in the body for as long."""
    given = {name.lower(): value for name, value in headers.items()}
    stamp, signature = given.get(TIMESTAMP.lower(), ""), given.get(SIGNATURE.lower(), "")
    if not (stamp.isascii() and stamp.isdecimal()) or abs(now_s - int(stamp[:20])) > window_s:
        return False
    return hmac.compare_digest(f"v1={_mac(secret, stamp, body)}".encode(), signature.encode())


def _mac(secret: str, stamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def unset(error: Unset, rehearsed: bool) -> str:
    """A rehearsal needs no secret of the real world: what is not there keeps nobody from rehearsing."""
    if rehearsed:
        return f"not sent: {error}, and this is a rehearsal"
    raise error


def secret_calls(*references: SecretReference) -> list[Call]:
    """The calls that these references lead to."""
    names = sorted({str(r) for r in references if r.secretsmanager})
    return [Call(step=None, service="secretsmanager", operation="GetSecretValue",
                 why=f"a channel's secret: {name}", times="1 for each prompt") for name in names]  # fmt: skip
