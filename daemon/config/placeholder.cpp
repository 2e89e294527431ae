// Placeholder while the folder is being written.
