"""A synthetic day of an AI-first telecom contact centre, for `baton generate` and `baton demo`.

Labelled synthetic throughout; what its figures are taken from: calibration.py.
"""

from streams.event_log import SUFFIXES
from streams.sources.synthetic.day import SyntheticDay
from streams.sources.synthetic.disorder import DIRT
from streams.sources.synthetic.log import generate, generate_days, write_log

__all__ = ["DIRT", "SUFFIXES", "SyntheticDay", "generate", "generate_days", "write_log"]
