"""Single keys of the live screen. Each drops a command into the run's inbox, as another terminal would.

``Keypad`` decides what a key means and is pure; ``Keyboard`` reads a terminal. Ctrl-C is not touched: the terminal goes
on turning it into SIGINT, which aborts whatever the keys do. Ctrl-Z is switched off, because a stopped conductor takes
no fault back, and Ctrl-S, because a screen that stands still looks like a run in which nothing happens.
"""

from __future__ import annotations

import atexit
import codecs
import contextlib
import os
import select
import termios
import threading
import tty
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gameday.clock import Ms, wall_ms
from gameday.journal.inbox import Kind
from gameday.reports.telling import Tone, short

CONFIRM_WITHIN_MS = 5000
TYPED_WITHIN_MS = 30_000  # an account's number has twelve digits
SAID_FOR_MS = 5000
SENT_FOR_MS = 3000  # so long a second press for the same prompt sends nothing
LONGEST_NOTE = 2000
PASTED = 3  # more characters than this in one read are no key that somebody pressed
ESCAPE, ENTERS, DELETES, CLEARS = "\x1b", "\r\n", "\x7f\x08", "\x15"


@dataclass(frozen=True)
class Asked:
    """What keys can act on now: prompts that wait, oldest first, as (digit, id, to); running steps as (id, title,
    kind)."""

    waiting: tuple[tuple[int, str, str], ...] = ()
    running: tuple[tuple[str, str, str], ...] = ()
    held: bool = False
    over: bool = False


Send = Callable[[Kind, str, dict[str, Any]], None]


class Keypad:
    """What each key means. ``look`` says what there is to act on; ``send`` drops a command (OSError when it cannot).
    ``account`` is typed before an emergency; without it (a rehearsal) a second E is enough."""

    def __init__(
        self, look: Callable[[], Asked], send: Send, who: str = "facilitator", account: str | None = None,
        ctrl_c: str = "Ctrl-C aborts",
    ) -> None:  # fmt: skip
        self._look, self._send, self._who, self._account = look, send, who, account
        self._ctrl_c = ctrl_c  # what it does in this terminal
        self._mode = ""
        self._since: Ms = 0
        self._note = ""
        self._choices: tuple[tuple[str, str, str], ...] = ()
        self._sent: dict[str, Ms] = {}
        self._said: tuple[Ms, str, Tone] = (0, "", "")

    def press(self, keys: str, wall: Ms) -> None:
        """What was read at once from the terminal, at this wall time."""
        if keys.startswith(ESCAPE) and len(keys) > 1:
            return  # an arrow or function key
        if len(keys) > PASTED:
            if self._mode != "note":
                self.say(wall, "that looks like pasted text: nothing was done", "warn")
                return
            keys = " ".join(keys.splitlines())  # what follows a pasted line must not act as keys
        for key in keys:
            self._press(key, wall)

    def line(self, wall: Ms) -> tuple[str, Tone]:
        """The last line of the screen: what is being typed or asked, what was just done, or which keys there are."""
        self._expire(wall)
        if self._mode == "note":
            return f"note: {self._note}▏  (Enter writes it, Esc drops it)", ""
        if self._mode == "abort":
            return "ABORT: take every fault back and end the run? q again: yes   any other key: no", "bad"
        if self._mode == "emergency":
            how = f"type {self._account} and Enter: {self._note}▏" if self._account else "E again: yes"
            return f"EMERGENCY: abort AND stop every FIS experiment of the account? {how}   any other key: no", "bad"
        if self._mode == "skip":
            named = "   ".join(f"{i} {title}" for i, (_, title, _) in enumerate(self._choices, 1))
            return f"skip which? {named}   any other key: none", "warn"
        since, said, tone = self._said
        if said and wall - since < SAID_FOR_MS:
            return said, tone
        go_on = "h GO ON" if self._look().held else "h hold"
        return f"q abort  E emergency  {go_on}  a ack oldest  1-9 that prompt  n note  s skip  ({self._ctrl_c})", ""

    def _press(self, key: str, wall: Ms) -> None:
        self._expire(wall)
        mode, self._mode = self._mode, ""
        if mode == "note":
            self._type(key, wall)
        elif mode == "abort":
            self._confirm_abort(key, wall)
        elif mode == "skip":
            self._choose(key, wall)
        elif mode == "emergency":
            self._confirm_emergency(key, wall)
        else:
            self._command(key, wall)

    def _expire(self, wall: Ms) -> None:
        """A question that nobody answered is withdrawn: a key pressed later must not confirm it."""
        typed = self._mode == "emergency" and self._account
        within = TYPED_WITHIN_MS if typed else CONFIRM_WITHIN_MS
        if self._mode in ("abort", "skip", "emergency") and wall - self._since > within:
            self._mode = ""

    def _command(self, key: str, wall: Ms) -> None:
        asked = self._look()
        if asked.over:
            self.say(wall, "the run has ended", "warn")
        elif key == "a":
            self._ack(asked.waiting[:1], wall)
        elif key.isdigit():
            self._ack(tuple(p for p in asked.waiting if str(p[0]) == key), wall)
        elif key in ("n", "q", "E"):
            self._mode, self._since, self._note = {"n": "note", "q": "abort", "E": "emergency"}[key], wall, ""
        elif key == "h":
            self._drop(wall, "resume" if asked.held else "hold", {} if asked.held else {"why": "asked at the screen"})
        elif key == "s":
            self._skip(asked, wall)

    def _ack(self, found: tuple[tuple[int, str, str], ...], wall: Ms) -> None:
        if not found:
            self.say(wall, "no such prompt waits", "warn")
            return
        _digit, prompt, to = found[0]
        if wall - self._sent.get(prompt, -SENT_FOR_MS) < SENT_FOR_MS:
            self.say(wall, f"{prompt} was sent already; the conductor has not answered yet", "warn")
        elif self._drop(wall, "ack", {"prompt": prompt}, to):
            self._sent[prompt] = wall

    def _skip(self, asked: Asked, wall: Ms) -> None:
        """One running step is skipped at once; a fault, or one of several, only when it is chosen."""
        if not asked.running:
            self.say(wall, "no step runs", "warn")
        elif len(asked.running) == 1 and asked.running[0][2] != "fault":
            self._drop(wall, "skip", {"step": asked.running[0][0]})
        else:
            self._mode, self._since, self._choices = "skip", wall, asked.running[:9]

    def _choose(self, key: str, wall: Ms) -> None:
        if key.isdigit() and 1 <= int(key) <= len(self._choices):
            self._drop(wall, "skip", {"step": self._choices[int(key) - 1][0]})
        else:
            self.say(wall, "nothing is skipped", "")

    def _confirm_abort(self, key: str, wall: Ms) -> None:
        if key == "q":
            self._drop(wall, "abort", {"why": "asked at the screen"})
        else:
            self.say(wall, "not aborted", "")

    def _confirm_emergency(self, key: str, wall: Ms) -> None:
        if not self._account and key == "E":
            self._drop(wall, "emergency", {"why": "asked at the screen"})
        elif self._account and key.isdigit() and len(self._note) < len(self._account):
            self._mode, self._note = "emergency", self._note + key
        elif self._account and key in ENTERS and self._note == self._account:
            self._drop(wall, "emergency", {"why": "asked at the screen"})
        else:
            self.say(wall, "no emergency; q aborts this run alone", "")

    def _type(self, key: str, wall: Ms) -> None:
        if key == ESCAPE:
            self.say(wall, "no note was written", "")
        elif key in ENTERS:
            if self._note.strip():
                self._drop(wall, "note", {"text": self._note.strip()})
        else:
            self._mode = "note"
            if key in DELETES:
                self._note = self._note[:-1]
            elif key == CLEARS:
                self._note = ""
            elif key.isprintable():
                self._note = (self._note + key)[:LONGEST_NOTE]

    def _drop(self, wall: Ms, kind: Kind, what: dict[str, Any], who: str | None = None) -> bool:
        try:
            self._send(kind, who or self._who, what)
        except OSError as error:
            self.say(wall, f"{kind} could NOT be written ({error.strerror}); {self._ctrl_c}", "bad")
            return False
        about = what.get("prompt") or what.get("step") or ""
        self.say(wall, f"{kind}{f' {about}' if about else ''} sent to the conductor", "good")
        return True

    def say(self, wall: Ms, text: str, tone: Tone) -> None:
        """Show this in the last line for a while."""
        self._said = (wall, text, tone)


