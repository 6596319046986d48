"""A probe's number is a datapoint; everything else is a gap, and never a zero."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from gameday.faults.chaostoolkit.probe import ChaosProbeObserver, Unreadable
from gameday.model.queries import ProviderQuery
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.plan import Signal
from gameday.protocols import Observer, Window
from tests.faults.chaostoolkit.a_fault import ACTIONS, NOWHERE
from tests.faults.chaostoolkit.a_proxy import Toxiproxy

PERIOD = 20_000
WINDOW = Window(1_700_000_000_000, 1_700_000_050_000)
START = 1_700_000_020_000


@pytest.fixture
def probes() -> Iterator[ChaosProbeObserver]:
    found = ChaosProbeObserver(REHEARSAL_ENVIRONMENT, NOWHERE)
    yield found
    found.close()


def signal(func: str, name: str = "s", module: str = ACTIONS, **keys: Any) -> Signal:
    query = ProviderQuery.model_validate({"module": module, "func": func, **keys}).model_dump(mode="json")
    return Signal(id=name, source="chaostoolkit.probe", query=query, period_ms=PERIOD, settles_ms=0)


def says(what: Any, name: str = "s", **keys: Any) -> Signal:
    return signal("says", name, arguments={"what": what}, **keys)


def test_it_fits_the_socket(probes: ChaosProbeObserver) -> None:
    observer: Observer = probes
    assert observer.sources == {"chaostoolkit.probe"}


def test_numbers_booleans_and_what_lies_at_a_path_are_datapoints(probes: ChaosProbeObserver) -> None:
    signals = [
        says(0, "zero"), says(2.5, "half"), says(True, "yes"), says(False, "no"),
        says({"a": {"b": [1, 7]}}, "deep", value="a.b.1"),
    ]  # fmt: skip
    found = probes.sample(signals, WINDOW)
    values = {name: [(s.start_ms, s.value) for s in samples] for name, samples in found.items()}
    expected = {"zero": 0.0, "half": 2.5, "yes": 1.0, "no": 0.0, "deep": 7.0}
    assert values == {name: [(START, value)] for name, value in expected.items()}


def test_nothing_text_and_missing_keys_are_gaps(probes: ChaosProbeObserver) -> None:
    signals = [
        signal("nothing", "nothing"), says("12", "text"), says({"a": 1}, "mapping"),
        says({"a": None}, "none", value="a"),
        says({"a": 1}, "missing", value="b"), says([1], "short", value="3"), says(1, "no-mapping", value="a"),
        signal("unsayable", "object"),
    ]  # fmt: skip
    assert {s.value for samples in probes.sample(signals, WINDOW).values() for s in samples} == {None}


def test_a_probe_that_fails_is_a_gap_and_costs_no_other_signal_its_datapoint(probes: ChaosProbeObserver) -> None:
    """Chaos Toolkit does not sample what comes after the first probe that missed."""
    found = probes.sample([signal("leave", "bad"), says(1, "good")], WINDOW)
    assert [found[name][0].value for name in ("bad", "good")] == [None, 1.0]


def test_a_source_that_gives_nothing_at_all_says_why(probes: ChaosProbeObserver) -> None:
    with pytest.raises(Unreadable, match="s: .*SystemExit"):
        probes.sample([signal("leave")], WINDOW)


def test_a_probe_that_hangs_or_dies_is_a_gap_and_is_asked_again(probes: ChaosProbeObserver) -> None:
    signals = [signal("sleep_then_write", "late", arguments={"path": "/nowhere/x", "seconds": 60}, within="1s"),
               signal("die", "dead"), says(3, "good")]  # fmt: skip
    for later in (0, PERIOD):
        found = probes.sample(signals, Window(WINDOW.start_ms, WINDOW.end_ms + later))
        assert [found[name][0].value for name in ("late", "dead", "good")] == [None, None, 3.0]


def test_a_probe_is_asked_once_in_a_bucket_by_a_worker_that_is_kept(probes: ChaosProbeObserver, tmp_path: Any) -> None:
    path = tmp_path / "asked"
    counting = signal("count", arguments={"path": str(path)})
    for end in (WINDOW.end_ms, WINDOW.end_ms + 5_000, WINDOW.end_ms + PERIOD):
        probes.sample([counting], Window(WINDOW.start_ms, end))
    assert path.read_text("utf-8") == "xx"


def test_two_probes_of_two_accounts_never_share_credentials(
    probes: ChaosProbeObserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one process the first profile would win for both."""
    for name in ("ONE", "TWO"):
        monkeypatch.setenv(name, f"{name}-123")
    both = [
        signal("give", name, secrets={"key": {"env": name.upper()}}, value="key") for name in ("one", "two")
    ]  # fmt: skip
    probes.sample(both, WINDOW)
    workers = {probes._asked[name].working for name in ("one", "two")}
    assert len(workers) == 2


def test_a_probe_of_an_extension_that_was_not_written_for_us(probes: ChaosProbeObserver) -> None:
    proxy = Toxiproxy()
    query: dict[str, Any] = {
        "arguments": {"proxy_name": "ledger", "attribute": "enabled"},
        "configuration": proxy.configuration,
    }
    reads = signal("get_proxy_attribute", module="chaostoxi.proxy.probes", **query)
    try:
        assert probes.sample([reads], WINDOW)["s"][0].value == 1.0
        proxy.enable(False)
        assert probes.sample([reads], Window(WINDOW.start_ms, WINDOW.end_ms + PERIOD))["s"][0].value == 0.0
    finally:
        proxy.end()
    with pytest.raises(Unreadable):
        probes.sample([reads], Window(WINDOW.start_ms, WINDOW.end_ms + 2 * PERIOD))


@pytest.mark.parametrize("func", ["get_metric_statistics", "get_metric_data"])
def test_probes_that_say_0_where_there_is_no_data_are_no_signals(func: str) -> None:
    with pytest.raises(ValidationError, match="answers 0 where CloudWatch has no data"):
        ProviderQuery(module="chaosaws.cloudwatch.probes", func=func)
