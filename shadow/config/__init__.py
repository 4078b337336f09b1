"""YAML files to policies, catalogues and routing settings; errors carry file and line."""
