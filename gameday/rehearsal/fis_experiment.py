"""One experiment of the rehearsal FIS and its actions: what they hold, and how the API shows them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field

from gameday.clock import Ms
from gameday.rehearsal.fis_words import ACCOUNT, REGION, Wire, duration_ms

ENDED = frozenset({"completed", "stopped", "failed", "cancelled"})


@dataclass
class Action:
    """An action of a running experiment."""

    wire: Wire
    targets: list[str] = field(default_factory=list)
    status: str = "pending"
    reason: str = "Initial state"
    start_ms: Ms | None = None
    end_ms: Ms | None = None

    def view(self) -> Wire:
        """As GetExperiment shows it."""
        shown = deepcopy(self.wire) | {"state": {"status": self.status, "reason": self.reason}}
        for key, at in (("startTime", self.start_ms), ("endTime", self.end_ms)):
            if at is not None:
                shown[key] = at / 1000
        return shown

    @property
    def lasts(self) -> Ms:
        """How long; 0 for what happens at once."""
        given = self.wire.get("parameters", {})
        text = given.get("duration") or given.get("startInstancesAfterDuration") or given.get("maxDuration")
        return duration_ms(text) if text else 0


@dataclass
class Experiment:
    """One experiment."""

    id: str
    template: Wire
    actions: dict[str, Action]
    options: dict[str, str]
    tags: dict[str, str]
    created_ms: Ms
    status: str = "pending"
    reason: str = "Initial state"
    error: Wire | None = None
    start_ms: Ms | None = None
    end_ms: Ms | None = None
    resolved: dict[str, list[str]] = field(default_factory=dict)
    ending: str = ""  # what `stopping` becomes
    account: str = ACCOUNT
    region: str = REGION
    reach: dict[str, Wire] = field(default_factory=dict)  # target account configurations, by account

    @property
    def arn(self) -> str:
        return f"arn:aws:fis:{self.region}:{self.account}:experiment/{self.id}"

    def state(self) -> Wire:
        """As the API shows it."""
        return {"status": self.status, "reason": self.reason} | ({"error": self.error} if self.error else {})

    def summary(self) -> Wire:
        """As ListExperiments shows it."""
        return {"id": self.id, "arn": self.arn, "experimentTemplateId": self.template["id"], "state": self.state(),
                "creationTime": self.created_ms / 1000, "tags": dict(self.tags),
                "experimentOptions": dict(self.options)}  # fmt: skip

    def view(self) -> Wire:
        """As GetExperiment shows it."""
        shown = self.summary()
        for key in ("roleArn", "targets", "stopConditions", "logConfiguration", "experimentReportConfiguration"):
            if key in self.template:
                shown[key] = deepcopy(self.template[key])
        for name, target in shown.get("targets", {}).items():
            if name in self.resolved:
                target["resourceArns"] = list(self.resolved[name])
        shown["actions"] = {name: action.view() for name, action in self.actions.items()}
        shown["targetAccountConfigurationsCount"] = len(self.reach)
        if "experimentReportConfiguration" in shown:
            shown["experimentReport"] = {"state": {"status": "failed", "reason": "A rehearsal makes no PDF."}}
        for key, at in (("startTime", self.start_ms), ("endTime", self.end_ms)):
            if at is not None:
                shown[key] = at / 1000
        return shown
