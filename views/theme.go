package views

import "context"

type themeKey struct{}

// WithTheme makes pages that are rendered with the context light or dark from their first paint; any other name means as the
// reader's system has it.
func WithTheme(ctx context.Context, name string) context.Context {
	if name != "light" && name != "dark" {
		return ctx
	}
	return context.WithValue(ctx, themeKey{}, name)
}

func themeOf(ctx context.Context) string {
	name, _ := ctx.Value(themeKey{}).(string)
	return name
}
