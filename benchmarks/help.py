"""How long ``gameday`` takes to say its help and its version, beside Chaos Toolkit's ``chaos``.

The commands take turns, so that whatever else the machine does falls on both; the first round warms the disk's cache
and is not counted. Prints one JSON line: milliseconds, and the machine they were measured on. ``--table`` adds a table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

BIN = Path(sys.executable).parent
COMMANDS = {
    f"{program} {option}": [str(BIN / program), option]
    for option in ("--help", "--version")
    for program in ("gameday", "chaos")
}


def measure(command: list[str], folder: str) -> float:
    """Wall milliseconds of one run; CalledProcessError when the command fails, since its time would mean nothing."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - begun) * 1000


def rounds(count: int, folder: str) -> dict[str, list[float]]:
    """``count`` runs of each command, in turns."""
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(count + 1):
        for name, command in COMMANDS.items():
            found = measure(command, folder)
            if number:
                taken[name].append(found)
    return taken


def summary(taken: list[float]) -> dict[str, float]:
    """Median, fastest and slowest."""
    return {
        "median_ms": round(statistics.median(taken), 1),
        "min_ms": round(min(taken), 1),
        "max_ms": round(max(taken), 1),
    }


def machine() -> dict[str, str | int]:
    """What the figures depend on."""
    return {
        "date": datetime.now(tz=UTC).date().isoformat(),
        "python": platform.python_version(),
        "cores": os.cpu_count() or 0,
        "load_1m": f"{os.getloadavg()[0]:.1f}",
        "system": f"{platform.system()} {platform.machine()}",
        "gameday": version("gameday"),
        "chaostoolkit": version("chaostoolkit"),
    }


def table(record: dict[str, dict[str, float]]) -> str:
    """The same as Markdown."""
    lines = ["| command | median | fastest | slowest |", "|---|---|---|---|"]
    for name, found in record.items():
        lines.append(f"| `{name}` | {found['median_ms']} ms | {found['min_ms']} ms | {found['max_ms']} ms |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="counted runs of each command")
    parser.add_argument("--table", action="store_true", help="also print a table")
    asked = parser.parse_args()
    found = {name: summary(taken) for name, taken in rounds(asked.rounds, "/").items()}
    print(json.dumps({"runs": asked.rounds, "commands": found, "machine": machine()}))
    if asked.table:
        print("\n" + table(found))


if __name__ == "__main__":
    main()
