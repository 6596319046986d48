"""Faults through AWS Fault Injection Service.

For each fault one template in the Region of its targets, tagged with run and step, and one experiment from it. What
undo needs is noted before each call that changes anything; when the ids are not known (a crash between call and note)
they are found again by tag. The template is a leftover too: a fault is clean only when its experiment has ended and its
template is gone.

What a start whose answer was lost has left is found like this: the template is deleted first, so that no late start
can come from it any more (running experiments are not affected; AWS FIS user guide, "Delete an experiment template").
Then the lists are read, ``CLEAN_LOOKS`` times, because AWS does not say how soon they show what was made. The start is
never sent again: with nothing behind its token it would begin the fault.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from gameday.aws import Aws, CallFailed, told
from gameday.errors import Problem, could_not_start
from gameday.faults.catalogue import Action, actions
from gameday.faults.fis_calls import OVER, FisCalls, status_of
from gameday.faults.fis_exhibits import read_exhibits
from gameday.faults.fis_settings import FisSettings, fis_settings, parameters
from gameday.faults.fis_template import RUN_TAG, STEP_TAG, template
from gameday.faults.outline import outline
from gameday.faults.prerequisites import prerequisites
from gameday.faults.preview import preview
from gameday.model.service import Technology
from gameday.model.workspace import Environment
from gameday.protocols import (
    DryRun,
    Exhibits,
    Fault,
    Note,
    Order,
    Outline,
    Outlines,
    Preview,
    ProviderStatus,
    Requires,
    Sweeps,
    Tagged,
    Trace,
)

__all__ = ["CLEAN_LOOKS", "FisFault", "FisSettings", "parameters", "template"]

CLEAN_LOOKS = 3


class FisFault:
    """The ``fis`` provider: a Fault that also Outlines and Previews. All AWS errors are CallFailed."""

    name = "fis"
    settings: type[BaseModel] = FisSettings
    in_aws = True

    def __init__(self, aws: Aws) -> None:
        self._aws, self._apart = aws, aws.apart()
        self._looks: dict[tuple[str, str], int] = defaultdict(int)  # clean looks by run and step
        self._resolved: dict[str, dict[str, list[str]]] = {}  # by experiment; FIS resolves targets once
        self._over: set[str] = set()  # experiments that were seen ended

    def _calls(self, trace: Mapping[str, str]) -> FisCalls:
        """FIS in the Region in which the fault was started."""
        return FisCalls(self._aws.at(None, trace.get("region")), self._over)

    def _stopping(self, trace: Mapping[str, str]) -> FisCalls:
        """What takes back goes this way alone: nothing that reads or starts can keep it waiting."""
        return FisCalls(self._apart.at(None, trace.get("region")), self._over)

    def outline(
        self, step: str, settings: BaseModel, targets: Sequence[Technology], environment: Environment
    ) -> Outline:
        """What will be done, from the files alone; AWS is read only where targets are named by tags. CouldNotStart
        for a target that cannot be resolved."""
        return outline(self._aws, step, settings, targets, environment)

    def preview(self, order: Order) -> list[Problem]:
        """Whether the account knows the action, its parameters and the targets. Reads only; what the account does not
        answer is a warning."""
        return preview(self._aws, order)

    def start(self, order: Order, note: Note) -> Trace:
        """Make the template and start the experiment. A repetition by botocore carries the same token, so that FIS
        starts one experiment. CallFailed tells what AWS said; the fault may then be there all the same: undo it."""
        return self._begin(order, note, {})

    def dry_start(self, order: Order, note: Note) -> Trace:
        """The same with ``skip-all``: FIS resolves the targets and checks its role, and no action runs (AWS FIS user
        guide, "Target preview")."""
        return self._begin(order, note, {"experimentOptions": {"actionsMode": "skip-all"}})

    def requires(self, order: Order) -> list[Problem]:
        """What the actions need in AWS to work at all."""
        return prerequisites(self._aws.at(None, order.region), order)

    def _begin(self, order: Order, note: Note, options: Mapping[str, Any]) -> Trace:
        roles = _roles(order)
        self._looks.pop((order.run, order.step), None)
        _ = self._stopping(order.where).client  # the way to stop it is open before there is anything to stop
        calls = FisCalls(self._aws.at(None, order.region))
        request = template(order, self._learnt(order, calls))
        trace: Trace = {"run": order.run, "step": order.step, "token": order.token, **order.where}
        note(dict(trace))
        with told("fis CreateExperimentTemplate"):
            made = calls.client.create_experiment_template(**request)
        trace["template"] = made["experimentTemplate"]["id"]
        note(dict(trace))
        self._reach(calls, order, trace["template"], roles)
        with told("fis StartExperiment"):
            begun = calls.client.start_experiment(
                clientToken=order.token, experimentTemplateId=trace["template"], tags=request["tags"], **options
            )
        trace["experiment"] = begun["experiment"]["id"]
        note(dict(trace))
        return trace

    @staticmethod
    def _reach(calls: FisCalls, order: Order, ident: str, roles: Mapping[str, str]) -> None:
        """Let the experiment act in the accounts of its targets. These configurations go with the template."""
        for account in order.accounts:
            with told(f"fis CreateTargetAccountConfiguration (account {account})"):
                calls.client.create_target_account_configuration(
                    clientToken=f"{order.token}-{account}", experimentTemplateId=ident, accountId=account,
                    roleArn=roles[account], description=f"gameday {order.run} {order.step}"[:512],
                )  # fmt: skip

    @staticmethod
    def _learnt(order: Order, calls: FisCalls) -> dict[str, Action]:
        """The actions that are not in the catalogue, as the account knows them."""
        asked = {part.action for part in fis_settings(order.settings).each} - actions().keys()
        return {ident: action for ident in sorted(asked) if (action := calls.action(ident))}

    def poll(self, trace: Trace) -> ProviderStatus:
        """The experiment's state and the targets that FIS resolved. An experiment that AWS does not know (yet) is
        unknown."""
        if "experiment" not in trace:
            return ProviderStatus("unknown", "no experiment id is known")
        calls = self._calls(trace)
        experiment = calls.experiment(trace["experiment"])
        if experiment is None:
            return ProviderStatus("unknown", f"AWS does not know experiment {trace['experiment']}")
        state, detail = status_of(experiment)
        targets = {} if state == "starting" else self._targets(calls, trace["experiment"])
        return ProviderStatus(state, detail, False, targets)

    def _targets(self, calls: FisCalls, experiment: str) -> dict[str, list[str]]:
        """What FIS resolved, read until there is something; nothing when it cannot be read, for the state is known."""
        if experiment not in self._resolved:
            try:
                found = calls.targets(experiment)
            except CallFailed:
                return {}
            if not found:
                return {}
            self._resolved[experiment] = found
        return self._resolved[experiment]

    def stop(self, trace: Trace) -> ProviderStatus:
        """Stop every experiment of this run and step and remove their templates. Idempotent. Clean once all have ended
        and, where an id was never noted, once ``CLEAN_LOOKS`` calls have found nothing more."""
        calls = self._stopping(trace)
        known = list(_stop_all(calls, trace))
        for ident in sorted(_templates(calls, trace)):
            calls.delete(ident)
        running = [status for status in known if status.state not in OVER]
        if running:
            return running[0]
        if not known and not self._looked(trace):
            return ProviderStatus("unknown", "looking once more: a start may have been sent", clean=False)
        return ProviderStatus("ended", known[-1].detail if known else "nothing was started", clean=True)

    def _looked(self, trace: Trace) -> bool:
        """Count a look that found no experiment; whether there were enough."""
        key = (trace["run"], trace["step"])
        self._looks[key] += 1
        return self._looks[key] >= CLEAN_LOOKS

    def exhibits(self, trace: Trace) -> Mapping[str, bytes]:
        """The experiment's own log and report, as far as they are there. CallFailed when they cannot be read."""
        found = self._calls(trace).experiment(trace["experiment"]) if "experiment" in trace else None
        return {} if found is None else read_exhibits(self._aws.at(None, trace.get("region")), found)

    def tagged(self) -> Sequence[Tagged]:
        """Experiments that have not ended, and templates, of every run. Templates first, so that no late start comes
        from one; running experiments are not affected by that."""
        calls = self._calls({})
        templates = [_tagged("FIS experiment template", item, "there") for item in calls.ours(
            "ListExperimentTemplates", "list_experiment_templates", "experimentTemplates", RUN_TAG)]  # fmt: skip
        experiments = calls.ours("ListExperiments", "list_experiments", "experiments", RUN_TAG)
        active = [item for item in experiments if status_of(item)[0] not in OVER]
        return [*templates, *(_tagged("FIS experiment", item, item["state"]["status"]) for item in active)]

    def remove(self, tagged: Tagged) -> ProviderStatus:
        """Delete a template, stop an experiment."""
        calls = self._stopping({})
        if tagged.kind == "FIS experiment template":
            calls.delete(tagged.id)
            return ProviderStatus("ended", "deleted", clean=True)
        return calls.stop(tagged.id) or ProviderStatus("ended", "AWS does not know it", clean=True)


