"""YAML, safely: one document, no tags, no aliases, no duplicate keys, with the place of every key path.

Booleans and numbers read as YAML 1.2 has them, so that a key ``on`` stays a word and ``09:30`` is not a number.
Sequences become tuples. Built on PyYAML's safe C loader.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from gameday.errors import InvalidFiles, Place, Problem

LARGEST = 1_000_000
DEEPEST = 50
# Newer libyaml refuses depth itself (1000 levels) while it scans ahead, before we have seen the events.
_LIBYAML_TOO_DEEP = "maximum nesting"
Path_ = tuple[str | int, ...]
# Controls, marks that turn the direction of text, and characters that YAML takes for a new line and editors do not.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_BOOL = (r"^(?:true|false)$", "tf")
_INT = (r"^[-+]?(?:0|[1-9][0-9]{0,17})$", "-+0123456789")
_FLOAT = (r"^[-+]?[0-9]{1,18}\.[0-9]{1,18}(?:[eE][-+]?[0-9]{1,3})?$", "-+0123456789")
_NULL = (r"^(?:null|~|)$", ["n", "~", ""])
_DATE = (r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "0123456789")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C loader is not always built
    yaml_implicit_resolvers: dict[Any, Any] = {}


for _tag, (_pattern, _first) in {
    "bool": _BOOL, "int": _INT, "float": _FLOAT, "null": _NULL, "timestamp": _DATE
}.items():  # fmt: skip
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


class Document:
    """The value of a YAML file, and where each key path stands. YAML inside Markdown begins at ``first_line``, and
    each of its lines stands ``indent`` characters to the right."""

    def __init__(self, path: str, first_line: int = 1, indent: int = 0) -> None:
        self.path = path
        self.value: Any = None
        self.places: dict[Path_, Place] = {}
        self._lines, self._indent = first_line, indent + 1

    def place(self, mark: Any) -> Place:
        """A place in the file, 1-based."""
        return Place(self.path, mark.line + self._lines, mark.column + self._indent)


def _stop(code: str, message: str, write: str, place: Place) -> InvalidFiles:
    return InvalidFiles(Problem(code, message, write, place))


def _malformed(error: yaml.MarkedYAMLError, place: Place) -> InvalidFiles:
    what = str(error.problem or error.context)
    if _LIBYAML_TOO_DEEP in what:
        return _too_deep(place)
    write = "check indentation, colons and quotes; put text that holds ': ' or '#' in quotes"
    return _stop("YAML_MALFORMED", what, write, place)


def _too_deep(place: Place) -> InvalidFiles:
    return _stop("YAML_TOO_DEEP", f"nested deeper than {DEEPEST}", "flatten it", place)


def parse(raw: bytes, path: str) -> Document:
    """Read one YAML document; InvalidFiles with code, place and what to write when it is not acceptable."""
    return parse_text(decode(raw, path), path)


def parse_text(text: str, path: str, first_line: int = 1, indent: int = 0) -> Document:
    """The same, of text that :func:`decode` has let through."""
    document = Document(path, first_line, indent)
    try:
        loader = _Loader(text)
        try:
            _refuse_events(text, document)
            node = loader.get_single_node()
            document.value = None if node is None else _build(loader, node, (), document)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        place = document.place(error.problem_mark) if error.problem_mark else Place(path, first_line)
        raise _malformed(error, place) from error
    return document


def decode(raw: bytes, path: str) -> str:
    """The text of a file: UTF-8, not too large, nothing in it that a reader cannot see."""
    if len(raw) > LARGEST:
        raise _stop("FILE_TOO_LARGE", f"{len(raw)} bytes", f"at most {LARGEST} bytes; split the file", Place(path))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _stop("NOT_UTF8", "the file is not UTF-8 text", "save it as UTF-8", Place(path, line)) from error
    found = _FORBIDDEN.search(text)
    if found:
        line, column = text.count("\n", 0, found.start()) + 1, found.start() - text.rfind("\n", 0, found.start())
        raise _invisible(found[0], Place(path, line, column))
    return text


def _invisible(character: str, place: Place) -> InvalidFiles:
    what = f"an invisible control character (U+{ord(character):04X})"
    return _stop("CONTROL_CHARACTER", what, "remove it", place)


def _seen(text: str, place: Place) -> str:
    """Escapes such as ``"\\u202e"`` must not smuggle in what may not stand in the file."""
    found = _FORBIDDEN.search(text)
    if found:
        raise _invisible(found[0], place)
    return text


def _refuse_events(text: str, document: Document) -> None:
    """Depth, aliases, tags and further documents, seen before anything is built."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        place = document.place(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _stop("YAML_ALIAS", "anchors and aliases are not allowed", "write the value out", place)
        tag = getattr(event, "tag", None)
        if tag:
            raise _stop("YAML_TAG", f"tag {tag} is not allowed", "write the plain value", place)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise _too_deep(place)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise _stop("YAML_DOCUMENTS", "a second document begins here", "one document a file", place)


def _build(loader: Any, node: Any, path: Path_, document: Document) -> Any:
    document.places.setdefault(path, document.place(node.start_mark))
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return tuple(_build(loader, child, (*path, i), document) for i, child in enumerate(node.value))
    try:
        value = loader.construct_object(node)
        return _seen(value, document.place(node.start_mark)) if isinstance(value, str) else value
    except ValueError as error:
        what, place = f"{node.value!r}: {error}", document.place(node.start_mark)
        raise _stop("BAD_VALUE", what, "a date that exists, like 2026-11-24", place) from error


def _mapping(loader: Any, node: Any, path: Path_, document: Document) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        place = document.place(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            raise _stop("BAD_KEY", "a key is one word", "write key: value", place)
        key = _seen(str(key_node.value), place)
        if key in found:
            raise _stop("DUPLICATE_KEY", f"{key!r} stands twice", "keep one of them", place)
        document.places[(*path, key)] = place
        found[key] = _build(loader, value_node, (*path, key), document)
    return found
