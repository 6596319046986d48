"""An HTTP probe: one request a period, 1 = answered as expected in time, 0 = not (basis ``probe``, D20).

What a customer would have met is a 0: a wrong status, a text that is not there, no whole answer in time, a connection
that is refused or breaks, a certificate that does not hold, a name that name servers say does not exist. What says
nothing of the service is no sample, and so unknown: no name server answered, there is no route from here, or this
machine had no socket left to send with.

A request is sent when a look falls into a bucket that has none yet, and its bucket is the one in which it was sent. The
buckets in which nobody looked stay empty. ``within`` is scenario time, so a rehearsal at speed 20 gives an answer a
twentieth of it in wall time.
"""

from __future__ import annotations

import errno
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from gameday.aws import is_loopback
from gameday.clock import Clock, Ms
from gameday.errors import Problem, Refused
from gameday.model.queries import ProbeQuery
from gameday.observers.web import Answer, Asking, Broken, Late, NoAddress, fetch
from gameday.plan import Signal
from gameday.protocols import Sample, Window

AT_ONCE = 16
LARGEST_BODY = 1024 * 1024  # what is looked through for ``contains``
KEPT = 1_000  # buckets of a signal that are remembered
OURS = frozenset({
    errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE,
    errno.ENOBUFS, errno.ENOMEM, errno.EACCES, errno.EPERM,
})  # fmt: skip


class HttpProbe:
    """The observer of ``http.probe``. ``rehearsed``: nothing but loopback is asked."""

    name = "http-probe"
    sources = frozenset({"http.probe"})

    def __init__(self, clock: Clock, rehearsed: bool = False) -> None:
        self._clock, self._rehearsed = clock, rehearsed
        self._seen: dict[str, dict[Ms, float | None]] = {}
        self._lock = Lock()

    def check(self, signal: Signal) -> Sequence[Problem]:
        """What would keep this signal from being read, before anything is sent."""
        if self._rehearsed and not is_loopback(ProbeQuery.model_validate(signal.query).url):
            message = f"{signal.id}: a probe of what is not on loopback, in rehearsal"
            return [Problem("NOT_LOOPBACK", message, "a url like http://127.0.0.1:8080, or --environment NAME")]
        return []

    def sample(self, signals: Sequence[Signal], window: Window) -> Mapping[str, Sequence[Sample]]:
        """What was met in the buckets of the window that were probed. Refused (NOT_LOOPBACK) in rehearsal."""
        for problem in (p for signal in signals for p in self.check(signal)):
            raise Refused(problem)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="probe") as pool:
            list(pool.map(self._probe, signals))
        return {signal.id: self._in(signal, window) for signal in signals}

    def _probe(self, signal: Signal) -> None:
        """Send, unless this bucket has had its request."""
        bucket = self._clock.now() // signal.period_ms * signal.period_ms
        with self._lock:
            seen = self._seen.setdefault(signal.id, {})
            if bucket in seen:
                return
            seen[bucket] = None
            for old in sorted(seen)[:-KEPT]:
                del seen[old]
        met = probe(ProbeQuery.model_validate(signal.query), self._clock.speed)
        with self._lock:
            seen[bucket] = met

    def _in(self, signal: Signal, window: Window) -> list[Sample]:
        with self._lock:
            seen = dict(self._seen[signal.id])
        return [Sample(t, v) for t, v in sorted(seen.items()) if window.start_ms <= t < window.end_ms and v is not None]


def probe(query: ProbeQuery, speed: float) -> float | None:
    """What one request meets: 1, 0, or None when that says nothing of the service."""
    try:
        answer = fetch(Asking(query.url, query.within / 1000 / speed, query.method, largest=LARGEST_BODY))
    except (Late, Broken):
        return 0.0
    except NoAddress as error:
        return 0.0 if error.final else None
    except ssl.SSLError:  # its errno is one of OpenSSL's own numbers
        return 0.0
    except OSError as error:
        return None if error.errno in OURS else 0.0
    return float(_expected(query, answer))


def _expected(query: ProbeQuery, answer: Answer) -> bool:
    return answer.status in query.status and (query.contains is None or query.contains.encode() in answer.body)
