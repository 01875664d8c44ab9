"""Who may do what, how often."""
