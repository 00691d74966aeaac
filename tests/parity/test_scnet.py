"""SCNets through unbraid against their published definition, written out in tests/parity/scnet_models."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch.nn import functional as F

from tests.parity import scnet_models as published
from tests.parity.demucs_models import noise, snr_db
from tests.parity.scnet_models import STEMS, Sizes
from unbraid.errors import ModelError
from unbraid.runtime.pick import Runtime
from unbraid.zoo.load import load

SEGMENT = 30 * 128 - 5


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNBRAID_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("runtime", ["torch", "onnx", "openvino"])
@pytest.mark.parametrize(
    "sizes",
    [
        Sizes(),
        Sizes(normalized=False, dims=(4, 8, 12), layers=2, expand=2, shares=(0.3, 0.3, 0.4), depths=(1, 1, 2)),
    ],
    ids=["usual", "other"],
)
def test_one_segment_comes_out_as_published(sizes: Sizes, runtime: Runtime, tmp_path: Path) -> None:
    state = published.random_state(sizes)
    separator = load(str(published.saved(tmp_path, sizes, SEGMENT, state)), runtime=runtime, device="cpu")
    net = separator.members[0].separator
    assert net.spec.stems == STEMS
    assert net.spec.segment == 31 * 128, "whole hops, and an even number of frames"
    # The published net fills its pieces up with silence to such a length; ours is given music there.
    mix = noise(2, SEGMENT)
    filled = F.pad(mix, (0, net.spec.segment - SEGMENT))
    stems = net(filled[None].numpy()).stems[0, ..., :SEGMENT]
    assert all(snr_db(*pair) > 80 for pair in zip(published.separate(state, sizes, mix), stems, strict=True))


@pytest.mark.parametrize("length", [1, 700, 31 * 128, 31 * 128 + 1])
def test_torch_takes_any_length(length: int, tmp_path: Path) -> None:
    path = published.saved(tmp_path, Sizes(), SEGMENT)
    net = load(str(path), runtime="torch", device="cpu").members[0].separator
    assert net(noise(2, length)[None].numpy()).stems.shape == (1, 4, 2, length)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dims": "[2, 8, 12, 16]"}, "do not fit each other"),
        ({"dims": "[4]"}, "do not fit each other"),
        ({"dims": "[4, 8, 12]"}, "beyond what the net has|wrong shape"),
        ({"dims": "[4, 0, 12]"}, "dims = "),
        ({"band_SR": "[0.5, 0.5]"}, "do not fit each other"),
        ({"band_SR": "x"}, "band_SR = 'x'"),
        ({"band_SR": "[0.5, 0.5, 0.0001]"}, "do not fit each other"),
        ({"band_kernel": "[3, 4, 64]"}, "do not fit each other"),
        ({"band_kernel": "[3, 2, 16]"}, "do not fit each other"),
        ({"num_dplayer": "3"}, "do not fit each other"),
        ({"win_size": "256"}, "window shorter"),
        ({"conv_depths": "[3, 2]"}, "do not fit each other"),
    ],
)
def test_settings_that_do_not_fit_are_refused_in_one_line(
    changes: dict[str, str], message: str, tmp_path: Path
) -> None:
    path = published.saved(tmp_path, Sizes(), SEGMENT, **changes)
    with pytest.raises(ModelError, match=message) as caught:
        load(str(path), runtime="torch", device="cpu")
    assert "\n" not in str(caught.value)


def test_varieties_without_lstms_and_files_without_settings_say_so(tmp_path: Path) -> None:
    state = {name: each for name, each in published.random_state(Sizes()).items() if ".lstm_layers." not in name}
    path = published.saved(tmp_path, Sizes(), SEGMENT, state)
    with pytest.raises(ModelError, match="variety of SCNet"):
        load(str(path), runtime="torch", device="cpu")
    path.with_suffix(".yaml").unlink()
    with pytest.raises(ModelError, match=r"put it beside the weights under the same name"):
        load(str(path), device="cpu")
