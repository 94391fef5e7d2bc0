"""The speaking machine: the same samples everywhere, a voice where a voice should be, silence where not."""

from __future__ import annotations

import io
import math
import time
import wave

import pytest

from archive.sample.reading import read_sample
from archive.sample.voice import RATE, Speech, as_wav, speak


def _spoken() -> Speech:
    work = next(work for work in read_sample().works if work.phonemes)
    return speak(work.phonemes)


def _power(speech: Speech, start_ms: int, end_ms: int) -> float:
    part = speech.samples[start_ms * RATE // 1000 : end_ms * RATE // 1000]
    return math.sqrt(sum(sample * sample for sample in part) / len(part))


def _at(speech: Speech, hertz: float, start_ms: int, end_ms: int) -> float:
    """Power at one frequency (Goertzel)."""
    part = speech.samples[start_ms * RATE // 1000 : end_ms * RATE // 1000]
    coefficient = 2 * math.cos(2 * math.pi * hertz / RATE)
    one = two = 0.0
    for sample in part:
        one, two = sample + coefficient * one - two, one
    return (one * one + two * two - coefficient * one * two) / len(part)


def test_the_same_words_give_the_same_samples() -> None:
    assert speak(["W IY1 K AO1 L D"]).samples == speak(["W IY1 K AO1 L D"]).samples


def test_sentences_sound_and_pauses_are_silent() -> None:
    speech = _spoken()
    assert len(speech.times) == 5
    assert 12_000 < speech.duration_ms < 30_000
    for (start, end), (following, _end) in zip(speech.times, speech.times[1:], strict=False):
        assert start < end < following
        assert _power(speech, start, end) > 1_000
        assert _power(speech, end + 150, following - 50) < 60


def test_vowels_have_their_formants_and_hisses_are_high() -> None:
    seen = speak(["IY1 IY1 IY1"])
    assert _band(seen, 2600, 3000) > 5 * _band(seen, 1000, 1400)
    ah = speak(["AO1 AO1 AO1"])
    assert _band(ah, 500, 1000) > 20 * _band(ah, 2000, 2500)
    hiss = speak(["S S S S"])
    assert _band(hiss, 5500, 6900) > 20 * _band(hiss, 200, 1000)


def _band(speech: Speech, low: int, high: int) -> float:
    start, end = speech.times[0]
    return max(_at(speech, hertz, start + 60, end - 60) for hertz in range(low, high, 20))


def test_the_file_is_a_wave_file_of_the_same_length() -> None:
    speech = _spoken()
    with wave.open(io.BytesIO(as_wav(speech))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        assert file.getnframes() == len(speech.samples)


def test_an_unknown_phoneme_is_named() -> None:
    with pytest.raises(ValueError, match="cannot say “QX1”"):
        speak(["W IY QX1"])


def test_it_speaks_faster_than_it_is_heard() -> None:
    began = time.process_time()
    speech = _spoken()
    assert (time.process_time() - began) * 1000 < speech.duration_ms / 3
