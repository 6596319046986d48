"""One self-contained HTML page: charts that answer the pointer, timelines that filter, no network, opens from disk.

The policy in its head lets two scripts run, by their SHA-256, and loads nothing from anywhere. Without scripts the page
shows the same: its charts are pictures first.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from gameday.reports.charts import Spec, themed
from gameday.reports.document import PURPOSE, Audience, Section, as_data, short
from gameday.reports.drawing import bundle, draw
from gameday.reports.model import Report
from gameday.reports.templates import Template, broken, fill

FONTS = "system-ui, sans-serif"
THEMES = ("light", "dark")


def html(
    report: Report, sections: Sequence[Section], specs: Mapping[str, Spec], audience: Audience, template: Template
) -> str:
    """The page. CouldNotStart (REPORT_EXTRA_MISSING) without vl-convert; InvalidFiles (TEMPLATE_BROKEN)."""
    drawn = {theme: draw(specs, theme, FONTS) for theme in THEMES}
    scripts = [_inline(text) for text in (bundle(), _own())]
    content = {
        "report": report.model_dump(mode="json", by_alias=True),
        "sections": as_data(sections),
        "purpose": PURPOSE[audience],
        "drawn": {name: {theme: _address(drawn[theme][name]) for theme in THEMES} for name in specs},
        "charts": _json({name: {t: themed(spec, t, FONTS) for t in THEMES} for name, spec in specs.items()}),
        "scripts": Markup("\n").join(Markup(f'<script type="module">{text}</script>') for text in scripts),
        "policy": _policy(scripts),
        "template": template.words(),
    }
    try:
        made = _compiled(template.text)
    except jinja2.TemplateSyntaxError as error:
        raise broken(template.path, error.lineno, str(error.message)) from error
    return fill(template, made, content)


@lru_cache(maxsize=4)
def _compiled(text: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string(text)


def _shown(value: object) -> object:
    """Every value as one harmless line; what was made here as markup stays as it is."""
    return value if isinstance(value, Markup | int | float) else short(value)


def _own() -> str:
    return (Path(__file__).parent / "report.js").read_text(encoding="utf-8")


def _inline(text: str) -> str:
    """A script that nothing in it can end."""
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _json(value: Any) -> Markup:
    """JSON for inside a script element: no ``<`` is left that could end it."""
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _policy(scripts: Sequence[str]) -> str:
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    closed = "base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {hashes}; {closed}"


def _address(svg: str) -> Markup:
    """A picture inside the page: base64 holds nothing that ends an attribute."""
    return Markup(f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}")
