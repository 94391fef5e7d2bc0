"""An editor imports, corrects a cue, publishes and withdraws; the second community sees nothing of it."""

from __future__ import annotations

import pytest

from archive.models import Testimony
from jobs.models import Job
from jobs.worker import visit as work_on
from tests.archive.factories import a_collection, a_community, a_member, consent

pytestmark = pytest.mark.journey

VTT = """WEBVTT

00:00:01.000 --> 00:00:04.000
<v Anahit>We crosed the river at night.

00:00:05.000 --> 00:00:09.000
<v Anahit>The miller opened his door canaryjourney.
"""


def everybody():
    community = a_community("valley")
    a_collection(community, slug="voices")
    editor = a_member(community, "editor", "publisher", "steward")
    other = a_community("other-valley")
    return editor, a_member(other, "editor", "publisher", "steward")


def run_jobs():
    """What a worker would do while the editor waits."""
    for _round in range(5):
        waiting = list(Job.objects.filter(state="queued").values_list("public_id", flat=True))
        for public_id in waiting:
            work_on(str(public_id))
        if not waiting:
            return


def test_import_correct_publish_withdraw(visit, archive_site, tmp_path):
    editor, stranger = everybody()
    file = tmp_path / "anahit.vtt"
    file.write_text(VTT, "utf-8")
    desk = visit(editor)

    # Import: upload, and let the job take it in.
    desk.goto("/admin/desk/imports/")
    desk.locator("input[type=file]").first.set_input_files(str(file))
    desk.locator("[name=collection]").fill("voices")
    desk.locator("[name=language]").fill("en")
    desk.get_by_role("button", name="Read them").click()
    desk.wait_for_load_state()
    run_jobs()
    desk.reload()
    desk.locator("button[name=action][value=import]").first.click()
    run_jobs()
    work = Testimony.objects.get()

    # Correct a cue.
    desk.goto(f"/admin/testimonies/{work.pk}/transcript/")
    cue = desk.locator("textarea[data-anchor]").first
    assert "crosed" in cue.input_value()
    cue.fill("We crossed the river at night.")
    desk.locator("button[name=op][value=save]").click()
    desk.wait_for_load_state()
    work.refresh_from_db()
    assert work.current_revision == 2

    # Consent, review, publish.
    consent(work)
    desk.goto(f"/admin/testimonies/{work.pk}/gate/")
    desk.locator("button[name=action][value=pass]").click()
    desk.locator("button[name=action][value=publish]").click()
    desk.wait_for_load_state()

    # The public reads it, corrected; the other community's desk does not know it.
    page = visit()
    answer = page.goto(f"/en/testimonies/{work.public_id}/")
    assert answer.status == 200
    assert "We crossed the river at night." in page.locator("#words").inner_text()
    other = visit(stranger)
    other.goto("/admin/testimonies/")
    assert work.public_id not in other.content() and "canaryjourney" not in other.content()
    assert other.goto(f"/admin/testimonies/edit/{work.pk}/").status == 404
    assert other.goto(f"/admin/testimonies/{work.pk}/transcript/").status == 404
    assert other.goto(f"/admin/testimonies/{work.pk}/gate/").status == 404

    # Withdraw: the next request is a tombstone and search has nothing.
    desk.goto(f"/admin/testimonies/{work.pk}/gate/")
    desk.locator("details:has(input[value=withdraw]) summary").click()
    form = desk.locator("form:has(input[value=withdraw])")
    form.locator("select").select_option("narrator-request")
    form.locator("input[type=checkbox]").check()
    form.locator("button.no").click()
    desk.wait_for_load_state()
    assert page.goto(f"/en/testimonies/{work.public_id}/").status == 410
    assert "canaryjourney" not in page.content()
    page.goto("/en/search/?q=canaryjourney")
    assert page.locator(".result").count() == 0
    assert desk.problems == []
