"""Zendesk: tickets by event webhooks, EventBridge or their audits, and the events of chats.

What they honestly say:

- Who wrote: staff or not by webhook; by audit only with `users` side-loaded or the ticket's
  requester (its first audit names it). A user who is an AI agent looks like any other: mark its id
  as bot. Rules, triggers and user -1 are automations. A comment that is not public is neither
  answer nor activity, one of a side conversation or a merge none to the customer.
- T0: the bot leaves the ticket (assignee or group, marked bot, to another or none), a tag marked
  handoff or human, a chat's transfer to a department. T1 is a public comment, or a message in a
  chat, by staff. Assigned to oneself is accepted, to another offered.
- `solved` is the desk's claim and the end of the contact: the status `closed` that follows it days
  later is housekeeping. Solved by an automation (a ticket left pending) is its end and claim, by a
  bot the AI's. From solved to anything else reopens.
- Satisfaction: offered, then good (1) or bad (0).
- The ticket's channel stands in the ticket, not in its audits: without the ticket it is email.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from streams.domain.events import (
    Author,
    ContactStarted,
    CsatReceived,
    CsatRequested,
)
from streams.sources.adapter import (
    NOT_TO_THE_CUSTOMER,
    PRIVATE_NOTE,
    Ignored,
    Item,
    Platform,
    Talk,
)
from streams.sources.coverage import Feed, no_feeds
from streams.sources.desks.tickets import assigned, grouped, tagged, turned
from streams.sources.desks.zendesk_chats import CHAT_KINDS
from streams.sources.desks.zendesk_payloads import (
    FIELDS,
    SCORES,
    actor_of,
    audit_of,
    author_of,
    change_of,
    contact_of,
    kind_of,
    marked,
    parts_of,
    said,
    ticket_of,
    when,
)
from streams.sources.payload import Payload

_ACTORS: Final[dict[str, Author]] = {
    **dict.fromkeys(("end_user", "end-user", "user", "visitor"), "customer"),
    **dict.fromkeys(("agent", "admin"), "human"),
    **dict.fromkeys(("system", "trigger"), "automation"),
}

# --- Webhooks and EventBridge.


def _created(part: Payload, talk: Talk) -> Iterator[Item]:
    by = actor_of(part)
    at_ms = ticket_of(part).moment("created_at") or when(part)
    direction = {"customer": "inbound", "human": "outbound"}.get(by or "")
    yield talk.tell(ContactStarted, at_ms, "created", direction=direction)


def _commented(part: Payload, talk: Talk) -> Iterator[Item]:
    comment = change_of(part).at("comment")
    staff = comment.flag("author.is_staff")
    author = marked(comment.at("author.id"))
    if author is None and staff is not None:
        author = "human" if staff else "customer"
    if comment.at("author.id").whole() == -1:
        author = "automation"
    yield said(comment, talk, when(part), author, comment.key("author.id"))


def _messaged(part: Payload, talk: Talk) -> Iterator[Item]:
    event = part.at("event")
    bot = event.text("actor.id") == "zd:answerBot"
    author = "ai" if bot else marked(event.at("actor.id")) or event.word(_ACTORS, "actor.type")
    yield said(event.at("message"), talk, when(part), author, event.key("actor.id"))


def _changed(part: Payload, talk: Talk) -> Iterator[Item]:
    change, kind = change_of(part), kind_of(part)
    by, at_ms = actor_of(part), when(part)
    before, after = change.at("previous"), change.at("current")
    if kind == "ticket.status_changed":
        yield from turned(talk, at_ms, by, before, after)
    elif (ticket_of(part).text("status") or "").lower() in ("solved", "closed"):
        # Tidying up: nobody waits, and it would begin another episode.
        return
    elif kind == "ticket.agent_assignment_changed":
        actor = part.key("detail.actor_id", "detail.ticket_event.meta.actor_id")
        yield from assigned(talk, at_ms, by, actor, before, after)
    elif kind == "ticket.group_assignment_changed":
        yield from grouped(talk, at_ms, before, after)
    else:
        yield from tagged(talk, at_ms, change.items("tags_added"))


# --- Audits.


def _audited(audit: Payload, talk: Talk) -> Iterator[Item]:
    """The audit itself: the first one begins the ticket."""
    if any(event.text("type") == "Create" for event in audit.items("events")):
        direction = {"customer": "inbound", "human": "outbound"}.get(author_of(audit) or "")
        yield talk.tell(ContactStarted, audit.moment("created_at"), "created", direction=direction)


def _comment(event: Payload, talk: Talk) -> Iterator[Item]:
    who = event.key("author_id") or audit_of(event).key("author_id")
    yield said(event, talk, when(event), author_of(event), who)


def _field(event: Payload, talk: Talk) -> Iterator[Item]:
    field, by, at_ms = event.word(FIELDS, "field_name"), author_of(event), when(event)
    before, after = event.at("previous_value"), event.at("value")
    created = event.text("type") == "Create"
    if field == "status" and not created:
        yield from turned(talk, at_ms, by, before, after)
    elif field == "assignee_id":
        who = event.key("author_id") or audit_of(event).key("author_id")
        yield from assigned(talk, at_ms, by, who, before, after)
    elif field == "group_id" and not created:
        yield from grouped(talk, at_ms, before, after)
    elif field == "tags":
        had = [tag.value for tag in before.words()]
        yield from tagged(talk, at_ms, (tag for tag in after.words() if tag.value not in had))


def _rated(event: Payload, talk: Talk) -> Iterator[Item]:
    at_ms, survey = when(event), f"{talk.id}/satisfaction"
    if event.text("score") == "offered":
        yield talk.tell(CsatRequested, at_ms, survey_id=survey)
    score = event.word(SCORES, "score")
    if score is not None:
        yield talk.tell(
            CsatReceived, at_ms, survey_id=survey, score=score, scale_min=0, scale_max=1
        )


def _surveyed(event: Payload, talk: Talk) -> Iterator[Item]:
    yield talk.tell(CsatRequested, when(event), survey_id=f"{talk.id}/satisfaction")


_FIELD: Final = Ignored("a field that says nothing about who serves the customer")
_NOTICE: Final = Ignored("a notice that Zendesk sends or a reference that it keeps")
_HOUSEKEEPING: Final = Ignored("the desk's own housekeeping: neither answer nor activity")
_ELSEWHERE: Final = "emit it through streams.emit"

_HANDED: Final = Feed(
    "partly",
    "an AI agent is a user like any other, and its handoff a tag or an assignment",
    "mark the AI agents' user and group ids as bot, and the tags they hand over with",
)

PLATFORM = Platform(
    name="zendesk",
    title="Zendesk",
    reads=(
        "event webhooks (zen:event-type:ticket.*, messaging_ticket.*) and their EventBridge form;"
        " ticket audits, one or a document of audits, users and ticket; chat events;"
        " https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events,"
        " https://developer.zendesk.com/documentation/ticketing/reference-guides/"
        "ticket-audit-events-reference"
    ),
    parts=parts_of,
    kind=kind_of,
    contact=contact_of,
    kinds={
        "ticket.created": _created,
        "ticket.comment_added": _commented,
        "messaging_ticket.message_added": _messaged,
        **dict.fromkeys(
            (
                *("ticket.status_changed", "ticket.agent_assignment_changed"),
                *("ticket.group_assignment_changed", "ticket.tags_changed"),
            ),
            _changed,
        ),
        "audit": _audited,
        "Comment": _comment,
        PRIVATE_NOTE: NOT_TO_THE_CUSTOMER,
        **dict.fromkeys(
            (f"{how}.{name}" for how in ("Create", "Change") for name in FIELDS), _field
        ),
        "SatisfactionRating": _rated,
        "SurveyOffered": _surveyed,
        **CHAT_KINDS,
        "VoiceComment": Ignored("a call's record; its legs are in Talk's own API"),
        **dict.fromkeys(("Create.other", "Change.other", "ticket.other"), _FIELD),
        **dict.fromkeys(
            (
                *("Notification", "NotificationWithCcs", "SmsNotification", "Cc", "Push", "Error"),
                *("FollowerNotification", "FollowerChange", "EmailCcChange", "External", "Tweet"),
                *(
                    "AgentMacroReference",
                    "OrganizationActivity",
                    "TicketSharingEvent",
                    "FacebookEvent",
                ),
                *("SlaTargetChange", "CommentPrivacyChange", "CommentRedactionEvent", "OfferedTo"),
                *("AttachmentRedactionEvent", "SkillAssigned", "RoutingChannel", "Associate Event"),
                *(
                    "CollabThreadCreated",
                    "CollabThreadReply",
                    "CollabThreadClosed",
                    "CollabThreadReopen",
                ),
                *(
                    "SurveyResponseSubmitted",
                    "ChatStartedEvent",
                    "KnowledgeLinked",
                    "LogMeInTranscript",
                ),
            ),
            _NOTICE,
        ),
        **dict.fromkeys(
            (
                *("ticket.priority_changed", "ticket.subject_changed", "ticket.brand_changed"),
                *("ticket.custom_field_changed", "ticket.custom_status_changed", "ticket.merged"),
                *(
                    "ticket.description_changed",
                    "ticket.external_id_changed",
                    "ticket.form_changed",
                ),
                *("ticket.email_ccs_changed", "ticket.followers_changed", "ticket.type_changed"),
                *("ticket.organization_changed", "ticket.problem_link_changed", "ticket.undeleted"),
                *("ticket.requester_changed", "ticket.submitter_changed", "ticket.soft_deleted"),
                *("ticket.task_due_at_changed", "ticket.marked_as_spam", "ticket.comment_redacted"),
                *("ticket.attachment_linked_to_comment", "ticket.comment_made_private"),
                *("ticket.attachment_redacted_from_comment", "ticket.permanently_deleted"),
                *("ticket.schedule_changed", "ticket.ticket_type_changed", "ticket.slas_changed"),
            ),
            _HOUSEKEEPING,
        ),
    },
    feeds={
        **no_feeds("not in these events", _ELSEWHERE),
        "escalation latency": _HANDED,
        "answer service level": _HANDED,
        "abandonment": Feed(
            "no",
            "a customer who gives up on a ticket leaves no event",
            "escalations that nobody answers expire by the contract's escalationExpiry",
        ),
        "first response": Feed(
            "partly",
            "an AI agent who is not marked answers as a human would; audits alone do not say who is"
            " staff",
            "mark the AI agents' user ids as bot; side-load users with audits",
        ),
        "containment": _HANDED,
        "recontact": Feed(
            "partly",
            "as containment; a customer is a user, another on each channel until two are merged",
            "mark the AI agents' user and group ids as bot; merge users",
        ),
        "verified resolution": Feed(
            "partly",
            "a bot claims where it solves a ticket; there is no evidence",
            "send resolution.evidence from the system of record",
        ),
        "failure reasons": Feed(
            "partly",
            "only as tags that the bot sets",
            "let the bot set a tag at each failure and mark it `human`, or use streams.emit",
        ),
        "satisfaction": Feed(
            "partly",
            "the rating is in audits alone; answers of the newer surveys are not even there",
            "read audits beside the webhooks, or emit csat.received from the survey's export",
        ),
    },
)
