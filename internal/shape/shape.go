// Package shape holds no code: its test keeps the program's shape, which is
// the import arrows of docs/design.md and one package comment in each package.
package shape
