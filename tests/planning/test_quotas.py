"""The quotas of AWS that a plan would exceed."""

from __future__ import annotations

from pathlib import Path

from gameday.planning.quotas import uses
from tests.planning.a_workspace import TEN_LINES, planned
from tests.planning.test_policy import fis


def test_a_small_plan_fits_the_defaults(tmp_path: Path) -> None:
    assert [use.quota for use in uses(planned(tmp_path, TEN_LINES, fis()), {}) if not use.fits] == []


def test_experiments_that_run_already_count(tmp_path: Path) -> None:
    plan = planned(tmp_path, TEN_LINES, fis())
    assert [use.quota for use in uses(plan, {}, active=5) if not use.fits] == ["Active experiments"]


def test_the_accounts_own_limits_stand(tmp_path: Path) -> None:
    plan = planned(tmp_path, TEN_LINES, fis())
    own = {"Active experiments": 10.0, "Experiment duration in hours": 0.1}
    assert [use.quota for use in uses(plan, own, active=5) if not use.fits] == ["Experiment duration in hours"]
