"""Records as spans, and spans to a collector: attribute names, spans, and their export."""
