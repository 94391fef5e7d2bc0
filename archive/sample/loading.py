"""Sample content enters as anything else does: vault, revision, consent, review, gate; once and never twice."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from archive import audit
from archive.actions.consent import RecordConsentAction
from archive.actions.publish import PublishAction, ReviewAction
from archive.actions.withdraw import WithdrawAction
from archive.models import (
    AuditEvent,
    Clip,
    Community,
    Contribution,
    EntityLink,
    HomePage,
    IndexSegment,
    Record,
    Redaction,
    TextTrack,
)
from archive.pages import clock
from archive.record_types import record_type
from archive.revisions import save_revision
from archive.sample.reading import SampleContent, SampleFault, SampleWork, anchor_of, public_id_of, read_sample
from archive.sample.voice import Speech, as_wav, speak
from archive.sample.world import IDENTITY, World
from archive.values.language_map import from_texts, language_map
from archive.values.languages import direction
from archive.vault.deposit import Filing, KeepOriginals, object_id_of
from archive.vault.ingest import Deposit, Original

#: The audit trail remembers which version was loaded.
LOADED = "sample-content"
_FICTION = "Fiction: sample content, no real person speaks here."


class NotAPlaceForFiction(Exception):
    """An archive that holds real communities does not get an invented one among them."""


@dataclass
class Loaded:
    """What a run did: keys of works made, and how many of them are public."""

    made: list[str] = field(default_factory=list)
    public: int = 0
    #: False when everything was there already.
    changed: bool = True


class LoadSampleContent:
    """Load the sample content; a second run does nothing.

    Works that are there are left alone, whoever has changed them since. ``tell`` hears what is being done.
    """

    def __init__(
        self, content: SampleContent | None = None, *, tell: Callable[[str], None] = lambda text: None
    ) -> None:
        self.content = content or read_sample()
        self.tell = tell
        self.world = World(self.content.world)
        self._works: dict[str, Any] = {}

    def check(self) -> None:
        """Raise :class:`NotAPlaceForFiction` where fiction would stand among real testimonies."""
        if settings.CAIRN_MODE == "production" or Community.objects.filter(fiction=False).exists():
            raise NotAPlaceForFiction(
                "Sample content is fiction and belongs into a demonstration, not into an archive with communities of "
                "its own: use another instance (CAIRN_DATA=…)."
            )

    def execute(self) -> Loaded:
        """Load what is missing and return what was done."""
        version = f"version:{self.content.version}"
        if AuditEvent.objects.filter(action=LOADED, subject=version).exists():
            return Loaded(changed=False)
        self.check()
        with transaction.atomic():
            self.world.make()
        there = set(Record.objects.filter(identity__startswith=f"{IDENTITY}works.").values_list("identity", flat=True))
        missing = [work for work in self.content.works if f"{IDENTITY}works.{work.key}" not in there]
        self.tell(f"{len(missing)} works of the sample content enter the vault …")
        self._deposit(missing)
        with transaction.atomic():
            self._clips()
        self.tell("They pass the gate …")
        public = self._publish(missing)
        with transaction.atomic():
            self._choose_for_home()
            audit.note_about(LOADED, version, None)
        return Loaded([work.key for work in missing], public)

    # --- originals and records -------------------------------------------------------------------

    def _deposit(self, works: Iterable[SampleWork]) -> None:
        filings = [self._filing(work) for work in works]
        if filings:
            KeepOriginals(filings).execute()

    def _filing(self, work: SampleWork) -> Filing:
        identifier = uuid.uuid4()
        speech = speak(work.phonemes) if work.phonemes else None
        originals = [
            Original(f"{work.key}.{language}.txt", _as_text(work, language).encode()) for language in work.passages
        ]
        if speech is not None:
            originals.append(Original(f"{work.key}.wav", as_wav(speech)))
        facts = work.facts
        deposit = Deposit(
            object_id=object_id_of(identifier),
            originals=originals,
            record={
                "kind": facts["kind"],
                "identity": f"{IDENTITY}works.{work.key}",
                "community": facts["community"],
                "collection": facts["collection"],
                "title": facts["title"],
                "original_language": work.original,
                "fiction": True,
                "uuid": str(identifier),
            },
            message="sample content",
        )
        technical = {f"{work.key}.wav": {"duration_ms": speech.duration_ms}} if speech else None
        return Filing(deposit, lambda _stored: self._create(work, identifier, speech), technical=technical)

    def _create(self, work: SampleWork, identifier: uuid.UUID, speech: Speech | None) -> Record:
        facts = work.facts
        more = (
            {"document_type": facts["document_type"], "standpoint": facts["standpoint"]}
            if facts["kind"] == "document"
            else {"life_events": []}
        )
        record = record_type(facts["kind"]).model_class.objects.create(
            uuid=identifier,
            public_id=public_id_of(f"works.{work.key}"),
            identity=f"{IDENTITY}works.{work.key}",
            community=self.world.communities[facts["community"]],
            collection=self.world.record(f"collections.{facts['collection']}"),
            title=from_texts(facts["title"], work.original),
            abstract=from_texts(facts["abstract"], next(iter(facts["abstract"]))),
            original_language=work.original,
            languages=list(work.passages),
            date=facts["date"],
            place=self.world.record(f"places.{facts['place']}") if "place" in facts else None,
            sensitivity=facts.get("sensitivity", []),
            minimum_age=facts.get("minimum_age", 0),
            institution=facts.get("institution", ""),
            archival_collection=facts.get("archival_collection", ""),
            reference=facts.get("reference", ""),
            source_statement=_FICTION,
            licence_uri="https://creativecommons.org/licenses/by/4.0/",
            licence_label="CC BY 4.0",
            download_allowed=facts.get("download", True),
            sealed=facts.get("sealed", []),
            fiction=True,
            **more,
        )
        tracks = [self._track(record, work, language, speech) for language in _original_first(work)]
        TextTrack.objects.bulk_create(tracks)
        self._segments(record, work)
        self._contributions(record, work)
        self._links(record, work)
        self._redactions(record, work)
        save_revision(record, origin="import", reason="sample")
        self._works[work.key] = record
        return Record.objects.get(pk=record.pk)

    def _track(self, record: Any, work: SampleWork, language: str, speech: Speech | None) -> TextTrack:
        original = language == work.original
        cues = []
        for number, passage in enumerate(work.passages[language], start=1):
            start, end = speech.times[number - 1] if speech else (None, None)
            cues.append(
                {
                    "id": anchor_of(work.key, language, number),
                    "group": f"g{number}",
                    "page": "",
                    "start_ms": start,
                    "end_ms": end,
                    "speaker": "",
                    "text": passage.text,
                    "marks": [dict(mark) for mark in passage.marks],
                    "kind": "p",
                    "paratext": "",
                    "public_text": None,
                }
            )
        position = _original_first(work).index(language)
        origin = work.facts.get("origins", {}).get(language, "human")
        return TextTrack(
            record_id=record.pk,
            key=f"t{position + 1}",
            kind="transcript" if original else "translation",
            language=language,
            declared_language=language,
            direction=direction(language),
            is_original=original,
            origin="machine" if origin == "unreviewed" else origin,
            # No speaker has read these translations: no page may say that one has.
            reviewed=original or origin == "corrected",
            position=position,
            cues=cues,
        )

    def _segments(self, record: Any, work: SampleWork) -> None:
        IndexSegment.objects.bulk_create(
            IndexSegment(
                record_id=record.pk,
                key=f"s{number}",
                anchor=anchor_of(work.key, work.original, segment["at"]),
                title=from_texts(segment["title"], _first(segment["title"], work.original)),
                synopsis=from_texts(segment["synopsis"], "en") if "synopsis" in segment else {},
                position=number,
            )
            for number, segment in enumerate(work.facts.get("segments", []), start=1)
        )

    def _contributions(self, record: Any, work: SampleWork) -> None:
        Contribution.objects.bulk_create(
            Contribution(
                record_id=record.pk,
                person_id=self.world.record(f"people.{one['person']}").pk if "person" in one else None,
                role=one["role"],
                credited_as=one.get("credited_as", ""),
                position=position,
            )
            for position, one in enumerate(work.facts.get("contributors", []))
        )

    def _links(self, record: Any, work: SampleWork) -> None:
        anchors: dict[str, list[str]] = {}
        for language, passages in work.passages.items():
            for number, passage in enumerate(passages, start=1):
                for name in sorted(passage.names):
                    anchors.setdefault(name, []).append(anchor_of(work.key, language, number))
        links = [("mentioned", name, found) for name, found in sorted(anchors.items())]
        # What a text names is not said again as its subject.
        links += [("about", name, []) for name in work.facts.get("about", []) if name not in anchors]
        links += [("risk-factor", f"concepts.risk-{number}", []) for number in work.facts.get("risk_factors", [])]
        EntityLink.objects.bulk_create(
            EntityLink(record_id=record.pk, target_id=self.world.record(name).pk, relation=relation, anchors=found)
            for relation, name, found in links
        )

    def _redactions(self, record: Any, work: SampleWork) -> None:
        for rule in work.facts.get("redactions", []):
            text = work.passages[rule["language"]][rule["paragraph"] - 1].text
            start = text.find(rule["words"])
            if start < 0:
                raise SampleFault(f"{work.key}: “{rule['words']}” does not stand in paragraph {rule['paragraph']}.")
            Redaction.objects.create(
                record_id=record.pk,
                anchor=anchor_of(work.key, rule["language"], rule["paragraph"]),
                start=start,
                end=start + len(rule["words"]),
                mode=rule["mode"],
                replacement=rule.get("replacement", ""),
                hidden_up_to=rule["hidden_up_to"],
                reason=rule["reason"],
            )

    # --- the gate ----------------------------------------------------------------------------------

    def _publish(self, works: Iterable[SampleWork]) -> int:
        """Consent, review and publication of all works in one transaction; then what was taken back."""
        reviewed, wanted, withdrawn = [], [], []
        with transaction.atomic():
            for work in works:
                record = (
                    record_type(work.facts["kind"])
                    .model_class.objects.select_related("community", "collection")
                    .get(public_id=public_id_of(f"works.{work.key}"))
                )
                if "consent" in work.facts:
                    RecordConsentAction(None, record, self._consent(work)).execute()
                stage = work.facts.get("stage", "published")
                if stage != "draft":
                    reviewed.append(record)
                if stage in ("published", "withdrawn"):
                    wanted.append(record)
                if stage == "withdrawn":
                    withdrawn.append((work, record))
            ReviewAction(None, reviewed).execute()
            assessments = PublishAction(None, wanted).execute()
        for work, record in withdrawn:
            stone = language_map(work.facts["tombstone"]["en"], "en", **work.facts["tombstone"])
            WithdrawAction(None, record, reason="narrator-request", tombstone=stone).execute()
        return sum(found.allowed for found in assessments.values()) - len(withdrawn)

    def _consent(self, work: SampleWork) -> dict[str, Any]:
        facts = dict(work.facts["consent"])
        scopes = self.content.world["scopes"][facts.pop("scopes")]
        for name in ("embargo_until", "ends_at"):
            if name in facts:
                facts[name] = datetime.fromisoformat(facts[name]).replace(tzinfo=UTC)
        return {"basis": "informed-consent", "form_language": work.original, "scopes": dict(scopes), **facts}

    # --- what stands around them --------------------------------------------------------------------

    def _clips(self) -> None:
        for key, facts in self.content.world.get("clips", {}).items():
            public_id = public_id_of(f"clips.{key}")
            work = Record.objects.filter(public_id=public_id_of(f"works.{facts['work']}")).first()
            if work is None or Record.objects.filter(public_id=public_id).exists():
                continue
            Clip.objects.create(
                public_id=public_id,
                identity=f"{IDENTITY}clips.{key}",
                community=work.community,
                work=work,
                title=from_texts(facts["title"], "en"),
                context=from_texts(facts["context"], "en"),
                first_anchor=anchor_of(facts["work"], facts["language"], facts["first"]),
                last_anchor=anchor_of(facts["work"], facts["language"], facts["last"]),
                audience=facts["audience"],
            )

    def _choose_for_home(self) -> None:
        """Put one testimony on the first page of every language where no editor has chosen one."""
        chosen = next((work for work in self.content.works if "home_quote" in work.facts), None)
        if chosen is None:
            return
        quotes = chosen.facts["home_quote"]
        for page in HomePage.objects.filter(chosen_id="").select_related("locale"):
            language = page.locale.language_code if page.locale.language_code in quotes else chosen.original
            page.chosen_id = public_id_of(f"works.{chosen.key}")
            page.quote, page.quote_language = quotes[language], language
            page.save(update_fields=["chosen_id", "quote", "quote_language"])
        clock.turn()


def _original_first(work: SampleWork) -> list[str]:
    return [work.original, *(language for language in work.passages if language != work.original)]


def _first(texts: dict[str, str], wanted: str) -> str:
    return wanted if wanted in texts else next(iter(texts))


def _as_text(work: SampleWork, language: str) -> str:
    """What the vault keeps of a text: its words, labelled as fiction."""
    return "\n\n".join([_FICTION, *(passage.text for passage in work.passages[language])]) + "\n"
