"""``via: slack``: each prompt to an incoming webhook of Slack, or what takes the same JSON (Mattermost, Rocket.Chat).

Slack's documentation, "Sending messages using incoming webhooks" and "Formatting text for app surfaces": ``&``, ``<``
and ``>`` are escaped, so that nothing a scenario says can ping a channel or disguise a link.
"""

from __future__ import annotations

import json
from typing import Any

from gameday.clock import Clock
from gameday.model.types import Strict
from gameday.people.carrying import WITHIN_MS, LinkFor, Within, key_of
from gameday.people.posting import Outward, carry
from gameday.people.references import SecretReference, Unset, resolve
from gameday.people.webhook import KEY, secret_calls, unset
from gameday.plan import Call
from gameday.protocols import AwsDoor, Prompt

LONGEST_SECTION, LONGEST_HEADER = 3000, 150  # characters that Slack takes
ASKS = {"acknowledge": "Please acknowledge", "answer": "Please answer", "perform": "Please do this, then tick it",
        "none": "For you to know"}  # fmt: skip


class SlackSettings(Strict):
    """``url`` is a reference: whoever knows the address of an incoming webhook can write to its channel."""

    url: SecretReference
    within: Within = WITHIN_MS


class SlackChannel:
    """Posts each prompt as a message."""

    name = "slack"
    settings = SlackSettings

    def __init__(
        self, settings: SlackSettings, clock: Clock, aws: AwsDoor, rehearsed: bool, link_for: LinkFor | None = None
    ) -> None:
        self._settings, self._link_for = settings, link_for
        self._outward = Outward(clock, aws, rehearsed, settings.within)

    @staticmethod
    def calls(settings: SlackSettings) -> list[Call]:
        """Reads of Secrets Manager."""
        return secret_calls(settings.url)

    def deliver(self, prompt: Prompt) -> str:
        """What Slack answered (``200: ok``); Undelivered when it did not take it."""
        try:
            url = resolve(self._settings.url, self._outward.aws)
        except Unset as error:
            return unset(error, self._outward.rehearsed)
        link = self._link_for(prompt) if self._link_for else None
        body = json.dumps(message(prompt, link), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", KEY: key_of(prompt)}
        return carry(self._outward, url, [url, link or url], lambda: (body, headers))


def message(prompt: Prompt, link: str | None) -> dict[str, Any]:
    """Blocks, and the text for notifications and readers that show none."""
    asks, to = ASKS[prompt.expects], escaped(prompt.to, 100)
    answer = f"gameday ack {prompt.id} --run {prompt.run}"
    how = (
        ""
        if prompt.expects == "none"
        else f" · or: `{escaped(answer, 500)}`"
        if link
        else f" · `{escaped(answer, 500)}`"
    )
    handed = f" · handed over from {escaped(prompt.handed_from, 100)}" if prompt.handed_from else ""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": escaped(f"Game day: {asks}", LONGEST_HEADER)}},
        {"type": "section", "text": {"type": "plain_text", "text": escaped(prompt.says, LONGEST_SECTION)}},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": f"To *{to}*{handed}{how}"}]},
    ]
    if link and prompt.expects != "none":
        label = {"type": "plain_text", "text": "Tick it" if prompt.expects == "perform" else "Answer"}
        blocks.append({"type": "actions", "elements": [{"type": "button", "text": label, "url": link}]})
    return {"text": escaped(f"Game day, to {prompt.to}: {asks}: {prompt.says}", LONGEST_SECTION), "blocks": blocks}


def escaped(text: str, longest: int) -> str:
    """For Slack, cut so that no entity is cut in two."""
    found, room = list[str](), longest - 1
    for char in text:
        safe = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(char, char)
        room -= len(safe)
        if room < 0:
            return "".join(found) + "…"
        found.append(safe)
    return "".join(found)
