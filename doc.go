// Package vifd holds the tests of the tree as a whole: which package may import which, and what no file may do.
package vifd
