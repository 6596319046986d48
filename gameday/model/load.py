"""Files to models, with ``file:line:column``, an error code, what is wrong and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gameday.errors import InvalidFiles, Place, Problem, Problems
from gameday.model.action import Action, Lessons
from gameday.model.clause import ClauseChecks
from gameday.model.content import Content, Loaded, SourceFile
from gameday.model.markdown import parse_runbook
from gameday.model.observer import Observer
from gameday.model.roster import Roster
from gameday.model.runbook import Runbook
from gameday.model.scenario import Scenario
from gameday.model.schedule import Schedule
from gameday.model.service import Service
from gameday.model.waiver import Waiver
from gameday.model.workload import Workload
from gameday.model.workspace import Workspace
from gameday.model.yaml import Document, Path_, parse

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


KINDS: dict[str, type[BaseModel]] = {
    "action": Action,
    "clause-checks": ClauseChecks,
    "lessons": Lessons,
    "observer": Observer,
    "roster": Roster,
    "runbook": Runbook,
    "scenario": Scenario,
    "schedule": Schedule,
    "service": Service,
    "waiver": Waiver,
    "workload": Workload,
    "workspace": Workspace,
}
_FOLDERS = {  # folder -> kind -> where Content keeps it
    "scenarios": {
        "service": "services",
        "scenario": "scenarios",
        "workload": "workloads",
        "waiver": "waivers",
        "schedule": "schedules",
    },  # fmt: skip
    "observers": {"observer": "observers"},
    "runbooks": {"runbook": "runbooks"},
    "actions": {"action": "actions"},
    "lessons": {"lessons": "lessons"},
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
    source, document = _read(path)
    return Loaded(validate(document.value, model, source), source)


def load_any(path: Path) -> Loaded[Any]:
    """One file as the model that its ``kind`` names; a ``.md`` file is a runbook."""
    source, document = _read(path)
    kind = document.value.get("kind") if isinstance(document.value, Mapping) else None
    known = ["runbook"] if path.suffix == ".md" else sorted(KINDS.keys() - {"runbook"})
    if not isinstance(kind, str) or kind not in known:
        near = get_close_matches(str(kind), known, 1) or known
        message = "a file says its kind first" if kind is None else f"kind {kind!r} is not one we know here"
        problem = Problem("UNKNOWN_KIND", message, f"kind: {' | '.join(near)}", source.place(("kind",)))
        raise InvalidFiles(problem)
    return Loaded(validate(document.value, KINDS[kind], source), source)


def _read(path: Path) -> tuple[SourceFile, Document]:
    raw = read_file(path)
    document = parse_runbook(raw, str(path)) if path.suffix == ".md" else parse(raw, str(path))
    return SourceFile(str(path), raw, document.places), document


def load_content(root: Path) -> Content:
    """All files of the workspace or library at ``root``; InvalidFiles with what is wrong in all of them."""
    problems = Problems()
    found: dict[str, dict[str, Loaded[Any]]] = {name: {} for kinds in _FOLDERS.values() for name in kinds.values()}
    for folder, kinds in _FOLDERS.items():
        for path in _files(root / folder, problems):
            _keep(path, folder, kinds, found, problems)
    workspace = _single(root / "gameday.yaml", Workspace, problems)
    roster = _single(root / "roster.yaml", Roster, problems)
    problems.stop_if_any()
    return Content(root, workspace, **found, roster=roster)


def _single(path: Path, model: type[M], problems: Problems) -> Loaded[M] | None:
    """A file that need not be there, of which there is one at most."""
    if not path.exists():
        return None
    try:
        return load_model(path, model)
    except InvalidFiles as error:
        problems.found += error.problems
        return None


def _files(folder: Path, problems: Problems) -> Iterator[Path]:
    suffix, others = (".md", ()) if folder.name == "runbooks" else (".yaml", (".yml", ".json"))
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or path.name == "README.md" or not path.is_file():
            continue
        if path.suffix in others:
            problems.add("FILE_SUFFIX", f"a {path.suffix} file is not read", f"{path.stem}.yaml", Place(str(path)))
        elif path.suffix == suffix:
            yield path


def _keep(
    path: Path, folder: str, kinds: Mapping[str, str], found: dict[str, dict[str, Loaded[Any]]], problems: Problems
) -> None:
    """Load one file into its place in ``found``, or note why not."""
    try:
        loaded = load_any(path)
    except InvalidFiles as error:
        problems.found += error.problems
        return
    kind, file = loaded.model.kind, loaded.file
    if kind not in kinds:
        what, write = f"a {kind} does not belong into {folder}/", f"kind: {' | '.join(kinds)}, or move the file"
        problems.add("WRONG_FOLDER", what, write, file.place(("kind",)))
        return
    name = {"workload": "service", "lessons": "run"}.get(kind, "id")
    ident = getattr(loaded.model, name)
    first = found[kinds[kind]].setdefault(ident, loaded)
    if first is not loaded:
        what = f"{kind} {ident!r} is also in {first.file.path}"
        problems.add("DUPLICATE_ID", what, f"another {name}", file.place((name,)))


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
