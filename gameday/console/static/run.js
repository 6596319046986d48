// A live run, for whoever looks: facilitator, player, evaluator or reader.

import { post, say } from "./act.js";
import { Charts } from "./charts.js";
import { area, ask, choice } from "./dialogs.js";
import { h, patch } from "./dom.js";
import { listen } from "./keys.js";
import * as parts from "./parts.js";
import { Stream } from "./stream.js";
import { Now, since, utc } from "./times.js";

const place = document.getElementById("run");
const api = `/api/runs/${encodeURIComponent(place.dataset.ref)}`;
const now = new Now();
const known = { view: null, lines: [], gauges: [], net: ["lost", "connecting"], marked: "" };
let charts = null;
let asked = new Set();

// ---- what can be done
const busy = new Set();

async function once(key, doing) {
  if (busy.has(key)) return;
  busy.add(key);
  draw();
  try { await doing(); } finally { busy.delete(key); draw(); }
}

const send = (action, body, done) => post(`${api}/${action}`, body, done);
const allowed = (action) => known.view !== null && parts.may(known.view, action);

const run = {
  busy,
  async note() {
    if (!allowed("note")) return;
    const at = now.ms();
    const given = await ask({ title: `Note at ${since(at, known.view.head.go_ms)}`, fields: area("text", "What you saw", { required: true }), doing: "Write it down" });
    if (given) await send("note", { text: given.text }, "Noted.");
  },
  async hold() {
    if (!allowed("hold") || known.view.head.status === "held") return;
    const given = await ask({ title: "Hold the timeline?", says: "Nothing new begins. Faults stay active, and the measured impact goes on.", fields: area("why", "Why", { rows: 2 }), doing: "Hold", first: "[type=submit]" });
    if (given) await send("hold", { why: given.why }, "Held.");
  },
  async resume() {
    if (!allowed("resume") || known.view.head.status !== "held") return;
    const given = await ask({ title: "Go on?", says: "The timeline goes on from where it was held.", doing: "Go on" });
    if (given) await send("resume", {}, "The timeline goes on.");
  },
  async abort() {
    if (!allowed("abort")) return;
    const given = await ask({ title: "Abort the game day?", says: "Every fault is taken back, that is verified, and the run ends. It cannot be gone on with.", fields: area("why", "Why", { rows: 2 }), doing: "Abort now", danger: true, first: "[type=submit]" });
    if (given) await send("abort", { why: given.why }, "Aborting: every fault is being taken back.");
  },
  async skip(step) {
    const given = await ask({ title: `Skip “${step.title}”?`, says: step.status === "running" ? "It ends now; a fault is taken back." : "It will not begin.", doing: "Skip it" });
    if (given) await send("skip", { step: step.id }, "Skipped.");
  },
  async fire(step) {
    const given = await ask({ title: `Fire “${step.title}” now?`, says: "It begins at once, whatever the plan says.", doing: "Fire it now" });
    if (given) await send("fire", { step: step.id }, "Fired.");
  },
  async delay(step) {
    const field = [h("label", { for: "field-by" }, "By how many minutes"), h("input", { id: "field-by", name: "by", type: "number", min: 1, max: 600, value: 5, required: true })];
    const given = await ask({ title: `Delay “${step.title}”?`, fields: field, doing: "Delay it" });
    if (given) await send("delay", { step: step.id, by_ms: Math.round(Number(given.by) * 60_000) }, "Delayed.");
  },
  async score(step) {
    const scores = [["performed", "Performed"], ["performed_with_challenges", "Performed, with some challenges"], ["major_challenges", "Performed, with major challenges"], ["unable", "Unable to be performed"]];
    const given = await ask({ title: `Score “${step.title}”`, says: step.expects ? `Expected: ${step.expects}` : "", fields: [choice("score", "How was it done?", scores), ...area("comment", "Comment", { rows: 2 })], doing: "Score" });
    if (given) await send("score", { step: step.id, score: given.score, comment: given.comment }, "Scored.");
  },
  async ack(prompt) {
    let text = "";
    if (prompt.expects === "answer") {
      const given = await ask({ title: "Your answer", says: prompt.says, fields: area("text", "Answer", { required: true }), doing: "Answer" });
      if (!given) return;
      text = given.text;
    }
    await once(prompt.id, () => send("ack", { prompt: prompt.id, ...(text ? { text } : {}) }, prompt.expects === "answer" ? "Answered." : "Acknowledged."));
  },
  // A step whose turn it is was put before the role: answering that is what ticks it.
  tick: (book, tick) => once(tick.prompt, () => send("ack", { prompt: tick.prompt }, `Step ${tick.number} done.`)),
  async wrong(book, tick) {
    const given = await ask({ title: `What is wrong with step ${tick.number}?`, fields: area("text", "What is wrong, or what you did instead", { required: true }), doing: "Note it" });
    if (given) await send("wrong", { step: book.step, number: tick.number, text: given.text }, "Noted: the step is wrong.");
  },
  async missing(book, tick) {
    const given = await ask({ title: `What is missing after step ${tick.number}?`, fields: area("text", "The step that should stand there", { required: true }), doing: "Note it" });
    if (given) await send("missing", { step: book.step, number: tick.number, text: given.text }, "Noted: a step is missing.");
  },
};

