"""Checkpoints that mean harm: nothing in them runs or is imported, and each is refused in one line that says why."""

from __future__ import annotations

import builtins
import contextlib
import gzip
import io
import json
import operator
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from tests.hostile.pickles import CONTAINERS, Call, as_stream, as_zip, global_, pickled, state, tensor, written
from unbraid.errors import ModelError
from unbraid.zoo.adopt.demucs import build
from unbraid.zoo.bag import read_bag
from unbraid.zoo.guard import Package, read_checkpoint

MODULE = "unbraid_test_trap"


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is there as soon as anything of a checkpoint was run or imported."""
    mark = tmp_path / "sprung"
    (tmp_path / f"{MODULE}.py").write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\nclass Net: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    return mark


def refused(path: Path, *words: str) -> None:
    with pytest.raises(ModelError) as caught:
        build(read_checkpoint(path))
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    for word in words:
        assert word in message


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("suffix", [".th", ".pt", ".ckpt"])
def test_a_command_in_a_pickle(protocol: int, container: str, suffix: str, trap: Path, tmp_path: Path) -> None:
    data = pickled({"state": Call(os.system, f"touch {trap}")}, protocol)
    refused(written(tmp_path / f"net{suffix}", CONTAINERS[container](data)), "system", "may name")
    assert not trap.exists()


CALLS: dict[str, Callable[[Path], Call]] = {
    "subprocess.Popen": lambda mark: Call(subprocess.Popen, ["touch", str(mark)]),
    "eval": lambda mark: Call(builtins.eval, f"open({str(mark)!r}, 'w')"),
    "exec": lambda mark: Call(builtins.exec, f"open({str(mark)!r}, 'w')"),
    "getattr": lambda mark: Call(builtins.getattr, "os", "system"),
    "methodcaller": lambda mark: Call(operator.methodcaller, "touch"),
    "touch": lambda mark: Call(Path.touch, mark),
    "load": lambda mark: Call(torch.load, str(mark)),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("place", ["state", "kwargs", "training_args"])
def test_other_calls_in_other_places(name: str, place: str, trap: Path, tmp_path: Path) -> None:
    package: dict[str, Any] = {"state": {}, "kwargs": {}, "training_args": {}}
    package[place] = {"x": [CALLS[name](trap)]}
    refused(written(tmp_path / "net.th", as_zip(pickled(package, 4))))
    assert not trap.exists()


INSTRUCTIONS = {
    "INST": b"(S'touch'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'touch'\no.",
    "NEWOBJ": b"\x80\x02" + global_(MODULE, "Net") + b")\x81.",
    "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    "nested name": b"\x80\x04\x8c\x05torch\x8c\x10serialization.os\x93.",
    "EXT1": b"\x80\x02\x82\x01.",
    "BUILD": b"\x80\x02]}b.",
    "PERSID": b"Pos.system\n.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
}


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_every_instruction_that_could_make_an_object(name: str, trap: Path, tmp_path: Path) -> None:
    refused(written(tmp_path / "net.th", as_zip(INSTRUCTIONS[name])))
    assert not trap.exists()
    assert MODULE not in sys.modules


def test_a_known_class_may_be_named_but_never_made(tmp_path: Path) -> None:
    data = b"\x80\x02" + global_("demucs.htdemucs", "HTDemucs") + b")R."
    refused(written(tmp_path / "net.th", as_zip(data)), "calls", "HTDemucs")


@pytest.mark.parametrize("text", ["1e999999999", "9" * 5000, "1/0", "__import__('os')"])
def test_fractions_that_would_compute_for_ever(text: str, tmp_path: Path) -> None:
    data = b"\x80\x02" + global_("fractions", "Fraction") + b"X" + struct.pack("<I", len(text)) + text.encode()
    refused(written(tmp_path / "net.th", as_zip(data + b"\x85R.")), "Fraction")


TENSORS = {
    "beyond its data": state(tensor(4, shape=b"K\x09\x85")),
    "from behind its data": state(tensor(4, offset="K\x03")),
    "far apart": state(tensor(4, stride=b"K\x09\x85")),
    "huge of one number": state(tensor(4, shape=b"\x8a\x05\xff\xff\xff\xff\x7f\x85", stride=b"K\x00\x85")),
    "of negative size": state(tensor(4, shape=b"J\xff\xff\xff\xff\x85")),
    "of more data than there are": state(tensor(1 << 60)),
}


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_that_are_not_there(name: str, tmp_path: Path) -> None:
    data = {"0": np.zeros(4, np.float32).tobytes()}
    refused(written(tmp_path / "zip.th", as_zip(TENSORS[name], {"data/0": data["0"]})))
    refused(written(tmp_path / "stream.th", as_stream(TENSORS[name], data)))


def test_one_weight_under_a_million_names_takes_memory_once(tmp_path: Path) -> None:
    names = b"".join(b"X" + struct.pack("<I", 6) + b"%06d" % number + b"h\x00" for number in range(20_000))
    data = b"\x80\x02" + tensor(4) + b"q\x000}(" + names + b"u."
    package = read_checkpoint(written(tmp_path / "net.th", as_zip(data, {"data/0": bytes(16)})))
    assert len({array.__array_interface__["data"][0] for array in package.state.values()}) == 1


def test_nesting_that_would_never_end(tmp_path: Path) -> None:
    laughs = b"\x80\x02)" + b"2\x86" * 64
    refused(written(tmp_path / "key.th", as_zip(b"\x80\x02}" + laughs[2:] + b"K\x01s.")), "key")
    refused(written(tmp_path / "value.th", as_zip(laughs + b".")))
    refused(written(tmp_path / "deep.th", as_zip(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")))
    refused(written(tmp_path / "self.th", as_zip(b"\x80\x02]q\x00h\x00a.")))


def test_bombs(tmp_path: Path) -> None:
    zeros = pickled({"weight": bytes(5_000_000)}, 4)
    refused(written(tmp_path / "zip.th", as_zip(zeros, compression=zipfile.ZIP_DEFLATED)), "compressed")
    refused(written(tmp_path / "gzip.th.gz", gzip.compress(as_stream(zeros))), "more than")
    inner = pickled({"compressed": zlib.compress(zeros)}, 4)
    refused(written(tmp_path / "zlib.th", as_zip(inner)), "more than")
    line = gzip.compress(as_stream(b"\x80\x02S'" + b"a" * 5_000_000))
    refused(written(tmp_path / "line.th.gz", line))


def test_zip_archives_whose_members_overlap(tmp_path: Path) -> None:
    data = bytearray(as_zip(b"\x80\x02}.", {"data/0": bytes(4000), "data/1": bytes(4000)}))
    first = data.find(b"PK\x01\x02")  # every entry of the directory points to the second member and claims its bytes
    entries = [first]
    while (following := data.find(b"PK\x01\x02", entries[-1] + 4)) > 0:
        entries.append(following)
    wanted = struct.unpack_from("<I", data, entries[1] + 42)[0]
    for entry in entries:
        struct.pack_into("<II", data, entry + 20, 4000, 4000)
        struct.pack_into("<I", data, entry + 42, wanted)
    refused(written(tmp_path / "net.th", bytes(data)))


def test_archives_that_are_something_else(tmp_path: Path) -> None:
    script = as_zip(b"\x80\x02}.", {"constants.pkl": b"\x80\x02).", "code/net.py": b"import os"})
    refused(written(tmp_path / "script.pt", script), "TorchScript")
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("readme", "hello")
    refused(written(tmp_path / "zip.th", empty.getvalue()), "data.pkl")
    refused(written(tmp_path / "empty.th", b""))
    refused(written(tmp_path / "html.th", b"<html>not found</html>"))
    with pytest.raises(ModelError, match="cannot be read"):
        read_checkpoint(tmp_path / "missing.th")


NOTES = {
    "os.system": {"klass": "os.system", "args": '["touch sprung"]', "kwargs": "{}"},
    "a module of its own": {"klass": f"{MODULE}.Net", "args": "[]", "kwargs": "{}"},
    "a class tree": {
        "klass": "demucs.htdemucs.HTDemucs",
        "structure": json.dumps({"_dict": [["meta", {"_dict": [["klass", {"_class": f"{MODULE}.Net"}]]}]]}),
    },
    "a node of its own": {"klass": "demucs.htdemucs.HTDemucs", "structure": json.dumps({"_call": ["os.system", "x"]})},
    "a fraction of nothing": {
        "klass": "demucs.htdemucs.HTDemucs",
        "kwargs": json.dumps({"segment": {"_type": "fraction", "numerator": 1, "denominator": 0}}),
    },
    "a tensor that is not there": {
        "klass": "demucs.htdemucs.HTDemucs",
        "structure": json.dumps({"_dict": [["x", {"_tensor": "y"}]]}),
    },
    "endless nesting": {"klass": "demucs.htdemucs.HTDemucs", "kwargs": "[" * 100_000},
    "no JSON": {"klass": "demucs.htdemucs.HTDemucs", "kwargs": "{'a': os.system('x')}"},
}


@pytest.mark.parametrize("name", NOTES)
def test_safetensors_whose_header_names_things(name: str, trap: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_file({"weight": np.zeros(3, np.float32)}, path, metadata=NOTES[name])
    refused(path)
    assert not trap.exists()
    assert MODULE not in sys.modules


def header(**tensors: dict[str, Any]) -> bytes:
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text


FLOATS = {"dtype": "F32", "shape": [2]}
HEADERS = {
    "of 8 EiB": struct.pack("<Q", 1 << 63) + b"{}",
    "longer than the file": struct.pack("<Q", 1 << 20) + b"{}",
    "with overlapping tensors": header(a={**FLOATS, "data_offsets": [0, 8]}, b={**FLOATS, "data_offsets": [4, 12]})
    + bytes(12),
    "with a hole": header(a={**FLOATS, "data_offsets": [0, 8]}, b={**FLOATS, "data_offsets": [80, 88]}) + bytes(88),
    "beyond the end": header(a={**FLOATS, "data_offsets": [0, 8]}),
    "with a shape of another size": header(a={"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 8]}) + bytes(8),
    "with offsets backwards": header(a={**FLOATS, "data_offsets": [8, 0]}) + bytes(8),
    "that is no JSON": struct.pack("<Q", 4) + b"\xff\xff\xff\xff",
}


@pytest.mark.parametrize("name", HEADERS)
def test_safetensors_with_a_header(name: str, tmp_path: Path) -> None:
    refused(written(tmp_path / "net.safetensors", HEADERS[name]), "safetensors")


BAGS = {
    "a tag": "models: !!python/object/apply:os.system ['touch sprung']",
    "a tagged item": "models: [!!python/name:os.system '']",
    "an anchor": "models: &a ['x']\nweights: *a",
    "a mapping": "models: {a: b}",
    "a block": "models: |\n  x",
    "another key": "models: ['x']\ncommand: rm",
    "a path": "models: ['../../etc/passwd']",
    "too few weights": "models: ['x', 'y']\nweights: [[1, 2, 3, 4]]",
    "weights that are no numbers": "models: ['x']\nweights: [[1, .nan, 3, 4]]",
    "a segment of no length": "models: ['x']\nsegment: 0",
    "nothing": "",
    "endless nesting": "models: " + "[" * 50_000,
    "a size that no bag has": "models: ['x']\n" + "# \n" * 50_000,
}


@pytest.mark.parametrize("name", BAGS)
def test_bags_with(name: str, tmp_path: Path) -> None:
    (tmp_path / "bag.yaml").write_text(BAGS[name])
    with pytest.raises(ModelError) as caught:
        read_bag(tmp_path / "bag.yaml")
    assert str(caught.value).startswith(str(tmp_path / "bag.yaml"))
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def good() -> Package:
    """A package that is in order, to be spoilt."""
    from demucs.demucs import Demucs

    torch.manual_seed(0)
    kwargs = {"channels": 4, "depth": 1, "dconv_attn": 9, "dconv_lstm": 9, "segment": Fraction(1, 10)}
    net = Demucs(["a", "b"], **kwargs)
    return Package("demucs.demucs.Demucs", (["a", "b"],), kwargs, {k: v.numpy() for k, v in net.state_dict().items()})


def spoilt(package: Package, **changes: Any) -> Package:
    return Package(**{**vars(package), **changes})


def test_the_good_one_is_taken(good: Package) -> None:
    assert build(good)[1].stems == ("a", "b")


def test_weights_that_do_not_fit(good: Package) -> None:
    name, value = next(iter(good.state.items()))
    cases = {
        "lacks": {key: each for key, each in good.state.items() if key != name},
        "beyond": {**good.state, "backdoor.weight": np.zeros(3, np.float32)},
        "shape": {**good.state, name: value[..., :-1]},
        "NaN": {**good.state, name: np.full_like(value, np.nan)},
        "infinity": {**good.state, name: np.full_like(value, np.inf)},
        "floating": {**good.state, name: value.astype(np.int64)},
    }
    for word, weights in cases.items():
        with pytest.raises(ModelError, match=word) as caught:
            build(spoilt(good, state=weights))
        assert ("backdoor.weight" if word == "beyond" else name) in str(caught.value)


ARGUMENTS = {
    **{"channels": 10**9, "depth": 10**9, "segment": "forty", "samplerate": -1, "growth": float("inf")},
    **{"kernel_size": 0, "stride": 2.5, "normalize": "yes", "dconv_depth": True, "norm_groups": 3, "channels ": 1},
    "sources": ["../../etc/passwd"],
    "dconv_comp": [4],
    "lstm_layers": 10**6,
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_that_make_no_net(name: str, good: Package) -> None:
    if name == "channels ":  # an argument that does not exist is dropped, as demucs does
        assert build(spoilt(good, kwargs={**good.kwargs, name: 1}))
        return
    args = () if name == "sources" else good.args
    with pytest.raises(ModelError):
        build(spoilt(good, args=args, kwargs={**good.kwargs, name: ARGUMENTS[name], "norm_starts": 0}))


def test_a_class_of_another_family(good: Package) -> None:
    with pytest.raises(ModelError, match=r"diffq\.diffq\.DiffQuantizer"):
        build(spoilt(good, klass="diffq.diffq.DiffQuantizer"))


def test_spoilt_bytes_never_end_in_anything_but_a_refusal(good: Package, tmp_path: Path) -> None:
    whole = io.BytesIO()
    torch.save(OrderedDict((name, torch.from_numpy(value)) for name, value in list(good.state.items())[:3]), whole)
    stream = io.BytesIO()
    torch.save({"weight": torch.zeros(3)}, stream, _use_new_zipfile_serialization=False)
    generator, path = np.random.default_rng(0), tmp_path / "net.th"
    for data in (whole.getvalue(), stream.getvalue()):
        for _ in range(100):
            spoiled = bytearray(data)
            for place in generator.integers(0, len(data), 3):
                spoiled[place] = generator.integers(0, 256)
            path.write_bytes(bytes(spoiled[: generator.integers(1, len(data) + 1)]))
            with contextlib.suppress(ModelError):
                read_checkpoint(path)
