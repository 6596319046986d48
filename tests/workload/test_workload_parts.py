"""The parts of a workload that need no process: arrivals, weights, buckets, disturbance, faults, metrics."""

from collections import deque
from itertools import islice, takewhile
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gameday.clock import Anchor, ScenarioClock, VirtualClock, to_datetime
from gameday.faults.check import check_fault
from gameday.model.lint import lint
from gameday.model.load import load_content
from gameday.model.runbook import AwsCall
from gameday.model.workload import Piece, Workload
from gameday.rehearsal.workload.actuators import DELAY, ERROR, RESPOND, fault_of
from gameday.rehearsal.workload.arrivals import PAY_DAY_MS, arrivals, factor, release
from gameday.rehearsal.workload.board import Touches
from gameday.rehearsal.workload.counting import KEPT, Counts, bucket_of, rounded
from gameday.rehearsal.workload.lag import Disturbances, Ticker
from gameday.rehearsal.workload.piece import drawn
from gameday.rehearsal.workload.places import environment
from gameday.rehearsal.workload.provision import Provisioned, name_of, weights
from gameday.rehearsal.workload.publisher import LOAD, Publisher, Views, data_of, latencies
from gameday.rehearsal.workload.runner import Calibration
from gameday.rehearsal.workload.weights import choose, read, value_of, zone_id, zone_of

ROOT = Path(__file__).parents[2]
P = 20_000


# ---- arrivals
def test_every_bucket_gets_exactly_the_planned_requests() -> None:
    times = list(takewhile(lambda at: at < 10 * P, arrivals(0, 300, "steady", 7)))
    assert [sum(bucket_of(int(at), P) == start for at in times) for start in range(0, 10 * P, P)] == [100] * 10
    assert times == sorted(times)


def test_arrivals_come_from_the_seed_alone() -> None:
    first, again, other = (list(islice(arrivals(0, 300, "steady", seed), 50)) for seed in (1, 1, 2))
    assert first == again != other


def test_a_pay_day_swells_and_never_falls_below_the_plan() -> None:
    seen = [factor("pay-day", at) for at in range(0, 2 * PAY_DAY_MS, 10_000)]
    assert min(seen) == pytest.approx(1.0) and max(seen) == pytest.approx(1.2)


def test_after_a_stall_the_rest_goes_out_little_by_little_and_the_oldest_not_at_all() -> None:
    waiting = deque([1.0, 2.0, 3.0, 4.0, 5.0])
    assert release(waiting, oldest=2.5, cap=2) == ([3.0, 4.0], [1.0, 2.0])
    assert release(waiting, oldest=2.5, cap=2) == ([5.0], [])


# ---- weights
def record(identifier: str, weight: int, value: str, name: str = "api.bank.example.") -> dict[str, Any]:
    return {"Name": name, "Type": "CNAME", "SetIdentifier": identifier, "Weight": weight,
            "ResourceRecords": [{"Value": value}]}  # fmt: skip


def test_records_lead_to_pieces_by_their_value() -> None:
    records = [record("a", 100, value_of("main", "bank")), record("b", 0, "standby.bank.internal."),
               record("c", 9, "x.y", "other.bank.example."),
               {"Name": "api.bank.example.", "Type": "SOA", "ResourceRecords": [{"Value": "s"}]}]  # fmt: skip
    assert read(records, "api.bank.example") == [("main", 100), ("standby", 0)]


def test_a_weight_of_zero_is_never_drawn_unless_all_are_zero() -> None:
    grid = [i / 1000 for i in range(1000)]
    assert {choose([("a", 0), ("b", 3), ("c", 0)], d) for d in grid} == {"b"}
    shares = [choose([("a", 1), ("b", 3)], d) for d in grid]
    assert (shares.count("a"), shares.count("b")) == (250, 750)
    assert {choose([("a", 0), ("b", 0)], d) for d in grid} == {"a", "b"}
    assert choose([], 0.5) is None


def test_without_weights_all_goes_to_the_first_route() -> None:
    routes = {"a": "one", "b": "two"}
    assert weights(Piece(type="edge", routes=routes)) == {"a": 1, "b": 0}
    assert weights(Piece(type="edge", routes=routes, weights={"b": 5})) == {"a": 0, "b": 5}


def test_a_zone_has_an_id_that_is_known_beforehand() -> None:
    assert zone_of("api.bank.example.") == "bank.example"
    assert zone_id("bank.example") == "Z0BANKEXAMPLE"
    assert len(zone_id("x" * 99)) == 32


# ---- counting
def test_what_happens_is_counted_where_it_arrived() -> None:
    counts = Counts(P)
    counts.add(19_999, "attempts")
    counts.add(20_000, "attempts", 2)
    counts.took(20_001, 123.4)
    counts.opened(20_002)
    assert counts.view(0) == {"counts": {"attempts": 1}, "latency": {}, "open": 0}
    assert counts.view(P) == {"counts": {"attempts": 2}, "latency": {"120": 1}, "open": 1}
    counts.closed(20_003)
    assert counts.view(P)["open"] == 0


