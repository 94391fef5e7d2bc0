"""``manage.py demo_links``: how to enter the demo."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.demo import DemoRefused, demo_accounts


class Command(BaseCommand):
    help = "Makes the demo's accounts where missing and prints one sign-in link per role (CAIRN_MODE=demo only)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines for people")
        parser.add_argument("--passwords", action="store_true", help="also print usernames and passwords")

    def handle(self, *args: Any, **options: Any) -> None:
        ended: list[str] = []
        try:
            accounts = demo_accounts(ended)
        except DemoRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        if options["json"]:
            rows = [
                {"role": one.role, "username": one.user.username, "password": one.password, "link": one.link}
                for one in accounts
            ]
            self.stdout.write(json.dumps(rows, ensure_ascii=False))
            return
        width = max(len(one.role) for one in accounts)
        for one in accounts:
            self.stdout.write(f"  {one.role:<{width}}  {one.link}")
            if options["passwords"]:
                self.stdout.write(f"  {'':<{width}}  username {one.user.username}  password {one.password}")
        if ended:
            self.stdout.write(f"  Taken away since, and not given back: {', '.join(ended)}")
        if not options["passwords"]:
            self.stdout.write("  The real way in: manage.py demo_links --passwords, then manage.py demo_code USERNAME")
