"""Makes this instance what a backup says, and closes again what was withdrawn, erased or narrowed since."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from archive.management.commands.migrate import LeftClosed
from archive.models import Unfinished
from archive.vault import ledger
from archive.vault.deposit import instance_vault, sweep_vault
from archive.vault.errors import VaultError
from archive.vault.replay import ReplayLedger
from archive.vault.snapshot import Restore
from archive.vault.validation import validate_object


def add_decisions(parser: CommandParser) -> None:
    """What a person may decide about a ledger that is not whole; she has to have looked at it to know the number."""
    parser.add_argument(
        "--accept-damaged-ledger",
        type=int,
        metavar="N",
        help="go on although the ledger is damaged from line N on: what those lines said may come back",
    )
    parser.add_argument(
        "--accept-lost-ledger",
        action="store_true",
        help="go on without any ledger: everything withdrawn, erased or narrowed since the backup comes back",
    )


def decided(options: dict[str, Any]) -> ledger.Decision:
    """The decision as the command line says it."""
    return ledger.Decision(options["accept_damaged_ledger"], options["accept_lost_ledger"])


class Command(BaseCommand):
    help = (
        "Makes this instance what a backup says. Stop web and workers first. What was here is moved aside, not "
        "deleted; before the site may serve again, everything that was withdrawn, erased, hidden, redacted or "
        "restricted since the backup, and every consent narrowed and membership ended since, is done again."
    )
    # The database may be missing or older than the program: that is what this command repairs.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", help="the file that `backup` wrote")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--replay-only", action="store_true", help="only do that again (after a restore that stopped)"
        )
        add_decisions(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        say = self.stdout.write if options["verbosity"] > 0 else lambda text: None
        source: Path | None = options["file"]
        if (source is None) != options["replay_only"]:
            raise CommandError("Give the backup's file, or --replay-only.")
        try:
            if source is not None:
                self._restore(source, options, say)
            self._settle(say, decided(options))
        except VaultError as error:
            raise CommandError(str(error)) from error

    def _restore(self, source: Path, options: dict[str, Any], say: Any) -> None:
        restore = Restore(source, tell=say, decision=decided(options))
        manifest = restore.check()
        if not options["yes"]:
            if not sys.stdin.isatty():
                raise CommandError("Restoring replaces this instance. Say --yes.")
            self.stdout.write(f"{source} was made at {manifest.created}. It will replace {settings.CAIRN_DATA}.")
            if input("Type 'restore' to go on: ").strip() != "restore":
                raise CommandError("Nothing was changed.")
        restore.execute()

    def _settle(self, say: Any, decision: ledger.Decision) -> None:
        """Bring the old state up to this program's and to everything withdrawn since; the site opens at the end."""
        left_closed: LeftClosed | None = None
        try:
            # Also makes again what an older program published: before the replay, which then closes it whole.
            call_command("migrate", interactive=False, verbosity=0, stdout=self.stdout)
        except LeftClosed as error:
            left_closed = error
        call_command("createcachetable", verbosity=0)
        # Sessions that were ended since would live again.
        Session.objects.all().delete()
        sweep_vault()
        vault = instance_vault()
        damage = [finding for folder in vault.object_folders() for finding in validate_object(folder, vault.root)]
        for finding in damage:
            self.stderr.write(f"DAMAGED {finding}")
        say("closing again what was closed since the backup")
        report = ReplayLedger(decision=decision).execute()
        call_command("rebuild_search", verbosity=0)
        self.stdout.write(
            f"Restored. Withdrawn again: {len(report.withdrawn)}; erased again: {len(report.erased)}; "
            f"narrowed again: {len(report.narrowed)}; "
            f"entries about records, communities and people that this backup does not know: {report.unknown}."
        )
        if Unfinished.objects.filter(finished_at=None).exists():
            self.stdout.write("The ledger holds no words: what somebody has to finish stands at the community's desk.")
        if left_closed is not None:
            raise left_closed
        if damage:
            raise CommandError(f"{len(damage)} places of the vault are damaged: see above, and run verify_vault.")
