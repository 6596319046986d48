"""Charts as Vega-Lite specifications, from the report's own data: no clock, no locale, times in minutes from the go.

A chart never stands alone: the words and tables beside it say the same, so nothing is lost where it cannot be drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gameday.clock import Ms, from_iso
from gameday.journal.events import Event
from gameday.plan import Plan
from gameday.reports.document import short
from gameday.reports.figures import after_words, clock_of, measured_words, used_words
from gameday.reports.model import Report, ToleranceTold
from gameday.verdict.facts import gather

Spec = dict[str, Any]
MINUTE = 60_000
MOST_POINTS = 600  # of one signal; more are drawn as the highest of each stretch
MOST_LABEL = 34
INK = {"light": "#1f2933", "dark": "#d7dee7"}
SOFT = {"light": "#cbd2d9", "dark": "#46505b"}
GOOD, BAD, WARN, BLUE = "#3a8f6b", "#d1495b", "#d08b2c", "#4a7fb5"
LANES = ("service", "technology", "process", "people", "the day")
FONT = "Libertinus Serif"


def charts(report: Report, plan: Plan, events: Sequence[Event]) -> dict[str, Spec]:
    """By name, those that there is data for."""
    go = None if report.began is None else from_iso(report.began)
    made = {
        "tolerances": _tolerances(report),
        "signals": None if go is None else _signals(report, plan, events, go),
        "map": service_map(report),
        "timeline": _timeline(report),
        "clocks": _clocks(report),
    }
    return {name: spec for name, spec in made.items() if spec is not None}


def themed(spec: Spec, theme: str = "light", font: str = FONT) -> Spec:
    """The same in ink for light or dark paper."""
    ink, soft = INK[theme], SOFT[theme]
    config = {
        "font": font,
        "background": "transparent",
        "view": {"stroke": None},
        "axis": {"labelColor": ink, "titleColor": ink, "gridColor": soft, "gridOpacity": 0.5, "domainColor": soft,
                 "tickColor": soft, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
                 "labelLimit": 300},
        "legend": {"labelColor": ink, "titleColor": ink, "labelFontSize": 12, "orient": "bottom", "title": None},
        "header": {"labelColor": ink, "titleColor": ink},
        "title": {"color": ink, "fontSize": 12, "fontWeight": "normal", "anchor": "start"},
        "text": {"color": ink},
        "rule": {"color": ink},
    }  # fmt: skip
    return {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", **spec, "config": config}


def label(text: str) -> str:
    """Short enough for an axis."""
    whole = short(text)
    return whole if len(whole) <= MOST_LABEL else f"{whole[: MOST_LABEL - 1]}…"


def _scale(**colours: str) -> Spec:
    return {"domain": [k.replace("_", " ") for k in colours], "range": list(colours.values())}


def _tolerances(report: Report) -> Spec | None:
    rows = [row for t in report.tolerances if (row := _bar(t)) is not None]
    if not rows:
        return None
    y = {"field": "name", "type": "nominal", "title": None, "sort": None}
    widest = max(100.0, *(float(r["end"]) for r in rows)) * 1.08
    x = {"type": "quantitative", "title": "% of the limit", "scale": {"domain": [0, widest], "nice": False}}
    paint = {"field": "verdict", "type": "nominal", "scale": _scale(within=GOOD, breached=BAD, inconclusive=WARN),
             "legend": {"symbolOpacity": 1, "symbolType": "square"}}  # fmt: skip
    tip = [{"field": f, "type": "nominal"} for f in ("name", "verdict", "measured", "used")]
    bar = {"type": "bar", "height": 16}
    return {
        "data": {"values": rows},
        "width": 480,
        "height": {"step": 36},
        "layer": [
            {"mark": {**bar, "opacity": 0.35}, "encoding": {"y": y, "x": {**x, "field": "zero"}, "x2": {"field": "end"},
                                                            "color": paint, "tooltip": tip}},
            {"mark": bar, "encoding": {"y": y, "x": {**x, "field": "zero"}, "x2": {"field": "lo"}, "color": paint,
                                       "tooltip": tip}},
            {"mark": {"type": "text", "align": "left", "dx": 5}, "encoding": {
                "y": y, "x": {**x, "field": "end"}, "text": {"field": "open"}}},
            {"data": {"values": [{"at": 100, "says": "the limit"}]}, "mark": {"type": "rule", "strokeWidth": 2},
             "encoding": {"x": {**x, "field": "at"}, "tooltip": [{"field": "says", "type": "nominal"}]}},
        ],
    }  # fmt: skip


def _bar(found: ToleranceTold) -> dict[str, Any] | None:
    lo, hi = found.used.lo, found.used.hi
    if lo is None:
        return None
    open_end = hi is None
    end = max(lo.value * 1.25, 1.2) if hi is None else hi.value
    return {
        "name": label(found.id), "verdict": found.verdict, "zero": 0, "lo": lo.value * 100, "end": end * 100,
        "measured": measured_words(found), "used": used_words(found), "open": "▶ no upper bound" if open_end else "",
    }  # fmt: skip


def _clocks(report: Report) -> Spec | None:
    rows = [
        {"name": c.name, "lo": c.after.lo.value / 60, "hi": c.after.hi.value / 60, "after": after_words(c.after)}
        for c in report.clocks
        if c.after.lo is not None and c.after.hi is not None
    ]
    if not rows:
        return None
    x = {"type": "quantitative", "title": "minutes since the fault took effect"}
    y = {"field": "name", "type": "nominal", "title": None, "sort": None}
    tip = [{"field": f, "type": "nominal"} for f in ("name", "after")]
    ends = {"y": y, "x": {**x, "field": "lo"}, "x2": {"field": "hi"}, "tooltip": tip}
    return {
        "data": {"values": rows},
        "width": 300,
        "height": {"step": 22},
        "layer": [
            {"mark": {"type": "bar", "height": 9, "color": BLUE, "minBandSize": 3}, "encoding": ends},
            {"mark": {"type": "tick", "color": BLUE, "thickness": 2, "size": 13},
             "encoding": {"y": y, "x": {**x, "field": "lo"}, "tooltip": tip}},
            {"mark": {"type": "text", "align": "left", "dx": 6, "fontSize": 11},
             "encoding": {"y": y, "x": {**x, "field": "hi"}, "text": {"field": "after"}}},
        ],
    }  # fmt: skip


def _timeline(report: Report) -> Spec | None:
    rows = [
        {"at": m.offset.value / 60, "lane": m.kind, "says": short(m.says), "when": clock_of(m)}
        for m in report.moments
        if m.offset is not None and m.offset.value >= 0  # alarms may have changed long before
    ]
    if not rows:
        return None
    lanes = [lane for lane in LANES if any(r["lane"] == lane for r in rows)]
    colours = {"field": "lane", "type": "nominal", "legend": None,
               "scale": {"domain": list(LANES), "range": [GOOD, BAD, BLUE, WARN, "#8b95a1"]}}  # fmt: skip
    return {
        "data": {"values": rows},
        "width": 520,
        "height": {"step": 26},
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 0.75},
        "encoding": {
            "x": {"field": "at", "type": "quantitative", "title": "minutes after the go"},
            "y": {"field": "lane", "type": "nominal", "title": None, "sort": lanes},
            "color": colours,
            "tooltip": [{"field": f, "type": "nominal"} for f in ("when", "lane", "says")],
        },
    }


def _signals(report: Report, plan: Plan, events: Sequence[Event], go: Ms) -> Spec | None:
    series, units = gather(events).series, {s.id: (s.unit, s.period_ms) for s in plan.signals}
    shown = [name for name in _looked_at(plan) if name in units and _known(series.get(name, {}))]
    if not shown:
        return None
    end = max(max(series[name]) for name in shown)
    begin = min(min(series[name]) for name in shown)
    domain = [(begin - go) / MINUTE, (end - go) / MINUTE]
    marks, spans = _marks(report, go, end), _spans(report, go, events)
    panels = [
        _panel(name, units[name][0], _points(series[name], units[name][1], go), marks, spans, domain, name == shown[-1])
        for name in shown
    ]
    return {"vconcat": panels, "spacing": 12, "resolve": {"scale": {"color": "shared"}}}


def _looked_at(plan: Plan) -> list[str]:
    """The signals that tolerances and witnesses read, each once."""
    found = [name for t in plan.tolerances if t.measure is not None for name in reversed(t.pair) if name]
    for step in plan.steps:
        if step.fault is not None:
            found += [c.signal for c in (step.fault.effective, step.fault.gone) if c is not None]
    return list(dict.fromkeys(found))[:6]


def _known(values: Mapping[Ms, float | None]) -> bool:
    return any(isinstance(v, int | float) for v in values.values())


def _points(values: Mapping[Ms, float | None], period: Ms, go: Ms) -> list[dict[str, Any]]:
    """Minutes from the go; a gap stays a gap, and of too many the highest of each stretch stands."""
    starts = sorted(values)
    every = -(-len(starts) // MOST_POINTS) or 1
    rows: list[dict[str, Any]] = []
    for index in range(0, len(starts), every):
        some = starts[index : index + every]
        read = [v for t in some if isinstance(v := values[t], int | float)]
        if rows and period and some[0] - starts[index - 1] > period:
            rows.append({"at": (starts[index - 1] + period - go) / MINUTE, "value": None})
        rows.append({"at": (some[0] - go) / MINUTE, "value": max(read) if read else None})
    return rows


def _marks(report: Report, go: Ms, end: Ms) -> list[dict[str, Any]]:
    """When each fault took effect and was gone, and when customers were served again."""
    rows = []
    for fault in report.faults:
        for says, at in (("fault", fault.effective), ("gone", fault.gone)):
            if at is not None and from_iso(at) <= end + MINUTE:
                rows.append({"at": (from_iso(at) - go) / MINUTE, "says": says, "more": f"{short(fault.title)}: {says}"})
    return rows


def _spans(report: Report, go: Ms, events: Sequence[Event]) -> list[dict[str, Any]]:
    """How long the timeline was held, and how long each fault was there."""
    rows, since = [], None
    for event in events:
        if event.type == "hold.started":
            since = event.at
        elif since is not None and event.type in ("hold.ended", "run.ended"):
            rows.append({"from": (since - go) / MINUTE, "to": (event.at - go) / MINUTE, "says": "hold"})
            since = None
    last = events[-1].at
    for fault in report.faults:
        if fault.effective:
            until = from_iso(fault.gone) if fault.gone else last
            rows.append(
                {"from": (from_iso(fault.effective) - go) / MINUTE, "to": (until - go) / MINUTE, "says": "fault"}
            )
    return rows


def _panel(
    name: str, unit: str, points: list[Any], marks: list[Any], spans: list[Any], domain: list[float], last: bool
) -> Spec:
    axis = {} if last else {"labels": False, "ticks": False}
    x = {"type": "quantitative", "title": "minutes after the go" if last else None, "axis": axis,
         "scale": {"domain": domain, "nice": False}}  # fmt: skip
    paint = {"field": "says", "type": "nominal", "scale": _scale(fault=BAD, hold=WARN, gone=GOOD),
             "legend": {"symbolOpacity": 0.8, "symbolType": "square"}}  # fmt: skip
    y = {"field": "value", "type": "quantitative", "title": unit, "axis": {"tickCount": 3}}
    return {
        "width": 540,
        "height": 84,
        "title": label(name),
        "layer": [
            {"data": {"values": spans}, "mark": {"type": "rect", "opacity": 0.16, "clip": True}, "encoding": {
                "x": {**x, "field": "from"}, "x2": {"field": "to"}, "color": paint}},
            {"data": {"values": points}, "mark": {"type": "line", "interpolate": "step-after", "color": BLUE,
                                                  "strokeWidth": 1.6, "invalid": "break-paths-show-domains"},
             "encoding": {"x": {**x, "field": "at"}, "y": y}},
            {"data": {"values": marks},
             "mark": {"type": "rule", "strokeWidth": 1.5, "strokeDash": [4, 2], "clip": True},
             "encoding": {"x": {**x, "field": "at"}, "color": paint,
                          "tooltip": [{"field": "more", "type": "nominal"}]}},
        ],
    }  # fmt: skip


def service_map(report: Report) -> Spec | None:
    """Who needs whom, left to right; what was struck and the edge that broke in red."""
    if not report.service_map:
        return None
    places = _placed({p.id: p.needs for p in report.service_map})
    struck = {p.id for p in report.service_map if p.struck}
    broken = {(e.caller, e.called) for e in report.edges if e.rise is not None and e.rise.value >= 0.05}
    edges = [
        {"x": places[p.id][0] + 0.06, "y": places[p.id][1], "x2": places[n][0] - 0.06, "y2": places[n][1],
         "how": "failed more than before" if (p.id, n) in broken else "needs"}
        for p in report.service_map
        for n in p.needs
    ]  # fmt: skip
    nodes = [
        {"x": x, "y": y, "name": label(name), "how": "struck by a fault" if name in struck else "part of the service"}
        for name, (x, y) in places.items()
    ]
    wide, tall = (max(p[i] for p in places.values()) for i in (0, 1))
    x = {"type": "quantitative", "axis": None, "scale": {"domain": [-0.4, wide + 0.6], "nice": False}}
    y = {"type": "quantitative", "axis": None, "scale": {"domain": [tall + 0.6, -0.6], "nice": False}}
    paint = {"field": "how", "type": "nominal", "scale": {
        "domain": ["part of the service", "struck by a fault", "needs", "failed more than before"],
        "range": [BLUE, BAD, "#9aa5b1", BAD]}, "legend": {"columns": 2, "symbolType": "circle"}}  # fmt: skip
    return {
        "width": 560,
        "height": int(46 * (tall + 1)),
        "layer": [
            {"data": {"values": edges}, "mark": {"type": "rule", "strokeWidth": 1.4}, "encoding": {
                "x": {**x, "field": "x"}, "y": {**y, "field": "y"}, "x2": {"field": "x2"}, "y2": {"field": "y2"},
                "color": paint}},
            {"data": {"values": nodes}, "mark": {"type": "point", "filled": True, "size": 150,
                                                                 "opacity": 1}, "encoding": {
                "x": {**x, "field": "x"}, "y": {**y, "field": "y"}, "color": paint,
                "tooltip": [{"field": f, "type": "nominal"} for f in ("name", "how")]}},
            {"data": {"values": nodes}, "mark": {"type": "text", "dy": -13, "fontSize": 11}, "encoding": {
                "x": {**x, "field": "x"}, "y": {**y, "field": "y"}, "text": {"field": "name"}}},
        ],
    }  # fmt: skip


def _placed(needs: Mapping[str, Sequence[str]]) -> dict[str, tuple[float, float]]:
    """Each resource in the column right of all that need it; a circle is cut where it closes."""
    depth = dict.fromkeys(needs, 0)
    for _ in needs:
        moved = [(n, depth[p] + 1) for p, wanted in needs.items() for n in wanted if depth[n] <= depth[p] < len(needs)]
        if not moved:
            break
        for name, least in moved:
            depth[name] = max(depth[name], min(least, len(needs)))
    ranks = {value: index for index, value in enumerate(sorted(set(depth.values())))}
    columns: dict[int, list[str]] = {}
    for name in needs:
        columns.setdefault(ranks[depth[name]], []).append(name)
    tallest = max(len(c) for c in columns.values())
    return {
        name: (float(column), row + (tallest - len(names)) / 2)
        for column, names in columns.items()
        for row, name in enumerate(names)
    }
