"""Pre-registration: what a run will do, its limits and its place in the chain, signed before its first effect.

``preregistration.dsse.json`` lies in the run's folder; the journal names its SHA-256 before the first fault is asked
for, and it names the journal's head at that moment. So neither can be made to fit the other later, but by whoever holds
the key and writes both anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gameday.clock import Ms, iso
from gameday.evidence.chain import Numbered
from gameday.evidence.envelope import PREREGISTRATION, sign, statement
from gameday.evidence.inputs import PREREGISTERED as FILE
from gameday.plan import Plan

__all__ = ["FILE", "Moment", "limits", "preregistration"]


@dataclass(frozen=True)
class Moment:
    """Where a run stands when its pre-registration is signed: scenario and wall time, and its journal so far."""

    at: Ms
    wall: Ms
    journal_count: int
    journal_head: str


def preregistration(
    plan: Plan, plan_raw: bytes, run: str, numbered: Numbered, moment: Moment, key: Ed25519PrivateKey
) -> bytes:
    """The signed statement, as the bytes of its file."""
    predicate = {
        "run": run, "scenario": plan.scenario, "service": plan.service, "environment": plan.environment,
        "plan_digest": plan.digest, "inputs": dict(plan.inputs), "tolerances": limits(plan),
        "chain": {"no": numbered.no, "lines": numbered.lines, "head": numbered.head},
        "journal": {"count": moment.journal_count, "head": moment.journal_head},
        "at": iso(moment.at), "wall": iso(moment.wall),
    }  # fmt: skip
    return sign(statement(PREREGISTRATION, {"plan.json": plan_raw}, predicate), key)


def limits(plan: Plan) -> list[dict[str, Any]]:
    """Every tolerance and objective, whole: its limit, what counts as disrupted, how it is measured."""
    return [t.model_dump(mode="json", by_alias=True) for t in (*plan.tolerances, *plan.objectives)]
