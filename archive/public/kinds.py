"""The kinds of publication, as the public side knows them: one entry a kind, registered by the room that has it.

A room gives an entry in its ``AppConfig.ready``; addresses, lists, pages, citations, exports, feeds, sitemap and API
then know the kind by this entry alone. The entry knows payloads, never a record; the record side has its own entry
(``archive.record_types``), and the two are joined by the kind's name. Wagtail's ``ActionRegistry`` is the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from django.utils.functional import Promise

    from archive.interchange import Export
    from archive.models.publication import Publication
    from archive.public.passages import Passage


@dataclass(frozen=True)
class PublicKind:
    """How publications of one kind are addressed, named, listed and shown."""

    #: As it stands in ``Publication.kind`` and ``Record.kind``.
    kind: str
    #: Below ``/<language>/`` and ``/api/v1/``: ``testimonies``.
    segment: str
    #: One of it, several of it, and what the list of it holds.
    one: Promise
    many: Promise
    holds: Promise
    #: The page of one publication.
    page: Callable[[HttpRequest, Publication], HttpResponse]
    #: What a line of a list says beside title, kind and address.
    line: Callable[[Publication], dict[str, Any]]
    #: All that a payload says, for the index and for the proof that nothing is left there.
    passages: Callable[[Mapping[str, Any]], Iterable[Passage]]
    #: Ids by which search narrows it, by facet.
    facets: Callable[[Mapping[str, Any]], Mapping[str, tuple[str, ...]]] = lambda payload: {}
    #: What harvesters may know of it (schema.org), from payload and citation.
    json_ld: Callable[[dict[str, Any], Any], dict[str, Any]] | None = None
    #: Somebody's words or an editor's: counted by language, told of in feeds, shown as new. Else it lives as long as a
    #: publication names it, and lists say in how many.
    work: bool = False
    #: What is said of it in citations: RIS's ``TY``, CSL's ``type``. Without it nothing of the kind is cited in forms.
    cited_as: tuple[str, str] | None = None
    #: Formats it can be downloaded in, by the code that stands in the address.
    exports: Mapping[str, Export] = field(default_factory=dict)
    #: Publications that show the same thing are joined on its page: persons whom two communities describe.
    joined: bool = False


class UnknownKind(LookupError):
    """A kind that no room has registered: a publication of it can be neither addressed nor shown."""


class AlreadyRegistered(ValueError):
    """Two rooms gave an entry for one kind, or two kinds one segment of the address."""


_BY_KIND: dict[str, PublicKind] = {}


def register(entry: PublicKind) -> None:
    """Make a kind known. :raises AlreadyRegistered: when its name or its segment is taken."""
    if entry.kind in _BY_KIND or of_segment(entry.segment) is not None:
        raise AlreadyRegistered(f"{entry.kind} ({entry.segment}) is registered already.")
    _BY_KIND[entry.kind] = entry


def public_kind(kind: str) -> PublicKind:
    """The entry of a kind. :raises UnknownKind: when no room has registered it."""
    try:
        return _BY_KIND[kind]
    except KeyError:
        raise UnknownKind(f"No room has registered the kind {kind!r} (archive/public/kinds.py).") from None


def known(kind: str) -> PublicKind | None:
    """The entry of a kind that comes from outside, or None."""
    return _BY_KIND.get(kind)


def of_segment(segment: str) -> PublicKind | None:
    """The entry whose pages stand under ``segment``, or None: the address is of nothing."""
    return next((entry for entry in _BY_KIND.values() if entry.segment == segment), None)


def all_kinds() -> tuple[PublicKind, ...]:
    """Every kind, in the order in which the rooms registered them."""
    return tuple(_BY_KIND.values())


def works() -> tuple[str, ...]:
    """Names of the kinds that are works."""
    return tuple(entry.kind for entry in _BY_KIND.values() if entry.work)
