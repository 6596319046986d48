// The debrief: one form of all questions. What was written down is shown by the answer; what could not be sent stays.

import { post } from "./act.js";
import { h, patch } from "./dom.js";

const form = document.getElementById("debrief");
const fields = [...form.querySelectorAll("textarea")];
const button = form.querySelector("button");
const place = document.getElementById("answers");

form.onsubmit = async (event) => {
  event.preventDefault();
  const filled = fields.filter((field) => field.value.trim());
  if (!filled.length) return fields[0].focus();
  button.disabled = true;
  const answers = filled.map((field) => ({ question: field.dataset.question, text: field.value.trim() }));
  const anonymous = document.getElementById("anonymous").checked;
  const found = await post(`/api/runs/${encodeURIComponent(form.dataset.ref)}/debrief`, { answers, anonymous }, "Written down. Thank you.");
  button.disabled = false;
  button.focus();
  if (!found) return;
  for (const field of filled) field.value = "";
  show(found.questions.filter((one) => one.answers.length));
};

function show(questions) {
  place.replaceChildren();
  patch(place, questions.length ? questions.map((one) => [
    h("h3", { key: one.question }, one.question),
    h("ul", { key: one.question, class: "answers" }, ...one.answers.map((a) => h("li", {}, h("span", { class: "soft" }, a.who), ` ${a.text}`)))])
    : h("p", { class: "soft" }, "Nothing that is shown here."));
}

button.disabled = false; // not before this module is there: the form has no way of its own
