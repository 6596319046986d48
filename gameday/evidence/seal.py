"""Sealing: a run's folder becomes a signed bag. The same run and key give the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gameday import __version__
from gameday.errors import CouldNotStart, could_not_start
from gameday.evidence import bag
from gameday.evidence.bag import Files
from gameday.evidence.chain import upto
from gameday.evidence.doors import Known, closed
from gameday.evidence.envelope import NOT_PROVED, RUN, sign, statement
from gameday.evidence.keys import key_id, public_pem, salt_key
from gameday.evidence.registered import registration
from gameday.journal.events import Event
from gameday.plan import Plan

MADE_AFTER = ("bag-info.txt", *bag.TAG_MANIFESTS, *bag.MANIFESTS, *bag.STEADY)


@dataclass(frozen=True)
class Run:
    """A run that was judged: its folder, plan, journal and verdict, and the chain of its workspace."""

    folder: Path
    plan: Plan
    events: Sequence[Event]
    verdict: Mapping[str, Any]
    chain: bytes = b""
    reasons: Sequence[str] = ()  # why it is a draft, beyond what is found here
    known: Known = field(default_factory=lambda: Known({}))


def seal(run: Run, key: Ed25519PrivateKey) -> Files:
    """The bag of this run, signed. Nothing is written, and nothing is looked for that must not be in it: ``check``."""
    held = bag.payload(run.folder, run.plan, upto(run.chain, _name(run)))
    salts = bag.salts(held, salt_key(key), f"{_name(run)}\0{_head(held)}")
    committed = bag.listed((name, bag.commitment(salts[name], raw)) for name, raw in held.items())
    made = {**held, bag.SALTS: bag.listed(salts.items()), bag.COMMITMENTS: committed, "bagit.txt": bag.BAGIT,
            bag.SEALER: public_pem(key.public_key()), **how_to_verify()}  # fmt: skip
    predicate = _predicate(run, held, key)
    made = bag.finished(made, info_of(predicate))
    signed = sign(statement(RUN, {name: made[name] for name in MADE_AFTER}, predicate), key)
    return {**made, bag.ENVELOPE: signed}


def check(files: Files, known: Known) -> None:
    """CouldNotStart: SECRET_IN_EVIDENCE, PERSON_IN_EVIDENCE, with every place."""
    if problems := closed({name: raw for name, raw in files.items() if name.startswith(bag.DATA)}, known):
        raise CouldNotStart(problems)


def how_to_verify() -> Files:
    """VERIFY.md and verify.sh, as they ship."""
    shipped = resources("gameday.evidence")
    return {name: shipped.joinpath(name).read_bytes() for name in ("VERIFY.md", "verify.sh")}


def info_of(predicate: Mapping[str, Any]) -> dict[str, str]:
    """What bag-info.txt says; all of it follows from what is signed."""
    return {
        "External-Identifier": str(predicate["run"]), "Bagging-Date": str(predicate["ended"])[:10],
        "Bag-Software-Agent": f"gameday {predicate['version']}",
        "External-Description": f"gameday run of {predicate['scenario']} in {predicate['environment']}",
    }  # fmt: skip


def _predicate(run: Run, held: Files, key: Ed25519PrivateKey) -> dict[str, Any]:
    registered = registration(held, run.plan, run.events)
    link = _link(held)
    missing = [f for f in sorted(run.plan.inputs) if f"data/inputs/{f}" not in held]
    return {
        "run": _name(run), "scenario": run.plan.scenario, "service": run.plan.service,
        "environment": run.plan.environment, "plan_digest": run.plan.digest, "ended": _ended(held),
        "outcome": run.verdict["outcome"], "tolerances": verdicts(run.verdict),
        "journal": {"head": _head(held), "count": held[bag.JOURNAL].count(b"\n")}, "chain": link,
        "preregistration": registered.said, "inputs_missing": missing,
        "draft": [*_own_reasons(registered.why_not, link, missing), *run.reasons],
        "key": key_id(key.public_key()), "version": __version__, "not_proved": list(NOT_PROVED),
    }  # fmt: skip


def verdicts(verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each tolerance in short: its bounds against its limit, and the codes."""
    keys = ("id", "authority", "metric", "verdict", "m_lo_s", "m_hi_s", "limit_s", "m_lo", "m_hi", "limit", "codes")
    return [{key: judged[key] for key in keys if key in judged} for judged in verdict["tolerances"]]


def _own_reasons(not_registered: str | None, link: object, missing: Sequence[str]) -> list[str]:
    found = [f"not pre-registered: {not_registered}"] if not_registered else []
    found += [] if link else ["the run has no number in a chain of runs"]
    return found + [f"the exact bytes of {name} were not kept" for name in missing]


def _link(held: Files) -> dict[str, Any] | None:
    """The run's number and the end of the chain as it is sealed."""
    if not (raw := held.get(bag.CHAIN)):
        return None
    last = raw.splitlines(keepends=True)[-1]
    link = json.loads(last)
    return {"no": link["no"], "lines": link["line"], "head": hashlib.sha256(last).hexdigest()}


def _name(run: Run) -> str:
    return str(run.verdict["run"] or run.folder.name)


def _head(held: Files) -> str:
    return hashlib.sha256(held[bag.JOURNAL].splitlines(keepends=True)[-1]).hexdigest()


def _ended(held: Files) -> str:
    """When the last line of the journal was written, in wall time."""
    return str(json.loads(held[bag.JOURNAL].splitlines()[-1])["wall"])


def refuse_live(live: bool, run_dir: Path) -> None:
    """CouldNotStart RUN_LIVE: what is not over yet is no evidence."""
    if live:
        raise could_not_start("RUN_LIVE", "this run is not over", "wait for its end, or gameday abort", run_dir)
