"""Timings of each room beside its peers, with equal results checked: ``python -m benchmarks ROOM``."""
