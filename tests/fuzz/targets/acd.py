"""Call logs: streams/sources/acd.py, call_times.py and tables.py."""

from __future__ import annotations

import gzip
import io
import zipfile
from functools import cache

from tests.fuzz.files import check_source

FORM = "text"
_LOG = b"""vru+line,call_id,customer_id,priority,type,date,vru_entry,vru_exit,q_start,q_exit,\
outcome,ser_start,ser_exit,server
AA0101,33116,9664491,2,PS,990901,11:45:33,11:45:39,11:45:39,11:46:58,AGENT,11:46:57,11:51:00,D
AA0101,33117,0,0,PS,990905,14:49:00,14:49:06,14:49:06,14:53:00,HANG,0:00:00,0:00:00,NO_SERVER
AA0101,33118,27997683,2,PE,990905,23:59:58,0:00:02,0:00:00,0:00:00,AGENT,0:00:03,0:01:00,E
"""


@cache
def samples() -> tuple[bytes, ...]:
    """A log with commas, tabs, gzipped and zipped."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("calls.csv"), _LOG)
    return (_LOG, _LOG.replace(b",", b"\t"), gzip.compress(_LOG, mtime=0), packed.getvalue())


def check(data: bytes) -> None:
    """Records and problems; never an exception."""
    check_source("acd", data)
