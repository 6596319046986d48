"""What repeated runs support (D21): ``n`` of ``n`` within, and the success probability that goes with it."""

from __future__ import annotations

CONFIDENCE = 0.95


def supports(runs: int) -> float:
    """The smallest success probability that so many independent runs, all within, support at 95 %; 0 for none."""
    return float((1 - CONFIDENCE) ** (1 / runs)) if runs > 0 else 0.0


def says(within: int, runs: int) -> str:
    """``1 of 1 within ...``: what was seen, never what will be."""
    seen = f"{within} of {runs} within"
    if within != runs or not runs:
        return f"{seen}: no success probability follows from that."
    return f"{seen}: this supports a success probability of at least {supports(runs):.2f} at 95 %, no more."
