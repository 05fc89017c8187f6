// Package stmt reads firewall statements: the subset of nft's own syntax (nft(8), "EXPRESSIONS" and "STATEMENTS") that a
// template may use, one statement a line.
//
// Parse turns a line into a Stmt whose values are already bytes as the kernel compares them, so that whoever compiles,
// evaluates or prints it needs no knowledge of the syntax. What cannot be read is an *Error with the column and the word.
// The package is pure: it knows nothing of netlink, YAML or guests, and everything in it is safe for concurrent use.
package stmt
