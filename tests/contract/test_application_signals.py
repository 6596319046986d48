"""The call of Application Signals that the product makes, on AWS alone: the stand-in has none and says so."""

from __future__ import annotations

import pytest

from tests.contract.account import Account, Real, refused


def test_application_signals_batch_get_service_level_objective_budget_report(account: Account) -> None:
    """An SLO that is not there is named among the errors. The stand-in refuses the call: there is nothing to read."""
    ask = account.client("application-signals").batch_get_service_level_objective_budget_report
    asked = {"Timestamp": account.now(), "SloIds": ["gameday-no-such-slo"]}
    if not isinstance(account, Real):
        with pytest.raises(AssertionError, match="NotImplemented"):  # no answer that AWS could give
            ask(**asked)
        return
    answer = ask(**asked)
    assert answer["Reports"] == [] and [e["Name"] for e in answer["Errors"]] == ["gameday-no-such-slo"]
    with refused("ValidationException"):
        ask(Timestamp=account.now(), SloIds=["gameday-no-such-slo"] * 51)
