// What a run looks like: each part from the view, as data. Words say every state; colour repeats them.

import { h } from "./dom.js";
import { gauge, gaugeKeys } from "./gauge.js";
import { since, span, utc } from "./times.js";

const ASKS = { acknowledge: "Acknowledge", answer: "Answer", perform: "Done", none: "" };
export const may = (view, action) => view.head.may.includes(action);

/** Words of a runbook: what stands in backticks is to be typed or looked for as it is. */
const written = (text) => text.split(/`([^`]+)`/).map((part, index) => (index % 2 ? h("code", {}, part) : part));

const sheet = (key, title, ...kids) => h("section", { key, class: "sheet", "aria-labelledby": `h-${key}` },
  h("h2", { id: `h-${key}` }, title), ...kids);
const moment = (ms, go) => h("time", { datetime: new Date(ms).toISOString(), title: utc(ms) }, since(ms, go));

/** Time left, or how late: in words, `LATE by 1:20`. */
function left(due, now) {
  if (due === null || due === undefined) return "";
  return due >= now ? `${span(due - now)} left` : h("strong", { class: "bad" }, `LATE by ${span(now - due)}`);
}

/** What is out of the ordinary, above everything. */
export function loud(view, now) {
  const { head } = view;
  const lines = [];
  if (head.status === "aborting") lines.push(["bad", "STOPPING: every fault is being taken back."]);
  if (head.status === "held") lines.push(["", `HELD for ${span(now - head.held_since_ms)}: the timeline waits, faults stay active.`]);
  if (head.status === "ended") lines.push([head.ended === "completed" ? "good" : "bad", `The run has ended: ${head.ended}. `,
    may(view, "debrief") && h("a", { href: `/runs/${encodeURIComponent(head.ref)}/debrief` }, "To the debrief")]);
  if (head.status === "not conducted") lines.push(["bad", view.kind === "player" ? "The game day is interrupted. Wait for the facilitator."
    : "NOBODY CONDUCTS this run, and it has not ended: gameday recover takes back what is still active."]);
  if (view.away) lines.push(["", "You are out of reach now, says the scenario: somebody else acts for you."]);
  if (view.refused) lines.push(["", "Your access has expired, says the scenario: what you do here is refused until it is restored."]);
  return lines.map(([tone, ...words], index) => h("p", { key: index, class: tone }, ...words));
}

/** The buttons of who runs the day, and the note that everybody may write. */
export function bar(view, run) {
  const held = view.head.status === "held";
  const hold = held ? may(view, "resume") : may(view, "hold");
  const buttons = [
    may(view, "note") && h("button", { key: "note", id: "note", onclick: run.note, "aria-keyshortcuts": "n" }, "Note ", h("kbd", { "aria-hidden": "true" }, "n")),
    hold && h("button", { key: "hold", id: "hold", onclick: held ? run.resume : run.hold, "aria-keyshortcuts": "h" }, held ? "Go on… " : "Hold… ", h("kbd", { "aria-hidden": "true" }, "h")),
    may(view, "abort") && h("button", { key: "abort", id: "abort", class: "danger", onclick: run.abort, "aria-keyshortcuts": "a" }, "Abort… ", h("kbd", { "aria-hidden": "true" }, "a")),
  ].filter(Boolean);
  return buttons.length ? h("div", { key: "bar", class: "acts bar", role: "group", "aria-label": "The run" }, ...buttons) : null;
}

/** What waits for the role that looks: nothing on the page is larger. */
export function forMe(view, run) {
  const waiting = view.prompts.filter((p) => p.waits && p.mine && !ticked(view, p));
  const below = view.prompts.some((p) => p.waits && p.mine);
  const none = h("p", { class: "soft" }, view.head.status === "ended" ? "The game day is over."
    : below ? "A step of the runbook waits for you, below." : "Nothing waits for you. Keep this page open; it says when something does.");
  return h("section", { key: "mine", class: waiting.length ? "sheet press" : "sheet", "aria-labelledby": "h-mine" },
    h("h2", { id: "h-mine" }, waiting.length ? "For you, now" : "For you"),
    ...(waiting.length ? waiting.map((p) => asked(view, p, run)) : [none]));
}

const ticked = (view, prompt) => view.runbooks.some((book) => book.ticks.some((tick) => tick.prompt === prompt.id));

function asked(view, prompt, run) {
  const go = view.head.go_ms;
  const label = ASKS[prompt.expects] ?? "Acknowledge";
  return h("div", { key: prompt.id, class: "ask" },
    h("p", { class: "says" }, written(prompt.says)),
    h("p", { class: "meta" }, h("span", {}, "came at ", moment(prompt.delivered_ms, go))),
    may(view, "ack") && label && h("button", {
      class: "first big", disabled: run.busy.has(prompt.id), onclick: () => run.ack(prompt), "data-prompt": prompt.id,
    }, prompt.expects === "answer" ? "Answer…" : label));
}

/** Who is waited for. */
export function waiting(view, now, run) {
  const found = view.prompts.filter((p) => p.waits);
  const rows = found.map((p) => h("div", { key: p.id, class: "ask" },
    h("p", { class: "says" }, h("strong", {}, `${p.to}: `), written(p.number ? p.says.replace(/^(\d+\.\s*)?/, `${p.number}. `) : p.says)),
    h("p", { class: "meta" }, h("span", {}, ASKS[p.expects]?.toLowerCase() ?? p.expects), h("span", {}, "since ", moment(p.delivered_ms, view.head.go_ms)),
      h("span", {}, left(p.due_ms, now)))));
  return sheet("waiting", "Waiting for people", ...(rows.length ? rows : [h("p", { class: "soft" }, "Nobody is waited for.")]));
}

/** Runbooks under test; the player whose it is ticks them. */
export const runbooks = (view, run) => view.runbooks.map((book) => sheet(`book-${book.step}`, `Runbook: ${book.title}`,
  h("p", { class: "meta" }, h("span", {}, `${book.by}`), h("span", {}, `${book.ticks.filter((t) => t.done_ms !== null).length} of ${book.ticks.length} done`)),
  h("ol", {}, ...book.ticks.map((tick) => step(view, book, tick, run)))));

function step(view, book, tick, run) {
  const mine = book.mine && view.kind === "player";
  const done = tick.done_ms !== null, out = tick.out_ms !== null;
  const name = `step ${tick.number}`;
  const acts = mine && [
    tick.waits && may(view, "tick") && h("button", { key: "tick", class: "first", disabled: run.busy.has(tick.prompt), onclick: () => run.tick(book, tick), "aria-label": `Done: ${name}` }, "Done"),
    may(view, "wrong") && h("button", { key: "wrong", class: "small", onclick: () => run.wrong(book, tick), "aria-label": `${name} is wrong` }, "This step is wrong…"),
    may(view, "missing") && h("button", { key: "missing", class: "small", onclick: () => run.missing(book, tick), "aria-label": `A step is missing after ${name}` }, "A step is missing…"),
  ].filter(Boolean);
  return h("li", { key: tick.number, class: tick.waits ? "tick now" : "tick" },
    h("span", { class: "number" }, `${tick.number}.`),
    h("div", {}, h("p", { class: done || out ? "says soft" : "says" }, written(tick.says.replace(/^\d+\.\s*/, ""))),
      h("p", { class: "meta" }, done ? h("span", { class: "good" }, "✓ done at ", moment(tick.done_ms, view.head.go_ms)) : h("span", {}, out ? "left out" : tick.waits ? "now" : "not yet"),
        tick.checked === true && h("span", { class: "good" }, "its check holds"), tick.checked === false && h("span", { class: "bad" }, "its check does NOT hold")),
      acts && acts.length ? h("div", { class: "acts" }, ...acts) : null));
}

/** Tolerances so far. */
export function tolerances(gauges) {
  if (!gauges.length) return sheet("gauges", "Impact tolerances", h("p", { class: "soft" }, "No tolerance was read yet."));
  return sheet("gauges", "Impact tolerances", ...gauges.map(gauge), gaugeKeys());
}

/** Faults and who saw them, and the alarms that are watched. */
export function faults(view, now) {
  const found = view.faults.map((f) => h("li", { key: f.step, class: "thing" },
    h("p", {}, h("strong", { class: f.tone }, f.word), " ", f.title),
    h("p", { class: "meta" }, f.detail ? h("span", {}, f.detail) : null, h("span", {}, ends(f, now)))));
  const alarms = view.alarms.map((a) => h("li", { key: `alarm ${a.signal}`, class: "thing" },
    h("p", {}, h("strong", { class: ALARMS[a.state] ?? "warn" }, a.state), ` alarm ${a.signal}`),
    a.since_ms === null ? null : h("p", { class: "meta" }, h("span", {}, "since ", moment(a.since_ms, view.head.go_ms)))));
  return sheet("faults", "Faults and alarms", found.length ? null : h("p", { class: "soft" }, "No fault was injected yet."),
    h("ul", {}, ...found, ...alarms));
}

const ALARMS = { ALARM: "bad", OK: "good" };

function ends(fault, now) {
  if (fault.ends_ms === null || fault.gone_ms !== null) return "";
  return fault.ends_ms >= now ? `ends by itself in ${span(fault.ends_ms - now)}` : `OVERDUE by ${span(now - fault.ends_ms)}`;
}

/** The timeline of the plan, with what may be done to each step. */
export function steps(view, now, run) {
  const rows = view.steps.map((s) => h("li", { key: s.id, class: `row ${s.status}` },
    s.started_ms !== null ? moment(s.started_ms, view.head.go_ms) : h("span", { class: "clock-like" }, s.planned_ms === null ? "later" : since(s.planned_ms, 0)),
    h("div", {}, s.title, s.to && !s.title.includes(s.to) ? h("span", { class: "soft" }, ` (${s.to})`) : null),
    h("span", { class: tone(s) }, s.status === "ended" ? s.result : s.status === "running" ? left(s.due_ms, now) || "running" : ""),
    note(view, s), stepActs(view, s, run)));
  const title = view.head.role === "reader" && view.head.status !== "ended" ? "Steps so far" : "Timeline";
  return sheet("steps", title, rows.length ? h("ol", {}, ...rows) : h("p", { class: "soft" }, "No step has begun."));
}

const BAD = { missed: "bad", failed: "bad", expired: "warn", met: "good", done: "good" };
const tone = (s) => s.status === "ended" ? BAD[s.result] ?? "soft" : "soft";

function note(view, s) {
  const told = view.head.role === "reader" ? [] : [
    s.status === "pending" && s.planned_ms === null && s.starts,
    s.says, s.expects && `expected: ${s.expects}`];
  const words = [...told, s.why, s.score && `scored: ${s.score}`].filter(Boolean);
  return words.length ? h("p", { class: "note" }, words.join(" · ")) : null;
}

function stepActs(view, s, run) {
  const of = (action, label, doing) => may(view, action) && h("button", { key: action, class: "small", onclick: doing, "aria-label": `${label.replace("…", "")}: ${s.title}` }, label);
  const people = ["inject", "question", "task"].includes(s.kind) || (s.kind === "expect" && s.to);
  const acts = [
    s.status === "pending" && s.kind !== "fault" && of("fire", "Fire now…", () => run.fire(s)),
    s.status === "pending" && of("delay", "Delay…", () => run.delay(s)),
    s.status !== "ended" && of("skip", "Skip…", () => run.skip(s)),
    s.status !== "pending" && people && of("score", "Score…", () => run.score(s)),
  ].filter(Boolean);
  return acts.length ? h("div", { class: "acts" }, ...acts) : null;
}

/** What happened, newest first. */
export function log(lines, go, heading = "What happened") {
  const rows = lines.slice(-200).reverse().map((l) => h("li", { key: l.seq },
    h("time", { title: utc(l.at_ms), datetime: new Date(l.at_ms).toISOString() }, since(l.at_ms, go)),
    h("span", { class: "kind" }, l.kind), h("span", { class: `words ${l.tone}` }, l.text)));
  return sheet("log", heading, rows.length ? h("div", { class: "log", tabindex: "0", role: "group", "aria-label": heading }, h("ol", {}, ...rows))
    : h("p", { class: "soft" }, "Nothing yet."));
}
