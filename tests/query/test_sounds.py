from __future__ import annotations

import pytest

from unbraid.query.route import nearest
from unbraid.query.sounds import chain, find, home, of_label, plain, sounds

STEMS = ("vocals", "drums", "bass", "other")


def test_every_sound_is_part_of_a_stem() -> None:
    assert len(sounds()) >= 60
    for sound in sounds().values():
        assert chain(sound)[-1] in STEMS
        assert home(sound, STEMS) in STEMS


def test_no_held_out_way_is_a_listed_one() -> None:
    for sound in sounds().values():
        listed = {way.casefold() for other in sounds().values() for way in other.said}
        assert not listed & {way.casefold() for way in sound.held_out}, sound.name


@pytest.mark.parametrize(
    "label",
    ["lead vocal", "hihat", "double", "string ensemble 1", "lead 2 (sawtooth) (lead)", "orchestral harp", "tenor sax"],
)
def test_labels_of_the_studio_are_known(label: str) -> None:
    assert of_label(label) is not None


def test_a_mix_of_sounds_is_none() -> None:
    assert of_label("band") is None


def test_words_nobody_listed_are_understood() -> None:
    """Held-out ways come out nearest to their own sound, or to one that holds it or is a part of it."""
    right = []
    for sound in sounds().values():
        for way in sound.held_out:
            found, _ = nearest(way)
            right.append(found.name in chain(sound) or sound.name in chain(found))
    assert sum(right) >= 0.9 * len(right)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("The Harp!", "harp"),
        ("give me the sound of the snare drum", "snare"),
        ("SIX-STRING", "guitar"),
        ("a sax part", "saxophone"),
    ],
)
def test_filler_does_not_hide_a_sound(text: str, name: str) -> None:
    found = find(text)
    assert found is not None and found.name == name


def test_nothing_but_filler_stays_itself() -> None:
    assert plain("the") == "the"
