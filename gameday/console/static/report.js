// A report is written some seconds after the end: this page waits for it.

const { ref } = document.getElementById("no-report").dataset;
const EVERY_MS = 2_000;

async function look() {
  const found = await fetch(`/api/runs/${encodeURIComponent(ref)}/report`).then((answer) => answer.json(), () => ({}));
  if (found.markdown) location.reload();
  else setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
