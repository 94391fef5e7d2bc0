"""What ``test_slow_clients`` serves: an application that says what it did, behind a worker with short patience."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from gunicorn.workers.gthread import ThreadWorker  # noqa: F401 - the switch names it

from config.serving.receiving import ReceivingWorker

LONG = 8 * 1024 * 1024


class QuickWorker(ReceivingWorker):
    """The worker of ``serve`` in a hurry, so that a test need not wait."""

    head_seconds = 1.0
    body_seconds = reader_seconds = 1.0
    body_rate = reader_rate = 2000.0
    upload_rate = 500.0


def _pieces() -> Iterable[bytes]:
    for _number in range(LONG // 65536):
        yield b"x" * 65536


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/long":
        start_response("200 OK", [("Content-Length", str(LONG))])
        return _pieces()
    if path == "/broken":
        start_response("200 OK", [("Content-Length", str(LONG))])
        return _broken()
    if path.startswith("/work/"):
        time.sleep(float(path.removeprefix("/work/")))
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if environ.get("CONTENT_LENGTH") else environ["wsgi.input"].read()
    said = f"{environ['REQUEST_METHOD']} {path} {len(body)} {sum(body)}".encode()
    start_response("200 OK", [("Content-Length", str(len(said)))])
    return [said]


def _broken() -> Iterable[bytes]:
    yield b"x" * 65536
    raise RuntimeError("in the middle")
