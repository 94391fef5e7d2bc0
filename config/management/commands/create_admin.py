"""``manage.py create_admin``: the first operator, second factor included."""

from __future__ import annotations

import getpass
import io
import os
import secrets
import sys
from argparse import ArgumentParser
from typing import Any

import qrcode
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.models import User


class Command(BaseCommand):
    help = (
        "Makes an operator with an authenticator: asks for what is missing, or, with --no-input, takes the password "
        "from CAIRN_ADMIN_PASSWORD or makes one. Prints the address and QR code for the authenticator app, and the "
        "recovery codes, once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--username", default="", help="what they sign in with")
        parser.add_argument("--email", default="", help="optional; taken as confirmed")
        parser.add_argument("--display-name", default="", help="optional; what others see")
        parser.add_argument("--no-input", action="store_true", help="ask nothing")
        parser.add_argument("--no-qr", action="store_true", help="print the address only")

    def handle(self, *args: Any, **options: Any) -> None:
        asks = not options["no_input"]
        if asks and not sys.stdin.isatty():
            raise CommandError("Nobody is there to answer: say --no-input and --username.")
        username = (options["username"] or (input("Username: ").strip() if asks else "")).lower()
        if not username:
            raise CommandError("Which username? Say --username NAME.")
        email = options["email"] or (input("E-mail address (empty for none): ").strip() if asks else "")
        user = User(
            username=username,
            email=email,
            display_name=options["display_name"],
            is_superuser=True,
            is_staff=True,
        )
        password, made = self._password(user, asks)
        user.set_password(password)
        try:
            user.full_clean()
        except ValidationError as error:
            raise CommandError(
                "; ".join(f"{name}: {' '.join(text)}" for name, text in error.message_dict.items())
            ) from error
        secret, codes = self._store(user)
        self.stdout.write(f"{user.username} is an operator of this site.")
        if made:
            self.stdout.write(f"Password (change it after signing in): {password}")
        self._show_factor(user, secret, codes, with_qr=not options["no_qr"])

    @staticmethod
    @transaction.atomic
    def _store(user: User) -> tuple[str, list[str]]:
        user.save()
        if user.email:
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        secret = generate_totp_secret()
        TOTP.activate(user, secret)
        recovery = RecoveryCodes.activate(user)
        recovery.mark_as_viewed()
        return secret, recovery.get_unused_codes()

    @staticmethod
    def _password(user: User, asks: bool) -> tuple[str, bool]:
        given = os.environ.get("CAIRN_ADMIN_PASSWORD", "")
        if not given and not asks:
            return secrets.token_urlsafe(15), True
        if not given:
            given = getpass.getpass("Password: ")
            if getpass.getpass("Password again: ") != given:
                raise CommandError("The two passwords differ; nothing was made.")
        try:
            validate_password(given, user)
        except ValidationError as error:
            raise CommandError("The password was refused: " + " ".join(error.messages)) from error
        return given, False

    def _show_factor(self, user: User, secret: str, codes: list[str], *, with_qr: bool) -> None:
        url = get_adapter().build_totp_url(user, secret)
        self.stdout.write("Put this into an authenticator app now; it is not shown again:")
        self.stdout.write(f"  {url}")
        if with_qr:
            code = qrcode.QRCode()
            code.add_data(url)
            # Through a buffer: the command's own stream ends every write with a line break.
            picture = io.StringIO()
            code.print_ascii(out=picture, invert=True)
            self.stdout.write(picture.getvalue())
        self.stdout.write("Recovery codes, each good for once when the app is lost:")
        for code_ in codes:
            self.stdout.write(f"  {code_}")
