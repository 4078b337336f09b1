"""Builders of the mechanisms of policy files, one per file.

To add one: its file here, its document in mechanism_documents.py, a key in `MechanismDocument` (policy_document.py),
and a line in `MECHANISMS` (policy_builder.py).
"""
