"""The redactions screen: what else says the words, what goes with a redaction, which texts it leaves untouched."""

from __future__ import annotations

import html
import re

import lxml.html
import pytest

from archive.actions.publish import ReviewAction
from archive.desk.redaction_effects import RedactedWork
from archive.desk.same_words import place_of, same_words
from archive.models import Clip, IndexSegment, Redaction, RedactionDecision, TextTrack
from archive.policy import viewer_of
from archive.revisions import save_revision
from archive.values.language_map import language_map
from tests.archive.factories import a_community, a_member, committed, cue, published
from tests.archive.test_desk import at_the_desk
from tests.archive.test_redaction_reach import an_asset, payload_of, people, public_assets, two_passages, words_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("phrase", "text", "language", "says"),
    [
        ("Arám", "and ARAM came", "en", True),
        ("Արամ", "Արամը գիտեր", "hy", True),
        ("محمد", "رأيت مُحَمَّداً", "ar", True),
        ("river", "the rivers of the valley", "en", True),
        ("Mill Lane", "the lane of the mill", "en", False),
        ("Aram", "Aramean", "en", False),
        ("…", "anything", "en", False),
    ],
)
def test_words_are_compared_as_search_compares_them(phrase, text, language, says):
    assert bool(place_of(phrase, text, language)) is says


def everywhere(community):
    """A work that tells of Aram in every field that can."""
    work, person = two_passages(
        community=community,
        first="Արամը գիտեր։",
        second="Լռեց ԱՐԱՄԸ։",
        title=language_map("Արամը և գետը", "hy"),
        abstract=language_map("Արամ went to the mill.", "en"),
        source_statement="Recorded by the family of Արամ.",
    )
    track = work.tracks.get(key="t1")
    track.cues[1]["speaker"] = "Արամ"
    track.cues[1]["marks"] = [
        {"start": 11, "end": 11, "type": "note", "ref": "", "key": "", "data": {"text": "Արամ, a miller"}}
    ]
    track.save()
    told = language_map("Արամ at dawn", "en")
    IndexSegment.objects.create(record=work, key="s2", anchor="p-own00002", title=told)
    Clip.objects.create(
        community=community, work=work, title=told, context=told, first_anchor="p-own00002", audience="public"
    )
    save_revision(work, origin="edit")
    return published(work), person


def address(work, query=""):
    return f"/admin/testimonies/{work.pk}/redactions/{query}"


def hide(client, work, **changed):
    sent = {"add": "1", "mode": "remove", "hidden_up_to": "community", "reason": "living-person"}
    with committed():
        return client.post(address(work), {**sent, "anchor": "p-own00001", "words": "Արամը", **changed})


def press(client, work, name, page, label):
    """Press the first button of the page that says ``label``."""
    found = re.search(rf'name="{name}"\s+value="([^"]+)">\s*{label}', page)
    assert found, f"no button “{label}”"
    with committed():
        client.post(address(work, "?also=" + found[1].split()[-3] if name == "decide" else ""), {name: found[1]})


def test_after_redacting_the_screen_lists_what_else_says_the_words(site, monkeypatch):
    community = a_community()
    work, _person = everywhere(community)
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    answer = hide(client, work)
    row = Redaction.objects.get()
    assert answer.headers["Location"] == address(work, f"?also={row.pk}#redactions-also")
    page = client.get(answer.headers["Location"]).content.decode()
    for where in (
        "Passage (Armenian)",
        "Title (Armenian)",
        "Abstract (English)",
        "Statement of source",
        "Part of the index",
        "Clip",
        "Who speaks",
        "Note in the passage",
    ):
        assert f"<strong>{where}</strong>" in page, where
    assert "Seal or rewrite the abstract" in page


