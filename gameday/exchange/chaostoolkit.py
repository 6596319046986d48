"""A Chaos Toolkit experiment as a plan: its actions are the faults, and the tolerances of a service judge it.

Chaos Toolkit walks the experiment; we only look. So nothing here starts or stops anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from gameday.errors import could_not_start
from gameday.model.content import Content, Loaded, SourceFile
from gameday.model.scenario import Scenario
from gameday.model.types import Strict, frozen
from gameday.plan import Plan
from gameday.planning.build import build_plan
from gameday.protocols import Fault, Note, Order, ProviderStatus, Trace

PROVIDER = "chaos-run"
Experiment = Mapping[str, Any]


@dataclass(frozen=True)
class Watch:
    """What is to be judged: a service's tolerances, seen through its observers; and the first action's witnesses."""

    service: str
    observe: tuple[str, ...] = ()
    baseline: str = "10m"
    effective: Mapping[str, Any] | None = None
    gone: Mapping[str, Any] | None = None


class Named(Strict):
    """The one thing that is known of an action: how an envelope names it."""

    action: str


class SomebodyElses:
    """Actions that Chaos Toolkit starts and rolls back; asked to do it itself, it refuses."""

    name = PROVIDER
    settings: type[BaseModel] = Named

    def start(self, order: Order, note: Note) -> Trace:
        raise NotImplementedError("chaos run starts it")

    def poll(self, trace: Trace) -> ProviderStatus:
        raise NotImplementedError("chaos run knows")

    def stop(self, trace: Trace) -> ProviderStatus:
        raise NotImplementedError("chaos run rolls it back")


def actions_of(experiment: Experiment) -> dict[str, str]:
    """The actions of the method that are written out: name to step id. A reference ({ref: ...}) has been resolved to
    its probe by then, and probes break nothing."""
    found: dict[str, str] = {}
    for activity in experiment.get("method") or ():
        if activity.get("type") == "action" and activity["name"] not in found:
            found[activity["name"]] = f"{_slug(activity['name'])[:50]}-{len(found) + 1}"
    return found


def plan_of(content: Content, environment: str, experiment: Experiment, watch: Watch) -> Plan:
    """The plan of this experiment. CouldNotStart when a name is unknown, when the experiment has no action, or when
    one lies outside the environment's envelope; pydantic's ValidationError for a watch that makes no sense."""
    if not actions_of(experiment):
        raise could_not_start("NO_FAULT", "the method has no action, so nothing is tested", "an action in the method")
    title = str(experiment.get("title") or "experiment")
    belief = str((experiment.get("steady-state-hypothesis") or {}).get("title") or title)
    scenario = Scenario.model_validate(frozen({
        "kind": "scenario", "id": _slug(title)[:60], "service": watch.service, "title": title, "hypothesis": belief,
        "observe": watch.observe, "baseline": watch.baseline, "timeline": _timeline(experiment, watch),
    }))  # fmt: skip
    raw = json.dumps(experiment, sort_keys=True, default=repr).encode()
    loaded = Loaded(scenario, SourceFile(f"{scenario.id}.experiment.json", raw))
    known = replace(content, scenarios={**content.scenarios, scenario.id: loaded})
    provider: Fault = SomebodyElses()
    return build_plan(known, scenario.id, environment, {PROVIDER: provider})


def _timeline(experiment: Experiment, watch: Watch) -> Sequence[dict[str, Any]]:
    providers = {a["name"]: a["provider"] for a in experiment["method"] if a.get("type") == "action"}
    steps: list[dict[str, Any]] = [
        {"id": step, "title": name, "fault": PROVIDER, "action": _action(providers[name]), "one_shot": True}
        for name, step in actions_of(experiment).items()
    ]
    steps[0] |= {key: dict(told) for key, told in (("effective", watch.effective), ("gone", watch.gone)) if told}
    return steps


def _action(provider: Mapping[str, Any]) -> str:
    if provider.get("type") == "python":
        return f"chaostoolkit:{provider['module']}.{provider['func']}"
    return f"chaostoolkit:{provider.get('type')}:{provider.get('path') or provider.get('url')}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "experiment"
