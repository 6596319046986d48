"""The end of a run is made from its folder alone: the same bytes everywhere, nothing from a folder that is damaged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import cycle, product
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gameday.cli.judge import judge
from gameday.cli.report import report
from gameday.errors import CouldNotStart, DamagedRun, GamedayError, InvalidFiles
from gameday.journal.events import Draft, Event
from gameday.journal.store import FIRST, Journal
from gameday.reports.finish import conclude, judge_folder, read_run
from gameday.reports.markdown import render
from tests.reports.a_day import GO, a_day, plan, story, write

MADE = ("verdict.json", "report.md", "signals/payments-attempts.csv", "signals/payments-outage.csv")


def made(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in MADE}


def test_a_day_is_concluded_from_its_folder(tmp_path: Path) -> None:
    folder = a_day(tmp_path / "r")
    found = conclude(folder)
    assert json.loads((folder / "verdict.json").read_bytes()) == found
    assert (found["outcome"], found["provenance"]["plan_bound"], found["provenance"]["journal_events"]) == (
        "within", True, 40,
    )  # fmt: skip
    text = (folder / "report.md").read_text()
    assert "as the journal registered it" in text and found["provenance"]["journal_head_sha256"] in text
    assert not [p for p in folder.rglob(".*") if p.is_file()]


@pytest.mark.parametrize(
    ("zone", "locale", "seed"), [("Pacific/Kiritimati", "de_DE.UTF-8", "1"), ("America/St_Johns", "C", "77")]
)
def test_the_bytes_are_the_same_in_any_time_zone_locale_and_hash_seed(
    tmp_path: Path, zone: str, locale: str, seed: str
) -> None:
    folder = a_day(tmp_path / "here")
    conclude(folder)
    there = a_day(tmp_path / "there")
    code = "import sys, pathlib, gameday.reports.finish as f; f.conclude(pathlib.Path(sys.argv[1]))"
    changed = {**os.environ, "TZ": zone, "LC_ALL": locale, "PYTHONHASHSEED": seed, "PYTHONUTF8": "0"}
    subprocess.run([sys.executable, "-c", code, str(there)], env=changed, cwd=tmp_path, check=True, timeout=60)
    assert made(there) == made(folder)


def test_judge_and_report_write_the_same_bytes_again(tmp_path: Path) -> None:
    folder = a_day(tmp_path / "r")
    conclude(folder)
    before = made(folder)
    told = CliRunner().invoke(judge, [str(folder)])
    assert told.exit_code == 0 and told.output.startswith("WITHIN  20261118-1020-payment-functions-stop in rehearsal")
    (folder / "report.md").write_text("edited by hand")
    shown = CliRunner().invoke(report, [str(folder), "--print"])
    assert shown.exit_code == 0 and shown.output.encode() == before["report.md"] and made(folder) == before
    assert CliRunner().invoke(report, [str(folder)]).output.strip() == str(folder / "report.md")


def _no_plan(folder: Path) -> None:
    (folder / "plan.json").unlink()


def _malformed(folder: Path) -> None:
    (folder / "plan.json").write_text('{"digest": 3}')


def _deep(folder: Path) -> None:
    (folder / "plan.json").write_text("[" * 200_000)


def _altered(folder: Path) -> None:
    raw = (folder / "plan.json").read_bytes()
    (folder / "plan.json").write_bytes(raw.replace(b'"limit":"30m"', b'"limit":"90m"'))


def _spaced(folder: Path) -> None:
    (folder / "plan.json").write_bytes((folder / "plan.json").read_bytes() + b" ")


def _no_journal(folder: Path) -> None:
    (folder / "journal.jsonl").unlink()


def _a_folder_for_a_journal(folder: Path) -> None:
    (folder / "journal.jsonl").unlink()
    (folder / "journal.jsonl").mkdir()


def _empty(folder: Path) -> None:
    (folder / "journal.jsonl").write_bytes(b"")


def _only_torn(folder: Path) -> None:
    (folder / "journal.jsonl").write_bytes(b'{"seq": 1')


def _line_changed(folder: Path) -> None:
    path = folder / "journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b"payments-failures at least 1", b"payments-failures at least 9"))


def _line_removed(folder: Path) -> None:
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "journal.jsonl").write_bytes(b"".join([*lines[:5], *lines[6:]]))


def _not_an_event(folder: Path) -> None:
    with (folder / "journal.jsonl").open("ab") as file:
        file.write(b"[]\n")


def _deep_line(folder: Path) -> None:
    with (folder / "journal.jsonl").open("ab") as file:
        file.write(b"[" * 200_000 + b"\n")


def _lacking(folder: Path) -> None:
    journal = Journal.open(folder / "journal.jsonl")
    journal.append(Draft("alarm.changed", {"signal": "x"}), GO, GO)
    journal.close()


def _held_by_nobody(folder: Path) -> None:
    journal = Journal.open(folder / "journal.jsonl")
    journal.append(Draft("role.unavailable", {"role": "x"}), GO, GO)
    journal.close()


def _no_facts(folder: Path) -> None:
    event = Event(1, 0, GO, GO, FIRST, "note", "x", [1])  # type: ignore[arg-type]  # what a damaged line may hold
    (folder / "journal.jsonl").write_bytes(event.line())


DAMAGE: list[tuple[Callable[[Path], None], str]] = [
    (_no_plan, "PLAN_MISSING"), (_malformed, "PLAN_MALFORMED"), (_deep, "PLAN_MALFORMED"),
    (_altered, "PLAN_ALTERED"), (_spaced, "PLAN_ALTERED"), (_no_journal, "JOURNAL_DAMAGED"),
    (_a_folder_for_a_journal, "JOURNAL_DAMAGED"), (_empty, "JOURNAL_EMPTY"), (_only_torn, "JOURNAL_EMPTY"),
    (_line_changed, "JOURNAL_DAMAGED"), (_line_removed, "JOURNAL_DAMAGED"), (_not_an_event, "JOURNAL_DAMAGED"),
    (_deep_line, "JOURNAL_DAMAGED"), (_lacking, "EVENT_MALFORMED"), (_no_facts, "EVENT_MALFORMED"),
    (_held_by_nobody, "EVENT_MALFORMED"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "code"), DAMAGE, ids=[d.__name__ for d, _ in DAMAGE])
def test_a_damaged_folder_is_refused_with_words_and_nothing_is_written(
    tmp_path: Path, damage: Callable[[Path], None], code: str
) -> None:
    folder = a_day(tmp_path / "r")
    damage(folder)
    with pytest.raises(DamagedRun) as caught:
        conclude(folder)
    (problem,) = caught.value.problems
    assert (problem.code, caught.value.exit_code) == (code, 5) and problem.write
    assert not (folder / "verdict.json").exists() and not (folder / "report.md").exists()


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    found = CliRunner().invoke(report, [str(tmp_path / "none")])
    assert isinstance(found.exception, CouldNotStart) and "RUN_UNKNOWN" in str(found.exception)


def test_a_torn_tail_is_left_out_and_told(tmp_path: Path) -> None:
    folder = a_day(tmp_path / "r")
    with (folder / "journal.jsonl").open("ab") as file:
        file.write(b'{"seq": 41, "ep')
    assert conclude(folder)["provenance"]["journal_torn_bytes"] == 15
    assert "15 bytes at its end were never a whole line" in (folder / "report.md").read_text()


def test_a_journal_cut_at_any_line_is_judged_or_refused_never_a_traceback(tmp_path: Path) -> None:
    whole = (a_day(tmp_path / "r") / "journal.jsonl").read_bytes().splitlines(keepends=True)
    for kept in range(1, len(whole), 3):
        folder = tmp_path / "r"
        (folder / "journal.jsonl").write_bytes(b"".join(whole[:kept]))
        assert conclude(folder)["outcome"] in ("stopped", "unsafe")


def test_a_fact_of_another_shape_is_judged_or_refused_never_a_traceback(tmp_path: Path) -> None:
    """The chain is whole, as if a newer or broken writer had made it."""
    values: Iterator[Any] = cycle([None, "word", {}, 10**30, True])
    told = story()
    for index, (at, draft) in enumerate(told):
        keys = draft.what if draft.type != "conductor.claimed" else ()
        for key, value in product(keys, (next(values), next(values))):
            changed = (at, Draft(draft.type, {**draft.what, key: value}, draft.who))
            folder = write(tmp_path / f"{index}-{key}-{value}", plan(), [*told[:index], changed, *told[index + 1 :]])
            try:
                read = read_run(folder)
                found = judge_folder(read)
                render(read.plan, read.events, found, "r")
            except DamagedRun as error:
                assert error.problems[0].code == "EVENT_MALFORMED"


def test_an_old_journal_that_names_no_plan_says_that_nothing_binds_it(tmp_path: Path) -> None:
    folder = write(tmp_path / "r", plan(), story())
    assert conclude(folder)["provenance"]["plan_bound"] is False
    assert "nothing binds this plan to this run" in (folder / "report.md").read_text()


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    folder = a_day(tmp_path / "r")
    (folder / "verdict.json").mkdir()
    with pytest.raises(CouldNotStart, match="CANNOT_WRITE"):
        conclude(folder)
    assert not list(folder.glob(".*.new"))


def own_template(tmp_path: Path, text: str) -> Path:
    """A workspace with a template of its own, and a run in it."""
    (tmp_path / "gameday.yaml").write_text("kind: workspace\n")
    (tmp_path / "reports" / "templates").mkdir(parents=True)
    (tmp_path / "reports" / "templates" / "report.md.j2").write_text(text)
    return a_day(tmp_path / ".gameday" / "runs" / "r")


def test_a_workspace_may_bring_a_template_of_its_own(tmp_path: Path) -> None:
    folder = own_template(tmp_path, "{{ plan.title }} | {{ verdict.outcome }} | {{ template }}")
    conclude(folder)
    text = (folder / "report.md").read_text()
    assert text.startswith("The payment functions stop abruptly on a pay day | within | of the workspace, SHA-256")
    assert str(tmp_path) not in text


def test_a_workspace_without_a_template_uses_the_one_that_ships(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "gameday.yaml").write_text("kind: workspace\n")
    folder = a_day(tmp_path / ".gameday" / "runs" / "r")
    conclude(folder)
    assert "Template: that ships" in (folder / "report.md").read_text()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\n{{ plan.titel }}", 2),
        ("{% for x in %}", 1),
        ("a\n\n{{ ''.__class__.__mro__ }}", 3),
        ("{{ verdict.update(outcome='within') }}", 1),
        ("{% include '/etc/passwd' %}", 1),
        ("{{ 1 / 0 }}", 1),
        ("{{ range(100000000) | list }}", 1),
    ],
)
def test_a_template_that_fails_or_reaches_out_is_named_and_the_verdict_stands(
    tmp_path: Path, text: str, line: int
) -> None:
    folder = own_template(tmp_path, text)
    with pytest.raises(InvalidFiles) as caught:
        conclude(folder)
    (problem,) = caught.value.problems
    assert problem.code == "TEMPLATE_BROKEN" and problem.place and problem.place.line == line
    assert (folder / "verdict.json").exists() and not (folder / "report.md").exists()


def test_the_command_line_says_what_is_damaged_and_exits_5(tmp_path: Path) -> None:
    folder = a_day(tmp_path / "r")
    _altered(folder)
    for command in ("judge", "report"):
        words = [sys.executable, "-m", "gameday", command, str(folder)]
        found = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert found.returncode == GamedayError.exit_code and "PLAN_ALTERED" in found.stderr
        assert "Traceback" not in found.stderr
