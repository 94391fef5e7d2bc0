"""Write a vocabulary as SKOS: Turtle, RDF/XML or JSON-LD."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.interchange.skos import FORMATS, export_skos
from archive.models import ConceptScheme


class Command(BaseCommand):
    help = "Write a vocabulary as SKOS, in a form that import_vocabulary reads again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--scheme", required=True, metavar="SLUG", help="short name, for example ehri-terms")
        parser.add_argument("--format", choices=tuple(FORMATS), default="turtle")
        parser.add_argument("--out", type=Path, metavar="FILE", help="where to write; standard output when left out")

    def handle(self, *args: Any, **options: Any) -> None:
        scheme = ConceptScheme.objects.filter(slug=options["scheme"]).first()
        if scheme is None:
            known = ", ".join(ConceptScheme.objects.order_by("slug").values_list("slug", flat=True)) or "none"
            raise CommandError(f"There is no vocabulary “{options['scheme']}”. There are: {known}.")
        content = export_skos(scheme, options["format"])
        if options["out"] is None:
            sys.stdout.buffer.write(content)
            return
        try:
            options["out"].write_bytes(content)
        except OSError as error:
            raise CommandError(
                f"{options['out']} cannot be written ({error.strerror}). Choose another place."
            ) from error
        if options["verbosity"]:
            self.stdout.write(f"{scheme.slug}: {scheme.concepts.count()} concepts, {len(content)} bytes.")
