"""Links for readers without an account, who comes in by them, and what may be taken back from them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from accounts.models import EducatorGrant
from archive.actions.consent import RecordConsentAction
from archive.actions.publish import HideAction
from archive.actions.reader_links import (
    EndReaderLinkAction,
    MadeLink,
    MakeClassLinkAction,
    MakeReviewLinkAction,
)
from archive.actions.withdraw import WithdrawAction
from archive.models import (
    Derivative,
    MediaAsset,
    ReaderLink,
)
from tests.archive.factories import a_user

YES = {"preserve": "yes"}
CLASSROOM = {**YES, "classroom": "yes"}
BOTH = {**YES, "public-web": "yes", "classroom": "yes"}
NOTHING = "00000000-0000-4000-8000-000000000000"


def a_teacher(**fields: Any) -> Any:
    teacher = a_user(**fields)
    now = timezone.now()
    EducatorGrant.objects.create(user=teacher, granted_by=a_user(is_superuser=True), expires_at=now + timedelta(days=9))
    return teacher


def in_days(days: float) -> Any:
    return timezone.now() + timedelta(days=days)


def a_class_link(teacher: Any, *works: Any, days: float = 7) -> MadeLink:
    return MakeClassLinkAction(teacher, [work.public_id for work in works], ends_at=in_days(days)).execute()


def a_review_link(user: Any, work: Any, audience: str = "public", revision: int = 0) -> MadeLink:
    number = revision or work.current_revision
    return MakeReviewLinkAction(user, work, number, audience, ends_at=in_days(7)).execute()


def path_of(made: MadeLink) -> str:
    return made.url.removeprefix(django_settings.PUBLIC_URL)


def holder(made: MadeLink) -> Client:
    """A browser that came in by a link."""
    client = Client()
    assert client.get(path_of(made)).status_code == 302
    return client


def page_of(work: Any) -> str:
    return f"/en/testimonies/{work.public_id}/"


def a_recording(work: Any) -> str:
    """A recording with a public copy; the copy's id."""
    asset = MediaAsset.objects.create(
        record=work,
        role=MediaAsset.Role.ORIGINAL,
        original_name="a.wav",
        media_type="audio/ogg",
        bytes=3,
        sha256="0" * 64,
        sha512="0" * 128,
        vault_object="x",
        vault_path="x",
    )
    path = Path(django_settings.CAIRN_DATA) / "media" / "derivatives" / f"{asset.uuid}.ogg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"OggS and words")
    derivative = Derivative.objects.create(
        asset=asset, kind="audio", path=path.name, media_type="audio/ogg", bytes=14, sha256="0" * 64
    )
    return str(derivative.uuid)


# What is taken back: a work, or the link itself.


def withdrawn(work: Any, made: MadeLink) -> None:
    WithdrawAction(None, work, reason="danger").execute()


def hidden(work: Any, made: MadeLink) -> None:
    HideAction(None, work).execute()


def narrowed(work: Any, made: MadeLink) -> None:
    # Teachers read it still, with everybody who has signed in.
    RecordConsentAction(None, work, {"basis": "informed-consent", "scopes": {**YES, "research": "yes"}}).execute()


def ended(work: Any, made: MadeLink) -> None:
    EndReaderLinkAction(made.link.maker, made.link).execute()


def run_out(work: Any, made: MadeLink) -> None:
    ReaderLink.objects.update(ends_at=timezone.now())


def switched_off(work: Any, made: MadeLink) -> None:
    made.link.maker.is_active = False
    made.link.maker.save()
