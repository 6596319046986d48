"""The calls of Systems Manager that a rehearsal answers itself; the others are moto's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gameday.rehearsal.fis_words import Wire, page
from gameday.rehearsal.metric_store import AwsError
from gameday.rehearsal.ssm_engine import OVER, Run, SsmEngine, bare


class SsmApi:
    """awsJson operations over the engine."""

    def __init__(self, engine: SsmEngine) -> None:
        self.engine = engine
        self.operations: dict[str, Callable[[Wire], Wire]] = {
            "SendCommand": lambda w: {"Command": engine.send(w).command()},
            "ListCommands": self._commands,
            "DescribeInstanceInformation": _instances,
            "GetCommandInvocation": self._invocation,
            "CancelCommand": self._cancel,
            "StartAutomationExecution": lambda w: {"AutomationExecutionId": engine.automate(w).id},
            "GetAutomationExecution": lambda w: {"AutomationExecution": self._automation(w).automation()},
            "DescribeAutomationExecutions": self._automations,
            "StopAutomationExecution": self._stop,
            "ListTagsForResource": self._tags,
        }

    def serves(self, operation: str, wire: Callable[[], Wire]) -> bool:
        """Whether this operation is ours: of tags those of automations alone."""
        if operation == "ListTagsForResource":
            return bool(wire().get("ResourceType") == "Automation")
        return operation in self.operations

    def call(self, operation: str, wire: Wire) -> Wire:
        """Do one operation."""
        with self.engine.lock:
            return self.operations[operation](wire)

    def _commands(self, wire: Wire) -> Wire:
        wanted = {f["key"]: f["value"] for f in wire.get("Filters", [])}
        found = [
            run for run in self._all(self.engine.commands)
            if wire.get("CommandId") in (None, run.id)
            and bare(wanted.get("DocumentName", run.document)) == run.document
        ]  # fmt: skip
        return _listed("Commands", [run.command() for run in found], wire)

    def _all(self, documents: Any) -> list[Run]:
        return [run for run in self.engine.runs.values() if run.document in documents]

    def _invocation(self, wire: Wire) -> Wire:
        run = self.engine.run(wire["CommandId"], "InvocationDoesNotExist")
        return {"CommandId": run.id, "InstanceId": wire["InstanceId"], "DocumentName": run.document,
                "Status": run.status, "StatusDetails": run.why or run.status, "Comment": run.comment}  # fmt: skip

    def _cancel(self, wire: Wire) -> Wire:
        self.engine.cancel(self.engine.run(wire["CommandId"], "InvalidCommandId"))
        return {}

    def _automation(self, wire: Wire) -> Run:
        return self.engine.run(wire["AutomationExecutionId"], "AutomationExecutionNotFoundException")

    def _stop(self, wire: Wire) -> Wire:
        run = self._automation(wire)
        if run.status in OVER:
            raise AwsError("InvalidAutomationStatusUpdateException", f"{run.id} has ended ({run.status}).")
        self.engine.cancel(run)
        return {}

    def _tags(self, wire: Wire) -> Wire:
        run = self.engine.run(wire["ResourceId"], "InvalidResourceId")
        return {"TagList": [{"Key": key, "Value": value} for key, value in run.tags.items()]}

    def _automations(self, wire: Wire) -> Wire:
        for other in {f["Key"] for f in wire.get("Filters", [])} - {"TagKey"}:
            raise AwsError("InvalidFilterKey", f"The rehearsal finds automations by TagKey alone, not by {other}.")
        keys = {value for f in wire.get("Filters", []) if f["Key"] == "TagKey" for value in f["Values"]}
        found = [run for run in self._all(self.engine.automations) if not keys or keys & run.tags.keys()]
        return _listed("AutomationExecutionMetadataList", [run.automation() for run in found], wire)


def _instances(wire: Wire) -> Wire:
    """Every instance of a rehearsal is managed and online: commands reach its process (docs/fidelity.md)."""
    wanted = [v for f in wire.get("Filters", []) if f.get("Key") == "InstanceIds" for v in f["Values"]]
    online = {"PingStatus": "Online", "PlatformType": "Linux", "AgentVersion": "3.3.0.0"}
    return {"InstanceInformationList": [{"InstanceId": ident, **online} for ident in wanted]}


def _listed(key: str, items: list[Wire], wire: Wire) -> Wire:
    shown, token = page(items, wire.get("NextToken"), int(wire.get("MaxResults") or 50))
    return {key: shown} | ({"NextToken": token} if token else {})
