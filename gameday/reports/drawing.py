"""Vega-Lite specifications as SVG, by vl-convert: no browser, no network, the same bytes each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gameday.errors import CouldNotStart, Problem
from gameday.reports.charts import themed

WRITE = 'install it: pip install "gameday[report]"'


def missing(what: str, library: str) -> CouldNotStart:
    """This installation cannot make that format."""
    return CouldNotStart(Problem("REPORT_EXTRA_MISSING", f"{what} needs {library}, which is not installed", WRITE))


def draw(specs: Mapping[str, dict[str, Any]], theme: str = "light") -> dict[str, str]:
    """Each as one SVG; CouldNotStart (REPORT_EXTRA_MISSING) without vl-convert."""
    try:
        import vl_convert
    except ImportError as error:
        raise missing("a report with charts", "vl-convert-python") from error
    return {name: vl_convert.vegalite_to_svg(themed(spec, theme)) for name, spec in specs.items()}


def bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one module that puts ``vegaEmbed`` on the window."""
    try:
        import vl_convert
    except ImportError as error:
        raise missing("an interactive report", "vl-convert-python") from error
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
