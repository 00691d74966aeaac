"""RoFormers through unbraid against the package that their weights were trained with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import unbraid
from tests.parity import roformer_models as theirs
from tests.parity.demucs_models import noise, snr_db
from unbraid.nets.blocks.mel_bands import mel_bands
from unbraid.runtime.pick import Runtime
from unbraid.zoo.adopt.families import net_of
from unbraid.zoo.guard import read_checkpoint
from unbraid.zoo.load import load
from unbraid.zoo.settings import settings_of


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNBRAID_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("runtime", ["torch", "onnx", "openvino"])
@pytest.mark.parametrize("kind", ["band_split", "mel_band"])
def test_one_window_comes_out_as_theirs(kind: str, runtime: Runtime, tmp_path: Path) -> None:
    net = getattr(theirs, kind)()
    path = theirs.saved(tmp_path, net, theirs.settings())
    loaded = load(str(path), runtime=runtime, device="cpu")
    separator = loaded.members[0].separator
    assert loaded.name == path.stem
    assert separator.spec.stems == ("vocals", "other")
    assert separator.spec.segment == theirs.SEGMENT
    mix = noise(2, theirs.SEGMENT)
    vocals, other = separator(mix[None].numpy()).stems[0]
    assert snr_db(theirs.answer(net, mix[None])[0, 0], vocals) > 80
    assert snr_db(mix, vocals + other) > 80, "the other stem is what is left of the mix"


@pytest.mark.parametrize("told", ["true", None])
def test_nothing_at_0_hz_is_the_rule_and_the_other_stem_has_it(told: str | None, tmp_path: Path) -> None:
    """Music-Source-Separation-Training silences that frequency unless it is told not to."""
    text = theirs.settings(zero_dc="true")
    path = theirs.saved(tmp_path, theirs.band_split(), text if told else text.replace("  zero_dc: true", "  # zero_dc"))
    stft = noise(2 * 2 * 1025 * 9, 1).reshape(1, 2, 2, 1025, 9)
    rule = net_of(read_checkpoint(path), "rule", settings_of(path))[0]
    path.with_suffix(".yaml").write_text(theirs.settings(), "utf-8")
    plain = net_of(read_checkpoint(path), "plain", settings_of(path))[0]
    with torch.inference_mode():
        (vocals, other), (expected, _) = rule.core(stft)[0], plain.core(stft)[0]
    assert torch.equal(vocals[..., 1:, :], expected[..., 1:, :]) and expected[..., 0, :].abs().min() > 0
    assert not vocals[..., 0, :].any()
    assert snr_db(stft[0], vocals + other) > 80


def test_graphs_that_take_rows_one_by_one_answer_as_one_that_takes_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As graphs of real sizes do: all test nets are too small for that."""
    monkeypatch.setattr("unbraid.nets.blocks.rotary_attention._PRODUCTS", 1 << 13)
    net = theirs.mel_band()
    path = theirs.saved(tmp_path, net, theirs.settings())
    mix = noise(2, theirs.SEGMENT)
    answer = load(str(path), runtime="onnx", device="cpu").members[0].separator(mix[None].numpy()).stems
    assert snr_db(theirs.answer(net, mix[None])[0, 0], answer[0, 0]) > 80


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_a_net_of_one_channel_hears_both_of_a_song_alone(runtime: Runtime, tmp_path: Path) -> None:
    net = theirs.band_split(stereo=False)
    path = theirs.saved(tmp_path, net, theirs.settings(stereo="false"))
    separator = load(str(path), runtime=runtime, device="cpu").members[0].separator
    mix = noise(2, theirs.SEGMENT)
    vocals, other = separator(mix[None].numpy()).stems[0]
    for channel in range(2):
        assert snr_db(theirs.answer(net, mix[None, channel : channel + 1])[0, 0, 0], vocals[channel]) > 80
    assert snr_db(mix, vocals + other) > 80


