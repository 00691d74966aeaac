"""The plan covers every sample, in order, and gives each chunk a length its net can take."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unbraid.engine.plan import count, plan
from unbraid.errors import UsageError
from unbraid.spec import Spec


def spec(segment: int = 100, multiple: int = 1, fixed_length: bool = False) -> Spec:
    return Spec("x", 100, 1, ("a",), segment, fixed_length=fixed_length, multiple=multiple)


@settings(max_examples=200, deadline=None)
@given(
    length=st.integers(0, 1000),
    segment=st.integers(1, 200),
    multiple=st.integers(1, 16),
    fixed=st.booleans(),
    overlap=st.floats(0, 0.95),
)
def test_every_sample_is_covered(length: int, segment: int, multiple: int, fixed: bool, overlap: float) -> None:
    facts = spec(segment, multiple, fixed)
    chunks = list(plan(length, facts, overlap))
    assert len(chunks) == count(length, facts, overlap)
    covered = 0
    for before, chunk in zip([None, *chunks], chunks, strict=False):
        assert before is None or chunk.start > before.start
        assert chunk.start <= covered
        assert 0 < chunk.length <= segment
        covered = max(covered, chunk.stop)
        given_length = chunk.given_stop - chunk.given_start
        assert given_length == facts.valid_length(chunk.length)
        left, right = chunk.left, chunk.given_stop - chunk.stop
        assert right - left in (0, 1)
    assert covered == length


@pytest.mark.parametrize("overlap", [-0.1, 0.96, float("nan")])
def test_an_impossible_overlap_is_refused(overlap: float) -> None:
    with pytest.raises(UsageError, match="overlap"):
        list(plan(10, spec(), overlap))
