"""``manage.py reset_authenticator USER``: for a lost phone."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from accounts.recovery import ResetAuthenticator, ResetRefused


class Command(BaseCommand):
    help = (
        "Removes the second factors of an account and ends its sessions; at the next visit to the desk its owner "
        "sets up a new one. Make sure first, by another way than e-mail, that it is really they who ask."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="username or e-mail address")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["user"]
        try:
            user = User.objects.named(name)
        except User.DoesNotExist as error:
            raise CommandError(f"There is no account “{name}”. Check the spelling.") from error
        reset = ResetAuthenticator(user=user, by="command line")
        try:
            reset.check()
            if not options["yes"] and not self._confirmed(user):
                raise CommandError("Nothing was changed.")
            kinds = reset.execute()
        except ResetRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(
            f"Removed from {user.username}: {', '.join(kinds)}. Their sessions have ended; their password still holds."
        )

    def _confirmed(self, user: User) -> bool:
        if not sys.stdin.isatty():
            raise CommandError("Say --yes when nobody is there to answer the question.")
        return input(f"Remove every second factor of “{user.username}”? Type yes: ").strip().lower() == "yes"
