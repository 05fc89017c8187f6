// Package lint says what of rules that can be loaded hardly does what is meant: rules that are never reached, names that nothing
// uses, guests that may be anybody. Whatever it finds is a warning; what a load must refuse is found by the load (package rules).
//
// Check is pure, and safe for concurrent use: it reads a Set, which is immutable, and keeps nothing. It never claims what it cannot
// prove: where two globs cannot be compared, or a fact may have several values, it is silent. It takes time and memory that grow
// with the rules, not with their square; where rules are made so that it would, it stops comparing them (maxCompared).
package lint
