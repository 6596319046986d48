"""A fault through Chaos Toolkit: from its action to its undo, also in another process, and whatever the action does."""

from __future__ import annotations

import io
import json
import os
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from gameday.aws import Aws
from gameday.errors import CouldNotStart
from gameday.faults.chaostoolkit.fault import ActionFailed, ChaosFault
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.protocols import Trace
from tests.faults.chaostoolkit.a_fault import Notes, order, provider, python, stop
from tests.faults.chaostoolkit.a_proxy import Toxiproxy


def until(holds: Callable[[], object], within_s: float = 20) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it never held"
        time.sleep(0.02)


@pytest.fixture
def proxy() -> Iterator[Toxiproxy]:
    found = Toxiproxy()
    yield found
    found.end()


def test_an_extension_that_was_not_written_for_us_breaks_something_and_is_undone(proxy: Toxiproxy) -> None:
    actions, fault, notes = "chaostoxi.proxy.actions", provider(), Notes()
    trace = fault.start(
        order(
            provider=python("disable_proxy", actions, arguments={"proxy_name": "${name}"}),
            undo=python("enable_proxy", actions, arguments={"proxy_name": "${name}"}),
            configuration={**proxy.configuration, "name": "ledger"},
        ),
        notes,
    )
    assert not proxy.up
    assert fault.poll(trace).state == "active"
    status = stop(fault, trace)
    assert (status.state, status.clean, proxy.up) == ("ended", True, True)
    assert stop(fault, trace).clean, "and stopping it again harms nothing"


def test_another_process_undoes_it_with_what_was_noted_before_the_action(proxy: Toxiproxy) -> None:
    """Only the notes are left of the conductor, as they were before its action began."""
    actions, notes = "chaostoxi.proxy.actions", Notes()
    provider().start(
        order(
            provider=python("disable_proxy", actions, arguments={"proxy_name": "ledger"}),
            undo=python("enable_proxy", actions, arguments={"proxy_name": "ledger"}),
            configuration=proxy.configuration,
        ),
        notes,
    )
    first = notes[0]
    assert all(isinstance(value, str) for value in first.values())
    assert not proxy.up
    assert stop(provider(), first).clean
    assert proxy.up


def test_an_undo_that_fails_is_not_clean_and_is_asked_again_until_it_succeeds(proxy: Toxiproxy) -> None:
    actions, fault = "chaostoxi.proxy.actions", provider()
    trace = fault.start(
        order(
            provider=python("disable_proxy", actions, arguments={"proxy_name": "ledger"}),
            undo=python("enable_proxy", actions, arguments={"proxy_name": "ledger"}),
            configuration=proxy.configuration,
        ),
        Notes(),
    )
    proxy.refusing = 2
    for _ in range(2):
        status = stop(fault, trace)
        assert (status.state, status.clean) == ("unknown", False)
        assert "undo failed" in status.detail
    assert stop(fault, trace).clean
    assert proxy.up


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    found = Aws(REHEARSAL_ENVIRONMENT, f"http://{host}:{port}")
    yield found
    found.close()
    server.stop()


def a_function(aws: Aws, name: str) -> None:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("a.py", "def b(*_): pass")
    role = f"arn:aws:iam::{REHEARSAL_ENVIRONMENT.account}:role/{name}"
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=policy)
    code = {"ZipFile": raw.getvalue()}
    aws.client("lambda").create_function(FunctionName=name, Role=role, Code=code, Runtime="python3.12", Handler="a.b")