def test_what_is_found_is_hidden_with_one_press(site, monkeypatch):
    community = a_community()
    work, _person = everywhere(community)
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    hide(client, work)
    row = Redaction.objects.get()
    also = address(work, f"?also={row.pk}")
    page = client.get(also).content.decode()
    # A form without its token offers what the site then refuses.
    assert page.count('method="post"') == page.count('name="csrfmiddlewaretoken"') > 1
    page = client.get(also).content.decode()
    press(client, work, "decide", page, "Hide it too")
    press(client, work, "again", page, "Hide the words here")
    assert "ԱՐԱՄԸ" not in words_of(work)
    assert payload_of(work)["segments"] == payload_of(work)["clips"] == []
    page = client.get(also).content.decode()
    press(client, work, "again", page, "Hide the whole passage")
    page = client.get(also).content.decode()
    assert "Passage (" not in page and "Note in the passage" not in page
    assert "a miller" not in words_of(work)


def test_names_beside_the_text_are_found_by_any_of_their_forms(site):
    community = a_community()
    work, person = everywhere(community)
    person.other_names = [{"text": "Արամ the miller", "language": "hy", "type": "variant"}]
    person.save()
    row = Redaction.objects.create(record=work, anchor="p-own00002", words="ԱՐԱՄԸ", mode="remove", reason="family")
    steward = viewer_of(a_member(community, "steward", "editor"))
    found = same_words(RedactedWork(work, steward), row)
    assert {one.key for one in found if one.offer == "entity"} == {person.public_id}
    # A sealed name is not told to whoever may not read it.
    person.sealed = ["real_name"]
    person.save()
    editor = viewer_of(a_member(community, "editor"))
    assert not [one for one in same_words(RedactedWork(work, editor), row) if one.offer == "entity"]
    assert "miller" not in str(RedactedWork(work, editor).told())


def test_a_steward_declares_free_at_the_screen_and_an_editor_is_told_who_can(site, monkeypatch):
    community = a_community()
    work, person = two_passages(community=community)
    recording = an_asset(work)
    published(work)
    editor = at_the_desk(a_member(community, "editor"), monkeypatch)
    hide(editor, work)
    page = editor.get(address(work)).content.decode()
    assert "Nobody knows when it is said" in page and "A steward can declare it free" in page
    assert "Declare it free of this" not in page
    gate = editor.get(f"/admin/testimonies/{work.pk}/gate/").content.decode()
    assert "Redactions withhold these recordings and pictures" in gate and "names beside the text" in gate
    steward = at_the_desk(a_member(community, "steward"), monkeypatch)
    page = steward.get(address(work)).content.decode()
    press(steward, work, "decide", page, "Declare it free of this")
    assert public_assets(work) == {str(recording.uuid)}
    page = steward.get(address(work)).content.decode()
    assert "declared free of it" in page
    press(steward, work, "decide", page, "Take that back")
    assert public_assets(work) == set() and not RedactionDecision.objects.exists()
    assert people(work) == [] and person.public_id in page


def test_texts_that_nothing_joins_to_the_passage_are_named(site, monkeypatch):
    community = a_community()
    work, _person = two_passages(community=community)
    TextTrack.objects.create(
        record=work, key="t3", kind="translation", language="ar", position=2, cues=[cue("p-arab0001", "آرام عرف")]
    )
    save_revision(work, origin="edit")
    published(work)
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    hide(client, work)
    page = client.get(address(work)).content.decode()
    assert "Nothing is hidden in: Arabic." in page and "in its translations" not in page
    assert "Untouched" in page and 'href="#text-t3">Arabic</a>' in page and 'href="#text-t2"' not in page
    assert 'id="text-t3"' in page
    hide(client, work, anchor="p-arab0001", words="")
    assert "آرام" not in words_of(work)


def test_what_was_hidden_is_said_as_it_is(site, monkeypatch):
    community = a_community()
    work, _person = two_passages(community=community)
    published(work)
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    hide(client, work)
    assert "Hidden, in the text, in its translations and in search." in client.get(address(work)).content.decode()
    work.tracks.get(key="t2").delete()
    save_revision(work, origin="edit")
    with committed():
        ReviewAction(None, [work]).execute()
    hide(client, work, anchor="p-own00002", words="")
    assert "Hidden, in the text and in search." in client.get(address(work)).content.decode()


