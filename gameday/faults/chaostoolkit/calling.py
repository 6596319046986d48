"""One action of an extension, asked for by a person through a step of a runbook."""

from __future__ import annotations

from gameday.errors import Problem, Refused
from gameday.faults.chaostoolkit.fault import ActionFailed
from gameday.faults.chaostoolkit.settings import PythonActivity
from gameday.faults.chaostoolkit.working import Working, environ_of, job_of, names_in
from gameday.model.runbook import ChaosActivity
from gameday.model.workspace import Environment

LONGEST_ANSWER = 200


def call_action(call: ChaosActivity, environment: Environment, endpoint: str | None) -> str:
    """Run it to its end; returns what to say of it. ActionFailed when it fails, Refused when it asked for a
    call outside the envelope, pydantic's ValidationError for what is
    no action of an extension."""
    activity = PythonActivity.model_validate(call.model_dump())
    job = job_of(activity, {}, {}, endpoint is not None, environment)
    working = Working(environ_of(environment, endpoint, names_in(job)))
    try:
        answer = working.ask(job, activity.timeout / 1000)
    finally:
        working.close()
    if answer.refused:
        raise Refused(answer.refused)
    if not answer.ok:
        message = f"{activity.action} failed: {answer.error}"
        raise ActionFailed(Problem("CHAOS_ACTION_FAILED", message, "do this step by hand, as the runbook says"))
    return f"{activity.action}: {answer.output}"[:LONGEST_ANSWER]
