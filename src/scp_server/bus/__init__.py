"""What processes share; in memory while there is only one."""
