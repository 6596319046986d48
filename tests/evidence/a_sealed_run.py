"""A workspace with finished runs, keys, and what is sealed of them; no daemon and no clock but a virtual one."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gameday.clock import VirtualClock
from gameday.evidence.bag import Files, read_bag
from gameday.journal.events import Draft
from gameday.journal.store import Journal
from gameday.plan import Plan, dump_plan
from gameday.planning.digest import digest_of
from gameday.reports.finish import conclude
from gameday.runs import JOURNAL, runs_folder
from gameday.wiring.enrolling import Enrolment, enrol
from gameday.wiring.sealing import Withhold, seal_run
from tests.reports.a_day import GO, SECOND, plan, story

RUN = "20261118-1020-payment-functions-stop"
SCENARIO = "scenarios/open-banking/payment-functions-stop.yaml"
Told = list[tuple[float, Draft]]


def a_key(seed: int) -> Ed25519PrivateKey:
    """The same key each time."""
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


SEALER, APPROVER, STRANGER = a_key(1), a_key(2), a_key(3)


def salted() -> Callable[[], str]:
    """Salts that are the same each time."""
    numbers = itertools.count(1)
    return lambda: hashlib.sha256(str(next(numbers)).encode()).hexdigest()[:32]


def a_workspace(root: Path) -> Path:
    """With the one file of which the plan is made."""
    (root / SCENARIO).parent.mkdir(parents=True)
    (root / SCENARIO).write_text("kind: scenario\n")
    (root / "gameday.yaml").write_text("kind: workspace\n")
    return root


def a_plan(root: Path, **changes: Any) -> Plan:
    """Its digest is of what it says."""
    made = plan(inputs={SCENARIO: f"{hashlib.sha256((root / SCENARIO).read_bytes()).hexdigest()}"}, **changes)
    return made.model_copy(update={"digest": digest_of(made)})


def a_run(
    root: Path, run: str = RUN, *, key: Ed25519PrivateKey | None = SEALER, made: Plan | None = None,
    on_disk: Plan | None = None, told: Iterable[tuple[float, Draft]] | None = None, late: bool = False,
) -> Path:  # fmt: skip
    """A finished run, written as a conductor writes it. ``made`` is what is registered, ``on_disk`` what lies there;
    ``late``: it is enrolled after the first fault was asked for."""
    made = made or a_plan(root)
    run_dir = runs_folder(root) / run
    run_dir.mkdir(parents=True)
    raw = dump_plan(made)
    (run_dir / "plan.json").write_bytes(dump_plan(on_disk or made))
    registered = hashlib.sha256(dump_plan(on_disk or made)).hexdigest()
    journal = Journal.create(run_dir / JOURNAL)
    journal._salt = salted()
    for at, draft in sorted(told or story(registered), key=lambda t: t[0]):
        clock = VirtualClock(GO + round(at * SECOND))
        if draft.type == ("fault.accepted" if late else "go"):
            for given in enrol(Enrolment(root, (root,), key), run_dir, made, raw, clock):
                journal.append(given, clock.now(), clock.wall())
        what = {**draft.what, "run": run} if draft.type == "run.opened" else draft.what
        what = {**what, "digest": made.digest} if draft.type == "plan.registered" else what
        journal.append(Draft(draft.type, what, draft.who), clock.now(), clock.wall())
    journal.close()
    conclude(run_dir)
    return run_dir


def sealed(root: Path, run_dir: Path, out: Path, key: Ed25519PrivateKey = SEALER, **without: Any) -> Files:
    """Its bag, on disk and in memory."""
    seal_run(root, run_dir, out, key, Withhold(**without))
    return read_bag(out)[0]


def put(folder: Path, files: Files) -> Path:
    """These files as a folder."""
    for name, raw in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    return folder


def a_private_file(folder: Path, key: Ed25519PrivateKey, name: str) -> Path:
    """The PEM of a key, as ``gameday keys new`` writes it."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    path = folder / f"{name}.pem"
    raw = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
        file.write(raw)
    return path
