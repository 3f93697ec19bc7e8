"""Netlink messages. Nothing here does IO.

Conntrack: `requests.py` asks, `decode.py` reads *records*. Packet log: `nflog.py` asks for a *group* and reads *logged packets*,
`packet.py` reads the *headers* of what was logged.

Sources: linux/netfilter/nfnetlink_conntrack.h, linux/netfilter/nfnetlink_log.h, linux/netlink.h.
"""
