"""``make demo``: prepare the instance, fill it with sample content once, print how to enter, serve."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command

from archive.sample.loading import LoadSampleContent, NotAPlaceForFiction
from config.management.commands.serve import refuse_taken
from config.preparing import missing_migrations


class Command(BaseCommand):
    help = "Run the demonstration on this machine: sample content, one sign-in link per role, web and worker."
    # Checks run in `serve`; a second start should not pay for them twice.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.CAIRN_MODE != "demo":
            raise CommandError("Start it with “make demo”, which sets CAIRN_MODE=demo.")
        # Before anything is prepared: a taken port is known at once.
        refuse_taken("127.0.0.1", settings.PORT)
        try:
            self._prepare()
        except NotAPlaceForFiction as refusal:
            raise CommandError(str(refusal)) from refusal
        except KeyboardInterrupt:
            # Each step is whole or not done; the next start goes on from there.
            self._say("Stopped. The next start goes on from here.")
            return
        self._say(f"\n  Cairn is at {settings.PUBLIC_URL}\n\n  Sign in as (links work on this machine only):")
        call_command("demo_links", stdout=self.stdout)
        self._say("")
        call_command("serve")

    def _prepare(self) -> None:
        if missing_migrations():
            self._say("Preparing the demonstration (about a minute the first time)\n  The database is made …")
        call_command("prepare_site", verbosity=0)
        loaded = LoadSampleContent(tell=lambda text: self._say(f"  {text}")).execute()
        if loaded.changed:
            self._say(f"  {len(loaded.made)} works of an invented valley are here, {loaded.public} of them published.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
