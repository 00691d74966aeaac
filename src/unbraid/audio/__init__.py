"""The only room that touches audio files: probe, read block by block, write whole or not at all, tags."""
