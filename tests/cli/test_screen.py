"""The live screen: what it must always show, how it fits, and that nothing in it reaches the run."""

import io
import os
import pty
import termios
import threading
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gameday.cli.keys import Asked
from gameday.cli.live.board import Board
from gameday.cli.live.frame import allot, frame
from gameday.cli.live.gauges import bar
from gameday.cli.live.sections import View
from gameday.cli.live.sparks import spark
from gameday.cli.plain import PlainLines
from gameday.cli.screen import LiveScreen, open_display
from gameday.clock import Anchor, ScenarioClock, VirtualClock
from gameday.journal.events import Draft, Event
from gameday.plan import Signal
from gameday.reports.gauges import Gauge, read_gauges
from tests.cli.live_run import GO, PRODUCTION, events, plan

SIZES = [(80, 24), (140, 50), (60, 12), (40, 8), (200, 20), (120, 24), (30, 3), (20, 1)]
PRODUCES = {"environment": "prod-eu", "environment_definition": PRODUCTION}


def look(until: int, *extra: tuple[int, Draft], production: bool = False, **changes: Any) -> View:
    told = events(until, *extra, production=production)
    planned = plan(**{**(PRODUCES if production else {}), **changes})
    board = Board(planned)
    for event in told:
        board.take(event)
    return View(board, GO + until * 1000, told[-1].wall, read_gauges(planned, told))


def shown(view: View, width: int = 80, height: int = 24) -> list[str]:
    return [text.plain.rstrip() for text in frame(view, width, height)]


def section(lines: list[str], title: str) -> list[str]:
    at = next(i for i, line in enumerate(lines) if line.startswith(title))
    after = next((i for i in range(at + 1, len(lines)) if not lines[i].startswith(" ")), len(lines))
    return [line[10:] for line in lines[at:after]]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("until", [-605, -300, 0, 225, 450, 1230, 1560])
def test_it_fits_any_terminal_and_always_says_where_this_is(until: int, width: int, height: int) -> None:
    lines = frame(look(until), width, height)
    assert len(lines) == height and all(line.cell_len <= width for line in lines)
    if width >= 30 and height > 1:
        assert lines[0].plain.startswith(" REHEARSAL  speed 20 ")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 50), (60, 12)])
def test_production_is_red_over_the_whole_first_line(width: int, height: int) -> None:
    first = frame(look(225, production=True), width, height)[0]
    assert first.plain.startswith(" PRODUCTION PROD-EU  speed 1 ") and first.cell_len == width
    assert "on red" in str(first.spans[-1].style) and first.spans[-1].end >= width


def test_the_screen_of_a_stressed_facilitator() -> None:
    lines = shown(look(225))
    assert "EXECUTE  +03:45 since go" in lines[0] and "20261124-1000-payment-functions-stop" in lines[1]
    assert section(lines, "FAULTS") == [
        "ACTIVE  Every call of the payment function fails",
        "  ends by itself in 16:17; seen by payments-failures at +00:50",
    ]
    assert section(lines, "WAITING") == [
        " 3  payments-on-call  9:02 left  (failover-2)",
        "    do and tick: 2. Send all payments to the standby.",
    ]
    assert section(lines, "TOLERANCE")[0] == "payments-outage █›··!····│·· at least 3:20 of 30:00 (11 %), still open"
    assert section(lines, "RUNNING") == ["9:02 left  Send payments to the standby (1 of 3 done)"]
    assert section(lines, "NEXT") == ["+06:00  in 2:15  The supervisor calls"]
    assert section(lines, "SIGNALS")[3] == "payments-5xx      ALARM since +01:05"


def test_after_an_abort_nothing_is_announced() -> None:
    lines = shown(look(225, (220, Draft("abort.asked", {"why": "real"}))))
    assert section(lines, "NEXT") == ["nothing: no step begins any more"] and "STOPPING" in lines[2]


def test_before_the_go_the_clock_says_so() -> None:
    assert "-05:00 to the go" in shown(look(-300))[0] and "waiting for the go" in shown(look(-603))[0]
    late = View(look(-300).board, GO + 60_000, GO)
    assert "waiting for the go" in shown(late)[0]


def test_what_matters_least_goes_first() -> None:
    small = "\n".join(shown(look(225), 80, 7))
    assert "FAULTS" in small and "WAITING" in small and "EVENTS" not in small and "SIGNALS" not in small


def test_columns_stay_apart() -> None:
    lines = shown(look(225), 140, 50)
    assert [line.index("── SIGNALS") for line in lines if "── SIGNALS" in line] == [71]
    assert any(line.startswith("9:02 left") and line[71:].startswith("payments-") for line in lines)


def test_what_users_wrote_is_text_and_never_markup_or_control() -> None:
    console = Console(file=io.StringIO(), width=140, height=50, force_terminal=True)
    told = frame(look(120), 140, 50)
    for line in told:
        console.print(line)
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    assert "[red]the page[/red]" in drawn and "ALARM[31m: [bold]acknowledge[/bold]" in "\n".join(t.plain for t in told)
    assert "\x1b[31m: " not in drawn


