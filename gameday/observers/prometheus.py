"""Prometheus: one range query a signal, the expression evaluated at the end of each bucket.

The sample of a bucket is what the expression gives at the bucket's end, so that ``increase(x[20s])`` with a period of
20 s is what happened in it (Prometheus HTTP API, "Range queries"; CloudWatch's Sum stamps the same with its start).
No series, no point or a NaN is no sample. A server that cannot be read, an answer that is not whole and an expression
that gives several series raise: that is a gap, never a zero.

Prometheus knows wall time alone, so in a rehearsal it is read at speed 1 only, and on loopback only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import responses
from math import isfinite
from typing import Any
from urllib.parse import urlencode

from gameday.aws import Listener, is_loopback
from gameday.errors import GamedayError, Problem, Refused
from gameday.model.queries import PrometheusQuery
from gameday.observers.secrets import revealed
from gameday.observers.web import Answer, Asking, Broken, Late, NoAddress, fetch
from gameday.plan import Signal
from gameday.protocols import Sample, Window

AT_ONCE = 4  # requests under way; the others wait, so that a server is never asked for all at once
WITHIN_S = 10.0  # wall time of one request
POINTS_A_CALL = 10_000  # Prometheus refuses more than 11,000 points a series (HTTP API)
LONGEST_TEXT = 300


class Unreadable(RuntimeError):
    """Prometheus was not reached, or answered and not with one series."""


@dataclass(frozen=True)
class PrometheusObserver:
    """The observer of ``prometheus``. ``rehearsed``: loopback alone; ``speed``: of the scenario's time."""

    rehearsed: bool = False
    speed: float = 1.0
    listeners: list[Listener] = field(default_factory=list)
    name = "prometheus"
    sources = frozenset({"prometheus"})

    def hear(self, listener: Listener) -> None:
        """Tell of each answer from now on; neither the server's address nor a token is in it."""
        self.listeners.append(listener)

    def check(self, signal: Signal) -> Sequence[Problem]:
        """What would keep this signal from being read, before anything is asked."""
        try:
            self._server(PrometheusQuery.model_validate(signal.query))
        except GamedayError as error:
            return [Problem(p.code, f"{signal.id}: {p.message}", p.write) for p in error.problems]
        return []

    def sample(self, signals: Sequence[Signal], window: Window) -> Mapping[str, Sequence[Sample]]:
        """The closed buckets of the window. Refused for a server that must not be asked, Unreadable for one that did
        not answer with one series."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="prometheus") as pool:
            found = list(pool.map(lambda signal: self._read(signal, window), signals))
        return {signal.id: samples for signal, samples in zip(signals, found, strict=True)}

    def _read(self, signal: Signal, window: Window) -> list[Sample]:
        query = PrometheusQuery.model_validate(signal.query)
        url, headers = self._server(query)
        found: list[Sample] = []
        for first, last in ends(window, signal.period_ms):
            asked = {"query": query.query, "start": _s(first), "end": _s(last), "step": _s(signal.period_ms)}
            asking = Asking(f"{url}/api/v1/query_range", WITHIN_S, "POST", headers, urlencode(asked).encode())
            data = _data(signal, _asked(signal, asking))
            for listener in self.listeners:
                listener("prometheus query_range", asked, data)
            found += samples(signal, data)
        return found

    def _server(self, query: PrometheusQuery) -> tuple[str, dict[str, str]]:
        """URL and headers, secrets filled in."""
        url = revealed(query.url, "query.url").rstrip("/")
        if self.rehearsed and not is_loopback(url):
            write = "a url like http://127.0.0.1:9090, or --environment NAME"
            raise Refused(Problem("NOT_LOOPBACK", "a Prometheus that is not on loopback, in rehearsal", write))
        if self.speed != 1:
            message = f"Prometheus knows real time alone, and the speed is {self.speed:g}"
            raise Refused(Problem("WALL_TIME_ONLY", message, "--speed 1, or an observer of CloudWatch"))
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if query.token is not None:
            headers["Authorization"] = f"Bearer {revealed(query.token, 'query.token')}"
        return url, headers


def ends(window: Window, period_ms: int) -> list[tuple[int, int]]:
    """First and last end of the buckets that lie in the window whole, in parts that one call may ask for."""
    first = -(-window.start_ms // period_ms) * period_ms + period_ms
    last = window.end_ms // period_ms * period_ms
    size = POINTS_A_CALL * period_ms
    return [(start, min(last, start + size - period_ms)) for start in range(first, last + 1, size)]


def samples(signal: Signal, data: Any) -> list[Sample]:
    """The samples of a matrix of one series; Unreadable when there are more."""
    series = data["result"] if data.get("resultType") == "matrix" else None
    if series is None or len(series) > 1:
        what = f"{len(series)} series" if series else "no range vector"
        raise Unreadable(f"{signal.id}: the expression gives {what}; write one that gives one, as in sum(...)")
    points = series[0]["values"] if series else []
    values = [(round(stamp * 1000) - signal.period_ms, float(value)) for stamp, value in points]
    return [Sample(start, value) for start, value in values if isfinite(value)]


def _asked(signal: Signal, asking: Asking) -> Answer:
    try:
        return fetch(asking)
    except Late:
        raise Unreadable(f"{signal.id}: Prometheus did not answer in {asking.within_s:g} s") from None
    except (OSError, NoAddress, Broken, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise Unreadable(f"{signal.id}: Prometheus was not reached: {why}") from None


def _data(signal: Signal, answer: Answer) -> Any:
    """The data of an answer that is whole. Prometheus gives its errors as JSON with 4xx and 5xx."""
    try:
        said = json.loads(answer.body) if answer.whole else {}
        status, error, warnings = said.get("status"), said.get("error", ""), said.get("warnings")
    except (ValueError, AttributeError):
        status, error, warnings = None, "", None
    if answer.status != 200 or status != "success":
        words = error or f"HTTP {answer.status} {responses.get(answer.status, '')}, no answer of Prometheus"
        raise Unreadable(f"{signal.id}: {str(words)[:LONGEST_TEXT]}")
    if warnings:  # such as a part of a federation that did not answer
        raise Unreadable(f"{signal.id}: the answer may not be whole: {str(warnings[0])[:LONGEST_TEXT]}")
    return said["data"]


def _s(ms: int) -> str:
    return f"{ms / 1000:.3f}"
