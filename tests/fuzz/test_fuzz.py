"""Any bytes give a value or the documented error, in bounded time and memory: a short, fixed run.

The long run is `make fuzz`. What it has ever found lies in corpus/TARGET/ and is tried here first.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.limits import limited
from tests.fuzz.mutation import mutate
from tests.fuzz.targets import NAMES, load

CORPUS = Path(__file__).parent / "corpus"
FOUND = sorted(path for path in CORPUS.glob("*/*") if path.is_file())
# Inputs a target; a check of a whole worker costs more than one of a decoder.
EXAMPLES = {"events": 400, "content_modes": 400, "trajectories": 250}
FEW = 100


@pytest.mark.parametrize("name", NAMES)
def test_a_valid_sample_is_read(name: str) -> None:
    target = load(name)
    assert target.samples()
    for raw in target.samples():
        target.check(raw)


@pytest.mark.parametrize("path", FOUND, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_what_was_found_once_is_not_found_again(path: Path) -> None:
    with limited():
        load(path.parent.name).check(path.read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_any_bytes_give_a_value_or_the_documented_error(name: str) -> None:
    target = load(name)
    mutated = st.builds(
        lambda raw, seed: mutate(raw, Random(seed), target.FORM),
        st.sampled_from(target.samples()),
        st.integers(0, 2**32),
    )

    @settings(
        max_examples=EXAMPLES.get(name, FEW),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(mutated, mutated, mutated, st.binary(max_size=2000)))
    def check(data: bytes) -> None:
        with limited():
            target.check(data)

    check()
