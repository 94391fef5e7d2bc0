"""One work in every state, each field with a canary of its own, and everybody who could come to look."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
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
    Concept,
    ConceptScheme,
    Contribution,
    Derivative,
    Document,
    EntityLink,
    Event,
    ImportBatch,
    ImportItem,
    IndexSegment,
    MediaAsset,
    Organisation,
    Redaction,
    Revision,
    Source,
    TextTrack,
)
from archive.public.kinds import public_kind
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
    cue,
)
from tests.leak_matrix.canaries import new_canary

YES = {"preserve": "yes"}
#: How long the consent of the expired work holds: long enough to publish it.
CONSENT_LASTS = timedelta(seconds=2)
#: state → scopes of consent, and the actors who may read the words.
SIGNED_IN = frozenset({"registered", "teacher", "same", "other", "specialist", "translator", "hostile", "operator"})
#: Who has no account and came in by a link: a class's, and a reviewer's (``tests/leak_matrix/links.py``).
BY_LINK = frozenset({"pupil", "reviewer"})
EVERYBODY = SIGNED_IN | BY_LINK | {"anonymous"}
#: Nobody, anybody who has signed in, and a member: whom it concerns that a thing is a document.
FROM_EACH_SIDE = frozenset({"anonymous", "registered", "same"})
#: In which states a reviewer goes to everybody's addresses: her link may show what these show to no stranger.
REVIEWED_STATES = frozenset({"registered", "educators", "community", "draft", "embargoed"})
#: The lowest stand and the highest: a case that is open to all has no other projection between them.
FROM_BOTH_ENDS = frozenset({"anonymous", "same"})
STATES: dict[str, tuple[dict[str, str], frozenset[str]]] = {
    "public": ({**YES, "public-web": "yes"}, EVERYBODY),
    "sealed": ({**YES, "public-web": "yes"}, EVERYBODY),
    "registered": ({**YES, "research": "yes"}, SIGNED_IN),
    "educators": ({**YES, "classroom": "yes"}, frozenset({"teacher", "same", "pupil"})),
    "community": (YES, frozenset({"same"})),
    "request": ({**YES, "public-web": "ask"}, frozenset({"same"})),
    "embargoed": ({**YES, "public-web": "yes"}, frozenset()),
    "draft": ({}, frozenset()),
    "withdrawn": ({**YES, "public-web": "yes"}, frozenset()),
    "withdrawn-inside": (YES, frozenset()),
    "expired": ({**YES, "public-web": "yes"}, frozenset()),
    "hidden": ({**YES, "public-web": "yes"}, frozenset()),
}


#: Who is told that something was withdrawn: those who could have seen it.
STONES = {"withdrawn": EVERYBODY, "withdrawn-inside": frozenset({"same"})}
#: States in which a document is planted beside the testimony: those in which the desk or a reader may see a difference.
DOCUMENT_STATES = ("public", "community", "draft", "withdrawn")


#: Words of these fields are no text of the page: what only a file or another format holds.
NOT_ON_THE_PAGE = ("media", "facsimile")
#: Kinds of record that other rooms bring: each makes one with canaries in all its fields, for the state it is given.
PLANTERS: dict[str, Callable[[Planted, Any], Any]] = {}


@dataclass
class Apart:
    """A public page that owes its life to another work: what it shows, and what of this work it must not."""

    record: Any
    shows: set[str]
    hides: set[str]


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
    readers: frozenset[str] = frozenset()
    #: Who finds a tombstone in its place.
    stone_for: frozenset[str] = frozenset()
    #: Everything of it is on request: whoever may not read it is shown a stub.
    on_request: bool = False
    #: What it names, by the kind's word: each has a page that lives as long as the work.
    named: dict[str, Any] = field(default_factory=dict)
    #: One way of hiding in an otherwise public work: what differs is the work, and not who comes.
    case: bool = False
    #: Who goes to its addresses.
    walkers: frozenset[str] = EVERYBODY
    #: Seen by nobody in public, as ``never``, but no canaries: public ids, dates, coordinates, hashes.
    facts: set[str] = field(default_factory=set)
    #: Words and ids that another work shows and this one must not.
    elsewhere: set[str] = field(default_factory=set)
    #: Records that must have no public page at all.
    gone: list[Any] = field(default_factory=list)
    #: Files that nobody is served.
    shut: list[str] = field(default_factory=list)
    apart: list[Apart] = field(default_factory=list)
    #: What stands behind each seal, by kind and code.
    behind: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    #: Questions to whose answers this work must not belong.
    questions: list[str] = field(default_factory=list)
    #: The token of a reviewer's link to the revision that was reviewed, or that would be.
    review: str = ""

    @classmethod
    def of_case(cls, state: str, *, readers: frozenset[str] = EVERYBODY, **fields: Any) -> Planted:
        """A work in which one thing is hidden in one way; the work itself is made by the case."""
        return cls(state, None, readers=readers, case=True, walkers=FROM_BOTH_ENDS, **fields)

    def word(self, what: str) -> str:
        """A new canary for readers."""
        return self._new(what, self.words)

    def secret(self, what: str) -> str:
        """A new canary for nobody."""
        return self._new(what, self.never)

    def _new(self, what: str, to: set[str]) -> str:
        canary = new_canary(f"{self.state.replace('-', '')}{what}")
        to.add(canary)
        return canary

    @property
    def all_words(self) -> set[str]:
        return self.words | self.never | self.stub_words

    @property
    def page_words(self) -> set[str]:
        """What the page shows to whoever may read the work."""
        return {word for word in self.words if not any(what in word for what in NOT_ON_THE_PAGE)}

    def remember_hashes(self) -> None:
        """A hash of what is hidden lets a guess be confirmed: no revision's may be told."""
        self.facts |= set(Revision.objects.filter(record_id=self.work.pk).values_list("sha256", flat=True))


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
    #: Readers who stand where others do: of the addresses that are forms of one surface (five citations, five
    #: downloads) and of Wagtail's own pages each takes her part in turn; others take them all.
    in_turn: tuple[str, ...] = ("registered", "teacher", "specialist", "translator", "hostile", "pupil", "reviewer")


