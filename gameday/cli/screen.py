"""What a run shows while it goes on: a live screen in a terminal, plain lines anywhere else.

A display only listens. It folds its own state from the events it is told, in threads of its own, and nothing that goes
wrong in it reaches the conductor.
"""

from __future__ import annotations

import errno
import os
import queue
import sys
import termios
import threading
from pathlib import Path
from typing import Any, Protocol, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from gameday.cli.keys import Asked, Keyboard, Keypad
from gameday.cli.live.board import Board, UsedShare, waiting
from gameday.cli.live.frame import frame
from gameday.cli.live.sections import View
from gameday.cli.plain import PlainLines
from gameday.clock import Clock, Ms
from gameday.journal.events import Event
from gameday.journal.inbox import Kind, drop
from gameday.model.workspace import REHEARSAL
from gameday.plan import Plan
from gameday.reports.gauges import Gauge, read_gauges
from gameday.reports.telling import Tone, short, title
from gameday.runs import is_live

FRAME_S = 0.25
JUDGE_EVERY_MS = 1000
JUDGE_SHARE = 10  # judging takes at most a tenth of the screen's time, however long the journal is
CLOSES_WITHIN_S = 3.0
NO_KEYS = "no keys here: act with gameday ack|note|hold|skip|abort|emergency"
ABORTS, LEAVES = "Ctrl-C aborts", "Ctrl-C leaves"


class Display(Protocol):
    """Something that is told what the conductor journalled."""

    def event(self, event: Event) -> None:
        """One more event. Returns at once and never raises."""
        ...

    def warn(self, text: str) -> None:
        """Something that is no event, shown as long as it is true; empty when it no longer is."""
        ...

    def close(self) -> None:
        """Show what is left and give the terminal back. Print nothing of your own before."""
        ...


def open_display(
    plan: Plan,
    clock: Clock,
    run_dir: Path,
    *,
    unattended: bool = False,
    plain: bool = False,
    stream: TextIO | None = None,
    used_share: UsedShare | None = None,
    watching: bool = False,
) -> Display:
    """A live screen when ``stream`` (standard output) is a terminal, with keys when standard input is one too and
    somebody attends; else plain lines. ``used_share`` says how much of a tolerance may be used by now; ``watching``:
    another process conducts the run."""
    stream = stream or sys.stdout
    console = Console(file=stream)
    # The stream is asked, not the console: FORCE_COLOR must not draw a screen into a log.
    if plain or not stream.isatty() or console.is_dumb_terminal or not console.encoding.startswith("utf"):
        return PlainLines(plan, stream, used_share)
    return LiveScreen(plan, clock, run_dir, console, None if unattended else _keyboard(), used_share, watching)


def _account(plan: Plan) -> str | None:
    """What is typed before an emergency; a rehearsal is nobody else's."""
    return None if plan.environment == REHEARSAL else plan.environment_definition.account


def _keyboard() -> int | None:
    try:
        fd = sys.stdin.fileno()
        # Reading a terminal from the background would stop the whole process, and the conductor with it.
        return fd if os.isatty(fd) and os.tcgetpgrp(fd) == os.getpgrp() else None
    except (OSError, ValueError, AttributeError):
        return None


