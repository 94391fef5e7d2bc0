"""Bring an instance to where a site can start: database, cache table, first pages, collected static files."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, call_command

from archive.pages.first_pages import make_first_pages


class Command(BaseCommand):
    help = "Migrate the database, make the cache table and the first pages, collect static files. Idempotent."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        make_first_pages()
        call_command("collectstatic", interactive=False, verbosity=0)
        self.stdout.write(f"The instance in {settings.CAIRN_DATA.name}/ is ready.")
