"""What an extension asks of AWS outside the envelope never leaves its worker: a real action of chaostoolkit-aws, and a
server that says what arrived."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from gameday.errors import Refused
from gameday.faults.chaostoolkit.calling import call_action
from gameday.faults.chaostoolkit.fault import ChaosFault
from gameday.faults.chaostoolkit.probe import ChaosProbeObserver
from gameday.model.runbook import ChaosActivity
from gameday.model.workspace import Envelope, Environment
from gameday.plan import Signal
from gameday.protocols import Window
from tests.faults.chaostoolkit.a_fault import ACTIONS, MADE, Notes, order, python, stop

OWN, OTHER = "111122223333", "444455556666"
ENVIRONMENT = Environment(account=OWN, regions=("eu-west-2",),
                          envelope=Envelope.model_validate({"longest_fault": "30m"}))  # fmt: skip
LAMBDA = "chaosaws.awslambda.actions"
Arrived = tuple[str, list[str]]


@pytest.fixture
def arrived() -> Iterator[Arrived]:
    """A server that answers everything with nothing, and the paths that it was asked for."""
    seen: list[str] = []

    class Anything(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.append(unquote(urlsplit(self.path).path))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_DELETE = do_PUT = do_POST

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Anything) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", seen
        http.shutdown()
        thread.join()


def function(account: str = OWN, region: str = "eu-west-2") -> str:
    return f"arn:aws:lambda:{region}:{account}:function:pay"


def throttle(arn: str, **keys: Any) -> dict[str, Any]:
    return python("put_function_concurrency", LAMBDA,
                  arguments={"function_name": arn, "concurrent_executions": 0}, **keys)  # fmt: skip


def fault(endpoint: str) -> ChaosFault:
    MADE.append(ChaosFault(ENVIRONMENT, endpoint))
    return MADE[-1]


@pytest.mark.parametrize(("provider", "why"), [
    (throttle(function(OTHER)), f"account {OTHER}"),
    (throttle(function(region="us-east-1")), "Region us-east-1"),
    (throttle("pay", configuration={"aws_region": "us-east-1"}), "Region us-east-1"),
    (throttle("pay", configuration={"aws_assume_role_arn": f"arn:aws:iam::{OTHER}:role/x"}), f"account {OTHER}"),
    (python("swallow", arguments={"arn": function(OTHER)}), f"account {OTHER}"),
], ids=["another account", "another Region", "a client of another Region", "a role of another account",
        "an action that hides it"])  # fmt: skip
def test_an_action_outside_the_envelope_is_refused_by_name_and_nothing_arrives(
    provider: dict[str, Any], why: str, arrived: Arrived
) -> None:
    endpoint, seen = arrived
    with pytest.raises(Refused) as refused:
        fault(endpoint).start(order(provider=provider, undo=python("environment")), Notes())
    assert refused.value.problems[0].code == "ENVELOPE_ACCOUNT"
    assert "was not sent" in str(refused.value)
    assert why in str(refused.value)
    assert seen == []


def test_what_is_inside_arrives_by_the_same_way(arrived: Arrived) -> None:
    endpoint, seen = arrived
    undo = python("delete_function_concurrency", LAMBDA, arguments={"function_name": function()})
    here, notes = fault(endpoint), Notes()
    trace = here.start(order(provider=throttle(function()), undo=undo), notes)
    assert stop(here, trace).clean
    assert seen == [f"/2017-10-31/functions/{function()}/concurrency"] * 2


def test_an_undo_is_held_against_account_and_region_alone_and_says_why_it_is_not_clean(arrived: Arrived) -> None:
    endpoint, seen = arrived
    undo = python("delete_function_concurrency", LAMBDA, arguments={"function_name": function(OTHER)})
    here = fault(endpoint)
    trace = here.start(order(provider=throttle(function()), undo=undo), Notes())
    status = stop(here, trace)
    assert status.state == "unknown"
    assert f"account {OTHER}" in status.detail
    assert len(seen) == 1


def test_an_undo_on_a_ledger_from_before_the_door_is_still_done(arrived: Arrived) -> None:
    endpoint, seen = arrived
    undo = python("delete_function_concurrency", LAMBDA, arguments={"function_name": function()})
    here = fault(endpoint)
    trace = here.start(order(provider=throttle(function()), undo=undo), Notes())
    old = json.loads(trace["undo"])
    del old["environment"]
    assert stop(here, {**trace, "undo": json.dumps(old)}).clean
    assert len(seen) == 2


def test_the_action_of_a_runbook_goes_by_the_same_door(arrived: Arrived) -> None:
    endpoint, seen = arrived
    call = ChaosActivity.model_validate({k: v for k, v in throttle(function(OTHER)).items() if k != "type"})
    with pytest.raises(Refused, match="ENVELOPE_ACCOUNT"):
        call_action(call, ENVIRONMENT, endpoint)
    assert seen == []


def test_a_probe_that_changes_something_elsewhere_gives_no_number_and_does_not(arrived: Arrived) -> None:
    endpoint, seen = arrived
    query = {**python("swallow", ACTIONS, arguments={"arn": function(OTHER)}), "value": None, "within": "60s"}
    observer = ChaosProbeObserver(ENVIRONMENT, endpoint)
    signal = Signal(id="s", source="chaostoolkit.probe", query=query, period_ms=1_000, settles_ms=0)
    with pytest.raises(RuntimeError, match=f"account {OTHER}"):
        observer.sample([signal], Window(0, 1_000))
    observer.close()
    assert seen == []
