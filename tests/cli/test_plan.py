"""``gameday plan`` as a facilitator meets it: one page, plan.json, plain words when something is wrong.

``GAMEDAY_GOLDEN=write`` writes the golden files anew; look at the difference before committing it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len
from rich.console import Console

from gameday.cli import plan as command
from gameday.cli.drawing import draw
from gameday.cli.plan_page import page
from gameday.errors import CouldNotStart, InvalidFiles
from gameday.faults.fis import FisFault
from gameday.faults.ssm import SsmFault
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.plan import Plan, load_plan
from tests.planning.a_provider import Outlined
from tests.planning.a_workspace import ROOT, TEN_LINES, copied, planned, timeline

GOLDEN = Path(__file__).parents[1] / "planning" / "golden"
FAULT = (
    "{id: break, fault: fis, action: 'aws:lambda:invocation-error', targets: [payments-function], "
    "parameters: {duration: 20m, preventExecution: true}}"
)
VARIED = timeline(
    FAULT,
    "{inject: unavailable, who: payments-on-call, at: 1m, for: 4m}",
    "{inject: human, to: incident-commander, at: 2m, says: 'The [bold]regulator[/bold] calls.'}",
    "{id: a-step-whose-name-is-much-longer-than-any-screen-wants, task: payments-failover, by: payments-on-call}",
    "{id: later, expect: {signal: payments-failures, below: 1}, within: 9m, after: [break, unavailable-2]}",
    "{id: wait, expect: {alarm: An-Alarm-That-Only-CloudWatch-Knows-And-Nobody-Else}, within: 3m, "
    "when: {signal: payments-failures, above: 5}, on_timeout: fail}",
    more="guards: [{signal: payments-failures, above: 0.5, for: 1m}, {alarm: core-health}]\n",
)


@pytest.fixture(autouse=True)
def _provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider at our own socket, so that what FIS says of itself is another test's business."""
    monkeypatch.setattr(command, "_faults", lambda *_: {"fis": Outlined()})


def call(*args: str, width: int = 100) -> Result:
    return CliRunner().invoke(command.plan, args, env={"COLUMNS": str(width)})


