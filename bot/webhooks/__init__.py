"""Webhooks: verify the bytes, read the few fields that matter, decide. No I/O here."""
