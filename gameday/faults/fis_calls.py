"""The calls of AWS FIS that follow an experiment and take it back, in one Region. All AWS errors are CallFailed."""

from __future__ import annotations

from typing import Any, Literal

from gameday.aws import Aws, CallFailed, told
from gameday.faults.catalogue import Action, from_answer
from gameday.protocols import ProviderStatus

State = Literal["starting", "active", "ended", "failed", "unknown"]
_STATES: dict[str, State] = {
    "pending": "starting", "initiating": "starting", "running": "active", "stopping": "active",
    "completed": "ended", "stopped": "ended", "cancelled": "ended", "failed": "failed",
}  # fmt: skip
OVER = ("ended", "failed")


class FisCalls:
    """FIS as one account and Region see it. ``over`` are the experiments that were seen ended, by whoever shares it."""

    def __init__(self, aws: Aws, over: set[str] | None = None) -> None:
        self._aws, self._over = aws, set() if over is None else over

    @property
    def client(self) -> Any:
        """boto3's."""
        return self._aws.client("fis")

    def action(self, ident: str) -> Action | None:
        """GetAction; None when the account does not say."""
        try:
            with told("fis GetAction"):
                return from_answer(self.client.get_action(id=ident)["action"])
        except CallFailed:
            return None

    def experiment(self, ident: str) -> Any:
        """GetExperiment; None when AWS does not know it."""
        try:
            with told("fis GetExperiment"):
                experiment = self.client.get_experiment(id=ident)["experiment"]
        except CallFailed as error:
            if error.missing:
                return None
            raise
        if status_of(experiment)[0] in OVER:
            self._over.add(ident)
        return experiment

    def targets(self, experiment: str) -> dict[str, list[str]]:
        """What FIS resolved, ARNs by target."""
        found: dict[str, list[str]] = {}
        with told("fis ListExperimentResolvedTargets"):
            pages = self.client.get_paginator("list_experiment_resolved_targets")
            for page in pages.paginate(experimentId=experiment):
                for target in page["resolvedTargets"]:
                    arn = target.get("targetInformation", {}).get("arn", "")
                    found.setdefault(target["targetName"], []).append(arn)
        return found

    def stop(self, ident: str) -> ProviderStatus | None:
        """Stop one experiment; None when AWS does not know it. StopExperiment goes first, and nothing is asked before
        it, unless the experiment was seen ended: a slow answer must not come between an abort and the stop."""
        try:
            with told("fis StopExperiment"):
                if ident not in self._over:
                    self.client.stop_experiment(id=ident)
        except CallFailed:
            experiment = self.experiment(ident)  # it may have ended by itself
            if experiment is not None and status_of(experiment)[0] not in OVER:
                raise
        else:
            experiment = self.experiment(ident)
        return None if experiment is None else ProviderStatus(*status_of(experiment))

    def delete(self, ident: str) -> None:
        """Delete a template, and with it its target account configurations, which are elements of it (AWS FIS user
        guide, "Multi-account experiments")."""
        try:
            with told("fis DeleteExperimentTemplate"):
                self.client.delete_experiment_template(id=ident)
        except CallFailed as error:
            if not error.missing:  # gone is what was wanted
                raise

    def tagged(self, call: str, operation: str, key: str, tags: dict[str, str]) -> set[str]:
        """Ids of those that have these tags."""
        with told(f"fis {call}"):
            pages = self.client.get_paginator(operation).paginate()
            return {item["id"] for page in pages for item in page[key] if tags.items() <= item.get("tags", {}).items()}

    def ours(self, call: str, operation: str, key: str, tag: str) -> list[Any]:
        """Those that bear this tag, whatever its value."""
        with told(f"fis {call}"):
            pages = self.client.get_paginator(operation).paginate()
            return [item for page in pages for item in page[key] if tag in item.get("tags", {})]


def status_of(experiment: Any) -> tuple[State, str]:
    """The state, and AWS's own words."""
    state = experiment["state"]
    return _STATES.get(state["status"], "unknown"), f"{state['status']} {state.get('reason', '')}".strip()
