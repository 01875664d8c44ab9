"""Addresses of clients, as limits and alarms count them."""

import ipaddress


def client_of(host: str) -> str:
    """One client's name: its IPv4 address, or its IPv6 network of 64 bits; else `unknown`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)
