"""``via: sns``: each prompt to an Amazon SNS topic, whose subscriptions bring it to pagers, phones and mailboxes.

In rehearsal it goes to the topic of that name on the loopback AWS, if the rehearsal has one.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import StringConstraints

from gameday.aws import CallFailed, told
from gameday.clock import Clock
from gameday.errors import Refused
from gameday.model.types import Strict
from gameday.people.carrying import WITHIN_MS, LinkFor, Patience, TryAgain, Undelivered, Within, key_of
from gameday.people.references import hide
from gameday.plan import Call
from gameday.protocols import AwsDoor, Prompt

LONGEST_SUBJECT = 100  # SNS, Publish: "must be less than 100 characters long", of ASCII
LONGEST_SAYS = 20_000
MISSING = frozenset({"NotFound", "NotFoundException", "ResourceNotFoundException", "404"})
GIVES_UP = frozenset({"AuthorizationError", "AccessDenied", "AccessDeniedException", "InvalidParameter", *MISSING,
                      "InvalidParameterValue", "EndpointDisabled", "KMSAccessDenied", "KMSDisabled"})  # fmt: skip


class SnsSettings(Strict):
    """``topic`` is its ARN, in an account and Region of the environment; ``.fifo`` topics too."""

    topic: Annotated[
        str, StringConstraints(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+(\.fifo)?$")
    ]
    within: Within = WITHIN_MS


class SnsChannel:
    """Publishes each prompt, with attributes that subscriptions can filter by: run, step, role, expects."""

    name = "sns"
    settings = SnsSettings

    def __init__(
        self, settings: SnsSettings, clock: Clock, aws: AwsDoor, rehearsed: bool, link_for: LinkFor | None = None
    ) -> None:
        self._settings, self._aws, self._rehearsed, self._link_for = settings, aws, rehearsed, link_for
        self._patience = Patience(clock, settings.within)

    @staticmethod
    def calls(settings: SnsSettings) -> list[Call]:
        """The one that publishes."""
        why = f"tell people, by {settings.topic}"
        return [Call(step=None, service="sns", operation="Publish", why=why, times="1 for each prompt")]

    def deliver(self, prompt: Prompt) -> str:
        """SNS's id of the message. Undelivered when SNS refuses, or cannot be reached."""
        link = self._link_for(prompt) if self._link_for else None
        message = published(prompt, self._settings.topic, link)
        try:
            return self._patience.carry(lambda left: self._publish(message))
        except Refused as error:
            if self._rehearsed:
                return f"not sent: {error.problems[0].message}, and this is a rehearsal"
            raise Undelivered(error.problems[0].message) from None
        except Undelivered as error:
            raise Undelivered(hide(str(error), [link] if link else [])) from None

    def _publish(self, message: dict[str, Any]) -> str:
        region = self._settings.topic.split(":")[3]
        try:
            with told("sns Publish"):
                answer = self._aws.client("sns", region=region).publish(**message)
        except CallFailed as error:
            if self._rehearsed and error.code in MISSING:
                return f"not sent: the loopback AWS has no topic {self._settings.topic.rpartition(':')[2]}"
            raise (Undelivered if error.code in GIVES_UP else TryAgain)(error.problems[0].message) from None
        return f"SNS message {answer['MessageId']}"


def published(prompt: Prompt, topic: str, link: str | None) -> dict[str, Any]:
    """The parameters of Publish. Pagers show the text; programs read the attributes."""
    asked = "" if prompt.expects == "none" else f"\n\n{prompt.expects}: {link or f'gameday ack {prompt.id}'}"
    subject = "".join(c for c in f"Game day: {prompt.to}" if c.isascii() and c.isprintable())
    attributes = {"run": prompt.run, "step": prompt.step, "role": prompt.to, "expects": prompt.expects,
                  "prompt": prompt.id, "key": key_of(prompt)}  # fmt: skip
    made: dict[str, Any] = {
        "TopicArn": topic,
        "Subject": subject[: LONGEST_SUBJECT - 1],
        "Message": f"{prompt.says[:LONGEST_SAYS]}{asked}",
        "MessageAttributes": {n: {"DataType": "String", "StringValue": v} for n, v in attributes.items() if v},
    }
    if topic.endswith(".fifo"):
        made |= {"MessageGroupId": prompt.run or "gameday", "MessageDeduplicationId": key_of(prompt)}
    return made
