"""From a checkpoint of AudioSep to a separator and an encoder, and what is refused on the way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import RobertaTokenizer

from tests.hostile.pickles import Call
from tests.parity import audiosep_models as published
from tests.parity import clap_models
from unbraid.engine.progress import Meter
from unbraid.engine.run import Schedule, run, steps
from unbraid.engine.source import ArraySource
from unbraid.errors import ModelError, UsageError
from unbraid.signal import Samples
from unbraid.zoo import catalogue
from unbraid.zoo.encoder import CLAP_FILE, clap_encoder
from unbraid.zoo.load import Loaded, load
from unbraid.zoo.tokenizer import FOLDER

SIZES = clap_models.Sizes(**{**vars(clap_models.TINY), "joint": 512})
Package = dict[str, Any]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No tokenizer or graph of this computer's user takes part."""
    monkeypatch.setenv("UNBRAID_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def package() -> Package:
    """A thin one, without the larger half of the transforms, which tests/parity has."""
    value = published.lightning(published.random_state((2, 2, 3, 3, 4, 4)), clap_models.random_state(SIZES))
    value["state_dict"] = {name: each for name, each in value["state_dict"].items() if ".istft." not in name}
    return value


def saved(path: Path, value: Package, protocol: int = 2) -> Path:
    torch.save(value, path, pickle_protocol=protocol)
    return path


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder = tmp_path_factory.mktemp("audiosep")
    clap_models.save_tokenizer(folder / FOLDER)
    return load(str(saved(folder / "audiosep_base_4M_steps.ckpt", package())), device="cpu")


def ask(loaded: Loaded, mix: Samples, queries: Samples) -> Samples:
    """``mix[channel, time]`` through the engine: ``[query, channel, time]``."""
    separator = loaded.members[0].separator
    meter = Meter("separate", steps(mix.shape[1], separator, Schedule()), None, lambda: False)
    passages = run(separator, ArraySource(mix), Schedule(), meter, queries)
    return np.concatenate([passage.asked for passage in passages if passage.asked is not None], -1)


def test_a_checkpoint_is_a_separator_and_an_encoder(loaded: Loaded) -> None:
    spec = loaded.members[0].separator.spec
    assert (spec.rate, spec.channels, spec.stems, spec.segment) == (32_000, 2, (), 160_000)
    assert loaded.encoder is not None
    assert spec.embedding == loaded.encoder.size == 512
    assert loaded.runtime == "torch on cpu"


def test_a_tokenizer_in_the_hugging_face_cache_is_found(tmp_path: Path) -> None:
    path = saved(tmp_path / "audiosep.ckpt", package())
    clap_models.save_tokenizer(tmp_path / "made")
    kept = tmp_path / "hub" / "models--FacebookAI--roberta-base" / "snapshots" / "1a2b"
    RobertaTokenizer.from_pretrained(tmp_path / "made").save_pretrained(kept)
    assert not (kept / "vocab.json").exists(), "one file now, tokenizer.json"
    given = clap_encoder(path, tokenizer=tmp_path / "made").encode(["low end"])
    np.testing.assert_array_equal(clap_encoder(path).encode(["low end"]), given)


def test_the_same_weights_in_safetensors_are_the_same_separator(loaded: Loaded, tmp_path: Path) -> None:
    path = tmp_path / "audiosep.safetensors"
    save_file({name: value.contiguous() for name, value in package()["state_dict"].items()}, path)
    again = load(str(path), device="cpu").members[0].separator
    mix, query = np.stack([clap_models.clip(1.0, 32_000)] * 2)[None], np.ones((1, 1, 512), np.float32)
    first, second = again(mix, query).asked, loaded.members[0].separator(mix, query).asked
    assert first is not None and second is not None
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("seconds", [0.0001, 0.1, 5.0, 6.0])
def test_sounds_of_any_length_are_found_by_words_and_by_example(loaded: Loaded, seconds: float) -> None:
    assert loaded.encoder is not None
    mix = np.stack([clap_models.clip(seconds, 32_000, seed) for seed in (1, 2)])
    example = loaded.encoder.encode_clip(clap_models.clip(1.0, 44_100), 44_100)
    queries = np.concatenate([loaded.encoder.encode(["the harp"]), example[None]])
    asked = ask(loaded, mix, queries)
    assert asked.shape == (2, *mix.shape)
    # The original answers everything up to five seconds with silence.
    assert all(np.square(sound).sum() > 1e-4 * np.square(mix).sum() for sound in asked)


def test_seams_do_not_click(loaded: Loaded) -> None:
    # Where one piece hands over to the next, the answer steps no more than elsewhere.
    assert loaded.encoder is not None
    mix = np.stack([clap_models.clip(11.0, 32_000)] * 2)
    steps_ = np.abs(np.diff(ask(loaded, mix, loaded.encoder.encode(["low end"]))[0, 0]))
    stride = 120_000
    for seam in (stride, 160_000, 2 * stride):
        assert steps_[seam - 2 : seam + 2].max() < 1.5 * np.quantile(steps_, 0.999)


def test_mono_as_two_channels_stays_mono_and_silence_silent(loaded: Loaded) -> None:
    assert loaded.encoder is not None
    queries = loaded.encoder.encode(["snare"])
    left, right = ask(loaded, np.stack([clap_models.clip(1.0, 32_000)] * 2), queries)[0]
    np.testing.assert_array_equal(left, right)
    assert not ask(loaded, np.zeros((2, 200_000), np.float32), queries).any()


def test_texts_of_any_kind_have_their_embedding(loaded: Loaded) -> None:
    assert loaded.encoder is not None
    texts = ["x" * 10_000, "ハープ", "🎻", "Ünïcödé \x00", "the harp"]
    embeddings = loaded.encoder.encode(texts)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(loaded.encoder.encode(["the harp"])[0], embeddings[-1], atol=1e-5)


def test_without_a_tokenizer_it_says_what_to_put_where(tmp_path: Path) -> None:
    encoder = load(str(saved(tmp_path / "audiosep.ckpt", package())), device="cpu").encoder
    assert encoder is not None
    with pytest.raises(ModelError, match=r"vocab\.json and merges\.txt .*roberta-base"):
        encoder.encode(["harp"])


def test_the_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "audiosep.ckpt", package())
    clap_models.save_tokenizer(tmp_path / FOLDER)
    vocabulary = tmp_path / FOLDER / "vocab.json"
    vocabulary.write_text(vocabulary.read_text("utf-8").replace('"<s>":0', '"<t>":0'), "utf-8")
    with pytest.raises(ModelError, match="not the tokenizer of roberta-base"):
        clap_encoder(path).encode(["harp"])


