"""Canary ledgers of a rehearsal (D19): what its table acknowledged, held against what is there now.

On AWS nobody keeps such a ledger for us: there a firm reconciles its own and judges the file (``gameday judge``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from gameday.verdict.integrity import Write, reconcile

LISTED = 50  # missing numbers that are journalled one by one
Ask = Callable[[str], Mapping[str, Any]]


class CanaryLedgers:
    """Asks the control API of a rehearsal (``ask``, which raises OSError when it does not answer)."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def reconcile(self, ledger: str, since_ms: int) -> Mapping[str, Any]:
        """The facts of ``ledger.reconciled``; LookupError when no such ledger is kept."""
        answer = self._ask(f"ledger?{urlencode({'piece': ledger, 'since': since_ms})}")
        if answer.get("rows") is None:
            raise LookupError(f"the workload keeps no canary ledger of {ledger}")
        return {"ledger": ledger, **facts([Write(*row) for row in answer["rows"]], answer["interval_ms"])}


def facts(writes: list[Write], interval_ms: int) -> dict[str, Any]:
    """What a reconciliation found, as its event holds it. Canaries are as far apart as the largest step between two
    that followed one another, and at least ``interval_ms``: a machine that stalled wrote them later."""
    owed = sorted((w for w in writes if w.acked_ms is not None), key=lambda w: w.sequence)
    found = reconcile(writes)
    bad = [w for w in owed if w.good is False]
    stepped = found.rpo[1] - found.rpo[0] if found.rpo[1] is not None else interval_ms
    return {
        "acked": len(owed),
        "present": sum(1 for w in owed if w.present),
        "unread": sum(1 for w in owed if w.good is None),
        "missing": [w.sequence for w in owed if w.present is False][:LISTED],
        "corrupt": sum(1 for w in owed if w.present and w.intact is False),
        "duplicates": found.duplicates,
        "first_missing_ms": bad[0].acked_ms if bad else None,
        "last_missing_ms": bad[-1].acked_ms if bad else None,
        "last_intact_ms": _point(owed, bad),
        "interval_ms": max(interval_ms, stepped),
    }


def _point(owed: list[Write], bad: list[Write]) -> int | None:
    """When the last write before the first that is lost was acknowledged; None when there was none."""
    before = [w for w in owed if not bad or w.sequence < bad[0].sequence]
    return before[-1].acked_ms if before else None
