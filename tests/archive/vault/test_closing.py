"""While a restore waits for its withdrawals, nothing is served and readiness says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from archive.vault import ledger
from config import health


@pytest.fixture(autouse=True)
def own_ledger(tmp_path: Path, settings):
    settings.CAIRN_DATA = tmp_path
    health.forget()
    yield
    health.forget()


@pytest.mark.django_db
def test_a_pending_replay_closes_every_page_and_readyz_says_so(site):
    client = Client()
    assert client.get("/en/").status_code == 200
    ledger.mark_replay_pending()
    closed = client.get("/en/")
    assert (closed.status_code, closed["Retry-After"], closed["Cache-Control"]) == (503, "60", "no-store")
    assert client.get("/api/v1/search", {"q": "river"}).status_code == 503
    assert client.get("/healthz").status_code == 200
    for asked, language, heading in (
        ("/es/search/", "es", "El archivo está cerrado por poco tiempo"),
        ("/ar/", "ar", "الأرشيف مغلق"),
        ("/admin/", "en", "The archive is closed"),
    ):
        page = client.get(asked, headers={"accept": "text/html"}).content.decode()
        assert f'<html lang="{language}"' in page and heading in page
    answer = client.get("/api/v1/search", {"q": "river"}, headers={"accept": "application/json"})
    assert answer["Content-Type"] == "text/plain" and b"restored" in answer.content
    health.forget()
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["parts"]["withdrawals"] == {"ok": False, "reason": "restore-pending"}
    ledger.clear_replay_pending()
    assert client.get("/en/").status_code == 200
