"""``manage.py sweep_jobs``: the round over the jobs, for hosts where ``serve`` does not run."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections

from jobs.sweep import prune, sweep


class Command(BaseCommand):
    help = "Ring for jobs that wait, free jobs of dead workers, start recurring work. Runs until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")
        parser.add_argument("--seconds", type=float, default=5.0, help="between two rounds (default 5)")

    def handle(self, *args: Any, once: bool, seconds: float, **options: Any) -> None:
        if once:
            done = sweep()
            prune()
            self.stdout.write(f"freed {done.freed}, enqueued {done.enqueued}, rung {done.rung}")
            return
        pruned = 0.0
        while True:
            try:
                sweep()
                if time.monotonic() - pruned > 3600:
                    prune()
                    pruned = time.monotonic()
            except DatabaseError as error:
                self.stderr.write(f"The database did not answer ({type(error).__name__}); the next round tries again.")
            close_old_connections()
            time.sleep(seconds)
