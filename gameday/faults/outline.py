"""What a FIS fault will do, said before anything is touched: targets, calls, duration, price, witness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from gameday.aws import Aws
from gameday.errors import CouldNotStart, Problem
from gameday.faults.catalogue import SHORTEST_MS, Action, action_minutes, actions
from gameday.faults.fis_exhibits import exhibit_calls, where
from gameday.faults.fis_graph import whole_ms, wrong
from gameday.faults.fis_settings import FisAction, FisSettings, fis_settings, lasts_ms, self_ending
from gameday.faults.homes import Site, site_of
from gameday.faults.prerequisites import prerequisite_calls
from gameday.faults.reads import READS
from gameday.faults.targets import TAGS_ONLY, by_tags, resolve, tags_of
from gameday.faults.witnesses import witness
from gameday.model.service import Technology
from gameday.model.workspace import Environment
from gameday.plan import Call
from gameday.protocols import Outline


@dataclass(frozen=True)
class Aim:
    """Targets by target key: the ARNs they have now, and the tags that are sent in their place."""

    arns: Mapping[str, tuple[str, ...]]
    tags: Mapping[str, Mapping[str, str]]


def outline(
    aws: Aws, step: str, settings: BaseModel, targets: Sequence[Technology], environment: Environment
) -> Outline:
    """See ``Outlines``. ``duration_ms`` is what the action's own parameters say (of several: along ``start_after``);
    None when only the step's ``for`` can. ``action_minutes`` is 0 then: ask ``catalogue.action_minutes`` with the
    ``for``. CouldNotStart too for actions that FIS cannot run in this order."""
    checked = fis_settings(settings)
    refused = list(wrong(checked.each, _known_ms))
    if refused:
        raise CouldNotStart(refused)
    site = site_of(targets, environment)
    aim = _aim(aws, checked, targets, environment, site)
    one_shot = all(_one_shot(part) for part in checked.each)
    duration = None if one_shot else whole_ms(checked.each, _known_ms)
    seen = witness(step, checked, aim.arns, environment, site.home)
    return Outline(
        action=" + ".join(part.action for part in checked.each),
        actions=tuple(part.action for part in checked.each) if checked.actions else (),
        targets=aim.arns,
        tags=aim.tags,
        region=site.region,
        accounts=site.accounts,
        exhibits=where(checked, environment.at(None, site.region)),
        duration_ms=duration,
        one_shot=one_shot,
        takes_stop_conditions=True,
        takes_duration=_takes_duration(checked, one_shot),
        calls=tuple(_calls(step, targets, checked, site)),
        action_minutes=_minutes(checked),
        witness_signals=seen.signals,
        effective=seen.effective,
        gone=seen.gone,
    )


def _takes_duration(settings: FisSettings, one_shot: bool) -> bool:
    """Of several actions none takes ``for`` as its own duration: it may be any share of the whole."""
    (first, *others) = settings.each
    return not others and not one_shot and self_ending(first, SHORTEST_MS, actions().get(first.action))


def _one_shot(part: FisAction) -> bool:
    action = actions().get(part.action)
    return action is not None and action.one_shot


def _known_ms(part: FisAction) -> int | None:
    """How long an action lasts by its own parameters; 0 for what is over at once, None when they do not say."""
    return 0 if _one_shot(part) else lasts_ms(part, actions().get(part.action))


def _minutes(settings: FisSettings) -> int:
    """Action-minutes of all; 0 for those of which only the step's ``for`` says how long."""
    return sum(action_minutes(_known_ms(part), _one_shot(part)) for part in settings.each)


def _aim(aws: Aws, settings: FisSettings, targets: Sequence[Technology], environment: Environment, site: Site) -> Aim:
    """The targets of all actions, each resolved by itself; CouldNotStart with what is wrong in any. FIS looks for tags
    in every account of an experiment, so that tags are sent only where it has one: in several they might name more than
    the plan says."""
    arns, tags, problems = dict[str, tuple[str, ...]](), dict[str, Mapping[str, str]](), list[Problem]()
    for part in settings.each:
        action = actions().get(part.action)
        own = [t for t in targets if t.id in (part.targets or ())]
        try:
            found = resolve(aws, action, own, environment, by_parameters=bool(part.target_parameters))
        except CouldNotStart as error:
            problems += error.problems
            continue
        arns |= {settings.target(part, key): held for key, held in found.items()}
        if len(site.accounts) <= 1:
            tags |= {settings.target(part, key): held for key, held in tags_of(action, own).items()}
        elif part.action in TAGS_ONLY:
            problems.append(Problem("TARGET_FORM", f"{part.action} takes targets by tags alone", "a step an account"))
    if problems:
        raise CouldNotStart(problems)
    return Aim(arns, tags)


def _calls(step: str, targets: Sequence[Technology], settings: FisSettings, site: Site) -> Iterator[Call]:
    """Every call in the order in which it may come; ``why`` of StopExperiment says who has to end the fault."""
    parts = [(part, actions().get(part.action)) for part in settings.each]
    for service, operation in sorted({by_tags(t) for t in targets if t.tags and not t.arn and not t.name}):
        yield Call(step=step, service=service, operation=operation, why="find the targets by their tags", times="once")
    unknown = any(action is None for _, action in parts)
    why = "check that the account knows the action" + (", and read its target keys" if unknown else "")
    yield Call(step=step, service="fis", operation="GetAction", why=why, times="1" if len(parts) == 1 else "one each")
    for service, operation in sorted({READS[t.type].call for t in targets if t.type in READS}):
        yield Call(step=step, service=service, operation=operation, why="see that the target exists")
    for service, operation in sorted({call for part, _ in parts for call in prerequisite_calls(part.action)}):
        yield Call(step=step, service=service, operation=operation, why="see that what the action needs is there")
    ends = all(self_ending(part, None, action) for part, action in parts)
    stop = next((_stop(action) for part, action in parts if not self_ending(part, None, action)), "undo")
    yield from _fis_calls(step, stop, ends, len(site.accounts))
    for service, operation in exhibit_calls(settings):
        yield Call(step=step, service=service, operation=operation, why="keep the experiment's own log", times="once")


def _fis_calls(step: str, stop: str, ends: bool, accounts: int) -> Iterator[Call]:
    for operation, why, times in (
        ("CreateExperimentTemplate", "describe the fault; before the run, to have its targets resolved", "2"),
        ("StartExperiment", "inject it; before the run, with skip-all: it resolves the targets and does nothing", "2"),
        ("GetExperiment", "see how it goes", "once a poll"),
        ("ListExperimentResolvedTargets", "see which resources FIS chose", "once a poll until known"),
        ("StopExperiment", stop, "when it must end early" if ends else "1"),
        ("ListExperiments", "find it again after a crash", "only when its id was not noted"),
        ("ListExperimentTemplates", "find its template after a crash", "only when its id was not noted"),
        ("DeleteExperimentTemplate", "leave nothing behind", "2"),
    ):
        yield Call(step=step, service="fis", operation=operation, why=why, times=times)
        if operation == "CreateExperimentTemplate" and accounts:
            reach, why = "CreateTargetAccountConfiguration", "let it act in the accounts of its targets"
            yield Call(step=step, service="fis", operation=reach, why=why, times=str(2 * accounts))


def _stop(action: Action | None) -> str:
    if action is not None and action.ends_by is not None:
        return f"undo; FIS ends it by itself only if the step says for, or parameters: {{{action.ends_by}: ...}}"
    return "end it: FIS does not end this fault by itself, so the conductor or the watchdog has to"
