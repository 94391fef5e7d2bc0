"""What an instance refuses to run with, each with its remedy."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from config.celery import uses_folder
from config.closed_folder import readable_by_others
from jobs.children import bubblewrap

MODES = ("development", "demo", "production")
#: Signs of a secret that was copied from an example.
_WELL_KNOWN = ("django-insecure", "changeme", "change-me", "secret", "example", "default", "test")
_MINIMUM_SECRET = 50


def hosts() -> int:
    """How many machines serve this instance (``CAIRN_HOSTS``, 1 unless said)."""
    try:
        return max(1, int(os.environ.get("CAIRN_HOSTS", "1")))
    except ValueError:
        return 1


@register(Tags.security)
def mode(app_configs: Sequence[AppConfig] | None = None, **_options: Any) -> list[CheckMessage]:
    """The mode is one we know; a slip of the pen must not switch the refusals off."""
    if settings.CAIRN_MODE in MODES:
        return []
    return [
        Error(
            f"CAIRN_MODE is {settings.CAIRN_MODE!r}, which is no mode.",
            hint=f"Set CAIRN_MODE to one of: {', '.join(MODES)}.",
            id="cairn.E001",
        )
    ]


@register(Tags.security)
def address(app_configs: Sequence[AppConfig] | None = None, **_options: Any) -> list[CheckMessage]:
    """The address is a host and nothing behind it: every link in a mail is made by putting a path after it."""
    parts = urlsplit(settings.PUBLIC_URL)
    if not (parts.path or parts.query or parts.fragment or parts.username or parts.password):
        return []
    return [
        Error(
            "PUBLIC_URL names more than a host: the site cannot live below a path of another.",
            hint="Give the site a host of its own and set PUBLIC_URL to that alone, e.g. https://archive.example.org.",
            id="cairn.E013",
        )
    ]


@register(Tags.security)
def production(app_configs: Sequence[AppConfig] | None = None, **_options: Any) -> list[CheckMessage]:
    """Refuse to serve the public with settings that would betray it."""
    if settings.CAIRN_MODE != "production":
        return []
    return [*_secret(), *_address(), *_debug(), *_several_hosts(), *_sandbox(), *_modes()]


def _secret() -> list[CheckMessage]:
    secret = settings.SECRET_KEY
    weak = len(secret) < _MINIMUM_SECRET or len(set(secret)) < 10 or secret.lower().startswith(_WELL_KNOWN)
    if not secret or weak:
        return [
            Error(
                "SECRET_KEY is missing, short or a well-known example.",
                hint="Leave SECRET_KEY out, and the instance makes one for itself (CAIRN_DATA/secrets/secret_key); "
                "or set it to at least 50 random characters.",
                id="cairn.E002",
            )
        ]
    own = Path(settings.CAIRN_DATA) / "secrets" / "secret_key"
    if not os.environ.get("SECRET_KEY") and own.exists() and stat.S_IMODE(own.stat().st_mode) & 0o077:
        return [
            Error(
                "The instance's secret can be read by other accounts of this machine.",
                hint="chmod 600 CAIRN_DATA/secrets/secret_key, and make a new one if somebody may have read it.",
                id="cairn.E003",
            )
        ]
    return []


def _address() -> list[CheckMessage]:
    if not os.environ.get("PUBLIC_URL"):
        return [
            Error(
                "PUBLIC_URL is not set.",
                hint="Set PUBLIC_URL to the address under which readers reach the site, e.g. https://archive.example.org.",
                id="cairn.E004",
            )
        ]
    parts = urlsplit(settings.PUBLIC_URL)
    if parts.scheme != "https" or not parts.hostname:
        return [
            Error(
                "PUBLIC_URL does not begin with https://.",
                hint="Put a web server with a certificate in front (README, “Running it for good”) and set "
                "PUBLIC_URL to its https address: without it cookies and testimony travel in the clear.",
                id="cairn.E005",
            )
        ]
    if parts.hostname not in settings.ALLOWED_HOSTS and "*" not in settings.ALLOWED_HOSTS:
        return [
            Error(
                "The host of PUBLIC_URL is not in ALLOWED_HOSTS: every request would be refused.",
                hint=f"Set ALLOWED_HOSTS={parts.hostname}.",
                id="cairn.E006",
            )
        ]
    return []


def _debug() -> list[CheckMessage]:
    if not settings.DEBUG:
        return []
    return [
        Error(
            "DEBUG is on: error pages would show source, settings and the words of testimonies.",
            hint="Take DEBUG out of the environment.",
            id="cairn.E007",
        )
    ]


def _several_hosts() -> list[CheckMessage]:
    count = hosts()
    if count < 2:
        return []
    found: list[CheckMessage] = []
    if settings.DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
        found.append(
            Error(
                f"CAIRN_HOSTS is {count}, but SQLite serves one machine only.",
                hint="Set DATABASE_URL=postgres://… and move the data with manage.py backup and restore.",
                id="cairn.E008",
            )
        )
    if uses_folder(settings.CELERY_BROKER_URL):
        found.append(
            Error(
                f"CAIRN_HOSTS is {count}, but the broker is a folder of one machine.",
                hint="Set CELERY_BROKER_URL=redis://… (pip install 'cairn[redis]').",
                id="cairn.E009",
            )
        )
    if not os.environ.get("SECRET_KEY"):
        found.append(
            Error(
                f"CAIRN_HOSTS is {count}, but every machine would make its own SECRET_KEY.",
                hint="Set the same SECRET_KEY (at least 50 random characters) on all of them.",
                id="cairn.E010",
            )
        )
    return found


def _sandbox() -> list[CheckMessage]:
    if bubblewrap():
        return []
    return [
        Error(
            "Uploaded files would be parsed without a sandbox: bubblewrap is missing or cannot make name spaces here.",
            hint="Install Debian's package bubblewrap; in a container, allow user name spaces.",
            id="cairn.E011",
        )
    ]


def _modes() -> list[CheckMessage]:
    found = readable_by_others()
    if not found:
        return []
    return [
        Error(
            f"Other accounts of this machine can read the instance: {len(found)} files or folders, “{found[0].name}” "
            "among them.",
            hint="Run manage.py prepare_site, which closes them (or chmod -R go-rwx CAIRN_DATA). A database elsewhere "
            "belongs into a folder of its own that only this account may enter (chmod 700).",
            id="cairn.E012",
        )
    ]


def refuse_unsafe() -> None:
    """Raise ImproperlyConfigured with all refusals and remedies; for servers that run no system checks."""
    errors = [found for found in (*mode(), *address(), *production()) if found.is_serious()]
    if errors:
        lines = [f"{error.msg} {error.hint or ''}" for error in errors]
        raise ImproperlyConfigured("This instance does not start: " + " · ".join(lines))
