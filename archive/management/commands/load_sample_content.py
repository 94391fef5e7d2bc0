"""``manage.py load_sample_content``: the fictional valley, once."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.sample.loading import LoadSampleContent, NotAPlaceForFiction
from archive.sample.reading import SampleFault


class Command(BaseCommand):
    help = "Load the sample content (fiction: an invented valley in five languages). A second run does nothing."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        def tell(text: str) -> None:
            self.stdout.write(f"  {text}")
            self.stdout.flush()

        began = time.monotonic()
        try:
            loaded = LoadSampleContent(tell=tell if options["verbosity"] else lambda text: None).execute()
        except (NotAPlaceForFiction, SampleFault) as refusal:
            raise CommandError(str(refusal)) from refusal
        if not loaded.changed:
            if options["verbosity"]:
                self.stdout.write("The sample content is there already.")
            return
        if options["verbosity"]:
            took = time.monotonic() - began
            self.stdout.write(
                f"  Sample content loaded: {len(loaded.made)} works, {loaded.public} of them open ({took:.0f} s)."
            )
