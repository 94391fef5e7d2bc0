"""Words that the record side and the public side share: scopes of consent, bases, sensitivities."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

#: Roles whose words a work is made of: consent says by what name they are shown.
OWN_WORDS = frozenset({"narrator", "author"})


class Scope(models.TextChoices):
    """What consent can be given to; the first four below *preserve* decide rungs, the rest restrict surfaces."""

    PRESERVE = "preserve", _("preserve")
    RESEARCH = "research", _("research")
    PUBLIC_WEB = "public-web", _("public web")
    CLASSROOM = "classroom", _("classroom")
    QUOTATION = "quotation", _("quotation")
    TRANSLATION = "translation", _("translation")
    OFFLINE_PACKS = "offline-packs", _("offline packs")
    HARVEST = "harvest", _("metadata harvest")
    MACHINE = "machine", _("machine processing")
    IMMERSIVE = "immersive", _("immersive 3D")
    PRESS = "press", _("press")


class Answer(models.TextChoices):
    YES = "yes", _("yes")
    NO = "no", _("no")
    ASK = "ask", _("ask me")


class Basis(models.TextChoices):
    INFORMED = "informed-consent", _("informed consent")
    EDITION = "published-edition", _("published edition")
    PUBLIC_DOMAIN = "public-domain", _("public domain")
    COURT = "court-record", _("court record")
    DEPOSIT = "deposit-agreement", _("deposit agreement")


class Sensitivity(models.TextChoices):
    """What a reader is told before, never after (domain.md)."""

    GRAPHIC_VIOLENCE = "graphic-violence", _("graphic violence")
    SEXUAL_VIOLENCE = "sexual-violence", _("sexual violence")
    CHILDREN = "harm-to-children", _("harm to children")
    SELF_HARM = "self-harm", _("self-harm")
    DECEASED = "deceased-person", _("image or voice of a deceased person")
    SACRED = "sacred", _("sacred or ceremonial matter")
    PERPETRATOR = "perpetrator", _("perpetrator’s voice")
    HATE = "hate-imagery", _("hate imagery or racist language of its time")
