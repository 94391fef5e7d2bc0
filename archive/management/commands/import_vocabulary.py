"""Import a SKOS vocabulary: Turtle, RDF/XML or JSON-LD."""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from archive.importing.problems import RefusedError
from archive.importing.reading import Source
from archive.importing.report import problem_lines
from archive.importing.vocabulary_records import ImportVocabulary
from search.outbox import apply_pending


class Command(BaseCommand):
    help = "Import a SKOS vocabulary (Turtle, RDF/XML, JSON-LD). Importing it again changes labels and links only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--scheme", required=True, metavar="SLUG", help="short name, for example ehri-terms")
        parser.add_argument("--report", type=Path, metavar="FILE.json")
        parser.add_argument("--notes", action="store_true", help="show also what needs nobody's attention")

    def handle(self, *args: Any, **options: Any) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", options["scheme"]) or len(options["scheme"]) > 60:
            raise CommandError(f"“{options['scheme']}” is no short name: use small letters, digits and hyphens.")
        path: Path = options["file"]
        user = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
        try:
            report = ImportVocabulary(Source(path, path.name), options["scheme"], user=user).execute()
        except RefusedError as refused:
            for line in problem_lines([refused.problem]):
                self.stderr.write(line)
            sys.exit(2 if refused.problem.code in ("cannot-open", "not-a-file") else 1)
        apply_pending()
        if options["verbosity"]:
            for line in report.lines(notes=options["notes"]):
                self.stdout.write(line)
        if options["report"]:
            options["report"].write_text(json.dumps(report.as_dict(), ensure_ascii=False, indent=1), encoding="utf-8")
        if report.exit_code:
            sys.exit(report.exit_code)
