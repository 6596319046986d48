"""A console that is killed while people look, as a process: started again it goes on where each of them was."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from gameday.journal.events import Draft
from tests.console.a_console import HOUR, Day, a_day


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


@contextmanager
def served(day: Day, port: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "gameday", "serve", "--port", str(port)]
    env = {**os.environ, "PYTHONWARNINGS": "error"}
    process = subprocess.Popen(command, cwd=day.root, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "The console is at" in process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def told(client: httpx2.Client, last: str | None, until: str) -> tuple[list[int], str]:
    """The numbers of the lines of the live stream until this text is seen, and the last id."""
    seen: list[int] = []
    ident, kind = last or "", ""
    headers = {} if last is None else {"last-event-id": last}
    with client.stream("GET", "/api/runs/mine/stream", headers=headers) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            ident, kind = (value if name == "id" else ident), (value if name == "event" else kind)
            if name == "data" and kind == "told":
                seen.append(json.loads(value)["seq"])
                if until in value:
                    return seen, ident
    raise AssertionError("the stream ended")


def test_killed_and_started_again_it_loses_nothing(tmp_path: Path) -> None:
    """SIGKILL under an open stream; the journal goes on; the same cookie and Last-Event-ID miss nothing and see nothing
    twice. Cutting the network is the same to a browser: its stream ends, and it asks again."""
    from gameday.console.access import Keyring

    with a_day(tmp_path) as day:
        day.clock.advance(0)
        day.tell(100)
        _, token = Keyring(day.root).link(day.run.name, "facilitator", "facilitator", 2 * 10**12 + HOUR)
        port = free_port()
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            with served(day, port) as first:
                assert client.post("/enter", data={"token": token}).status_code == 303
                day.add(Draft("note", {"text": "before the kill"}, "facilitator"))
                seen, last = told(client, None, "before the kill")
                first.send_signal(signal.SIGKILL)
            for number in range(20):
                day.add(Draft("note", {"text": f"unserved {number}"}, "facilitator"))
            with served(day, port):
                again, last = told(client, last, "unserved 19")
                assert len(again) == 20 and again[0] == seen[-1] + 1 == again[-1] - 19
                head = client.get("/api/runs/mine").json()["head"]
                assert (head["status"], head["seq"]) == ("running", day.state.seq)
                assert client.post("/enter", data={"token": token}).status_code == 403, "a used link stays used"
