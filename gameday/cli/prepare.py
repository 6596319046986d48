"""What ``plan`` and ``run`` need first: files that are valid, and the scenario that was meant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gameday.model.content import Content


def checked_content(scenario: str, library: Path | None) -> Content:
    """The content around the scenario, linted. InvalidFiles when anything is wrong with it."""
    from gameday.errors import InvalidFiles
    from gameday.model.load import load_content
    from gameday.wiring.checking import check_content

    content = load_content(_root(scenario, library))
    problems = check_content(content)
    errors = [p for p in problems if p.severity == "error"]
    if errors:  # a broken plug-in may be why something is not known
        raise InvalidFiles([*errors, *(p for p in problems if p.code.startswith("PLUGIN_") and p not in errors)])
    return content


def _root(scenario: str, library: Path | None) -> Path:
    """The folder of the content, around the scenario if it is a file; seen from here where it lies below."""
    from gameday.library import content_root

    path, here = Path(scenario), Path.cwd()
    root = content_root(library, path.resolve().parent if path.is_file() else None)
    return root.relative_to(here) if root.is_absolute() and root.is_relative_to(here) else root


def scenario_id(content: Content, scenario: str) -> str:
    """A path to the id of the scenario in it; an id stays as it is."""
    from gameday.errors import could_not_start

    path = Path(scenario)
    if not path.is_file():
        return scenario
    for ident, loaded in content.scenarios.items():
        if Path(loaded.file.path).resolve() == path.resolve():
            return ident
    message = f"{scenario} is not a scenario of the content in {content.root}"
    raise could_not_start("NOT_A_SCENARIO", message, "a file below scenarios/, or --library DIR", path)
