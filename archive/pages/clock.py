"""Editorial pages turn the clock of the public side too: a page that was edited may not be kept as it was."""

from __future__ import annotations

import secrets
from typing import Any

from wagtail.signals import page_published, page_slug_changed, page_unpublished, post_page_move

from archive.models.publication import PublicClock


def turn(**_kwargs: Any) -> None:
    """Give the public side a new version; lists and editorial pages are made anew from now on."""
    PublicClock.objects.update_or_create(pk=1, defaults={"version": secrets.token_hex(8)})


def connect() -> None:
    """Listen to Wagtail; called once when the app is ready."""
    for signal in (page_published, page_unpublished, page_slug_changed, post_page_move):
        signal.connect(turn, dispatch_uid=f"turn-clock-{id(signal)}")
