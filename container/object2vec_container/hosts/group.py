"""The hosts of a job once they have come together: what they tell each other, and who is missed.

The first host has a link to every other one and passes on what concerns all. A thread reads the
links, says every few seconds that this host is there, and notices a host that ended without a
goodbye or is silent; it does so whatever the main thread waits for.
"""

import logging
import selectors
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from object2vec.errors import (
    AlgorithmError,
    ClientError,
    Object2VecError,
    PlatformError,
)
from object2vec_container import failures
from object2vec_container.hosts.link import BrokenLinkError, Link, Message
from object2vec_container.hosts.settings import HostSettings

logger = logging.getLogger(__name__)

_FAULTS = {kind.fault_name: kind for kind in (ClientError, AlgorithmError, PlatformError)}
_DONE = {"is": "done"}
_LAST_WORDS_SECONDS = 2.0  # for the others to read why this host ends


@dataclass(frozen=True, slots=True)
class Loss:
    """Why the job cannot go on, though nothing is wrong with this host.

    Attributes:
        host: The host that ended.
        error: What it failed of; None where it was asked to stop.
    """

    host: str
    error: Object2VecError | None


class HostGroup:
    """This host among all hosts; the training's `Hosts`.

    Args:
        rank: This host.
        names: All hosts, by rank.
        links: For host 0 those to all others, for the others the one to host 0; by rank.
        settings: How long silence is borne.
        on_loss: Called once, in the thread that reads, when another host ended.
    """

    def __init__(
        self,
        rank: int,
        names: Sequence[str],
        links: Mapping[int, Link],
        settings: HostSettings,
        on_loss: Callable[[Loss], None],
    ) -> None:
        self.rank = rank
        self.names = tuple(names)
        self._links = dict(links)
        self._settings = settings
        self._on_loss = on_loss
        self._changed = threading.Condition()
        self._round = 0
        self._given: dict[int, dict[int, Any]] = {}  # by round and rank; the first host's affair
        self._gathered: dict[int, list[Any]] = {}  # by round
        self._has_lost = False
        self._is_done = False
        self._is_leaving = False
        self._are_gone = threading.Event()
        self._selector = selectors.DefaultSelector()
        now = time.monotonic()
        for peer, link in self._links.items():
            link.last_heard = now
            self._selector.register(link.connection, selectors.EVENT_READ, peer)
        self._thread = threading.Thread(target=self._watch, name="hosts", daemon=True)
        self._thread.start()

    @property
    def first_address(self) -> str:
        """The first host's address, as a host that speaks to it has it."""
        link = next(iter(self._links.values()))
        return link.own_address if self.rank == 0 else str(link.connection.getpeername()[0])

    @property
    def own_address(self) -> str:
        """This host's address, as the others can reach it."""
        return next(iter(self._links.values())).own_address

    def gather(self, value: Any) -> list[Any]:
        """Give a value, and return those of all hosts by rank, once all have given theirs.

        Where another host ends before it has given its own, this waits until `on_loss` has ended
        the process, or had a stop raised in the main thread.
        """
        with self._changed:
            turn = self._round
            self._round += 1
        if self.rank == 0:
            self._take(0, turn, value)
        else:
            self._links[0].send({"kind": "value", "round": turn, "value": value})
        with self._changed:
            # Not for ever in one go: a signal's handler must get its turn.
            while turn not in self._gathered:
                self._changed.wait(1.0)
            return self._gathered.pop(turn)

    def finish(self) -> None:
        """Wait until all hosts have done all they had to do; only after that may they leave."""
        self.gather(_DONE)

    def leave(self) -> None:
        """Say goodbye; return when the others have said it too."""
        self._end({"kind": "bye"})

    def tell_failure(self, error: Object2VecError) -> None:
        """Tell the others that this host fails, and of what."""
        text = failures.fit(str(error), failures.FAILURE_CHARACTERS)
        message = {"kind": "failed", "rank": self.rank, "fault": error.fault_name, "text": text}
        self._end(message)

    def tell_stop(self) -> None:
        """Tell the others that this host was asked to stop."""
        self._end({"kind": "stopped", "rank": self.rank})

    def _end(self, message: Message) -> None:
        """Say the last word on every link, and wait a little for the others' ends."""
        self._is_leaving = True
        self._tell_all(message)
        for link in list(self._links.values()):
            link.end_sending()
        if threading.current_thread() is self._thread:
            self._read_until(time.monotonic() + _LAST_WORDS_SECONDS)
        else:
            self._are_gone.wait(_LAST_WORDS_SECONDS)

    def _tell_all(self, message: Message, but: int | None = None) -> None:
        for peer, link in list(self._links.items()):
            if peer != but:
                link.send(message)

    def _watch(self) -> None:
        try:
            for peer, link in list(self._links.items()):
                for message in link.unread:
                    self._hear(peer, message)
            self._read_until(None)
        except Exception as error:
            # Without this thread nobody would notice anything any more.
            logger.exception("The thread that listens to the other hosts failed")
            what = f"Unexpected {type(error).__name__} in what another host said: {error}"
            self._on_loss(Loss(self.names[self.rank], AlgorithmError(what)))

    def _read_until(self, deadline: float | None) -> None:
        """Read all links until every one is closed, or the time is up."""
        beat = self._settings.beat_seconds
        next_beat = 0.0
        while self._links and (deadline is None or time.monotonic() < deadline):
            for key, _ in self._selector.select(min(beat, 0.5)):
                self._read(key.data)
            now = time.monotonic()
            if self._is_leaving or now < next_beat:
                continue
            next_beat = now + beat
            self._tell_all({"kind": "beat"})
            for peer, link in list(self._links.items()):
                silence = now - link.last_heard
                if silence > self._settings.silence_seconds:
                    self._miss(peer, f"nothing was heard of it for {silence:.0f} seconds")
        self._are_gone.set()

    def _read(self, peer: int) -> None:
        link = self._links.get(peer)
        if link is None:
            return
        try:
            messages = link.receive()
        except BrokenLinkError as error:
            self._forget(peer)
            if not self._is_leaving:
                self._miss(peer, f"its connection broke without a goodbye ({error})")
            return
        for message in messages:
            self._hear(peer, message)

    def _hear(self, peer: int, message: Message) -> None:
        match message["kind"]:
            case "value":
                self._take(peer, message["round"], message["value"])
            case "values":
                self._finish(message["round"], message["values"])
            case "bye":
                self._forget(peer)
                if not (self._is_done or self._is_leaving):
                    self._miss(peer, "it left before the end")
            case "failed":
                name = self.names[message["rank"]]
                kind = _FAULTS.get(message["fault"], AlgorithmError)
                self._lose(Loss(name, kind(f"Host {name} failed: {message['text']}")), message)
            case "died":
                name = self.names[message["rank"]]
                self._lose(Loss(name, PlatformError(message["text"])), message)
            case "stopped":
                self._lose(Loss(self.names[message["rank"]], None), message)

    def _take(self, rank: int, turn: int, value: Any) -> None:
        """As the first host, note a value; with the last one of a round, tell all of them."""
        with self._changed:
            given = self._given.setdefault(turn, {})
            given[rank] = value
            if len(given) < len(self.names):
                return
            values = [given[number] for number in range(len(self.names))]
            del self._given[turn]
        if all(value == _DONE for value in values):
            self._is_done = True  # before the first goodbye can come
        self._tell_all({"kind": "values", "round": turn, "values": values})
        self._finish(turn, values)

    def _finish(self, turn: int, values: list[Any]) -> None:
        with self._changed:
            self._is_done = values == [_DONE] * len(self.names)
            self._gathered[turn] = values
            self._changed.notify_all()

    def _miss(self, peer: int, how: str) -> None:
        """A host has ended and said nothing."""
        text = (
            f"Host {self.names[peer]} died: {how}. Its log says more; where it has no reason "
            "either, the machine failed or ran out of memory."
        )
        message = {"kind": "died", "rank": peer, "text": text}
        self._lose(Loss(self.names[peer], PlatformError(text)), message)

    def _lose(self, loss: Loss, message: Message) -> None:
        """Pass on why the job cannot go on, and have this host end."""
        if self._is_leaving or self._has_lost:
            return
        if self.rank == 0:
            self._tell_all(message)
        self._has_lost = True
        self._on_loss(loss)

    def _forget(self, peer: int) -> None:
        link = self._links.pop(peer, None)
        if link is not None:
            self._selector.unregister(link.connection)
            link.close()
