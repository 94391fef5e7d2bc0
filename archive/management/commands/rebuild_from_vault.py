"""Makes the records again from the originals' store alone."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from archive.management.commands.restore import add_decisions, decided
from archive.vault.errors import VaultError
from archive.vault.rebuild import RebuildFromVault


class Command(BaseCommand):
    help = (
        "Makes communities, collections, works with their texts and consent, and the authorities they name again from "
        "the vault, in an empty database. Nothing is public afterwards. Exit status 1 when an object did not come back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--missing", action="store_true", help="add to a database that holds records already")
        add_decisions(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        say = self.stdout.write if options["verbosity"] > 1 else lambda text: None
        try:
            report = RebuildFromVault(missing_only=options["missing"], tell=say, decision=decided(options)).execute()
        except VaultError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{report.whole} works came back whole, {len(report.bare)} with their originals only "
            f"(import these again), {report.present} were there, {report.erased} had been erased, "
            f"{len(report.replayed.withdrawn)} are withdrawn again."
        )
        for object_id in report.bare:
            self.stdout.write(f"ORIGINALS ONLY {object_id}")
        for line in report.failed:
            self.stderr.write(f"FAILED {line}")
        if report.failed:
            raise CommandError(f"{len(report.failed)} objects did not come back. Run verify_vault.")
