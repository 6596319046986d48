"""Each kind of tampering is detected, and named. Whoever tampers here may also sign anew, with the sealer's own key."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gameday.errors import CouldNotStart
from gameday.evidence import bag
from gameday.evidence.approve import approve
from gameday.evidence.bag import Files
from gameday.evidence.envelope import APPROVAL, RUN, open_envelope, sign
from gameday.evidence.keys import public_pem
from gameday.evidence.redact import Wish, redact
from gameday.evidence.seal import MADE_AFTER, info_of
from gameday.evidence.verify import Found, Trusted, verify
from tests.evidence.a_sealed_run import (
    APPROVER,
    SEALER,
    STRANGER,
    a_plan,
    a_run,
    a_workspace,
    put,
    sealed,
)
from tests.evidence.a_sealed_run import (
    RUN as FIRST_RUN,
)
from tests.reports.a_day import story, tolerances

SEALED = Trusted(SEALER.public_key())
NOTE = "Support says the app still shows an error"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The second run of a workspace, sealed and approved."""
    root = a_workspace(tmp_path_factory.mktemp("w") / "w")
    a_run(root, "20261117-1020-payment-functions-stop")
    files = sealed(root, a_run(root), tmp_path_factory.mktemp("b") / "bag")
    return approve(files, open_envelope(files[bag.ENVELOPE], RUN), APPROVER, "head-of-resilience")


def codes(found: Found) -> set[str]:
    return {problem.code for problem in found.problems}


def places(found: Found) -> set[str]:
    return {problem.place.path for problem in found.problems if problem.place}


def remade(files: Files, key: Any = SEALER, **said: Any) -> Files:
    """Everything made anew after a change: salted hashes, manifests, and the seal, with whatever it shall say."""
    old = open_envelope(files[bag.ENVELOPE], RUN)
    kept = {name: raw for name, raw in files.items() if name not in bag.ADDED}
    held = {name: raw for name, raw in kept.items() if name.startswith(bag.DATA) and name != bag.SALTS}
    salts = {name: bag.unlisted(files[bag.SALTS]).get(name, "0" * 32) for name in held}
    kept[bag.SALTS] = bag.listed(salts.items())
    kept[bag.COMMITMENTS] = bag.listed((n, bag.commitment(salts[n], raw)) for n, raw in held.items())
    kept[bag.SEALER] = public_pem(key.public_key())
    predicate = {**old.predicate, **said}
    made = bag.finished(kept, info_of(predicate))
    about = [{"name": n, "digest": {"sha256": hashlib.sha256(made[n]).hexdigest()}} for n in MADE_AFTER]
    statement = {**old.statement, "subject": about, "predicate": predicate}
    return {**made, bag.ENVELOPE: sign(statement, key)}