def test_a_held_run_says_that_faults_stay_and_its_steps_wait() -> None:
    lines = shown(look(330, (310, Draft("hold.started", {"why": "x"}))))
    assert "HELD for 0:20: the timeline waits, FAULTS STAY ACTIVE" in lines[2]
    assert section(lines, "NEXT") == ["+06:20  held  The supervisor calls"]
    assert section(lines, "RUNNING")[0].startswith("7:37 left")  # a limit on people stands still


def test_a_fault_nobody_saw_gone_says_where_to_look() -> None:
    gone = {"step": "stop-payments", "witness": "w", "resources": ["payments-function"]}
    lines = shown(look(1240, (1239, Draft("fault.not_gone", gone))))
    assert section(lines, "FAULTS") == [
        "NOT SEEN GONE  Every call of the payment function fails",
        "  look at payments-function; then: gameday recover",
    ]


@pytest.mark.parametrize(
    ("until", "word"),
    [(0, "REQUESTED"), (10, "STARTED, EFFECT NOT SEEN YET"), (60, "ACTIVE"), (1230, "ENDED, NOT SEEN GONE YET"),
     (1270, "GONE")],
)  # fmt: skip
def test_each_state_of_a_fault_has_a_word(until: int, word: str) -> None:
    assert section(shown(look(until)), "FAULTS")[0].startswith(word)


def test_a_fault_without_effect_or_witness_says_which() -> None:
    for read, word in ((True, "NO EFFECT SEEN"), (False, "EFFECT UNKNOWN")):
        draft = Draft("fault.not_effective", {"step": "stop-payments", "witness": "w", "read": read})
        assert section(shown(look(45, (44, draft))), "FAULTS")[0].startswith(word)


def test_late_is_said_and_a_closed_prompt_waits_no_longer() -> None:
    assert section(shown(look(165)), "WAITING")[0] == " 1  payments-on-call  3:26 left  (ack)"
    assert not any(line.startswith("WAITING") for line in shown(look(166)))
    begun = (200, Draft("step.started", {"step": "alarm"}))
    assert "2:35 left  The alarm payments-5xx fires" in section(shown(look(225, begun)), "RUNNING")
    late = shown(look(400, begun))
    assert "LATE by 0:20  The alarm payments-5xx fires" in section(late, "RUNNING")


def test_a_prompt_keeps_its_digit_while_others_close() -> None:
    first, then = look(300).board, look(450).board
    assert first.numbers["failover-2"] == then.numbers["failover-2"] == 3


def test_silence_is_said() -> None:
    view = look(225)
    quiet = View(view.board, view.now, view.wall + 45_000, view.gauges)
    assert shown(quiet)[1].startswith("nothing heard for 0:45")


def test_a_gap_is_neither_zero_nor_good() -> None:
    signal = Signal(id="s", source="cloudwatch.metric", query={}, period_ms=1000, settles_ms=0)
    series = {0: 0.0, 1000: 5.0, 2000: None, 4000: 10.0, 5000: 1.0}
    assert spark(signal, series, 8000, 10, [(5200, 5300)]).plain == "  ▁▅··█~··"
    assert spark(signal, {}, 8000, 3).plain == "   "


def test_an_old_value_is_called_no_data() -> None:
    view = look(225)
    later = View(view.board, view.now + 120_000, view.wall, view.gauges)
    assert "98 NO DATA 2:25" in section(shown(later), "SIGNALS")[1]


@pytest.mark.parametrize(
    ("lo", "hi", "drawn"),
    [
        (0.0, 0.0, "········│··"),
        (0.5, None, "████›···│··"),
        (0.5, 0.75, "████▒▒▒·│··"),
        (0.9, 1.2, "███████▒│▒▒"),
        (1.1, 1.2, "████████│▒▒"),
        (9.0, None, "████████│█›"),
        (None, None, "???????????"),
    ],
)
def test_a_gauge_is_an_interval_against_its_limit(lo: float | None, hi: float | None, drawn: str) -> None:
    assert bar(Gauge("t", "fca", lo, hi, "", "so far"), 11).plain == drawn


def test_what_may_be_used_by_now_is_drawn_as_possible_and_still_open() -> None:
    assert bar(Gauge("t", "fca", 0.25, None, "", "so far", so_far=0.5), 11).plain == "██▒▒▒›··│··"
    assert bar(Gauge("t", "fca", 0.5, None, "", "so far", so_far=0.4), 11).plain == "████›···│··"
    assert bar(Gauge("t", "fca", 0.5, None, "", "so far", so_far=float("inf")), 11).plain == "████▒▒▒▒│▒▒"


