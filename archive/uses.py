"""Where a publication is used, as the rooms that use it say.

A room writes its uses whenever what it holds changes, in the same transaction; nobody else writes them. A withdrawal
reads them to say what it reaches, the desk to say where a story is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count

from archive.models import Publication, Use


@dataclass(frozen=True)
class Used:
    """What is used of one publication: all of it, from one passage to another, or a clip."""

    public_id: str
    first_anchor: str = ""
    last_anchor: str = ""
    clip: str = ""


def say(by_kind: str, by_id: str, used: Iterable[Used]) -> None:
    """Replace what something uses; called inside the transaction that changes it."""
    wanted = list(dict.fromkeys(used))
    rows = Publication.objects.filter(public_id__in={one.public_id for one in wanted})
    versions = dict(rows.order_by("consent_version").values_list("public_id", "consent_version"))
    Use.objects.filter(by_kind=by_kind, by_id=by_id).delete()
    Use.objects.bulk_create(
        Use(
            public_id=one.public_id,
            first_anchor=one.first_anchor,
            last_anchor=one.last_anchor,
            clip=one.clip,
            by_kind=by_kind,
            by_id=by_id,
            consent_version=versions.get(one.public_id, 0),
        )
        for one in wanted
    )


def counted(public_id: str) -> dict[str, int]:
    """How many things of each kind use a publication."""
    rows = Use.objects.filter(public_id=public_id).values("by_kind")
    return dict(
        rows.annotate(number=Count("by_id", distinct=True)).order_by("by_kind").values_list("by_kind", "number")
    )


def of(public_id: str) -> list[Use]:
    """Every use of a publication, in the order of what uses it."""
    return list(Use.objects.filter(public_id=public_id).order_by("by_kind", "by_id", "pk"))
