"""The control API under `/sandbox/`: what a test or a demo turns, orders and reads."""
