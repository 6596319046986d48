"""The rehearsal's FIS writes the log that an experiment asks for, and the provider finds it again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from gameday.aws import Aws
from gameday.faults.fis import FisFault, FisSettings
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.protocols import Order
from gameday.rehearsal import client

KEYS = {
    "action": "aws:fis:wait", "parameters": {"duration": "1m"},
    "logs": {"s3": {"bucket": "exhibits", "prefix": "fis"}, "cloudwatch": {"group": "/fis"}},
    "report": {"s3": {"bucket": "exhibits"}},
}  # fmt: skip


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    rehearsal = client.up(tmp_path_factory.mktemp("log"), 60.0, kept=False)
    aws = Aws(REHEARSAL_ENVIRONMENT, rehearsal.endpoint)
    aws.client("s3").create_bucket(Bucket="exhibits", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    aws.client("logs").create_log_group(logGroupName="/fis")
    yield aws
    aws.close()
    rehearsal.down()


def test_a_log_in_s3_and_in_cloudwatch_is_found_by_the_experiments_id(aws: Aws) -> None:
    fault, settings = FisFault(aws), FisSettings.model_validate(KEYS)
    outline = fault.outline("rest", settings, (), REHEARSAL_ENVIRONMENT)
    assert outline.exhibits == ("s3://exhibits/fis", "s3://exhibits/",
                                "arn:aws:logs:eu-west-2:123456789012:log-group:/fis:*")  # fmt: skip
    given = Order("r1", "rest", "r1-rest", outline.action, settings.model_dump(mode="json"), {}, None,
                  REHEARSAL_ENVIRONMENT)  # fmt: skip
    trace = fault.start(given, lambda _: None)
    assert fault.exhibits(trace) == {}, "nothing is there before the end"
    until = time.monotonic() + 20
    while len(found := fault.exhibits(trace)) < 2:
        assert time.monotonic() < until, found
        time.sleep(0.1)
    for body in found.values():
        said = [json.loads(line) for line in body.splitlines()]
        assert {record["id"] for record in said} == {trace["experiment"]}
        assert [record["log_type"] for record in said] == [
            "experiment-start", "action-start", "action-end", "experiment-end"
        ]  # fmt: skip
        assert said[-1]["details"]["experiment_state"]["status"] == "completed"
    assert fault.stop(trace).clean
    state = aws.client("fis").get_experiment(id=trace["experiment"])["experiment"]["experimentReport"]["state"]
    assert state["status"] == "failed", "a rehearsal makes no PDF, and says so"
