"""Checks of what an operator sets for accounts."""

from __future__ import annotations

import ipaddress
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def trusted_proxies_are_addresses(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse to start with a trusted proxy that is no address: every request would fail on it."""
    wrong = []
    for entry in settings.TRUSTED_PROXIES:
        try:
            if entry != "unix":
                ipaddress.ip_network(entry, strict=False)
        except ValueError:
            wrong.append(entry)
    return [
        Error(
            f"TRUSTED_PROXIES names “{entry}”, which is neither an address nor a network.",
            hint="Write addresses or networks with commas between, such as 10.0.0.4,10.1.0.0/16, or unix for a socket.",
            id="accounts.E001",
        )
        for entry in wrong
    ]
