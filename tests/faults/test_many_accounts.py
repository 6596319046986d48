"""A fault in other accounts and Regions, against the rehearsal's AWS, in which they are really apart.

The other side is the rehearsal's FIS, CloudWatch and moto over real HTTP, on a clock that stands still.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from gameday.aws import Aws, CallFailed
from gameday.clock import VirtualClock
from gameday.conductor.ledger import Ledger
from gameday.conductor.sampling import sources
from gameday.conductor.undo import undo_all
from gameday.errors import CouldNotStart
from gameday.faults.fis import FisFault, FisSettings
from gameday.faults.ssm import SsmFault, SsmSettings
from gameday.journal.events import Draft
from gameday.model.service import Technology
from gameday.model.workspace import Account, Environment, rehearsal_environment
from gameday.observers.cloudwatch import CloudWatchObserver
from gameday.plan import Signal
from gameday.protocols import Order, Outline, Trace, Window
from gameday.rehearsal.aws_app import AwsApp
from gameday.rehearsal.cloudwatch_api import CloudWatch
from gameday.rehearsal.fis_engine import FisEngine
from gameday.rehearsal.lookup import finder

OWN, PAYMENTS, CARDS = "123456789012", "222233334444", "333344445555"
STOP = "aws:ec2:stop-instances"


class Spy:
    """An actuator that keeps what it was told to break."""

    def __init__(self) -> None:
        self.broken: list[str] = []

    def start(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        self.broken += targets

    def stop(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        self.broken = [arn for arn in self.broken if arn not in targets]


def account(ident: str, fis_role: bool = True) -> Account:
    head = f"arn:aws:iam::{ident}:role"
    role = f"{head}/gameday-fis" if fis_role else None
    return Account(account=ident, regions=("eu-west-2", "eu-west-1"), role=f"{head}/gameday", fis_role=role)


STAGING = Environment(
    account=OWN, regions=("eu-west-2",), accounts={"payments": account(PAYMENTS), "cards": account(CARDS)}
)
ENVIRONMENT = rehearsal_environment([STAGING])


class World:
    """The loopback AWS, and the door to it."""

    def __init__(self) -> None:
        self.clock, self.spy, self.made = VirtualClock(), Spy(), 0
        self.engine = FisEngine(self.clock, {STOP: self.spy})
        self.app = AwsApp(self.clock, self.engine, CloudWatch(self.clock))
        self.server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        self.engine.find = finder(self.endpoint)
        self.app.everywhere.finder = lambda account, region: finder(self.endpoint, account, region)
        self.aws = Aws(ENVIRONMENT, self.endpoint, "r1")
        self.fault = FisFault(self.aws)

    def instance(self, account: str | None, region: str | None, **tags: str) -> str:
        """An instance there; its ARN."""
        door = self.aws.at(account, region)
        given = [{"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}]
        ec2 = door.client("ec2")
        image = ec2.register_image(Name="web")["ImageId"]
        made = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=given)
        home = door.environment
        return f"arn:aws:ec2:{home.region}:{home.account}:instance/{made['Instances'][0]['InstanceId']}"

    def plan(self, *targets: Technology, environment: Environment = ENVIRONMENT) -> tuple[Outline, Order]:
        settings = FisSettings(action=STOP, targets=tuple(t.id for t in targets), parameters={})
        found = self.fault.outline("stop", settings, targets, environment)
        self.made += 1
        order = Order("r1", "stop", f"r1-stop-{self.made}", STOP, settings.model_dump(mode="json"), found.targets,
                      60_000, environment, tags=found.tags, region=found.region, accounts=found.accounts)  # fmt: skip
        return found, order

    def run_for(self, ms: int) -> None:
        for _ in range(4):
            self.clock.sleep(ms // 4)
            self.app.everywhere.tick()


@pytest.fixture(scope="module")
def served() -> Iterator[World]:
    found = World()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.01,))
    thread.start()
    yield found
    found.app.gate.set({"clear": True})
    found.aws.close()
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.fixture
def world(served: World) -> World:
    served.app.gate.set({"clear": True})
    served.spy.broken.clear()
    return served


def web(ident: str, account: str | None = None, region: str | None = None, **tags: str) -> Technology:
    return Technology(id=ident, type="aws:ec2:instance", tags=tags or {"Name": ident}, account=account, region=region)


def test_targets_in_two_accounts_are_one_experiment_that_acts_in_both(world: World) -> None:
    ours = world.instance(None, None, Name="a")
    theirs, others = world.instance("payments", None, Name="b"), world.instance("payments", None, Name="a")
    outline, order = world.plan(web("a"), web("b", "payments"))
    assert outline.targets == {"Instances": (ours, theirs)} and others not in outline.targets["Instances"]
    assert (outline.region, list(outline.accounts), outline.tags) == ("eu-west-2", [OWN, PAYMENTS], {})
    assert outline.effective is None, "no one signal shows what is in two accounts"
    assert ("CreateTargetAccountConfiguration", "4") in [(c.operation, c.times) for c in outline.calls]
    assert world.fault.preview(order) == []
    notes: list[Trace] = []
    trace = world.fault.start(order, notes.append)
    assert notes[0]["accounts"] == f"{OWN},{PAYMENTS}" and notes[0]["region"] == "eu-west-2"
    world.run_for(4_000)
    assert sorted(world.spy.broken) == sorted([ours, theirs])
    fis = world.aws.client("fis")
    held = fis.list_experiment_target_account_configurations(experimentId=trace["experiment"])
    assert {c["accountId"] for c in held["targetAccountConfigurations"]} == {OWN, PAYMENTS}
    assert world.fault.stop(trace).state == "active"
    world.run_for(4_000)
    assert world.fault.stop(trace).clean and world.spy.broken == []
    assert fis.list_experiment_templates()["experimentTemplates"] == [], "and the configurations with it"


def test_tags_are_looked_for_in_the_one_account_of_the_targets(world: World) -> None:
    world.instance(None, None, Team="blue")
    theirs = world.instance("cards", None, Team="blue")
    outline, order = world.plan(web("c", "cards", Team="blue"))
    assert (list(outline.accounts), outline.tags) == ([CARDS], {"Instances": {"Team": "blue"}})
    (signal,) = outline.witness_signals
    assert (signal.account, signal.region) == ("cards", None)
    assert world.fault.preview(order) == []
    trace = world.fault.start(order, lambda _: None)
    world.run_for(4_000)
    assert world.spy.broken == [theirs]
    world.fault.stop(trace)
    world.run_for(4_000)
    assert world.fault.stop(trace).clean


def test_a_fault_in_another_region_is_started_there(world: World) -> None:
    far = world.instance(None, "eu-west-1", Name="far")
    outline, order = world.plan(web("far", region="eu-west-1"))
    assert (outline.region, list(outline.accounts)) == ("eu-west-1", [])
    trace = world.fault.start(order, lambda _: None)
    world.run_for(4_000)
    assert world.spy.broken == [far]
    assert trace["targets"] == far
    seen = [world.aws.client("fis", None, r).list_experiments()["experiments"] for r in ("eu-west-1", "eu-west-2")]
    assert trace["experiment"] in [e["id"] for e in seen[0]]
    assert trace["experiment"] not in [e["id"] for e in seen[1]]
    bare = {key: trace[key] for key in ("run", "step", "token", "region")}
    world.fault.stop(bare)
    world.run_for(4_000)
    assert world.fault.stop(bare).clean, "found again by its tags, in its own Region"


def test_what_cannot_be_one_fault_is_refused_with_what_to_write(world: World) -> None:
    name = Technology(id="n", type="aws:ec2:instance", name="i-0123456789abcdef0", region="eu-west-1")
    near = name.model_copy(update={"id": "m", "region": None})
    with pytest.raises(CouldNotStart, match="REGIONS_MIXED.*n in eu-west-1.*\n.*a step for each Region"):
        world.plan(near, name)
    arn = Technology(id="x", type="aws:ec2:instance", arn=f"arn:aws:ec2:eu-west-2:{CARDS}:instance/i-1")
    with pytest.raises(CouldNotStart, match="ARN_DISAGREES"):
        world.plan(arn.model_copy(update={"account": "payments"}))
    foreign = arn.model_copy(update={"arn": "arn:aws:ec2:eu-west-2:999988887777:instance/i-1"})
    with pytest.raises(CouldNotStart, match="UNKNOWN_ACCOUNT"):
        world.plan(foreign)
    settings = SsmSettings(document="AWSFIS-Run-CPU-Stress", targets=("m", "o"))
    with pytest.raises(CouldNotStart, match="ACCOUNTS_MIXED"):
        other = near.model_copy(update={"id": "o", "account": "cards"})
        SsmFault(world.aws).outline("stress", settings, (near, other), ENVIRONMENT)
    roleless = ENVIRONMENT.model_copy(update={"accounts": {"payments": account(PAYMENTS, fis_role=False)}})
    _, order = world.plan(near.model_copy(update={"account": "payments"}), environment=roleless)
    with pytest.raises(CouldNotStart, match=f"NO_FIS_ROLE.*{PAYMENTS}"):
        world.fault.start(order, lambda _: None)


def test_the_stand_in_refuses_what_fis_refuses_of_target_accounts(world: World) -> None:
    fis = world.aws.client("fis")
    request: dict[str, Any] = {
        "description": "x", "roleArn": f"arn:aws:iam::{OWN}:role/fis", "stopConditions": [{"source": "none"}],
        "actions": {"w": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1M"}}},
    }  # fmt: skip
    role = f"arn:aws:iam::{PAYMENTS}:role/fis"
    made = [
        fis.create_experiment_template(**request, experimentOptions={"accountTargeting": targeting})
        for targeting in ("single-account", "multi-account")
    ]
    single, multi = (answer["experimentTemplate"]["id"] for answer in made)
    create, refused = fis.create_target_account_configuration, fis.exceptions
    with pytest.raises(refused.ValidationException):
        fis.start_experiment(experimentTemplateId=multi)
    with pytest.raises(refused.ValidationException):
        create(experimentTemplateId=single, accountId=PAYMENTS, roleArn=role)
    with pytest.raises(refused.ValidationException):
        create(experimentTemplateId=multi, accountId=CARDS, roleArn=role)
    create(experimentTemplateId=multi, accountId=PAYMENTS, roleArn=role)
    with pytest.raises(refused.ConflictException):
        create(experimentTemplateId=multi, accountId=PAYMENTS, roleArn=role)
    with pytest.raises(refused.ResourceNotFoundException):
        fis.get_target_account_configuration(experimentTemplateId=multi, accountId=CARDS)
    fis.update_target_account_configuration(experimentTemplateId=multi, accountId=PAYMENTS, description="new")
    held = fis.list_target_account_configurations(experimentTemplateId=multi)["targetAccountConfigurations"]
    assert held == [{"accountId": PAYMENTS, "roleArn": role, "description": "new"}]
    assert fis.get_experiment_template(id=multi)["experimentTemplate"]["targetAccountConfigurationsCount"] == 1
    fis.delete_target_account_configuration(experimentTemplateId=multi, accountId=PAYMENTS)
    assert fis.list_target_account_configurations(experimentTemplateId=multi)["targetAccountConfigurations"] == []
    for ident in (single, multi):
        fis.delete_experiment_template(id=ident)


def metric(ident: str, account: str | None = None, region: str | None = None) -> Signal:
    query = {"namespace": "Shop", "metric": "Failures", "statistic": "Sum"}
    return Signal(id=ident, source="cloudwatch.metric", query=query, period_ms=60_000, settles_ms=0, account=account,
                  region=region)  # fmt: skip


def test_each_account_and_region_is_read_apart_and_one_that_is_lost_takes_no_other_with_it(world: World) -> None:
    now = world.clock.now() // 60_000 * 60_000
    homes = {"ours": (None, None), "far": (None, "eu-west-1"), "theirs": ("payments", None)}
    for value, home in enumerate(homes.values(), 1):
        data = [{"MetricName": "Failures", "Value": value, "Timestamp": now / 1000}]
        world.aws.client("cloudwatch", *home).put_metric_data(Namespace="Shop", MetricData=data)
    observer, window = CloudWatchObserver(world.aws), Window(now, now + 60_000)
    signals = [metric(ident, *home) for ident, home in homes.items()] + [metric("ours-too")]
    found = observer.sample(signals, window)
    assert {k: [s.value for s in v] for k, v in found.items()} == {
        "ours": [1.0], "far": [2.0], "theirs": [3.0], "ours-too": [1.0]
    }  # fmt: skip
    apart, unread = sources(signals, [observer], now)
    assert not unread and {s.name: len(s.signals) for s in apart} == {
        "cloudwatch": 2, "cloudwatch eu-west-1": 1, "cloudwatch payments": 1
    }  # fmt: skip
    world.app.gate.set({"mode": "500", "service": "cloudwatch", "account": PAYMENTS})
    before = world.app.gate.counts["cloudwatch.GetMetricData"]
    assert [s.value for s in apart[0].sample(window)["ours"]] == [1.0]
    assert world.app.gate.counts["cloudwatch.GetMetricData"] == before + 1, "one request for all signals of one home"
    with pytest.raises(Exception, match="Injected by the rehearsal"):
        apart[2].sample(window)


def test_undo_goes_on_where_it_can_and_says_where_it_could_not(world: World, tmp_path: Path) -> None:
    """The FIS of one Region does not answer as it should: the other fault is taken back, this one is named."""
    world.instance(None, None, Name="near")
    far = world.instance(None, "eu-west-1", Name="lost")
    ledger = Ledger(tmp_path / "undo.jsonl")
    for step, target in (("near", web("near")), ("lost", web("lost", region="eu-west-1"))):
        _, order = world.plan(target)
        named = Order(**{**vars(order), "step": step, "token": f"r1-{step}"})
        ledger.intend(step, "fis", {"run": "r1", "step": step, "token": named.token})
        world.fault.start(named, lambda facts, name=step: ledger.note(name, facts))  # type: ignore[misc]  # a default
    world.run_for(4_000)
    world.app.gate.set({"mode": "500", "service": "fis", "region": "eu-west-1"})
    told: list[Draft] = []

    class Ticking(VirtualClock):
        def sleep(self, ms: int) -> None:
            super().sleep(ms)
            world.run_for(4_000)

    clock = Ticking()
    assert not undo_all(ledger, {"fis": world.fault}, clock, told.append, clock.now() + 2_000)
    said = {draft.type: draft.what for draft in told}
    assert said["undo.done"]["step"] == "near"
    failed = said["undo.failed"]
    assert (failed["step"], failed["resources"]["region"], failed["resources"]["targets"]) == ("lost", "eu-west-1", far)
    assert "Injected by the rehearsal" in failed["error"]
    assert world.spy.broken == [far]
    world.app.gate.set({"clear": True})
    assert undo_all(ledger, {"fis": world.fault}, clock, told.append, clock.now() + 60_000)
    assert world.spy.broken == []
    ledger.close()


def test_a_document_is_run_and_stopped_in_the_account_of_its_instance(world: World) -> None:
    theirs = world.instance("payments", "eu-west-1", Name="doc")
    fault = SsmFault(world.aws)
    settings = SsmSettings(document="AWS-StopEC2Instance", kind="automation", targets=("doc",))
    outline = fault.outline("doc", settings, (web("doc", "payments", "eu-west-1"),), ENVIRONMENT)
    assert (outline.targets, outline.region, outline.accounts) == ({"Instances": (theirs,)}, "eu-west-1", (PAYMENTS,))
    order = Order("r1", "doc", "r1-doc", outline.action, settings.model_dump(mode="json"), outline.targets, None,
                  ENVIRONMENT, region=outline.region, accounts=outline.accounts)  # fmt: skip
    world.app.gate.set({"mode": "500", "service": "ssm", "account": PAYMENTS})
    notes: list[Trace] = []
    with pytest.raises(CallFailed):
        fault.start(order, notes.append)
    assert notes == [{"run": "r1", "step": "doc", "token": "r1-doc", "kind": "automation",
                      "document": "AWS-StopEC2Instance", "region": "eu-west-1", "accounts": PAYMENTS,
                      "targets": theirs}]  # fmt: skip
    with pytest.raises(CallFailed, match="Injected by the rehearsal"):
        fault.stop(notes[0])
