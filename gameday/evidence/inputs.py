"""The exact bytes of what a run was planned from, kept in its folder when it begins."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

INPUTS, PREREGISTERED = "inputs", "preregistration.dsse.json"


def keep_inputs(run_dir: Path, inputs: Mapping[str, str], roots: Iterable[Path]) -> list[str]:
    """Copy the exact bytes of what the plan was made of under ``inputs/``; returns the names of those that are not, or
    no longer, to be had. The hash alone says which bytes are meant."""
    folders, missing = list(roots), []
    for name, sha256 in sorted(inputs.items()):
        raw = next((raw for root in folders if (raw := _read(root / name)) is not None and _is(raw, sha256)), None)
        place = run_dir / INPUTS / name
        if raw is None or not place.resolve().is_relative_to((run_dir / INPUTS).resolve()):
            missing.append(name)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(raw)
    return missing


def _is(raw: bytes, sha256: str) -> bool:
    return hashlib.sha256(raw).hexdigest() == sha256.removeprefix("sha256:")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
