"""The two chains of hashes, the custody log and the audit trail: their common lock, and where they end now."""

from __future__ import annotations

from django.db import connection, models

from archive.vault import custody

#: One number for both: an act that writes to both then cannot wait for another that does so the other way round.
_CHAIN_LOCK = 0x6361_6972_6E


def end_of(model: type[models.Model]) -> tuple[int, str]:
    """Number and hash of a chain's last event, which nobody else can follow until this transaction ends.

    :raises RuntimeError: outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("An event belongs to the transaction that it speaks of.")
    if connection.vendor == "postgresql":
        # SQLite lets one transaction write at a time; PostgreSQL would let several append.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHAIN_LOCK])
    last = model._default_manager.order_by("-sequence").values_list("sequence", "own_hash").first()
    return last or (0, custody.GENESIS)
