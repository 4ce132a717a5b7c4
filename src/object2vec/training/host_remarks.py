"""What is told of how several hosts train together, and the sums over them of what each found."""

import numpy as np

from object2vec.hyperparameters import Hyperparameters
from object2vec.training import events
from object2vec.training.channels import Channels
from object2vec.training.division import Division
from object2vec.training.hosts import Hosts, choose_store, sums_over
from object2vec.training.metrics import MetricSums


def remark_on_hosts(
    hyperparameters: Hyperparameters, channels: Channels, listen: events.Listener, hosts: Hosts
) -> None:
    """Tell how the hosts work together, and what of it the user may not expect."""
    size = hyperparameters.mini_batch_size
    kind = choose_store(hyperparameters)
    how = (
        f"every host makes steps of {size} records of its own"
        if kind == "dist_async"
        else f"every step takes mini_batch_size={size} records over all hosts"
    )
    listen(
        events.Remark(
            "INFO",
            f"Training on {len(hosts.names)} hosts ({', '.join(hosts.names)}) with the key-value "
            f"store {kind} (_kvstore={hyperparameters.kvstore}): {how}",
        )
    )
    if "test" in channels.sharded:
        listen(
            events.Remark(
                "WARNING",
                f"The channel 'test' is sharded: only the part of it on {hosts.names[0]} is "
                "scored. Give it the distribution FullyReplicated",
            )
        )


def remark_on_division(division: Division, hosts: Hosts, listen: events.Listener) -> None:
    """Tell how many records every host has, and warn where this one's are not seen."""
    counts = zip(hosts.names, division.records, strict=True)
    has_records = division.records[hosts.rank] > 0
    message = (
        "Train records by host: "
        + ", ".join(f"{name} {count}" for name, count in counts)
        + f"; this host takes {division.share} of a step's"
    )
    if has_records and not division.share:
        message += ": a step has fewer records than there are hosts, so its are not seen"
    listen(events.Remark("INFO" if division.share else "WARNING", message))


def joined_metrics(metrics: MetricSums, hosts: Hosts) -> MetricSums:
    """Return the sums over the hosts; every one must call this."""
    first, second, records = sums_over(hosts, [*metrics.sums, metrics.records])
    return MetricSums(metrics.is_regression, int(records), np.array([first, second]))
