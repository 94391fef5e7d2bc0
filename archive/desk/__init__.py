"""The community desk: the screens of Wagtail's admin in which people work on records."""
