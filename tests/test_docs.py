"""Docs are tested facts: what the code has is in them, what they say leads somewhere, what is generated is current."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gameday.cli.main import COMMANDS, group
from gameday.errors import EXIT_CODES, EXIT_COULD_NOT_START, EXIT_INTERNAL
from gameday.model.load import KINDS
from gameday.verdict.codes import CODES

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
FOLDERS = ("docs", "scenarios", "examples")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])
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
    rules = {name for name in bad if re.fullmatch(r"L\d\d", name)}
    assert [name for name in sorted(rules) if f"**{name}**" not in (REFERENCE / "rules.md").read_text()] == []
    exits = {str(code) for code in (*EXIT_CODES.values(), 2, EXIT_COULD_NOT_START, EXIT_INTERNAL)}
    assert (bad - rules | exits | set(CODES)) - rows.keys() == set()
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


# ---- what a page tells a reader to type, and the code that it shows
INCLUDED = re.compile(r"^<!-- (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TYPED = [page for page in PAGES if REFERENCE not in page.parents and page.name != "CHANGELOG.md"]


def typed(page: Path) -> Iterator[list[str]]:
    """The words after ``gameday`` of each command line that stands in a block of the page."""
    text = page.read_text()
    blocks = "".join(re.findall(r"^```(?:sh|text|console)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    for line in [
        *re.findall(r"^    (?:\$ )?(.*)$", text, re.MULTILINE),
        *re.findall(r"^\$ (.*)$", blocks, re.MULTILINE),
    ]:
        for command in re.split(r" && |; | \| ", line):
            if command.startswith("gameday "):
                yield shlex.split(command, comments=True)[1:]


def parse(words: list[str]) -> None:
    """Parse a command line as click would; UsageError when it is not one. Nothing is run."""
    command: click.Command = group
    context = click.Context(group, info_name="gameday")
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0]) if words else None
        if found is None:
            raise click.UsageError(f"there is no command {' '.join(words)!r}")
        command, words = found, words[1:]
    command.make_context(command.name, list(words), parent=context)


@pytest.mark.parametrize("page", TYPED, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_line_of_a_page_is_one(page: Path) -> None:
    for words in typed(page):
        parse(words)


@pytest.mark.parametrize("page", TYPED, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_that_a_page_speaks_of_exists(page: Path) -> None:
    names = {name for found in COMMANDS.values() for name in found}
    spoken = set(re.findall(r"`gameday ([a-z][a-z-]*)", page.read_text()))
    assert spoken - names == set()


def test_command_lines_are_found_and_a_wrong_one_is_refused() -> None:
    """Else the tests above could not fail."""
    pages = [page for page in TYPED if page.parent.name == "getting-started"]
    assert len(pages) == 3 and all(len(list(typed(page))) >= 3 for page in pages)
    for wrong in (["explode"], ["run"], ["run", "x", "--explode"], ["rehearsal", "sideways"]):
        with pytest.raises(click.UsageError):
            parse(wrong)


def test_the_code_that_a_page_shows_is_the_code() -> None:
    shown = [(name, text) for page in PAGES for name, text in INCLUDED.findall(page.read_text())]
    names = {name for name, _ in shown}
    assert [name for name, text in shown if (ROOT / name).read_text() != text] == []
    package = ROOT / "examples" / "gameday-example"
    code = {p.relative_to(ROOT).as_posix() for p in package.rglob("*.py") if p.name != "__init__.py"}
    assert code and code <= names


def test_what_a_page_quotes_from_another_file_stands_there() -> None:
    quote = re.compile(r"^<!-- excerpt: (\S+) -->\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    quotes = [(name, text) for page in PAGES for name, text in quote.findall(page.read_text())]
    assert len(quotes) >= 4
    assert [(name, text) for name, text in quotes if text.rstrip() not in (ROOT / name).read_text()] == []


def test_each_role_has_a_page_that_the_readme_leads_to() -> None:
    for role in ("facilitator", "sre", "compliance-officer"):
        assert f"(docs/getting-started/{role}.md)" in README
