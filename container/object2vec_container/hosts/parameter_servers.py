"""The engine's scheduler and parameter servers: child processes, which never outlive this one.

The engine's workers wait for ever for a server that has died, so a child's end is noticed here and
ends the job. What children write goes to the log.
"""

import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import IO

from object2vec.errors import PlatformError
from object2vec.training.hosts import Hosts
from object2vec_container.hosts import server_process

logger = logging.getLogger(__name__)

_THREADS = 2  # of a server; it adds arrays, which memory limits soon


def free_port() -> int:
    """Return a TCP port that nothing listens at."""
    with socket.socket() as listener:
        listener.bind(("", 0))
        return int(listener.getsockname()[1])


def servers_of(rank: int, hosts: int, servers: int) -> int:
    """Return how many of all servers a host runs; they go round, beginning with host 0."""
    return servers // hosts + (rank < servers % hosts)


class ParameterServers:
    """The children of this host.

    Args:
        on_death: Called in a thread of its own, with what to tell, when a child ended by itself.
    """

    def __init__(self, on_death: Callable[[PlatformError], None]) -> None:
        self._on_death = on_death
        self._children: list[subprocess.Popen[str]] = []
        self._is_closed = False

    def start(
        self,
        hosts: Hosts,
        servers: int,
        first_address: str,
        own_address: str,
        with_optimizer: bool,
    ) -> Mapping[str, str]:
        """Start this host's part of the servers, and the scheduler on host 0.

        Args:
            hosts: All hosts; every one must call this.
            servers: Servers over all hosts, at least 1.
            first_address: Host 0's address.
            own_address: This host's.
            with_optimizer: Whether the servers make the updates.

        Returns:
            The variables that the engine of this process must be loaded with.
        """
        (port, *_) = hosts.gather(free_port() if hosts.rank == 0 else None)
        shared = {
            "DMLC_PS_ROOT_URI": first_address,
            "DMLC_PS_ROOT_PORT": str(port),
            "DMLC_NUM_WORKER": str(len(hosts.names)),
            "DMLC_NUM_SERVER": str(servers),
            "DMLC_NODE_HOST": own_address,
        }
        if hosts.rank == 0:
            self._start("scheduler", shared)
        for _ in range(servers_of(hosts.rank, len(hosts.names), servers)):
            self._start("server", shared, *[server_process.WITH_OPTIMIZER] * with_optimizer)
        return {**shared, "DMLC_ROLE": "worker"}

    def close(self) -> None:
        """End the children."""
        self._is_closed = True
        for child in self._children:
            child.kill()

    def _start(self, role: str, shared: Mapping[str, str], *arguments: str) -> None:
        child = subprocess.Popen(
            [sys.executable, "-m", server_process.__name__, *arguments],
            env={
                **os.environ,
                **shared,
                "DMLC_ROLE": role,
                "OMP_NUM_THREADS": str(min(_THREADS, len(os.sched_getaffinity(0)))),
                "CUDA_VISIBLE_DEVICES": "",  # its memory is the worker's
            },
            stdin=subprocess.PIPE,  # never written to: its end is this process's end
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            start_new_session=True,  # Ctrl-C is for the parent to handle
        )
        self._children.append(child)
        threading.Thread(
            target=self._watch, args=(child, role), name=f"parameter {role}", daemon=True
        ).start()

    def _watch(self, child: subprocess.Popen[str], role: str) -> None:
        """Log what a child writes, and notice its end."""
        output: IO[str] | None = child.stdout
        assert output is not None
        for line in output:
            logger.warning("Parameter %s: %s", role, line.rstrip())
        code = child.wait()
        # 0: the engine ended it, as it does once the training on every host is over.
        if code and not self._is_closed:
            self._on_death(
                PlatformError(
                    f"The parameter {role} on this host ended with exit code {code}; the log has "
                    "what it wrote. Where it wrote nothing, the machine may be out of memory."
                )
            )
