"""One request to the loopback AWS: which service, which operation, in which protocol; and how an error is worded."""

from __future__ import annotations

import gzip
import io
import json
import re
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from gameday.rehearsal.metric_store import AwsError

Wire = dict[str, Any]
Environ = dict[str, Any]
Reply = tuple[int, list[tuple[str, str]], bytes]
CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")
MODEL_NAMES = {"monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi", "states": "stepfunctions",
               "elasticloadbalancing": "elbv2"}  # fmt: skip
ROLE_KEY_LENGTH = 20  # of an access key id that STS gives; the rehearsal's own is shorter
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
        self.region, self.service = (match[2], match[3]) if match else ("", "s3")
        self.key = match[1] if match else ""
        self.method = environ["REQUEST_METHOD"]
        raw = environ.get("REQUEST_URI") or environ.get("RAW_URI") or environ.get("PATH_INFO", "/")
        # absolute-form, which a client behind a proxy setting sends, is HTTP too
        self.inside = "HTTP_X_GAMEDAY_INSIDE" in environ
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
    def account(self) -> str:
        """The account whose credentials it is signed with; "" for those that no role gave. moto lives here."""
        if len(self.key) != ROLE_KEY_LENGTH:
            return ""
        from moto.iam.models import get_account_id_from

        return str(get_account_id_from(self.key))

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
