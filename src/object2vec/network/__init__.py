"""Encoders, comparator and pair network: with `training`, the only place that touches MXNet."""
