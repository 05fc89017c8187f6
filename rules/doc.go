// Package rules reads vifd's YAML rules: files and folders are merged, checked against each other, and become one Set of
// validated values with their positions.
//
// Load reports every problem it finds, not the first, and never half-loads: where it found an error there is no Set. A Set is
// immutable and safe for concurrent use. Load reads files and does nothing else; it blocks on them only, and whatever a file
// holds, it neither panics nor takes time or memory beyond a small multiple of the file's size.
//
// YAML is walked node by node instead of being unmarshalled, because the library's conversions hide what this language
// refuses: octal numbers, a second document, anchors, merge keys, and `off` for false. Nothing outside this package sees YAML.
package rules
