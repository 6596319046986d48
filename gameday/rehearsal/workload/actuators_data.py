"""What FIS's actions on streams, tables and databases do to pieces."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

from gameday.aws import Aws
from gameday.clock import Clock, Ms
from gameday.model.workspace import REHEARSAL_ACCOUNT, REHEARSAL_REGION
from gameday.rehearsal.workload.board import Board, Fault, fault
from gameday.rehearsal.workload.provision import Provisioned

THROUGHPUT = "aws:kinesis:stream-provisioned-throughput-exception"
EXPIRED = "aws:kinesis:stream-expired-iterator-exception"
REPLICATION = "aws:dynamodb:global-table-pause-replication"
FAILOVER = "aws:rds:failover-db-cluster"
REBOOT_DB = "aws:rds:reboot-db-instances"


class Streams:
    """Kinesis: the stream refuses records (400, ProvisionedThroughputExceeded), or its consumer cannot read."""

    def __init__(self, board: Board, made: Provisioned) -> None:
        self.board, self.made = board, made

    def start(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """All targets or none."""
        self.board.put(self._faults(action_id, targets, parameters))

    def stop(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """Every target is tried."""
        self.board.take(self._faults(action_id, targets, parameters))

    def _faults(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> dict[str, Fault]:
        mode, share = {THROUGHPUT: "throttle", EXPIRED: "expire"}[action_id], int(parameters["percentage"])
        return {self.made.piece_of(arn): fault(mode, share, status=400) for arn in targets}


class Replication:
    """DynamoDB: a table does not copy its writes to its replica meanwhile; afterwards it catches up."""

    def __init__(self, board: Board, made: Provisioned, replicas: Mapping[str, str]) -> None:
        self.board, self.made, self.replicas = board, made, replicas

    def start(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """All targets or none. ValueError for a table without a replica: nothing would pause."""
        self.board.put(self._faults(targets))

    def stop(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """Every target is tried."""
        self.board.take(self._faults(targets))

    def _faults(self, targets: list[str]) -> dict[str, Fault]:
        pieces = [self.made.piece_of(arn) for arn in targets]
        alone = sorted(set(pieces) - self.replicas.keys())
        if alone:
            raise ValueError(f"{', '.join(alone)} has no replica in this workload")
        return {piece: fault("pause") for piece in pieces}


class Databases:
    """RDS: the writer moves (failover) or comes again (reboot); until then the database refuses, and RDS says so. Both
    are over at once for FIS and end by themselves: ``tick`` ends what is due."""

    def __init__(self, aws: Aws, board: Board, made: Provisioned, clock: Clock, lasts: Mapping[str, Ms]) -> None:
        self.aws, self.board, self.made, self.clock, self.lasts = aws, board, made, clock, lasts
        self.due: list[tuple[Ms, str, list[str]]] = []  # when, piece, what RDS says is not available until then
        self._lock = Lock()

    def start(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """A reader's reboot leaves the writer, and so the piece, alone."""
        for arn in targets:
            piece, name = self.made.piece_of(arn), arn.split(":")[6]
            if action_id == FAILOVER:
                self._fail_over(piece, name)
            else:
                self._reboot(piece, name, parameters.get("forceFailover", "false") == "true")

    def stop(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """Nothing: what was begun ends by itself."""

    def tick(self) -> None:
        """End what is due."""
        with self._lock:
            over = [one for one in self.due if one[0] <= self.clock.now()]
            self.due = [one for one in self.due if one not in over]
        for _, piece, names in over:
            self._say(names, "available")
            self.board.take({piece: _REFUSES})

    def _fail_over(self, piece: str, cluster: str) -> None:
        self.aws.client("rds").failover_db_cluster(DBClusterIdentifier=cluster)
        self._refuse(piece, [cluster], "failing-over")

    def _reboot(self, piece: str, instance: str, move: bool) -> None:
        rds = self.aws.client("rds")
        cluster = self.made.names[piece]
        members = rds.describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"][0]["DBClusterMembers"]
        writes = any(m["DBInstanceIdentifier"] == instance and m["IsClusterWriter"] for m in members)
        rds.reboot_db_instance(DBInstanceIdentifier=instance)
        if move:
            rds.failover_db_cluster(DBClusterIdentifier=cluster)
        if writes:
            self._refuse(piece, [instance], "rebooting")

    def _refuse(self, piece: str, names: list[str], says: str) -> None:
        self.board.put({piece: _REFUSES})
        self._say(names, says)
        with self._lock:
            self.due.append((self.clock.now() + self.lasts[piece], piece, names))

    @staticmethod
    def _say(names: list[str], says: str) -> None:
        """What RDS says of them. moto has no states in between, and lives in this process."""
        from moto.rds.models import rds_backends

        backend: Any = rds_backends[REHEARSAL_ACCOUNT][REHEARSAL_REGION]
        for name in names:
            (backend.clusters.get(name) or backend.databases[name]).status = says


_REFUSES = fault("refuse", status=503)
