"""What the synthetic day is drawn from. Everything it yields is synthetic; these are its sources.

TAU: tau-bench airline, 200 runs of a real LLM agent with outcomes checked in the database. TAU2:
tau2-bench airline, 50 timed conversations. BANK: a day of a bank's call centre, 1999, 2,375 calls.

| parameter | figure | source |
|---|---|---|
| contacts by local hour | low at night, peaks at 11 h and 15 h | BANK's shape (night raised) |
| never transferred | 76 % over the day | TAU: 152 of 200 |
| verified among those | 32 % | TAU: 49 of 152 (Wilson 95 % 25.3-40.0) |
| patience, voice | 5.5 % gone by 13 s, 31 % by 90 s, 51 % by 315 s | BANK, Kaplan-Meier |
| patience, chat and messaging | 3 and 10 times that | assumed |
| handling, voice | median 117 s, p95 551 s, mean 194 s | BANK |
| two clocks | answered up to 3 s before the request | BANK: 1-2 s before the queue's exit |
| tool errors, normal hours | 1 in 10 failures | TAU2: 12 beside 28 transfers (rounded down) |
| queue wait, bad hour, voice | emerges from the desks | compare BANK: median 89 s, p95 384 s |
| everything else | - | assumed |

Durations in ms, shares in ppm, weights in any unit. The names are those of domain/events.py.
"""

from __future__ import annotations

from streams.sources.synthetic.chance import Choice, Quantiles

HOUR_WEIGHTS = (
    *(12, 8, 6, 5, 5, 8, 16, 30, 52, 70, 80, 84),
    *(74, 66, 68, 78, 72, 62, 52, 46, 42, 34, 24, 16),
)

CHANNELS = Choice({"voice": 42, "chat": 31, "messaging": 19, "email": 8})
SUBTYPES = {
    "voice": Choice({"pstn": 1}),
    "chat": Choice({"web": 70, "app": 30}),
    "messaging": Choice({"whatsapp": 85, "sms": 15}),
    "email": Choice({"mailbox": 1}),
}
MARKETS = Choice({"SG": 46, "MY": 32, "PH": 22})
LANGUAGES = {
    "SG": Choice({"en": 80, "zh": 20}),
    "MY": Choice({"ms": 65, "en": 35}),
    "PH": Choice({"fil": 60, "en": 40}),
}
CURRENCIES = {"SG": "SGD", "MY": "MYR", "PH": "PHP"}
# Costs are billed in one currency, but for a carrier that bills in its own; micro-units each.
BILLING_CURRENCY = "SGD"
TOKEN_MICROS, LINE_MICROS, DESK_MICROS = 4, 250, 5_000
CARRIER_CURRENCIES = {"PH": "PHP"}
CARRIER_MICROS = {"PH": 11_000}
CREDITED_PPM = 50_000
JOURNEYS = Choice({"billing": 34, "outage": 22, "plan_change": 18, "activation": 14, "roaming": 12})
TOOLS = {
    "billing": "get_bill",
    "outage": "line_test",
    "plan_change": "change_plan",
    "activation": "activate_sim",
    "roaming": "set_roaming",
}

CAMPAIGN_PPM = 20_000
CAMPAIGN_REPLY_PPM = 350_000
TEST_PPM = 3_000
RECONTACT_PPM = 50_000
TRIVIAL_PPM = 200_000
REOPENED_PPM = 25_000
# Of what the AI claims to have resolved.
DISPUTED_PPM = 8_000

