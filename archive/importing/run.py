"""One import from beginning to end: files are read, applied in parts, published where asked, and reported."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from archive import audit
from archive.actions.publish import PublishAction
from archive.credits import tell_of_credits
from archive.importing.application import Application, Candidate, Guard
from archive.importing.earlier import EarlierAttempt
from archive.importing.formats import choose_reader
from archive.importing.options import ImportOptions
from archive.importing.parsed import ParsedWork
from archive.importing.problems import REFUSED, Problem, RefusedError, problem
from archive.importing.reading import Source
from archive.importing.report import CREATED, UNCHANGED, UPDATED, Report, ReportItem
from archive.importing.rights import Rights
from archive.importing.safe_text import shown
from archive.importing.web_addresses import web_addresses_only
from archive.models import Collection, Community, ImportBatch, ImportItem, Record, Review
from archive.values.language_map import from_texts, language_map, original_text
from search.outbox import index_later

if TYPE_CHECKING:
    from accounts.models import User

#: Works applied together: their originals share two syncs of the file system.
PART = 32
#: Works published together: authorities that several of them name are rebuilt once.
PUBLISH_PART = 96

#: Told after each work: works done, files done, files in all.
Progress = Callable[[int, int, int], None]


class ImportWorks:
    """Import files into a collection of a community.

    :param sources: the files; those that a table names as its texts are left to it.
    :param user: who imports; recorded as reviewer where works are published.
    :param batch: an import to go on with after an interruption; None begins one.
    :param guard: wraps the writes of each transaction (a job verifies its lease there).
    """

    def __init__(
        self,
        sources: Iterable[Source],
        options: ImportOptions,
        *,
        user: User | None = None,
        rights: Rights | None = None,
        batch: ImportBatch | None = None,
        progress: Progress = lambda works, files, total: None,
        guard: Guard = nullcontext,
    ) -> None:
        self.sources = list(sources)
        self.options = options
        self.user = user
        self.rights = rights
        self.batch = batch
        self.progress = progress
        self.guard = guard
        self.report = Report(dry_run=options.dry_run)
        self._works = 0
        self._awaiting: list[Candidate] = []
        self._earlier = EarlierAttempt(None)

    def check(self) -> None:
        """:raises ValueError: naming the option that cannot be used."""
        if wrong := self.options.wrong():
            raise ValueError(wrong)

    def execute(self) -> Report:
        """Import everything; returns the report."""
        self.check()
        thresholds = gc.get_threshold()
        # Millions of small objects that all live for one part: looking for cycles among them is a tenth of the work.
        gc.set_threshold(200_000, *thresholds[1:])
        try:
            return self._execute()
        finally:
            gc.set_threshold(*thresholds)

    def _execute(self) -> Report:
        collection = self._collection()
        application = self._application(collection)
        part: list[Candidate] = []
        for candidate in self._candidates():
            part.append(candidate)
            if len(part) == PART:
                self._apply(application, part)
                part = []
        self._apply(application, part)
        self._publish()
        self._finish(application)
        return self.report

    # --- where to ----------------------------------------------------------------------------

    def _collection(self) -> Collection:
        """Return the collection, made with its community where they are missing (not saved in a dry run)."""
        slug = self.options.community
        community = Community.objects.filter(slug=slug).first()
        if community is None:
            community = Community(slug=slug, name=language_map(slug, "und"))
            self.report.made.append(("community", slug))
        collection = None
        if community.pk:
            collection = Collection.objects.filter(community=community, slug=self.options.collection).first()
            if collection is not None:
                collection.community = community
                return collection
        collection = Collection(
            slug=self.options.collection, title=language_map(self.options.collection, "und"), created_by=self.user
        )
        self.report.made.append(("collection", self.options.collection))
        if not self.options.dry_run:
            with transaction.atomic(), self.guard():
                if not community.pk:
                    community.save()
                collection.community = community
                collection.save()
                if self.batch is not None:
                    self.batch.options = {**self.batch.options, "made_around": self.report.made}
                    self.batch.save(update_fields=["options"])
        else:
            collection.community = community
        return collection

    def _application(self, collection: Collection) -> Application:
        if self.options.dry_run:
            batch = ImportBatch(options={})
        elif self.batch is None:
            with transaction.atomic(), self.guard():
                batch = ImportBatch.objects.create(
                    community=collection.community,
                    source_format=self.options.format,
                    options=self.options.as_dict(),
                    by=self.user,
                )
        else:
            batch = self.batch
            self._earlier = EarlierAttempt(batch)
            # Of this attempt or of an earlier one.
            self.report.made = [(kind, name) for kind, name in batch.options.get("made_around", self.report.made)]
        self.batch = batch
        self.report.batch = "" if self.options.dry_run else str(batch.uuid)
        return Application(
            batch,
            collection,
            user=self.user,
            given_rights=self.rights,
            guard=self.guard,
            noted=frozenset(self._earlier.outcomes),
        )

    # --- reading -----------------------------------------------------------------------------

    def _candidates(self) -> Iterator[Candidate]:
        claimed = self._claimed()
        sources = [one for one in self.sources if one.path.resolve() not in claimed]
        for number, source in enumerate(sources, start=1):
            for found in self._read(source, alone=len(sources) == 1):
                if isinstance(found, Problem):
                    self.report.problems.append(found)
                    continue
                yield Candidate(found, b"" if found.originals else source.content)
                self._works += 1
                self.progress(self._works, number, len(sources))
            # What is read and applied need not stay in memory with its file.
            source.__dict__.pop("content", None)
            self.progress(self._works, number, len(sources))

    def _claimed(self) -> set[Path]:
        """Return the files that tables name as their texts."""
        claimed: set[Path] = set()
        for source in self.sources:
            if source.extension in (".csv", ".tsv") and self.options.format in ("auto", "csv"):
                from archive.importing.readers.table import READER

                claimed |= {path.resolve() for path in READER.claims(source, self.options.reading)}
        return claimed

    def _read(self, source: Source, *, alone: bool) -> Iterator[ParsedWork | Problem]:
        """Read one file; whatever happens in it stays in it."""
        try:
            reader = choose_reader(source, self.options.format)
            for found in reader.works(source, self.options.reading):
                yield web_addresses_only(found) if isinstance(found, ParsedWork) else found
        except RefusedError as refused:
            if refused.problem.code == "unknown-format" and not alone and source.extension not in (".xml", ".json"):
                yield problem("not-taken", source.name)
                return
            self._refuse(source, refused.problem)
        except Exception as error:  # noqa: BLE001 - a fault over one file must not take the others down
            self._refuse(source, problem("internal", source.name, "", kind=type(error).__name__))

    def _refuse(self, source: Source, reason: Problem) -> None:
        self.report.add(ReportItem(source.name, REFUSED, problems=(reason,)))
        name = shown(source.name, 500)
        if not self.options.dry_run and self.batch is not None and name not in self._earlier.outcomes:
            with transaction.atomic(), self.guard():
                ImportItem.objects.create(batch=self.batch, source=name, outcome=REFUSED, problems=[reason.as_dict()])

    # --- applying ----------------------------------------------------------------------------

    def _apply(self, application: Application, part: Sequence[Candidate]) -> None:
        if not part:
            return
        (application.preview if self.options.dry_run else application.apply)(part)
        published = self._earlier.published(part)
        for candidate in part:
            work = candidate.work
            self.report.entities_with_authority += len(work.entities)
            self.report.entities_without_authority += sum(
                int(dict(one.values)["count"]) for one in work.problems if one.code == "entities-without-authority"
            )
            self._say_rights(candidate)
            if candidate.record is not None and candidate.record.pk in published:
                self._add(candidate, published=True)
            elif self._publishable(candidate):
                self._awaiting.append(candidate)
            else:
                self._add(candidate)
            # Only what publishing and the report need stays in memory.
            candidate.content = b""
        if len(self._awaiting) >= PUBLISH_PART:
            self._publish()

    def _say_rights(self, candidate: Candidate) -> None:
        if not candidate.taken:
            return
        if candidate.rights is None:
            candidate.problems.append(problem("rights-unknown", candidate.work.file))
        elif self.options.publish and not candidate.rights.publishable:
            candidate.problems.append(
                problem("rights-no-publish", candidate.work.file, "", basis=candidate.rights.basis)
            )

    def _publishable(self, candidate: Candidate) -> bool:
        if not self.options.publish or self.options.dry_run or candidate.record is None:
            return False
        if candidate.rights is None or not candidate.rights.publishable or candidate.work.hold_back:
            return False
        record = candidate.record
        # A conflict is never published by an import, nor what a person has corrected or taken back.
        if candidate.outcome in (CREATED, UPDATED):
            return True
        existing = candidate.existing
        if candidate.outcome != UNCHANGED or existing is None or existing.corrected:
            return False
        if self._earlier.brought(candidate):
            # Its worker died before it got to publishing; what was reviewed since is a person's affair.
            return bool(record.reviewed_revision != record.current_revision)
        return not record.wanted_public and record.reviewed_revision == 0

    def _publish(self) -> None:
        for start in range(0, len(self._awaiting), PUBLISH_PART):
            part = self._awaiting[start : start + PUBLISH_PART]
            with transaction.atomic(), self.guard(), index_later():
                self._review_and_publish([one.record for one in part])
                assessments = PublishAction(None, [one.record for one in part]).execute()
            for candidate in part:
                assessment = assessments[candidate.record.public_id]
                if not assessment.allowed:
                    why = "; ".join(reason.code for reason in assessment.blocking)
                    candidate.problems.append(problem("not-publishable", candidate.work.file, "", why=why))
                self._add(candidate, published=assessment.allowed)
        self._awaiting.clear()

    def _review_and_publish(self, records: Sequence[Any]) -> None:
        """Record the operator as reviewer of what was just imported."""
        Review.objects.bulk_create(
            Review(record_id=one.pk, revision=one.current_revision, passed=True, reviewer=self.user) for one in records
        )
        before = {one.pk: one.reviewed_revision for one in records}
        for record in records:
            record.reviewed_revision = record.current_revision
            record.state = "reviewed"
        for number in {one.current_revision for one in records}:
            Record.objects.filter(pk__in=[one.pk for one in records if one.current_revision == number]).update(
                reviewed_revision=number, state="reviewed"
            )
        tell_of_credits(records, before)
        audit.note_all("review", records, self.user, outcome="passed", by="import")

    def _add(self, candidate: Candidate, *, published: bool = False) -> None:
        work = candidate.work
        self.report.add(
            ReportItem(
                source=work.file,
                outcome=self._earlier.outcome_of(candidate),
                record=candidate.record.public_id if candidate.record is not None else "",
                title=original_text(from_texts(work.title, work.original_language)),
                published=published,
                problems=(*work.problems, *candidate.problems),
            )
        )

    def _finish(self, application: Application) -> None:
        self.report.items.sort(key=lambda item: item.source)
        if self.options.dry_run or self.batch is None:
            return
        with transaction.atomic(), self.guard():
            batch = self.batch
            batch.finished_at = timezone.now()
            batch.counts = self.report.counts
            batch.options = {
                **batch.options,
                "made": sorted(
                    {*batch.options.get("made", []), *self._earlier.authorities(), *application.authorities.made}
                ),
                "problems": [one.as_dict() for one in self.report.problems],
                "entities": [self.report.entities_with_authority, self.report.entities_without_authority],
            }
            batch.save()
