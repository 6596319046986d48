"""Packs: for one AWS service the metrics by which its recovery from a burst or a failure is judged, and observer files
made of them for one technology resource.

Each metric names the AWS document it follows and whether that was read or is from memory; what AWS itself recommends to
watch is told from what it only describes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import as_file, files
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, model_validator

from gameday.errors import Problem, Problems
from gameday.model.load import load_model
from gameday.model.observer import Observer
from gameday.model.queries import MetricQuery
from gameday.model.service import Technology
from gameday.model.types import Duration, Id, Strict, Text, write_duration

MINUTE = 60_000  # how often AWS services publish, where a metric does not say otherwise
SPARSE = " AWS reports it only when there is something to report: a period without a datapoint is unknown, not 0."
_WORD = re.compile(r"\{(\w+)\}")


class Document(Strict):
    """A document of AWS. ``recommends``: it tells to watch or to alarm on these metrics, and does not only describe
    them. ``checked``: when it was read; none: it was not."""

    document: Text
    url: Text | None = None
    recommends: bool
    checked: date | None = None

    @model_validator(mode="after")
    def _says_where(self) -> Document:
        if self.checked and not self.url:
            raise ValueError("a document that was read has an address; write url: https://docs.aws.amazon.com/...")
        return self


class PackMetric(Strict):
    """One metric. ``why``: how recovery shows in it. ``sparse``: AWS reports it only when it is not zero."""

    id: Id
    metric: Text
    dimensions: dict[str, str] | None = None  # else those of the pack
    statistic: Text
    unit: Text
    better: Literal["lower", "higher", "neither"]
    means: Text
    why: Text
    source: Text
    read: Literal["read", "memory"] = "read"
    sparse: bool = False
    period: Duration = MINUTE


class Pack(Strict):
    """A pack file. In ``dimensions`` a word in braces is filled in from the resource, or by whoever asks."""

    kind: Literal["pack"]
    id: Id
    title: Text
    types: Annotated[tuple[Text, ...], Field(min_length=1)]
    namespace: Text
    dimensions: dict[str, str]
    sources: dict[str, Document]
    metrics: Annotated[tuple[PackMetric, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _sound(self) -> Pack:
        ids = [metric.id for metric in self.metrics]
        if len(set(ids)) < len(ids):
            raise ValueError("two metrics have one id; write another")
        for metric in self.metrics:
            if metric.source not in self.sources:
                raise ValueError(f"{metric.id} follows {metric.source!r}; write one of {', '.join(self.sources)}")
            if metric.read == "read" and not self.sources[metric.source].checked:
                raise ValueError(f"{metric.id} follows what nobody read; write read: memory, or when it was checked")
        if unused := self.sources.keys() - {metric.source for metric in self.metrics}:
            raise ValueError(f"no metric follows {', '.join(sorted(unused))}; leave it out")
        return self

    def dimensions_of(self, metric: PackMetric) -> dict[str, str]:
        """The metric's own, or the pack's."""
        return self.dimensions if metric.dimensions is None else metric.dimensions


@cache
def packs() -> Mapping[str, Pack]:
    """All packs that ship, by id."""
    with as_file(files("gameday") / "data" / "packs") as folder:
        found = [load_model(path, Pack).model for path in sorted(folder.glob("*.yaml"))]
    return {pack.id: pack for pack in found}


def words_of(technology: Technology) -> dict[str, str]:
    """What a resource says of itself: name, arn, and what its ARN holds (cluster of a service, balancer)."""
    words = {"name": technology.name} if technology.name else {}
    if technology.arn:
        words |= _words_of_arn(technology.arn) | words
    return {name: value for name, value in words.items() if "${" not in value}  # the environment alone can fill these


def _words_of_arn(arn: str) -> dict[str, str]:
    resource = arn.split(":", 5)[-1]
    kind, *rest = re.split("[:/]", resource)
    words = {"arn": arn, "name": rest[0] if rest else kind}
    if kind == "service" and len(rest) > 1:  # service/<cluster>/<name>
        words |= {"cluster": rest[0], "name": rest[1]}
    if kind == "loadbalancer":  # loadbalancer/app/<name>/<id>
        words |= {"balancer": resource.partition("/")[2]}
    return words


def observers_of(pack: Pack, technology: Technology, more: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """Observer files by id, for the metrics whose dimensions are known, and a problem for each other one. ``more`` adds
    words that the resource does not say of itself. The texts have no schema line yet."""
    words, problems, made = words_of(technology) | dict(more), Problems(), dict[str, str]()
    for metric in pack.metrics:
        wanted = {w for value in pack.dimensions_of(metric).values() for w in _WORD.findall(value)}
        missing = sorted(wanted - words.keys())
        if missing:
            write = " ".join(f"--set {word}=VALUE" for word in missing)
            what = f"{metric.id} ({metric.metric}) needs {' and '.join(missing)} of {technology.id}"
            problems.add("PACK_UNFILLED", what, write, severity="warning")
            continue
        ident = f"{technology.id}-{metric.id}"
        made[ident] = _text(pack, metric, _record(pack, metric, ident, words))
    return made, problems.found


def _record(pack: Pack, metric: PackMetric, ident: str, words: Mapping[str, str]) -> dict[str, Any]:
    query = MetricQuery(
        namespace=pack.namespace,
        metric=metric.metric,
        dimensions={k: _WORD.sub(lambda m: words[m[1]], v) for k, v in pack.dimensions_of(metric).items()},
        statistic=metric.statistic,
    )
    record = {
        "kind": "observer",
        "id": ident,
        "source": "cloudwatch.metric",
        "means": metric.means + (SPARSE if metric.sparse else ""),
        "unit": metric.unit,
        "better": metric.better,
        "query": query.model_dump(),
        "period": write_duration(metric.period),
        "settles": write_duration(metric.period),
    }
    Observer.model_validate(record)  # a resource's own id may be too long for one
    return record


def _text(pack: Pack, metric: PackMetric, record: Mapping[str, Any]) -> str:
    document = pack.sources[metric.source]
    how = "recommended" if document.recommends else "described"
    seen = f"read {document.checked}" if metric.read == "read" else "from memory, not looked up"
    head = f"# {metric.why}\n# Pack {pack.id}; {how} in: {document.document} ({seen}).\n"
    return head + yaml.safe_dump(dict(record), sort_keys=False, allow_unicode=True, width=120)
