"""From a run's folder to a sealed bag: judged once more, closed in the chain of runs, looked through for secrets and
names, signed and written."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gameday.clock import to_datetime, wall_ms
from gameday.errors import could_not_start
from gameday.evidence.chain import close_runs
from gameday.library import MARKER
from gameday.reports.finish import conclude, read_run
from gameday.reports.rulings import final_reasons
from gameday.runs import is_live, runs_folder
from gameday.wiring.enrolling import configured, read_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from gameday.evidence.bag import Files
    from gameday.evidence.doors import Known

ROSTER = "roster.yaml"
CREDENTIALS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
LEAST_CREDENTIAL = 20  # characters: those of AWS are longer, and made-up ones such as "testing" stand anywhere


@dataclass(frozen=True)
class Withhold:
    """What is not put into the bag, though it happened."""

    events: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()
    because: str = ""


@dataclass(frozen=True)
class Sealed:
    """A bag that was written, and where what was withheld can still be read."""

    files: Files
    still: tuple[str, ...] = field(default=())


def key_for(root: Path, file: Path | None, passphrase: str | None = None) -> Ed25519PrivateKey:
    """The key in this file, else the one of gameday.yaml. CouldNotStart KEY_NOT_CONFIGURED."""
    if file is not None:
        from gameday.evidence.keys import read_private

        return read_private(file, passphrase)
    settings = configured(root)
    if settings is None:
        write = "--key FILE, or evidence: {key: {file: ...}} in gameday.yaml; gameday keys new makes one"
        raise could_not_start("KEY_NOT_CONFIGURED", "there is no key to sign with", write)
    return read_key(settings, root)


def seal_run(root: Path, run_dir: Path, out: Path, key: Ed25519PrivateKey, without: Withhold) -> Sealed:
    """Seal this run into a new folder. CouldNotStart: RUN_LIVE, RUN_NOT_ENDED, SECRET_IN_EVIDENCE, PERSON_IN_EVIDENCE,
    BAG_EXISTS, REDACTION_REFUSED; DamagedRun when the run cannot be trusted."""
    from gameday.evidence.bag import write_bag
    from gameday.evidence.seal import Run, check, refuse_live, seal

    refuse_live(is_live(run_dir), run_dir)
    verdict = conclude(run_dir)
    folder = read_run(run_dir)
    if not any(event.type == "run.ended" for event in folder.events):
        raise could_not_start("RUN_NOT_ENDED", "nobody has ended this run", f"gameday recover {run_dir.name}", run_dir)
    mine = run_dir.resolve().parent == runs_folder(root).resolve()
    known = known_of(root, run_dir)
    chain = close_runs(root) if mine else b""
    missing = final_reasons(run_dir, to_datetime(wall_ms()).date())
    files = seal(Run(run_dir, folder.plan, folder.events, verdict, chain, missing, known), key)
    sealed = _without(files, without, key)
    check(sealed.files, known)
    write_bag(out, sealed.files)
    return sealed


def _without(files: Files, without: Withhold, key: Ed25519PrivateKey) -> Sealed:
    if not (without.events or without.paths):
        return Sealed(files)
    return withhold(files, without, key)


def withhold(files: Files, what: Withhold, key: Ed25519PrivateKey) -> Sealed:
    """A bag without this. CouldNotStart: REDACTION_REFUSED, EVENT_UNKNOWN, PATH_UNKNOWN, BAG_NOT_VALID."""
    from gameday.evidence.bag import ENVELOPE
    from gameday.evidence.envelope import RUN, open_envelope
    from gameday.evidence.redact import Wish, redact

    signed = open_envelope(files[ENVELOPE], RUN)
    done = redact(files, signed, Wish(what.events, what.paths, what.because), key)
    return Sealed(done.files, tuple(done.still))


# ---- what must not be in a bag
def known_of(root: Path, run_dir: Path) -> Known:
    """What references in the plan, its inputs and gameday.yaml lead to, credentials of this process, and the roster."""
    from gameday.evidence.doors import Known, persons_of
    from gameday.model.yaml import parse

    texts = [path.read_text("utf-8", "replace") for path in (root / MARKER, *(run_dir / "inputs").rglob("*"))
             if path.is_file()]  # fmt: skip
    plan = json.loads((run_dir / "plan.json").read_bytes())
    found = {**dict(_referenced(plan, root)), **dict(_named(texts))}
    held = {name: os.environ.get(name, "") for name in CREDENTIALS}
    found |= {name: value for name, value in held.items() if len(value) >= LEAST_CREDENTIAL}
    roster = root / ROSTER
    persons = persons_of(parse(roster.read_bytes(), str(roster)).value) if roster.is_file() else []
    return Known({where: value for where, value in found.items() if value}, persons)


def _referenced(value: Any, root: Path) -> Iterator[tuple[str, str]]:
    """``{env: NAME}``, ``{file: PATH}``, and Chaos Toolkit's ``{type: env, key: NAME}``, anywhere in it."""
    if isinstance(value, Mapping):
        name = value.get("env") or (value.get("key") if value.get("type") == "env" else None)
        if isinstance(name, str) and name in os.environ:
            yield f"the environment variable {name}", os.environ[name].strip()
        if isinstance(value.get("file"), str) and set(value) <= {"file", "env"}:
            yield f"the file {value['file']}", _line(root / Path(value["file"]).expanduser())
        for held in value.values():
            yield from _referenced(held, root)
    elif isinstance(value, list):
        for held in value:
            yield from _referenced(held, root)


def _named(texts: list[str]) -> Iterator[tuple[str, str]]:
    """Environment variables that a YAML file refers to."""
    for text in texts:
        for name in re.findall(r"\b(?:env:\s*[\"']?([A-Za-z_]\w*)|key:\s*([A-Z_][A-Z0-9_]+))", text):
            variable = name[0] or name[1]
            if variable in os.environ:
                yield f"the environment variable {variable}", os.environ[variable].strip()


def _line(path: Path) -> str:
    try:
        return path.read_bytes()[:65536].decode("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
