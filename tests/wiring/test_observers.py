"""A run has an observer for each source that is promised, told of the rehearsal and of its time; what it foresees is
said before anything starts."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from gameday.clock import VirtualClock
from gameday.model.load import load_content
from gameday.model.queries import QUERIES
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.plan import Plan
from gameday.planning import build_plan
from gameday.wiring.looking import Look, promised
from gameday.wiring.sockets import sockets
from tests.planning.a_workspace import ROOT, copied

NOBODY = "http://127.0.0.1:9"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ASKED = {  # by the last word of the id
    "prometheus": ("prometheus", "{url: 'https://prometheus.example', query: up}"),
    "probe": ("http.probe", "{url: 'https://api.bank.example'}"),
    "logs": ("logs.count", "{groups: [/bank/payments], filter: '@message like \"FAILED\"'}"),
    "slo": ("slo.budget", "{slo: payments}"),
}


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The day that ships, with a signal of each of the other sources, and without its steps."""
    root = copied(tmp_path_factory.mktemp("workspace"))
    for name, (source, query) in ASKED.items():
        text = f"kind: observer\nid: x-{name}\nsource: {source}\nmeans: Watched.\nquery: {query}\nperiod: 20s\n"
        (root / "observers" / f"x-{name}.yaml").write_text(text)
    path = root / "scenarios" / "open-banking" / "payment-functions-stop.yaml"
    more = "".join(f"x-{name}, " for name in ASKED)
    assert "\nobserve: [" in (written := path.read_text())
    path.write_text(written.replace("\nobserve: [", f"\nobserve: [{more}"))
    faults = sockets(REHEARSAL_ENVIRONMENT, NOBODY).faults
    return build_plan(load_content(root), "payment-functions-stop", "rehearsal", faults)


def codes(plan: Plan, endpoint: str | None, speed: float) -> list[str]:
    clock = VirtualClock(speed=speed)
    look = Look(plan, sockets(REHEARSAL_ENVIRONMENT, endpoint, clock), clock, "preflight")
    return sorted(finding.problem.code for finding in promised(look))


def test_a_rehearsal_refuses_at_the_start_what_it_could_not_read(plan: Plan) -> None:
    assert codes(plan, NOBODY, 20) == ["NOT_IN_REHEARSAL", "NOT_LOOPBACK", "NOT_LOOPBACK"]


def test_on_aws_nothing_of_it_is_refused(plan: Plan) -> None:
    assert codes(plan, None, 1) == []


def test_the_plan_lists_what_these_sources_are_asked(plan: Plan) -> None:
    found = {f"{call.service} {call.operation}": call.why for call in plan.calls}
    assert found["prometheus query_range"] == "read Prometheus (1)" and found["http request"] == "read by probes (1)"
    assert "logs StartQuery" in found
    assert "application-signals BatchGetServiceLevelObjectiveBudgetReport" in found


def test_a_secret_is_in_no_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROM_URL", "http://s3cret.example")
    root = copied(tmp_path)
    text = "kind: observer\nid: x\nsource: prometheus\nmeans: Watched.\nquery: {url: {env: PROM_URL}, query: up}\n"
    (root / "observers" / "x.yaml").write_text(text)
    path = root / "scenarios" / "open-banking" / "payment-functions-stop.yaml"
    path.write_text(path.read_text().replace("\nobserve: [", "\nobserve: [x, "))
    faults = sockets(REHEARSAL_ENVIRONMENT, NOBODY).faults
    plan = build_plan(load_content(root), "payment-functions-stop", "rehearsal", faults)
    assert "PROM_URL" in plan.model_dump_json() and "s3cret" not in plan.model_dump_json()
    assert codes(plan, NOBODY, 1) == ["NOT_LOOPBACK"]  # resolved to be checked, and not shown


def test_each_observer_of_a_run_is_an_entry_point_and_reads_sources_that_files_may_name() -> None:
    observers = sockets(REHEARSAL_ENVIRONMENT, NOBODY, VirtualClock()).observers
    registered = PYPROJECT["project"]["entry-points"]["gameday.observers"]
    loaded = {name: getattr(import_module(path.split(":")[0]), path.split(":")[1]) for name, path in registered.items()}
    assert {o.name: type(o) for o in observers}.items() <= loaded.items()
    read = [source for observer in observers for source in observer.sources]
    assert len(read) == len(set(read)) and set(read) <= set(QUERIES)
    assert {source for source, _ in ASKED.values()} <= set(read)
