"""Where an archive's files are kept: a folder, an object store, or the one behind the other."""
