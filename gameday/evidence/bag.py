"""The layout of a bag (BagIt 1.0, RFC 8493), as files by name in memory, and on disk.

What is signed is ``run.dsse.json``; it names the manifests, ``commitments.txt`` and what tells how to verify. Each
payload file has a salted hash in ``commitments.txt`` and its salt in ``data/salts.txt``, so that one can be withheld
later (its salt goes with it) while all others can still be held against what was signed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gameday.errors import could_not_start
from gameday.evidence.inputs import INPUTS
from gameday.evidence.inputs import PREREGISTERED as PREREGISTRATION
from gameday.plan import Plan

Files = dict[str, bytes]
DATA, SALTS, COMMITMENTS = "data/", "data/salts.txt", "commitments.txt"
ENVELOPE, APPROVAL, REDACTIONS = "run.dsse.json", "approval.dsse.json", "redactions.dsse.json"
SEALER, APPROVER, REDACTOR = "keys/sealer.pub.pem", "keys/approver.pub.pem", "keys/redactor.pub.pem"
JOURNAL, PLAN, VERDICT = "data/journal.jsonl", "data/plan.json", "data/verdict.json"
CHAIN, PREREGISTERED = "data/chain.jsonl", f"data/{PREREGISTRATION}"
BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
ALGORITHMS = ("sha256", "sha512")
MANIFESTS = tuple(f"manifest-{name}.txt" for name in ALGORITHMS)
TAG_MANIFESTS = tuple(f"tagmanifest-{name}.txt" for name in ALGORITHMS)
STEADY = ("bagit.txt", COMMITMENTS, "VERIFY.md", "verify.sh", SEALER)  # of tag files, those no redaction touches
TAGS = (*STEADY, "bag-info.txt", *MANIFESTS)  # what the tag manifests list
ADDED = (APPROVAL, APPROVER, REDACTIONS, REDACTOR)  # what may come to a bag after it was sealed
_KEPT = ("plan.json", "journal.jsonl", "undo.jsonl", "verdict.json", PREREGISTRATION)
_KEPT_BEGIN = ("report.", "lessons.", "findings.", "debrief.", "actions.")
_FOLDERS = ("signals", "exhibits", INPUTS)


def payload(run_dir: Path, plan: Plan, chain: bytes) -> Files:
    """What of a run's folder is evidence, byte for byte. Of the journal every whole line: a torn last one was never
    acknowledged. The queries of all signals come as a file of their own."""
    found = {DATA + path.relative_to(run_dir).as_posix(): path.read_bytes() for path in sorted(_evidence(run_dir))}
    found[JOURNAL] = found[JOURNAL][: found[JOURNAL].rfind(b"\n") + 1]
    queries = {s.id: s.model_dump(mode="json", include={"source", "query", "period_ms", "settles_ms", "account",
                                                       "region", "means", "unit"}) for s in plan.signals}  # fmt: skip
    found["data/signals/queries.json"] = json.dumps(queries, indent=1, sort_keys=True, ensure_ascii=False).encode()
    return {**found, **({CHAIN: chain} if chain else {})}


def _evidence(run_dir: Path) -> Iterator[Path]:
    for path in run_dir.iterdir():
        kept = path.name in _KEPT or path.name.startswith(_KEPT_BEGIN)
        if kept and path.is_file() and not path.is_symlink():
            yield path
    for name in _FOLDERS:
        for path in (run_dir / name).rglob("*"):
            hidden = any(part.startswith(".") for part in path.relative_to(run_dir).parts)
            if path.is_file() and not path.is_symlink() and not hidden:
                yield path


def salts(files: Mapping[str, bytes], secret: bytes, about: str) -> dict[str, str]:
    """A salt for each file, which nobody can guess without the secret."""
    return {name: hmac.new(secret, f"{about}\0{name}".encode(), hashlib.sha256).hexdigest()[:32] for name in files}


def commitment(salt: str, raw: bytes) -> str:
    """The salted hash: of the salt, a newline and the bytes. In a shell: ``{ echo SALT; cat FILE; } | sha256sum``."""
    return hashlib.sha256(salt.encode() + b"\n" + raw).hexdigest()


def listed(pairs: Iterable[tuple[str, str]]) -> bytes:
    """``<hash>  <name>`` lines by name, as sha256sum reads them."""
    return "".join(f"{value}  {name}\n" for name, value in sorted(pairs)).encode()


def unlisted(raw: bytes) -> dict[str, str]:
    """Hashes by name; ValueError when a line is no such line, a name comes twice or would lead out of the bag."""
    found: dict[str, str] = {}
    for line in raw.decode("utf-8").splitlines():
        value, gap, name = line.partition("  ")
        if not gap or not name or name in found or name.startswith("/") or ".." in name.split("/"):
            raise ValueError(f"a line is not a hash and a name: {line[:80]!r}")
        found[name] = value
    if listed(found.items()) != raw:
        raise ValueError("it is not in order")
    return found


def finished(files: Mapping[str, bytes], info: Mapping[str, str]) -> Files:
    """These files with bag-info, manifests and tag manifests made for them as they are now."""
    made = {name: raw for name, raw in files.items() if name not in (*MANIFESTS, *TAG_MANIFESTS)}
    made["bag-info.txt"] = bag_info(made, info)
    for kind in ALGORITHMS:
        held = ((name, hashlib.new(kind, raw).hexdigest()) for name, raw in made.items() if name.startswith(DATA))
        made[f"manifest-{kind}.txt"] = listed(held)
    tags = {name: made[name] for name in TAGS if name in made}
    for kind in ALGORITHMS:
        held = ((name, hashlib.new(kind, raw).hexdigest()) for name, raw in tags.items())
        made[f"tagmanifest-{kind}.txt"] = listed(held)
    return made


def bag_info(files: Mapping[str, bytes], info: Mapping[str, str]) -> bytes:
    """bag-info.txt, with how much the payload is."""
    held = [raw for name, raw in files.items() if name.startswith(DATA)]
    lines = {**info, "Payload-Oxum": f"{sum(map(len, held))}.{len(held)}"}
    return "".join(f"{key}: {value}\n" for key, value in lines.items()).encode()


def write_bag(folder: Path, files: Mapping[str, bytes], over: bool = False) -> None:
    """Put a bag there, whole or not at all. CouldNotStart BAG_EXISTS when something is there already, unless ``over``;
    CANNOT_WRITE."""
    folder = folder.absolute()
    if not over and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise could_not_start("BAG_EXISTS", "there is something already", "--out with a new folder", folder)
    new, old = (folder.with_name(f".{folder.name}.{os.getpid()}.{end}") for end in ("new", "old"))
    try:
        for name, raw in sorted(files.items()):
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            with (new / name).open("xb") as file:
                file.write(raw)
                os.fsync(file.fileno())
        (new / "verify.sh").chmod(0o755)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    except OSError as error:
        if old.exists() and not folder.exists():
            old.rename(folder)
        what = f"it cannot be written: {error.strerror}"
        raise could_not_start("CANNOT_WRITE", what, "room, and rights", folder) from error
    finally:
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)


def read_bag(folder: Path) -> tuple[Files, list[str]]:
    """All files by name, and the names of what is no plain file. CouldNotStart BAG_MISSING when this is no bag."""
    if not (folder / "bagit.txt").exists() and not (folder / ENVELOPE).exists():
        raise could_not_start("BAG_MISSING", "this is no bag", "a folder that gameday evidence seal made", folder)
    files: Files = {}
    odd = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            odd.append(name)
        elif path.is_file():
            files[name] = path.read_bytes()
    return files, odd