def journal_of(files: Files, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> bytes:
    """The journal after a change, numbered and chained anew."""
    lines, prev = [], hashlib.sha256(b"").hexdigest()
    for seq, event in enumerate(change([json.loads(line) for line in files[bag.JOURNAL].splitlines()]), 1):
        event = {**event, "seq": seq, "prev": prev}
        lines.append(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        prev = hashlib.sha256(lines[-1]).hexdigest()
    return b"".join(lines)


def test_nothing_is_wrong_with_a_bag_that_nobody_touched(good: Files) -> None:
    found = verify(good, (), Trusted(SEALER.public_key(), APPROVER.public_key()))
    assert (found.problems, found.approver is not None) == ([], True)
    assert "the verdict was computed again from plan and journal, and is the same" in found.remarks
    assert "run 2 of 2 in its chain" in found.remarks


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_byte_in_any_file_is_seen_and_the_file_is_named(good: Files, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(n for n in good if good[n])))
    at = data.draw(st.integers(0, len(good[name]) - 1))
    raw = bytearray(good[name])
    raw[at] ^= data.draw(st.integers(1, 255))
    found = verify({**good, name: bytes(raw)}, (), SEALED)
    related = {bag.APPROVAL} if name == bag.APPROVER else {bag.ENVELOPE} if name == bag.SEALER else set()
    assert found.status == "not valid" and places(found) & ({name} | related), (name, at, places(found))


def test_a_line_dropped_at_the_end(good: Files) -> None:
    """The chain of the journal does not show that; the signed head and count do, also with manifests made anew."""
    cut = b"".join(good[bag.JOURNAL].splitlines(keepends=True)[:-1])
    assert {"FILE_CHANGED", "JOURNAL_CUT"} <= codes(verify({**good, bag.JOURNAL: cut}, (), SEALED))
    assert "JOURNAL_CUT" in codes(verify(remade({**good, bag.JOURNAL: cut}), (), SEALED))


def test_a_line_dropped_in_the_middle(good: Files) -> None:
    lines = good[bag.JOURNAL].splitlines(keepends=True)
    cut = b"".join([*lines[:20], *lines[21:]])
    found = verify(remade({**good, bag.JOURNAL: cut}), (), SEALED)
    assert {"JOURNAL_BROKEN", "JOURNAL_CUT"} <= codes(found)
    assert [p.place.line for p in found.problems if p.code == "JOURNAL_BROKEN" and p.place] == [21]


def test_a_journal_that_was_rewritten_whole(good: Files) -> None:
    """Chained anew, it fits together; the seal names another head."""
    raw = journal_of(good, lambda events: [e for e in events if e["type"] != "note"])
    assert "JOURNAL_CUT" in codes(verify(remade({**good, bag.JOURNAL: raw}), (), SEALED))


def test_the_payload_of_the_envelope(good: Files) -> None:
    record = json.loads(good[bag.ENVELOPE])
    body = base64.b64decode(record["payload"]).replace(b'"outcome": "within"', b'"outcome": "breached"')
    record["payload"] = base64.b64encode(body).decode()
    changed = json.dumps(record, indent=1, sort_keys=True).encode() + b"\n"
    assert codes(verify({**good, bag.ENVELOPE: changed}, (), SEALED)) >= {"SIGNATURE_WRONG"}


def test_the_signature(good: Files) -> None:
    record = json.loads(good[bag.ENVELOPE])
    record["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    changed = json.dumps(record, indent=1, sort_keys=True).encode() + b"\n"
    assert codes(verify({**good, bag.ENVELOPE: changed}, (), SEALED)) == {"SIGNATURE_WRONG"}


def test_a_bag_sealed_anew_with_another_key(good: Files) -> None:
    """Whole in itself; whoever has the sealer's key from elsewhere sees it, and the pre-registration is not theirs."""
    found = verify(remade(good, STRANGER), (), SEALED)
    assert codes(found) == {"KEY_OTHER"}
    assert "PREREGISTRATION_SIGNATURE" in codes(verify(remade(good, STRANGER)))


def test_a_tolerance_changed_after_the_fault(tmp_path: Path) -> None:
    """Plan, journal and seal all made to fit, by the sealer: what was signed before the fault says another limit."""
    root = a_workspace(tmp_path / "w")
    before = a_plan(root)
    softer = tolerances()[0].model_copy(update={"limit": tolerances()[0].limit * 2})
    after = before.model_copy(update={"tolerances": (softer, *before.tolerances[1:])})
    files = sealed(root, a_run(root, made=before, on_disk=after), tmp_path / "bag")
    found = verify(files, (), SEALED)
    assert {"TOLERANCE_CHANGED", "PLAN_SWAPPED"} <= codes(found)
    assert "payments-outage" in next(p.message for p in found.problems if p.code == "TOLERANCE_CHANGED")
    assert any("not pre-registered" in reason for reason in found.said["draft"])


def test_a_plan_that_was_swapped(good: Files) -> None:
    other = good[bag.PLAN].replace(b"through the standby", b"through the  tandby")
    found = verify(remade({**good, bag.PLAN: other}), (), SEALED)
    assert codes(found) == {"PLAN_SWAPPED"} and places(found) == {bag.PLAN}


def test_a_file_of_which_the_plan_was_made(good: Files) -> None:
    name = next(n for n in good if n.startswith("data/inputs/"))
    assert codes(verify(remade({**good, name: b"kind: scenario\nid: x\n"}), (), SEALED)) == {"INPUT_CHANGED"}


def test_a_pre_registration_after_the_effect(tmp_path: Path) -> None:
    """Signed with the right key and about the right plan, but too late; the seal itself says so, too."""
    root = a_workspace(tmp_path / "w")
    files = sealed(root, a_run(root, late=True), tmp_path / "bag")
    assert codes(verify(files, (), SEALED)) == {"PREREGISTRATION_LATE"}


def test_a_pre_registration_that_was_signed_anew(good: Files, tmp_path: Path) -> None:
    """Another one of the same plan and key, made later: the journal names the first."""
    root = a_workspace(tmp_path / "w")
    other = sealed(root, a_run(root, "20261119-0900-payment-functions-stop"), tmp_path / "bag")
    changed = remade({**good, bag.PREREGISTERED: other[bag.PREREGISTERED]})
    assert "PREREGISTRATION_OTHER" in codes(verify(changed, (), SEALED))
    gone = remade({n: raw for n, raw in good.items() if n != bag.PREREGISTERED})
    assert "PREREGISTRATION_MISSING" in codes(verify(gone, (), SEALED))


def test_a_verdict_that_was_made_milder(good: Files) -> None:
    """Also when the seal is made to say the same: plan and journal give another."""
    changed = good[bag.VERDICT].replace(b'"m_hi_s": 480', b'"m_hi_s": 470')
    assert changed != good[bag.VERDICT]
    milder = remade({**good, bag.VERDICT: changed})
    told = [dict(t) for t in verify(good).said["tolerances"]]
    told[0]["m_hi_s"] = 470
    assert codes(verify(milder, (), SEALED)) == {"VERDICT_DIFFERS"}
    assert codes(verify(remade(milder, tolerances=told), (), SEALED)) == {"VERDICT_DIFFERS"}


def test_a_file_added(good: Files) -> None:
    for name in ("extra.txt", "data/extra.txt", "data/signals/extra.csv", "keys/other.pem"):
        found = verify({**good, name: b"x"}, (), SEALED)
        assert "FILE_ADDED" in codes(found) and name in places(found)


def test_a_file_removed(good: Files) -> None:
    """Whatever it is, but the approval, without which it is a draft."""
    for name in sorted(good.keys() - {bag.APPROVAL, bag.APPROVER}):
        found = verify({n: raw for n, raw in good.items() if n != name}, (), SEALED)
        assert found.status == "not valid" and places(found) & {name, bag.ENVELOPE}, name
    without = verify({n: raw for n, raw in good.items() if n not in (bag.APPROVAL, bag.APPROVER)}, (), SEALED)
    assert without.status == "draft" and any("nobody has approved it" in reason for reason in without.draft)


def test_a_link_in_place_of_a_file(good: Files, tmp_path: Path) -> None:
    folder = put(tmp_path / "bag", good)
    (folder / "data" / "report.md").unlink()
    (folder / "data" / "report.md").symlink_to(tmp_path / "elsewhere")
    assert {"NOT_A_FILE", "FILE_MISSING"} <= codes(verify(*bag.read_bag(folder), SEALED))


def test_a_manifest_made_anew(good: Files) -> None:
    """Files and all four manifests fit one another; the seal names others."""
    changed = bag.finished({**good, "data/report.md": b"# All is well\n"}, info_of(verify(good).said))
    found = verify(changed, (), SEALED)
    assert {"MANIFEST_CHANGED", "FILE_CHANGED"} <= codes(found) and bag.MANIFESTS[0] in places(found)


def test_a_run_left_out_of_the_chain(good: Files) -> None:
    """The first of two is left out, and the second becomes the first: its own journal and pre-registration know."""
    last = [json.loads(line) for line in good[bag.CHAIN].splitlines()][2:]
    lines, prev = [], hashlib.sha256(b"").hexdigest()
    for number, link in enumerate(last, 1):
        made = {**link, "line": number, "prev": prev, "no": 1}
        lines.append(json.dumps(made, separators=(",", ":")).encode() + b"\n")
        prev = hashlib.sha256(lines[-1]).hexdigest()
    chain = {"no": 1, "lines": len(lines), "head": prev}
    found = verify(remade({**good, bag.CHAIN: b"".join(lines)}, chain=chain), (), SEALED)
    assert codes(found) == {"CHAIN_DIFFERS"}
    outside = verify(good, (), Trusted(SEALER.public_key(), chain=b"".join(lines)))
    assert codes(outside) == {"CHAIN_RUN_MISSING"}
    assert "20261117-1020" in outside.problems[0].message


def test_a_line_of_the_chain(good: Files) -> None:
    raw = good[bag.CHAIN].replace(b'"outcome":"within"', b'"outcome":"breached"', 1)
    assert raw != good[bag.CHAIN]
    assert "CHAIN_BROKEN" in codes(verify(remade({**good, bag.CHAIN: raw}), (), SEALED))
    gone = remade({n: r for n, r in good.items() if n != bag.CHAIN})
    assert "CHAIN_DIFFERS" in codes(verify(gone, (), SEALED))


def test_an_approval_of_another_digest(good: Files, tmp_path: Path) -> None:
    root = a_workspace(tmp_path / "w")
    other = sealed(root, a_run(root), tmp_path / "bag")
    other = approve(other, open_envelope(other[bag.ENVELOPE], RUN), APPROVER, "head-of-resilience")
    found = verify({**good, bag.APPROVAL: other[bag.APPROVAL]}, (), SEALED)
    assert codes(found) == {"APPROVAL_OTHER_DIGEST"} and found.approver is None


def test_an_approval_by_the_sealers_own_key(good: Files) -> None:
    signed = open_envelope(good[bag.ENVELOPE], RUN)
    with pytest.raises(CouldNotStart, match="OWN_APPROVAL"):
        approve(good, signed, SEALER, "head-of-resilience")
    forged = sign(open_envelope(good[bag.APPROVAL], APPROVAL).statement, SEALER)
    changed = {**good, bag.APPROVAL: forged, bag.APPROVER: public_pem(SEALER.public_key())}
    assert codes(verify(changed, (), SEALED)) == {"APPROVAL_OWN"}


def test_an_approval_by_somebody_else(good: Files) -> None:
    forged = sign(open_envelope(good[bag.APPROVAL], APPROVAL).statement, STRANGER)
    assert "APPROVAL_SIGNATURE" in codes(verify({**good, bag.APPROVAL: forged}, (), SEALED))
    changed = {**good, bag.APPROVAL: forged, bag.APPROVER: public_pem(STRANGER.public_key())}
    both = Trusted(SEALER.public_key(), APPROVER.public_key())
    assert codes(verify(changed, (), both)) == {"KEY_OTHER"}


# ---- what is withheld
def seq_of(files: Files, kind: str) -> int:
    return next(int(e["seq"]) for e in map(json.loads, files[bag.JOURNAL].splitlines()) if e.get("type") == kind)


def without(files: Files, *events: int, paths: tuple[str, ...] = ()) -> Files:
    signed = open_envelope(files[bag.ENVELOPE], RUN)
    return redact(files, signed, Wish(events, paths, "it names a customer"), STRANGER).files


def test_a_withheld_note_is_gone_and_all_the_rest_still_verifies(good: Files) -> None:
    seq = seq_of(good, "note")
    found = verify(made := without(good, seq), (), SEALED)
    assert found.problems == [] and not any(NOTE.encode() in raw for raw in made.values())
    assert "data/report.md" not in made, "it retells what the journal says"
    assert f"the verdict was computed again without event {seq}, and is the same" in found.remarks
    assert any(f"event {seq}, because it names a customer" in remark for remark in found.remarks)
    assert found.approver is not None, "what was approved is what was sealed"


def test_what_is_withheld_cannot_be_guessed(good: Files) -> None:
    """Nothing of the bag is the hash of the note, or of a file with it, without a salt that is gone."""
    made = without(good, seq := seq_of(good, "note"))
    event = json.loads(good[bag.JOURNAL].splitlines()[seq - 1])
    assert event["salt"].encode() not in b"".join(made.values())
    plain = hashlib.sha256(good["data/report.md"]).hexdigest().encode()
    salt = bag.unlisted(good[bag.SALTS])["data/report.md"].encode()
    assert not any(plain in raw or salt in raw for raw in made.values())


def test_a_file_can_be_withheld_and_then_another(good: Files) -> None:
    made = without(without(good, paths=("signals/fraud-latency.csv",)), paths=("data/signals/payments-5xx.csv",))
    found = verify(made, (), SEALED)
    assert found.problems == [] and len([r for r in found.remarks if r.startswith("withheld")]) == 2


def test_what_bears_on_the_verdict_is_not_withheld_silently(good: Files) -> None:
    """The redactor says so, in what they sign, and the verifier says that it cannot compute the verdict."""
    found = verify(without(good, seq_of(good, "signals.sampled")), (), SEALED)
    assert found.problems == [] and any(r.startswith("NOT RECOMPUTED") for r in found.remarks)
    plan = verify(without(good, paths=("plan.json",)), (), SEALED)
    assert plan.problems == [] and any(r.startswith("NOT RECOMPUTED") for r in plan.remarks)


def lied(made: Files, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Files:
    """A redaction whose items were changed, and signed again by its signer."""
    from gameday.evidence.envelope import REDACTION

    old = open_envelope(made[bag.REDACTIONS], REDACTION)
    items = change([dict(item) for item in old.predicate["items"]])
    said = {**old.statement, "predicate": {**old.predicate, "items": items}}
    return {**made, bag.REDACTIONS: sign(said, STRANGER)}


def test_a_redaction_that_is_abused(good: Files) -> None:
    """Said to be without weight; said of what still stands there; not said; changed, and not withheld; of another."""
    weighty = without(good, seq_of(good, "signals.sampled"))
    harmless = lied(weighty, lambda items: [{**item, "bears_on_verdict": False} for item in items])
    assert codes(verify(harmless, (), SEALED)) == {"REDACTION_ABUSED"}
    silent = lied(weighty, lambda items: [item for item in items if "path" in item])
    assert "REDACTION_UNDECLARED" in codes(verify(silent, (), SEALED))
    made = without(good, seq_of(good, "note"))
    standing = lied(made, lambda items: [*items, {"event": 1, "sha256": "0" * 64, "because": "x"}])
    assert "REDACTION_ABUSED" in codes(verify(standing, (), SEALED))
    whole = lied(made, lambda items: [*items, {"path": bag.VERDICT, "because": "x"}])
    assert "REDACTION_ABUSED" in codes(verify(whole, (), SEALED))
    other = made[bag.JOURNAL].replace(b"safety officer asks", b"safety officer asked")
    assert "JOURNAL_BROKEN" in codes(verify({**made, bag.JOURNAL: other}, (), SEALED))
    changed = bag.finished({**made, "data/signals/payments-outage.csv": b"start\n"}, info_of(verify(good).said))
    assert {"FILE_CHANGED", "MANIFEST_CHANGED"} <= codes(verify(changed, (), SEALED))
    unsigned = {n: raw for n, raw in made.items() if n not in (bag.REDACTIONS, bag.REDACTOR)}
    assert {"REDACTION_UNDECLARED", "MANIFEST_CHANGED"} <= codes(verify(unsigned, (), SEALED))


@pytest.mark.parametrize("kind", ["plan.registered", "evidence.preregistered", "fault.requested", "run.ended"])
def test_what_says_what_was_run_is_never_withheld(good: Files, kind: str) -> None:
    with pytest.raises(CouldNotStart, match="REDACTION_REFUSED"):
        without(good, seq_of(good, kind))


# ---- the script that needs nothing of ours
def said(folder: Path, *keys: Path) -> tuple[int, str]:
    ran = subprocess.run(["sh", str(folder / "verify.sh"), str(folder), *map(str, keys)],
                         capture_output=True, text=True, check=False)  # fmt: skip
    assert ran.stderr == ""
    return ran.returncode, ran.stdout


def test_the_script_alone_finds_a_good_bag_good_and_names_what_is_wrong(good: Files, tmp_path: Path) -> None:
    """With coreutils, jq and openssl."""
    lines = good[bag.JOURNAL].splitlines(keepends=True)
    swapped = bag.finished({**good, "data/report.md": b"# All is well\n"}, info_of(verify(good).said))
    forged = sign(open_envelope(good[bag.APPROVAL], APPROVAL).statement, SEALER)
    cases: list[tuple[Files, str]] = [
        (good, ""),
        (without(good, seq_of(good, "note")), ""),
        ({**good, "data/report.md": b"# All is well\n"}, "FILE_CHANGED data/report.md"),
        ({**good, "data/new.txt": b"x"}, "FILE_ADDED data/new.txt"),
        ({n: r for n, r in good.items() if n != "data/report.md"}, "FILE_MISSING data/report.md"),
        (swapped, "MANIFEST_CHANGED manifest-sha256.txt"),
        (remade({**good, bag.JOURNAL: b"".join(lines[:-1])}), "JOURNAL_CUT data/journal.jsonl"),
        (
            remade({**good, bag.JOURNAL: b"".join([*lines[:20], *lines[21:]])}),
            "JOURNAL_BROKEN data/journal.jsonl line 21",
        ),
        (
            {**good, bag.ENVELOPE: good[bag.ENVELOPE].replace(b'"sig": "', b'"sig": "AA')},
            "SIGNATURE_WRONG run.dsse.json",
        ),
        (
            {**good, bag.APPROVAL: forged, bag.APPROVER: public_pem(SEALER.public_key())},
            "APPROVAL_OWN approval.dsse.json",
        ),
    ]
    for number, (files, fault) in enumerate(cases):
        code, told = said(put(tmp_path / str(number), files))
        assert (code, fault in told) == (1 if fault else 0, True), (fault, told)
    (tmp_path / "other.pem").write_bytes(public_pem(STRANGER.public_key()))
    code, told = said(tmp_path / "0", tmp_path / "other.pem")
    assert code == 1 and "KEY_OTHER keys/sealer.pub.pem" in told


def test_the_script_sees_what_the_sealer_made_to_fit_later(tmp_path: Path) -> None:
    root = a_workspace(tmp_path / "w")
    sealed(root, a_run(root, late=True), tmp_path / "late")
    assert "FAULT PREREGISTRATION_LATE" in said(tmp_path / "late")[1]
    before = a_plan(root)
    softer = tolerances()[0].model_copy(update={"limit": tolerances()[0].limit * 2})
    after = before.model_copy(update={"tolerances": (softer, *before.tolerances[1:])})
    run = a_run(root, FIRST_RUN + "-2", made=before, on_disk=after)
    sealed(root, run, tmp_path / "softer")
    assert "FAULT TOLERANCE_CHANGED payments-outage" in said(tmp_path / "softer")[1]


def test_the_story_has_what_these_tests_speak_of() -> None:
    assert {"note", "signals.sampled", "hold.started"} <= {draft.type for _, draft in story()}
