"""What an erasure takes from a record's history, and from the disk: originals, public copies, the database's rests."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.db import OperationalError, connection
from django.utils.translation import gettext as _

from archive.derivatives.making import media_folder
from archive.models import ConsentRecord, Record, RecordState, Revision
from archive.record_types import record_type
from archive.vault.erasing import EraseObject
from jobs.errors import RetryLater

logger = logging.getLogger(__name__)


#: Free text of a consent: names, ways to reach somebody. Basis, scopes and dates stay.
CONSENT_TEXTS = (
    "proxy_relation",
    "witness",
    "embargo_event",
    "territory",
    "after_death",
    "contact",
    "withdrawal_terms",
)


def empty_history(record: Record) -> None:
    """Take the words out of a record's revisions and consents; the database allows it of an erased record alone.

    The rows stay, so that numbers and hashes that were cited keep their meaning.
    """
    Revision.objects.filter(record_id=record.pk).update(snapshot={})
    ConsentRecord.objects.filter(record_id=record.pk).update(**dict.fromkeys(CONSENT_TEXTS, ""))


def forget(record: Any) -> None:
    """Take every word out of a record that was never published by itself (a person, a clip), and out of its history.

    A shell stays for the sake of its revisions, which nobody may delete, and of duplicates that were merged into it; a
    record without either goes whole. Called inside a transaction.
    """
    if not record.revisions.exists() and not record.merged.exists():
        record_type(record.kind).erase(record)
        record.delete()
        return
    record_type(record.kind).erase(record)
    record.state, record.sealed, record.identity = RecordState.ERASED, [], ""
    record.hidden, record.wanted_public = True, False
    record.save()
    empty_history(record)


def finish_erasure(left: Mapping[str, Any]) -> None:
    """Purge vault objects and public copies; doing it again changes nothing.

    ``left`` holds ids and codes only: ``record`` (uuid), ``reason``, ``agent``, ``objects`` and ``paths``.
    Raises :class:`~archive.vault.errors.VaultError`.
    """
    record = Record.objects.filter(uuid=left["record"]).first()
    for object_id in left["objects"]:
        EraseObject(object_id, reason=left["reason"], agent=left["agent"], record=record).execute()
    for path in left["paths"]:
        (media_folder() / path).unlink(missing_ok=True)


def finish_erasure_job(context: Any) -> dict[str, bool]:
    """The job after an erasure: everything again, should the first try have died, and then the database's own rests."""
    finish_erasure(context.input)
    context.check()
    rewritten = rewrite_database()
    if not rewritten and connection.vendor == "sqlite":
        raise RetryLater("database-busy", _("The database was in use without a pause; it is tried again."))
    return {"rewritten": rewritten}


def rewrite_database() -> bool:
    """Write the database's file anew, without what its free pages and its log still hold of deleted rows.

    False where it could not be done now (somebody reads or writes without a pause) or where the server does it in its
    own time: PostgreSQL gives pages free to be written over; ``VACUUM FULL`` rewrites them at once, and stops the site
    while it works, so that is left to the operator.
    """
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            # Not possible inside a transaction, which only a caller of ours could have begun.
            if connection.vendor == "postgresql" and not connection.in_atomic_block:
                cursor.execute("VACUUM")
            return False
        try:
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            busy = cursor.fetchone()[0]
        except OperationalError as error:
            logger.warning("The database could not be rewritten now (%s).", type(error).__name__)
            return False
    return not busy
