"""Files load safely; what is wrong has a place and says what to write."""

from pathlib import Path

import pytest

from gameday.errors import InvalidFiles
from gameday.model.load import load_model
from gameday.model.scenario import Scenario
from gameday.model.workspace import Workspace
from gameday.model.yaml import LARGEST, parse

TEN_LINES = """\
kind: scenario
id: payments-stop
service: open-banking
hypothesis: Payments keep flowing when the payment function fails, because the edge retries on the standby.
timeline:
  - fault: fis
    action: aws:lambda:invocation-error
    targets: [payments-function]          # a technology resource of the service
    parameters: {duration: 20m, invocationPercentage: 100, preventExecution: true}
"""


def test_the_ten_line_scenario_loads(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TEN_LINES)
    loaded = load_model(path, Scenario)
    assert loaded.model.id == "payments-stop"
    assert loaded.file.place(("timeline", 0, "action")).line == 7


def test_a_misspelt_key_is_named_with_the_right_one(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TEN_LINES + "basline: 10m\n")
    with pytest.raises(InvalidFiles) as caught:
        load_model(path, Scenario)
    (problem,) = caught.value.problems
    assert (problem.code, problem.write) == ("UNKNOWN_KEY", "baseline:")
    assert str(problem).startswith(f"{path}:10:1: error UNKNOWN_KEY")


def test_an_error_inside_a_step_points_into_the_step(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TEN_LINES + "  - expect: {role: a, does: acknowledge}\n    within: soon\n")
    with pytest.raises(InvalidFiles) as caught:
        load_model(path, Scenario)
    (problem,) = caught.value.problems
    assert (problem.code, problem.place and problem.place.line) == ("BAD_VALUE", 11)
    assert "90s, 20m or 2h" in problem.write


def test_words_that_other_yaml_readers_turn_into_something_else_stay_words() -> None:
    text = b"on: 2026-05-14\nyes: no\nhours: 09:30\noctal: 010\nn: 12\nx: 1.5\nt: true\nnone: ~\n"
    value = parse(text, "x").value
    assert list(value) == ["on", "yes", "hours", "octal", "n", "x", "t", "none"]
    assert [value[k] for k in ("yes", "hours", "octal", "n", "x", "t", "none")] == [
        "no", "09:30", "010", 12, 1.5, True, None,
    ]  # fmt: skip


def test_a_file_too_large_or_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidFiles, match="FILE_TOO_LARGE"):
        parse(b" " * (LARGEST + 1), "x")
    with pytest.raises(InvalidFiles, match="FILE_UNREADABLE"):
        load_model(tmp_path / "missing.yaml", Workspace)


@pytest.mark.parametrize("text", [b"", b"[]", b"just words", b"- a\n- b"])
def test_a_file_that_is_no_mapping_is_refused(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_bytes(text)
    with pytest.raises(InvalidFiles, match="WRONG_TYPE"):
        load_model(path, Workspace)
