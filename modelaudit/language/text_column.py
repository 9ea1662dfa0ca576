"""Texts of many samples in little memory: codes where few differ, else their bytes one after the other."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, overload

import numpy as np
from numpy.typing import NDArray

#: so many different texts are kept as codes; beyond, as bytes
MOST_CODED = 2**16
#: texts that are decoded together
_CHUNK = 2**14


class TextColumn(Sequence[str | None]):
    """[n] texts, None where a sample has none; nobody changes it.

    Either ``names[codes]``, where few texts differ, or UTF-8 in one piece: text i is ``content[ends[i]:ends[i + 1]]``,
    and ``absent`` says where there is none.
    """

    __slots__ = ("_absent", "_codes", "_content", "_ends", "_names")

    def __init__(
        self,
        *,
        names: Sequence[str] = (),
        codes: NDArray[np.int64] | None = None,
        content: bytes = b"",
        ends: NDArray[np.int64] | None = None,
        absent: NDArray[np.bool_] | None = None,
    ) -> None:
        self._names, self._codes = names, codes
        self._content, self._ends, self._absent = content, ends, absent

    @classmethod
    def of(cls, texts: Iterable[str | None]) -> TextColumn:
        """The column of these texts, each read once."""
        if isinstance(texts, TextColumn):
            return texts
        known: dict[str, int] = {}
        codes, source = array("q"), iter(texts)
        for text in source:
            codes.append(-1 if text is None else known.setdefault(text, len(known)))
            if len(known) > MOST_CODED:
                return cls._packed(known, codes, source)
        return cls(names=tuple(known), codes=np.array(codes, dtype=np.int64))

    @classmethod
    def _packed(cls, known: dict[str, int], codes: array[int], rest: Iterator[str | None]) -> TextColumn:
        names, content, ends, absent = list(known), bytearray(), array("q", [0]), bytearray()

        def every() -> Iterator[str | None]:
            yield from (None if code < 0 else names[code] for code in codes)
            yield from rest

        for text in every():
            content += b"" if text is None else text.encode("utf-8", "surrogatepass")
            ends.append(len(content))
            absent.append(text is None)
        return cls(
            content=bytes(content),
            ends=np.array(ends, dtype=np.int64),
            absent=np.frombuffer(bytes(absent), dtype=np.bool_),
        )

    def __len__(self) -> int:
        if self._codes is not None:
            return int(self._codes.size)
        return 0 if self._ends is None else int(self._ends.size) - 1

    @overload
    def __getitem__(self, at: int) -> str | None: ...
    @overload
    def __getitem__(self, at: slice) -> TextColumn: ...
    def __getitem__(self, at: int | slice) -> str | TextColumn | None:
        if isinstance(at, slice):
            return self._part(at)
        if self._codes is not None:
            code = int(self._codes[at])
            return None if code < 0 else self._names[code]
        if not -len(self) <= at < len(self):
            raise IndexError(f"text {at} of {len(self)}")
        assert self._ends is not None and self._absent is not None
        row = at + len(self) if at < 0 else at
        return None if self._absent[row] else _decoded(self._content[self._ends[row] : self._ends[row + 1]])

    def _part(self, at: slice) -> TextColumn:
        if self._codes is None:
            return TextColumn.of([self[one] for one in range(*at.indices(len(self)))])
        codes = self._codes[at]
        met, first, numbers = np.unique(codes, return_index=True, return_inverse=True)
        order = np.argsort(first)
        order = order[met[order] >= 0]
        places = np.full(met.size, -1, dtype=np.int64)
        places[order] = np.arange(order.size)
        return TextColumn(names=[self._names[code] for code in met[order].tolist()], codes=places[numbers.reshape(-1)])

    def __iter__(self) -> Iterator[str | None]:
        for first in range(0, len(self), _CHUNK):
            if self._codes is not None:
                yield from [
                    None if code < 0 else self._names[code] for code in self._codes[first : first + _CHUNK].tolist()
                ]
                continue
            assert self._ends is not None and self._absent is not None
            ends, content = self._ends[first : first + _CHUNK + 1].tolist(), self._content
            for row, absent in enumerate(self._absent[first : first + _CHUNK].tolist()):
                yield None if absent else _decoded(content[ends[row] : ends[row + 1]])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as a list

    def __repr__(self) -> str:
        return f"TextColumn({len(self)} texts)"

    @property
    def absent(self) -> NDArray[np.bool_]:
        """[n] bool: where there is none."""
        if self._codes is not None:
            return np.asarray(self._codes < 0)
        return np.zeros(0, dtype=np.bool_) if self._absent is None else self._absent

    def equal(self, text: str) -> NDArray[np.bool_]:
        """[n] bool: where it is `text`."""
        if self._codes is not None:
            return self.among((text,))
        return np.fromiter((one == text for one in self), dtype=np.bool_, count=len(self))

    def among(self, texts: Iterable[str]) -> NDArray[np.bool_]:
        """[n] bool: where it is one of `texts`."""
        wanted = set(texts)
        if self._codes is None:
            return np.fromiter((one in wanted for one in self), dtype=np.bool_, count=len(self))
        inside = np.array([*(name in wanted for name in self._names), False], dtype=np.bool_)
        return np.asarray(inside[self._codes])

    def codes(self) -> NDArray[np.int64]:
        """[n] int64: a number for each text by where it is first met, -1 for none."""
        return self.coded()[1]

    def coded(self) -> tuple[Sequence[str], NDArray[np.int64]]:
        """The texts that occur, in the order in which they are first met, and [n] int64: the number of each."""
        if self._codes is not None:
            return self._names, self._codes
        known: dict[str, int] = {}
        codes = np.fromiter(
            (-1 if text is None else known.setdefault(text, len(known)) for text in self),
            dtype=np.int64,
            count=len(self),
        )
        return list(known), codes

    def distinct(self) -> set[str]:
        """The texts that occur."""
        if self._codes is not None:
            return set(self._names)
        return {one for one in self if one is not None}

    def counted(self) -> dict[str, int]:
        """How often each text occurs, in their order."""
        names, codes = self.coded()
        counts = np.bincount(codes[codes >= 0], minlength=len(names)).tolist()
        return dict(sorted(zip(names, counts, strict=True)))


def _decoded(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")


class HasColumns(Protocol):
    """A sequence that keeps a field of its items as a column."""

    def column(self, field: str) -> TextColumn: ...


def column_of_texts(items: Sequence[object] | HasColumns, field: str) -> TextColumn:
    """[n]: what stands in a field of each item, as kept, else read off the items."""
    kept = getattr(items, "column", None)
    if kept is not None:
        found: TextColumn = kept(field)
        return found
    return TextColumn.of(getattr(one, field) for one in items)  # type: ignore[union-attr]


def attribute_names(items: Sequence[object] | HasColumns) -> list[str]:
    """The columns of the data that some item has."""
    kept = getattr(items, "attributes", None)
    if kept is not None:
        return list(kept())
    return list(dict.fromkeys(name for one in items for name in one.columns))  # type: ignore[union-attr]


def column_of_attribute(items: Sequence[object] | HasColumns, name: str) -> TextColumn:
    """[n]: what stands in the column of that name of the data, which samples hold in ``columns``."""
    kept = getattr(items, "attribute", None)
    if kept is not None:
        found: TextColumn = kept(name)
        return found
    return TextColumn.of(one.columns.get(name) for one in items)  # type: ignore[union-attr]
