"""Keys: what each does, and what a hurried or unlucky hand cannot do."""

import os
import pty
import termios
from typing import Any

import pytest

from gameday.cli.keys import Asked, Keyboard, Keypad
from gameday.clock import Anchor, ScenarioClock, wall_ms

Sent = list[tuple[str, str, dict[str, Any]]]
WAITS = ((3, "failover-2", "on-call"), (4, "regulator", "commander"))
STEPS = (("failover", "Send payments over", "task"), ("stop", "Every call fails", "fault"))


def pad(asked: Asked, sent: Sent) -> Keypad:
    return Keypad(lambda: asked, lambda kind, who, what: sent.append((kind, who, what)))


def pressed(keys: str, asked: Asked = Asked(WAITS, STEPS)) -> Sent:  # noqa: B008  # frozen
    sent: Sent = []
    keypad = pad(asked, sent)
    for at, key in enumerate(keys):
        keypad.press(key, 1_000_000 + at * 300)
    return sent


@pytest.mark.parametrize(
    ("keys", "commands"),
    [
        ("a", [("ack", "on-call", {"prompt": "failover-2"})]),
        ("4", [("ack", "commander", {"prompt": "regulator"})]),
        ("1", []),
        ("aa", [("ack", "on-call", {"prompt": "failover-2"})]),
        ("nSupplier rang\x7f\x7f\x7f\x7fcame\n", [("note", "facilitator", {"text": "Supplier came"})]),
        ("nqq\x1b", []),
        ("n  \n", []),
        ("nno\x15yes\r", [("note", "facilitator", {"text": "yes"})]),
        ("h", [("hold", "facilitator", {"why": "asked at the screen"})]),
        ("s1", [("skip", "facilitator", {"step": "failover"})]),
        ("sx", []),
        ("s9", []),
        ("q", []),
        ("qx", []),
        ("qxq", []),
        ("qq", [("abort", "facilitator", {"why": "asked at the screen"})]),
        ("EE", [("emergency", "facilitator", {"why": "asked at the screen"})]),
        ("E", []),
        ("Ee", []),
        ("ExE", []),
        ("xzA\t", []),
    ],
)
def test_what_keys_do(keys: str, commands: Sent) -> None:
    assert pressed(keys) == commands


def test_h_goes_on_when_held_and_the_last_line_says_so() -> None:
    held = Asked(held=True)
    assert pressed("h", held) == [("resume", "facilitator", {})]
    assert "h GO ON" in pad(held, []).line(0)[0]


def test_one_running_step_is_skipped_at_once_but_never_a_fault() -> None:
    assert pressed("s", Asked(running=STEPS[:1])) == [("skip", "facilitator", {"step": "failover"})]
    assert pressed("s", Asked(running=STEPS[1:])) == []
    assert pressed("s1", Asked(running=STEPS[1:])) == [("skip", "facilitator", {"step": "stop"})]
    assert pressed("s", Asked()) == []


@pytest.mark.parametrize(
    ("keys", "sent"),
    [
        ("E111122223333\r", ["emergency"]),
        ("EE", []),
        ("E11112222333\r", []),
        ("E1111222233334\r", []),
        ("E111122223334\r", []),
        ("Eq111122223333\r", []),
    ],
)
def test_outside_a_rehearsal_an_emergency_wants_the_number_of_the_account(keys: str, sent: list[str]) -> None:
    """It stops the experiments of others too."""
    found: Sent = []
    keypad = Keypad(lambda: Asked(), lambda kind, who, what: found.append((kind, who, what)), account="111122223333")
    for at, key in enumerate(keys):
        keypad.press(key, at * 300)
    assert [kind for kind, _, _ in found] == sent


def test_a_question_nobody_answers_is_withdrawn() -> None:
    sent: Sent = []
    keypad = pad(Asked(WAITS, STEPS), sent)
    keypad.press("q", 0)
    assert keypad.line(4000)[0].startswith("ABORT")
    keypad.press("q", 6000)
    assert sent == [] and keypad.line(6000)[0].startswith("ABORT")


@pytest.mark.parametrize("keys", ["\x1b[A", "qqaa", "hhhh", "\x1bOq"])
def test_arrows_and_pasted_text_do_nothing(keys: str) -> None:
    sent: Sent = []
    pad(Asked(WAITS, STEPS), sent).press(keys, 0)
    assert sent == []


def test_text_pasted_into_a_note_stays_in_the_note() -> None:
    sent: Sent = []
    keypad = pad(Asked(WAITS, STEPS), sent)
    keypad.press("n", 0)
    keypad.press("first line\nqq", 0)
    assert sent == [] and "first line qq" in keypad.line(0)[0]


def test_a_command_that_cannot_be_written_says_how_to_abort() -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    keypad = Keypad(lambda: Asked(), full)
    keypad.press("q", 0)
    keypad.press("q", 100)
    assert keypad.line(200) == ("abort could NOT be written (No space left on device); Ctrl-C aborts", "bad")


def test_after_the_end_keys_do_nothing() -> None:
    assert pressed("ahqqs", Asked(WAITS, STEPS, over=True)) == []


def until(true: Any) -> bool:
    """Wait up to ten seconds for something that another thread does."""
    clock = ScenarioClock(Anchor.here())
    end = clock.now() + 10_000
    while not true() and clock.now() < end:
        clock.sleep(10)
    return bool(true())


def test_a_terminal_is_read_key_by_key_and_given_back_as_it_was() -> None:
    master, slave = pty.openpty()
    try:
        before, sent = termios.tcgetattr(slave), Sent()
        keyboard = Keyboard(pad(Asked(WAITS), sent), slave)
        during = termios.tcgetattr(slave)
        assert not during[3] & termios.ICANON and during[3] & termios.ISIG  # Ctrl-C still is a signal
        assert during[6][termios.VSUSP] == b"\0"
        os.write(master, b"h")
        assert until(lambda: sent)
        keyboard.close()
        keyboard.close()
        assert termios.tcgetattr(slave) == before
    finally:
        os.close(master)
        os.close(slave)


def test_a_key_that_fails_takes_neither_the_others_nor_the_terminal_away() -> None:
    master, slave = pty.openpty()
    try:
        before, sent = termios.tcgetattr(slave), Sent()

        def broken(kind: str, who: str, what: dict[str, Any]) -> None:
            sent.append((kind, who, what))
            raise ValueError("broken")

        keypad = Keypad(lambda: Asked(WAITS), broken)
        keyboard = Keyboard(keypad, slave)
        for count in (1, 2):
            os.write(master, b"h")
            assert until(lambda: len(sent) == count)  # noqa: B023  # waited for at once
        assert until(lambda: "that key failed" in keypad.line(wall_ms())[0])
        keyboard.close()
        assert termios.tcgetattr(slave) == before
    finally:
        os.close(master)
        os.close(slave)
