"""A console over one run that is conducted: a journal that grows, an inbox that is answered, and browsers to look."""

from __future__ import annotations

import fcntl
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fastapi.testclient import TestClient

from gameday.clock import VirtualClock
from gameday.conductor.commands import Inbox
from gameday.console.access import EVERY_RUN, Grant, Role
from gameday.console.app import Console, Settings, create_app
from gameday.console.limits import Rate, Rates
from gameday.journal.events import Draft, Event
from gameday.journal.state import State, fold
from gameday.journal.store import Journal, read
from gameday.plan import Plan, dump_plan
from gameday.runs import LOCK, make_run
from tests.cli.live_run import GO, events, plan

HOUR = 3_600_000
OFTEN = Rate(100_000, 100_000)
UNLIMITED = Rates(OFTEN, OFTEN, OFTEN, OFTEN, OFTEN)
STEPS = {s: f"step-zq-{s}" for s in ("stop-payments", "alarm", "ack", "regulator-calls", "failover")}
IDS = {
    **STEPS,
    **{f"failover-{n}": f"step-zq-failover#{n}" for n in (1, 2, 3)},
}  # of prompts, as a conductor makes them
Any_ = TypeVar("Any_")


def renamed(value: Any_) -> Any_:
    """The story with ids of steps that no other word is part of, so that they can be searched for."""
    if isinstance(value, dict):
        return {k: renamed(v) for k, v in value.items()}  # type: ignore[return-value] # the same shape
    if isinstance(value, list | tuple):
        return type(value)(renamed(v) for v in value)
    return IDS.get(value, value) if isinstance(value, str) else value  # type: ignore[return-value] # a string still


def the_plan() -> Plan:
    return Plan.model_validate(renamed(plan().model_dump(by_alias=True)))


def the_events(until: int = 10_000, *extra: tuple[int, Draft]) -> list[Draft]:
    return [Draft(e.type, renamed(e.what), e.who) for e in events(until, *extra)]


@dataclass
class Day:
    """A workspace with one run in it, and the console of it. ``clock`` is the console's wall clock."""

    root: Path
    run: Path
    plan: Plan
    journal: Journal
    clock: VirtualClock
    rates: Rates = UNLIMITED
    tls: bool = False
    state: State = field(default_factory=State)

    def app(self) -> Any:
        """A console, as if it had just been started."""
        return create_app(Settings(self.root, frozenset({"testserver"}), self.tls, rates=self.rates, clock=self.clock))

    def add(self, draft: Draft, at: int | None = None) -> Event:
        when = at if at is not None else max(GO, self.clock.now())
        event = self.journal.append(draft, when, when)
        self.state.apply(event)
        return event

    def tell(self, until: int, *extra: tuple[int, Draft]) -> None:
        """The story up to so many seconds after the go, written at once: a hundred fsyncs would take a second."""
        path, lines = self.journal.path, [read(self.journal.path)[0][-1].line()]
        for event in events(until, *extra):
            seq, prev = self.state.seq + 1, hashlib.sha256(lines[-1]).hexdigest()
            told = Event(seq, 1, event.at, event.wall, prev, event.type, event.who, renamed(event.what))
            lines.append(told.line())
            self.state.apply(told)
        with path.open("ab") as file:
            file.write(b"".join(lines[1:]))
        self.journal.close()
        self.journal = Journal.open(path)


@contextmanager
def a_day(root: Path, **settings: Any) -> Iterator[Day]:
    """A run that is conducted and has no story yet."""
    (root / "gameday.yaml").write_text("kind: workspace\n")
    folder = make_run(root, "payment-functions-stop", GO)
    made = the_plan()
    (folder / "plan.json").write_bytes(dump_plan(made))
    journal = Journal.create(folder / "journal.jsonl")
    journal.claim(1, GO - 700_000, GO - 700_000)
    day = Day(root, folder, made, journal, VirtualClock(GO), **settings)
    day.state = fold(read(folder / "journal.jsonl")[0])
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield day
        finally:
            day.journal.close()


@contextmanager
def answering(day: Day) -> Iterator[None]:
    """The real conductor's inbox answers while this goes on."""
    ended, inbox = threading.Event(), Inbox(day.plan, day.run)

    def answer() -> None:
        while not ended.wait(0.01):
            for command, drafts in inbox.take(day.state, GO + 400_000):
                for draft in drafts:
                    day.add(draft, GO + 400_000)
                inbox.settle(command)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(10)


@dataclass
class Browser:
    """Somebody with a session."""

    client: TestClient
    grant: Grant
    csrf: str

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, **more)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.post(path, json=body, headers={"x-csrf-token": self.csrf, **headers})


def enter(app: Any, role: Role, who: str | None = None, run: Path | None = None, lasts: int = HOUR) -> Browser:
    """A browser of its own that went in by a link."""
    console: Console = app.state.console
    grant, token = console.keyring.link(run.name if run else EVERY_RUN, role, who or role, console.now() + lasts)
    client = TestClient(app, follow_redirects=False, base_url="https://testserver")
    assert client.get(f"/enter/{token}").status_code == 200
    assert client.post("/enter", data={"token": token}).status_code == 303
    return Browser(client, grant, console.keyring.csrf(grant))


def parts(raw: str) -> list[dict[str, str]]:
    """The messages of a stream."""
    blocks = [b for b in raw.split("\n\n") if b.strip() and not b.startswith(":")]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]
