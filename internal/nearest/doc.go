// Package nearest finds the word that somebody meant who wrote another: "did you mean …?".
//
// Its functions keep nothing and are safe for concurrent use. They block on nothing and cannot fail; a call takes time in
// proportion to the candidates, each of which costs at most 64 times 64 steps.
package nearest
