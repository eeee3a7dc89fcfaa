"""Finds addresses of machines: IP and MAC addresses. Private, reserved and documentation ranges are nobody's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from audit.identifiers.finding import Identifier, any_of, around, at_most, before

_V4: Final = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w])(?!\.[0-9])(?!-[0-9a-z])")
_V6: Final = re.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}(?![\w:])")
_MAC: Final = re.compile(r"(?<![\w:-])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:-])")
_ADDRESS: Final = any_of(
    "ip(?:v[46])?(?:[ -]?addres?s(?:es)?)?", "ip-?adresse?", "adresse ip", "direcci[óo]n ip", "IP地址", "IPアドレス"
)
_VERSION: Final = any_of(
    "v(?:er(?:sion)?)?\\.?", "release", "build", "section", "chapter", "firmware", "driver", "§", "clause"
)
_EXAMPLE: Final = any_of("format", "example", "e\\.g", "such as", "looks? like", "form of")
_RESOLVERS: Final = frozenset(
    (
        "8.8.8.8",
        "8.8.4.4",
        "1.1.1.1",
        "1.0.0.1",
        "9.9.9.9",
        "149.112.112.112",
        "208.67.222.222",
        "208.67.220.220",
        "4.2.2.2",
        "4.4.4.4",
        "2001:4860:4860::8888",
        "2001:4860:4860::8844",
        "2606:4700:4700::1111",
        "2606:4700:4700::1001",
        "1.2.3.4",
        "4.3.2.1",
        "5.6.7.8",
        "2.2.2.2",
        "3.3.3.3",
        "5.5.5.5",
        "6.6.6.6",
        "7.7.7.7",
    )
)
"""Public resolvers that everybody names, and addresses that people make up."""
_SHORT: Final = 12
"""Signs of an address below which it may as well be a version or a section, such as 18.3.28.80."""
_DOCUMENTED: Final = (ip_network("2001:db8::/32"), ip_network("3fff::/20"))
"""RFC 3849 and RFC 9637; those of RFC 5737 are not global for ``ipaddress``."""
_NO_DEVICE: Final = ("000000", "ffffff", "001122", "123456", "aabbcc", "abcdef", "00005e0053", "deadbe", "112233")


def find_network(text: str, strict: bool = False) -> Iterator[Identifier]:
    """Public IPv4 and IPv6 addresses and MAC addresses in a text of ``finding.plain``. An IP address is sure beside the
    word "IP"; a short one may be a version and needs it, unless ``strict``."""
    for match in at_most(_V4.finditer(text)):
        yield from _v4(text, match, strict)
    for match in at_most(_V6.finditer(text)):
        yield from _ip(text, match)
    for match in at_most(_MAC.finditer(text)):
        digits = re.sub("[:-]", "", match[0]).lower()
        if not digits.startswith(_NO_DEVICE) and len(set(digits)) > 3:
            specimen = _EXAMPLE.search(before(text, match.start())) is not None
            yield Identifier(*match.span(), "mac_address", digits, False, specimen=specimen)


def _v4(text: str, match: re.Match[str], strict: bool) -> Iterator[Identifier]:
    short = len(match[0]) < _SHORT and not strict
    if _VERSION.search(before(text, match.start(), 20)) or (short and not _ADDRESS.search(around(text, *match.span()))):
        return
    yield from _ip(text, match)


def _ip(text: str, match: re.Match[str]) -> Iterator[Identifier]:
    try:
        address = ip_address(match[0])
    except ValueError:
        return
    if _is_public(address) and str(address) not in _RESOLVERS:
        sure = _ADDRESS.search(around(text, *match.span())) is not None
        yield Identifier(*match.span(), "ip_address", str(address), sure)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and any(address in network for network in _DOCUMENTED):
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not (isinstance(address, IPv4Address) and str(address).endswith(".0"))
    )
