"""Kill the conductor at every boundary of a day, and see what is left.

The day is conducted once. At each boundary the process forks: the child is the world as the death leaves it, with what
is on disk copied, and nothing of the dead conductor's stack ever runs in it again; the parent goes on to the next
boundary. A boundary is: before a write to journal or ledger; the write torn after so many bytes; written and not
fsynced; fsynced; and after each call that changed something in the account, before anybody has heard the answer. In the
child another conductor recovers the run, or resumes it, or nobody does and the dead-man's switches are all there is.
"""

from __future__ import annotations

import json
import os
import shutil
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gameday.clock import Clock
from gameday.conductor import ledger as ledgers
from gameday.conductor.ledger import outstanding
from gameday.conductor.walk import Conductor, Show
from gameday.errors import GamedayError
from gameday.journal import store
from gameday.journal.inbox import drop
from gameday.journal.store import read
from gameday.plan import Plan
from gameday.wiring import starting, watchdog
from gameday.wiring.recovering import dead_runs, recover, unfinished
from gameday.wiring.resuming import resume
from tests.conductor.bench import S, Ticking
from tests.torture.the_day import DEAD_MAN, RUN, Day

HOWS = ("recover", "resume", "dead-man")
DEAD_S = (0, 20, 200)
"""How long nobody conducts: shorter and longer than the dead-man's switch takes."""


@dataclass
class Count:
    """What was counted over a day, or over several."""

    boundaries: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)  # kills after which a fault went on, or something stayed
    lost: Counter[str] = field(default_factory=Counter)  # kills after which something acknowledged was not there
    wrong: list[str] = field(default_factory=list)
    ways: Counter[str] = field(default_factory=Counter)
    events: int = 0

    def add(self, other: Count) -> None:
        """Both."""
        for name in ("boundaries", "kills", "left", "lost", "ways"):
            getattr(self, name).update(getattr(other, name))
        self.wrong += other.wrong
        self.events += other.events

    def table(self) -> str:
        """For whoever reads the output."""
        rows = [f"{kind:<24}{number:>8}" for kind, number in sorted(self.boundaries.items())]
        rows += [f"{'boundaries, all':<24}{self.boundaries.total():>8}", ""]
        rows += [f"{'killed, then':<24}{'kills':>8}{'left':>8}{'lost':>8}"]
        rows += [f"{how:<24}{self.kills[how]:>8}{self.left[how]:>8}{self.lost[how]:>8}" for how in HOWS]
        rows += ["", *(f"{way:<40}{number:>8}" for way, number in sorted(self.ways.items()))]
        return "\n".join(rows)


@dataclass(frozen=True)
class Torn:
    """What a write that was cut off has put on disk."""

    file: str
    offset: int
    data: bytes


