"""What a review changes of the names by which people are credited: told to the withdrawal ledger, and done again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from archive.models import Contribution, Record, Revision
from archive.revisions import new_revision, save_revision, snapshot_of
from archive.vault import ledger
from archive.vault.narrowings import code_of_helper, of_state, state_of_credits


def tell_of_credits(works: Sequence[Any], before: Mapping[int, int]) -> None:
    """Tell which works credit those who speak in them, or helped with them, otherwise than until now.

    :param works: just reviewed. :param before: number of the revision that the public saw until now, by primary key.
    """
    numbers = {number for work in works for number in (before[work.pk], work.reviewed_revision)}
    rows = Revision.objects.filter(record_id__in=list(before), number__in=numbers)
    seen = {(row.record_id, row.number): state_of_credits(row.snapshot) for row in rows.iterator(50)}
    for work in works:
        was, now = seen.get((work.pk, before[work.pk])), seen.get((work.pk, work.reviewed_revision))
        if was is not None and now is not None:
            ledger.tell(*of_state("credit", work, was, now))


def withhold_helpers(work: Any, reviewed: Revision, known: Collection[str]) -> bool:
    """Withhold those who helped and whose credit was changed or taken out since: in public, and in the text as it is.

    :param work: a work of any kind. :param reviewed: the revision that the public sees.
    :param known: codes of the credits that were reviewed last. Returns whether there was anybody to withhold.
    """
    gone = {code_of_helper(one) for one in reviewed.snapshot.get("contributions", [])} - {"", *known}
    if not gone:
        return False
    draft = work.current_revision != reviewed.number
    snapshot = reviewed.snapshot | {
        "contributions": [
            one | {"person": None, "credited_as": ""} if code_of_helper(one) in gone else one
            for one in reviewed.snapshot["contributions"]
        ]
    }
    new_revision(work, snapshot, origin=Revision.Origin.RESTORE, reason="credits-withheld").save()
    work.reviewed_revision = work.current_revision
    Record.objects.filter(pk=work.pk).update(
        current_revision=work.current_revision, reviewed_revision=work.reviewed_revision
    )
    for row, one in zip(work.contributions.select_related("person"), snapshot_of(work)["contributions"], strict=True):
        if code_of_helper(one) in gone:
            Contribution.objects.filter(pk=row.pk).update(person=None, credited_as="")
    if draft:
        # What nobody has reviewed yet stays the newest.
        save_revision(work, origin=Revision.Origin.RESTORE, reason="credits-withheld")
    return True
