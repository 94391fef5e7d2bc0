"""``/healthz`` and ``/readyz``: does the process live, and can it do its work?

The answers are for load balancers and operators: true or false for each part and a word why, never a
path, a host or a number.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import KombuError

from archive import publications
from archive.vault import ledger
from config.celery import CONNECT_SECONDS, app, broker_folder, uses_folder
from jobs.models import Job

#: Below this much free space the instance takes nothing new in (bytes).
MINIMUM_FREE = 200 * 1024 * 1024
#: An answer is kept this long, so that asking often costs nothing (seconds).
KEEP = 2.0


class NotReady(Exception):
    """A part cannot do its work; the argument is one word why."""


#: A probe returns silently or raises :class:`NotReady`.
Probe = Callable[[], None]


def database() -> None:
    """Really write a row, and take it back, in the file that stands where the settings say."""
    _refuse_lost_file()
    try:
        with transaction.atomic():
            Job.objects.create(kind="health.probe")
            transaction.set_rollback(True)
    except DatabaseError as error:
        connection.close()
        raise NotReady("no-write") from error


def _refuse_lost_file() -> None:
    """SQLite goes on writing to a file that was moved or deleted, and everything it is told is lost with it."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or "memory" in name:
        return
    try:
        place = Path(name).stat()
    except OSError as error:
        raise NotReady("missing") from error
    connection.ensure_connection()
    # Only Linux tells which files are open.
    opened = [_facts(one) for one in Path("/proc/self/fd").iterdir()] if Path("/proc/self/fd").is_dir() else [place]
    if not any(facts is not None and os.path.samestat(place, facts) for facts in opened):
        connection.close()
        raise NotReady("replaced")


def _facts(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def broker() -> None:
    """Reach the broker as a request that enqueues would."""
    try:
        if uses_folder(settings.CELERY_BROKER_URL):
            _write_probe(broker_folder() / "messages")
        else:
            with app.connection_for_write() as link:
                link.ensure_connection(max_retries=1, interval_start=0, timeout=CONNECT_SECONDS)
    except (KombuError, OSError) as error:
        raise NotReady("unreachable") from error


def storage() -> None:
    """Write into the instance's folder, and leave room for more."""
    folder = Path(settings.CAIRN_DATA)
    try:
        _write_probe(folder)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise NotReady("no-write") from error
    if free < MINIMUM_FREE:
        raise NotReady("full")


def withdrawals() -> None:
    """Nothing may be served while a restore waits for the withdrawals made since its backup."""
    if ledger.replay_pending():
        raise NotReady("restore-pending")


def published() -> None:
    """Nothing may be served while publications of an older form wait to be made again."""
    if publications.remake_pending():
        raise NotReady("remake-pending")


_parts: dict[str, Probe] = {
    "database": database,
    "broker": broker,
    "storage": storage,
    "withdrawals": withdrawals,
    "publications": published,
}
_last: tuple[float, dict[str, dict[str, object]]] | None = None
_lock = threading.Lock()


def connect(name: str, probe: Probe) -> None:
    """Add a part to ``/readyz`` (``search``, when its engine is wired). The probe raises :class:`NotReady`."""
    _parts[name] = probe


def parts(now: float | None = None) -> dict[str, dict[str, object]]:
    """``{"database": {"ok": true}, "storage": {"ok": false, "reason": "full"}, …}``, at most 2 s old."""
    global _last
    with _lock:
        now = time.monotonic() if now is None else now
        if _last is None or not 0 <= now - _last[0] < KEEP:
            _last = (now, {name: _ask(probe) for name, probe in _parts.items()})
        return _last[1]


def forget() -> None:
    """Ask all parts anew at the next request (tests)."""
    global _last
    _last = None


def _ask(probe: Probe) -> dict[str, object]:
    try:
        probe()
    except NotReady as reason:
        return {"ok": False, "reason": str(reason)}
    except Exception:  # noqa: BLE001 - a probe that breaks means not ready, whatever broke; no detail leaves
        return {"ok": False, "reason": "fault"}
    return {"ok": True}


def _write_probe(folder: Path) -> None:
    path = folder / f".probe-{uuid.uuid4().hex}"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, b"?")
        finally:
            os.close(descriptor)
    finally:
        path.unlink(missing_ok=True)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process lives and answers."""
    return JsonResponse({"ok": True})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """All parts answer (200), or at least one does not (503)."""
    answers = parts()
    ready = all(answer["ok"] for answer in answers.values())
    return JsonResponse({"ok": ready, "parts": answers}, status=200 if ready else 503)
