"""``init``, ``library`` and ``lint`` of a workspace, as a user meets them."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gameday.cli.init import init
from gameday.cli.library import library
from gameday.cli.lint import lint
from gameday.errors import GamedayError
from gameday.library import built_in

WORKSPACE = Path(__file__).parents[1] / "data" / "workspace"


def call(command: object, *args: str) -> Result:
    return CliRunner().invoke(command, args)  # type: ignore[arg-type]


def test_init_makes_a_workspace_that_lints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(init, str(tmp_path / "w")).exit_code == 0
    monkeypatch.chdir(tmp_path / "w")
    found = call(lint)
    assert found.exit_code == 0 and "valid" in found.output
    assert Path("gameday.yaml").read_text().startswith("# yaml-language-server: $schema=.gameday/schema/")
    assert {p.name for p in Path().iterdir()} >= {"scenarios", "runbooks", "observers", "reports", "README.md"}


def test_the_commented_example_of_gameday_yaml_is_valid(tmp_path: Path) -> None:
    head, _, example = (built_in() / "gameday.yaml").read_text().partition("#\n# environments")
    path = tmp_path / "gameday.yaml"
    path.write_text(head + ("# environments" + example).replace("\n# ", "\n").removeprefix("# "))
    found = call(lint, str(path))
    assert (found.exit_code, "staging" in path.read_text().split("environments")[1]) == (0, True)


def test_init_overwrites_nothing_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "gameday.yaml").write_text("mine\n")
    call(init, str(tmp_path))
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert before[tmp_path / "gameday.yaml"] == b"mine\n"
    assert call(init, str(tmp_path)).output.startswith("0 file(s) written")
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_init_copies_what_ships_byte_for_byte(tmp_path: Path) -> None:
    call(init, str(tmp_path / "w"))
    copied = [p for p in (tmp_path / "w" / "scenarios").rglob("*") if p.is_file()]
    assert len(copied) >= 4
    for path in copied:
        assert path.read_bytes() == (built_in() / path.relative_to(tmp_path / "w")).read_bytes()


def test_init_names_what_it_kept_and_what_comes_next(tmp_path: Path) -> None:
    (tmp_path / "gameday.yaml").write_text("mine\n")
    said = call(init, str(tmp_path)).output
    assert f"kept as it was: {tmp_path / 'gameday.yaml'}\n" in said
    assert said.index(f"  cd {tmp_path}\n") < said.index("  gameday lint\n")


def test_an_empty_workspace_has_folders_and_no_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(init, "--empty", str(tmp_path)).exit_code == 0
    folders = ("scenarios", "runbooks", "observers", "reports")
    assert [p for name in folders for p in (tmp_path / name).rglob("*") if p.is_file()] == []
    assert ".gameday/" in (tmp_path / ".gitignore").read_text()
    monkeypatch.chdir(tmp_path)
    assert call(lint).exit_code == 0


def test_init_where_a_file_is_in_the_way_of_a_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "scenarios").write_text("a file")
    found = call(init, str(tmp_path))
    assert isinstance(found.exception, GamedayError) and "CANNOT_WRITE" in str(found.exception)
    assert str(tmp_path / "scenarios") in str(found.exception)


def test_lint_of_a_workspace_gives_places_and_exit_5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(shutil.copytree(WORKSPACE, tmp_path / "w"))
    path = root / "scenarios" / "pay" / "stop.yaml"
    path.write_text(path.read_text().replace("[attempts]", "[atempts]"))
    monkeypatch.chdir(root)
    found = call(lint, "--json")
    (problem,) = json.loads(found.output)
    assert (found.exit_code, problem["code"], problem["write"]) == (5, "UNKNOWN_OBSERVER", "attempts")
    assert problem["place"] == {"path": "scenarios/pay/stop.yaml", "line": 6, "column": 11}


def test_a_warning_alone_exits_0(tmp_path: Path) -> None:
    root = Path(shutil.copytree(WORKSPACE, tmp_path / "w"))
    (root / "runbooks" / "spare.md").write_text("---\nkind: runbook\nid: spare\ntitle: Spare\n---\n1. Do it.\n")
    found = call(lint, "--library", str(root))
    assert found.exit_code == 0 and "1 warning(s)" in found.output and "UNUSED_RUNBOOK" in found.output


def test_lint_outside_a_workspace_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = call(lint)
    assert isinstance(found.exception, GamedayError) and "NO_WORKSPACE" in str(found.exception)


def test_lint_writes_schemas_when_asked(tmp_path: Path) -> None:
    root = Path(shutil.copytree(WORKSPACE, tmp_path / "w"))
    assert call(lint, "--library", str(root), "--write-schemas").exit_code == 0
    assert (root / ".gameday" / "schema" / "scenario.json").exists()


def test_library_lists_each_with_one_line() -> None:
    found = call(library, "--library", str(WORKSPACE))
    assert "  stop                             The standby takes over." in found.output.splitlines()
    record = json.loads(call(library, "--library", str(WORKSPACE), "--json").output)
    assert record["runbooks"] == [{"id": "failover", "says": "Move payments to the standby"}]
    assert len(record["observers"]) == 3


@pytest.mark.parametrize("command", [init, library, lint])
def test_help_holds_an_example(command: object) -> None:
    assert "Example: gameday" in call(command, "--help").output
