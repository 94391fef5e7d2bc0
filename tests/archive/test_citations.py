"""Citations in the forms that manuals ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from archive.public.citations import CitedWork, apa, chicago

WORK = CitedWork(
    public_id="k3m9x0w7ta",
    title="The river",
    names=("Anahit Sarian",),
    year="1947",
    edtf="1947-08-22",
    held_by="Wiener Library",
    edition="",
    language="hy",
    revision=3,
    url="https://cairn.example/id/k3m9x0w7ta",
    day=date(2026, 11, 7),
    fiction=False,
    ris_type="MANSCPT",
    csl_type="manuscript",
)


def test_dates_are_written_as_the_manuals_write_them():
    assert chicago(WORK) == (
        "Anahit Sarian. “The river”. August 22, 1947. Wiener Library. Cairn, revision 3. Accessed November 7, 2026. "
        "https://cairn.example/id/k3m9x0w7ta."
    )
    assert apa(WORK).endswith(
        "Wiener Library. Cairn. Retrieved November 7, 2026, from https://cairn.example/id/k3m9x0w7ta"
    )


@pytest.mark.parametrize(
    ("edtf", "said"),
    [("2003-05", "May 2003"), ("1943", "1943"), ("1943~", "1943~"), ("1942/1944", "1942/1944"), ("1943-21", "1943-21")],
)
def test_what_is_uncertain_stays_exactly_as_uncertain(edtf, said):
    assert f". {said}. " in chicago(replace(WORK, edtf=edtf))


def test_fiction_says_so_in_every_form():
    assert "[example content, fiction]" in chicago(replace(WORK, fiction=True))
    assert "[example content, fiction]" in apa(replace(WORK, fiction=True))
