"""Probes of Chaos Toolkit extensions as signals, source ``chaostoolkit.probe``.

A number or a boolean is a datapoint. An exception, None, text, a missing key or a probe that is late is none: the
bucket is unknown, and never 0. Each signal has a worker of its own that is kept warm, so that the credentials of one
probe never become another's (facts: chaostoolkit, 2.1).

A probe has no history, it says what is now: the one sample of a window is that of its last whole bucket, as with
``aws.state``, and it is asked once in a bucket.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from gameday.faults.chaostoolkit.settings import PythonActivity
from gameday.faults.chaostoolkit.working import Answer, Working, environ_of, job_of, names_in
from gameday.model.queries import ProviderQuery
from gameday.model.workspace import Environment
from gameday.plan import Signal
from gameday.protocols import Sample, Window

AT_A_TIME = 8


class Unreadable(RuntimeError):
    """No probe gave a number, and at least one said why."""


@dataclass
class _Asked:
    """One signal's worker, and what was said of the newest bucket."""

    working: Working | None = None
    bucket: int | None = None
    answer: Answer = Answer(False)
    lock: threading.Lock = field(default_factory=threading.Lock)


class ChaosProbeObserver:
    """The observer of ``chaostoolkit.probe``. In rehearsal (``endpoint``) no probe leaves loopback."""

    name = "chaostoolkit-probe"
    sources = frozenset({"chaostoolkit.probe"})

    def __init__(self, environment: Environment, endpoint: str | None) -> None:
        self._environment = environment
        self._endpoint = endpoint
        self._asked: dict[str, _Asked] = {}

    def sample(self, signals: Sequence[Signal], window: Window) -> Mapping[str, Sequence[Sample]]:
        """One sample for each signal; its value is None where the probe gave no number. Raises Unreadable when there is
        no number at all and a probe failed, so that the journal says why."""
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            found = dict(zip([s.id for s in signals], pool.map(lambda s: self._one(s, window), signals), strict=True))
        errors = [f"{ident}: {answer.error}" for ident, (_, answer) in found.items() if not answer.ok]
        if errors and all(sample.value is None for sample, _ in found.values()):
            raise Unreadable("; ".join(errors))
        return {ident: [sample] for ident, (sample, _) in found.items()}

    def _one(self, signal: Signal, window: Window) -> tuple[Sample, Answer]:
        start = (window.end_ms - signal.period_ms) // signal.period_ms * signal.period_ms
        asked = self._asked.setdefault(signal.id, _Asked())
        with asked.lock:
            if asked.bucket != start:
                asked.answer, asked.bucket = self._ask(signal, asked), start
        return Sample(start, asked.answer.value if asked.answer.ok else None), asked.answer

    def _ask(self, signal: Signal, asked: _Asked) -> Answer:
        """Ask the worker; one that was late or died is gone, and the next bucket gets a new one."""
        query = ProviderQuery.model_validate(signal.query)
        job = _job(query, self._endpoint is not None, self._environment)
        if asked.working is None or not asked.working.alive:
            asked.working = Working(environ_of(self._environment, self._endpoint, names_in(job)))
        answer = asked.working.ask(job, query.within / 1000)
        if not answer.ok and not asked.working.alive:
            asked.working.close()
            asked.working = None
        return answer

    def close(self) -> None:
        """End all workers."""
        for asked in self._asked.values():
            if asked.working:
                asked.working.kill()
                asked.working.close()
        self._asked.clear()


def _job(query: ProviderQuery, loopback: bool, environment: Environment) -> str:
    activity = PythonActivity.model_validate(query.model_dump(exclude={"value", "within"}))
    return json.dumps({**json.loads(job_of(activity, {}, {}, loopback, environment)), "value": query.value})
