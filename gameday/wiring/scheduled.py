"""The file of a schedule, written for a person who said it on the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gameday.errors import could_not_start
from gameday.model.content import Content
from gameday.model.schedule import Schedule, dump_schedule
from gameday.model.schema import schema_comment
from gameday.reports.files import write_whole


def write_schedule(root: Path, service: str, keys: Mapping[str, Any]) -> Path:
    """Beside the scenarios of its service. CouldNotStart BAD_VALUE, EXISTS_ALREADY."""
    try:
        schedule = Schedule.model_validate_json(json.dumps(keys))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message, _, write = str(first["msg"]).removeprefix("Value error, ").partition("; write ")
        at = ".".join(str(part) for part in first["loc"])
        raise could_not_start("BAD_VALUE", f"{at}: {message}" if at else message, write or "another value") from error
    path = root / "scenarios" / service / f"{schedule.id}.yaml"
    if path.exists():
        raise could_not_start("EXISTS_ALREADY", "this file is there already", "another id, or edit the file", path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in dump_schedule(schedule).items()]
    write_whole(path, (schema_comment(path, root, "schedule") + "".join(lines)).encode())  # JSON is YAML
    return path


def known_schedule(content: Content, ident: str) -> Schedule:
    """The schedule of this id. CouldNotStart UNKNOWN_SCHEDULE."""
    if ident not in content.schedules:
        known = " | ".join(sorted(content.schedules)) or "gameday schedule add ID ...; there is none yet"
        raise could_not_start("UNKNOWN_SCHEDULE", f"no schedule {ident!r}", known)
    return content.schedules[ident].model
