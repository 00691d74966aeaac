from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbraid.errors import UsageError
from unbraid.query.route import Term, route, route_without

STEMS = ("vocals", "drums", "bass", "other")


@pytest.mark.parametrize(
    ("text", "kind", "stem"),
    [
        ("vocals", "stem", "vocals"),
        ("the drums", "stem", "drums"),
        ("low end", "stem", "bass"),
        ("Gesang", "stem", "vocals"),
        ("snare", "part", "drums"),
        ("the harp", "part", "other"),
        ("backing singers", "part", "vocals"),
        ("double bass", "part", "bass"),
        ("bass drum", "part", "drums"),
        ("that funny sound in the background", "mix", None),
        ("dog barking", "mix", None),
    ],
)
def test_words_find_their_way(text: str, kind: str, stem: str | None) -> None:
    found = route(text, STEMS)
    assert (found.kind, found.stem, found.without) == (kind, stem, False)


@pytest.mark.parametrize("text", ["piano", "the pianist"])
def test_a_separator_that_has_the_sound_answers_itself(text: str) -> None:
    assert route(text, (*STEMS, "guitar", "piano")).kind == "stem"
    assert route(text, STEMS).kind == "part"
    found = route("acoustic guitar", (*STEMS, "guitar", "piano"))
    assert (found.kind, found.stem) == ("part", "guitar")


def test_without_stems_everything_is_asked_of_the_mix() -> None:
    assert {route(text, ()).kind for text in ("vocals", "snare", "rain")} == {"mix"}


@pytest.mark.parametrize(
    "text",
    [
        "everything but the vocals",
        "all except for vocals",
        "no vocals",
        "without the vocals",
        "instrumental",
        "the song minus the singing",
    ],
)
def test_complements(text: str) -> None:
    found = route(text, STEMS)
    assert found.without and [term.stem for term in found.terms] == ["vocals"]


def test_several_sounds() -> None:
    found = route("drums and bass", STEMS)
    assert (found.kind, [term.stem for term in found.terms]) == ("sum", ["drums", "bass"])
    found = route("kick, snare & the harp", STEMS)
    assert [(term.text, term.stem) for term in found.terms] == [("kick and snare", "drums"), ("the harp", "other")]


def test_a_part_beside_its_stem_is_not_counted_twice() -> None:
    assert [term.kind for term in route("the drums and the snare", STEMS).terms] == ["stem"]


def test_without_is_the_opposite() -> None:
    assert route_without("drums", STEMS).without
    assert not route_without("everything but the drums", STEMS).without


def test_vague_words_are_told() -> None:
    notes = route("that funny sound in the background", STEMS).notes
    assert len(notes) == 1 and "best guess" in notes[0] and "--list-sounds" in notes[0]
    assert route("the harp", STEMS).notes == ()


@pytest.mark.parametrize("text", ["", " ", "🎸"])
def test_nothing_to_look_for(text: str) -> None:
    with pytest.raises(UsageError):
        route(text, STEMS)


def test_ten_thousand_characters() -> None:
    found = route("the snare drum of the song " * 400, STEMS)
    assert len(found.terms) == 1 and any("long" in note for note in found.notes)


@given(st.text(max_size=60))
def test_any_text_has_a_route_or_a_reason(text: str) -> None:
    try:
        found = route(text, STEMS)
    except UsageError:
        return
    assert found.terms
    assert all(isinstance(term, Term) and (term.stem is None) == (term.kind == "mix") for term in found.terms)
    assert found.as_json()["kind"] == found.kind and found.describe()