def plant(state: str, community: Any, kind: str = "testimony") -> Planted:
    """Make a work in ``state`` with canaries in every field that could carry one."""
    scopes, readers = STATES[state]
    walkers = EVERYBODY if kind == "testimony" and state != "withdrawn-inside" else FROM_EACH_SIDE
    walkers -= frozenset() if state in REVIEWED_STATES else {"reviewer"}
    result = Planted(
        state,
        None,
        readers=readers,
        stone_for=STONES.get(state, frozenset()),
        on_request=state == "request",
        walkers=walkers,
    )
    if kind in PLANTERS:
        result.work = PLANTERS[kind](result, community)
        result.remember_hashes()
        _through_the_gate(state, result.work, scopes)
        return result
    word, secret = result.word, result.secret
    sealed = state == "sealed"
    abstract = word("abstract")
    if result.on_request:
        result.words.discard(abstract)
        result.stub_words.add(abstract)
    narrator = a_person(
        community, secret("sealedname") if sealed else word("narrator"), sealed=["real_name"] if sealed else []
    )
    place = a_place(word("place"), community=community)
    fields = {
        "title": language_map(word("title"), "hy"),
        "abstract": language_map(abstract, "en"),
        "collection": a_collection(community, title=language_map(word("collection"), "en")),
        "institution": word("institution"),
        "reference": word("reference"),
        "source_facts": {"key": secret("sourcekey")},
    }
    texts = {"original": f"Գետը {word('original')}", "english": f"The river {word('translation')}"}
    if kind == "document":
        # Something on the first page is redacted, and its picture goes with it.
        pages = [{"page": "1", "label": secret("redactedfacsimile")}, {"page": "2", "label": word("facsimile")}]
        work = a_document(community, **texts, **fields, facsimiles=pages)
    else:
        work = a_testimony(community, **texts, **fields)
    result.work = work
    Contribution.objects.create(record=work, person=narrator, role="narrator" if kind == "testimony" else "author")
    anchor = _timed(work)
    result.named = {"person": narrator, "place": place, "collection": work.collection}
    result.named |= _authorities(result, community)
    # Sources have no public page, whoever may read what cites them.
    result.named["source"] = Source.objects.create(community=community, csl={"title": secret("source")})
    for what in ("place", "event", "organisation", "concept", "source"):
        EntityLink.objects.create(record=work, target=result.named[what], anchors=[anchor])
    redacted = _redacted_cue(work, secret("redacted"))
    for position, (first, title) in enumerate(((anchor, word("segment")), (redacted, secret("redactedsegment")))):
        IndexSegment.objects.create(
            record=work, key=f"s{position}", anchor=first, position=position, title=language_map(title, "en")
        )
    _clips(work, anchor, shown=(word("clip"), word("context")), kept=secret("deskclip"), across=secret("acrossclip"))
    result.named["clip"] = work.clips.order_by("pk").first()
    # A redaction that stands nowhere in time withholds the recording as it came; a copy made after it may be heard.
    result.shut.append(a_file(work, secret("filename"), secret("unredactedmedia")))
    result.file_id = a_file(work, secret("copyname"), word("media"), role=MediaAsset.Role.REDACTED)
    save_revision(work, origin="edit")
    work.refresh_from_db()
    result.remember_hashes()
    _through_the_gate(state, work, scopes)
    return result


