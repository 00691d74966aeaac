"""Quantised files, and files of demucs versions 1 and 2, of which no package can be installed any more.

The old nets are checked against their definition written out in plain torch functions.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import Tensor
from torch.nn import functional as F

from tests.parity.demucs_models import FOUR, noise, snr_db
from unbraid.errors import ModelError
from unbraid.nets.convtasnet import ConvTasNet
from unbraid.nets.demucs import Demucs
from unbraid.zoo.adopt.demucs import build
from unbraid.zoo.diffq import decode
from unbraid.zoo.guard import read_checkpoint
from unbraid.zoo.guard_names import Name

DATA = Path(__file__).parent / "data"
State = dict[str, Tensor]
CHANNELS, DEPTH, WIDTHS = 2, 3, (8, 16, 32)


@pytest.mark.parametrize("layout", ["bitpack", "torchpack"])
def test_diffq_states_decode_to_what_diffq_restores(layout: str) -> None:
    package = read_checkpoint(DATA / f"diffq-{layout}.th")
    expected = package.extra["expected"]
    net, spec = build(package)
    assert spec.segment == 2 * 44100
    assert len(package.quantized["quantized"]) >= 3  # type: ignore[index]  # a quantised file
    for name, value in expected.items():
        np.testing.assert_array_equal(net.state_dict()[name].numpy(), value, err_msg=name)


def test_a_diffq_state_in_safetensors_is_the_same(tmp_path: Path) -> None:
    # As demucs 4.1 nests it: tensors by name, the tree around them as tagged JSON in the header.
    package = read_checkpoint(DATA / "diffq-bitpack.th")
    tensors: dict[str, np.ndarray] = {}

    def tagged(value: object) -> object:
        if isinstance(value, np.ndarray):
            tensors[f"tensor_{len(tensors)}"] = np.array(value)
            return {"_tensor": f"tensor_{len(tensors) - 1}"}
        if isinstance(value, dict):
            return {"_dict": [[key, tagged(item)] for key, item in value.items()]}
        if isinstance(value, (list, tuple)):
            return {f"_{type(value).__name__}": [tagged(item) for item in value]}
        return {"_class": value.full} if isinstance(value, Name) else value

    notes = {
        "klass": package.klass,
        "args": json.dumps(package.args),
        "kwargs": json.dumps(package.kwargs),
        "structure": json.dumps(tagged(package.quantized)),
    }
    save_file(tensors, tmp_path / "net.safetensors", metadata=notes)
    net, _ = build(read_checkpoint(tmp_path / "net.safetensors"))
    for name, value in package.extra["expected"].items():
        np.testing.assert_array_equal(net.state_dict()[name].numpy(), value, err_msg=name)


def test_a_bare_state_of_version_2_becomes_a_net_of_its_size(tmp_path: Path) -> None:
    state = old_demucs_state()
    torch.save(state, tmp_path / "demucs.th")
    net, spec = build(read_checkpoint(tmp_path / "demucs.th"))
    assert isinstance(net, Demucs)
    assert (spec.stems, spec.segment) == (tuple(FOUR), 40 * 44100)
    mix = noise(CHANNELS, 3000)[None]
    with torch.inference_mode():
        upsampled = net.upsample(_padded(mix, net))
        wanted = _centre(net.downsample(old_demucs(state, upsampled)), 3000).view(1, 4, CHANNELS, 3000)
        assert snr_db(wanted, net(mix)) > 90


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_tuple_of_version_1_becomes_a_net_without_resampling(packed: bool, tmp_path: Path) -> None:
    state, path = old_demucs_state(), tmp_path / "demucs.th"
    stand_in = type("Demucs", (torch.nn.Module,), {"__module__": "demucs.model"})
    with pytest.MonkeyPatch.context() as patch:
        module = type(torch)("demucs.model")
        module.Demucs = stand_in  # type: ignore[attr-defined]  # a module made for this test
        patch.setitem(__import__("sys").modules, "demucs.model", module)
        kwargs = {"sources": 4, "audio_channels": CHANNELS, "channels": WIDTHS[0], "depth": DEPTH}
        data = io.BytesIO()
        # torch 1.x wrote a stream, and the source text of a class, which cannot be had here.
        with pytest.warns(UserWarning, match="source code"):
            torch.save((stand_in, (), kwargs, state), data, _use_new_zipfile_serialization=False)
    path.write_bytes(gzip.compress(data.getvalue()) if packed else data.getvalue())
    net, spec = build(read_checkpoint(path))
    assert isinstance(net, Demucs)
    assert spec.stems == tuple(FOUR)
    mix = noise(CHANNELS, 3000)[None]
    with torch.inference_mode():
        wanted = _centre(old_demucs(state, _padded(mix, net)), 3000).view(1, 4, CHANNELS, 3000)
        assert snr_db(wanted, net(mix)) > 90


def test_a_quantised_file_of_version_2_is_zlib_around_levels(tmp_path: Path) -> None:
    # The net itself is of full size, a gigabyte: here the same layout for two parameters, one of them above 1 MB.
    shapes = [("large", (520, 512)), ("small", (3,))]
    groups = 520 * 512 // 8
    bits = torch.full((groups,), 3, dtype=torch.uint8)
    bits[::2] = 2
    levels = torch.randint(0, 4, (groups, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    inner = io.BytesIO()
    small = torch.tensor([1.0, 2.0, 3.0])
    torch.save({"quantized": [(levels, (-0.5, 1.0), bits)], "float16": [], "others": [small]}, inner)
    torch.save({"compressed": zlib.compress(inner.getvalue(), 1)}, tmp_path / "demucs_quantized.th")
    package = read_checkpoint(tmp_path / "demucs_quantized.th")
    assert package.quantized is not None
    weights = decode(package.quantized, shapes)
    wanted = (levels / (2.0 ** bits[:, None] - 1) * 1.5 - 0.5).reshape(520, 512)
    np.testing.assert_allclose(weights["large"], wanted.numpy(), rtol=1e-6)
    np.testing.assert_array_equal(weights["small"], small.numpy())


def test_a_conv_tasnet_becomes_a_net_of_its_size(tmp_path: Path) -> None:
    state = tasnet_state()
    torch.save(state, tmp_path / "tasnet.th")
    net, spec = build(read_checkpoint(tmp_path / "tasnet.th"))
    assert isinstance(net, ConvTasNet)
    assert spec.segment == 8 * 44100
    mix = noise(CHANNELS, 2003)[None]
    with torch.inference_mode():
        assert snr_db(tasnet(state, mix), net(mix)) > 90


def test_weights_that_say_nothing_of_their_net_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "net.th")
    with pytest.raises(ModelError, match="does not say what net"):
        build(read_checkpoint(tmp_path / "net.th"))


def old_demucs_state() -> State:
    """Names and shapes of versions 1 and 2: convolution, ReLU, 1x1, GLU; context of three, GLU, transposed, ReLU."""
    shapes: dict[str, tuple[int, ...]] = {}
    inputs = CHANNELS
    for index, width in enumerate(WIDTHS):
        down, up = f"encoder.{index}", f"decoder.{DEPTH - 1 - index}"
        outputs = inputs if index else 4 * CHANNELS
        shapes |= {f"{down}.0.weight": (width, inputs, 8), f"{down}.0.bias": (width,)}
        shapes |= {f"{down}.2.weight": (2 * width, width, 1), f"{down}.2.bias": (2 * width,)}
        shapes |= {f"{up}.0.weight": (2 * width, width, 3), f"{up}.0.bias": (2 * width,)}
        shapes |= {f"{up}.2.weight": (width, outputs, 8), f"{up}.2.bias": (outputs,)}
        inputs = width
    for layer, direction in ((layer, direction) for layer in (0, 1) for direction in ("", "_reverse")):
        width = inputs * (2 if layer else 1)
        for kind, columns in (("ih", width), ("hh", inputs)):
            shapes[f"lstm.lstm.weight_{kind}_l{layer}{direction}"] = (4 * inputs, columns)
            shapes[f"lstm.lstm.bias_{kind}_l{layer}{direction}"] = (4 * inputs,)
    shapes |= {"lstm.linear.weight": (inputs, 2 * inputs), "lstm.linear.bias": (inputs,)}
    return drawn(shapes)


def old_demucs(state: State, x: Tensor) -> Tensor:
    skips = []
    for index in range(DEPTH):
        x = F.conv1d(x, *_layer(state, f"encoder.{index}.0"), stride=4).relu()
        x = F.glu(F.conv1d(x, *_layer(state, f"encoder.{index}.2")), 1)
        skips.append(x)
    lstm = torch.nn.LSTM(x.shape[1], x.shape[1], 2, bidirectional=True)
    lstm.load_state_dict({k.removeprefix("lstm.lstm."): v for k, v in state.items() if k.startswith("lstm.lstm.")})
    y = F.linear(lstm(x.permute(2, 0, 1))[0], *_layer(state, "lstm.linear"))
    x = y.permute(1, 2, 0)
    for index in range(DEPTH):
        x = x + _centre(skips.pop(), x.shape[-1])
        x = F.glu(F.conv1d(x, *_layer(state, f"decoder.{index}.0")), 1)
        x = F.conv_transpose1d(x, *_layer(state, f"decoder.{index}.2"), stride=4)
        x = x.relu() if index < DEPTH - 1 else x
    return x


def tasnet_state() -> State:
    """Names and shapes of the stereo Conv-TasNet: two repeats of three blocks."""
    filters, window, bottleneck, hidden = 16, 20, 8, 12
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.conv1d_U.weight": (filters, CHANNELS, window),
        "separator.network.0.gamma": (1, filters, 1),
        "separator.network.0.beta": (1, filters, 1),
        "separator.network.1.weight": (bottleneck, filters, 1),
    }
    for number in range(6):
        block = f"separator.network.2.{number // 3}.{number % 3}.net"
        shapes |= {f"{block}.0.weight": (hidden, bottleneck, 1), f"{block}.1.weight": (1,)}
        shapes |= {f"{block}.2.{part}": (1, hidden, 1) for part in ("gamma", "beta")}
        shapes |= {f"{block}.3.net.0.weight": (hidden, 1, 3), f"{block}.3.net.1.weight": (1,)}
        shapes |= {f"{block}.3.net.2.{part}": (1, hidden, 1) for part in ("gamma", "beta")}
        shapes |= {f"{block}.3.net.3.weight": (bottleneck, hidden, 1)}
    shapes |= {"separator.network.3.weight": (4 * filters, bottleneck, 1)}
    shapes |= {"decoder.basis_signals.weight": (CHANNELS * window, filters)}
    return drawn(shapes)


def tasnet(state: State, mix: Tensor) -> Tensor:
    heard = F.conv1d(mix, state["encoder.conv1d_U.weight"], stride=10).relu()
    x = F.conv1d(_norm(state, "separator.network.0", heard, (1,)), state["separator.network.1.weight"])
    for number in range(6):
        block, dilation = f"separator.network.2.{number // 3}.{number % 3}.net", 2 ** (number % 3)
        y = F.prelu(F.conv1d(x, state[f"{block}.0.weight"]), state[f"{block}.1.weight"])
        y = _norm(state, f"{block}.2", y, (1, 2))
        y = F.conv1d(y, state[f"{block}.3.net.0.weight"], padding=dilation, dilation=dilation, groups=y.shape[1])
        y = _norm(state, f"{block}.3.net.2", F.prelu(y, state[f"{block}.3.net.1.weight"]), (1, 2))
        x = x + F.conv1d(y, state[f"{block}.3.net.3.weight"])
    masks = F.conv1d(x, state["separator.network.3.weight"]).relu().view(1, 4, 16, -1)
    pieces = torch.einsum("bsfk,wf->bskw", heard[:, None] * masks, state["decoder.basis_signals.weight"])
    stems = torch.zeros(1, 4, CHANNELS, mix.shape[-1])
    for frame in range(pieces.shape[2]):
        stems[..., 10 * frame : 10 * frame + 20] += pieces[:, :, frame].view(1, 4, CHANNELS, 20)
    return stems


def drawn(shapes: dict[str, tuple[int, ...]]) -> State:
    generator = torch.Generator().manual_seed(0)
    return {name: 0.3 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def _layer(state: State, name: str) -> tuple[Tensor, Tensor]:
    return state[f"{name}.weight"], state[f"{name}.bias"]


def _norm(state: State, name: str, x: Tensor, axes: tuple[int, ...]) -> Tensor:
    centred = x - x.mean(axes, keepdim=True)
    return (
        state[f"{name}.gamma"] * centred / (centred.square().mean(axes, keepdim=True) + 1e-8).sqrt()
        + state[f"{name}.beta"]
    )


def _padded(mix: Tensor, net: Demucs) -> Tensor:
    missing = net.config.valid_length(mix.shape[-1]) - mix.shape[-1]
    return F.pad(mix, (missing // 2, missing - missing // 2))


def _centre(x: Tensor, length: int) -> Tensor:
    start = (x.shape[-1] - length) // 2
    return x[..., start : start + length]
