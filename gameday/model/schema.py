"""JSON Schemas, made from the models, so that editors complete and check while typing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gameday.model.load import KINDS

FOLDER = Path(".gameday") / "schema"


def schemas() -> dict[str, dict[str, Any]]:
    """A schema for each kind of file. A runbook's describes its front matter: its steps are Markdown."""
    return {kind: _schema(kind) for kind in sorted(KINDS)}


def _schema(kind: str) -> dict[str, Any]:
    schema = KINDS[kind].model_json_schema()
    if kind == "runbook":
        del schema["properties"]["steps"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def write_schemas(root: Path) -> list[Path]:
    """Write all schemas into ``.gameday/schema`` of the workspace; they are generated, so older ones are replaced."""
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind, schema in schemas().items():
        path = folder / f"{kind}.json"
        path.write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
        written.append(path)
    return written


def schema_comment(file: Path, root: Path, kind: str) -> str:
    """The first line of a file, by which an editor finds the schema."""
    up = "../" * len(file.relative_to(root).parent.parts)
    return f"# yaml-language-server: $schema={up}{(FOLDER / f'{kind}.json').as_posix()}\n"
