"""From runs to bands, series and summaries, the tables behind the figures and the report."""
