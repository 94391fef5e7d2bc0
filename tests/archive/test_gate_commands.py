"""``publish`` and ``withdraw`` as an operator types them."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from archive.actions.publish import ReviewAction
from tests.archive.factories import a_testimony, committed, consent

pytestmark = pytest.mark.django_db


def test_a_reviewed_work_is_opened_and_withdrawn_again(site, capsys):
    work = a_testimony()
    consent(work)
    with committed():
        ReviewAction(None, [work]).execute()
        call_command("publish", work.public_id)
    assert "is open to: public" in capsys.readouterr().out
    page = f"/en/testimonies/{work.public_id}/"
    assert Client().get(page).status_code == 200
    with committed():
        call_command("withdraw", work.public_id, reason="family-request")
    said = capsys.readouterr().out
    assert "withdrawn (family-request)" in said and "1 publications" in said
    assert Client().get(page).status_code == 410


def test_what_the_gate_asks_for_is_said_and_nothing_opens(site):
    work = a_testimony()
    with pytest.raises(CommandError) as refused:
        call_command("publish", work.public_id)
    assert refused.value.returncode == 1
    assert "Neither consent" in str(refused.value) and "reviewed" in str(refused.value)
    assert Client().get(f"/en/testimonies/{work.public_id}/").status_code == 404


@pytest.mark.parametrize("wrong", ["nothing", "0000000000", "Գետը"])
def test_an_id_that_is_none_is_said(site, wrong):
    with pytest.raises(CommandError, match="There is no record"):
        call_command("withdraw", wrong, reason="danger")


def test_a_reason_is_one_of_the_codes(site):
    work = a_testimony()
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("withdraw", work.public_id, reason="because Anna asked")
