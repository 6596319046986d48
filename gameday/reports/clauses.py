"""The crosswalk: which clause a part of the record supports, and what it does not show. Never more than "supports"."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gameday.errors import CouldNotStart, Problem
from gameday.model.clause import Clause, ClauseChecks, Clauses
from gameday.model.load import load_model

SHIPPED = Path(__file__).parents[1] / "data" / "clauses.yaml"
FILE = "clauses.yaml"


def clauses(root: Path) -> list[Clause]:
    """All clauses, with the checks of the workspace's clauses.yaml. InvalidFiles when that does not load; CouldNotStart
    CLAUSE_UNKNOWN when it checks one that there is not."""
    shipped = {clause.id: clause for clause in load_model(SHIPPED, Clauses).model.clauses}
    path = root / FILE
    checks = load_model(path, ClauseChecks).model.checks if path.exists() else ()
    for check in checks:
        if check.id not in shipped:
            what = f"clauses.yaml checks {check.id!r}, which is no clause here"
            raise CouldNotStart(Problem("CLAUSE_UNKNOWN", what, "an id that gameday self-assessment --json lists"))
        facts = {"checked_on": check.checked_on, "checked_by": check.checked_by, "source": check.source}
        shipped[check.id] = shipped[check.id].model_copy(update=facts)
    return list(shipped.values())


def refuse_unchecked(found: Sequence[Clause]) -> None:
    """CouldNotStart CLAUSE_UNCHECKED: a final record names no clause that nobody has checked."""
    open_ = [clause.id for clause in found if not clause.checked]
    if open_:
        what = f"{len(open_)} clause(s) were not held against the official text: {', '.join(open_[:5])}"
        more = f" and {len(open_) - 5} more" if len(open_) > 5 else ""
        write = "{id: ..., checked_on: ..., checked_by: ..., source: URL} of each under checks: in clauses.yaml"
        raise CouldNotStart(Problem("CLAUSE_UNCHECKED", what + more, write))


def told(clause: Clause) -> dict[str, Any]:
    """As JSON."""
    return {**clause.model_dump(mode="json"), "checked": clause.checked}


def sentence(clause: Clause) -> str:
    """What may be said of it."""
    mark = "" if clause.checked else f" (UNCHECKED, from a {clause.text} source)"
    return f"supports {clause.authority.upper()} {clause.reference}{mark}; does not show {clause.does_not_show}"
