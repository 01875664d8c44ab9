"""Engine.IO, revision 4, without I/O."""
