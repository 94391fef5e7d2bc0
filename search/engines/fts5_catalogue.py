"""Profiles of the embedded index, kept in the memory of each process.

Who may see a row, which filters it passes and what it counts for in the facets depends on its profile
alone, and there are few profiles to many rows. So a query asks SQLite only for ids and ranks; everything
else happens here, on Python dictionaries, at some ten million steps a second instead of as many joins.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from search.documents import period_of
from search.engines.base import Filters, View
from search.engines.fts5_store import PROFILE_COLUMNS, Store, sql


@dataclass(slots=True, eq=False)
class Profile:
    """One profile row. ``stands`` is a bit mask, ``values`` are numbers of (field, value) pairs."""

    number: int
    work: str
    group: str
    stands: int
    type: str
    language: str
    title: str
    values: tuple[int, ...]
    year_from: int | None
    year_to: int | None
    published_at: float
    not_after: float | None


@dataclass(slots=True)
class Selection:
    """Profiles that are visible and pass the filters, and those that miss by one field alone."""

    profiles: list[Profile]
    #: Per filtered field: visible profiles that pass every other filter; their works count in that facet.
    missed: dict[str, list[Profile]]


class Catalogue:
    """The profiles of one set of tables, up to one change."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.sequence = 0
        self.profiles: dict[int, Profile] = {}
        self.languages: Counter[str] = Counter()
        self._of_work: dict[str, list[int]] = {}
        self._stands: dict[str, int] = {}
        self._pairs: list[tuple[str, str]] = []
        self._pair_numbers: dict[tuple[str, str], int] = {}
        self._facet_memo: dict[tuple[object, ...], tuple[int, ...]] = {}
        self._stand_memo: dict[str, int] = {}

    # --- keeping up with the file -------------------------------------------------------------------

    def load(self, connection: sqlite3.Connection, sequence: int) -> None:
        """Read every profile."""
        self._add(connection.execute(sql(f"SELECT {PROFILE_COLUMNS} FROM profile_@", self.epoch)))  # noqa: S608 - a constant
        self.sequence = sequence

    def catch_up(self, connection: sqlite3.Connection, sequence: int) -> None:
        """Read the profiles of works changed since the last time."""
        changed = connection.execute("SELECT DISTINCT work FROM change WHERE sequence > ?", (self.sequence,)).fetchall()
        for (work,) in changed:
            for number in self._of_work.pop(work, ()):
                self.languages[self.profiles.pop(number).language] -= 1
        for (work,) in changed:
            self._add(
                connection.execute(
                    sql(f"SELECT {PROFILE_COLUMNS} FROM profile_@ WHERE work = ?", self.epoch),  # noqa: S608 - a constant
                    (work,),
                )
            )
        self.sequence = sequence

    def _add(self, rows: Iterable[tuple]) -> None:  # type: ignore[type-arg]  # columns as PROFILE_COLUMNS names them
        for number, work, group, stands, kind, language, title, facets, first, last, published, not_after in rows:
            memo_key = (facets, kind, language, first, last)
            values = self._facet_memo.get(memo_key)
            if values is None:
                values = self._facet_memo[memo_key] = self._values(facets, kind, language, first, last)
            mask, since = self._mask(stands), published or 0.0
            self.profiles[number] = Profile(
                number, work, group, mask, kind, language, title, values, first, last, since, not_after
            )
            self._of_work.setdefault(work, []).append(number)
            self.languages[language] += 1

    def _mask(self, stands: str) -> int:
        mask = self._stand_memo.get(stands)
        if mask is None:
            mask = 0
            for stand in json.loads(stands):
                mask |= 1 << self._stands.setdefault(stand, len(self._stands))
            self._stand_memo[stands] = mask
        return mask

    def _values(self, facets: str, kind: str, language: str, first: int | None, last: int | None) -> tuple[int, ...]:
        by_field: dict[str, Iterable[str]] = {**json.loads(facets), "type": (kind,), "language": (language,)}
        by_field.setdefault("period", period_of(first, last))
        return tuple(sorted({self._pair(name, value) for name, values in by_field.items() for value in values}))

    def _pair(self, name: str, value: str) -> int:
        number = self._pair_numbers.get((name, value))
        if number is None:
            number = self._pair_numbers[name, value] = len(self._pairs)
            self._pairs.append((name, value))
        return number

    # --- answering --------------------------------------------------------------------------------

    def visible(self, profiles: Iterable[Profile], view: View) -> list[Profile]:
        """Those that the viewer may see now."""
        reach, hidden, now = view.reach, view.hidden, view.now
        default = self._bit(reach.default)
        if not reach.by_group and not reach.by_work:
            if not default:
                return []
            seen = [profile for profile in profiles if profile.stands & default]
        else:
            of_group = {group: self._bit(stand) for group, stand in reach.by_group.items() if stand}
            of_work = {work: self._bit(stand) for work, stand in reach.by_work.items() if stand}
            seen = [
                profile
                for profile in profiles
                if profile.stands
                & (of_group[profile.group] if profile.group in of_group else of_work.get(profile.work, default))
            ]
        return [
            profile
            for profile in seen
            if (profile.not_after is None or profile.not_after > now) and profile.work not in hidden
        ]

    def _bit(self, stand: str) -> int:
        return 1 << self._stands[stand] if stand in self._stands else 0

    def select(self, visible: list[Profile], filters: Filters) -> Selection:
        """Apply filters; see :class:`Selection`."""
        kept = {name: self._numbers(name, wanted) for name, wanted in filters.kept.items() if wanted}
        left_out = frozenset().union(*(self._numbers(name, unwanted) for name, unwanted in filters.left_out.items()))
        if left_out:
            visible = [profile for profile in visible if left_out.isdisjoint(profile.values)]
        if filters.year_from is not None or filters.year_to is not None:
            first = filters.year_from if filters.year_from is not None else -(10**9)
            last = filters.year_to if filters.year_to is not None else 10**9
            visible = [profile for profile in visible if _overlaps(profile, first, last)]
        if not kept:
            return Selection(visible, {})
        passing: list[Profile] = []
        missed: dict[str, list[Profile]] = {name: [] for name in kept}
        for profile in visible:
            failing = [name for name, numbers in kept.items() if numbers.isdisjoint(profile.values)]
            if not failing:
                passing.append(profile)
            elif len(failing) == 1:
                missed[failing[0]].append(profile)
        return Selection(passing, missed)

    def _numbers(self, name: str, wanted: frozenset[str]) -> frozenset[int]:
        if name != "language":
            return frozenset(self._pair_numbers[name, value] for value in wanted if (name, value) in self._pair_numbers)
        # "sr" keeps "sr-Cyrl" and "sr-Latn" too; a longer tag keeps only itself and its own refinements.
        lower = tuple(value.lower() for value in wanted)
        dashed = tuple(f"{value}-" for value in lower)
        return frozenset(
            number
            for (pair_name, value), number in self._pair_numbers.items()
            if pair_name == "language" and (value.lower() in lower or value.lower().startswith(dashed))
        )

    def facets(self, selection: Selection) -> dict[str, list[tuple[str, int]]]:
        """Works per value, most first; a filtered field counts as if it were not filtered, so one can widen it."""
        counts = self._count(selection.profiles)
        facets: dict[str, list[tuple[str, int]]] = {}
        for name in sorted({name for name, _value in self._pairs}):
            own = self._count(chain(selection.profiles, selection.missed[name])) if name in selection.missed else counts
            values = [
                (self._pairs[number][1], count) for number, count in own.items() if self._pairs[number][0] == name
            ]
            if values:
                facets[name] = sorted(values, key=lambda pair: (-pair[1], pair[0]))
        return facets

    def values(self, name: str, profiles: Iterable[Profile]) -> set[str]:
        """Values of a facet on these profiles."""
        numbers = set(chain.from_iterable(profile.values for profile in profiles))
        return {value for number in numbers for field, value in (self._pairs[number],) if field == name}

    @staticmethod
    def _count(profiles: Iterable[Profile]) -> Counter[int]:
        of_work: dict[str, tuple[int, ...]] = {}
        for profile in profiles:
            known = of_work.setdefault(profile.work, profile.values)
            if known is not profile.values:
                of_work[profile.work] = tuple({*known, *profile.values})
        return Counter(chain.from_iterable(of_work.values()))


