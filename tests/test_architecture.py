"""The code keeps to its own rules: small functions, told modules, names of the field."""

import ast
import re
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "gameday").rglob("*.py"))
LONGEST: dict[str, int] = {}  # modules above 400 lines, and why
MACHINE = re.compile(r"/(?:home|Users|root|work)/[a-z]|pypi\.org|pythonhosted|index-url|find-links")
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


def test_content_holds_no_python() -> None:
    """What breaks is data: nobody has to read code to approve a scenario."""
    folders = ("scenarios", "runbooks", "observers", "reports")
    assert [p for name in folders for p in (ROOT / name).rglob("*.py")] == []


def test_nothing_names_a_machine_or_a_registry() -> None:
    """Paths of a home, a temporary folder or a package index's host would work on one machine alone."""
    files = [*MODULES, *ROOT.glob("[!.]*.*"), ROOT / "Makefile", *ROOT.glob(".ci/*"), *(ROOT / "docs").rglob("*.md")]
    found = [f"{p.relative_to(ROOT)}: {m[0]}" for p in files if p.is_file() for m in MACHINE.finditer(p.read_text())]
    assert found == []


def test_every_lint_exception_carries_its_reason() -> None:
    """``noqa`` and ``type: ignore`` say on the same line why the rule does not hold there."""
    bare = re.compile(r"#\s*(noqa|type: ignore)[^#]*$")
    lines = ((m, n, line) for m in MODULES for n, line in enumerate(m.read_text().splitlines(), 1))
    assert [f"{m.relative_to(ROOT)}:{n}" for m, n, line in lines if bare.search(line)] == []
