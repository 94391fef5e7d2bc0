"""An import as a job, so that the admin can start one, watch it, and find it whole after the worker died.

The job's input names only the batch; what was uploaded waits in the vault's quarantine until it is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import transaction

from archive.importing.options import ImportOptions
from archive.importing.problems import problem_from_dict
from archive.importing.reading import Source
from archive.importing.report import Report, ReportItem
from archive.importing.rights import load_rights, rights_from
from archive.importing.run import ImportWorks
from archive.models import Community, ImportBatch
from archive.vault.deposit import quarantine
from archive.vault.errors import RefusedUpload, UnknownObject, VaultError
from archive.vault.quarantine import DATA
from jobs import api
from jobs.models import Job
from search.outbox import apply_all_pending

if TYPE_CHECKING:
    from accounts.models import User
    from jobs.context import JobContext

KIND = "import"


def start_import(
    uploads: Iterable[tuple[str, Iterable[bytes]]],
    options: ImportOptions,
    *,
    user: User,
    rights: Path | None = None,
) -> Job:
    """Take uploads (name and bytes) and enqueue their import.

    The caller has asked the policy whether ``user`` may import into the community. A missing community is not made
    here: only an operator's command makes one.

    :raises ValueError: for options that cannot be used, or an unknown community.
    What may not come in is refused by itself: the rest goes on, and the report names it (``turned_away``).

    :raises archive.vault.errors.VaultError: when nothing may come in, or nothing can be stored (disk full); none is
        kept then.
    :raises RefusedError: when the rights file cannot be used.
    """
    if wrong := options.wrong():
        raise ValueError(wrong)
    community = Community.objects.filter(slug=options.community).first()
    if community is None:
        raise ValueError(f"there is no community “{options.community}”")
    agreed = load_rights(rights).as_dict() if rights else None
    store = quarantine()
    tokens: list[str] = []
    refused: list[str] = []
    try:
        for name, chunks in uploads:
            try:
                tokens.append(store.receive(name, chunks).token)
            except RefusedUpload as error:
                refused.append(str(error))
        if refused and not tokens:
            raise RefusedUpload(" ".join(refused))
        with transaction.atomic():
            batch = ImportBatch.objects.create(
                community=community,
                source_format=options.format,
                options={**options.as_dict(), "uploads": tokens, "turned_away": refused, "rights": agreed},
                by=user,
            )
            return api.enqueue(
                KIND, input={"batch": str(batch.uuid)}, scope=f"community:{community.slug}", created_by=str(user.pk)
            )
    except BaseException:
        for token in tokens:
            store.discard(token)
        raise


def do_import(context: JobContext) -> dict[str, Any]:
    """Handle a job of the kind ``import``; a second attempt goes on where the first one died.

    Once the report is written nothing is imported again: an attempt that died after it has thrown away uploads, and
    what the rest of them gives would be taken for the whole import.
    """
    batch = ImportBatch.objects.select_related("community", "by").get(uuid=context.input["batch"])
    stored = dict(batch.options)
    tokens = [str(token) for token in stored.get("uploads", [])]
    options = ImportOptions(**{name: stored[name] for name in ImportOptions.__dataclass_fields__ if name in stored})
    counts = dict(batch.counts) if "report" in stored else _import(context, batch, options, tokens)
    context.stage("index")
    apply_all_pending()
    if not options.dry_run:
        # The files of a dry run wait for somebody to say yes or no to its report.
        discard_uploads(tokens)
    return counts


def _import(context: JobContext, batch: ImportBatch, options: ImportOptions, tokens: list[str]) -> dict[str, Any]:
    """Import what was uploaded and keep the report with its batch, in one commit; returns the counts."""
    context.stage("import")
    agreed = batch.options.get("rights")
    report = ImportWorks(
        _sources(tokens),
        options,
        user=batch.by,
        rights=rights_from(agreed, "rights") if agreed else None,
        batch=batch,
        progress=lambda _works, files, total: context.progress(files, total),
        guard=context.commit,
    ).execute()
    with context.commit():
        ImportBatch.objects.filter(pk=batch.pk).update(
            counts=report.counts,
            options={**ImportBatch.objects.get(pk=batch.pk).options, "report": report.as_dict()},
        )
    return report.counts


def discard_uploads(tokens: Iterable[str]) -> None:
    """Remove what waits in quarantine; what is gone already is gone."""
    store = quarantine()
    for token in tokens:
        try:
            store.discard(str(token))
        except UnknownObject:
            continue


def import_after(dry: ImportBatch, *, user: User) -> Job:
    """Import the very files of a dry run. The caller has asked the policy.

    :raises ValueError: when the files are not there any more.
    """
    with transaction.atomic():
        dry = ImportBatch.objects.select_for_update().get(pk=dry.pk)
        tokens = list(dry.options.get("uploads", []))
        if not dry.options.get("dry_run") or not tokens or dry.community is None:
            raise ValueError("the files of this dry run are not there any more")
        kept = {name: value for name, value in dry.options.items() if name not in ("report", "uploads")}
        batch = ImportBatch.objects.create(
            community=dry.community,
            source_format=dry.source_format,
            options={**kept, "dry_run": False, "uploads": tokens},
            by=user,
        )
        ImportBatch.objects.filter(pk=dry.pk).update(options={**dry.options, "uploads": []})
        return api.enqueue(
            KIND,
            input={"batch": str(batch.uuid)},
            scope=f"community:{dry.community.slug}",
            created_by=str(user.pk),
        )


def _sources(tokens: Iterable[str]) -> list[Source]:
    store = quarantine()
    paths: dict[str, Path] = {}
    for token in tokens:
        try:
            upload = store.facts(token)
        except VaultError:
            # Discarded by an attempt that died right at its end.
            continue
        name = upload.name
        while name in paths:
            name = f"again-{name}"
        paths[name] = store.folder / token / DATA
    return [Source(path, name, siblings=paths) for name, path in sorted(paths.items())]


def report_of(batch: ImportBatch) -> Report:
    """Return the report of an import that was made, for the admin; a dry run's is kept whole in its options."""
    report = Report(dry_run=bool(batch.options.get("dry_run")), batch=str(batch.uuid))
    stored = batch.options.get("report")
    if stored:
        report.made = [(one["kind"], one["name"]) for one in stored["made"]]
        report.problems = [problem_from_dict(one) for one in stored["problems"]]
        report.items = [
            ReportItem(
                one["source"],
                one["outcome"],
                one["record"],
                one["title"],
                one["published"],
                tuple(problem_from_dict(found) for found in one["problems"]),
            )
            for one in stored["items"]
        ]
        return report
    report.problems = [problem_from_dict(one) for one in batch.options.get("problems", [])]
    for item in batch.items.select_related("record"):
        report.add(
            ReportItem(
                item.source,
                item.outcome,
                item.record.public_id if item.record else "",
                problems=tuple(problem_from_dict(one) for one in item.problems),
            )
        )
    return report
