"""A FIS fault from outline to clean, against a workload that really breaks: default witnesses see it come and go."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gameday.aws import Aws
from gameday.faults.fis import FisFault, FisSettings
from gameday.model.scenario import Condition
from gameday.model.service import Service, Technology
from gameday.model.workload import Workload
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.observers.aws_state import AwsStateObserver
from gameday.observers.cloudwatch import CloudWatchObserver
from gameday.protocols import Observer, Order, Outline, Sample, Trace, Window
from gameday.rehearsal import client

MINUTE = 60_000
WORKLOAD = """{"kind": "workload", "service": "shop", "publish": "20s", "namespace": "Shop", "api": "orders",
 "load": {"from": "edge", "per_minute": 120, "canaries": {"orders": 12}},
 "pieces": {"edge": {"type": "edge", "record": "api.shop.example", "routes": {"main": "orders"}},
            "orders": {"type": "function", "calls": ["batch"], "latency": "20ms"},
            "batch": {"type": "instance"}}}"""
SERVICE = '{"kind": "service", "id": "shop", "title": "Shop"}'
FUNCTION = Technology(id="orders", type="aws:lambda:function", name="orders")
INSTANCE = Technology(id="batch", type="aws:ec2:instance", tags={"Name": "batch"})


class Day:
    """A rehearsal that is up, and a fault that is walked through it by hand."""

    def __init__(self, rehearsal: client.Rehearsal) -> None:
        self.clock, self.aws = rehearsal.clock(), Aws(REHEARSAL_ENVIRONMENT, rehearsal.endpoint)
        self.fault = FisFault(self.aws)
        self.observers: tuple[Observer, ...] = (CloudWatchObserver(self.aws), AwsStateObserver(self.aws))

    def until(self, holds: Callable[[], Any], within: int = 4 * MINUTE) -> Any:
        """Wait in scenario time until it holds."""
        end = self.clock.now() + within
        while not (found := holds()):
            assert self.clock.now() < end, "it never held"
            self.clock.sleep(2_000)
        return found

    def seen(self, outline: Outline, condition: Condition, since: int) -> list[Sample]:
        """The witness's datapoints since then that satisfy the condition."""
        (signal,) = outline.witness_signals
        (observer,) = [o for o in self.observers if signal.source in o.sources]
        now = self.clock.now() - signal.settles_ms
        window = Window(since // signal.period_ms * signal.period_ms, now // signal.period_ms * signal.period_ms)
        samples = observer.sample([signal], window)[signal.id] if window.end_ms > window.start_ms else []
        return [s for s in samples if s.value is not None and s.start_ms >= since and condition.holds(s.value)]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    content = (Workload.model_validate_json(WORKLOAD), Service.model_validate_json(SERVICE))
    rehearsal = client.up(tmp_path_factory.mktemp("shop"), 20.0, kept=False, workload_content=content)
    found = Day(rehearsal)
    yield found
    found.aws.close()
    rehearsal.down()


@pytest.mark.parametrize(
    ("action", "target", "parameters"),
    [
        ("aws:lambda:invocation-error", FUNCTION, {"preventExecution": True}),
        ("aws:ec2:stop-instances", INSTANCE, {}),
    ],
)
def test_the_default_witness_sees_a_fault_come_and_go_by_itself(
    day: Day, action: str, target: Technology, parameters: dict[str, Any]
) -> None:
    step = action.rpartition(":")[2]
    settings = FisSettings(action=action, targets=(target.id,), parameters=parameters)
    outline = day.fault.outline(step, settings, [target], REHEARSAL_ENVIRONMENT)
    shows, over = outline.effective, outline.gone
    assert shows and over
    order = Order("r1", step, f"r1-{step}", action, settings.model_dump(mode="json"), outline.targets, MINUTE,
                  REHEARSAL_ENVIRONMENT)  # fmt: skip
    assert day.fault.preview(order) == []
    quiet = day.clock.now()
    day.until(lambda: day.seen(outline, over, quiet))
    begun = day.clock.now()
    assert not day.seen(outline, shows, quiet), "it sees nothing before the fault"
    trace: Trace = day.fault.start(order, lambda _: None)
    effective = day.until(lambda: day.seen(outline, shows, begun - 20_000), within=2 * MINUTE)
    assert day.fault.poll(trace).targets == {k: list(v) for k, v in outline.targets.items()}
    day.until(lambda: day.fault.poll(trace).state == "ended")
    ended = day.clock.now()
    assert ended - begun < 2 * MINUTE, "the minute of the step's for was sent, and FIS kept to it"
    gone = day.until(lambda: day.seen(outline, over, ended))
    assert gone[0].start_ms > effective[0].start_ms
    assert day.fault.stop(trace).clean
    assert day.aws.client("fis").list_experiment_templates()["experimentTemplates"] == []
