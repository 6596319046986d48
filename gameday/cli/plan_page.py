"""A plan as a facilitator reads it: what it is, when what happens, every call, what is watched, what it costs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gameday.cli.drawing import draw
from gameday.model.scenario import TAKEN, AlarmGuard, Condition, Guard, SignalGuard
from gameday.model.tolerance import Tolerance
from gameday.model.types import write_duration, write_percent
from gameday.model.workspace import REHEARSAL
from gameday.plan import Plan, PlannedFault, PlannedStep
from gameday.planning.spans import Span, day_spans

_INDENT = 2
_WIDTHS = {"when": 22, "step": 22, "who": 22, "call": 36, "times": 18, "signal": 34}
_SHORT = frozenset({"within", "ends", "every", "settles"})
_WIDE = 110  # from here on there is room for a column that says who


def page(plan: Plan, console: Console) -> str:
    """Everything in the plan, in the width and the colours of the console; no line ends in blanks."""
    with console.capture() as captured:
        for heading, content in _sections(plan, console.width - _INDENT):
            console.print(Text(heading, style="bold"))
            console.print(Padding(content, (0, 0, 1, _INDENT)))
    return "\n".join(line.rstrip() for line in captured.get().rstrip().splitlines())


def _sections(plan: Plan, width: int) -> Iterator[tuple[str, RenderableType]]:
    known = day_spans(plan)
    yield plan.title, _what(plan)
    yield "Timeline", Group(_timeline(plan, known, width), Text(), draw(plan, width))
    for step in plan.steps:
        if step.fault:
            yield f"Fault {step.id}", _fault(step.fault)
    yield "Calls", _table(("call", "times", "why"), _calls(plan))
    yield "Signals", _table(("signal", "every", "settles", "means"), _signals(plan))
    yield "Stops the day", _lines(_guards(plan))
    yield "Cost", _cost(plan)
    yield "Digest", _seal(plan)


def _what(plan: Plan) -> Table:
    rows: list[tuple[str, str | Text]] = [
        ("scenario", plan.scenario),
        ("service", plan.service_title),
        ("environment", _environment(plan)),
        ("hypothesis", plan.hypothesis),
        *(("tolerances", _tolerance(t)) for t in plan.tolerances),
        ("length", f"baseline {_t(plan.baseline_ms)}, then at most {_t(plan.max_duration_ms)}"),
    ]
    rows += [("method", "tabletop: people and process, no fault")] if plan.method == "tabletop" else []
    if plan.scripts:
        rows.append(("scripted", f"{', '.join(sorted(plan.scripts))}, unless somebody holds the role"))
    return _facts(rows)


def _environment(plan: Plan) -> Text:
    definition = plan.environment_definition
    name = Text(plan.environment, style="bold")
    name.append(" PRODUCTION" if definition.production else "", style="red")
    where = f"account {definition.account}, {', '.join(definition.regions)}"
    said = "loopback only, nothing real is touched" if plan.environment == REHEARSAL else where
    return name.append(f"  {said}", style="not bold")


def _tolerance(tolerance: Tolerance) -> Text:
    text = Text(f"{tolerance.id}  ").append(f"{tolerance.comparator} {tolerance.limit_text()}", style="bold")
    measured = tolerance.measure.ledger or None not in tolerance.pair
    text.append(f" {tolerance.metric.replace('_', ' ')} ({tolerance.authority})")
    return text.append("" if measured else "; not measured, so inconclusive")


def _timeline(plan: Plan, known: dict[str, Span], width: int) -> Table:
    """On a narrow screen who acts is said behind what, where the title does not say it."""
    if width >= _WIDE:
        rows = [(*_moment(s), s.title, s.to or "", *_limits(s, known)) for s in plan.steps]
        return _table(("when", "step", "what", "who", "within", "ends"), rows)
    said = [s.title if not s.to or s.to in s.title else f"{s.title} ({s.to})" for s in plan.steps]
    narrow = [(*_moment(s), what, *_limits(s, known)) for s, what in zip(plan.steps, said, strict=True)]
    return _table(("when", "step", "what", "within", "ends"), narrow)


def _moment(step: PlannedStep) -> tuple[str, str]:
    return _starts(step), step.id


def _limits(step: PlannedStep, known: dict[str, Span]) -> tuple[str, str]:
    return _t(step.within_ms), _ends(step, known[step.id])


def _starts(step: PlannedStep) -> str:
    parts = [_t(step.at_ms) if step.at_ms else "go"] if step.at_ms is not None else []
    parts += [f"after {', '.join(step.after)}"] if step.after else []
    parts += [f"when {_condition(step.when)}, else {step.on_timeout}"] if step.when else []
    parts += ["through a branch"] if step.branch else []
    return "; ".join(parts)


def _ends(step: PlannedStep, span: Span) -> str:
    if span.open:
        return "no limit"
    fixed = step.kind in ("fault", *TAKEN) and not step.after and not step.when
    if step.kind == "inject" and step.expect is None:
        return _t(span.start) if not step.after and not step.when else ""
    return _t(span.done) if fixed else f"by {_t(span.last)}"


def _fault(fault: PlannedFault) -> Table:
    arns = [arn for arns in fault.targets.values() for arn in arns]
    unresolved = f"{', '.join(fault.resources)}: resolved when it starts" if fault.resources else "none"
    parameters = ", ".join(f"{name} {_value(value)}" for name, value in _parameters(fault).items())
    rows: list[tuple[str, str | Text]] = [
        ("action", f"{fault.action} ({fault.provider})"),
        *(("target", arn) for arn in arns or [unresolved]),
        ("parameters", parameters or "none"),
        ("effective", _condition(fault.effective) if fault.effective else "no witness: FAULT_NOT_WITNESSED"),
        ("gone", _condition(fault.gone) if fault.gone else "when its provider says ended; nothing else is seen"),
        ("worst case", _worst(fault)),
    ]
    return _facts(rows)


def _parameters(fault: PlannedFault) -> dict[str, Any]:
    """Those of its action; of a provider that has no actions, its own plain keys."""
    found = fault.settings.get("parameters")
    if isinstance(found, dict):
        return found
    return {k: v for k, v in fault.settings.items() if k != "action" and isinstance(v, str | int | float)}


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _worst(fault: PlannedFault) -> str:
    if fault.worst_case_ms is None:
        return "with gameday dead nothing ends it; gameday recover does"
    if fault.one_shot and not fault.worst_case_ms:
        return "over at once; what it did must recover by itself"
    seconds, own = f"{fault.worst_case_ms / 1000:g} s", fault.worst_case_ms == fault.duration_ms
    if fault.dead_man is None or (own and fault.ends_itself):
        return f"with gameday dead it ends by itself {seconds} after its start"
    if fault.dead_man == "watchdog":
        return f"with gameday dead a watchdog has undone it within {seconds}"
    return f"with gameday dead FIS has stopped it within {seconds}: no heartbeat, so its alarm fires"


def _condition(condition: Condition) -> str:
    return f"{condition} within {_t(condition.within)}" if condition.within is not None else str(condition)


def _calls(plan: Plan) -> Iterator[tuple[str, str, str]]:
    for call in plan.calls:
        why = f"{call.step}: {call.why}" if call.step else call.why
        yield f"{call.service} {call.operation}", call.times, why


def _signals(plan: Plan) -> Iterator[tuple[str, str, str, str]]:
    for signal in plan.signals:
        yield signal.id, _t(signal.period_ms), _t(signal.settles_ms), signal.means


def _guards(plan: Plan) -> Iterator[str]:
    yield from (_guard(guard) for guard in plan.guards)
    yield f"{_t(plan.max_duration_ms)} after the go, whatever happens"
    yield "a person, at any time"


def _guard(guard: Guard) -> str:
    if isinstance(guard, AlarmGuard):
        return f"alarm {guard.alarm} is in ALARM (FIS stops its experiments by it, too)"
    if isinstance(guard, SignalGuard):
        name, limit = ("above", guard.above) if guard.above is not None else ("below", guard.below)
        return f"{guard.signal} {name} {limit:g}" + (f" for {_t(guard.lasts)}" if guard.lasts else "")
    return f"{guard.tolerance}: {write_percent(guard.at)} of its limit may be used (upper bound)"


def _cost(plan: Plan) -> Table:
    cost = plan.cost
    free = "nothing in rehearsal; on AWS " if plan.environment == REHEARSAL else ""
    rows: list[tuple[str, str | Text]] = [
        ("in all", f"{free}about {_usd(cost.action_usd + cost.metric_usd + cost.heartbeat_usd)}"),
        ("faults", f"{_usd(cost.action_usd)} for action-minutes: {cost.action_minutes}"),
        ("reads", f"{_usd(cost.metric_usd)} for metrics read: {cost.metric_reads}"),
        *([("heartbeat", f"{_usd(cost.heartbeat_usd)} for its calls, metric and alarm")] if cost.heartbeat_usd else []),
        ("basis", cost.basis),
    ]
    return _facts(rows)


def _usd(amount: float) -> str:
    return "less than $0.01" if 0 < amount < 0.01 else f"${amount:.2f}"


def _seal(plan: Plan) -> Group:
    """The digest in one line, so that it can be copied."""
    return Group(Text(plan.digest), Text(f"over {len(plan.inputs)} files, the environment and the targets"))


def _t(ms: int | None) -> str:
    return "" if ms is None else write_duration(ms)


def _facts(rows: Iterable[tuple[str, str | Text]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    before = ""
    for name, value in rows:
        table.add_row("" if name == before else name, value if isinstance(value, Text) else Text(value))
        before = name
    return table


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Columns as wide as _WIDTHS lets them be; the one that is not there takes the room that is left."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    for head in heads:
        widest, short = _WIDTHS.get(head), head in _SHORT
        least = None if widest or short else 14
        table.add_column(head, overflow="fold", no_wrap=short, max_width=widest, min_width=least)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _lines(lines: Iterable[str]) -> Text:
    return Text("\n".join(f"- {line}" for line in lines))
