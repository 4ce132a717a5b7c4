"""The records of a request: what each asks for, checked, and laid end to end for the network.

A record with both sides asks for scores, one with a single side for its embedding. Records that
are answered alike are gathered into one query; the indices say where their answers belong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from object2vec.data.ragged import RaggedArray
from object2vec.data.record_check import RecordFaultError, SideRules, describe
from object2vec.data.token_ids import to_token_ids
from object2vec.data.vocabulary import Vocabulary
from object2vec.errors import ClientError, shorten
from object2vec.hyperparameters import Hyperparameters

FIELDS = ("in0", "in1")
_EXAMPLE = '{"in0": [10, 7], "in1": [4]}'


class InstanceError(ClientError):
    """One record of a request is not as it must be.

    Attributes:
        record: The record's index in the request, from 0.
        field: The field at fault, or None for the whole record.
    """

    def __init__(self, record: int, field: str | None, problem: str) -> None:
        where = f"record {record}" + (f", field {shorten(field)}" if field else "")
        super().__init__(f"{where}: {problem}")
        self.record = record
        self.field = field


def sides_asked(side: int | None) -> tuple[int, ...]:
    """Return the sides that a query reads: one for its embedding, both (None) for scores."""
    return (0, 1) if side is None else (side,)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """Records of one request that are answered in the same way.

    Attributes:
        side: 0 or 1 for embeddings of that side, None for scores.
        records: (M,), the records' indices in the request, rising.
        rows: M sequences of each side that is asked with: both for scores.
    """

    side: int | None
    records: npt.NDArray[np.int64]
    rows: tuple[RaggedArray, ...]


@dataclass(frozen=True, slots=True)
class InstanceRules:
    """What a request's records may hold.

    Attributes:
        sides: Rules of `in0` and `in1`.
        padding_id: The id that contributes nothing, or None.
        ignores_unknown_ids: Whether an id that is no id counts as padding, and is no error.
    """

    sides: tuple[SideRules, SideRules]
    padding_id: int | None
    ignores_unknown_ids: bool = False

    @classmethod
    def of_model(
        cls,
        hyperparameters: Hyperparameters,
        vocabularies: tuple[Vocabulary | None, Vocabulary | None],
        ignores_unknown_ids: bool = False,
    ) -> "InstanceRules":
        """Return the rules of a saved model."""
        left, right = (
            SideRules(
                field,
                encoder.vocab_size,
                vocabulary,
                f"the model was trained with enc{side}_vocab_size={encoder.vocab_size}; with "
                "OBJECT2VEC_UNKNOWN_IDS=ignore the server takes such ids for padding.",
                f"The model was trained without enc{side}_vocab_file: send integer ids.",
            )
            for side, (field, encoder, vocabulary) in enumerate(
                zip(FIELDS, hyperparameters.encoders, vocabularies, strict=True)
            )
        )
        return cls((left, right), hyperparameters.padding_id, ignores_unknown_ids)

    def read(self, records: Sequence[object], first: int = 0) -> list[Query]:
        """Return what N records ask for.

        Args:
            records: A request's records, or a piece of them.
            first: The index of the piece's first record in the request.

        Raises:
            InstanceError: A record is not as it must be; the first one is named.
        """
        groups: dict[int | None, list[int]] = {}
        queries: list[Query] = []
        faults: list[InstanceError] = []
        try:
            for index, record in enumerate(records, first):
                groups.setdefault(_side_asked(index, record), []).append(index)
        except InstanceError as fault:
            faults.append(fault)
        for side, indices in groups.items():
            try:
                queries.append(self._query(records, side, indices, first))
            except InstanceError as fault:  # Another group's may stand before it.
                faults.append(fault)
        if faults:
            raise min(faults, key=lambda fault: fault.record)
        return queries

    def _query(
        self, records: Sequence[Any], side: int | None, indices: list[int], first: int
    ) -> Query:
        whole = len(indices) == len(records)
        chosen = records if whole else [records[index - first] for index in indices]
        sides = sides_asked(side)
        try:
            rows = tuple(
                self._convert(each, [record[FIELDS[each]] for record in chosen]) for each in sides
            )
        except (ValueError, TypeError, OverflowError):
            rows = self._look_closely(chosen, sides, indices)
        return Query(side, np.array(indices, dtype=np.int64), rows)

    def _convert(self, side: int, rows: Sequence[list[int | str]]) -> RaggedArray:
        # Python takes a boolean for an integer everywhere.
        if bool in set(map(type, chain.from_iterable(rows))):
            raise TypeError
        return to_token_ids(rows, self.sides[side])[0]

    def _look_closely(
        self, records: Sequence[Mapping[str, Any]], sides: Sequence[int], indices: Sequence[int]
    ) -> tuple[RaggedArray, ...]:
        checked: list[list[Any]] = [[] for _ in sides]
        for index, record in zip(indices, records, strict=True):
            for rows, side in zip(checked, sides, strict=True):
                rules = self.sides[side]
                value = record[rules.field]
                try:
                    rows.append(rules.check(self._without_unknown(value, rules)))
                except RecordFaultError as fault:
                    raise InstanceError(index, fault.field, fault.problem) from fault
        return tuple(
            to_token_ids(rows, self.sides[side])[0]
            for rows, side in zip(checked, sides, strict=True)
        )

    def _without_unknown(self, value: Any, rules: SideRules) -> Any:
        if not self.ignores_unknown_ids or not isinstance(value, list):
            return value
        kept = []
        for element in value:
            is_id = isinstance(element, int) and not isinstance(element, bool)
            if not is_id or 0 <= element < rules.vocab_size:
                kept.append(element)
            elif self.padding_id is not None:
                kept.append(self.padding_id)
        return kept


def merge(queries: Sequence[Query]) -> list[Query]:
    """Return one query for each way of asking, of the queries of a request's pieces."""
    groups: dict[int | None, list[Query]] = {}
    for query in queries:
        groups.setdefault(query.side, []).append(query)
    return [
        Query(
            side,
            np.concatenate([query.records for query in group]),
            tuple(
                RaggedArray.concatenate(parts)
                for parts in zip(*(query.rows for query in group), strict=True)
            ),
        )
        for side, group in groups.items()
    ]


def _side_asked(index: int, record: object) -> int | None:
    if not isinstance(record, dict):
        problem = f"{describe(record)}, must be an object such as {_EXAMPLE}."
        raise InstanceError(index, None, problem)
    if "in0" in record:
        return None if "in1" in record else 0
    if "in1" in record:
        return 1
    raise InstanceError(
        index,
        None,
        f"{describe(record)} with neither in0 nor in1: give both for scores, such as {_EXAMPLE}, "
        "or one of them for its embedding.",
    )
