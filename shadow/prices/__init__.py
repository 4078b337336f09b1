"""The models that exist and what they cost: catalogue, public registry, estimates before a call and bills after it."""
