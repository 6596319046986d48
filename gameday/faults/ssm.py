"""Faults through AWS Systems Manager: a command on instances (Run Command), or an automation.

What a start whose answer was lost has left is found again by what it carries: a command by its comment, an automation
by the key of a tag (DescribeAutomationExecutions filters by keys alone), both made of run and step. SendCommand has no
client token, so it is never repeated by us; StartAutomationExecution has one. Cancelling ends the run of a document:
what it did it takes back only if it does so itself (the AWSFIS documents do).
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from gameday.aws import Aws, CallFailed, told
from gameday.errors import CouldNotStart, Problem
from gameday.faults.homes import site_of
from gameday.faults.prerequisites import managed, prerequisite_calls
from gameday.faults.targets import arns_of, by_tags, id_of
from gameday.faults.witnesses import Witness, instance_state
from gameday.model.service import Technology
from gameday.model.types import Scalar, Strict, Text
from gameday.model.workspace import Environment
from gameday.plan import Call, Home
from gameday.protocols import (
    Fault,
    Note,
    Order,
    Outline,
    Outlines,
    ProviderStatus,
    Requires,
    Sweeps,
    Tagged,
    Trace,
)

CLEAN_LOOKS = 3
UNHEARD = "not known to Systems Manager"  # which lists commands for 30 days, and a new one after a moment
MOST_INSTANCES = 50  # SendCommand, InstanceIds
INSTANCE = "aws:ec2:instance"
SEND, AUTOMATE = "aws:ssm:send-command", "aws:ssm:start-automation-execution"  # as FIS calls them, for envelopes
KILL = "AWSFIS-Run-Kill-Process"
MARK = re.compile(r"gameday-[0-9a-f]{32}")
State = Literal["starting", "active", "ended", "failed", "unknown"]
_STATES: dict[str, State] = {
    "Pending": "starting", "InProgress": "active", "Delayed": "starting", "Waiting": "active", "Cancelling": "active",
    "Success": "ended", "CompletedWithSuccess": "ended", "Cancelled": "ended", "TimedOut": "failed", "Failed": "failed",
    "CompletedWithFailure": "failed",
}  # fmt: skip
_OVER = ("ended", "failed")


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # plan.json is read back with lists


class SsmSettings(Strict):
    """The keys of a ``fault: ssm`` step. ``targets`` are instances of the service; an automation gets their ids as its
    parameter InstanceId, unless it is given one."""

    document: Text
    kind: Literal["command", "automation"] = "command"
    targets: Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_as_tuple)] | None = None
    parameters: dict[str, Scalar | Annotated[tuple[Scalar, ...], BeforeValidator(_as_tuple)]] = {}

    @property
    def name(self) -> str:
        """The document's name, without its ARN."""
        return self.document.rpartition("document/")[2]

    @property
    def action(self) -> str:
        """What it is called in an envelope: as FIS calls the same."""
        return SEND if self.kind == "command" else AUTOMATE

    @property
    def takes_duration(self) -> bool:
        """Whether the document ends itself after DurationSeconds (AWS FIS user guide, "pre-configured documents")."""
        return self.name.startswith("AWSFIS-Run-") and self.name != KILL

    @property
    def lasts_ms(self) -> int | None:
        """How long it lasts by its own parameters."""
        given = self.parameters.get("DurationSeconds")
        return int(given) * 1000 if isinstance(given, int | str) and str(given).isdigit() else None


def ssm_settings(settings: BaseModel | Mapping[str, Any]) -> SsmSettings:
    """Any form of a step's settings as the checked model."""
    return SsmSettings.model_validate(settings.model_dump() if isinstance(settings, BaseModel) else dict(settings))


