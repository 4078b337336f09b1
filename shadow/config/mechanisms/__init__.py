"""One file per mechanism that a policy file may choose by: the shape of its part of the file, and how it is built.

To add one: its file here, a key in `MechanismDocument` (policy_document.py), and a line in `MECHANISMS` (policies.py).
"""
