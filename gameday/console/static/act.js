// Doing something: a change is one POST with the session's token; what came of it is said in words, also to a screen
// reader. Nothing is kept and sent later: a command that arrives after its moment would do harm.

import { h, patch } from "./dom.js";

const WAIT_MS = 8_000;
const SHOWN_MS = { "": 4_000, bad: 12_000 };
const MOST = 2;
const token = () => document.querySelector("meta[name=csrf]").content;
const said = [];
let counted = 0;

/** Say a sentence at the bottom of the page; `tone` "bad" interrupts a screen reader. */
export function say(words, tone = "") {
  const entry = { words, tone, key: counted++ };
  said.push(entry);
  said.splice(0, said.length - MOST);
  draw();
  setTimeout(() => { if (said.includes(entry)) said.splice(said.indexOf(entry), 1); draw(); }, SHOWN_MS[tone]);
}

function draw() {
  const line = ({ words, tone, key }) => h("p", { key, class: tone }, words);
  patch(document.getElementById("said"), said.filter((entry) => entry.tone !== "bad").map(line));
  patch(document.getElementById("said-loud"), said.filter((entry) => entry.tone === "bad").map(line));
}

/** POST `body` as JSON; the answer's JSON, or null after saying why there is none. */
export const post = (path, body, done) => change("POST", path, body, done);

/** DELETE, likewise. */
export const remove = (path, done) => change("DELETE", path, undefined, done);

async function change(method, path, body, done) {
  try {
    const answer = await fetch(path, {
      method, headers: { "content-type": "application/json", "x-csrf-token": token() },
      body: JSON.stringify(body), signal: AbortSignal.timeout(WAIT_MS),
    });
    const found = await answer.json().catch(() => ({}));
    if (!answer.ok) return say(`Not done: ${words(found, answer)}`, "bad") ?? null;
    say(answer.status === 202 ? "Sent. The conductor has not answered yet." : done);
    return found;
  } catch {
    say("Not sent: the console cannot be reached. gameday in a terminal works without it.", "bad");
    return null;
  }
}

const words = (found, answer) => typeof found.detail === "string" ? found.detail : found.title ?? `error ${answer.status}`;
