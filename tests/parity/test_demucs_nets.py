"""Our nets against those of demucs 4.1.0: one pass, from files that demucs saved."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from demucs.hf import load_safetensors_model
from demucs.states import load_model

from tests.parity.demucs_models import NETS, RATE, make, noise, save_safetensors, save_th, snr_db
from unbraid.zoo.adopt.demucs import build
from unbraid.zoo.guard import Package, read_checkpoint

WANTED_DB = 90.0


def lengths(name: str) -> tuple[int, ...]:
    """A segment, less than one, hardly anything; and, where the net takes it, more than an LSTM frame (200 steps)."""
    if name == "hdemucs-wiener":
        return 4001, 14_001  # where there is nearly no sound, the filter's inverse makes much of rounding
    return (
        (4001, 3001, 17) if name.startswith("htdemucs") else ((17, 8001) if name.startswith("demucs") else (17, 14_001))
    )


@pytest.mark.parametrize("name", NETS)
def test_a_pass_equals_the_original_s(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_th(make(name), tmp_path / "net.th", monkeypatch)
    original = load_model(path).eval()
    net, spec = build(read_checkpoint(path), name)
    assert spec.stems == tuple(original.sources)
    for length in lengths(name):
        mix = torch.stack([noise(2, length), 0.01 * noise(2, length, 2)])
        with torch.inference_mode():
            wanted, ours = original(mix), net(mix)
        assert snr_db(wanted, ours) > WANTED_DB, length
        assert snr_db(wanted[1], ours[1]) > WANTED_DB, (length, "the quiet one of the batch")


@pytest.mark.parametrize("name", ["htdemucs", "htdemucs-6", "hdemucs-bands", "demucs"])
def test_safetensors_of_demucs_4_1_give_the_same_net(name: str, tmp_path: Path) -> None:
    path = save_safetensors(make(name), tmp_path / "net.safetensors")
    original = load_safetensors_model(path).eval()
    net, spec = build(read_checkpoint(path), name)
    assert spec.segment == int(original.segment * RATE)
    mix = noise(2, 4001)[None]
    with torch.inference_mode():
        assert snr_db(original(mix), net(mix)) > WANTED_DB


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("archive", [True, False], ids=["zip", "stream"])
def test_every_format_of_torch_save_holds_the_same(
    protocol: int, archive: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = make("demucs-mdx")
    path = save_th(
        original,
        tmp_path / "net.th",
        monkeypatch,
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=archive,
    )
    package = read_checkpoint(path)
    assert package.klass == "demucs.demucs.Demucs"
    assert package.extra["metrics"] == ({"main": {"loss": 0.25}}, None)
    assert package.extra["training_args"]["svd"] == {"penalty": 1e-5}
    for name, value in original.state_dict().items():
        torch.testing.assert_close(torch.from_numpy(package.state[name].copy()), value.half(), rtol=0, atol=0)


@pytest.mark.parametrize("name", NETS)
def test_weights_keep_the_names_and_the_order_they_have_in_demucs(name: str) -> None:
    # Quantised files name weights by their position alone, so the order counts as well.
    original = make(name)
    ours = [key for key, _ in _ours_like(original).named_parameters()]
    assert ours == [key for key, _ in original.named_parameters()]


def _ours_like(original: torch.nn.Module) -> torch.nn.Module:
    args, kwargs = original._init_args_kwargs  # type: ignore[union-attr,misc]  # demucs notes them on every net
    state = {name: value.numpy() for name, value in original.state_dict().items()}
    klass = f"{type(original).__module__}.{type(original).__qualname__}"
    return build(Package(klass, args, kwargs, state))[0]
