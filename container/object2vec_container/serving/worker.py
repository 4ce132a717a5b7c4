"""The worker class: gunicorn's threads, which no slow or silent client can hold.

gunicorn gives a connection to a thread as soon as a byte of it has come, and closes connections in
the thread that watches all of them. Here a connection waits beside the idle ones until the whole
head of its request has come, and is closed by the thread that served it. A request that takes too
long loses its connection: first the reading side, so that the application can still say why.
"""

import select
import selectors
import socket
import time
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

# From its first byte on, the head of a request has so long to come.
_HEAD_SECONDS = 10.0
# What is longer is left to gunicorn, which refuses it.
_HEAD_BYTES = 1 << 16
# How often what has no event of its own is looked at: incomplete heads, and the model's warmth.
_SOON_SECONDS = 0.05
# What the application did not read of a body, a client has so long to send, before it is cut off.
_DRAIN_SECONDS = 1.0
# After so many requests a connection is closed: the client's next one may find a less busy worker.
_CONNECTION_REQUESTS = 1000
# Beyond the request's own time: for the application to notice by itself, and for slow readers.
_GRACE_SECONDS = 1.0
_SLOW_READER_SECONDS = 60.0
# A worker that stops waits so long for a request on a connection that it has already taken in.
_STOP_LINGER_SECONDS = 1.0


class Worker(ThreadWorker):
    """A worker of the server; `app.settings` says how long a request may take."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._began: dict[TConn, float] = {}
        self._incomplete: dict[TConn, float] = {}  # until when their heads may come
        self._request_seconds = self.app.settings.timeout + _GRACE_SECONDS

    def init_process(self) -> None:
        """Begin the worker's work; after the fork."""
        self.app.worker_number = self.age - 1
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or cease to take connections; a worker that should not take any does not begin."""
        super().set_accept_enabled(enabled and self.app.may_accept())

    def accept(self, listener: Any) -> None:
        """Take in a connection; a thread gets it when there is a request to read."""
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

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection to a thread, once the head of its request is there."""
        if _has_head(conn):
            conn.data_ready = True
            super().enqueue_req(conn)
        else:
            self._incomplete[conn] = time.monotonic() + _HEAD_SECONDS

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for something to do, and do it."""
        is_waiting_to_accept = self.alive and not self._accepting
        if self._incomplete or is_waiting_to_accept:
            timeout = min(timeout, _SOON_SECONDS)
        super().wait_for_and_dispatch_events(timeout)
        for connection, deadline in list(self._incomplete.items()):
            if _has_head(connection):
                del self._incomplete[connection]
                self.enqueue_req(connection)
            elif time.monotonic() > deadline:
                del self._incomplete[connection]
                self.nr_conns -= 1
                connection.close()

    def handle(self, conn: TConn) -> Any:
        """Handle a request; for a thread."""
        self._began[conn] = time.monotonic()
        try:
            is_kept = super().handle(conn)
        finally:
            self._began.pop(conn, None)
        if not is_kept:
            # Here, as it may take seconds; closing it again does no harm.
            conn.close(graceful=True)
        return is_kept

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Answer a request whose head is read; for a thread."""
        conn.requests = getattr(conn, "requests", 0) + 1
        if conn.requests >= _CONNECTION_REQUESTS:
            req.force_close()
        return super().handle_request(req, conn)

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:
        """Return whether a connection can take another request."""
        return keepalive and bool(
            conn.parser.finish_body(deadline=time.monotonic() + _DRAIN_SECONDS)
        )

    def murder_pending(self) -> None:
        """Close what has been silent too long, and cut off what takes too long.

        The main loop calls this after every look at what there is to do.
        """
        now = time.monotonic()
        if not self.alive:
            soon = now + _STOP_LINGER_SECONDS
            for connection in self.pending_conns:
                connection.timeout = min(connection.timeout, soon)
            for connection, deadline in self._incomplete.items():
                self._incomplete[connection] = min(deadline, soon)
        super().murder_pending()
        for connection, began in list(self._began.items()):
            late = now - began - self._request_seconds
            if late > 0:
                side = socket.SHUT_RD if late < _SLOW_READER_SECONDS else socket.SHUT_RDWR
                with suppress(OSError):
                    connection.sock.shutdown(side)


def _has_head(connection: TConn) -> bool:
    """Return whether a thread would not have to wait for the head of a request."""
    read_ahead = connection.parser.unreader.buf.getvalue() if connection.parser else b""
    try:
        arrived = connection.sock.recv(_HEAD_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return b"\r\n\r\n" in read_ahead
    except OSError:
        return True  # the thread finds out what is wrong
    if not arrived:
        return True  # the client has gone
    head = read_ahead + arrived
    is_no_request = not head[:1].isalpha()
    is_whole = b"\r\n\r\n" in head or len(head) >= _HEAD_BYTES
    return is_no_request or is_whole or _has_hung_up(connection)


def _has_hung_up(connection: TConn) -> bool:
    """Return whether the client will send no more."""
    look = select.poll()
    look.register(connection.sock, select.POLLRDHUP)
    return bool(look.poll(0))
