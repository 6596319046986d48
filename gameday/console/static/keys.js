// Single keys. They can be switched off, for those who speak to their computer (WCAG 2.2, 2.1.4), and do nothing while
// somebody types or a dialog is open.

import { isOpen } from "./dialogs.js";

const KEPT = "gameday-keys";
const types = (node) => node.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(node.tagName);

/** `doing` maps a key to what it does. */
export function listen(doing) {
  const box = document.getElementById("keys-on");
  if (box) {
    box.checked = localStorage.getItem(KEPT) !== "off";
    box.onchange = () => localStorage.setItem(KEPT, box.checked ? "on" : "off");
  }
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isOpen() || types(event.target)) return;
    if (localStorage.getItem(KEPT) === "off") return;
    const found = doing[event.key];
    if (found) { event.preventDefault(); found(); }
  });
}
