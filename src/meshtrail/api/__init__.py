"""HTTP doors: `native/` is MeshTrail's own API, `netbird/` speaks as NetBird's management server does.

Each handler names the *scope* it needs (`auth.py`); a handler without one cannot be reached. Handlers translate between
HTTP and the rooms behind them, and hold no rules of their own.
"""
