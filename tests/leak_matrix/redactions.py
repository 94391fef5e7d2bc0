"""What a redaction of words must take with it: whom they name, what sums them up, their sound, picture and translation.

Each work is public but for what is redacted in it.
"""

from __future__ import annotations

from typing import Any

from archive.models import Clip, Contribution, EntityLink, ExternalId, IndexSegment, MediaAsset, Redaction
from archive.revisions import save_revision
from archive.values.language_map import language_map
from tests.archive.factories import a_person, a_testimony, cue, published
from tests.leak_matrix.planting import YES, Apart, Planted, a_document, a_file

OPEN = {**YES, "public-web": "yes"}


def plant_redactions(community: Any) -> list[Planted]:
    """People named in redacted words, recordings and pictures of them, translations, and who is public elsewhere."""
    openly = Planted.of_case("named-elsewhere")
    named = _names_redacted(community, openly)
    openly.work = a_testimony(community, title=language_map(openly.word("title"), "hy"))
    for apart in named.apart:
        if apart.record.public_id in named.elsewhere:
            Contribution.objects.create(record=openly.work, person=apart.record, role="interviewer")
    _open(openly)
    return [named, openly, _untimed_recording(community), _redacted_page(community), _unaligned(community)]


def _open(planted: Planted) -> Planted:
    save_revision(planted.work, origin="edit")
    planted.work.refresh_from_db()
    planted.remember_hashes()
    published(planted.work, OPEN)
    return planted


