// Package write prints imported rules as one YAML document: networks, guests and rules, each below the place that it comes from, and at
// the end, as comments, what did not come over.
//
// What comes from the files that were read is hostile until it is quoted: text stands in double quotes unless it is a plain word, and
// in patterns wildcards are escaped. The package returns text, and does no I/O.
package write