def test_old_buckets_are_forgotten() -> None:
    counts = Counts(P)
    counts.add(0, "a")
    counts.add((KEPT + 1) * P, "a")
    assert counts.view(0)["counts"] == {}


def test_latencies_keep_two_digits() -> None:
    assert [rounded(ms) for ms in (0.4, 7.6, 99.4, 123, 12_345)] == [0, 8, 99, 120, 12_000]


# ---- disturbance
def test_a_stall_disturbs_what_it_can_have_harmed_and_the_next_bucket() -> None:
    seen = Disturbances(P, timeout=10_000)
    seen.stall(5 * P + 15_000, 5 * P + 16_000)
    assert seen.since(0) == ([(5 * P, 7 * P)], 0)
    seen.stall(9 * P + 5_000, 9 * P + 6_000)  # requests of the bucket before may still have been open
    assert seen.since(0) == ([(5 * P, 7 * P), (8 * P, 11 * P)], 0)
    assert seen.since(7 * P) == ([(8 * P, 11 * P)], 0)


def test_lost_counts_disturb_and_lag_is_the_largest_since() -> None:
    seen = Disturbances(P, timeout=10_000)
    seen.lost(3 * P)
    seen.lagged(P, 400)
    seen.lagged(4 * P, 200)
    assert seen.since(0) == ([(3 * P, 5 * P)], 400)
    assert seen.since(3 * P)[1] == 200


def test_a_ticker_keeps_stalls_beyond_the_limit_alone() -> None:
    ticker = Ticker(ScenarioClock(Anchor.here(20.0)), P, limit_ms=250)
    ticker.note(0, 5_200, 240)
    ticker.note(30_000, 36_000, 290)
    assert ticker.view(0) == {"lag_ms": 290, "stalls": [[30_000, 36_000]]}
    assert ticker.view(2 * P) == {"lag_ms": 0, "stalls": []}


def test_a_piece_is_touched_from_its_fault_to_the_fault_s_end() -> None:
    clock = VirtualClock(100)
    touches = Touches(clock)
    touches.begin("a")
    assert touches.touched("a", 150, 200) and not touches.touched("a", 0, 100) and not touches.touched("b", 150, 200)
    clock.advance(100)
    touches.end("a")
    assert touches.touched("a", 200, 300) and not touches.touched("a", 201, 300)
    touches.begin("a")
    touches.begin("a")
    touches.end_all("a")
    clock.advance(1)
    assert not touches.touched("a", 201, 300)


# ---- faults
def test_lambda_actions_become_faults() -> None:
    assert fault_of(ERROR, {"preventExecution": "true"}) | {"ms": 0} == {
        "mode": "error", "percent": 100, "prevent": True, "ms": 0, "status": 500}  # fmt: skip
    assert fault_of(DELAY, {"startupDelayMilliseconds": "700", "invocationPercentage": "30"})["ms"] == 700
    assert fault_of(RESPOND, {"statusCode": "404", "preventExecution": "false"})["status"] == 404
    with pytest.raises(ValueError, match="invocationPercentage"):
        fault_of(ERROR, {"invocationPercentage": "101"})


def test_a_hundred_percent_is_every_request_and_zero_is_none() -> None:
    random, error = Random(1), fault_of(ERROR, {})
    assert all(drawn([error], random)[1] for _ in range(500))
    assert not any(drawn([error | {"percent": 0}], random)[1] for _ in range(500))
    half = sum(drawn([error | {"percent": 50}], random)[1] is not None for _ in range(2000))
    assert 900 < half < 1100


def test_a_delay_and_an_error_go_together() -> None:
    delay, error = fault_of(DELAY, {"startupDelayMilliseconds": "70"}), fault_of(ERROR, {})
    assert drawn([delay, error, delay], Random(1)) == (140, error)


def test_arns_are_traced_to_pieces() -> None:
    made = Provisioned(names={"pay": "payments", "batch": "i-1", "ledger": "book"})
    arn = "arn:aws:{}:eu-west-2:123456789012:{}".format
    assert made.piece_of(arn("lambda", "function:payments")) == "pay"
    assert made.piece_of(arn("lambda", "function:payments:live")) == "pay"
    assert made.piece_of(arn("ec2", "instance/i-1")) == "batch"
    assert made.piece_of(arn("dynamodb", "table/book")) == "ledger"
    with pytest.raises(ValueError, match="no piece"):
        made.piece_of(arn("lambda", "function:other"))


# ---- metrics
WORKLOAD = Workload.model_validate_json(
    """{"kind": "workload", "service": "pay", "load": {"from": "edge", "per_minute": 60}, "namespace": "Pay",
    "pieces": {"edge": {"type": "edge", "routes": {"main": "pay"}},
    "pay": {"type": "function", "publishes": ["attempts"]}, "batch": {"type": "instance"},
    "mail": {"type": "queue"}}}"""
)
QUIET: dict[str, Any] = {"counts": {}, "latency": {}, "open": 0, "queued": 2, "oldest_ms": 3000}


