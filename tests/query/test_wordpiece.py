from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import BertWordPieceTokenizer

from unbraid.query.encoder import TABLE
from unbraid.query.wordpiece import pieces, words

LINES = (TABLE / "vocabulary.txt").read_text("utf-8").split("\n")
VOCABULARY = {token: number for number, token in enumerate(LINES) if token}
_MARKS = {mark: len(LINES) + number for number, mark in enumerate(("[CLS]", "[SEP]", "[PAD]", "[MASK]"))}
ORIGINAL = BertWordPieceTokenizer(vocab={**VOCABULARY, **_MARKS}, lowercase=True)


def ours(text: str) -> list[int]:
    return [number for word in words(text) for number in pieces(word, VOCABULARY)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the six-string",
        "Batería, café!",
        "ギター 吉他",
        "🎸 solo",
        "a" * 101,
        "a\tb\nc\x00d",
        "ﬁddle",
        "don't",
        "ÅÄÖ",
    ],
)
def test_tokens_are_those_of_the_original(text: str) -> None:
    assert ours(text) == ORIGINAL.encode(text, add_special_tokens=False).ids


@given(st.text(max_size=40))
def test_any_text_becomes_tokens(text: str) -> None:
    assert all(0 <= number < len(LINES) for number in ours(text))
