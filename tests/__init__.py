"""Tests; the tree mirrors the source, `e2e/` has the whole."""
