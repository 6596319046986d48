"""The log of an experiment, as FIS words it (AWS FIS user guide, "Experiment logging", schema version 2), written to
the loopback S3 or CloudWatch Logs when the experiment has ended."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from threading import Thread
from typing import Any

from gameday.clock import Ms, iso
from gameday.rehearsal.fis_experiment import Action, Experiment
from gameday.rehearsal.fis_words import Wire
from gameday.rehearsal.lookup import local_client

LOG = logging.getLogger(__name__)


def records(experiment: Experiment) -> list[Wire]:
    """All records, in the order of their times."""
    return [record for _, record in sorted(_all(experiment), key=lambda held: held[0])]


def _all(experiment: Experiment) -> Iterator[tuple[Ms, Wire]]:
    begun, ended = experiment.start_ms or experiment.created_ms, experiment.end_ms or experiment.created_ms
    about = {"experiment_template_id": experiment.template["id"], "experiment_start_time": iso(begun)}
    yield begun, _record(experiment, "experiment-start", begun, about)
    for name, arns in sorted(experiment.resolved.items()):
        yield from _target(experiment, name, arns, begun)
    for name, action in experiment.actions.items():
        yield from _action(experiment, name, action)
    about |= {"experiment_end_time": iso(ended), "experiment_state": _less(experiment.state())}
    yield ended, _record(experiment, "experiment-end", ended, about)


def _target(experiment: Experiment, name: str, arns: list[str], at: Ms) -> Iterator[tuple[Ms, Wire]]:
    about = {"target_name": name, "target_resolution_start_time": iso(at)}
    kind = experiment.template["targets"][name]["resourceType"]
    yield at, _record(experiment, "target-resolution-start", at, about)
    detail = {"target_type": kind, "target_name": name, "resolved_targets_count": len(arns), "page": 1,
              "total_pages": 1, "resolved_targets": [{"arn": arn} for arn in arns]}  # fmt: skip
    yield at, _record(experiment, "target-resolution-detail", at, detail)
    end = about | {"target_resolution_end_time": iso(at), "status": "completed"}
    yield at, _record(experiment, "target-resolution-end", at, end)


def _action(experiment: Experiment, name: str, action: Action) -> Iterator[tuple[Ms, Wire]]:
    if action.start_ms is None:
        return
    about: Wire = {
        "action_name": name, "action_id": action.wire["actionId"], "action_start_time": iso(action.start_ms),
        "action_targets": dict(action.wire.get("targets", {})), "parameters": dict(action.wire.get("parameters", {})),
    }  # fmt: skip
    yield action.start_ms, _record(experiment, "action-start", action.start_ms, about)
    at = action.end_ms or experiment.end_ms or action.start_ms
    if action.status == "failed":
        yield at, _record(experiment, "action-error", at, about | {"error_information": action.reason})
    end = {"action_end_time": iso(at), "action_state": {"status": action.status, "reason": action.reason}}
    yield at, _record(experiment, "action-end", at, about | end)


def _record(experiment: Experiment, kind: str, at: Ms, details: Wire) -> Wire:
    return {"id": experiment.id, "log_type": kind, "event_timestamp": iso(at), "version": "2",
            "details": {"account_id": experiment.account} | details}  # fmt: skip


def _less(state: Wire) -> Wire:
    return {name: state[name] for name in ("status", "reason")}


class Scribe:
    """Delivers logs to the loopback AWS, in threads of its own: nothing that goes wrong there stops an experiment."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def write(self, experiment: Experiment) -> None:
        """Deliver the log of an experiment that has ended, if it asks for one."""
        wanted = experiment.template.get("logConfiguration")
        if wanted:
            lines = [json.dumps(record) for record in records(experiment)]
            at = experiment.end_ms or experiment.created_ms
            Thread(target=self._deliver, args=(wanted, experiment, lines, at), daemon=True).start()

    def _deliver(self, wanted: Wire, experiment: Experiment, lines: list[str], at: Ms) -> None:
        for key, deliver in (("s3Configuration", self._to_bucket), ("cloudWatchLogsConfiguration", self._to_group)):
            try:
                if key in wanted:
                    deliver(wanted[key], experiment, lines, at)
            except Exception:  # a bucket or a group that is not there: the log is lost, as it is on AWS
                LOG.exception("the log of %s was not delivered", experiment.id)

    def _to_bucket(self, place: Wire, experiment: Experiment, lines: list[str], at: Ms) -> None:
        day = iso(at)[:10].replace("-", "/")
        head = f"{place['prefix'].rstrip('/')}/" if place.get("prefix") else ""
        account, region = experiment.account, experiment.region
        key = f"{head}AWSLogs/{account}/fis/{region}/{day}/{account}_awsfis_{region}_{experiment.id}.log"
        body = "".join(f"{line}\n" for line in lines).encode()
        self._client("s3", experiment).put_object(Bucket=place["bucketName"], Key=key, Body=body)

    def _to_group(self, place: Wire, experiment: Experiment, lines: list[str], at: Ms) -> None:
        group = place["logGroupArn"].removesuffix(":*").rpartition(":log-group:")[2]
        logs, ident = self._client("logs", experiment), experiment.id
        logs.create_log_stream(logGroupName=group, logStreamName=f"/aws/fis/{ident}")
        events = [{"timestamp": at, "message": line} for line in lines]
        logs.put_log_events(logGroupName=group, logStreamName=f"/aws/fis/{ident}", logEvents=events)

    def _client(self, service: str, experiment: Experiment) -> Any:
        home = (experiment.account, experiment.region)
        return local_client(service, self.endpoint, True, *home)
