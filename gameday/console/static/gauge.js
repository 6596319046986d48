// A tolerance as an interval against its limit: certain, possible, the limit, and where a guard stops the run.

import { h } from "./dom.js";

const SCALE = 1.25; // the right end, in limits: what lies beyond the limit must be seen to lie beyond it
const x = (share) => `${Math.min(share, SCALE) / SCALE * 100}%`;
const width = (from, to) => `${Math.max(0, Math.min(to, SCALE) - Math.min(from, SCALE)) / SCALE * 100}%`;

/** One tolerance, drawn and in words. */
export function gauge(g) {
  const word = g.word === "so far" ? "so far" : g.word.toUpperCase();
  const tone = g.word === "breached" ? "bad" : g.word === "within" ? "good" : g.word === "inconclusive" ? "warn" : "soft";
  return h("div", { key: g.id, class: "gauge" },
    h("header", {}, h("h3", {}, g.id, h("span", { class: "soft" }, ` (${g.authority.toUpperCase()})`)), h("strong", { class: tone }, word)),
    drawn(g),
    h("p", { class: "meta" }, h("span", {}, g.text), g.guard === null ? null : h("span", {}, `a guard stops the run at ${Math.round(g.guard * 100)} %`)),
    g.codes.length ? h("p", { class: "warn" }, g.codes.join(", ")) : null);
}

function drawn(g) {
  const possible = g.hi ?? g.so_far;
  const limit = x(1);
  return h("svg", { role: "img", "aria-label": `${g.id}: ${g.text}` },
    h("rect", { class: "track", x: 0, y: 4, width: "100%", height: 16, rx: 2 }),
    g.lo !== null && possible !== null && possible > g.lo ? h("rect", { class: "possible", x: x(g.lo), y: 4, width: width(g.lo, possible), height: 16 }) : null,
    g.lo ? h("rect", { class: g.lo > 1 ? "over" : "certain", x: 0, y: 4, width: x(g.lo), height: 16, rx: 2 }) : null,
    g.guard === null ? null : h("line", { class: "guard", x1: x(g.guard), x2: x(g.guard), y1: 0, y2: 24 }),
    h("line", { class: "limit", x1: limit, x2: limit, y1: 0, y2: 24 }),
    g.lo === null ? h("text", { x: 6, y: 16 }, g.text.includes("limit") ? "nothing is a share of a limit of 0" : "nothing measured") : null,
    h("text", { x: limit, y: 31, "text-anchor": "middle" }, "limit"));
}

const key = (shape, words) => h("span", {}, h("svg", { viewBox: "0 0 16 10", "aria-hidden": "true" }, shape), ` ${words}`);
const box = (name) => h("rect", { class: name, width: 16, height: 10 });
const stroke = (name) => h("line", { class: name, x1: 8, x2: 8, y1: 0, y2: 10 });

export const gaugeKeys = () => h("p", { key: "keys", class: "keys" }, key(box("certain-key"), "certain"), key(box("possible-key"), "possible"),
  key(stroke("limit-key"), "limit"), key(stroke("guard-key"), "a guard stops the run"));

export const chartKeys = () => h("p", { key: "keys", class: "keys" }, key(box("fault-key"), "fault"), key(box("hold-key"), "hold"),
  key(box("undo-key"), "taken back"), key(box("disturbed-key"), "unknown: the machine was too slow"));
