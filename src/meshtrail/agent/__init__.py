"""The Linux agent: this machine's connections, from the kernel to the server.

`netlink/` turns datagrams into *records* and wishes into *requests*, without IO; `sources/` owns the kernel's sockets. The
*flow table* (`flowtable.py`) turns records into *flows* and says when one is to be reported; the *reporter*
(`report.py`) writes it as a *line*. The *spool* (`spool/`) keeps lines on disk, bounded, until the *uplink* (`uplink.py`) has
them acknowledged over the *wire* (`wire.py`). *Adoption* (`adoption.py`) joins what the server still holds open with what
the kernel knows. `follow.py` is the path of one batch of events, `service.py` the loop around it, with the *watchdog*.

This room imports nothing heavy: the process idles in little memory.
"""
