// Package matcher decides what becomes of a vif: it holds facts against rules, and the first rule that matches wins.
//
// A Matcher is immutable and safe for concurrent use; reloading rules makes a new one. It does no I/O of its own: facts are
// asked of their sources, lazily, in the order in which rules ask for them. Match says which rule wins, Explain why each
// rule before it did not, Decide carries the winner's action out on paper: every ${fact} substituted, the guest's identity
// put together from the rule, the inventory and the facts.
package matcher
