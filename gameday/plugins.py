"""Plug-ins: the faults, observers and channels that installed distributions bring, ours among them.

Each is registered by an entry point in ``gameday.faults``, ``gameday.observers`` or ``gameday.channels`` whose name is
the plug-in's, and checked against its socket (``gameday.protocols``) when it is loaded. One that does not fit is a
Problem that names the distribution which brought it; whoever does not need it goes on without it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from pydantic import BaseModel

from gameday.errors import CouldNotStart, Problem
from gameday.model.queries import QUERIES, dotted
from gameday.model.service import Technology
from gameday.protocols import Context

Kind = Literal["fault", "observer", "channel"]
OURSELVES = "gameday"
GROUPS: dict[Kind, str] = {"fault": "gameday.faults", "observer": "gameday.observers", "channel": "gameday.channels"}
METHODS: dict[Kind, dict[str, tuple[str, ...]]] = {
    "fault": {"start": ("order", "note"), "poll": ("trace",), "stop": ("trace",)},
    "observer": {"sample": ("signals", "window")},
    "channel": {"deliver": ("prompt",)},
}
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
GIVEN = frozenset({f.name for f in fields(Context)} | {"rehearsed", "speed", "context"})
"""What a parameter of a plug-in's ``__init__`` may be called."""


class Misfit(Exception):
    """Why something is no plug-in of its kind; what to write stands after ``; write``."""


@dataclass(frozen=True)
class Plugin:
    """A plug-in that fits its socket. ``brought_by`` is the distribution, with its version."""

    kind: Kind
    name: str
    brought_by: str
    built_in: bool
    plugged: type[Any]

    @property
    def queries(self) -> Mapping[str, type[BaseModel]]:
        """What each source of an observer is asked."""
        own = getattr(self.plugged, "queries", {})
        return {source: own.get(source) or QUERIES[source] for source in sorted(getattr(self.plugged, "sources", ()))}

    @property
    def settings(self) -> type[BaseModel] | None:
        """The model of its own keys, where it has some."""
        return getattr(self.plugged, "settings", None)

    def check(self, settings: BaseModel, targets: Sequence[Technology]) -> list[Problem]:
        """What the fault itself finds wrong with a step, if it can check one. CouldNotStart PLUGIN_BROKEN when the
        check fails."""
        if not callable(getattr(self.plugged, "check", None)):
            return []
        try:
            return [problem for problem in self.plugged.check(settings, targets) if isinstance(problem, Problem)]
        except (Exception, SystemExit) as error:
            raise CouldNotStart(self._broken(f"cannot check a step: {_said(error)}")) from error

    def _broken(self, what: str) -> Problem:
        return _broken(self.kind, self.name, self.brought_by, what)

    def make(self, context: Context) -> Any:
        """One of it for a run. CouldNotStart PLUGIN_BROKEN when that fails."""
        try:
            return self.plugged(**{name: getattr(context, name) for name in _asked(self.plugged) if name in GIVEN})
        except (Exception, SystemExit) as error:  # whatever the code of others raises is theirs, not ours
            raise CouldNotStart(self._broken(f"cannot be made: {_said(error)}")) from error


@dataclass
class Registry:
    """What is registered. Nothing is loaded before it is asked for, and each only once."""

    entries: Sequence[EntryPoint]
    _loaded: dict[tuple[Kind, str], list[Plugin | Problem]] = field(default_factory=dict)

    def names(self, kind: Kind) -> list[str]:
        """The names of all plug-ins of a kind, whether they load or not."""
        return sorted({entry.name for entry in self.entries if entry.group == GROUPS[kind]})

    def find(self, kind: Kind, name: str) -> Plugin | None:
        """The plug-in of this name; None when there is none. CouldNotStart PLUGIN_BROKEN or PLUGIN_TWICE."""
        found = self._load(kind, name)
        for plugin in found:
            if isinstance(plugin, Plugin):
                return plugin
        if found:
            raise CouldNotStart([problem for problem in found if isinstance(problem, Problem)])
        return None

    def every(self, kind: Kind) -> tuple[list[Plugin], list[Problem]]:
        """All plug-ins of a kind that fit, and what is wrong with the others."""
        found = [plugin for name in self.names(kind) for plugin in self._load(kind, name)]
        plugins = [plugin for plugin in found if isinstance(plugin, Plugin)]
        problems = [problem for problem in found if isinstance(problem, Problem)]
        if kind != "observer":
            return plugins, problems
        claims = _claims(plugins)
        return [p for p in plugins if p.name not in claims], [*problems, *claims.values()]

    def outsiders(self) -> Sequence[Problem]:
        """What is wrong with the plug-ins that others brought. Ours are not loaded for this, unless they share a
        name."""
        theirs = {entry.name for entry in self.entries if not _ours(entry)}
        if not theirs:
            return []
        return [problem for kind in GROUPS for problem in self.every(kind)[1]]

    def query_model(self, source: str) -> type[BaseModel] | None:
        """What this source is asked; None when nothing that fits reads it."""
        if source in QUERIES:
            return QUERIES[source]
        return next((p.queries[source] for p in self.every("observer")[0] if source in p.queries), None)

    def sources(self) -> list[str]:
        """The sources of all observers that fit."""
        return sorted(QUERIES.keys() | {s for plugin in self.every("observer")[0] for s in plugin.queries})

    def _load(self, kind: Kind, name: str) -> list[Plugin | Problem]:
        if (kind, name) not in self._loaded:
            self._loaded[kind, name] = list(self._tried(kind, name))
        return self._loaded[kind, name]

    def _tried(self, kind: Kind, name: str) -> Iterator[Plugin | Problem]:
        """Ours comes before any other of its name; of several others none is taken, since nobody could say which."""
        entries = [entry for entry in self.entries if (entry.group, entry.name) == (GROUPS[kind], name)]
        ours = [entry for entry in entries if _ours(entry)]
        taken = ours or entries
        for entry in entries:
            if entry in taken and len(taken) == 1:
                yield _plugin(kind, entry)
            elif entry not in ours:
                others = ", ".join(sorted(_brought_by(other) for other in entries if other is not entry))
                what = f"the {kind} {name!r} of {_brought_by(entry)} is also brought by {others}"
                yield Problem("PLUGIN_TWICE", what, f"pip uninstall {_brought_by(entry).split()[0]}, or the other")


