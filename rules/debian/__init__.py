"""What Debian's and Ubuntu's package indexes tell about a base image. Pure: whoever fetches them hands them over."""
