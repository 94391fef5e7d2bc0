"""``make demo``: prepare the instance, fill it with sample content once, print how to enter, serve."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db.migrations.executor import MigrationExecutor
from django.db import connection

from config.management.commands.serve import refuse_taken


class Command(BaseCommand):
    help = "Run the demonstration on this machine: sample content, one sign-in link per role, web and worker."
    # Checks run in `serve`; a second start should not pay for them twice.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.CAIRN_MODE != "demo":
            raise CommandError("Start it with “make demo”, which sets CAIRN_MODE=demo.")
        # Before anything is prepared: a taken port is known at once.
        refuse_taken("127.0.0.1", settings.PORT)
        if self._first_start():
            self.stdout.write("Preparing the demonstration (about a minute the first time)…")
            self.stdout.flush()
        call_command("prepare_site", verbosity=0)
        call_command("load_sample_content", verbosity=0)
        self.stdout.write(f"\n  Cairn is at {settings.PUBLIC_URL}\n\n  Sign in as (links work on this machine only):")
        call_command("demo_links", stdout=self.stdout)
        self.stdout.write("")
        self.stdout.flush()
        call_command("serve")

    def _first_start(self) -> bool:
        executor = MigrationExecutor(connection)
        return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
