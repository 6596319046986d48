"""The code keeps to its own rules: small functions, told modules, names of the field, one thing on top of the wheel."""

import ast
import statistics
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "gameday").rglob("*.py"))
LONGEST: dict[str, int] = {}  # modules above 400 lines, and why
FORBIDDEN_NAMES = {"manager", "helper", "utils", "common", "base", "handler"}


def functions() -> list[ast.FunctionDef]:
    trees = [ast.parse(m.read_text()) for m in MODULES]
    return [n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]


def lines_of(function: ast.FunctionDef) -> int:
    """Lines without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_functions_are_small() -> None:
    lengths = sorted(lines_of(f) for f in functions())
    assert statistics.median(lengths) <= 8
    assert lengths[int(len(lengths) * 0.9)] <= 25


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(ROOT)))
def test_a_module_says_what_it_is_and_is_not_too_long(module: Path) -> None:
    text = module.read_text()
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= LONGEST.get(module.name, 400)
    assert module.stem not in FORBIDDEN_NAMES


def test_the_wheel_holds_one_name_and_runs_from_elsewhere(tmp_path: Path) -> None:
    """What is shipped is what is tested: the wheel's own modules judge a series, with no checkout beside them."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        top = {name.split("/")[0] for name in archive.namelist()}
        archive.extractall(tmp_path / "elsewhere")
    assert {name for name in top if not name.endswith(".dist-info")} == {"gameday"}
    data = ROOT / "tests" / "data" / "judge"
    code = "import sys, gameday; print(gameday.__file__); from gameday.__main__ import main; main(sys.argv[1:])"
    run = [sys.executable, "-c", code, "judge", str(data / "breached.csv"), "--tolerance", str(data / "tolerance.yaml")]
    environment = {"PYTHONPATH": str(tmp_path / "elsewhere"), "PATH": ""}
    found = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 1, found.stderr
    assert found.stdout.startswith(str(tmp_path / "elsewhere"))


def test_every_command_is_in_the_readme() -> None:
    from gameday.cli.main import COMMANDS

    readme = (ROOT / "README.md").read_text()
    missing = [name for group in COMMANDS.values() for name in group if f"gameday {name}" not in readme]
    assert missing == []


def test_every_make_target_of_the_readme_exists() -> None:
    readme, makefile = (ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()
    targets = [line.split()[1] for line in readme.splitlines() if line.startswith("    make ")]
    assert targets and all(f"\n{target}:" in makefile for target in targets)
