"""Which work a person means who types its public id after a command."""

from __future__ import annotations

from django.core.management.base import CommandError

from archive.models import Document, Testimony


def work_or_refuse(public_id: str) -> Testimony | Document:
    """The testimony or document of this public id, with its community and collection.

    :raises CommandError: when there is none, saying where the id is to be found.
    """
    models: tuple[type[Testimony] | type[Document], ...] = (Testimony, Document)
    for model in models:
        found = model.objects.select_related("community", "collection").filter(public_id=public_id).first()
        if found is not None:
            return found
    raise CommandError(
        f"There is no testimony or document {public_id!r}. Its id is the last part of its page’s address."
    )
