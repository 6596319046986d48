"""Plug-ins of others: what fits its socket is used, what does not is named with the distribution that brought it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gameday.aws import Aws
from gameday.clock import Anchor, ScenarioClock
from gameday.errors import CouldNotStart, Problem
from gameday.faults.check import check_fault
from gameday.model.load import load_content
from gameday.model.queries import QUERIES
from gameday.model.scenario import FaultStep
from gameday.model.service import Service
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.people.references import SecretReference
from gameday.people.slack import SlackSettings
from gameday.people.sns import SnsSettings
from gameday.people.webhook import WebhookSettings
from gameday.plugins import Plugin, Registry, installed
from gameday.protocols import Context
from gameday.wiring.checking import check_content
from gameday.wiring.sockets import sockets

HEAD = """
from gameday.model.types import Strict
from pydantic import BaseModel
class Keys(Strict):
    folder: str
class Loose(BaseModel):
    folder: str
"""
FAULT = """
class Plug:
    name = "rabbit"
    settings = Keys
    def start(self, order, note): ...
    def poll(self, trace): ...
    def stop(self, trace): ...
"""
OBSERVER = """
class Plug:
    name = "rabbit"
    sources = frozenset({"example.rabbits"})
    queries = {"example.rabbits": Keys}
    def sample(self, signals, window): ...
"""
CHANNEL = """
class Plug:
    name = "rabbit"
    def deliver(self, prompt): ...
"""
GROUPS = {"gameday.faults": FAULT, "gameday.observers": OBSERVER, "gameday.channels": CHANNEL}
KINDS = {"gameday.faults": "fault", "gameday.observers": "observer", "gameday.channels": "channel"}
Install = Callable[..., Registry]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a distribution with one entry point where Python looks for them; gives the registry as it then is."""
    monkeypatch.syspath_prepend(str(tmp_path))
    installed.cache_clear()
    monkeypatch.setattr("sys.modules", dict(sys.modules))

    def put(code: str, group: str = "gameday.faults", name: str = "rabbit", dist: str = "hutch") -> Registry:
        (tmp_path / f"{dist}_code.py").write_text(HEAD + code)
        info = tmp_path / f"{dist}-1.2.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.2\n")
        with (info / "entry_points.txt").open("a") as file:
            file.write(f"[{group}]\n{name} = {dist}_code:Plug\n")
        installed.cache_clear()
        return installed()

    return put


@pytest.fixture(autouse=True)
def forget() -> None:
    installed.cache_clear()


