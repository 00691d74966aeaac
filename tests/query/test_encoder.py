from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unbraid.errors import ModelError, UsageError
from unbraid.query.encoder import TABLE, TableEncoder


@pytest.fixture(scope="module")
def encoder() -> TableEncoder:
    return TableEncoder()


def test_vectors_have_length_one_and_do_not_depend_on_their_neighbours(encoder: TableEncoder) -> None:
    texts = ["the harp", "drums", "a very long description of a guitar in the left channel"]
    together = encoder.encode(texts)
    assert together.shape == (3, encoder.size) and together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(together, np.concatenate([encoder.encode([text]) for text in texts]))
    np.testing.assert_array_equal(together, TableEncoder().encode(texts))


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        ("six-string", "guitar", "drums"),
        ("low end", "bass", "violin"),
        ("the strings", "violin section", "kick drum"),
        ("backing singers", "background vocals", "trumpet"),
        ("kick", "bass drum", "double bass"),
        ("hand percussion", "congas", "organ"),
    ],
)
def test_synonyms_meet(encoder: TableEncoder, one: str, same: str, other: str) -> None:
    vectors = encoder.encode([one, same, other])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


@pytest.mark.parametrize("text", ["", "   \n", "🎸🎹", "!?", "\x00"])
def test_a_text_without_words_is_refused(encoder: TableEncoder, text: str) -> None:
    with pytest.raises(UsageError, match=r"names no sound|no word that unbraid knows"):
        encoder.encode([text])


def test_unknown_words_are_passed_over_and_told(encoder: TableEncoder) -> None:
    np.testing.assert_array_equal(encoder.encode(["🎸 guitar"]), encoder.encode(["guitar"]))
    assert encoder.unknown("🎸 guitar") == ("🎸",)
    assert encoder.unknown("guitar") == ()


def test_a_text_of_ten_thousand_characters_is_read_at_its_beginning(encoder: TableEncoder) -> None:
    text = "guitar " * 1500
    assert encoder.is_cut(text) and not encoder.is_cut("guitar")
    np.testing.assert_allclose(encoder.encode([text]), encoder.encode(["guitar"]), atol=1e-6)
    encoder.encode(["x" * 99 + " " + "drums " * 2000])


def test_other_languages_have_vectors(encoder: TableEncoder) -> None:
    assert np.isfinite(encoder.encode(["guitarra acústica", "die Pauken", "ギター", "гитара"])).all()


def test_the_table_is_small() -> None:
    assert sum(path.stat().st_size for path in TABLE.iterdir()) < 8e6


def test_a_broken_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        TableEncoder(tmp_path).encode(["drums"])
    (tmp_path / "vocabulary.txt").write_text("[UNK]\ndrums\n")
    (tmp_path / "table.safetensors").write_bytes(b"no table")
    with pytest.raises(ModelError, match="cannot be read"):
        TableEncoder(tmp_path).encode(["drums"])