class Keyboard:
    """Reads keys from a terminal in a thread; its settings are restored by ``close``, and at exit at the latest."""

    def __init__(self, keypad: Keypad, fd: int) -> None:
        self._keypad, self._fd = keypad, fd
        self._before = termios.tcgetattr(fd)
        self._wake_read, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._read, name="keys", daemon=True)
        atexit.register(self._restore)
        try:
            _single_keys(fd)
            self._thread.start()
        except BaseException:
            self._restore()
            raise

    def close(self) -> None:
        """Stop reading and give the terminal back as it was; may be called again."""
        self._restore()
        atexit.unregister(self._restore)
        if self._wake >= 0:
            os.close(self._wake)
            self._wake = -1
            self._thread.join(1.0)

    def _restore(self) -> None:
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)

    def _read(self) -> None:
        decode = codecs.getincrementaldecoder("utf-8")("ignore").decode
        try:
            while True:
                ready, _, _ = select.select([self._fd, self._wake_read], [], [])
                if self._wake_read in ready or not (data := os.read(self._fd, 1024)):
                    return
                self._press(decode(data))
        except OSError:
            return  # the terminal is gone
        finally:
            self._restore()
            os.close(self._wake_read)

    def _press(self, keys: str) -> None:
        try:
            self._keypad.press(keys, wall_ms())
        except Exception as error:  # noqa: BLE001  # one key that fails must not take the others away
            self._keypad.say(wall_ms(), f"that key failed ({short(repr(error), 60)}); Ctrl-C aborts", "bad")


def _single_keys(fd: int) -> None:
    tty.setcbreak(fd, termios.TCSANOW)
    settings = termios.tcgetattr(fd)
    settings[0] &= ~termios.IXON
    settings[6][termios.VSUSP] = b"\0"
    termios.tcsetattr(fd, termios.TCSANOW, settings)
