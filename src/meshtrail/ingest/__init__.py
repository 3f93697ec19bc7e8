"""From bytes of a sender to durable rows.

A *decoder* (one file per protocol: `ndjson.py`, `arrow_ipc.py`) turns a body into columns of wire values; *validation*
(`validate.py`) turns those into typed columns and *refusals*, which name line, field and reason; the *pipeline*
(`pipeline.py`) drops what was *seen* before (`seen.py`), has the rest enriched and commits it in groups. Only then is a
sender told that its events are stored.
"""
