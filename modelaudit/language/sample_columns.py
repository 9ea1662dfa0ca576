"""Sequences of samples that are kept as columns: an item is made when somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

from .text_column import TextColumn

Item = TypeVar("Item")


class SampleColumns(Sequence[Item], Generic[Item]):
    """[n] samples: a :class:`TextColumn` for each field of text, and one for each column of the data.

    A subclass says what an item is: ``make`` of its fields, ``texts`` that are text, ``others`` that are not.
    Indexing and iterating give items, as a list of them would; hot paths read :meth:`column` and :meth:`attribute`.
    """

    make: ClassVar[Callable[..., Any]]
    texts: ClassVar[tuple[str, ...]]
    others: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        columns: Mapping[str, TextColumn],
        attributes: Mapping[str, TextColumn],
        others: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        """
        Args:
            columns: by field, of :attr:`texts`.
            attributes: by name, None where a sample does not have that column.
            others: by field, of :attr:`others`.
        """
        self._columns = {name: columns[name] for name in self.texts}
        self._attributes = {name: found for name, found in attributes.items() if not found.absent.all()}
        self._others = {name: (others or {})[name] for name in self.others}

    @classmethod
    def of(cls, items: Iterable[Any]) -> Self:
        """The columns of these items."""
        if isinstance(items, cls):
            return items
        every = items if isinstance(items, Sequence) else list(items)
        names = dict.fromkeys(name for one in every for name in one.columns)
        return cls(
            {field: TextColumn.of(getattr(one, field) for one in every) for field in cls.texts},
            {name: TextColumn.of(one.columns.get(name) for one in every) for name in names},
            {field: [getattr(one, field) for one in every] for field in cls.others},
        )

    def first(self, count: int, **columns: TextColumn) -> Self:
        """The first of them, with other texts in these fields."""
        return type(self)(
            {name: columns.get(name, found[:count]) for name, found in self._columns.items()},
            {name: found[:count] for name, found in self._attributes.items()},
            {name: found[:count] for name, found in self._others.items()},
        )

    def column(self, field: str) -> TextColumn:
        """[n]: a field of text of each sample."""
        return self._columns[field]

    def attribute(self, name: str) -> TextColumn:
        """[n]: what stands in the column of that name of the data."""
        found = self._attributes.get(name)
        return TextColumn.of([None] * len(self)) if found is None else found

    def attributes(self) -> Mapping[str, TextColumn]:
        """The columns of the data that some sample has, by name."""
        return self._attributes

    def other(self, field: str) -> Sequence[Any]:
        """[n]: a field that is not text."""
        return self._others[field]

    def __len__(self) -> int:
        return len(self._columns[self.texts[0]])

    @overload
    def __getitem__(self, at: int) -> Item: ...
    @overload
    def __getitem__(self, at: slice) -> list[Item]: ...
    def __getitem__(self, at: int | slice) -> Item | list[Item]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        held = {name: found[at] for name, found in self._columns.items()}
        held |= {name: found[at] for name, found in self._others.items()}
        data = {name: value for name, found in self._attributes.items() if (value := found[at]) is not None}
        made: Item = type(self).make(**held, columns=data)
        return made

    def __iter__(self) -> Iterator[Item]:
        fields = [*self._columns, *self._others]
        names = list(self._attributes)
        rows = zip(*self._columns.values(), *self._others.values(), *self._attributes.values(), strict=True)
        for row in rows:
            data = {name: value for name, value in zip(names, row[len(fields) :], strict=True) if value is not None}
            yield type(self).make(**dict(zip(fields, row, strict=False)), columns=data)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        if type(self) is type(other):
            return self._parts() == other._parts()
        return len(self) == len(other) and all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as a list

    def _parts(self) -> tuple[dict[str, Any], ...]:
        return self._columns, self._attributes, {name: list(found) for name, found in self._others.items()}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} samples)"
