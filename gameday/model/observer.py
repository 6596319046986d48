"""An observer file: one signal, no thresholds (tolerances own those)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ValidationError, model_validator

from gameday.model.queries import QUERIES, AnySource
from gameday.model.types import Duration, Id, Strict, Text


class Observer(Strict):
    """An observer file. ``period`` and ``settles`` are milliseconds; younger datapoints may still change. The query of
    a plug-in's source is checked in lint, by the plug-in's own model."""

    kind: Literal["observer"]
    id: Id
    source: AnySource
    means: Text
    unit: Text = "count"
    better: Literal["lower", "higher", "neither"] = "neither"
    query: dict[str, Any]
    period: Duration = 60_000
    settles: Duration = 60_000

    @model_validator(mode="after")
    def _query_fits_source(self) -> Observer:
        if self.source not in QUERIES:
            return self
        try:
            QUERIES[self.source].model_validate(self.query)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in ("query", *first["loc"]))
            keys = ", ".join(QUERIES[self.source].model_fields)
            raise ValueError(f"{where}: {first['msg']}; write a query for {self.source} with {keys}") from None
        return self
