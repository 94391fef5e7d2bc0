"""Domain values without Django: public ids, language tags and maps, uncertain dates."""
