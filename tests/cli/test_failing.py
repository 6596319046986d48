"""A command that fails under ``--json`` says so on standard output, as JSON, and as ever on standard error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gameday.cli import main as cli


def failed(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(args))
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


def test_the_code_the_place_what_is_wrong_and_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gameday.yaml").write_text("kind: workspace\n")
    code, out, err = failed(capsys, "watch", "nothing-like-it", "--json")
    said = json.loads(out)
    assert said["error"]["code"] == "RUN_UNKNOWN"
    assert said["error"]["place"].endswith(":1:1")
    assert "nothing-like-it" in said["error"]["what"]
    assert said["error"]["write"]
    assert (said["exit_code"], code) == (5, 5)
    assert said["errors"] == [said["error"]]
    assert "RUN_UNKNOWN" in err


@pytest.mark.parametrize(
    ("args", "code", "exit_code"),
    [(["judge", "--json"], "COMMAND_LINE", 2), (["judge", "/nowhere", "--tolerance", "/no", "--json"], None, 5)],
)
def test_a_wrong_command_line_too(
    capsys: pytest.CaptureFixture[str], args: list[str], code: str | None, exit_code: int
) -> None:
    found, out, _ = failed(capsys, *args)
    assert found == exit_code
    assert code in (None, json.loads(out)["error"]["code"])
    assert json.loads(out)["exit_code"] == exit_code


@pytest.mark.parametrize("args", [["judge", "/nowhere"], ["note", "--run", "none", "--", "--json"]])
def test_nobody_who_did_not_ask_gets_json(capsys: pytest.CaptureFixture[str], args: list[str]) -> None:
    code, out, err = failed(capsys, *args)
    assert code
    assert not out
    assert err


def test_our_own_fault_is_said_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(cli.group, "main", breaks)
    code, out, _ = failed(capsys, "library", "--json")
    assert code == 70
    assert json.loads(out)["error"]["code"] == "INTERNAL"
