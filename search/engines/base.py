"""What every search engine can do, and the values that go in and out.

An engine stores rows of :class:`~search.documents.SearchDocument` with the terms that ``search.analysis``
made of them, and answers queries made of such terms, so that two engines match alike. It never decides who
may see what: each call brings a :class:`View`, and rows outside it are absent from hits, counts, facets,
suggestions and corrections.
"""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from search.documents import Reach, SearchDocument


class SearchUnavailable(Exception):
    """The engine cannot answer now; the message names the part and the remedy, never a query."""


class SearchBusy(SearchUnavailable):
    """Another change holds the index and the patience for it ran out; the same call succeeds later."""


class RebuildOvertaken(SearchUnavailable):
    """Another rebuild finished while this one ran; its result stands."""


class AbsenceNotProven(Exception):
    """Something of a withdrawn work is still in the index; the message says where, never what."""


@dataclass(slots=True)
class Patience:
    """How many seconds some calls of an engine may wait, all together, for the changes of others.

    An engine takes off what each of them waited. Where nobody has set a patience, as in jobs and commands, it waits
    as long as suits work that nobody sits in front of.
    """

    left: float

    @property
    def over(self) -> bool:
        """Nothing is left: the next call may only try."""
        return self.left <= 0


_patience: ContextVar[Patience | None] = ContextVar("search_patience", default=None)


def patience() -> Patience | None:
    """The patience that calls made here share, or None where they may take their time."""
    return _patience.get()


def set_patience(shared: Patience | None) -> None:
    """From here on in this thread, calls share this patience; None: they may take their time."""
    _patience.set(shared)


@contextlib.contextmanager
def waiting_at_most(seconds: float) -> Iterator[Patience]:
    """Within the block, all calls of engines together wait at most so long; then they raise :class:`SearchBusy`."""
    shared = Patience(seconds)
    token = _patience.set(shared)
    try:
        yield shared
    finally:
        _patience.reset(token)


@dataclass(frozen=True, slots=True)
class View:
    """What one viewer may see at one moment.

    Attributes:
        reach: the viewer's stands.
        hidden: works left out entirely, because a change of theirs is not applied yet.
        now: POSIX seconds, compared with each row's ``not_after``.
    """

    reach: Reach
    now: float
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Alternative:
    """Terms in sequence; with ``prefix`` the last is only a beginning.

    ``languages`` are those whose analysis makes these terms of what was typed (None: every one). German
    cuts “hunger” to “hung”; an English passage that hangs something must not be found for it.
    """

    terms: tuple[str, ...]
    prefix: bool = False
    languages: frozenset[str] | None = None

    def holds_in(self, language: str) -> bool:
        """Whether passages of ``language`` are looked through for these terms."""
        return self.languages is None or language in self.languages


@dataclass(frozen=True, slots=True)
class Condition:
    """Satisfied when any alternative occurs in a passage: a word as each language would stem it."""

    alternatives: tuple[Alternative, ...]
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Filters:
    """Values to keep to (any of a field's, all fields) or to leave out, and a span of years."""

    kept: Mapping[str, frozenset[str]] = field(default_factory=dict)
    left_out: Mapping[str, frozenset[str]] = field(default_factory=dict)
    year_from: int | None = None
    year_to: int | None = None


@dataclass(frozen=True, slots=True)
class EngineQuery:
    """What is asked of an engine; no condition at all lists every work, newest first.

    All conditions hold in one passage, or with ``across`` anywhere among the visible passages of one work.
    """

    conditions: tuple[Condition, ...] = ()
    filters: Filters = Filters()
    offset: int = 0
    limit: int = 20
    passages: int = 3
    across: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """A stored row to show."""

    key: str
    text: str
    language: str
    anchor: str = ""
    start_ms: int | None = None
    end_ms: int | None = None
    is_title: bool = False


@dataclass(frozen=True, slots=True)
class WorkHit:
    """A work with its best passages.

    ``matches`` counts all of its matching, visible passages; ``key`` names the row whose title is shown.
    """

    work: str
    type: str
    title: str
    language: str
    passages: tuple[Passage, ...]
    matches: int
    key: str


@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """``total`` counts works; ``facets`` gives (value, works) per field, most works first."""

    total: int
    works: tuple[WorkHit, ...]
    facets: dict[str, list[tuple[str, int]]]


