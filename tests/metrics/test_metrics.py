"""What we say of ourselves: read from run folders, served, pushed, and seen in a real Prometheus."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gameday.clock import VirtualClock
from gameday.errors import CouldNotStart
from gameday.journal.events import Draft
from gameday.journal.store import Journal
from gameday.metrics.due import ScheduleMetrics, Standing
from gameday.metrics.endpoint import endpoint, push, registry_of
from gameday.metrics.runs import RunMetrics
from tests.observers.a_prometheus import installed, prometheus

DEPLOY = Path(__file__).parents[2] / "deploy"
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(address: str) -> str:
    with OPENER.open(address, timeout=10) as answer:
        text: str = answer.read().decode()
    return text


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with one run that ended within, and one whose conductor died with a fault in place."""
    runs = tmp_path / ".gameday" / "runs"
    ended, dead = runs / "20261124-1000-stop", runs / "20261124-1100-stop"
    for run in (ended, dead):
        run.mkdir(parents=True)
        journal = Journal.create(run / "journal.jsonl")
        journal.claim(1, 1_000, 1_000)
        journal.append(Draft("fault.requested", {"step": "break", "token": "t"}), 2_000, 2_000)
        if run is ended:
            journal.append(Draft("undo.done", {"step": "break", "resource": "r", "detail": ""}), 3_000, 3_000)
        journal.close()
        (run / "pulse.json").write_text("{}")
    tolerance: dict[str, Any] = {"id": "outage", "verdict": "within", "used": [0.11, 0.13]}
    unknown = {"id": "value", "verdict": "inconclusive", "used": None}
    clocks = {"first_impact_s": [0.0, 16.88], "never": None}
    verdict = {"outcome": "within", "run": ended.name, "t_go": "2026-11-24T10:00:00.000Z",
               "tolerances": [tolerance, unknown], "clocks": clocks}  # fmt: skip
    (ended / "verdict.json").write_text(json.dumps(verdict))
    (ended / "plan.json").write_text(json.dumps({"scenario": "stop", "service": "pay", "environment": "rehearsal"}))
    return tmp_path


def found(root: Path) -> dict[str, dict[tuple[str, ...], float]]:
    clock = VirtualClock(4_000_000_000_000)
    families = (f for f in RunMetrics(root, clock).collect())
    return {f.name: {tuple(s.labels.values()): s.value for s in f.samples} for f in families}


def test_a_run_that_ended_tells_its_outcome_and_what_it_used_and_what_is_unknown_is_no_sample(root: Path) -> None:
    said = found(root)
    assert said["gameday_runs"] == {("stop", "pay", "rehearsal", "within"): 1}
    assert set(said["gameday_verdicts"]) == {("pay", "outage", "rehearsal", "within"),
                                             ("pay", "value", "rehearsal", "inconclusive")}  # fmt: skip
    assert said["gameday_tolerance_used_ratio"] == {
        ("pay", "stop", "outage", "rehearsal", "low"): 0.11, ("pay", "stop", "outage", "rehearsal", "high"): 0.13,
    }  # fmt: skip
    assert said["gameday_response_seconds"][("pay", "stop", "rehearsal", "first_impact_s", "high")] == 16.88


def test_a_dead_conductor_with_a_fault_in_place_is_seen(root: Path) -> None:
    said = found(root)
    assert said["gameday_faults_active"] == {("20261124-1100-stop",): 1}
    assert said["gameday_run_live"] == {("20261124-1100-stop",): 0}
    assert said["gameday_heartbeat_age_seconds"][("20261124-1100-stop",)] > 0


STANDING = Standing({"weekly": 1_780_000_000_000, "never": None}, {("weekly", "freeze"): 2}, {("weekly", "within"): 5},
                    {"weekly": 1}, {"weekly": False, "never": True}, 3, 1_779_999_999_000, True)  # fmt: skip


