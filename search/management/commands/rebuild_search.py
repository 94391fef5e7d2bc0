"""Build the search index anew from the publications."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from search import engines, outbox, service, sources
from search.engines.base import SearchUnavailable

#: Below so many works the start of child processes costs more than it saves.
_WORTH_PROCESSES = 2_000


class Command(BaseCommand):
    help = "Builds the search index anew from the publications. The site goes on answering from the old one meanwhile."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--verify", action="store_true", help="compare the new index with the publications; exit 1 when they differ"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        works = list(sources.all_works())
        processes = min(2, os.cpu_count() or 1) if len(works) >= _WORTH_PROCESSES else 0
        addresses = engines.configured()
        try:
            for address in addresses:
                report = address.open().rebuild(works, sources.documents_of, processes=processes)
                about = f"{address.label}: " if len(addresses) > 1 else ""
                self.stdout.write(f"{about}{report.works} works, {report.passages} passages in {report.seconds:.1f} s.")
            pending = outbox.apply_all_pending()
            problems = service.verify() if options["verify"] else []
        except SearchUnavailable as error:
            raise CommandError(str(error)) from error
        if pending.failed:
            self.stderr.write(f"{pending.failed} works still wait for a change and stay hidden until it is applied.")
        if problems:
            for problem in problems:
                self.stderr.write(problem)
            raise CommandError(f"The index differs from the publications in {len(problems)} points.")
        if options["verify"]:
            self.stdout.write("The index agrees with the publications.")
