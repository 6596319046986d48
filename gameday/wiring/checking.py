"""All that can be said of the files of a workspace before a run: the rules of lint, and what plug-ins know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches

from gameday.errors import CouldNotStart, InvalidFiles, Place, Problem
from gameday.faults.check import check_fault
from gameday.model.content import Content, Loaded, SourceFile
from gameday.model.lint import lint
from gameday.model.load import validate
from gameday.model.observer import Observer
from gameday.model.queries import QUERIES
from gameday.model.types import Strict
from gameday.model.waiver import Waiver
from gameday.plugins import Registry, installed
from gameday.schedules.review import check_schedule
from gameday.wiring.findings import NEVER


class NoKeys(Strict):
    """A channel that has nothing to set."""


def check_content(content: Content) -> list[Problem]:
    """All problems of the content, errors and warnings, in the order of the files; after them, plug-ins of others that
    are broken: warnings, since whatever needs one has got an error."""
    plugins = installed()
    problems = lint(content, check_fault)
    for observer in content.observers.values():
        problems += check_source(observer, plugins)
    problems += _channels(content, plugins)
    for waiver in content.waivers.values():
        problems += _waiver(waiver)
    for schedule in content.schedules.values():
        problems += check_schedule(content, schedule)
    ordered = sorted(problems, key=lambda p: p.place or Place(""))
    return [*ordered, *(replace(p, severity="warning") for p in plugins.outsiders())]


def check_source(loaded: Loaded[Observer], plugins: Registry) -> Iterator[Problem]:
    """Whether a plug-in reads the source of this observer, and takes its query. Ours are checked as they load."""
    observer, file = loaded.model, loaded.file
    if observer.source in QUERIES:
        return
    model = plugins.query_model(observer.source)
    if model is None:
        near = get_close_matches(observer.source, plugins.sources(), 3, cutoff=0.5)
        what = f"source: nothing that is installed here reads {observer.source!r}"
        write = f"source: {' | '.join(near)}" if near else "pip install the plug-in that reads it"
        yield Problem("UNKNOWN_SOURCE", what, write, file.place(("source",)))
        return
    try:
        validate(observer.query, model, file, ("query",))
    except InvalidFiles as error:
        yield from error.problems


def _waiver(loaded: Loaded[Waiver]) -> Iterator[Problem]:
    """Envelope, account, drift and approval are nobody's to waive."""
    for index, one in enumerate(loaded.model.waives):
        if one.code in NEVER:
            place = loaded.file.place(("waives", index, "code"))
            write = "another code; or put right what this one says"
            yield Problem("WAIVER_NEVER", f"{one.code} can never be waived", write, place)


def _channels(content: Content, plugins: Registry) -> Iterator[Problem]:
    if content.workspace:
        for name, keys in content.workspace.model.channels.items():
            yield from _channel(name, keys, content.workspace.file, plugins)


def _channel(name: str, keys: Mapping[str, object], file: SourceFile, plugins: Registry) -> Iterator[Problem]:
    place = file.place(("channels", name, "via"))
    try:
        plugin = plugins.find("channel", str(keys.get("via")))
    except CouldNotStart as error:
        yield from (replace(problem, place=place) for problem in error.problems)
        return
    if plugin is None:
        what = f"via: there is no channel {keys['via']!r}" if "via" in keys else "via: it is not said which channel"
        yield Problem("UNKNOWN_CHANNEL", what, f"via: {' | '.join(plugins.names('channel'))}", place)
        return
    try:
        own = {key: value for key, value in keys.items() if key != "via"}
        validate(own, plugin.settings or NoKeys, file, ("channels", name))
    except InvalidFiles as error:
        yield from error.problems