def _tagged(kind: str, item: Any, state: str) -> Tagged:
    return Tagged(kind, item["id"], state, item["tags"][RUN_TAG], item["tags"].get(STEP_TAG, ""))


def _roles(order: Order) -> dict[str, str]:
    """The role that FIS takes in each account of the targets. CouldNotStart when one has none, or the environment."""
    held = {"": order.environment.fis_role}
    for account in order.accounts:
        held[account] = order.environment.at(order.environment.name_of(account)).fis_role
    for account, role in held.items():
        if not role:
            of = f"account {account}" if account else "the environment"
            write = f"fis_role: arn:aws:iam::{account or '111122223333'}:role/gameday-fis"
            raise could_not_start("NO_FIS_ROLE", f"{of} names no role for FIS to act in", write)
    return {account: role for account, role in held.items() if role}


def _stop_all(calls: FisCalls, trace: Trace) -> Iterator[ProviderStatus]:
    """The one whose id was noted, at once; without it, or when AWS does not know it, those with our tags."""
    status = calls.stop(trace["experiment"]) if "experiment" in trace else None
    if status is not None:
        yield status
        return
    for ident in sorted(calls.tagged("ListExperiments", "list_experiments", "experiments", _tags(trace))):
        status = calls.stop(ident)
        if status is not None:
            yield status


def _templates(calls: FisCalls, trace: Trace) -> set[str]:
    """By id, or by tag: a crash may have come between the call and its note."""
    if "template" in trace:
        return {trace["template"]}
    return calls.tagged("ListExperimentTemplates", "list_experiment_templates", "experimentTemplates", _tags(trace))


def _tags(trace: Trace) -> dict[str, str]:
    return {RUN_TAG: trace["run"], STEP_TAG: trace["step"]}


if TYPE_CHECKING:  # mypy proves here that the provider fits its sockets

    def _fits(fault: FisFault) -> tuple[Fault, Outlines, Preview, DryRun, Requires, Exhibits, Sweeps]:
        return fault, fault, fault, fault, fault, fault, fault
