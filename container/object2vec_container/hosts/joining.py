"""How the hosts come together: the first one listens, the others call it by its name.

Names may resolve late and hosts may start late, so all is tried again until the time is up. Whoever
else connects (a port scan, another job) is turned away and disturbs nothing.
"""

import hashlib
import json
import logging
import selectors
import socket
import time
from collections.abc import Sequence

from object2vec.errors import PlatformError
from object2vec_container.hosts.link import (
    LONGEST_GREETING,
    LONGEST_MESSAGE,
    BrokenLinkError,
    Link,
    Message,
)
from object2vec_container.hosts.settings import HostSettings

logger = logging.getLogger(__name__)

_GREETING_SECONDS = 10.0
_MOST_STRANGERS = 64  # connections at a time that have not said who they are
_TRY_SECONDS = 0.5
_TELL_SECONDS = 15.0


def job_fingerprint(names: Sequence[str], job_name: str) -> str:
    """Return what only the hosts of one job have in common."""
    return hashlib.sha256(json.dumps([list(names), job_name]).encode()).hexdigest()


def await_others(names: Sequence[str], job: str, settings: HostSettings) -> dict[int, Link]:
    """As the first host, wait until all others have called; return their links by rank.

    Raises:
        PlatformError: The port is taken, or hosts did not come in time; names them.
    """
    try:
        listener = socket.create_server(("", settings.port), backlog=_MOST_STRANGERS)
    except OSError as error:
        raise PlatformError(
            f"Port {settings.port} cannot be listened at ({error.strerror}), but the other hosts "
            "call there. Name a free one for all hosts in OBJECT2VEC_HOSTS_PORT."
        ) from error
    with listener, _Reception(listener, names, job, settings) as reception:
        return reception.wait()


class _Reception:
    """The first host's side of joining: who has called, and who has yet to say its name."""

    def __init__(
        self, listener: socket.socket, names: Sequence[str], job: str, settings: HostSettings
    ) -> None:
        self._listener = listener
        self._names = names
        self._job = job
        self._settings = settings
        self._strangers: dict[Link, float] = {}  # since when
        self._joined: dict[int, Link] = {}
        self._selector = selectors.DefaultSelector()
        listener.settimeout(_GREETING_SECONDS)
        self._selector.register(listener, selectors.EVENT_READ)

    def __enter__(self) -> "_Reception":
        return self

    def __exit__(self, *problem: object) -> None:
        for link in self._strangers:
            link.close()
        self._selector.close()

    def wait(self) -> dict[int, Link]:
        """Return the links of all others by their ranks."""
        began = told = waved = time.monotonic()
        while len(self._joined) < len(self._names) - 1:
            now = time.monotonic()
            if now - began > self._settings.wait_seconds:
                raise self._give_up()
            if now - told > _TELL_SECONDS:
                told = now
                logger.info("Waiting for %s", self._say_missing())
            if now - waved > self._settings.beat_seconds:
                waved = now
                self._tell_joined({"kind": "wait"})
            for key, _ in self._selector.select(_TRY_SECONDS):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._read(key.data)
            for link in [
                link for link, since in self._strangers.items() if now - since > _GREETING_SECONDS
            ]:
                self._turn_away(link)
        self._tell_joined({"kind": "welcome"})
        return self._joined

    def _give_up(self) -> PlatformError:
        """Tell those who wait with this host that the job fails; return why."""
        error = PlatformError(
            f"{self._say_missing()} did not come within {self._settings.wait_seconds:g} seconds. "
            f"Look at the log of what is missing; hosts must reach {self._names[0]} at port "
            f"{self._settings.port}."
        )
        self._tell_joined({"kind": "failed", "fault": error.fault_name, "text": str(error)})
        return error

    def _tell_joined(self, message: Message) -> None:
        for link in self._joined.values():
            link.send(message)

    def _say_missing(self) -> str:
        missing = [
            name for rank, name in enumerate(self._names) if rank and rank not in self._joined
        ]
        return f"Host{'s' if len(missing) > 1 else ''} {', '.join(missing)}"

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return  # it has gone again
        connection.settimeout(self._settings.silence_seconds)
        if len(self._strangers) >= _MOST_STRANGERS:
            self._turn_away(next(iter(self._strangers)))
        link = Link(connection, LONGEST_GREETING)
        self._strangers[link] = time.monotonic()
        self._selector.register(connection, selectors.EVENT_READ, link)

    def _read(self, link: Link) -> None:
        try:
            messages = link.receive()
        except BrokenLinkError:
            self._turn_away(link)
            return
        for message in messages:
            # A host that was greeted says nothing before it is welcome.
            rank = self._rank_of(message) if link in self._strangers else None
            if rank is None:
                self._turn_away(link)
                return
            if rank in self._joined:  # it lost its first connection, or was started again
                self._selector.unregister(self._joined[rank].connection)
                self._joined.pop(rank).close()
            del self._strangers[link]
            link.longest = LONGEST_MESSAGE
            self._joined[rank] = link
            link.send({"kind": "wait"})
            logger.info("Host %s has come", self._names[rank])

    def _rank_of(self, message: Message) -> int | None:
        """Return the rank of the host that a greeting is from, None where it is no greeting."""
        rank = message.get("rank")
        is_ours = message["kind"] == "hello" and message.get("job") == self._job
        if is_ours and isinstance(rank, int) and 0 < rank < len(self._names):
            return rank
        return None

    def _turn_away(self, link: Link) -> None:
        """Close a connection that is not, or no longer, one of a host of this job."""
        self._selector.unregister(link.connection)
        link.close()
        self._strangers.pop(link, None)
        for rank, joined in list(self._joined.items()):
            if joined is link:
                del self._joined[rank]
                logger.warning("Host %s has gone again", self._names[rank])


