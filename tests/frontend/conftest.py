"""A browser and the test site for the journeys; both are left out with a plain message where something is missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from tests.frontend.pages import STATIC, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = settings.BASE_DIR / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """Address of the test site with the built bundle."""
    if not (STATIC / "bundles" / "site.css").exists():
        pytest.skip("The bundle is not built: run scripts/build_frontend.py.")
    with serving() as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The system's Chromium."""
    if CHROMIUM is None:
        pytest.skip("No Chromium on this machine: install Debian's package chromium.")
    # Playwright's loop runs in this thread; the templates that are rendered elsewhere touch no database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
        )
        yield started
        started.close()
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
