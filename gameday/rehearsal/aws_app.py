"""The loopback AWS as one WSGI application: our FIS, CloudWatch and X-Ray, moto for the rest, a fault gate before all.

Nothing here answers HTML: botocore retries an HTML 500, and an unimplemented call must be an AWS-shaped refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from gameday.clock import Clock
from gameday.rehearsal.asking import JSON_TYPE, Asked, Environ, Reply, Wire, answer, refusal
from gameday.rehearsal.cloudwatch_api import CloudWatch
from gameday.rehearsal.everywhere import Everywhere
from gameday.rehearsal.fis_accounts import TargetAccounts
from gameday.rehearsal.fis_engine import FisEngine
from gameday.rehearsal.fis_words import listed, missing
from gameday.rehearsal.gate import FaultGate
from gameday.rehearsal.insights import OPERATIONS
from gameday.rehearsal.metric_store import AwsError
from gameday.rehearsal.permissions import Permissions
from gameday.rehearsal.ssm_api import SsmApi
from gameday.rehearsal.ssm_engine import SsmEngine

OURS = ("monitoring", "fis", "logs", "xray", "ssm")


class AwsApp:
    """The whole loopback AWS. ``control`` answers ``/_gameday/<name>``."""

    def __init__(self, clock: Clock, engine: FisEngine, cloudwatch: CloudWatch) -> None:
        self.clock, self.engine, self.cloudwatch = clock, engine, cloudwatch
        self.everywhere = Everywhere(clock, engine, cloudwatch)
        self.xray, self.insights = self.everywhere.first.xray, self.everywhere.first.insights
        self.gate = FaultGate(cloudwatch)
        self.permissions = Permissions()
        self.ssm = SsmApi(SsmEngine(clock, lambda tags: []))
        self.control: dict[tuple[str, str], Callable[[Wire], Any]] = {
            ("GET", "counts"): lambda wire: dict(self.gate.counts),
            ("POST", "faults"): self.gate.set,
            ("POST", "permissions"): self.permissions.set,
            ("GET", "permissions"): self.permissions.used,
        }
        self._moto: Any = None
        self._lock = Lock()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        status, headers, body = self._reply(environ)
        start_response(f"{status} {'OK' if status < 400 else 'ERROR'}", [*_without_length(headers),
                       ("Content-Length", str(len(body)))])  # fmt: skip
        return [body]

    def _reply(self, environ: Environ) -> Reply:
        asked = Asked(environ)
        try:
            if asked.path.startswith("/_gameday/"):
                return self._control(asked)
            if asked.inside:  # customers' DNS and the workload's metrics do not break when the tool's calls do
                return self._serve(asked)
            self.gate.count(asked)
            refused = self.permissions.refusal(asked)
            if refused:
                return refusal(asked, refused)
            return self.gate.hit(asked) or self.permissions.answer(asked) or self._serve(asked)
        except AwsError as error:
            return refusal(asked, error)
        except Exception as error:  # the stand-in's own fault must still be AWS-shaped
            return refusal(asked, AwsError("InternalFailure", f"{type(error).__name__}: {error}", 500))

    def _serve(self, asked: Asked) -> Reply:
        if asked.service in OURS:
            return self._ours(asked)
        return self._stock(asked)

    def _ours(self, asked: Asked) -> Reply:
        """What is kept for each account and Region apart."""
        here = self.everywhere.of(asked.account, asked.region)
        if asked.service == "monitoring":
            if asked.protocol != "json":
                raise AwsError("NotImplemented", "The rehearsal CloudWatch speaks awsJson only.", 501)
            return answer(200, here.cloudwatch.call(asked.operation, asked.wire()), JSON_TYPE)
        if asked.service == "fis":
            return answer(200, FisApi(here.engine).call(asked.operation, asked.wire()))
        if asked.service == "logs" and asked.operation in OPERATIONS:
            return answer(200, here.insights.call(asked.operation, asked.wire(), asked.region), JSON_TYPE)
        if asked.service == "xray":
            return answer(200, here.xray.call(asked.operation, asked.wire()))
        if asked.service == "ssm" and self.ssm.serves(asked.operation, asked.wire):
            return answer(200, self.ssm.call(asked.operation, asked.wire()), "application/x-amz-json-1.1")
        return self._stock(asked)

    def _control(self, asked: Asked) -> Reply:
        handler = self.control.get((asked.method, asked.path.removeprefix("/_gameday/").strip("/")))
        if handler is None:
            return answer(404, {"message": "not here"})
        try:
            return answer(200, handler(asked.wire()))
        except AwsError as error:
            return answer(error.status, {"message": error.message})

    def moto(self) -> Any:
        """The moto application, imported once."""
        with self._lock:
            if self._moto is None:
                from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

                self._moto = DomainDispatcherApplication(create_backend_app)
            return self._moto

    def _stock(self, asked: Asked) -> Reply:
        held: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., None]:
            held[:] = [int(status.split()[0]), headers]
            return lambda data: None

        try:
            body = b"".join(self.moto()(asked.environ, start_response))
        except NotImplementedError as error:
            raise _not_implemented(asked) from error
        except AttributeError as error:  # moto has no backend at all for this service
            if self.moto().get_backend_for_host(f"{asked.service}.{asked.region}.amazonaws.com"):
                raise
            raise _not_implemented(asked) from error
        kind = dict((k.lower(), v) for k, v in held[1]).get("content-type", "")
        if held[0] >= 400 and kind.startswith("text/html") and b"<html" in body[:200].lower():
            raise _not_implemented(asked)
        return held[0], held[1], body


def _without_length(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(k, v) for k, v in headers if k.lower() != "content-length"]


def _not_implemented(asked: Asked) -> AwsError:
    return AwsError("NotImplemented", f"The rehearsal AWS does not serve {asked.service}:{asked.operation}.", 501)


class FisApi:
    """The rest-json operations of FIS over the engine."""

    def __init__(self, engine: FisEngine) -> None:
        self.engine = engine
        e = engine
        self._operations: dict[str, Callable[[Wire], Wire]] = {
            "CreateExperimentTemplate": lambda w: {"experimentTemplate": e.create_template(w)},
            "UpdateExperimentTemplate": lambda w: {"experimentTemplate": e.update_template(w["id"], w)},
            "GetExperimentTemplate": lambda w: {"experimentTemplate": e.template(w["id"])},
            "DeleteExperimentTemplate": lambda w: {"experimentTemplate": e.delete_template(w["id"])},
            "ListExperimentTemplates": self._templates,
            "StartExperiment": lambda w: {"experiment": e.start_experiment(w)},
            "GetExperiment": lambda w: {"experiment": e.experiment(w["id"]).view()},
            "StopExperiment": lambda w: {"experiment": e.stop_experiment(w["id"])},
            "ListExperiments": self._experiments,
            "ListExperimentResolvedTargets": self._resolved,
            "ListActions": lambda w: listed("actions", [_less(e.action(a)) for a in e.offered], w),
            "GetAction": lambda w: {"action": e.action(w["id"])},
            "ListTargetResourceTypes": lambda w: listed(
                "targetResourceTypes", [{"resourceType": t, "description": t} for t in e.types], w
            ),
            "GetTargetResourceType": lambda w: {"targetResourceType": e.target_type(w["resourceType"])},
            "GetSafetyLever": self._lever,
            "UpdateSafetyLeverState": self._set_lever,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": lambda w: {"tags": dict(e.tags_of(w["resourceArn"]))},
            **TargetAccounts(e).operations,
        }

    def call(self, operation: str, wire: Wire) -> Wire:
        """Do one operation."""
        if operation not in self._operations:
            raise AwsError("NotImplemented", f"The rehearsal FIS does not serve {operation}.", 501)
        with self.engine.lock:
            return self._operations[operation](wire)

    def _templates(self, wire: Wire) -> Wire:
        keys = ("id", "arn", "description", "creationTime", "lastUpdateTime", "tags")
        found = [{k: t[k] for k in keys} for t in self.engine.templates.values()]
        return listed("experimentTemplates", found, wire)

    def _experiments(self, wire: Wire) -> Wire:
        wanted = wire.get("experimentTemplateId")
        found = [e.summary() for e in self.engine.experiments.values() if wanted in (None, e.template["id"])]
        return listed("experiments", found, wire)

    def _resolved(self, wire: Wire) -> Wire:
        experiment_id = wire.get("experimentId") or wire["id"]
        return listed("resolvedTargets", self.engine.resolved_targets(experiment_id, wire.get("targetName")), wire)

    def _lever(self, wire: Wire) -> Wire:
        if wire["id"] != "default":
            raise missing(f"Safety lever {wire['id']}")
        return {"safetyLever": self.engine.safety_lever()}

    def _set_lever(self, wire: Wire) -> Wire:
        self._lever(wire)
        return {"safetyLever": self.engine.set_lever(wire["state"]["status"], wire["state"].get("reason", ""))}

    def _tag(self, wire: Wire) -> Wire:
        self.engine.tags_of(wire["resourceArn"]).update(wire["tags"])
        return {}

    def _untag(self, wire: Wire) -> Wire:
        tags = self.engine.tags_of(wire["resourceArn"])
        for key in wire.get("tagKeys", []):
            tags.pop(key, None)
        return {}


def _less(action: Wire) -> Wire:
    return {k: v for k, v in action.items() if k != "parameters"}
