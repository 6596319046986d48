"""What is known of FIS actions and target types (AWS FIS user guide, "AWS FIS Actions reference").

The data is a help, never the authority: AWS adds actions, so an unknown one is a warning, and GetAction decides.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

ONE_SHOT = frozenset({
    "aws:ec2:reboot-instances", "aws:ec2:terminate-instances", "aws:ecs:stop-task", "aws:ecs:task-kill-process",
    "aws:eks:pod-delete", "aws:rds:failover-db-cluster", "aws:rds:reboot-db-instances",
    "aws:ec2:send-spot-instance-interruptions",
})  # fmt: skip
DURATIONS = ("duration", "maxDuration", "startInstancesAfterDuration", "durationBeforeInterruption")
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


@cache
def actions() -> dict[str, Action]:
    """All known actions by id."""
    data: dict[str, Any] = json.loads((files("gameday") / "data" / "fis-actions.json").read_text(encoding="utf-8"))
    return {
        ident: Action(ident, dict(a["targets"]), frozenset(a["required"]), frozenset(a["optional"]))
        for ident, a in data.items()
    }


def iso_duration(ms: int) -> str:
    """Milliseconds as FIS writes a duration: ``PT20M``, ``PT90S``. Whole seconds, rounded up."""
    seconds = -(-ms // 1000)
    return f"PT{seconds // 60}M" if seconds % 60 == 0 else f"PT{seconds}S"


def covered(resource_types: Sequence[str], action: Action) -> bool:
    """Whether all these resources are of a type that the action takes."""
    return set(resource_types) <= set(action.targets.values())