def a_document(community: Any, *, original: str, english: str, **fields: Any) -> Any:
    """A letter with its transcription and a translation, one revision, no consent yet."""
    fields = {"original_language": "hy", "languages": ["hy", "en"], "date": "1921", "download_allowed": True, **fields}
    collection = fields.pop("collection", None) or a_collection(community)
    work = Document.objects.create(
        community=community, collection=collection, document_type="letter", standpoint="victim", **fields
    )
    for position, (key, kind, language, text) in enumerate(
        (("t1", "transcript", "hy", original), ("t2", "translation", "en", english))
    ):
        TextTrack.objects.create(
            record=work,
            key=key,
            kind=kind,
            language=language,
            is_original=not position,
            position=position,
            cues=[cue(f"p-{work.public_id[:4]}{key}00", text, "g1", page="1")],
        )
    save_revision(work, origin="edit")
    work.refresh_from_db()
    return work


def _authorities(planted: Planted, community: Any) -> dict[str, Any]:
    """An event, an organisation and a concept of the community's own."""
    scheme, _made = ConceptScheme.objects.get_or_create(slug="leak-matrix", defaults={"title": language_map("W", "en")})
    return {
        "event": Event.objects.create(community=community, name=language_map(planted.word("event"), "en")),
        "organisation": Organisation.objects.create(
            community=community, name=language_map(planted.word("organisation"), "en")
        ),
        "concept": Concept.objects.create(
            community=community, scheme=scheme, name=language_map(planted.word("concept"), "en")
        ),
    }


def _clips(work: Any, anchor: str, *, shown: tuple[str, str], kept: str, across: str) -> None:
    """One clip that goes where its work goes, one that stays at the desk, one over a passage that is withheld."""
    hidden = f"p-{work.public_id[:4]}rrr2"
    track = work.tracks.get(key="t1")
    place = {"id": hidden, "group": "g10", "start_ms": 8_000, "end_ms": 9_000}
    track.cues = [*track.cues, {**track.cues[0], **place, "text": f"all of it {across}"}]
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


def _timed(work: Any) -> str:
    """Let the first passage be said at a time, so that there are captions; its anchor."""
    track = work.tracks.get(key="t1")
    track.cues = [{**track.cues[0], "start_ms": 0, "end_ms": 5_000}]
    track.save()
    return str(track.cues[0]["id"])


def _redacted_cue(work: Any, canary: str) -> str:
    """A passage of which some words are redacted; its anchor."""
    track = work.tracks.get(key="t1")
    place = {"id": f"p-{work.public_id[:4]}rrr1", "group": "g9", "start_ms": 6_000, "end_ms": 7_000}
    own = {**track.cues[0], **place, "text": f"hid {canary} hid"}
    track.cues = [*track.cues, own]
    track.save()
    Redaction.objects.create(
        record=work, anchor=own["id"], start=4, end=4 + len(canary), mode="remove", reason="danger"
    )
    return str(own["id"])


def a_file(
    work: Any,
    name: str,
    inside: str,
    *,
    kind: str = "audio",
    media_type: str = "audio/ogg",
    role: str = MediaAsset.Role.ORIGINAL,
) -> str:
    """An original with what a job made of it for the public; the address' part that names the file."""
    asset = MediaAsset.objects.create(
        record=work,
        role=role,
        original_name=f"{name}.wav",
        media_type=media_type,
        bytes=3,
        sha256="0" * 64,
        sha512="0" * 128,
        vault_object="x",
        vault_path="x",
    )
    path = Path(settings.CAIRN_DATA) / "media" / "derivatives" / f"{uuid.uuid4()}.{media_type.split('/')[1]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"OggS" + inside.encode())
    derivative = Derivative.objects.create(
        asset=asset, kind=kind, path=path.name, media_type=media_type, bytes=path.stat().st_size, sha256="0" * 64
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
        for path in ("/en/{}/{}/", "/en/{}/{}/cite/apa/", "/api/v1/{}/{}"):
            status = reader.get(path.format(public_kind(work.kind).segment, work.public_id)).status_code
            if status != 200 and (state != "expired" or timezone.now() < now + CONSENT_LASTS):
                raise AssertionError(f"The {state} work answers {status} while it is open: {path}")
    with committed():
        if state in STONES:
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
    JobLogLine.objects.create(job_id=garden.job.public_id, sequence=1, text=word("joblog"))


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
    clients = {name: Client(raise_request_exception=False) for name in ("anonymous", *BY_LINK)}
    for name, user in users.items():
        clients[name] = Client(raise_request_exception=False)
        clients[name].force_login(user)
    return clients
