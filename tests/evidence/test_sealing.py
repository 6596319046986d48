"""From a workspace to a bag: keys, numbers of runs, what is never sealed, and the commands."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from gameday.cli.main import group
from gameday.clock import VirtualClock
from gameday.errors import CouldNotStart, DamagedRun
from gameday.evidence import bag
from gameday.evidence.chain import chain_path, close_runs, parse_chain
from gameday.evidence.doors import Known, closed, persons_of
from gameday.evidence.keys import key_id, new_key, read_private, read_public
from gameday.evidence.verify import Trusted, verify
from gameday.journal.events import Draft
from gameday.journal.store import Journal, read
from gameday.model.roster import Roster
from gameday.model.types import Reference
from gameday.model.workspace import SigningKey
from gameday.plan import dump_plan
from gameday.wiring.enrolling import enrol, read_key, ready
from gameday.wiring.sealing import Withhold, seal_run
from tests.evidence.a_sealed_run import APPROVER, RUN, SEALER, a_plan, a_private_file, a_run, a_workspace, sealed
from tests.reports.a_day import story

OTHER = "20261117-0900-payment-functions-stop"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return a_workspace(tmp_path / "w")


# ---- keys
def test_a_key_is_for_its_owner_alone_and_is_found_again(tmp_path: Path) -> None:
    made = new_key(tmp_path / "keys", "runner")
    assert stat.S_IMODE(made.private.stat().st_mode) == 0o600
    assert key_id(read_private(made.private).public_key()) == key_id(read_public(made.public)) == made.ident
    with pytest.raises(CouldNotStart, match="KEY_EXISTS"):
        new_key(tmp_path / "keys", "runner")
    made.private.chmod(0o640)
    with pytest.raises(CouldNotStart, match="KEY_OPEN"):
        read_private(made.private)
    with pytest.raises(CouldNotStart, match="KEY_NAME"):
        new_key(tmp_path, "../runner")


def test_a_passphrase_is_by_reference_and_in_no_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = new_key(tmp_path, "runner", "correct horse")
    named = SigningKey(file="runner.pem", passphrase=Reference(env="A_PASSPHRASE"))
    with pytest.raises(CouldNotStart, match="SECRET_MISSING"):
        read_key(named, tmp_path)
    monkeypatch.setenv("A_PASSPHRASE", "wrong horse")
    with pytest.raises(CouldNotStart, match="KEY_UNREADABLE") as refused:
        read_key(named, tmp_path)
    assert "horse" not in str(refused.value)
    monkeypatch.setenv("A_PASSPHRASE", "correct horse")
    assert key_id(read_key(named, tmp_path).public_key()) == made.ident
    with pytest.raises(CouldNotStart, match="it is encrypted"):
        read_private(made.private)


def test_what_is_no_key_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("no key")
    with pytest.raises(CouldNotStart, match="KEY_UNREADABLE"):
        read_private(tmp_path / "x.pem")
    with pytest.raises(CouldNotStart, match="KEY_UNREADABLE"):
        read_private(tmp_path / "none.pem")
    with pytest.raises(CouldNotStart, match="KEY_NOT_ED25519"):
        read_public(tmp_path / "x.pem")


# ---- before the first effect
def test_a_key_that_cannot_be_read_stops_a_run_before_its_folder_is_made(root: Path) -> None:
    (root / "gameday.yaml").write_text("kind: workspace\nevidence: {key: {file: keys/runner.pem}}\n")
    with pytest.raises(CouldNotStart, match="KEY_UNREADABLE"):
        ready(root)
    assert not (root / ".gameday").exists()


def test_a_run_is_numbered_and_registered_before_its_go(root: Path) -> None:
    events, _ = read(a_run(root) / "journal.jsonl")
    types = [event.type for event in events]
    go = types.index("go")
    assert types[go - 2 : go + 1] == ["run.numbered", "evidence.preregistered", "go"]
    assert types.index("fault.requested") > go
    raw = (root / ".gameday/runs" / RUN / "preregistration.dsse.json").read_bytes()
    assert events[go - 1].what["sha256"] == hashlib.sha256(raw).hexdigest()


def test_without_a_key_a_run_is_numbered_and_its_bag_says_what_is_missing(root: Path, tmp_path: Path) -> None:
    files = sealed(root, a_run(root, key=None), tmp_path / "bag")
    found = verify(files, (), Trusted(SEALER.public_key()))
    assert found.problems == [] and any("no key was configured" in reason for reason in found.draft)


def test_an_input_that_changed_before_it_could_be_kept_is_named(root: Path, tmp_path: Path) -> None:
    made = a_plan(root)
    (root / next(iter(made.inputs))).write_text("kind: scenario\ntitle: edited meanwhile\n")
    run = a_run(root, made=made)
    assert [e.what["files"] for e in read(run / "journal.jsonl")[0] if e.type == "evidence.inputs_missing"]
    found = verify(sealed(root, run, tmp_path / "bag"), (), Trusted(SEALER.public_key()))
    assert found.problems == [] and any("exact bytes" in reason for reason in found.draft)


def test_no_name_of_an_input_leads_out_of_the_run(root: Path, tmp_path: Path) -> None:
    from gameday.evidence.inputs import keep_inputs

    (tmp_path / "outside.txt").write_text("x")
    sha256 = hashlib.sha256(b"x").hexdigest()
    (tmp_path / "run").mkdir()
    assert keep_inputs(tmp_path / "run", {"../../outside.txt": sha256}, [tmp_path / "w" / "scenarios"]) != []
    assert list((tmp_path / "run").rglob("*")) == []


# ---- the chain of runs
def test_every_run_has_its_number_an_aborted_one_and_one_that_never_ended_too(root: Path) -> None:
    aborted = [(at, Draft(d.type, {"status": "aborted"}) if d.type == "run.ended" else d) for at, d in
               story(hashlib.sha256(dump_plan(a_plan(root))).hexdigest())]  # fmt: skip
    died = [(at, d) for at, d in aborted if d.type != "run.ended"]
    a_run(root, OTHER, told=aborted)
    a_run(root, RUN, told=died)
    a_run(root, "20261120-0900-x")
    links = parse_chain(close_runs(root))
    assert [(link["no"], link["run"][:13], link["what"], link.get("status")) for link in links] == [
        (1, "20261117-0900", "began", None), (1, "20261117-0900", "ended", "aborted"),
        (2, "20261118-1020", "began", None), (3, "20261120-0900", "began", None),
        (3, "20261120-0900", "ended", "completed"),
    ]  # fmt: skip
    assert links[1]["outcome"] == "stopped"
    assert close_runs(root) == chain_path(root).read_bytes(), "closing again changes nothing"


def test_a_torn_line_of_the_chain_is_taken_away_and_a_changed_one_stops_all(root: Path) -> None:
    a_run(root)
    whole = close_runs(root)
    chain_path(root).write_bytes(whole + b'{"line":9')
    assert close_runs(root) == whole
    chain_path(root).write_bytes(whole.replace(b'"no":1', b'"no":2', 1))
    with pytest.raises(DamagedRun, match="CHAIN_BROKEN"):
        ready(root)


def test_runs_that_are_older_than_the_chain_are_numbered_when_they_are_seen(root: Path) -> None:
    a_run(root)
    chain_path(root).unlink()
    assert [(link["what"], link.get("late")) for link in parse_chain(close_runs(root))] == [
        ("began", True),
        ("ended", None),
    ]


# ---- a bag
def test_the_same_run_and_key_give_the_same_bytes(root: Path, tmp_path: Path) -> None:
    run = a_run(root)
    assert sealed(root, run, tmp_path / "a") == sealed(root, run, tmp_path / "b")


def test_a_bag_is_written_once_and_a_run_that_is_not_over_is_not_sealed(root: Path, tmp_path: Path) -> None:
    run = a_run(root)
    sealed(root, run, tmp_path / "bag")
    with pytest.raises(CouldNotStart, match="BAG_EXISTS"):
        sealed(root, run, tmp_path / "bag")
    died = [(at, d) for at, d in story(hashlib.sha256(dump_plan(a_plan(root))).hexdigest()) if d.type != "run.ended"]
    with pytest.raises(CouldNotStart, match="RUN_NOT_ENDED"):
        sealed(root, a_run(root, OTHER, told=died), tmp_path / "other")


def test_a_bag_is_what_bagit_says(root: Path, tmp_path: Path) -> None:
    """RFC 8493: the declaration, payload below data/, each file in each manifest, the oxum."""
    files = sealed(root, a_run(root), tmp_path / "bag")
    held = {name: raw for name, raw in files.items() if name.startswith("data/")}
    assert files["bagit.txt"] == b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    for kind in bag.ALGORITHMS:
        assert bag.unlisted(files[f"manifest-{kind}.txt"]) == {
            n: hashlib.new(kind, r).hexdigest() for n, r in held.items()
        }
    oxum = f"Payload-Oxum: {sum(map(len, held.values()))}.{len(held)}\n"
    assert oxum in files["bag-info.txt"].decode()
    for name in ("plan.json", "journal.jsonl", "verdict.json", "report.md", "preregistration.dsse.json", "chain.jsonl",
                 "signals/queries.json", "signals/payments-failures.csv"):  # fmt: skip
        assert f"data/{name}" in held
    assert any(name.startswith("data/inputs/scenarios/") for name in held)


def test_a_bag_says_what_a_signature_does_not_prove(root: Path, tmp_path: Path) -> None:
    files = sealed(root, a_run(root), tmp_path / "bag")
    said = verify(files).said["not_proved"]
    assert len(said) == 5 and "What a signature does not prove" in files["VERIFY.md"].decode()
    assert "compl" not in files["run.dsse.json"].decode() or "nobody says" in " ".join(said)


# ---- secrets and names
SECRETS = {
    "an access key": "AKIAQWERTYUIOPASDFGH",
    "a secret key": "aws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCYzzzzzzzzzzzz",
    "a private key": "-----BEGIN PRIVATE KEY-----",
    "a web address": "https://robot:hunter2hunter2@example.org/hook",
    "a signed one": "https://b.s3.amazonaws.com/x?X-Amz-Signature=0123456789abcdef0123",
    "a token": "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
}


def noted(root: Path, text: str) -> Path:
    """A run in which somebody wrote this note."""
    told = story(hashlib.sha256(dump_plan(a_plan(root))).hexdigest())
    return a_run(root, told=[*told, (510, Draft("note", {"text": f"by mistake: {text}"}, "facilitator"))])


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS.keys())
def test_what_looks_like_a_secret_is_never_sealed_and_can_be_withheld(root: Path, tmp_path: Path, text: str) -> None:
    run = noted(root, text)
    with pytest.raises(CouldNotStart, match="SECRET_IN_EVIDENCE") as refused:
        sealed(root, run, tmp_path / "bag")
    assert text not in str(refused.value) and not (tmp_path / "bag").exists()
    seq = next(e.seq for e in read(run / "journal.jsonl")[0] if "by mistake" in str(e.what))
    files = sealed(root, run, tmp_path / "bag", events=(seq,), because="a credential")
    assert verify(files).problems == [] and not any(text.encode() in raw for raw in files.values())


def test_the_values_of_references_are_never_sealed(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment variables that gameday.yaml, a scenario or Chaos Toolkit's configuration names; a referenced file;
    credentials of this process."""
    monkeypatch.setenv("HOOK_TOKEN", "tulip-harbour-seventeen")
    monkeypatch.setenv("PARTNER_PASSWORD", "granite-lantern-four")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "marble/window/ninety/three/lakes/of/green")
    (root / "token.txt").write_text("copper-meadow-eleven\n")
    (root / "gameday.yaml").write_text("kind: workspace\nchannels: {hook: {token: {env: HOOK_TOKEN}}}\n")
    settings = {
        "configuration": {"p": {"type": "env", "key": "PARTNER_PASSWORD"}},
        "secrets": {"t": {"file": "token.txt"}},
    }
    made = a_plan(root)
    steps = tuple(s.model_copy(update={"fault": s.fault.model_copy(update={"settings": settings})}) if s.fault else s
                  for s in made.steps)  # fmt: skip
    made = made.model_copy(update={"steps": steps})
    for number, value in enumerate(["tulip-harbour-seventeen", "granite-lantern-four", "copper-meadow-eleven",
                                    "marble/window/ninety/three/lakes/of/green"]):  # fmt: skip
        told = story(hashlib.sha256(dump_plan(made)).hexdigest())
        told.append((510, Draft("note", {"text": f"it said {value}"}, "facilitator")))
        run = a_run(root, f"2026111{number}-1020-x", made=made, told=told)
        with pytest.raises(CouldNotStart, match="SECRET_IN_EVIDENCE") as refused:
            sealed(root, run, tmp_path / str(number))
        assert value not in str(refused.value)


