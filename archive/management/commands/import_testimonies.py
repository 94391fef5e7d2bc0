"""Import testimonies and documents from files and folders."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from accounts.models import User
from archive.importing.formats import readers, sources_in
from archive.importing.options import KINDS, ImportOptions
from archive.importing.problems import RefusedError, problem
from archive.importing.report import problem_lines
from archive.importing.rights import load_rights
from archive.importing.run import ImportWorks
from search.outbox import apply_all_pending


class Command(BaseCommand):
    help = "Import testimonies and documents: TEI, WebVTT, SubRip, plain text, tables with files beside them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file or a folder")
        parser.add_argument("--community", required=True, metavar="SLUG", help="made when it does not exist")
        parser.add_argument("--collection", required=True, metavar="SLUG", help="made when it does not exist")
        parser.add_argument("--format", default="auto", choices=["auto", *readers()])
        parser.add_argument("--kind", default="auto", choices=KINDS)
        parser.add_argument(
            "--map", default="", metavar="FILE", help="what the columns of a table mean (“wpa” is shipped)"
        )
        parser.add_argument("--language", default="", metavar="TAG", help="for texts that do not name theirs (BCP 47)")
        parser.add_argument("--encoding", default="", help="for text files that are not UTF-8")
        parser.add_argument("--rights", type=Path, metavar="FILE", help="the basis, where files name no licence")
        parser.add_argument(
            "--publish",
            action="store_true",
            help="publish what rests on a published edition or the public domain; you are recorded as reviewer",
        )
        parser.add_argument("--by", default="", metavar="USER", help="who imports (default: the first operator)")
        parser.add_argument("--dry-run", action="store_true", help="report only")
        parser.add_argument("--report", type=Path, metavar="FILE.json")
        parser.add_argument("--notes", action="store_true", help="show also what needs nobody's attention")

    def handle(self, *args: Any, **options: Any) -> None:
        asked = ImportOptions(
            community=options["community"],
            collection=options["collection"],
            format=options["format"],
            kind=options["kind"],
            mapping=options["map"],
            language=options["language"],
            encoding=options["encoding"],
            publish=options["publish"],
            dry_run=options["dry_run"],
        )
        if wrong := asked.wrong():
            raise CommandError(f"{wrong}.")
        try:
            rights = load_rights(options["rights"]) if options["rights"] else None
            user = self._user(options["by"], needed=asked.publish and not asked.dry_run)
        except RefusedError as refused:
            for line in problem_lines([refused.problem]):
                self.stderr.write(line)
            sys.exit(2)
        sources = [source for path in options["paths"] for source in sources_in(path)]
        progress = _Progress(self) if sys.stderr.isatty() and options["verbosity"] else None
        action = ImportWorks(sources, asked, user=user, rights=rights, progress=progress or (lambda *_: None))
        report = action.execute()
        apply_all_pending()
        if progress:
            progress.end()
        if options["verbosity"]:
            for line in report.lines(notes=options["notes"]):
                self.stdout.write(line)
        if options["report"]:
            options["report"].write_text(json.dumps(report.as_dict(), ensure_ascii=False, indent=1), encoding="utf-8")
        if report.exit_code:
            sys.exit(report.exit_code)

    def _user(self, name: str, *, needed: bool) -> User | None:
        if name:
            user = User.objects.filter(Q(username=name) | Q(email__iexact=name), is_active=True).first()
            if user is None:
                raise CommandError(f"There is no active user “{name}”. Make one with manage.py create_admin.")
            return user
        user = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
        if user is None and needed:
            raise RefusedError(problem("no-operator"))
        return user


class _Progress:
    """One line on a terminal that counts; gone when the report begins."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.shown = 0.0

    def __call__(self, works: int, files: int, total: int) -> None:
        now = time.monotonic()
        if now - self.shown >= 0.2 or files == total:
            self.shown = now
            self.command.stderr.write(f"\r{files} of {total} files, {works} works", ending="")
            self.command.stderr.flush()

    def end(self) -> None:
        self.command.stderr.write("\r" + " " * 60 + "\r", ending="")
