// Times in words, as the report and the terminal write them.

/** `4:05`, `1:02:03`: whole seconds, never negative. */
export function span(ms) {
  const all = Math.floor(Math.max(0, ms) / 1000);
  const [hours, minutes, seconds] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/** `+04:05` since the go, `-10:00` before it. */
export function since(ms, go) {
  if (go === null) return "--:--";
  const text = span(Math.abs(ms - go));
  return (ms < go ? "-" : "+") + (text.length === 4 ? `0${text}` : text);
}

/** `14:03:22 UTC`. */
export const utc = (ms) => `${new Date(ms).toISOString().slice(11, 19)} UTC`;

/** Scenario time now: it goes on at the run's speed from when the view was made, and stands still once it has ended. */
export class Now {
  constructor() { this.head = null; this.at = 0; }

  take(head) { this.head = head; this.at = performance.now(); }

  ms() {
    const { head } = this;
    if (head === null) return null;
    const stands = head.status === "ended" || head.status === "not conducted";
    return stands ? head.now_ms : head.now_ms + (performance.now() - this.at) * head.speed;
  }
}
