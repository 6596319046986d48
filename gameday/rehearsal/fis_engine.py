"""The FIS of a rehearsal: experiments that really run on an injected clock, against actuators that really break.

Follows the AWS FIS user guide (docs/fidelity.md). What has no actuator is refused when its template is made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from copy import deepcopy

from gameday.clock import Clock
from gameday.rehearsal.fis_experiment import ENDED, Action, Experiment
from gameday.rehearsal.fis_templates import BUILT_IN, Actuator, MayEnd, Templates
from gameday.rehearsal.fis_validation import SELECTION
from gameday.rehearsal.fis_words import ACCOUNT, REGION, Wire, invalid, missing
from gameday.rehearsal.metric_store import AwsError


class FisEngine(Templates):
    """Experiments over their templates. ``tick`` moves time on; everything is thread-safe."""

    def __init__(
        self,
        clock: Clock,
        actuators: Mapping[str, Actuator] | None = None,
        alarm_state: Callable[[str], str | None] = lambda arn: None,
        find: Callable[[Wire], list[str]] = lambda target: [],
        seed: int = 1,
        account: str = ACCOUNT,
        region: str = REGION,
    ) -> None:
        super().__init__(clock, actuators or {}, alarm_state, seed, account, region)
        self.find = find
        self.find_in: Callable[[str, Wire], list[str]] = lambda account, target: []  # the same in another account
        self.ended: Callable[[Experiment], None] = lambda experiment: None  # told of each experiment that has ended
        self.experiments: dict[str, Experiment] = {}
        self.lever = {"status": "disengaged", "reason": "Initial state"}

    # ---- experiments
    def start_experiment(self, wire: Wire) -> Wire:
        """StartExperiment."""
        with self.lock:
            again = self.repeated("experiment", wire)
            if again:
                return self.experiment(again).view()
            template = self.template(wire.get("experimentTemplateId", ""))
            if sum(e.status not in ENDED for e in self.experiments.values()) >= 5:
                raise AwsError("ServiceQuotaExceededException", "At most 5 active experiments.", 402)
            actions = {n: Action(deepcopy(a)) for n, a in template["actions"].items()}
            options = template["experimentOptions"] | {"actionsMode": "run-all"} | wire.get("experimentOptions", {})
            reach = deepcopy(self.reach.get(template["id"], {}))
            if options["accountTargeting"] == "multi-account" and not reach:
                raise invalid("A multi-account experiment needs a target account configuration.")
            made = Experiment(
                self._id("EXP"), template, actions, options, dict(wire.get("tags", {})), self.clock.now(),
                account=self.account, region=self.region, reach=reach,
            )  # fmt: skip
            self.experiments[made.id] = made
            self.remember("experiment", wire, made.id)
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
        return {"id": "default", "arn": f"arn:aws:fis:{self.region}:{self.account}:safety-lever/default",
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
                experiment.resolved[name] = self._select(target, experiment.reach)
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

    def _candidates(self, target: Wire, accounts: Collection[str]) -> list[str]:
        """Of the accounts in which the experiment acts, and of its Region: nothing else is in its reach."""
        if target.get("resourceArns"):
            return [arn for arn in target["resourceArns"] if _within(arn, accounts, self.region)]
        found = self.find(target) if self.account in accounts else []
        others = sorted(set(accounts) - {self.account})
        return [*found, *(arn for account in others for arn in self.find_in(account, target))]

    def _select(self, target: Wire, reach: Collection[str] = ()) -> list[str]:
        found = sorted(self._candidates(target, reach or (self.account,)))
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
            if action.status != "running" or action.start_ms is None:
                continue
            if now >= action.start_ms + action.lasts or self._over(action):
                self._finish(experiment, action, "completed", "Action was completed.")
        changed = experiment.status == "running"
        while changed and experiment.status == "running":
            changed = any([self._maybe_start(experiment, a) for a in experiment.actions.values()])
        if experiment.status == "running" and all(
            a.status in ("completed", "skipped") for a in experiment.actions.values()
        ):
            self._end(experiment, "completed", "Experiment completed.")

    def _over(self, action: Action) -> bool:
        """Whether it ended before its longest duration, where its actuator can tell (documents of SSM)."""
        actuator = self.actuators.get(action.wire["actionId"])
        given = dict(action.wire.get("parameters", {}))
        return isinstance(actuator, MayEnd) and actuator.over(action.wire["actionId"], list(action.targets), given)

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
        experiment.error = {"accountId": self.account, "code": "ActionFailed", "location": action.wire["actionId"]}
        experiment.status, experiment.reason, experiment.ending = "stopping", f"Action failed: {why}", "failed"

    def _halt(self, experiment: Experiment) -> None:
        for action in experiment.actions.values():
            if action.status == "running":
                self._finish(experiment, action, "stopped", "Action was stopped.")
            elif action.status == "pending":
                action.status, action.reason = "cancelled", "Action was cancelled."
        self._end(experiment, experiment.ending or "stopped", experiment.reason)

    def _fail(self, experiment: Experiment, code: str, why: str) -> None:
        experiment.error = {"accountId": self.account, "code": code, "location": "targets"}
        for action in experiment.actions.values():
            action.status, action.reason = "cancelled", "Action was cancelled."
        self._end(experiment, "failed", why)

    def _end(self, experiment: Experiment, status: str, reason: str) -> None:
        experiment.status, experiment.reason, experiment.end_ms = status, reason, self.clock.now()
        for action in experiment.actions.values():
            if action.status == "pending":
                action.status, action.reason = "cancelled", "Action was cancelled."
        self.ended(experiment)


def _within(arn: str, accounts: Collection[str], region: str) -> bool:
    """Whether an ARN may be of these accounts and this Region; some name neither (S3), or no Region (IAM)."""
    parts = arn.split(":", 5)
    return len(parts) < 6 or (parts[4] in ("", *accounts) and parts[3] in ("", region))
