"""A page leads to addresses of the web only, wherever the address came from."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from archive.desk.forms import RecordForm, WebAddressField
from archive.importing.problems import RefusedError
from archive.importing.rights import rights_from
from archive.models import Collection, EntityLink, ExternalId, ImportItem, Publication, Testimony
from archive.projection import works as projection
from archive.revisions import save_revision
from archive.values.addresses import identifier, web_address
from tests.archive.factories import a_collection, a_community, a_member, a_place, a_testimony, a_user, published
from tests.archive.importing.conftest import EDITION
from tests.archive.importing.test_application import run
from tests.archive.test_desk import at_the_desk

ACTIVE = "javascript:alert(document.domain)//https://creativecommons.org/licenses/by/4.0/"
REFUSED = [
    ACTIVE,
    "JavaScript:alert(1)",
    " java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "https:",
    "https://",
    "https://[::1",
    "http:/one.example",
    "//one.example/",
    "creativecommons.org/licenses/by/4.0/",
    'https://one.example/" onclick="x',
    "https://one.example/a b",
    "https://one.example/\x00",
    "https://one.example/\x85x",
    "https://one.example/\njavascript:alert(1)",
]


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_no_address_of_the_web(address: str) -> None:
    assert web_address(address) == "" == identifier(address)


def test_what_is_one_is_left_as_it_is() -> None:
    for address in (
        "https://creativecommons.org/licenses/by/4.0/",
        "http://one.example:8080/a?b=c#d",
        "https://հայ.am/é",
    ):
        assert web_address(f" {address}\n") == address == identifier(address)
    assert web_address("urn:isbn:9780000000002") == ""
    assert identifier("urn:isbn:9780000000002") == "urn:isbn:9780000000002"


@pytest.fixture
def work(site):
    """A testimony, its collection and its place, in which such addresses lie since before anybody asked."""
    community = a_community()
    place = a_place(precision="exact")
    ExternalId.objects.create(record=place, uri=ACTIVE)
    collection = a_collection(community, licence_uri=ACTIVE)
    made = a_testimony(community, collection=collection, places=[place], licence_uri=ACTIVE)
    Testimony.objects.filter(pk=made.pk).update(institution_uri=ACTIVE, archival_collection_uri=ACTIVE)
    made.refresh_from_db()
    save_revision(made, origin="edit")
    return published(made)


def said_in_public(work) -> str:
    """Everything that is published of the work and what it names, and its pages."""
    kept = Publication.objects.values_list("payload", flat=True)
    pages = [
        Client().get(address).content.decode()
        for address in (
            f"/en/testimonies/{work.public_id}/",
            f"/en/collections/{work.collection.public_id}/",
            f"/en/places/{EntityLink.objects.get(record=work.pk).target.public_id}/",
            f"/api/v1/testimonies/{work.public_id}",
        )
    ]
    return json.dumps(list(kept)) + "".join(pages)


@pytest.mark.django_db
def test_no_publication_leads_to_what_a_browser_would_run(work) -> None:
    said = said_in_public(work)
    assert "places.example" in said and "CC BY 4.0" in said
    assert "javascript:" not in said


@pytest.mark.django_db
def test_the_test_above_can_fail(site, monkeypatch) -> None:
    monkeypatch.setattr(projection, "web_address", str)
    made = a_testimony(licence_uri=ACTIVE)
    published(made)
    assert 'href="javascript:' in Client().get(f"/en/testimonies/{made.public_id}/").content.decode()


def test_every_form_of_a_record_asks_for_an_address_of_the_web() -> None:
    def forms_below(form: type[Any]) -> list[type[Any]]:
        return [form, *(found for below in form.__subclasses__() for found in forms_below(below))]

    asked = [
        (form, field)
        for form in forms_below(RecordForm)
        for name, field in getattr(form, "base_fields", {}).items()
        if name.endswith("_uri")
    ]
    assert len(asked) >= 3
    for form, field in asked:
        assert isinstance(field, WebAddressField), form
        with pytest.raises(ValidationError, match="no address on the web"):
            field.clean(ACTIVE)
        assert field.clean("") == ""


@pytest.mark.django_db
def test_the_desk_says_so_beside_the_field(site, monkeypatch) -> None:
    community = a_community()
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    sent = {"slug": "mill", "title-0-language": "en", "title-0-text": "Mill", "edition": "", "licence_uri": ACTIVE}
    sent |= {"community": str(community.pk), "abstract-0-language": "", "abstract-0-text": "", "seen": ""}
    page = client.post("/admin/collections-of-records/new/", sent)
    assert "no address on the web" in page.content.decode()
    assert not Collection.objects.exists()
    client.post("/admin/collections-of-records/new/", {**sent, "licence_uri": "https://one.example/licence"})
    assert Collection.objects.get().licence_uri == "https://one.example/licence"


@pytest.mark.django_db
def test_an_import_leaves_it_out_and_says_so(site, tmp_path) -> None:
    path = tmp_path / "edition.xml"
    path.write_text(EDITION.replace("http://creativecommons.org/licenses/by/4.0/", ACTIVE), encoding="utf-8")
    report = run(path, user=a_user(is_superuser=True))
    found = [one for item in report.items for one in item.problems if one.code == "address-not-web"]
    assert len(found) == 1 and "javascript:" in str(found[0].as_dict())
    work = Testimony.objects.get()
    assert (work.licence_uri, work.licence_label) == ("", "CC BY 4.0")
    assert "address-not-web" in json.dumps(ImportItem.objects.get().problems)


def test_a_rights_file_with_such_an_address_is_refused() -> None:
    with pytest.raises(RefusedError) as refused:
        rights_from({"basis": "public-domain", "scopes": {"public-web": "yes"}, "licence_uri": ACTIVE}, "rights.toml")
    assert "licence_uri must begin with" in str(refused.value.problem.as_dict())
