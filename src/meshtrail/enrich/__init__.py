"""Who, where and what: the snapshot that an event gets once, when it comes in.

The *directory* (`directory.py`) answers which peer or resource has an address, the *atlas* (`geo.py`) in which place an
address is, `ports.py` what a port is called; `service.py` applies them to columns, once per distinct address.
"""
