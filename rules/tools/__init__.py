"""What package managers and file commands mean by their words: facts that several rules share."""
