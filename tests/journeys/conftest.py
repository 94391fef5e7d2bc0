"""A real server and a real browser, side by side with the test's own database."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client


@pytest.fixture
def archive_site(transactional_db, live_server, tmp_path, settings, monkeypatch):
    """Address of the site with its first pages, an empty index of its own, and the desk's second factor given."""
    from archive.pages.first_pages import make_first_pages
    from archive.public import page_cache

    if not (settings.BASE_DIR / "static" / "bundles" / "site.css").exists():
        pytest.skip("The bundle is not built: run scripts/build_frontend.py.")
    settings.SEARCH_PATH = tmp_path / "search" / "index.sqlite3"
    # The second factor has suites of its own; here a session counts as having given one.
    monkeypatch.setattr("accounts.middleware.is_verified", lambda request: True)
    page_cache.MEMORY.clear()
    make_first_pages()
    return live_server.url


@pytest.fixture
def visit(browser, archive_site):
    """Opens a page as somebody: ``visit()`` as a stranger, ``visit(user)`` signed in."""
    contexts = []

    def as_somebody(user=None, **options):
        context = browser.new_context(base_url=archive_site, **options)
        contexts.append(context)
        if user is not None:
            client = Client()
            client.force_login(user)
            cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": archive_site}])
        page = context.new_page()
        page.problems = []
        page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        return page

    yield as_somebody
    for context in contexts:
        context.close()
