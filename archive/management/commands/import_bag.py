"""Takes a BagIt bag into the vault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from archive.vault.bags import ImportBag
from archive.vault.errors import VaultError


class Command(BaseCommand):
    help = (
        "Checks a BagIt bag and keeps it in the vault: an object of another vault with all its versions, or the files "
        "of any bag as originals of a new object. Nothing of it is public."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dir", type=Path, help="the bag's folder; it is only read")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            imported = ImportBag(options["dir"]).execute()
        except VaultError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{imported.files} originals are kept as {imported.object_id}.")
        if imported.whole:
            self.stdout.write("To make the record it describes: rebuild_from_vault --missing")
