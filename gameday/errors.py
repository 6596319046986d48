"""Errors a user can act on: a code, where, what is wrong, and what to write instead.

Exit codes (design: semantics, "Outcomes"): 0 within, 1 breached, 2 wrong command line, 3 inconclusive or not tested,
4 stopped, 5 could not start, 6 unsafe, 70 our own fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

EXIT_CODES = {
    "within": 0,
    "breached": 1,
    "inconclusive": 3,
    "not tested": 3,
    "stopped": 4,
    "unsafe": 6,
}
EXIT_COULD_NOT_START = 5
EXIT_INTERNAL = 70


@dataclass(frozen=True, order=True)
class Place:
    """Where in a file: 1-based line and column."""

    path: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One thing wrong. ``code`` is UPPER_SNAKE; ``write`` says what to write or do instead."""

    code: str
    message: str
    write: str
    place: Place | None = None
    severity: str = "error"  # error | warning

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.severity} {self.code}: {self.message}\n    write: {self.write}"


class GamedayError(Exception):
    """Base of all errors that a user sees; carries an exit code and at least one problem."""

    exit_code = EXIT_COULD_NOT_START

    def __init__(self, problems: Problem | Sequence[Problem]) -> None:
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(str(p) for p in self.problems))


class InvalidFiles(GamedayError):
    """Files that do not load or lint."""


class CouldNotStart(GamedayError):
    """The run cannot begin: access missing, service busy, envelope, rehearsal not available."""


class DamagedRun(GamedayError):
    """A run folder that cannot be read or whose chain is broken."""


class RunBroke(GamedayError):
    """A run that could not go on, as when the disk is full: stopped when all was taken back, else unsafe."""

    def __init__(self, problem: Problem, undone: bool) -> None:
        super().__init__(problem)
        self.exit_code = EXIT_CODES["stopped" if undone else "unsafe"]


class Refused(GamedayError):
    """A call that must not leave, for example a host that is not loopback in rehearsal."""


@dataclass
class Problems:
    """A collector, so that a user sees all that is wrong at once."""

    found: list[Problem] = field(default_factory=list)

    def add(self, code: str, message: str, write: str, place: Place | None = None, severity: str = "error") -> None:
        """Remember one problem."""
        self.found.append(Problem(code, message, write, place, severity))

    @property
    def errors(self) -> list[Problem]:
        return [p for p in self.found if p.severity == "error"]

    def stop_if_any(self) -> None:
        """Raise InvalidFiles when there is an error among what was found."""
        if self.errors:
            raise InvalidFiles(self.found)


def could_not_start(code: str, message: str, write: str, path: Path | None = None) -> CouldNotStart:
    """A CouldNotStart of one problem."""
    return CouldNotStart(Problem(code, message, write, Place(str(path)) if path else None))
