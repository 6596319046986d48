"""What ``plan`` and ``run`` need first: files that are valid, a scenario and an environment that exist."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gameday.errors import CouldNotStart
    from gameday.model.content import Content
    from gameday.model.workspace import Environment


def checked_content(root: Path) -> Content:
    """Everything in the folder, linted. InvalidFiles when anything is wrong."""
    from gameday.errors import InvalidFiles
    from gameday.faults.check import check_fault
    from gameday.model.lint import lint
    from gameday.model.load import load_content

    content = load_content(root)
    problems = lint(content, check_fault)
    if any(p.severity == "error" for p in problems):
        raise InvalidFiles([p for p in problems if p.severity == "error"])
    return content


def scenario_of(content: Content, text: str) -> str:
    """The id of the scenario that was meant: its id, or the path of its file."""
    if text in content.scenarios:
        return text
    for ident, loaded in content.scenarios.items():
        if Path(loaded.file.path).resolve() == Path(text).resolve():
            return ident
    raise _unknown("SCENARIO", "scenario", text, content.scenarios)


def environment_of(content: Content, name: str) -> Environment:
    """The environment of this name."""
    found = content.environment(name)
    if found is None:
        known = content.workspace.model.environments if content.workspace else {}
        raise _unknown("ENVIRONMENT", "environment", name, {"rehearsal", *known})
    return found


def _unknown(code: str, what: str, name: str, names: Collection[str]) -> CouldNotStart:
    from gameday.errors import could_not_start

    near = get_close_matches(name, sorted(names), 1) or sorted(names)
    return could_not_start(f"UNKNOWN_{code}", f"no {what} {name!r}", " | ".join(near) or f"a {what}; there is none yet")
