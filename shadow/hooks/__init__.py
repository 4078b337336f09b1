"""One module per way to observe a router that somebody else executes."""
