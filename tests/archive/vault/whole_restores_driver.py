"""Whole restores of an instance of its own: with every damage of the ledger, and killed at many moments.

``python -m tests.archive.vault.whole_restores_driver BACKUP damages|kills``: like :mod:`restore_driver`, with which it
shares its ways; says on standard output, as JSON, what was seen after each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import django
import pytest  # noqa: F401 - tells the settings that this is a test: no manifest of static files is needed

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.db import connections  # noqa: E402

from archive.actions.withdraw import WithdrawAction  # noqa: E402
from archive.pages.first_pages import make_first_pages  # noqa: E402
from archive.vault import ledger, ledger_file  # noqa: E402
from archive.vault.deposit import reopen_vault  # noqa: E402
from tests.archive.vault.ledger_damages import damages  # noqa: E402
from tests.archive.vault.restore_driver import command, status, work_with_original  # noqa: E402

#: Lines of the ledger: its beginning and what was withdrawn before and after the backup.
BEFORE, AFTER = 3, 4
#: Moments of a restore at which it is killed, as shares of the time one takes.
SHARES = tuple(number / 12 for number in range(1, 13))


def main() -> None:
    target, what = Path(sys.argv[1]), sys.argv[2]
    settings.ALLOWED_HOSTS = ["*"]
    make_first_pages()
    works = [work_with_original(f"w{number}") for number in range(BEFORE + AFTER + 1)]
    for work in works[1 : BEFORE + 1]:
        WithdrawAction(None, work, reason="danger").execute()
    command("backup", str(target))
    for work in works[BEFORE + 1 :]:
        WithdrawAction(None, work, reason="danger").execute()
    seen = {"damages": with_damages, "kills": with_kills}[what](target, works)
    print(json.dumps(seen))  # noqa: T201 - this is how the test hears


def answers(works: list[Any]) -> dict[str, Any]:
    """What is served now: the one work nobody withdrew, and all the others."""
    cache.clear()
    return {
        "kept": status(works[0]),
        "withdrawn": sorted({status(work) for work in works[1:]}),
        "pending": ledger.replay_pending(),
    }


def with_damages(target: Path, works: list[Any]) -> dict[str, Any]:
    """A restore beside each damage, and one beside the whole ledger: what is served then."""
    whole = ledger_file.path().read_bytes()
    seen: dict[str, Any] = {}
    for name, damage in damages(len(whole.splitlines())):
        made = damage(whole)
        ledger_file.path().unlink() if made is None else ledger_file.path().write_bytes(made)
        said = command("restore", str(target), "--yes")
        seen[name] = {"restore": "ERROR" in said, **answers(works)}
        ledger_file.path().write_bytes(whole)
    command("restore", str(target), "--yes")
    seen["whole"] = answers(works)
    return seen


def with_kills(target: Path, works: list[Any]) -> dict[str, Any]:
    """A restore killed at one moment after another, each time done again; what is served after kill and repeat."""
    arguments = [sys.executable, "manage.py", "restore", str(target), "--yes", "--verbosity", "0"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": os.environ.copy()}
    connections.close_all()
    started = time.monotonic()
    assert subprocess.run(arguments, check=False, **quiet).returncode == 0
    took = time.monotonic() - started
    reopen_vault()
    seen: dict[str, Any] = {"undisturbed": answers(works)}
    for share in SHARES:
        connections.close_all()
        process = subprocess.Popen(arguments, **quiet)
        time.sleep(took * share)
        was_at_work = process.poll() is None
        process.kill()
        process.wait()
        reopen_vault()
        moment = seen[f"{share:.2f}"] = {"at_work": was_at_work}
        try:
            moment["killed"] = answers(works)
        except Exception as error:  # noqa: BLE001 - the database may be away: nobody is served then
            moment["killed"] = {"error": type(error).__name__, "pending": ledger.replay_pending()}
        connections.close_all()
        moment["again"] = subprocess.run(arguments, check=False, **quiet).returncode
        reopen_vault()
        moment["after"] = answers(works)
    return seen


if __name__ == "__main__":
    main()