ESCALATED_PPM = {"voice": 232_000, "chat": 199_000, "messaging": 170_000, "email": 204_000}
BAD_ESCALATED_PPM = 650_000
TRAPPED_PPM, BAD_TRAPPED_PPM = 3_000, 70_000
STUMBLE_PPM, BAD_STUMBLE_PPM = 90_000, 400_000  # contained after a failure that the AI got over
STALLED_PPM, BAD_STALLED_PPM = 12_000, 60_000  # the first answer, where it is not on the phone
EARLY_SIGNAL_PPM, BAD_EARLY_SIGNAL_PPM = 50_000, 400_000  # failed once, tried on, failed again
REASONS = Choice(
    {
        "human_requested": 330,
        "no_match": 170,
        "low_confidence": 140,
        "tool_error": 100,
        "policy_block": 70,
        "negative_feedback": 60,
        "out_of_scope": 50,
        "loop_detected": 30,
        "timeout": 20,
        "guardrail": 20,
        "unknown": 10,
    }
)
BAD_REASONS = Choice(
    {"tool_error": 640, "human_requested": 170, "timeout": 90, "loop_detected": 60, "no_match": 40}
)

TURNS = {
    "voice": Choice({3: 20, 4: 30, 5: 30, 6: 20}),
    "chat": Choice({3: 30, 4: 35, 5: 25, 6: 10}),
    "messaging": Choice({2: 15, 3: 35, 4: 30, 5: 20}),
    "email": Choice({1: 55, 2: 35, 3: 10}),
}
GREETING = {"voice": 4_000, "chat": 1_200, "messaging": 300, "email": 0}
ANSWER = {
    "voice": Quantiles((0, 600), (500, 1_300), (950, 2_800), (1000, 4_000)),
    "chat": Quantiles((0, 800), (500, 1_800), (950, 4_200), (1000, 7_000)),
    "messaging": Quantiles((0, 900), (500, 2_000), (950, 4_500), (1000, 8_000)),
    "email": Quantiles((0, 15_000), (500, 35_000), (950, 80_000), (1000, 110_000)),
}
STALLED = {
    "chat": Quantiles((0, 15_000), (500, 30_000), (1000, 75_000)),
    "messaging": Quantiles((0, 40_000), (500, 90_000), (1000, 240_000)),
    "email": Quantiles((0, 3_600_000), (500, 9_000_000), (1000, 18_000_000)),
}
PAUSE = {
    "voice": Quantiles((0, 6_000), (500, 11_000), (950, 24_000), (1000, 40_000)),
    "chat": Quantiles((0, 12_000), (500, 28_000), (950, 80_000), (1000, 150_000)),
    "messaging": Quantiles((0, 15_000), (500, 55_000), (950, 400_000), (1000, 1_200_000)),
    "email": Quantiles((0, 300_000), (500, 1_500_000), (950, 4_200_000), (1000, 6_000_000)),
}
NEVER_ENDED_PPM = {"voice": 1_000, "chat": 50_000, "messaging": 350_000, "email": 500_000}

DESKS = {"voice": "voice", "chat": "digital", "messaging": "digital", "email": "email"}
_HANDLING_VOICE = Quantiles(
    (0, 8_000), (250, 54_000), (500, 117_000), (750, 240_000), (950, 551_000), (1000, 1_300_000)
)
_HANDLING_CHAT = Quantiles((0, 60_000), (500, 300_000), (950, 900_000), (1000, 1_800_000))
HANDLING = {
    "voice": _HANDLING_VOICE,
    "chat": _HANDLING_CHAT,
    "messaging": _HANDLING_CHAT,
    "email": Quantiles((0, 120_000), (500, 420_000), (950, 1_200_000), (1000, 2_400_000)),
}
_NEVER = 400_000_000
PATIENCE = {
    "voice": Quantiles(
        (0, 1_000),
        (55, 13_000),
        (172, 48_000),
        (314, 90_000),
        (455, 233_000),
        (510, 315_000),
        (800, 1_000_000),
        (1000, 2_400_000),
    ),
    "chat": Quantiles(
        (0, 10_000), (55, 40_000), (172, 150_000), (314, 270_000), (510, 900_000), (1000, 5_000_000)
    ),
    "messaging": Quantiles((0, 60_000), (172, 480_000), (510, 3_000_000), (1000, 20_000_000)),
    "email": Quantiles((0, _NEVER), (1000, _NEVER)),
}
RING = {
    "voice": Quantiles((0, 1_500), (500, 4_000), (950, 9_000), (1000, 14_000)),
    "chat": Quantiles((0, 1_500), (500, 5_000), (950, 14_000), (1000, 25_000)),
    "messaging": Quantiles((0, 2_000), (500, 8_000), (950, 25_000), (1000, 40_000)),
    "email": Quantiles((0, 2_000), (500, 15_000), (950, 60_000), (1000, 120_000)),
}
FIRST_WORD = {
    "voice": Quantiles((0, 300), (1000, 1_500)),
    "chat": Quantiles((0, 8_000), (500, 20_000), (950, 48_000), (1000, 80_000)),
    "messaging": Quantiles((0, 10_000), (500, 35_000), (950, 110_000), (1000, 240_000)),
    "email": HANDLING["email"],
}
# Square-root staffing: agents = load + this many hundredths of its root; in normal hours enough for
# well over 80 % in time.
STAFFING_HUNDREDTHS = {"voice": 175, "digital": 160, "email": 100}
DESK_WAIT_BEFORE_OFFER = 60_000  # after which a callback, or a call instead of a chat, is offered

