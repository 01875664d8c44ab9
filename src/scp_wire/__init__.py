"""What both ends of SCP streaming share: the shapes and names on the wire. No I/O, no clock."""
