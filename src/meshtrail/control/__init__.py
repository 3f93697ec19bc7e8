"""Who may do what: organisations, tokens, sessions, and the peers that report.

Secrets are random and stored only as hashes. The relational store is a SQLite file, or a PostgreSQL database by a setting: a
*backend* gives a transaction its *turn*, and everything above it is the same for both.
"""
