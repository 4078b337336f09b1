"""How a dispatch reaches a model: one provider kind per file."""
