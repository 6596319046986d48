"""What a bag holds, held against itself: journal, plan, inputs, pre-registration, verdict, chain of runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gameday import __version__
from gameday.errors import DamagedRun, Place, Problem
from gameday.evidence import bag
from gameday.evidence.bag import Files
from gameday.evidence.chain import parse_chain
from gameday.evidence.envelope import Envelope
from gameday.evidence.keys import public_of
from gameday.evidence.lines import CHANGED, Lines, read_lines
from gameday.evidence.registered import NONE, registration
from gameday.evidence.seal import verdicts
from gameday.evidence.withheld import Withheld
from gameday.plan import Plan
from gameday.planning.digest import digest_of
from gameday.verdict.run import judge_run

if TYPE_CHECKING:
    from gameday.evidence.verify import Trusted


@dataclass
class Contents:
    """What is wrong, and what a reader must know."""

    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def contents(files: Files, signed: Envelope, gone: Withheld, trusted: Trusted) -> Contents:
    """All checks of what the payload says."""
    found, said = Contents(), signed.predicate
    lines = read_lines(files.get(bag.JOURNAL, b""))
    found.problems += [*lines.problems, *_journal(lines, said, gone)]
    plan = _plan(files, gone, found)
    if plan is not None:
        found.problems += [*_registered(files[bag.PLAN], plan, lines, said), *_inputs(files, plan)]
        _preregistered(files, plan, lines, said, trusted, found)
    found.problems += _signed_verdict(files, said)
    _recompute(files, plan, lines, gone, found)
    found.problems += _chain(files, lines, said)
    found.problems += _outside(files.get(bag.CHAIN, b""), trusted.chain)
    found.remarks += _runs(files.get(bag.CHAIN, b""), said)
    return found


def _at(code: str, what: str, write: str, name: str) -> Problem:
    return Problem(code, what, write, Place(name))


def _journal(lines: Lines, said: Mapping[str, Any], gone: Withheld) -> Iterator[Problem]:
    """As many lines as were sealed, and the last of them; withheld are only those that the redaction names."""
    sealed, count = said["journal"], len(lines.hashes)
    if count != sealed["count"]:
        yield _at("JOURNAL_CUT", f"it has {count} lines, and {sealed['count']} were sealed", CHANGED, bag.JOURNAL)
    elif lines.hashes and lines.hashes[-1] != sealed["head"]:
        yield _at("JOURNAL_CUT", "its last line is not the one that was sealed", CHANGED, bag.JOURNAL)
    for seq in lines.withheld:
        if gone.events.get(seq) != lines.hashes[seq - 1]:
            yield _at(
                "REDACTION_UNDECLARED",
                f"event {seq} is withheld, and no signed redaction says so",
                CHANGED,
                bag.JOURNAL,
            )
    for seq in sorted(gone.events.keys() - set(lines.withheld)):
        yield _at("REDACTION_ABUSED", f"event {seq} is said to be withheld, and it stands there", CHANGED, bag.JOURNAL)


def _plan(files: Files, gone: Withheld, found: Contents) -> Plan | None:
    if bag.PLAN in gone.paths:
        found.remarks.append("the plan is withheld: limits, inputs and pre-registration cannot be checked")
        return None
    try:
        return Plan.model_validate_json(files.get(bag.PLAN, b""))
    except (ValidationError, RecursionError):
        found.problems.append(_at("PLAN_UNREADABLE", "it is no plan that this version can read", CHANGED, bag.PLAN))
        return None


def _registered(raw: bytes, plan: Plan, lines: Lines, said: Mapping[str, Any]) -> Iterator[Problem]:
    """It is the plan that the journal registered, and its digest is of what it says itself."""
    hashes = [event.what.get("sha256") for event in lines.events if event.type == "plan.registered"]
    if hashes != [hashlib.sha256(raw).hexdigest()]:
        yield _at(
            "PLAN_SWAPPED", "it is not the plan that the journal registered when the run began", CHANGED, bag.PLAN
        )
    if not plan.digest == digest_of(plan) == said["plan_digest"]:
        yield _at(
            "PLAN_SWAPPED", "its digest is not of what it says, or not the one that was sealed", CHANGED, bag.PLAN
        )


def _inputs(files: Files, plan: Plan) -> Iterator[Problem]:
    for name, sha256 in sorted(plan.inputs.items()):
        raw = files.get(f"data/inputs/{name}")
        if raw is not None and hashlib.sha256(raw).hexdigest() != sha256.removeprefix("sha256:"):
            yield _at("INPUT_CHANGED", "it is not the file of which the plan was made", CHANGED, f"data/inputs/{name}")


def _preregistered(
    files: Files, plan: Plan, lines: Lines, said: Mapping[str, Any], trusted: Trusted, found: Contents
) -> None:
    keys = [public_of(files[bag.SEALER]), *([trusted.sealer] if trusted.sealer else [])]
    held = registration(files, plan, lines.events, keys)
    found.problems += held.problems
    sealed = said.get("preregistration")
    if (held.said or {}).get("sha256") != (sealed or {}).get("sha256") and not held.problems:
        found.problems.append(
            _at("PREREGISTRATION_OTHER", "it is not the one that was sealed", CHANGED, bag.PREREGISTERED)
        )
    if held.said is None and not held.problems:
        found.remarks.append(f"not pre-registered: {NONE}")


# ---- the verdict
def _signed_verdict(files: Files, said: Mapping[str, Any]) -> list[Problem]:
    """verdict.json says what was signed of it."""
    try:
        verdict = json.loads(files.get(bag.VERDICT, b""))
        same = (verdict["outcome"], verdicts(verdict)) == (said["outcome"], said["tolerances"])
    except (ValueError, KeyError, TypeError):
        same = False
    return [] if same else [_at("VERDICT_DIFFERS", "it does not say the verdict that was signed", CHANGED, bag.VERDICT)]


def _recompute(files: Files, plan: Plan | None, lines: Lines, gone: Withheld, found: Contents) -> None:
    """The verdict again, from plan and journal alone. What is withheld may bear on it, and that is said."""
    without = f" without event {', '.join(map(str, sorted(gone.events)))}" if gone.events else ""
    same = None if plan is None else _same(files.get(bag.VERDICT, b""), plan, lines)
    if gone.bears or plan is None:
        found.remarks.append(f"NOT RECOMPUTED: the verdict cannot be computed again{without}, as it needs that")
    elif same and without:
        found.remarks.append(f"the verdict was computed again{without}, and is the same")
    elif same:
        found.remarks.append("the verdict was computed again from plan and journal, and is the same")
    elif gone.events:
        what = f"computed again{without} the verdict is another: what is withheld bears on it, and nobody said so"
        found.problems.append(_at("REDACTION_ABUSED", what, CHANGED, bag.VERDICT))
    else:
        what = f"plan and journal give another verdict (computed by gameday {__version__}; see its provenance)"
        found.problems.append(_at("VERDICT_DIFFERS", what, CHANGED, bag.VERDICT))


def _same(raw: bytes, plan: Plan, lines: Lines) -> bool:
    """Whether plan and journal give what verdict.json says, its provenance apart."""
    try:
        told = json.loads(raw)
        told.pop("provenance", None)
        return bool(told == json.loads(json.dumps(judge_run(plan, list(lines.events)))))
    except Exception:  # noqa: BLE001  # whatever a journal of strangers makes it raise: it does not give this verdict
        return False


# ---- the chain of runs
def _chain(files: Files, lines: Lines, said: Mapping[str, Any]) -> list[Problem]:
    raw, sealed = files.get(bag.CHAIN, b""), said.get("chain")
    try:
        links = parse_chain(raw, bag.CHAIN)
    except DamagedRun as error:
        return error.problems
    if not links:
        return (
            [_at("CHAIN_DIFFERS", "the run was numbered, and its chain is missing", CHANGED, bag.CHAIN)]
            if sealed
            else []
        )
    return [*_sealed_link(raw, links, sealed or {}, said), *_numbered(raw, lines)]


def _sealed_link(
    raw: bytes, links: Sequence[Mapping[str, Any]], sealed: Mapping[str, Any], said: Mapping[str, Any]
) -> Iterator[Problem]:
    last = hashlib.sha256(raw.splitlines(keepends=True)[-1]).hexdigest()
    if (sealed.get("lines"), sealed.get("head"), sealed.get("no")) != (len(links), last, links[-1]["no"]):
        yield _at("CHAIN_DIFFERS", "it is not the chain of runs that was sealed", CHANGED, bag.CHAIN)
    ends = [link for link in links if link["run"] == said["run"] and link["what"] == "ended"]
    if not ends or ends[-1]["journal_head"] != said["journal"]["head"]:
        yield _at("CHAIN_DIFFERS", "it does not say that this run ended with this journal", CHANGED, bag.CHAIN)


def _numbered(raw: bytes, lines: Lines) -> Iterator[Problem]:
    """What the journal says of the chain when the run began is still so."""
    links = raw.splitlines(keepends=True)
    for event in lines.events:
        if event.type == "run.numbered":
            count = event.what["lines"]
            if count > len(links) or hashlib.sha256(links[count - 1]).hexdigest() != event.what["chain"]:
                what = f"when run {event.what['no']} began the chain was another: a run was left out of it, or put in"
                yield _at("CHAIN_DIFFERS", what, CHANGED, bag.CHAIN)


def _outside(mine: bytes, other: bytes | None) -> list[Problem]:
    """One of two copies of a chain must go on from the other."""
    if other is None:
        return []
    try:
        there = [str(link["run"]) for link in parse_chain(other, "--chain")]
    except DamagedRun as error:
        return error.problems
    if mine.startswith(other) or other.startswith(mine):
        return []
    lost = sorted({str(json.loads(line)["run"]) for line in mine.splitlines()} - set(there))
    what = f"the other copy of the chain leaves out {', '.join(lost)}" if lost else "the other copy differs"
    return [Problem("CHAIN_RUN_MISSING", what, "every run that either chain names", Place("--chain"))]


def _runs(raw: bytes, said: Mapping[str, Any]) -> list[str]:
    """Where this run stands among all, and which of them never ended."""
    try:
        links = parse_chain(raw)
    except DamagedRun:
        return []
    if not links:
        return ["the run has no number: whether others were left out cannot be seen"]
    ended = {link["run"] for link in links if link["what"] == "ended"}
    open_ = sorted({link["run"] for link in links} - ended)
    never = f"; began and never ended: {', '.join(open_)}" if open_ else ""
    return [f"run {said['chain']['no'] if said.get('chain') else '?'} of {len(ended | set(open_))} in its chain{never}"]
