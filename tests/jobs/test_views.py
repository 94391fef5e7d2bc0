"""The job pages: who sees what, what the buttons do, what the script gets."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import User
from jobs import api, views, wiring
from jobs.models import Job, JobLogLine
from jobs.states import State

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor(monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    """An editor of the community “Kuća”, admitted to the admin by the second factor."""
    monkeypatch.setattr("accounts.middleware.is_verified", lambda request: True)

    def mine(jobs: QuerySet[Job], user: Any) -> QuerySet[Job]:
        return jobs.filter(scope=f"community:{user.username}")

    monkeypatch.setattr(wiring, "_visible", mine)
    monkeypatch.setattr(wiring, "_changeable", None)
    yield get_user_model().objects.create_superuser("kuća", "editor@example.org", "x")


def _job(scope: str, **fields: Any) -> Job:
    return Job.objects.create(kind="test.nothing", scope=scope, **fields)


def _running(scope: str) -> Job:
    from django.utils import timezone

    return _job(scope, state=State.RUNNING, lease_holder="somebody", lease_until=timezone.now(), stage="lecture")


def _ask(view: Any, user: User, job: Job, method: str = "get", **query: str) -> HttpResponse:
    request = getattr(RequestFactory(), method)("/", query)
    request.user = user
    return view.as_view()(request, public_id=job.public_id)


def test_list_shows_only_jobs_of_the_scope(client: Client, editor: User) -> None:
    client.force_login(editor)
    mine, foreign = _job("community:kuća"), _job("community:other")
    page = client.get(reverse("jobs:index"))
    assert page.status_code == 200
    assert str(mine.public_id) in page.text
    assert str(foreign.public_id) not in page.text


def test_list_can_be_narrowed_by_state(client: Client, editor: User) -> None:
    client.force_login(editor)
    waiting, ended = _job("community:kuća"), _job("community:kuća", state=State.DONE)
    page = client.get(reverse("jobs:index"), {"state": "done"}).text
    assert str(ended.public_id) in page
    assert str(waiting.public_id) not in page


def test_page_shows_log_error_and_buttons(client: Client, editor: User) -> None:
    client.force_login(editor)
    job = _job("community:kuća", state=State.FAILED, error_code="dark", error_text="“Աղջիկ.jpg” is <too> dark.")
    JobLogLine.objects.create(job_id=job.public_id, sequence=1, stage="lecture", text="<b>سطر</b>")
    page = client.get(reverse("jobs:detail", kwargs={"public_id": job.public_id})).text
    assert "“Աղջիկ.jpg” is &lt;too&gt; dark." in page
    assert "&lt;b&gt;سطر&lt;/b&gt;" in page
    assert reverse("jobs:retry", kwargs={"public_id": job.public_id}) in page
    assert reverse("jobs:cancel", kwargs={"public_id": job.public_id}) not in page


@pytest.mark.parametrize("name", ["detail", "news", "cancel", "retry"])
def test_foreign_job_is_the_same_404_as_none(client: Client, editor: User, name: str) -> None:
    client.force_login(editor)
    foreign = _running("community:other")
    ask = client.post if name in {"cancel", "retry"} else client.get
    answers = [
        # Followed, because Django's locale middleware tries an unknown address once more below /en/.
        ask(reverse(f"jobs:{name}", kwargs={"public_id": public_id}), follow=True)
        for public_id in (foreign.public_id, uuid.uuid4())
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert len(answers[0].content) == len(answers[1].content)
    foreign.refresh_from_db()
    assert not foreign.cancel_requested


def test_visitor_without_sign_in_sees_nothing(client: Client) -> None:
    job = _job("")
    assert client.get(reverse("jobs:detail", kwargs={"public_id": job.public_id})).status_code == 302


def test_news_holds_what_came_after(editor: User) -> None:
    job = _running("community:kuća")
    for sequence, text in enumerate(("un", "dos", "三"), start=1):
        JobLogLine.objects.create(job_id=job.public_id, sequence=sequence, text=text)
    import json

    news = json.loads(_ask(views.JobNews, editor, job, after="1").content)
    assert [line["text"] for line in news["log"]] == ["dos", "三"]
    assert (news["state"], news["stage"], news["active"]) == ("running", "lecture", True)


@pytest.mark.parametrize("after", ["x", "-1", "٣", "9" * 30])
def test_news_ignores_nonsense(editor: User, after: str) -> None:
    assert _ask(views.JobNews, editor, _running("community:kuća"), after=after).status_code == 200


def test_cancel_button_asks_the_running_job_to_end(client: Client, editor: User) -> None:
    client.force_login(editor)
    job = _running("community:kuća")
    answer = client.post(reverse("jobs:cancel", kwargs={"public_id": job.public_id}), follow=True)
    job.refresh_from_db()
    assert job.cancel_requested
    assert "within ten seconds" in answer.text


def test_retry_of_a_done_job_is_refused_in_words(client: Client, editor: User) -> None:
    client.force_login(editor)
    job = _job("community:kuća", state=State.DONE)
    answer = client.post(reverse("jobs:retry", kwargs={"public_id": job.public_id}), follow=True)
    assert "Nothing was changed" in answer.text
    job.refresh_from_db()
    assert job.state == State.DONE


def test_who_may_see_may_not_always_change(editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "_changeable", lambda jobs, user: jobs.none())
    job = _running("community:kuća")
    assert b"cancel/" not in _ask(views.JobDetail, editor, job).render().content  # type: ignore[attr-defined]
    with pytest.raises(Http404):
        _ask(views.CancelJob, editor, job, "post")


def test_without_wiring_operators_see_the_platforms_jobs_only(django_user_model: type[User]) -> None:
    operator = django_user_model.objects.create_superuser("operator", "o@example.org", "x")
    teacher = django_user_model.objects.create_user("teacher", "t@example.org", "x")
    platform, _foreign = _job(""), _job("community:kuća")
    assert list(api.visible(operator)) == [platform]
    assert not api.visible(teacher).exists()