def call_first(names: Sequence[str], rank: int, job: str, settings: HostSettings) -> Link:
    """As one of the others, call the first host until all have come; return the link to it.

    Raises:
        PlatformError: It did not answer in time, or gave up waiting for others; says why.
    """
    call = _Call(names, rank, job, settings)
    began = told = time.monotonic()
    problem = ""
    while time.monotonic() - began < settings.wait_seconds:
        try:
            return call.make()
        except (OSError, BrokenLinkError) as error:
            problem = str(error)
        if time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            logger.info("Waiting for host %s: %s", names[0], problem)
        time.sleep(_TRY_SECONDS)
    raise PlatformError(
        f"Host {names[0]} could not be reached at port {settings.port} within "
        f"{settings.wait_seconds:g} seconds: {problem}. Look at its log; the hosts must be able to "
        "reach each other (no network isolation between them, no firewall at this port)."
    )


class _Call:
    """One of the other hosts' side of joining."""

    def __init__(self, names: Sequence[str], rank: int, job: str, settings: HostSettings) -> None:
        self._names = names
        self._hello: Message = {"kind": "hello", "job": job, "rank": rank}
        self._settings = settings

    def make(self) -> Link:
        """Call the first host once.

        Raises:
            OSError: It cannot be found or reached, or falls silent.
            BrokenLinkError: It hung up, or is no host of this job.
            PlatformError: It gave up.
        """
        # The parameter servers speak IPv4 only.
        found = socket.getaddrinfo(
            self._names[0], self._settings.port, socket.AF_INET, socket.SOCK_STREAM
        )
        address = str(found[0][4][0])
        connection = socket.create_connection(
            (address, self._settings.port), timeout=_GREETING_SECONDS
        )
        link = Link(connection)
        try:
            link.send(self._hello)
            self._await_welcome(link)
        except BaseException:
            connection.close()
            raise
        connection.settimeout(self._settings.silence_seconds)
        return link

    def _await_welcome(self, link: Link) -> None:
        while True:
            messages = link.receive()
            for number, message in enumerate(messages, 1):
                if message["kind"] == "welcome":
                    link.unread = messages[number:]
                    return
                if message["kind"] == "failed":
                    raise PlatformError(f"Host {self._names[0]} failed: {message.get('text')}")
                if message["kind"] != "wait":
                    raise BrokenLinkError("what answers there is no host of this job")
