"""Django's ``migrate``; afterwards publications of an older form are made again, and only then the site opens."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.migrations.executor import MigrationExecutor

from archive.remake_publications import Remade, RemakePublications


class LeftClosed(CommandError):
    """The database is up to date and the site may open, but some works are closed that were public."""


class Command(migrate.Command):
    help = "Brings the database up to date, and with it what is published. Interrupted, it goes on at the next call."

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if options["plan"] or options["database"] != DEFAULT_DB_ALIAS:
            return
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            # Asked for a part of the migrations only: the gate works with all of them.
            return
        # Said at every verbosity: it takes minutes for a large archive, and the site is closed meanwhile.
        self._say(RemakePublications(tell=self._tell).execute())

    def _tell(self, text: str) -> None:
        self.stdout.write(f"  {text}")
        self.stdout.flush()

    def _say(self, report: Remade) -> None:
        if report.closed:
            self._tell(f"No longer public, since the gate says no: {', '.join(report.closed)}.")
        if report.unsearchable:
            self._tell(
                f"{report.unsearchable} are in no search answer yet: run “manage.py rebuild_search”, or leave it to "
                "the worker."
            )
        if report.failed:
            raise LeftClosed(
                f"These could not be made again and are closed now: {', '.join(report.failed)}. Everything else is "
                "done. Look at each at the desk, mend it, and publish it again."
            )
