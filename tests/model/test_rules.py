"""L01 to L20: each fires, alone, on its example in ``tests/bad``, and none on the good workspace.

An example says which file of ``tests/data/regulated`` it replaces, the subject it is about, and, where that matters,
what its runs were.
"""

import json
import re
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from gameday.model import rules as rulebook
from gameday.model.load import load_content
from gameday.model.rules import NAMES, RULES, Broken, review
from gameday.wiring.checking import check_content

TESTS = Path(__file__).parents[1]
TODAY = date(2026, 11, 24)
BAD = sorted((TESTS / "bad").glob("L[0-9][0-9].yaml"))
GOOD: dict[str, Any] = {
    "run": "20261101-1000-stop", "on": date(2026, 11, 1), "service": "pay", "scenario": "stop", "communicated": True,
    "resources": frozenset({"function", "scheme", "network"}), "representative": True, "environment": "staging",
}  # fmt: skip


def broken(root: Path, *runs: dict[str, Any]) -> list[Broken]:
    return review(load_content(root), [rulebook.Tested(**{**GOOD, **run}) for run in runs or ({},)], TODAY, "pay")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TESTS / "data" / "regulated", tmp_path / "w"))


def test_no_rule_fires_on_the_good_workspace(workspace: Path) -> None:
    assert broken(workspace) == []
    assert check_content(load_content(workspace)) == []


def test_there_are_twenty_rules_each_with_an_example_and_a_name(workspace: Path) -> None:
    broken(workspace)
    assert sorted(RULES) == sorted(NAMES) == [p.stem for p in BAD] == [f"L{n:02}" for n in range(1, 21)]


@pytest.mark.parametrize("example", BAD, ids=lambda p: p.stem)
def test_a_rule_fires_alone_on_its_example(example: Path, workspace: Path) -> None:
    text = example.read_text()
    head = re.match(r"# in: (\S+)  subject: (\S+)", text)
    assert head
    (workspace / head[1]).write_text(text)
    runs = re.search(r"# runs: (.*)", text)
    found = broken(workspace, *(json.loads(runs[1]) if runs else ()))
    assert [(b.rule, b.subject) for b in found] == [(example.stem, head[2])]
    assert found[0].message and found[0].write and found[0].place.path.startswith(str(workspace))
    assert found[0].severity == ("W" if example.stem in {"L03", "L05", "L08", "L12", "L13", "L17", "L18"} else "E")


def test_a_waiver_answers_a_rule_until_its_day_and_for_nothing_else(workspace: Path) -> None:
    shutil.copy(TESTS / "bad" / "L07.yaml", workspace / "scenarios/pay/service.yaml")
    waiver = (
        "kind: waiver\nid: w\nrule: L07\nservice: pay\nsubject: {}\nbecause: Reviewed in May.\nby: cro\nuntil: {}\n"
    )
    for subject, until, waived in (
        ("service", "2026-11-24", True),
        ("service", "2026-11-23", False),
        ("map", "2027-01-01", False),
    ):
        (workspace / "scenarios/waiver.yaml").write_text(waiver.format(subject, until))
        (found,) = broken(workspace)
        assert (found.waived is not None) is waived


def test_what_only_runs_can_show(workspace: Path) -> None:
    def rules(*runs: dict[str, Any]) -> set[tuple[str, str]]:
        return {(b.rule, b.subject) for b in broken(workspace, *runs)}

    assert rules({"drift": ("cache",)}) == {("L07", "cache")}
    assert rules({"failed": {"outage": "breached"}}) == {("L15", "tolerance-breached:outage")}
    assert rules({"failed": {"outage": "breached"}}, {"run": "20261102-1000-stop", "on": TODAY}) == set()
    assert rules({"go_by": "lead", "approved_by": ("lead",)}) == {("L16", GOOD["run"])}
    assert rules({"codes": frozenset({"RECOVERY_NOT_DEMONSTRATED"})}) == {("L11", "stop")}
    assert rules({"valid": False}) == {("L08", "scheme"), ("L08", "network"), ("L17", "communications")}
    assert rules({"on": TODAY - timedelta(days=366)}) == rules({"valid": False}) == rules({"environment": "rehearsal"})


