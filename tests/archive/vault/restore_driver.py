"""An instance of its own that is backed up, goes on living, and is restored: ``python -m … restore_driver``.

Run with ``CAIRN_DATA`` naming an instance whose database is migrated; says on standard output, as JSON, what each step
saw. A process of its own, because a restore replaces the database under its feet.
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
from io import StringIO
from pathlib import Path
from typing import Any

import django
import pytest  # noqa: F401 - tells the settings that this is a test: no manifest of static files is needed

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import CommandError, call_command  # noqa: E402
from django.test import Client  # noqa: E402

from archive.actions.withdraw import WithdrawAction  # noqa: E402
from archive.models import Record  # noqa: E402
from archive.pages.first_pages import make_first_pages  # noqa: E402
from archive.vault import ledger, ledger_file, replay  # noqa: E402
from archive.vault.deposit import Filing, KeepOriginals, instance_vault, object_id_of  # noqa: E402
from archive.vault.erasing import EraseObject, is_tombstone  # noqa: E402
from archive.vault.ingest import Deposit, Original  # noqa: E402
from tests.archive.factories import a_community, a_testimony, published  # noqa: E402

seen: dict[str, Any] = {}


def work_with_original(name: str) -> Any:
    work = published(a_testimony(a_community(f"valley-{name}")))
    deposit = Deposit(object_id_of(work.uuid), [Original(f"{name}.txt", f"the words of {name}".encode())], {})
    KeepOriginals([Filing(deposit, lambda stored: Record.objects.get(pk=work.pk))]).execute()
    return work


def status(work: Any) -> int:
    return Client().get(f"/en/testimonies/{work.public_id}/").status_code


def command(*arguments: str) -> str:
    """What a command says, or the error that it ends with."""
    out = StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=out)
    except CommandError as error:
        return f"{out.getvalue()}ERROR {error}"
    return out.getvalue()


def state(works: dict[str, Any]) -> dict[str, Any]:
    return {name: status(work) for name, work in works.items()} | {
        "erased": is_tombstone(instance_vault(), object_id_of(works["erased"].uuid)),
        "late_known": Record.objects.filter(uuid=works["late"].uuid).exists() if "late" in works else None,
        "pending": ledger.replay_pending(),
    }


def main() -> None:
    data, target = Path(settings.CAIRN_DATA), Path(sys.argv[1])
    settings.ALLOWED_HOSTS = ["*"]
    make_first_pages()
    works = {name: work_with_original(name) for name in ("kept", "withdrawn", "erased")}
    seen["before"] = state(works)
    seen["backup"] = command("backup", str(target))
    seen["again"] = command("backup", str(target))
    with tarfile.open(target) as tar:
        seen["members"] = tar.getnames()

    WithdrawAction(None, works["withdrawn"], reason="narrator-request").execute()
    EraseObject(object_id_of(works["erased"].uuid), reason="legal", agent="user:1").execute()
    works["late"] = work_with_original("late")
    seen["since"] = state(works)

    # A backup with one wrong byte changes nothing.
    whole = target.read_bytes()
    damaged = target.with_name("damaged.tar")
    damaged.write_bytes(whole.replace(b"the words of kept", b"the words of kepT"))
    seen["damaged"] = command("restore", str(damaged), "--yes")
    cut = target.with_name("cut.tar")
    cut.write_bytes(whole[: len(whole) // 2])
    seen["cut"] = command("restore", str(cut), "--yes")
    # Neither does a ledger without its last line, none at all, or another's.
    ledger_whole = ledger_file.path().read_bytes()
    lines = ledger_whole.splitlines(keepends=True)
    ledger_file.path().write_bytes(b"".join(lines[:-1]))
    seen["ledger_cut"] = command("restore", str(target), "--yes")
    seen["ledger_other_damage_accepted"] = command("restore", str(target), "--yes", "--accept-damaged-ledger", "1")
    ledger_file.path().unlink()
    seen["ledger_absent"] = command("restore", str(target), "--yes", "--accept-damaged-ledger", str(len(lines)))
    ledger_file.write([{"action": "withdraw", "uuid": str(works["kept"].uuid)}])
    seen["ledger_foreign"] = command("restore", str(target), "--yes", "--accept-lost-ledger")
    ledger_file.path().write_bytes(ledger_whole)
    seen["after_refusals"] = state(works)

    # The replay breaks down once: the site stays closed.
    execute = replay.ReplayLedger.execute
    replay.ReplayLedger.execute = lambda self: (_ for _ in ()).throw(replay_broke())  # type: ignore[method-assign]
    seen["broken"] = command("restore", str(target), "--yes")
    replay.ReplayLedger.execute = execute  # type: ignore[method-assign]
    seen["while_pending"] = {"status": status(works["kept"]), "pending": ledger.replay_pending()}

    # Nor does it open with a damaged ledger, which the restored database alone would not notice.
    ledger_file.path().write_bytes(b"".join(lines[:-1]))
    seen["replay_cut"] = command("restore", "--replay-only")
    seen["still_pending"] = {"status": status(works["kept"]), "pending": ledger.replay_pending()}
    ledger_file.path().write_bytes(ledger_whole)

    seen["restored"] = command("restore", "--replay-only")
    seen["after"] = state(works)
    seen["ledger_same"] = ledger_file.path().read_bytes() == ledger_whole
    seen["aside"] = sorted(path.name.split("-2")[0] for path in data.glob("before-restore-*"))
    seen["leftovers"] = [path.name for path in data.glob(".restoring-*")]
    seen["verify"] = command("verify_vault")
    print(json.dumps(seen))  # noqa: T201 - this is how the test hears


def replay_broke() -> Exception:
    from archive.vault.errors import VaultFault

    return VaultFault("The disk failed while replaying.")


if __name__ == "__main__":
    main()
