"""Pictures and words about a model: orthophotos, posters, coverage, the report for machines and for people."""
