"""What a worker is handed, what it may reach, and what never comes out of it. Each trap of Chaos Toolkit has a test
that ours does not have it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gameday.errors import CouldNotStart
from gameday.faults.chaostoolkit.calling import call_action
from gameday.faults.chaostoolkit.fault import ActionFailed
from gameday.faults.chaostoolkit.settings import ChaosSettings
from gameday.faults.chaostoolkit.worker import clean, measure
from gameday.faults.chaostoolkit.working import Answer, Working, environ_of, job_of, names_in
from gameday.model.runbook import ChaosActivity
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from tests.faults.chaostoolkit.a_fault import ACTIONS, NOWHERE, Notes, order, provider, python, settings, stop

SECRET = "s3cr3t/with'quotes\"and space"


def ask(endpoint: str | None = NOWHERE, **keys: Any) -> Answer:
    found = ChaosSettings.model_validate(settings(**keys))
    job = job_of(found.provider, found.configuration, found.secrets, endpoint is not None, REHEARSAL_ENVIRONMENT)
    working = Working(environ_of(REHEARSAL_ENVIRONMENT, endpoint, names_in(job)))
    try:
        return working.ask(job, 20)
    finally:
        working.close()


def test_a_worker_has_no_credentials_but_the_secrets_that_the_scenario_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_PROFILE", "GITHUB_TOKEN", "MY_KEY"):
        monkeypatch.setenv(name, "AKIAREAL")
    seen = json.loads(ask(None, provider=python("environment")).output)
    assert "AKIAREAL" not in seen.values()
    named = ask(provider=python("environment"), secrets={"key": {"env": "MY_KEY"}})
    found = json.loads(named.output)
    assert "MY_KEY" not in found, "the action gets it as its secret, not as its environment"
    assert found["AWS_ENDPOINT_URL"] == NOWHERE


@pytest.mark.parametrize("host", ["192.0.2.1", "169.254.169.254", "example.com", "::ffff:192.0.2.1"])
def test_in_rehearsal_nothing_leaves_loopback_even_if_the_action_hides_it(host: str) -> None:
    answer = ask(provider=python("connect", arguments={"host": host}))
    assert not answer.ok
    assert "refused in rehearsal" in answer.error


def test_in_rehearsal_no_program_is_started_for_it_could_not_be_kept_there() -> None:
    answer = ask(provider=python("start_program"))
    assert not answer.ok
    assert "new process" in answer.error
    with pytest.raises(CouldNotStart, match="CHAOS_PROCESS"):
        provider().start(order(provider={"type": "process", "path": "true"}), Notes())


def test_boto3_of_an_action_reaches_only_the_loopback_aws() -> None:
    """Whatever Region it names; an endpoint that it sets itself is refused."""
    arguments = {"function_name": "f"}
    probe = python("get_function_concurrency", "chaosaws.awslambda.probes", arguments=arguments)
    answer = ask(provider=probe, configuration={"aws_region": "us-east-1"})
    assert (answer.ok, answer.reached) == (False, ("127.0.0.1:9",))


def test_secrets_come_neither_out_of_an_error_nor_out_of_an_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MY_KEY", SECRET)
    file = tmp_path / "key"
    file.write_text(SECRET + "\n", "utf-8")
    for reference in ({"env": "MY_KEY"}, {"file": str(file)}):
        told = ask(provider=python("tell"), secrets={"key": reference})
        given = ask(provider=python("give"), secrets={"key": reference})
        assert "the key *** was refused" in told.error
        assert json.loads(given.output)["key"] == "***"


def test_secrets_are_on_the_ledger_as_references_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", SECRET)
    notes, fault = Notes(), provider()
    given = order(provider=python("nothing"), undo=python("give"), secrets={"key": {"env": "MY_KEY"}})
    trace = fault.start(given, notes)
    assert SECRET not in json.dumps([notes, trace])
    assert json.loads(trace["undo"])["secrets"] == {"key": {"env": "MY_KEY"}}
    monkeypatch.delenv("MY_KEY")
    status = stop(fault, trace)
    assert (status.state, "MY_KEY is not set" in status.detail) == ("unknown", True)


def test_a_secret_that_is_written_down_is_no_secret() -> None:
    with pytest.raises(ValidationError, match="a reference and never a value"):
        ChaosSettings.model_validate({"provider": python("nothing"), "secrets": {"key": "AKIA"}})


def test_a_secret_that_is_not_there_refuses_the_start() -> None:
    with pytest.raises(CouldNotStart, match="CHAOS_SECRET_MISSING"):
        provider().start(order(provider=python("nothing"), secrets={"key": {"env": "NOT_SET_ANYWHERE"}}), Notes())


def test_what_is_too_short_to_be_taken_out_withholds_all() -> None:
    assert "ab" not in clean("answer ab", ["ab"])
    assert clean("x" * 9_000, []) == "x" * 4_000


def test_a_variable_that_stands_for_nothing_is_refused() -> None:
    """Chaos Toolkit passes ``${x}`` on as it is, silently."""
    with pytest.raises(ValidationError, match="stands for nothing"):
        ChaosSettings.model_validate({"provider": python("says", arguments={"what": {"deep": "a ${x} b"}})})
    answer = ask(provider=python("says", arguments={"what": ["${x}"]}), configuration={"x": 5})
    assert json.loads(answer.output) == [5]


def test_an_action_that_wants_a_configuration_gets_one() -> None:
    """None would be an AttributeError inside Chaos Toolkit."""
    assert ask(provider=python("wants_configuration")).output == "0"


def test_an_answer_that_json_cannot_carry_is_no_error() -> None:
    """It would break the whole journal of Chaos Toolkit after the run."""
    answer = ask(provider=python("unsayable"))
    assert answer.ok
    assert "object" in answer.output


@pytest.mark.parametrize(
    "module", ["os", "subprocess", "builtins", "shutil", "importlib", "a b", "x;y", "", "../x", "os.system"]
)
def test_what_runs_anything_at_all_is_no_extension(module: str) -> None:
    """``os.system`` passes the validation of Chaos Toolkit."""
    with pytest.raises(ValidationError):
        ChaosSettings.model_validate({"provider": {"module": module, "func": "system", "arguments": {}}})


def test_a_program_gets_its_arguments_without_a_shell() -> None:
    said = ask(None, provider={"type": "process", "path": "echo", "arguments": ("$HOME; id", "`id`")})
    assert json.loads(said.output)["stdout"] == "$HOME; id `id`\n"
    with pytest.raises(ValidationError):
        ChaosSettings.model_validate({"provider": {"type": "process", "path": "echo", "arguments": "a; b"}})


def test_a_program_and_a_server_that_say_no_have_failed() -> None:
    """Chaos Toolkit calls the activity succeeded, and warns in its log."""
    assert "status 1" in ask(None, provider={"type": "process", "path": "false"}).error
    assert not ask(provider={"type": "http", "url": NOWHERE}).ok


@pytest.mark.parametrize(
    ("output", "path", "value"),
    [(3, None, 3.0), (True, None, 1.0), (float("nan"), None, None), (float("inf"), None, None), (None, None, None),
     ({"a": 0}, "a", 0.0), ({"a": 0}, "b", None), ("7", None, None), ([], "0", None),
     ({"a": [{"b": 2}]}, "a.0.b", 2.0)],
)  # fmt: skip
def test_only_a_number_is_a_number(output: Any, path: str | None, value: float | None) -> None:
    assert measure(output, path) == value


def test_a_step_of_a_runbook_calls_an_action_and_hears_when_it_fails() -> None:
    call = ChaosActivity(module=ACTIONS, func="says", arguments={"what": "done"})
    assert call_action(call, REHEARSAL_ENVIRONMENT, NOWHERE) == f'chaostoolkit:{ACTIONS}.says: "done"'
    with pytest.raises(ActionFailed, match="answered False"):
        call_action(ChaosActivity(module=ACTIONS, func="no"), REHEARSAL_ENVIRONMENT, NOWHERE)
