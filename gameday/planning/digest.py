"""The plan's digest: what was approved is what runs (design: semantics, "Plan digest").

SHA-256 over canonical JSON of the SHA-256 of each file used, sorted; the environment, by name and definition; and the
resolved targets by step. No path, no run id, no time, so that a copied or renamed workspace keeps its digest and a
changed byte never does. All of it is in plan.json, so anybody can compute it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

from gameday.model.workspace import Environment
from gameday.plan import Plan, PlannedStep


def digest(inputs: Mapping[str, str], name: str, environment: Environment, steps: Sequence[PlannedStep]) -> str:
    """``sha256:<hex>``. ``inputs`` is path -> SHA-256 of the file's exact bytes."""
    targets = {step.id: {key: sorted(arns) for key, arns in step.fault.targets.items()} for step in steps if step.fault}
    record = {
        "environment": {"name": name, "definition": environment.model_dump(mode="json", by_alias=True)},
        "files": sorted(inputs.values()),
        "targets": targets,
    }
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def digest_of(plan: Plan) -> str:
    """The digest that this plan should have, from what it says itself."""
    return digest(plan.inputs, plan.environment, plan.environment_definition, plan.steps)
