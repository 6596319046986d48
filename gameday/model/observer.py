"""An observer file: one signal, no thresholds (tolerances own those)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ValidationError, model_validator

from gameday.model.queries import QUERIES, AnySource
from gameday.model.types import Duration, Id, Strict, Text

NOT_IN_AWS = frozenset({"prometheus", "http.probe", "chaostoolkit.probe"})


class Observer(Strict):
    """An observer file. ``period`` and ``settles`` are milliseconds; younger datapoints may still change. The query of
    a plug-in's source is checked in lint, by the plug-in's own model. ``account`` is the name of one of the
    environment's accounts and ``region`` one of its Regions, as for a technology resource."""

    kind: Literal["observer"]
    id: Id
    source: AnySource
    means: Text
    unit: Text = "count"
    better: Literal["lower", "higher", "neither"] = "neither"
    query: dict[str, Any]
    account: Id | None = None
    region: Text | None = None
    period: Duration = 60_000
    settles: Duration = 60_000

    @model_validator(mode="after")
    def _somewhere_in_aws(self) -> Observer:
        if self.source in NOT_IN_AWS and (self.account or self.region):
            raise ValueError(f"{self.source} is read in no account of AWS; remove account and region")
        return self

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
