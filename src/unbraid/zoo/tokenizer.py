"""RoBERTa's tokenizer from files on this computer; the network is never asked.

Its vocabulary comes in no package, so the user brings it: ``vocab.json`` and ``merges.txt``, or ``tokenizer.json``, of
roberta-base. Files of GPT-2 look alike, have the same pieces of words and other numbers for them; they are refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import MissingExtra, ModelError
from unbraid.zoo.guard_names import reason

FOLDER = "roberta-base"
_IN_CACHE = ("models--FacebookAI--roberta-base", "models--roberta-base")
_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"))
_IDS = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}


class Tokens(NamedTuple):
    """``ids[query, token]``, padded, and ``mask``, 1 where there is a token."""

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]


Tokenize = Callable[[Sequence[str]], Tokens]


def load_tokenizer(folders: Sequence[Path], vocabulary: int, longest: int) -> Tokenize:
    """The tokenizer in the first of ``folders`` that has one, or in the Hugging Face cache.

    vocabulary: how many ids the net knows. longest: tokens in a text, beyond which it is cut. Raises ModelError if
    there is none, with what to put where, or if its ids are not those of RoBERTa.
    """
    tokenizer, place = _find(folders)
    ids = tokenizer.get_vocab()
    wrong = [piece for piece, number in _IDS.items() if ids.get(piece) != number]
    if wrong or max(ids.values()) >= vocabulary:
        raise ModelError(f"{place}: is not the tokenizer of roberta-base: its ids are not those that the net knows")

    def tokenize(texts: Sequence[str]) -> Tokens:
        batch = tokenizer(list(texts), padding=True, truncation=True, max_length=longest, return_tensors="np")
        return Tokens(batch["input_ids"].astype(np.int64), batch["attention_mask"].astype(np.int64))

    return tokenize


def _find(folders: Sequence[Path]) -> tuple[Any, str]:
    try:
        from transformers import RobertaTokenizer
    except ImportError as error:
        raise MissingExtra("transformers is not installed; pip install 'unbraid[audiosep]'") from error
    for folder in (*folders, *_cached()):
        if any(all((folder / name).is_file() for name in names) for names in _FILES):
            try:
                return RobertaTokenizer.from_pretrained(folder, local_files_only=True), str(folder)
            except Exception as error:  # the Rust side of tokenizers raises nothing narrower
                raise ModelError(f"{folder}: holds no tokenizer that can be read ({reason(error)})") from error
    raise ModelError(_what_to_do(folders))


def _cached() -> list[Path]:
    """Where the Hugging Face cache keeps it. Asked by name, transformers would make up an empty one."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "huggingface"
    hub = Path(os.environ.get("HF_HUB_CACHE", Path(os.environ.get("HF_HOME", cache)) / "hub"))
    return [folder for name in _IN_CACHE for folder in sorted((hub / name / "snapshots").glob("*"))]


def _what_to_do(folders: Sequence[Path]) -> str:
    places = " or ".join(str(folder) for folder in folders)
    return (
        "words for AudioSep need the tokenizer of roberta-base, and it is not on this computer: put vocab.json and "
        f"merges.txt (from https://huggingface.co/FacebookAI/roberta-base) into {places}, or run "
        "`hf download FacebookAI/roberta-base vocab.json merges.txt tokenizer.json`"
    )
