"""A link for readers that was ended since a backup does not live again after its restore."""

from __future__ import annotations

from django.test import Client
from django.utils import timezone

from archive.actions.reader_links import EndReaderLinkAction
from archive.models import Publication, ReaderLink
from archive.vault import ledger
from tests.archive.factories import a_community, a_member, a_testimony, published
from tests.archive.reader_links import BOTH, a_class_link, a_review_link, a_teacher, path_of
from tests.archive.vault.test_ledger_narrowings import restored, since_the_backup


def test_a_link_ended_since_the_backup_stays_ended(instance):
    community = a_community()
    work = published(a_testimony(community), BOTH)
    teacher = a_teacher()
    ended = [a_class_link(teacher, work), a_review_link(a_member(community, "editor"), work)]
    kept = a_class_link(teacher, work)
    with since_the_backup():
        for made in ended:
            EndReaderLinkAction(made.link.maker, made.link).execute()
        # One that the backup never had is nothing to end.
        later = a_class_link(teacher, work)
        EndReaderLinkAction(teacher, later.link).execute()
    # The backup brought them back.
    assert ReaderLink.objects.open(timezone.now()).count() == 3
    report = restored()
    assert len(report.narrowed) == 2 and report.unknown == 1
    assert list(ReaderLink.objects.open(timezone.now())) == [kept.link]
    assert [Client().get(path_of(made)).status_code for made in (*ended, kept)] == [404, 404, 302]
    ledger.mark_replay_pending()
    assert restored().narrowed == [] and Publication.objects.exists()
