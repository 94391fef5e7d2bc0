"""Depth maps as a sequence on disk: only the last few are in memory, so memory does not grow with the set."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload

Item = TypeVar("Item")

#: Maps kept in memory: a photograph, its ten voters and some to come.
KEPT = 16


class OnDisk(Sequence[Item], Generic[Item]):
    """`load(i)` for i in 0 … count - 1, remembered for the last `kept` of them."""

    def __init__(self, count: int, load: Callable[[int], Item], kept: int = KEPT) -> None:
        self._count = count
        self._load = load
        self._kept = kept
        self._memory: OrderedDict[int, Item] = OrderedDict()

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(self._count))]
        position = index + self._count if index < 0 else index
        if not 0 <= position < self._count:
            raise IndexError(index)
        if position in self._memory:
            self._memory.move_to_end(position)
            return self._memory[position]
        item = self._load(position)
        self._memory[position] = item
        while len(self._memory) > self._kept:
            self._memory.popitem(last=False)
        return item

    def __iter__(self) -> Iterator[Item]:
        return (self[index] for index in range(self._count))
