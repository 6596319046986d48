"""Docs are tested facts: what the code has is in them, what they say leads somewhere, what is generated is current."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gameday.cli.main import COMMANDS
from gameday.errors import EXIT_CODES, EXIT_COULD_NOT_START, EXIT_INTERNAL
from gameday.model.load import KINDS
from gameday.verdict.codes import CODES

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "scenarios").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def section(page: str, heading: str) -> str:
    """What stands under a heading."""
    return re.split(r"^## ", page.partition(f"\n## {heading}\n")[2], flags=re.MULTILINE)[0]


def test_each_generated_page_is_what_the_code_says_now() -> None:
    """If not: make docs. In a process of its own, since click remembers how a command was called in another test."""
    check = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    found = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


def test_each_command_and_kind_is_in_the_reference() -> None:
    commands, files = (REFERENCE / "commands.md").read_text(), (REFERENCE / "files.md").read_text()
    names = [name for group in COMMANDS.values() for name in group]
    assert [name for name in names if f"### gameday {name}\n" not in commands] == []
    assert [kind for kind in KINDS if f"## kind: {kind}\n" not in files] == []


def test_each_code_is_in_the_reference_with_its_meaning() -> None:
    rows = dict(re.findall(r"^\| `?([A-Z0-9_]+)`? \| (.*?) \|", (REFERENCE / "codes.md").read_text(), re.MULTILINE))
    bad = {path.stem for path in (ROOT / "tests" / "bad").iterdir()}
    exits = {str(code) for code in (*EXIT_CODES.values(), 2, EXIT_COULD_NOT_START, EXIT_INTERNAL)}
    assert (bad | exits | set(CODES)) - rows.keys() == set()
    assert [code for code, meaning in rows.items() if not re.search(r"\w", meaning)] == []


def test_each_code_in_the_source_is_in_the_reference() -> None:
    """Seen in the text alone, apart from how the reference finds them."""
    call = re.compile(r"(?:Problem|could_not_start|_stop|\.error|\.warn|\.add)\(\s*\"([A-Z][A-Z_]+)\"")
    text = "".join(path.read_text() for path in (ROOT / "gameday").rglob("*.py"))
    codes = (REFERENCE / "codes.md").read_text()
    found = set(call.findall(text))
    assert len(found) > 40 and [code for code in found if f"`{code}`" not in codes] == []


def test_each_exit_code_is_in_the_readme() -> None:
    said = set(re.findall(r"\b\d+\b", section(README, "Exit codes")))
    assert said == {str(code) for code in (*EXIT_CODES.values(), 2, EXIT_COULD_NOT_START, EXIT_INTERNAL)}


def test_set_up_is_exactly_two_commands_that_exist() -> None:
    commands = re.findall(r"^    (.+)$", section(README, "Set up"), re.MULTILINE)
    assert commands == ["make run", "make test"]


def test_the_readme_says_what_it_is_in_five_lines_at_most() -> None:
    what = README.partition("# gameday\n")[2].partition("\n## ")[0].strip()
    assert 1 <= len(what.splitlines()) <= 5


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    links = [link.partition("#")[0] for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []


def test_every_make_target_that_is_spoken_of_exists() -> None:
    targets = {t for page in PAGES for t in re.findall(r"(?:`|^    )make ([a-z-]+)", page.read_text(), re.MULTILINE)}
    assert {"run", "test", "check", "docs"} <= targets
    assert [target for target in targets if f"\n{target}:" not in MAKEFILE] == []


def test_make_has_every_target_of_the_house() -> None:
    targets = ("run", "test", "check", "format", "bench", "docs", "build", "nightly", "test-aws", "constraints")
    assert [t for t in targets if f"\n{t}:" not in MAKEFILE] == []


def test_ci_runs_what_contributors_run() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    assert "make check test" in ci


def test_the_benchmark_of_the_command_line_says_one_line_of_json() -> None:
    """Only that it works; no time is asserted."""
    import json

    run = [sys.executable, str(ROOT / "benchmarks" / "help.py"), "--rounds", "1"]
    (line,) = subprocess.run(run, capture_output=True, text=True, check=True).stdout.splitlines()
    assert {"gameday --help", "chaos --help"} <= json.loads(line)["commands"].keys()