// ---- what is seen
function draw() {
  const { view } = known;
  drawNet();
  if (view === null) return;
  const at = now.ms();
  drawHead(view, at);
  patch(document.getElementById("loud"), parts.loud(view, at));
  if (view.kind === "player") return patch(place, player(view));
  patch(document.getElementById("bar"), parts.bar(view, run));
  patch(document.getElementById("left"), [parts.waiting(view, at, run), parts.faults(view, at), parts.runbooks(view, run), parts.steps(view, at, run)]);
  patch(document.getElementById("gauges"), parts.tolerances(known.gauges));
  patch(document.getElementById("log"), parts.log(known.lines, view.head.go_ms));
}

const player = (view) => [parts.forMe(view, run), ...parts.runbooks(view, run), parts.bar(view, run), parts.log(known.lines, view.head.go_ms)];

function drawHead(view, at) {
  const { head } = view;
  const goes = head.go_ms === null || (!head.gone && at > head.go_ms) ? "waiting for the go" : `${since(at, head.go_ms)} ${head.gone ? "since the go" : "to the go"}`;
  const words = { phase: head.phase ?? "opening", clock: head.status === "ended" ? "" : goes, utc: utc(at), state: head.status === "running" ? "" : head.status.toUpperCase() };
  for (const [id, text] of Object.entries(words)) {
    const node = document.getElementById(`head-${id}`);
    if (node.textContent !== text) node.textContent = text;
  }
}

function drawNet() {
  const [state, why] = known.net;
  const node = document.getElementById("net");
  const text = state === "open" ? "connected" : `NOT CONNECTED: ${why}${known.view ? `. This is as of ${utc(known.heard)}` : ""}`;
  if (node.textContent !== text) node.textContent = text;
  node.className = state === "open" ? "net" : "net lost";
  document.body.classList.toggle("stale", state !== "open" && known.view !== null);
}

/** What came for this role is said aloud once, in the title, and by a phone that can be felt. */
function announce(view) {
  const waiting = view.prompts.filter((p) => p.waits && p.mine);
  const fresh = waiting.filter((p) => !asked.has(p.id));
  document.title = (waiting.length ? `(${waiting.length}) ` : "") + place.dataset.title;
  if (fresh.length) {
    document.getElementById("aloud").textContent = fresh.map((p) => `For you, now: ${p.says}`).join(" ");
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.([200, 100, 200]);
  }
  asked = new Set(waiting.map((p) => p.id));
}

// ---- what is heard
function look(view) {
  known.view = view;
  known.heard = view.head.now_ms;
  now.take(view.head);
  announce(view);
  if (charts) {
    charts.go = view.head.go_ms ?? view.head.now_ms;
    const marked = JSON.stringify([view.faults.map((f) => f.word), view.head.status]);
    if (marked !== known.marked) { known.marked = marked; fetchCharts(); }
  }
}

const ALOUD = new Set(["RUN", "PHASE", "HOLD", "ABORT", "GUARD", "REFUSED"]); // a screen reader is not read every line

const HEARD = {
  view: look,
  told: (line) => {
    if (line.seq <= (known.lines.at(-1)?.seq ?? 0)) return;
    known.lines.push(line);
    if (line.tone === "bad" || ALOUD.has(line.kind)) document.getElementById("told").textContent = line.text;
  },
  gauges: (gauges) => { known.gauges = gauges; },
  signals: ({ values }) => charts?.add(values),
  damaged: ({ why }) => say(`The journal cannot be read: ${why}. What is shown is as of before.`, "bad"),
};

const read = async (path) => {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
};
const fetchCharts = () => read(`${api}/signals`).then((found) => charts.take(found), () => {});

async function begin() {
  for (;;) {
    try {
      const view = await read(api);
      known.lines = view.lines;
      if (view.kind === "watch") {
        charts = new Charts(document.getElementById("charts"));
        known.gauges = await read(`${api}/gauges`);
      }
      look(view);
      return view.head.seq;
    } catch {
      known.net = ["lost", "the console does not answer"];
      draw();
      await new Promise((done) => setTimeout(done, 2_000));
    }
  }
}

listen({ n: run.note, h: () => (known.view?.head.status === "held" ? run.resume() : run.hold()), a: run.abort });
const seq = await begin();
draw();
setInterval(() => { if (known.net[0] === "open") draw(); }, 1_000);
new Stream(`${api}/stream`, (kind, data) => HEARD[kind]?.(data), (state, why) => { known.net = [state, why]; draw(); }).run(seq);