def test_a_song_is_normalised_if_the_settings_say_so(tmp_path: Path) -> None:
    path = theirs.saved(tmp_path, theirs.band_split(), theirs.settings(normalize="true"))
    assert load(str(path), runtime="onnx", device="cpu").members[0].separator.spec.normalize == "track"


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_other_precisions_are_taken(kind: torch.dtype, tmp_path: Path) -> None:
    net = theirs.band_split()
    path = theirs.saved(tmp_path, net, theirs.settings())
    torch.save({name: value.to(kind) for name, value in net.state_dict().items()}, path)
    mix = noise(2, theirs.SEGMENT)
    answer = load(str(path), runtime="torch", device="cpu").members[0].separator(mix[None].numpy()).stems
    assert snr_db(theirs.answer(net, mix[None])[0, 0], answer[0, 0]) > 25


@pytest.mark.parametrize("kind", ["band_split", "mel_band"])
def test_four_stems_of_deeper_layers_and_one_channel(kind: str, tmp_path: Path) -> None:
    net = getattr(theirs, kind)(num_stems=4, stereo=False, time_transformer_depth=2, mask_estimator_depth=3)
    told = theirs.settings("[vocals, drums, bass, other]", "null", stereo="false")
    path = theirs.saved(tmp_path, net, told)
    separator = load(str(path), runtime="torch", device="cpu").members[0].separator
    assert separator.spec.stems == ("vocals", "drums", "bass", "other")
    mix = noise(1, theirs.SEGMENT)
    answer = separator(mix[None].expand(-1, 2, -1).numpy()).stems
    expected = theirs.answer(net, mix[None])
    assert all(snr_db(expected[0, stem], answer[0, stem, :1]) > 80 for stem in range(4))


def test_blocks_that_are_counted_from_nought_are_the_same_net(tmp_path: Path) -> None:
    """The package leaves a place for a third kind of attention in its blocks; those who train without it do not."""
    net = theirs.mel_band()
    state = net.state_dict()
    kept = {}
    for name, value in state.items():
        block, number, way, *rest = name.split(".")
        kept[".".join([block, number, str(int(way) - 1), *rest]) if block == "layers" else name] = value
    assert kept.keys() != state.keys()
    path = theirs.saved(tmp_path, net, theirs.settings())
    torch.save({"model_state_dict": kept, "epoch": 3}, path)
    mix = noise(2, theirs.SEGMENT)
    answer = load(str(path), runtime="torch", device="cpu").members[0].separator(mix[None].numpy()).stems
    assert snr_db(theirs.answer(net, mix[None])[0, 0], answer[0, 0]) > 80


@pytest.mark.parametrize(("bands", "n_fft", "rate"), [(60, 2048, 44_100), (64, 4096, 48_000), (20, 512, 16_000)])
def test_mel_bands_hold_what_librosas_triangles_do(bands: int, n_fft: int, rate: int) -> None:
    from librosa.filters import mel

    triangles = mel(sr=rate, n_fft=n_fft, n_mels=bands)
    triangles[0, 0] = triangles[-1, -1] = 1
    assert mel_bands(bands, n_fft, rate) == [np.flatnonzero(each > 0).tolist() for each in triangles]


def test_a_song_is_taken_apart_and_both_stems_are_the_mix(tmp_path: Path) -> None:
    path = theirs.saved(tmp_path, theirs.band_split(), theirs.settings("[Vocals, Instrumental]", "Vocals"))
    model = unbraid.load(str(path.with_suffix(".yaml")), device="cpu")
    mix = noise(2, 3 * theirs.SEGMENT + 77).numpy() / 10
    stems = model.separate(mix, theirs.RATE)
    assert list(stems) == ["vocals", "instrumental"]
    np.testing.assert_allclose(stems["vocals"] + stems["instrumental"], mix, atol=1e-6)
    again = model.separate(2 * mix, theirs.RATE)
    np.testing.assert_allclose(again["vocals"], 2 * stems["vocals"], atol=1e-5)
