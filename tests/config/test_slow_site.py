"""Two minutes among slow connections: pages are read and a testimony is withdrawn as if nobody were there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from bench.slow_people import SLOW, SlowPeople
from tests.config.served import Answer, Served, ask

pytestmark = pytest.mark.slow

SECONDS = 120
#: Nobody waits longer than this for a page or for a withdrawal.
PATIENCE = 10.0

_WORKS = """
import django, json, sys
django.setup()
from django.conf import settings
from django.test import Client
from tests.accounts.people import make_user, sign_in_with_factor
from archive.models import Membership
from django.utils import timezone
from tests.archive.factories import a_community, a_testimony, published
settings.ALLOWED_HOSTS = ["*"]
community, steward, client = a_community(), make_user("steward"), Client()
Membership.objects.create(community=community, user=steward, role="steward", since=timezone.now())
works = [published(a_testimony(community)) for _one in range(3)]
sign_in_with_factor(client, steward)
token = client.get("/admin/").wsgi_request.META["CSRF_COOKIE"]
made = {
    "works": [[work.pk, work.public_id] for work in works],
    "cookie": "; ".join(f"{name}={one.value}" for name, one in client.cookies.items()),
    "token": client.cookies[settings.CSRF_COOKIE_NAME].value,
}
sys.stdout.write(json.dumps(made))
"""


@pytest.fixture
def site(django_db_setup: None, tmp_path: Path) -> Iterator[tuple[Served, dict[str, Any]]]:
    """An instance of its own with three published testimonies and a steward's session, served with two processes."""
    served = Served(tmp_path / "instance")
    served.prepare()
    made = json.loads(served.run("-c", _WORKS))
    try:
        served.start("--web=2")
        yield served, made
    finally:
        served.end()


def in_time(port: int, path: str, headers: dict[str, str] | None = None, **more: str) -> Answer:
    begun = time.monotonic()
    answer = ask(port, path, headers, **more)
    seconds = time.monotonic() - begun
    assert seconds < PATIENCE, f"{path} took {seconds:.1f} s"
    return answer


def test_twelve_slow_connections_delay_neither_pages_nor_a_withdrawal(site: tuple[Served, dict[str, Any]]) -> None:
    served, made = site
    origin = f"http://localhost:{served.port}"
    headers = {"Cookie": str(made["cookie"]), "Origin": origin}
    works = list(made["works"])
    with SlowPeople(served.port) as slow:
        ends = time.monotonic() + SECONDS
        next_withdrawal = time.monotonic() + 15
        pages = 0
        while time.monotonic() < ends:
            for path in ("/en/", "/en/testimonies/", "/en/search/?q=river", "/healthz"):
                assert in_time(served.port, path).status == 200
                pages += 1
            if works and time.monotonic() > next_withdrawal:
                key, public_id = works.pop()
                next_withdrawal = time.monotonic() + 25
                assert in_time(served.port, f"/en/testimonies/{public_id}/").status == 200
                form = {
                    "csrfmiddlewaretoken": str(made["token"]),
                    "action": "withdraw",
                    "withdraw-reason": "family-request",
                    "withdraw-sure": "on",
                }
                gate = f"/admin/testimonies/{key}/gate/"
                sent = in_time(served.port, gate, headers, method="POST", body=urlencode(form))
                assert sent.status == 302, sent.text[:2000]
                assert in_time(served.port, f"/en/testimonies/{public_id}/").status == 410
            time.sleep(0.2)
        assert not works
        assert pages > 100
        # They came again and again: nobody was kept waiting for them.
        assert slow.turns > 2 * SLOW
