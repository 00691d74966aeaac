"""From a checkpoint to an encoder of words and clips, whose weights are read when they are first needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from unbraid.errors import MissingExtra, ModelError
from unbraid.home import home
from unbraid.zoo.guard import read_checkpoint
from unbraid.zoo.tokenizer import FOLDER, Tokenize, load_tokenizer

if TYPE_CHECKING:
    from unbraid.nets.clap import ClapAudio, ClapText
    from unbraid.runtime.torch_clap import ClapEncoder
    from unbraid.zoo.adopt.weights import State

CLAP_FILE = "music_speech_audioset_epoch_15_esc_89.98.pt"
"""The name under which LAION published the CLAP that AudioSep was trained with."""


def clap_encoder(path: Path, size: int = 512, tokenizer: Path | None = None) -> ClapEncoder:
    """The encoder whose weights are in ``path``, a checkpoint of AudioSep or of CLAP.

    size: of a query. tokenizer: folder with that of RoBERTa; by default ``roberta-base`` beside the checkpoint, the
    same in unbraid's own folder, and the Hugging Face cache are tried. If a checkpoint of AudioSep is without CLAP,
    ``CLAP_FILE`` beside it is read.

    The encoder raises, at its first use, ModelError if the file is broken or refused or there is no tokenizer, and
    MissingExtra if transformers is not installed.
    """
    try:
        from unbraid.runtime.torch_clap import ClapEncoder
    except ImportError as error:
        raise MissingExtra("torch is not installed; pip install 'unbraid[audiosep]'") from error
    folders = [tokenizer] if tokenizer is not None else [path.parent / FOLDER, home() / FOLDER]

    def load_text() -> tuple[ClapText, Tokenize]:
        from unbraid.zoo.adopt.clap import build_text

        try:
            net = build_text(_state(path))
            _check_size(net.config.embedding, size)
        except ModelError as error:
            raise ModelError(f"{path}: refused: it {error}") from error
        return net, load_tokenizer(folders, net.config.vocabulary, net.config.positions - 2)

    def load_audio() -> ClapAudio:
        from unbraid.zoo.adopt.clap import build_audio

        try:
            net = build_audio(_state(path))
            _check_size(net.config.embedding, size)
        except ModelError as error:
            raise ModelError(f"{path}: refused: it {error}") from error
        return net

    return ClapEncoder(size, load_text, load_audio)


def _state(path: Path) -> State:
    from unbraid.zoo.adopt.audiosep import clap_within, is_audiosep
    from unbraid.zoo.adopt.clap import clap_state
    from unbraid.zoo.adopt.own import is_own

    package = read_checkpoint(path)
    if not (is_own(package) or is_audiosep(package)):
        return clap_state(package.state)
    within, beside = clap_within(package), path.with_name(CLAP_FILE)
    if is_own(package) and not beside.is_file():
        raise ModelError(f"is asked by CLAP and is without it; put {CLAP_FILE} beside it")
    return _state(beside) if not within and beside.is_file() and beside != path else within


def _check_size(embedding: int, size: int) -> None:
    if embedding != size:
        raise ModelError(f"makes queries of {embedding} numbers; the separator takes {size}")
