"""Where Graph calls come in: faults, auth, throttling, batches."""
