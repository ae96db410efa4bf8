"""From runs to bands, series and summaries: what the figures and the report are drawn from."""
