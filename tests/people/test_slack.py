"""``via: slack``: blocks and a text for readers without, and nothing a scenario says is markup."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gameday.aws import Aws
from gameday.clock import VirtualClock
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.people.slack import SlackChannel, SlackSettings, escaped, message
from tests.people.the_other_side import PROMPT, other_side

LINK = "https://console.example.com/l/abc"


def test_everything_is_escaped_so_that_nothing_pings_or_disguises_a_link() -> None:
    bad = replace(PROMPT, says="<!channel> & <https://evil|bank>", to="<@U1>", handed_from="<!here>")
    text = json.dumps(message(bad, None))
    assert "<" not in text
    assert ">" not in text
    assert "&lt;!channel&gt; &amp; " in text


@pytest.mark.parametrize("char", ["&", "<", "é", "x"])
def test_a_long_text_is_cut_and_no_entity_in_two(char: str) -> None:
    cut = escaped(char * 5000, 100)
    assert len(cut) <= 100
    assert cut.endswith(("&amp;…", "&lt;…", "é…", "x…"))


def test_with_a_link_there_is_a_button_and_without_the_command() -> None:
    assert message(PROMPT, LINK)["blocks"][-1]["elements"][0]["url"] == LINK
    without = message(PROMPT, None)
    assert "gameday ack ack --run" in json.dumps(without)
    assert "actions" not in [block["type"] for block in without["blocks"]]


def test_what_asks_for_nothing_has_neither() -> None:
    told = json.dumps(message(replace(PROMPT, expects="none"), LINK))
    assert LINK not in told
    assert "gameday ack" not in told


def test_slack_s_answer_is_the_receipt(monkeypatch: pytest.MonkeyPatch) -> None:
    with other_side((200, {"x-slack-req-id": "abc"}, "ok")) as side:
        monkeypatch.setenv("SLACK", side.url)
        settings = SlackSettings.model_validate({"url": {"env": "SLACK"}})
        aws = Aws(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:1")
        channel = SlackChannel(settings, VirtualClock(), aws, True, lambda prompt: LINK)
        assert channel.deliver(PROMPT) == "200, request abc: ok"
    body = json.loads(side.posted[0][2])
    assert body["text"].startswith("Game day, to on-call: Please acknowledge: Acknowledge the page &lt;now&gt;")
    assert [block["type"] for block in body["blocks"]] == ["header", "section", "context", "actions"]
