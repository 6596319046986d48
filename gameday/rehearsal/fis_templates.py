"""Templates of the rehearsal FIS, and the catalogue of what has an actuator here."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from copy import deepcopy
from threading import RLock
from typing import Protocol, runtime_checkable

from gameday.clock import Clock, Ms
from gameday.rehearsal.fis_validation import Validation
from gameday.rehearsal.fis_words import ACCOUNT, REGION, Wire, catalogue, missing
from gameday.rehearsal.metric_store import AwsError

BUILT_IN = ("aws:fis:wait", "aws:cloudwatch:assert-alarm-state")
TEMPLATE_KEYS = ("description", "stopConditions", "targets", "actions", "roleArn", "tags", "logConfiguration",
                 "experimentReportConfiguration")  # fmt: skip


class Actuator(Protocol):
    """Something that breaks a workload's pieces."""

    def start(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None: ...

    def stop(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None: ...


@runtime_checkable
class MayEnd(Protocol):
    """Optional: one whose actions may end before their longest duration."""

    def over(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> bool: ...


class Templates:
    """Templates of one account and Region; thread-safe."""

    def __init__(self, clock: Clock, actuators: Mapping[str, Actuator], alarm_state: Callable[[str], str | None],
                 seed: int, account: str = ACCOUNT, region: str = REGION) -> None:  # fmt: skip
        self.account, self.region = account, region
        self.reach: dict[str, dict[str, Wire]] = {}  # by template, its target account configurations
        self.clock, self.actuators, self.alarm_state = clock, dict(actuators), alarm_state
        self.random = random.Random(seed)
        self.known, self.types = catalogue("fis-actions.json"), catalogue("fis-target-types.json")
        self.templates: dict[str, Wire] = {}
        self.tokens: dict[tuple[str, str], tuple[str, Wire]] = {}
        self.lock = RLock()

    def _validation(self) -> Validation:
        return Validation(self.known, self.types, self.offered, self.alarm_state)

    # ---- catalogue
    @property
    def offered(self) -> list[str]:
        """The actions that do something here."""
        return sorted({*BUILT_IN, *(a for a in self.actuators if a in self.known)})

    def action(self, action_id: str) -> Wire:
        """GetAction."""
        if action_id not in self.offered:
            raise missing(f"Action {action_id} (this rehearsal offers {', '.join(self.offered)})")
        entry = self.known[action_id]
        required = {p: {"required": True} for p in entry["required"]}
        return {
            "id": action_id,
            "arn": f"arn:aws:fis:{self.region}:{self.account}:action/{action_id}",
            "description": f"{action_id} (rehearsal actuator)",
            "parameters": required | {p: {"required": False} for p in entry["optional"]},
            "targets": {k: {"resourceType": v} for k, v in entry["targets"].items()},
            "tags": {},
        }

    def target_type(self, name: str) -> Wire:
        """GetTargetResourceType."""
        if name not in self.types:
            raise missing(f"Target resource type {name}")
        return {"resourceType": name, "description": name, "parameters": deepcopy(self.types[name]["parameters"])}

    # ---- templates
    def create_template(self, wire: Wire) -> Wire:
        """CreateExperimentTemplate."""
        with self.lock:
            again = self.repeated("template", wire)
            if again:
                return self.template(again)
            self._validation().template(wire)
            template_id = self._id("EXT")
            self.templates[template_id] = self._kept(wire, template_id, self.clock.now())
            self.remember("template", wire, template_id)
            return self.template(template_id)

    def update_template(self, template_id: str, wire: Wire) -> Wire:
        """UpdateExperimentTemplate."""
        with self.lock:
            old = self.template(template_id)
            merged = old | {k: v for k, v in wire.items() if k in (*TEMPLATE_KEYS, "experimentOptions")}
            self._validation().template(merged)
            self.templates[template_id] = merged | {"lastUpdateTime": self.clock.now() / 1000}
            return self.template(template_id)

    def template(self, template_id: str) -> Wire:
        """GetExperimentTemplate."""
        with self.lock:
            if template_id not in self.templates:
                raise missing(f"Experiment template {template_id}")
            count = len(self.reach.get(template_id, {}))
            return deepcopy(self.templates[template_id]) | {"targetAccountConfigurationsCount": count}

    def delete_template(self, template_id: str) -> Wire:
        """DeleteExperimentTemplate."""
        with self.lock:
            gone = self.template(template_id)
            del self.templates[template_id]
            self.reach.pop(template_id, None)  # they are elements of the template
            return gone

    def _kept(self, wire: Wire, template_id: str, now: Ms) -> Wire:
        kept = {k: deepcopy(wire[k]) for k in TEMPLATE_KEYS if k in wire}
        options = {"accountTargeting": "single-account", "emptyTargetResolutionMode": "fail"}
        return kept | {
            "id": template_id,
            "arn": f"arn:aws:fis:{self.region}:{self.account}:experiment-template/{template_id}",
            "tags": dict(wire.get("tags", {})),
            "creationTime": now / 1000,
            "lastUpdateTime": now / 1000,
            "experimentOptions": options | wire.get("experimentOptions", {}),
        }

    def _id(self, prefix: str) -> str:
        letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789"
        return prefix + "".join(self.random.choice(letters) for _ in range(15))

    def repeated(self, kind: str, wire: Wire) -> str | None:
        """What was made with the same clientToken; ConflictException when that asked for something else."""
        held = self.tokens.get((kind, wire.get("clientToken", "")))
        if held and held[1] != wire:
            raise AwsError("ConflictException", "The clientToken was already used with different parameters.", 409)
        return held[0] if held else None

    def remember(self, kind: str, wire: Wire, made: str) -> None:
        """What was made with this clientToken."""
        if wire.get("clientToken"):
            self.tokens[(kind, wire["clientToken"])] = (made, deepcopy(wire))
