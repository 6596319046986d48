"""Writing what a run leaves: whole or not at all, so that nobody ever reads half a verdict."""

from __future__ import annotations

import os
from pathlib import Path

from gameday.errors import could_not_start


def write_whole(path: Path, raw: bytes) -> None:
    """Put these bytes there by rename, on disk before the name changes. CouldNotStart (CANNOT_WRITE) when that fails;
    what stood there before stands there still."""
    half = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with half.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        write = "room on the disk, and a folder that may be written to"
        raise could_not_start("CANNOT_WRITE", f"it cannot be written: {error.strerror}", write, path) from error
