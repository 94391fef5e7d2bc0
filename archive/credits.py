"""What a review changes of the names by which people are credited, told to the withdrawal ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archive.models import Revision
from archive.vault import ledger
from archive.vault.narrowings import of_state, state_of_credits


def tell_of_credits(works: Sequence[Any], before: Mapping[int, int]) -> None:
    """Tell which works credit those who speak in them otherwise than until now.

    :param works: just reviewed. :param before: number of the revision that the public saw until now, by primary key.
    """
    numbers = {number for work in works for number in (before[work.pk], work.reviewed_revision)}
    rows = Revision.objects.filter(record_id__in=list(before), number__in=numbers)
    seen = {(row.record_id, row.number): state_of_credits(row.snapshot) for row in rows.iterator(50)}
    for work in works:
        was, now = seen.get((work.pk, before[work.pk])), seen.get((work.pk, work.reviewed_revision))
        if was is not None and now is not None:
            ledger.tell(*of_state("credit", work, was, now))
