"""Audited rows and settings handed to another trainer: its data, its configuration, and an account of both."""
