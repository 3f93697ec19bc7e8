"""The Linux agent: this machine's connections, from the kernel to the server.

`netlink/` turns datagrams into *records* and back into requests, without IO; `sources/` owns the sockets. The *flow table*
(`flowtable.py`) turns records into *flows* and says when each is to be reported; `report.py` writes the report; the
*uplink* (`uplink.py`) sends it until the server has acknowledged it. `service.py` joins them in one loop.

This room imports nothing heavy: the process idles in little memory.
"""
