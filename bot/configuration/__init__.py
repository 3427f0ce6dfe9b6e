"""What a repository wants: `.github/dockslim.yml`, over its organisation's default, over what is built in."""
