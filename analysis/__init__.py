"""The four measures: SELECTs, sufficient statistics, pure statistics. Imports collector and shadow."""
