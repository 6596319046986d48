"""What makes a run evidence from its first event on: its number in the chain of runs, the exact bytes of what it was
planned from, and, with a key in gameday.yaml, its signed pre-registration."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gameday.clock import Clock
from gameday.errors import could_not_start
from gameday.evidence.chain import Numbered, chain_path, number_run, parse_chain
from gameday.evidence.inputs import keep_inputs
from gameday.journal.events import Draft
from gameday.library import MARKER, built_in
from gameday.model.load import load_model
from gameday.model.workspace import SigningKey, Workspace
from gameday.plan import Plan
from gameday.reports.files import write_whole
from gameday.runs import JOURNAL

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True)
class Enrolment:
    """What was found ready before the run's folder was made."""

    root: Path
    sources: tuple[Path, ...]
    key: Ed25519PrivateKey | None


def ready(root: Path, library: Path | None = None) -> Enrolment:
    """Before anything is made. CouldNotStart when the configured key cannot be read, EVIDENCE_NOT_INSTALLED;
    DamagedRun CHAIN_BROKEN."""
    chain = chain_path(root)
    raw = chain.read_bytes() if chain.exists() else b""
    parse_chain(raw[: raw.rfind(b"\n") + 1], str(chain))
    sources = (*((library,) if library else ()), root, built_in())
    settings = configured(root)
    return Enrolment(root, sources, read_key(settings, root) if settings else None)


def configured(root: Path) -> SigningKey | None:
    """The signing key that gameday.yaml names."""
    path = root / MARKER
    evidence = load_model(path, Workspace).model.evidence if path.is_file() else None
    return evidence.key if evidence else None


def read_key(settings: SigningKey, root: Path) -> Ed25519PrivateKey:
    """The private key. CouldNotStart EVIDENCE_NOT_INSTALLED, KEY_UNREADABLE, KEY_OPEN, KEY_NOT_ED25519,
    SECRET_MISSING."""
    installed()
    from gameday.evidence.keys import passphrase_of, read_private

    passphrase = passphrase_of(settings.passphrase, os.environ, root)
    return read_private(root / Path(settings.file).expanduser(), passphrase)


def installed() -> None:
    """CouldNotStart EVIDENCE_NOT_INSTALLED when signing is not."""
    try:
        import cryptography  # noqa: F401  # only whether it is there
    except ImportError as error:
        what = "signing needs the package cryptography"
        raise could_not_start("EVIDENCE_NOT_INSTALLED", what, 'pip install "gameday[evidence]"') from error


def enrol(enrolment: Enrolment, run_dir: Path, plan: Plan, raw: bytes, clock: Clock) -> Iterator[Draft]:
    """What to journal before the go, one after the other: each is to be recorded before the next is asked for, since
    the pre-registration names the journal as it is by then."""
    numbered = number_run(enrolment.root, run_dir, plan.environment, hashlib.sha256(raw).hexdigest(), clock.wall())
    yield Draft("run.numbered", {"no": numbered.no, "chain": numbered.head, "lines": numbered.lines})
    if missing := keep_inputs(run_dir, plan.inputs, enrolment.sources):
        yield Draft("evidence.inputs_missing", {"files": missing})
    if enrolment.key is not None:
        yield _registered(enrolment.key, run_dir, plan, raw, numbered, clock)


def _registered(
    key: Ed25519PrivateKey, run_dir: Path, plan: Plan, raw: bytes, numbered: Numbered, clock: Clock
) -> Draft:
    from gameday.evidence.keys import key_id
    from gameday.evidence.register import FILE, Moment, preregistration

    lines = (run_dir / JOURNAL).read_bytes().splitlines(keepends=True)
    moment = Moment(clock.now(), clock.wall(), len(lines), hashlib.sha256(lines[-1]).hexdigest())
    signed = preregistration(plan, raw, run_dir.name, numbered, moment, key)
    write_whole(run_dir / FILE, signed)
    what = {"sha256": hashlib.sha256(signed).hexdigest(), "key": key_id(key.public_key())}
    return Draft("evidence.preregistered", what)
