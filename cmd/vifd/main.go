// Command vifd connects virtual machines' interfaces to the host's network, by rules.
//
// It only wires: every verb is a file of this package, and what verbs have in common is in command.go.
package main

import "os"

func main() {
	c := command{program: os.Args[0], in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ()}
	os.Exit(c.main(os.Args[1:]))
}
