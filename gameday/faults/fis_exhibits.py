"""What FIS itself writes of an experiment: its log in S3 or CloudWatch Logs, and its report (AWS FIS user guide,
"Experiment logging", "Experiment reports"). AWS delivers them some time after the end, the report last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from gameday.aws import Aws, told
from gameday.faults.fis_settings import FisSettings
from gameday.faults.fis_template import group_arn
from gameday.model.workspace import Environment

PAGES, FILES, LARGEST = 20, 20, 20_000_000  # how much is looked through, and kept at most
NOT_KEPT = "not-kept.txt"  # the exhibit that says what was not


def where(settings: FisSettings, environment: Environment) -> tuple[str, ...]:
    """Where log and report of this step will be."""
    buckets = [settings.logs and settings.logs.s3, settings.report and settings.report.s3]
    found = [f"s3://{b.bucket}/{b.prefix or ''}" for b in buckets if b]
    if settings.logs and settings.logs.cloudwatch:
        found.append(group_arn(settings.logs.cloudwatch.group, environment))
    return tuple(dict.fromkeys(found))


def exhibit_calls(settings: FisSettings) -> list[tuple[str, str]]:
    """Service and operation of the reads that keep them."""
    found: list[tuple[str, str]] = []
    if settings.logs and settings.logs.s3:
        found += [("s3", "ListObjectsV2"), ("s3", "GetObject")]
    if settings.report:
        found.append(("s3", "GetObject"))
    if settings.logs and settings.logs.cloudwatch:
        found.append(("logs", "FilterLogEvents"))
    return list(dict.fromkeys(found))


def read_exhibits(aws: Aws, experiment: Any) -> dict[str, bytes]:
    """Everything there is now, by file name. CallFailed when it cannot be read."""
    logs, found = experiment.get("logConfiguration", {}), dict[str, bytes]()
    if "s3Configuration" in logs:
        found |= dict(_in_bucket(aws, logs["s3Configuration"], experiment["id"]))
    if "cloudWatchLogsConfiguration" in logs:
        lines = _in_group(aws, logs["cloudWatchLogsConfiguration"]["logGroupArn"], experiment["id"])
        found |= {f"{experiment['id']}.log": lines} if lines else {}
    for report in experiment.get("experimentReport", {}).get("s3Reports", []):
        bucket, _, key = report["arn"].rpartition(":::")[2].partition("/")
        name, body = f"report-{key.rpartition('/')[2]}", _object(aws, bucket, key)
        said = f"Larger than {LARGEST} bytes, and left in the bucket: {report['arn']}\n"
        found |= {name: body} if len(body) <= LARGEST else {f"{name}-{NOT_KEPT}": said.encode()}
    return found


def _in_bucket(aws: Aws, place: Any, experiment: str) -> Iterator[tuple[str, bytes]]:
    """The log's objects have the experiment's id in their name."""
    wanted = {"Bucket": place["bucketName"], "Prefix": place.get("prefix", "")}
    keys, large = [], []
    with told("s3 ListObjectsV2"):
        for page in islice(aws.client("s3").get_paginator("list_objects_v2").paginate(**wanted), PAGES):
            held = page.get("Contents", [])
            keys += [one["Key"] for one in held if experiment in one["Key"] and one["Size"] <= LARGEST]
            large += [one["Key"] for one in held if experiment in one["Key"] and one["Size"] > LARGEST]
    for key in keys[:FILES]:
        yield key.rpartition("/")[2], _object(aws, place["bucketName"], key)
    if left := [*large, *keys[FILES:]]:
        said = f"Left in the bucket {place['bucketName']}: over {LARGEST} bytes, or more than {FILES} files.\n"
        yield f"{experiment}-{NOT_KEPT}", (said + "".join(f"{key}\n" for key in left)).encode()


def _object(aws: Aws, bucket: str, key: str) -> bytes:
    with told("s3 GetObject"):
        body: bytes = aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read(LARGEST + 1)
    return body


def _in_group(aws: Aws, group: str, experiment: str) -> bytes:
    """The records of this experiment, one a line."""
    lines = []
    name = group.removesuffix(":*").rpartition(":log-group:")[2]
    with told("logs FilterLogEvents"):
        pages = aws.client("logs").get_paginator("filter_log_events")
        for page in islice(pages.paginate(logGroupName=name, filterPattern=f'"{experiment}"'), PAGES):
            lines += [event["message"] for event in page["events"]]
    return "".join(f"{line.rstrip()}\n" for line in lines if _of(line, experiment)).encode()


def _of(line: str, experiment: str) -> bool:
    try:
        return bool(json.loads(line).get("id") == experiment)
    except (ValueError, AttributeError):
        return False
