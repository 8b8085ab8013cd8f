"""Money and shares as contracts write them: decimal text to integers, and back.

Amounts are integer micro-units (millionths) of an ISO 4217 currency; shares are parts per million.
Nothing here is ever a float.
"""

from __future__ import annotations

from fractions import Fraction

from streams.domain.contract import PPM

MICROS = 1_000_000
# ISO 4217 alphabetic codes that people are paid in: no funds, metals or test codes. As of 2026,
# with those withdrawn since 2024 (ANG, BGN), for contracts run on.
_CODES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT
LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR
NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD
XCG XOF XPF YER ZAR ZMW ZWG
"""
_MINOR_UNITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"), 0),
    **dict.fromkeys(("UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
CURRENCIES: frozenset[str] = frozenset(_CODES.split())


def minor_digits(currency: str) -> int:
    """Decimals of the currency's smallest unit: 2 for USD, 0 for JPY, 3 for KWD (ISO 4217)."""
    return _MINOR_UNITS.get(currency, 2)


def millionths(text: str) -> int:
    """Decimal text with at most 6 decimals in millionths: an amount in micro-units, a share in ppm.

    Raises ValueError where it is no such decimal.
    """
    exact = Fraction(text) * MICROS
    if exact.denominator != 1:
        raise ValueError(f"{text!r} has more than 6 decimals")
    return int(exact)


def percent_ppm(text: str) -> int:
    """Decimal text of per cent, at most 4 decimals, in parts per million: "12.5" is 125,000."""
    exact = Fraction(text) * PPM / 100
    if exact.denominator != 1:
        raise ValueError(f"{text!r} has more than 4 decimals")
    return int(exact)


def down_to_minor_unit(micros: int, currency: str) -> int:
    """The amount without what is less than the currency's smallest unit, towards zero (micros)."""
    unit: int = MICROS // 10 ** minor_digits(currency)
    whole = abs(micros) // unit * unit
    return whole if micros >= 0 else -whole


def amount_text(micros: int, currency: str) -> str:
    """The amount for people, exact: `USD 1,234.50`; more decimals than usual where they are."""
    return f"{currency} {decimal_text(micros, minor_digits(currency))}"


def decimal_text(value: int, least_digits: int = 0) -> str:
    """Millionths as decimal text with thousands apart, at least so many decimals and no more."""
    whole, rest = divmod(abs(value), MICROS)
    decimals = f"{rest:06d}".rstrip("0").ljust(least_digits, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{whole:,}" + (f".{decimals}" if decimals else "")


def percent_text(ppm: int) -> str:
    """Parts per million as per cent, exact: `85 %`, `12.5 %`."""
    return f"{decimal_text(ppm * 100)} %"
