"""What waits for somebody in her communities: the facts behind the desk's first page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Max, Q
from django.urls import reverse

from archive.desk.sealing import shown_title
from archive.models import (
    AccessRequest,
    Community,
    ConsentRecord,
    Document,
    Person,
    Proposal,
    ReaderReport,
    RecordState,
    Testimony,
    Unfinished,
)
from archive.policy import Viewer, may
from archive.vault import ledger

#: Named on the first page, of each kind; the rest is a number.
SHOWN = 6
#: Consent that ends or is to be reviewed within this time is shown.
SOON = timedelta(days=60)
#: Kinds of works with the namespace of their screens.
WORKS: tuple[tuple[type[Any], str], ...] = ((Testimony, "testimonies"), (Document, "papers"))


@dataclass
class Waiting:
    """What waits in one community; lists are empty where the viewer has no part in them."""

    community: Community
    reviews: list[dict[str, Any]] = field(default_factory=list)
    review_count: int = 0
    consents: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    reports: int = 0
    proposals: int = 0
    #: What a restore could only do coarsely, with a sentence on what is left to do.
    unfinished: list[dict[str, Any]] = field(default_factory=list)
    #: The withdrawal ledger's disk failed: a restore now would not know the newest hidings.
    ledger_owed: bool = False
    may_members: bool = False

    @property
    def nothing(self) -> bool:
        if self.unfinished or self.ledger_owed:
            return False
        return not (self.review_count or self.consents or self.requests or self.reports or self.proposals)


def entry(work: Any, namespace: str, screen: str, viewer: Viewer) -> dict[str, Any]:
    """A work as a line that leads to one of its screens."""
    return {"title": shown_title(work, viewer), "url": reverse(f"{namespace}:{screen}", args=[work.pk])}


def waiting_for(viewer: Viewer, now: datetime) -> list[Waiting]:
    """What waits in every community of which the viewer is a member."""
    return [_of(community, viewer, now) for community in Community.objects.filter(slug__in=list(viewer.roles))]


def _of(community: Community, viewer: Viewer, now: datetime) -> Waiting:
    result = Waiting(community, may_members=bool(may(viewer, "members", community)))
    if may(viewer, "review", community):
        for model, namespace in WORKS:
            rows = (
                model.objects.filter(community=community, current_revision__gt=F("reviewed_revision"))
                .exclude(state__in=[RecordState.WITHDRAWN, RecordState.ERASED])
                .order_by("-updated_at")
            )
            result.review_count += rows.count()
            room = SHOWN - len(result.reviews)
            result.reviews += [entry(work, namespace, "gate", viewer) for work in rows[:room]]
    if may(viewer, "hide", community):
        result.unfinished = _unfinished(community, viewer)
        result.ledger_owed = ledger.something_owed()
    if may(viewer, "consent", community):
        result.consents = _consents(community, viewer, now)
    if may(viewer, "answer_access", community):
        result.requests = AccessRequest.objects.filter(
            community=community.slug, state=AccessRequest.State.PENDING
        ).count()
    if may(viewer, "edit", community) or may(viewer, "answer_access", community):
        result.reports = ReaderReport.objects.filter(community=community.slug, handled_at=None).count()
    if may(viewer, "edit", community):
        result.proposals = Proposal.objects.filter(record__community=community, decided_at=None).count()
    return result


def _unfinished(community: Community, viewer: Viewer) -> list[dict[str, Any]]:
    rows = Unfinished.objects.filter(finished_at=None, record__community=community).select_related("record")
    screens = {Unfinished.What.PASSAGE: "redactions", Unfinished.What.CONSENT: "consent", Unfinished.What.NAME: "edit"}
    found = []
    for row in rows[: SHOWN * 2]:
        kinds: tuple[tuple[type[Any], str], ...] = (*WORKS, (Person, "people-records"))
        for model, namespace in kinds:
            record = model.objects.filter(pk=row.record_id).select_related("community").first()
            if record is not None:
                screen = screens.get(Unfinished.What(row.what), "gate")
                if model is not Person and screen == "edit":
                    # Who helped with a work is named beside those who speak in it.
                    screen = "links"
                line = entry(record, namespace, screen, viewer)
                found.append({**line, "said": row.get_what_display()})
    return found


def _consents(community: Community, viewer: Viewer, now: datetime) -> list[dict[str, Any]]:
    """Works whose consent in force ends or is to be reviewed soon."""
    newest = (
        ConsentRecord.objects.filter(record__community=community)
        .values("record_id")
        .annotate(newest=Max("version"))
        .values_list("record_id", "newest")
    )
    versions = dict(newest)
    soon = Q(ends_at__gt=now, ends_at__lte=now + SOON) | Q(review_due__lte=(now + SOON).date())
    rows = ConsentRecord.objects.filter(soon, record__community=community).exclude(
        record__state__in=[RecordState.WITHDRAWN, RecordState.ERASED]
    )
    found = []
    for consent in rows.order_by("ends_at", "review_due"):
        if versions.get(consent.record_id) != consent.version:
            continue
        for model, namespace in WORKS:
            work = model.objects.filter(pk=consent.record_id).select_related("community").first()
            if work is not None:
                line = entry(work, namespace, "consent", viewer)
                found.append({**line, "ends": consent.ends_at, "due": consent.review_due})
    return found[: SHOWN * 2]
