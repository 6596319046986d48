"""All problems come at once; what a provider says is placed; small words of lint hold."""

import shutil
from pathlib import Path

import pytest

from gameday.errors import InvalidFiles, Problem
from gameday.faults.check import check_fault
from gameday.model.lint import lint
from gameday.model.load import load_content, load_model
from gameday.model.observer import Observer
from gameday.model.scenario import FaultStep, Scenario, step_id
from gameday.model.service import Service

WORKSPACE = Path(__file__).parents[1] / "data" / "workspace"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return Path(shutil.copytree(WORKSPACE, tmp_path / "w"))


def change(workspace: Path, old: str, new: str) -> Path:
    path = workspace / "scenarios" / "pay" / "stop.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def test_content_holds_every_kind_by_id() -> None:
    content = load_content(WORKSPACE)
    assert (set(content.services), set(content.scenarios), set(content.workloads)) == ({"pay"}, {"stop"}, {"pay"})
    assert (set(content.observers), set(content.runbooks)) == ({"attempts", "failures", "alarm"}, {"failover"})
    assert content.workspace and content.root == WORKSPACE


def test_what_is_wrong_in_all_files_comes_at_once(workspace: Path) -> None:
    change(workspace, "kind: scenario", "kind: scenari")
    (workspace / "observers" / "alarm.yaml").write_text("kind: [")
    (workspace / "gameday.yaml").write_text("kind: workspace\nx: 1\n")
    with pytest.raises(InvalidFiles) as caught:
        load_content(workspace)
    assert {p.code for p in caught.value.problems} == {"UNKNOWN_KIND", "YAML_MALFORMED", "UNKNOWN_KEY"}


def test_readme_and_hidden_files_and_missing_folders_are_no_content(workspace: Path) -> None:
    (workspace / "runbooks" / "README.md").write_text("Read me.")
    (workspace / "observers" / ".x.yaml").write_text("{")
    shutil.rmtree(workspace / "scenarios")
    assert lint(load_content(workspace), check_fault) == []


def test_a_problem_of_the_provider_is_placed_at_the_key_it_names_or_at_the_step(workspace: Path) -> None:
    def check(service: Service, step: FaultStep) -> list[Problem]:
        return [Problem("X_KEY", "parameters.duration: too long", "x"), Problem("X_STEP", "no such thing", "x")]

    found = {p.code: p.place for p in lint(load_content(workspace), check)}
    assert (found["X_KEY"] and found["X_KEY"].line, found["X_STEP"] and found["X_STEP"].line) == (12, 8)


@pytest.mark.parametrize(
    ("parameters", "code", "column"),
    [
        ("{duration: 10m}", "MISSING_KEY", 5),
        ("{duration: 10m, preventExecution: true, percentage: 1}", "UNKNOWN_KEY", 57),
        ("{duration: 10, preventExecution: true}", "BAD_VALUE", 18),
        ("{duration: 10s, preventExecution: true}", "BAD_VALUE", 18),
        ("{duration: [10m], preventExecution: true}", "WRONG_TYPE", 18),
    ],
)
def test_fis_parameters_are_checked_from_the_files(workspace: Path, parameters: str, code: str, column: int) -> None:
    change(workspace, "{duration: 10m, preventExecution: true}", parameters)
    problems = lint(load_content(workspace), check_fault)
    assert {(p.code, p.place.line, p.place.column) for p in problems if p.place} == {(code, 12, column)}


@pytest.mark.parametrize("end", ["for: 5m", "one_shot: true"])
def test_for_and_one_shot_end_a_fault(workspace: Path, end: str) -> None:
    change(
        workspace,
        "aws:lambda:invocation-error\n    targets: [function]",
        "aws:ec2:stop-instances\n    targets: [machine]",
    )  # noqa: E501
    change(workspace, "parameters: {duration: 10m, preventExecution: true}", end)
    assert lint(load_content(workspace), check_fault) == []


def test_a_fault_that_is_over_at_once_needs_no_end_unless_the_step_denies_it(workspace: Path) -> None:
    path = change(
        workspace,
        "aws:lambda:invocation-error\n    targets: [function]",
        "aws:ec2:reboot-instances\n    targets: [machine]",
    )  # noqa: E501
    change(workspace, "    parameters: {duration: 10m, preventExecution: true}\n", "")
    assert lint(load_content(workspace), check_fault) == []
    path.write_text(path.read_text().replace("    fault: fis\n", "    fault: fis\n    one_shot: false\n"))
    assert [p.code for p in lint(load_content(workspace), check_fault)] == ["FAULT_ENDLESS"]


def test_when_may_go_with_at_or_after(workspace: Path) -> None:
    change(workspace, "    after: break\n", "    after: break\n    when: {signal: failures, above: 1}\n")
    change(workspace, "    within: 3m\n", "    within: 3m\n    at: 1m\n    when: {signal: failures, above: 1}\n")
    assert lint(load_content(workspace), check_fault) == []


def test_a_step_at_or_after_the_end_of_the_day_is_impossible(workspace: Path) -> None:
    change(workspace, "    within: 3m\n", "    within: 3m\n    at: 40m\n")
    assert [p.code for p in lint(load_content(workspace), check_fault)] == ["IMPOSSIBLE_DURATION"]


def test_resources_that_need_one_another_are_a_cycle(workspace: Path) -> None:
    path = workspace / "scenarios" / "pay" / "service.yaml"
    path.write_text(path.read_text().replace("name: ledger}", "name: ledger, needs: [function]}"))
    (problem,) = lint(load_content(workspace), check_fault)
    assert problem.code == "CYCLE" and "function" in problem.message and "ledger" in problem.message


def test_a_step_without_an_id_is_named_after_what_it_does_and_where_it_stands() -> None:
    steps = load_model(WORKSPACE / "scenarios" / "pay" / "stop.yaml", Scenario).model.timeline
    ids = [step_id(step, i) for i, step in enumerate(steps)]
    assert ids == ["break", "expect-2", "expect-3", "inject-4", "unavailable-5", "task-6"]


def test_a_query_that_does_not_fit_its_source_says_which_keys_do(tmp_path: Path) -> None:
    path = tmp_path / "o.yaml"
    path.write_text((WORKSPACE / "observers" / "attempts.yaml").read_text().replace("metric: att", "metrik: att"))
    with pytest.raises(InvalidFiles) as caught:
        load_model(path, Observer)
    (problem,) = caught.value.problems
    assert "query.metric" in problem.message and "namespace, metric, dimensions, statistic" in problem.write