def _overlaps(profile: Profile, first: int, last: int) -> bool:
    start = profile.year_from if profile.year_from is not None else profile.year_to
    end = profile.year_to if profile.year_to is not None else profile.year_from
    return start is not None and end is not None and start <= last and end >= first


class Catalogues:
    """This process's catalogues of one file: the answering set's, and the one before for readers still in it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._kept: dict[int, Catalogue] = {}

    def at(self, connection: sqlite3.Connection, epoch: int) -> Catalogue:
        """The catalogue of the caller's snapshot, or a newer state of the same set."""
        sequence = self._store.last_change(connection)
        catalogue = self._kept.get(epoch)
        if catalogue is not None and catalogue.sequence >= sequence:
            return catalogue
        with self._lock:
            catalogue = self._kept.get(epoch)
            if catalogue is not None and catalogue.sequence >= sequence:
                return catalogue
            oldest = connection.execute("SELECT min(sequence) FROM change").fetchone()[0]
            if catalogue is not None and oldest is not None and oldest <= catalogue.sequence + 1:
                catalogue.catch_up(connection, sequence)
                return catalogue
            catalogue = Catalogue(epoch)
            catalogue.load(connection, sequence)
            self._kept[epoch] = catalogue
            for old in sorted(self._kept)[:-2]:
                del self._kept[old]
            return catalogue
