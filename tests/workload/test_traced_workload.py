"""A workload of real processes, traced: the edge that breaks is the one that X-Ray shows, and zeros are seen zeros."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gameday.aws import Aws
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.observers.xray import XRayObserver
from gameday.plan import Mapped, Signal
from gameday.protocols import Window
from gameday.verdict.edges import Graph, where_it_broke
from tests.workload.test_workload_runs import LAMBDA, Shop, start

BUCKET = 20_000
SETTLED = 40_000
MAP = (Mapped(id="edge", needs=("orders", "batch")), Mapped(id="orders", needs=("stock", "mailer")))


def signal(ident: str, source: str, **query: str) -> Signal:
    return Signal(id=ident, source=f"xray.{source}", query=query, period_ms=BUCKET, settles_ms=SETTLED)


SIGNALS = [
    signal("faults", "edge", **{"from": "edge", "to": "orders"}),
    signal("unused", "edge", **{"from": "edge", "to": "batch"}),
    signal("table", "service", service="stock", value="total"),
    signal("nobody", "service", service="batch"),
    signal("traces", "traces", filter='edge("edge", "orders") { fault }'),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    rehearsal = start(tmp_path_factory.mktemp("traced"))
    found = Shop(rehearsal)
    yield found
    for service in ("fis", "xray"):
        found.aws.client(service).close()
    rehearsal.down()


def window(shop: Shop) -> Window:
    """Two whole buckets from now on, settled."""
    began = -(-shop.clock.now() // BUCKET) * BUCKET
    shop.until(lambda: shop.clock.now() > began + 2 * BUCKET + SETTLED)
    return Window(began, began + 2 * BUCKET)


def values(observer: XRayObserver, seen: Window) -> dict[str, list[float | None]]:
    found = observer.sample(SIGNALS, Window(seen.start_ms, seen.end_ms + SETTLED))
    return {name: [sample.value for sample in samples] for name, samples in found.items()}


@pytest.mark.nightly
def test_the_edge_that_breaks_is_the_one_that_x_ray_shows(shop: Shop) -> None:
    aws = Aws(REHEARSAL_ENVIRONMENT, shop.rehearsal.endpoint)
    observer, graphs = XRayObserver(aws), dict[str, Graph]()
    for _ in range(5):  # a machine that others keep busy fails a request now and then
        before = window(shop)
        whole = values(observer, before)
        if whole["faults"] == [0.0, 0.0]:
            break
    assert whole["faults"] == [0.0, 0.0]
    assert whole["unused"] == [0.0, 0.0]  # the edge served, and never called it
    assert all(value and value >= 10 for value in whole["table"])  # a request a second, and some more
    assert whole["nobody"] == []  # unknown: nothing says whether it is well
    with shop.fault("aws:lambda:invocation-error", "Functions", LAMBDA, duration="PT10M", preventExecution="true"):
        during = window(shop)
    broken = values(observer, during)
    assert len(broken["faults"]) == 2 and all(value and value >= 10 for value in broken["faults"])
    assert broken["traces"] == broken["faults"]
    for name, seen in (("baseline", before), ("fault", during)):
        edges = {(e.source, e.target): (e.tally.total, e.tally.faults) for e in observer.graph(seen).edges}
        graphs[name] = Graph(seen.start_ms, seen.end_ms, 1, edges)
    told = where_it_broke(graphs, MAP)
    assert told is not None and (told["broken"]["from"], told["broken"]["to"]) == ("edge", "orders")
    assert told["broken"]["during"]["faults"] == told["broken"]["during"]["total"]
    assert (told["not_seen"], told["not_on_map"]) == ([("edge", "batch"), ("orders", "mailer")], [])
    aws.close()
