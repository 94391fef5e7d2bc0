"""What account templates ask about the site."""

from __future__ import annotations

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def signup_is_open() -> bool:
    """Say whether anybody may make an account without an invitation."""
    return bool(settings.CAIRN_SIGNUP)
