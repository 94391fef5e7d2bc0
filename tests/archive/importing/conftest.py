"""What the tests of imports share: a small edition of our own, and the real samples where they are at hand."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from pathlib import Path

import pytest

from archive.vault.deposit import instance_vault
from archive.vault.ocfl import Vault
from tests.conftest import SHARED

_ARCHIVE = SHARED / "data" / "archive-samples.tar.xz"

#: A fictional document in the dialect of the EHRI editions: the valley, its people and its words are invented.
EDITION = """<?xml version="1.0" encoding="utf-8"?>
<TEI xmlns="http://www.tei-c.org/ns/1.0" xml:id="VALLEY-001_HU_EN">
 <teiHeader>
  <fileDesc>
   <titleStmt>
    <title xml:lang="hu">A malom éjszakája</title><title xml:lang="en">The night of the mill</title>
    <respStmt><resp>Edited by</resp><persName>Ilka Vadász</persName></respStmt>
   </titleStmt>
   <publicationStmt><availability>
    <licence target="http://creativecommons.org/licenses/by/4.0/">CC BY 4.0</licence></availability></publicationStmt>
   <seriesStmt><title>Voices of the Valley</title></seriesStmt>
   <sourceDesc><msDesc><msIdentifier><institution><orgName>Archive of the Valley</orgName></institution>
     <collection>Mill papers</collection><idno>7</idno></msIdentifier></msDesc>
   <bibl>Archive of the Valley, Mill papers, 7.</bibl></sourceDesc>
  </fileDesc>
  <profileDesc>
   <creation><origDate when="1946-05">May 1946</origDate>
    <origPlace ref="http://www.geonames.org/1234567/mill.html">Malomvölgy</origPlace>
    <term ref="https://example.org/terms/hiding" type="subject">Hiding</term></creation>
   <textClass><keywords><term>testimony</term></keywords></textClass>
   <langUsage><language ident="hu">Hungarian</language></langUsage>
   <abstract><p>How a family hid in a mill.</p></abstract>
  </profileDesc>
 </teiHeader>
 <text><body><div type="transcription">
  <div type="original" xml:lang="hu">
   <pb n="1" facs="mill_1.jpg"/>
   <p>Az első éjszaka <persName ref="#valley_ilka">Ilka</persName> a
    <placeName ref="http://www.geonames.org/1234567/mill.html">malomban</placeName> aludt.</p>
   <p>Hallottuk <pb n="2" facs="mill_2.jpg"/>a vizet<note place="bottom">A patak vize.</note> egész éjjel.</p>
   <p>Reggel <foreign xml:lang="yid">ale</foreign> elmentek.</p>
  </div>
  <div type="translation" xml:lang="en">
   <pb n="1" facs="mill_1.jpg"/>
   <p>The first night <persName ref="#valley_ilka">Ilka</persName> slept in the
    <placeName ref="http://www.geonames.org/1234567/mill.html">mill</placeName>.</p>
   <p>We heard <pb n="2" facs="mill_2.jpg"/>the water all night.</p>
   <p>In the morning they all left.</p>
  </div>
 </div></body></text>
</TEI>
"""


@pytest.fixture(scope="session")
def archive_samples() -> Path:
    """Folder with the real sample sets, unpacked once and kept under the archive's size and time."""
    if not _ARCHIVE.is_file():
        pytest.skip("The sample sets (shared/data/archive-samples.tar.xz) are not beside this checkout.")
    facts = _ARCHIVE.stat()
    folder = Path(tempfile.gettempdir()) / f"cairn-samples-{facts.st_size}-{int(facts.st_mtime)}"
    if not folder.is_dir():
        partial = Path(tempfile.mkdtemp(prefix="cairn-samples-", dir=folder.parent))
        wanted = ("./ehri-editions/", "./wpa/", "./vocab/", "./webvtt/")
        with tarfile.open(_ARCHIVE) as archive:
            archive.extractall(partial, [m for m in archive if m.name.startswith(wanted)], filter="data")
        try:
            partial.rename(folder)
        except OSError:
            # The other worker of the same session was first.
            shutil.rmtree(partial)
            assert folder.is_dir()
    return folder


@pytest.fixture
def vault(tmp_path, settings) -> Vault:
    """An instance of its own, so that originals of one test do not meet another's."""
    settings.CAIRN_DATA = tmp_path / "instance"
    settings.VAULT_RESERVE_BYTES = 1
    return instance_vault()


@pytest.fixture
def edition(tmp_path) -> Path:
    """The fictional edition as a file."""
    path = tmp_path / "given" / "valley.xml"
    path.parent.mkdir()
    path.write_text(EDITION, encoding="utf-8")
    return path
