"""``manage.py demo_code USER``: the second factor of a demo account, without a phone."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from config.demo import DEMO_ROLES, DemoRefused, current_code, ensure_demo_accounts, username_of


class Command(BaseCommand):
    help = "Prints the code that a demo account's authenticator app would show now (CAIRN_MODE=demo only)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help=f"a demo username, or a role: {', '.join(DEMO_ROLES)}")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["user"]
        try:
            ensure_demo_accounts()
            user = User.objects.named(username_of(name) if name in DEMO_ROLES else name)
            code, made = current_code(user)
        except DemoRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        except User.DoesNotExist as error:
            raise CommandError(
                f"There is no account “{name}”. `manage.py demo_links --passwords` lists the demo's."
            ) from error
        if made is not None:
            self.stderr.write(f"{user.username} had no authenticator; one was made. Secret for an app: {made}")
        self.stdout.write(code)
