"""What public surfaces read: publications, by id and in lists, for one viewer at one moment.

This module and the models it hands out know nothing of the record side.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils import timezone

from archive.models.publication import (
    Moved,
    Publication,
    PublicationLink,
    PublicClock,
    PublishedFile,
    Tombstone,
)
from archive.policy import ANONYMOUS, Viewer, published_to, stand_for
from archive.values.payload import PAYLOAD_SCHEMA
from archive.values.public_id import is_public_id


@dataclass(frozen=True)
class Gone:
    """Withdrawn, and this viewer could have seen it."""

    public_id: str
    kind: str
    text: dict[str, Any]
    at: datetime


def find(public_id: str, viewer: Viewer = ANONYMOUS, now: datetime | None = None) -> Publication | Gone | None:
    """The one projection of a work that this viewer may see, its tombstone, or None.

    None is the same answer for what is hidden, unknown, foreign, embargoed, unpublished and expired.
    """
    now = now or timezone.now()
    if not is_public_id(public_id):
        # PostgreSQL refuses a NUL in a question; what is no id names nothing.
        return None
    # The database decides: what other rungs say is not even read, and takes no time that could be measured.
    row = Publication.objects.filter(published_to(viewer, now), public_id=public_id).first()
    if row is not None:
        return row
    stone = Tombstone.objects.filter(public_id=public_id).first()
    if stone is not None and stand_for(viewer, stone.group, public_id, now) in stone.stands:
        return Gone(stone.public_id, stone.kind, stone.text, stone.at)
    return None


def listing(viewer: Viewer = ANONYMOUS, *, now: datetime | None = None, **filters: Any) -> QuerySet[Publication]:
    """Publications this viewer may see, one a work, sorted by title; ``filters`` are fields of Publication."""
    now = now or timezone.now()
    rows = Publication.objects.filter(published_to(viewer, now), **filters)
    if viewer.groups:
        # Pages of places and people have a row for each community whose work names them.
        twin = Publication.objects.filter(
            published_to(viewer, now), public_id=OuterRef("public_id"), pk__lt=OuterRef("pk")
        )
        rows = rows.filter(~Exists(twin))
    return rows.order_by("sort_key", "id")


def linked(
    relation: str, target: str, viewer: Viewer = ANONYMOUS, *, now: datetime | None = None
) -> QuerySet[Publication]:
    """Publications that name ``target`` (a collection, a place, a language, …)."""
    rows = PublicationLink.objects.filter(relation=relation, target=target).values("publication_id")
    return listing(viewer, now=now, pk__in=rows)


def same_as(publication: Publication, viewer: Viewer = ANONYMOUS) -> QuerySet[Publication]:
    """Publications of the same kind that share an external id: how persons join across communities."""
    uris = publication.links.filter(relation="external-id").values("target")
    rows = PublicationLink.objects.filter(relation="external-id", target__in=uris).values("publication_id")
    return listing(viewer, kind=publication.kind, pk__in=rows).exclude(public_id=publication.public_id)


def counts(relation: str, viewer: Viewer = ANONYMOUS, *, kinds: Iterable[str] = ()) -> dict[str, int]:
    """How many visible works name each target of a relation."""
    rows = listing(viewer).order_by()
    if kinds:
        rows = rows.filter(kind__in=list(kinds))
    found = (
        PublicationLink.objects.filter(relation=relation, publication__in=rows.values("pk"))
        .values_list("target")
        .annotate(number=Count("publication__public_id", distinct=True))
    )
    return dict(found)


def published_file(
    public_id: str, file_id: str, viewer: Viewer = ANONYMOUS, now: datetime | None = None
) -> PublishedFile | None:
    """A file of a work, if it belongs to the very projection this viewer may see."""
    found = find(public_id, viewer, now)
    if not isinstance(found, Publication):
        return None
    return found.files.filter(uuid=file_id).first()


def still_published(keys: Iterable[str], now: datetime | None = None) -> set[str]:
    """Which of these ``public_id@version`` keys are publications at this moment (the search room's re-check)."""
    wanted: dict[str, set[str]] = {}
    for key in keys:
        public_id, _, version = key.partition("@")
        wanted.setdefault(public_id, set()).add(version)
    now = now or timezone.now()
    ids = list(wanted)
    alive = set()
    for start in range(0, len(ids), 500):
        rows = Publication.objects.filter(public_id__in=ids[start : start + 500]).values_list(
            "public_id", "version", "not_after"
        )
        alive |= {
            f"{public_id}@{version}"
            for public_id, version, not_after in rows
            if version in wanted[public_id] and (not_after is None or not_after > now)
        }
    return alive


def moved_to(public_id: str) -> str:
    """The public id of the record into which this one was merged, or the same id."""
    if not is_public_id(public_id):
        return public_id
    return Moved.objects.filter(public_id=public_id).values_list("target", flat=True).first() or public_id


def clock() -> tuple[str, datetime | None]:
    """The version of the whole public side and the moment after which no cached list may be served."""
    # Asked for every page that is made: a plain `get` by key costs half of an ordered list's first row.
    try:
        row = PublicClock.objects.get(pk=1)
    except PublicClock.DoesNotExist:
        return "", None
    return row.version, row.not_after


def remake_pending() -> bool:
    """Whether publications wait to be made again in the form of this program. While True, nothing may be served.

    Asked before every page that is made, and therefore in SQL.
    """
    with connection.cursor() as cursor:
        cursor.execute(_remake_question(), (PAYLOAD_SCHEMA,))
        return cursor.fetchone() is not None


@cache
def _remake_question() -> str:
    quote = connection.ops.quote_name
    clocks, rows = quote(PublicClock._meta.db_table), quote(Publication._meta.db_table)
    return (
        f"SELECT 1 FROM {clocks} WHERE {quote('remaking')} UNION ALL "  # noqa: S608 - names of ours
        f"SELECT 1 FROM {rows} WHERE {quote('schema')} < %s LIMIT 1"
    )