@dataclass(frozen=True, slots=True)
class Stats:
    """Size and state of an index."""

    works: int
    passages: int
    analyser: str
    generation: int


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuild put into the index and how long it took."""

    works: int
    passages: int
    seconds: float


@dataclass(frozen=True, slots=True)
class AbsenceProof:
    """The result of looking for a removed work's words in what the engine stores.

    ``leftovers`` counts the places where something of the work was still found; ``problems`` says where.
    """

    work: str
    words_checked: int
    bytes_scanned: int
    leftovers: int
    problems: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Nothing of the work is left."""
        return self.leftovers == 0


DocumentsOf = Callable[[str], Iterable[SearchDocument]]


class Engine(abc.ABC):
    """One search engine. Writes are whole works; ``sequence`` orders changes of one work (see the outbox).

    Every call that must wait for another's change draws on :func:`patience` and raises :class:`SearchBusy` when that
    is used up.
    """

    name: str

    def exists(self) -> bool:
        """Whether there is an index already; asking makes none."""
        return True

    @abc.abstractmethod
    def replace(self, work: str, documents: Iterable[SearchDocument], sequence: int | None = None) -> bool:
        """Make the index hold exactly ``documents`` for ``work``.

        Returns False, changing nothing, when a change with an equal or later ``sequence`` was applied before.
        """

    def replace_many(self, changes: Iterable[tuple[str, Iterable[SearchDocument], int | None]]) -> None:
        """Apply changes (work, its documents, sequence) as :meth:`replace` does; an engine may do all in one step.

        Each work occurs once. When something is raised, any of them may be applied or not.
        """
        for work, documents, sequence in changes:
            self.replace(work, documents, sequence)

    def remove(self, work: str, sequence: int | None = None) -> bool:
        """Take every row of ``work`` out of the index; see :meth:`replace` for ``sequence``."""
        return self.replace(work, (), sequence)

    def index(self, documents: Iterable[SearchDocument]) -> int:
        """Replace every work that occurs in ``documents`` (rows of one work together); returns the number of works."""
        works = 0
        for work, rows in _by_work(documents):
            self.replace(work, rows)
            works += 1
        return works

    @abc.abstractmethod
    def rebuild(self, works: Iterable[str], documents_of: DocumentsOf, *, processes: int = 0) -> RebuildReport:
        """Build a new index of ``works`` beside the old one and put it in its place in one step.

        Readers and writers go on meanwhile; works changed in between are read again before the swap.
        ``processes`` > 0 analyses in that many child processes.
        """

    @abc.abstractmethod
    def search(self, query: EngineQuery, view: View) -> EngineAnswer:
        """Answer a query from the visible rows."""

    @abc.abstractmethod
    def suggest(self, beginning: str, view: View, limit: int = 8) -> list[str]:
        """Titles and words of visible works that begin like this, as their texts spell them."""

    @abc.abstractmethod
    def corrections(self, word: str, view: View, limit: int = 3) -> list[str]:
        """Visible words within a small edit distance of ``word``, nearest and most frequent first."""

    @abc.abstractmethod
    def values(self, field: str, view: View) -> set[str]:
        """Values of a facet on visible rows."""

    @abc.abstractmethod
    def languages(self) -> tuple[str, ...]:
        """Languages that occur in the index; a query is analysed in each."""

    @abc.abstractmethod
    def works(self) -> set[str]:
        """Every work in the index, visible or not (for comparing with the publications)."""

    @abc.abstractmethod
    def keys_of(self, work: str) -> set[str]:
        """Keys of the rows stored for ``work``."""

    @abc.abstractmethod
    def stats(self) -> Stats:
        """Counts and versions; raises :class:`SearchUnavailable`."""

    @abc.abstractmethod
    def verify(self) -> list[str]:
        """Internal contradictions in words; empty when the store is sound."""

    @abc.abstractmethod
    def prove_absence(self, work: str, texts: Iterable[str] = ()) -> AbsenceProof:
        """Remove ``work`` for good and look for its words in everything the engine stores.

        ``texts``: what the work said, when its rows are already out of the index: each of them is looked for.
        """


def _by_work(documents: Iterable[SearchDocument]) -> Iterator[tuple[str, list[SearchDocument]]]:
    rows: dict[str, list[SearchDocument]] = {}
    for document in documents:
        rows.setdefault(document.work, []).append(document)
    yield from rows.items()
