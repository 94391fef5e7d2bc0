"""Import a SKOS vocabulary (Turtle, RDF/XML, JSON-LD) or a TEI list of names."""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from archive.importing.name_list_records import ImportNames
from archive.importing.name_lists import is_name_list
from archive.importing.problems import RefusedError
from archive.importing.reading import Source
from archive.importing.report import problem_lines
from archive.importing.vocabulary_records import ImportVocabulary
from archive.models import Community
from search.outbox import apply_all_pending


class Command(BaseCommand):
    help = (
        "Import a SKOS vocabulary (Turtle, RDF/XML, JSON-LD) or a TEI list of persons, places or organisations. "
        "Importing it again changes names and links only."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--scheme", default="", metavar="SLUG", help="short name of a vocabulary, for example ehri-terms"
        )
        parser.add_argument(
            "--community",
            default="",
            metavar="SLUG",
            help="whose persons and whose edition’s keys a list of names means",
        )
        parser.add_argument("--report", type=Path, metavar="FILE.json")
        parser.add_argument("--notes", action="store_true", help="show also what needs nobody's attention")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        user = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
        source = Source(path, path.name)
        try:
            report = (
                ImportNames(source, self._community(options["community"]), user=user)
                if is_name_list(source)
                else ImportVocabulary(source, self._scheme(options["scheme"]), user=user)
            ).execute()
        except RefusedError as refused:
            for line in problem_lines([refused.problem]):
                self.stderr.write(line)
            sys.exit(2 if refused.problem.code in ("cannot-open", "not-a-file") else 1)
        apply_all_pending()
        if options["verbosity"]:
            for line in report.lines(notes=options["notes"]):
                self.stdout.write(line)
        if options["report"]:
            options["report"].write_text(json.dumps(report.as_dict(), ensure_ascii=False, indent=1), encoding="utf-8")
        if report.exit_code:
            sys.exit(report.exit_code)

    @staticmethod
    def _scheme(slug: str) -> str:
        if not slug:
            raise CommandError("Name the vocabulary with --scheme, for example --scheme ehri-terms.")
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) or len(slug) > 60:
            raise CommandError(f"“{slug}” is no short name: use small letters, digits and hyphens.")
        return slug

    @staticmethod
    def _community(slug: str) -> Community | None:
        if not slug:
            return None
        community = Community.objects.filter(slug=slug).first()
        if community is None:
            raise CommandError(f"There is no community “{slug}”. Import its texts first, or make it in the admin.")
        return community
