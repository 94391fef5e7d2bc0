"""A browser and the test site for the journeys; both are left out with a plain message where something is missing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings

from tests.frontend.pages import STATIC, serving

AXE = settings.BASE_DIR / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """Address of the test site with the built bundle."""
    if not (STATIC / "bundles" / "site.css").exists():
        pytest.skip("The bundle is not built: run scripts/build_frontend.py.")
    with serving() as address:
        yield address
