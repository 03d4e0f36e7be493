"""6 WHAT WAS SEEN. The only on-disk format. `writer` appends while a run goes on, `reader` gives back the value of
`model`."""
