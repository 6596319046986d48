// Signals as Vega-Lite charts with faults, holds and undo marked. The bundle is our own server's; its expressions are
// interpreted, never compiled, as the policy asks. What a chart shows stands in words beside it.

import { h, patch } from "./dom.js";
import { chartKeys } from "./gauge.js";

const UNITS = { count: "", milliseconds: " ms", seconds: " s", percent: " %", bytes: " B" };
const DRAWN_EVERY_MS = 1_000;
const dark = matchMedia("(prefers-color-scheme: dark)");
let bundle = null;

/** Vega, loaded once; null when this installation has none, and words are all there is. */
const vega = () => (bundle ??= import("./vega.js").then(() => window.vegaEmbed, () => null));

export class Charts {
  constructor(place) {
    Object.assign(this, { place, signals: new Map(), marks: [], go: null, views: new Map(), timer: null, drawing: false });
    dark.addEventListener("change", () => this.again());
    addEventListener("resize", () => this.later());
  }

  /** Everything, as the API tells it. */
  take({ signals, marks }) {
    this.marks = marks;
    for (const s of signals) {
      const held = this.signals.get(s.id) ?? { ...s, values: new Map() };
      s.points.forEach(([start, value]) => keep(held.values, start, value));
      this.signals.set(s.id, held);
    }
    this.later();
  }

  /** New datapoints. */
  add(values) {
    for (const [id, points] of Object.entries(values)) {
      const held = this.signals.get(id);
      if (held) points.forEach(([start, value]) => keep(held.values, start, value));
    }
    this.later();
  }

  later() { this.timer ??= setTimeout(() => { this.timer = null; this.draw(); }, DRAWN_EVERY_MS); }

  again() { this.views.forEach((view) => view.finalize()); this.views.clear(); this.draw(); }

  /** One at a time: two at once would draw a chart twice. */
  async draw() {
    if (this.drawing) return this.later();
    this.drawing = true;
    try { await this.all(); } finally { this.drawing = false; }
  }

  async all() {
    const charts = [...this.signals.values()].map((s) => figure(s));
    patch(this.place, charts.length ? [...charts, chartKeys()] : [h("p", { class: "soft" }, "No signal is drawn.")]);
    const embed = await vega();
    if (embed) for (const s of this.signals.values()) await this.chart(embed, s);
  }

  async chart(embed, s) {
    const canvas = document.getElementById(`chart-${s.id}`);
    if (!canvas) return;
    if (!s.values.size || this.go === null) return;
    const data = { points: points(s, this.go), marks: marks(this.marks, s, this.go) };
    const held = this.views.get(s.id);
    if (held) {
      for (const [name, rows] of Object.entries(data)) held.view.data(name, rows);
      await held.view.width(canvas.clientWidth - 60).runAsync();
      return;
    }
    const spec = drawing(s, data, canvas.clientWidth - 60);
    this.views.set(s.id, await embed(canvas, spec, { ast: true, actions: false, renderer: "canvas", defaultStyle: false, tooltip: false }));
  }
}

/** A missing datapoint never replaces a known value. */
function keep(values, start, value) { if (value !== null || !values.has(start)) values.set(start, value); }

const sorted = (s) => [...s.values].sort(([a], [b]) => a - b);
const newest = (s) => Math.max(...s.values.keys()) + s.period_ms;
const minutes = (ms, go) => (ms - go) / 60_000;

/** A gap is a gap: a bucket that is not there breaks the line. */
function points(s, go) {
  const rows = [];
  let last = null;
  for (const [start, value] of sorted(s)) {
    if (last !== null && start > last + s.period_ms) rows.push({ at: minutes(last + s.period_ms, go), value: null });
    rows.push({ at: minutes(start + s.period_ms / 2, go), value });
    last = start;
  }
  return rows;
}

/** What is marked; an empty list would have no extent, so there is always one that is nowhere. */
const marks = (all, s, go) => {
  const end = newest(s);
  const start = minutes(Math.min(...s.values.keys(), end), go);
  return [{ kind: "none", from: start, to: start }, ...all.map((m) => mark(m, go, end))];
};

const mark = (m, go, end) => ({ kind: m.kind, from: minutes(m.from_ms, go), to: minutes(m.to_ms ?? Math.max(end, m.from_ms), go) });

function figure(s) {
  const known = sorted(s).filter(([, value]) => value !== null);
  const [, last] = known.at(-1) ?? [null, null];
  const number = (value) => `${value.toLocaleString("en", { maximumSignificantDigits: 4 })}${UNITS[s.unit] ?? ` ${s.unit}`}`;
  const values = known.map(([, value]) => value);
  const words = last === null ? "no data yet" : `now ${number(last)}; ${number(values.reduce((a, b) => Math.min(a, b)))} to ${number(values.reduce((a, b) => Math.max(a, b)))} so far`;
  return h("div", { key: s.id, class: "chart", role: "group", "aria-labelledby": `name-${s.id}` },
    h("header", {}, h("h3", { id: `name-${s.id}` }, s.id), h("span", { class: "soft mono" }, words)),
    s.means ? h("p", { class: "soft" }, s.means) : null,
    h("div", { key: "canvas", class: "canvas", id: `chart-${s.id}`, foreign: true, "aria-hidden": "true" }));
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function drawing(s, data, width) {
  const kinds = ["fault", "hold", "undo", "disturbed"];
  const axis = { labelColor: colour("soft"), tickColor: colour("line"), domainColor: colour("line"), gridColor: colour("line"),
    titleColor: colour("soft"), labelFontSize: 11, titleFontSize: 11, titleFontWeight: "normal" };
  const x = { field: "at", type: "quantitative", title: "minutes since the go", scale: { zero: false, nice: false }, axis: { grid: false, tickCount: width < 400 ? 4 : 8, labelOverlap: true } };
  return {
    width, height: 96, padding: 4, background: null, autosize: { type: "pad" }, datasets: data, config: { axis, view: { stroke: null }, font: "system-ui, sans-serif" },
    layer: [
      { data: { name: "marks" }, mark: { type: "rect", opacity: 0.2, clip: true },
        encoding: { x: { ...x, field: "from" }, x2: { field: "to" }, color: { field: "kind", type: "nominal", legend: null, scale: { domain: kinds, range: kinds.map(colour) } } } },
      { data: { name: "points" }, mark: { type: "line", interpolate: "step", strokeWidth: 1.5, color: colour("series"), invalid: "break-paths-show-path-domains" },
        encoding: { x, y: { field: "value", type: "quantitative", title: null, axis: { tickCount: 3 } } } },
    ],
  };
}
