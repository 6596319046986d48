"""``gameday emergency``: who may, what is typed, and that nothing is done by halves."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gameday.aws import Aws
from gameday.cli.emergency import emergency
from gameday.conductor.ledger import Ledger, outstanding
from gameday.errors import CouldNotStart
from gameday.faults.fis_lever import SafetyLever
from gameday.journal.events import Draft
from gameday.journal.inbox import Command, take
from gameday.journal.store import Journal
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.runs import LOCK, make_run
from gameday.wiring.levers import RunLevers
from tests.cli.live_run import GO, plan
from tests.cli.test_act import conducted
from tests.conductor.a_slow_aws import SlowAws, serving

ACCOUNT = "111122223333"


def a_run(folder: Path, *, production: bool) -> Path:
    (folder / "gameday.yaml").write_text("kind: workspace\n")
    made = make_run(folder, "stop", GO)
    (made / "plan.json").write_text(plan(production=production).model_dump_json(by_alias=True))
    return made


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*args: str) -> Result:
    return CliRunner().invoke(emergency, list(args))


def taken(command: Command) -> Draft:
    return Draft("emergency.asked", {**command.what, "command": command.id}, command.who)


def problem(found: Result) -> str:
    assert isinstance(found.exception, CouldNotStart), found.output
    return found.exception.problems[0].code


def test_the_conductor_of_a_rehearsal_is_told_without_more_ado(workspace: Path) -> None:
    with conducted(a_run(workspace, production=False), taken) as seen:
        found = call("--why", "customers are hit")
    assert found.exit_code == 0, found.output
    assert [(c.kind, c.what) for c in seen] == [("emergency", {"why": "customers are hit"})]
    assert "EMERGENCY asked, by facilitator: customers are hit" in found.output


@pytest.mark.parametrize("given", [(), ("--confirm", "999999999999"), ("--release",)])
def test_on_aws_nothing_is_done_without_the_number_of_the_account(workspace: Path, given: tuple[str, ...]) -> None:
    run = a_run(workspace, production=True)
    with conducted(run, taken) as seen:
        assert problem(call(*given)) == "NOT_CONFIRMED"
    assert seen == [] and take(run) == []


def test_on_aws_the_number_of_the_account_is_enough(workspace: Path) -> None:
    with conducted(a_run(workspace, production=True), taken) as seen:
        assert call("--confirm", ACCOUNT).exit_code == 0
    assert [c.kind for c in seen] == ["emergency"]


def test_the_lever_is_not_released_while_the_run_goes_on(workspace: Path) -> None:
    with conducted(a_run(workspace, production=False), taken) as seen:
        assert problem(call("--release")) == "RUN_LIVE"
    assert seen == []


def test_the_lever_of_a_rehearsal_that_has_ended_is_gone_with_it(workspace: Path) -> None:
    run = a_run(workspace, production=False)
    Journal.create(run / "journal.jsonl").close()
    assert problem(call()) == "LEVER_GONE"
    assert "disengaged: its rehearsal has ended" in call("--status").output


def test_without_a_conductor_the_lever_is_engaged_from_here_and_only_a_person_releases_it(workspace: Path) -> None:
    run, aws = a_run(workspace, production=False), SlowAws()
    with serving(aws) as endpoint:
        found = RunLevers(workspace, run)
        found.levers = {found.places[0]: SafetyLever(Aws(REHEARSAL_ENVIRONMENT, endpoint))}
        assert found.engage("customers are hit", "facilitator")
        assert aws.lever == "engaged" and found.read()[found.places[0]].engaged
        assert outstanding(run / "undo.jsonl").engaged[found.places[0]]["who"] == "facilitator"
        assert found.release("it is over", "facilitator")
        assert aws.lever == "disengaged"
        assert outstanding(run / "undo.jsonl").engaged == {}


def test_the_ledger_of_a_run_that_is_conducted_is_left_to_its_conductor(workspace: Path) -> None:
    run, aws = a_run(workspace, production=False), SlowAws()
    Ledger(run / "undo.jsonl").close()
    with serving(aws) as endpoint, (run / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = RunLevers(workspace, run)
        found.levers = {found.places[0]: SafetyLever(Aws(REHEARSAL_ENVIRONMENT, endpoint))}
        assert found.engage("it hangs", "facilitator")
        assert aws.lever == "engaged"
    assert (run / "undo.jsonl").read_bytes().strip(b"\0") == b""


def test_one_lever_that_cannot_be_reached_keeps_no_other_from_being_engaged_and_is_named(workspace: Path) -> None:
    run, aws = a_run(workspace, production=False), SlowAws()
    with serving(aws) as endpoint:
        found = RunLevers(workspace, run)
        place, gone = found.places[0], "111122223333/eu-west-1"
        found.places = (gone, place)
        found.levers = {gone: SafetyLever(Aws(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:9")),
                        place: SafetyLever(Aws(REHEARSAL_ENVIRONMENT, endpoint))}  # fmt: skip
        with pytest.raises(CouldNotStart, match=gone):
            found.engage("customers are hit", "facilitator")
        assert aws.lever == "engaged"
        assert set(outstanding(run / "undo.jsonl").engaged) == {gone, place}
        with pytest.raises(CouldNotStart, match=gone):
            found.release("it is over", "facilitator")
        assert aws.lever == "disengaged"
        assert set(outstanding(run / "undo.jsonl").engaged) == {gone, place}, "not all were seen disengaged"
