"""What a learner needs to train with other hosts: the engine's store, and the exchange of rows."""

from dataclasses import dataclass
from typing import Any

from object2vec.network.engine import mx
from object2vec.training.hosts import Hosts, StoreKind
from object2vec.training.row_exchange import RowExchange


@dataclass(frozen=True, slots=True)
class HostStore:
    """How gradients are joined over the hosts of a job.

    Attributes:
        kv: The engine's key-value store, `dist_sync` or `dist_async`.
        row_exchange: Sums the gradients of tables' rows; None where steps are asynchronous.
        is_async: Whether every host makes steps of its own, with the optimizer at the servers.
    """

    kv: Any
    row_exchange: RowExchange | None
    is_async: bool


def open_store(hosts: Hosts, kind: StoreKind) -> HostStore:
    """Connect to the servers; returns when all hosts have called it.

    The engine must have been loaded with the variables that name the scheduler and its own role.
    """
    kv = mx.kv.create(kind)
    if kind == "dist_async":
        return HostStore(kv, None, is_async=True)
    return HostStore(kv, RowExchange(kv, hosts.rank, len(hosts.names)), is_async=False)
