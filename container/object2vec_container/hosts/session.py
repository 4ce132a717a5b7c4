"""A job on several hosts, from joining to the end of the process.

Whatever ends it on one host ends it on all, and the process ends right here: the main thread may be
waiting inside the engine for a host that is gone, and the engine's own end waits for it too.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from object2vec.errors import Object2VecError
from object2vec.training.stop import StopRequested
from object2vec_container import failures, stopping
from object2vec_container.hosts.group import HostGroup, Loss
from object2vec_container.hosts.joining import await_others, call_first, job_fingerprint
from object2vec_container.hosts.link import Link
from object2vec_container.hosts.parameter_servers import ParameterServers
from object2vec_container.hosts.settings import HostSettings
from object2vec_container.ml_folder import MLFolder

logger = logging.getLogger(__name__)

JOB_VARIABLE = "TRAINING_JOB_NAME"

_UNWIND_SECONDS = 5.0  # for the main thread to end by itself when another host was stopped
_MOST_SECONDS = 15.0  # that an end may take


class Session:
    """This host's part in the job.

    Args:
        names: All hosts, by rank.
        current_host: This one.
        folder: Where the failure file goes.
        log_stop: Logs what a stop left behind.

    Attributes:
        group: The hosts, once they have joined.
    """

    group: HostGroup

    def __init__(
        self,
        names: Sequence[str],
        current_host: str,
        folder: MLFolder,
        log_stop: Callable[[], None],
    ) -> None:
        self._names = names
        self._rank = list(names).index(current_host)
        self._folder = folder
        self._log_stop = log_stop
        self._servers = ParameterServers(self._end_with)
        self._end_is_claimed = threading.Lock()

    def run(self, variables: Mapping[str, str], work: Callable[["Session"], None]) -> NoReturn:
        """Join the others, work, and end the process, all hosts at once.

        Args:
            variables: The process's environment variables.
            work: The job of this host.
        """
        try:
            self._join(HostSettings.from_variables(variables), variables.get(JOB_VARIABLE, ""))
            work(self)
            self.group.finish()
        except StopRequested:
            stopping.refuse_further_requests()
            self._end_stopped()
        except (Exception, KeyboardInterrupt) as error:
            stopping.refuse_further_requests()
            self._end_with(error)
        stopping.refuse_further_requests()
        self._claim_end(0)
        self.group.leave()
        self._exit(0)

    def start_servers(self, servers: int, with_optimizer: bool) -> None:
        """Start the parameter servers; the engine may be loaded after that, and not before.

        Args:
            servers: How many over all hosts.
            with_optimizer: Whether they make the updates.
        """
        group = self.group
        first, own = group.first_address, group.own_address
        os.environ.update(self._servers.start(group, servers, first, own, with_optimizer))

    def _join(self, settings: HostSettings, job_name: str) -> None:
        job = job_fingerprint(self._names, job_name)
        links: dict[int, Link]
        if self._rank == 0:
            links = await_others(self._names, job, settings)
        else:
            links = {0: call_first(self._names, self._rank, job, settings)}
        self.group = HostGroup(self._rank, self._names, links, settings, self._on_loss)

    def _on_loss(self, loss: Loss) -> None:
        """End this host as another one has ended; in the thread that reads the links."""
        if self._end_is_claimed.locked():
            return  # that thread must read on: the one that ends waits for the others' goodbyes
        if loss.error is not None:
            self._end_with(loss.error, is_own=loss.host == self._names[self._rank])
        logger.info("Host %s was stopped", loss.host)
        stopping.request()
        # The main thread ends the process, unless it waits inside the engine.
        threading.Timer(_UNWIND_SECONDS, self._end_stopped).start()

    def _end_stopped(self) -> NoReturn:
        self._claim_end(0)
        self._log_stop()
        if hasattr(self, "group"):
            self.group.tell_stop()
        self._exit(0)

    def _end_with(self, error: BaseException, is_own: bool = True) -> NoReturn:
        """End all hosts because of an error: of this host, or of another one."""
        told = failures.explain(error, self._folder)
        self._claim_end(told.exit_code)
        code = failures.report(error, self._folder, tells_where=is_own)
        if hasattr(self, "group"):
            self._tell(told, is_own)
        self._exit(code)

    def _tell(self, told: Object2VecError, is_own: bool) -> None:
        if is_own:
            self.group.tell_failure(told)
        else:
            self.group.leave()  # the others were told who it was before this host was

    def _claim_end(self, code: int) -> None:
        """Return in the one thread that ends the process; the others wait for that here."""
        if not self._end_is_claimed.acquire(blocking=False):
            threading.Event().wait()
        # Not even a log that nobody reads may hold up the end.
        timer = threading.Timer(_MOST_SECONDS, os._exit, (code,))
        timer.daemon = True
        timer.start()

    def _exit(self, code: int) -> NoReturn:
        self._servers.close()
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
