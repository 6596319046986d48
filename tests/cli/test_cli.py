"""The command line: help, exit codes, plain words, and nothing heavy before it is needed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gameday.cli.main import group
from gameday.wiring.starting import take_lock

DATA = Path(__file__).parents[1] / "data" / "judge"
GOLDEN = {
    "within": (0, "measured  1320 s to 1440 s; limit <= 30m; used 73% to 80%"),
    "breached": (1, "measured  1860 s to 1980 s; limit <= 30m; used 103% to 110%"),
    "inconclusive": (3, "measured  1740 s to 1860 s; limit <= 30m; used 97% to 103%"),
}


def gameday(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gameday", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # fixed words


@pytest.mark.parametrize("verdict", GOLDEN)
def test_judge_says_the_verdict_and_exits_with_its_code(verdict: str) -> None:
    code, words = GOLDEN[verdict]
    found = gameday("judge", str(DATA / f"{verdict}.csv"), "--tolerance", str(DATA / "tolerance.yaml"))
    assert (found.returncode, found.stdout.splitlines()[1]) == (code, words)
    assert found.stdout.startswith(f"{verdict.upper()}  payments-outage (fca)")


def test_judge_prints_json_that_holds_the_documented_keys() -> None:
    found = gameday("judge", str(DATA / "within.csv"), "--tolerance", str(DATA / "tolerance.yaml"), "--json")
    record = json.loads(found.stdout)
    assert record["verdict"] == "within"
    assert {"m_lo_s", "m_hi_s", "margin_s", "codes", "coverage"} <= set(record)


def test_a_bad_file_exits_5_with_its_place_and_what_to_write(tmp_path: Path) -> None:
    bad = tmp_path / "t.yaml"
    bad.write_text((DATA / "tolerance.yaml").read_text().replace("limit: 30m", "limit: 30"))
    found = gameday("judge", str(DATA / "within.csv"), "--tolerance", str(bad))
    assert found.returncode == 5
    assert f"{bad}:4:1: error BAD_VALUE" in found.stderr and "30m, for example" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_missing_file_exits_5() -> None:
    assert gameday("judge", "missing.csv", "--tolerance", str(DATA / "tolerance.yaml")).returncode == 5


def test_a_wrong_command_line_exits_2() -> None:
    assert gameday("judge").returncode == 2
    assert gameday("explode").returncode == 2


def test_lint_accepts_a_valid_file_and_names_an_unknown_kind(tmp_path: Path) -> None:
    good, bad = tmp_path / "gameday.yaml", tmp_path / "bad.yaml"
    good.write_text("kind: workspace\n")
    bad.write_text("\nkind: wurkspace\n")
    assert gameday("lint", str(good)).returncode == 0
    found = gameday("lint", str(good), str(bad), "--json")
    (problem,) = json.loads(found.stdout)
    assert (found.returncode, problem["code"], problem["place"]["line"]) == (5, "UNKNOWN_KIND", 2)


@pytest.mark.parametrize("command", [[], ["judge"], ["lint"]])
def test_every_command_has_help_and_each_command_an_example(command: list[str]) -> None:
    found = gameday(*command, "--help")
    assert found.returncode == 0
    assert "gameday " + (command[0] if command else "run") in found.stdout


def test_help_and_version_import_nothing_heavy() -> None:
    code = (
        "import sys; from gameday.cli.main import group; group(['--help'], standalone_mode=False); print(*sys.modules)"
    )
    run = [sys.executable, "-c", code]
    modules = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    assert "click" in modules
    assert not {
        "boto3",
        "botocore",
        "pydantic",
        "yaml",
        "rich",
        "gameday.model",
        "gameday.plugins",
        "importlib.metadata",
    } & set(modules)


def test_recover_does_not_call_all_well_while_a_run_is_conducted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its fault may be there, and so may that of one which another recover has in hand."""
    run = tmp_path / ".gameday" / "runs" / "20261124-1200-short"
    run.mkdir(parents=True)
    (run / "journal.jsonl").touch()
    lock = take_lock(run / "conductor.lock")
    assert lock is not None
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(group, ["recover"])
    one = CliRunner().invoke(group, ["recover", "20261124-1200-short"])
    lock.release()
    assert one.exit_code == 5, "of this one nobody can say that nothing is left"
    assert said.output.startswith("Nothing was done: 20261124-1200-short is being conducted or recovered now")