QUIRKS = {
    "voice": Choice(
        {
            "": 660,
            "callback": 200,
            "declined": 35,
            "timed_out": 25,
            "unqualified": 20,
            "returned_ai": 20,
            "returned_queue": 12,
            "transfer": 18,
            "swapped": 10,
        }
    ),
    "chat": Choice(
        {
            "": 730,
            "voice_switch": 120,
            "declined": 45,
            "timed_out": 30,
            "unqualified": 25,
            "returned_ai": 25,
            "returned_queue": 10,
            "transfer": 15,
        }
    ),
    "messaging": Choice(
        {
            "": 850,
            "declined": 45,
            "timed_out": 30,
            "unqualified": 25,
            "returned_ai": 25,
            "returned_queue": 10,
            "transfer": 15,
        }
    ),
    "email": Choice({"": 920, "declined": 40, "unqualified": 25, "transfer": 15}),
}
POOR_CONTEXT_PPM, BAD_POOR_CONTEXT_PPM = 25_000, 150_000
REPEATED_PPM, BAD_REPEATED_PPM = 30_000, 120_000

# Of the AI's part of a contact, and of the human's: how often it is evaluated, and to what score.
AI_REVIEWED_PPM, HUMAN_REVIEWED_PPM = 22_000, 50_000
_SCORES = Quantiles((0, 550_000), (150, 700_000), (600, 860_000), (1000, 1_000_000))
_BAD_SCORES = Quantiles((0, 300_000), (500, 620_000), (900, 800_000), (1000, 950_000))
SCORES = {False: _SCORES, True: _BAD_SCORES}
AUTOMATIC_FAIL_PPM = 20_000
DRAFTED_PPM, NEVER_FINAL_PPM, DELETED_PPM = 200_000, 100_000, 30_000
EXCEPTION_PPM = 3_000
EXCEPTION_CLOSED_PPM = 850_000
# (rule, severity), and in how many minutes an exception of that severity must be closed.
EXCEPTIONS = Choice(
    {
        ("identity-before-disclosure", "major"): 45,
        ("recording-notice", "minor"): 35,
        ("fee-disclosure", "major"): 15,
        ("identity-before-disclosure", "critical"): 5,
    }
)
DUE_MINUTES = {"minor": 24 * 60, "major": 4 * 60, "critical": 60}

CLAIMED_PPM = 930_000
# What is found out about a resolution that the AI claimed: (kind, owner, result); "" is nothing.
EVIDENCE = Choice(
    {
        ("system_of_record", "client", True): 252,
        ("customer_confirmed", "client", True): 98,
        ("qa_pass", "client", True): 22,
        ("system_of_record", "client", False): 170,
        ("llm_judge", "supplier", True): 140,
        ("none", "supplier", False): 10,
        ("", "", False): 308,
    }
)

DISPUTERS = Choice({"customer": 7, "client": 3})
