"""MDX23C nets through unbraid against their published definition, written out in tests/parity/mdx23c_models."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.parity import mdx23c_models as published
from tests.parity.demucs_models import noise, snr_db
from tests.parity.mdx23c_models import Sizes
from unbraid.errors import ModelError
from unbraid.runtime.pick import Runtime
from unbraid.zoo.load import load


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNBRAID_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("runtime", ["torch", "onnx", "openvino"])
@pytest.mark.parametrize(
    "sizes",
    [
        Sizes(),
        Sizes(norm="BatchNorm", act="relu", scale=(1, 2), instruments=("kick", "snare", "toms", "hh")),
        Sizes(norm="GroupNorm4", act="elu1", target="vocals", subbands=2),
    ],
    ids=["instance", "batch", "group"],
)
def test_one_segment_comes_out_as_published(sizes: Sizes, runtime: Runtime, tmp_path: Path) -> None:
    state = published.random_state(sizes)
    path = published.saved(tmp_path, sizes, state)
    separator = load(str(path), runtime=runtime, device="cpu").members[0].separator
    assert separator.spec.stems == sizes.instruments
    mix = noise(2, separator.spec.segment)
    stems = separator(mix[None].numpy()).stems[0]
    expected = published.separate(state, sizes, mix)
    assert len(stems) == len(sizes.instruments)
    assert all(snr_db(theirs, ours) > 80 for theirs, ours in zip(expected, stems[: len(expected)], strict=True))
    if sizes.target is not None:
        assert snr_db(mix, stems.sum(0)) > 80, "the other stem is what is left of the mix"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_scales": "5"}, "do not fit each other"),
        ({"dim_f": "300"}, "do not fit each other"),
        ({"norm": "LayerNorm"}, "norm = 'LayerNorm'"),
        ({"norm": "[1]"}, "norm = "),
        ({"norm": "GroupNorm3"}, "make no net"),
        ({"norm": "BatchNorm"}, "lacks"),
        ({"act": "tanh"}, "act = 'tanh'"),
        ({"scale": "[2]"}, "scale = "),
        ({"bottleneck_factor": "64"}, "do not fit each other"),
        ({"bottleneck_factor": "null"}, "without bottleneck_factor"),
        ({"n_fft": "null"}, "without n_fft"),
        ({"n_fft": "511"}, "do not fit each other"),
        ({"num_scales": "1"}, "beyond what the net has|wrong shape"),
    ],
)
def test_settings_that_do_not_fit_are_refused_in_one_line(
    changes: dict[str, str], message: str, tmp_path: Path
) -> None:
    path = published.saved(tmp_path, Sizes(), **changes)
    with pytest.raises(ModelError, match=message) as caught:
        load(str(path), runtime="torch", device="cpu")
    assert "\n" not in str(caught.value)


def test_weights_without_settings_say_what_to_do(tmp_path: Path) -> None:
    path = published.saved(tmp_path, Sizes())
    path.with_suffix(".yaml").unlink()
    with pytest.raises(ModelError, match=r"put it beside the weights under the same name"):
        load(str(path), device="cpu")


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    state = published.random_state(Sizes())
    state["first_conv.weight"][0] = torch.nan
    with pytest.raises(ModelError, match="NaN"):
        load(str(published.saved(tmp_path, Sizes(), state)), runtime="torch", device="cpu")
