"""``build_plan``: everything that will happen, before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping

from gameday.model.content import Content
from gameday.plan import Plan
from gameday.planning.calls import plan_calls, plan_cost
from gameday.planning.case import Case, open_case
from gameday.planning.channels import channel_calls
from gameday.planning.deadman import plan_switch, stop_regions, switch_calls, switch_usd
from gameday.planning.digest import digest
from gameday.planning.envelope import check_envelope
from gameday.planning.mapped import plan_map
from gameday.planning.signals import plan_signals
from gameday.planning.spans import longest_day
from gameday.planning.steps import limit_waits, plan_steps
from gameday.protocols import Fault


def build_plan(content: Content, scenario_id: str, environment_name: str, faults: Mapping[str, Fault]) -> Plan:
    """The plan of a scenario in an environment. The content was linted before.

    ``faults`` are the providers by name; one that implements ``Outlines`` is asked for targets, witnesses and calls,
    which may read (targets by tag) and changes nothing. CouldNotStart: a name that does not exist (with close matches),
    a fault without an end, or one outside the environment's envelope. InvalidFiles: settings its provider refuses.
    """
    case = open_case(content, scenario_id, environment_name)
    steps, outlines = plan_steps(case, faults)
    check_envelope(case, steps)
    hold = max((t.hold for t in case.service.tolerances), default=0)
    longest = case.scenario.max_duration or longest_day(steps, hold)
    baseline = (
        0 if case.scenario.method == "tabletop" else case.scenario.baseline
    )  # where nothing breaks, none is needed
    steps, said, day = limit_waits(steps, longest), outlines.values(), baseline + longest
    signals = plan_signals(case, steps, said)
    planned = [step.fault for step in steps if step.fault]
    dead_man = plan_switch(case.environment.envelope.dead_man, planned)
    beating = stop_regions(planned, case.environment.region)
    inputs = {path: file.sha256 for path, file in sorted(case.files.items())}
    return Plan(
        digest=digest(inputs, environment_name, case.environment, steps),
        scenario=case.scenario.id,
        service=case.service.id,
        title=case.scenario.title or case.scenario.id,
        service_title=case.service.title,
        hypothesis=case.scenario.claim,
        environment=environment_name,
        environment_definition=case.environment,
        method=case.scenario.method,
        baseline_ms=baseline,
        max_duration_ms=longest,
        steps=steps,
        signals=signals,
        tolerances=case.service.tolerances,
        objectives=tuple(o for technology in case.service.resources.technology for o in technology.objectives()),
        guards=case.scenario.guards,
        runbooks=case.runbooks,
        scripts=dict(case.scenario.rehearsal) if case.rehearsed else {},
        deputies=_deputies(case),
        reaches={person.id: person.reach for person in case.service.resources.people if person.reach},
        calls=(
            *plan_calls(case, steps, said, signals, day),
            *switch_calls(dead_man, day, beating),
            *channel_calls(content),
        ),
        cost=plan_cost(steps, outlines, signals, day, switch_usd(dead_man, day, beating)),
        inputs=inputs,
        debrief=case.scenario.debrief,
        service_map=plan_map(case.service),
        dead_man=dead_man,
    )


def _deputies(case: Case) -> dict[str, str]:
    return {person.id: person.deputy for person in case.service.resources.people if person.deputy}
