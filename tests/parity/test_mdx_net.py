"""MDX-Net graphs through unbraid against what the programs that bring them do, written out in torch.

But for one thing: the table's gain is on the stem itself, so that both stems add up to the mix.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import unbraid
from tests.parity.demucs_models import noise, snr_db
from unbraid.errors import ModelError
from unbraid.runtime.pick import Runtime
from unbraid.zoo.load import load

N_FFT, HOP, FREQS, FRAMES = 3072, 1024, 1200, 16
ROW: dict[str, Any] = {
    **{"compensate": 1.035, "mdx_dim_f_set": FREQS, "mdx_dim_t_set": 4, "mdx_n_fft_scale_set": N_FFT},
    "primary_stem": "Vocals",
}


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 4, 3, padding=1)).eval()


def saved(folder: Path, table: str = "mdx_model_data.json", spare: int = 0, **changes: Any) -> Path:
    """The graph and the table that knows it; ``spare``: bytes that the file is longer for."""
    path = folder / "UVR-MDX-NET-Tiny_1.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the older exporter's age
        example = torch.zeros(1, 4, FREQS, FRAMES)
        names = {"input_names": ["input"], "output_names": ["output"]}
        torch.onnx.export(net(), (example,), str(path), opset_version=17, dynamo=False, **names)
    if spare:
        import onnx

        graph = onnx.load(path)
        graph.doc_string = "x" * spare
        onnx.save(graph, path)
    known_as = hashlib.md5(path.read_bytes()[-10_000 * 1024 :]).hexdigest()
    place = folder / table
    place.parent.mkdir(exist_ok=True)
    place.write_text(json.dumps({"0" * 32: {}, known_as: {**ROW, **changes}}), "utf-8")
    return path


def theirs(mix: Tensor) -> Tensor:
    """``mix[channel, time]``: the stem of one window, before the gain that makes up for the net's."""
    window = torch.hann_window(N_FFT)
    spectrum = torch.view_as_real(torch.stft(mix, N_FFT, HOP, window=window, return_complex=True))
    whole = spectrum.permute(0, 3, 1, 2).reshape(1, 4, -1, FRAMES)
    heard = whole[:, :, :FREQS].clone()
    heard[:, :, :3] = 0
    with torch.inference_mode():
        answer = nn.functional.pad(net()(heard), (0, 0, 0, whole.shape[2] - FREQS))
    parts = answer.reshape(2, 2, -1, FRAMES).permute(0, 2, 3, 1).contiguous()
    return torch.istft(torch.view_as_complex(parts), N_FFT, HOP, window=window)


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_one_window_comes_out_as_theirs(runtime: Runtime, tmp_path: Path) -> None:
    separator = load(str(saved(tmp_path)), runtime=runtime).members[0].separator
    assert separator.spec.stems == ("vocals", "instrumental")
    assert separator.spec.segment == HOP * (FRAMES - 1)
    mix = noise(2, separator.spec.segment)
    vocals, instrumental = separator(mix[None].numpy()).stems[0]
    assert snr_db(1.035 * theirs(mix), vocals) > 80
    assert snr_db(mix, vocals + instrumental) > 80


@pytest.mark.parametrize(
    ("told", "stems"),
    [
        ("Instrumental", ("instrumental", "vocals")),
        ("Bass", ("bass", "no_bass")),
        ("No Reverb", ("no_reverb", "reverb")),
    ],
)
def test_the_stem_is_called_as_the_table_calls_it(told: str, stems: tuple[str, str], tmp_path: Path) -> None:
    assert load(str(saved(tmp_path, primary_stem=told))).members[0].separator.spec.stems == stems


@pytest.mark.parametrize("table", ["model_data.json", "model_data/model_data.json"])
def test_a_song_of_any_length_comes_back_whole_wherever_the_table_lies(table: str, tmp_path: Path) -> None:
    model = unbraid.load(str(saved(tmp_path, table)))
    mix = noise(2, 50_001).numpy() / 10
    stems = model.separate(mix, 44_100)
    np.testing.assert_allclose(stems["vocals"] + stems["instrumental"], mix, atol=1e-5)


def test_large_files_are_known_by_their_end(tmp_path: Path) -> None:
    path = saved(tmp_path, spare=10_300_000)
    assert path.stat().st_size > 10_000 * 1024
    assert load(str(path)).name == path.stem


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mdx_n_fft_scale_set": 1024}, "fits no net"),
        ({"mdx_dim_f_set": 1538}, "fits no net"),
        ({"mdx_dim_t_set": 40}, "fits no net"),
        ({"mdx_dim_t_set": "4"}, "mdx_dim_t_set"),
        ({"compensate": float("nan")}, "compensate"),
        ({"compensate": None}, "compensate"),
        ({"compensate": 10**400}, "compensate"),
        ({"primary_stem": "../x"}, "primary_stem"),
        ({"primary_stem": ""}, "primary_stem"),
    ],
)
def test_settings_that_fit_no_net_are_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        load(str(saved(tmp_path, **changes)))
    assert "\n" not in str(caught.value)


def test_a_graph_that_no_table_knows_says_what_is_missing(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (tmp_path / "mdx_model_data.json").write_text("{}", "utf-8")
    with pytest.raises(ModelError, match=r"no table of Ultimate Vocal Remover .* that knows it"):
        load(str(path))
    (tmp_path / "mdx_model_data.json").write_text("[", "utf-8")
    with pytest.raises(ModelError, match="is not JSON that can be read"):
        load(str(path))


def test_the_output_may_have_any_name(tmp_path: Path) -> None:
    import onnx

    path = saved(tmp_path)
    graph = onnx.load(path)
    graph.graph.output[0].name = graph.graph.node[-1].output[0] = "out_1"
    onnx.save(graph, path)
    known_as = hashlib.md5(path.read_bytes()).hexdigest()
    (tmp_path / "mdx_model_data.json").write_text(json.dumps({known_as: ROW}), "utf-8")
    mix = noise(2, HOP * (FRAMES - 1))
    for runtime in ("onnx", "openvino"):
        vocals = load(str(path), runtime=runtime).members[0].separator(mix[None].numpy()).stems[0, 0]
        assert snr_db(1.035 * theirs(mix), vocals) > 80


def test_a_graph_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx: there is no such file"):
        load(str(tmp_path / "gone.onnx"))


def test_a_graph_of_another_shape_than_its_settings_fails_in_one_line(tmp_path: Path) -> None:
    model = unbraid.load(str(saved(tmp_path, mdx_dim_f_set=1000)))
    with pytest.raises(ModelError, match="the graph failed") as caught:
        model.separate(noise(2, 20_000).numpy(), 44_100)
    assert "\n" not in str(caught.value)
