"""What one push gets: a pure function of the changed Dockerfiles and of what already stands on the pull request."""
