"""Socket.IO, revision 5, without I/O."""