class Torture:
    """One day under torture. ``every`` k-th boundary kills, beginning with ``first``; each of them in all ``hows`` when
    ``all_hows``, else in turn."""

    def __init__(self, day: Day, patch: pytest.MonkeyPatch, every: int = 1, first: int = 0, *,
                 all_hows: bool = True) -> None:  # fmt: skip
        self.day, self.every, self.first, self.all_hows = day, every, first, all_hows
        self.count, self.number = Count(), 0
        self.journalled, self.noted = b"", b""  # all that was fsynced
        self.alive = True
        self._size = 0
        self._patch(patch)

    # ---- the boundaries
    def _patch(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(starting, "dead_man", self.day.switches)
        patch.setattr(store, "os", _Os(lambda: self._synced("journal")))
        patch.setattr(ledgers, "os", _Os(lambda: self._synced("ledger")))
        honest_journal, honest_ledger = store._write_all, ledgers._write
        self._pending = {"journal": b"", "ledger": b""}

        def journal(fd: int, data: bytes) -> None:
            self._before("journal", os.fstat(fd).st_size, data)
            honest_journal(fd, data)
            self._written("journal", data)

        def ledger(fd: int, data: bytes, at: int) -> None:
            self._before("ledger", at, data)
            honest_ledger(fd, data, at)
            self._written("ledger", data)

        patch.setattr(store, "_write_all", journal)
        patch.setattr(ledgers, "_write", ledger)
        self.day.truth.account.told = lambda call: self.boundary(f"after a call of {_whose(call)}")

    def _before(self, file: str, offset: int, data: bytes) -> None:
        self.boundary(f"{file}: before")
        cuts = (1, len(data) // 3, 2 * len(data) // 3, len(data) - 1)
        self.boundary(f"{file}: torn", Torn(file, offset, data[: cuts[self.number % len(cuts)]]))

    def _written(self, file: str, data: bytes) -> None:
        self.boundary(f"{file}: written")
        self._pending[file] = data

    def _synced(self, file: str) -> None:
        if not self.alive:
            return
        if file == "journal":
            self.journalled += self._pending[file]
        else:
            self.noted += self._pending[file]
        self._pending[file] = b""
        self.boundary(f"{file}: fsynced")

    def boundary(self, kind: str, torn: Torn | None = None) -> None:
        """Perhaps die here."""
        if not self.alive:
            return
        number, self.number = self.number, self.number + 1
        self.count.boundaries[kind] += 1
        if number % self.every != self.first % self.every:
            return
        turn = number // self.every
        hows = HOWS if self.all_hows else (HOWS[turn % len(HOWS)],)
        for index, how in enumerate(hows):
            self._kill(kind, number, how, DEAD_S[(turn + index) % len(DEAD_S)], torn)

    # ---- one death
    def _kill(self, kind: str, number: int, how: str, dead_s: int, torn: Torn | None) -> None:
        out, into = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(out)
            self.alive = False
            _say(into, lambda: Aftermath(self, f"{number}-{how}", torn).told(how, dead_s))
        os.close(into)
        with os.fdopen(out, "rb") as file:
            said = json.loads(file.read() or b'{"left": [], "lost": [], "wrong": "the child died", "way": ""}')
        os.waitpid(child, 0)
        self.count.kills[how] += 1
        self.count.left[how] += bool(said["left"])
        self.count.lost[how] += bool(said["lost"])
        self.count.ways[said["way"]] += 1
        if said["left"] or said["lost"] or said["wrong"]:
            where = f"day that ends by {self.day.ends}, boundary {number} ({kind}), {how} after {dead_s} s"
            self.count.wrong.append(f"{where}: left {said['left']}, lost {said['lost']}, {said['wrong']}")

    def walk(self) -> Count:
        """The whole day."""
        conductor = self.day.begin()
        conductor.run()
        conductor.close()
        assert self.day.truth.all == [], "the day itself left something"
        self.count.events = len(read(self.day.folder / "journal.jsonl")[0])
        return self.count


def _whose(call: str) -> str:
    return "FIS" if "Experiment" in call else "CloudWatch" if "Alarm" in call else "this machine"


def _say(into: int, told: Callable[[], dict[str, Any]]) -> None:
    """Say it and be gone, so that nothing of the parent's ever runs here."""
    try:
        said = told()
    except BaseException:  # noqa: B036  # the parent tells of it
        said = {"left": [], "lost": [], "wrong": traceback.format_exc(), "way": "broke"}
    with suppress(BaseException), os.fdopen(into, "wb") as file:
        file.write(json.dumps(said).encode())
    os._exit(0)


class _Os:
    """The module ``os``, whose fsync tells when it has returned."""

    def __init__(self, synced: Callable[[], None]) -> None:
        self._synced = synced

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fsync(self, fd: int) -> None:
        """Sync; then say so."""
        os.fsync(fd)
        self._synced()


class Aftermath:
    """In the child: a copy of what is on disk, and the world as it is."""

    def __init__(self, torture: Torture, name: str, torn: Torn | None) -> None:
        self.torture, self.day, self.truth = torture, torture.day, torture.day.truth
        self.root = self.day.root.with_name(f"{self.day.root.name}-{name}")
        shutil.copytree(self.day.root, self.root)
        self.folder = self.root / ".gameday" / "runs" / RUN
        self.day.folder = self.folder
        if torn:
            with (self.folder / {"journal": "journal.jsonl", "ledger": "undo.jsonl"}[torn.file]).open("r+b") as file:
                file.seek(torn.offset)
                file.write(torn.data)
        self.wrong: list[str] = []

    def told(self, how: str, dead_s: int) -> dict[str, Any]:
        """What came of it."""
        try:
            if how == "dead-man":
                way, left = self._dead_man()
            else:
                self.day.clock.advance(dead_s * S)
                way, left = self._recover() if how == "recover" else self._resume()
            left += self.truth.all
            if again := dead_runs(self.root):
                self.wrong.append(f"still to be recovered: {[p.name for p in again]}")
            self._once()
            return {"left": left, "lost": list(self._lost()), "wrong": "; ".join(self.wrong), "way": f"{how}: {way}"}
        finally:
            shutil.rmtree(self.root, ignore_errors=True)

    # ---- the three ways
    def _recover(self) -> tuple[str, list[str]]:
        if not unfinished(self.folder):
            return "nothing to do", []
        found = recover(self.root, self.folder, self.day.world())
        assert found is not None
        if not found.clean:
            self.wrong.append(f"not clean: {found.said}")
        return found.said, []

    def _resume(self) -> tuple[str, list[str]]:
        try:
            conductor, lock, _ = resume(
                self.root, self.folder, unattended=True, show=_unshown, reached=self.day.world()
            )
        except GamedayError as error:
            return f"{error.problems[0].code}, {self._recover()[0]}", []
        self._facilitate(conductor)
        try:
            return conductor.run(), []
        finally:
            conductor.close()
            lock.release()

    def _facilitate(self, conductor: Conductor) -> None:
        """A run that is held waits for a person, for ever: so one comes."""
        effects = conductor.effects
        assert isinstance(effects, Ticking)

        def held() -> bool:
            since = conductor.state.held_since
            return since is not None and self.day.clock.now() >= since + 12 * S

        effects.hooks.append((held, lambda: self.day.dropped.append(drop(self.folder, "resume", "facilitator"))))

    def _dead_man(self) -> tuple[str, list[str]]:
        """The alarm first, with nobody else there; then the watchdog, if it was set; then recover for what was made."""
        faults = len(self.truth.active)
        self.day.clock.advance(DEAD_MAN.worst_case_ms)
        left = [f"{step} (alarm)" for step in self.truth.account.active]
        if self.truth.watchdogs:
            reached: Any = {"recover": lambda root, run_dir: recover(root, run_dir, self.day.world()),
                            "conclude": lambda run_dir: {}}  # fmt: skip  # its report is not what is shown here
            vars(watchdog).update(reached)
            if not watchdog.watch(self.folder, 5.0, _Never()):  # type: ignore[arg-type]
                self.wrong.append("the watchdog gave up")
        left += [f"{step} (watchdog)" for step in self.truth.active]
        way = f"{min(faults, 1)} fault or more" if faults else "no fault"
        self._recover()
        return way, left

    # ---- what must hold
    def _lost(self) -> Iterator[str]:
        """What was acknowledged and is not there: every fsynced byte, and each command once."""
        for name, synced in (("journal.jsonl", self.torture.journalled), ("undo.jsonl", self.torture.noted)):
            if synced and not (self.folder / name).read_bytes().startswith(synced):
                yield f"lines of {name}"
        events = read(self.folder / "journal.jsonl")[0]
        held = Counter(str(e.what["command"]) for e in events if "command" in e.what)
        yield from (f"command {c}, {held[c]} times" for c in self.day.dropped if held[c] != 1)
        if outstanding(self.folder / "undo.jsonl").damaged:
            yield "a line of the ledger is damaged"

    def _once(self) -> None:
        """Nothing was injected twice."""
        started = self.truth.account.started
        if len(started) != len(set(started)) or self.truth.local_starts > 1:
            self.wrong.append(f"injected twice: {started}, {self.truth.local_starts} here")


class _Never:
    """An event that nobody sets, and for which nobody waits."""

    @staticmethod
    def wait(seconds: float) -> bool:
        return False


def _unshown(plan: Plan, run_dir: Path, clock: Clock) -> Show:
    return lambda event: None
