"""The calls of a run that belong to none of its steps: what preflight asks, what looks for leftovers, the emergency.

What preflight asks about the faults themselves their providers say, step by step (``Outline.calls``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gameday.plan import Call, PlannedStep, Signal
from gameday.planning.case import Case

Said = tuple[str, str, str, str]  # service, operation, why, times
_LEFTOVERS: tuple[Said, ...] = (
    ("fis", "ListExperiments", "see what other runs left", "1"),
    ("fis", "ListExperimentTemplates", "see what other runs left", "1"),
    ("ssm", "ListCommands", "see what other runs left", "1"),
    ("ssm", "DescribeAutomationExecutions", "see what other runs left", "1"),
    ("ssm", "ListTagsForResource", "see whose an automation is that other runs left", "one each"),
)
_LEVER: tuple[Said, ...] = (
    ("fis", "GetSafetyLever", "see that the safety lever is disengaged", "1"),
    ("fis", "UpdateSafetyLeverState", "stop every experiment of the account", "only in an emergency"),
)
_ALLOWED: tuple[Said, ...] = (
    ("sts", "GetCallerIdentity", "see whose credentials these are", "one an account"),
    ("iam", "GetRole", "the path of the role of these credentials", "at most once"),
    ("iam", "SimulatePrincipalPolicy", "see that the roles may do what this plan needs", "one a resource"),
)


def preflight_calls(case: Case, steps: Sequence[PlannedStep], signals: Sequence[Signal]) -> Iterator[Call]:
    """Each of them once. A tabletop breaks nothing, so that nothing needs to be stopped."""
    said = [*_ALLOWED, *_others(case, steps, signals), *_tags(case, steps), *_incidents(case), *_LEFTOVERS]
    for service, operation, why, times in (*said, *(() if case.scenario.method == "tabletop" else _LEVER)):
        yield Call(step=None, service=service, operation=operation, why=why, times=times)


def _others(case: Case, steps: Sequence[PlannedStep], signals: Sequence[Signal]) -> Iterator[Said]:
    """A role is assumed where the environment names one, and in each other account that the day reaches."""
    reached = {ident for step in steps if step.fault for ident in step.fault.accounts} - {case.environment.account}
    reached |= {case.environment.at(signal.account).account for signal in signals if signal.account}
    if case.environment.role or reached:
        count = len(reached) + bool(case.environment.role)
        yield "sts", "AssumeRole", "act as the role of each account", f"{count}, and when credentials expire"


def _tags(case: Case, steps: Sequence[PlannedStep]) -> Iterator[Said]:
    arns = [arn for step in steps if step.fault for held in step.fault.targets.values() for arn in held]
    if not (case.environment.envelope.require_tag or case.environment.envelope.deny_tag):
        return
    why = "see that the targets have the tags that the envelope wants"
    if any(":iam:" not in arn for arn in arns):
        yield "resourcegroupstaggingapi", "GetResources", why, "one a step"
    if any(":iam:" in arn for arn in arns):
        yield "iam", "ListRoleTags", why, "one a role"


def _incidents(case: Case) -> Iterator[Said]:
    if case.environment.incident_alarms:
        yield "cloudwatch", "DescribeAlarms", "see that no incident is open", "1"
