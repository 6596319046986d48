"""signals/answers.jsonl: what the sources of signals were asked, and what they answered, word for word.

One line an answer: ``at`` (scenario time), ``call``, ``request``, ``answer``. Only the calls in ``KEPT``: what may hold
secrets (a function's environment) or persons (URLs, users and addresses of traces) is not kept. An answer like the one
before to the same request is left out. It is evidence beside the journal: nothing is judged from it, and a disk that
takes no more of it stops no run.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

from gameday.clock import Clock, iso

FILE = Path("signals") / "answers.jsonl"
LARGEST = 64_000_000  # bytes of the file; then one line says that no more is kept
KEPT = frozenset({
    "cloudwatch GetMetricData", "cloudwatch DescribeAlarms", "cloudwatch DescribeAlarmHistory", "xray GetServiceGraph",
    "xray GetTraceSummaries", "logs StartQuery", "logs GetQueryResults", "prometheus query_range",
    "application-signals BatchGetServiceLevelObjectiveBudgetReport",
})  # fmt: skip
_OF_A_TRACE = ("Id", "StartTime", "Duration", "ResponseTime", "HasFault", "HasError", "HasThrottle", "IsPartial")
LOG = logging.getLogger(__name__)


class Answers:
    """Appends to the file of one run; safe to be told from several threads."""

    def __init__(self, run_dir: Path, clock: Clock, largest: int = LARGEST) -> None:
        self._path, self._clock, self._largest = run_dir / FILE, clock, largest
        self._lock, self._open = Lock(), True
        self._last: dict[str, str] = {}

    def told(self, call: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Keep one answer. Never raises for what the disk says."""
        if call not in KEPT:
            return
        asked, said = _text(request), _text(_bare(answer))
        with self._lock:
            if not self._open or self._last.get(f"{call} {asked}") == said:
                return
            self._last = {**dict(list(self._last.items())[-50:]), f"{call} {asked}": said}
            at = json.dumps(iso(self._clock.now()))
            self._append(f'{{"at":{at},"call":{json.dumps(call)},"request":{asked},"answer":{said}}}\n')

    def _append(self, line: str) -> None:
        try:
            self._path.parent.mkdir(exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                self._open = file.tell() + len(line) <= self._largest
                file.write(line if self._open else '{"full":"no more answers are kept"}\n')
        except OSError as error:
            self._open = False
            LOG.warning("the answers of sources are not kept: %s", error.strerror or error)


def _bare(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is the transport's, and without what may be a person's."""
    found = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    if "TraceSummaries" in found:
        found["TraceSummaries"] = [{k: s[k] for k in _OF_A_TRACE if k in s} for s in found["TraceSummaries"]]
    return found


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> str:
    return iso(round(value.timestamp() * 1000)) if isinstance(value, datetime) else str(value)
