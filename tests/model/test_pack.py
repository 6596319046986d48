"""The packs that ship: each metric follows a document of AWS, and what is made of them are observers that lint."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from pydantic import ValidationError

from gameday.cli.main import group
from gameday.faults.check import check_fault
from gameday.model.lint import lint
from gameday.model.load import load_content
from gameday.model.observer import Observer
from gameday.model.pack import SPARSE, Pack, observers_of, packs
from gameday.model.service import Technology

WANTED = {
    "lambda", "api-gateway", "alb", "appsync", "sqs", "sns", "kinesis", "ses", "step-functions", "eventbridge", "s3",
    "dynamodb", "rds", "aurora", "ecs", "ec2", "route53",
}  # fmt: skip
DESCRIBED_ALONE = {"alb", "appsync"}  # AWS lists their metrics and recommends none
WORDS = {
    "stage": "prod", "balancer": "app/edge/50dc6c495c0c9188", "target_group": "targetgroup/pay/943f017f100becff",
    "operation": "PutItem", "receiving_region": "eu-west-1", "filter": "all", "destination": "copy", "rule": "r1",
    "cluster": "bank", "arn": "arn:aws:states:eu-west-2:123456789012:stateMachine:pay",
}  # fmt: skip
WORKSPACE = Path(__file__).parents[1] / "data" / "workspace"
LAMBDA = "arn:aws:lambda:eu-west-2:123456789012:function:payments:live"


def technology(kind: str, ident: str = "piece", **more: str) -> Technology:
    return Technology.model_validate({"id": ident, "type": kind, **more})


def query_of(text: str) -> dict[str, object]:
    return dict(Observer.model_validate(yaml.safe_load(text)).query)


def test_there_is_a_pack_for_each_service_that_the_formats_name() -> None:
    assert set(packs()) == WANTED and all(3 <= len(p.metrics) or i == "route53" for i, p in packs().items())


@pytest.mark.parametrize("pack", packs().values(), ids=lambda p: p.id)
def test_each_metric_names_its_document_and_each_pack_what_aws_recommends(pack: Pack) -> None:
    for metric in pack.metrics:
        document = pack.sources[metric.source]
        assert document.document and metric.why and (document.checked or metric.read == "memory")
        assert document.url is None or document.url.startswith("https://docs.aws.amazon.com/")
    recommended = [m for m in pack.metrics if pack.sources[m.source].recommends and m.read == "read"]
    assert bool(recommended) != (pack.id in DESCRIBED_ALONE)


@pytest.mark.parametrize("pack", packs().values(), ids=lambda p: p.id)
def test_a_pack_makes_an_observer_of_each_metric_and_says_which_are_sparse(pack: Pack) -> None:
    made, problems = observers_of(pack, technology(pack.types[0], name="payments"), WORDS)
    assert problems == [] and list(made) == [f"piece-{m.id}" for m in pack.metrics]
    for metric, text in zip(pack.metrics, made.values(), strict=True):
        observer = Observer.model_validate(yaml.safe_load(text))
        assert (observer.source, observer.query["namespace"]) == ("cloudwatch.metric", pack.namespace)
        assert not any("{" in value for value in observer.query["dimensions"].values())
        assert observer.means.endswith(SPARSE) == metric.sparse
        assert all(len(line) <= 200 for line in text.splitlines())
        assert text.startswith(f"# {metric.why}\n")


def test_no_two_metrics_of_a_pack_watch_the_same() -> None:
    for pack in packs().values():
        seen = [(m.metric, m.statistic, tuple(pack.dimensions_of(m).items())) for m in pack.metrics]
        assert len(seen) == len(set(seen))


@pytest.mark.parametrize(
    ("pack", "kind", "given", "dimensions"),
    [
        ("lambda", "aws:lambda:function", {"arn": LAMBDA}, {"FunctionName": "payments"}),
        ("dynamodb", "aws:dynamodb:table", {"arn": "arn:aws:dynamodb:a:1:table/ledger"}, {"TableName": "ledger"}),
        ("sqs", "aws:sqs:queue", {"arn": "arn:aws:sqs:eu-west-2:1:notices"}, {"QueueName": "notices"}),
        ("rds", "aws:rds:db", {"arn": "arn:aws:rds:eu-west-2:1:db:core"}, {"DBInstanceIdentifier": "core"}),
        ("ecs", "aws:ecs:service", {"arn": "arn:aws:ecs:eu-west-2:1:service/bank/pay"},
         {"ClusterName": "bank", "ServiceName": "pay"}),
        ("alb", "aws:elbv2:loadbalancer", {"arn": "arn:aws:elasticloadbalancing:eu-west-2:1:loadbalancer/app/edge/50d"},
         {"LoadBalancer": "app/edge/50d"}),
        ("step-functions", "aws:states:statemachine", {"arn": "arn:aws:states:eu-west-2:1:stateMachine:pay"},
         {"StateMachineArn": "arn:aws:states:eu-west-2:1:stateMachine:pay"}),
        ("lambda", "aws:lambda:function", {"arn": "arn:aws:lambda:${region}:${account}:function:payments"}, 
         {"FunctionName": "payments"}),
    ],
)  # fmt: skip
def test_dimensions_follow_from_a_resource(pack: str, kind: str, given: dict[str, str], dimensions: object) -> None:
    made, _ = observers_of(packs()[pack], technology(kind, **given), {})
    assert query_of(next(iter(made.values())))["dimensions"] == dimensions


def test_a_dimension_that_the_resource_does_not_tell_is_asked_for() -> None:
    made, problems = observers_of(packs()["dynamodb"], technology("aws:dynamodb:table", name="ledger"), {})
    assert "piece-latency" not in made and "piece-read-throttles" in made
    said = {(p.code, p.severity, p.write) for p in problems}
    assert ("PACK_UNFILLED", "warning", "--set operation=VALUE") in said
    arn = "arn:aws:states:${region}:${account}:stateMachine:pay"  # which only an environment can fill
    made, problems = observers_of(packs()["step-functions"], technology("aws:states:statemachine", arn=arn), {})
    assert made == {} and {p.write for p in problems} == {"--set arn=VALUE"}


@pytest.mark.parametrize(
    "change",
    [
        {"sources": {}},
        {"extra": 1},
        {"metrics": []},
        {"sources": {"a": {"document": "D", "recommends": True}}},
        {"sources": {"a": {"document": "D", "recommends": True, "checked": "2026-11-24"}}},
    ],
)
def test_a_pack_whose_metric_follows_nothing_that_was_read_is_refused(change: dict[str, object]) -> None:
    metric = {"id": "m", "metric": "M", "statistic": "Sum", "unit": "count", "better": "lower", "means": "M.",
              "why": "W.", "source": "a"}  # fmt: skip
    document = {"document": "D", "url": "https://docs.aws.amazon.com/d", "recommends": True, "checked": "2026-11-24"}
    whole = {"kind": "pack", "id": "p", "title": "P", "types": ["t"], "namespace": "N", "dimensions": {},
             "sources": {"a": document}, "metrics": [metric]}  # fmt: skip
    import json

    Pack.model_validate_json(json.dumps(whole))
    with pytest.raises(ValidationError):
        Pack.model_validate_json(json.dumps(whole | change))
    with pytest.raises(ValidationError, match="two metrics have one id"):
        Pack.model_validate_json(json.dumps(whole | {"metrics": [metric, metric]}))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = Path(shutil.copytree(WORKSPACE, tmp_path / "w"))
    monkeypatch.chdir(root)
    return root


def first_function(root: Path) -> str:
    service = next(iter(load_content(root).services.values())).model
    return next(t.id for t in service.resources.technology if t.type == "aws:lambda:function")


def test_written_observers_lint_with_no_more_than_a_warning_that_nothing_uses_them(workspace: Path) -> None:
    resource = first_function(workspace)
    asked = ["library", "--pack", "lambda", "--resource", resource]
    shown = CliRunner().invoke(group, asked)
    assert shown.exit_code == 0 and not list(workspace.rglob(f"{resource}-*.yaml"))
    written = CliRunner().invoke(group, [*asked, "--write"])
    assert written.exit_code == 0 and written.output.count("wrote observers/cloudwatch/") == 5
    problems = lint(load_content(workspace), check_fault)
    assert {(p.code, p.severity) for p in problems} == {("UNUSED_OBSERVER", "warning")} and len(problems) == 5
    for path in workspace.rglob(f"{resource}-*.yaml"):
        assert path.read_text().splitlines()[0].startswith("# yaml-language-server: $schema=../../")


def test_a_file_that_is_there_is_kept(workspace: Path) -> None:
    asked = ["library", "--pack", "lambda", "--resource", first_function(workspace), "--write"]
    CliRunner().invoke(group, asked)
    mine = next(workspace.rglob("*-errors.yaml"))
    mine.write_text(mine.read_text() + "# mine\n")
    again = CliRunner().invoke(group, asked)
    assert again.output.count("kept ") == 5 and mine.read_text().endswith("# mine\n")


@pytest.mark.parametrize(
    ("asked", "code", "says"),
    [
        (["--pack", "lamda"], 5, "UNKNOWN_PACK"),
        (["--pack", "lambda", "--resource", "nothing"], 5, "UNKNOWN_RESOURCE"),
        (["--pack", "sqs", "--resource", "FUNCTION"], 5, "PACK_TYPE"),
        (["--resource", "x"], 2, "go with --pack"),
        (["--pack", "lambda", "--resource", "FUNCTION", "--set", "stage"], 2, "--set wants WORD=VALUE"),
    ],
)
def test_what_cannot_be_made_says_what_to_write(workspace: Path, asked: list[str], code: int, says: str) -> None:
    words = [first_function(workspace) if word == "FUNCTION" else word for word in asked]
    result = CliRunner().invoke(group, ["library", *words])
    said = result.output + (result.stderr or "") + str(result.exception)
    assert says in said and (result.exit_code == code or getattr(result.exception, "exit_code", None) == code)


def test_a_pack_is_listed_and_shown_with_its_reasons(workspace: Path) -> None:
    assert "packs (17)" in CliRunner().invoke(group, ["library"]).output
    shown = CliRunner().invoke(group, ["library", "--pack", "sqs"]).output
    assert "ApproximateAgeOfOldestMessage" in shown and "Recommended alarms" in shown and "read 2026-11-24" in shown