def test_nothing_is_called_within_before_the_end_but_a_breach_is_called_at_once() -> None:
    assert {g.word for g in read_gauges(plan(), events(1230))} == {"so far"}
    assert [g.word for g in read_gauges(plan(), events())] == ["within", "within"]
    tight = plan(tolerances=(plan().tolerances[0].model_copy(update={"limit": 240_000}),))
    assert read_gauges(tight, events(400))[0].word == "breached"
    assert "BREACHED at least 6:20 of 4:00" in "\n".join(shown(look(400, tolerances=tight.tolerances)))


def test_codes_that_already_stand_are_shown_and_those_of_every_going_run_are_not() -> None:
    assert all(g.codes == () for g in read_gauges(plan(), events(225)))
    stepped = (100, Draft("clock.stepped", {"by_ms": 900, "source": "ntp"}))
    assert read_gauges(plan(), events(225, stepped))[0].codes == ("CLOCK_UNCERTAIN",)


def test_rows_go_to_what_matters() -> None:
    assert allot(5, [2, 2, 1], [4, 2, 9]) == [2, 2, 1]
    assert allot(9, [2, 2, 1], [4, 2, 9]) == [4, 2, 3]
    assert allot(1, [2, 2, 1], [4, 2, 9]) == [1, 0, 0]


def screen(
    tmp_path: Path, told: list[Event], console: Console | None = None, keyboard: int | None = None
) -> LiveScreen:
    console = console or Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
    clock = VirtualClock(GO + 225_000)
    made = LiveScreen(plan(), clock, tmp_path, console, keyboard)
    for event in told:
        made.event(event)
    return made


def test_the_live_screen_shows_the_run_and_leaves_its_last_look_behind(tmp_path: Path) -> None:
    out = io.StringIO()
    screen(tmp_path, events(225), Console(file=out, force_terminal=True, width=80, height=24)).close()
    drawn = out.getvalue()
    assert drawn.startswith("\x1b[?1049h") and "\x1b[?1049l" in drawn and "\x1b[?25h" in drawn
    assert "ACTIVE" in drawn.split("\x1b[?1049l")[1]


def test_a_broken_event_shows_as_trouble_and_the_rest_goes_on(tmp_path: Path) -> None:
    broken = Event(99, 1, GO, GO, "", "fault.requested", "conductor", {})
    made = screen(tmp_path, [broken, *events(225)])
    lines = [text.plain for text in made.lines(80, 24)]
    made.close()
    assert any("the screen had trouble: event 99" in line for line in lines)
    assert any("ACTIVE" in line for line in lines)


def test_a_terminal_that_is_gone_does_not_reach_the_run(tmp_path: Path) -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(5, "Input/output error")

    made = screen(tmp_path, events(225), Console(file=Gone(), force_terminal=True, width=80, height=24))
    made.close()
    made.event(events(0)[0])


def test_judging_that_fails_leaves_the_rest_on_the_screen(tmp_path: Path) -> None:
    out = io.StringIO()
    broken = Event(1, 1, GO, GO, "", "signals.sampled", "conductor", {"values": {"payments-attempts": "?"}})
    made = screen(tmp_path, [*events(225), broken], Console(file=out, force_terminal=True, width=80, height=24))
    made.close()
    assert "REHEARSAL" in out.getvalue()


def test_keys_see_what_waits_and_what_runs(tmp_path: Path) -> None:
    made = screen(tmp_path, events(225))
    asked = made.asked()
    made.close()
    runs = (("stop-payments", "Every call of the payment function fails", "fault"),
            ("failover", "Send payments to the standby", "task"))  # fmt: skip
    assert asked == Asked(((3, "failover-2", "payments-on-call"),), runs, False, False)


def test_without_a_terminal_there_are_plain_lines(tmp_path: Path) -> None:
    out = io.StringIO()
    made = open_display(plan(), VirtualClock(GO), tmp_path, stream=out)
    assert isinstance(made, PlainLines)
    made.close()
    assert out.getvalue() == "" and "\x1b" not in out.getvalue()


def test_a_key_on_a_real_terminal_reaches_the_inbox(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    drain = threading.Thread(target=_drain, args=(master,), daemon=True)
    drain.start()
    before = termios.tcgetattr(slave)
    with os.fdopen(os.dup(slave), "w") as out:
        console = Console(file=out, force_terminal=True, width=80, height=24)
        made = screen(tmp_path, events(225), console, slave)
        os.write(master, b"a")
        clock = ScenarioClock(Anchor.here())
        end = clock.now() + 10_000
        while not list(tmp_path.glob("inbox/*.json")) and clock.now() < end:
            clock.sleep(20)
        made.close()
    assert termios.tcgetattr(slave) == before
    (command,) = tmp_path.glob("inbox/*.json")
    assert '"kind": "ack", "who": "payments-on-call", "what": {"prompt": "failover-2"}' in command.read_text()
    os.close(slave)
    drain.join(5)
    os.close(master)


def _drain(master: int) -> None:
    try:
        while os.read(master, 65536):
            pass
    except OSError:
        return
