// Asking before something is done. A native modal dialog keeps focus inside, ends with Escape, and gives it back.

import { h, patch } from "./dom.js";

const dialog = () => document.getElementById("dialog");
export const isOpen = () => dialog().open;

/**
 * Ask: `fields` are elements with a name, `doing` is what the button says. Resolves to the fields' values by name, or to
 * null when it was given up. The first field is focused, or the button when there is none to fill.
 */
export function ask({ title, says, fields = [], doing, danger = false, first = null }) {
  const box = dialog();
  return new Promise((resolve) => {
    const submit = (event) => {
      event.preventDefault();
      box.values = Object.fromEntries(new FormData(event.target));
      box.close("done");
    };
    patch(box, h("form", { key: `${title} ${Date.now()}`, onsubmit: submit, method: "dialog" },
      h("h2", { id: "dialog-title" }, title), says && h("p", { id: "dialog-says" }, says), ...fields,
      h("div", { class: "acts" },
        h("button", { type: "submit", class: danger ? "first danger" : "first" }, doing),
        h("button", { type: "button", onclick: () => box.close("") }, "Cancel"))));
    box.returnValue = "";
    box.onclose = () => resolve(box.returnValue === "done" ? box.values : null);
    box.showModal();
    (first ? box.querySelector(first) : box.querySelector("textarea, input:not([type=hidden]), select, button")).focus();
  });
}

/** A field for words. */
export const area = (name, label, { required = false, rows = 3 } = {}) => [
  h("label", { for: `field-${name}` }, label),
  h("textarea", { id: `field-${name}`, name, rows, required, maxlength: 4000 }),
];

/** A choice of one. */
export const choice = (name, legend, options) => h("fieldset", {}, h("legend", {}, legend),
  ...options.map(([value, label]) => h("label", { class: "choice" },
    h("input", { type: "radio", name, value, required: true }), label)));
