// Links for people: made, shown once, withdrawn.

import { post, remove } from "./act.js";
import { ask } from "./dialogs.js";
import { h, patch } from "./dom.js";

const form = document.getElementById("link");

form.onsubmit = async (event) => {
  event.preventDefault();
  const given = new FormData(form);
  const body = { role: given.get("role"), hours: Number(given.get("hours")) };
  if (given.get("who")) body.who = given.get("who");
  if (form.dataset.run) body.run = form.dataset.run;
  const made = await post("/api/links", body, "The link is made.");
  if (made?.path) show(`${location.origin}${made.path}`, made);
};

function show(url, made) {
  const copy = () => navigator.clipboard.writeText(url);
  patch(document.getElementById("made"), [
    h("label", { for: "url" }, `For ${made.who}, shown this once`), h("input", { type: "text", id: "url", readonly: true, value: url }),
    navigator.clipboard ? h("button", { type: "button", onclick: copy }, "Copy") : null]);
  document.getElementById("url").select();
}

document.getElementById("links").onclick = async (event) => {
  const { revoke, who } = event.target.dataset;
  if (!revoke) return;
  const sure = await ask({ title: `Withdraw the link of ${who}?`, says: "Nothing opens by it any more, nor in the browser that used it.", doing: "Withdraw it", danger: true });
  if (sure && await remove(`/api/links/${revoke}`, "Withdrawn.")) location.reload();
};

form.querySelector("button").disabled = false; // not before this module is there: the form has no way of its own
