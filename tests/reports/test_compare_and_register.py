"""Runs are compared like for like; coverage, register and record say what was not shown; the site opens from disk."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gameday.cli.publish import publish
from gameday.cli.register import coverage as coverage_command
from gameday.cli.register import register as register_command
from gameday.cli.register import self_assessment as record_command
from gameday.errors import CouldNotStart
from gameday.model.load import load_content
from gameday.model.rules import Tested as Past
from gameday.reports.clauses import clauses, refuse_unchecked, sentence
from gameday.reports.compare import bar, change, compare, differs, fingerprint, trend
from gameday.reports.coverage import coverage
from gameday.reports.history import Run, history, read
from gameday.reports.pack import markdown
from gameday.reports.register import register
from gameday.reports.rulings import final_reasons
from gameday.reports.selfassessment import Record, self_assessment
from gameday.reports.site import site
from tests.reports.a_day import a_day, plan, story, write

TODAY = date(2026, 11, 24)
REGULATED = Path(__file__).parents[1] / "data" / "regulated"
HOSTILE = "<script>alert(1)</script> =cmd() ‮ [x](javascript:alert(1)) ![i](http://x.example/) `#` **b** | $x$"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "gameday.yaml").write_text("kind: workspace\n")
    folder = tmp_path / "scenarios" / "pay"
    folder.mkdir(parents=True)
    said = (REGULATED / "scenarios/pay/service.yaml").read_text()
    title = json.dumps(HOSTILE.replace("\u202e", ""))  # a file with it does not load
    said = said.replace("id: pay\n", "id: open-banking\n").replace("title: Payments", f"title: {title}")
    (folder / "service.yaml").write_text(said)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def a_run(root: Path, name: str, **changes: Any) -> Run:
    run = read(write(root / ".gameday" / "runs" / name, plan(**changes), story()))
    return replace(run, verdict={**run.verdict, "run": name})


# ---- compare
def test_runs_of_one_plan_are_alike_and_an_overlap_is_no_change(workspace: Path) -> None:
    first, second = (a_run(workspace, f"2026110{n}-1000-x") for n in (1, 2))
    assert differs(first, second) == [] and fingerprint(first) == fingerprint(second)
    told = compare([first, second])
    assert {cell["change"] for row in told["measures"] for cell in row["runs"][1:]} <= {"no change shown", "unknown"}
    assert [point["run"] for point in trend([first, second], first)[0]["points"]] == [first.id, second.id]


@pytest.mark.parametrize(
    ("changes", "part"),
    [({"baseline_ms": 1}, "timeline"), ({"tolerances": plan().tolerances[:1]}, "tolerances"),
     ({"signals": plan().signals[:-1]}, "resolution"), ({"environment": "staging"}, "environment")],
)  # fmt: skip
def test_runs_that_differ_are_not_called_alike_and_no_change_is_told(
    workspace: Path, changes: dict[str, Any], part: str
) -> None:
    first, other = a_run(workspace, "20261101-1000-x"), a_run(workspace, "20261102-1000-x", **changes)
    assert [text.split(":")[0] for text in differs(first, other)] == [part]
    told = compare([first, other])
    assert {cell["change"] for row in told["measures"] for cell in row["runs"][1:]} == {"not comparable"}
    assert len(trend([first, other], first)[0]["points"]) == 1


def test_a_run_that_is_no_valid_test_is_compared_with_nothing(workspace: Path) -> None:
    first, other = a_run(workspace, "20261101-1000-x"), a_run(workspace, "20261102-1000-x")
    other.verdict["outcome"] = "stopped"
    assert any(text.startswith("validity") for text in differs(first, other))


ENDS = st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)).map(lambda p: (min(p), max(p)))


@given(ENDS, ENDS)
def test_only_what_does_not_overlap_is_a_change(a: tuple[float, float], b: tuple[float, float]) -> None:
    overlap = a[0] <= b[1] and b[0] <= a[1]
    assert (change(a, b) == "no change shown") is overlap
    assert change((a[0], None), b) in ("no change shown", "smaller") and change(None, b) == "unknown"


def test_an_interval_is_drawn_against_its_limit() -> None:
    assert bar([0, 0], 10) == "................|......."
    assert bar([5, 10], 10) == "########++++++++|......."
    assert bar([5, None], 10).endswith(">") and bar(None, 10) == "not measured"
    assert bar([0, 0], 0) == "none, and none is tolerable"


# ---- coverage and register
def test_a_cell_is_tested_only_by_a_valid_run_and_says_where(workspace: Path) -> None:
    content = load_content(REGULATED)
    good = Past("20261101-1000-stop", date(2026, 11, 1), "pay", "stop", environment="staging",
                resources=frozenset({"function"}), meant=frozenset({"function", "ledger"}))  # fmt: skip
    cells = {(c.resource, c.adverse): c for c in coverage(content, [good], TODAY) if c.service == "pay"}
    tested = cells["function", "technology-failure"]
    assert (tested.run, tested.age_days, tested.environment) == (good.run, 23, "staging")
    assert cells["function", "data-corruption"].run is None
    assert (cells["ledger", "technology-failure"].run, cells["ledger", "technology-failure"].tried) == (None, good.run)
    bad = replace(good, valid=False)
    cells = {(c.resource, c.adverse): c for c in coverage(content, [bad], TODAY) if c.service == "pay"}
    assert (cells["function", "technology-failure"].run, cells["function", "technology-failure"].tried) == (
        None,
        bad.run,
    )
    assert cells["function", "market-participant"].not_applicable


def test_the_register_says_what_is_due_and_never_calls_unknown_within(workspace: Path) -> None:
    told = register(load_content(REGULATED), [], TODAY)
    pay, cards = told
    if pay["service"] != "pay":
        pay, cards = cards, pay
    assert pay["review"] == {"due": "2027-10-01", "overdue": False}
    assert cards["review"] == {"due": None, "overdue": True}
    assert {t["verdict"] for t in pay["tolerances"]} == {None}
    assert [t["review"]["overdue"] for t in register(load_content(REGULATED), [], date(2027, 6, 1))[0]["tolerances"]
            or register(load_content(REGULATED), [], date(2027, 6, 1))[1]["tolerances"]] == [True] * 3  # fmt: skip


# ---- clauses and the record
def test_no_clause_is_called_checked_and_a_final_record_refuses_it(workspace: Path) -> None:
    known = clauses(workspace)
    assert len({c.id for c in known}) == len(known) > 40 and not any(c.checked for c in known)
    with pytest.raises(CouldNotStart) as refused:
        refuse_unchecked(known)
    assert refused.value.problems[0].code == "CLAUSE_UNCHECKED"
    checks = "".join(f"  - {{id: '{c.id}', checked_on: 2026-11-20, checked_by: counsel, source: 'https://x.example'}}\n"
                     for c in known)  # fmt: skip
    (workspace / "clauses.yaml").write_text(f"kind: clause-checks\nchecks:\n{checks}")
    refuse_unchecked(clauses(workspace))
    (workspace / "clauses.yaml").write_text(
        "kind: clause-checks\nchecks: [{id: x, checked_on: 2026-11-20, checked_by: counsel, source: y}]\n"
    )
    with pytest.raises(CouldNotStart, match="CLAUSE_UNKNOWN"):
        clauses(workspace)


def test_nothing_says_that_anybody_complies(workspace: Path) -> None:
    a_run(workspace, "20261101-1000-payment-functions-stop")
    record = record_of(workspace)
    text = markdown(self_assessment(record)) + " ".join(sentence(c) for c in record.clauses)
    text += b" ".join(site(record).values()).decode()
    assert not re.search(r"compl(y|ies|iant)\b", text, re.IGNORECASE)
    assert "no determination of compliance" in text


def record_of(root: Path) -> Record:
    runs, damaged = history(root)
    return Record(load_content(root), runs, damaged, clauses(root), TODAY)


def test_the_record_has_the_nine_things_in_their_order_and_every_run(workspace: Path) -> None:
    a_run(workspace, "20261101-1000-payment-functions-stop")
    lost = workspace / ".gameday/runs/20261102-1000-x"
    a_day(lost)
    (lost / "journal.jsonl").write_bytes(b"{}\n" + (lost / "journal.jsonl").read_bytes())
    told = self_assessment(record_of(workspace))
    assert [s["number"] for s in told["sections"]] == list(range(1, 10))
    assert [t["outcome"] for t in told["sections"][4]["facts"]] == ["within", "cannot be read"]
    files = {f["file"]: f["sha256"] for f in told["retention"]["files"]}
    assert all(files["scenarios/pay/service.yaml"]) and told["retention"]["keep_until"] == "2032-11-24"


def test_a_rehearsal_is_never_final_unless_somebody_answers_for_it(workspace: Path) -> None:
    run = a_run(workspace, "20261101-1000-payment-functions-stop")
    said = final_reasons(run.folder, TODAY)
    assert any("L20" in reason for reason in said) and any("15A.5.8R" in reason for reason in said)
    (workspace / "scenarios/w.yaml").write_text(
        "kind: waiver\nid: w\nrule: L20\nservice: open-banking\nbecause: The first.\nby: cro\nuntil: 2027-01-01\n"
    )
    assert not any("L20" in reason for reason in final_reasons(run.folder, TODAY))
    assert "no workspace" in final_reasons(Path("/"), TODAY)[0]


# ---- the site
class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") or name == "src" for name, _ in attrs)
        self.links += [str(value) for name, value in attrs if name == "href"]


def test_the_site_needs_no_script_and_no_network_and_shows_hostile_texts_as_text(workspace: Path) -> None:
    hostile = {"title": HOSTILE + "x" * 1_000_000, "hypothesis": HOSTILE}
    a_run(workspace, "20261101-1000-payment-functions-stop", **hostile)
    result = CliRunner().invoke(publish, ["site"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    pages = {p.relative_to(workspace / "site").as_posix(): p for p in (workspace / "site").rglob("*.html")}
    assert set(pages) == {"index.html", "coverage.html", "register.html", "actions.html", "record.html",
                          "runs/20261101-1000-payment-functions-stop.html"}  # fmt: skip
    for name, path in pages.items():
        page, raw = Page(), path.read_text()
        page.feed(raw)
        assert not page.tags & {"script", "img", "iframe", "object", "form", "link"}, name
        assert "‮" not in raw and "default-src 'none'" in raw
        assert all((path.parent / link).is_file() for link in page.links), page.links
    shown = (workspace / "site/register.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "more)" in pages["runs/20261101-1000-payment-functions-stop.html"].read_text()


def test_a_waiver_is_printed_beside_its_rule(workspace: Path) -> None:
    (workspace / "scenarios/w.yaml").write_text(
        "kind: waiver\nid: w\nrule: L17\nservice: open-banking\nbecause: In May.\nby: cro\nuntil: 2027-01-01\n"
    )
    pages = site(record_of(workspace))
    assert b"by cro until 2027-01-01: In May." in pages["register.html"] and b"In May." in pages["record.html"]


def test_the_site_is_the_same_bytes_again_and_never_overwrites_somebody_elses_folder(workspace: Path) -> None:
    a_run(workspace, "20261101-1000-payment-functions-stop")
    assert site(record_of(workspace)) == site(record_of(workspace))
    (workspace / "mine").mkdir()
    (workspace / "mine/letter.txt").write_text("Dear")
    with pytest.raises(CouldNotStart, match="NOT_A_SITE"):
        CliRunner().invoke(publish, ["mine"], catch_exceptions=False)


def test_the_commands_print_json(workspace: Path) -> None:
    a_run(workspace, "20261101-1000-payment-functions-stop")
    for command in (coverage_command, register_command, record_command):
        result = CliRunner().invoke(command, ["--json"], catch_exceptions=False)
        assert result.exit_code == 0 and json.loads(result.output)
        assert CliRunner().invoke(command, [], catch_exceptions=False).output
