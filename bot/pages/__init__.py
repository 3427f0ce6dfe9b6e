"""Pages: what people see of a running dockslim, and the figures that machines read."""
