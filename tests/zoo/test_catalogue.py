from __future__ import annotations

import re

import pytest

from unbraid.errors import UsageError
from unbraid.zoo.bag import parse_bag
from unbraid.zoo.catalogue import Entry, entries, find, names

OFFICIAL = {
    *("htdemucs", "htdemucs_ft", "htdemucs_6s", "hdemucs_mmi", "mdx", "mdx_extra", "mdx_q", "mdx_extra_q"),
    *("repro_mdx_a", "repro_mdx_a_time_only", "repro_mdx_a_hybrid_only"),
    *("demucs", "demucs48_hq", "demucs_extra", "demucs_quantized", "tasnet", "tasnet_extra", "light", "light_extra"),
}


def test_every_official_name_is_there() -> None:
    assert set(names()) >= OFFICIAL


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_every_entry_can_be_fetched_checked_and_run(entry: Entry) -> None:
    assert entry.bag.models == tuple(file.signature for file in entry.files)
    if entry.bag.weights is not None:
        assert {len(row) for row in entry.bag.weights} == {len(entry.stems)}
        assert all(sum(column) > 0 for column in zip(*entry.bag.weights, strict=True))
    for address in (address for file in entry.files for address in file.addresses):
        assert address.url.startswith("https://")
        assert re.fullmatch(r"[0-9a-f]{8,64}", address.sha256)
        if "huggingface" in address.url:
            assert re.search(r"/resolve/[0-9a-f]{40}/", address.url), "not pinned to a commit"
            assert len(address.sha256) == 64


def test_the_sum_in_a_demucs_file_name_is_the_sum_we_check() -> None:
    checked = 0
    for file in (file for entry in entries() for file in entry.files):
        for address in file.addresses:
            named = re.fullmatch(r".+-([0-9a-f]{8})\.th", address.filename)
            if named:
                assert address.sha256.startswith(named[1])
                checked += 1
    assert checked > 30


def test_bags_are_those_of_demucs() -> None:
    from pathlib import Path

    import demucs

    folder = Path(demucs.__file__).parent / "remote"
    for path in folder.glob("*.yaml"):
        wanted, ours = parse_bag(path.read_text()), find(path.stem).bag
        # A net that stands twice in a bag of equal weights counts as if it stood there once.
        assert ours.models == tuple(dict.fromkeys(wanted.models))
        assert (ours.weights, ours.segment_s) == (wanted.weights, wanted.segment_s)


def test_published_figures_of_nets_that_saw_the_test_set_are_not_repeated() -> None:
    seen = {entry.name for entry in entries() if entry.musdb_test_seen}
    assert seen == {"mdx_extra", "mdx_extra_q"}
    assert not any(find(name).sdr_db for name in seen)


def test_an_unknown_name_is_answered_with_those_that_are_like_it() -> None:
    with pytest.raises(UsageError, match="htdemucs_ft"):
        find("htdemucs-ft")
