"""Who may see and do what: signed, expiring links for a role, each exchanged once for a browser's session.

A link says nothing of the run or the role: it is an id and a signature (HMAC-SHA-256, RFC 2104) over what is granted,
which stands in the workspace under ``.gameday/console/``. So it can be revoked, and whoever reads it learns nothing.
The browser's session is signed for the same grant, so it outlives a console that is started again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from gameday.clock import Ms
from gameday.errors import could_not_start

Role = Literal["facilitator", "player", "evaluator", "reader"]
ROLES: tuple[Role, ...] = get_args(Role)
Action = Literal[
    "ack", "note", "tick", "wrong", "missing", "score", "hold", "resume", "skip", "fire", "delay", "abort", "start",
    "link", "debrief",
]  # fmt: skip
ACTIONS: tuple[Action, ...] = get_args(Action)
MAY: dict[Role, frozenset[Action]] = {
    "facilitator": frozenset(ACTIONS) - {"tick", "wrong", "missing", "score"},
    "player": frozenset({"ack", "note", "tick", "wrong", "missing", "debrief"}),
    "evaluator": frozenset({"note", "score", "debrief"}),
    "reader": frozenset(),
}
"""What each role may do. Nobody ticks or scores for somebody else: the evaluator is no player, the facilitator is
neither."""
EVERY_RUN = "*"
LONGEST_MS = 30 * 24 * 3_600_000


class NoAccess(Exception):
    """A link or a session that opens nothing; says why in words for the person who holds it."""


@dataclass(frozen=True)
class Grant:
    """What a link opens. ``run`` is a run's id, or ``*`` for all runs of the workspace; ``who`` is the role as the
    journal names it, for a player the role in the scenario; ``expires_ms`` is wall time."""

    id: str
    run: str
    role: Role
    who: str
    expires_ms: Ms

    @property
    def everywhere(self) -> bool:
        """Whether this grant is for all runs of the workspace."""
        return self.run == EVERY_RUN

    def may(self, action: Action) -> bool:
        """Whether the role may do this at all; a run is started only by whom all runs are open to."""
        return action in MAY[self.role] and (action != "start" or self.everywhere)


class Keyring:
    """The console's key and grants of one workspace."""

    def __init__(self, root: Path) -> None:
        self._folder = root / ".gameday" / "console"
        self._grants, self._spent, self._revoked = (self._folder / n for n in ("grants", "spent", "revoked"))
        for folder in (self._grants, self._spent, self._revoked):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._key = _key(root / ".gameday" / "console.key")

    # ---- links
    def link(self, run: str, role: Role, who: str, expires_ms: Ms) -> tuple[Grant, str]:
        """A new grant, and the token of its link."""
        grant = Grant(secrets.token_hex(8), run, role, who, expires_ms)
        _write_new(self._grants / f"{grant.id}.json", json.dumps(asdict(grant)).encode())
        return grant, self._signed("link", grant)

    def look(self, token: str, now: Ms) -> Grant:
        """What a link would open; NoAccess when it is none of ours, has expired, was revoked or was used."""
        grant = self._opened("link", token, now)
        if (self._spent / grant.id).exists():
            raise NoAccess("This link was used already. Ask the facilitator for another one.")
        return grant

    def exchange(self, token: str, now: Ms) -> tuple[Grant, str]:
        """The session that a link opens, once: NoAccess for whoever comes second."""
        grant = self.look(token, now)
        try:
            _write_new(self._spent / grant.id, b"")
        except FileExistsError as error:
            raise NoAccess("This link was used already. Ask the facilitator for another one.") from error
        return grant, self._signed("session", grant)

    def revoke(self, ident: str) -> None:
        """Nothing opens by this grant any more. KeyError when there is none of this id."""
        if ident not in {g.id for g in self.grants()}:
            raise KeyError(ident)
        (self._revoked / ident).touch()

    def grants(self) -> list[Grant]:
        """All that were made, in the order of their end."""
        found = [self._read(path.stem) for path in self._grants.glob("*.json")]
        return sorted((g for g in found if g), key=lambda g: (g.expires_ms, g.id))

    def standing(self, grant: Grant, now: Ms) -> str:
        """``open``, ``used``, ``revoked`` or ``expired``."""
        if (self._revoked / grant.id).exists():
            return "revoked"
        if now >= grant.expires_ms:
            return "expired"
        return "used" if (self._spent / grant.id).exists() else "open"

    # ---- sessions
    def session(self, cookie: str, now: Ms) -> Grant:
        """Whose session this is; NoAccess when it is none of ours, has expired or was revoked."""
        return self._opened("session", cookie, now)

    def csrf(self, grant: Grant) -> str:
        """What each change must carry beside the cookie."""
        return self._mac("csrf", grant)

    def is_csrf(self, grant: Grant, given: str) -> bool:
        """Whether this is the session's own, compared in constant time."""
        return hmac.compare_digest(self.csrf(grant).encode(), given.encode("utf-8", "replace"))

    def _opened(self, use: str, token: str, now: Ms) -> Grant:
        ident, _, mac = token.partition(".")
        grant = self._read(ident) if len(ident) == 16 and ident.isalnum() and ident.isascii() else None
        expected = self._mac(use, grant) if grant else ""
        if grant is None or not hmac.compare_digest(expected.encode(), mac.encode("utf-8", "replace")):
            raise NoAccess("This link is not one of ours.")
        if now >= grant.expires_ms:
            raise NoAccess("This link has expired. Ask the facilitator for another one.")
        if (self._revoked / grant.id).exists():
            raise NoAccess("This link was withdrawn. Ask the facilitator for another one.")
        return grant

    def _signed(self, use: str, grant: Grant) -> str:
        return f"{grant.id}.{self._mac(use, grant)}"

    def _mac(self, use: str, grant: Grant) -> str:
        told = json.dumps([use, *asdict(grant).values()]).encode()
        return hmac.new(self._key, told, hashlib.sha256).hexdigest()[:40]

    def _read(self, ident: str) -> Grant | None:
        try:
            grant = Grant(**json.loads((self._grants / f"{ident}.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        whole = grant.id == ident and grant.role in ROLES and isinstance(grant.expires_ms, int)
        return grant if whole else None


def _key(path: Path) -> bytes:
    """The key of this workspace, made when there is none. CouldNotStart CONSOLE_KEY_OPEN when others may read it."""
    try:
        _write_new(path, secrets.token_bytes(32))
    except FileExistsError:
        pass
    if path.stat().st_mode & 0o077:
        raise could_not_start("CONSOLE_KEY_OPEN", "others may read the console's key", f"chmod 600 {path.name}", path)
    key = path.read_bytes()
    if len(key) < 32:
        write = "remove it; a new one is made, and links that were made before open nothing"
        raise could_not_start("CONSOLE_KEY_SHORT", "the console's key is not whole", write, path)
    return key


def _write_new(path: Path, raw: bytes) -> None:
    """A file of our own that nobody else reads; FileExistsError when it is there. Whole or not at all."""
    half = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.write(fd, raw)
        os.fsync(fd)
    finally:
        os.close(fd)
    try:
        os.link(half, path)
    finally:
        half.unlink()


ADDRESS = "http://127.0.0.1:8765"


def remember_address(root: Path, address: str) -> None:
    """Where this workspace's console is, for links that are made from a terminal."""
    (root / ".gameday" / "console").mkdir(parents=True, exist_ok=True, mode=0o700)
    (root / ".gameday" / "console" / "address").write_text(address)


def address(root: Path) -> str:
    """Where it was last; its default before that."""
    try:
        return (root / ".gameday" / "console" / "address").read_text()
    except OSError:
        return ADDRESS
