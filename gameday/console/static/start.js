// Starting a game day from the list of runs: asked again first, then followed until its page is there.

import { post, say } from "./act.js";
import { ask } from "./dialogs.js";

const form = document.getElementById("start");
const environment = document.getElementById("environment");
const said = document.getElementById("starting");

environment.onchange = () => { document.getElementById("speeds").hidden = environment.value !== "rehearsal"; };

form.onsubmit = async (event) => {
  event.preventDefault();
  const given = new FormData(form);
  const production = environment.selectedOptions[0].hasAttribute("data-production");
  const where = production ? `PRODUCTION (${given.get("environment")})` : given.get("environment");
  const sure = await ask({ title: `Start ${given.get("scenario")} in ${where}?`, says: "Starting says go: it begins by itself after its baseline.", doing: "Start it", danger: production });
  if (!sure) return;
  const body = { scenario: given.get("scenario"), environment: given.get("environment"), unattended: given.has("unattended") };
  if (body.environment === "rehearsal" && given.get("speed")) body.speed = Number(given.get("speed"));
  const begun = await post("/api/starts", body, "It is being started.");
  if (begun) await follow(begun);
};

async function follow({ id, scenario }) {
  for (;;) {
    const found = await fetch(`/api/starts/${id}`).then((answer) => answer.json(), () => ({ status: "starting" }));
    said.textContent = found.status === "failed" ? `${scenario} did not begin. It said: ${found.said}` : `${scenario} is being started…`;
    if (found.status === "open") return location.assign(`/runs/${encodeURIComponent(found.ref)}`);
    if (found.status === "failed") return say(`${scenario} did not begin.`, "bad");
    await new Promise((done) => setTimeout(done, 1_000));
  }
}

form.querySelector("button").disabled = false; // not before this module is there: the form has no way of its own
