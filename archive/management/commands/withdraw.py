"""Withdraw one record from every surface: the same action as at the desk, by the platform's operator."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from archive.actions.withdraw import REASONS, WithdrawAction
from archive.management.works import record_or_refuse
from search.outbox import apply_all_pending


class Command(BaseCommand):
    help = "Withdraw a record of any kind: the next request answers 410, and a job proves that nothing is left."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", metavar="ID", help="its public id, as its address shows it")
        parser.add_argument("--reason", required=True, choices=REASONS, help="a code: the trail holds no free text")

    def handle(self, *args: Any, **options: Any) -> None:
        work = record_or_refuse(options["id"])
        case = WithdrawAction(None, work, reason=options["reason"]).execute()
        apply_all_pending()
        closed = ", ".join(f"{count} {what}" for what, count in case.impact.items())
        self.stdout.write(f"{work.public_id} is withdrawn ({case.reason}). Closed with it: {closed}.")
