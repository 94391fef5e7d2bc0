"""What a class link opens: the works its maker chose, as far as she may show them to a class now.

Nothing is remembered of the moment at which the link was made. Each request asks whether her account is active, whether
she is an educator or a member still, what her stand is, what consent says of the classroom and what is published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from archive.models import Audience, Publication, ReaderLink, Scope
from archive.policy import Viewer, base_stand, may_open_to_others, reached, viewer_of
from archive.public.scopes import allowing
from search.documents import Reach


@dataclass(frozen=True)
class ClassLink:
    """A link that is good now: its end, and works in the order of their maker with the stand they are opened at."""

    ends_at: datetime
    opened: Mapping[str, tuple[str, datetime | None]]


def class_link(token_hash: str, now: datetime) -> ClassLink | None:
    """What a link opens now; None for one that has ended, whose maker may hand out nothing, and for none at all."""
    links = ReaderLink.objects.open(now).filter(kind=ReaderLink.Kind.CLASS, token_hash=token_hash)
    link = links.select_related("maker").first()
    if link is None:
        return None
    maker = viewer_of(link.maker, now)
    if not may_open_to_others(maker):
        return None
    pinned = list(link.pins.values_list("record__public_id", flat=True))
    opened = for_a_class(maker, pinned, now)
    return ClassLink(link.ends_at, {key: (opened[key], link.ends_at) for key in pinned if key in opened})


def for_a_class(maker: Viewer, public_ids: list[str], now: datetime) -> dict[str, str]:
    """Which of these works somebody may show to a class now, and from which stand the class sees each."""
    reach = _reach_of_class(maker)
    rows = Publication.objects.filter(reached(reach, now), allowing(Scope.CLASSROOM), public_id__in=public_ids)
    return {key: reach.stand(work=key, group=group) for key, group in rows.values_list("public_id", "group")}


def _reach_of_class(maker: Viewer) -> Reach:
    """Her own stands, at most an educator's. What was granted to her, or opened by a link, is not hers to hand on."""
    return Reach(default=str(base_stand(maker)), by_group=dict.fromkeys(maker.groups, str(Audience.EDUCATORS)))
