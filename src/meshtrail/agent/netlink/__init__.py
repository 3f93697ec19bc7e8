"""Conntrack's netlink messages: `decode.py` reads them, `requests.py` writes them. Nothing here does IO.

Sources: linux/netfilter/nfnetlink_conntrack.h, linux/netlink.h.
"""