def same_as_golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("GAMEDAY_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
    assert text == path.read_bytes().decode()


def lines(text: str) -> Sequence[str]:
    return text.splitlines()


def test_the_page_of_the_shipped_scenario() -> None:
    found = call("payment-functions-stop", "--library", str(ROOT))
    assert found.exit_code == 0, found.output
    same_as_golden("payment-functions-stop.txt", found.stdout)


def test_the_plan_of_the_shipped_scenario(tmp_path: Path) -> None:
    found = call("payment-functions-stop", "--library", str(ROOT), "--json")
    assert found.exit_code == 0, found.output
    same_as_golden("payment-functions-stop.json", found.stdout)
    assert load_plan(GOLDEN / "payment-functions-stop.json").scenario == "payment-functions-stop"


def test_a_page_with_every_kind_of_step(tmp_path: Path) -> None:
    plan = planned(tmp_path, VARIED, Outlined())
    same_as_golden("varied.txt", page(plan, Console(width=100, highlight=False, markup=False)) + "\n")


def test_what_a_user_writes_is_never_taken_for_markup(tmp_path: Path) -> None:
    text = page(planned(tmp_path, VARIED, Outlined()), wide(200))
    assert "The [bold]regulator[/bold] calls." in text


def wide(width: int, **options: Any) -> Console:
    return Console(width=width, highlight=False, markup=False, **options)


@pytest.mark.parametrize("width", [60, 80, 100, 109, 110, 140, 250])
def test_nothing_is_wider_than_the_screen_and_nothing_is_cut_off(tmp_path: Path, width: int) -> None:
    plan = planned(tmp_path, VARIED, Outlined())
    found = lines(page(plan, wide(width)))
    assert max(cell_len(line) for line in found) <= width
    words = "".join("".join(found).split())
    for step in plan.steps if width >= 80 else ():  # on less, words are broken within their column
        assert step.title.split()[0] in words
    assert plan.digest in words


@pytest.mark.parametrize("width", [30, 60, 78, 138])
def test_the_drawing_has_a_row_a_step_in_its_width(tmp_path: Path, width: int) -> None:
    plan = planned(tmp_path, VARIED, Outlined())
    found = lines(draw(plan, width).plain)
    assert max(cell_len(line.rstrip()) for line in found) <= width
    rows = found[2 : 2 + len(plan.steps)]
    assert all(any(sign in row for sign in "█▓░›") for row in rows)


def test_the_drawing_is_to_scale(tmp_path: Path) -> None:
    """Ten minutes of baseline and 22 to the last end in 64 cells: two cells a minute."""
    text = timeline(FAULT, "{id: look, expect: {alarm: x}, at: 5m, within: 3m}")
    _, baseline, fault, look, *_ = lines(draw(planned(tmp_path, text, Outlined()), 64 + len("baseline ")).plain)
    assert baseline.count("─") == 20 and baseline.index("│") == len("baseline ") + 20
    assert (fault.count("█"), fault.count("▒")) == (40, 4)
    assert (look.index("░") - len("baseline ") - 20, look.count("░")) == (10, 6)


def test_a_step_that_waits_is_drawn_at_its_earliest_start(tmp_path: Path) -> None:
    text = timeline(FAULT, "{id: look, expect: {alarm: x}, after: break, within: 3m}")
    _, _, fault, look, *_ = lines(draw(planned(tmp_path, text, Outlined()), 80).plain)
    assert look.index("›") == fault.index("▒")


def test_a_pipe_gets_no_colour_and_a_screen_does(tmp_path: Path) -> None:
    plan = planned(tmp_path, TEN_LINES, Outlined())
    assert "\x1b" not in call("payment-functions-stop", "--library", str(ROOT)).stdout
    coloured = page(plan, wide(100, force_terminal=True, color_system="standard"))
    assert "\x1b[" in coloured
    plain = page(plan, wide(100))
    assert Console(width=300, color_system=None).render_str(plain, markup=False).plain == plain


def test_a_file_stands_for_the_scenario_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copied(tmp_path)
    monkeypatch.chdir(folder / "scenarios")
    found = call("open-banking/payment-functions-stop.yaml", "--json")
    assert json.loads(found.stdout)["scenario"] == "payment-functions-stop"
    monkeypatch.chdir("/")
    path = folder / "scenarios" / "open-banking" / "payment-functions-stop.yaml"
    assert call(str(path), "--json").stdout == found.stdout


def test_a_file_that_is_no_scenario_of_the_content_is_said(tmp_path: Path) -> None:
    path = copied(tmp_path) / "scenarios" / "open-banking" / "service.yaml"
    found = call(str(path))
    assert isinstance(found.exception, CouldNotStart) and "NOT_A_SCENARIO" in str(found.exception)


def test_files_are_checked_first(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    shutil.rmtree(folder / "runbooks")
    found = call("payment-functions-stop", "--library", str(folder))
    assert isinstance(found.exception, InvalidFiles) and found.exception.exit_code == 5
    assert all(problem.severity == "error" for problem in found.exception.problems)
    assert "UNKNOWN_RUNBOOK" in str(found.exception)


@pytest.mark.parametrize(("args", "code"), [
    (["payment-function-stop"], "UNKNOWN_SCENARIO"),
    (["payment-functions-stop", "--environment", "stagin"], "UNKNOWN_ENVIRONMENT"),
])  # fmt: skip
def test_an_unknown_name_could_not_start(args: list[str], code: str) -> None:
    found = call(*args, "--library", str(ROOT))
    assert isinstance(found.exception, CouldNotStart) and code in str(found.exception)


def test_targets_by_tag_need_a_rehearsal_that_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one nothing may be asked, least of all AWS."""
    folder = copied(tmp_path)
    service = folder / "scenarios" / "open-banking" / "service.yaml"
    arn = '      arn: "arn:aws:lambda:${region}:${account}:function:payments-function"\n'
    assert arn in service.read_text()
    service.write_text(service.read_text().replace(arn, "      tags: {gameday: allowed}\n"))
    monkeypatch.chdir(folder)
    found = call("payment-functions-stop")
    assert isinstance(found.exception, CouldNotStart)
    assert "TARGETS_BY_TAG" in str(found.exception) and "payments-function" in str(found.exception)


def test_the_providers_are_made_without_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    providers = command._faults(REHEARSAL_ENVIRONMENT, command.NO_REHEARSAL)
    assert isinstance(providers["fis"], FisFault) and isinstance(providers["ssm"], SsmFault)
    assert set(providers) == {"fis", "ssm", "chaostoolkit"}


def test_a_page_says_where_it_would_run(tmp_path: Path) -> None:
    plan = planned(tmp_path, TEN_LINES, Outlined())
    real = plan.environment_definition.model_copy(update={"production": True, "account": "111122223333"})
    live = Plan.model_validate({**dict(plan), "environment": "live", "environment_definition": real})
    assert "environment  live PRODUCTION  account 111122223333, eu-west-2" in page(live, wide(100))
    assert "nothing in rehearsal; on AWS about $2.0" in page(plan, wide(100))
    assert "in all about $2.0" in " ".join(page(live, wide(100)).split())
