"""The SCP streaming server. Floors, top to bottom: see docs/architecture.md."""