def test_an_action_of_chaostoolkit_aws_reaches_the_loopback_aws_and_is_undone(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever credentials and profile lie about."""
    a_function(aws, "payments")
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    actions, fault = "chaosaws.awslambda.actions", provider(aws.endpoint)
    throttle = {"function_name": "payments", "concurrent_executions": 0}
    trace = fault.start(
        order(
            provider=python("put_function_concurrency", actions, arguments=throttle),
            undo=python("delete_function_concurrency", actions, arguments={"function_name": "payments"}),
        ),
        Notes(),
    )
    concurrency = aws.client("lambda").get_function_concurrency
    assert concurrency(FunctionName="payments")["ReservedConcurrentExecutions"] == 0
    assert stop(fault, trace).clean
    assert "ReservedConcurrentExecutions" not in concurrency(FunctionName="payments")


def test_the_undo_of_a_rehearsal_that_has_ended_is_done_when_it_only_wanted_its_aws(tmp_path: Path) -> None:
    """What is on this machine is still undone then; only what was in that AWS is gone with it."""
    undo = python("delete_function_concurrency", "chaosaws.awslambda.actions", arguments={"function_name": "payments"})
    trace = provider().start(order(provider=python("nothing"), undo=undo), Notes())
    assert not stop(provider(), trace).clean
    after = ChaosFault(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:9", aws_is_gone=True)
    assert stop(after, trace).clean
    path = str(tmp_path / "x")
    here = order(provider=python("write", arguments={"path": path}), undo=python("remove", arguments={"path": path}))
    left = provider().start(here, Notes())
    assert Path(path).exists()
    assert stop(after, {**left, "run": "run-2"}).clean
    assert not Path(path).exists()


def test_an_action_that_hangs_is_killed_with_its_children_and_is_no_started_fault() -> None:
    """Chaos Toolkit reads the time-out of a Python activity and then ignores it."""
    fault, notes = provider(None), Notes()
    began = time.monotonic()
    with pytest.raises(ActionFailed, match="within 2 s, and was killed"):
        fault.start(order(provider=python("hang", timeout="2s"), undo=python("nothing")), notes)
    assert time.monotonic() - began < 15
    until(lambda: not group(notes))


def group(notes: list[Trace]) -> list[str]:
    """Processes of the worker's group that still run."""
    leader, found = notes[-1]["worker"].partition(":")[0], []
    for folder in Path("/proc").iterdir():
        try:
            fields = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if folder.name.isdigit() and fields[2] == leader and fields[0] != "Z":
            found.append(folder.name)
    return found


def test_a_stop_ends_an_action_that_is_under_way_so_that_it_cannot_break_anything_later(tmp_path: Path) -> None:
    path, fault, notes = str(tmp_path / "x"), provider(), Notes()
    late = python("sleep_then_write", arguments={"path": path, "seconds": 30})
    given = order(provider=late, undo=python("remove", arguments={"path": path}))
    errors: list[BaseException] = []

    def begin() -> None:
        try:
            fault.start(given, notes)
        except ActionFailed as error:
            errors.append(error)

    thread = threading.Thread(target=begin)
    thread.start()
    until(lambda: len(notes) == 2)
    assert stop(fault, notes[-1]).clean
    thread.join(10)
    assert not group(notes)
    assert not Path(path).exists()
    assert len(errors) == 1


def test_an_action_dies_with_its_conductor(tmp_path: Path) -> None:
    """The end of its pipe is what the worker sees of a SIGKILL; it must not break anything after that."""
    from gameday.faults.chaostoolkit.settings import ChaosSettings
    from gameday.faults.chaostoolkit.working import Working, environ_of, identity, job_of

    path = str(tmp_path / "x")
    late = python("sleep_then_write", arguments={"path": path, "seconds": 3})
    found = ChaosSettings.model_validate({"provider": late})
    working = Working(environ_of(REHEARSAL_ENVIRONMENT, None, ()))
    working.begin(job_of(found.provider, {}, {}, False, REHEARSAL_ENVIRONMENT))
    time.sleep(1)
    working._process.stdin.close()  # type: ignore[union-attr]
    working._process.wait(10)
    assert identity(int(working.identity.partition(":")[0])) != working.identity
    working.close()
    time.sleep(3)
    assert not Path(path).exists()


def test_a_watchdog_undoes_when_the_conductor_is_gone_and_not_before(tmp_path: Path) -> None:
    from gameday.faults.chaostoolkit.keeper import Keeping
    from gameday.faults.chaostoolkit.settings import ChaosSettings
    from gameday.faults.chaostoolkit.working import environ_of, job_of

    path = tmp_path / "attempts"
    undo = python("fail_until", arguments={"path": str(path), "times": 1})
    found = ChaosSettings.model_validate({"provider": undo})
    job = job_of(found.provider, {}, {}, True, REHEARSAL_ENVIRONMENT)
    keeping = Keeping(job, environ_of(REHEARSAL_ENVIRONMENT, None, ()), None)
    time.sleep(1)
    assert not path.exists()
    keeping._process.stdin.close()  # type: ignore[union-attr]
    until(lambda: path.exists() and path.read_text("utf-8") == "xx", 30)
    assert keeping._process.wait(10) == 0, "and it ends when it has succeeded"


def test_a_fault_that_was_undone_has_no_watchdog_any_more(tmp_path: Path) -> None:
    """It could undo the same fault of a later run. Another process that has undone it ends it too."""
    from gameday.faults.chaostoolkit.working import identity

    given = order(provider=python("nothing"), undo=python("count", arguments={"path": str(tmp_path / "x")}))
    for other in (False, True):
        fault = provider()
        trace = fault.start(given, Notes())
        watchdog = trace["keeper"]
        assert identity(int(watchdog.partition(":")[0])) == watchdog
        assert stop(provider() if other else fault, trace).clean
        if other:
            fault._keeping[("run-1", "s")]._process.wait(5)
        assert identity(int(watchdog.partition(":")[0])) != watchdog
    assert (tmp_path / "x").read_text("utf-8") == "xx", "undone once each, and by nobody else"


@pytest.mark.parametrize("func", ["leave", "die", "no"])
def test_an_action_that_leaves_dies_or_says_no_was_not_done(func: str) -> None:
    with pytest.raises(ActionFailed):
        provider().start(order(provider=python(func), undo=python("nothing")), Notes())


def test_no_undo_is_clean_only_for_what_is_over_at_once() -> None:
    fault = provider()
    once = fault.start(order(None, provider=python("nothing")), Notes())
    assert fault.poll(once).state == "ended"
    assert stop(fault, once).clean
    stays = fault.start(order(step="t", provider=python("nothing")), Notes())
    assert fault.poll(stays).state == "active"
    assert stop(fault, stays).state == "unknown"


def test_a_fault_that_works_in_the_background_ends_with_its_process() -> None:
    fault, notes = provider(None), Notes()
    trace = fault.start(order(provider=python("hang"), background=True), notes)
    assert fault.poll(trace).state == "active"
    assert stop(fault, trace).clean
    until(lambda: not group(notes))


def test_nothing_is_undone_of_what_was_not_begun(tmp_path: Path) -> None:
    path = str(tmp_path / "x")
    trace = {"run": "run-1", "step": "s", "token": "t"}
    assert stop(provider(), trace).clean
    missing = order(provider=python("f", "no_such_module"), undo=python("write", arguments={"path": path}))
    notes = Notes()
    with pytest.raises(CouldNotStart, match="CHAOS_MODULE_MISSING"):
        provider().start(missing, notes)
    assert not notes


def test_an_undo_of_another_environment_is_not_run_here(tmp_path: Path) -> None:
    path = str(tmp_path / "x")
    trace = provider(None).start(
        order(provider=python("nothing"), undo=python("write", arguments={"path": path})), Notes()
    )
    assert stop(provider(), trace).state == "unknown"
    assert not Path(path).exists()


def test_the_conductor_never_imports_chaos_toolkit() -> None:
    """Neither its start-up nor a run pays for it."""
    import subprocess
    import sys

    code = "import sys, gameday.wiring.sockets, gameday.faults.check; print([m for m in sys.modules if 'chaos' in m])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert all(name.startswith("'gameday.") for name in said.stdout.strip()[1:-1].split(", "))
