"""Parts of Intercom's conversations and topics of its webhooks that say nothing of an episode."""

from __future__ import annotations

from typing import Final

from streams.sources.adapter import NOT_TO_THE_CUSTOMER, Ignored

_HOUSEKEEPING: Final = Ignored("the desk's own housekeeping: neither answer nor activity")
_OTHER_OBJECT: Final = Ignored("about no conversation")

IGNORED_KINDS: Final[dict[str, Ignored]] = {
    "part.note": NOT_TO_THE_CUSTOMER,
    **dict.fromkeys(
        (
            *("part.snoozed", "part.unsnoozed", "part.timer_unsnooze"),
            *("part.participant_added", "part.participant_removed"),
            *(
                "part.conversation_attribute_updated_by_admin",
                "part.language_detection_details",
            ),
            *("part.conversation_attribute_updated_by_workflow", "part.message_strategy"),
            *("part.conversation_attribute_updated_by_user", "part.custom_action_started"),
            *("part.custom_action_finished", "part.operator_workflow_event", "part.channel"),
            *("part.ticket_state_updated_by_admin", "part.ticket_attribute_updated_by_admin"),
            *("part.conversation_rating_changed", "part.conversation_rating_remark_added"),
            *("part.priority_changed", "part.title_changed", "part.conversation_tags_updated"),
            *("part.conversation_sla_applied", "part.quick_reply_options", "part.away_mode"),
            *("part.call_summary", "part.merged_primary_conversation"),
            *("part.merged_secondary_conversation", "part.source_redacted"),
        ),
        _HOUSEKEEPING,
    ),
    **dict.fromkeys(
        (
            *("ping", "user.created", "user.deleted", "contact.created", "contact.signed_up"),
            *("contact.user.created", "contact.user.updated", "contact.lead.created"),
            *("contact.lead.signed_up", "contact.email.updated", "contact.deleted"),
            *("company.created", "company.updated", "event.created", "ticket.created"),
            *("ticket.state.updated", "ticket.admin.assigned", "ticket.team.assigned"),
            *("conversation.deleted", "conversation_part.redacted", "content_stat.new"),
        ),
        _OTHER_OBJECT,
    ),
}
