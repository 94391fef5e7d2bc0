"""A ledger that is not whole never opens a restored site: thirty damages, none with anything back."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive.models import AuditEvent, LedgerLine, Publication, Record, RecordState
from archive.vault import ledger, ledger_file
from archive.vault.errors import VaultError
from archive.vault.ledger_lines import Head, Reading, judge
from archive.vault.replay import ReplayLedger, accepted_damage
from archive.vault.snapshot import Manifest, Restore
from tests.archive.factories import a_community, a_person, a_testimony, published
from tests.archive.vault.ledger_damages import damages

#: Lines of the ledger below: its beginning and seven withdrawals, of which the backup knows four.
LINES = 8


def test_there_are_thirty_damages():
    assert len(list(damages(LINES))) >= 30 and len({name for name, _damage in damages(LINES)}) >= 30


@pytest.fixture
def restored(instance: Path):
    """A database as a restore leaves it: it knows four lines, the manifest the newest of them, the site is closed."""
    community = a_community()
    works = [published(a_testimony(community)) for _number in range(2)]
    heads = []
    for number in range(7):
        work = works[0] if number == 0 else works[1] if number == 6 else None
        uuid = str(work.uuid) if work else f"00000000-0000-4000-8000-00000000000{number}"
        ledger.append({"uuid": uuid, "public_id": "x", "reason": "danger"})
        heads.append(ledger.head())
    LedgerLine.objects.filter(number__gt=4).delete()
    early = heads[2]
    assert early is not None and early.lines == 4
    # The custody log's published head knows the last one.
    facts = ledger.Pending(early, early.instance, (early, heads[-1]), must_exist=True)
    ledger.mark_replay_pending(facts)
    return works


@pytest.mark.parametrize(("name", "damage"), list(damages(LINES)), ids=[name for name, _damage in damages(LINES)])
def test_no_damage_opens_the_site(restored, name: str, damage):
    whole = ledger_file.path().read_bytes()
    made = damage(whole)
    assert made != whole
    if made is None:
        ledger_file.path().unlink()
    else:
        ledger_file.path().write_bytes(made)
    with pytest.raises(ledger.LedgerNotWhole):
        ReplayLedger().execute()
    assert ledger.replay_pending()


def test_the_whole_ledger_opens_it_with_nothing_back(restored):
    ReplayLedger().execute()
    assert not ledger.replay_pending()
    for work in restored:
        assert Record.objects.get(pk=work.pk).state == RecordState.WITHDRAWN
        assert not Publication.objects.filter(public_id=work.public_id).exists()
    # Nothing was written a second time, and the database knows every line again.
    assert ledger_file.read().lines == LINES
    assert {head.lines for head in ledger.known_to_database()} == set(range(1, LINES + 1))


def test_without_the_guard_a_shortened_ledger_would_open_the_site_with_a_work_back(restored, monkeypatch):
    monkeypatch.setattr(ledger, "require_whole", lambda *_args: None)
    ledger_file.path().write_bytes(b"".join(ledger_file.path().read_bytes().splitlines(keepends=True)[:-1]))
    ReplayLedger().execute()
    assert not ledger.replay_pending()
    assert Publication.objects.filter(public_id=restored[1].public_id).exists()


def test_a_person_decides_and_the_trail_keeps_it(restored):
    lines = ledger_file.path().read_bytes().splitlines(keepends=True)
    ledger_file.path().write_bytes(b"".join(lines[:5]))
    with pytest.raises(ledger.LedgerNotWhole, match=r"Line 6 .*--accept-damaged-ledger 6"):
        ReplayLedger().execute()
    with pytest.raises(ledger.LedgerNotWhole):
        ReplayLedger(decision=ledger.Decision(5)).execute()
    with pytest.raises(ledger.LedgerNotWhole):
        ReplayLedger(decision=ledger.Decision(lost=True)).execute()
    ReplayLedger(decision=ledger.Decision(6)).execute()
    assert not ledger.replay_pending()
    event = AuditEvent.objects.get(action="ledger-accepted")
    assert event.detail["accepted"] == 6 and event.detail["lost"] == 1
    (sentence,) = accepted_damage()
    assert "the damage from line 6 of the ledger was accepted" in sentence
    # It is asked once, not at every restore to come.
    ledger.mark_replay_pending(ledger.Pending(None, "", tuple(ledger.known_to_database()), must_exist=True))
    ReplayLedger().execute()


def test_an_absent_ledger_is_accepted_only_as_lost(restored):
    ledger_file.path().unlink()
    for number in (0, 1, 4, 8):
        with pytest.raises(ledger.LedgerNotWhole, match="--accept-lost-ledger"):
            ReplayLedger(decision=ledger.Decision(number)).execute()
    assert ledger.replay_pending()
    ReplayLedger(decision=ledger.Decision(lost=True)).execute()
    assert not ledger.replay_pending()
    assert AuditEvent.objects.get(action="ledger-accepted").detail["accepted"] == "lost"
    assert ledger_file.read().entries[0]["accepted"] == "lost"


def test_after_a_restore_there_must_be_a_ledger_even_where_nobody_knows_a_line(instance: Path):
    """A fresh machine on which the ledger was not copied first; also what an old backup leads to."""
    ledger.mark_replay_pending(ledger.Pending(must_exist=True))
    with pytest.raises(ledger.LedgerNotWhole, match="Copy the ledger"):
        ReplayLedger().execute()


def test_a_loss_is_accepted_once_also_for_what_the_restored_database_knows(instance: Path):
    """On a machine without anything: the lines that the backup's database brings were lost with the others."""
    ledger.append({"uuid": "00000000-0000-4000-8000-000000000001", "public_id": "x", "reason": "danger"})
    own = ledger.head()
    ledger_file.path().unlink()
    known = list(LedgerLine.objects.all())
    LedgerLine.objects.all().delete()
    ledger.mark_replay_pending(ledger.Pending(own, own.instance, (own,), must_exist=True))
    lost = ledger.Decision(lost=True)
    # As the restore does before it brings the database of the backup.
    ledger.accept(lost)
    LedgerLine.objects.bulk_create(known)
    with pytest.raises(ledger.LedgerNotWhole, match="--accept-lost-ledger"):
        ReplayLedger().execute()
    ReplayLedger(decision=lost).execute()
    assert not ledger.replay_pending()
    ledger.mark_replay_pending(ledger.Pending(None, "", tuple(ledger.known_to_database()), must_exist=True))
    ReplayLedger().execute()


