"""``via: sns`` on a loopback AWS, and secrets that are read where they are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from gameday.aws import Aws
from gameday.aws_envelope import Door
from gameday.clock import VirtualClock
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.people.carrying import Undelivered, key_of
from gameday.people.references import HIDDEN, SecretReference, Unset, hide, resolve
from gameday.people.sns import SnsChannel, SnsSettings, published
from tests.people.the_other_side import PROMPT

ACCOUNT, REGION = REHEARSAL_ENVIRONMENT.account, REHEARSAL_ENVIRONMENT.regions[0]
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:ops"


def a_channel(aws: Aws, topic: str = TOPIC, rehearsed: bool = True) -> SnsChannel:
    return SnsChannel(SnsSettings(topic=topic), VirtualClock(), aws, rehearsed)


@pytest.mark.parametrize("name", ["ops", "ops.fifo"])
def test_the_message_reaches_the_topic_with_attributes_to_filter_by(aws: Aws, name: str) -> None:
    fifo = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
    topic = aws.client("sns").create_topic(Name=name, Attributes=fifo)["TopicArn"]
    queue = aws.client("sqs").create_queue(QueueName=f"q-{name}", Attributes={k.replace("Topic", "Queue"): v for k, v in
                                                                             fifo.items()})["QueueUrl"]  # fmt: skip
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q-{name}"
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    receipt = a_channel(aws, topic).deliver(PROMPT)
    [got] = aws.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=2)["Messages"]
    said = json.loads(got["Body"])
    assert receipt == f"SNS message {said['MessageId']}"
    assert said["Message"].startswith(PROMPT.says)
    attributes = {n: a["Value"] for n, a in said["MessageAttributes"].items()}
    assert attributes["role"] == "on-call"
    assert attributes["key"] == key_of(PROMPT)


def test_a_rehearsal_without_the_topic_says_so_and_does_not_fail(aws: Aws) -> None:
    none = TOPIC.replace(":ops", ":nobody")
    assert a_channel(aws, none).deliver(PROMPT) == "not sent: the loopback AWS has no topic nobody"


def test_a_topic_that_is_missing_on_aws_is_a_failure(aws: Aws) -> None:
    with pytest.raises(Undelivered, match="NotFound"):
        a_channel(aws, TOPIC.replace(":ops", ":nobody"), rehearsed=False).deliver(PROMPT)


@pytest.mark.parametrize("operations", [frozenset[tuple[str, str]](), frozenset({("sns", "publish")})])
def test_nothing_leaves_that_the_plan_does_not_list(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, operations: frozenset[tuple[str, str]]
) -> None:
    monkeypatch.setattr(aws, "door", Door(REHEARSAL_ENVIRONMENT, operations))
    listed = [(c.service, c.operation.lower()) for c in SnsChannel.calls(SnsSettings(topic=TOPIC))]
    assert listed == [("sns", "publish")]
    if operations:
        a_channel(aws, TOPIC.replace(":ops", ":nobody")).deliver(PROMPT)
        return
    with pytest.raises(Undelivered, match="the plan has no such call"):
        a_channel(aws, rehearsed=False).deliver(PROMPT)


def test_a_topic_of_another_account_is_refused() -> None:
    aws = Aws(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:1")
    aws.door = Door(REHEARSAL_ENVIRONMENT)
    said = a_channel(aws, TOPIC.replace(ACCOUNT, "999999999999")).deliver(PROMPT)
    assert said.startswith("not sent: sns Publish was not sent: it names account 999999999999")


def test_a_subject_is_ascii_and_short() -> None:
    made = published(replace(PROMPT, to="réunion\n" + "x" * 200), TOPIC, None)
    assert len(made["Subject"]) < 100
    assert made["Subject"].isascii()
    assert "\n" not in made["Subject"]


# ---- references
def test_a_secret_is_read_when_it_is_needed(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    monkeypatch.setenv("TOKEN", "from-env")
    aws.client("secretsmanager").create_secret(Name="ops", SecretString=json.dumps({"url": "from-aws"}))
    places = ({"env": "TOKEN"}, {"file": str(tmp_path / "token")}, {"secretsmanager": "ops", "key": "url"})
    found = [resolve(SecretReference.model_validate(place), aws) for place in places]
    assert found == ["from-env", "from-a-file", "from-aws"]


@pytest.mark.parametrize("place", [{"env": "NOT_SET"}, {"file": "/nowhere"}, {"secretsmanager": "text", "key": "url"}])
def test_what_is_not_there_is_named_and_nothing_of_it_is_shown(aws: Aws, place: dict[str, str]) -> None:
    if "secretsmanager" in place:
        aws.client("secretsmanager").create_secret(Name="text", SecretString="hunter22222")
    with pytest.raises(Unset, match=r"NOT_SET|/nowhere|text of Secrets Manager") as told:
        resolve(SecretReference.model_validate(place), aws)
    assert "hunter" not in str(told.value)


@pytest.mark.parametrize("place", [{}, {"env": "A", "file": "b"}, {"env": "A", "key": "k"}, {"env": "https://value"}])
def test_a_reference_names_one_place_and_never_a_value(place: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SecretReference.model_validate(place)


def test_each_part_of_an_address_is_hidden() -> None:
    url = "https://user:passw0rd@hooks.example.com/services/T00001/B00002/xyz123xyz?token=abcdef99"
    text = "at /services/T00001/B00002/xyz123xyz, xyz123xyz, abcdef99, passw0rd: ok"
    assert hide(text, [url]) == f"at {HIDDEN}, {HIDDEN}, {HIDDEN}, {HIDDEN}: ok"
