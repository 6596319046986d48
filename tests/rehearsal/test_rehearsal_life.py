"""A rehearsal begins, misbehaves when told to, outlives a killed run, and ends; nothing of it is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from gameday.aws import Aws
from gameday.clock import to_datetime
from gameday.conductor.ledger import Ledger
from gameday.errors import CouldNotStart
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.rehearsal import client
from gameday.rehearsal.lookup import local_client
from gameday.rehearsal.processes import alive, kill_leftovers, started, stopped
from gameday.wiring.recovering import recover
from gameday.wiring.rehearsing import RECORD
from gameday.wiring.starting import LEDGER

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-2/fis/aws4_request"}


def until(holds: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Wait until it holds."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it never held"
        time.sleep(0.02)
    return found


@pytest.fixture
def sleeper() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Makes processes that do nothing."""
    made: list[subprocess.Popen[bytes]] = []

    def make() -> subprocess.Popen[bytes]:
        made.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return made[-1]

    yield make
    for process in made:
        process.kill()
        process.wait()


def state(folder: Path, pid: int, start: int, **pieces: dict[str, int]) -> Path:
    """A state file as a daemon writes it."""
    anchor = {"monotonic_ns": 0, "scenario_ms": 0, "speed": 20.0}
    held = {"pid": pid, "started": start, "endpoint": "http://127.0.0.1:9", "speed": 20.0, "anchor": anchor,
            "kept": False, "pieces": pieces}  # fmt: skip
    target = client.state_file(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(held), "utf-8")
    return target


# ---- state files and leftovers
def test_leftovers_of_a_dead_daemon_are_killed_and_nothing_else(tmp_path: Path, sleeper: Any) -> None:
    left, stranger = sleeper(), sleeper()
    pieces = {"left": {"pid": left.pid, "port": 1, "started": started(left.pid)},
              "reused": {"pid": stranger.pid, "port": 2, "started": started(stranger.pid) - 1}}  # fmt: skip
    file = state(tmp_path, stranger.pid, started(stranger.pid) - 1, **pieces)
    assert client.attach(tmp_path) is None, "its pid belongs to another process now"
    assert kill_leftovers(file) == [left.pid]
    assert left.wait(5) == -signal.SIGKILL and alive(stranger.pid)
    assert not file.exists()


def test_recover_calls_all_gone_only_when_the_processes_of_a_dead_daemon_have_ended(
    tmp_path: Path, sleeper: Any
) -> None:
    """They may outlive their daemon; what they suffered would go on in them."""
    left, stranger = sleeper(), sleeper()
    pieces = {"left": {"pid": left.pid, "port": 1, "started": started(left.pid)}}
    state(tmp_path, stranger.pid, started(stranger.pid) - 1, **pieces)
    run_dir = tmp_path / ".gameday" / "runs" / "r-1"
    run_dir.mkdir(parents=True)
    (run_dir / RECORD).write_text("{}", "utf-8")
    ledger = Ledger(run_dir / LEDGER)
    ledger.intend("stop", "fis", {"run": "r-1", "step": "stop", "token": "t"})
    ledger.close()
    found = recover(tmp_path, run_dir)
    assert found is not None and found.clean and found.left == ("stop",)
    assert left.wait(5) == -signal.SIGKILL and alive(stranger.pid)


def test_a_damaged_ledger_is_not_called_safe_where_nobody_knows_which_account_to_ask(tmp_path: Path) -> None:
    run_dir = tmp_path / ".gameday" / "runs" / "r-1"
    run_dir.mkdir(parents=True)
    (run_dir / LEDGER).write_bytes(b'rubbish\n{"op":"gone","step":"x"}\n')
    found = recover(tmp_path, run_dir)
    assert found is not None and found.left == () and not found.clean


def test_the_pieces_of_a_living_daemon_are_left_alone(tmp_path: Path, sleeper: Any) -> None:
    daemon, piece = sleeper(), sleeper()
    pieces = {"piece": {"pid": piece.pid, "port": 1, "started": started(piece.pid)}}
    assert kill_leftovers(state(tmp_path, daemon.pid, started(daemon.pid), **pieces)) == []
    assert alive(piece.pid)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": "x"}', '{"pid": 1, "started": 1, "pieces": 3}'])
def test_a_state_file_that_no_daemon_wrote_is_none(text: str, tmp_path: Path) -> None:
    file = client.state_file(tmp_path)
    file.parent.mkdir()
    file.write_text(text, "utf-8")
    assert client.attach(tmp_path) is None
    assert kill_leftovers(file) == []


