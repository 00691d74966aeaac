"""The mixing desk in a browser: songs come in, wait their turn, and are heard stem by stem. See docs/desk.md."""
