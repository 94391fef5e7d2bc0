"""Where searchable works come from: each room with works of its own registers one source when it starts.

The leaf imports nothing of ours. What it must know about works (which there are, what they say, what still stands,
what a facet's value is called, where a page is) it asks the sources, and what a reader may write before a colon it
takes from their facets. So a room with a new kind of work changes no line here.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

from search.documents import Reach, SearchDocument
from search.query import OWN_FIELDS, YEAR

#: Facets that every document has, whoever hands it in; each source names the values of its own documents.
SHARED_FACETS = frozenset(OWN_FIELDS.values())
#: What the query language can read before a colon.
_QUERY_NAME = re.compile("[a-z]+")


@dataclass(frozen=True, slots=True)
class Facet:
    """A facet of a source's documents.

    Attributes:
        name: under which documents carry its values.
        query_names: what a reader may write before the colon; none, and it can be neither typed nor chosen.
    """

    name: str
    query_names: tuple[str, ...] = ()


class Source(abc.ABC):
    """The works of one room. Two sources may share a facet, never a type or the id of a work."""

    name: str
    #: Types of its documents; what stands under them, and where, this source alone is asked.
    types: Collection[str]
    #: Its facets apart from those that every document has (type, language, period).
    facets: tuple[Facet, ...] = ()

    @abc.abstractmethod
    def all_works(self) -> Iterable[str]:
        """Ids of every work that has publications."""

    @abc.abstractmethod
    def documents_of(self, work: str) -> Iterable[SearchDocument]:
        """Every row of a work as published now; none when it is not published or is no work of this source."""

    @abc.abstractmethod
    def still_published(self, keys: Collection[str]) -> set[str]:
        """Of some rows' keys, those that may be shown at this moment."""

    @abc.abstractmethod
    def labels_of(
        self, values: Mapping[str, Collection[str]], reach: Reach, language: str
    ) -> Mapping[tuple[str, str], str]:
        """What a reader sees for values of facets, by (facet, value), for all of a page in one question.

        A name comes from what stands on the rung of ``reach``, never from another. A value without a name there is
        left out, and shown as it is.
        """

    @abc.abstractmethod
    def url_of(self, kind: str, work: str, language: str) -> str:
        """Address of the work's page in this language of the interface."""


_registered: dict[str, Source] = {}


def register(source: Source) -> None:
    """Take in a room's source; what clashes with another is refused, so that none is replaced in silence."""
    if source.name in _registered:
        raise ImproperlyConfigured(f"A search source “{source.name}” is registered already.")
    fields = {YEAR: YEAR, **OWN_FIELDS}
    for other in _registered.values():
        if shared := sorted(set(other.types) & set(source.types)):
            raise ImproperlyConfigured(f"Search sources “{other.name}” and “{source.name}” share types: {shared}.")
        fields |= _fields_of(other)
    for name, facet in _fields_of(source).items():
        if not _QUERY_NAME.fullmatch(name):
            raise ImproperlyConfigured(f"“{name}:” cannot be typed; a facet's query name has letters a to z only.")
        if fields.get(name, facet) != facet:
            raise ImproperlyConfigured(f"“{name}:” means the facet “{fields[name]}” already, not “{facet}”.")
    _registered[source.name] = source


def _fields_of(source: Source) -> dict[str, str]:
    return {name: facet.name for facet in source.facets for name in facet.query_names}


def every() -> tuple[Source, ...]:
    """The sources in the order of their registration.

    Raises ``ImproperlyConfigured`` when there is none: an index brought up to date with no source would be emptied.
    """
    if not _registered:
        raise ImproperlyConfigured("Search has no source: a room must call search.sources.register() when it starts.")
    return tuple(_registered.values())


def fields() -> dict[str, str]:
    """Names that a reader may write before the colon, and the facets they mean."""
    known = dict(OWN_FIELDS)
    for source in every():
        known |= _fields_of(source)
    return known


def all_works() -> Iterator[str]:
    """Ids of every work of every source."""
    for source in every():
        yield from source.all_works()


def documents_of(work: str) -> Iterator[SearchDocument]:
    """Every row of a work as published now; none when no source publishes it."""
    for source in every():
        yield from source.documents_of(work)


def still_published(keys: Mapping[str, Collection[str]]) -> set[str]:
    """Of the rows' keys of each type, those that may be shown at this moment; of a type without a source, none."""
    alive: set[str] = set()
    for source in every():
        if asked := {key for kind, those in keys.items() if kind in source.types for key in those}:
            alive |= source.still_published(asked) & asked
    return alive


def labels_of(values: Mapping[str, Collection[str]], reach: Reach, language: str) -> dict[tuple[str, str], str]:
    """A label for each value of each facet, by (facet, value); the value itself where no source has a name for it."""
    labels: dict[tuple[str, str], str] = {}
    for source in every():
        known = SHARED_FACETS | {facet.name for facet in source.facets}
        asked = {
            facet: left
            for facet, those in values.items()
            if facet in known and (left := [value for value in those if (facet, value) not in labels])
        }
        if asked:
            labels |= {pair: label for pair, label in source.labels_of(asked, reach, language).items() if label}
    return {(facet, value): labels.get((facet, value), value) for facet, those in values.items() for value in those}


def url_of(kind: str, work: str, language: str) -> str:
    """Address of a work's page. Only for what :func:`still_published` let through, so its type has a source."""
    for source in every():
        if kind in source.types:
            return source.url_of(kind, work, language)
    raise ImproperlyConfigured(f"No search source has works of the type “{kind}”.")


def has_source(kind: str) -> bool:
    """Whether works of this type can be shown at all."""
    return any(kind in source.types for source in every())
