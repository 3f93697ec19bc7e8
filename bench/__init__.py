"""Benchmarks: figures beside their aims, each a ratio measured in one run wherever that can be."""
