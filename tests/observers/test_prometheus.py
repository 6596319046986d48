"""What Prometheus may answer, and what must not be taken for a sample; tests/observers/test_prometheus_real.py has the
real one."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError

from gameday.errors import CouldNotStart, Refused
from gameday.model.queries import PrometheusQuery
from gameday.observers import prometheus
from gameday.observers.prometheus import PrometheusObserver, Unreadable, ends
from gameday.plan import Signal
from gameday.protocols import Foresees, Sample, Window
from tests.observers.a_server import Server, serve

MINUTE = 60_000
T = 1_700_000_040_000
WINDOW = Window(T, T + 3 * MINUTE)
OBSERVER = PrometheusObserver()


def signal(url: Any, ident: str = "errors", **more: Any) -> Signal:
    query = {"query": "sum(increase(errors_total[1m]))", "url": url, **more}
    return Signal(id=ident, source="prometheus", query=query, period_ms=MINUTE, settles_ms=MINUTE)


def matrix(*series: list[list[Any]], **more: Any) -> tuple[int, dict[str, str], bytes]:
    data = {"resultType": "matrix", "result": [{"metric": {}, "values": values} for values in series]}
    return 200, {"Content-Type": "application/json"}, json.dumps({"status": "success", "data": data, **more}).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as server:
        yield server


def read(server: Server, reply: Any, observer: PrometheusObserver = OBSERVER) -> list[Sample]:
    server.answer = lambda request: reply
    return list(observer.sample([signal(server.url)], WINDOW)["errors"])


def test_each_closed_bucket_is_evaluated_at_its_end_in_one_call(server: Server) -> None:
    s = T // 1000
    assert read(server, matrix([[s + 60, "3"], [s + 120, "0"]])) == [Sample(T, 3.0), Sample(T + MINUTE, 0.0)]
    (asked,) = server.asked
    form = parse_qs(asked.body.decode())
    assert (asked.method, asked.path) == ("POST", "/api/v1/query_range")
    assert form["query"] == ["sum(increase(errors_total[1m]))"] and form["step"] == ["60.000"]
    assert (form["start"], form["end"]) == ([f"{s + 60}.000"], [f"{s + 180}.000"])


def test_buckets_are_on_the_grid_whatever_the_window_and_none_that_is_open_is_asked_for() -> None:
    assert ends(Window(T + 1, T + 3 * MINUTE - 1), MINUTE) == [(T + 2 * MINUTE, T + 2 * MINUTE)]
    assert ends(Window(T, T + MINUTE - 1), MINUTE) == []


def test_no_call_asks_for_more_points_than_prometheus_gives() -> None:
    parts = ends(Window(T, T + 25_000 * MINUTE), MINUTE)
    assert [(last - first) // MINUTE + 1 for first, last in parts] == [10_000, 10_000, 5_000]
    assert [b[0] - a[1] for a, b in zip(parts, parts[1:], strict=False)] == [MINUTE, MINUTE]


def test_no_series_no_point_and_no_number_are_no_sample(server: Server) -> None:
    s = T // 1000
    assert read(server, matrix()) == []
    assert read(server, matrix([[s + 60, "NaN"], [s + 120, "+Inf"], [s + 180, "7"]])) == [Sample(T + 2 * MINUTE, 7.0)]


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (matrix([[T // 1000, "1"]], [[T // 1000, "2"]]), r"2 series; write one that gives one, as in sum\(...\)"),
        (matrix([[T // 1000, "1"]], warnings=["a store did not answer"]), "may not be whole: a store did not answer"),
        ((400, {}, b'{"status":"error","error":"parse error at char 3"}'), "parse error at char 3"),
        ((200, {}, b"<html>Please log in</html>"), "no answer of Prometheus"),
        ((200, {}, b"[]"), "no answer of Prometheus"),
        ((502, {}, b"<html>Bad gateway</html>"), "HTTP 502 Bad Gateway"),
        ((302, {"Location": "/login"}, b""), "HTTP 302 Found"),
        ((200, {}, b'{"status":"success","data":{"resultType":"vector","result":[]}}'), "no range vector"),
    ],
)
def test_what_is_not_one_series_raises_and_says_what_to_write(server: Server, reply: Any, says: str) -> None:
    with pytest.raises(Unreadable, match=f"^errors: .*{says}"):
        read(server, reply)
    assert len(server.asked) == 1  # no redirect was followed


def test_a_server_that_does_not_answer_in_time_or_at_all_raises(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "WITHIN_S", 0.2)
    server.go_on.clear()
    with pytest.raises(Unreadable, match="did not answer in 0.2 s"):
        read(server, matrix())
    server.trickle = True  # and one that sends a byte now and then is cut off too
    with pytest.raises(Unreadable, match="did not answer in 0.2 s"):
        read(server, matrix())
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with pytest.raises(Unreadable, match="was not reached: Connection refused"):
        OBSERVER.sample([signal(f"http://127.0.0.1:{port}")], WINDOW)


def test_in_rehearsal_nothing_but_loopback_and_real_time(server: Server) -> None:
    rehearsed = PrometheusObserver(rehearsed=True)
    assert isinstance(rehearsed, Foresees)
    with pytest.raises(Refused, match="NOT_LOOPBACK"):
        rehearsed.sample([signal("https://prometheus.example")], WINDOW)
    assert [p.code for p in rehearsed.check(signal("https://prometheus.example"))] == ["NOT_LOOPBACK"]
    assert [p.code for p in PrometheusObserver(True, 20.0).check(signal(server.url))] == ["WALL_TIME_ONLY"]
    assert rehearsed.check(signal(server.url)) == [] and read(server, matrix(), rehearsed) == []


def test_secrets_are_read_when_they_are_needed_and_are_in_no_error(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    asked = signal({"env": "PROM_URL"}, token={"file": str(token)})
    assert [p.code for p in OBSERVER.check(asked)] == ["SECRET_MISSING"]
    monkeypatch.setenv("PROM_URL", f"{server.url}/team-7f3a/")
    token.write_text("s3cret\n")
    server.answer = lambda request: matrix()
    OBSERVER.sample([asked], WINDOW)
    assert server.asked[0].path == "/team-7f3a/api/v1/query_range"
    assert server.asked[0].headers["Authorization"] == "Bearer s3cret"
    server.answer = lambda request: (403, {}, b"no")
    with pytest.raises(Unreadable) as refused:
        OBSERVER.sample([asked], WINDOW)
    monkeypatch.setenv("PROM_URL", "http://s3cret-host.invalid:1")
    with pytest.raises(Unreadable) as lost:
        OBSERVER.sample([asked], WINDOW)
    token.unlink()
    with pytest.raises(CouldNotStart, match="SECRET_MISSING") as missing:
        OBSERVER.sample([asked], WINDOW)
    said = " ".join(str(e.value) for e in (refused, lost, missing)) + asked.model_dump_json()
    assert "s3cret" not in said and "7f3a" not in said


@pytest.mark.parametrize(
    "url",
    ["http://me:pw@prometheus.example", "prometheus.example", "file:///etc/passwd", {"env": "A", "file": "b"}, {}],
)
def test_an_url_with_a_password_and_a_reference_to_no_one_place_are_refused(url: Any) -> None:
    with pytest.raises(ValidationError):
        PrometheusQuery.model_validate({"query": "up", "url": url})


def test_many_signals_are_read_a_few_at_a_time(server: Server) -> None:
    import threading

    now, most, lock = 0, 0, threading.Lock()

    def answer(request: Any) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.02)
        with lock:
            now -= 1
        return matrix([[T // 1000 + 60, "1"]])

    server.answer = answer
    found = OBSERVER.sample([signal(server.url, f"s{i}") for i in range(12)], WINDOW)
    assert len(found) == 12 and all(samples == [Sample(T, 1.0)] for samples in found.values())
    assert 1 < most <= prometheus.AT_ONCE
