"""An import as a job: it survives its worker, and nothing is doubled."""

from __future__ import annotations

import pytest

from archive.importing.job import KIND, discard_uploads, do_import, report_of, start_import
from archive.importing.options import ImportOptions
from archive.models import ImportBatch, ImportItem, MediaAsset, Publication, Record, Testimony
from archive.vault.deposit import quarantine
from archive.vault.errors import RefusedUpload
from jobs.models import Job
from tests.archive.factories import a_community, a_user
from tests.archive.importing.conftest import EDITION

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("vault", "site")]


class Attempt:
    """What a handler sees of one attempt; dies when told to, as a killed worker does."""

    def __init__(self, job: Job, *, dies_after: int = 10**6) -> None:
        self.input = job.input
        self.commits = 0
        self.dies_after = dies_after
        self.stages: list[str] = []

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def progress(self, done: int, total: int | None = None) -> None:
        assert total is None or done <= total

    def commit(self):
        from contextlib import contextmanager

        @contextmanager
        def guarded():
            self.commits += 1
            if self.commits > self.dies_after:
                raise KeyboardInterrupt
            yield

        return guarded()


@pytest.fixture
def job():
    a_community("valley")
    user = a_user(is_superuser=True)
    uploads = [
        (f"valley-{number}.xml", [EDITION.replace("VALLEY-001", f"VALLEY-{number}").encode()]) for number in range(3)
    ]
    return start_import(uploads, ImportOptions("valley", "mill", publish=True), user=user)


def test_an_import_runs_as_a_job_and_leaves_its_report(job):
    assert (job.kind, job.scope) == (KIND, "community:valley")
    assert set(job.input) == {"batch"}, "no name and no text travels with the job"
    attempt = Attempt(job)
    counts = do_import(attempt)
    assert counts["created"] == counts["published"] == 3
    assert attempt.stages == ["import", "index"]
    report = report_of(ImportBatch.objects.get())
    assert report.counts == counts and len(list(report.lines())) > 3
    assert not list(quarantine().waiting()), "what is in the vault waits nowhere else"


@pytest.mark.parametrize("dies_after", range(1, 7))
def test_a_killed_worker_loses_nothing_and_doubles_nothing(job, dies_after):
    with pytest.raises(KeyboardInterrupt):
        do_import(Attempt(job, dies_after=dies_after))
    counts = do_import(Attempt(job))
    assert counts["created"] == 3
    assert Testimony.objects.count() == 3
    assert MediaAsset.objects.count() == 3
    assert ImportItem.objects.filter(outcome="created").count() == 3
    assert Publication.objects.filter(kind="testimony").count() == 3
    assert Record.objects.filter(kind="place").count() == 1


def test_a_worker_killed_while_it_throws_uploads_away_keeps_the_whole_report(job, monkeypatch):
    def dies(tokens):
        discard_uploads(tokens[:2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("archive.importing.job.discard_uploads", dies)
        with pytest.raises(KeyboardInterrupt):
            do_import(Attempt(job))
    assert len(list(quarantine().waiting())) == 1
    counts = do_import(Attempt(job))
    batch = ImportBatch.objects.get()
    assert (counts["created"], batch.counts["created"], len(report_of(batch).items)) == (3, 3, 3)
    assert not list(quarantine().waiting())


def test_a_dry_run_from_the_admin_keeps_its_report():
    a_community("valley")
    job = start_import([("v.xml", [EDITION.encode()])], ImportOptions("valley", "mill", dry_run=True), user=a_user())
    do_import(Attempt(job))
    report = report_of(ImportBatch.objects.get())
    assert report.dry_run and report.counts["created"] == 1 and not Testimony.objects.exists()


def test_a_table_finds_its_texts_among_the_uploads():
    a_community("valley")
    uploads = [("people.csv", [b"id,title,file,language\n1,Ana,ana.txt,de\n"]), ("ana.txt", ["Grüß Gott.".encode()])]
    job = start_import(uploads, ImportOptions("valley", "mill"), user=a_user())
    assert do_import(Attempt(job))["created"] == 1
    assert Record.objects.get(kind="document").tracks.get().cues[0]["text"] == "Grüß Gott."


def test_a_refused_upload_takes_nothing_else_down():
    a_community("valley")
    uploads = [("x.exe", [b"MZ" + b"\0" * 600]), ("v.xml", [EDITION.encode()])]
    job = start_import(uploads, ImportOptions("valley", "mill"), user=a_user())
    assert do_import(Attempt(job))["created"] == 1
    (said,) = ImportBatch.objects.get().options["turned_away"]
    assert said.startswith("x.exe: ")


def test_uploads_that_are_all_refused_leave_nothing_behind():
    a_community("valley")
    with pytest.raises(RefusedUpload, match=r"x\.exe.*y\.exe"):
        start_import(
            [("x.exe", [b"MZ" + b"\0" * 600]), ("y.exe", [b"MZ" + b"\0" * 600])],
            ImportOptions("valley", "m"),
            user=a_user(),
        )
    assert not list(quarantine().waiting()) and not Job.objects.exists()
    with pytest.raises(ValueError, match="no community"):
        start_import([], ImportOptions("elsewhere", "m"), user=a_user())


def test_a_lost_lease_ends_the_import_instead_of_refusing_works(job):
    from jobs.errors import LeaseLost

    class Lost(Attempt):
        def commit(self):
            if self.commits >= 1:
                raise LeaseLost
            return super().commit()

    with pytest.raises(LeaseLost):
        do_import(Lost(job))
    assert not ImportItem.objects.exists() and not Testimony.objects.exists()
