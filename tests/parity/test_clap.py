"""CLAP through unbraid against ``transformers``' own towers on random weights, saved as LAION saves them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from transformers import (
    ClapAudioConfig,
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    ClapTextConfig,
    RobertaConfig,
    RobertaModel,
    RobertaTokenizer,
)

from tests.parity.clap_models import (
    TINY,
    WORDS,
    Sizes,
    audio_state_of,
    clip,
    projection_state_of,
    random_state,
    save_tokenizer,
    shapes,
)
from unbraid.audio.resample import resample
from unbraid.zoo.adopt.clap import build_audio, build_text
from unbraid.zoo.encoder import clap_encoder
from unbraid.zoo.tokenizer import FOLDER, load_tokenizer


def randomize(net: nn.Module, seed: int = 0) -> nn.Module:
    """A fresh net's biases are zero and its norms do nothing; here every weight matters."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in net.named_parameters():
        noise = torch.randn(value.shape, generator=generator)
        nn.init._no_grad_fill_(value, 0.0)
        value.data += 1 + 0.2 * noise if "norm" in name.lower() and name.endswith("weight") else 0.15 * noise
    for name, value in net.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            value.copy_(20 + 10 * torch.rand(value.shape, generator=generator))
    return net.eval()


def save_clap(path: Path, state: dict[str, torch.Tensor]) -> Path:
    """As the training of CLAP saves: data parallel, with the optimizer beside it, protocol 4."""
    package = {"epoch": 15, "name": "x", "state_dict": {f"module.{name}": value for name, value in state.items()}}
    torch.save({**package, "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]}}, path, pickle_protocol=4)
    return path


def test_the_published_model_has_the_published_number_of_weights() -> None:
    buffers = ("position_ids", "relative_position_index", "attn_mask", "num_batches_tracked", "_mean", "_var")
    total = sum(math.prod(shape) for name, shape in shapes().items() if not name.endswith(buffers))
    assert round(total / 1e6, 1) == 199.6


def test_every_published_name_has_its_place() -> None:
    # All layers of the published model, each of them thin: the names are the same.
    thin = Sizes(**{**vars(TINY), "text_layers": 12, "depths": (2, 2, 12, 2), "heads": (1, 1, 1, 1)})
    assert shapes(thin).keys() == shapes().keys()
    state = {name: value.numpy() for name, value in random_state(thin).items()}
    text, audio = build_text(state), build_audio(state)
    assert len(text.tower.encoder.layer) == 12
    assert [len(stage.blocks) for stage in audio.tower.audio_encoder.layers] == [2, 2, 12, 2]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words") / FOLDER
    save_tokenizer(folder)
    return folder


def test_texts_get_the_embeddings_of_roberta_and_projection(words: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = RobertaConfig(
        **{"vocab_size": 300, "max_position_embeddings": 70, "hidden_size": 128, "num_hidden_layers": 3},
        **{"num_attention_heads": 2, "intermediate_size": 200, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
    )
    roberta = randomize(RobertaModel(config))
    projection = randomize(nn.Sequential(nn.Linear(128, 16), nn.ReLU(), nn.Linear(16, 16)))
    state = {
        **random_state(Sizes(**{**vars(TINY), "text_width": 128, "text_layers": 3, "text_hidden": 200})),
        **{f"text_branch.{name}": value for name, value in roberta.state_dict().items()},
        **{f"text_projection.{name}": value for name, value in projection.state_dict().items()},
    }
    encoder = clap_encoder(save_clap(tmp_path / "clap.pt", state), 16, words)
    tokenizer = RobertaTokenizer.from_pretrained(words)
    texts = [*WORDS, "x", "word " * 500]
    for text, embedding in zip(texts, encoder.encode(texts), strict=True):
        given = tokenizer(text, padding="max_length", max_length=68, truncation=True, return_tensors="pt")
        with torch.no_grad():
            pooled = roberta(input_ids=given["input_ids"], attention_mask=given["attention_mask"]).pooler_output
            expected = nn.functional.normalize(projection(pooled), dim=-1)[0]
        np.testing.assert_allclose(embedding, expected, atol=1e-5)
        assert np.linalg.norm(embedding) == pytest.approx(1)


@pytest.mark.parametrize("seconds", [0.1, 3.3, 7.0, 10.0])
def test_clips_get_the_embeddings_of_clap(seconds: float, tmp_path: Path) -> None:
    torch.manual_seed(0)
    audio = ClapAudioConfig(
        **{"patch_embeds_hidden_size": 8, "hidden_size": 64, "depths": [2, 2, 2, 2], "projection_dim": 16},
        num_attention_heads=[1, 2, 2, 4],
    )
    text = ClapTextConfig(hidden_size=64, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    clap = randomize(ClapModel(ClapConfig(audio_config=audio, text_config=text, projection_dim=16)))
    extractor = ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad", frequency_min=50)
    state = {
        **random_state(),
        **audio_state_of(clap.audio_model),
        **projection_state_of(clap.audio_projection, "audio"),
        "audio_branch.logmel_extractor.melW": torch.from_numpy(extractor.mel_filters_slaney).float(),
    }
    encoder = clap_encoder(save_clap(tmp_path / "clap.pt", state), 16)
    samples = clip(seconds, 48_000)
    features = extractor(samples, sampling_rate=48_000, return_tensors="pt")["input_features"].float()
    with torch.no_grad():
        pooled = clap.audio_model(input_features=features).pooler_output
        expected = nn.functional.normalize(clap.audio_projection(pooled), dim=-1)[0]
    np.testing.assert_allclose(encoder.encode_clip(samples, 48_000), expected, atol=1e-5)


def test_tokens_are_those_of_the_byte_pairs(tmp_path: Path) -> None:
    pairs = save_tokenizer(tmp_path / FOLDER)
    tokenize = load_tokenizer([tmp_path / "absent", tmp_path / FOLDER], 300, 68)
    tokens = tokenize(WORDS)
    for text, ids, mask in zip(WORDS, tokens.ids, tokens.mask, strict=True):
        assert ids[mask == 1].tolist() == [0, *pairs.encode(text).ids, 2]
        assert set(ids[mask == 0]) <= {1}


def test_a_stereo_clip_at_another_rate_is_heard_as_its_mean_at_48_khz(tmp_path: Path) -> None:
    encoder = clap_encoder(save_clap(tmp_path / "clap.pt", random_state()), TINY.joint)
    left, right = clip(2.0, 44_100, 1), clip(2.0, 44_100, 2)
    mean = resample((0.5 * (left + right))[None], 44_100, 48_000)
    both = encoder.encode_clip(np.stack([left, right]), 44_100)
    np.testing.assert_allclose(both, encoder.encode_clip(mean, 48_000), atol=1e-5)
    assert np.linalg.norm(both - encoder.encode_clip(clip(2.0, 48_000) ** 3, 48_000)) > 1e-3, "the clip has to matter"
