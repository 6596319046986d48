"""Where content lies: the folder somebody names, the user's workspace, or what ships. Nobody else knows."""

from __future__ import annotations

from pathlib import Path

from gameday.errors import could_not_start

FOLDERS = ("scenarios", "runbooks", "observers", "reports")
MARKER = "gameday.yaml"


def find_workspace(start: Path) -> Path | None:
    """The nearest folder that holds gameday.yaml: ``start`` itself or one above it."""
    here = start.resolve()
    return next((folder for folder in (here, *here.parents) if (folder / MARKER).is_file()), None)


def workspace_or_here() -> Path:
    """Where runs and the rehearsal live: the workspace around us, or where we stand when there is none."""
    return find_workspace(Path.cwd()) or Path.cwd()


def built_in() -> Path:
    """The folder of what ships: inside the wheel, or the checkout's root when gameday runs from one."""
    package = Path(__file__).parent
    shipped = package / "_library"
    return shipped if shipped.is_dir() else package.parent


def content_root(library: Path | None = None, start: Path | None = None) -> Path:
    """The folder that holds the content folders: ``library`` (``--library DIR``), else the workspace around ``start``,
    else the built-in one. CouldNotStart when ``library`` is no folder."""
    if library is None:
        return find_workspace(start or Path.cwd()) or built_in()
    if not library.is_dir():
        raise could_not_start("LIBRARY_MISSING", "--library names no folder", "a folder that exists", library)
    return library


def content_folder(name: str, root: Path | None = None) -> Path:
    """One content folder. Looks in ``root`` (``--library DIR``) alone when given, else in the workspace, and where
    that has no such folder in the built-in library."""
    if name not in FOLDERS:
        raise ValueError(f"{name!r} is not a content folder; write one of {', '.join(FOLDERS)}")
    found = content_root(root) / name
    return found if root is not None or found.is_dir() else built_in() / name
