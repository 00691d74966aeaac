"""What lies beside a RoFormer's weights, where it is looked for, and what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.parity import roformer_models as theirs
from unbraid.errors import ModelError
from unbraid.zoo.find import community
from unbraid.zoo.load import load
from unbraid.zoo.settings import Part, Settings, is_settings, read_settings, settings_of
from unbraid.zoo.uvr_table import known_as


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNBRAID_HOME", str(tmp_path / "home"))


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.yaml"
    path.write_text(text, "utf-8")
    return path


def test_settings_as_they_are_published(tmp_path: Path) -> None:
    path = written(tmp_path, theirs.settings())
    assert is_settings(path)
    found = read_settings(path)
    assert (found.stems, found.complement, found.rate) == (("vocals", "other"), True, 44_100)
    assert found.segment == theirs.SEGMENT
    assert found.model["freqs_per_bands"] == [2, 2]


@pytest.mark.parametrize(
    ("instruments", "target", "stems", "complement"),
    [
        ("[Vocals, Instrumental]", "Vocals", ("vocals", "instrumental"), True),
        ("[other, vocals]", "vocals", ("vocals", "other"), True),
        ("[drums-bass, other]", "other", ("other", "drums_bass"), True),
        ("[vocals, drums, bass, other]", "null", ("vocals", "drums", "bass", "other"), False),
        ("[vocals, drums, bass, other]", "drums", ("drums",), False),
        ("[karaoke]", "karaoke", ("karaoke",), False),
    ],
)
def test_stems_are_called_as_the_trainers_call_them(
    instruments: str, target: str, stems: tuple[str, ...], complement: bool, tmp_path: Path
) -> None:
    found = read_settings(written(tmp_path, theirs.settings(instruments, target)))
    assert (found.stems, found.complement) == (stems, complement)


def test_what_is_not_told_is_what_the_trainers_take(tmp_path: Path) -> None:
    path = written(tmp_path, "audio: {chunk_size: 9}\nmodel: {a: 1}\ntraining: {instruments: [drums]}\ninference:\n")
    told = Settings(("drums",), False, 44_100, 9, False, Part(chunk_size=9), Part(a=1))
    assert read_settings(path) == told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("audio: {}\n", "no part called model"),
        ("[1, 2]", "no settings"),
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("model: !!python/object/apply:os.system ['true']\n", "not YAML that can be read"),
        ("model: !!python/name:os.system\n", "not YAML that can be read"),
        ("model: [\n", "not YAML that can be read"),
        ("[" * 5000, "not YAML that can be read"),
        ("\x00", "not YAML that can be read"),
        ("audio: !!bool foo\n", "not YAML that can be read"),
        ("audio: !!int ''\n", "not YAML that can be read"),
        ("audio: !!timestamp foo\n", "not YAML that can be read"),
        (theirs.settings("[]"), "no list of names as instruments"),
        (theirs.settings("vocals"), "no list of names as instruments"),
        (theirs.settings("[vocals, no]"), "no list of names as instruments"),
        (theirs.settings(normalize="maybe"), "normalize = 'maybe'"),
        (theirs.settings(chunk_size="0x" + "f" * 6000), "chunk_size = a large int"),
        (theirs.settings(chunk_size="null"), "without chunk_size"),
        (theirs.settings("[vocals, Vocals]", "vocals"), "make no file names"),
        (theirs.settings("['../..', b]", "b"), "make no file names"),
        (theirs.settings(target="flute"), "'flute', which is not among its instruments"),
        (theirs.settings(chunk_size=str(10**9)), "chunk_size"),
        ("#" * (70 << 10), "larger than"),
    ],
)
def test_other_settings_are_refused_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ModelError, match=message) as caught:
        read_settings(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stft_hop_length": "0"}, "stft_hop_length = 0"),
        ({"stft_hop_length": "1025"}, "stft_hop_length = 1025"),
        ({"stft_hop_length": "4.5"}, "stft_hop_length = 4.5"),
        ({"stft_n_fft": "4096"}, "window shorter than its transform"),
        ({"chunk_size": "2048"}, "pieces of 2048 samples"),
        ({"stft_hop_length": "1"}, "at most 8192 frames"),
        ({"stft_n_fft": "2047", "stft_hop_length": "441"}, "window shorter"),
        ({"stereo": "false"}, "bands of 2050 frequencies"),
        ({"stereo": "1"}, "stereo = 1"),
        ({"zero_dc": "x"}, "zero_dc = 'x'"),
    ],
)
def test_transforms_that_fit_no_net_are_refused(changes: dict[str, str], message: str, tmp_path: Path) -> None:
    path = theirs.saved(tmp_path, theirs.band_split(), theirs.settings(**changes))
    with pytest.raises(ModelError, match=message) as caught:
        load(str(path), runtime="torch", device="cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["{}.yaml", "{}_config.yaml", "config_{}.yaml", "model_data/mdx_c_configs/{}.yaml"])
def test_settings_are_found_where_other_programs_keep_them(place: str, tmp_path: Path) -> None:
    weights = tmp_path / "net_sdr_12.9755.ckpt"
    there = tmp_path / place.format("net_sdr_12.9755")
    there.parent.mkdir(parents=True, exist_ok=True)
    assert settings_of(weights) is None
    there.write_text(theirs.settings(), "utf-8")
    assert settings_of(weights) == there


def test_two_files_of_other_names_are_named_both(tmp_path: Path) -> None:
    path = theirs.saved(tmp_path, theirs.band_split(), theirs.settings(), "MelBandRoformer")
    told = path.with_suffix(".yaml").rename(tmp_path / "config_vocals_kj.yaml")
    assert settings_of(path) is None, "no one knows whether these belong together"
    for pair in (f"{path}+{told.name}", f"{path}+{told}"):
        assert load(pair, runtime="torch", device="cpu").name == "MelBandRoformer"
    with pytest.raises(ModelError, match=r"name both files: -m WEIGHTS\+config_vocals_kj\.yaml"):
        load(str(told), device="cpu")
    with pytest.raises(ModelError, match=r"cannot be read"):
        load(f"{path}+gone.yaml", device="cpu")


def test_the_settings_that_are_named_are_those_that_are_used(tmp_path: Path) -> None:
    path = theirs.saved(tmp_path, theirs.band_split(), theirs.settings())
    other = tmp_path / f"config_{path.stem}.yaml"
    other.write_text(theirs.settings("[Dry, Wet]", "Dry"), "utf-8")
    assert load(str(other), runtime="torch", device="cpu").members[0].separator.spec.stems == ("dry", "wet")


def test_settings_are_found_by_the_table_of_ultimate_vocal_remover(tmp_path: Path) -> None:
    path = theirs.saved(tmp_path, theirs.band_split(), theirs.settings())
    there = tmp_path / "model_data" / "mdx_c_configs" / "config_of_many.yaml"
    there.parent.mkdir(parents=True)
    path.with_suffix(".yaml").rename(there)
    assert settings_of(path) is None
    table = {known_as(path): {"config_yaml": "config_of_many.yaml", "is_roformer": True}}
    (tmp_path / "model_data" / "model_data.json").write_text(json.dumps(table), "utf-8")
    assert settings_of(path) == there
    table[known_as(path)]["config_yaml"] = "../../config_of_many.yaml"
    (tmp_path / "model_data" / "model_data.json").write_text(json.dumps(table), "utf-8")
    assert settings_of(path) is None


def test_a_bag_of_such_nets_is_one_more_model(tmp_path: Path) -> None:
    for name in ("one", "two"):
        theirs.saved(tmp_path, theirs.band_split(), theirs.settings(), name)
    (tmp_path / "bag.yaml").write_text("models: [one, two]\n", "utf-8")
    assert len(load(str(tmp_path / "bag.yaml"), runtime="torch", device="cpu").members) == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_settings_are_read_as_editors_save_them(encoding: str, tmp_path: Path) -> None:
    path = written(tmp_path, "")
    path.write_text(theirs.settings(), encoding)
    assert is_settings(path)
    assert read_settings(path).stems == ("vocals", "other")


def test_those_of_other_programs_are_found_where_they_lie(tmp_path: Path) -> None:
    path = theirs.saved(tmp_path, theirs.band_split(), theirs.settings())
    (tmp_path / "else.ckpt").touch()
    assert list(community([tmp_path, tmp_path])) == [path]


def test_weights_without_settings_say_what_to_do(tmp_path: Path) -> None:
    path = theirs.saved(tmp_path, theirs.band_split(), theirs.settings())
    path.with_suffix(".yaml").unlink()
    with pytest.raises(ModelError, match=r"put it beside the weights under the same name"):
        load(str(path), device="cpu")


def test_settings_without_weights_say_so_too(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="0 files of weights called settings"):
        load(str(written(tmp_path, theirs.settings())), device="cpu")


def test_other_settings_are_another_model(tmp_path: Path) -> None:
    path = theirs.saved(tmp_path, theirs.band_split(), theirs.settings())
    first = load(str(path), runtime="torch", device="cpu").identity
    path.with_suffix(".yaml").write_text(theirs.settings(stft_hop_length="512"), "utf-8")
    assert load(str(path), runtime="torch", device="cpu").identity != first


def test_a_graph_is_made_once(tmp_path: Path) -> None:
    path = theirs.saved(tmp_path, theirs.band_split(), theirs.settings())
    load(str(path), runtime="onnx", device="cpu")
    (graph,) = (tmp_path / "home" / "graphs").iterdir()
    made = (graph / f"{path.stem}.onnx").stat().st_mtime_ns
    load(str(path), runtime="onnx", device="cpu")
    assert (graph / f"{path.stem}.onnx").stat().st_mtime_ns == made


def test_such_a_graph_needs_neither_torch_nor_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = theirs.saved(tmp_path, theirs.band_split(), theirs.settings())
    first = load(str(path), runtime="onnx", device="cpu")
    # As in a base install: neither is found.
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.setattr("unbraid.zoo.checkpoint.find_spec", lambda name: None)
    again = load(str(path), device="cpu")
    assert again.identity == first.identity
    assert again.members[0].separator.spec == first.members[0].separator.spec


def _without(name: str) -> Any:
    return lambda state: state.pop(name)


def _other(name: str, *shape: int) -> Any:
    return lambda state: state.update({name: torch.ones(*shape)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without("band_split.to_features.7.1.bias"), "lacks 'band_split.to_features.7.1.bias'"),
        (_without("layers.0.0.layers.0.0.to_gates.weight"), "lacks layers.0.0.layers.0.0.to_gates.weight"),
        (_other("extra", 3), "holds, beyond what a RoFormer has, 'extra'"),
        (_other("layers.0.2.layers.0.0.norm.gamma", 16), "3 kinds of attention"),
        (_other("mask_estimators.1.to_freqs.0.0.0.weight", 64, 16), "where its settings want some for vocals"),
        (_other("band_split.to_features.0.0.gamma", 12), "bands of 1026 frequencies"),
        (_other("layers.1.0.layers.0.0.rotary_embed.freqs", 4), "turns its tokens by other angles"),
        (_other("layers.0.0.layers.0.0.to_gates.weight", 0, 16), "make no net"),
        (_other("layers.0.0.layers.0.0.to_gates.weight", 1, 16384), "other angles"),
        (_other("layers.1.0.layers.0.0.to_qkv.weight", 0, 16), "wrong shape"),
        (_other("layers.0.0.layers.0.0.to_qkv.weight", 27, 16), "make no net"),
        (lambda state: state.update({f"layers.{n}.0.x": torch.ones(1) for n in range(500)}), "at most 128"),
        (_other("layers.1.0.layers.0.0.rotary_embed.freqs", 4, 0), "turns its tokens by other angles"),
        (_other("layers.1.1.layers.0.1.net.1.weight", 9, 9), "wrong shape"),
    ],
)  # fmt: skip
def test_weights_that_are_not_those_of_a_roformer_are_refused(change: Any, message: str, tmp_path: Path) -> None:
    net = theirs.band_split()
    path = theirs.saved(tmp_path, net, theirs.settings())
    state = dict(net.state_dict())
    change(state)
    torch.save(state, path)
    with pytest.raises(ModelError, match=message) as caught:
        load(str(path), runtime="torch", device="cpu")
    assert "\n" not in str(caught.value)


def test_mel_bands_of_another_rate_are_refused(tmp_path: Path) -> None:
    told = theirs.settings().replace("sample_rate: 44100", "sample_rate: 32000")
    path = theirs.saved(tmp_path, theirs.mel_band(), told)
    with pytest.raises(ModelError, match="not those of the mel scale"):
        load(str(path), runtime="torch", device="cpu")