def test_the_text_shows_what_is_hidden_of_it(site, monkeypatch):
    community = a_community()
    work, _person = two_passages(community=community)
    published(work)
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    assert "desk-hidden" not in client.get(address(work)).content.decode()
    hide(client, work)
    text = client.get(address(work)).content.decode().partition('id="redactions-text"')[2]
    assert '<mark class="desk-hidden">Արամը</mark> գիտեր։' in text
    # Nobody knows which words of the translation say the same: it is hidden whole.
    assert '<mark class="desk-hidden">Aram knew.</mark>' in text
    assert re.search(r">\s*The river was silent\.\s*</a>", text)


def test_nothing_is_declared_free_while_its_own_words_say_what_is_hidden(site, monkeypatch):
    community = a_community()
    work, _person = everywhere(community)
    client = at_the_desk(a_member(community, "steward", "editor"), monkeypatch)
    hide(client, work, anchor="p-own00002", words="ԱՐԱՄԸ")
    row, clip = Redaction.objects.get(), Clip.objects.get()
    page = client.get(address(work)).content.decode()
    assert f'value="free {row.pk} clip' not in page and f'value="free {row.pk} segment' not in page
    assert f'href="/admin/clips/edit/{clip.pk}/?next=' in page
    for about, key in (("clip", clip.public_id), ("segment", "s2")):
        client.post(address(work), {"decide": f"free {row.pk} {about} {key}"})
        assert "Its own words say what is hidden" in client.get(address(work)).content.decode()
    assert not RedactionDecision.objects.exists()
    clip.title = clip.context = language_map("At dawn", "en")
    clip.save()
    client.post(address(work), {"decide": f"free {row.pk} clip {clip.public_id}"})
    assert RedactionDecision.objects.get().key == clip.public_id


def test_the_form_that_mends_what_was_found_leads_back(site, monkeypatch):
    community = a_community()
    work, _person = everywhere(community)
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    listed = hide(client, work).headers["Location"]
    page = client.get(listed).content.decode()
    form_address = html.unescape(re.search(r'href="([^"]+)">\s*Seal or rewrite the abstract', page)[1])
    page = client.get(form_address).content.decode()
    action = html.unescape(re.search(r'id="w-editor-form"\s+action="([^"]+)"', page)[1])
    sent = a_form_of(page) | {"abstract-0-text": "Somebody went to the mill."}
    with committed():
        answer = client.post(action, sent)
    assert answer.status_code == 302 and answer.headers["Location"] == listed
    assert "The record no longer says it" in client.get(listed).content.decode()
    elsewhere = f"{form_address.partition('?')[0]}?next=https://example.org/"
    assert "example.org" not in client.get(elsewhere).content.decode()


def a_form_of(page):
    """What the browser would send of the record's form as it stands."""
    form = lxml.html.fromstring(page).get_element_by_id("w-editor-form")
    return {name: value for name, value in form.fields.items() if value}


def test_a_name_by_which_a_person_is_shown_is_looked_for_too(site):
    community = a_community()
    work, person = two_passages(community=community, second="Միրան լուռ էր։")
    person.name_policy, person.public_name = "pseudonym", language_map("Միրա", "hy")
    person.save()
    published(work)
    row = Redaction.objects.create(record=work, anchor="p-own00002", words="Միրան", mode="remove", reason="family")
    found = same_words(RedactedWork(work, viewer_of(a_member(community, "editor"))), row)
    assert {one.key for one in found if one.offer == "entity"} == {person.public_id}


@pytest.mark.parametrize("sent", ["free", "free 1", "other 1 media x", "free x media y", "free 999999 media y", ""])
def test_buttons_that_were_never_there_do_nothing(site, monkeypatch, sent):
    community = a_community()
    work, _person = two_passages(community=community)
    client = at_the_desk(a_member(community, "steward"), monkeypatch)
    assert client.post(address(work), {"decide": sent}).status_code == 404
    assert not RedactionDecision.objects.exists()
