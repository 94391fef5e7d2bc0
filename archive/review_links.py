"""What a reviewer's link shows: one revision of one work, as the gate would publish it for one audience.

It is made for each request and kept nowhere. What the gate would not open to that audience, were the revision passed,
nobody is shown: consent, embargo, seals, redactions and the emergency brake hold as they stand now.
"""

from __future__ import annotations

from datetime import datetime

from archive.gate import Built
from archive.models import ReaderLink, Record, Revision
from archive.policy import OPENED_BY_LINKS, may, viewer_of
from archive.preview import PreviewOfWork
from archive.record_types import concrete

#: Whoever may pass a revision may ask somebody outside to read it first.
RIGHT = "review"


def under_review(token_hash: str, now: datetime) -> Built | None:
    """The publication as it would be, with its files; None for a link that is not good, or shows nothing now."""
    links = ReaderLink.objects.open(now).filter(kind=ReaderLink.Kind.REVIEWER, token_hash=token_hash)
    link = links.select_related("maker").first()
    pin = link.pins.select_related("record").first() if link is not None else None
    if link is None or pin is None:
        return None
    maker = viewer_of(link.maker, now)
    return for_a_reviewer(pin.record, pin.revision or 0, link.audience) if may(maker, RIGHT, pin.record) else None


def for_a_reviewer(record: Record, revision: int, audience: str) -> Built | None:
    """What the gate would publish for this audience were the revision reviewed; None: nothing, or a stub."""
    if audience not in OPENED_BY_LINKS:
        return None
    chosen = Revision.objects.filter(record_id=record.pk, number=revision).first()
    # What is older than the revision that was passed is history: somebody may have taken words out of it for a reason.
    if chosen is None or chosen.number < record.reviewed_revision:
        return None
    preview = PreviewOfWork(concrete(record), chosen)
    if preview.sees(audience) != "full":
        return None
    built = preview.built(audience, preview.assessment)
    return None if built is None or built[0].stub else built
