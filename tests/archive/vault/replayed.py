"""A restore without its files: the database goes back to where a backup was made, the ledger stays and is replayed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction

from archive.vault import ledger
from archive.vault.replay import ReplayLedger
from tests.archive.factories import committed


class Undone(Exception):
    """Takes the database back to the backup; the ledger stays as it is."""


@contextmanager
def since_the_backup() -> Iterator[None]:
    """What happens in this block is not in the database that is restored at its end."""
    head = ledger.settled_head()
    with pytest.raises(Undone), transaction.atomic():
        with committed():
            yield
        raise Undone
    ledger.mark_replay_pending(ledger.Pending(head, head.instance, (head,), must_exist=True))


def restored() -> Any:
    report = ReplayLedger().execute()
    assert not ledger.replay_pending() and report.failed == []
    return report
