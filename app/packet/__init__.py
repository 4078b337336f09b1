"""An evidence packet as files: JSON for programs, one HTML page for people, both from the same figures."""
