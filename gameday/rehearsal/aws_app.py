"""The loopback AWS as one WSGI application: our FIS and CloudWatch, moto for the rest, a fault gate before both.

Nothing here answers HTML: botocore retries an HTML 500, and an unimplemented call must be an AWS-shaped refusal.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from random import Random
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from gameday.clock import Clock
from gameday.rehearsal.cloudwatch_api import CloudWatch
from gameday.rehearsal.fis_engine import FisEngine, invalid, missing, page
from gameday.rehearsal.metric_store import AwsError

Wire = dict[str, Any]
Environ = dict[str, Any]
Reply = tuple[int, list[tuple[str, str]], bytes]
CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")
MODEL_NAMES = {"monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi", "states": "stepfunctions",
               "elasticloadbalancing": "elbv2"}  # fmt: skip
JSON_TYPE = "application/x-amz-json-1.0"


@lru_cache(maxsize=64)
def model_of(service: str) -> Any:
    """The botocore model of a signing name; None when there is none."""
    import botocore.session

    try:
        return botocore.session.get_session().get_service_model(MODEL_NAMES.get(service, service))
    except Exception:  # any unknown service: the caller copes
        return None


@lru_cache(maxsize=64)
def routes_of(service: str) -> list[tuple[str, re.Pattern[str], str, bool]]:
    """Method, path pattern, operation of a REST service; longest literal first."""
    model = model_of(service)
    if model is None or not model.metadata["protocol"].startswith("rest"):
        return []
    found = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path.rstrip("/")))
        pattern = re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", pattern)
        found.append((http["method"], re.compile(pattern + "/?$"), name, bool(query)))
    return sorted(found, key=lambda r: (r[3], r[1].pattern.count("(?P")))


def route(service: str, method: str, path: str) -> tuple[str, dict[str, str]]:
    """The REST operation of a request and its path parameters."""
    for wanted, pattern, name, _ in routes_of(service):
        match = pattern.match(path.rstrip("/") or "/") if wanted == method else None
        if match:
            return name, {k: unquote(v) for k, v in match.groupdict().items()}
    return f"{method} {path}", {}


class Asked:
    """One request: its service, operation and body, read once."""

    def __init__(self, environ: Environ) -> None:
        self.environ = environ
        match = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        self.region, self.service = (match[1], match[2]) if match else ("", "s3")
        self.method = environ["REQUEST_METHOD"]
        raw = environ.get("REQUEST_URI") or environ.get("RAW_URI") or environ.get("PATH_INFO", "/")
        # absolute-form, which a client behind a proxy setting sends, is HTTP too
        self.path = re.sub(r"^https?://[^/?]+", "", raw).partition("?")[0] or "/"
        length = int(environ.get("CONTENT_LENGTH") or 0)
        self.body = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(self.body)
        if environ.get("HTTP_CONTENT_ENCODING") == "gzip":
            self.body = gzip.decompress(self.body)
        self.parameters: dict[str, str] = {}
        self.operation = self._operation()

    def _operation(self) -> str:
        target = self.environ.get("HTTP_X_AMZ_TARGET", "")
        if target:
            return str(target.rpartition(".")[2])
        if "form-urlencoded" in self.environ.get("CONTENT_TYPE", ""):
            return str(parse_qs(self.body.decode()).get("Action", ["?"])[0])
        name, self.parameters = route(self.service, self.method, self.path)
        return name

    @property
    def protocol(self) -> str:
        """json, rest-json, query, ec2 or rest-xml."""
        if self.environ.get("HTTP_X_AMZ_TARGET"):
            return "json"
        model = model_of(self.service)
        return str(model.metadata["protocol"]) if model else "rest-xml"

    def wire(self) -> Wire:
        """Body, query string and path as one dict."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError as error:
            raise AwsError("SerializationException", "The body is not JSON.") from error
        asked = parse_qs(self.environ.get("QUERY_STRING", ""))
        query: Wire = {k: v if k == "tagKeys" else v[0] for k, v in asked.items()}
        return dict(found) | query | self.parameters


def answer(status: int, body: Any, kind: str = "application/json") -> Reply:
    """A JSON reply."""
    return status, [("Content-Type", kind)], json.dumps(body).encode()


def refusal(asked: Asked, error: AwsError) -> Reply:
    """An error as the service's protocol words it."""
    if "json" in asked.protocol:
        fault = "Sender" if error.status < 500 else "Receiver"
        headers = [("Content-Type", JSON_TYPE), ("x-amzn-ErrorType", error.code),
                   ("x-amzn-query-error", f"{error.code};{fault}")]  # fmt: skip
        body = json.dumps({"__type": error.code, "message": error.message}).encode()
        return error.status, headers, body
    inner = f"<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
    if asked.protocol == "ec2":
        inner = f"<Response><Errors>{inner}</Errors><RequestID>rehearsal</RequestID></Response>"
    elif asked.protocol == "query" or asked.service != "s3":
        inner = f"<ErrorResponse>{inner}<RequestId>rehearsal</RequestId></ErrorResponse>"
    return error.status, [("Content-Type", "text/xml")], inner.encode()


