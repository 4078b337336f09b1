"""The only package of the analysis that talks to the store: one module per topic, typed rows out."""

from shadowroute.analysis.queries.project import Queries, projects

__all__ = ["Queries", "projects"]
