// Package schema makes the JSON Schema (2020-12) of rules files, by which editors complete keys and show what is wrong while it is
// written.
//
// Words and limits in it are the decoder's own (rules.SchemaTables), and a test holds every object's keys against those that the decoder
// knows. What the decoder takes the schema takes. The other way it says less, for want of words: that a name is defined once and exists
// where it is used, what a statement, glob, substitution or address really means, that two values contradict each other (a burst and an
// MTU, a VLAN tagged and untagged), how many bytes a text has. Nor does it see what YAML readers have thrown away: quotes, so that
// "true" for a text is refused and "on" taken, comments, a key given twice.
//
// JSON works on nothing but its tables, and returns the same bytes every time.
package schema
