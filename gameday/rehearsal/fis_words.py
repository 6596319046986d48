"""What the parts of the rehearsal FIS share: account, errors as FIS words them, durations, pages, catalogues."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

from gameday.clock import Ms
from gameday.rehearsal.metric_store import AwsError

ACCOUNT, REGION = "123456789012", "eu-west-2"
DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$")
Wire = dict[str, Any]


def catalogue(name: str) -> Wire:
    """One of the FIS catalogues, from the package data."""
    found: Wire = json.loads(resources.files("gameday.data").joinpath(name).read_text("utf-8"))
    return found


def invalid(message: str) -> AwsError:
    """ValidationException."""
    return AwsError("ValidationException", message)


def missing(what: str) -> AwsError:
    """ResourceNotFoundException."""
    return AwsError("ResourceNotFoundException", f"{what} was not found.", 404)


def duration_ms(text: str) -> Ms:
    """An ISO 8601 duration in milliseconds."""
    match = DURATION.match(text)
    if not match or text in ("P", "PT"):
        raise invalid(f"{text!r} is not an ISO 8601 duration.")
    days, hours, minutes, seconds = (float(g or 0) for g in match.groups())
    return round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000)


def listed(key: str, items: list[Wire], wire: Wire) -> Wire:
    """The answer of a list, one page of it."""
    shown, token = page(items, wire.get("nextToken"), int(wire.get("maxResults") or 100))
    return {key: shown} | ({"nextToken": token} if token else {})


def page(items: Sequence[Wire], token: str | None, size: int) -> tuple[list[Wire], str | None]:
    """One page of a list, and the token of the next."""
    start = int(token) if token and token.isdigit() else 0
    if token and not token.isdigit():
        raise invalid("nextToken is not valid.")
    end = start + size
    return list(items[start:end]), str(end) if end < len(items) else None
