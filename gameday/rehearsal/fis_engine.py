"""The FIS of a rehearsal: experiments that really run on an injected clock, against actuators that really break.

Follows the AWS FIS user guide (docs/fidelity.md). What has no actuator is refused when its template is made.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from importlib import resources
from threading import RLock
from typing import Any, Protocol

from gameday.clock import Clock, Ms
from gameday.rehearsal.metric_store import AwsError

ACCOUNT, REGION = "123456789012", "eu-west-2"
BUILT_IN = ("aws:fis:wait", "aws:cloudwatch:assert-alarm-state")
ENDED = frozenset({"completed", "stopped", "failed", "cancelled"})
DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$")
SELECTION = re.compile(r"ALL$|COUNT\((\d+)\)$|PERCENT\((\d+)\)$")
TEMPLATE_KEYS = ("description", "stopConditions", "targets", "actions", "roleArn", "tags", "logConfiguration",
                 "experimentReportConfiguration")  # fmt: skip
Wire = dict[str, Any]


class Actuator(Protocol):
    """Something that breaks a workload's pieces."""

    def start(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None: ...

    def stop(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None: ...


def catalogue(name: str) -> Wire:
    """One of the FIS catalogues, from the package data."""
    found: Wire = json.loads(resources.files("gameday.data").joinpath(name).read_text("utf-8"))
    return found


def invalid(message: str) -> AwsError:
    """ValidationException."""
    return AwsError("ValidationException", message)


def missing(what: str) -> AwsError:
    """ResourceNotFoundException."""
    return AwsError("ResourceNotFoundException", f"{what} was not found.", 404)


def duration_ms(text: str) -> Ms:
    """An ISO 8601 duration in milliseconds."""
    match = DURATION.match(text)
    if not match or text in ("P", "PT"):
        raise invalid(f"{text!r} is not an ISO 8601 duration.")
    days, hours, minutes, seconds = (float(g or 0) for g in match.groups())
    return round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000)


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
    stop_wanted: str = ""

    @property
    def arn(self) -> str:
        return f"arn:aws:fis:{REGION}:{ACCOUNT}:experiment/{self.id}"

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
        for key in ("roleArn", "targets", "stopConditions", "logConfiguration"):
            if key in self.template:
                shown[key] = deepcopy(self.template[key])
        for name, target in shown.get("targets", {}).items():
            if name in self.resolved:
                target["resourceArns"] = list(self.resolved[name])
        shown["actions"] = {name: action.view() for name, action in self.actions.items()}
        shown["targetAccountConfigurationsCount"] = 0
        for key, at in (("startTime", self.start_ms), ("endTime", self.end_ms)):
            if at is not None:
                shown[key] = at / 1000
        return shown


class FisEngine:
    """Templates and experiments of one account and Region. ``tick`` moves time on; everything is thread-safe."""

    def __init__(
        self,
        clock: Clock,
        actuators: Mapping[str, Actuator] | None = None,
        alarm_state: Callable[[str], str | None] = lambda arn: None,
        find: Callable[[Wire], list[str]] = lambda target: [],
        seed: int = 1,
    ) -> None:
        self.clock, self.actuators = clock, dict(actuators or {})
        self.alarm_state, self.find = alarm_state, find
        self.random = random.Random(seed)
        self.known, self.types = catalogue("fis-actions.json"), catalogue("fis-target-types.json")
        self.templates: dict[str, Wire] = {}
        self.experiments: dict[str, Experiment] = {}
        self.tokens: dict[tuple[str, str], tuple[str, Wire]] = {}
        self.lever = {"status": "disengaged", "reason": "Initial state"}
        self.lock = RLock()

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
            "arn": f"arn:aws:fis:{REGION}:{ACCOUNT}:action/{action_id}",
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
            again = self._repeated("template", wire)
            if again:
                return self.template(again)
            self._validate(wire)
            template_id = self._id("EXT")
            self.templates[template_id] = self._kept(wire, template_id, self.clock.now())
            self._remember("template", wire, template_id)
            return self.template(template_id)

    def update_template(self, template_id: str, wire: Wire) -> Wire:
        """UpdateExperimentTemplate."""
        with self.lock:
            old = self.template(template_id)
            merged = old | {k: v for k, v in wire.items() if k in (*TEMPLATE_KEYS, "experimentOptions")}
            self._validate(merged)
            self.templates[template_id] = merged | {"lastUpdateTime": self.clock.now() / 1000}
            return self.template(template_id)

    def template(self, template_id: str) -> Wire:
        """GetExperimentTemplate."""
        with self.lock:
            if template_id not in self.templates:
                raise missing(f"Experiment template {template_id}")
            return deepcopy(self.templates[template_id])

    def delete_template(self, template_id: str) -> Wire:
        """DeleteExperimentTemplate."""
        with self.lock:
            gone = self.template(template_id)
            del self.templates[template_id]
            return gone

    def _kept(self, wire: Wire, template_id: str, now: Ms) -> Wire:
        kept = {k: deepcopy(wire[k]) for k in TEMPLATE_KEYS if k in wire}
        options = {"accountTargeting": "single-account", "emptyTargetResolutionMode": "fail"}
        return kept | {
            "id": template_id,
            "arn": f"arn:aws:fis:{REGION}:{ACCOUNT}:experiment-template/{template_id}",
            "tags": dict(wire.get("tags", {})),
            "creationTime": now / 1000,
            "lastUpdateTime": now / 1000,
            "targetAccountConfigurationsCount": 0,
            "experimentOptions": options | wire.get("experimentOptions", {}),
        }

    def _id(self, prefix: str) -> str:
        letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789"
        return prefix + "".join(self.random.choice(letters) for _ in range(15))

    def _repeated(self, kind: str, wire: Wire) -> str | None:
        held = self.tokens.get((kind, wire.get("clientToken", "")))
        if held and held[1] != wire:
            raise AwsError("ConflictException", "The clientToken was already used with different parameters.", 409)
        return held[0] if held else None

    def _remember(self, kind: str, wire: Wire, made: str) -> None:
        if wire.get("clientToken"):
            self.tokens[(kind, wire["clientToken"])] = (made, deepcopy(wire))

    # ---- validation
    def _validate(self, wire: Wire) -> None:
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
        targets = wire.get("targets", {})
        for name, target in targets.items():
            self._validate_target(name, target)
        for name, action in wire["actions"].items():
            self._validate_action(name, action, targets, wire["actions"])
        _refuse_cycles(wire["actions"])

    def _validate_target(self, name: str, target: Wire) -> None:
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

    def _validate_action(self, name: str, action: Wire, targets: Wire, actions: Wire) -> None:
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
        self._validate_links(name, action, targets, actions)

    def _validate_links(self, name: str, action: Wire, targets: Wire, actions: Wire) -> None:
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

    # ---- experiments
    def start_experiment(self, wire: Wire) -> Wire:
        """StartExperiment."""
        with self.lock:
            again = self._repeated("experiment", wire)
            if again:
                return self.experiment(again).view()
            template = self.template(wire.get("experimentTemplateId", ""))
            if sum(e.status not in ENDED for e in self.experiments.values()) >= 5:
                raise AwsError("ServiceQuotaExceededException", "At most 5 active experiments.", 402)
            actions = {n: Action(deepcopy(a)) for n, a in template["actions"].items()}
            options = template["experimentOptions"] | {"actionsMode": "run-all"} | wire.get("experimentOptions", {})
            made = Experiment(self._id("EXP"), template, actions, options, dict(wire.get("tags", {})), self.clock.now())
            self.experiments[made.id] = made
            self._remember("experiment", wire, made.id)
            return made.view()

    def experiment(self, experiment_id: str) -> Experiment:
        """The experiment of an id."""
        with self.lock:
            if experiment_id not in self.experiments:
                raise missing(f"Experiment {experiment_id}")
            return self.experiments[experiment_id]

    def stop_experiment(self, experiment_id: str, why: str = "Experiment halted by user.") -> Wire:
        """StopExperiment: outstanding post-actions run first, then it is stopped."""
        with self.lock:
            experiment = self.experiment(experiment_id)
            if experiment.status in ENDED:
                raise invalid(f"Experiment {experiment_id} has already ended ({experiment.status}).")
            if experiment.status != "stopping":
                experiment.status, experiment.reason, experiment.ending = "stopping", why, "stopped"
            return experiment.view()

    def resolved_targets(self, experiment_id: str, target: str | None = None) -> list[Wire]:
        """ListExperimentResolvedTargets."""
        with self.lock:
            experiment = self.experiment(experiment_id)
            kinds = experiment.template.get("targets", {})
            return [
                {"resourceType": kinds[name]["resourceType"], "targetName": name, "targetInformation": {"arn": arn}}
                for name, arns in sorted(experiment.resolved.items())
                if target in (None, name)
                for arn in arns
            ]

    def set_lever(self, status: str, reason: str) -> Wire:
        """UpdateSafetyLeverState: engaged stops what runs and cancels what starts."""
        with self.lock:
            if status not in ("engaged", "disengaged") or not reason:
                raise invalid("status is engaged or disengaged, with a reason.")
            if status == self.lever["status"]:
                raise AwsError("ConflictException", f"The safety lever is already {status}.", 409)
            self.lever = {"status": status, "reason": reason}
            if status == "engaged":
                for experiment in self.experiments.values():
                    if experiment.status not in ENDED:
                        self.stop_experiment(experiment.id, "Safety lever engaged.")
            return self.safety_lever()

    def safety_lever(self) -> Wire:
        """GetSafetyLever."""
        return {"id": "default", "arn": f"arn:aws:fis:{REGION}:{ACCOUNT}:safety-lever/default",
                "state": dict(self.lever)}  # fmt: skip

    def tags_of(self, arn: str) -> dict[str, str]:
        """The live tags of a template or an experiment."""
        with self.lock:
            for template in self.templates.values():
                if template["arn"] == arn:
                    found: dict[str, str] = template["tags"]
                    return found
            for experiment in self.experiments.values():
                if experiment.arn == arn:
                    return experiment.tags
        raise missing(f"Resource {arn}")

    # ---- time
    def tick(self) -> None:
        """Move every experiment on to now."""
        with self.lock:
            for experiment in list(self.experiments.values()):
                if experiment.status not in ENDED:
                    self._advance(experiment)

    def _advance(self, experiment: Experiment) -> None:
        if experiment.status in ("initiating", "running"):
            for condition in experiment.template["stopConditions"]:
                if condition["source"] != "none" and self.alarm_state(condition["value"]) == "ALARM":
                    self.stop_experiment(experiment.id, f"Experiment halted by stop condition: {condition['value']}.")
        moves = {"pending": self._initiate, "initiating": self._begin, "running": self._run, "stopping": self._halt}
        moves[experiment.status](experiment)

    def _initiate(self, experiment: Experiment) -> None:
        if self.lever["status"] == "engaged":
            self._end(experiment, "cancelled", "Safety lever engaged.")
            return
        experiment.status, experiment.reason = "initiating", "Experiment is initiating."
        experiment.start_ms = self.clock.now()

    def _begin(self, experiment: Experiment) -> None:
        try:
            for name, target in experiment.template.get("targets", {}).items():
                experiment.resolved[name] = self._select(target)
        except Exception as error:  # a resolver is outside code: its failure is the experiment's
            self._fail(experiment, "TargetResolutionFailure", str(error))
            return
        empty = [n for n, arns in experiment.resolved.items() if not arns]
        if empty and experiment.options["emptyTargetResolutionMode"] == "fail":
            self._fail(experiment, "EmptyTargetSetError", f"Target resolution returned empty set: {', '.join(empty)}")
            return
        experiment.status, experiment.reason = "running", "Experiment is running."
        for action in experiment.actions.values():
            action.targets = [arn for t in action.wire.get("targets", {}).values() for arn in experiment.resolved[t]]
            if experiment.options["actionsMode"] == "skip-all":
                action.status, action.reason = "skipped", "Skipped: actionsMode is skip-all."
            elif action.wire.get("targets") and not action.targets:
                action.status, action.reason = "skipped", "Skipped: the target resolved to no resources."
        self._run(experiment)

    def _select(self, target: Wire) -> list[str]:
        found = sorted(target.get("resourceArns") or self.find(target))
        match = SELECTION.match(target["selectionMode"])
        assert match
        if match[1]:
            found = self.random.sample(found, min(int(match[1]), len(found)))
        elif match[2]:
            found = self.random.sample(found, len(found) * int(match[2]) // 100)
        return sorted(found)

    def _run(self, experiment: Experiment) -> None:
        now = self.clock.now()
        for action in experiment.actions.values():
            if action.status == "running" and action.start_ms is not None and now >= action.start_ms + action.lasts:
                self._finish(experiment, action, "completed", "Action was completed.")
        changed = experiment.status == "running"
        while changed and experiment.status == "running":
            changed = any([self._maybe_start(experiment, a) for a in experiment.actions.values()])
        if experiment.status == "running" and all(
            a.status in ("completed", "skipped") for a in experiment.actions.values()
        ):
            self._end(experiment, "completed", "Experiment completed.")

    def _maybe_start(self, experiment: Experiment, action: Action) -> bool:
        before = [experiment.actions[n].status for n in action.wire.get("startAfter", [])]
        if experiment.status != "running" or action.status != "pending":
            return False
        if any(s not in ("completed", "skipped") for s in before):
            return False
        action.status, action.reason, action.start_ms = "running", "Action is running.", self.clock.now()
        try:
            self._start(action)
        except Exception as error:  # an actuator is outside code: its failure is the experiment's
            self._finish_failed(experiment, action, str(error) or type(error).__name__)
            return True
        if action.lasts == 0:
            action.status, action.reason, action.end_ms = "completed", "Action was completed.", self.clock.now()
        return True

    def _start(self, action: Action) -> None:
        action_id, given = action.wire["actionId"], action.wire.get("parameters", {})
        if action_id == "aws:cloudwatch:assert-alarm-state":
            wanted = [s.strip() for s in given["alarmStates"].split(",")]
            for arn in (a.strip() for a in given["alarmArns"].split(",")):
                if self.alarm_state(arn) not in wanted:
                    raise RuntimeError(f"{arn} is {self.alarm_state(arn)}, not {' or '.join(wanted)}")
        elif action_id in self.actuators:
            self.actuators[action_id].start(action_id, list(action.targets), dict(given))

    def _finish(self, experiment: Experiment, action: Action, status: str, reason: str) -> None:
        action_id = action.wire["actionId"]
        try:
            if action_id in self.actuators and action_id not in BUILT_IN:
                self.actuators[action_id].stop(action_id, list(action.targets), dict(action.wire.get("parameters", {})))
        except Exception as error:  # see _maybe_start
            self._finish_failed(experiment, action, str(error) or type(error).__name__)
            return
        action.status, action.reason, action.end_ms = status, reason, self.clock.now()

    def _finish_failed(self, experiment: Experiment, action: Action, why: str) -> None:
        action.status, action.reason, action.end_ms = "failed", why, self.clock.now()
        experiment.error = {"accountId": ACCOUNT, "code": "ActionFailed", "location": action.wire["actionId"]}
        experiment.status, experiment.reason, experiment.ending = "stopping", f"Action failed: {why}", "failed"

    def _halt(self, experiment: Experiment) -> None:
        for action in experiment.actions.values():
            if action.status == "running":
                self._finish(experiment, action, "stopped", "Action was stopped.")
            elif action.status == "pending":
                action.status, action.reason = "cancelled", "Action was cancelled."
        self._end(experiment, experiment.ending or "stopped", experiment.reason)

    def _fail(self, experiment: Experiment, code: str, why: str) -> None:
        experiment.error = {"accountId": ACCOUNT, "code": code, "location": "targets"}
        for action in experiment.actions.values():
            action.status, action.reason = "cancelled", "Action was cancelled."
        self._end(experiment, "failed", why)

    def _end(self, experiment: Experiment, status: str, reason: str) -> None:
        experiment.status, experiment.reason, experiment.end_ms = status, reason, self.clock.now()
        for action in experiment.actions.values():
            if action.status == "pending":
                action.status, action.reason = "cancelled", "Action was cancelled."


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


def page(items: Sequence[Wire], token: str | None, size: int) -> tuple[list[Wire], str | None]:
    """One page of a list, and the token of the next."""
    start = int(token) if token and token.isdigit() else 0
    if token and not token.isdigit():
        raise invalid("nextToken is not valid.")
    end = start + size
    return list(items[start:end]), str(end) if end < len(items) else None
