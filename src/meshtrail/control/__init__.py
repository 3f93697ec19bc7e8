"""Who may do what: organisations, tokens, sessions, and the peers that report.

Secrets are random and stored only as hashes. The relational store is SQLite here; the statements are SQLAlchemy's, so
that another database is a setting.
"""
