"""Bring an instance to where a site can start: database, cache table, first pages, collected static files."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand

from archive.pages.first_pages import make_first_pages
from config.closed_folder import close_to_others
from config.preparing import bring_database_up, collect_static, missing_migrations


class Command(BaseCommand):
    help = "Migrate the database, make the cache table and the first pages, collect static files. Idempotent."
    # Checks run in `serve`; what is missing here is what this command makes.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        said = options["verbosity"] > 0
        closed = close_to_others()
        if said and closed:
            self.stdout.write(
                f"  Other accounts of this machine could read {closed} files or folders of it; now they cannot."
            )
        if said and missing_migrations():
            self.stdout.write("  Making the database …")
            self.stdout.flush()
        bring_database_up()
        make_first_pages()
        collect_static()
        if said:
            self.stdout.write(f"The instance in {settings.CAIRN_DATA.name}/ is ready.")
