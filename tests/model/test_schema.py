"""The schemas accept what the models accept, and see what an editor should see."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gameday.model.load import KINDS
from gameday.model.schema import schema_comment, schemas, write_schemas
from gameday.model.yaml import parse

WORKSPACE = Path(__file__).parents[1] / "data" / "workspace"
FILES = sorted(WORKSPACE.rglob("*.yaml"))


def value_of(path: Path) -> Any:
    """As an editor sees it: lists and text."""
    return json.loads(json.dumps(parse(path.read_bytes(), str(path)).value, default=str))


def validator(kind: str) -> Any:
    schema = schemas()[kind]
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_good_files_fit_their_schema(path: Path) -> None:
    value = value_of(path)
    assert [e.message for e in validator(value["kind"]).iter_errors(value)] == []


def test_a_misspelt_key_and_a_bare_number_for_a_duration_do_not_fit() -> None:
    value = value_of(WORKSPACE / "scenarios" / "pay" / "stop.yaml")
    assert list(validator("scenario").iter_errors({**value, "basline": "10m"}))
    assert list(validator("scenario").iter_errors({**value, "baseline": 10}))


def test_every_kind_is_written_and_a_second_time_gives_the_same_bytes(tmp_path: Path) -> None:
    first = {p.name: p.read_bytes() for p in write_schemas(tmp_path)}
    assert {p.name: p.read_bytes() for p in write_schemas(tmp_path)} == first
    assert set(first) == {f"{kind}.json" for kind in KINDS}
    assert "steps" not in json.loads(first["runbook.json"])["properties"]


def test_the_comment_points_from_the_file_to_its_schema(tmp_path: Path) -> None:
    file = tmp_path / "scenarios" / "pay" / "service.yaml"
    expected = "# yaml-language-server: $schema=../../.gameday/schema/service.json\n"
    assert schema_comment(file, tmp_path, "service") == expected
