"""What is known of FIS actions and target types (AWS FIS user guide, "AWS FIS Actions reference").

The data is a help, never the authority: AWS adds actions, so an unknown one is a warning, and GetAction decides.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

ONE_SHOT = frozenset({
    "aws:ec2:reboot-instances", "aws:ec2:terminate-instances", "aws:ecs:stop-task", "aws:ecs:task-kill-process",
    "aws:eks:pod-delete", "aws:rds:failover-db-cluster", "aws:rds:reboot-db-instances",
    "aws:ec2:send-spot-instance-interruptions", "aws:eks:terminate-nodegroup-instances",
    "aws:cloudwatch:assert-alarm-state",
})  # fmt: skip
DURATIONS = ("duration", "maxDuration", "startInstancesAfterDuration", "durationBeforeInterruption")
LASTS = ("duration", "maxDuration", "startInstancesAfterDuration")  # those of DURATIONS that say when the fault ends
SHORTEST_MS = 60_000
LONGEST_MS = 12 * 3_600_000


@dataclass(frozen=True)
class Action:
    """A FIS action: target key -> target type, and its parameters."""

    id: str
    targets: dict[str, str]
    required: frozenset[str]
    optional: frozenset[str]

    @property
    def parameters(self) -> frozenset[str]:
        return self.required | self.optional

    @property
    def one_shot(self) -> bool:
        """Over at once; *gone* then means that the target, or its replacement, is in service again."""
        return self.id in ONE_SHOT

    @property
    def ends_by(self) -> str | None:
        """The parameter that says when AWS ends the fault; None when the action has none."""
        return next((name for name in LASTS if name in self.parameters), None)

    def key_of(self, resource_type: str) -> str | None:
        """The target key that takes resources of this type; None when the action takes none."""
        return next((key for key, kind in self.targets.items() if kind == resource_type), None)


@cache
def actions() -> dict[str, Action]:
    """All known actions by id."""
    data: dict[str, Any] = json.loads((files("gameday") / "data" / "fis-actions.json").read_text(encoding="utf-8"))
    return {
        ident: Action(ident, dict(a["targets"]), frozenset(a["required"]), frozenset(a["optional"]))
        for ident, a in data.items()
    }


@cache
def target_parameters(kind: str) -> dict[str, bool]:
    """The parameters that narrow targets of this type down: name -> whether it must be given; empty for a type that
    is not in the catalogue."""
    data = json.loads((files("gameday") / "data" / "fis-target-types.json").read_text(encoding="utf-8"))
    return {name: bool(one["required"]) for name, one in data.get(kind, {}).get("parameters", {}).items()}


def iso_duration(ms: int) -> str:
    """Milliseconds as FIS writes a duration: ``PT20M``, ``PT90S``. Whole seconds, rounded up."""
    seconds = -(-ms // 1000)
    return f"PT{seconds // 60}M" if seconds % 60 == 0 else f"PT{seconds}S"


_ISO = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def from_iso(text: str) -> int | None:
    """``PT20M`` or ``P1DT2H`` in milliseconds; None for what is no such duration."""
    match = _ISO.fullmatch(text)
    if not match or not any(match.groups()):
        return None
    days, hours, minutes, seconds = (float(group or 0) for group in match.groups())
    return round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000)


def from_answer(action: Any) -> Action:
    """An action as GetAction describes it."""
    asked = {name: bool(parameter.get("required")) for name, parameter in action.get("parameters", {}).items()}
    return Action(
        action["id"],
        {key: target["resourceType"] for key, target in action.get("targets", {}).items()},
        frozenset(name for name, required in asked.items() if required),
        frozenset(name for name, required in asked.items() if not required),
    )


def action_minutes(duration_ms: int | None, one_shot: bool) -> int:
    """What FIS bills for one action, in minutes begun (AWS FIS pricing); 0 when how long it lasts is not known."""
    return 1 if one_shot else -(-(duration_ms or 0) // 60_000)
