"""The calls of AWS that the channels of a workspace lead to: they are in the plan, or they do not leave."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from gameday.model.content import Content
from gameday.plan import Call
from gameday.plugins import installed
from gameday.protocols import Calls


def channel_calls(content: Content) -> Iterator[Call]:
    """Of each channel that gameday.yaml names and that says its calls; each call once."""
    configured = content.workspace.model.channels.values() if content.workspace else ()
    found = dict[tuple[str, str, str], Call]()
    for keys in configured:
        plugin = installed().find("channel", str(keys.get("via")))
        if plugin and plugin.settings and isinstance(plugin.plugged, Calls):
            own = {key: value for key, value in keys.items() if key != "via"}
            try:
                said = plugin.plugged.calls(plugin.settings.model_validate(own))
            except ValidationError:  # lint has said so; without its settings it calls nothing
                continue
            found |= {(call.service, call.operation, call.why): call for call in said}
    yield from found.values()
