// Package model is what the readers of `vifd import` have in common: what they read, whatever the format, and what they cannot carry
// over.
//
// A reader is a function of one file's text. It adds to an Input, or returns an *Error where the file cannot be read at all; then
// nothing of the Input is of use. What is understood but has no counterpart becomes a Note: nothing is left out in silence. Readers
// parse and never evaluate, and they do no I/O. An Input belongs to one goroutine.
package model
