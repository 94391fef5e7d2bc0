"""Erase a withdrawn record for ever: the same action that the desk uses."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from archive.actions.base import ActionRefused
from archive.actions.erase import EraseAction
from archive.actions.withdraw import REASONS
from archive.erasure import rewrite_database
from archive.management.works import record_or_refuse
from archive.vault.errors import VaultError


class Command(BaseCommand):
    help = (
        "Erase a withdrawn record for ever: originals, public copies, texts, revisions, and the persons whom no other "
        "work names. It cannot be undone. Backups made before still hold it: destroy them when you may."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", metavar="ID", help="its public id")
        parser.add_argument("--reason", required=True, choices=REASONS, help="a code: the trail holds no free text")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        work = record_or_refuse(options["id"])
        action = EraseAction(None, work, reason=options["reason"])
        try:
            action.check()
            if not options["yes"]:
                self._ask(work.public_id)
            action.execute()
        except (ActionRefused, VaultError) as error:
            raise CommandError(str(error)) from error
        for folder in sorted(Path(settings.CAIRN_DATA).glob("before-restore-*")):
            self.stderr.write(f"{folder.name} is the state before a restore and may still hold it: delete it.")
        if rewrite_database():
            self.stdout.write("Erased, and the database was written anew without it.")
        else:
            self.stdout.write(
                "Erased. The bytes that the database left free are written over as it is used; “VACUUM FULL” on "
                "PostgreSQL, or “erase” again while nobody uses the site, does it at once."
            )

    def _ask(self, public_id: str) -> None:
        if not sys.stdin.isatty():
            raise CommandError("Erasing cannot be undone. Say --yes.")
        self.stdout.write(f"{public_id} will leave the archive for ever, with its originals.")
        if input(f"Type {public_id} to go on: ").strip() != public_id:
            raise CommandError("Nothing was erased.")
