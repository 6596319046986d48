"""Workloads that really break: small processes that serve HTTP, carry load, publish metrics and suffer faults.

The pieces are started as ``python -m`` of this package, so nothing heavy is imported here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gameday.rehearsal.workload.runner import WorkloadRunner

__all__ = ["WorkloadRunner"]


def __getattr__(name: str) -> Any:
    """``WorkloadRunner``, imported when it is asked for."""
    if name == "WorkloadRunner":
        from gameday.rehearsal.workload.runner import WorkloadRunner

        return WorkloadRunner
    raise AttributeError(name)
