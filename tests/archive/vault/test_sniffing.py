"""What a file really is, against what it claims."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.vault.durable import HEAD_BYTES
from archive.vault.errors import RefusedUpload
from archive.vault.sniffing import check_claim, printable_name, sniff
from tests.conftest import SHARED


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"\xff\xd8\xff\xe1", "image/jpeg"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"XXXX\0\0\0\0WAVE", "application/octet-stream"),
        (b"\0\0\0\x20ftypM4A ", "audio/mp4"),
        (b"\0\0\0\x20ftypisom", "video/mp4"),
        (b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x86\x81\x01B\x82\x84webm", "video/webm"),
        (b"\xff\xfb\x90\x44\0\0", "audio/mpeg"),
        (b"%PDF-1.7", "application/pdf"),
        (b"MZ\x90\0\x03", "application/vnd.microsoft.portable-executable"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nՎկայություն".encode(), "text/vtt"),
        ("1\r\n00:00:01,000 --> 00:00:03,000\r\nشهادة\r\n".encode("cp1256"), "application/x-subrip"),
        ("Показания".encode("utf-16"), "text/plain"),
        ("見聞きしたこと".encode(), "text/plain"),
        (b"<?xml version='1.0'?>\n<TEI xmlns='http://www.tei-c.org/ns/1.0'><text><body>", "application/xml"),
        (b"<!-- a --><!DOCTYPE TEI [<!ENTITY x 'y'>]><TEI/>", "application/xml"),
        (b"\xef\xbb\xbf<!DOCTYPE html><p>", "text/html"),
        (b"<!-- hidden --><svg onload='x'/>", "image/svg+xml"),
        (b"<x:svg xmlns:x='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        (b"#!/bin/sh\nrm", "text/x-script"),
        (b'{"asset":{"version":"2.0"}}', "model/gltf+json"),
        (b"plain\0binary", "application/octet-stream"),
        (b"", "text/plain"),
    ],
)
def test_types_are_told_by_their_bytes(head, mime):
    assert sniff(head).mime == mime


def test_a_character_cut_in_two_at_the_end_of_the_head_is_still_text():
    text = ("ա" * HEAD_BYTES).encode()[: HEAD_BYTES - 1]
    assert sniff(text).mime == "text/plain"


@given(st.binary(max_size=200))
def test_no_bytes_make_it_stumble(head):
    kind = sniff(head)
    assert kind.extension.isalnum() and "/" in kind.mime


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        ("photo.jpg", b"<html><script>alert(1)</script></html>", "a browser may run"),
        ("drawing.svg", b"<svg onload='x'/>", "a browser may run"),
        ("letter.pdf", b"\x7fELF\x02", "a program"),
        ("album.zip", b"PK\x03\x04", "one by one"),
        ("voice.wav", b"ID3\x04", "the name says .wav, the content is audio/mpeg"),
        ("unknown.xyz", b"\0\1\2\3", "not one that the archive knows"),
    ],
)
def test_refusals_name_the_file_and_the_reason(name, head, reason):
    with pytest.raises(RefusedUpload) as refused:
        check_claim(name, sniff(head))
    assert name in str(refused.value) and reason in str(refused.value)


@pytest.mark.parametrize(
    ("name", "head"), [("x.JPG", b"\xff\xd8\xff"), ("talk.srt", b"Only words"), ("no-ending", b"words")]
)
def test_what_is_what_it_says_comes_in(name, head):
    check_claim(name, sniff(head))


def test_names_are_shown_without_tricks():
    assert printable_name("C:\\Users\\x\\\u202egpj.exe") == "\\u{202E}gpj.exe"
    assert printable_name("../../etc/pass\nwd") == "pass\\u{000A}wd"
    assert printable_name("Da\u0328browa.txt") == "Dąbrowa.txt"
    assert len(printable_name("ա" * 500)) <= 200


def test_the_hostile_files_of_the_shared_tool(tmp_path):
    tool = SHARED / "tools" / "make_hostile.py"
    if not tool.is_file():
        pytest.skip("shared/tools/make_hostile.py is not here: hostile cases cannot be made")
    subprocess.run([sys.executable, str(tool), str(tmp_path)], check=True, capture_output=True)
    refused = set()
    for path in tmp_path.iterdir():
        try:
            check_claim(path.name, sniff(path.read_bytes()[:HEAD_BYTES]))
        except RefusedUpload:
            refused.add(path.name)
    assert refused == {
        "jpg-is-html.jpg", "svg-script.svg", "tar-symlink.tar", "zip-nested.zip", "zip-ratio-1000.zip", "zip-slip.zip",
    }  # fmt: skip
