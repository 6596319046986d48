// Server-sent events by fetch: unlike EventSource it shows when nothing at all comes, says so, and goes on from the
// last event that was seen.

const QUIET_MS = 15_000; // the server says something every ten seconds
const AGAIN_MS = [500, 1_000, 2_000, 4_000];

export class Stream {
  /** `told(kind, data)` for each message; `state("open" | "lost" | "over", why)` when the connection changes. */
  constructor(url, told, state) {
    Object.assign(this, { url, told, state, last: 0, tries: 0, cut: null, asleep: null, rest: "", ended: null });
    addEventListener("offline", () => this.cut?.abort());
    addEventListener("online", () => this.wake());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.wake(); });
  }

  async run(after = 0) {
    this.last = after;
    for (;;) {
      const over = await this.once();
      if (over) return this.state("over", over);
      this.state("lost", navigator.onLine ? "the console does not answer" : "this device has no network");
      await this.wait(AGAIN_MS[Math.min(this.tries++, AGAIN_MS.length - 1)]);
    }
  }

  wake() { this.asleep?.(); }

  wait(ms) {
    return new Promise((done) => {
      const timer = setTimeout(done, ms);
      this.asleep = () => { clearTimeout(timer); done(); };
    });
  }

  /** Read until it ends; returns why there is no use in trying again, or nothing. */
  async once() {
    this.cut = new AbortController();
    const watch = () => { clearTimeout(this.quiet); this.quiet = setTimeout(() => this.cut.abort(), QUIET_MS); };
    try {
      watch();
      const answer = await fetch(this.url, { headers: { "Last-Event-ID": String(this.last) }, signal: this.cut.signal });
      if (answer.status === 401 || answer.status === 403) return "Your link has expired or was withdrawn.";
      if (!answer.ok) return null;
      await this.read(answer.body.pipeThrough(new TextDecoderStream()).getReader(), watch);
    } catch { /* a cut network is what this class is for */ } finally { clearTimeout(this.quiet); }
    return this.ended;
  }

  async read(reader, watch) {
    this.rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      watch();
      this.tries = 0;
      const parts = (this.rest + value).split("\n\n");
      this.rest = parts.pop();
      parts.forEach((part) => this.message(part));
      this.state("open", "");
    }
  }

  message(part) {
    const fields = new Map(part.split("\n").filter((l) => !l.startsWith(":")).map((line) => {
      const cut = line.indexOf(": ");
      return [line.slice(0, cut), line.slice(cut + 2)];
    }));
    if (fields.has("id")) this.last = Number(fields.get("id"));
    const kind = fields.get("event");
    if (kind === "over") this.ended = "Your link has expired or was withdrawn.";
    else if (kind === "full") this.ended = "Too many pages are open with this link; close one and load this again.";
    else if (fields.has("data")) this.told(kind, JSON.parse(fields.get("data")));
  }
}
