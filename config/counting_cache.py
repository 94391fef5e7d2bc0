"""The cache in the database, with counters that count: rate limits and locks of sign-in stand on it."""

from __future__ import annotations

import base64
import pickle
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import connections, router, transaction
from django.utils.timezone import now


class CountingDatabaseCache(DatabaseCache):
    """Django's database cache, whose counters are atomic and keep their end.

    Django's ``incr`` reads, adds and writes in three steps, so that acts at the same moment count as one, and gives
    the counter a new life of the default 300 seconds: limits of an hour were forgotten after five minutes. Its ``add``
    lets two processes of PostgreSQL both have the key of a row that has run out.
    """

    def add(self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:  # type: ignore[override]
        database, table, columns = self._names()
        full_key = self.make_and_validate_key(key, version=version)
        with connections[database].cursor() as cursor:
            # What has run out is out of the way; of several inserts at once the table's primary key lets one in.
            cursor.execute(
                f"DELETE FROM {table} WHERE {columns['cache_key']} = %s AND {columns['expires']} < %s",  # noqa: S608 - names of ours
                [full_key, self._this_second(database)],
            )
        return bool(super().add(key, value, timeout=timeout, version=version))

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Add to a counter that has not run out, and leave its end as it is; ValueError where there is none."""
        database, table, columns = self._names()
        full_key = self.make_and_validate_key(key, version=version)
        connection = connections[database]
        # SQLite has one writer at a time: its transactions begin with the lock.
        lock = " FOR UPDATE" if connection.features.has_select_for_update else ""
        with transaction.atomic(using=database), connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {columns['value']} FROM {table} "  # noqa: S608 - names of ours
                f"WHERE {columns['cache_key']} = %s AND {columns['expires']} >= %s{lock}",
                [full_key, self._this_second(database)],
            )
            row = cursor.fetchone()
            if row is None:
                raise ValueError("There is no such counter.")
            counted = int(pickle.loads(base64.b64decode(row[0]))) + delta  # noqa: S301 - this class and Django's wrote it
            cursor.execute(
                f"UPDATE {table} SET {columns['value']} = %s WHERE {columns['cache_key']} = %s",  # noqa: S608 - names of ours
                [base64.b64encode(pickle.dumps(counted, self.pickle_protocol)).decode("ascii"), full_key],
            )
        return counted

    def _names(self) -> tuple[str, str, dict[str, str]]:
        database = router.db_for_write(self.cache_model_class)
        quote = connections[database].ops.quote_name
        columns = {name: quote(name) for name in ("cache_key", "value", "expires")}
        return database, quote(self.cache_model_class._meta.db_table), columns

    @staticmethod
    def _this_second(database: str) -> Any:
        # Ends are kept in whole seconds.
        return connections[database].ops.adapt_datetimefield_value(now().replace(microsecond=0))
