"""The parts of the Demucs family, each by what it must do."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from unbraid.nets.blocks.cross_transformer import frequency_time_positions, time_positions
from unbraid.nets.blocks.hybrid_layer import DecoderLayer, EncoderLayer, LayerConfig
from unbraid.nets.blocks.local_attention import LocalAttention
from unbraid.nets.blocks.recurrent import BidirectionalLSTM
from unbraid.nets.blocks.rescale import rescale_weights
from unbraid.nets.blocks.sinc import Resample
from unbraid.nets.blocks.spectrogram import analyse, synthesise
from unbraid.nets.blocks.split_bands import SplitDecoder, SplitEncoder
from unbraid.nets.blocks.wiener import wiener, with_mix_phase
from unbraid.transform.stft import Stft

pytestmark = pytest.mark.usefixtures("_no_gradients")


@pytest.fixture
def _no_gradients() -> object:
    torch.manual_seed(0)
    with torch.no_grad():
        yield


def tone(frequency: float, length: int) -> torch.Tensor:
    """``frequency`` in cycles per sample."""
    return torch.sin(2 * math.pi * frequency * torch.arange(length))[None, None]


@pytest.mark.parametrize("frequency", [0.01, 0.1, 0.4])
def test_twice_the_rate_and_back_is_the_same_tone(frequency: float) -> None:
    x = tone(frequency, 1000)
    twice = Resample(1, 2)(x)
    middle = slice(100, -100)
    torch.testing.assert_close(twice[..., ::2][..., middle], x[..., middle], atol=2e-3, rtol=0)
    torch.testing.assert_close(twice[..., 200:-200], tone(frequency / 2, 2000)[..., 200:-200], atol=2e-3, rtol=0)
    torch.testing.assert_close(Resample(2, 1)(twice)[..., middle], x[..., middle], atol=4e-3, rtol=0)


def test_half_the_rate_has_no_alias() -> None:
    assert Resample(2, 1)(tone(0.35, 2000))[..., 100:-100].abs().max() < 2e-3


def test_a_constant_stays_constant_at_any_rate() -> None:
    for old, new in ((1, 2), (2, 1), (3, 2)):
        torch.testing.assert_close(
            Resample(old, new)(torch.full((1, 1, 90), 0.7)), torch.full((1, 1, 90 * new // old), 0.7)
        )


@pytest.mark.parametrize("length", [1, 63, 64, 1000, 4097])
def test_the_transform_in_torch_is_the_one_in_numpy(length: int) -> None:
    signal = torch.randn(2, 3, length)
    spectrum = analyse(signal, 256)
    assert spectrum.shape == (2, 3, 2, 128, -(-length // 64))
    wanted = Stft(256, 64, "demucs").forward(signal.numpy())
    np.testing.assert_allclose(torch.view_as_complex(spectrum.movedim(2, -1).contiguous()).numpy(), wanted, atol=2e-6)
    assert synthesise(spectrum, length).shape == signal.shape


def test_the_inverse_gives_the_signal_back_but_for_its_edges_and_the_nyquist_bin() -> None:
    signal, inner = tone(0.1, 4096) + tone(0.03, 4096), slice(192, -192)
    again = synthesise(analyse(signal, 256), 4096)
    torch.testing.assert_close(again[..., inner], signal[..., inner], atol=1e-4, rtol=0)


def test_the_legacy_inverse_is_three_half_hops_late() -> None:
    signal = tone(0.05, 4096)
    late = synthesise(analyse(signal, 256, legacy=True), 4096, legacy=True)
    torch.testing.assert_close(late[..., 96 + 192 : -192], signal[..., 192 : -192 - 96], atol=1e-4, rtol=0)


@pytest.mark.parametrize("length", [199, 200, 201, 550, 1000])
def test_an_lstm_in_frames_has_the_length_of_its_input(length: int) -> None:
    lstm = BidirectionalLSTM(4, 2, frame=200, residual=True)
    assert lstm(torch.randn(3, 4, length)).shape == (3, 4, length)


def test_an_lstm_in_frames_answers_in_each_frame_as_if_it_were_alone() -> None:
    lstm, x = BidirectionalLSTM(4, 1, frame=200), torch.randn(2, 4, 700)
    whole = lstm(x)
    for frame in range(1, 6):
        alone = lstm(x[..., 100 * frame : 100 * frame + 200])
        kept = slice(100 * frame + 50, 100 * frame + 150)
        torch.testing.assert_close(whole[..., kept], alone[..., 50:150])


def test_a_short_input_is_one_frame() -> None:
    framed, plain = BidirectionalLSTM(4, 1, frame=200), BidirectionalLSTM(4, 1)
    plain.load_state_dict(framed.state_dict())
    x = torch.randn(1, 4, 200)
    torch.testing.assert_close(framed(x), plain(x))


def test_local_attention_forgets_what_is_far_and_never_hears_itself() -> None:
    attention = LocalAttention(8, heads=2)
    attention.query_decay.bias.fill_(10.0)  # the steepest penalty: sigmoid near one
    x = torch.randn(1, 8, 100)
    changed = x.clone()
    changed[..., 90] += 1.0
    difference = (attention(changed) - attention(x))[0].abs().amax(0)
    assert difference[:40].max() < 1e-6
    assert difference[85:90].max() > 1e-3
    attention.proj.weight.copy_(torch.eye(8)[..., None])
    attention.proj.bias.zero_()
    assert not torch.allclose(attention(changed)[..., 90] - changed[..., 90], attention.content(changed)[..., 90])


def layer(padded: bool = True) -> LayerConfig:
    return LayerConfig(over_freq=True, kernel=8, stride=4, padded=padded, norm_groups=None, rewrite=True)


@pytest.mark.parametrize("borders", [(0.25,), (0.1, 0.3), (0.2, 0.5, 0.75)])
def test_bands_with_equal_weights_are_one_layer(borders: tuple[float, ...]) -> None:
    x = torch.randn(2, 3, 256, 5)
    one = EncoderLayer(3, 6, layer(), 0, None)
    split = SplitEncoder(layer(), borders, lambda shape: EncoderLayer(3, 6, shape, 0, None))
    for each in split.layers:
        each.load_state_dict(one.state_dict())
    torch.testing.assert_close(split(x), one(x))
    skip = torch.randn(2, 6, 64, 5)

    def decoder(shape: LayerConfig, last: bool = False) -> DecoderLayer:
        return DecoderLayer(6, 3, shape, 1, None, last=last, context_freq=False)

    back = decoder(layer())
    split_back = SplitDecoder(layer(), borders, False, lambda shape: decoder(shape, last=True))
    for each in split_back.layers:
        each.load_state_dict(back.state_dict())
    y = torch.randn(2, 6, 64, 5)
    torch.testing.assert_close(split_back(y, skip, 5)[0], back(y, skip, 5)[0])


def test_stems_with_the_mix_s_phase_have_their_own_magnitude() -> None:
    mix, magnitude = torch.randn(1, 2, 2, 4, 6), torch.rand(1, 3, 2, 4, 6)
    mix[..., 0, 0] = 0
    stems = with_mix_phase(magnitude, mix)
    torch.testing.assert_close(torch.linalg.vector_norm(stems, dim=3), magnitude)
    shares = with_mix_phase(torch.linalg.vector_norm(mix, dim=2)[:, None], mix)
    torch.testing.assert_close(shares[:, 0], mix)


def test_a_wiener_filter_shares_the_mix_out() -> None:
    # With enough signal against its regularisation, the filter's stems sum to the mix.
    mix = torch.randn(1, 2, 2, 4, 400)
    size = torch.linalg.vector_norm(mix, dim=2)[:, None]
    magnitude = size * torch.tensor([0.2, 0.8]).view(1, 2, 1, 1, 1)
    stems = wiener(magnitude, mix, 2)
    torch.testing.assert_close(stems.sum(1), mix, atol=2e-3, rtol=0)
    with_rest = wiener(0.5 * magnitude, mix, 1, residual=True)
    assert with_rest.shape == stems.shape
    assert (with_rest.sum(1) - mix).abs().mean() > 0.1


def test_positions_are_all_different_and_of_equal_size() -> None:
    line = time_positions(16, 300, 10_000.0, torch.device("cpu"))
    torch.testing.assert_close(line.square().sum(-1), torch.full((300,), 8.0), atol=1e-4, rtol=0)
    grid = frequency_time_positions(16, 8, 50, 10_000.0, torch.device("cpu")).flatten(1).T
    assert torch.cdist(grid, grid).add(torch.eye(400) * 9).min() > 1e-2


def test_rescaling_goes_half_way_to_the_reference() -> None:
    net = torch.nn.Sequential(torch.nn.Conv1d(8, 16, 8), torch.nn.ConvTranspose1d(16, 8, 8))
    before = [float(each.weight.std()) for each in net]
    rescale_weights(net, 0.1)
    for each, old in zip(net, before, strict=True):
        assert math.isclose(float(each.weight.std()), math.sqrt(old * 0.1), rel_tol=1e-3)
