"""Posting a document to a URL that an environment variable holds, so that no command line and no file shows it.

As channels post: no redirect is followed, and nothing goes out unencrypted.
"""

from __future__ import annotations

import os

from gameday.aws import is_loopback
from gameday.errors import could_not_start
from gameday.people import posting
from gameday.people.carrying import Undelivered
from gameday.people.references import hide

WITHIN_MS = 10_000


def post(variable: str, text: str, kind: str) -> str:
    """Send the text; returns what came back in words. CouldNotStart URL_MISSING, URL_NOT_SAFE, NOT_POSTED."""
    url = os.environ.get(variable, "")
    if not url:
        raise could_not_start("URL_MISSING", f"{variable} holds no URL", f"export {variable}=https://...")
    if why := posting.refusal(url, rehearsed=False):
        raise could_not_start("URL_NOT_SAFE", f"the URL in {variable}: {why}", "an https:// URL")
    headers = {"Content-Type": f"{kind}; charset=utf-8"}
    try:
        answer = posting.post(url, text.encode(), headers, WITHIN_MS, direct=is_loopback(url))
    except Undelivered as error:
        what = f"the URL in {variable}: {hide(str(error), [url])}"
        raise could_not_start("NOT_POSTED", what, "see the receiver, and post again") from error
    return f"posted: {hide(answer.receipt(), [url])}"
