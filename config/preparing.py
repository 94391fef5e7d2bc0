"""What has to be done before a site can start, and how to tell cheaply that it is done already.

Django's ``migrate`` and ``collectstatic`` take seconds even when they change nothing; a second start should not.
The database itself is asked which migrations it lacks; for the static files a stamp in the instance's folder names
the state of the sources they were collected from.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.cache import caches
from django.core.cache.backends.db import BaseDatabaseCache
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from archive.management.commands.migrate import LeftClosed
from archive.pages.models import HomePage
from archive.publications import remake_pending

STAMP = "static-collected"


def missing_migrations() -> int:
    """How many migrations the database lacks."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def bring_database_up() -> bool:
    """Migrate and make the cache table where something is missing; returns whether there was anything to do.

    Publications that wait to be made again are such a thing too: ``migrate`` was interrupted over them.
    """
    if not missing_migrations() and not remake_pending() and _has_cache_table():
        return False
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except LeftClosed:
        # The rest of the site can be served; whoever prepares it hears of them all the same.
        call_command("createcachetable", verbosity=0)
        raise
    call_command("createcachetable", verbosity=0)
    return True


def lacking_parts() -> list[str]:
    """What :mod:`~config.management.commands.prepare_site` makes and a migrated instance does not have yet."""
    parts = {
        "the cache table": _has_cache_table(),
        "the first pages": HomePage.objects.exists(),
        "the static files": Path(settings.STATIC_ROOT).is_dir(),
    }
    return [part for part, there in parts.items() if not there]


def _has_cache_table() -> bool:
    tables = {
        facts["LOCATION"] for name, facts in settings.CACHES.items() if isinstance(caches[name], BaseDatabaseCache)
    }
    return tables <= set(connection.introspection.table_names())


def collect_static() -> bool:
    """Collect the static files when their sources changed; returns whether they had."""
    stamp = Path(settings.CAIRN_DATA) / STAMP
    state = static_state()
    if stamp.is_file() and stamp.read_text() == state and Path(settings.STATIC_ROOT).is_dir():
        return False
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    # Last: a start that was interrupted collects again.
    stamp.write_text(state)
    return True


def static_state() -> str:
    """A fingerprint of every static source: name, size and time of change, and where the files are collected."""
    digest = hashlib.sha256(f"{settings.STATIC_ROOT}\n{settings.STORAGES['staticfiles']}".encode())
    for folder in sorted(_folders()):
        for path, facts in sorted(_files(folder)):
            digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _folders() -> Iterator[str]:
    for finder in get_finders():
        for storage in getattr(finder, "storages", {}).values():
            yield str(storage.location)


def _files(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    for entry in os.scandir(folder):
        if entry.is_dir():
            yield from _files(entry.path)
        elif entry.is_file():
            yield entry.path, entry.stat()
