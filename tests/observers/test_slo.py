"""Error budgets as Application Signals reports them. The other side is a loopback server that answers in the shapes of
the API reference (BatchGetServiceLevelObjectiveBudgetReport); boto3 is real. It has never been run against AWS."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gameday.aws import Aws, CallFailed
from gameday.errors import Refused
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.observers.slo import SloObserver, Unreadable
from gameday.plan import Signal
from gameday.protocols import Sample, Window
from tests.observers.a_server import Request, Server, serve

MINUTE = 60_000
T = 1_700_000_040_000
WINDOW = Window(T, T + 3 * MINUTE + 5_000)
ARN = "arn:aws:application-signals:eu-west-2:123456789012:slo/payments"


def report(name: str = "payments", **more: Any) -> dict[str, Any]:
    return {
        "Arn": ARN.replace("payments", name), "Name": name, "EvaluationType": "PeriodBased", "BudgetStatus": "OK",
        "Attainment": 99.95, "TotalBudgetSeconds": 2592, "BudgetSecondsRemaining": 1296,
        "Goal": {"Interval": {"RollingInterval": {"DurationUnit": "DAY", "Duration": 30}}, "AttainmentGoal": 99.9},
        **more,
    }  # fmt: skip


def signal(slo: str = "payments", ident: str = "budget", **more: Any) -> Signal:
    return Signal(id=ident, source="slo.budget", query={"slo": slo, **more}, period_ms=MINUTE, settles_ms=0)


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as server:
        yield server


@pytest.fixture
def observer(server: Server) -> Iterator[SloObserver]:
    aws = Aws(REHEARSAL_ENVIRONMENT, server.url)
    yield SloObserver(aws)
    aws.close()


def answers(server: Server, *reports: dict[str, Any], errors: list[dict[str, Any]] | None = None) -> None:
    said = {"Timestamp": T / 1000, "Reports": list(reports), "Errors": errors or []}
    server.answer = lambda request: (200, {"Content-Type": "application/json"}, json.dumps(said).encode())


def wanted(request: Request) -> dict[str, Any]:
    return dict(json.loads(request.body))


def test_one_call_reads_all_budgets_at_the_end_of_the_last_whole_bucket(server: Server, observer: SloObserver) -> None:
    answers(server, report(), report("refunds", BudgetSecondsRemaining=-30, BudgetStatus="BREACHED"))
    both = [signal(), signal(ARN, "by-arn", value="attainment"), signal("refunds", "refunds")]
    at = T + 2 * MINUTE
    assert observer.sample(both, WINDOW) == {
        "budget": [Sample(at, 1296.0)], "by-arn": [Sample(at, 99.95)], "refunds": [Sample(at, -30.0)]
    }  # fmt: skip
    (asked,) = server.asked
    assert asked.method == "POST" and asked.path.endswith("/budget-report")
    assert wanted(asked)["Timestamp"] == (at + MINUTE) / 1000
    assert wanted(asked)["SloIds"] == sorted([ARN, "payments", "refunds"])


def test_a_budget_in_requests_is_told_in_requests_and_no_data_is_unknown(server: Server, observer: SloObserver) -> None:
    by_request = report(TotalBudgetRequests=1000, BudgetRequestsRemaining=250)
    del by_request["BudgetSecondsRemaining"], by_request["TotalBudgetSeconds"]
    answers(server, by_request)
    assert observer.sample([signal()], WINDOW)["budget"] == [Sample(T + 2 * MINUTE, 250.0)]
    answers(server, report(BudgetStatus="INSUFFICIENT_DATA"))
    assert observer.sample([signal()], WINDOW)["budget"] == [Sample(T + 2 * MINUTE, None)]


def test_an_slo_that_the_account_does_not_have_raises_and_is_named(server: Server, observer: SloObserver) -> None:
    missing = {"Name": "payments", "Arn": ARN, "ErrorCode": "NOT_FOUND", "ErrorMessage": "no such SLO"}
    answers(server, errors=[missing])
    with pytest.raises(Unreadable, match="payments: NOT_FOUND: no such SLO"):
        observer.sample([signal()], WINDOW)
    answers(server)
    with pytest.raises(Unreadable, match="budget: AWS has no budget report of the SLO payments"):
        observer.sample([signal()], WINDOW)


def test_a_denial_raises_with_the_words_of_aws(server: Server, observer: SloObserver) -> None:
    headers = {"x-amzn-ErrorType": "AccessDeniedException", "Content-Type": "application/json"}
    server.answer = lambda request: (403, headers, b'{"message": "not authorized"}')
    with pytest.raises(CallFailed, match="BudgetReport: AccessDeniedException: not authorized"):
        observer.sample([signal()], WINDOW)


def test_more_than_fifty_are_asked_for_in_several_calls(server: Server, observer: SloObserver) -> None:
    def answer(request: Request) -> Any:
        said = {"Timestamp": 0, "Reports": [report(name) for name in wanted(request)["SloIds"]], "Errors": []}
        return 200, {"Content-Type": "application/json"}, json.dumps(said).encode()

    server.answer = answer
    found = observer.sample([signal(f"slo{i}", f"s{i}") for i in range(120)], WINDOW)
    assert sorted(len(wanted(r)["SloIds"]) for r in server.asked) == [20, 50, 50] and len(found) == 120


def test_in_rehearsal_it_is_refused_in_plain_words(server: Server) -> None:
    rehearsed = SloObserver(Aws(REHEARSAL_ENVIRONMENT, server.url), rehearsed=True)
    (problem,) = rehearsed.check(signal())
    assert (problem.code, problem.message) == (
        "NOT_IN_REHEARSAL",
        "budget: the rehearsal AWS has no Application Signals",
    )
    with pytest.raises(Refused, match="NOT_IN_REHEARSAL"):
        rehearsed.sample([signal()], WINDOW)
    assert server.asked == []
