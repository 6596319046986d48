"""The Systems Manager of a rehearsal: commands and automations of a stated set of documents that really do something.

moto's SendCommand does nothing and its automations are missing. A document that is not here is refused with the list.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from threading import RLock
from typing import Any, Protocol

from gameday.clock import Clock, Ms
from gameday.rehearsal.fis_words import Wire
from gameday.rehearsal.metric_store import AwsError

OVER = ("Success", "Cancelled", "Failed")
LONGEST_COMMENT = 100


class Document(Protocol):
    """What a document does to instances. ``begin`` says how long it lasts (0: over at once); ``end`` takes it back."""

    def begin(self, document: str, instances: Sequence[str], parameters: Mapping[str, str]) -> Ms: ...

    def end(self, document: str, instances: Sequence[str], parameters: Mapping[str, str]) -> None: ...


@dataclass
class Run:
    """A command or an automation under way."""

    id: str
    document: str
    instances: list[str]
    parameters: dict[str, list[str]]
    begun_ms: Ms
    ends_ms: Ms
    status: str = "InProgress"
    why: str = ""
    comment: str = ""
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def plain(self) -> dict[str, str]:
        """Parameters with one value each, as documents take them."""
        return {name: values[0] for name, values in self.parameters.items() if values}

    def command(self) -> Wire:
        """As ListCommands shows it."""
        return {"CommandId": self.id, "DocumentName": self.document, "Comment": self.comment, "Status": self.status,
                "StatusDetails": self.why or self.status, "InstanceIds": self.instances,
                "Parameters": self.parameters, "RequestedDateTime": self.begun_ms / 1000,
                "TargetCount": len(self.instances)}  # fmt: skip

    def automation(self) -> Wire:
        """As GetAutomationExecution and DescribeAutomationExecutions show it."""
        shown = {"AutomationExecutionId": self.id, "DocumentName": self.document,
                 "AutomationExecutionStatus": self.status, "ExecutionStartTime": self.begun_ms / 1000}  # fmt: skip
        return shown | ({"FailureMessage": self.why} if self.why else {})


def bare(document: str) -> str:
    """The name of a document that may be given by ARN."""
    return document.rpartition("document/")[2]


class SsmEngine:
    """Runs over documents; thread-safe. ``tick`` ends what is due. ``find`` gives instance ids by tags."""

    def __init__(self, clock: Clock, find: Callable[[dict[str, str]], list[str]], seed: int = 1) -> None:
        self.clock, self.find = clock, find
        self.commands: dict[str, Document] = {}  # by the name of the document
        self.automations: dict[str, Document] = {}
        self.runs: dict[str, Run] = {}
        self.tokens: set[str] = set()
        self.lock, self._random = RLock(), Random(seed)

    def send(self, wire: Wire) -> Run:
        """SendCommand."""
        name, ids = bare(wire["DocumentName"]), self._instances(wire)
        if not ids:
            raise AwsError("InvalidInstanceId", "No instance is named, or none has these tags.")
        run = self._run(name, self.commands, ids, wire.get("Parameters", {}), "InvalidDocument")
        run.comment = wire.get("Comment", "")[:LONGEST_COMMENT]
        return run

    def automate(self, wire: Wire) -> Run:
        """StartAutomationExecution."""
        token = wire.get("ClientToken", "").lower()
        with self.lock:
            if token and token in self.tokens:
                raise AwsError("IdempotentParameterMismatch", "The client token was already used.")
            parameters = {name: list(values) for name, values in wire.get("Parameters", {}).items()}
            name, ids = bare(wire["DocumentName"]), parameters.get("InstanceId", [])
            run = self._run(name, self.automations, ids, parameters, "AutomationDefinitionNotFoundException")
            self.tokens.add(token)
        run.tags = {tag["Key"]: tag["Value"] for tag in wire.get("Tags", [])}
        return run

    def run(self, ident: str, missing: str) -> Run:
        """One that was begun; AwsError of the code ``missing`` when there is none."""
        with self.lock:
            if ident not in self.runs:
                raise AwsError(missing, f"{ident} does not exist.")
            return self.runs[ident]

    def cancel(self, run: Run) -> None:
        """End it now, and take back what it did."""
        with self.lock:
            if run.status not in OVER:
                self._end(run, "Cancelled")

    def tick(self) -> None:
        """End what is due."""
        with self.lock:
            for run in self.runs.values():
                if run.status not in OVER and self.clock.now() >= run.ends_ms:
                    self._end(run, "Success")

    def _instances(self, wire: Wire) -> list[str]:
        found = list(wire.get("InstanceIds", []))
        for target in wire.get("Targets", []):
            key = target["Key"]
            if key.lower() == "instanceids":
                found += target["Values"]
            elif key.startswith("tag:"):
                found += [ident for value in target["Values"] for ident in self.find({key[4:]: value})]
            else:
                raise AwsError("InvalidTarget", f"Targets by {key} are not served in rehearsal.")
        return sorted(set(found))

    def _run(
        self, name: str, known: Mapping[str, Document], ids: list[str], parameters: dict[str, list[str]], missing: str
    ) -> Run:
        """``missing``: how AWS says that there is no such document."""
        if name not in known:
            served = ", ".join(sorted(known)) or "none: no piece is an instance"
            raise AwsError(missing, f"{name} has no effect in rehearsal. Those that have: {served}.")
        now = self.clock.now()
        ident = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        run = Run(ident, name, ids, {k: list(v) for k, v in parameters.items()}, now, now)
        with self.lock:
            self.runs[ident] = run
            try:
                run.ends_ms = now + known[name].begin(name, ids, run.plain)
            except (OSError, ValueError) as error:  # a document that fails is the run's own end
                run.status, run.why = "Failed", str(error)
        return run

    def _end(self, run: Run, status: str) -> None:
        document: Any = self.commands.get(run.document) or self.automations[run.document]
        try:
            document.end(run.document, run.instances, run.plain)
            run.status = status
        except (OSError, ValueError) as error:
            run.status, run.why = "Failed", str(error)
