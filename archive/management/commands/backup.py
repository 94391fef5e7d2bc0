"""Writes one file with everything this instance owns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from archive.vault import ledger_file
from archive.vault.errors import VaultError
from archive.vault.snapshot import Backup


class Command(BaseCommand):
    help = (
        "Writes database, originals, media, secrets and custody heads into one file, while the site goes on serving. "
        "Keep the file as safe as the instance itself: it holds the originals and the secrets."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the file to write, on another disk; it must not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        target: Path = options["file"]
        say = self.stdout.write if options["verbosity"] > 0 else lambda text: None
        try:
            manifest = Backup(target, tell=say).execute()
        except VaultError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{len(manifest.members)} files are in {target} ({target.stat().st_size} bytes). "
            f"Custody head {manifest.custody_head['sequence']}: {manifest.custody_head['hash']} "
            f"Ledger head {manifest.ledger['lines']}: {manifest.ledger['hash']}"
        )
        self.stdout.write(
            f"Copy {ledger_file.path()} to another place too, now and at every withdrawal: a restore needs the newest."
        )
