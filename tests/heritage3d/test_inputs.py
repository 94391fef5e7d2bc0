"""What is found in what people hand over, and the sentence for what is not as it should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import ExifTags, Image

pytest.importorskip("pycolmap", exc_type=ImportError)

from heritage3d.pipeline.inputs import UserFiles
from heritage3d.pipeline.outputs import _without
from heritage3d.pipeline.photographs.authors import gives_away, people_named, words_of
from heritage3d.pipeline.photographs.decode import Refused, open_photograph
from heritage3d.pipeline.presets import DRAFT
from heritage3d.pipeline.recipe import Request, needed_for
from heritage3d.pipeline.runner import Run
from heritage3d.pipeline.verdicts import ImpossibleInput, StageFault
from tests.heritage3d.test_runner import Silent


def found(tmp_path: Path, *names: str, masks: str | None = None, out: str = "out") -> UserFiles:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    masks_folder = None if masks is None else tmp_path / masks
    return UserFiles.of(Request((tmp_path / "in",), tmp_path / out, DRAFT, masks=masks_folder))


def names(entries: list[tuple[str, Path]]) -> list[str]:
    return [name for name, _ in entries]


def test_masks_named_after_their_photograph_are_found_beside_it(tmp_path: Path) -> None:
    files = found(tmp_path, "in/a.jpg", "in/a.jpg.png", "in/b.JPG", "in/b_mask.png", "in/c.png", "in/masks/d.jpg.png")
    assert names(files.photographs) == ["a.jpg", "b.JPG", "c.png", "masks/d.jpg.png"]
    assert names(files.masks) == ["a.jpg.png", "b_mask.png"]


def test_a_folder_of_masks_below_the_photographs_holds_no_photographs(tmp_path: Path) -> None:
    files = found(tmp_path, "in/a.jpg", "in/b.jpg", "in/masks/a.png", "in/masks/other.png", masks="in/masks")
    assert names(files.photographs) == ["a.jpg", "b.jpg"]
    assert names(files.masks) == ["a.png", "other.png"]


def test_masks_among_the_photographs_are_told_from_them(tmp_path: Path) -> None:
    files = found(tmp_path, "in/a.jpg", "in/a.png", "in/b.png", masks="in")
    assert names(files.photographs) == ["a.jpg", "b.png"]
    assert names(files.masks) == ["a.png"]


def test_what_an_earlier_run_left_among_the_photographs_is_not_taken_for_one(tmp_path: Path) -> None:
    files = found(tmp_path, "in/a.jpg", "in/model/poster.jpg", "in/model/model.glb", out="in/model")
    assert names(files.photographs) == ["a.jpg"]


@pytest.mark.parametrize(("kind", "is_folder"), [("control", True), ("scale", True), ("masks", False)])
def test_a_path_of_the_wrong_kind_is_named(tmp_path: Path, kind: str, is_folder: bool) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(b"x")
    given = tmp_path / "given"
    if is_folder:
        given.mkdir()
    else:
        given.write_bytes(b"x")
    request = Request((tmp_path / "in",), tmp_path / "out", DRAFT, **{kind: given})  # type: ignore[arg-type]
    with pytest.raises(ImpossibleInput, match="given is a"):
        UserFiles.of(request).check()


def test_an_output_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    found(tmp_path, "in/a.jpg", "taken")
    with pytest.raises(StageFault, match="taken cannot be written to: Not a directory") as fault:
        Run(Request((tmp_path / "in",), tmp_path / "taken", DRAFT), Silent()).perform("inspect")
    assert "--out" in fault.value.advice[0]


def test_an_unreadable_photograph_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    files = found(tmp_path, "in/a.jpg")
    monkeypatch.setattr("heritage3d.pipeline.inputs.hash_file", refuse)
    with pytest.raises(ImpossibleInput, match=r"a\.jpg cannot be read: Permission denied"):
        files.hash()


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        ("wall.ply", b"ply\nformat ascii 1.0\n", "scan or a model"),
        ("wall.e57", b"ASTM-E57", "scan or a model"),
        ("wall.las", b"LASF", "scan or a model"),
        ("wall.glb", b"glTF\x02\0\0\0", "scan or a model"),
        ("wall.obj", b"v 0 0 0\n", "scan or a model"),
        ("a.dng", b"II*\0", "raw file"),
        ("a.cr3", b"\0\0\0\x18ftypcrx ", "raw file"),
        ("a.mp4", b"\0\0\0\x18ftypisom", "film"),
        ("a.webp", b"RIFF\0\0\0\0WEBP", "save it as JPEG"),
        ("a.gif", b"GIF89a", "save it as JPEG"),
        ("a.pdf", b"%PDF-1.7", "no photograph"),
    ],
)
def test_what_is_no_photograph_is_told_what_it_is(tmp_path: Path, name: str, head: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(head + b"\0" * 200)
    with pytest.raises(Refused, match=reason):
        open_photograph(tmp_path / name)


def test_only_what_a_result_needs_is_made() -> None:
    assert needed_for("georeference") == {"inspect", "features", "matching", "sfm", "georeference"}
    assert len(needed_for("validate")) == 12


def test_an_author_is_read_from_exif_and_xmp(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Ana Horvat"
    exif[ExifTags.Base.Copyright] = "© 2020 Studio Li, all rights reserved"
    xmp = b"<x><dc:creator><rdf:Seq><rdf:li>Jos\xc3\xa9 Saramago</rdf:li></rdf:Seq></dc:creator></x>"
    Image.new("RGB", (300, 300)).save(tmp_path / "a.jpg", exif=exif, xmp=xmp)
    with Image.open(tmp_path / "a.jpg") as image:
        people = people_named(image, image.getexif(), image.getexif().get_ifd(ExifTags.IFD.Exif))
    words = words_of(people)
    assert {"ana", "horvat", "josé", "saramago"} <= words and "rights" not in words and "studio" not in words
    assert gives_away("AnaHorvat_001.jpg", words) and gives_away("ana/1.jpg", words)
    assert not gives_away("banana-01.jpg", words - {"horvat"}) and not gives_away("IMG_0001.jpg", words)


def test_private_names_leave_the_report() -> None:
    report = {"warnings": ["ana 1.jpg is dark; ana 1.jpg.bak too"], "cameras": [{"name": "ana 1.jpg"}], "n": 3}
    told = _without({"ana 1.jpg": "000001.jpg", "ana 1.jpg.bak": "file 1"}, report)
    assert told == {"warnings": ["000001.jpg is dark; file 1 too"], "cameras": [{"name": "000001.jpg"}], "n": 3}
