"""The event store: schema, writer, readers, behind one small engine interface.

An *engine* (`engine.py`; `embedded.py` is chDB) runs SQL and takes Arrow batches. The *schema* (`schema.py`) is derived
from the column table and versioned (`migrations.py`). The *writer* (`writer.py`) makes a batch durable and gives it
positions; a *query* (`query.py`) is compiled to parameterised SQL; the *reader* (`reader.py`) returns the engine's own
JSON bytes. This room knows neither HTTP nor users.
"""
