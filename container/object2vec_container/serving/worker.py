"""The worker class: gunicorn's threads, which no slow or silent client can hold.

gunicorn gives a new connection to a thread at once, where it waits for its first byte; here it
waits beside the idle ones and costs no thread. A request that takes too long loses its connection:
first the reading side, so that the application can still say why, later the whole.
"""

import selectors
import socket
import time
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

# Beyond the request's own time: for the application to notice by itself, and for slow readers.
_GRACE_SECONDS = 1.0
_SLOW_READER_SECONDS = 60.0
_SOON_SECONDS = 0.05
# A worker that stops waits so long for the first byte of a connection it has already taken in.
_STOP_LINGER_SECONDS = 1.0


class Worker(ThreadWorker):
    """A worker of the server; `app.settings` says how long a request may take."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._began: dict[TConn, float] = {}
        self._request_seconds = self.app.settings.timeout + _GRACE_SECONDS

    def init_process(self) -> None:
        """Begin the worker's work; after the fork."""
        self.app.worker_number = self.age - 1
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or cease to take connections; a worker that should not take any does not begin."""
        super().set_accept_enabled(enabled and self.app.may_accept())

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for something to do; look often whether connections may be taken."""
        may_accept = not self.alive or self._accepting
        super().wait_for_and_dispatch_events(timeout if may_accept else _SOON_SECONDS)

    def accept(self, listener: Any) -> None:
        """Take in a connection; a thread gets it when there is something to read."""
        if not self.app.may_accept():
            self.set_accept_enabled(False)
            return
        try:
            client, address = listener.accept()
        except OSError:
            return  # another worker was faster, or the client has gone
        self.nr_conns += 1
        connection = TConn(self.cfg, client, address, listener.getsockname())
        connection.timeout = time.monotonic() + self.cfg.keepalive
        self.pending_conns.append(connection)
        self.poller.register(
            client, selectors.EVENT_READ, partial(self.on_pending_socket_readable, connection)
        )

    def handle(self, conn: TConn) -> Any:
        """Handle what a connection sends; for a thread."""
        self._began[conn] = time.monotonic()
        try:
            return super().handle(conn)
        finally:
            self._began.pop(conn, None)

    def murder_pending(self) -> None:
        """Close what has been silent too long, and cut off what takes too long.

        The main loop calls this every second.
        """
        now = time.monotonic()
        if not self.alive:
            for connection in self.pending_conns:
                connection.timeout = min(connection.timeout, now + _STOP_LINGER_SECONDS)
        super().murder_pending()
        for connection, began in list(self._began.items()):
            late = now - began - self._request_seconds
            if late > 0:
                side = socket.SHUT_RD if late < _SLOW_READER_SECONDS else socket.SHUT_RDWR
                with suppress(OSError):
                    connection.sock.shutdown(side)
