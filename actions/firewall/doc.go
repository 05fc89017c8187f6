// Package firewall is the facet "what this vif may send and receive": templates compiled into chains that all guests
// share, and a guest's own values as elements of sets keyed by interface and value.
//
// Compile turns templates into a Program, a pure value. A Table is the kernel's table `bridge vifd`: Install puts a Program
// and everybody's elements in force in one transaction, Set and Remove connect and disconnect one guest by adding and
// deleting a handful of set elements, never a chain or a rule. Frames of a guest are judged in prerouting, before the bridge
// learns anything from them, and those to it in postrouting. An interface that the rules may claim, but that nobody has
// decided about yet, passes nothing.
//
// A Table is safe for concurrent use: calls that come while a transaction is under way are carried out together in the
// next one. Each is in force, or its error says why not, when the call returns; a transaction that fails changes nothing.
// When the kernel turns out to hold something else than was put there, because somebody flushed the ruleset, everything is
// read back and put right.
package firewall