class FaultGate:
    """Makes the loopback AWS misbehave, so that the tool's own honesty is tested; and counts what is asked."""

    def __init__(self, cloudwatch: CloudWatch) -> None:
        self.cloudwatch, self.rules = cloudwatch, list[Wire]()
        self.counts: Counter[str] = Counter()
        self.last = time.monotonic()
        self._random, self._lock = Random(3), Lock()

    def set(self, wire: Wire) -> Wire:
        """POST faults: {clear}, {metric, percent} or {service, operation, mode, percent, ms}."""
        if wire.get("clear"):
            self.rules, self.cloudwatch.drops = [], []
        elif "metric" in wire:
            self.cloudwatch.drops = [*self.cloudwatch.drops, {"percent": 100, **wire}]
        elif wire.get("mode") in ("throttle", "slow", "500", "html"):
            self.rules = [*self.rules, {"service": "*", "operation": "*", "percent": 100, "ms": 1000, **wire}]
        else:
            raise invalid("A fault is {clear}, {metric, percent} or {mode: throttle|slow|500|html, ...}.")
        return {"rules": self.rules, "drops": self.cloudwatch.drops}

    def count(self, asked: Asked) -> None:
        """Count one request."""
        with self._lock:
            self.counts[f"{MODEL_NAMES.get(asked.service, asked.service)}.{asked.operation}"] += 1
            self.last = time.monotonic()

    def hit(self, asked: Asked) -> Reply | None:
        """The misbehaviour due for this request, if any."""
        names = ("*", asked.service, MODEL_NAMES.get(asked.service, asked.service))
        for rule in self.rules:
            if rule["service"] not in names or rule["operation"] not in ("*", asked.operation):
                continue
            if self._random.random() * 100 >= rule["percent"]:
                continue
            if rule["mode"] == "slow":
                time.sleep(rule["ms"] / 1000)
            elif rule["mode"] == "html":
                return 500, [("Content-Type", "text/html")], b"<html><body>Internal Server Error</body></html>"
            elif rule["mode"] == "500":
                return refusal(asked, AwsError("InternalFailure", "Injected by the rehearsal.", 500))
            else:
                return refusal(asked, AwsError("ThrottlingException", "Rate exceeded", 400))
        return None


class AwsApp:
    """The whole loopback AWS. ``control`` answers ``/_gameday/<name>``."""

    def __init__(self, clock: Clock, engine: FisEngine, cloudwatch: CloudWatch) -> None:
        self.clock, self.engine, self.cloudwatch = clock, engine, cloudwatch
        self.gate = FaultGate(cloudwatch)
        self.control: dict[tuple[str, str], Callable[[Wire], Any]] = {
            ("GET", "counts"): lambda wire: dict(self.gate.counts),
            ("POST", "faults"): self.gate.set,
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
            self.gate.count(asked)
            return self.gate.hit(asked) or self._serve(asked)
        except AwsError as error:
            return refusal(asked, error)
        except Exception as error:  # the stand-in's own fault must still be AWS-shaped
            return refusal(asked, AwsError("InternalFailure", f"{type(error).__name__}: {error}", 500))

    def _serve(self, asked: Asked) -> Reply:
        if asked.service == "monitoring":
            if asked.protocol != "json":
                raise AwsError("NotImplemented", "The rehearsal CloudWatch speaks awsJson only.", 501)
            return answer(200, self.cloudwatch.call(asked.operation, asked.wire()), JSON_TYPE)
        if asked.service == "fis":
            return answer(200, FisApi(self.engine).call(asked.operation, asked.wire()))
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
            "ListActions": lambda w: _listed("actions", [_less(e.action(a)) for a in e.offered], w),
            "GetAction": lambda w: {"action": e.action(w["id"])},
            "ListTargetResourceTypes": lambda w: _listed(
                "targetResourceTypes", [{"resourceType": t, "description": t} for t in e.types], w
            ),
            "GetTargetResourceType": lambda w: {"targetResourceType": e.target_type(w["resourceType"])},
            "GetSafetyLever": self._lever,
            "UpdateSafetyLeverState": self._set_lever,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": lambda w: {"tags": dict(e.tags_of(w["resourceArn"]))},
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
        return _listed("experimentTemplates", found, wire)

    def _experiments(self, wire: Wire) -> Wire:
        wanted = wire.get("experimentTemplateId")
        found = [e.summary() for e in self.engine.experiments.values() if wanted in (None, e.template["id"])]
        return _listed("experiments", found, wire)

    def _resolved(self, wire: Wire) -> Wire:
        experiment_id = wire.get("experimentId") or wire["id"]
        return _listed("resolvedTargets", self.engine.resolved_targets(experiment_id, wire.get("targetName")), wire)

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


def _listed(key: str, items: list[Wire], wire: Wire) -> Wire:
    shown, token = page(items, wire.get("nextToken"), int(wire.get("maxResults") or 100))
    return {key: shown} | ({"nextToken": token} if token else {})