def context() -> Context:
    aws = Aws(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:1")
    return Context(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:1", aws, ScenarioClock(Anchor(0, 0, 7.0)))


def why(registry: Registry, group: str = "gameday.faults", name: str = "rabbit") -> Problem:
    with pytest.raises(CouldNotStart) as refused:
        registry.find(KINDS[group], name)  # type: ignore[arg-type]  # the kinds are literals
    (problem,) = refused.value.problems
    return problem


# ---- ours
REFERENCE = SecretReference(env="URL")
CHANNELS = {
    "slack": SlackSettings(url=REFERENCE),
    "webhook": WebhookSettings(url=REFERENCE, secret=REFERENCE),
    "sns": SnsSettings(topic="arn:aws:sns:eu-west-2:111122223333:ops"),
}


@pytest.mark.parametrize("kind", ["fault", "observer", "channel"])
def test_each_of_ours_fits_its_socket_and_can_be_made(kind: str) -> None:
    plugins, problems = installed().every(kind)  # type: ignore[arg-type]  # the kinds are literals
    assert problems == [] and all(plugin.built_in for plugin in plugins)
    made = [plugin.make(replace(context(), settings=CHANNELS.get(plugin.name))).name for plugin in plugins]
    assert made == [plugin.name for plugin in plugins]


def test_our_sources_are_not_known_twice() -> None:
    read = [source for plugin in installed().every("observer")[0] for source in plugin.queries]
    assert len(read) == len(set(read)) and set(read) <= set(QUERIES)
    assert {"cloudwatch.metric", "cloudwatch.expression", "cloudwatch.alarm", "aws.state"} <= set(read)


def test_looking_at_what_is_installed_loads_none_of_it() -> None:
    code = "import sys; from gameday.plugins import installed; print(installed().names('fault'), *sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'fis'" in said and "gameday.faults.fis" not in said.split()


# ---- theirs
@pytest.mark.parametrize("group", GROUPS)
def test_what_fits_its_socket_is_found_by_name(group: str, install: Install) -> None:
    found = install(GROUPS[group], group).find(KINDS[group], "rabbit")  # type: ignore[arg-type]  # the kinds are literals
    assert isinstance(found, Plugin) and found.brought_by == "hutch 1.2" and not found.built_in
    assert found.make(context()).name == "rabbit"


def test_what_a_plug_in_asks_for_by_name_is_given_to_it(install: Install) -> None:
    init = "    def __init__(self, aws, rehearsed, speed=1.0, other=5): self.got = (aws, rehearsed, speed, other)\n"
    found, given = install(FAULT + init).find("fault", "rabbit"), context()
    assert found is not None and found.make(given).got == (given.aws, True, 7.0, 5)


def test_a_plug_in_can_ask_for_all_of_the_context(install: Install) -> None:
    found, given = (
        install(FAULT + "    def __init__(self, context): self.got = context\n").find("fault", "rabbit"),
        context(),
    )
    assert found is not None and found.make(given).got is given


@pytest.mark.parametrize(
    ("group", "old", "new", "says"),
    [
        ("gameday.faults", "class Plug", "import nowhere\nclass Plug", "does not load: ModuleNotFoundError"),
        ("gameday.faults", "class Plug", "raise SystemExit(3)\nclass Plug", "does not load: SystemExit: 3"),
        ("gameday.faults", "class Plug:", "def Plug():", "is a function, not a class"),
        ("gameday.faults", '"rabbit"', '"hare"', "calls itself 'hare'"),
        ("gameday.faults", "settings = Keys", "", "has no settings"),
        ("gameday.faults", "settings = Keys", "settings = Loose", "let a misspelt key pass"),
        ("gameday.faults", "def stop(self, trace)", "def halt(self, trace)", "has no stop"),
        ("gameday.faults", "start(self, order, note)", "start(self, order)", "has a start that cannot be called"),
        ("gameday.faults", "stop(self, trace)", "stop(self, trace, force)", "has a stop that cannot be called"),
        ("gameday.faults", "def poll", "async def poll", "has an async poll"),
        ("gameday.faults", "settings = Keys", "settings = Keys\n    def __init__(self, carrots): ...", "'carrots'"),
        ("gameday.observers", 'frozenset({"example.rabbits"})', '"example.rabbits"', "has no sources"),
        ("gameday.observers", "example.rabbits", "rabbits", "has a source 'rabbits'"),
        ("gameday.observers", "example.rabbits", "aws.rabbits", "has a source 'aws.rabbits'"),
        ("gameday.observers", "queries = ", "asked = ", "has no queries['example.rabbits']"),
        ("gameday.observers", ": Keys}", ": Loose}", "let a misspelt key pass"),
        ("gameday.observers", "signals, window", "signals", "has a sample that cannot be called"),
        ("gameday.channels", "def deliver(self, prompt)", "def deliver(self)", "has a deliver that cannot be called"),
        ("gameday.channels", '"rabbit"', '"rabbit"\n    settings = Loose', "let a misspelt key pass"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_who_brought_it_and_left_out(
    group: str, old: str, new: str, says: str, install: Install
) -> None:
    assert old in GROUPS[group]
    registry = install(GROUPS[group].replace(old, new), group)
    problem = why(registry, group)
    assert problem.code == "PLUGIN_BROKEN" and says in problem.message and "hutch 1.2" in problem.message
    assert problem.write
    names = [plugin.name for plugin in registry.every(KINDS[group])[0]]  # type: ignore[arg-type]  # as above
    assert "rabbit" not in names and (names or group == "gameday.channels")


def test_of_two_with_one_name_neither_is_taken(install: Install) -> None:
    install(FAULT)
    registry = install(FAULT, dist="warren")
    with pytest.raises(CouldNotStart) as refused:
        registry.find("fault", "rabbit")
    assert {p.code for p in refused.value.problems} == {"PLUGIN_TWICE"}
    assert "hutch 1.2" in str(refused.value) and "warren 1.2" in str(refused.value)


def test_nobody_can_put_a_plug_in_before_one_of_ours(install: Install) -> None:
    registry = install(FAULT.replace('"rabbit"', '"fis"'), name="fis")
    found = registry.find("fault", "fis")
    assert found is not None and found.built_in
    (problem,) = registry.outsiders()
    assert problem.code == "PLUGIN_TWICE" and "hutch 1.2" in problem.message


def test_a_source_that_two_read_is_read_by_neither(install: Install) -> None:
    install(OBSERVER, "gameday.observers")
    hares = OBSERVER.replace('"rabbit"', '"hare"')
    registry = install(hares, "gameday.observers", name="hare", dist="warren")
    plugins, problems = registry.every("observer")
    assert [p.code for p in problems] == ["PLUGIN_TWICE"] * 2 and all(p.built_in for p in plugins)
    assert registry.query_model("example.rabbits") is None


# ---- a broken plug-in and those who do not need it
def step(**settings: object) -> FaultStep:
    return FaultStep.model_validate({"fault": "rabbit", **settings})


SERVICE = Service.model_validate(
    {"kind": "service", "id": "pay", "title": "Payments", "resources": {}, "tolerances": ()}
)


def test_a_scenario_that_names_a_broken_plug_in_gets_the_error(install: Install) -> None:
    install("import nowhere")
    (problem,) = check_fault(SERVICE, step())
    assert (problem.code, problem.severity) == ("PLUGIN_BROKEN", "error") and "hutch 1.2" in problem.message


def test_a_run_that_does_not_need_a_broken_plug_in_goes_on_with_a_warning(install: Install) -> None:
    install(FAULT + "    def __init__(self): raise RuntimeError('no carrots')\n")
    filled = sockets(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:1")
    (problem,) = filled.left_out
    assert "fis" in filled.faults and "rabbit" not in filled.faults
    assert problem.severity == "warning" and "no carrots" in problem.message


def test_lint_of_files_that_need_no_plug_in_warns_of_a_broken_one(install: Install, tmp_path: Path) -> None:
    install("import nowhere")
    (tmp_path / "w").mkdir()
    (problem,) = check_content(load_content(tmp_path / "w"))
    assert (problem.code, problem.severity) == ("PLUGIN_BROKEN", "warning")


# ---- what the plug-in says of the files
def test_the_keys_of_a_step_are_checked_by_the_model_of_its_plug_in(install: Install) -> None:
    install(FAULT)
    assert check_fault(SERVICE, step(folder="here")) == []
    codes = {p.code: p.message for p in check_fault(SERVICE, step(foldr="here"))}
    assert codes.keys() == {"UNKNOWN_KEY", "MISSING_KEY"} and codes["UNKNOWN_KEY"].startswith("'foldr'")


def test_a_check_of_its_own_is_asked_and_may_not_bring_lint_down(install: Install) -> None:
    own = '    @staticmethod\n    def check(settings, targets): raise OSError("no rabbits")\n'
    install(FAULT + own)
    (problem,) = check_fault(SERVICE, step(folder="here"))
    assert problem.code == "PLUGIN_BROKEN" and "no rabbits" in problem.message


def test_an_unknown_provider_is_answered_with_the_names_that_are_installed(install: Install) -> None:
    install(FAULT)
    (problem,) = check_fault(SERVICE, FaultStep.model_validate({"fault": "rabit"}))
    assert (problem.code, problem.write) == ("UNKNOWN_PROVIDER", "fault: rabbit")


OBSERVED = "kind: observer\nid: rabbits\nsource: {source}\nmeans: Rabbits.\nquery: {{{query}}}\n"


@pytest.mark.parametrize(
    ("source", "query", "code", "line"),
    [
        ("example.rabbits", "folder: here", "NOTHING", 0),
        ("example.rabbits", "foldr: here", "UNKNOWN_KEY", 5),
        ("example.rabits", "folder: here", "UNKNOWN_SOURCE", 3),
    ],
)
def test_a_query_is_checked_by_the_model_of_its_plug_in(
    source: str, query: str, code: str, line: int, install: Install, tmp_path: Path
) -> None:
    install(OBSERVER, "gameday.observers")
    file = tmp_path / "w" / "observers" / "rabbits.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(OBSERVED.format(source=source, query=query))
    found = {p.code: p for p in check_content(load_content(tmp_path / "w"))}
    assert (code in found) == bool(line) and (not line or found[code].place is not None)
    assert not line or found[code].place.line == line  # type: ignore[union-attr]  # looked at on the line above
    assert line or found == {}


def test_a_misspelt_source_of_ours_is_never_taken_for_a_plug_ins(tmp_path: Path) -> None:
    file = tmp_path / "observers" / "errors.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(OBSERVED.format(source="cloudwatch.metrc", query="metric: x"))
    with pytest.raises(Exception, match=r"BAD_VALUE.*cloudwatch\.metrc(.|\n)*cloudwatch\.metric"):
        load_content(tmp_path)


def test_a_channel_that_is_not_there_keeps_the_run_from_starting() -> None:
    with pytest.raises(CouldNotStart, match="UNKNOWN_CHANNEL"):
        sockets(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:1", channels={"ops": {"via": "pigeon"}})