SERVICE, STOP, WORSE, HOME = (
    "scenarios/pay/service.yaml",
    "scenarios/pay/stop.yaml",
    "scenarios/pay/worse.yaml",
    "gameday.yaml",
)
OTHERS = [
    (SERVICE, "    peak: {when: last Friday of the month, per_minute: 300}\n", "", "L05 W outage"),
    (SERVICE, "rto: 10m", "rto: 20m", "L04 W function"),
    (SERVICE, "rto: 10m", "rto: 30m", "L04 W function"),
    (SERVICE, "facilities: {none: Its staff work remotely.}", "facilities: []", "L06 E facilities"),
    (SERVICE, "needs: [network]", "needs: []", "L06 E scheme, L06 E network"),
    (SERVICE, "id: pay\n", "id: pay\nchanges: [{on: 2026-11-01, what: New edge}]\n",
     "L07 E service, L07 E tolerance outage, L07 E tolerance outage-pra, L07 E tolerance lost"),
    (SERVICE, "  facilities:", "  reviewed: 2025-01-01\n  facilities:", "L07 E map"),
    (SERVICE, "    - {id: network,",
     "    - {id: bank, title: B, necessary: true, needs: [network]}\n    - {id: network,", "L08 E bank"),
    (STOP, "severity: {level: 1, of: 2", "severity: {level: 2, of: 2", "L10 W levels"),
    (WORSE, ", expected: outside", "", "L10 W breaking point"),
    (WORSE, "[data-corruption, facilities-or-people]", "[facilities-or-people]", "L12 W data-corruption"),
    (SERVICE, "{attempts: attempts, failures: failures, basis: census}", "{}", "L19 E outage"),
    (SERVICE, "    harm: consumer\n", "    harm: consumer\n    hold: 1m\n", "L19 E outage"),
    (HOME, "self_assessment: {by: board, on: 2026-06-01}\n", "", "L16 E self-assessment"),
    (HOME, "on: 2026-06-01", "on: 2025-06-01", "L16 E self-assessment"),
    (STOP, "guards:\n  - {tolerance: outage, at: 50%}\n", "", "L20 E stop"),
    (STOP, "at: 50%", "at: 80%", "L20 E stop"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "good", "bad", "fires"), OTHERS, ids=[f"{f} {b[:30]}" for _, _, b, f in OTHERS])
def test_the_other_ways_in_which_a_rule_fires(workspace: Path, path: str, good: str, bad: str, fires: str) -> None:
    said = (workspace / path).read_text()
    assert good in said
    (workspace / path).write_text(said.replace(good, bad, 1))
    assert ", ".join(f"{b.rule} {b.severity} {b.subject}" for b in broken(workspace)) == fires


def test_a_name_that_does_not_exist_is_told_by_lint(workspace: Path) -> None:
    stop = workspace / "scenarios/pay/stop.yaml"
    stop.write_text(stop.read_text().replace("simulates: [scheme, network]", "simulates: [schema]"))
    (workspace / "scenarios/w.yaml").write_text(
        "kind: waiver\nid: w\nrule: L07\nservice: pax\nbecause: In May.\nby: cro\nuntil: 2027-01-01\n"
    )
    found = {(p.code, p.write) for p in check_content(load_content(workspace)) if p.severity == "error"}
    assert found == {("UNKNOWN_RESOURCE", "scheme"), ("UNKNOWN_SERVICE", "pay")}


@pytest.mark.parametrize(
    ("closing", "code"),
    [("{scenario: rubbish}", "UNKNOWN_SCENARIO"), ("{scenario: stop, tolerance: x}", "UNKNOWN_TOLERANCE")],
)
def test_a_closing_test_that_no_run_could_meet_is_told_by_lint(workspace: Path, closing: str, code: str) -> None:
    path = workspace / "actions/A-2026-07.yaml"
    path.write_text(re.sub(r"closes_with: .*", f"closes_with: {closing}", path.read_text()))
    assert [p.code for p in check_content(load_content(workspace)) if p.severity == "error"] == [code]


def test_an_assumption_that_a_run_falsified_is_to_be_revised(workspace: Path) -> None:
    lessons = "kind: lessons\nrun: 20261101-1000-stop\nfalsified: [The standby is warm]\n"
    (workspace / "lessons/20261101-1000-stop.yaml").write_text(lessons)
    assert [(b.rule, b.subject) for b in broken(workspace)] == [("L14", "stop")]


def test_an_overdue_action_is_closed_by_a_valid_run_that_meets_it_and_by_nothing_less(workspace: Path) -> None:
    path = workspace / "actions/A-2026-07.yaml"
    path.write_text(path.read_text().replace("due: 2026-12-15", "due: 2026-11-01"))
    first = {"run": "20261001-1000-stop", "on": date(2026, 10, 1)}
    later = {"met": frozenset({"alarm"})}
    assert [b.rule for b in broken(workspace, first, {})] == ["L15"]
    assert [b.rule for b in broken(workspace, first, {**later, "scenario": "worse"})] == ["L15"]
    assert "L15" in [b.rule for b in broken(workspace, first, {**later, "valid": False})]
    assert broken(workspace, first, later) == []
    assert [b.rule for b in broken(workspace, {**first, **later})] == ["L15"]
    assert "L15" in [b.rule for b in broken(workspace, first, {**later, "environment": "rehearsal"})]
    path.write_text(path.read_text() + "closed_without: {because: The edge is gone., by: cro, on: 2026-11-20}\n")
    assert broken(workspace, first) == []