def test_planted_secrets_are_in_no_file_of_a_run_or_a_bag(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The references are what plan, journal and bag hold, and a bag of such a run is sealed."""
    planted = {"HOOK_TOKEN": "tulip-harbour-seventeen", "AWS_SESSION_TOKEN": "river" * 10}
    for name, value in planted.items():
        monkeypatch.setenv(name, value)
    (root / "gameday.yaml").write_text("kind: workspace\nchannels: {hook: {token: {env: HOOK_TOKEN}}}\n")
    run = a_run(root)
    files = sealed(root, run, tmp_path / "bag")
    left = [*files.values(), *(p.read_bytes() for p in (root / ".gameday").rglob("*") if p.is_file())]
    assert not any(value.encode() in raw for value in planted.values() for raw in left)


def test_no_name_of_the_roster_is_in_a_bag(root: Path, tmp_path: Path) -> None:
    (root / "roster.yaml").write_text(
        "kind: roster\npeople:\n- {name: Ada Lovelace, role: payments-on-call, email: ada@bank.example}\n"
    )
    run = noted(root, "Ada Lovelace called back")
    with pytest.raises(CouldNotStart, match="PERSON_IN_EVIDENCE") as refused:
        sealed(root, run, tmp_path / "bag")
    assert "Lovelace" not in str(refused.value)
    seq = next(e.seq for e in read(run / "journal.jsonl")[0] if "by mistake" in str(e.what))
    files = sealed(root, run, tmp_path / "bag", events=(seq,), because="names a person")
    assert not any(b"Lovelace" in raw or b"ada@bank" in raw for raw in files.values())


def test_a_roster_is_read_however_it_is_laid_out() -> None:
    roster = {"payments-on-call": {"names": ["Ada Lovelace", "Bo"], "sms": "+44 20 7946 0000"}, "x": "c@d.example"}
    assert persons_of(roster) == ["+44 20 7946 0000", "Ada Lovelace", "c@d.example"]
    known = Known({}, ["Ann"])
    assert closed({"data/a": b"the plan", "data/b": b"an annex"}, known) == []
    assert [p.code for p in closed({"data/a": b"one\nAnn said"}, known)] == ["PERSON_IN_EVIDENCE"]


def test_every_name_of_roster_yaml_as_gameday_has_it_is_known() -> None:
    """Of the model itself, so that a key that is new there is missed here."""
    holder = {"who": "Ada Lovelace", "contacts": {"pager": "+44 20 7946 0000", "desk": "Room 7"}}
    told = {"kind": "roster", "roles": {"on-call": {**holder, "deputy": {"who": "Bo Peep"}}}}
    roster = Roster.model_validate(told)
    names = [name for held in roster.roles.values() for name in held.people]
    assert persons_of(told) == sorted([*names, "+44 20 7946 0000", "Room 7"])


# ---- the journal's salt
def test_each_line_of_a_journal_has_a_salt_of_its_own(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "journal.jsonl")
    for _ in range(3):
        journal.append(Draft("note", {"text": "x"}), 1, 1)
    journal.close()
    salts = {event.salt for event in read(tmp_path / "journal.jsonl")[0]}
    assert len(salts) == 3 and all(len(salt) == 32 for salt in salts)


# ---- commands
def ran(*args: str, code: int = 0) -> str:
    found = CliRunner().invoke(group, list(args), standalone_mode=False)
    exit_code = found.exit_code if found.exception is None or isinstance(found.exception, SystemExit) else 99
    assert exit_code == code, (found.output, found.exception)
    return found.output


def test_a_bag_from_the_command_line(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert "keys/runner.pub.pem" in ran("keys", "new", "--name", "runner")
    key, approver = a_private_file(tmp_path, SEALER, "sealer"), a_private_file(tmp_path, APPROVER, "approver")
    run, out = a_run(root), str(tmp_path / "bag")
    assert "DRAFT" in ran("evidence", "seal", run.name, "--out", out, "--key", str(key))
    ran("evidence", "approve", out, "--by", "head-of-resilience", "--key", str(approver))
    seq = next(e.seq for e in read(run / "journal.jsonl")[0] if e.type == "note")
    ran("evidence", "redact", out, "--event", str(seq), "--because", "a customer", "--key", str(key))
    told = json.loads(ran("evidence", "verify", out, "--json", "--chain", str(chain_path(root))))
    assert (told["status"], told["outcome"], told["problems"]) == ("draft", "within", [])
    assert told["draft"] and told["approver"] and told["not_proved"]
    (Path(out) / "data" / "plan.json").write_text("{}")
    assert "FILE_CHANGED  data/plan.json" in ran("evidence", "verify", out, code=5)
    found = CliRunner().invoke(group, ["evidence", "approve", out, "--by", "x", "--key", str(approver)])
    assert "BAG_NOT_VALID" in str(found.exception)


def test_a_bag_is_final_when_no_reason_is_left_and_it_is_approved(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gameday.evidence.approve import approve
    from gameday.evidence.envelope import RUN as KIND
    from gameday.evidence.envelope import open_envelope

    monkeypatch.setattr("gameday.wiring.sealing.final_reasons", lambda run_dir, today: [])
    run = a_run(root)
    seal_run(root, run, tmp_path / "bag", SEALER, Withhold())
    files, _ = bag.read_bag(tmp_path / "bag")
    assert (found := verify(files)).status == "draft" and len(found.draft) == 1
    files = approve(files, open_envelope(files[bag.ENVELOPE], KIND), APPROVER, "head-of-resilience")
    assert verify(files).status == "final"


def test_enrolment_journals_in_order_and_reads_the_journal_as_it_is_by_then(root: Path) -> None:
    made, clock = a_plan(root), VirtualClock(1_800_000_000_000)
    run_dir = root / ".gameday" / "runs" / "r"
    journal = Journal.create(run_dir / "journal.jsonl")
    journal.claim(1, clock.now(), clock.wall())
    for draft in enrol(ready(root), run_dir, made, dump_plan(made), clock):
        journal.append(draft, clock.now(), clock.wall())
    assert [e.type for e in read(run_dir / "journal.jsonl")[0]] == ["conductor.claimed", "run.numbered"]