def test_a_process_that_stands_still_is_seen(sleeper: Any) -> None:
    process = sleeper()
    assert not stopped(process.pid)
    os.kill(process.pid, signal.SIGSTOP)
    assert until(lambda: stopped(process.pid))
    assert alive(process.pid) and not stopped(2**22 + 1)


# ---- what does not start
def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "NEEDED", ("moto", "no_such_package"))
    with pytest.raises(CouldNotStart) as caught:
        client.up(tmp_path, 20.0, kept=False)
    (problem,) = caught.value.problems
    assert (problem.code, caught.value.exit_code) == ("REHEARSAL_NOT_INSTALLED", 5)
    assert "no_such_package" in problem.message and "gameday[rehearsal]" in problem.write


def test_one_that_is_not_ready_in_time_is_killed_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "READY_SECONDS", 0.1)
    with pytest.raises(CouldNotStart, match="within 0.1 s"):
        client.up(tmp_path, 20.0, kept=False)
    assert client.attach(tmp_path) is None


def test_one_that_ends_at_once_is_said_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_told", lambda content: b"{}\n{}\n")
    with pytest.raises(CouldNotStart, match="REHEARSAL_NOT_READY.*further information"):
        client.up(tmp_path, 20.0, kept=False, workload_content=("broken",))


# ---- the gate
@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[client.Rehearsal]:
    up = client.up(tmp_path_factory.mktemp("workspace"), 20.0, kept=True)
    yield up
    up.down()


@pytest.fixture
def gate(rehearsal: client.Rehearsal) -> Iterator[Callable[..., Any]]:
    yield lambda **rule: rehearsal.ask("faults", rule)
    rehearsal.ask("faults", {"clear": True})


def get(rehearsal: client.Rehearsal, seconds: float = 5.0) -> tuple[int, str, bytes]:
    """ListExperiments, without a client that retries."""
    request = urllib.request.Request(f"{rehearsal.endpoint}/experiments", headers=SIGNED)
    try:
        with urllib.request.urlopen(request, timeout=seconds) as reply:
            return reply.status, reply.headers["Content-Type"], reply.read()
    except HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


@pytest.mark.parametrize(("mode", "status", "kind", "words"), [
    ("throttle", 400, "application/x-amz-json-1.0", b"ThrottlingException"),
    ("500", 500, "application/x-amz-json-1.0", b"InternalFailure"),
    ("html", 500, "text/html", b"<html>"),
])  # fmt: skip
def test_what_the_gate_answers(
    mode: str, status: int, kind: str, words: bytes, rehearsal: client.Rehearsal, gate: Any
) -> None:
    gate(service="fis", mode=mode)
    found = get(rehearsal)
    assert found[:2] == (status, kind) and words in found[2]
    gate(clear=True)
    assert get(rehearsal)[0] == 200


def test_a_slow_answer_is_right_and_late(rehearsal: client.Rehearsal, gate: Any) -> None:
    gate(service="fis", mode="slow", ms=300)
    began = time.monotonic()
    assert get(rehearsal)[0] == 200
    assert time.monotonic() - began >= 0.3


def test_a_hanging_call_holds_up_no_other_service_and_no_clock(rehearsal: client.Rehearsal, gate: Any) -> None:
    gate(service="fis", mode="hang")
    with pytest.raises(TimeoutError):
        get(rehearsal, 0.3)
    before = rehearsal.status()["ticks"]
    assert Aws(REHEARSAL_ENVIRONMENT, rehearsal.endpoint).client("s3").list_buckets()["Buckets"] == []
    assert until(lambda: rehearsal.status()["ticks"] > before)
    gate(clear=True)
    assert get(rehearsal)[0] == 200


def test_an_unknown_misbehaviour_is_refused(gate: Any) -> None:
    with pytest.raises(HTTPError) as caught:
        gate(mode="explode")
    caught.value.close()
    assert caught.value.code == 400


def test_datapoints_come_late_or_never(rehearsal: client.Rehearsal, gate: Any) -> None:
    aws, now = Aws(REHEARSAL_ENVIRONMENT, rehearsal.endpoint), rehearsal.clock().now()
    gate(metric="Late", late_ms=20_000)
    gate(metric="Lost", percent=100)
    data = [{"MetricName": name, "Timestamp": to_datetime(now), "Value": 1.0} for name in ("Late", "Lost", "Kept")]
    aws.client("cloudwatch").put_metric_data(Namespace="Gate", MetricData=data)

    def seen() -> set[str]:
        return {m["MetricName"] for m in aws.client("cloudwatch").list_metrics(Namespace="Gate")["Metrics"]}

    assert seen() == {"Kept"}
    assert until(lambda: seen() == {"Kept", "Late"})
    assert rehearsal.clock().now() - now >= 20_000


