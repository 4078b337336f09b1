"""The review app (Streamlit), the command line and the demo. Imports analysis, collector and shadow."""
