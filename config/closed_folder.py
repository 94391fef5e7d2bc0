"""No other account of the machine reads the instance: how files are made, what is checked, what is put right.

``config.settings`` makes everything that a process of ours writes its owner's alone, before anything is written. What
an earlier version, a copy or an unpacked backup left readable is found here; ``prepare_site`` puts it right, and
production does not start on it.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

#: Bits that let the group and everybody else in.
OTHERS = 0o077
#: Folders of the instance whose files are looked at one by one; below the others the folder's own mode has to do.
_LOOKED_INTO = ("db", "ledger", "search", "secrets")
_BESIDE_SQLITE = ("", "-wal", "-shm", "-journal")


def _database() -> Path | None:
    """The file of the embedded database, or None where a server holds it."""
    chosen = settings.DATABASES["default"]
    if chosen["ENGINE"] != "django.db.backends.sqlite3" or "memory" in str(chosen["NAME"]):
        return None
    return Path(chosen["NAME"])


def _own() -> Iterator[Path]:
    """What the instance alone uses, so that its modes may be put right."""
    data = Path(settings.CAIRN_DATA)
    yield data
    if data.is_dir():
        yield from data.iterdir()
    for name in _LOOKED_INTO:
        if (data / name).is_dir():
            yield from (data / name).iterdir()
    database = _database()
    if database is not None and data not in database.parents:
        for ending in _BESIDE_SQLITE:
            yield database.with_name(database.name + ending)


def _readable(path: Path) -> bool:
    try:
        # Followed where it is a link: the link's own mode says nothing.
        return bool(stat.S_IMODE(path.stat().st_mode) & OTHERS)
    except FileNotFoundError:
        return False


def readable_by_others() -> list[Path]:
    """What of the instance another account of this machine could read, the database's folder included."""
    found = [path for path in _own() if _readable(path)]
    database = _database()
    if database is not None and Path(settings.CAIRN_DATA) not in database.parents and _readable(database.parent):
        # Never changed from here: it may be a folder that others work in.
        found.append(database.parent)
    return found


def close_to_others() -> int:
    """Take other accounts' rights away wherever the instance alone is concerned; returns from how many."""
    closed = 0
    for path in _own():
        if _readable(path):
            try:
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS)
            except (FileNotFoundError, PermissionError):
                # Gone meanwhile, or another account's: the check names it.
                continue
            closed += 1
    return closed
