"""What is shipped is what is tested: the wheel is built, installed elsewhere and run from there."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import gameday

ROOT = Path(__file__).parents[1]
CONTENT = ("scenarios", "runbooks", "observers", "reports", "gameday.yaml")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def run(*command: str | Path, cwd: Path, code: int = 0) -> str:
    """Run where the checkout cannot be seen; returns what was said."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    args = [str(part) for part in command]
    found = subprocess.run(args, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert found.returncode == code, f"{command}\n{found.stdout}\n{found.stderr}"
    return found.stdout


def names_in_checkout() -> set[str]:
    """Names that a build could leave behind."""
    found = {p.name for p in ROOT.iterdir()} | {p.name for p in (ROOT / "gameday").iterdir()}
    return found - {".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache", "__pycache__"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist, made without leaving anything in the checkout."""
    folder, before = tmp_path_factory.mktemp("dist"), names_in_checkout()
    both = ("--wheel", "--sdist", "--no-isolation", "--outdir")
    run(sys.executable, "-m", "build", *both, folder, ROOT, cwd=folder)
    assert names_in_checkout() == before
    return folder


@pytest.fixture(scope="module")
def names(built: Path) -> list[str]:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``gameday`` of an environment that holds the wheel; its dependencies are the tests' own."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (wheel,) = built.glob("*.whl")
    venv.create(elsewhere / "venv", with_pip=False, symlinks=True)
    python = elsewhere / "venv" / "bin" / "python"
    alone = ("install", "-q", "--no-deps", "--no-index")
    run(sys.executable, "-m", "pip", "--python", python, *alone, wheel, cwd=elsewhere)
    (packages,) = (elsewhere / "venv" / "lib").glob("python*/site-packages")
    borrowed = [p for p in map(Path, sys.path) if p.name in ("site-packages", "dist-packages")]
    (packages / "dependencies.pth").write_text("".join(f"{path}\n" for path in borrowed))
    found = run(python, "-c", "import gameday; print(gameday.__file__)", cwd=elsewhere)
    assert found.startswith(str(packages)), "the wheel's code is what runs"
    return elsewhere / "venv" / "bin" / "gameday"


def test_the_wheel_holds_one_name_and_all_content(names: list[str]) -> None:
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"gameday"}
    for folder in CONTENT:
        files = [ROOT / folder] if (ROOT / folder).is_file() else [p for p in (ROOT / folder).rglob("*") if p.is_file()]
        for path in files:
            assert f"gameday/_library/{path.relative_to(ROOT).as_posix()}" in names


def test_the_wheel_holds_all_code_and_data_and_no_tests(names: list[str]) -> None:
    for path in (ROOT / "gameday").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert path.relative_to(ROOT).as_posix() in names
    assert [name for name in names if "tests/" in name or name.endswith(".pyc")] == []


def test_the_sdist_is_complete(built: Path) -> None:
    """All that is needed to check, test and build again; nothing that a run or a tool left behind."""
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    wanted = ("pyproject.toml", "hatch_build.py", "Makefile", "constraints.txt", "README.md", "CHANGELOG.md", ".ci/run",
              "tests/test_packaging.py", "gameday/__init__.py", "docs/fidelity.md", "benchmarks/help.py",
              "gameday.yaml", "scenarios/open-banking/service.yaml", "runbooks/payments-failover.md")  # fmt: skip
    assert [name for name in wanted if name not in held] == []
    assert [name for name in held if name.startswith((".venv", ".gameday", ".git/", "dist"))] == []


def test_an_editable_install_has_no_copy_of_the_content() -> None:
    """It reads the checkout's own folders, so that nothing goes stale."""
    hook = runpy.run_path(str(ROOT / "hatch_build.py"))["ShipContent"](str(ROOT), {}, None, None, "", "wheel")
    included: dict[str, dict[str, dict[str, str]]] = {v: {"force_include": {}} for v in ("editable", "standard")}
    for version, data in included.items():
        hook.initialize(version, data)
    assert included["editable"]["force_include"] == {}
    assert str(ROOT / "scenarios") in included["standard"]["force_include"]


def test_the_installed_command_says_its_version_and_runs_a_workspace(installed: Path, tmp_path: Path) -> None:
    assert run(installed, "--version", cwd=tmp_path).split()[-1] == gameday.__version__
    run(installed, "init", cwd=tmp_path)
    scenarios = tmp_path / "scenarios" / "open-banking"
    assert {"payment-functions-stop.yaml", "fault-without-effect.yaml"} <= {p.name for p in scenarios.iterdir()}
    said = run(installed, "lint", cwd=tmp_path)
    assert re.match(r"\d\d+ file\(s\) valid", said), said


def test_the_installed_command_lists_what_ships(installed: Path, tmp_path: Path) -> None:
    said = run(installed, "library", cwd=tmp_path)
    assert "payment-functions-stop" in said and "fault-without-effect" in said and "payments-failover" in said


def test_the_installed_command_judges(installed: Path, tmp_path: Path) -> None:
    data = ROOT / "tests" / "data" / "judge"
    run(installed, "judge", data / "breached.csv", "--tolerance", data / "tolerance.yaml", cwd=tmp_path, code=1)


def test_every_entry_point_leads_to_something(installed: Path, tmp_path: Path) -> None:
    """Built-ins register exactly as outsiders do."""
    code = (
        "from importlib.metadata import distribution as d\n"
        "for e in d('gameday').entry_points: print(e.group, e.name, e.load().__name__)"
    )
    said = run(installed.with_name("python"), "-c", code, cwd=tmp_path).splitlines()
    assert {"gameday.faults fis FisFault", "gameday.observers cloudwatch CloudWatchObserver"} <= set(said)


def test_the_version_stands_in_one_place_and_the_changelog_agrees() -> None:
    assert "version" in PROJECT["project"]["dynamic"] and "version" not in PROJECT["project"]
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0].split()[0] == gameday.__version__
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - (unreleased|\d{4}-\d\d-\d\d)", heading) for heading in headings)
    assert all("unreleased" not in heading for heading in headings[1:])


def test_what_is_deployed_is_pinned_without_a_registry() -> None:
    """Only ``name==version`` lines, sorted; every dependency that pyproject.toml names has one."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert lines == sorted(lines, key=str.lower)
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.+!]*", line)] == []
    pinned = {re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in lines}
    extras = PROJECT["project"]["optional-dependencies"]
    named = {re.split(r"[\[<>=~!; ]", need)[0] for group in (PROJECT["project"]["dependencies"], *extras.values())
             for need in group}  # fmt: skip
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in named} - {"gameday"} <= pinned


def test_the_extra_all_holds_every_extra_that_does_something() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert extras["all"] == [f"gameday[{','.join(sorted(extras.keys() - {'all', 'dev'}))}]"]
