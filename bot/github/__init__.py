"""GitHub: everything that is asked of it or told to it, and the only place that knows githubkit."""
