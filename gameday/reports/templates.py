"""Templates of reports: the workspace's own under ``reports/templates``, else those that ship; run in a sandbox."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import TemplateError

from gameday.errors import InvalidFiles, Place, Problem
from gameday.library import built_in, find_workspace
from gameday.reports.escape import plain

FOLDER = Path("templates")


@dataclass(frozen=True)
class Template:
    """The text of a template, and where it stands."""

    path: Path
    text: str
    own: bool  # whether it is the workspace's own

    def words(self) -> str:
        """Where the report's shape comes from, without an absolute path."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()
        return f"{'of the workspace' if self.own else 'that ships'}, SHA-256 {digest}"


def find_template(name: str, run_dir: Path | None = None) -> Template:
    """The template of this name for the report of this run: the workspace's own, else the built-in one."""
    workspace = find_workspace(run_dir) if run_dir is not None else None
    shipped = built_in() / "reports" / FOLDER / name
    own = workspace / "reports" / FOLDER / name if workspace is not None else shipped
    path = own if own.is_file() else shipped
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise broken(path, 1, f"it cannot be read ({type(error).__name__})") from error
    return Template(path, text, path == own and text != _text(shipped))


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def fill(template: Template, compiled: jinja2.Template, content: Mapping[str, Any]) -> str:
    """The template with this content; InvalidFiles (TEMPLATE_BROKEN) names the line that fails."""
    try:
        return compiled.render(content)
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        raise broken(template.path, _line_of(error), plain(error)) from error


def broken(path: Path, line: int, what: str) -> InvalidFiles:
    """TEMPLATE_BROKEN: where, and what to write instead."""
    write = "what the built-in template writes, or remove this file to use that one"
    return InvalidFiles(Problem("TEMPLATE_BROKEN", f"the report cannot be made: {what}", write, Place(str(path), line)))


def _line_of(error: BaseException) -> int:
    """The line of the template in which it failed: jinja names it in the traceback."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
