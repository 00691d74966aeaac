"""Models of the community on one core: processor time for a piece by each runtime, and the peak of the whole process.

Full size, random weights: Mel-Band RoFormer as Kimberley Jensen's for voices (228 M weights), MDX23C as that of
Music-Source-Separation-Training for voices, the smaller SCNet. Each runtime in a process of its own, one call of one
thread after another that is not counted; graphs are made before. "package" is the one that RoFormers are trained with,
BS-RoFormer 0.4.1, in torch.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

RUNTIMES = ("torch", "openvino", "onnx")
_SETTINGS = """audio: {{chunk_size: {chunk}, sample_rate: 44100, {audio}}}
model: {model}
training: {{instruments: [{stems}], target_instrument: {target}}}
"""
_KIM = {
    **{
        "dim": 384,
        "depth": 6,
        "stereo": True,
        "num_stems": 1,
        "time_transformer_depth": 1,
        "freq_transformer_depth": 1,
    },
    **{"linear_transformer_depth": 0, "num_bands": 60, "dim_head": 64, "heads": 8, "stft_hop_length": 441},
    **{"mask_estimator_depth": 2, "match_input_audio_length": True},
}

_START = """
import os, resource, sys, time, warnings
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
warnings.simplefilter("ignore")
import numpy
def measured(run, length):
    mix = numpy.random.default_rng(0).standard_normal((1, 2, length)).astype(numpy.float32) / 10
    run(mix)
    began = time.process_time()
    run(mix)
    print(time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
_OURS = f"""{_START}
from unbraid.runtime.heap import keep_freed
keep_freed()
from unbraid.zoo.load import load
separator = load(sys.argv[1], runtime=sys.argv[2], device="cpu").members[0].separator
measured(separator, separator.spec.segment)
"""
_THEIRS = f"""{_START}
import torch
from bs_roformer import MelBandRoformer
torch.set_num_threads(1)
net = MelBandRoformer(**{_KIM!r}).eval()
net.load_state_dict(torch.load(sys.argv[1], weights_only=True))
with torch.inference_mode():
    measured(lambda mix: net(torch.from_numpy(mix)), 352_800)
"""


def report() -> str:
    rows = ["| model | piece, s | by | CPU s a piece | peak, MiB |", "|---|---|---|---|---|"]
    with TemporaryDirectory() as temporary:
        environment = {**os.environ, "UNBRAID_HOME": temporary}

        def run(code: str, *given: str) -> tuple[float, float]:
            command = [sys.executable, "-c", code, *given]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
            seconds, peak = map(float, done.stdout.split())
            return seconds, peak

        for name, make in {"Mel-Band RoFormer": _mel_band, "MDX23C": _mdx23c, "SCNet": _scnet}.items():
            folder = Path(temporary, name.replace(" ", "-"))
            folder.mkdir()
            path, piece_s = make(folder)
            jobs = {runtime: (_OURS, str(path), runtime) for runtime in RUNTIMES}
            jobs |= {"package": (_THEIRS, str(path))} if name == "Mel-Band RoFormer" else {}
            run(_OURS, str(path), "onnx")  # makes the graph
            for runtime, job in jobs.items():
                seconds, peak = run(*job)
                rows.append(f"| {name} | {piece_s:.1f} | {runtime} | {seconds:.1f} | {peak:.0f} |")
                print(rows[-1], file=sys.stderr, flush=True)
    return "\n".join(rows)


def _mel_band(folder: Path) -> tuple[Path, float]:
    import warnings

    from bs_roformer import MelBandRoformer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = MelBandRoformer(**_KIM)
    told = "{stereo: true, stft_hop_length: 441}"
    return _saved(folder, net, 352_800, told, "vocals, other", "vocals"), 352_800 / 44_100


def _mdx23c(folder: Path) -> tuple[Path, float]:
    from unbraid.nets.mdx23c import MDX23C, MDX23CConfig

    net = MDX23C(MDX23CConfig())
    audio = "num_channels: 2, dim_f: 4096, n_fft: 8192, hop_length: 1024"
    told = (
        "{act: gelu, norm: InstanceNorm, num_subbands: 4, num_scales: 5, scale: [2, 2], num_blocks_per_scale: 2, "
        "num_channels: 128, growth: 128, bottleneck_factor: 4}"
    )
    path = _saved(folder, net, net.config.segment, told, "vocals, other", "null", audio)
    return path, net.config.segment / 44_100


def _scnet(folder: Path) -> tuple[Path, float]:
    from unbraid.nets.scnet import SCNet, SCNetConfig

    net = SCNet(SCNetConfig())
    return _saved(folder, net, 485_100, "{nfft: 4096}", "drums, bass, other, vocals", "null"), 485_100 / 44_100


def _saved(
    folder: Path, net: object, chunk: int, model: str, stems: str, target: str, audio: str = "num_channels: 2"
) -> Path:
    import torch

    assert isinstance(net, torch.nn.Module)
    path = folder / "weights.ckpt"
    torch.save(net.state_dict(), path)
    text = _SETTINGS.format(chunk=chunk, audio=audio, model=model, stems=stems, target=target)
    path.with_suffix(".yaml").write_text(text, "utf-8")
    return path