def test_a_broken_tokenizer_is_refused_in_one_line(tmp_path: Path) -> None:
    path = saved(tmp_path / "audiosep.ckpt", package())
    clap_models.save_tokenizer(tmp_path / FOLDER)
    (tmp_path / FOLDER / "merges.txt").write_text("no merges at all\n")
    with pytest.raises(ModelError, match="roberta-base") as caught:
        clap_encoder(path).encode(["harp"])
    assert "\n" not in str(caught.value)


def test_clap_may_lie_beside_a_checkpoint_that_is_without_it(tmp_path: Path) -> None:
    alone, clap = package(), clap_models.random_state(SIZES)
    alone["state_dict"] = {k: v for k, v in alone["state_dict"].items() if not k.startswith("query_encoder")}
    path = saved(tmp_path / "audiosep.ckpt", alone)
    with pytest.raises(ModelError, match=r"audiosep\.ckpt: refused: it lacks audio_branch"):
        clap_encoder(path).encode_clip(clap_models.clip(1.0, 48_000), 48_000)
    saved(tmp_path / CLAP_FILE, {"state_dict": {f"module.{k}": v for k, v in clap.items()}}, protocol=4)
    within = clap_encoder(saved(tmp_path / "whole.ckpt", package()))
    clip = clap_models.clip(1.0, 48_000)
    np.testing.assert_array_equal(clap_encoder(path).encode_clip(clip, 48_000), within.encode_clip(clip, 48_000))


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a weight too many": ({"ss_model.base.extra.weight": torch.zeros(2)}, "beyond what AudioSep has, .*extra"),
    "a foreign module": ({"discriminator.weight": torch.zeros(2)}, "beyond what AudioSep has, .*discriminator"),
    "a foreign weight of CLAP": ({"query_encoder.model.x": torch.zeros(2)}, "beyond what CLAP has"),
    "another shape": ({"ss_model.base.after_conv.bias": torch.zeros(4)}, "wrong shape"),
    "not a number": ({"ss_model.base.after_conv.bias": torch.full((3,), torch.nan)}, "NaN"),
    "whole numbers": ({"ss_model.base.after_conv.bias": torch.zeros(3, dtype=torch.int64)}, "no floating point"),
    "a scalar": ({"ss_model.base.encoder_block3.conv_block1.conv1.weight": torch.tensor(1.0)}, "number of axes"),
    "another transform": ({"ss_model.base.stft.conv_real.weight": torch.zeros(1025, 1, 2048)}, "another transform"),
    "other frequencies": ({"ss_model.base.bn0.weight": torch.ones(513)}, "513 frequencies"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_audiosep_is_refused_by_name(name: str, tmp_path: Path) -> None:
    wrong, message = BAD[name]
    value = package()
    value["state_dict"].update(wrong)
    with pytest.raises(ModelError, match=message) as caught:
        load(str(saved(tmp_path / "net.ckpt", value)), device="cpu")
    assert "\n" not in str(caught.value)


def test_a_missing_weight_is_named(tmp_path: Path) -> None:
    value = package()
    del value["state_dict"]["ss_model.film.decoder_block3->beta1.weight"]
    with pytest.raises(ModelError, match=r"lacks .*decoder_block3->beta1"):
        load(str(saved(tmp_path / "net.ckpt", value)), device="cpu")


HUGE = 1 << 40
BAD_CLAP: dict[str, tuple[str, torch.Tensor]] = {
    "a text branch too wide": ("text_branch.encoder.layer.0.intermediate.dense.weight", torch.zeros(HUGE, 0)),
    "an odd width": ("text_branch.embeddings.word_embeddings.weight", torch.zeros(300, 63)),
    "no words": ("text_branch.embeddings.word_embeddings.weight", torch.zeros(0, 64)),
    "a query, key and value of no size": ("audio_branch.layers.0.blocks.0.attn.qkv.bias", torch.tensor(1.0)),
    "no heads": ("audio_branch.layers.0.blocks.0.attn.relative_position_bias_table", torch.zeros(225, 0)),
    "another projection": ("text_projection.2.weight", torch.zeros(16, 16)),
}


@pytest.mark.parametrize("name", BAD_CLAP)
def test_shapes_of_clap_that_lie_cost_no_memory(name: str, tmp_path: Path) -> None:
    key, wrong = BAD_CLAP[name]
    state = {**clap_models.random_state(SIZES), key: wrong}
    encoder = clap_encoder(saved(tmp_path / "clap.pt", {"state_dict": state}))
    clip = clap_models.clip(1.0, 48_000)
    with pytest.raises(ModelError, match=r"clap\.pt: refused") as caught:
        encoder.encode(["harp"]) if key.startswith("text") else encoder.encode_clip(clip, 48_000)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["state_dict", "callbacks", "optimizer_states"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_command_in_a_checkpoint_is_refused(place: str, protocol: int, tmp_path: Path) -> None:
    mark, value = tmp_path / "sprung", package()
    value[place] = {"x": Call(os.system, f"touch {mark}")}
    with pytest.raises(ModelError, match="system"):
        load(str(saved(tmp_path / "net.ckpt", value, protocol)), device="cpu")
    assert not mark.exists()


def test_graphs_are_not_promised(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only torch"):
        load(str(saved(tmp_path / "net.ckpt", package())), runtime="onnx", device="cpu")


def test_the_name_says_what_to_get_and_what_for() -> None:
    with pytest.raises(UsageError, match=r"audiosep_base_4M_steps\.ckpt .*path instead of the name"):
        load("audiosep")
    assert "audiosep" not in catalogue.names()
