"""Incident logs: streams/sources/incidents.py and tables.py."""

from __future__ import annotations

from functools import cache

from tests.fuzz.files import check_source

FORM = "text"
_LOG = b"""number,incident_state,reopen_count,sys_mod_count,caller_id,opened_at,sys_updated_at,\
contact_type,category
INC45,New,0,0,Caller 2403,29/2/2016 01:16,29/2/2016 01:23,Phone,Category 55
INC45,Resolved,0,2,Caller 2403,29/2/2016 01:16,29/2/2016 08:53,Phone,Category 55
INC45,Active,1,3,Caller 2403,29/2/2016 01:16,1/3/2016 08:53,Phone,Category 55
INC45,Closed,1,4,?,29/2/2016 01:16,5/3/2016 12:00,?,?
"""


@cache
def samples() -> tuple[bytes, ...]:
    """A log with commas, and with semicolons."""
    return (_LOG, _LOG.replace(b",", b";"))


def check(data: bytes) -> None:
    """Records and problems; never an exception."""
    check_source("incidents", data)