@cache
def installed() -> Registry:
    """What is registered here. Reading it loads nothing."""
    return Registry([entry for group in GROUPS.values() for entry in entry_points(group=group)])


def _ours(entry: EntryPoint) -> bool:
    return entry.dist is not None and entry.dist.name == OURSELVES


def _brought_by(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "nobody we know"


def _plugin(kind: Kind, entry: EntryPoint) -> Plugin | Problem:
    try:
        plugged = entry.load()
        _fit(kind, entry.name, plugged, _ours(entry))
    except Misfit as error:
        what, _, write = str(error).partition("; write ")
        return _broken(kind, entry.name, _brought_by(entry), what, write)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # importing the code of others may raise anything
        return _broken(kind, entry.name, _brought_by(entry), f"does not load: {_said(error)}")
    return Plugin(kind, entry.name, _brought_by(entry), _ours(entry), plugged)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _broken(kind: Kind, name: str, brought_by: str, what: str, write: str = "") -> Problem:
    message = f"the {kind} {name!r} of {brought_by} {what}"
    return Problem(
        "PLUGIN_BROKEN", message, write or f"another version of {brought_by.split()[0]}, or pip uninstall it"
    )


# ---- what fits a socket
def _fit(kind: Kind, name: str, plugged: Any, ours: bool) -> None:
    """Misfit, with what is wrong first."""
    if not isinstance(plugged, type):
        raise Misfit(f"is a {type(plugged).__name__}, not a class; write the name of a class into the entry point")
    if not NAME.fullmatch(name):
        raise Misfit("has a name that no file can say; write small letters, digits and hyphens")
    if getattr(plugged, "name", None) != name:
        raise Misfit(f"calls itself {getattr(plugged, 'name', None)!r}; write name = {name!r} into the class")
    for method, parameters in METHODS[kind].items():
        _method(plugged, method, parameters)
    for parameter in _asked(plugged):
        if parameter not in GIVEN and _asked(plugged)[parameter]:
            raise Misfit(f"asks for {parameter!r} when it is made; write one of {', '.join(sorted(GIVEN))}")
    {"fault": _fault, "observer": _observer, "channel": _channel}[kind](plugged, ours)


def _method(plugged: type[Any], name: str, parameters: tuple[str, ...]) -> None:
    """It is called with these, in this order."""
    method: Callable[..., Any] | None = getattr(plugged, name, None)
    signature = f"def {name}(self, {', '.join(parameters)})"
    if not callable(method):
        raise Misfit(f"has no {name}; write {signature}")
    if inspect.iscoroutinefunction(method):
        raise Misfit(f"has an async {name}; write {signature}")
    static = isinstance(inspect.getattr_static(plugged, name), staticmethod | classmethod)
    try:
        inspect.signature(method).bind(*parameters, *(() if static else ("self",)))
    except TypeError as error:
        raise Misfit(f"has a {name} that cannot be called as it will be ({error}); write {signature}") from None


def _asked(plugged: type[Any]) -> dict[str, bool]:
    """The parameters of ``__init__``, and whether each must be given."""
    found = inspect.signature(plugged).parameters.values()
    named = [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return {p.name: p.default is p.empty for p in named}


def _fault(plugged: type[Any], ours: bool) -> None:
    _strict(getattr(plugged, "settings", None), "settings")


def _channel(plugged: type[Any], ours: bool) -> None:
    if getattr(plugged, "settings", None) is not None:
        _strict(plugged.settings, "settings")


def _observer(plugged: type[Any], ours: bool) -> None:
    sources = getattr(plugged, "sources", None)
    if not isinstance(sources, frozenset) or not sources or not all(isinstance(s, str) for s in sources):
        raise Misfit('has no sources; write sources = frozenset({"example.rabbits"})')
    for source in sorted(sources):
        if source in QUERIES and ours:
            continue
        if source not in QUERIES and not dotted(source):
            raise Misfit(f"has a source {source!r}; write a dotted name that is not ours, such as example.rabbits")
        if source not in QUERIES:
            _strict(getattr(plugged, "queries", {}).get(source), f"queries[{source!r}]")


def _strict(model: Any, what: str) -> None:
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        raise Misfit(f"has no {what}; write a subclass of gameday.model.types.Strict")
    if model.model_config.get("extra") != "forbid":
        raise Misfit(f"has {what} that let a misspelt key pass; write a subclass of gameday.model.types.Strict")


def _claims(plugins: Sequence[Plugin]) -> dict[str, Problem]:
    """By name: observers that claim a source of ours, or one that another claims too."""
    found: dict[str, Problem] = {}
    for plugin in (p for p in plugins if not p.built_in):
        for source in plugin.queries:
            others = [o.brought_by for o in plugins if o is not plugin and source in o.queries]
            if others or source in QUERIES:
                also = ", ".join(others) or OURSELVES
                what = f"the source {source!r} of {plugin.brought_by} is also read by {also}"
                found[plugin.name] = Problem(
                    "PLUGIN_TWICE", what, f"pip uninstall {plugin.brought_by.split()[0]}, or the other"
                )
    return found
