"""What the rules of ``lint`` share: the files, the problems found in them, and which names somebody used."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from typing import Any

from gameday.errors import Problem, Problems
from gameday.model.content import Content, SourceFile
from gameday.model.yaml import Path_


@dataclass
class Review:
    """One pass over the content. ``used`` holds (kind, id) of what is referred to."""

    content: Content
    problems: Problems = field(default_factory=Problems)
    used: set[tuple[str, str]] = field(default_factory=set)

    def error(self, code: str, message: str, write: str, file: SourceFile, at: Path_) -> None:
        """Note something wrong at a key path of a file."""
        self.problems.add(code, message, write, file.place(at))

    def warn(self, code: str, message: str, write: str, file: SourceFile, at: Path_) -> None:
        """Note something that is likely not meant."""
        self.problems.add(code, message, write, file.place(at), "warning")

    def known(self, what: str, ident: str, names: Collection[str], file: SourceFile, at: Path_) -> bool:
        """Whether ``ident`` is among ``names``; if not, UNKNOWN_<WHAT> with the nearest name."""
        if ident in names:
            return True
        near = get_close_matches(ident, sorted(names), 1) or sorted(names)[:5]
        write = f"{' | '.join(near)}" if near else f"the id of a {what}; there is none yet"
        self.error(f"UNKNOWN_{what.upper()}", f"no {what} {ident!r}", write, file, at)
        return False

    def signal(self, ident: str | None, file: SourceFile, at: Path_) -> bool:
        """Whether an observer of this id exists; None is nothing to find."""
        if ident is None:
            return True
        self.used.add(("observer", ident))
        return self.known("observer", ident, self.content.observers, file, at)

    def alarm(self, name: str, file: SourceFile, at: Path_) -> None:
        """An alarm is an observer of alarms, or else the name of an alarm in CloudWatch."""
        observer = self.content.observers.get(name)
        if observer is None:
            return
        self.used.add(("observer", name))
        if observer.model.source != "cloudwatch.alarm":
            what = f"observer {name!r} reads {observer.model.source}, not an alarm"
            self.error("NOT_AN_ALARM", what, "the name of an alarm, or an observer of cloudwatch.alarm", file, at)

    def runbook(self, ident: str, file: SourceFile, at: Path_) -> bool:
        """Whether a runbook of this id exists."""
        self.used.add(("runbook", ident))
        return self.known("runbook", ident, self.content.runbooks, file, at)

    def unique(self, what: str, items: Iterable[tuple[str, Path_]], file: SourceFile) -> None:
        """DUPLICATE_<WHAT> for each id that stands twice."""
        seen: set[str] = set()
        for ident, at in items:
            if ident in seen:
                self.error(f"DUPLICATE_{what.upper()}", f"two of id {ident!r}", "another id", file, at)
            seen.add(ident)

    def acyclic(self, graph: Mapping[str, Iterable[str]], places: Mapping[str, Path_], file: SourceFile) -> None:
        """CYCLE when things wait for one another; names outside the graph are another rule's business."""
        try:
            TopologicalSorter({name: [n for n in needs if n in graph] for name, needs in graph.items()}).prepare()
        except CycleError as error:
            loop: list[Any] = error.args[1]
            what = f"each waits for the next: {' <- '.join(loop)}"
            self.error("CYCLE", what, "remove one of these references", file, places[loop[0]])

    def add(self, problems: Iterable[Problem]) -> None:
        """Problems that somebody else found."""
        self.problems.found += problems
