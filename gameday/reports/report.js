// Makes the page's charts answer the pointer, and its timelines filter. Without it the page says the same.
"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
const specs = JSON.parse(document.getElementById("charts").textContent);

async function draw() {
  for (const figure of document.querySelectorAll("[data-chart]")) {
    const themes = specs[figure.dataset.chart];
    if (!themes || !window.vegaEmbed || figure.clientWidth < 640) continue;  // the picture fits any width
    const place = figure.querySelector("div");
    const kept = [...place.childNodes];
    const tooltip = (_, event, item, value) => { figure.title = value ? Object.values(value).join(" · ") : ""; };
    try {
      await window.vegaEmbed(place, dark.matches ? themes.dark : themes.light,
        { ast: true, actions: false, renderer: "canvas", defaultStyle: false, tooltip });
    } catch { place.replaceChildren(...kept); }
  }
}

function filter(tools) {
  const table = document.getElementById(tools.dataset.for);
  const rows = [...table.tBodies[0].rows];
  const kinds = [...new Set(rows.map((row) => row.dataset.kind))].sort();
  const search = Object.assign(document.createElement("input"), { type: "search", placeholder: "Filter these rows" });
  search.setAttribute("aria-label", "Filter these rows");
  const shown = document.createElement("output");
  const boxes = kinds.map((kind) => Object.assign(document.createElement("input"), { type: "checkbox", checked: true, value: kind }));
  const apply = () => {
    const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const words = search.value.toLowerCase();
    let count = 0;
    for (const row of rows) {
      row.hidden = !(wanted.has(row.dataset.kind) && row.textContent.toLowerCase().includes(words));
      count += row.hidden ? 0 : 1;
    }
    shown.textContent = `${count} of ${rows.length}`;
  };
  tools.append(search);
  boxes.forEach((box) => {
    const label = document.createElement("label");
    label.append(box, ` ${box.value}`);
    tools.append(label);
  });
  tools.append(shown);
  tools.addEventListener("input", apply);
  tools.hidden = false;
  apply();
}

document.querySelectorAll(".tools").forEach(filter);
const sections = document.querySelector("nav details");
if (matchMedia("(max-width: 60rem)").matches) sections.open = false;
dark.addEventListener("change", draw);
draw();
