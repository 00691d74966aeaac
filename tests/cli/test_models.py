"""What is told of models."""

from __future__ import annotations

import pytest

from unbraid.cli.models import info
from unbraid.zoo.catalogue import names


@pytest.mark.parametrize("name", ["compact", *names()])
def test_each_model_is_told_in_lines(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    info(name)
    said = capsys.readouterr().out.splitlines()
    assert said[0].split()[:2] == ["model:", f"{name}:"]
    assert {"stems:", "licence:", "installed:"} <= {line.split()[0] for line in said}


def test_a_model_that_is_not_fetched_says_how_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    info("audiosep")
    assert "give its path instead" in capsys.readouterr().out
