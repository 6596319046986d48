"""``gameday iam``: the least that the roles of a scenario must be allowed, and whether they are."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gameday.aws import Aws
    from gameday.plan import Plan
    from gameday.planning.statements import Statement
    from gameday.wiring.permitting import Held

ROLES = {"operator": "gameday-operator", "fis": "gameday-fis"}
LONGEST_INLINE = 10_240  # characters of all inline policies of a role, without white space (IAM quotas)


@click.command(epilog="Example: gameday iam payment-functions-stop --environment staging --cloudformation")
@click.argument("scenario", metavar="SCENARIO")
@click.option("--environment", default="rehearsal", show_default=True, metavar="NAME", help="From gameday.yaml.")
@click.option("--library", type=click.Path(path_type=Path), help="Use this folder, not the workspace around you.")
@click.option("--operator", "only", flag_value="operator", help="The policy of the one who runs the day, alone.")
@click.option("--fis-role", "only", flag_value="fis-role", help="The policy of the role of FIS, alone.")
@click.option("--trust", "only", flag_value="trust", help="The trust policy of the role of FIS, alone.")
@click.option("--account", metavar="NAME", help="Of this other account of the environment, not of its first.")
@click.option("--lambda-config", metavar="ARN", help="What AWS_FIS_CONFIGURATION_LOCATION of the functions says.")
@click.option("--cloudformation", is_flag=True, help="A stack with both roles and a log group, as YAML.")
@click.option("--check", is_flag=True, help="Compare with what the roles may do; names what is missing, too much.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON document.")
def iam(
    scenario: str, environment: str, library: Path | None, only: str | None, account: str | None,
    lambda_config: str | None, cloudformation: bool, check: bool, as_json: bool,
) -> None:  # fmt: skip
    """Print the least-privilege IAM policies of SCENARIO (an id, or its file): one for who runs it, one for FIS.

    They come from the plan's calls and targets; nothing is touched. Policies go to standard output, headings and what
    nobody can know to standard error. Each account of an environment has roles of its own: --account. --check asks all
    that the day reaches. Exit code: 0; with --check 0 nothing is missing, 1 something is; 5 it could not start.
    """
    plan, door = _planned(scenario, environment, library)
    plan.environment_definition.at(account)  # an account that is not there is said before anything is printed
    if check:
        sys.exit(_check(plan, door, as_json))
    _warn(plan)
    operator, fis = _policies(plan, account, lambda_config)
    if cloudformation:
        click.echo(_stack(plan, account, operator, fis), nl=False)
    else:
        _print(plan, account, operator, fis, only, as_json)


def _planned(scenario: str, environment: str, library: Path | None) -> tuple[Plan, Aws]:
    from gameday.cli.prepare import checked_content, scenario_id
    from gameday.wiring.planned import plan_and_door

    content = checked_content(scenario, library)
    return plan_and_door(content, scenario_id(content, scenario), environment)


def _policies(
    plan: Plan, account: str | None, lambda_config: str | None
) -> tuple[Sequence[Statement], Sequence[Statement]]:
    from gameday.faults.permissions import fis_policy
    from gameday.planning.policy import operator_policy

    return operator_policy(plan, account), fis_policy(plan, lambda_config, account)


def _warn(plan: Plan) -> None:
    from gameday.faults.permissions import unlisted_actions
    from gameday.planning.policy import unknown_calls

    for name in unknown_calls(plan):
        click.echo(f"warning: what {name} needs, nobody here can know; add it by hand", err=True)
    for name in unlisted_actions(plan):
        click.echo(f"warning: what FIS needs for {name} is not known here; see the actions reference", err=True)


def _stack(plan: Plan, account: str | None, operator: Sequence[Statement], fis: Sequence[Statement]) -> str:
    from gameday.exchange.cloudformation import onboarding
    from gameday.faults.permissions import trust_policy

    environment = plan.environment_definition.at(account)
    given = {"operator": environment.role, "fis": environment.fis_role}
    names = {key: arn.partition(":role/")[2] if arn else ROLES[key] for key, arn in given.items()}
    trust = trust_policy(plan, account)
    return onboarding(plan.title, operator, fis, trust, names, environment.external_id, account)


def _print(
    plan: Plan, account: str | None, operator: Sequence[Statement], fis: Sequence[Statement], only: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    from gameday.faults.permissions import trust_policy
    from gameday.planning.statements import document

    there, trust = plan.environment_definition.at(account), trust_policy(plan, account)
    found: dict[str, Any] = {"operator": document(operator), "fis-role": document(fis), "trust": trust}
    if as_json:
        click.echo(json.dumps({only: found[only]} if only else found))
        return
    heads = {"operator": f"{there.role or ROLES['operator']}: who runs the day",
             "fis-role": f"{there.fis_role or ROLES['fis']}: what FIS does",
             "trust": "the trust policy of that role"}  # fmt: skip
    for name, policy in found.items():
        if only in (None, name):
            size = len(json.dumps(policy, separators=(",", ":")))
            click.echo(f"{heads[name]} ({size} of {LONGEST_INLINE} characters)", err=True)
            click.echo(json.dumps(policy, indent=2) if policy["Statement"] else "FIS needs nothing here.")


def _check(plan: Plan, door: Aws, as_json: bool) -> int:
    from gameday.wiring.permitting import caller, check

    click.echo("Asking IAM what the roles may do ...", err=True)
    found = list(check(plan, door, caller(door)))
    if as_json:
        click.echo(json.dumps([_record(held) for held in found]))
    else:
        for held in found:
            _tell(held)
    return int(any(p.severity == "error" for held in found for p in held.problems()))


def _record(held: Held) -> dict[str, Any]:
    answers = [{"action": a.need.action, "resource": a.need.resource, "allowed": a.allowed, "needed": a.need.needed}
               for a in held.answers]  # fmt: skip
    return {"role": held.role, "is": held.who, "answers": answers, "absent": held.absent, "unasked": held.unasked,
            "too_much": [{"statement": one.sid, "says": one.says} for one in held.beyond],
            "too_much_known": held.documents is not None}  # fmt: skip


def _tell(held: Held) -> None:
    """A role: what is missing, what is too much, or that it fits."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"{held.who}: {held.role or 'no role'}", style="bold")
    problems = held.problems()
    for problem in problems:
        style = "red" if problem.severity == "error" else "yellow"
        console.print(f"  {'missing' if style == 'red' else 'unsure'}  {problem.message}", style=style)
    for one in held.beyond:
        console.print(f"  too much  {one.sid}: {one.says}", style="yellow")
    if held.documents is None and not held.absent:
        console.print("  its policies could not be read, so nobody can say what is too much", style="yellow")
    if not problems and not held.beyond and held.documents is not None:
        console.print("  allowed what it needs, and nothing more", style="green")
