"""The job's input: every channel read, checked and without outer padding, before training begins.

All is read at the start, the test channel too: a fault in it must not show after hours of training.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from object2vec.data.array_space import FOLDER_VARIABLE, MEBIBYTE, ArraySpace
from object2vec.data.files import find_files
from object2vec.data.pipes import Pipe
from object2vec.data.ragged import RaggedArray
from object2vec.data.read_summary import ReadSummary, SideSummary
from object2vec.data.records import Log, PairRecords, read_channel
from object2vec.data.sources import Place
from object2vec.data.vectors import TokenVectors, read_vectors
from object2vec.data.vocabulary import Vocabulary
from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters
from object2vec.training import events
from object2vec.training.division import own_part
from object2vec.training.hosts import Hosts, SingleHost

_NOTHING = RaggedArray.from_rows([])
NO_RECORDS = PairRecords(
    _NOTHING,
    _NOTHING,
    np.zeros(0, dtype=np.float32),
    ReadSummary(0, 0, 0, SideSummary(), SideSummary(), 0, 0.0),
)


@dataclass(frozen=True)
class Channels:
    """Where the channels' data is: folders, single files, or pipes; None is no such channel.

    `sharded` names the channels of which every host has another part, not all of it.
    """

    train: Place
    validation: Place | None = None
    test: Place | None = None
    auxiliary: Path | None = None
    sharded: frozenset[str] = frozenset()


@dataclass(frozen=True)
class JobInput:
    """What the channels hold.

    Attributes:
        vocabularies: For in0 and in1, where a vocabulary file is given.
        vectors: For in0 and in1, where a file of pretrained vectors is given.
        train: Records for this host to train on; with several hosts there may be none.
        validation: Records that choose the epoch, this host's part of them, or None.
        test: Records to score the model with, or None; on the first host only.
    """

    vocabularies: tuple[Vocabulary | None, Vocabulary | None]
    vectors: tuple[TokenVectors | None, TokenVectors | None]
    train: PairRecords
    validation: PairRecords | None
    test: PairRecords | None


def read_input(
    hyperparameters: Hyperparameters,
    channels: Channels,
    listen: events.Listener,
    hosts: Hosts = SingleHost(),  # noqa: B008 (frozen)
) -> JobInput:
    """Read all channels.

    With several hosts, each keeps its own part of what all of them have. A host may have no file of
    a channel that is sharded: there may be fewer files than hosts.

    Raises:
        ClientError: A channel, a file, a record or an environment variable is not as it must be.
        PlatformError: A file cannot be read, a pipe gives nothing, or the disk has no room for
            records.
    """

    def log(level: str, message: str) -> None:
        listen(events.Remark("WARNING" if level == "WARNING" else "INFO", message))

    def records_of(name: str, place: Place) -> PairRecords:
        started = time.time()
        host = hosts.names[hosts.rank]
        is_sharded = name in channels.sharded and len(hosts.names) > 1
        if is_sharded and isinstance(place, Path) and not _has_data(place, name):
            log("INFO", f"Channel '{name}': no file of it is on host {host}")
            return NO_RECORDS
        records = read_channel(
            place,
            name,
            hyperparameters,
            vocabularies,
            log,
            space=space,
            may_be_empty=is_sharded and isinstance(place, Pipe),
        )
        if not len(records):
            log("INFO", f"Channel '{name}': nothing of it came through the pipe on host {host}")
            return NO_RECORDS
        listen(events.ChannelRead(name, len(records), started, time.time()))
        return records

    def part_of(name: str, place: Place) -> PairRecords:
        records = records_of(name, place)
        if name not in channels.sharded:
            return own_part(records, hosts, space)
        if not any(hosts.gather(len(records))):
            told = f"at {place.path}" if isinstance(place, Pipe) else f"below {place}"
            raise ClientError(
                f"Channel '{name}': there is no record on any of the {len(hosts.names)} hosts. "
                f"Looked on this one {told}."
            )
        return records

    space = ArraySpace.from_variables(os.environ)
    vocabularies = _read_vocabularies(hyperparameters, channels, log)
    vectors = _read_vectors(hyperparameters, channels, vocabularies, log)
    found = JobInput(
        vocabularies,
        vectors,
        part_of("train", channels.train),
        part_of("validation", channels.validation) if channels.validation else None,
        records_of("test", channels.test) if channels.test and hosts.rank == 0 else None,
    )
    _log_files(space, log)
    return found


def _log_files(space: ArraySpace, log: Log) -> None:
    """Say how much of the records stands in files, and warn where those are in memory."""
    if not space.file_bytes:
        return
    told = (
        f"{space.file_bytes / MEBIBYTE:,.0f} MiB of the records stand in files in {space.folder}, "
        "as they exceed their share of memory"
    )
    if space.files_are_in_memory:
        log(
            "WARNING",
            f"{told}; but that folder is in memory too (tmpfs). Name one on a disk in "
            f"{FOLDER_VARIABLE}.",
        )
    else:
        log("INFO", told)


def _has_data(folder: Path, name: str) -> bool:
    return folder.exists() and bool(find_files(folder, name).data)


def _auxiliary_file(channels: Channels, hyperparameter: str, name: str) -> Path:
    if channels.auxiliary is None:
        raise ClientError(
            f"Hyperparameter {hyperparameter} is '{name}', but there is no channel 'auxiliary' to "
            "find it in. Give the job that channel, with the file in it."
        )
    return channels.auxiliary / name


def _read_vocabularies(
    hyperparameters: Hyperparameters, channels: Channels, log: Log
) -> tuple[Vocabulary | None, Vocabulary | None]:
    found: list[Vocabulary | None] = []
    for side, encoder in zip(("enc0", "enc1"), hyperparameters.encoders, strict=True):
        vocabulary = None
        if encoder.vocab_file is not None:
            path = _auxiliary_file(channels, f"{side}_vocab_file", encoder.vocab_file)
            vocabulary = Vocabulary.read(path, encoder.vocab_size, side)
            for note in vocabulary.notes:
                log("WARNING", note)
        found.append(vocabulary)
    return found[0], found[1]


def _read_vectors(
    hyperparameters: Hyperparameters,
    channels: Channels,
    vocabularies: tuple[Vocabulary | None, Vocabulary | None],
    log: Log,
) -> tuple[TokenVectors | None, TokenVectors | None]:
    found: list[TokenVectors | None] = []
    for side, encoder, vocabulary in zip(
        ("enc0", "enc1"), hyperparameters.encoders, vocabularies, strict=True
    ):
        vectors = None
        if encoder.pretrained_embedding_file is not None and vocabulary is not None:
            name = f"{side}_pretrained_embedding_file"
            # A pooled encoder's token dimension is the encoding's.
            pooled = encoder.network == "pooled_embedding"
            dimension_name = "enc_dim" if pooled else f"{side}_token_embedding_dim"
            path = _auxiliary_file(channels, name, encoder.pretrained_embedding_file)
            vectors = read_vectors(
                path, vocabulary, encoder.token_embedding_dim, name, dimension_name
            )
            log(
                "INFO",
                f"{name}: {len(vectors.ids)} of {len(vocabulary)} tokens of {side}_vocab_file got "
                f"a vector from {vectors.lines_read} lines; the others keep random initial values; "
                + ("frozen" if encoder.freeze_pretrained_embedding else "trained further"),
            )
        found.append(vectors)
    return found[0], found[1]
