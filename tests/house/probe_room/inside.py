"""What a kind of record gets from the archive by its registration alone; run by ``tests/house/test_probe_room.py``."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client

from archive import uses
from archive.actions.consent import RecordConsentAction
from archive.actions.publish import HideAction, PublishAction, ReviewAction, UnpublishAction
from archive.actions.withdraw import WithdrawAction
from archive.assessment import assess, consent_in_force
from archive.checks import check_kinds, not_whole, unregistered
from archive.gate_jobs import prove_absence
from archive.models import Publication, Record, RecordState, Revision, WithdrawalCase
from archive.policy import may, viewer_of
from archive.public import kinds
from archive.record_types import GatedType, RecordType, registry
from archive.revisions import save_revision
from archive.values.language_map import language_map
from archive.vault import sealing
from archive.vault.rebuild import RebuildFromVault
from search import outbox
from tests.archive.factories import a_community, a_member, committed, consent
from tests.archive.sent_forms import sent_by
from tests.archive.test_desk import at_the_desk
from tests.archive.vault.replayed import restored, since_the_backup
from tests.house.probe_room.models import Probe
from tests.house.probe_room.probe import COUNTER, ProbeType
from tests.leak_matrix import planting
from tests.leak_matrix.links import hand_out
from tests.leak_matrix.planting import STATES, Garden, Planted, actors, plant
from tests.leak_matrix.surfaces import kinds_not_walked
from tests.leak_matrix.walk import leaks

pytestmark = pytest.mark.django_db
YES = dict.fromkeys(("preserve", "public-web", "research", "classroom", "metadata-harvest"), "yes")


@pytest.fixture
def instance(site, tmp_path, settings):
    settings.CAIRN_DATA, settings.VAULT_RESERVE_BYTES = tmp_path, 0
    settings.SEARCH_PATH = tmp_path / "search" / "index.sqlite3"
    return tmp_path


def a_probe(community: Any = None, **fields: Any) -> Probe:
    given = {
        "title": language_map("Zqwprobe the well", "en", hy="Ջրհոր"),
        "report": language_map("Zqwreport of the well.", "en"),
        "depth": "Zqwdepth 12 m",
        **fields,
    }
    probe = Probe.objects.create(community=community or a_community(), **given)
    save_revision(probe, origin="edit")
    probe.refresh_from_db()
    return probe


def opened(probe: Probe, scopes: dict[str, str] | None = None) -> Probe:
    consent(probe, scopes or YES)
    with committed():
        ReviewAction(None, [probe]).execute()
        PublishAction(None, [probe]).execute()
    return probe


def page_of(probe: Probe) -> str:
    return f"/en/probes/{probe.public_id}/"


def body(address: str, client: Client | None = None) -> str:
    return (client or Client()).get(address, follow=True).content.decode()


def test_the_checks_know_it():
    assert check_kinds() == []


def test_it_passes_the_gate_by_its_own_checklist(site):
    probe = opened(a_probe(depth=""))
    asked = assess(probe, consent_in_force(probe), probe.created_at)
    assert [reason.code for reason in asked.blocking] == ["measured"]
    assert Client().get(page_of(probe)).status_code == 404
    Probe.objects.filter(pk=probe.pk).update(depth="3 m")
    probe.refresh_from_db()
    save_revision(probe, origin="edit")
    opened(probe)
    assert Client().get(page_of(probe)).status_code == 200


def test_every_public_surface_shows_it(instance):
    probe = opened(a_probe())
    outbox.apply_all_pending()
    page = body(page_of(probe))
    assert "Zqwprobe" in page and "Zqwreport" in page and "Zqwdepth" in page and '"Observation"' in page
    assert "Zqwprobe" in body("/en/probes/")
    assert "Ջրհոր" in body(f"/hy/probes/{probe.public_id}/")
    assert Client().get(f"/id/{probe.public_id}", HTTP_ACCEPT_LANGUAGE="en").headers["Location"] == page_of(probe)
    ris = body(f"{page_of(probe)}cite/ris/")
    assert "TY  - DATA" in ris and "Zqwprobe" in ris
    assert page_of(probe) in body("/sitemap-publications.xml")
    assert "Zqwprobe" in body("/en/feeds/new.atom")
    listed = json.loads(body("/api/v1/probes/"))
    assert [one["id"] for one in listed["results"]] == [probe.public_id]
    assert json.loads(body(f"/api/v1/probes/{probe.public_id}"))["depth"] == "Zqwdepth 12 m"
    found = json.loads(body("/api/v1/search?q=zqwreport"))
    assert [(one["id"], one["type"]) for one in found["results"]] == [(probe.public_id, "probe")]
    assert next(one for one in found["facets"]["type"] if one["value"] == "probe")["count"] == 1
    assert "Zqwprobe" in body("/en/search/?q=zqwreport&type=probe")


def test_a_sealed_field_is_on_no_surface(instance):
    probe = opened(a_probe(sealed=["depth"]))
    outbox.apply_all_pending()
    shown = [page_of(probe), "/en/probes/", f"/api/v1/probes/{probe.public_id}", "/api/v1/search?q=zqwprobe"]
    assert [address for address in shown if "Zqwdepth" in body(address)] == []
    assert "Zqwprobe" in body(page_of(probe))


def test_the_desk_has_list_form_chooser_and_revisions(site, monkeypatch):
    community = a_community()
    sealed = a_probe(community, sealed=["depth"])
    elsewhere = a_probe(title=language_map("Zqwelsewhere", "en"))
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    listed = body("/admin/cairn-probes/", client)
    assert "Zqwprobe" in listed and "Zqwelsewhere" not in listed
    form = body(f"/admin/cairn-probes/edit/{sealed.pk}/", client)
    assert "Zqwreport" in form and "Zqwdepth" not in form
    assert client.get(f"/admin/cairn-probes/edit/{elsewhere.pk}/").status_code in (302, 404)
    sent = sent_by(form)
    sent["title-0-text"] = "Zqwrenamed"
    assert client.post(f"/admin/cairn-probes/edit/{sealed.pk}/", sent).status_code == 302
    assert Revision.objects.filter(record_id=sealed.pk).count() == 2
    revisions = body(f"/admin/cairn-probes/{sealed.pk}/revisions/", client)
    assert "Zqwrenamed" in revisions and "Zqwdepth" not in revisions
    assert client.post(f"/admin/cairn-probes/{sealed.pk}/revisions/", {"restore": "1"}).status_code == 302
    sealed.refresh_from_db()
    assert "Zqwprobe" in str(sealed.title) and sealed.depth == "Zqwdepth 12 m"
    assert "Zqwprobe" in body("/admin/probe-chooser/results/", client)
    new = sent_by(body("/admin/cairn-probes/new/", client), "title-0-text")
    new |= {"title-0-language": "en", "title-0-text": "Zqwnew", "community": str(community.pk)}
    assert client.post("/admin/cairn-probes/new/", new).status_code == 302
    assert Probe.objects.filter(title__icontains="Zqwnew").exists()


def test_its_room_gives_its_own_verbs_to_roles():
    community = a_community()
    probe = a_probe(community)
    assert may(viewer_of(a_member(community, "editor")), "measure", probe)
    assert not may(viewer_of(a_member(community, "translator")), "measure", probe)


def test_a_withdrawal_closes_it_everywhere_and_says_what_it_reaches(instance):
    probe = opened(a_probe())
    outbox.apply_all_pending()
    uses.say("lesson", "l1", [uses.Used(probe.public_id)])
    COUNTER.closed_ids.clear()
    with committed():
        call_command("withdraw", probe.public_id, "--reason", "danger")
    case = WithdrawalCase.objects.get(record_id=probe.pk)
    assert case.impact["publications"] == 1 and case.impact["lesson"] == 1
    assert any("Zqwreport" in text for text in case.said)
    assert COUNTER.closed_ids == [probe.public_id]
    answer = Client().get(page_of(probe))
    assert answer.status_code == 410 and "Zqw" not in answer.content.decode()
    assert Client().get(f"/api/v1/probes/{probe.public_id}").status_code == 410
    assert json.loads(body("/api/v1/search?q=zqwreport"))["total"] == 0
    prove_absence(SimpleNamespace(input={"case": case.pk, "public_id": probe.public_id}, commit=transaction.atomic))
    case.refresh_from_db()
    assert case.proven_absent_at is not None and case.said == []


def test_an_erasure_leaves_a_shell(instance):
    probe = opened(a_probe())
    with pytest.raises(CommandError, match="withdraw it first"):
        call_command("erase", probe.public_id, "--reason", "danger", "--yes")
    with committed():
        call_command("withdraw", probe.public_id, "--reason", "danger")
        call_command("erase", probe.public_id, "--reason", "danger", "--yes")
    probe.refresh_from_db()
    assert probe.state == RecordState.ERASED and not probe.depth and "Zqw" not in str(probe.title)
    assert not Revision.objects.filter(record_id=probe.pk).exclude(snapshot={}).exists()


@pytest.mark.parametrize("how", ["withdraw", "erase", "hide", "unpublish", "narrow"])
def test_nothing_comes_back_with_a_restore(instance, how):
    probe = opened(a_probe())

    with since_the_backup():
        record = Probe.objects.get(pk=probe.pk)
        if how in ("withdraw", "erase"):
            WithdrawAction(None, record, reason="danger").execute()
        if how == "erase":
            call_command("erase", record.public_id, "--reason", "danger", "--yes")
        if how == "hide":
            HideAction(None, record).execute()
        if how == "unpublish":
            UnpublishAction(None, [record]).execute()
        if how == "narrow":
            facts = {"basis": "informed-consent", "scopes": {"preserve": "yes"}}
            RecordConsentAction(None, record, facts).execute()
    assert Publication.objects.filter(public_id=probe.public_id).exists(), "the backup has it in public"
    restored()
    assert not Publication.objects.filter(public_id=probe.public_id, serves_public=True).exists()
    probe.refresh_from_db()
    if how == "erase":
        assert probe.state == RecordState.ERASED and "Zqw" not in str(probe.title)


def test_it_comes_back_from_the_vault_alone(instance):
    probe = opened(a_probe(sealed=["depth"]))
    sealing.seal(sealing.unsealed())
    facts = {name: getattr(probe, name) for name in ("public_id", "title", "report", "depth", "sealed")}
    with transaction.atomic():
        _forget_the_database(probe)
        report = RebuildFromVault(missing_only=True).execute()
    assert (report.whole, report.bare, report.failed) == (1, [], [])
    again = Probe.objects.get(public_id=facts["public_id"])
    assert {name: getattr(again, name) for name in facts} == facts
    assert consent_in_force(again) is not None
    assert not Publication.objects.filter(public_id=probe.public_id).exists()


def _forget_the_database(probe: Probe) -> None:
    """The row goes under another identity: histories are append-only, also here."""
    Publication.objects.filter(public_id=probe.public_id).delete()
    Record.objects.filter(pk=probe.pk).update(
        uuid="00000000-0000-4000-8000-00000000000a", public_id="0123456789", identity="gone"
    )


#: One of each side: who is let in by nothing, by her role, by her community, and by a link.
WALKERS = frozenset({"anonymous", "teacher", "same", "other", "pupil"})


def planted_probe(planted: Planted, community: Any) -> Probe:
    """A probe with a canary in every field; what is sealed is for nobody."""
    sealed = planted.state == "sealed"
    title, report = planted.word("title"), planted.word("report")
    if planted.on_request:
        planted.words.discard(title)
        planted.stub_words.add(title)
    depth = planted.secret("depth") if sealed else planted.word("depth")
    return a_probe(
        community,
        title=language_map(title, "en"),
        report=language_map(report, "en"),
        depth=depth,
        sealed=["depth"] if sealed else [],
    )


def test_the_leak_matrix_walks_it_in_every_state(instance, monkeypatch):
    assert kinds_not_walked() == ["probe"] and kinds_not_walked(planted={"probe"}) == []
    monkeypatch.setitem(planting.PLANTERS, "probe", planted_probe)
    monkeypatch.setattr("accounts.middleware.is_verified", lambda request: True)
    community = a_community("valley")
    garden = Garden([plant(state, community, "probe") for state in STATES], actors(community), community)
    for planted in garden.planted:
        planted.walkers = WALKERS
    found = leaks(hand_out(garden), WALKERS)
    assert found == []
    assert found.looked_at > 700


def test_the_walk_sees_a_sealed_field_that_is_shown(instance, monkeypatch):
    """A switch: without the effect of its seal, the depth is on the page."""
    monkeypatch.setattr("tests.house.probe_room.probe.hidden_keys", lambda kind, sealed: frozenset())
    monkeypatch.setitem(planting.PLANTERS, "probe", planted_probe)
    community = a_community("valley")
    garden = Garden([plant("sealed", community, "probe")], actors(community), community)
    assert any("depth" in one for one in leaks(garden, ["anonymous"]))


# --- switches: a slot left out, a registration forgotten ----------------------------------------


def lacking(**changes: Any) -> RecordType:
    return type("Lacking", (ProbeType,), changes)()


SWITCHES: dict[str, Any] = {
    "not gated": lambda: not_whole([lacking(gated=False)], kinds.known),
    "no owner": lambda: not_whole([lacking(owner="nobody")], kinds.known),
    "a field that is none": lambda: not_whole([lacking(fields=("width",))], kinds.known),
    "a seal without effect": lambda: not_whole(
        [lacking(seals=tuple(SimpleNamespace(code=s.code, fields=s.fields, hides=()) for s in ProbeType.seals))],
        kinds.known,
    ),
    "another model": lambda: not_whole([lacking(model="archive.Place")], kinds.known),
    "no model": lambda: not_whole([lacking(model="probe_room.Nothing")], kinds.known),
    "no public entry": lambda: not_whole([ProbeType()], lambda kind: None),
    "not registered": lambda: unregistered(
        [model for model in apps.get_models() if issubclass(model, Record) and model is not Record],
        [entry for entry in registry if entry.kind != "probe"],
    ),
    "no planter in the leak matrix": lambda: kinds_not_walked(),
}


@pytest.mark.parametrize("part", ["materials", "project", "stub"])
def test_without_a_part_of_the_gate_it_cannot_even_be_registered(part):
    with pytest.raises(TypeError, match=part):
        lacking(**{part: getattr(GatedType, part)})


@pytest.mark.parametrize("name", SWITCHES)
def test_what_is_left_out_turns_the_build_red(name):
    assert list(SWITCHES[name]())