@pytest.mark.parametrize("noise", [b"\0" * 900, b"{", b'{"action":"withdraw"'])
def test_bytes_that_never_became_a_line_are_no_ledger(instance: Path, noise: bytes):
    ledger_file.path().parent.mkdir(parents=True, exist_ok=True)
    ledger_file.path().write_bytes(noise)
    ledger.mark_replay_pending(ledger.Pending(must_exist=True))
    with pytest.raises(ledger.LedgerNotWhole):
        ReplayLedger().execute()


def test_an_old_backup_takes_only_the_ledger_whose_lines_this_database_knows(restored, tmp_path: Path):
    """A backup of the first form does not say whose it is; the database that it replaces does."""
    ledger_file.path().write_bytes(b"")
    foreign = Head(3, "f" * 64, "another instance")
    pending = Restore(tmp_path / "no-file")._pending(Manifest("sqlite", "2026-01-01T00:00:00+00:00"))
    assert pending.instance == ledger.known_to_database()[0].instance != ""
    assert judge(Reading(instance=foreign.instance), pending.heads, pending.instance).state == "foreign"


def test_a_manifest_of_the_first_form_is_still_read_and_knows_no_head():
    old = Manifest("sqlite", "2026-01-01T00:00:00+00:00").to_bytes().replace(b"cairn-backup/2", b"cairn-backup/1")
    assert Manifest.parse(old).ledger == {}


def test_a_person_in_the_ledger_is_closed_and_not_skipped(restored):
    person = a_person(restored[0].community, "Canary Name")
    work = published(a_testimony(restored[0].community, people=[person]))
    assert Publication.objects.filter(public_id=person.public_id).exists()
    ledger_file.write([{"action": "withdraw", "uuid": str(person.uuid), "public_id": person.public_id}])
    ReplayLedger().execute()
    assert not Publication.objects.filter(public_id=person.public_id).exists()
    row = Publication.objects.filter(public_id=work.public_id).first()
    assert row is not None and "Canary Name" not in str(row.payload)


def test_a_line_that_cannot_be_done_again_keeps_the_site_closed(restored):
    ledger_file.write([{"action": "dissolve", "uuid": str(restored[0].uuid)}])
    with pytest.raises(Exception, match="does not know “dissolve”"):
        ReplayLedger().execute()
    assert ledger.replay_pending()
    # The others were done nevertheless.
    assert Record.objects.get(pk=restored[1].pk).state == RecordState.WITHDRAWN


@pytest.mark.parametrize("fresh_machine", [False, True])
def test_what_is_cut_off_behind_an_accepted_loss_is_damage_and_no_loss(restored, fresh_machine: bool):
    ledger_file.path().unlink()
    lost = ledger.Decision(lost=True)
    ReplayLedger(decision=lost).execute()
    begun = ledger_file.path().read_bytes()
    ledger.append({"uuid": str(restored[0].uuid), "public_id": "x", "reason": "danger"})
    newest = ledger.settled_head()
    ledger_file.path().write_bytes(begun)
    pending = ledger.Pending(newest, newest.instance, (newest,), must_exist=True)
    if fresh_machine:
        # Nothing but the backup's manifest knows a line.
        verdict = ledger.verdict(pending)[1]
    else:
        ledger.mark_replay_pending(pending)
        verdict = ledger.verdict(pending, ledger.known_to_database())[1]
    assert (verdict.state, verdict.line) == ("damaged", 2)
    with pytest.raises(ledger.LedgerNotWhole, match=r"Line 2 .* should be there"):
        ledger.require_whole(verdict, lost)
    if not fresh_machine:
        with pytest.raises(ledger.LedgerNotWhole):
            ReplayLedger(decision=lost).execute()
        ReplayLedger(decision=ledger.Decision(2)).execute()
        assert not ledger.replay_pending()


def test_a_withdrawal_of_a_kind_that_nobody_knows_keeps_a_restored_site_closed(instance: Path):
    stray = Record.objects.create(kind="probe")
    ledger.append({"uuid": str(stray.uuid), "public_id": stray.public_id, "reason": "danger"})
    head = ledger.head()
    assert head is not None
    ledger.mark_replay_pending(ledger.Pending(head, head.instance, (head,), must_exist=True))
    with pytest.raises(VaultError, match="probe"):
        ReplayLedger().execute()
    assert ledger.replay_pending()
