"""MeshTrail: the audit trail of a private network: who reached what, when, and why."""

__version__ = "0.1.0"
