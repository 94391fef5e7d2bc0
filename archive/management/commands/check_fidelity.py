"""Compare the archive's texts with TEI sources, character by character, by a reading of its own."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from archive.importing.fidelity import compare, entities_in_source
from archive.importing.formats import ReadingOptions, sources_in
from archive.importing.problems import RefusedError
from archive.importing.readers.tei import READER
from archive.models import Document, Testimony
from archive.revisions import snapshot_of


class Command(BaseCommand):
    help = (
        "Compare every paragraph and note of TEI files with the records that were imported from them. "
        "Exit status: 0 all the same, 1 something differs or is missing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="SOURCE")
        parser.add_argument("--collection", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        works = paragraphs = characters = notes = named = anonymous = 0
        differences: list[str] = []
        for source in (source for path in options["paths"] for source in sources_in(path)):
            if source.extension != ".xml":
                continue
            try:
                (parsed,) = READER.works(source, ReadingOptions())
            except RefusedError as refused:
                differences.append(f"{source.name}: {refused.problem.reason}")
                continue
            record = self._record(getattr(parsed, "key", ""), options["collection"])
            if record is None:
                differences.append(f"{source.name}: no record of this collection stands for it")
                continue
            found = compare(source.content, source.name, snapshot_of(record)["tracks"])
            differences += found.differences
            with_authority, without = entities_in_source(source.content, source.name)
            works, paragraphs, characters = works + 1, paragraphs + found.paragraphs, characters + found.characters
            notes, named, anonymous = notes + found.notes, named + with_authority, anonymous + without
        for difference in differences:
            self.stdout.write(difference)
        self.stdout.write(
            f"{works} works, {paragraphs} paragraphs, {characters} characters, {notes} notes compared; "
            f"{named} names with an identifier, {anonymous} without; {len(differences)} differences."
        )
        if differences:
            sys.exit(1)

    def _record(self, key: str, collection: str) -> Testimony | Document | None:
        for model in (Testimony, Document):
            record = model.objects.filter(identity=key, collection__slug=collection).first()
            if record is not None:
                return record
        return None
