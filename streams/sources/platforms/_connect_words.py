"""The words of Amazon Connect's payloads, and what they are in events."""

from __future__ import annotations

from streams.domain.events import Author, Channel, EndedBy

CHANNELS: dict[str, Channel] = {
    "VOICE": "voice",
    "Voice": "voice",
    "CHAT": "chat",
    "EMAIL": "email",
}
SUBTYPES: dict[str, Channel] = {
    "connect:SMS": "messaging",
    "connect:WhatsApp": "messaging",
    "connect:Apple": "messaging",
}
# Later legs go whichever way the first did.
LATER_LEGS = ("TRANSFER", "QUEUE_TRANSFER", "CALLBACK", "DISCONNECT", "MONITOR")
DIRECTIONS = {
    "INBOUND": "inbound",
    "API": "inbound",
    "WEBRTC_API": "inbound",
    "OUTBOUND": "outbound",
    "EXTERNAL_OUTBOUND": "outbound",
    "AGENT_REPLY": "outbound",
    "FLOW": "outbound",
}
# Reasons after which nothing of the conversation follows, and who ended it.
FINAL: dict[str, EndedBy] = {
    "CUSTOMER_DISCONNECT": "customer",
    "TELECOM_ORIGINATOR_CANCEL": "customer",
    "CUSTOMER_NEVER_ARRIVED": "customer",
    "CUSTOMER_CONNECTION_NOT_ESTABLISHED": "customer",
    "AGENT_COMPLETED": "human",
    "DISCARDED": "human",
    "EXPIRED": "system",
    "IDLE_DISCONNECT": "system",
    "SYSTEM_ERROR": "system",
    "TELECOM_PROBLEM": "system",
    "TELECOM_TIMEOUT": "system",
}
# Reasons that end a leg: the conversation, if no leg follows.
ENDED_BY: dict[str, EndedBy] = {
    **FINAL,
    "AGENT_DISCONNECT": "human",
    "BARGED": "human",
    "AGENT_NETWORK_DISCONNECT": "system",
    "CONTACT_FLOW_DISCONNECT": "automation",
    "API": "automation",
}
REASONS = {
    reason: reason
    for reason in (
        *ENDED_BY,
        "THIRD_PARTY_DISCONNECT",
        "TRANSFERRED",
        "TELECOM_BUSY",
        "TELECOM_NUMBER_INVALID",
        "TELECOM_POTENTIAL_BLOCKING",
        "TELECOM_UNANSWERED",
        "OUTBOUND_DESTINATION_ENDPOINT_ERROR",
        "OUTBOUND_RESOURCE_ERROR",
        "OUTBOUND_ATTEMPT_FAILED",
        "OUTBUND_PREVIEW_DISCARDED",
        "OTHER",
    )
}
ROLES: dict[str, Author] = {
    "CUSTOMER": "customer",
    "AGENT": "human",
    "SUPERVISOR": "human",
    "CUSTOM_BOT": "ai",
    "SYSTEM": "automation",
}
# Whether the customer sees it.
VISIBILITY = {"ALL": True, "CUSTOMER": True, "AGENT": False, "SUPERVISOR": False}
OFFERS = {"INCOMING", "PENDING", "CONNECTING"}
