"""What a review changes of the names by which people are credited: told to the withdrawal ledger, and done again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archive.models import Contribution, Record, Revision
from archive.models.terms import OWN_WORDS
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


def withhold_credits(work: Any, reviewed: Revision, told: Mapping[str, Any]) -> bool:
    """Withhold whose credit was changed or taken out since: in public, and in the text as it is.

    Who helped is named no more. Who speaks stays the one who speaks, so that her names are kept out of the text; only
    what she was called in the backup goes, lest a later consent shows it again.

    :param work: a work of any kind. :param reviewed: the revision that the public sees.
    :param told: what the ledger knows of the credits that were reviewed last. Returns whether anything was withheld.
    """
    known = set(told.get("helpers", ())) if "helpers" in told else None
    own_changed = state_of_credits(reviewed.snapshot)["credits"] != told["credits"]

    def as_withheld(one: Mapping[str, Any]) -> dict[str, Any]:
        if one["role"] in OWN_WORDS:
            return {"credited_as": ""} if own_changed and one["credited_as"] else {}
        helper = code_of_helper(one)
        return {"person": None, "credited_as": ""} if helper and known is not None and helper not in known else {}

    contributions = reviewed.snapshot.get("contributions", [])
    if not any(as_withheld(one) for one in contributions):
        return False
    draft = work.current_revision != reviewed.number
    snapshot = reviewed.snapshot | {"contributions": [one | as_withheld(one) for one in contributions]}
    new_revision(work, snapshot, origin=Revision.Origin.RESTORE, reason="credits-withheld").save()
    work.reviewed_revision = work.current_revision
    Record.objects.filter(pk=work.pk).update(
        current_revision=work.current_revision, reviewed_revision=work.reviewed_revision
    )
    for row, one in zip(work.contributions.select_related("person"), snapshot_of(work)["contributions"], strict=True):
        if changed := as_withheld(one):
            Contribution.objects.filter(pk=row.pk).update(**changed)
    if draft:
        # What nobody has reviewed yet stays the newest.
        save_revision(work, origin=Revision.Origin.RESTORE, reason="credits-withheld")
    return True
