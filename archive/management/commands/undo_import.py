"""Take back what one import made and nobody has touched since."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from archive.importing.undo import UndoImport
from archive.models import ImportBatch
from search.outbox import apply_all_pending

_WHY = {
    "edited-since": "a person or a later import has changed it since",
    "consent-since": "its consent was renewed or changed since",
    "clip-since": "a clip was cut from it",
    "withdrawn-since": "it was withdrawn since",
    "described-since": "a person has described or redacted it since",
}


class Command(BaseCommand):
    help = "Take back what one import made and nobody has touched since. Originals stay in the vault."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("batch", type=UUID, metavar="BATCH", help="as the report of the import names it")

    def handle(self, *args: Any, **options: Any) -> None:
        batch = ImportBatch.objects.filter(uuid=options["batch"]).first()
        if batch is None:
            raise CommandError(f"There is no import {options['batch']}. The report of an import names it at its end.")
        user = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
        try:
            result = UndoImport(batch, user).execute()
        except ValueError as error:
            raise CommandError(str(error)) from error
        apply_all_pending()
        for public_id, why in result.kept:
            self.stdout.write(f"Kept {public_id}: {_WHY[why]}.")
        self.stdout.write(
            f"Taken back: {len(result.taken_back)} works; back to the revision before: {len(result.reverted)}; "
            f"proposals dropped: {result.proposals}; authorities nobody names any more: {result.authorities}; "
            f"kept: {len(result.kept)}."
        )
        if result.kept:
            sys.exit(1)
