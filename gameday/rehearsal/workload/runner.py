"""Runs a workload: AWS resources, processes, load, metrics, and the faults that FIS orders."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from gameday.aws import Aws
from gameday.clock import Anchor, Ms, ScenarioClock
from gameday.model.service import Service
from gameday.model.workload import Piece, Workload
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.rehearsal.fis_templates import Actuator
from gameday.rehearsal.lookup import mark_inside
from gameday.rehearsal.processes import stopped
from gameday.rehearsal.ssm_engine import SsmEngine
from gameday.rehearsal.workload import actuators as fis
from gameday.rehearsal.workload import actuators_data as kept
from gameday.rehearsal.workload import actuators_places as where
from gameday.rehearsal.workload import documents as docs
from gameday.rehearsal.workload.actuators import Functions, Instances
from gameday.rehearsal.workload.board import Board, Touches
from gameday.rehearsal.workload.lag import Disturbances, Span
from gameday.rehearsal.workload.ledger import PATH, matched
from gameday.rehearsal.workload.places import Place
from gameday.rehearsal.workload.provision import Provisioned, provision, weights
from gameday.rehearsal.workload.publisher import LOAD, Publisher, Views, data_of
from gameday.rehearsal.workload.traces import Traces
from gameday.rehearsal.workload.tracing import ORIGINS
from gameday.rehearsal.workload.watcher import Watcher

CALIBRATE_S = 1.5
USUAL_MOST = 30.0
SHORTEST_VIEW_S, LONGEST_VIEW_S = 0.5, 2.0
READ_BACK_S, CATCH_UP_S = 3.0, 1.0
SLACK_S = 0.1  # what a request may take beyond its time-out on a busy machine
Wire = dict[str, Any]


@dataclass(frozen=True)
class Calibration:
    """The real chain at the planned rate: its largest latency, and the highest speed that allows (facts: speed)."""

    largest_ms: float
    requests: int
    highest_speed: float

    @classmethod
    def of(cls, timeout: Ms, largest_ms: float, requests: int, speed: float) -> Calibration:
        """speed <= smallest time-out / (2 x largest latency); what was measured at a speed says little of the load
        of a much higher one, so beyond ``USUAL_MOST`` only what was itself measured is allowed."""
        allowed = timeout / (2 * max(largest_ms, 1.0))
        return cls(largest_ms, requests, round(min(allowed, max(speed, USUAL_MOST)), 1))


class Inside(Aws):
    """The rehearsal's own calls: its fault gate lets them pass, and they are nobody's activity."""

    def _loopback(self, session: Any, service: str, **keys: Any) -> Any:
        return mark_inside(super()._loopback(session, service, **keys))


class WorkloadRunner:
    """A workload that runs beside the loopback AWS. The thread that calls :meth:`start` must outlive the workload."""

    def __init__(self, workload: Workload, service: Service, anchor: Anchor, aws_endpoint: str, seed: int) -> None:
        self.workload, self.service, self.anchor = workload, service, anchor
        self.endpoint, self.seed = aws_endpoint, seed
        self.clock = ScenarioClock(anchor)
        self.aws = Inside(REHEARSAL_ENVIRONMENT, aws_endpoint)
        self.made = Provisioned()
        self.places = {ident: Place(ident, "piece") for ident in workload.pieces} | {LOAD: Place(LOAD, "generator")}
        self.touches = Touches(self.clock)
        self.board = Board(self.places, self.touches)
        self.timeout = min(piece.timeout for piece in workload.pieces.values())
        self.customer_timeout = workload.pieces[workload.load.source].timeout
        self.grace = self.customer_timeout + round(SLACK_S * 1000 * anchor.speed)
        self.disturbances = Disturbances(workload.publish, self.customer_timeout)
        self.publisher = Publisher(self.clock, workload.publish, self.grace, self.collect, self._put)
        traced = {ident: self.places[ident] for ident, piece in workload.pieces.items() if piece.type in ORIGINS}
        self.traces = Traces(traced, anchor.speed, self._put_segments)
        self.calibration: Calibration | None = None
        self._pool = ThreadPoolExecutor(4, "collect")
        self._watcher: Watcher | None = None

    @property
    def pieces(self) -> dict[str, Place]:
        """Every process with its pid and port, the generator among them."""
        return dict(self.places)

    def start(self) -> None:
        """Resources, processes, connections, calibration, load, metrics: in this order, each when the last is done."""
        try:
            self.made = provision(self.aws, self.workload, self.service)
            self._processes()
            self._calibrate()
            self.traces.start()
            self.places[LOAD].ask("/_control", {"begin": True})
        except BaseException:
            self.stop()
            raise
        ids = {p: self.made.names[p] for p, piece in self.workload.pieces.items() if piece.type == "instance"}
        tasks = self._of("task", lambda piece: piece.restart)
        self.tasks = where.Tasks(self.aws, self.places, self.board, self.made, self.clock, tasks)
        lasts = self._of("database", lambda piece: piece.failover)
        self.databases = kept.Databases(self.aws, self.board, self.made, self.clock, lasts)
        also = [one.tick for one, pieces in ((self.tasks, tasks), (self.databases, lasts)) if pieces]
        self._watcher = Watcher(self.aws, self.places, ids, self.board, also, tuple(tasks))
        self._watcher.start()
        self.publisher.start()

    def stop(self) -> None:
        """Everything ends; resources stay, as they do in AWS."""
        self.publisher.stop()
        self.traces.stop()
        if self._watcher:
            self._watcher.stop()
        for place in self.places.values():
            place.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def disturbed(self, since_ms: Ms) -> tuple[list[Span], Ms]:
        """Windows that the machine disturbed, and its largest lag in scenario time."""
        return self.disturbances.since(since_ms)

    def ledger(self, piece: str, since_ms: Ms) -> Wire:
        """The canary writes of a table since then, each held against what its replica, else itself, has now
        (``rows``: sequence, acked_ms, present, intact; None when it keeps none). OSError when one cannot be asked."""
        every = self.workload.load.ledgers.get(piece)
        if every is None:
            return {"rows": None, "interval_ms": None}
        told = self.places[LOAD].ask(f"{PATH}?piece={piece}&since={since_ms}", seconds=READ_BACK_S)["rows"]
        holder, until = self.places[self.workload.pieces[piece].replica or piece], time.monotonic() + CATCH_UP_S
        while True:  # what is on its way to the replica is not lost yet
            rows = matched(told, holder.ask(PATH, seconds=READ_BACK_S)["rows"])
            if time.monotonic() >= until or all(present for _, _, present, _ in rows):
                return {"rows": rows, "interval_ms": every}
            time.sleep(CATCH_UP_S / 10)

    def healthy(self) -> dict[str, bool]:
        """Which processes are there and answer, with no fault left on them."""
        return dict(zip(self.places, self._pool.map(Place.healthy, self.places.values()), strict=True))

    def _of(self, kind: str, value: Callable[[Piece], Ms]) -> dict[str, Ms]:
        return {ident: value(piece) for ident, piece in self.workload.pieces.items() if piece.type == kind}

    def actuators(self, ssm: SsmEngine) -> dict[str, Actuator]:
        """What FIS can do here; only what some piece of this workload can suffer. Once it has started. ``ssm`` is given
        the documents that do something to its instances."""
        board, made = self.board, self.made
        replicas = {ident: piece.replica for ident, piece in self.workload.pieces.items() if piece.replica}
        by_type: dict[str, tuple[Actuator, tuple[str, ...]]] = {
            "function": (Functions(board, made), (fis.ERROR, fis.DELAY, fis.RESPOND)),
            "instance": (Instances(self.aws, self.places, made, self.touches), (fis.STOP, fis.REBOOT, fis.TERMINATE)),
            "stream": (kept.Streams(board, made), (kept.THROUGHPUT, kept.EXPIRED)),
            "database": (self.databases, (kept.FAILOVER, kept.REBOOT_DB)),
            "task": (self.tasks, (where.STOP_TASK,)),
        }
        found: dict[str, Actuator] = {}
        for kind in {piece.type for piece in self.workload.pieces.values()} & by_type.keys():
            found |= dict.fromkeys(by_type[kind][1], by_type[kind][0])
        if self._of("instance", lambda piece: 0):
            found |= dict.fromkeys((docs.SEND, docs.AUTOMATE), self._documents(ssm))
        if replicas:
            found[kept.REPLICATION] = kept.Replication(board, made, replicas)
        if self.workload.subnets:
            found[where.CONNECTIVITY] = where.Network(board, made, self.workload)
        return found

    def _documents(self, ssm: SsmEngine) -> docs.Documents:
        stress = docs.Stress(self.board, self.made, {i: piece.calls for i, piece in self.workload.pieces.items()})
        automations = docs.Ec2Automations(self.aws)
        ssm.commands |= dict.fromkeys(stress.names, stress)
        ssm.automations |= dict.fromkeys(automations.calls, automations)
        return docs.Documents(ssm)

    # ---- start
    def _processes(self) -> None:
        for place in self.places.values():
            place.spawn()
        for place in self.places.values():
            place.listening()
        for ident, piece in self.workload.pieces.items():
            self.places[ident].tell(self._told(ident, piece))
        self.places[LOAD].tell(self._told_load())
        for place in self.places.values():
            place.ready()

    def _shared(self) -> Wire:
        return {"anchor": asdict(self.anchor), "period_ms": self.workload.publish,
                "lag_limit_ms": self.timeout / self.anchor.speed / 2}  # fmt: skip

    def _told(self, ident: str, piece: Piece) -> Wire:
        calls = [piece.consumer] if piece.type in ("queue", "stream") and piece.consumer else list(piece.calls)
        # an edge goes where its records lead, and those may be changed to any piece
        reached = [*calls, piece.replica] if piece.replica else calls
        wanted = [p for p in self.workload.pieces if p != ident] if piece.type == "edge" else reached
        own = {
            "id": ident, "type": piece.type, "latency_ms": piece.latency, "grace_ms": self.grace, "calls": calls,
            "seed": f"{self.seed}-{ident}", "endpoint": self.endpoint, "record": piece.record,
            "replica": piece.replica,
            "zone": self.made.zones.get(piece.record or ""),
            "weighted": [[piece.routes[route], weight] for route, weight in weights(piece).items()],
            "places": {p: self._place(p) for p in wanted},
        }  # fmt: skip
        return self._shared() | own

    def _place(self, ident: str) -> Wire:
        return {"url": self.places[ident].url, "timeout_ms": self.workload.pieces[ident].timeout,
                "type": self.workload.pieces[ident].type}  # fmt: skip

    def _told_load(self) -> Wire:
        load = self.workload.load
        canaries = [self._place(p) | {"per_minute": rate} for p, rate in load.canaries.items()]
        given = {"per_minute": load.per_minute, "shape": load.shape, "seed": self.seed}
        ledgers = {p: self._place(p) | {"interval_ms": every, "seed": f"{self.seed}-{p}"}
                   for p, every in load.ledgers.items()}  # fmt: skip
        own = {"source": load.source, "load": given, "canaries": canaries, "ledgers": ledgers}
        return self._shared() | self._place(load.source) | own

    def _calibrate(self) -> None:
        seen = self.places[LOAD].ask("/_control", {"calibrate_s": CALIBRATE_S}, CALIBRATE_S + 20)
        self.calibration = Calibration.of(self.timeout, seen["largest_ms"], seen["requests"], self.anchor.speed)

    # ---- metrics
    def collect(self, start: Ms) -> Views:
        """What every process counted in a bucket; what the machine disturbed is noted on the way."""
        # one that does not answer must not make the others' data late
        seconds = min(LONGEST_VIEW_S, max(SHORTEST_VIEW_S, self.grace / 1000 / self.anchor.speed))
        views = self._pool.map(lambda p: _view(p, start, seconds), self.places.values())
        found = dict(zip(self.places, views, strict=True))
        for ident, view in found.items():
            if not self._touched({ident}, start):
                self._note(start, view)
            self._note_unanswered(start, view)
        return found

    def _touched(self, pieces: Iterable[str], start: Ms) -> bool:
        first, last = start - self.grace, start + self.workload.publish + self.grace
        return any(self.touches.touched(piece, first, last) for piece in pieces)

    def _note_unanswered(self, start: Ms, view: Wire | None) -> None:
        """Where no fault touches a piece, nor any that it needs, only the machine can have left a call unanswered.
        Without this a machine with too little to give fails requests although no process stood still for long."""
        for name in (view or {"counts": ()})["counts"]:
            callee = name.partition("unanswered:")[2]
            if callee and not self._touched(reached(self.workload, callee), start):
                self.disturbances.harmed(start)

    def _note(self, start: Ms, view: Wire | None) -> None:
        if view is None:
            self.disturbances.lost(start)
            return
        self.disturbances.lagged(start, round(view["lag_ms"] * self.anchor.speed))
        for began, ended in view["stalls"]:
            self.disturbances.stall(began, ended)

    def _put(self, start: Ms, views: Views) -> None:
        for namespace, data in data_of(self.workload, self.made, views, start).items():
            if data:
                self.aws.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=data)

    def _put_segments(self, documents: list[str]) -> list[Wire]:
        said = self.aws.client("xray").put_trace_segments(TraceSegmentDocuments=documents)
        return list(said["UnprocessedTraceSegments"])


def reached(workload: Workload, piece: str) -> set[str]:
    """A piece and all that an answer of it can wait for. A queue answers at once; an edge may be led to any piece."""
    found, waiting = set[str](), [piece]
    while waiting:
        ident = waiting.pop()
        if ident not in found:
            found.add(ident)
            edge = workload.pieces[ident].type == "edge"
            waiting += workload.pieces if edge else workload.pieces[ident].calls
    return found


def _view(place: Place, start: Ms, seconds: float) -> Wire | None:
    try:
        return None if stopped(place.pid) else place.ask(f"/_counts?start={start}", seconds=seconds)
    except OSError:
        return None
