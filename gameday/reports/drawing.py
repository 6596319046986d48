"""Vega-Lite specifications as SVG, by vl-convert: no browser, no network, the same bytes each time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gameday.errors import CouldNotStart, Problem
from gameday.reports.charts import FONT, themed

_ID = re.compile(r'\bid="([a-z]+[0-9]+)"')
_USED = re.compile(r'(\bid="|url\(#|href="#)([a-z]+[0-9]+)')
WRITE = 'install it: pip install "gameday[report]"'


def missing(what: str, library: str) -> CouldNotStart:
    """This installation cannot make that format."""
    return CouldNotStart(Problem("REPORT_EXTRA_MISSING", f"{what} needs {library}, which is not installed", WRITE))


def draw(specs: Mapping[str, dict[str, Any]], theme: str = "light", font: str = FONT) -> dict[str, str]:
    """Each as one SVG in this font; CouldNotStart (REPORT_EXTRA_MISSING) without vl-convert.

    Drawn as if in FONT, which no machine has installed, so that no machine's fonts move a label.
    """
    try:
        import vl_convert
    except ImportError as error:
        raise missing("a report with charts", "vl-convert-python") from error
    drawn = {name: _numbered(vl_convert.vegalite_to_svg(themed(spec, theme))) for name, spec in specs.items()}
    return {name: svg.replace(f'font-family="{FONT}"', f'font-family="{font}"') for name, svg in drawn.items()}


def _numbered(svg: str) -> str:
    """Vega counts its ids on through a process; here they count from 0 in each drawing, so that bytes stay the same."""
    found = dict.fromkeys(_ID.findall(svg))
    numbers = {name: f"{name.rstrip('0123456789')}{index}" for index, name in enumerate(found)}
    return _USED.sub(lambda m: f"{m[1]}{numbers.get(m[2], m[2])}", svg)


def bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one module that puts ``vegaEmbed`` on the window."""
    try:
        import vl_convert
    except ImportError as error:
        raise missing("an interactive report", "vl-convert-python") from error
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
