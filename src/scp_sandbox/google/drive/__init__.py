"""Google Drive v3: the files of a user, as metadata."""
