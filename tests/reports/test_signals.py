"""What was read, as CSV: gaps are empty cells, and no cell is a formula."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.journal.events import Draft
from gameday.reports.signals import cell, export_signals, file_name
from gameday.verdict.run import judge_run
from gameday.verdict.series import judge_series
from tests.verdict.a_run import GO, MINUTE, plan, script, tolerance

CLEAN = "U" * 10 + "D" * 22 + "U" * 50


def test_a_signal_has_a_row_for_every_bucket_and_an_empty_cell_for_a_missing_one(tmp_path: Path) -> None:
    export_signals(tmp_path, plan(), script("UD-?U" + CLEAN))
    rows = (tmp_path / "signals" / "failures.csv").read_text().splitlines()
    assert rows[:6] == [
        "start,value", "2023-11-14T22:04:00.000Z,0", "2023-11-14T22:05:00.000Z,100", "2023-11-14T22:06:00.000Z,",
        "2023-11-14T22:07:00.000Z,", "2023-11-14T22:08:00.000Z,0",
    ]  # fmt: skip


@pytest.mark.parametrize("shape", [CLEAN, "U" * 10 + "D" * 31 + "U" * 20, CLEAN[:40] + "??" + CLEAN[42:]])
def test_a_tolerance_judged_from_its_csv_gets_the_same_interval(tmp_path: Path, shape: str) -> None:
    judged = tolerance(), tolerance(id="failed", metric="failed_transactions", limit=5000)
    made, events = plan(*judged), script(shape)
    export_signals(tmp_path, made, events)
    for told, limit in zip(judge_run(made, events)["tolerances"], made.tolerances, strict=True):
        path = tmp_path / "signals" / f"{limit.id}.csv"
        again = judge_series(path.read_bytes(), str(path), limit)
        same = ("m_lo_s", "m_hi_s", "verdict") if limit.metric == "duration" else ("m_lo", "m_hi", "verdict")
        assert {k: again[k] for k in same} == {k: told[k] for k in same}


def test_a_disturbed_bucket_is_unknown_in_the_csv_of_its_tolerance(tmp_path: Path) -> None:
    troubled = Draft("rehearsal.disturbed", {"from_ms": GO, "to_ms": GO + MINUTE, "lag_ms": 0})
    export_signals(tmp_path, plan(), script(CLEAN, (1, troubled)))
    assert "2023-11-14T22:14:00.000Z,100,\n" in (tmp_path / "signals" / "outage.csv").read_text()


def test_a_tolerance_named_like_a_signal_does_not_overwrite_it(tmp_path: Path) -> None:
    export_signals(tmp_path, plan(tolerance(id="failures")), script(CLEAN))
    assert (tmp_path / "signals" / "failures.csv").read_text().startswith("start,value\n")
    assert (tmp_path / "signals" / "failures-tolerance.csv").read_text().startswith("start,attempts,failures\n")


def test_a_signal_that_was_never_read_is_a_header_and_what_lay_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "signals").mkdir()
    (tmp_path / "signals" / "raw-answer.json").write_text("{}")
    export_signals(tmp_path, plan(), [])
    assert (tmp_path / "signals" / "attempts.csv").read_bytes() == b"start,value\n"
    assert {p.name for p in (tmp_path / "signals").iterdir()} == {"attempts.csv", "failures.csv", "raw-answer.json"}


@given(st.text())
def test_no_cell_is_a_formula_and_each_is_read_back_whole(text: str) -> None:
    line = cell(text)
    assert line[:1] not in tuple("=+-@\t\r") and line[:2] not in tuple(f'"{c}' for c in "=+-@\t\r")
    (row,) = list(csv.reader(io.StringIO(line + ",x", newline=""), strict=True)) if line else [["", "x"]]
    assert row[0].removeprefix("'") == text.replace("\0", "").removeprefix("'") and row[1] == "x"


@pytest.mark.parametrize(
    ("value", "told"), [(None, ""), (3.0, "3"), (0.1, "0.1"), (-2.5, "-2.5"), (1e20, "1e+20"), (True, "True")]
)
def test_numbers_are_as_short_as_they_are_exact(value: object, told: str) -> None:
    assert cell(value) == told


@pytest.mark.parametrize("ident", ["../../etc/passwd", "..", ".hidden", "a/b", "a\\b", ""])
def test_no_name_leads_out_of_the_folder(ident: str) -> None:
    name = file_name(ident)
    assert "/" not in name and "\\" not in name and not name.startswith("..") and name not in (".", "..")