def test_alarms_wait_for_late_datapoints(rehearsal: client.Rehearsal, gate: Any) -> None:
    cloudwatch = Aws(REHEARSAL_ENVIRONMENT, rehearsal.endpoint).client("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName="late", Namespace="Gate", MetricName="Breach", Statistic="Sum", Period=10,
                                EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
                                TreatMissingData="notBreaching")  # fmt: skip

    def alarm() -> str:
        return str(cloudwatch.describe_alarms(AlarmNames=["late"])["MetricAlarms"][0]["StateValue"])

    gate(metric="Breach", late_ms=15_000)
    now = rehearsal.clock().now()
    data = [{"MetricName": "Breach", "Timestamp": to_datetime(now + 10_000 * i), "Value": 9.0} for i in range(6)]
    cloudwatch.put_metric_data(Namespace="Gate", MetricData=data)
    until(lambda: alarm() == "ALARM")
    assert rehearsal.clock().now() - now >= 15_000


# ---- owners
def daemon(root: Path, owner: int, idle: float) -> subprocess.Popen[bytes]:
    """A daemon of an owner, which outlives the owner's last call by so many seconds."""
    command = [sys.executable, "-m", "gameday.rehearsal.daemon", "--state", str(client.state_file(root)), "--idle",
               str(idle), "--workspace", str(root), "--no-workload", "--owner", str(owner)]  # fmt: skip
    client.state_file(root).parent.mkdir()
    with (root / "log").open("wb") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)


def begin(aws: Aws) -> str:
    """An experiment that would run for an hour."""
    fis = aws.client("fis")
    action = {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1H"}}
    made = fis.create_experiment_template(clientToken="t", description="d", roleArn=REHEARSAL_ENVIRONMENT.fis_role,
                                          stopConditions=[{"source": "none"}], actions={"a": action})  # fmt: skip
    template = made["experimentTemplate"]["id"]
    return str(fis.start_experiment(clientToken="e", experimentTemplateId=template)["experiment"]["id"])


@pytest.mark.nightly
def test_a_killed_run_leaves_it_up_for_recover_and_it_ends_when_nobody_comes(tmp_path: Path, sleeper: Any) -> None:
    """Nor do questions of its own keep it up, which its workload asks all the time."""
    owner = sleeper()
    process = daemon(tmp_path, owner.pid, idle=3.0)
    try:
        found = until(lambda: client.attach(tmp_path))
        experiment = begin(Aws(REHEARSAL_ENVIRONMENT, found.endpoint))
        time.sleep(3.5)
        assert alive(found.pid), "its owner lives: however long it is silent, the daemon stays"
        owner.kill()
        owner.wait()
        again = client.attach(tmp_path)  # as `gameday recover` does
        assert again and again.pid == found.pid
        fis = Aws(REHEARSAL_ENVIRONMENT, again.endpoint).client("fis")
        assert fis.get_experiment(id=experiment)["experiment"]["state"]["status"] == "running"
        inside = local_client("fis", found.endpoint, inside=True)
        with pytest.raises(EndpointConnectionError):
            for _ in range(200):
                inside.list_experiments()
                time.sleep(0.1)
        assert process.wait(5) == 0
        assert f"{experiment} is stopped" in (tmp_path / "log").read_text("utf-8")
        assert not client.state_file(tmp_path).exists()
    finally:
        process.kill()
        process.wait()


def test_the_rehearsal_s_own_calls_pass_the_gate(rehearsal: client.Rehearsal, gate: Any) -> None:
    gate(mode="throttle")
    before = rehearsal.ask("counts")
    assert local_client("fis", rehearsal.endpoint, inside=True).list_experiments()["experiments"] == []
    assert rehearsal.ask("counts") == before
    with pytest.raises(ClientError, match="Throttling"):
        local_client("fis", rehearsal.endpoint).list_experiments()


def test_a_rehearsal_goes_first_also_where_linux_weighs_sessions_before_processes() -> None:
    """Where that is allowed; and where it is not, it starts all the same."""
    look = "from gameday.rehearsal.processes import AUTOGROUP, go_first; go_first(); print(AUTOGROUP.read_text())"
    done = subprocess.run([sys.executable, "-c", look], start_new_session=True, capture_output=True, text=True)
    grouped = Path("/proc/self/autogroup").exists()
    assert not done.returncode if grouped else "FileNotFoundError" in done.stderr
    assert "nice -5" in done.stdout or not (grouped and os.geteuid() == 0)
