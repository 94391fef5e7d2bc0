"""The page cache: fast for everybody, stale for nobody, and it holds no byte of one visitor."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from archive.actions.publish import UnpublishAction
from archive.actions.withdraw import WithdrawAction
from archive.gate import Gate
from archive.models import Publication, Tombstone
from archive.public import page_cache
from tests.archive.factories import a_testimony, a_user, committed, published

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_memory(site):
    page_cache.MEMORY.clear()
    yield
    page_cache.MEMORY.clear()


def views_run(client, path, **headers):
    """How often a view made a page while ``path`` was fetched, and the answer."""
    from archive.public import reading

    made = []
    original = reading.viewer_for

    def counting(request):
        made.append(1)
        return original(request)

    with pytest.MonkeyPatch.context() as patch:
        for module in ("archive.public.reading", "archive.public.lists", "archive.public.works"):
            patch.setattr(f"{module}.viewer_for", counting)
        answer = client.get(path, headers=headers)
    return bool(made), answer


def test_the_second_reader_gets_the_kept_page():
    work = published()
    path = f"/en/testimonies/{work.public_id}/"
    made, first = views_run(Client(), path)
    assert made
    made, second = views_run(Client(), path)
    assert not made and second.content == first.content
    assert dict(first.headers) == dict(second.headers)


def test_a_withdrawal_shows_in_the_very_next_request():
    work = published()
    path = f"/en/testimonies/{work.public_id}/"
    assert Client().get(path).status_code == 200
    with committed():
        WithdrawAction(None, work, reason="danger").execute()
    assert Client().get(path).status_code == 410


def test_a_tombstone_is_kept_until_the_work_is_there_again():
    work = published()
    path = f"/en/testimonies/{work.public_id}/"
    with committed():
        WithdrawAction(None, work, reason="danger").execute()
    made, first = views_run(Client(), path)
    assert made and first.status_code == 410
    made, second = views_run(Client(), path)
    assert not made and second.status_code == 410 and second.content == first.content
    assert "no-store" in second.headers["Cache-Control"] and "ETag" not in second.headers
    # Nobody may keep it beyond this process, and a reader who signed in is answered anew.
    Tombstone.objects.all().delete()
    with committed():
        Gate()._bump()
    assert Client().get(path).status_code == 404


def test_consent_that_ends_ends_the_kept_page_too():
    work = published(ends_at=timezone.now() + timedelta(hours=1))
    path = f"/en/testimonies/{work.public_id}/"
    assert Client().get(path).status_code == 200
    Publication.objects.update(not_after=timezone.now() - timedelta(seconds=1))
    assert Client().get(path).status_code == 404


def test_a_list_is_made_anew_when_anything_was_published_or_taken_back():
    first = published()
    path = "/en/testimonies/"
    assert first.public_id in Client().get(path).content.decode()
    second = published(a_testimony(first.community))
    assert second.public_id in Client().get(path).content.decode()
    with committed():
        UnpublishAction(None, [first]).execute()
    assert first.public_id not in Client().get(path).content.decode()


def test_a_signed_in_reader_neither_fills_nor_reads_it():
    work = published(scopes={"preserve": "yes", "research": "yes"})
    path = f"/en/testimonies/{work.public_id}/"
    reader = Client()
    reader.force_login(a_user())
    assert reader.get(path).status_code == 200
    assert Client().get(path).status_code == 404
    assert reader.get(path).headers["Cache-Control"] == "private, no-store"


def test_it_holds_no_byte_of_one_visitor():
    work = published()
    answer = Client().get(f"/en/testimonies/{work.public_id}/")
    assert not answer.cookies and "csrf" not in answer.content.decode().lower()
    assert "nonce" not in answer.headers.get("Content-Security-Policy", "")


def test_languages_and_translations_are_pages_of_their_own():
    work = published()
    path = f"/en/testimonies/{work.public_id}/"
    english, arabic = Client().get(path), Client().get(path.replace("/en/", "/ar/"))
    assert '<html lang="ar" dir="rtl">' in arabic.content.decode()
    assert '<html lang="en" dir="ltr">' in english.content.decode()
    assert Client().get(f"{path}?with=hy").content != english.content


def test_invented_parameters_fill_no_memory():
    work = published()
    Client().get(f"/en/testimonies/{work.public_id}/?utm=1")
    assert page_cache.MEMORY._size == 0


def test_compressed_and_conditional_requests_get_the_same_page():
    import gzip

    work = published()
    path = f"/en/testimonies/{work.public_id}/"
    plain = Client().get(path)
    packed = Client().get(path, headers={"accept-encoding": "gzip"})
    assert gzip.decompress(packed.content) == plain.content
    again = Client().get(path, headers={"if-none-match": plain.headers["ETag"]})
    assert again.status_code == 304 and not again.content
    with committed():
        WithdrawAction(None, work, reason="danger").execute()
    assert Client().get(path, headers={"if-none-match": plain.headers["ETag"]}).status_code == 410


def test_an_edited_page_is_shown_at_once():
    from archive.models import AboutPage

    page = AboutPage.objects.get(locale__language_code="en")
    assert Client().get("/en/about/").status_code == 200
    page.introduction = "Rewritten this minute."
    page.save_revision().publish()
    assert "Rewritten this minute." in Client().get("/en/about/").content.decode()


def test_the_memory_is_bounded():
    memory = page_cache.PageMemory(capacity=10_000)
    for number in range(50):
        memory.put((number,), page_cache.Kept(None, "1", b"x" * 900, b"", (), "e"))
    assert memory._size <= 10_000 and memory.get((0,)) is None and memory.get((49,)) is not None


def test_it_goes_red_when_the_check_is_switched_off(monkeypatch):
    """The guard of this suite: without the look at the database a withdrawn page would still be served."""
    monkeypatch.setattr(page_cache.PublicPageCache, "_still_true", staticmethod(lambda page: True))
    work = published()
    path = f"/en/testimonies/{work.public_id}/"
    assert Client().get(path).status_code == 200
    with committed():
        WithdrawAction(None, work, reason="danger").execute()
    assert Client().get(path).status_code == 200, "the switch must be able to turn the withdrawal test red"
