"""Files to models, with ``file:line:column``, an error code, what is wrong and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gameday.errors import InvalidFiles, Place, Problem
from gameday.model.content import Loaded, SourceFile
from gameday.model.yaml import Path_, parse

M = TypeVar("M", bound=BaseModel)
_CODES = {
    "extra_forbidden": "UNKNOWN_KEY",
    "missing": "MISSING_KEY",
    "value_error": "BAD_VALUE",
    "literal_error": "BAD_VALUE",
    "step_unclear": "STEP_UNCLEAR",
    "guard_unclear": "GUARD_UNCLEAR",
    "expectation_unclear": "EXPECTATION_UNCLEAR",
}


def read_file(path: Path) -> bytes:
    """The bytes of a file; InvalidFiles when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        problem = Problem("FILE_UNREADABLE", f"{error.strerror}", "the path of a file that exists", Place(str(path)))
        raise InvalidFiles(problem) from error


def load_model(path: Path, model: type[M]) -> Loaded[M]:
    """One YAML file as this model; InvalidFiles with all that is wrong."""
    raw = read_file(path)
    document = parse(raw, str(path))
    source = SourceFile(str(path), raw, document.places)
    return Loaded(validate(document.value, model, source), source)


def validate(value: Any, model: type[M], source: SourceFile, at: Path_ = ()) -> M:
    """A parsed value as this model; ``at`` is its key path in the source."""
    if not isinstance(value, Mapping):
        what = f"a {model.__name__.lower()} is a mapping of keys to values"
        raise InvalidFiles(Problem("WRONG_TYPE", what, "key: value lines", source.place(at)))
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidFiles(list(_problems(error, model, source, at))) from error


def _problems(error: ValidationError, model: type[BaseModel], source: SourceFile, at: Path_) -> Iterable[Problem]:
    for found in error.errors(include_url=False):
        path = _real_path((*at, *found["loc"]), source)
        code = _CODES.get(found["type"], "WRONG_TYPE" if found["type"].endswith("_type") else "BAD_VALUE")
        message, write = _words(code, found, path, model)
        yield Problem(code, message, write, source.place(path))


def _real_path(loc: Path_, source: SourceFile) -> Path_:
    """Drop what pydantic puts into a location that is not a key of the file: union tags and type names."""
    found: list[Path_] = [()]
    for part in loc[:-1]:
        found += [(*path, part) for path in found if (*path, part) in source.places]
    whole = [(*path, loc[-1]) for path in found if (*path, loc[-1]) in source.places] if loc else [()]
    return max(whole, key=len) if whole else (*max(found, key=len), loc[-1])


def _words(code: str, found: Any, path: Path_, model: type[BaseModel]) -> tuple[str, str]:
    name, message = ".".join(str(p) for p in path), str(found["msg"]).removeprefix("Value error, ")
    if code == "UNKNOWN_KEY":
        near = get_close_matches(str(path[-1]), _keys(model), 1)
        return f"{name!r} is not a key here", f"{near[0]}:" if near else "remove it, or see the schema for this kind"
    if code == "MISSING_KEY":
        return f"{name!r} is missing", f"{path[-1]}: ..."
    what, _, write = message.partition("; write ")
    return f"{name}: {what}", write.rstrip(".") or what


def _keys(model: type[BaseModel]) -> set[str]:
    """All keys of a model and of the models inside it, as they are written."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return {key for part in parts for key in part.get("properties", {})}
