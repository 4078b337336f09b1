"""Models and their prices: catalogue, public registry, estimates before a call and costs after it."""
