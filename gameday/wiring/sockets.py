"""What fills the sockets of a run in one environment: faults, observers, the channel, the calls of runbooks.

All come from plug-ins, ours as those of others. One that does not fit, or cannot be made, is left out with a warning: a
scenario that needs it gets the error in lint, before a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from gameday.aws import Aws, Listener
from gameday.aws_envelope import Door
from gameday.clock import Anchor, Clock, ScenarioClock
from gameday.conductor.emergency import lever_place
from gameday.errors import CouldNotStart, Problem, could_not_start
from gameday.faults.chaostoolkit.calling import call_action
from gameday.faults.fis_lever import SafetyLever
from gameday.faults.heartbeat import HeartbeatAlarm
from gameday.faults.ssm_run import run_document
from gameday.model.runbook import ChaosCall, RunbookCall, SsmCall
from gameday.model.workspace import Environment
from gameday.people.carrying import LinkFor
from gameday.people.channels import EveryChannel
from gameday.people.terminal import TerminalChannel
from gameday.plugins import Kind, Plugin, installed
from gameday.protocols import Channel, Context, Fault, Hears, Lever, Observer, Stops

Configured = Mapping[str, Mapping[str, Any]]
"""Channels by the name that gameday.yaml gives them: ``via``, and the channel's own keys."""


def lever_of(environment: Environment, endpoint: str | None) -> SafetyLever:
    """The safety lever of an environment's account and Region, by a way of its own."""
    return SafetyLever(Aws(environment, endpoint, "emergency"))


@dataclass(frozen=True)
class Sockets:
    """Everything a conductor reaches the world through. ``left_out`` says which plug-ins are not, and why."""

    aws: Aws
    faults: Mapping[str, Fault]
    observers: Sequence[Observer]
    channel: Channel
    left_out: Sequence[Problem] = ()

    @cached_property
    def heartbeat(self) -> HeartbeatAlarm:
        """The metric and the alarm of the dead-man's switch."""
        return HeartbeatAlarm(self.aws)

    @property
    def beside(self) -> Mapping[str, Stops]:
        """What undo may meet on a ledger beside the faults: the dead-man's alarm."""
        return {self.heartbeat.name: self.heartbeat}

    @property
    def stoppable(self) -> Mapping[str, Stops]:
        """All that undo may meet on a ledger, by provider."""
        return {**self.faults, **self.beside}

    @property
    def levers(self) -> Mapping[str, Lever]:
        """The safety levers of the environment, by account and Region: one for each of its Regions. None is called."""
        every = [self.aws.environment.at(None, region) for region in self.aws.environment.regions]
        return {lever_place(there): lever_of(there, self.aws.endpoint) for there in every}

    def hear(self, listener: Listener) -> None:
        """Tell of each answer of AWS, and of the observers that ask others."""
        self.aws.hear(listener)
        for observer in self.observers:
            if isinstance(observer, Hears):
                observer.hear(listener)

    def call(self, call: RunbookCall) -> str:
        """Make the call of a runbook's step; returns what to say of it. botocore's errors are passed on, and so is
        what an action says; a document that does not succeed in time is an error too."""
        if isinstance(call, ChaosCall):
            return call_action(call.chaostoolkit, self.aws.environment, self.aws.endpoint)
        if isinstance(call, SsmCall):
            return run_document(self.aws, call.ssm)
        service, _, operation = call.aws.partition(".")
        answer: dict[str, Any] = getattr(self.aws.client(service), operation)(**call.parameters)
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", "no status")
        return f"{call.aws}: {status}"


def sockets(
    environment: Environment, endpoint: str | None, clock: Clock | None = None, channels: Configured | None = None,
    link_for: LinkFor | None = None,
) -> Sockets:  # fmt: skip
    """Filled for an environment; ``endpoint`` is the loopback AWS of a rehearsal, ``clock`` the run's (real time when
    it is not given). Nothing is called yet. CouldNotStart when a channel that is configured is not there."""
    aws = Aws(environment, endpoint)
    aws.door = Door(environment)
    context = Context(environment, endpoint, aws, clock or ScenarioClock(Anchor.here()), link_for=link_for)
    faults, no_faults = _made("fault", context)
    observers, no_observers = _made("observer", context)
    left_out = [replace(problem, severity="warning") for problem in (*no_faults, *no_observers)]
    return Sockets(aws, faults, list(observers.values()), _channel(context, channels or {}), left_out)


def _made(kind: Kind, context: Context) -> tuple[dict[str, Any], list[Problem]]:
    """One of each plug-in of a kind, and what is wrong with the others."""
    plugins, problems = installed().every(kind)
    made = {}
    for plugin in plugins:
        try:
            made[plugin.name] = plugin.make(context)
        except CouldNotStart as error:
            problems += error.problems
    return made, problems


def _channel(context: Context, configured: Configured) -> Channel:
    others = {name: _configured(context, name, keys) for name, keys in configured.items()}
    return EveryChannel(others) if others else TerminalChannel()


def _configured(context: Context, name: str, keys: Mapping[str, Any]) -> Channel:
    plugin = installed().find("channel", str(keys.get("via")))
    if plugin is None:
        write = f"via: {' | '.join(installed().names('channel'))}"
        raise could_not_start("UNKNOWN_CHANNEL", f"channel {name!r}: there is no channel {keys.get('via')!r}", write)
    made: Channel = plugin.make(replace(context, settings=channel_settings(plugin, keys)))
    return made


def channel_settings(plugin: Plugin, keys: Mapping[str, Any]) -> Any:
    """A channel's own keys as its model, or None when it has no model. Lint has checked them."""
    own = {key: value for key, value in keys.items() if key != "via"}
    return plugin.settings.model_validate(own) if plugin.settings else None
