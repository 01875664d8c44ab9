"""Logs, metrics, clocks."""
