from __future__ import annotations

from pathlib import Path

import pytest

from unbraid.zoo.bag import Bag, parse_bag, read_bag

ROWS = ((1.0, 0.0), (0.5, 2.0))


@pytest.mark.parametrize(
    "text",
    [
        "models: ['0d19c1c6', '7ecf8ec1']\nweights: [\n  [1., 0.],\n  [.5, 2.],\n]\nsegment: 44",
        "models: [0d19c1c6, 7ecf8ec1]\nweights: [[1, 0], [0.5, 2]]\nsegment: 44.0\n",
        '# bag\nmodels:\n  - 0d19c1c6\n  - "7ecf8ec1"  # the second\nweights:\n- [1, 0]\n- [5e-1, 2]\n\nsegment: 44\n',
        "---\nsegment: 44\nweights: [[1,0],[0.5,2,],]\nmodels: [ 0d19c1c6 , 7ecf8ec1 ]",
    ],
)
def test_ways_to_write_one_bag(text: str) -> None:
    assert parse_bag(text) == Bag(("0d19c1c6", "7ecf8ec1"), ROWS, 44.0)


def test_what_is_not_said_is_none(tmp_path: Path) -> None:
    (tmp_path / "bag.yaml").write_text("models: ['955717e8']")
    assert read_bag(tmp_path / "bag.yaml") == Bag(("955717e8",))


def test_every_bag_of_demucs_is_read() -> None:
    import demucs
    import yaml

    paths = list((Path(demucs.__file__).parent / "remote").glob("*.yaml"))
    assert len(paths) > 5
    for path in paths:
        wanted, ours = yaml.safe_load(path.read_text()), read_bag(path)
        assert list(ours.models) == wanted["models"]
        assert ours.segment_s == wanted.get("segment")
        assert ours.weights == (tuple(map(tuple, wanted["weights"])) if "weights" in wanted else None)
