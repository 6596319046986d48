"""A probe says 1 and 0 of what a customer would have met, once a period, and nothing where only we were at fault."""

import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from gameday.clock import VirtualClock
from gameday.errors import Refused
from gameday.model.queries import ProbeQuery
from gameday.observers.http_probe import HttpProbe, probe
from gameday.observers.web import LARGEST_BODY, Asking, fetch
from gameday.plan import Signal
from gameday.protocols import Foresees, Sample, Window
from tests.observers.a_server import Request, Server, serve

PERIOD = 20_000
T = 1_700_000_040_000


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as server:
        yield server


def signal(url: str, ident: str = "edge", **more: Any) -> Signal:
    return Signal(id=ident, source="http.probe", query={"url": url, **more}, period_ms=PERIOD, settles_ms=0)


def met(url: str, speed: float = 1.0, **more: Any) -> float | None:
    return probe(ProbeQuery.model_validate({"url": url, **more}), speed)


def test_one_request_a_period_however_often_somebody_looks(server: Server) -> None:
    clock = VirtualClock(T + 3_000)
    observer = HttpProbe(clock)
    for _ in range(12):  # five seconds apart, over three periods
        now = clock.now()
        found = observer.sample([signal(server.url)], Window(T - PERIOD, now + 1_000))["edge"]
        clock.advance(5_000)
    assert len(server.asked) == 3
    assert found == [Sample(T, 1.0), Sample(T + PERIOD, 1.0), Sample(T + 2 * PERIOD, 1.0)]


def test_a_bucket_in_which_nobody_looked_has_no_sample(server: Server) -> None:
    clock = VirtualClock(T)
    observer = HttpProbe(clock)
    observer.sample([signal(server.url)], Window(T, T + 1_000))
    clock.advance(3 * PERIOD)
    found = observer.sample([signal(server.url)], Window(T, clock.now() + 1_000))["edge"]
    assert [s.start_ms - T for s in found] == [0, 3 * PERIOD]


def test_what_is_expected_is_1_and_anything_else_is_0(server: Server) -> None:
    server.answer = lambda r: (
        (302, {"Location": f"{server.url}/ok"}, b"") if r.path == "/old" else (200, {}, b"all well")
    )
    assert met(server.url) == met(f"{server.url}/x?y=1", contains="well") == met(server.url, method="HEAD") == 1.0
    assert met(server.url, contains="ill") == met(server.url, status=(204,)) == 0.0
    server.asked.clear()
    assert (met(f"{server.url}/old"), met(f"{server.url}/old", status=(200, 302))) == (0.0, 1.0)
    assert [r.path for r in server.asked] == ["/old", "/old"]  # the redirect is an answer, and is not followed


def test_no_whole_answer_in_time_is_0_even_from_a_server_that_drips(server: Server) -> None:
    server.go_on.clear()
    assert met(server.url, within="100ms") == 0.0
    server.trickle = True
    assert met(server.url, within="200ms") == 0.0


def test_within_is_scenario_time(server: Server) -> None:
    server.go_on.clear()
    import threading

    threading.Timer(0.3, server.go_on.set).start()
    assert met(server.url, speed=20, within="2s") == 0.0  # 100 ms of wall time
    server.go_on.wait(5)
    assert met(server.url, speed=0.01, within="100ms") == 1.0


def test_a_refused_connection_a_broken_one_and_what_is_no_http_are_0(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    assert met(url) == 0.0
    assert met(server.url.replace("http:", "https:")) == 0.0  # no TLS is spoken there
    with socket.create_server(("127.0.0.1", 0)) as mute:
        import threading

        def speak() -> None:
            connection, _ = mute.accept()
            connection.recv(1000)
            connection.sendall(b"220 mail.example ESMTP\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=speak)
        thread.start()
        assert met(f"http://127.0.0.1:{mute.getsockname()[1]}") == 0.0
        thread.join()


@pytest.mark.parametrize(
    ("code", "value"),
    [(socket.EAI_NONAME, 0.0), (socket.EAI_AGAIN, None), (socket.EAI_FAIL, None), (socket.EAI_MEMORY, None)],
)
def test_a_name_that_does_not_exist_is_0_and_no_name_server_is_unknown(
    monkeypatch: pytest.MonkeyPatch, code: int, value: float | None
) -> None:
    def unresolved(*_: object, **__: object) -> object:
        raise socket.gaierror(code, "as the resolver says")

    monkeypatch.setattr("gameday.observers.web.socket.getaddrinfo", unresolved)
    assert met("http://api.bank.example") == value


@pytest.mark.parametrize(
    ("code", "value"),
    [(errno.ENETUNREACH, None), (errno.EMFILE, None), (errno.EADDRNOTAVAIL, None), (errno.ECONNRESET, 0.0)],
)
def test_what_this_machine_could_not_send_is_unknown(
    monkeypatch: pytest.MonkeyPatch, server: Server, code: int, value: float | None
) -> None:
    def unsent(*_: object, **__: object) -> object:
        raise OSError(code, "as the kernel says")

    monkeypatch.setattr("gameday.observers.web.socket.create_connection", unsent)
    assert met(server.url) == value
    observer = HttpProbe(VirtualClock(T))
    expected = [] if value is None else [Sample(T, value)]
    assert observer.sample([signal(server.url)], Window(T, T + 1_000)) == {"edge": expected}


def test_in_rehearsal_nothing_but_loopback_is_asked(server: Server) -> None:
    observer = HttpProbe(VirtualClock(T), rehearsed=True)
    assert isinstance(observer, Foresees)
    far = signal("https://api.bank.example")
    assert [p.code for p in observer.check(far)] == ["NOT_LOOPBACK"] and observer.check(signal(server.url)) == []
    with pytest.raises(Refused, match="NOT_LOOPBACK"):
        observer.sample([signal(server.url, "near"), far], Window(T, T + 1_000))
    assert server.asked == []


def test_a_body_is_read_up_to_a_bound_and_no_proxy_is_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.answer = lambda request: (200, {}, b"x" * 10_000)
    answer = fetch(Asking(server.url, 5, largest=100))
    assert (len(answer.body), answer.whole) == (100, False)
    assert fetch(Asking(server.url, 5, largest=LARGEST_BODY)).whole


def test_many_probes_are_sent_at_once(server: Server) -> None:
    held: list[Request] = server.asked
    server.go_on.clear()
    import threading

    def release() -> None:
        for _ in range(500):
            if len(held) == 10:
                break
            threading.Event().wait(0.01)
        server.go_on.set()

    thread = threading.Thread(target=release)
    thread.start()
    many = [signal(server.url, f"s{i}", within="10s") for i in range(10)]
    found = HttpProbe(VirtualClock(T)).sample(many, Window(T, T + 1_000))
    thread.join()
    assert [found[f"s{i}"] for i in range(10)] == [[Sample(T, 1.0)]] * 10
