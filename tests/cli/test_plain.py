"""Plain lines: a whole run as text, byte for byte, and nothing in them that could hurt the run or a terminal."""

import io
import threading
from pathlib import Path

from gameday.cli.plain import Lines, PlainLines
from gameday.journal.events import CONDUCTOR, Draft, Event
from tests.cli.live_run import GO, PRODUCTION, events, plan

GOLDEN = Path(__file__).parent / "golden" / "plain.txt"


def written(told: list[Event], stream: io.TextIOBase | None = None) -> str:
    stream = stream or io.StringIO()
    lines = PlainLines(plan(), stream)  # type: ignore[arg-type]
    for event in told:
        lines.event(event)
    lines.close()
    return stream.getvalue() if isinstance(stream, io.StringIO) else ""


def event(type_: str, at: int = 0, **what: object) -> Event:
    return Event(1, 1, GO + at, GO + at, "", type_, CONDUCTOR, what)


def test_a_whole_run_reads_as_it_did() -> None:
    assert written(events()) == GOLDEN.read_text()


def test_the_first_line_says_where_this_is_and_how_fast() -> None:
    assert written(events(-604)).startswith("REHEARSAL  speed 20  ")
    first = Lines(plan(environment="prod-eu", environment_definition=PRODUCTION)).of(events(-604, production=True)[0])
    assert first[0].startswith("PROD-EU  PRODUCTION  speed 1  ")


def test_no_sample_is_told_and_a_gauge_at_most_once_a_scenario_minute() -> None:
    lines = [line for line in written(events(240)).splitlines() if "payments-outage" in line]
    minutes = [line.split()[0] for line in lines]
    assert minutes == sorted(set(minutes)) == ["+00:00", "+01:00", "+02:00", "+03:00", "+04:00"]


def test_a_gauge_that_did_not_change_is_not_told_again() -> None:
    told = [line for line in written(events()).splitlines() if "payments-outage" in line]
    assert not any(line.startswith(("  +15", "  +16", "  +17", "  +18")) for line in told)


def test_before_the_go_the_clock_counts_down_and_never_past_zero() -> None:
    lines = Lines(plan())
    lines.of(event("phase.entered", -600_000, phase="baseline"))
    assert lines.of(event("note", -61_000, text="soon"))[0].startswith("  -01:01")
    assert lines.of(event("note", 30_000, text="late"))[0].startswith("  -00:00")


def test_nothing_of_a_users_text_reaches_the_terminal_but_visible_characters() -> None:
    evil = "a\x1b]0;own\x07b\u202ec\r\nd\u200b"
    told = written([event("note", text=evil), event("abort.asked", why=evil), event("fault.gone", step=evil)])
    assert all(c.isprintable() or c == "\n" for c in told)


def test_a_source_that_stays_unreadable_is_told_once_a_minute() -> None:
    lines = Lines(plan())
    failed = [event("observer.failed", at, source="x", error="e", signals=[]) for at in (0, 20_000, 40_000, 61_000)]
    assert [len([line for line in lines.of(e) if "could not be read" in line]) for e in failed] == [1, 0, 0, 1]


def test_an_event_that_cannot_be_told_does_not_silence_those_after_it() -> None:
    told = written([event("fault.requested"), event("note", text="still here")])
    assert "cannot be shown" in told and "still here" in told


def test_a_stream_without_unicode_gets_every_line() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "ascii", write_through=True)
    written([event("note", text="£ and …")], stream)
    assert rb"\xa3 and \u2026" in raw.getvalue()


def test_a_reader_that_went_away_does_not_reach_the_run() -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    written(events(0), Gone())


def test_a_reader_that_stops_reading_does_not_stop_the_conductor() -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            entered.set()
            assert go_on.wait(30)
            return super().write(text)

    stream = Full()
    lines = PlainLines(plan(), stream)
    for one in events():
        lines.event(one)
    assert entered.wait(30) and stream.getvalue() == ""
    go_on.set()
    lines.close()
    assert stream.getvalue() == GOLDEN.read_text()


def test_a_note_that_confounds_says_so() -> None:
    draft = Draft("note", {"text": "deploy", "touches": "deployment"}, "scribe")
    (line,) = [x for e in events(10, (5, draft)) if e.type == "note" for x in Lines(plan()).of(e) if "NOTE" in x]
    assert line.endswith("scribe: deploy (deployment touched the service: CONFOUNDED)")
