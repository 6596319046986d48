"""The envelope at the one door to AWS: a call that changes anything leaves only if the plan has it, and only for the
environment's account and Regions (design: run, "Safety", 9).

Plan and preflight refuse before this. It is the last line: whatever asks for a call (a fault, a runbook's step, a
plug-in), it is looked at with its parameters before a byte is sent. What undoes is never held back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from gameday.errors import Problem, Refused
from gameday.model.types import write_duration
from gameday.model.workspace import Environment

READS = re.compile(
    r"(Get|List|Describe|BatchGet|Head|Query$|Scan$|Lookup|Search|Filter|Select|Simulate|Evaluate|Check|Test|Validate"
    r"|StartQuery$|StopQuery$|StartTraceRetrieval$|CancelTraceRetrieval$|DecodeAuthorizationMessage$|AssumeRole)"
)
OWN = frozenset({  # takes back, or says that we live; injects nothing
    ("fis", "stopexperiment"), ("fis", "deleteexperimenttemplate"), ("fis", "updatesafetyleverstate"),
    ("ssm", "cancelcommand"), ("ssm", "stopautomationexecution"),
    ("cloudwatch", "putmetricdata"), ("cloudwatch", "putmetricalarm"), ("cloudwatch", "deletealarms"),
})  # fmt: skip
_ARN = re.compile(r"arn:aws[\w-]*:[\w-]+:([\w-]*):([\w-]*):")
_ANY_ACCOUNT = ("", "aws")  # buckets name none; managed policies name AWS
_ISO = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?$")
_DURATIONS = ("duration", "maxDuration", "startInstancesAfterDuration")


def canonical(service: str, operation: str) -> tuple[str, str]:
    """An operation under one name, whether written as ``StopExperiment`` or ``stop_experiment``."""
    return service, operation.replace("_", "").lower()


def outside(text: str, environment: Environment) -> str:
    """What of the ARNs in this text is not of the environment (``account 4444...``, ``Region us-east-1``), or nothing.

    A bucket's ARN names no account, so nothing can be said of it here.
    """
    for region, account in _ARN.findall(text):
        if account not in (*_ANY_ACCOUNT, *environment.every_account):
            return f"account {account}"
        if region and region not in environment.every_region:
            return f"Region {region}"
    return ""


@dataclass(frozen=True)
class Door:
    """What may leave. ``operations`` None: not known (a run is taken back without its plan), so that only account and
    Region are looked at. ``targets`` and ``tags`` are those of the plan's faults; None: not known."""

    environment: Environment
    operations: frozenset[tuple[str, str]] | None = None
    targets: frozenset[str] | None = None
    tags: frozenset[frozenset[tuple[str, str]]] = field(default_factory=frozenset)

    def ask(self, service: str, operation: str, region: str | None, params: Mapping[str, Any]) -> None:
        """Refused, with why, for a call that must not leave."""
        if READS.match(operation):
            return
        for problem in self._against(canonical(service, operation), region, params):
            message = f"{service} {operation} was not sent: {problem.message}"
            raise Refused(Problem(problem.code, message, problem.write))

    def _against(self, call: tuple[str, str], region: str | None, params: Mapping[str, Any]) -> Iterator[Problem]:
        if self.operations is not None and call not in self.operations | OWN:
            write = "a step of the plan that makes this call; a plug-in says its calls in its outline"
            yield Problem("CALL_NOT_PLANNED", "the plan has no such call", write)
        if region and region not in self.environment.every_region and not region.endswith("-global"):
            yield _place(f"it goes to Region {region}")
        for text in _texts(params):
            if found := outside(text, self.environment):
                yield _place(f"it names {found}")
        if call == ("fis", "createexperimenttemplate"):
            yield from self._template(params)

    def _template(self, params: Mapping[str, Any]) -> Iterator[Problem]:
        envelope = self.environment.envelope
        for action in dict(params.get("actions") or {}).values():
            ident = str(action.get("actionId"))
            if not any(fnmatchcase(ident, pattern) for pattern in envelope.actions):
                yield Problem("ENVELOPE_ACTION", f"{ident} is not allowed", " | ".join(envelope.actions))
            longest = max((_ms(action.get("parameters", {}).get(name)) for name in _DURATIONS), default=0)
            if longest > envelope.longest_fault:
                write = f"at most {write_duration(envelope.longest_fault)}"
                yield Problem("ENVELOPE_DURATION", f"{ident} lasts {write_duration(longest)}", write)
        for name, target in dict(params.get("targets") or {}).items():
            yield from self._target(name, target)

    def _target(self, name: str, target: Mapping[str, Any]) -> Iterator[Problem]:
        arns, tags = target.get("resourceArns", ()), frozenset(target.get("resourceTags", {}).items())
        if len(arns) > self.environment.envelope.max_targets:
            yield Problem("ENVELOPE_TARGETS", f"{name} has {len(arns)} targets", "fewer targets")
        if self.targets is None:
            return
        for arn in sorted(set(arns) - self.targets):
            yield Problem("PLAN_DRIFTED", f"{arn} is no target of the plan", "gameday plan again")
        if tags and tags not in self.tags:
            yield Problem("PLAN_DRIFTED", f"the plan has no targets with the tags {dict(tags)}", "gameday plan again")


def _place(message: str) -> Problem:
    return Problem("ENVELOPE_ACCOUNT", message, "resources of the environment's account and Regions")


def _texts(value: Any) -> Iterator[str]:
    """Every text in the parameters of a call, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from (*_texts(key), *_texts(inner))
    elif isinstance(value, list | tuple | set):
        for inner in value:
            yield from _texts(inner)


def _ms(text: object) -> int:
    """An ISO 8601 duration as FIS takes it; 0 for what is none: FIS refuses it."""
    found = _ISO.match(text) if isinstance(text, str) else None
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000