def sent(settings: SsmSettings, instances: Sequence[str], duration_ms: int | None) -> dict[str, list[str]]:
    """Parameters as Systems Manager takes them: lists of text. The step's ``for`` is sent as DurationSeconds, the
    shorter of the two, so that the document ends by itself."""
    given = {name: texts(value) for name, value in settings.parameters.items()}
    if settings.kind == "automation" and instances:
        given.setdefault("InstanceId", list(instances))
    own = settings.lasts_ms
    if settings.takes_duration and duration_ms is not None and (own is None or own > duration_ms):
        given["DurationSeconds"] = [str(-(-duration_ms // 1000))]
    return given


def texts(value: Any) -> list[str]:
    """A parameter as Systems Manager takes it."""
    values = value if isinstance(value, tuple | list) else (value,)
    return ["true" if v is True else "false" if v is False else str(v) for v in values]


def mark(run: str, step: str) -> str:
    """What a command's comment or an automation's tag key says of whose it is; comments have at most 100 characters."""
    return f"gameday-{hashlib.sha256(f'{run}/{step}'.encode()).hexdigest()[:32]}"


class SsmFault:
    """The ``ssm`` provider: a Fault that also Outlines. All AWS errors are CallFailed."""

    name = "ssm"
    settings: type[BaseModel] = SsmSettings
    in_aws = True

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._looks: dict[tuple[str, str], int] = defaultdict(int)

    def _ssm(self, facts: Mapping[str, str]) -> Any:
        """Systems Manager in the account and Region of the fault, which its trace (or order) says."""
        ident = facts.get("accounts")
        account = self._aws.environment.name_of(ident) if ident else None
        return self._aws.client("ssm", account, facts.get("region"))

    def outline(
        self, step: str, settings: BaseModel, targets: Sequence[Technology], environment: Environment
    ) -> Outline:
        """What will be done. AWS is read only where targets are named by tags. CouldNotStart for a target that is no
        instance or cannot be resolved, or for more of them than one command takes."""
        checked = ssm_settings(settings)
        site = site_of(targets, environment)
        if site.home is None:
            write = "a step for each account, at the same time"
            raise CouldNotStart(
                Problem("ACCOUNTS_MIXED", "a document runs in one account, and the targets are in several", write)
            )
        arns = tuple(arn for target in targets for arn in self._arns(target, environment))
        if len(arns) > MOST_INSTANCES:
            write = "several steps, or tags that fewer instances have"
            raise CouldNotStart(Problem("TOO_MANY_TARGETS", f"{len(arns)} instances for one command", write))
        seen = _witness(step, checked, arns, environment, site.home)
        one_shot = checked.name == KILL
        return Outline(
            action=checked.action,
            targets={"Instances": arns} if arns else {},
            region=site.region,
            accounts=site.accounts,
            duration_ms=None if one_shot else checked.lasts_ms,
            one_shot=one_shot,
            takes_duration=checked.takes_duration,
            calls=tuple(_calls(step, checked, targets)),
            witness_signals=seen.signals,
            effective=seen.effective,
            gone=seen.gone,
        )

    def _arns(self, target: Technology, environment: Environment) -> list[str]:
        if target.type != INSTANCE:
            what = f"{target.id} is of type {target.type}, on which no document runs"
            raise CouldNotStart(Problem("TARGET_TYPE", what, f"a resource of type {INSTANCE}"))
        return arns_of(self._aws, target, environment)

    def start(self, order: Order, note: Note) -> Trace:
        """Send the command or start the automation. CallFailed tells what AWS said; undo it all the same."""
        settings = ssm_settings(order.settings)
        self._looks.pop((order.run, order.step), None)
        trace: Trace = {"run": order.run, "step": order.step, "token": order.token, "kind": settings.kind,
                        "document": settings.document, **order.where}  # fmt: skip
        note(dict(trace))
        instances = [id_of(arn) for arns in order.targets.values() for arn in arns]
        parameters = sent(settings, instances, order.duration_ms)
        begin = self._send if settings.kind == "command" else self._automate
        trace["id"] = begin(order, settings.document, instances, parameters)
        note(dict(trace))
        return trace

    def requires(self, order: Order) -> list[Problem]:
        """The agent is online on every instance that a command goes to."""
        settings = ssm_settings(order.settings)
        arns = [arn for held in order.targets.values() for arn in held]
        return managed(self._aws, arns) if settings.kind == "command" else []

    def _send(self, order: Order, document: str, instances: list[str], parameters: dict[str, list[str]]) -> str:
        with told("ssm SendCommand"):
            made = self._ssm(order.where).send_command(
                DocumentName=document, InstanceIds=instances, Parameters=parameters, Comment=mark(order.run, order.step)
            )
        return str(made["Command"]["CommandId"])

    def _automate(self, order: Order, document: str, instances: list[str], parameters: dict[str, list[str]]) -> str:
        token = str(uuid.UUID(bytes=hashlib.sha256(order.token.encode()).digest()[:16], version=4))
        with told("ssm StartAutomationExecution"):
            made = self._ssm(order.where).start_automation_execution(
                DocumentName=document, Parameters=parameters, ClientToken=token,
                Tags=[{"Key": mark(order.run, order.step), "Value": "gameday"}],
            )  # fmt: skip
        return str(made["AutomationExecutionId"])

    def poll(self, trace: Trace) -> ProviderStatus:
        """The state of the run; unknown when its id is not known (yet)."""
        if "id" not in trace:
            return ProviderStatus("unknown", "no id is known")
        return self._status(self._ssm(trace), trace.get("kind", ""), trace["id"])

    def _status(self, ssm: Any, kind: str, ident: str) -> ProviderStatus:
        word, why = self._automation(ssm, ident) if kind == "automation" else self._command(ssm, ident)
        return ProviderStatus(_STATES.get(word, "unknown"), f"{word} {why}".strip())

    @staticmethod
    def _command(ssm: Any, ident: str) -> tuple[str, str]:
        try:
            with told("ssm ListCommands"):
                found = ssm.list_commands(CommandId=ident)["Commands"]
        except CallFailed as error:
            if error.code != "InvalidCommandId":
                raise
            found = []
        return (found[0]["Status"], found[0].get("StatusDetails", "")) if found else (UNHEARD, "")

    @staticmethod
    def _automation(ssm: Any, ident: str) -> tuple[str, str]:
        with told("ssm GetAutomationExecution"):
            found = ssm.get_automation_execution(AutomationExecutionId=ident)["AutomationExecution"]
        return found["AutomationExecutionStatus"], found.get("FailureMessage", "")

    def stop(self, trace: Trace) -> ProviderStatus:
        """Cancel every run of this run and step. Idempotent. Clean once all have ended and, where the id was never
        noted or Systems Manager does not know it, once ``CLEAN_LOOKS`` calls have found nothing more."""
        noted, ssm = "id" in trace, self._ssm(trace)
        found = [(trace.get("kind", ""), trace["id"])] if noted else list(self._marked(ssm, trace))
        states = [status for kind, ident in found if (status := self._cancelled(ssm, kind, ident)).detail != UNHEARD]
        running = [status for status in states if status.state not in _OVER]
        if running:
            return running[0]
        if not states and not self._looked(trace):
            return ProviderStatus("unknown", "looking once more: a start may have been sent")
        return ProviderStatus("ended", states[-1].detail if states else "nothing was started", clean=True)

    def _looked(self, trace: Trace) -> bool:
        key = (trace["run"], trace["step"])
        self._looks[key] += 1
        return self._looks[key] >= CLEAN_LOOKS

    def _cancelled(self, ssm: Any, kind: str, ident: str) -> ProviderStatus:
        status = self._status(ssm, kind, ident)
        if status.state in _OVER or status.detail == UNHEARD:
            return status
        try:
            if kind == "automation":
                with told("ssm StopAutomationExecution"):
                    ssm.stop_automation_execution(AutomationExecutionId=ident, Type="Cancel")
            else:
                with told("ssm CancelCommand"):
                    ssm.cancel_command(CommandId=ident)
        except CallFailed:
            status = self._status(ssm, kind, ident)  # it may have ended by itself in between
            if status.state not in _OVER:
                raise
            return status
        return self._status(ssm, kind, ident)

    def tagged(self) -> Sequence[Tagged]:
        """Commands and automations of every run that have not ended. Their mark alone says whose they are."""
        return list(self._ours())

    def _ours(self) -> Iterator[Tagged]:
        with told("ssm ListCommands"):
            for page in self._ssm({}).get_paginator("list_commands").paginate():
                for item in page["Commands"]:
                    if _active(item["Status"]) and MARK.fullmatch(item.get("Comment", "")):
                        yield Tagged("SSM command", item["CommandId"], item["Status"], mark=item["Comment"])
        yield from self._our_automations()

    def _our_automations(self) -> Iterator[Tagged]:
        """AWS filters by whole keys, and ours differ by run and step: the tags of those that still run are read."""
        with told("ssm DescribeAutomationExecutions"):
            pages = self._ssm({}).get_paginator("describe_automation_executions").paginate()
            held = [item for page in pages for item in page["AutomationExecutionMetadataList"]]
        for item in held:
            status, ident = item["AutomationExecutionStatus"], item["AutomationExecutionId"]
            if _active(status) and (sign := self._mark_of(ident)):
                yield Tagged("SSM automation", ident, status, mark=sign)

    def _mark_of(self, automation: str) -> str:
        with told("ssm ListTagsForResource"):
            found = self._ssm({}).list_tags_for_resource(ResourceType="Automation", ResourceId=automation)["TagList"]
        return next((tag["Key"] for tag in found if MARK.fullmatch(tag["Key"])), "")

    def remove(self, tagged: Tagged) -> ProviderStatus:
        """Cancel it."""
        return self._cancelled(self._ssm({}), "automation" if tagged.kind == "SSM automation" else "command", tagged.id)

    @staticmethod
    def _marked(ssm: Any, trace: Trace) -> Iterator[tuple[str, str]]:
        """Runs that carry our mark, of either kind when the kind was never noted."""
        sign, kind = mark(trace["run"], trace["step"]), trace.get("kind")
        if kind != "automation":
            with told("ssm ListCommands"):
                for page in ssm.get_paginator("list_commands").paginate():
                    yield from (("command", c["CommandId"]) for c in page["Commands"] if c.get("Comment") == sign)
        if kind != "command":
            wanted = [{"Key": "TagKey", "Values": [sign]}]
            with told("ssm DescribeAutomationExecutions"):
                for page in ssm.get_paginator("describe_automation_executions").paginate(Filters=wanted):
                    held = page["AutomationExecutionMetadataList"]
                    yield from (("automation", one["AutomationExecutionId"]) for one in held)


def _active(status: str) -> bool:
    return _STATES.get(status, "unknown") not in _OVER


def _witness(step: str, settings: SsmSettings, arns: Sequence[str], environment: Environment, home: Home) -> Witness:
    """The state of instances that an automation stops; none for what does not show there."""
    comes_back = {"AWS-StopEC2Instance": True, "AWS-TerminateEC2Instance": False}.get(settings.name)
    if comes_back is None or settings.kind != "automation" or not arns:
        return Witness()
    return instance_state(step, arns, environment, home, gone=comes_back)


def _calls(step: str, settings: SsmSettings, targets: Sequence[Technology]) -> Iterator[Call]:
    for service, operation in sorted({by_tags(t) for t in targets if t.tags and not t.arn and not t.name}):
        yield Call(step=step, service=service, operation=operation, why="find the targets by their tags", times="once")
    command = settings.kind == "command"
    for service, operation in prerequisite_calls(SEND) if command else ():
        yield Call(step=step, service=service, operation=operation, why="see that the agent is online", times="1 each")
    for operation, why, times in (
        ("SendCommand" if command else "StartAutomationExecution", f"run {settings.document}", "1"),
        ("ListCommands" if command else "GetAutomationExecution", "see how it goes", "once a poll"),
        ("CancelCommand" if command else "StopAutomationExecution", "undo", "when it must end early"),
        ("ListCommands" if command else "DescribeAutomationExecutions", "find it again after a crash",
         "only when its id was not noted"),
    ):  # fmt: skip
        yield Call(step=step, service="ssm", operation=operation, why=why, times=times)


if TYPE_CHECKING:  # mypy proves here that the provider fits its sockets

    def _fits(fault: SsmFault) -> tuple[Fault, Outlines, Requires, Sweeps]:
        return fault, fault, fault, fault
