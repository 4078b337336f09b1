"""Pure statistics: summaries in, frozen results out. No database, no web framework."""