def test_what_is_due_and_what_was_skipped_is_in_the_exposition(root: Path) -> None:
    registry = registry_of(ScheduleMetrics(lambda: STANDING))
    with endpoint("127.0.0.1", 0, registry, lambda: (True, {})) as port:
        text = get(f"http://127.0.0.1:{port}/metrics")
    families = text_string_to_metric_families(text)
    samples = {(s.name, *sorted(s.labels.values())): s.value for f in families for s in f.samples}
    assert samples["gameday_schedule_skips_total", "freeze", "weekly"] == 2
    assert samples["gameday_schedule_next_timestamp_seconds", "weekly"] == 1_780_000_000
    assert ("gameday_schedule_next_timestamp_seconds", "never") not in samples
    assert samples["gameday_scheduler_files_wrong",] == 1


def test_health_is_503_when_it_is_not_well_and_other_pages_are_none(root: Path) -> None:
    with endpoint("127.0.0.1", 0, registry_of(), lambda: (False, {"looked_ms_ago": 90_000})) as port:
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(f"http://127.0.0.1:{port}/health")
        assert refused.value.code == 503 and json.loads(refused.value.read())["looked_ms_ago"] == 90_000
        refused.value.close()
        with pytest.raises(urllib.error.HTTPError, match="404") as unknown:
            get(f"http://127.0.0.1:{port}/other")
        unknown.value.close()


@pytest.fixture
def gateway() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Takes what is pushed."""
    taken: list[tuple[str, bytes]] = []

    class Gateway(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            taken.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(202)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", taken
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_short_run_is_pushed_in_place_of_what_its_scenario_pushed_before(
    root: Path, gateway: tuple[str, list[tuple[str, bytes]]]
) -> None:
    address, taken = gateway
    only = root / ".gameday" / "runs" / "20261124-1000-stop"
    push(address, registry_of(RunMetrics(root, VirtualClock(), only)), "stop")
    ((path, body),) = taken
    assert path == "/metrics/job/gameday/scenario/stop" and b"gameday_runs_total" in body
    with pytest.raises(CouldNotStart, match="METRICS_NOT_PUSHED"):
        push("http://127.0.0.1:9", registry_of(), "stop")


def test_a_real_prometheus_sees_them_loads_the_alerts_and_answers_every_question_of_the_dashboard(root: Path) -> None:
    registry = registry_of(RunMetrics(root, VirtualClock(4_000_000_000_000)), ScheduleMetrics(lambda: STANDING))
    dashboard = json.loads((DEPLOY / "grafana" / "gameday.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    with endpoint("127.0.0.1", 0, registry, lambda: (True, {})) as port, prometheus(root, [port]) as base:
        until = time.monotonic() + 60
        while time.monotonic() < until and not _query(base, "gameday_runs_total"):
            time.sleep(0.2)
        answers = {expr: _query(base, expr) for expr in asked}
    assert len(asked) == 10 and [expr for expr, held in answers.items() if not held] == [
        "max(gameday_heartbeat_age_seconds and on (run) (gameday_run_live == 1))"  # no run is live here
    ]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)


def _query(base: str, expr: str) -> list[Any]:
    answer: list[Any] = json.loads(get(f"{base}/api/v1/query?query={quote(expr)}"))["data"]["result"]
    return answer


def test_promtool_takes_the_alerts_and_they_fire_when_they_should() -> None:
    for words in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run([installed("promtool"), *words], cwd=DEPLOY / "prometheus", capture_output=True,
                              text=True, timeout=60, check=False)  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_of_the_alerts_and_the_dashboard_is_one_that_we_have(root: Path) -> None:
    registry = registry_of(RunMetrics(root, VirtualClock()), ScheduleMetrics(lambda: STANDING))
    ours = {sample.name for family in registry.collect() for sample in family.samples}
    text = (DEPLOY / "prometheus" / "alerts.yml").read_text() + (DEPLOY / "grafana" / "gameday.json").read_text()
    assert set(re.findall(r"gameday_[a-z_]+", text)) <= ours
