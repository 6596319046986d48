"""Content is found in this order: the folder that is named, the workspace around, what ships."""

from pathlib import Path

import pytest

from gameday.errors import CouldNotStart
from gameday.library import FOLDERS, built_in, content_folder, content_root, find_workspace


def test_the_nearest_workspace_above_is_found(tmp_path: Path) -> None:
    inner = tmp_path / "w" / "scenarios" / "pay"
    inner.mkdir(parents=True)
    assert find_workspace(inner) is None
    (tmp_path / "w" / "gameday.yaml").write_text("kind: workspace\n")
    assert find_workspace(inner) == tmp_path / "w"


def test_a_named_folder_beats_the_workspace_and_the_workspace_what_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert content_root() == built_in()
    (tmp_path / "gameday.yaml").write_text("kind: workspace\n")
    (tmp_path / "scenarios").mkdir()
    assert content_root() == tmp_path
    assert content_folder("scenarios") == tmp_path / "scenarios"
    assert content_folder("observers") == built_in() / "observers"
    other = tmp_path / "other"
    other.mkdir()
    assert [content_folder(name, other) for name in FOLDERS] == [other / name for name in FOLDERS]


def test_a_named_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(CouldNotStart, match="LIBRARY_MISSING"):
        content_root(tmp_path / "missing")


def test_only_content_folders_have_a_place() -> None:
    with pytest.raises(ValueError, match="not a content folder"):
        content_folder("secrets")