def values(views: Views) -> dict[tuple[str, str, str], float]:
    data = data_of(WORKLOAD, Provisioned(names={"pay": "payments", "batch": "i-1"}), views, P)
    return {(space, d["MetricName"], d["Dimensions"][0]["Value"]): d["Value"]
            for space, items in data.items() for d in items if "Value" in d}  # fmt: skip


def test_zeros_are_published_and_the_dead_are_missing() -> None:
    own, fn, sqs = ("Pay", "payments"), ("AWS/Lambda", "payments"), ("AWS/SQS", "mail")
    expected = {(own[0], name, own[1]): 0 for name in ("Attempts", "Failures")} | {("Pay", "Attempts", "pay"): 0}
    expected |= {(fn[0], name, fn[1]): 0 for name in ("Invocations", "Errors", "Throttles")}
    expected |= {(sqs[0], f"NumberOfMessages{name}", sqs[1]): 0 for name in ("Sent", "Received")}
    expected |= {(sqs[0], "ApproximateNumberOfMessagesVisible", sqs[1]): 2}
    expected |= {(sqs[0], "ApproximateAgeOfOldestMessage", sqs[1]): 3}
    assert values({LOAD: QUIET, "pay": QUIET, "batch": None, "mail": QUIET}) == expected
    assert values({LOAD: None, "pay": None}) == {}
    assert values({"batch": QUIET}) == {("AWS/EC2", "StatusCheckFailed", "i-1"): 0}


def test_data_are_stamped_with_the_start_of_their_bucket() -> None:
    data = data_of(WORKLOAD, Provisioned(), {LOAD: QUIET}, 5 * P)
    assert {d["Timestamp"] for d in data["Pay"]} == {to_datetime(5 * P)}


def test_many_latencies_are_split_as_cloudwatch_takes_them() -> None:
    data = latencies("Latency", {}, 0, {str(ms): 1 for ms in range(151)})
    assert [len(d["Values"]) for d in data] == [150, 1]


def test_a_bucket_waits_for_its_requests_but_not_longer_than_the_grace() -> None:
    clock = VirtualClock(P)
    busy, done = QUIET | {"open": 1}, QUIET
    answers = [{"a": busy, "b": None}, {"a": done, "b": None}]
    publisher = Publisher(clock, P, 10_000, lambda start: answers.pop(0), lambda start, views: None)
    assert publisher.settled(0) == {"a": done, "b": None}
    clock.advance(10_000)
    late = Publisher(clock, P, 10_000, lambda start: {"a": busy}, lambda start, views: None)
    assert late.settled(0) == {"a": busy}


# ---- calibration, environment, content
def test_calibration_gives_the_highest_speed_and_never_one_far_above_what_was_measured() -> None:
    assert Calibration.of(10_000, 200.0, 100, speed=20).highest_speed == 25
    assert Calibration.of(10_000, 20.0, 100, speed=20).highest_speed == 30
    assert Calibration.of(10_000, 20.0, 100, speed=60).highest_speed == 60
    assert Calibration.of(10_000, 1_000.0, 100, speed=60).highest_speed == 5


def test_processes_inherit_no_aws_configuration_and_no_proxy() -> None:
    given = {"AWS_PROFILE": "mine", "https_proxy": "http://p", "HTTP_PROXY": "http://p", "PATH": "/bin"}
    assert environment(given) == {"PATH": "/bin"}


def test_the_open_banking_content_is_valid_and_its_runbook_names_what_the_workload_makes() -> None:
    content = load_content(ROOT)
    assert [p for p in lint(content, check_fault) if p.severity == "error"] == []
    workload, service = content.workloads["open-banking"].model, content.services["open-banking"].model
    block = content.runbooks["region-failover"].model.steps[1].block
    assert block and isinstance(block.do, AwsCall)
    call = block.do
    edge = workload.pieces["edge"]
    assert call.parameters["HostedZoneId"] == zone_id(zone_of(edge.record or ""))
    sets = [c["ResourceRecordSet"] for c in call.parameters["ChangeBatch"]["Changes"]]
    assert {s["SetIdentifier"]: s["ResourceRecords"][0]["Value"] for s in sets} == {
        route: value_of(piece, "open-banking") for route, piece in edge.routes.items()}  # fmt: skip
    assert {s["Name"] for s in sets} == {edge.record}
    functions = [p for p, piece in workload.pieces.items() if piece.type == "function"]
    assert [name_of(p, service) for p in functions] == functions
    assert workload.load.per_minute * workload.publish / 60_000 >= 100


def test_only_what_is_made_in_another_region_names_one() -> None:
    assert Piece(type="table", region="eu-west-1").region == "eu-west-1"
    with pytest.raises(ValueError, match="instance has no region of its own"):
        Piece(type="instance", region="eu-west-1")


def test_the_second_region_of_open_banking_is_another_region() -> None:
    pieces = load_content(ROOT).workloads["open-banking"].model.pieces
    assert {ident for ident, piece in pieces.items() if piece.region} == {"payments-ireland", "ledger-ireland"}
    assert pieces["ledger"].replica == "ledger-ireland"
