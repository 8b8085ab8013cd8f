"""From a conversation's state to its facts: DEFINITIONS.md sections 4 to 7, read in order of time.

`walk` is a pure function of (state, upto, contract). It is causal: a fact at t depends on nothing
after t, which is why a fact published when the watermark reaches t stands, whatever on-time event
comes later.
"""

from __future__ import annotations

from streams.domain.contract import ContractBook
from streams.domain.episode_facts import write_episode
from streams.domain.fact_writer import FactWriter
from streams.domain.facts import Fact
from streams.domain.interaction import Interaction
from streams.domain.note_facts import write_notes
from streams.domain.path import Path
from streams.domain.response_facts import await_question, write_responses


def walk(
    state: Interaction,
    contract: str,
    conversation: str,
    book: ContractBook,
    after: int | None,
    upto: int,
    path: Path | None = None,
) -> tuple[list[Fact], int | None]:
    """Facts with `after` < time <= `upto` in order, and when the next one could come (ms) or None.

    `after` None means from the beginning. Revisions are 0: numbering them is publication's concern.
    `path` is read on from where it stands, `after` at the latest; without it all is read anew.
    """
    if path is None:
        path = Path(state, contract, book)
    path.read(upto)
    writer = FactWriter(state, contract, conversation, book, after, upto)
    episodes = path.episodes
    for episode in episodes:
        write_episode(writer, episode, episodes, path.returns)
        write_responses(writer, episode)
    if path.episode is None:
        await_question(writer)
    write_notes(writer, episodes)
    if path.due is not None:
        writer.wake(path.due)
    return writer.in_order(), writer.due
