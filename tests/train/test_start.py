"""What a run may begin with."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from tests.laws.tiny import SIZES
from tests.parity import audiosep_models, clap_models, demucs_models, mdx23c_models, roformer_models, scnet_models
from tests.train.tiny import NET, recipe
from unbraid.api import load
from unbraid.errors import ModelError, UsageError
from unbraid.nets.compact import Compact
from unbraid.train import checkpoint
from unbraid.train.loop import train
from unbraid.train.query_export import between, export_words
from unbraid.train.recipe import Recipe
from unbraid.train.recipe_file import parse
from unbraid.train.start import build, fresh, rebuilt, save_weights
from unbraid.zoo import bundled

CLAP = clap_models.Sizes(**{**vars(clap_models.TINY), "joint": 512})


def beginning(start: Path | str, **net: Any) -> Recipe:
    return parse({"net": {"from": str(start), **net}, "data": {"root": "."}, "schedule": {"steps": 1}})


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_published_checkpoint_is_trained_further_by_one_line(tmp_path: Path) -> None:
    theirs = demucs_models.make("htdemucs")
    path = demucs_models.save_safetensors(theirs, tmp_path / "955717e8.safetensors")
    net = build(beginning(path))
    assert type(net).__name__ == "HTDemucs" and all(weight.requires_grad for weight in net.parameters())
    halved = {name: value.half().float() for name, value in theirs.state_dict().items()}
    assert same(net.state_dict(), halved)
    net.train()(torch.randn(1, 2, 4001)).abs().mean().backward()


def test_so_is_the_published_audiosep(tmp_path: Path) -> None:
    state = audiosep_models.random_state((2, 2, 3, 3, 4, 4))
    path = audiosep_models.save(tmp_path / "audiosep_base_4M_steps.ckpt", state, clap_models.random_state(CLAP))
    net = build(beginning(path))
    assert type(net).__name__ == "AudioSep" and all(weight.requires_grad for weight in net.parameters())
    net.train()(torch.randn(1, 2, 32_000), torch.randn(1, 1, 512)).abs().mean().backward()
    assert net.config.widths == (2, 2, 3, 3, 4, 4)
    assert torch.equal(net.out.weight, state["ss_model.base.after_conv.weight"])


@pytest.mark.parametrize("family", ["Roformer", "MDX23C", "SCNet"])
def test_so_are_nets_whose_settings_lie_beside_them(family: str, tmp_path: Path) -> None:
    path = {
        "Roformer": lambda: roformer_models.saved(tmp_path, roformer_models.mel_band(), roformer_models.settings()),
        "MDX23C": lambda: mdx23c_models.saved(tmp_path, mdx23c_models.Sizes()),
        "SCNet": lambda: scnet_models.saved(tmp_path, scnet_models.Sizes(), 3835),
    }[family]()
    net = build(beginning(path))
    assert type(net).__name__ == family and all(weight.requires_grad for weight in net.parameters())
    stems = net.train()(torch.randn(1, 2, 8000))
    assert stems.shape == (1, len(net.config.stems), 2, 8000)
    stems.abs().mean().backward()
    assert all(weight.grad is not None for weight in net.parameters())
    held = {float(value.double().sum()) for value in torch.load(path, weights_only=True).values() if value.ndim > 1}
    assert held == {float(value.double().sum()) for value in net.state_dict().values() if value.ndim > 1}


def small(**changes: Any) -> Compact:
    net = fresh("compact", NET | changes)
    assert isinstance(net, Compact)
    return net


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_weights_lie_between_those_of_two_nets(share: float) -> None:
    net, start = small(), small()
    new = {name: value.clone() for name, value in net.state_dict().items()}
    between(net, start, share)
    for name, value in net.state_dict().items():
        expected = share * new[name] + (1 - share) * start.state_dict()[name]
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)


def test_what_cannot_be_mixed_is_refused() -> None:
    net = small()
    with pytest.raises(UsageError, match=r"share is 1\.5"):
        between(net, net, 1.5)
    with pytest.raises(UsageError, match="in its shape"):
        between(net, small(width=16), 0.5)


def test_the_bundled_net_is_trained_further_by_one_line() -> None:
    net = build(beginning("compact"))
    assert type(net) is Compact and all(weight.requires_grad for weight in net.parameters())
    separator = load("compact").loaded.members[0].separator
    mix = torch.randn(1, 2, net.config.segment, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours, graph = net.eval()(mix), torch.from_numpy(separator(mix.numpy()).stems)
    assert 10 * torch.log10(graph.square().sum() / (graph - ours).square().sum()) > 60


def test_with_its_head_and_exported_again_it_is_what_the_package_has(tmp_path: Path) -> None:
    net = build(beginning("compact", name="compact-words"))
    export_words(net, net.words, tmp_path, "compact", {})
    for name in ("compact.onnx", "compact-words.onnx"):
        shipped, again = (onnx.load(folder / name) for folder in (bundled.facts_path().parent, tmp_path))
        weights = [{each.name: each for each in graph.graph.initializer} for graph in (shipped, again)]
        assert weights[0].keys() == weights[1].keys()
        for key, value in weights[0].items():
            np.testing.assert_array_equal(numpy_helper.to_array(value), numpy_helper.to_array(weights[1][key]), key)


def test_its_config_may_be_changed_where_weights_do_not_change(tmp_path: Path) -> None:
    path = demucs_models.save_safetensors(demucs_models.make("htdemucs"), tmp_path / "x.safetensors")
    net = build(beginning(path, config={"dropout": 0.25}))
    assert net.config.dropout == 0.25
    assert same(net.state_dict(), build(beginning(path)).state_dict())
    with pytest.raises(ModelError, match=r"do not fit the net|the net has"):
        build(beginning(path, config={"layers": 4}))


@pytest.mark.parametrize("name", ["compact", "compact-words"])
def test_blocks_added_to_a_compact_net_begin_as_nothing_and_learn(name: str, tmp_path: Path) -> None:
    small = fresh(name, SIZES[name])
    save_weights(small, tmp_path / "small.safetensors")
    deeper = [*small.config.blocks, 2, "far"]
    net = build(beginning(tmp_path / "small.safetensors", config={"blocks": deeper}))
    assert len(net.blocks) == len(small.blocks) + 2
    mix = torch.randn(1, 2, net.config.segment)
    assert torch.equal(net(mix), small(mix))
    net(mix)[:, 0].square().mean().backward()
    assert all(block.time.out.weight.grad.any() and block.band_out.weight.grad.any() for block in net.blocks)
    with pytest.raises(ModelError, match="do not fit the net"):
        build(beginning(tmp_path / "small.safetensors", config={"blocks": ["far", "far", 1]}))


def test_so_do_blocks_added_to_its_head(tmp_path: Path) -> None:
    small = fresh("compact-words", SIZES["compact-words"])
    save_weights(small, tmp_path / "small.safetensors")
    words = {"blocks": small.config.words.blocks + 2}
    net = build(beginning(tmp_path / "small.safetensors", config={"words": words}))
    assert net.config.words == replace(small.config.words, **words)
    stft = net.stft(torch.randn(1, 2, net.config.segment))
    query = torch.randn(1, net.words.query_size)
    for one, other in zip(*(each.words(each.trunk(stft), query) for each in (net, small)), strict=True):
        assert torch.equal(one, other)
    net.words(net.trunk(stft), query)[0].square().mean().backward()
    for block in net.words.blocks:
        assert block.band_out.weight.grad.any() and block.channel_out.weight.grad.any()
    with pytest.raises(ModelError, match=r"words\.steer_in\.weight is .* the net has"):
        build(beginning(tmp_path / "small.safetensors", config={"words": {**words, "steer": 8}}))


def test_a_run_goes_on_from_the_best_of_another(tmp_path: Path) -> None:
    train(recipe(tmp_path / "songs", "schedule.steps=2"), tmp_path / "run")
    net = build(beginning(tmp_path / "run"))
    assert same(dict(net.state_dict()), checkpoint.read_weights(tmp_path / "run" / "best"))
    assert same(build(beginning(tmp_path / "run", name="compact")).state_dict(), net.state_dict())
    with pytest.raises(UsageError, match=r"is a compact; net.name says demucs"):
        build(beginning(tmp_path / "run", name="demucs"))


@pytest.mark.parametrize("name", ["unet", "waveunet"])
def test_saved_weights_are_begun_with(name: str, tmp_path: Path) -> None:
    net = fresh(name, SIZES[name])
    save_weights(net, tmp_path / "mine.safetensors")
    again = build(beginning(tmp_path / "mine.safetensors"))
    assert asdict(again.config) == asdict(net.config)
    assert same(again.state_dict(), net.state_dict())


def test_a_net_is_rebuilt_without_what_it_began_with(tmp_path: Path) -> None:
    net = fresh("unet", SIZES["unet"])
    save_weights(net, tmp_path / "mine.safetensors")
    begun = recipe(tmp_path / "songs", f"net.from={tmp_path / 'mine.safetensors'}", "data.piece_s=0.2")
    begun = begun.model_copy(update={"net": begun.net.model_copy(update={"name": None, "config": {}})})
    short = begun.model_copy(update={"schedule": begun.schedule.model_copy(update={"steps": 1})})
    train(short, tmp_path / "run")
    (tmp_path / "mine.safetensors").unlink()
    newest = checkpoint.newest(tmp_path / "run")
    assert newest is not None
    assert rebuilt(checkpoint.read_state(newest)).config == net.config
    assert train(begun, tmp_path / "run", resume=True).step == 8


@pytest.mark.parametrize(
    ("start", "net", "told"),
    [
        ("htdemucs_ft", {}, "a bag of 4; net.member says which"),
        ("htdemucs_ft", {"member": 4}, "member is 4; htdemucs_ft has 4"),
        ("htdemuks", {}, "did you mean htdemucs"),
    ],
)
def test_what_is_no_beginning_is_named(start: str, net: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        build(beginning(start, **net))


def test_an_empty_folder_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder of a run"):
        build(beginning(tmp_path))


def test_sizes_that_fit_no_net_are_named() -> None:
    with pytest.raises(UsageError, match=r"makes no waveunet: .*levles"):
        fresh("waveunet", {"levles": 3})