class LiveScreen:
    """The live screen; ``keyboard`` is the descriptor of a terminal to read single keys from, None for no keys."""

    def __init__(
        self,
        plan: Plan,
        clock: Clock,
        run_dir: Path,
        console: Console,
        keyboard: int | None = None,
        used_share: UsedShare | None = None,
        watching: bool = False,
    ) -> None:
        self._clock, self._run_dir, self._console = clock, run_dir, console
        self._board, self._used_share = Board(plan), used_share
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._gauges: tuple[Gauge, ...] = ()
        self._judged = (0, -1)  # the wall time before which nothing is judged again, and the events judged last
        self._trouble = self._warning = ""
        self._watching = watching
        self._no_keys = f"{NO_KEYS}   ({LEAVES if watching else ABORTS})"
        self._stop = threading.Event()
        self._keypad: Keypad | None = (
            Keypad(self.asked, self._send, account=_account(plan), ctrl_c=LEAVES if watching else ABORTS)
            if keyboard is not None
            else None
        )
        self._thread = threading.Thread(target=self._show, name="screen", daemon=True)
        self._keyboard = self._open(keyboard)
        self._thread.start()

    def event(self, event: Event) -> None:
        """Hand over one journalled event; returns at once."""
        self._events.put(event)

    def close(self) -> None:
        """Leave the screen and give the terminal back, then leave the last look behind as ordinary text."""
        self._stop.set()
        self._thread.join(CLOSES_WITHIN_S)
        if self._keyboard:
            self._keyboard.close()

    def asked(self) -> Asked:
        """What keys can act on now."""
        with self._lock:
            self._take()
            board = self._board
            waits = tuple((board.numbers.get(p.id, 0), p.id, p.to) for p in waiting(board.state))
            steps = tuple((s.id, title(board.plan, s.id), s.kind) for s in board.steps("running"))
            over = board.state.ended_status is not None
            return Asked(waits, steps, board.state.held_since is not None, over)

    def lines(self, width: int, height: int) -> list[Text]:
        """The screen as it is now; one line of trouble when it cannot be made."""
        wall = self._clock.wall()
        footer: tuple[str, Tone] = self._keypad.line(wall) if self._keypad else (self._no_keys, "")
        with self._lock:
            self._take()
            view = View(self._board, self._now(), wall, self._gauges, footer, self._trouble, self._warning)
            return list(frame(view, width, height))

    def judge(self) -> None:
        """Read the tolerances again if there is something new; slow judging is done less often, never waited for."""
        wall, (not_before, known) = self._clock.wall(), self._judged
        with self._lock:
            self._take()
            if wall < not_before or len(self._board.events) == known:
                return
            events = list(self._board.events)
        try:
            with self._lock:
                shares = self._board.shares(self._used_share, self._now())
            self._gauges = read_gauges(self._board.plan, events, shares)
        finally:
            took = self._clock.wall() - wall
            self._judged = (wall + max(JUDGE_EVERY_MS, took * JUDGE_SHARE), len(events))

    def _now(self) -> Ms:
        """Scenario time; it stands still once the run has ended."""
        ended = self._board.state.ended_status is not None
        return self._board.events[-1].at if ended and self._board.events else self._clock.now()

    def _take(self) -> None:
        """Fold what has come in; the caller holds the lock."""
        while not self._events.empty():
            event = self._events.get_nowait()
            try:
                self._board.take(event)
            except Exception as error:  # noqa: BLE001  # an event that cannot be shown must not hide those after it
                self._trouble = f"event {event.seq} ({event.type}): {error!r}"

    def _open(self, keyboard: int | None) -> Keyboard | None:
        if self._keypad is None or keyboard is None:
            return None
        try:
            return Keyboard(self._keypad, keyboard)
        except (OSError, termios.error) as error:
            self._keypad, self._trouble = None, f"no keys: {error}"
            return None

    def warn(self, text: str) -> None:
        """Show this until it is withdrawn by an empty one."""
        self._warning = text

    def _send(self, kind: Kind, who: str, what: dict[str, Any]) -> None:
        if self._watching and not is_live(self._run_dir):  # who takes it over must not find what was meant for now
            raise OSError(errno.ESRCH, "nobody conducts this run now")
        drop(self._run_dir, kind, who, **what)

    def _show(self) -> None:
        live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        try:
            with live:
                while not self._stop.wait(FRAME_S):
                    self._draw(live)
                self._draw(live)
            self._console.print(Group(*self._last()))
        except Exception as error:  # noqa: BLE001  # the terminal is gone or refuses: the run goes on without a screen
            self._trouble = repr(error)

    def _last(self) -> list[Text]:
        width, height = self._console.size
        return [text for text in self.lines(width, min(height, 40))[:-1] if text.plain.strip()]

    def _draw(self, live: Live) -> None:
        try:
            self.judge()
        except Exception as error:  # noqa: BLE001  # the gauges stay as they were; the rest must not go with them
            self._trouble = f"tolerances cannot be read: {error!r}"
        try:
            width, height = self._console.size
            made = self.lines(width, height)
        except Exception as error:  # noqa: BLE001  # drawing must not end: the next look may be fine
            said = f"{self._board.plan.environment.upper()}  the screen had trouble: {short(repr(error))}"
            made = [Text(said)]
        live.update(Group(*made), refresh=True)
