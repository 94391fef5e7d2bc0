"""Writes an original's object as a BagIt bag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from archive.models import Record
from archive.vault.bags import ExportBag
from archive.vault.deposit import object_id_of
from archive.vault.errors import VaultError


class Command(BaseCommand):
    help = "Writes the vault's object of a record, with every version, as a BagIt bag (RFC 8493) for another archive."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", help="public id of a record, or the vault's identifier (urn:uuid:…)")
        parser.add_argument("dir", type=Path, help="the bag's folder; it must not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        object_id = options["id"]
        if ":" not in object_id:
            record = Record.objects.filter(public_id=object_id.lower()).first()
            if record is None:
                raise CommandError(f"There is no record {object_id}. Give its public id, as its address shows it.")
            object_id = object_id_of(record.uuid)
        try:
            ExportBag(object_id, options["dir"]).execute()
        except (VaultError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{object_id} is in {options['dir']}. It holds what is not public: hand it over with care.")