def _names_redacted(community: Any, openly: Planted) -> Planted:
    """A timed passage in which some names are redacted, whole or in part, and some are not."""
    planted = Planted.of_case("words-redacted")
    title = planted.word("title")
    work = planted.work = a_testimony(
        community, original=f"Գետը {planted.word('original')}", title=language_map(title, "hy")
    )
    track = work.tracks.get(key="t1")
    free = track.cues[0]["id"]
    touched = f"p-{work.public_id[:4]}red1"
    names = {what: planted.secret(f"{what}name") for what in ("whole", "partly", "unmarked")}
    names["abroad"] = openly.word("abroadname")
    names |= {what: planted.word(f"{what}name") for what in ("surviving", "twice")}
    people = {what: a_person(community, name) for what, name in names.items()}
    text, marks, hidden = "", [], []
    for what in ("whole", "partly", "abroad", "surviving"):
        start = len(text)
        text += f"{names[what]} "
        end = start + len(names[what])
        marks.append(_mark(people[what], start, end))
        if what != "surviving":
            # In part: the first half of the name stays in the text, and its mark with it unless it goes.
            hidden.append((start + len(names[what]) // 2 if what == "partly" else start, end))
    track.cues = [*track.cues, cue(touched, text, "g7", start_ms=61_000, end_ms=75_000, marks=marks)]
    track.save()
    for what, person in people.items():
        anchors = [free, touched] if what == "twice" else [touched]
        EntityLink.objects.create(record=work, target=person, anchors=anchors)
    for start, end in hidden:
        Redaction.objects.create(record=work, anchor=touched, start=start, end=end, mode="remove", reason="danger")
    for what in ("whole", "partly", "unmarked"):
        planted.gone.append(people[what])
        planted.facts.add(people[what].public_id)
    planted.elsewhere |= {names["abroad"], people["abroad"].public_id}
    planted.apart.append(Apart(people["abroad"], shows={names["abroad"]}, hides={work.public_id, title}))
    for what in ("surviving", "twice"):
        planted.apart.append(Apart(people[what], shows={names[what]}, hides=set()))
    _summaries(planted, free, touched)
    planted.questions = [f"/en/search/?person={people[what].public_id}" for what in ("whole", "partly", "abroad")]
    # The words are said on the recording too, between the passage's own times.
    planted.shut.append(a_file(work, planted.secret("filename"), planted.secret("timedmedia")))
    planted.file_id = a_file(work, planted.secret("copyname"), planted.word("media"), role=MediaAsset.Role.REDACTED)
    return _open(planted)


def _mark(person: Any, start: int, end: int) -> dict[str, Any]:
    """A mark as importers make it, by the person's own public id."""
    ExternalId.objects.create(record=person, uri=f"https://people.example/{person.public_id}")
    return {"start": start, "end": end, "type": "person", "ref": "", "key": person.public_id, "data": {}}


def _summaries(planted: Planted, free: str, touched: str) -> None:
    """Segments and clips over the passage that is redacted in part, and over one that is not."""
    for number, (anchor, new) in enumerate(((free, planted.word), (touched, planted.secret))):
        IndexSegment.objects.create(
            record=planted.work,
            key=f"s{number}",
            position=number,
            anchor=anchor,
            title=language_map(new(f"segment{number}"), "en"),
            synopsis=language_map(new(f"synopsis{number}"), "en"),
        )
        Clip.objects.create(
            community=planted.work.community,
            work=planted.work,
            title=language_map(new(f"clip{number}"), "en"),
            context=language_map(new(f"context{number}"), "en"),
            first_anchor=anchor,
            audience="public",
        )


def _untimed_recording(community: Any) -> Planted:
    """A whole passage redacted in a text without times: nobody can say where the recording tells it."""
    planted = Planted.of_case("untimed-recording")
    planted.work = a_testimony(
        community,
        original=f"Գետը {planted.word('original')}",
        title=language_map(planted.word("title"), "hy"),
    )
    _whole_passage(planted, "g7")
    planted.shut.append(a_file(planted.work, planted.secret("filename"), planted.secret("untimedmedia")))
    # A steward has listened to another recording: nothing that is hidden is said in it.
    planted.file_id = a_file(planted.work, planted.secret("freename"), planted.word("freemedia"))
    free = planted.work.media.get(derivatives__uuid=planted.file_id)
    for redaction in planted.work.redactions.all():
        redaction.decisions.create(about="media", key=str(free.uuid), hidden=False)
    return _open(planted)


def _whole_passage(planted: Planted, group: str, **fields: Any) -> str:
    """Another passage of the original, redacted whole; its anchor."""
    track = planted.work.tracks.get(key="t1")
    anchor = f"p-{planted.work.public_id[:4]}who{len(track.cues)}"
    track.cues = [*track.cues, cue(anchor, f"all of it {planted.secret('passage')}", group, **fields)]
    track.save()
    Redaction.objects.create(record=planted.work, anchor=anchor, mode="remove", reason="danger")
    return anchor


def _redacted_page(community: Any) -> Planted:
    """A letter of which a passage on the third page is redacted, with a picture and an address of that page."""
    planted = Planted.of_case("redacted-page")
    planted.work = a_document(
        community,
        original=f"Գետը {planted.word('original')}",
        english=f"The river {planted.word('translation')}",
        title=language_map(planted.word("title"), "hy"),
        facsimiles=[{"page": "3", "label": f"https://scans.example/{planted.secret('facsimile')}.jpg"}],
    )
    _whole_passage(planted, "g3", page="3")
    planted.shut.append(
        a_file(
            planted.work,
            planted.secret("filename"),
            planted.secret("picture"),
            kind="image",
            media_type="image/jpeg",
        )
    )
    return _open(planted)


def _unaligned(community: Any) -> Planted:
    """Passages of two texts that one names by the other's own anchor, since neither has a group."""
    planted = Planted.of_case("unaligned")
    planted.work = a_testimony(
        community,
        original=f"Գետը {planted.word('original')}",
        english=f"The river {planted.word('translation')}",
        title=language_map(planted.word("title"), "hy"),
    )
    anchor = _whole_passage(planted, "")
    original, translation = (planted.work.tracks.get(key=key) for key in ("t1", "t2"))
    back = f"p-{planted.work.public_id[:4]}bck1"
    translation.cues = [
        *translation.cues,
        cue(f"p-{planted.work.public_id[:4]}for1", f"said again {planted.secret('forth')}", anchor),
        cue(f"p-{planted.work.public_id[:4]}bck2", f"redacted there {planted.secret('there')}", back),
    ]
    original.cues = [*original.cues, cue(back, f"said first {planted.secret('back')}", "")]
    for track in (original, translation):
        track.save()
    redacted = translation.cues[-1]["id"]
    Redaction.objects.create(record=planted.work, anchor=redacted, mode="remove", reason="danger")
    return _open(planted)
