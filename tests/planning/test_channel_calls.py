"""The calls of channels stand in the plan: what a workspace's channels reach in AWS, each once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from gameday.library import built_in
from gameday.model.content import Content, Loaded
from gameday.model.load import load_content
from gameday.model.workspace import Workspace
from gameday.planning.channels import channel_calls

TOPIC = "arn:aws:sns:eu-west-2:111122223333:ops"
ENV, SECRET = {"env": "URL"}, {"secretsmanager": "hook"}
HOOK = "a channel's secret: hook of Secrets Manager"


def content(channels: dict[str, dict[str, Any]]) -> Content:
    found = load_content(built_in())
    workspace = Workspace.model_validate({"kind": "workspace", "channels": channels})
    return replace(found, workspace=Loaded(workspace, cast("Any", None)))


@pytest.mark.parametrize(
    ("channel", "calls"),
    [
        ({"via": "sns", "topic": TOPIC}, [("sns", "Publish", f"tell people, by {TOPIC}")]),
        ({"via": "slack", "url": ENV}, []),
        ({"via": "slack", "url": SECRET}, [("secretsmanager", "GetSecretValue", HOOK)]),
        ({"via": "terminal"}, []),
        ({"via": "sns", "topic": "ops"}, []),
        ({"via": "pigeon"}, []),
    ],
)  # fmt: skip
def test_what_a_channel_calls(channel: dict[str, Any], calls: list[tuple[str, str, str]]) -> None:
    """Twice the same channel calls the same."""
    found = channel_calls(content({"one": channel, "two": channel}))
    assert [(c.service, c.operation, c.why) for c in found] == calls
