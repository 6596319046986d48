"""What the rehearsal FIS refuses when a template is made or changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from gameday.rehearsal.fis_words import Wire, duration_ms, invalid
from gameday.rehearsal.metric_store import AwsError

SELECTION = re.compile(r"ALL$|COUNT\((\d+)\)$|PERCENT\((\d+)\)$")

SINGLE = "single-account"


class Validation:
    """Templates against the catalogues, and against what has an actuator here."""

    def __init__(self, known: Wire, types: Wire, offered: Sequence[str],
                 alarm_state: Callable[[str], str | None]) -> None:  # fmt: skip
        self.known, self.types, self.offered, self.alarm_state = known, types, offered, alarm_state

    def template(self, wire: Wire) -> None:
        """Refuse what is wrong with a template."""
        for key in ("description", "roleArn", "actions", "stopConditions"):
            if not wire.get(key):
                raise invalid(f"{key} is required.")
        if len(wire["actions"]) > 20 or len(wire["stopConditions"]) > 5:
            raise AwsError("ServiceQuotaExceededException", "At most 20 actions and 5 stop conditions.", 402)
        for condition in wire["stopConditions"]:
            if condition.get("source") not in ("none", "aws:cloudwatch:alarm"):
                raise invalid(f"Stop condition source {condition.get('source')!r} is not valid.")
            if condition["source"] != "none" and self.alarm_state(condition.get("value", "")) is None:
                raise invalid(f"The alarm {condition.get('value')!r} of a stop condition does not exist.")
        if wire.get("experimentOptions", {}).get("accountTargeting", SINGLE) not in (SINGLE, "multi-account"):
            raise invalid("accountTargeting is single-account or multi-account.")
        targets = wire.get("targets", {})
        for name, target in targets.items():
            self._target(name, target)
        for name, action in wire["actions"].items():
            self._action(name, action, targets, wire["actions"])
        _refuse_cycles(wire["actions"])

    def _target(self, name: str, target: Wire) -> None:
        kind = target.get("resourceType")
        if kind not in self.types:
            raise invalid(f"Target {name}: resource type {kind!r} is not known.")
        arns, tags = target.get("resourceArns"), target.get("resourceTags")
        if arns and tags:
            raise invalid(f"Target {name}: give resourceArns or resourceTags, not both.")
        parameters = target.get("parameters", {})
        if not arns and not tags and not parameters and not target.get("filters"):
            raise invalid(f"Target {name}: give resourceArns, resourceTags, filters or parameters.")
        if arns and len(arns) > 5:
            raise invalid(f"Target {name}: at most 5 resourceArns.")
        if not SELECTION.match(str(target.get("selectionMode"))):
            raise invalid(f"Target {name}: selectionMode is ALL, COUNT(n) or PERCENT(n).")
        for wanted in set(parameters) - set(self.types[kind]["parameters"]):
            raise invalid(f"Target {name}: {kind} takes no parameter {wanted!r}.")

    def _action(self, name: str, action: Wire, targets: Wire, actions: Wire) -> None:
        action_id = action.get("actionId", "")
        if action_id not in self.known:
            raise invalid(f"Action {name}: {action_id!r} is not an AWS FIS action.")
        if action_id not in self.offered:
            raise invalid(f"Action {name}: {action_id} has no actuator in rehearsal. Those that have: "
                          f"{', '.join(self.offered)}.")  # fmt: skip
        entry, given = self.known[action_id], action.get("parameters", {})
        for parameter in entry["required"]:
            if not given.get(parameter):
                raise invalid(f"Action {name}: parameter {parameter} is required.")
        for parameter in set(given) - {*entry["required"], *entry["optional"]}:
            raise invalid(f"Action {name}: {action_id} takes no parameter {parameter!r}.")
        _check_durations(given)
        self._links(name, action, targets, actions)

    def _links(self, name: str, action: Wire, targets: Wire, actions: Wire) -> None:
        entry = self.known[action["actionId"]]
        if set(action.get("targets", {})) != set(entry["targets"]):
            raise invalid(f"Action {name}: targets must be {sorted(entry['targets'])}.")
        for key, target in action.get("targets", {}).items():
            if target not in targets:
                raise invalid(f"Action {name}: target {target!r} is not defined.")
            if targets[target]["resourceType"] != entry["targets"][key]:
                raise invalid(f"Action {name}: target {target!r} must be of type {entry['targets'][key]}.")
        for other in action.get("startAfter", []):
            if other not in actions:
                raise invalid(f"Action {name}: startAfter names {other!r}, which is not defined.")


def _check_durations(given: Mapping[str, str]) -> None:
    for key, value in given.items():
        if key in ("duration", "maxDuration", "startInstancesAfterDuration", "durationBeforeInterruption"):
            if not 0 < duration_ms(value) <= 12 * 3_600_000:
                raise invalid(f"{key} must be more than zero and at most PT12H.")


def _refuse_cycles(actions: Wire) -> None:
    done: set[str] = set()
    while len(done) < len(actions):
        ready = {n for n, a in actions.items() if n not in done and done.issuperset(a.get("startAfter", []))}
        if not ready:
            raise invalid(f"startAfter makes a circle among {sorted(set(actions) - done)}.")
        done |= ready
