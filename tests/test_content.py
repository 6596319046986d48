"""What ships is valid, complete, and known to editors."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from gameday.faults.check import check_fault
from gameday.library import FOLDERS
from gameday.model.lint import lint
from gameday.model.load import load_content
from gameday.model.schema import schema_comment, schemas, write_schemas
from gameday.model.yaml import parse

ROOT = Path(__file__).parents[1]
FILES = sorted([ROOT / "gameday.yaml", *(p for name in FOLDERS for p in (ROOT / name).rglob("*.yaml"))])
SCHEMAS = schemas()


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_what_ships_lints_without_error_or_warning() -> None:
    assert [str(problem) for problem in lint(load_content(ROOT), check_fault)] == []


def test_the_open_banking_scenarios_ship() -> None:
    content = load_content(ROOT)
    assert {"payment-functions-stop", "fault-without-effect"} <= set(content.scenarios)
    assert "payments-failover" in content.runbooks and "open-banking" in content.workloads
    assert len(FILES) >= 10


@pytest.mark.parametrize("path", FILES, ids=name)
def test_each_shipped_file_names_its_schema_in_its_first_line_and_fits_it(path: Path, tmp_path: Path) -> None:
    value = json.loads(json.dumps(parse(path.read_bytes(), str(path)).value, default=str))
    kind = value["kind"]
    first = path.read_text().splitlines(keepends=True)[0]
    assert first == schema_comment(path, ROOT, kind)
    copied = tmp_path / path.relative_to(ROOT)
    copied.parent.mkdir(parents=True, exist_ok=True)
    write_schemas(tmp_path)
    schema = json.loads((copied.parent / first.partition("$schema=")[2].strip()).read_text())
    assert schema == SCHEMAS[kind]
    assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(value)] == []


def test_a_shipped_file_is_named_after_its_id() -> None:
    content = load_content(ROOT)
    kept = (content.scenarios, content.runbooks, content.observers)
    assert [i for found in kept for i, loaded in found.items() if Path(loaded.file.path).stem != i] == []
