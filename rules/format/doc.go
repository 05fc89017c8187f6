// Package format gives rules files one form: `vifd fmt`.
//
// What a file says stays as it is, and so do the order of its entries and its comments. What changes is how it is laid out: two blanks
// of indentation, at most one empty line between entries, no blanks at the ends of lines, no carriage returns; quotes only where they
// are of use, and double ones. What is written in one line in brackets stays there as long as it fits into Width columns, and is put
// on lines of its own where not. A comment behind a value keeps its distance, so that comments that stand below each other go on to.
//
// Source formats a text. Formatting what it returns changes nothing. It refuses what the language does not have (anchors, tags, a second
// document), and before it returns reads its own work: what does not say the same is an error, and never a changed file.
//
// Everything here works on its arguments alone, and may be called by several at once. Nothing blocks.
package format
