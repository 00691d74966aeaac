"""The transform and its inverse: physics, and agreement with torch and with demucs' convention."""

import numpy as np
import pytest

from unbraid.transform.stft import Pad, Stft, hann


@pytest.mark.parametrize("length", [1, 63, 64, 1000, 4096, 4097])
@pytest.mark.parametrize(("n_fft", "hop"), [(256, 64), (256, 128), (64, 16), (256, 55), (256, 100)])
@pytest.mark.parametrize("pad", ["zeros", "reflect"])
def test_inverse_returns_the_signal(length: int, n_fft: int, hop: int, pad: Pad) -> None:
    signal = np.random.default_rng(0).standard_normal((2, 3, length)).astype(np.float32)
    stft = Stft(n_fft, hop, pad)
    spectrum = stft.forward(signal)
    assert spectrum.shape == (2, 3, n_fft // 2 + 1, stft.frames(length))
    np.testing.assert_allclose(stft.inverse(spectrum, length), signal, atol=2e-6)


@pytest.mark.parametrize("length", [1, 1000, 4097])
def test_parts_are_those_of_the_spectrum_frames_first(length: int) -> None:
    signal = np.random.default_rng(0).standard_normal((2, 3, length)).astype(np.float32)
    spectrum = np.swapaxes(Stft(256, 64).forward(signal), -1, -2)
    np.testing.assert_array_equal(Stft(256, 64).parts(signal), np.stack([spectrum.real, spectrum.imag], -3))


def test_a_tone_lies_in_its_bin() -> None:
    time = np.arange(4096)
    tone = np.cos(2 * np.pi * 32 / 256 * time).astype(np.float32)
    spectrum = np.abs(Stft(256, 64).forward(tone))[:, 10:-10]
    assert (spectrum.argmax(0) == 32).all()
    np.testing.assert_allclose(spectrum[32], hann(256).sum() / 2, rtol=1e-4)


def test_the_transform_is_linear_and_silence_is_silence() -> None:
    generator = np.random.default_rng(1)
    a, b = generator.standard_normal((2, 1, 3000)).astype(np.float32)
    stft = Stft(512, 128)
    np.testing.assert_allclose(stft.forward(a + 2 * b), stft.forward(a) + 2 * stft.forward(b), atol=1e-4)
    assert not stft.inverse(stft.forward(np.zeros((2, 999), np.float32)), 999).any()


@pytest.mark.parametrize("length", [5, 300, 3000, 4096])
def test_demucs_padding_equals_demucs(length: int) -> None:
    torch = pytest.importorskip("torch", exc_type=ImportError)
    from demucs.htdemucs import HTDemucs

    class Sizes:
        nfft, hop_length = 256, 64

    signal = np.random.default_rng(2).standard_normal((2, length)).astype(np.float32)
    stft = Stft(256, 64, "demucs")
    theirs = HTDemucs._spec(Sizes, torch.from_numpy(signal)[None])[0]
    ours = stft.forward(signal)
    assert ours.shape == (2, stft.freqs, stft.frames(length))
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)
    back = HTDemucs._ispec(Sizes, theirs[None], length)[0]
    np.testing.assert_allclose(stft.inverse(ours, length), back.numpy(), atol=1e-5)


@pytest.mark.parametrize(("n_fft", "hop"), [(256, 64), (256, 55)])
def test_reflected_edges_are_those_of_torch(n_fft: int, hop: int) -> None:
    torch = pytest.importorskip("torch", exc_type=ImportError)
    signal = np.random.default_rng(3).standard_normal((2, 1000)).astype(np.float32)
    window = torch.hann_window(n_fft)
    theirs = torch.stft(torch.from_numpy(signal), n_fft, hop, window=window, return_complex=True)
    np.testing.assert_allclose(Stft(n_fft, hop, "reflect").forward(signal), theirs.numpy(), atol=1e-4)
