"""Actions and probes as somebody might write them, good ones and bad ones. They run in a worker and nowhere else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def write(path: str, text: str = "broken") -> str:
    """Leave a file behind."""
    Path(path).write_text(text, "utf-8")
    return text


def remove(path: str) -> None:
    """Take it away; idempotent."""
    Path(path).unlink(missing_ok=True)


def sleep_then_write(path: str, seconds: float) -> None:
    """Break something late."""
    time.sleep(seconds)
    write(path)


def count(path: str) -> None:
    """Say that it ran once more."""
    with open(path, "a", encoding="utf-8") as file:
        file.write("x")


def fail_until(path: str, times: int) -> None:
    """An undo that succeeds only after so many attempts."""
    count(path)
    if Path(path).stat().st_size <= times:
        raise RuntimeError("not yet")


def hang() -> None:
    """Never come back, and let a child do the same."""
    subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"], check=False)


def leave() -> None:
    """Try to end whoever runs it."""
    sys.exit(0)


def die() -> None:
    """End the process at once, as a crash of C code does."""
    os._exit(3)


def connect(host: str, port: int = 80) -> bool:
    """Reach out, and hide that it failed."""
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return True
    return True


def start_program() -> str:
    """Start something that no hook binds."""
    return str(subprocess.run(["true"], check=True).args)


def environment() -> dict[str, str]:
    """All that it is handed."""
    return dict(os.environ)


def tell(secrets: dict[str, str]) -> None:
    """Give a secret away in an error."""
    raise RuntimeError(f"the key {secrets['key']} was refused")


def give(secrets: dict[str, str], configuration: dict[str, Any]) -> dict[str, Any]:
    """Give a secret away in an answer."""
    print(secrets)
    return {"key": secrets["key"], "configuration": configuration}


def wants_configuration(configuration: dict[str, Any]) -> int:
    """Needs no key of it, only that it is a mapping."""
    return len(configuration)


def nothing() -> None:
    """No data."""


def says(what: Any) -> Any:
    """Whatever it is told to."""
    return what


def unsayable() -> object:
    """What JSON cannot carry."""
    return object()


def no() -> bool:
    """An action that says it failed."""
    return False


def swallow(arn: str) -> int:
    """Change something with a session of its own, and hide that it was not let."""
    from contextlib import suppress

    import boto3

    with suppress(Exception):
        boto3.Session(region_name="eu-west-2").client("lambda").delete_function_concurrency(FunctionName=arn)
    return 1
