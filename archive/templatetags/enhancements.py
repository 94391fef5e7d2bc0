"""The words that the custom elements need, handed to them in the page: scripts hold no translatable text."""

from __future__ import annotations

import json

from django import template
from django.utils.translation import gettext

from archive.templatetags.constant_words import once_a_language_for

register = template.Library()


@register.simple_tag
@once_a_language_for
def player_words() -> str:
    """Labels of ``<cairn-player>`` as a JSON object; the template escapes it for an attribute."""
    return json.dumps(
        {
            "play": gettext("Play"),
            "pause": gettext("Pause"),
            "back": gettext("Ten seconds back"),
            "speed": gettext("Speed"),
            "captions": gettext("Captions"),
            "position": gettext("Position in the recording"),
            # Translators: read aloud for the slider; %(now)s and %(all)s are times such as 06:12.
            "heard": gettext("{now} of {all}"),
            "failed": gettext("The recording cannot be played here. The words below are complete without it."),
        },
        ensure_ascii=False,
    )


@register.simple_tag
@once_a_language_for
def transcript_words() -> str:
    """Labels of ``<cairn-transcript>`` as a JSON object."""
    return json.dumps(
        {
            "cite": gettext("Cite this moment"),
            "link": gettext("Copy link"),
            "copied": gettext("Copied"),
            "listen": gettext("Listen from here"),
            "follow": gettext("Back to where it is being read"),
            "tools": gettext("This passage"),
        },
        ensure_ascii=False,
    )
