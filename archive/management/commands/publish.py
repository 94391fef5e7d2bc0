"""Ask the gate to open one work: the same action as at the desk, by the platform's operator."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.actions.publish import PublishAction
from archive.management.works import record_or_refuse
from archive.record_types import record_type
from search.outbox import apply_all_pending


class Command(BaseCommand):
    help = "Publish a reviewed record. Says what the gate asks for when it stays closed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", metavar="ID", help="its public id, as its address shows it")

    def handle(self, *args: Any, **options: Any) -> None:
        work = record_or_refuse(options["id"])
        if not record_type(work.kind).gated:
            raise CommandError(
                f"{work.public_id} ({work._meta.verbose_name}) has no consent of its own: it is public as long as "
                "something that is published names it."
            )
        assessment = PublishAction(None, [work]).execute()[work.public_id]
        apply_all_pending()
        if not assessment.allowed:
            asked = "\n".join(f"  – {reason.sentence}" for reason in assessment.blocking)
            raise CommandError(f"{work.public_id} stays closed:\n{asked}", returncode=1)
        self.stdout.write(f"{work.public_id} is open to: {', '.join(assessment.full)}.")
