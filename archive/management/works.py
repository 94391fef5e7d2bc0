"""Which record a person means who types its public id after a command."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from archive.models import Record
from archive.record_types import UnknownType, concrete


def record_or_refuse(public_id: str) -> Any:
    """The record of this public id, of whatever kind, with what the gate needs of it.

    :raises CommandError: when there is none, saying where the id is to be found.
    """
    found = Record.objects.filter(public_id=public_id).first()
    if found is None:
        raise CommandError(f"There is no record {public_id!r}. Its id is the last part of its page’s address.")
    try:
        return concrete(found)
    except UnknownType as error:
        raise CommandError(f"{public_id} is of a kind that this program does not know: {found.kind}.") from error
