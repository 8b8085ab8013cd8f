"""What `baton governance erase` asks for. DEFINITIONS.md section 12."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from streams.domain.erasure import request_digest
from streams.domain.events import SubjectKind
from streams.domain.facts import rfc3339

SOURCE = "/baton/governance"


@dataclass(frozen=True)
class Asked:
    """One subject of one contract. `request` stands for it on the governance log."""

    contract: str
    kind: SubjectKind
    subject: str
    id: str
    time_ms: int

    @property
    def request(self) -> str:
        return request_digest(SOURCE, self.id).hex()

    def event(self, actor: str) -> bytes:
        """The request, as it goes to every partition of the events."""
        return orjson.dumps(
            {
                "specversion": "1.0",
                "id": self.id,
                "source": SOURCE,
                "type": "baton.governance.erasure_requested",
                "time": rfc3339(self.time_ms),
                "data": {
                    "contract": self.contract,
                    "subject_key": self.subject,
                    "subject_kind": self.kind,
                    "actor": actor,
                },
            }
        )
