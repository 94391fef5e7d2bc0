"""What the analyser knows about single languages and scripts; one file per subject, sources cited in each."""
