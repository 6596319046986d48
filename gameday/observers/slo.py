"""Error budgets of CloudWatch Application Signals SLOs, as AWS computes them: one reading a bucket.

A budget is what it is at an instant: the one sample of a window is that of its last whole bucket, read for the bucket's
end. INSUFFICIENT_DATA is an unknown value. An SLO that the account does not have raises.

No stand-in has Application Signals, and none is made up: in rehearsal this source is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gameday.aws import Aws, told
from gameday.clock import Ms, to_datetime
from gameday.errors import Problem, Refused
from gameday.model.queries import SloQuery
from gameday.plan import Home, Signal
from gameday.protocols import Sample, Window

SLOS_A_CALL = 50  # Application Signals API reference, BatchGetServiceLevelObjectiveBudgetReport
CALL = "application-signals BatchGetServiceLevelObjectiveBudgetReport"


class Unreadable(RuntimeError):
    """There is no report of an SLO."""


class SloObserver:
    """The observer of ``slo.budget``."""

    name = "slo"
    sources = frozenset({"slo.budget"})

    def __init__(self, aws: Aws, rehearsed: bool = False) -> None:
        self._aws, self._rehearsed = aws, rehearsed

    def check(self, signal: Signal) -> Sequence[Problem]:
        """What would keep this signal from being read, before anything is asked."""
        if not self._rehearsed:
            return []
        message = f"{signal.id}: the rehearsal AWS has no Application Signals"
        return [Problem("NOT_IN_REHEARSAL", message, "leave this signal out, or --environment NAME")]

    def sample(self, signals: Sequence[Signal], window: Window) -> Mapping[str, Sequence[Sample]]:
        """One sample a signal. Refused in rehearsal, CallFailed when AWS cannot be read, Unreadable for an SLO that
        AWS has no report of."""
        for problem in (p for signal in signals for p in self.check(signal)):
            raise Refused(problem)
        groups: dict[tuple[Home, Ms], list[Signal]] = {}
        for signal in signals:
            key = (signal.account, signal.region), window.end_ms // signal.period_ms * signal.period_ms
            groups.setdefault(key, []).append(signal)
        found: dict[str, Sequence[Sample]] = {}
        for (home, end), group in groups.items():
            reports = self._reports(self._aws.at(*home), sorted({str(s.query["slo"]) for s in group}), end)
            found |= {s.id: [Sample(end - s.period_ms, _value(s, reports))] for s in group}
        return found

    def _reports(self, aws: Aws, slos: Sequence[str], at: Ms) -> dict[str, Any]:
        """Reports by name and by ARN."""
        found: dict[str, Any] = {}
        for start in range(0, len(slos), SLOS_A_CALL):
            with told(CALL):
                answer = aws.client("application-signals").batch_get_service_level_objective_budget_report(
                    Timestamp=to_datetime(at), SloIds=list(slos[start : start + SLOS_A_CALL])
                )
            for error in answer.get("Errors", ()):
                raise Unreadable(f"{error['Name']}: {error['ErrorCode']}: {error['ErrorMessage']}")
            for report in answer["Reports"]:
                found |= {report["Name"]: report, report["Arn"]: report}
        return found


def _value(signal: Signal, reports: Mapping[str, Any]) -> float | None:
    """Attainment in percent, or what is left of the budget in its own unit, seconds or requests; below zero: spent."""
    query = SloQuery.model_validate(signal.query)
    if query.slo not in reports:
        raise Unreadable(f"{signal.id}: AWS has no budget report of the SLO {query.slo}; write its name or its ARN")
    report = reports[query.slo]
    if report["BudgetStatus"] == "INSUFFICIENT_DATA":
        return None
    left = report.get("BudgetSecondsRemaining", report.get("BudgetRequestsRemaining"))
    value = report.get("Attainment") if query.value == "attainment" else left
    return None if value is None else float(value)
