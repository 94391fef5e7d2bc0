"""One work in every state, each field with a canary of its own, and everybody who could come to look."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import EducatorGrant, PlatformRole
from archive.actions.publish import PublishAction, ReviewAction
from archive.actions.withdraw import WithdrawAction
from archive.models import (
    Clip,
    Contribution,
    Derivative,
    EntityLink,
    ImportBatch,
    ImportItem,
    IndexSegment,
    MediaAsset,
    Redaction,
)
from archive.revisions import save_revision
from archive.values.language_map import language_map
from jobs.models import Job, JobLogLine
from tests.archive.factories import (
    a_collection,
    a_community,
    a_member,
    a_person,
    a_place,
    a_testimony,
    a_user,
    committed,
    consent,
)
from tests.leak_matrix.canaries import new_canary

YES = {"preserve": "yes"}
#: How long the consent of the expired work holds: long enough to publish it.
CONSENT_LASTS = timedelta(seconds=2)
#: state → scopes of consent, and the actors who may read the words.
EVERYBODY = frozenset(
    {"anonymous", "registered", "teacher", "same", "other", "specialist", "translator", "hostile", "operator"}
)
SIGNED_IN = EVERYBODY - {"anonymous"}
STATES: dict[str, tuple[dict[str, str], frozenset[str]]] = {
    "public": ({**YES, "public-web": "yes"}, EVERYBODY),
    "sealed": ({**YES, "public-web": "yes"}, EVERYBODY),
    "registered": ({**YES, "research": "yes"}, SIGNED_IN),
    "educators": ({**YES, "classroom": "yes"}, frozenset({"teacher", "same"})),
    "community": (YES, frozenset({"same"})),
    "request": ({**YES, "public-web": "ask"}, frozenset({"same"})),
    "embargoed": ({**YES, "public-web": "yes"}, frozenset()),
    "draft": ({}, frozenset()),
    "withdrawn": ({**YES, "public-web": "yes"}, frozenset()),
    "expired": ({**YES, "public-web": "yes"}, frozenset()),
    "hidden": ({**YES, "public-web": "yes"}, frozenset()),
}


@dataclass
class Planted:
    """One work with what must and must not be seen of it."""

    state: str
    work: Any
    #: Seen by whoever may read the work.
    words: set[str] = field(default_factory=set)
    #: Seen by nobody in public, whatever the state: sealed names, redacted words, file names.
    never: set[str] = field(default_factory=set)
    #: Shown by a stub to everybody.
    stub_words: set[str] = field(default_factory=set)
    file_id: str = ""
    #: A recording that nobody declared free of what is hidden in the text.
    withheld_file_id: str = ""
    readers: frozenset[str] = frozenset()
    #: The person and the place that the work names, its collection, a clip of it.
    person: Any = None
    place: Any = None
    clip: Any = None


@dataclass
class Garden:
    """Everything planted, side by side, and a client for every actor."""

    planted: list[Planted]
    clients: dict[str, Client]
    community: Any
    #: A job and an import of the community, with canaries in what they keep.
    job: Any = None
    batch: Any = None
    #: Words of the community's own business, no work's: seen by its members only.
    business: set[str] = field(default_factory=set)


def plant(state: str, community: Any) -> Planted:
    """Make a work in ``state`` with canaries in every field that could carry one."""
    scopes, readers = STATES[state]
    result = Planted(state, None, readers=readers)

    def word(what: str) -> str:
        canary = new_canary(f"{state}{what}")
        result.words.add(canary)
        return canary

    def secret(what: str) -> str:
        canary = new_canary(f"{state}{what}")
        result.never.add(canary)
        return canary

    sealed = state == "sealed"
    abstract = word("abstract")
    if state == "request":
        result.words.discard(abstract)
        result.stub_words.add(abstract)
    narrator = a_person(
        community, secret("sealedname") if sealed else word("narrator"), sealed=["real_name"] if sealed else []
    )
    place = a_place(word("place"), community=community)
    work = result.work = a_testimony(
        community,
        original=f"Գետը {word('original')}",
        english=f"The river {word('translation')}",
        title=language_map(word("title"), "hy"),
        abstract=language_map(abstract, "en"),
        collection=a_collection(community, title=language_map(word("collection"), "en")),
        institution=word("institution"),
        reference=word("reference"),
    )
    result.person, result.place = narrator, place
    Contribution.objects.create(record=work, person=narrator, role="narrator")
    anchor = work.tracks.get(key="t1").cues[0]["id"]
    EntityLink.objects.create(record=work, target=place, anchors=[anchor])
    IndexSegment.objects.create(record=work, key="s1", anchor=anchor, title=language_map(word("segment"), "en"))
    hidden = _redacted_cue(work, secret("redacted"))
    told = language_map(secret("hiddensegment"), "en")
    IndexSegment.objects.create(record=work, key="s2", anchor=hidden, title=told, position=1)
    _named_in_hidden_words(work, secret("hiddenperson"), secret("hiddenwords"))
    _clips(work, anchor, shown=(word("clip"), word("context")), kept=secret("deskclip"), across=secret("acrossclip"))
    result.clip = work.clips.order_by("pk").first()
    result.file_id = _recording(work, secret("filename"), word("media"))
    # A steward has listened: what is hidden is not said in this one. Of the other nobody has said so.
    heard = work.media.get(derivatives__uuid=result.file_id)
    for redaction in work.redactions.all():
        redaction.decisions.create(about="media", key=str(heard.uuid), hidden=False)
    result.withheld_file_id = _recording(work, secret("secondfile"), secret("secondmedia"))
    save_revision(work, origin="edit")
    work.refresh_from_db()
    _through_the_gate(state, work, scopes)
    return result


def _clips(work: Any, anchor: str, *, shown: tuple[str, str], kept: str, across: str) -> None:
    """One clip that goes where its work goes, one that stays at the desk, one over a passage that is withheld."""
    hidden = f"p-{work.public_id[:4]}rrr2"
    track = work.tracks.get(key="t1")
    track.cues = [*track.cues, {**track.cues[0], "id": hidden, "group": "g10", "text": f"all of it {across}"}]
    track.save()
    Redaction.objects.create(record=work, anchor=hidden, mode="remove", reason="danger")
    for title, context, first, audience in (
        (*shown, anchor, "public"),
        (kept, kept, anchor, ""),
        (across, across, hidden, "public"),
    ):
        Clip.objects.create(
            community=work.community,
            work=work,
            title=language_map(title, "en"),
            context=language_map(context, "en"),
            first_anchor=first,
            audience=audience,
        )


def _redacted_cue(work: Any, canary: str) -> str:
    track = work.tracks.get(key="t1")
    own = {**track.cues[0], "id": f"p-{work.public_id[:4]}rrr1", "group": "g9", "text": f"hid {canary} hid"}
    track.cues = [*track.cues, own]
    track.save()
    Redaction.objects.create(
        record=work, anchor=own["id"], start=4, end=4 + len(canary), mode="remove", reason="danger"
    )
    return str(own["id"])


def _named_in_hidden_words(work: Any, name: str, words: str) -> None:
    """A person linked at a passage whose words are hidden, a part of the index and a clip over that passage."""
    anchor = f"p-{work.public_id[:4]}rrr3"
    track = work.tracks.get(key="t1")
    # The passage is its own group: the translation beside it carries no other.
    track.cues = [*track.cues, {**track.cues[0], "id": anchor, "group": "", "text": f"shown {words} shown"}]
    track.save()
    other = work.tracks.get(key="t2")
    beside = {**other.cues[0], "id": f"p-{work.public_id[:4]}sss3", "group": anchor, "text": f"translated {words}"}
    other.cues = [*other.cues, beside]
    other.save()
    EntityLink.objects.create(record=work, target=a_person(work.community, name), anchors=[anchor])
    IndexSegment.objects.create(record=work, key="s3", anchor=anchor, title=language_map(name, "en"), position=3)
    told = language_map(name, "en")
    Clip.objects.create(
        community=work.community, work=work, title=told, context=told, first_anchor=anchor, audience="public"
    )
    Redaction.objects.create(record=work, anchor=anchor, words=words, mode="remove", reason="danger")


def _recording(work: Any, name: str, inside: str) -> str:
    asset = MediaAsset.objects.create(
        record=work,
        original_name=f"{name}.wav",
        media_type="audio/wav",
        bytes=3,
        sha256="0" * 64,
        sha512="0" * 128,
        vault_object="x",
        vault_path="x",
    )
    path = Path(settings.CAIRN_DATA) / "media" / "derivatives" / f"{uuid.uuid4()}.ogg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"OggS" + inside.encode())
    derivative = Derivative.objects.create(
        asset=asset, kind="audio", path=path.name, media_type="audio/ogg", bytes=path.stat().st_size, sha256="0" * 64
    )
    return str(derivative.uuid)


def _through_the_gate(state: str, work: Any, scopes: dict[str, str]) -> None:
    if state == "draft":
        return
    now = timezone.now()
    consent(
        work,
        scopes,
        embargo_until=now + timedelta(days=30) if state == "embargoed" else None,
        ends_at=now + CONSENT_LASTS if state == "expired" else None,
    )
    with committed():
        ReviewAction(None, [work]).execute()
        PublishAction(None, [work]).execute()
    if state in ("withdrawn", "expired", "hidden"):
        # Somebody reads it while it stands open: from then on this process has its pages in memory.
        reader = Client()
        for path in ("/en/testimonies/{}/", "/en/testimonies/{}/cite/apa/", "/api/v1/testimonies/{}"):
            status = reader.get(path.format(work.public_id)).status_code
            if status != 200 and (state != "expired" or timezone.now() < now + CONSENT_LASTS):
                raise AssertionError(f"The {state} work answers {status} while it is open: {path}")
    with committed():
        if state == "withdrawn":
            WithdrawAction(None, work, reason="danger").execute()
    if state == "expired":
        # Nobody comes round to delete it: from its end on it must be gone by the clock alone.
        time.sleep(CONSENT_LASTS.total_seconds())
    if state == "hidden":
        from archive.actions.publish import HideAction

        with committed():
            HideAction(None, work).execute()


def plant_business(garden: Garden) -> None:
    """What a community's work leaves behind beside its records: an import with its report, a job with its log."""

    def word(what: str) -> str:
        canary = new_canary(what)
        garden.business.add(canary)
        return canary

    slug = garden.community.slug
    garden.batch = ImportBatch.objects.create(
        community=garden.community, source_format="tei", options={"collection": word("batchcollection")}
    )
    problem = {"code": "not-well-formed", "file": f"{word('batchfile')}.xml", "place": "", "values": {}}
    ImportItem.objects.create(batch=garden.batch, source=problem["file"], outcome="refused", problems=[problem])
    garden.job = Job.objects.create(
        kind="import", queue="light", scope=f"community:{slug}", input={"batch": str(garden.batch.uuid)}
    )
    JobLogLine.objects.create(job=garden.job, sequence=1, text=word("joblog"))


def actors(community: Any) -> dict[str, Client]:
    """A client for everybody; whoever may enter the desk has given a second factor."""
    other = a_community("other-valley")
    teacher, specialist, translator = a_user(), a_user(), a_user()
    operator = a_user(is_superuser=True)
    now = timezone.now()
    EducatorGrant.objects.create(user=teacher, granted_by=operator, expires_at=now + timedelta(days=30))
    PlatformRole.objects.create(user=specialist, role="heritage_specialist", granted_by=operator)
    PlatformRole.objects.create(user=translator, role="translator", granted_by=operator)
    users = {
        "registered": a_user(),
        "teacher": teacher,
        "same": a_member(community, "editor"),
        "other": a_member(other, "editor", "publisher", "steward"),
        "specialist": specialist,
        "translator": translator,
        "hostile": a_member(other, "contributor"),
        "operator": operator,
    }
    clients = {"anonymous": Client(raise_request_exception=False)}
    for name, user in users.items():
        clients[name] = Client(raise_request_exception=False)
        clients[name].force_login(user)
    return clients
