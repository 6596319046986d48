"""Posting a document to a URL that an environment variable holds, so that no command line and no file shows it."""

from __future__ import annotations

import os
from http import HTTPStatus
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from gameday.errors import could_not_start

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
GIVES_UP_S = 10.0


def post(variable: str, text: str, kind: str) -> str:
    """Send the text; returns what came back in words. CouldNotStart URL_MISSING, URL_NOT_SAFE, NOT_POSTED."""
    url = os.environ.get(variable, "")
    if not url:
        raise could_not_start("URL_MISSING", f"{variable} holds no URL", f"export {variable}=https://...")
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise could_not_start("URL_NOT_SAFE", f"the URL in {variable} is not https", "an https:// URL")
    request = Request(url, text.encode(), {"Content-Type": f"{kind}; charset=utf-8"}, method="POST")
    try:
        with urlopen(request, timeout=GIVES_UP_S) as answer:  # its scheme was checked above
            return f"posted: {answer.status} {HTTPStatus(answer.status).phrase}"
    except (HTTPError, URLError, OSError) as error:
        said = f"it answered {error.code}" if isinstance(error, HTTPError) else "it could not be reached"
        raise could_not_start(
            "NOT_POSTED", f"{said}: the URL in {variable}", "see the receiver, and post again"
        ) from error
