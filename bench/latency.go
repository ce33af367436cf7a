package main

import "context"

type latencyCommand struct{ site }

func (c *latencyCommand) Run(ctx context.Context) error { return nil }
