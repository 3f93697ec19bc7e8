"""The event families, declared once.

A *family* is a table of *columns* (`columns.py`). A column knows its logical *kind*, how two reports of the
same event *merge*, and what it means. Everything else derives from that table and from nowhere else: the Arrow
schema of a batch (`arrow.py`), the ClickHouse DDL (`store/schema.py`), the JSON schema of the API (`openapi.py`),
the CSV header and the field documentation (`document.py`).

Nothing in this room does IO.
"""
