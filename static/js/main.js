// The entry: everything with a side effect starts here.
