"""One TCP connection between two hosts: messages of JSON, one a line."""

import contextlib
import json
import socket
import threading
import time
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]

LONGEST_MESSAGE = 1 << 20  # bytes; the largest that is sent is a few thousand
LONGEST_GREETING = 4096
_PIECE = 1 << 16


class BrokenLinkError(Exception):
    """The other side has closed the connection, or does not speak our language."""


class Link:
    """A connection that one thread reads and any thread writes.

    Args:
        connection: Connected; its timeout is how long a write may take.
        longest: Bytes of the longest message that is taken.

    Attributes:
        last_heard: When something came last, by the monotonic clock.
        unread: Messages that came with one that was waited for.
    """

    def __init__(self, connection: socket.socket, longest: int = LONGEST_MESSAGE) -> None:
        self.connection = connection
        self.longest = longest
        self.last_heard = time.monotonic()
        self.unread: list[Message] = []
        self._received = b""
        self._sending = threading.Lock()
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, message: Message) -> None:
        """Send a message; what a broken connection cannot take is lost, and reading tells of it."""
        line = json.dumps(message).encode() + b"\n"
        with contextlib.suppress(OSError), self._sending:
            self.connection.sendall(line)

    def receive(self) -> list[Message]:
        """Return the messages that one read completes.

        Raises:
            BrokenLinkError: There is an end, an error, or something that is no message.
        """
        try:
            piece = self.connection.recv(_PIECE)
        except OSError as error:
            raise BrokenLinkError(str(error)) from error
        if not piece:
            raise BrokenLinkError("closed")
        self.last_heard = time.monotonic()
        *lines, self._received = (self._received + piece).split(b"\n")
        if max(map(len, (*lines, self._received))) > self.longest:
            raise BrokenLinkError(f"a message of more than {self.longest} bytes")
        return [_parse(line) for line in lines]

    def end_sending(self) -> None:
        """Tell the other side that nothing more will come; it may still be read."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    @property
    def own_address(self) -> str:
        """This machine's address as this connection has it."""
        return str(self.connection.getsockname()[0])


def _parse(line: bytes) -> Message:
    try:
        message = json.loads(line)
    except ValueError as error:
        raise BrokenLinkError("no JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
        raise BrokenLinkError("no message")
    return message
