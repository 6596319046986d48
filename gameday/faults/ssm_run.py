"""A document of Systems Manager as a runbook's step: run, waited for, and told how it ended."""

from __future__ import annotations

from threading import Event
from typing import Any

from gameday.aws import Aws, told
from gameday.errors import GamedayError, Problem
from gameday.faults.ssm import texts
from gameday.model.runbook import SsmRun

POLL_S = 1.0
_GOOD, _BAD = ("Success", "CompletedWithSuccess"), ("Failed", "TimedOut", "Cancelled", "CompletedWithFailure")


class DocumentFailed(GamedayError):
    """It did not succeed, or not in time."""


def run_document(aws: Aws, run: SsmRun, poll_s: float = POLL_S) -> str:
    """Run it to its end. DocumentFailed when it ends badly or not within ``run.within``; what it does then goes on.
    CallFailed when AWS refuses."""
    ident, quiet = (_send if run.kind == "command" else _automate)(aws, run), Event()
    for _ in range(max(1, round(run.within / 1000 / poll_s))):
        word, why = _look(aws, run, ident)
        if word in _GOOD:
            return f"{run.document}: {word} ({ident})"
        if word in _BAD:
            write = "look at it in Systems Manager, then again"
            raise DocumentFailed(Problem("DOCUMENT_FAILED", f"the document {run.document} ended: {word} {why}", write))
        quiet.wait(poll_s)
    late = f"the document {run.document} has not ended in time ({ident}); it goes on"
    raise DocumentFailed(Problem("DOCUMENT_LATE", late, "within: a longer time"))


def _send(aws: Aws, run: SsmRun) -> str:
    chosen: dict[str, Any] = {"InstanceIds": list(run.targets)}
    if isinstance(run.targets, dict):
        chosen = {"Targets": [{"Key": f"tag:{key}", "Values": [value]} for key, value in run.targets.items()]}
    with told("ssm SendCommand"):
        made = aws.client("ssm").send_command(
            DocumentName=run.document, Parameters=_parameters(run), Comment="gameday runbook", **chosen
        )
    return str(made["Command"]["CommandId"])


def _automate(aws: Aws, run: SsmRun) -> str:
    with told("ssm StartAutomationExecution"):
        made = aws.client("ssm").start_automation_execution(DocumentName=run.document, Parameters=_parameters(run))
    return str(made["AutomationExecutionId"])


def _parameters(run: SsmRun) -> dict[str, list[str]]:
    given = {name: texts(value) for name, value in run.parameters.items()}
    if run.kind == "automation" and isinstance(run.targets, tuple) and run.targets:
        given.setdefault("InstanceId", list(run.targets))
    return given


def _look(aws: Aws, run: SsmRun, ident: str) -> tuple[str, str]:
    if run.kind == "automation":
        with told("ssm GetAutomationExecution"):
            found = aws.client("ssm").get_automation_execution(AutomationExecutionId=ident)["AutomationExecution"]
        return found["AutomationExecutionStatus"], found.get("FailureMessage", "")
    with told("ssm ListCommands"):
        commands = aws.client("ssm").list_commands(CommandId=ident)["Commands"]
    return (commands[0]["Status"], commands[0].get("StatusDetails", "")) if commands else ("Pending", "")
