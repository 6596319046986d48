"""report.md tells what was seen and what was not, and no text of a user can change its shape."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gameday.clock import iso
from gameday.journal.events import Draft
from gameday.journal.store import Journal
from gameday.reports.escape import md, plain
from gameday.reports.markdown import render
from gameday.reports.words import clock, offset, used
from gameday.verdict.run import judge_run
from tests.verdict.a_run import plan, script, tolerance

CLEAN = "U" * 10 + "D" * 22 + "U" * 50
NASTY = "<script>alert(1)</script> | `x` [a](javascript:b) \u202eevil\x07\n# heading ![i](http://x)"


def report(shape: str = CLEAN, *extra: tuple[int, Draft], **changes: object) -> str:
    made, events = plan(**changes), script(shape, *extra)
    return render(made, events, judge_run(made, events), "r-1")


def test_the_summary_says_verdict_environment_speed_and_share() -> None:
    text = report()
    for said in ("rehearsal, speed 20", "**within**", "used 73-80 %", "22:00 to 24:00", "Towards fca: **within**"):
        assert said in text
    assert "(payments, for 1h)" in text and "on arn:f for 1h |" in text and "compliant" not in text.lower()


def test_every_section_is_there_and_the_bytes_are_the_same_each_time() -> None:
    text = report()
    for heading in (
        "Was the service kept inside its tolerances?", "What happened", "How fast was the response?",
        "Did people, alarms and runbooks do what was expected?", "What this run does not show",
        "Faults and their undo", "As planned, as run", "Runbook steps", "Tolerances in full", "Data quality",
        "The whole timeline", "Where every number comes from",
    ):  # fmt: skip
        assert f"\n## {heading}\n" in text
    assert text == report() and text.endswith("\n") and "\n\n\n" not in text


def test_an_inconclusive_verdict_says_why_and_the_cheapest_change() -> None:
    text = report("U" * 10 + "D" * 29 + "U" * 43)
    assert "The limit lies inside the interval" in text and "Read the signal every 30s instead of every 1m" in text
    assert "Cheapest change" not in report()


def test_tables_keep_their_columns_whatever_users_write() -> None:
    text = report(CLEAN, (4, Draft("note", {"text": NASTY}, NASTY)), title=NASTY, hypothesis=NASTY)
    assert "<script" not in text and "\u202e" not in text and "\x07" not in text and "\n# heading" not in text
    timeline = text.split("## The whole timeline")[1].split("## ")[0]
    rows = [line for line in timeline.splitlines() if line.startswith("|")]
    assert {len(r.replace("\\|", "").split("|")) for r in rows} == {8}


def test_an_unsafe_run_shouts() -> None:
    events = [e for e in script(CLEAN) if e.type != "fault.gone"]
    text = render(plan(), events, judge_run(plan(), events), "r-1")
    assert "NOT SEEN" in text and "# Stop: unsafe" in text


def test_a_volume_is_told_with_the_source_of_its_estimate() -> None:
    made = plan(tolerance(id="failed", metric="failed_transactions", limit=5000))
    text = render(made, script(CLEAN), judge_run(made, script(CLEAN)), "r-1")
    assert "2,200" in text and "from this run's own baseline" in text.replace("\\", "")


@given(st.text())
def test_escaped_text_is_one_line_without_markup_or_hidden_characters(text: str) -> None:
    safe = md(text)
    assert not set("<>\n\r\t\u2028\u202e\x00") & set(safe)
    bare = "".join(safe.split("\\|"))
    assert "|" not in bare and md(safe) == safe and isinstance(safe.encode(), bytes)


def test_text_that_is_only_odd_at_the_start_of_a_line_is_escaped_there() -> None:
    assert [md(t) for t in ("- x", "1. x", "+ x", "a - b")] == ["\\- x", "1\\. x", "\\+ x", "a - b"]
    assert plain("a\u0000b\u200fc") == "abc"


@pytest.mark.parametrize(("seconds", "told"), [(0, "0:00"), (1320, "22:00"), (6300, "1:45:00"), (90.5, "1:30.5")])
def test_times_read_like_times(seconds: float, told: str) -> None:
    assert clock(seconds) == told


def test_a_share_is_rounded_outwards() -> None:
    assert used({"used": [0.4199, 0.4601]}) == "used 41-47 %"
    assert used({"used": [0.29, 0.55]}) == "used 29-55 %"
    assert used({"used": [0.5, None]}) == "used at least 50 %"
    assert used({"used": [None, None]}) == "no share of a limit of 0"
    assert offset(1_000, 61_000) == "-01:00"


def a_folder(root: Path, shape: str = CLEAN) -> Path:
    folder = root / "r-1"
    folder.mkdir()
    (folder / "plan.json").write_text(plan().model_dump_json(by_alias=True))
    journal = Journal.create(folder / "journal.jsonl")
    for event in script(shape):
        journal.append(Draft(event.type, event.what, event.who), event.at, event.wall)
    journal.close()
    return folder


def test_a_run_is_judged_again_to_the_same_bytes(tmp_path: Path) -> None:
    from gameday.cli.judge import judge

    folder = a_folder(tmp_path)
    first = CliRunner().invoke(judge, [str(folder), "--json"])
    made = {name: (folder / name).read_bytes() for name in ("verdict.json", "report.md")}
    again = CliRunner().invoke(judge, [str(folder)])
    assert (first.exit_code, again.exit_code) == (0, 0) and again.output.startswith("WITHIN")
    assert made == {name: (folder / name).read_bytes() for name in made}
    assert json.loads(first.output) == json.loads(made["verdict.json"])
    assert json.loads(first.output)["t0"] == iso(1_700_000_040_000)


def test_a_damaged_plan_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    from gameday.cli.judge import judge
    from gameday.errors import DamagedRun

    folder = a_folder(tmp_path)
    (folder / "plan.json").write_text("{")
    found = CliRunner().invoke(judge, [str(folder)])
    assert isinstance(found.exception, DamagedRun) and not (folder / "verdict.json").exists()
